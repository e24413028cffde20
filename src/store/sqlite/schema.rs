//! The numbered migrations, and what tells a Tessera database from any other file.
//!
//! The runner is ours because a public one was found wanting here: several processes may open one new file
//! at the same moment, and a file may be hostile. It is one `BEGIN IMMEDIATE` around a list.

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{Error, ErrorCode, Result};

use super::failure;

/// `TSRA` in ASCII, in the database header's field for the application.
const APPLICATION_ID: i64 = 0x5453_5241;

/// The schema's migrations in order; the number of the last is the schema's version.
const MIGRATIONS: [&str; 3] = [
    include_str!("../migrations/0001_initial.sql"),
    include_str!("../migrations/0002_rules.sql"),
    include_str!("../migrations/0003_changes.sql"),
];

/// The schema's version that this program writes.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// What the file is, found without writing to it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    /// Nothing is in it yet.
    Empty,
    /// It is ours, at this version of the schema.
    Tessera(i64),
}

/// Tells what an open file is; `StoreForeign` or `StoreNewer` where it must not be touched.
pub(super) fn kind(connection: &Connection) -> Result<FileKind> {
    let application_id: i64 =
        failure::context(connection.pragma_query_value(None, "application_id", |row| row.get(0)))?;
    let version: i64 = failure::context(connection.pragma_query_value(None, "user_version", |row| row.get(0)))?;
    let objects: i64 =
        failure::context(connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)))?;
    match (application_id, version, objects) {
        (0, 0, 0) => Ok(FileKind::Empty),
        (APPLICATION_ID, version, _) if version > VERSION => Err(Error::new(
            ErrorCode::StoreNewer,
            format!(
                "The store has schema {version} and this version of Tessera knows {VERSION} at most. It was left \
                 untouched; open it with the newer version."
            ),
        )
        .about("path")),
        (APPLICATION_ID, version, _) if version >= 1 => Ok(FileKind::Tessera(version)),
        _ => Err(foreign("The file is a database of another program. It was left untouched; name another path.")),
    }
}

/// The error for a database that is not ours.
pub(super) fn foreign(message: &'static str) -> Error {
    Error::new(ErrorCode::StoreForeign, message).about("path")
}

/// Brings the schema up to [`VERSION`].
pub(super) fn migrate(connection: &mut Connection) -> Result<()> {
    apply(connection, &MIGRATIONS)
}

/// As [`run`], without the rows' references being followed meanwhile: a table that is made anew is dropped first,
/// and what refers to it must not go with it. They are looked at again before the commit.
fn apply(connection: &mut Connection, migrations: &[&str]) -> Result<()> {
    failure::context(connection.pragma_update(None, "foreign_keys", false))?;
    let applied = run(connection, migrations);
    failure::context(connection.pragma_update(None, "foreign_keys", true))?;
    applied
}

/// Runs those of `migrations` that the file lacks, in one transaction that several processes may race for.
fn run(connection: &mut Connection, migrations: &[&str]) -> Result<()> {
    let transaction = failure::context(connection.transaction_with_behavior(TransactionBehavior::Immediate))?;
    // Asked again under the lock: another process may have done the work while this one waited.
    let done = match kind(&transaction)? {
        FileKind::Empty => 0,
        FileKind::Tessera(version) => usize::try_from(version).unwrap_or(migrations.len()),
    };
    for sql in migrations.iter().skip(done) {
        failure::context(transaction.execute_batch(sql))?;
    }
    if done < migrations.len() {
        if failure::context(transaction.prepare("PRAGMA foreign_key_check").and_then(|mut found| found.exists([])))? {
            return Err(Error::new(
                ErrorCode::StoreCorrupt,
                "A row of the store names another that is not there, so it was not brought up to date. Restore a backup.",
            ));
        }
        failure::context(transaction.pragma_update(None, "application_id", APPLICATION_ID))?;
        failure::context(transaction.pragma_update(None, "user_version", migrations.len() as i64))?;
    }
    failure::context(transaction.commit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_runs_once_and_only_after_those_before_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        apply(&mut connection, &["CREATE TABLE one (x)"]).unwrap();
        apply(&mut connection, &["CREATE TABLE one (x)"]).unwrap();
        assert_eq!(kind(&connection).unwrap(), FileKind::Tessera(1));
        let broken = ["CREATE TABLE one (x)", "CREATE TABLE two (x); CREATE TABLE one (x)"];
        assert!(apply(&mut connection, &broken).is_err());
        assert_eq!(kind(&connection).unwrap(), FileKind::Tessera(1), "nothing of a broken one is kept");
        apply(&mut connection, &["CREATE TABLE one (x)", "CREATE TABLE two AS SELECT * FROM one"]).unwrap();
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(version, 2);
        let all = vec!["CREATE TABLE three (x)"; MIGRATIONS.len() + 1];
        connection.pragma_update(None, "user_version", all.len() as i64).unwrap();
        assert_eq!(kind(&connection).unwrap_err().code(), ErrorCode::StoreNewer, "of a newer program");
    }
}
