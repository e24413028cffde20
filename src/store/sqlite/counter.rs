//! How a check learns within nanoseconds that nothing changed: a counter in a file beside the store, which every process
//! on the store has mapped.
//!
//! # What a writer does
//!
//! It holds SQLite's write lock, of which there is one for all processes. When its transaction changes anything that a
//! check rests on (it left rows in the table `change`), it makes the counter odd before it commits, and even and larger
//! afterwards, whatever came of the commit; only then does anybody hear of it. A counter that is found odd under the write
//! lock is that of a writer who died in between, or has not come to the second step yet, for the commit gives the lock away. It is
//! made even and larger before anything else, so each step is taken only from the counter that it was meant for:
//! who comes late finds that the step was taken.
//!
//! # What a check does
//!
//! It compares the counter with the one of which its process knows that all changes up to it were taken in
//! ([`InUse::applied`]). The same: nothing changed. Another, or an odd one: it takes in what changed, as it would if there
//! were no counter ([`super::changes`]), and writes down the counter that it saw before it began, if that was even.
//!
//! Why no revocation is missed: it returned after its commit and after the counter became even, so a check that starts
//! later sees that counter, or a later one. If the process's `applied` is the same, somebody here loaded that counter
//! before reading the changes, so the reading was after the commit; the stamps of these changes were written before
//! `applied` was ([`Ordering::Release`]), and the check loads `applied` ([`Ordering::Acquire`]) before it looks at the
//! stamps. A writer of this process that is between odd and even is alive and has answered nobody, so its odd counter counts
//! as the even one before it ([`InUse::changing`]). Another process's may be dead: then the store is asked, each time.
//! The counter never goes back, so one that was taken in up to does not come again.
//!
//! One's own odd counter says that its change may be committed and was answered to nobody yet. So a check that runs beside
//! a call which has not returned may still go by what was before it, also where it reads its own process's change itself;
//! from the moment on at which the call returns, no check that begins does.
//!
//! # Which file counts
//!
//! The store names the file by a random id in its table `counter_file`; the file holds that id and the number of its
//! own inode, so that a copy of it is not mistaken for it. All who trust the id therefore have the same memory before them,
//! also when the file loses its name. Every [`TRUST`] a check compares all the same: the store's path, SQLite's
//! `data_version`, and the id. That is the slow net for whatever writes without knowing of the counter.
//!
//! A writer that cannot map the file which the store names must not change anything while others trust it. It takes the
//! name away, commits that, and waits for [`RETIREMENT`], which is longer than anybody trusts what was compared before;
//! then it makes a new file. Whoever finds the name taken away waits the same way. Each such retirement has a number of its
//! own in the store, and who waited ends only the one that it waited for: another may have come since, of a file that
//! somebody still trusts. A copy of a store, which its inode tells, has no such others, and waits for nobody. Without a
//! file, each check asks the store.
//!
//! A check looks at the file that its process used first ([`Counter::first`]) before the one in use. One that gave way
//! makes it miss nothing: whatever is compared with the store is written into the file in use, so the one that gave way is
//! trusted for at most [`TRUST`] after it was compared last, when the store still named it; and nothing is changed that it is
//! not told of until [`RETIREMENT`] has passed, which is longer.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use rusqlite::Connection;
use uuid::Uuid;

use crate::error::{Error, ErrorCode, Result};

use super::failure;
use super::mapping::{IS_SUPPORTED, LENGTH, Mapping, PLACE};

/// What follows the store's name in the file's.
pub(super) const SUFFIX: &str = "-counter";
/// What the file begins with. The id and the inode follow.
const MAGIC: [u8; 8] = *b"TsrCnt01";
/// How long what was compared is trusted, by a clock that may be a hundredth of a second behind.
const TRUST: Duration = Duration::from_millis(90);
/// How long nothing is changed after a file was given up. It is far longer than [`TRUST`] because it is rare, and because
/// that clock may stand for a while on a machine that is busy, or is itself a program that others push aside.
const RETIREMENT: Duration = Duration::from_secs(1);
/// How often a writer begins anew because the file changed.
const MAXIMUM_ATTEMPTS: usize = 8;

/// The id by which a store names the file.
pub(super) type FileId = [u8; 16];

/// The counter of a store, for all that this process does with it.
pub(super) struct Counter {
    /// The path of the store.
    store: PathBuf,
    /// That of the file beside it.
    path: PathBuf,
    /// The file that the store names, as far as this process knows. A writer keeps the one with which it began, whatever
    /// becomes of this.
    in_use: ArcSwapOption<InUse>,
    /// The one that was in use first, which mostly stays so. Checks look at it before `in_use`; it is kept for as long as
    /// this is, so that they need not say that they do.
    first: OnceLock<Arc<InUse>>,
    /// When a file was last looked for in vain, in milliseconds.
    missed_at: AtomicU64,
}

