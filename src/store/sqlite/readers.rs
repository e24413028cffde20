//! The connections that read, and the transactions that checks leave open on them.
//!
//! A look-up in a transaction of its own takes three times as long as one in a transaction that is open already in a store of
//! a thousand tokens (one column by the digest, by the rows `growth-least` of the benchmarks: 1.2 µs and 0.4), and still a
//! third longer in one of a million (5.8 µs and 4.4). So where checks that have to read follow each other closely, the
//! transaction of one is left open for those that follow.
//!
//! What such a check sees is as new as its number: [`crate::store::Store::change_number`] says of which change, and a
//! transaction that began as of an earlier one is given up. What has no number, a token that was granted since, is
//! not found in it; then the question is put again to the store as it is now.
//!
//! A transaction that stays open keeps SQLite from writing its log back beyond it, and from beginning the log anew. So
//! none stays open for longer than [`LONGEST`]: a thread that sleeps while there is none ends them, whether a
//! check comes or not. And none is left open while the log is [long](LONG_LOG_PAGES) and not written back: then checks
//! leave the same gaps as they would without any of this. Only a process that is stopped between two checks (by SIGSTOP, or
//! in a debugger) may keep one open until it goes on; the log grows meanwhile, and nothing else suffers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use super::checked::Kept;
use super::counter::milliseconds;
use super::lock;

/// How long a transaction is left open. Once in this time it costs next to nothing to begin one, and what others write
/// meanwhile is a small part of a [long](LONG_LOG_PAGES) log.
const LONGEST: Duration = Duration::from_millis(10);
/// Reads that are further apart are no reason to leave a transaction open, for it costs a look at the log and waking the
/// thread that ends it, which some reads have to make up for. The clock counts no less. It may go in greater steps; then it
/// is those of one step.
const CLOSE_MILLISECONDS: u64 = 1;
/// The pages in the log with which no transaction is left open until all of it is written back. With as many SQLite begins
/// to write back.
const LONG_LOG_PAGES: i64 = 1_000;

/// The connections that read, one a core.
pub(super) struct Readers {
    shared: Arc<Shared>,
    next: AtomicUsize,
}

struct Shared {
    readers: Box<[Mutex<Reader>]>,
    closing: Mutex<Closing>,
    wakes: Condvar,
}

/// What the thread that ends transactions has to know.
#[derive(Default)]
struct Closing {
    thread: Option<JoinHandle<()>>,
    /// Whether a transaction may have been left open since it looked last.
    is_wanted: bool,
    /// Whether the store closes.
    is_over: bool,
}

/// A connection that reads, and what checks keep of what they read through it.
pub(super) struct Reader {
    pub(super) connection: Connection,
    pub(super) kept: Kept,
    /// The transaction that is left open, if there is one.
    left_open: Option<LeftOpen>,
    /// When a check read last, in milliseconds.
    read_at: u64,
}

#[derive(Clone, Copy)]
struct LeftOpen {
    /// The change of which it is certain that it sees it.
    number: u64,
    /// In milliseconds.
    begun_at: u64,
}

impl Readers {
    pub(super) fn new(readers: impl IntoIterator<Item = Reader>) -> Self {
        let shared = Shared {
            readers: readers.into_iter().map(Mutex::new).collect(),
            closing: Mutex::default(),
            wakes: Condvar::new(),
        };
        Self { shared: Arc::new(shared), next: AtomicUsize::new(0) }
    }

