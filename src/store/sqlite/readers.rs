//! The connections that read, and the transactions that checks leave open on them.
//!
//! To open and close a transaction takes SQLite five times as long as to look a token up whose pages it has. So where checks
//! that have to read follow each other closely, the transaction of one is left open for those that follow.
//!
//! What such a check sees is as new as its number: [`crate::store::Store::change_number`] says of which change, and a
//! transaction that began as of an earlier one is given up. What has no number, a token that was granted since, is
//! not found in it; then the question is put again to the store as it is now.
//!
//! A transaction that stays open keeps SQLite from writing its log back beyond it, and from beginning the log anew. So
//! none stays open for longer than [`LONGEST`]: a thread that sleeps while there is none ends them, whether a
//! check comes or not. And none is left open while the log is [long](LONG_LOG_PAGES) and not written back: then checks
//! leave the same gaps as they would without any of this.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use super::checked::Kept;
use super::counter::milliseconds;
use super::lock;

/// How long a transaction is left open.
const LONGEST: Duration = Duration::from_millis(10);
/// Reads that are further apart are no reason to leave a transaction open. The clock may go in greater steps; then it is
/// those of one step.
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
        if follows_closely && reader.may_leave_open()? && self.will_be_ended() {
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
        let free = readers.iter().find_map(|reader| reader.try_lock().ok());
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
            for reader in &self.readers {
                // One that cannot be ended is tried again by whoever reads next, who hears why.
                let _ = lock(reader).end();
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

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::atomic::AtomicBool;
    use std::time::Instant;

    use super::super::{SqliteStore, failure, file};
    use super::*;
    use crate::store::Store;

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

    /// Ends the threads of a test, also of one that failed.
    struct Over<'a>(&'a AtomicBool);

    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    fn log_bytes(path: &Path) -> u64 {
        std::fs::metadata(path.with_file_name("tokens.db-wal")).unwrap().len()
    }

    #[test]
    fn what_another_process_granted_or_changed_is_seen_in_spite_of_what_is_left_open() {
        let (_folder, path, store) = store();
        let (other, granting) = (open(&path), connect(&path));
        let mut were_left_open = (0, 0);
        for sequence in 2..300 {
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
        assert!(were_left_open.0 > 10 && were_left_open.1 > 10, "{were_left_open:?}");
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

    #[test]
    fn nothing_is_left_open_beside_a_store_that_rests() {
        let (_folder, path, store) = store();
        let other = connect(&path);
        other.busy_timeout(Duration::ZERO).unwrap();
        for sequence in 2..12 {
            leave_open(&store, &other);
            grant(&other, sequence);
            let begun = Instant::now();
            while is_left_open(&store) {
                assert!(begun.elapsed() < Duration::from_secs(5), "nobody ends it");
                std::thread::sleep(Duration::from_millis(1));
            }
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
        std::thread::sleep(LONGEST * 3);
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
        let (is_over, finished) = (AtomicBool::new(false), Instant::now());
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        assert!(finds(&store, 1));
                    }
                });
            }
            let _over = Over(&is_over);
            // Some 60 MB of log, if it never began anew.
            let mut were_left_open = 0;
            for sequence in 2..2_000 {
                grant(&writing, sequence);
                were_left_open += usize::from(is_left_open(&store));
                assert!(log_bytes(&path) < MAXIMUM_BYTES, "{sequence}");
            }
            assert!(were_left_open > 10, "{were_left_open}");
            for rewrites in [false, true] {
                store.compact(rewrites).unwrap();
            }
            store.backup(&folder.path().join("backup.db")).unwrap();
        });
        assert!(finished.elapsed() < Duration::from_secs(60), "nobody waited for long");
    }
}
