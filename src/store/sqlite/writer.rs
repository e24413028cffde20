//! The one writer of a store in this process.
//!
//! Who has something to write puts a job into a queue. Whoever finds nobody writing takes the jobs that wait, its own among
//! them, and runs them in one transaction, so that one synchronisation of the disk serves them all; the others wait to be
//! told. So a lone writer hands nothing to another thread, and many share their commits. A job which fails takes nothing
//! with it: where it had changed something, the transaction is taken back, and the jobs that shared it run again, each in a
//! savepoint of its own. So a job does nothing outside of the transaction, and changes rows and no tables: SQLite's count of
//! changed rows tells whether it had changed something. A job's caller hears of it only after the commit, which makes every
//! answer durable, and only when the file is still the one at the store's path.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::error::{Error, ErrorCode, Result};

use super::counter::Counter;
use super::{failure, lock};

/// The most jobs that share a transaction; the rest wait for the next, so that no caller waits for ever.
const MAXIMUM_JOBS_PER_COMMIT: usize = 256;

/// How long a transaction waits for the callers of the last one. They have just been answered, and those that come back
/// are with it rather than one commit behind. A lone revocation, which is mostly its commit, took 0.8 ms where it was measured.
const GATHERING: Duration = Duration::from_micros(50);

/// How what fails is kept from leaving anything behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// By giving up the transaction, where something was written of it.
    None,
    /// By taking it back. A savepoint makes SQLite copy every page that is changed in it, and nearly always what fails
    /// fails before anything is written, so that [`Care::None`] is tried first.
    Savepoints,
}

/// The connection that writes, and the queue to it.
pub(super) struct Writer {
    queue: Mutex<Queue>,
    connection: Mutex<Connection>,
    counter: Arc<Counter>,
    is_in_place: Box<dyn Fn() -> Result<()> + Send + Sync>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Box<dyn Job>>,
    /// Whether a caller is running jobs.
    is_led: bool,
    /// How many jobs the next transaction may come to have: those that waited when the last one ended, and as many as
    /// that one had.
    expected: usize,
}

/// Something to write, and whoever waits for it.
trait Job: Send {
    /// Does the work, perhaps for a second time after it was taken back. An error is the job's own. None where it has to
    /// run again, with care.
    fn run(&mut self, connection: &Connection, care: Care) -> Option<Result<()>>;
    /// Tells the caller how it ended: how it ran, once the transaction has `ended` well.
    fn end(self: Box<Self>, ended: Result<()>);
    /// Wakes the caller, so that it leads if nobody else does.
    fn wake(&self);
}

struct CallersJob<T, F> {
    job: F,
    value: Option<T>,
    tell: SyncSender<Told<T>>,
}

/// What a caller waits for.
enum Told<T> {
    /// How its job ended.
    Ended(Result<T>),
    /// That whoever ran jobs is through, and its own is next.
    MayLead,
}

impl<T: Send, F: Fn(&Connection, Care) -> Result<Option<T>> + Send> Job for CallersJob<T, F> {
    fn run(&mut self, connection: &Connection, care: Care) -> Option<Result<()>> {
        // A panic's text is left out: it could hold a value.
        let ran = catch_unwind(AssertUnwindSafe(|| (self.job)(connection, care))).unwrap_or_else(|_| Err(defect()));
        match ran {
            Ok(None) if care == Care::None => None,
            ran => Some(ran.map(|value| self.value = value)),
        }
    }

    fn end(self: Box<Self>, ended: Result<()>) {
        // The caller waits for as long as `tell` lives, so that this does not go astray.
        let Self { job, value, tell } = *self;
        // What it holds is let go before the caller goes on.
        drop(job);
        let _ = tell.send(Told::Ended(ended.and_then(|()| value.ok_or_else(defect))));
    }

    fn wake(&self) {
        // One that was woken before and did not hear it yet needs no second call.
        let _ = self.tell.try_send(Told::MayLead);
    }
}

/// A caller's turn to run jobs. It ends also when something panics.
struct Lead<'a> {
    writer: &'a Writer,
    /// How many jobs its transaction had, those that it did not begin not among them.
    count: usize,
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut queue = lock(&self.writer.queue);
        queue.is_led = false;
        queue.expected = queue.waiting.len() + self.count;
        if let Some(next) = queue.waiting.front() {
            next.wake();
        }
    }
}