    /// Runs `query`, which sees what was committed before.
    pub(super) fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let mut reader = self.reader();
        reader.end()?;
        query(&reader.connection)
    }

    /// Runs `query`, which gives what it finds of a token, and depends on nothing but what was committed up to the change
    /// `number` and on that token's being there. It is run again where it finds none and might have overlooked one.
    pub(super) fn find<T>(
        &self,
        number: u64,
        query: impl Fn(&Connection, &mut Kept) -> rusqlite::Result<Option<T>>,
    ) -> rusqlite::Result<Option<T>> {
        let mut reader = self.reader();
        let now = milliseconds();
        let Reader { connection, kept, left_open, .. } = &mut *reader;
        if left_open.is_some_and(|open| open.sees(number, now)) {
            let found = query(connection, kept);
            if let Ok(Some(found)) = found {
                reader.read_at = now;
                return Ok(Some(found));
            }
        }
        reader.end()?;
        let follows_closely = now.wrapping_sub(reader.read_at) <= CLOSE_MILLISECONDS;
        reader.read_at = now;
        if follows_closely && reader.may_leave_open().unwrap_or(false) && self.will_be_ended() {
            reader.connection.prepare_cached("BEGIN")?.execute([])?;
            reader.left_open = Some(LeftOpen { number, begun_at: now });
        }
        let Reader { connection, kept, .. } = &mut *reader;
        let found = query(connection, kept);
        if found.is_err() {
            reader.end()?;
        }
        found
    }

    /// What the connections keep of identities, of each one.
    #[cfg(test)]
    pub(super) fn identities(&self) -> Vec<Arc<super::checked::Identities>> {
        self.shared.readers.iter().map(|reader| lock(reader).kept.identities()).collect()
    }

    /// A connection that nobody else has, if there is one: the first such, which has the most pages in memory.
    fn reader(&self) -> MutexGuard<'_, Reader> {
        let readers = &self.shared.readers;
        let free = readers.iter().find_map(try_lock);
        free.unwrap_or_else(|| lock(&readers[self.next.fetch_add(1, Ordering::Relaxed) % readers.len()]))
    }

    /// Sees to it that a transaction which is left open now is ended before long. Whether it will be.
    fn will_be_ended(&self) -> bool {
        let mut closing = lock(&self.shared.closing);
        if closing.thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name("tessera-readers".to_owned());
            closing.thread = thread.spawn(move || shared.end_what_is_left_open()).ok();
        }
        if closing.thread.is_some() && !closing.is_wanted {
            closing.is_wanted = true;
            self.shared.wakes.notify_one();
        }
        closing.thread.is_some()
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        let thread = {
            let mut closing = lock(&self.shared.closing);
            closing.is_over = true;
            closing.thread.take()
        };
        self.shared.wakes.notify_one();
        if let Some(thread) = thread {
            // It holds the connections; there is nothing to do about one that panicked.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Until the store closes: ends, a while after a transaction was left open, all that there are.
    fn end_what_is_left_open(&self) {
        loop {
            let closing = lock(&self.closing);
            let closing = self
                .wakes
                .wait_while(closing, |closing| !closing.is_wanted && !closing.is_over)
                .unwrap_or_else(PoisonError::into_inner);
            let (mut closing, _) = self
                .wakes
                .wait_timeout_while(closing, LONGEST, |closing| !closing.is_over)
                .unwrap_or_else(PoisonError::into_inner);
            if closing.is_over {
                return;
            }
            // Before the first is ended: whichever is left open from here on wants this again.
            closing.is_wanted = false;
            drop(closing);
            let mut is_any_busy = false;
            for reader in &self.readers {
                match try_lock(reader) {
                    // One that cannot be ended is tried again by whoever reads next, who hears why.
                    Some(mut reader) => drop(reader.end()),
                    None => is_any_busy = true,
                }
            }
            // Whoever reads for long has ended its own; to wait for that would keep those of the others open.
            if is_any_busy {
                lock(&self.closing).is_wanted = true;
            }
        }
    }
}

impl Reader {
    pub(super) fn new(connection: Connection, kept: Kept) -> Self {
        Self { connection, kept, left_open: None, read_at: 0 }
    }

    /// Ends the transaction that is left open, if there is one.
    fn end(&mut self) -> rusqlite::Result<()> {
        // SQLite ends one by itself after some errors, and may fail to end one: it knows.
        if !self.connection.is_autocommit() {
            self.connection.prepare_cached("COMMIT")?.execute([])?;
        }
        self.left_open = None;
        Ok(())
    }

    /// Whether SQLite is not waiting to begin the log anew: it is short, or all of it was written back, and who reads the
    /// file alone is not in its way.
    fn may_leave_open(&self) -> rusqlite::Result<bool> {
        self.connection.prepare_cached("PRAGMA wal_checkpoint(NOOP)")?.query_row([], |row| {
            let (pages, written_back): (i64, i64) = (row.get(1)?, row.get(2)?);
            Ok(pages < LONG_LOG_PAGES || pages == written_back)
        })
    }
}

impl LeftOpen {
    /// Whether it sees all changes up to `number`, and may be used at `now`.
    fn sees(&self, number: u64, now: u64) -> bool {
        self.number >= number && u128::from(now.wrapping_sub(self.begun_at)) <= LONGEST.as_millis()
    }
}

