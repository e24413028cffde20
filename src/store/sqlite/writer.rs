//! The one writer of a store in this process.
//!
//! Who has something to write puts a job into a queue. Whoever finds nobody writing takes the jobs that wait, its own among
//! them, and runs them in one transaction, so that one synchronisation of the disk serves them all; the others wait to be
//! told. So a lone writer hands nothing to another thread, and many share their commits. Where a transaction has more than
//! one job, each runs in a savepoint of its own, so that one which fails takes nothing with it. A job's caller hears of
//! it only after the commit, which makes every answer durable, and only when the file is still the one at the store's path.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::error::{Error, ErrorCode, Result};

use super::counter::Counter;
use super::{failure, lock};

/// The most jobs that share a transaction; the rest wait for the next, so that no caller waits for ever.
const MAXIMUM_JOBS_PER_COMMIT: usize = 256;

/// How long a transaction waits for as many jobs as the last one had. Its callers have just been answered, and those that
/// come back are with it rather than one commit behind. It is far less than a commit takes.
const GATHERING: Duration = Duration::from_micros(50);

/// Tells a job's caller how its transaction ended.
type Answer = Box<dyn FnOnce(Result<()>) + Send>;
/// Does the job's work and gives the answer to send after the commit. A job that fails, or is given the
/// reason why it cannot run, answers its caller itself and gives none.
type Job = Box<dyn FnOnce(Result<&Connection>) -> Option<Answer> + Send>;

/// The connection that writes, and the queue to it.
pub(super) struct Writer {
    queue: Mutex<Queue>,
    connection: Mutex<Connection>,
    counter: Arc<Counter>,
    is_in_place: Box<dyn Fn() -> Result<()> + Send + Sync>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// Whether a caller is running jobs.
    is_led: bool,
    /// How many jobs the last transaction had.
    last: usize,
}

struct Waiting {
    job: Job,
    /// Wakes the caller, so that it leads if nobody else does.
    wake: Box<dyn Fn() + Send>,
}

/// What a caller waits for.
enum Told<T> {
    /// How its job ended.
    Ended(Result<T>),
    /// That whoever ran jobs is through, and its own is next.
    MayLead,
}

/// A caller's turn to run jobs. It ends also when something panics.
struct Lead<'a>(&'a Writer);

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut queue = lock(&self.0.queue);
        queue.is_led = false;
        if let Some(next) = queue.waiting.front() {
            (next.wake)();
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

    /// Runs `job` in a transaction and returns what it gives, once that is durable.
    ///
    /// When `job` fails, nothing of it is kept.
    pub(super) fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        // Room for both things that a caller can be told, so that nobody who tells it ever waits.
        let (tell, told) = sync_channel(2);
        let wake = tell.clone();
        let job: Job = Box::new(move |connection| {
            let result = connection.and_then(|connection| {
                catch_unwind(AssertUnwindSafe(|| job(connection))).unwrap_or_else(|panic| Err(defect(&*panic)))
            });
            // The caller waits below for as long as `tell` lives, so no send can go astray.
            match result {
                Ok(value) => Some(Box::new(move |ended: Result<()>| {
                    let _ = tell.send(Told::Ended(ended.map(|()| value)));
                })),
                Err(error) => {
                    let _ = tell.send(Told::Ended(Err(error)));
                    None
                }
            }
        });
        // One that was woken before and did not hear it yet needs no second call.
        let wake = Box::new(move || {
            let _ = wake.try_send(Told::MayLead);
        });
        lock(&self.queue).waiting.push_back(Waiting { job, wake });
        self.lead();
        loop {
            match told.recv() {
                Ok(Told::Ended(result)) => return result,
                Ok(Told::MayLead) => self.lead(),
                Err(_) => return Err(defect(&())),
            }
        }
    }

    /// Runs the jobs that wait in one transaction, unless somebody is doing so, and answers each when it has ended.
    fn lead(&self) {
        let gathered = {
            let mut queue = lock(&self.queue);
            if queue.is_led || queue.waiting.is_empty() {
                return;
            }
            queue.is_led = true;
            queue.last
        };
        let turn = Lead(self);
        let mut jobs = self.gather(gathered);
        let (answers, ended) = commit_together(&lock(&self.connection), &self.counter, &mut jobs, &*self.is_in_place);
        if !jobs.is_empty() {
            // What was not begun when the transaction was lost has the next one.
            let mut queue = lock(&self.queue);
            jobs.append(&mut queue.waiting);
            queue.waiting = jobs;
        }
        // Before the answers, so that the next transaction begins while those who are told come back.
        drop(turn);
        for answer in answers {
            answer(ended.clone());
        }
    }

    /// The jobs of the next transaction, in the order in which they came.
    fn gather(&self, expected: usize) -> VecDeque<Waiting> {
        let begun = Instant::now();
        loop {
            let mut queue = lock(&self.queue);
            if queue.waiting.len() >= expected || begun.elapsed() >= GATHERING {
                let count = queue.waiting.len().min(MAXIMUM_JOBS_PER_COMMIT);
                queue.last = count;
                return queue.waiting.drain(..count).collect();
            }
            drop(queue);
            std::thread::yield_now();
        }
    }
}