impl Writer {
    /// Takes `connection` to write with, and tells by `counter` when it changes something. Before and after each commit
    /// `is_in_place` says whether it counts.
    pub(super) fn new(
        connection: Connection,
        counter: Arc<Counter>,
        is_in_place: impl Fn() -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        let (queue, connection) = (Mutex::default(), Mutex::new(connection));
        Self { queue, connection, counter, is_in_place: Box::new(is_in_place) }
    }

    /// Runs `job` in a transaction and returns what it gives, once that is durable. It may run twice, the second time after
    /// what the first wrote was taken back.
    ///
    /// When `job` fails, nothing of it is kept.
    pub(super) fn write<T: Send + 'static>(
        &self,
        job: impl Fn(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.write_with_care(move |connection, _| job(connection).map(Some))
    }

    /// As [`Self::write`]. Where `job` gives none, it runs again and is told to take care itself of what may fail within it.
    pub(super) fn write_with_care<T: Send + 'static>(
        &self,
        job: impl Fn(&Connection, Care) -> Result<Option<T>> + Send + 'static,
    ) -> Result<T> {
        // Room for both things that a caller can be told, so that nobody who tells it ever waits.
        let (tell, told) = sync_channel(2);
        lock(&self.queue).waiting.push_back(Box::new(CallersJob { job, value: None, tell }));
        self.lead();
        loop {
            match told.recv() {
                Ok(Told::Ended(result)) => return result,
                Ok(Told::MayLead) => self.lead(),
                Err(_) => return Err(defect()),
            }
        }
    }

    /// Runs the jobs that wait in one transaction, unless somebody is doing so, and tells each caller when it has ended.
    fn lead(&self) {
        let expected = {
            let mut queue = lock(&self.queue);
            if queue.is_led || queue.waiting.is_empty() {
                return;
            }
            queue.is_led = true;
            queue.expected
        };
        let mut turn = Lead { writer: self, count: 0 };
        let jobs = self.gather(expected);
        let transaction = Transaction::run(&lock(&self.connection), &self.counter, jobs, &*self.is_in_place);
        // What was not begun is among those that wait.
        turn.count = transaction.run.len();
        if !transaction.not_begun.is_empty() {
            let mut queue = lock(&self.queue);
            let mut waiting = transaction.not_begun;
            waiting.append(&mut queue.waiting);
            queue.waiting = waiting;
        }
        // Before the answers, so that the next transaction begins while those who are told come back.
        drop(turn);
        for (job, result) in transaction.run {
            job.end(result.and_then(|()| transaction.ended.clone()));
        }
    }

    /// The jobs of the next transaction, in the order in which they came.
    fn gather(&self, expected: usize) -> VecDeque<Box<dyn Job>> {
        let begun = Instant::now();
        loop {
            let mut queue = lock(&self.queue);
            let count = queue.waiting.len().min(MAXIMUM_JOBS_PER_COMMIT);
            if count >= expected.min(MAXIMUM_JOBS_PER_COMMIT) || begun.elapsed() >= GATHERING {
                return queue.waiting.drain(..count).collect();
            }
            drop(queue);
            std::thread::yield_now();
        }
    }
}

fn defect() -> Error {
    Error::new(ErrorCode::Internal, "A defect in Tessera: a job of the store's writer broke off. Nothing was written.")
}

/// What became of jobs that were to share a transaction.
struct Transaction {
    /// Those that ran, each with what it came to itself.
    run: Vec<(Box<dyn Job>, Result<()>)>,
    /// Those that did not, because the transaction was lost before.
    not_begun: VecDeque<Box<dyn Job>>,
    /// Whether what was written is durable, and in the store.
    ended: Result<()>,
}

impl Transaction {
    /// Runs the jobs in one transaction, until one loses it. With care only where it must be.
    fn run(
        connection: &Connection,
        counter: &Counter,
        jobs: VecDeque<Box<dyn Job>>,
        is_in_place: &dyn Fn() -> Result<()>,
    ) -> Self {
        let mut transaction = Self { run: Vec::with_capacity(jobs.len()), not_begun: jobs, ended: Ok(()) };
        let is_whole = transaction.attempt(connection, counter, Care::None, is_in_place);
        if !is_whole {
            let begun = transaction.run.drain(..).map(|(job, _)| job);
            let rest = std::mem::take(&mut transaction.not_begun);
            transaction.not_begun = begun.chain(rest).collect();
            transaction.attempt(connection, counter, Care::Savepoints, is_in_place);
        }
        // And after: nobody must be told of what went into a file that was replaced during the commit.
        transaction.ended = transaction.ended.and_then(|()| is_in_place());
        transaction
    }