/// A file in use.
struct InUse {
    id: FileId,
    mapping: Mapping,
    /// The counter up to which every change was taken in; [`NEVER`] at first, even afterwards.
    applied: AtomicU64,
    /// The odd counter that a writer of this process has set and will make even; zero: none has.
    changing: AtomicU64,
    /// When the store was last seen to name this file, in milliseconds.
    compared_at: AtomicU64,
}

/// No counter that changes were taken in up to: it is odd.
const NEVER: u64 = u64::MAX;

/// What a check saw of the counter before it read anything.
pub(super) struct Seen {
    file: Option<Arc<InUse>>,
    counter: u64,
    at: u64,
}

/// What the store says of the file.
struct Named {
    file: Option<FileId>,
    /// The number of a retirement: a file was given up and is perhaps still trusted.
    retirement: Option<i64>,
    /// The inode of the store's own file when the file was named.
    store_inode: Option<i64>,
    /// The number of the last change.
    last_change: i64,
}

fn named(connection: &Connection) -> Result<Named> {
    failure::context(
        connection
            .prepare_cached(
                "SELECT file_id, retirement, store_inode, (SELECT max(change_number) FROM change)
                 FROM counter_file WHERE only_row = 1",
            )
            .and_then(|mut statement| {
                statement.query_row([], |row| {
                    let last_change: Option<i64> = row.get(3)?;
                    Ok(Named {
                        file: row.get(0)?,
                        retirement: row.get(1)?,
                        store_inode: row.get(2)?,
                        last_change: last_change.unwrap_or(0),
                    })
                })
            }),
    )
}

/// The id of the file that the store names.
pub(super) fn named_file(connection: &Connection) -> rusqlite::Result<Option<FileId>> {
    connection.prepare_cached("SELECT file_id FROM counter_file WHERE only_row = 1")?.query_row([], |row| row.get(0))
}

/// Lets a store that nobody has open name no file: a copy has none.
pub(super) fn forget(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("UPDATE counter_file SET file_id = NULL, retirement = NULL")
}

/// Takes away the file of the store at `store`, which is about to be another one. Who has it mapped asks the store from now
/// on.
pub(super) fn take_away(store: &Path) {
    let path = beside(store);
    poison(&path);
    let _ = fs::remove_file(path);
}

fn beside(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(SUFFIX);
    PathBuf::from(name)
}

impl Counter {
    /// The counter of the store at `store`, without a file as yet.
    pub(super) fn of(store: &Path) -> Self {
        Self {
            store: store.to_owned(),
            path: beside(store),
            in_use: ArcSwapOption::empty(),
            first: OnceLock::new(),
            missed_at: AtomicU64::new(0),
        }
    }

    // What a check does.

    /// Whether nothing changed since everything was taken in. It waits for nothing.
    pub(super) fn is_unchanged(&self) -> bool {
        // The clock is read last: a counter that was loaded before is trusted no longer than until then.
        let is_good = |file: &Arc<InUse>| file.is_taken_in() && file.is_trusted(milliseconds());
        self.first.get().is_some_and(is_good) || self.in_use.load().as_ref().is_some_and(is_good)
    }

    /// Looks at the counter, before the changes are read.
    pub(super) fn look(&self) -> Seen {
        let at = milliseconds();
        let file = self.in_use.load_full();
        let counter = file.as_ref().map_or(NEVER, |file| file.mapping.load());
        Seen { file, counter, at }
    }

    /// Writes down that all changes up to what was `seen` were taken in, in a store that names `named` since then. Only one
    /// thread may be in here at a time.
    pub(super) fn taken_in(&self, seen: &Seen, named: Option<FileId>) {
        match (&seen.file, named) {
            (Some(file), Some(id)) if file.id == id => {
                if seen.counter & 1 == 0 {
                    file.applied.store(seen.counter, Ordering::Release);
                }
                file.compared_at.store(seen.at, Ordering::Release);
            }
            // Not another one, which a writer has made since.
            (seen, None) => drop(self.in_use.compare_and_swap(seen, None)),
            (_, Some(id)) => {
                // Who looks in vain looks again after a while.
                if seen.at.wrapping_sub(self.missed_at.load(Ordering::Relaxed)) >= TRUST.as_millis() as u64
                    && self.take_up(id).is_none()
                {
                    self.missed_at.store(seen.at, Ordering::Relaxed);
                }
            }
        }
    }

    /// Takes the file with this id into use, and gives it; none where it cannot be had.
    fn take_up(&self, id: FileId) -> Option<Arc<InUse>> {
        if let Some(file) = self.in_use.load_full().filter(|file| file.id == id) {
            return Some(file);
        }
        // Two who do so at once have two mappings of one file. The one that is not kept asks the store more, no less.
        let file = Arc::new(InUse::open(&self.path, id).ok()?);
        self.use_file(Arc::clone(&file));
        Some(file)
    }

