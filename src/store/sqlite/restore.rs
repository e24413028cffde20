//! Putting a backup in the place of a store, with what was ended since the backup was made.
//!
//! The new file is made beside the store and takes its name at one stroke. Until then the store is as it was, and from
//! the first look at it to that stroke nobody else can have it open: SQLite keeps its exclusive lock, and the log is
//! written back into the file and gone before another file has its name.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Weak;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use serde_json::json;
use uuid::Uuid;

use crate::error::{Error, ErrorCode, Result};
use crate::model::NewAuditEvent;
use crate::store::Restoration;

use super::file::{self, FileKey};
use super::schema::{self, FileKind};
use super::tokens::{FROM, IS_REVOKED};
use super::{CLOSED, FILES, SqliteStore, audit, counter, failure, lock, maintenance};

/// How long another process is given to close the store.
const PATIENCE: Duration = Duration::from_secs(2);

impl SqliteStore {
    /// Puts the backup at `backup` in the place of the store at `destination`, with all that was ended there since the
    /// backup was made: revocations, disables, removals, retirements, first uses, uses that were spent, passwords that were
    /// replaced, roles and memberships that were taken away. What else was granted or changed since is lost. The audit log goes on where that of the destination ended.
    ///
    /// Where there is nothing to read that from, because the destination is missing, damaged, another store, or no
    /// continuation of the backup, it is `Conflict` about `force`, unless `force` is on: then tokens that were revoked
    /// since may be good again. `StoreBusy` when anybody has the store open, `StoreForeign` and `StoreNewer` for a
    /// destination, and a backup, that is not to be touched.
    pub fn restore(backup: &Path, destination: &Path, force: bool, event: NewAuditEvent) -> Result<Restoration> {
        super::check_library()?;
        let source = open_backup(backup)?;
        let was_missing = fs::symlink_metadata(destination).is_err();
        let (path, key) = file::find_or_create(destination, true).map_err(|error| error.about("destination"))?;
        let restored = restore_at(&source, backup, &path, &key, force, event);
        if was_missing && restored.is_err() {
            // Empty, and nobody else's: it was made above only to hold the place.
            let _ = fs::remove_file(&path);
        }
        restored
    }
}