fn defect(_panic: &(dyn Any + Send)) -> Error {
    // The panic's text is left out: it could hold a value.
    Error::new(ErrorCode::Internal, "A defect in Tessera: a job of the store's writer panicked. Nothing was written.")
}

/// Runs the jobs in one transaction, until one loses it. Gives the answers that are still to be sent, and how it ended.
fn commit_together(
    connection: &Connection,
    counter: &Counter,
    jobs: &mut VecDeque<Waiting>,
    is_in_place: &dyn Fn() -> Result<()>,
) -> (Vec<Answer>, Result<()>) {
    let mut answers = Vec::with_capacity(jobs.len());
    let open = match counter.begin(connection) {
        Ok(open) => open,
        Err(error) => {
            for waiting in jobs.drain(..) {
                (waiting.job)(Err(error.clone()));
            }
            return (answers, Err(error));
        }
    };
    let run_one = if jobs.len() == 1 { run_alone } else { run_in_savepoint };
    let mut kept = Ok(());
    while kept.is_ok() {
        let Some(waiting) = jobs.pop_front() else { break };
        kept = run_one(connection, waiting.job, &mut answers);
    }
    // A job that failed alone is taken back with its transaction.
    if kept.is_ok() && !answers.is_empty() {
        kept = is_in_place().and_then(|()| open.commit());
    }
    drop(open);
    // And after: nobody must be told of what went into a file that was replaced during the commit.
    (answers, kept.and_then(|()| is_in_place()))
}

/// Runs the only job of a transaction, which is committed only if this gives an answer.
fn run_alone(connection: &Connection, job: Job, answers: &mut Vec<Answer>) -> Result<()> {
    answers.extend(job(Ok(connection)));
    refuse_lost(connection)
}

/// Runs one job so that it can fail alone. An error means that the whole transaction is lost.
fn run_in_savepoint(connection: &Connection, job: Job, answers: &mut Vec<Answer>) -> Result<()> {
    if let Err(error) = failure::run(connection, "SAVEPOINT job") {
        job(Err(error.clone()));
        return Err(error);
    }
    let answer = job(Ok(connection));
    let has_failed = answer.is_none();
    answers.extend(answer);
    refuse_lost(connection)?;
    if has_failed {
        failure::run(connection, "ROLLBACK TO job")?;
    }
    failure::run(connection, "RELEASE job")
}

/// Tells a transaction that SQLite has ended by itself, as it may on a full disk or when reading or writing fails.
fn refuse_lost(connection: &Connection) -> Result<()> {
    if !connection.is_autocommit() {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::StoreUnavailable,
        "The store could not be written, and what was being written with this was taken back. Try again.",
    ))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A writer of a store in memory, which has a table of different numbers beside its own.
    pub(in super::super) fn writer() -> Writer {
        let mut connection = Connection::open_in_memory().unwrap();
        super::super::schema::migrate(&mut connection).unwrap();
        connection.execute_batch("CREATE TABLE number (value INTEGER UNIQUE)").unwrap();
        Writer::new(connection, Arc::new(Counter::of(std::path::Path::new("in memory"))), || Ok(()))
    }

    fn insert(value: i64) -> impl FnOnce(&Connection) -> Result<()> + Send + 'static {
        move |connection| failure::context(connection.execute("INSERT INTO number VALUES (?)", [value])).map(|_| ())
    }

    fn count(writer: &Writer) -> i64 {
        writer
            .write(|connection| {
                failure::context(connection.query_row("SELECT count(*) FROM number", [], |row| row.get(0)))
            })
            .unwrap()
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