    fn use_file(&self, file: Arc<InUse>) {
        self.first.get_or_init(|| Arc::clone(&file));
        self.in_use.store(Some(file));
    }

    // What a writer does.

    /// Sees to it that the store names a file that this process uses, if one can be had.
    pub(super) fn prepare(&self, connection: &Connection) -> Result<()> {
        match named(connection)?.file {
            Some(id) if self.take_up(id).is_some() => Ok(()),
            None if !IS_SUPPORTED => Ok(()),
            _ => self.renew(connection),
        }
    }

    /// Begins a transaction that writes.
    pub(super) fn begin<'a>(&self, connection: &'a Connection) -> Result<Writing<'a>> {
        for _ in 0..MAXIMUM_ATTEMPTS {
            let mut writing = Writing::begin(connection)?;
            let named = named(connection)?;
            writing.file = named.file.and_then(|id| self.take_up(id));
            if writing.file.is_none() && (named.file.is_some() || named.retirement.is_some()) {
                // Somebody may trust a file that would not be told.
                drop(writing);
                self.renew(connection)?;
                continue;
            }
            if let Some(file) = &writing.file {
                file.make_even();
            }
            writing.last_change = named.last_change;
            return Ok(writing);
        }
        Err(unwritable())
    }

    /// Gives up a file that cannot be used, and makes another.
    fn renew(&self, connection: &Connection) -> Result<()> {
        let retirement = self.retire(connection)?;
        if retirement.is_some() {
            // By then nobody trusts the file who compared before the commit, and nobody compared it after.
            std::thread::sleep(RETIREMENT);
        }
        self.replace(connection, retirement)
    }

    /// Takes the name away of a file that cannot be used. Gives the number of the retirement to wait for, this one or
    /// another's; none where nobody has a file that is not told of changes.
    fn retire(&self, connection: &Connection) -> Result<Option<i64>> {
        let writing = Writing::begin(connection)?;
        let found = named(connection)?;
        let Some(id) = found.file else { return Ok(found.retirement) };
        if self.take_up(id).is_some() {
            return Ok(None);
        }
        // A copy of a store came with the name of a file that nobody has for it.
        let is_copy = found.store_inode.is_some() && found.store_inode != store_inode(&self.store);
        let retirement = (!is_copy).then(|| Uuid::new_v4().as_u64_pair().1.cast_signed());
        failure::context(connection.execute("UPDATE counter_file SET file_id = NULL, retirement = ?1", [retirement]))?;
        poison(&self.path);
        writing.commit()?;
        Ok(retirement)
    }

    /// Makes a file, unless there is one by now, or another retirement than was waited for: that one may just have begun.
    fn replace(&self, connection: &Connection, retirement: Option<i64>) -> Result<()> {
        let writing = Writing::begin(connection)?;
        let found = named(connection)?;
        if found.file.is_some() || found.retirement != retirement {
            return Ok(());
        }
        let made = InUse::make(&self.path).ok().map(Arc::new);
        if made.is_some() || retirement.is_some() {
            let id = made.as_ref().map(|file| file.id);
            let sql = "UPDATE counter_file SET file_id = ?1, retirement = NULL, store_inode = ?2";
            failure::context(connection.execute(sql, (id, store_inode(&self.store))))?;
            writing.commit()?;
        }
        if let Some(file) = made {
            self.use_file(file);
        }
        Ok(())
    }
}

/// A transaction of a writer, under the write lock. It rolls back unless it is committed.
pub(super) struct Writing<'a> {
    connection: &'a Connection,
    file: Option<Arc<InUse>>,
    last_change: i64,
}

impl<'a> Writing<'a> {
    fn begin(connection: &'a Connection) -> Result<Self> {
        failure::run(connection, "BEGIN IMMEDIATE")?;
        Ok(Self { connection, file: None, last_change: 0 })
    }

    /// Commits, and lets every check in every process know if anything changed that it rests on.
    pub(super) fn commit(&self) -> Result<()> {
        let change = match &self.file {
            Some(file) if named(self.connection)?.last_change != self.last_change => Some(file.change()?),
            _ => None,
        };
        let committed = failure::run(self.connection, "COMMIT");
        // Also when the commit failed, and when it panicked.
        drop(change);
        committed
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if !self.connection.is_autocommit() {
            // Where even this fails, SQLite has no transaction any more, or will have none when the connection closes.
            let _ = failure::run(self.connection, "ROLLBACK");
        }
    }
}

/// Between odd and even.
struct Change<'a> {
    file: &'a InUse,
    odd: u64,
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        // Somebody with the write lock may have done it by now.
        let _ = self.file.mapping.replace(self.odd, self.odd.wrapping_add(1));
        let _ = self.file.changing.compare_exchange(self.odd, 0, Ordering::Release, Ordering::Relaxed);
    }
}