/// Opens a backup so that nothing in it can be changed; refuses what is no store.
fn open_backup(backup: &Path) -> Result<Connection> {
    let found = fs::metadata(backup).map_err(|_| no_backup("There is no backup at this path. Name the file."))?;
    if !found.is_file() {
        return Err(no_backup("The backup's path names something that is not a file. Name a file."));
    }
    let key = file::key_of(backup, &found).map_err(|_| no_backup("The backup was taken away meanwhile."))?;
    if !lock(&FILES).is_of_a_store(&key) {
        file::refuse_held(&key)?;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = failure::context(Connection::open_with_flags(backup, flags))?;
    failure::context(guarded(&source))?;
    match schema::kind(&source)? {
        FileKind::Tessera(_) => Ok(source),
        FileKind::Empty => Err(schema::foreign("The backup is an empty database. It was left untouched.")),
    }
}

fn restore_at(
    source: &Connection,
    backup: &Path,
    path: &Path,
    key: &FileKey,
    force: bool,
    event: NewAuditEvent,
) -> Result<Restoration> {
    let is_itself = fs::metadata(backup).and_then(|found| file::key_of(backup, &found)).is_ok_and(|own| own == *key);
    if is_itself {
        return Err(Error::argument("path", "The backup and the store that it is to replace are one file."));
    }
    let _kept = Kept::from_others(path, key)?;
    let newer = inspect(path)?;
    let draft = Draft::beside(path)?;
    let mut connection = draft.copy_of(source)?;
    let mut restoration =
        Restoration { path: path.to_owned(), size_bytes: 0, replayed: false, revoked_tokens: 0, removed_tokens: 0 };
    let replayed = match &newer {
        Newer::Unreadable(why) => Err(why.clone()),
        Newer::Readable => replay(&mut connection, path, force, event.at, &mut restoration),
    };
    if let Err(why) = &replayed {
        // What keeps the store in use, and no damage in it, is not to be overridden.
        if !force || matches!(why.code(), ErrorCode::StoreBusy | ErrorCode::StoreFull | ErrorCode::StoreReadOnly) {
            return Err(why.clone());
        }
    }
    let detail = json!({
        "replayed": restoration.replayed,
        "revokedTokens": restoration.revoked_tokens,
        "removedTokens": restoration.removed_tokens,
    });
    audit::append(&connection, &NewAuditEvent { detail: Some(detail.to_string()), ..event })?;
    if let Some(problem) = failure::context(maintenance::problems(&connection))?.first() {
        return Err(Error::new(ErrorCode::StoreCorrupt, format!("The backup is damaged: {problem}.")).about("path"));
    }
    restoration.size_bytes = failure::context(maintenance::size(&connection))?;
    // The log goes into the file that is about to be replaced, so that the new one does not find it beside it.
    let without_log = connection.query_row("PRAGMA newer.journal_mode = DELETE", [], |_| Ok(()));
    if without_log.is_err() {
        let _ = connection.execute_batch("DETACH newer");
        remove_with_log(path)?;
    }
    // Where the system lets a file that is open be replaced, the old one stays locked until it is.
    let locked = if cfg!(unix) { Some(connection) } else { None };
    // Whoever could still have the old file open asks at once for the one that has its name.
    counter::take_away(path);
    draft.take_the_place_of(path)?;
    drop(locked);
    Ok(restoration)
}

/// What stands at the destination.
enum Newer {
    /// A store that can be opened.
    Readable,
    /// Nothing from which to learn what was ended since the backup; why.
    Unreadable(Error),
}

/// Tells what stands at the destination, and brings its schema up to date, so that it can be read.
fn inspect(path: &Path) -> Result<Newer> {
    let unreadable = |why: &str| {
        let message = format!(
            "{why} So nobody can tell which tokens were revoked since the backup was made, and they would be good \
             again. To restore it all the same, use force."
        );
        Ok(Newer::Unreadable(Error::new(ErrorCode::Conflict, message).about("force")))
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut newer = failure::context(Connection::open_with_flags(path, flags))?;
    let found = failure::context(guarded(&newer))
        .and_then(|()| failure::context(newer.pragma_update(None, "locking_mode", "EXCLUSIVE")))
        .and_then(|()| schema::kind(&newer));
    match found {
        Ok(FileKind::Empty) => return unreadable("There is no store at the destination."),
        Ok(FileKind::Tessera(version)) if version < schema::VERSION => schema::migrate(&mut newer)?,
        Ok(FileKind::Tessera(_)) => {}
        Err(error) if error.code() == ErrorCode::StoreCorrupt => {
            return unreadable("The store at the destination is damaged.");
        }
        Err(error) => return Err(in_use(error)),
    }
    match maintenance::problems(&newer) {
        Ok(problems) if problems.is_empty() => Ok(Newer::Readable),
        Err(error) if failure::translate(&error).code() == ErrorCode::StoreBusy => {
            Err(in_use(failure::translate(&error)))
        }
        _ => unreadable("The store at the destination is damaged."),
    }
}

fn in_use(error: Error) -> Error {
    if error.code() != ErrorCode::StoreBusy {
        return error;
    }
    let message = "Another process has the store at the destination open. Close it there first.";
    Error::new(ErrorCode::StoreBusy, message).about("destination")
}

/// Brings over what was ended in the store at `path` since the backup, and leaves that store attached and locked.
fn replay(
    connection: &mut Connection,
    path: &Path,
    force: bool,
    now_seconds: i64,
    restoration: &mut Restoration,
) -> Result<()> {
    let text =
        path.to_str().ok_or_else(|| Error::argument("destination", "The path of the store is not valid UTF-8."))?;
    failure::context(connection.execute("ATTACH DATABASE ?1 AS newer", [text]))?;
    failure::context(connection.query_row("PRAGMA newer.locking_mode = EXCLUSIVE", [], |_| Ok(())))?;
    // From here on the file is ours: the lock is taken with the first look at it, and kept.
    failure::context(connection.execute_batch("BEGIN EXCLUSIVE")).map_err(in_use)?;
    let done = replay_in_transaction(connection, force, now_seconds, restoration);
    let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
    done.and(failure::context(connection.execute_batch(end)))
}

fn replay_in_transaction(
    connection: &Connection,
    force: bool,
    now_seconds: i64,
    restoration: &mut Restoration,
) -> Result<()> {
    let conflict = |message: &str| {
        let message = format!(
            "{message} So nobody can tell which tokens were revoked since the backup was made. To restore it all the \
             same, use force."
        );
        Err(Error::new(ErrorCode::Conflict, message).about("force"))
    };
    let is_same: bool = failure::context(connection.query_row(
        "SELECT (SELECT store_id FROM main.store) IS (SELECT store_id FROM newer.store)",
        [],
        |row| row.get(0),
    ))?;
    if !is_same {
        return conflict("The store at the destination is another one than that of the backup.");
    }
    let relation = failure::context(relation(connection))?;
    if relation == Relation::Neither && !force {
        return conflict("The store at the destination did not come of the backup: their audit logs differ.");
    }
    let revoked = |connection: &Connection| -> rusqlite::Result<i64> {
        connection.query_row(&format!("SELECT count(*) {FROM} WHERE {IS_REVOKED}"), &[(":now", &now_seconds)], |row| {
            row.get(0)
        })
    };
    let count = |connection: &Connection| -> rusqlite::Result<i64> {
        connection.query_row("SELECT count(*) FROM main.token", [], |row| row.get(0))
    };
    failure::context((|| {
        let (revoked_before, tokens_before) = (revoked(connection)?, count(connection)?);
        connection.execute_batch(ENDED)?;
        let mut removed = 0;
        if relation == Relation::Continued {
            connection.execute_batch(REMOVED)?;
            removed = tokens_before - count(connection)?;
            connection.execute_batch(AUDIT)?;
        }
        restoration.replayed = true;
        restoration.removed_tokens = removed.unsigned_abs();
        restoration.revoked_tokens = (revoked(connection)? - revoked_before).max(0).unsigned_abs();
        Ok(())
    })())
}

/// How the backup and the destination stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    /// The destination went on from the backup.
    Continued,
    /// The backup went on from the destination: nothing was ended since that the backup does not know.
    Earlier,
    /// They went different ways.
    Neither,
}

/// Found by the audit logs: one that holds the last record of the other, with its hash, went on from it.
fn relation(connection: &Connection) -> rusqlite::Result<Relation> {
    let holds_last_of = |longer: &str, shorter: &str| -> rusqlite::Result<bool> {
        let last: Option<i64> = connection
            .query_row(&format!("SELECT max(sequence) FROM {shorter}.audit_event"), [], |row| row.get(0))
            .optional()?
            .flatten();
        let Some(last) = last else { return Ok(true) };
        connection.query_row(
            &format!(
                "SELECT (SELECT hash FROM {shorter}.audit_event WHERE sequence = ?1)
                        IS (SELECT hash FROM {longer}.audit_event WHERE sequence = ?1)"
            ),
            [last],
            |row| row.get(0),
        )
    };
    Ok(if holds_last_of("newer", "main")? {
        Relation::Continued
    } else if holds_last_of("main", "newer")? {
        Relation::Earlier
    } else {
        Relation::Neither
    })
}

/// What ends tokens, keys and identities, brought over. Numbers that were given out are never given to others, since an
/// epoch is told by them.
const ENDED: &str = "
INSERT OR IGNORE INTO main.pepper SELECT * FROM newer.pepper;
UPDATE main.token SET
    revoked_by = iif(token.revoked_at IS NULL, n.revoked_by, token.revoked_by),
    revoked_reason = iif(token.revoked_at IS NULL, n.revoked_reason, token.revoked_reason),
    revoked_at = coalesce(token.revoked_at, n.revoked_at),
    disabled_by = iif(token.disabled_at IS NULL, n.disabled_by, token.disabled_by),
    disabled_reason = iif(token.disabled_at IS NULL, n.disabled_reason, token.disabled_reason),
    disabled_at = coalesce(token.disabled_at, n.disabled_at),
    retired_by = coalesce(n.retired_by, token.retired_by),
    retires_at = min(coalesce(token.retires_at, n.retires_at), coalesce(n.retires_at, token.retires_at)),
    uses_left = min(coalesce(token.uses_left, n.uses_left), coalesce(n.uses_left, token.uses_left)),
    alerted_at = coalesce(token.alerted_at, n.alerted_at)
FROM newer.token n WHERE n.id = token.id;
-- A value that nobody had presented may have been used or replaced since.
UPDATE main.token SET (rotation_stage, awaits_first_use, digest, digest_kind, pepper_id, value_sealed, key_id) =
    (n.rotation_stage, n.awaits_first_use, n.digest, n.digest_kind, n.pepper_id, n.value_sealed, n.key_id)
FROM newer.token n WHERE n.id = token.id AND (token.awaits_first_use OR token.rotation_stage IS NOT NULL);
INSERT OR IGNORE INTO main.epoch SELECT * FROM newer.epoch;
UPDATE main.signing_key SET (revoked_at, revoked_by, revoked_reason) = (n.revoked_at, n.revoked_by, n.revoked_reason)
FROM newer.signing_key n
WHERE n.key_id = signing_key.key_id AND n.revoked_at IS NOT NULL AND signing_key.revoked_at IS NULL;
UPDATE main.identity SET removed_at = n.removed_at, password_hash = NULL
FROM newer.identity n
WHERE n.identity_id = identity.identity_id AND n.name_key = identity.name_key AND n.removed_at IS NOT NULL
  AND identity.removed_at IS NULL;
DELETE FROM main.identity_role WHERE identity_id IN (SELECT identity_id FROM main.identity WHERE removed_at IS NOT NULL);
DELETE FROM main.organization_member
WHERE identity_id IN (SELECT identity_id FROM main.identity WHERE removed_at IS NOT NULL);
UPDATE main.sqlite_sequence SET seq = max(sqlite_sequence.seq, n.seq)
FROM newer.sqlite_sequence n WHERE n.name = sqlite_sequence.name;
INSERT INTO main.sqlite_sequence (name, seq)
    SELECT n.name, n.seq FROM newer.sqlite_sequence n
    WHERE NOT EXISTS (SELECT 1 FROM main.sqlite_sequence s WHERE s.name = n.name);
";

/// What is not there any more, and passwords as they are now. Only where the destination went on from the backup does
/// that mean that it was removed or changed since.
const REMOVED: &str = "
DELETE FROM main.token WHERE id NOT IN (SELECT id FROM newer.token);
DELETE FROM main.signing_key WHERE key_id NOT IN (SELECT key_id FROM newer.signing_key);
UPDATE main.identity SET password_hash = n.password_hash
FROM newer.identity n
WHERE n.identity_id = identity.identity_id AND n.created_at = identity.created_at
  AND n.password_hash IS NOT identity.password_hash;
DELETE FROM main.identity_role
WHERE (identity_id, role_id) NOT IN (SELECT identity_id, role_id FROM newer.identity_role);
DELETE FROM main.role_inclusion
WHERE (role_id, included_role_id) NOT IN (SELECT role_id, included_role_id FROM newer.role_inclusion);
DELETE FROM main.organization_member
WHERE (organization_id, identity_id) NOT IN (SELECT organization_id, identity_id FROM newer.organization_member);
UPDATE main.organization_member SET is_administrator = 0
FROM newer.organization_member n
WHERE n.organization_id = organization_member.organization_id AND n.identity_id = organization_member.identity_id
  AND NOT n.is_administrator;
";

/// The audit log of the destination, which begins as that of the backup does.
const AUDIT: &str = "
INSERT INTO main.audit_event SELECT * FROM newer.audit_event
    WHERE sequence > (SELECT coalesce(max(sequence), 0) FROM main.audit_event);
INSERT OR IGNORE INTO main.audit_head SELECT * FROM newer.audit_head;
";

/// Keeps the stores of this process from the destination while it is being replaced.
struct Kept(FileKey);

impl Kept {
    fn from_others(path: &Path, key: &FileKey) -> Result<Self> {
        let mut files = lock(&FILES);
        if files.is_of_a_store(key) || files.reading.contains(key) {
            let message = "The store at the destination is open in this process. Close it first (Disconnect-Tessera).";
            return Err(Error::new(ErrorCode::StoreBusy, message).about("destination"));
        }
        file::refuse_held(key)?;
        // As a store that is closing: whoever wants to open it waits.
        files.stores.insert(key.clone(), (path.to_owned(), Weak::new()));
        Ok(Self(key.clone()))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        lock(&FILES).stores.remove(&self.0);
        CLOSED.notify_all();
    }
}

/// The new file, until it has its name. It is taken away when it does not come to that.
struct Draft {
    path: PathBuf,
    is_done: bool,
}

impl Draft {
    fn beside(path: &Path) -> Result<Self> {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".restored-{}", Uuid::new_v4().simple()));
        let path = PathBuf::from(name);
        file::create_private(&path)?;
        Ok(Self { path, is_done: false })
    }

    /// Copies the backup into the draft and brings its schema up to date.
    fn copy_of(&self, source: &Connection) -> Result<Connection> {
        let mut connection = maintenance::copy(source, &self.path)?;
        failure::context(guarded(&connection))?;
        schema::migrate(&mut connection)?;
        failure::context(counter::forget(&connection))?;
        Ok(connection)
    }

    fn take_the_place_of(mut self, path: &Path) -> Result<()> {
        fs::rename(&self.path, path).map_err(|_| {
            Error::new(
                ErrorCode::StorePath,
                "The restored file could not take the place of the store. Look at the rights to its folder.",
            )
            .about("destination")
        })?;
        self.is_done = true;
        // The new name is to be there after a loss of power too.
        #[cfg(unix)]
        if let Some(folder) = path.parent() {
            let _ = fs::File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_done {
            let mut journal = self.path.as_os_str().to_owned();
            journal.push("-journal");
            let _ = fs::remove_file(&self.path);
            let _ = fs::remove_file(PathBuf::from(journal));
        }
    }
}

/// Removes a store that cannot be read, and then its log: a log without its file does no harm, but a new file with the
/// log of another is damaged by it.
fn remove_with_log(path: &Path) -> Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match fs::remove_file(PathBuf::from(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let message = "The damaged store could not be removed. Look at the rights to its folder.";
                return Err(Error::new(ErrorCode::StorePath, message).about("destination"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The settings of a connection to a file that may hold anything.
fn guarded(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")
}

fn no_backup(message: &'static str) -> Error {
    Error::new(ErrorCode::StorePath, message).about("path")
}