    /// Gives false where the jobs must run again, with care, and nothing is kept.
    fn attempt(
        &mut self,
        connection: &Connection,
        counter: &Counter,
        care: Care,
        is_in_place: &dyn Fn() -> Result<()>,
    ) -> bool {
        let open = match counter.begin(connection) {
            Ok(open) => open,
            Err(error) => {
                self.run.extend(self.not_begun.drain(..).map(|job| (job, Err(error.clone()))));
                return true;
            }
        };
        while self.ended.is_ok()
            && let Some(mut job) = self.not_begun.pop_front()
        {
            let before = connection.total_changes();
            let result = match care {
                Care::None => job.run(connection, care),
                Care::Savepoints => {
                    let run = || job.run(connection, care).unwrap_or_else(|| Err(defect()));
                    Some(in_savepoint(connection, run, &mut self.ended))
                }
            };
            let is_left_over = matches!(result, Some(Err(_))) && connection.total_changes() != before;
            // What is left of one that has the transaction to itself goes with that.
            let is_alone = self.run.is_empty() && self.not_begun.is_empty();
            let runs_again = care == Care::None && (result.is_none() || (is_left_over && !is_alone));
            self.run.push((job, result.unwrap_or(Ok(()))));
            if connection.is_autocommit() {
                self.ended = Err(lost());
            } else if runs_again {
                return false;
            }
        }
        // A job that failed alone is taken back with its transaction.
        if self.ended.is_ok() && self.run.iter().any(|(_, result)| result.is_ok()) {
            self.ended = is_in_place().and_then(|()| open.commit());
        }
        true
    }
}

/// Runs something so that it can fail alone. Where that cannot be, the transaction is `lost`.
fn in_savepoint(connection: &Connection, run: impl FnOnce() -> Result<()>, lost: &mut Result<()>) -> Result<()> {
    failure::run(connection, "SAVEPOINT job").inspect_err(|error| *lost = Err(error.clone()))?;
    let result = run();
    // Without a transaction there is no savepoint either.
    if !connection.is_autocommit() {
        let taken_back = if result.is_err() { failure::run(connection, "ROLLBACK TO job") } else { Ok(()) };
        *lost = taken_back.and_then(|()| failure::run(connection, "RELEASE job"));
    }
    result
}

