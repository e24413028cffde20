//! The store as a whole: its facts, its size, its health, its copies.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, params};

use crate::error::{Error, ErrorCode, Result};
use crate::store::{StoreCounts, StoreFacts, StoredPepper};

use super::tokens::{FROM, state_of};
use super::{SqliteStore, counter, failure, file, schema};

/// How long a backup tries again when another process holds a lock that it needs.
const BACKUP_PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn facts(store: &SqliteStore, fresh: &StoreFacts) -> Result<StoreFacts> {
    if let Some(found) = store.read(read_facts)? {
        return Ok(found);
    }
    let fresh = fresh.clone();
    store.write(move |connection| {
        // Another process may have been first; then its facts are the store's.
        failure::context(connection.execute(
            "INSERT OR IGNORE INTO store (only_row, store_id, issuer, key_check, created_at) VALUES (1, ?1, ?2, ?3, ?4)",
            params![fresh.store_id, fresh.issuer, fresh.key_check, fresh.created_at],
        ))?;
        failure::context(read_facts(connection))?
            .ok_or_else(|| Error::new(ErrorCode::StoreCorrupt, "The store has no row that says which it is."))
    })
}

fn read_facts(connection: &Connection) -> rusqlite::Result<Option<StoreFacts>> {
    use rusqlite::OptionalExtension;
    connection
        .query_row("SELECT store_id, issuer, key_check, created_at FROM store", [], |row| {
            Ok(StoreFacts {
                store_id: row.get(0)?,
                issuer: row.get(1)?,
                key_check: row.get(2)?,
                created_at: row.get(3)?,
            })
        })
        .optional()
}

pub(super) fn peppers(connection: &Connection) -> rusqlite::Result<Vec<StoredPepper>> {
    connection
        .prepare_cached("SELECT pepper_id, key_check, sealed FROM pepper ORDER BY pepper_id")?
        .query_map([], |row| Ok(StoredPepper { id: row.get(0)?, key_check: row.get(1)?, sealed: row.get(2)? }))?
        .collect()
}

pub(super) fn insert_pepper(connection: &Connection, pepper: &StoredPepper, now_seconds: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO pepper (pepper_id, key_check, created_at, sealed) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![pepper.id, pepper.key_check, now_seconds, pepper.sealed])
        .map(|_| ())
}

pub(super) fn counts(connection: &Connection, now_seconds: i64) -> rusqlite::Result<StoreCounts> {
    let states = format!("SELECT {} AS state {} WHERE t.rotation_stage IS NOT 'Prepared'", state_of(), FROM);
    connection.query_row(
        &format!(
            "SELECT coalesce(sum(state = 'Active'), 0), coalesce(sum(state = 'Pending'), 0),
                    coalesce(sum(state = 'Expired'), 0), coalesce(sum(state = 'Revoked'), 0),
                    coalesce(sum(state = 'Disabled'), 0),
                    (SELECT count(*) FROM identity WHERE removed_at IS NULL), (SELECT count(*) FROM signing_key),
                    (SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size())
             FROM ({states})"
        ),
        &[(":now", &now_seconds)],
        |row| {
            let number = |column| row.get::<_, i64>(column).map(|value| u64::try_from(value).unwrap_or(0));
            Ok(StoreCounts {
                active_tokens: number(0)?,
                pending_tokens: number(1)?,
                expired_tokens: number(2)?,
                revoked_tokens: number(3)?,
                disabled_tokens: number(4)?,
                identities: number(5)?,
                signing_keys: number(6)?,
                size_bytes: number(7)?,
                schema_version: schema::VERSION,
                sqlite_version: rusqlite::version(),
            })
        },
    )
}

pub(super) fn problems(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut found: Vec<String> = connection
        .prepare("PRAGMA main.integrity_check(100)")?
        .query_map([], |row| row.get::<_, String>(0))?
        .collect::<rusqlite::Result<_>>()?;
    found.retain(|line| line != "ok");
    let orphans: Vec<String> = connection
        .prepare("PRAGMA main.foreign_key_check")?
        .query_map([], |row| {
            let table: String = row.get(0)?;
            let parent: String = row.get(2)?;
            Ok(format!("a row of {table} names a row of {parent} that is not there"))
        })?
        .collect::<rusqlite::Result<_>>()?;
    found.extend(orphans);
    Ok(found)
}

pub(super) fn backup(store: &SqliteStore, path: &Path) -> Result<u64> {
    if fs::symlink_metadata(path).is_ok() {
        return Err(Error::new(ErrorCode::AlreadyExists, "There is something at the backup's path. Name a new file.")
            .about("path"));
    }
    file::refuse_replaced(&store.path, &store.key)?;
    file::create_private(path)?;
    let copied = super::connect_reader(&store.path).and_then(|source| {
        let copy = copy(&source, path)?;
        failure::context(counter::forget(&copy).and_then(|()| size(&copy)))
    });
    if copied.is_err() {
        // A part of a copy is worse than none.
        let _ = fs::remove_file(path);
    }
    copied
}

/// Copies the store behind `source` into the empty file at `path`, and checks the copy.
pub(super) fn copy(source: &Connection, path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut target = failure::context(Connection::open_with_flags(path, flags))?;
    {
        let backup = failure::context(Backup::new(source, &mut target))?;
        let begun = Instant::now();
        // All pages in one step: it reads one state of the store and keeps no writer waiting, while a copy in
        // several steps begins anew at each commit and might never end.
        while failure::context(backup.step(-1))? != StepResult::Done {
            if begun.elapsed() > BACKUP_PATIENCE {
                return Err(Error::new(ErrorCode::StoreBusy, "Another process keeps the store locked. Try again."));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    // A copy that stands alone: no log beside it, and known to be whole.
    failure::context(target.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(())))?;
    if let Some(problem) = failure::context(problems(&target))?.first() {
        return Err(Error::new(ErrorCode::StoreCorrupt, format!("The copy is damaged: {problem}.")).about("path"));
    }
    Ok(target)
}

/// The size of all pages, in bytes.
pub(super) fn size(connection: &Connection) -> rusqlite::Result<u64> {
    let size: i64 = connection.query_row(
        "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
        [],
        |row| row.get(0),
    )?;
    Ok(u64::try_from(size).unwrap_or(0))
}