/// Locks what nobody else has locked; as [`lock`], also after a panic elsewhere.
fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::time::Instant;

    use super::super::{SqliteStore, connect_reader, failure, file};
    use super::*;
    use crate::store::Store;

    /// Far longer than any of these tests takes, on a machine that is busy too.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// A store as another process has it.
    fn open(path: &Path) -> SqliteStore {
        let (path, key) = file::find_or_create(path, true).unwrap();
        SqliteStore::connect(path, key, true).unwrap()
    }

    /// A store in which there is what the tokens need that [`grant`] makes, and the token 1.
    fn store() -> (tempfile::TempDir, PathBuf, SqliteStore) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.db");
        let store = open(&path);
        change(
            &store,
            "INSERT INTO identity (identity_id, name, name_key, created_at) VALUES (1, 'a', 'A', 0);
             INSERT INTO pepper (pepper_id, key_check, created_at) VALUES (1, x'00', 0)",
        );
        grant(&connect(&path), 1);
        (folder, path, store)
    }

    /// Another program's connection, which writes quickly what no check rests on.
    fn connect(path: &Path) -> Connection {
        let connection = Connection::open(path).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection.pragma_update(None, "synchronous", "OFF").unwrap();
        connection
    }

    fn change(store: &SqliteStore, sql: &str) {
        let sql = sql.to_owned();
        store.write(move |connection| failure::context(connection.execute_batch(&sql))).unwrap();
    }

    fn digest(sequence: u32) -> [u8; 32] {
        let mut digest = [0; 32];
        digest[..4].copy_from_slice(&sequence.to_be_bytes());
        digest
    }

    fn grant(connection: &Connection, sequence: u32) {
        connection
            .prepare_cached(
                "INSERT INTO token (sequence, id, digest, digest_kind, pepper_id, format, profile_id, identity_id,
                                    created_by, created_at)
                 VALUES (?1, ?2, ?3, 'hmac-sha-256', 1, 'Opaque', 1, 1, 'a', 0)",
            )
            .unwrap()
            .execute((sequence, format!("{sequence:012}"), digest(sequence)))
            .unwrap();
    }

    fn finds(store: &SqliteStore, sequence: u32) -> bool {
        store.token_by_digest(&digest(sequence)).unwrap().is_some()
    }

    fn is_left_open(store: &SqliteStore) -> bool {
        store.readers().unwrap().shared.readers.iter().any(|reader| lock(reader).left_open.is_some())
    }

    /// Waits until no transaction is left open, as is soon so where nobody reads.
    fn wait_until_ended(store: &SqliteStore) {
        let begun = Instant::now();
        while is_left_open(store) {
            assert!(begun.elapsed() < Duration::from_secs(10), "nobody ends it");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Reads until a transaction is left open.
    fn leave_open(store: &SqliteStore, writing: &Connection) {
        let begun = Instant::now();
        while !is_left_open(store) {
            // What was not written back because of the last one.
            writing.query_row("PRAGMA wal_checkpoint", [], |_| Ok(())).unwrap();
            for _ in 0..10 {
                assert!(finds(store, 1) && begun.elapsed() < Duration::from_secs(10));
            }
        }
    }

    fn log_bytes(path: &Path) -> u64 {
        std::fs::metadata(path.with_file_name("tokens.db-wal")).unwrap().len()
    }

    #[test]
    fn what_another_process_granted_or_changed_is_seen_in_spite_of_what_is_left_open() {
        let (_folder, path, store) = store();
        let (other, granting) = (open(&path), connect(&path));
        let (mut were_left_open, begun) = ((0, 0), Instant::now());
        for sequence in 2.. {
            if sequence > 300 && were_left_open.0 > 10 && were_left_open.1 > 10 {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{were_left_open:?} of {sequence} still");
            leave_open(&store, &granting);
            grant(&granting, sequence);
            were_left_open.0 += usize::from(is_left_open(&store));
            assert!(finds(&store, sequence));

            leave_open(&store, &granting);
            change(&other, &format!("UPDATE token SET revoked_at = 5, revoked_by = 'x' WHERE sequence = {sequence}"));
            were_left_open.1 += usize::from(is_left_open(&store));
            let found = store.token_by_digest(&digest(sequence)).unwrap().unwrap();
            assert_eq!(found.token.revocation.map(|revocation| revocation.at), Some(5));

            leave_open(&store, &granting);
            granting.execute("INSERT INTO token_usage VALUES (?1, 77, 1, NULL)", [sequence]).unwrap();
            // What is not asked for a check is as it is now.
            let shown = store.token_by_id(&found.token.id).unwrap().unwrap();
            assert_eq!(shown.token.last_used_at, Some(77));
        }
    }

    #[test]
    fn what_is_kept_of_others_is_no_older_than_its_number() {
        let (_folder, path, store) = store();
        let (other, writing) = (open(&path), connect(&path));
        for round in 0..100 {
            leave_open(&store, &writing);
            change(&other, &format!("UPDATE identity SET name = 'n{round}' WHERE identity_id = 1"));
            for _ in 0..3 {
                let found = store.token_by_digest(&digest(1)).unwrap().unwrap();
                assert_eq!(found.token.identity, format!("n{round}"));
            }
        }
    }

    /// Two connections of a store, whatever the machine has.
    fn two_readers(path: &Path) -> Readers {
        let reader = |_| Reader::new(connect_reader(path).unwrap(), Kept::new(Arc::default()));
        Readers::new((0..2).map(reader))
    }

    #[test]
    fn a_long_read_keeps_no_transaction_of_another_connection_open() {
        let (_folder, path, _store) = store();
        let readers = two_readers(&path);
        let [first, second] = &*readers.shared.readers else { panic!("two") };
        let long_read = lock(first);
        let begun = Instant::now();
        while lock(second).left_open.is_none() {
            assert!(begun.elapsed() < PATIENCE, "none is left open");
            for _ in 0..10 {
                let count = |connection: &Connection, _: &mut Kept| {
                    connection.query_row("SELECT count(*) FROM token", [], |row| row.get::<_, i64>(0)).map(Some)
                };
                assert_eq!(readers.find(0, count).unwrap(), Some(1));
            }
        }
        while lock(second).left_open.is_some() {
            assert!(begun.elapsed() < PATIENCE, "it waits for the long read");
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(long_read);
    }

    #[test]
    fn a_connection_is_used_again_after_a_read_that_panicked() {
        let (_folder, path, _store) = store();
        let readers = two_readers(&path);
        let used = || readers.read(|connection| Ok(std::ptr::from_ref(connection) as usize)).unwrap();
        let first = used();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            readers.read(|_| -> rusqlite::Result<()> { panic!("on purpose") })
        }));
        assert!(panicked.is_err() && readers.shared.readers[0].is_poisoned());
        assert_eq!(used(), first);
    }

    #[test]
    fn nothing_is_left_open_beside_a_store_that_rests() {
        let (_folder, path, store) = store();
        let other = connect(&path);
        other.busy_timeout(Duration::ZERO).unwrap();
        for sequence in 2..12 {
            leave_open(&store, &other);
            grant(&other, sequence);
            wait_until_ended(&store);
            let is_busy: i64 = other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
            assert_eq!((is_busy, log_bytes(&path)), (0, 0));
        }
        // One that closes waits for nobody.
        leave_open(&store, &other);
        drop(store);
        let mode: String = other.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0)).unwrap();
        assert_eq!(mode, "delete", "nobody else has it open");
    }

    #[test]
    fn nothing_is_left_open_while_a_long_log_waits_to_be_written_back() {
        let (_folder, path, store) = store();
        let (reading, writing) = (connect(&path), connect(&path));
        leave_open(&store, &writing);
        reading.execute_batch("BEGIN; SELECT 1 FROM token").unwrap();
        writing.execute_batch("CREATE TABLE other (content)").unwrap();
        let fill = || writing.execute("INSERT INTO other VALUES (zeroblob(4096 * 1100))", []).unwrap();
        fill();
        wait_until_ended(&store);
        for _ in 0..1_000 {
            assert!(finds(&store, 1) && !is_left_open(&store));
        }
        reading.execute_batch("COMMIT").unwrap();
        // More than SQLite waits for.
        fill();
        leave_open(&store, &writing);
    }

    #[test]
    fn beside_reads_that_never_pause_the_log_ends_and_the_store_can_be_compacted_and_copied() {
        const MAXIMUM_BYTES: u64 = 16 << 20;
        let (folder, path, store) = store();
        let writing = connect(&path);
        let begun = Instant::now();
        std::thread::scope(|scope| {
            // Whoever reads ends with this, also where the test fails.
            let reading = Arc::new(());
            for _ in 0..2 {
                let (reading, store) = (Arc::downgrade(&reading), &store);
                scope.spawn(move || {
                    while reading.strong_count() > 0 {
                        assert!(finds(store, 1));
                    }
                });
            }
            // Some 60 MB of log, if it never began anew.
            let (mut sequence, mut were_left_open) = (1, 0);
            while sequence < 2_000 || were_left_open <= 10 {
                sequence += 1;
                grant(&writing, sequence);
                were_left_open += usize::from(is_left_open(&store));
                assert!(log_bytes(&path) < MAXIMUM_BYTES, "{sequence}");
                assert!(begun.elapsed() < PATIENCE, "{were_left_open} of {sequence}");
            }
            for rewrites in [false, true] {
                store.compact(rewrites).unwrap();
            }
            store.backup(&folder.path().join("backup.db")).unwrap();
        });
        assert!(begun.elapsed() < PATIENCE, "nobody waited for long");
    }
}