/// Tells of a transaction that SQLite has ended by itself, as it may on a full disk or when reading or writing fails.
fn lost() -> Error {
    Error::new(
        ErrorCode::StoreUnavailable,
        "The store could not be written, and what was being written with this was taken back. Try again.",
    )
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A writer of a store in memory, which has a table of different numbers beside its own.
    pub(in super::super) fn writer() -> Writer {
        let mut connection = Connection::open_in_memory().unwrap();
        super::super::schema::migrate(&mut connection).unwrap();
        connection.execute_batch("CREATE TABLE number (value INTEGER UNIQUE)").unwrap();
        Writer::new(connection, Arc::new(Counter::of(std::path::Path::new("in memory"))), || Ok(()))
    }

    fn insert(value: i64) -> impl Fn(&Connection) -> Result<()> + Send + 'static {
        move |connection| failure::context(connection.execute("INSERT INTO number VALUES (?)", [value])).map(|_| ())
    }

    fn count(writer: &Writer) -> i64 {
        writer
            .write(|connection| {
                failure::context(connection.query_row("SELECT count(*) FROM number", [], |row| row.get(0)))
            })
            .unwrap()
    }

    /// Puts a job into the queue for which nobody waits.
    fn push(writer: &Writer, job: fn(&Connection, Care) -> Result<Option<()>>) {
        let (tell, _) = sync_channel(2);
        lock(&writer.queue).waiting.push_back(Box::new(CallersJob { job, value: None, tell }));
    }

    /// Waits for what others do to the queue, but not for ever.
    fn wait_until(writer: &Writer, is_so: &dyn Fn(&Queue) -> bool) {
        let begun = Instant::now();
        while !is_so(&lock(&writer.queue)) {
            assert!(begun.elapsed() < Duration::from_secs(10), "the queue never came to be as it should");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_transaction_waits_for_those_who_shared_the_last_one_and_not_for_ever() {
        let writer = writer();
        let push = |count| (0..count).for_each(|_| push(&writer, |_, _| Ok(Some(()))));
        // Whoever is alone waits for nobody, and neither does one for whom all are there.
        push(1);
        assert_eq!((writer.gather(0).len(), lock(&writer.queue).waiting.len()), (1, 0));
        push(3);
        assert_eq!(writer.gather(3).len(), 3);
        // Who does not come back keeps nobody for longer than that.
        push(1);
        let begun = Instant::now();
        assert_eq!(writer.gather(2).len(), 1);
        assert!(begun.elapsed() >= GATHERING);
        // The rest of very many waits for the next.
        push(MAXIMUM_JOBS_PER_COMMIT + 2);
        assert_eq!(writer.gather(MAXIMUM_JOBS_PER_COMMIT + 2).len(), MAXIMUM_JOBS_PER_COMMIT);
        assert_eq!(writer.gather(0).len(), 2);
    }

    #[test]
    fn the_next_transaction_expects_those_who_shared_this_one_and_those_who_wait() {
        let writer = writer();
        let left = || {
            let queue = lock(&writer.queue);
            (queue.waiting.len(), queue.expected)
        };
        (0..3).for_each(|_| push(&writer, |_, _| Ok(Some(()))));
        writer.lead();
        assert_eq!(left(), (0, 3));
        // What a lost transaction did not begin waits again, and is counted once.
        push(&writer, |connection, _| failure::run(connection, "ROLLBACK").map(Some));
        push(&writer, |connection, _| insert(1)(connection).map(Some));
        writer.lead();
        assert_eq!(left(), (1, 2));
        writer.lead();
        assert_eq!((left(), count(&writer)), ((0, 1), 1));
    }

    #[test]
    fn a_job_that_fails_alone_runs_once() {
        let writer = writer();
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let failed = writer.write(move |connection| {
            counted.fetch_add(1, Ordering::Relaxed);
            insert(1)(connection)?;
            insert(1)(connection)
        });
        assert!(failed.is_err());
        assert_eq!((runs.load(Ordering::Relaxed), count(&writer)), (1, 0));
    }

    #[test]
    fn a_job_that_fails_or_panics_takes_nothing_with_it() {
        let writer = writer();
        std::thread::scope(|scope| {
            for value in 0..100 {
                let writer = &writer;
                scope.spawn(move || {
                    writer.write(insert(value)).unwrap();
                    let failed = writer.write(move |connection| {
                        insert(1_000 + value)(connection)?;
                        insert(value)(connection)
                    });
                    assert!(failed.is_err());
                    let panicked: Result<()> = writer.write(move |connection| {
                        insert(2_000 + value)(connection)?;
                        panic!("on purpose")
                    });
                    assert_eq!(panicked.unwrap_err().code(), ErrorCode::Internal);
                });
            }
        });
        assert_eq!(count(&writer), 100);
    }

    #[test]
    fn what_shared_a_transaction_with_a_job_that_failed_runs_again_and_is_kept() {
        let writer = writer();
        let runs = Arc::new(AtomicUsize::new(0));
        let until = |is_so: &dyn Fn(&Queue) -> bool| wait_until(&writer, is_so);
        std::thread::scope(|scope| {
            // Nobody gets on until all have come.
            let held = lock(&writer.connection);
            scope.spawn(|| writer.write(insert(1)).unwrap());
            until(&|queue| queue.is_led && queue.waiting.is_empty());
            let good = scope.spawn(|| {
                let runs = Arc::clone(&runs);
                writer.write(move |connection| {
                    runs.fetch_add(1, Ordering::Relaxed);
                    insert(2)(connection)
                })
            });
            until(&|queue| queue.waiting.len() == 1);
            let bad = scope.spawn(|| {
                writer.write(|connection| {
                    insert(3)(connection)?;
                    insert(3)(connection)
                })
            });
            until(&|queue| queue.waiting.len() == 2);
            drop(held);
            good.join().unwrap().unwrap();
            assert!(bad.join().unwrap().is_err());
        });
        assert_eq!(runs.load(Ordering::Relaxed), 2);
        assert_eq!(count(&writer), 2);
    }

    #[test]
    fn a_lost_transaction_is_told_to_all_who_shared_it() {
        let writer = writer();
        writer.write(insert(1)).unwrap();
        let lost = writer.write(|connection| {
            insert(2)(connection)?;
            failure::context(connection.execute_batch("ROLLBACK"))
        });
        assert_eq!(lost.unwrap_err().code(), ErrorCode::StoreUnavailable);
        assert_eq!(count(&writer), 1);
    }
}
