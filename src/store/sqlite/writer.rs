//! The one writer of a store in this process.
//!
//! A thread owns the writing connection and takes jobs from a queue. Jobs that wait when it begins, or come
//! before it is through, share a transaction, so that one synchronisation of the disk serves them all; each runs in a savepoint
//! of its own, so that one which fails takes nothing with it. A job's caller hears of it only after the
//! commit, which makes every answer durable, and only when the file is still the one at the store's path.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread::JoinHandle;

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{Error, ErrorCode, Result};

use super::failure;

/// The most jobs that share a transaction; the rest wait for the next, so that no caller waits for ever.
const MAXIMUM_JOBS_PER_COMMIT: usize = 256;

/// Tells a job's caller how its transaction ended.
type Answer = Box<dyn FnOnce(Result<()>) + Send>;
/// Does the job's work and gives the answer to send after the commit. A job that fails, or is given the
/// reason why it cannot run, answers its caller itself and gives none.
type Job = Box<dyn FnOnce(Result<&Connection>) -> Option<Answer> + Send>;

/// The queue to the writing thread. Dropping it ends the thread after the jobs that are in the queue.
pub(super) struct Writer {
    queue: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread that owns `connection`. Before and after each commit `is_in_place` says whether it counts.
    pub(super) fn start(connection: Connection, is_in_place: impl Fn() -> Result<()> + Send + 'static) -> Result<Self> {
        let (queue, jobs) = channel();
        let thread = std::thread::Builder::new()
            .name("tessera-writer".to_owned())
            .spawn(move || run(connection, &jobs, &is_in_place))
            .map_err(|_| {
                Error::new(ErrorCode::StoreUnavailable, "The system gives no thread for the store's writer.")
            })?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Runs `job` in a transaction and returns what it gives, once that is durable.
    ///
    /// When `job` fails, nothing of it is kept.
    pub(super) fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = sync_channel::<Result<T>>(1);
        let job: Job = Box::new(move |connection| {
            let result = connection.and_then(|connection| {
                catch_unwind(AssertUnwindSafe(|| job(connection))).unwrap_or_else(|panic| Err(defect(&*panic)))
            });
            // The caller waits below for as long as `answer` lives, so no send can go astray.
            match result {
                Ok(value) => Some(Box::new(move |ended: Result<()>| {
                    let _ = answer.send(ended.map(|()| value));
                })),
                Err(error) => {
                    let _ = answer.send(Err(error));
                    None
                }
            }
        });
        let gone = || Error::new(ErrorCode::StoreUnavailable, "The store's writer has ended; open the store again.");
        self.queue.as_ref().ok_or_else(gone)?.send(job).map_err(|_| gone())?;
        answered.recv().map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // It catches its jobs' panics, so it ends by itself; there is nothing to do about one that didn't.
            let _ = thread.join();
        }
    }
}

fn defect(_panic: &(dyn Any + Send)) -> Error {
    // The panic's text is left out: it could hold a value.
    Error::new(ErrorCode::Internal, "A defect in Tessera: a job of the store's writer panicked. Nothing was written.")
}

fn run(mut connection: Connection, jobs: &Receiver<Job>, is_in_place: &dyn Fn() -> Result<()>) {
    while let Ok(first) = jobs.recv() {
        let waiting = jobs.try_iter().take(MAXIMUM_JOBS_PER_COMMIT - 1);
        commit_together(&mut connection, std::iter::once(first).chain(waiting), is_in_place);
    }
}

/// Runs the jobs in one transaction and answers each when it has ended.
fn commit_together(connection: &mut Connection, jobs: impl Iterator<Item = Job>, is_in_place: &dyn Fn() -> Result<()>) {
    let mut answers = Vec::new();
    let ended = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Err(error) => {
            let error = failure::translate(&error);
            for job in jobs {
                job(Err(error.clone()));
            }
            Err(error)
        }
        Ok(transaction) => {
            let mut broken = Ok(());
            for job in jobs {
                broken = run_in_savepoint(&transaction, job, &mut answers);
                if broken.is_err() {
                    // The jobs that were not taken from the queue yet have the next transaction.
                    break;
                }
            }
            // A transaction that is dropped without a commit rolls back.
            let kept = broken.and_then(|()| is_in_place()).and_then(|()| failure::context(transaction.commit()));
            // And after: nobody must be told of what went into a file that was replaced during the commit.
            kept.and_then(|()| is_in_place())
        }
    };
    for answer in answers {
        answer(ended.clone());
    }
}

/// Runs one job so that it can fail alone. An error means that the whole transaction is lost.
fn run_in_savepoint(connection: &Connection, job: Job, answers: &mut Vec<Answer>) -> Result<()> {
    if let Err(error) = failure::context(connection.execute_batch("SAVEPOINT job")) {
        job(Err(error.clone()));
        return Err(error);
    }
    let answer = job(Ok(connection));
    if connection.is_autocommit() {
        // On a full disk, or when reading or writing fails, SQLite may end the transaction by itself.
        answers.extend(answer);
        return Err(Error::new(
            ErrorCode::StoreUnavailable,
            "The store could not be written, and what was being written with this was taken back. Try again.",
        ));
    }
    let end = if answer.is_some() { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" };
    answers.extend(answer);
    failure::context(connection.execute_batch(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> Writer {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE number (value INTEGER UNIQUE)").unwrap();
        Writer::start(connection, || Ok(())).unwrap()
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