impl InUse {
    fn new(id: FileId, mapping: Mapping) -> Self {
        Self {
            id,
            mapping,
            applied: AtomicU64::new(NEVER),
            changing: AtomicU64::new(0),
            compared_at: AtomicU64::new(0),
        }
    }

    /// Opens the file at `path`, if it is the one with this id.
    fn open(path: &Path, id: FileId) -> io::Result<Self> {
        let file = open_own(path)?;
        let mut found = [0; HEADER];
        read_at(&file, &mut found)?;
        if found != header(id, inode(&file)?) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Self::new(id, Mapping::of(&file)?))
    }

    /// Makes a file at `path` in place of whatever is there. Only under the write lock, in a store that names none.
    fn make(path: &Path) -> io::Result<Self> {
        poison(path);
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        let id = Uuid::new_v4().into_bytes();
        // Written out in full: what is mapped must have its place on the disk.
        let mut content = [0; LENGTH];
        content[..HEADER].copy_from_slice(&header(id, inode(&file)?));
        content[PLACE..PLACE + 8].copy_from_slice(&FIRST.to_ne_bytes());
        io::Write::write_all(&mut &file, &content)?;
        Ok(Self::new(id, Mapping::of(&file)?))
    }

    /// Whether every change up to the counter was taken in.
    fn is_taken_in(&self) -> bool {
        let counter = self.mapping.load();
        let applied = self.applied.load(Ordering::Acquire);
        let is_same = counter == applied
            || (counter == applied.wrapping_add(1) && self.changing.load(Ordering::Acquire) == counter);
        // An odd one is none of those up to which anything is taken in.
        applied & 1 == 0 && is_same
    }

    /// Whether the store was seen to name this file lately, at `now` in milliseconds.
    fn is_trusted(&self, now: u64) -> bool {
        now.wrapping_sub(self.compared_at.load(Ordering::Acquire)) < TRUST.as_millis() as u64
    }

    /// Makes the counter even that a writer left odd, or has not made even yet. Only under the write lock.
    fn make_even(&self) {
        let counter = self.mapping.load();
        if counter & 1 != 0 {
            let _ = self.mapping.replace(counter, counter.wrapping_add(1));
        }
    }

    /// Makes the counter odd, which is even by now. Only under the write lock.
    fn change(&self) -> Result<Change<'_>> {
        let counter = self.mapping.load();
        let odd = counter | 1;
        // Said first, so that no check of this process takes it for another's.
        self.changing.store(odd, Ordering::Release);
        if counter == odd || !self.mapping.replace(counter, odd) {
            self.changing.store(0, Ordering::Release);
            // Somebody without the write lock has changed it: a restore, which ends the use of this file.
            return Err(unwritable());
        }
        Ok(Change { file: self, odd })
    }
}

/// The first counter of a file.
const FIRST: u64 = 2;
/// The bytes by which a file is known.
const HEADER: usize = 32;

fn header(id: FileId, inode: u64) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&MAGIC);
    header[8..24].copy_from_slice(&id);
    header[24..].copy_from_slice(&inode.to_ne_bytes());
    header
}

/// Makes the counter in the file at `path` odd, if it is such a file: whoever has it mapped asks the store from now on.
fn poison(path: &Path) {
    let Ok(file) = open_own(path) else { return };
    let mut found = [0; HEADER];
    if read_at(&file, &mut found).is_ok()
        && found[..8] == MAGIC
        && let Ok(mapping) = Mapping::of(&file)
    {
        // An odd one that no writer has made, so that none makes it even who comes late.
        let mut found = mapping.load();
        while !mapping.replace(found, (found | 1).wrapping_add(2)) {
            found = mapping.load();
        }
    }
}

/// Opens what is at `path` for reading and writing, if it is a file of the right length with one name, and no link.
#[cfg(unix)]
fn open_own(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::MetadataExt;

    use rustix::fs::{Mode, OFlags};
    let is_own = |found: &fs::Metadata| found.is_file() && found.len() == LENGTH as u64 && found.nlink() == 1;
    // Looked at before it is opened: it might be a database, whose locks go when a descriptor of it is closed.
    if !is_own(&fs::symlink_metadata(path)?) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file: File = rustix::io::retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))?.into();
    if is_own(&file.metadata()?) { Ok(file) } else { Err(io::ErrorKind::InvalidData.into()) }
}

#[cfg(not(unix))]
fn open_own(_path: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(unix)]
fn read_at(file: &File, into: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, into, 0)
}

#[cfg(not(unix))]
fn read_at(_file: &File, _into: &mut [u8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(unix)]
fn inode(file: &File) -> io::Result<u64> {
    file.metadata().map(|found| std::os::unix::fs::MetadataExt::ino(&found))
}

#[cfg(not(unix))]
fn inode(_file: &File) -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The inode of the store's own file, where there are such numbers.
#[cfg(unix)]
fn store_inode(store: &Path) -> Option<i64> {
    fs::metadata(store).ok().map(|found| std::os::unix::fs::MetadataExt::ino(&found).cast_signed())
}

#[cfg(not(unix))]
fn store_inode(_store: &Path) -> Option<i64> {
    None
}

/// A clock that never goes back, in milliseconds. On Linux the one that costs a few nanoseconds, and is behind by one
/// of the kernel's ticks at most: a hundredth of a second.
#[cfg(target_os = "linux")]
pub(super) fn milliseconds() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
    now.tv_sec.cast_unsigned() * 1_000 + now.tv_nsec.cast_unsigned() / 1_000_000
}

#[cfg(not(target_os = "linux"))]
pub(super) fn milliseconds() -> u64 {
    static BEGIN: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    u64::try_from(BEGIN.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn unwritable() -> Error {
    Error::new(
        ErrorCode::StoreUnavailable,
        "The file beside the store that tells checks of changes was given up while it was in use, so nothing was changed. \
         Try again.",
    )
}

#[cfg(all(test, unix))]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::AtomicBool;

    use super::super::{SqliteStore, file};
    use super::*;
    use crate::model::{AuditSubject, NewAuditEvent};
    use crate::store::{Slot, Store};

    /// A store as another process has it: with its own connections, and its own mapping of the counter.
    fn open(path: &Path) -> SqliteStore {
        let (path, key) = file::find_or_create(path, true).unwrap();
        SqliteStore::connect(path, key, true).unwrap()
    }

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.db");
        (folder, path)
    }

    fn change(store: &SqliteStore, sequence: i64) {
        let sql = format!("INSERT INTO change (scope, subject) VALUES ('token', {sequence})");
        store.write(move |connection| failure::context(connection.execute_batch(&sql))).unwrap();
    }

    /// The file that a store uses.
    fn in_use(store: &SqliteStore) -> Option<Arc<InUse>> {
        store.counter.in_use.load_full()
    }

    /// Whether a store knows of all up to the counter, however long ago it compared the file.
    fn is_taken_in(store: &SqliteStore) -> bool {
        in_use(store).unwrap().is_taken_in()
    }

    /// Another connection, which knows nothing of the counter, as another program has it.
    fn connect(path: &Path) -> Connection {
        let connection = Connection::open(path).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection
    }

    /// Brings the store to where it asks nobody, and gives the number.
    fn settle(store: &SqliteStore) -> u64 {
        for _ in 0..3 {
            store.change_number().unwrap();
        }
        store.change_number().unwrap()
    }

    /// Whether what `one` changes is seen by `other` at its next look, both ways.
    fn assert_no_change_is_missed(one: &SqliteStore, other: &SqliteStore, what: &str) {
        for (changing, looking) in [(one, other), (other, one), (one, one)] {
            for round in 0..20 {
                let before = settle(looking);
                change(changing, round);
                assert!(looking.change_number().unwrap() > before, "{what}, round {round}");
                assert!(!looking.changes().is_current(&[Slot::token(round)], before), "{what}, round {round}");
            }
        }
    }

    #[test]
    fn while_nothing_changes_nobody_is_asked_and_what_changes_is_seen_at_once() {
        let (_folder, path) = folder();
        let (one, other) = (open(&path), open(&path));
        settle(&one);
        assert!(is_taken_in(&one));
        settle(&other);
        let event = NewAuditEvent {
            at: 0,
            event: "identity.create".to_owned(),
            actor: "local owner".to_owned(),
            actor_kind: "owner".to_owned(),
            subject_kind: AuditSubject::Identity,
            subject: None,
            outcome: NewAuditEvent::SUCCESS.to_owned(),
            detail: None,
        };
        other.note_event(event.clone()).unwrap();
        other.write_behind(&[], &[event], 0, &|_| [0; 32]).unwrap();
        assert!(is_taken_in(&one), "no check rests on the audit log");
        change(&other, 1);
        assert!(!is_taken_in(&one) && !one.counter.is_unchanged());
        assert_no_change_is_missed(&one, &other, "two stores");
    }

    #[test]
    fn what_does_not_know_of_the_counter_is_seen_all_the_same() {
        let (_folder, path) = folder();
        let store = open(&path);
        let before = settle(&store);
        connect(&path).execute_batch("INSERT INTO change (scope, subject) VALUES ('token', 7)").unwrap();
        assert!(is_taken_in(&store));
        // What was compared is trusted for a while only.
        let file = in_use(&store).unwrap();
        let compared_at = file.compared_at.load(Ordering::SeqCst);
        let trust = u64::try_from(TRUST.as_millis()).unwrap();
        assert!(file.is_trusted(compared_at) && file.is_trusted(compared_at + trust - 1));
        assert!(!file.is_trusted(compared_at + trust) && !file.is_trusted(compared_at - 1));
        file.compared_at.store(milliseconds() - trust, Ordering::SeqCst);
        assert!(!store.counter.is_unchanged());
        assert!(store.change_number().unwrap() > before);
    }

    #[test]
    fn after_a_writer_that_died_the_store_is_asked_until_the_next_one_writes() {
        let (_folder, path) = folder();
        let (one, other) = (open(&path), open(&path));
        settle(&one);
        settle(&other);
        let file = in_use(&other).unwrap();
        let dead = file.change().unwrap();
        assert!(!one.counter.is_unchanged(), "another's writer may be dead");
        settle(&other);
        assert!(is_taken_in(&other), "one's own is alive");
        // It died after its commit.
        let before = settle(&one);
        connect(&path).execute_batch("INSERT INTO change (scope, subject) VALUES ('token', 7)").unwrap();
        assert!(one.change_number().unwrap() > before);
        settle(&one);
        assert!(!one.counter.is_unchanged());
        std::mem::forget(dead);
        file.changing.store(0, Ordering::SeqCst);
        settle(&other);
        assert!(!other.counter.is_unchanged(), "as in a process that was opened since");

        // Any transaction puts it right, also one that changes nothing.
        one.write(|_| Ok(())).unwrap();
        assert_eq!(in_use(&one).unwrap().mapping.load() & 1, 0);
        assert_no_change_is_missed(&one, &other, "after the writer died");
    }

    /// The lock goes with the commit, so the next writer may be at work before the last one's second step.
    #[test]
    fn a_late_second_step_never_takes_the_counter_back() {
        let (_folder, path) = folder();
        let (one, other) = (open(&path), open(&path));
        let (file, of_other) = (in_use(&one).unwrap(), in_use(&other).unwrap());
        let late = file.change().unwrap();
        settle(&other);
        change(&other, 1);
        let number = settle(&other);
        let counter = of_other.mapping.load();
        drop(late);
        assert_eq!(of_other.mapping.load(), counter);
        assert_eq!(settle(&other), number);
        assert_eq!(file.changing.load(Ordering::SeqCst), 0);
        assert_no_change_is_missed(&one, &other, "after the late step");
    }

    #[test]
    fn a_commit_that_fails_or_panics_leaves_the_counter_even() {
        let (_folder, path) = folder();
        let store = open(&path);
        let even = |store: &SqliteStore| assert_eq!(in_use(store).unwrap().mapping.load() & 1, 0);
        // What is only looked at when it is committed.
        let failed = store.write(|connection| {
            failure::context(connection.execute_batch(
                "PRAGMA defer_foreign_keys = ON; INSERT INTO token_tag VALUES (77, 'x');
                 INSERT INTO change (scope, subject) VALUES ('token', 1)",
            ))
        });
        assert!(failed.is_err());
        even(&store);
        let panicked: Result<()> = store.write(|connection| {
            failure::context(connection.execute_batch("INSERT INTO change (scope) VALUES ('all')"))?;
            panic!("on purpose")
        });
        assert!(panicked.is_err());
        even(&store);
        let before = settle(&store);
        change(&store, 2);
        assert!(store.change_number().unwrap() > before);
    }

    #[test]
    fn whatever_lies_where_the_file_should_be_no_change_is_missed() {
        type Spoil = fn(&Path, &Path);
        const CASES: &[(&str, Spoil)] = &[
            ("nothing", |own, _| fs::remove_file(own).unwrap()),
            ("an empty file", |own, _| fs::write(own, b"").unwrap()),
            ("half a file", |own, _| fs::write(own, &fs::read(own).unwrap()[..LENGTH / 2]).unwrap()),
            ("too long a file", |own, _| fs::write(own, [fs::read(own).unwrap(), vec![0]].concat()).unwrap()),
            ("garbage", |own, _| fs::write(own, [0xA5; LENGTH]).unwrap()),
            ("another store's file", |own, other| fs::copy(other, own).map(|_| ()).unwrap()),
            ("another store's own file", |own, other| fs::rename(other, own).unwrap()),
            ("a copy", |own, _| {
                let copy = fs::read(own).unwrap();
                fs::remove_file(own).unwrap();
                fs::write(own, copy).unwrap();
            }),
            ("a link", |own, other| {
                fs::remove_file(own).unwrap();
                std::os::unix::fs::symlink(other, own).unwrap();
            }),
            ("a second name", |own, other| {
                fs::remove_file(own).unwrap();
                fs::hard_link(other, own).unwrap();
            }),
            ("the store itself", |own, _| {
                let store = own.with_file_name("tokens.db");
                fs::remove_file(own).unwrap();
                std::os::unix::fs::symlink(store, own).unwrap();
            }),
            ("a folder", |own, _| {
                fs::remove_file(own).unwrap();
                fs::create_dir(own).unwrap();
                fs::write(own.join("file"), b"").unwrap();
            }),
        ];
        let try_one = |what: &str, spoil: Spoil| {
            let (_folder, path) = folder();
            let (_other_folder, other_path) = folder();
            drop(open(&other_path));
            drop(open(&path));
            let other_content = fs::read(beside(&other_path)).unwrap();
            spoil(&beside(&path), &beside(&other_path));
            let (one, other) = (open(&path), open(&path));
            assert_no_change_is_missed(&one, &other, what);
            let is_usable = what != "a folder";
            assert_eq!(in_use(&one).is_some(), is_usable, "{what}");
            assert_eq!(in_use(&other).is_some(), is_usable, "{what}");
            if let Ok(now) = fs::read(beside(&other_path)) {
                assert!(now == other_content, "{what}: another store's file is left alone");
            }
        };
        // Each waits for a retirement, so all do at once.
        std::thread::scope(|scope| {
            for (what, spoil) in CASES {
                scope.spawn(|| try_one(what, *spoil));
            }
        });
    }

    /// Who has the file mapped sees the same memory as before; who comes later gives it up for all.
    #[test]
    fn a_file_that_is_taken_away_while_it_is_used_makes_nobody_miss_a_change() {
        let (_folder, path) = folder();
        let (one, other) = (open(&path), open(&path));
        settle(&one);
        settle(&other);
        fs::remove_file(beside(&path)).unwrap();
        assert_no_change_is_missed(&one, &other, "without a name");
        let before = settle(&one);
        assert!(is_taken_in(&one));
        let third = open(&path);
        change(&third, 3);
        assert!(one.change_number().unwrap() > before, "the first change of a later one");
        assert_no_change_is_missed(&one, &third, "the later one");
        assert_no_change_is_missed(&other, &third, "the later one");
        let ids = [&one, &other, &third].map(|store| in_use(store).unwrap().id);
        assert!(ids[0] == ids[1] && ids[1] == ids[2], "all use the new file");
    }

    /// Who waited for one retirement must not end another: somebody may still trust the file that was given up then.
    #[test]
    fn who_waited_for_one_retirement_ends_no_other() {
        let (_folder, path) = folder();
        let stores = [open(&path), open(&path), open(&path)];
        let connection = connect(&path);
        let found = || named(&connection).unwrap();
        let lose = |store: &SqliteStore| {
            fs::remove_file(beside(&path)).unwrap();
            store.counter.in_use.store(None);
        };
        let [first, second, late] = &stores;
        lose(first);
        let one = first.counter.retire(&connection).unwrap();
        assert!(one.is_some() && found().file.is_none() && found().retirement == one);
        // It finds the name taken away, and waits too; longer than anybody else.
        late.counter.in_use.store(None);
        assert_eq!(late.counter.retire(&connection).unwrap(), one);
        first.counter.replace(&connection, one).unwrap();
        let id = found().file;
        assert!(id.is_some() && in_use(first).unwrap().id == id.unwrap());
        late.counter.replace(&connection, one).unwrap();
        assert_eq!(found().file, id, "a file that is in use stays");

        lose(second);
        let other = second.counter.retire(&connection).unwrap();
        assert!(other.is_some() && other != one);
        late.counter.replace(&connection, one).unwrap();
        assert!(found().file.is_none() && found().retirement == other, "it goes on until it was waited for");
        late.counter.replace(&connection, None).unwrap();
        assert!(found().file.is_none() && found().retirement == other);
        // Nor does a change come before that.
        let begun = std::time::Instant::now();
        change(late, 1);
        assert!(begun.elapsed() >= RETIREMENT);
        assert!(found().file.is_some() && found().retirement.is_none());
        assert_no_change_is_missed(first, late, "after both");
    }

    /// Nobody can have a counter for a copy: it is not waited until they trust it no more.
    #[test]
    fn a_copy_of_a_store_has_a_file_at_once() {
        let (folder, path) = folder();
        let original = open(&path);
        settle(&original);
        let copy = folder.path().join("copy.db");
        connect(&path).execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
        let (counter, connection) = (Counter::of(&copy), connect(&copy));
        let name = named(&connection).unwrap().file;
        assert!(name.is_some() && name == named(&connect(&path)).unwrap().file);
        assert_eq!(counter.retire(&connection).unwrap(), None);
        counter.replace(&connection, None).unwrap();
        let found = named(&connection).unwrap();
        assert!(found.file.is_some() && found.file != name && found.store_inode == store_inode(&copy));
        // In its own place a file that is lost is waited for.
        fs::remove_file(beside(&copy)).unwrap();
        assert!(Counter::of(&copy).retire(&connection).unwrap().is_some());
    }

    /// A check that read the store while it named no file, and comes late to write that down, has no say in what a writer
    /// does.
    #[test]
    fn a_late_check_takes_no_file_away_from_a_writer() {
        let (_folder, path) = folder();
        let (one, other) = (open(&path), open(&path));
        settle(&other);
        let connection = connect(&path);
        let begun = one.counter.begin(&connection).unwrap();
        one.counter.taken_in(&one.counter.look(), None);
        assert!(in_use(&one).is_none());
        connection.execute_batch("INSERT INTO change (scope, subject) VALUES ('token', 1)").unwrap();
        begun.commit().unwrap();
        assert!(!is_taken_in(&other), "it was told all the same");
        // What was made since stays.
        let stale = one.counter.look();
        assert!(one.counter.take_up(named_file(&connection).unwrap().unwrap()).is_some());
        one.counter.taken_in(&stale, None);
        assert!(in_use(&one).is_some());

        let has_begun = Barrier::new(2);
        std::thread::scope(|scope| {
            // The other thread ends with this, also where the test fails.
            let writing = Arc::new(());
            let (is_writing, one, has_begun) = (Arc::downgrade(&writing), &one, &has_begun);
            scope.spawn(move || {
                has_begun.wait();
                while is_writing.strong_count() > 0 {
                    one.counter.in_use.store(None);
                }
            });
            has_begun.wait();
            let all_have_one = (0..5_000).all(|_| one.counter.begin(&connection).unwrap().file.is_some());
            assert!(all_have_one, "the store names a file");
            drop(writing);
        });
        assert_no_change_is_missed(&one, &other, "after that");
    }

    /// Beyond SQLite's greatest number the next one would be any below it, and a writer would take it that nothing changed.
    #[test]
    fn a_change_that_cannot_have_the_next_number_is_refused() {
        const GREATEST: i64 = 1 << 62;
        let (_folder, path) = folder();
        let (one, other) = (open(&path), open(&path));
        let connection = connect(&path);
        let put = |number: i64| {
            connection.execute("INSERT INTO change (change_number, scope) VALUES (?1, 'all')", [number]).is_ok()
        };
        assert!(!put(i64::MAX) && !put(GREATEST + 1) && !put(0) && !put(-1));
        assert!(put(GREATEST - 1));
        let before = settle(&other);
        change(&one, 1);
        assert!(other.change_number().unwrap() > before, "the last one");
        let refused = one.write(|connection| {
            failure::context(connection.execute_batch("INSERT INTO change (scope, subject) VALUES ('token', 1)"))
        });
        assert!(refused.is_err());
        connection.execute_batch("DELETE FROM change WHERE change_number > 1000").unwrap();
        assert_no_change_is_missed(&one, &other, "after the row was taken away");
    }

    #[test]
    fn a_restore_makes_all_who_still_have_the_old_file_ask() {
        let (_folder, path) = folder();
        let (one, other) = (open(&path), open(&path));
        settle(&one);
        take_away(&path);
        assert!(!one.counter.is_unchanged());
        settle(&one);
        assert!(!one.counter.is_unchanged(), "it stays so");
        assert!(!beside(&path).exists());
        assert_no_change_is_missed(&one, &other, "after it was taken away");
    }

    #[test]
    fn a_copy_names_no_file() {
        let (folder, path) = folder();
        let store = open(&path);
        let copy = folder.path().join("copy.db");
        store.backup(&copy).unwrap();
        assert_eq!(named_file(&Connection::open(&copy).unwrap()).unwrap(), None);
        assert!(named_file(&Connection::open(&path).unwrap()).unwrap().is_some());
        let of_copy = open(&copy);
        assert_ne!(in_use(&of_copy).unwrap().id, in_use(&store).unwrap().id);
    }

    /// Threads that look while others change, each with a store of its own: whoever looks after a change returned has it.
    #[test]
    fn no_change_is_missed_in_the_thick_of_it() {
        const CHANGES: i64 = 150;
        let (_folder, path) = folder();
        let stores = [open(&path), open(&path), open(&path)];
        let returned: Vec<AtomicBool> = (0..CHANGES * 2).map(|_| AtomicBool::new(false)).collect();
        let before = stores.each_ref().map(|store| store.change_number().unwrap());
        std::thread::scope(|scope| {
            // Who looks ends with this, also where the test fails.
            let all_changes = Arc::new(());
            let changing: Vec<_> = (0..2)
                .map(|half| {
                    let (stores, returned) = (&stores, &returned);
                    scope.spawn(move || {
                        for sequence in half * CHANGES..(half + 1) * CHANGES {
                            change(&stores[sequence as usize % 2], sequence);
                            returned[sequence as usize].store(true, Ordering::Release);
                        }
                    })
                })
                .collect();
            for (looking, before) in stores.iter().zip(before) {
                let (returned, is_changing) = (&returned, Arc::downgrade(&all_changes));
                scope.spawn(move || {
                    while is_changing.strong_count() > 0 {
                        for (sequence, one) in returned.iter().enumerate().rev() {
                            if one.load(Ordering::Acquire) {
                                looking.change_number().unwrap();
                                // What was read before it is seen to be old.
                                assert!(!looking.changes().is_current(&[Slot::token(sequence as i64)], before));
                            }
                        }
                    }
                });
            }
            for thread in changing {
                thread.join().unwrap();
            }
            drop(all_changes);
        });
    }
}
