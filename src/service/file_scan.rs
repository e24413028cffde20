//! The search of files and folders for token values, by several threads at once; the store is not asked.
//!
//! ```
//! use std::time::Duration;
//! use tessera_native::service::{FileScan, FileScanEvent, FileScanNext, FileScanOptions};
//!
//! # fn main() -> Result<(), tessera_native::error::Error> {
//! # let folder = tempfile::tempdir().unwrap();
//! let scan = FileScan::start(FileScanOptions { paths: vec![folder.path().to_owned()], ..Default::default() })?;
//! loop {
//!     match scan.next(Duration::from_millis(100))? {
//!         FileScanNext::Event(FileScanEvent::Found { path, candidate }) => {
//!             println!("{}:{} {:?}", path.display(), candidate.line, candidate.kind);
//!         }
//!         FileScanNext::Event(FileScanEvent::NotRead { path, reason }) => eprintln!("{}: {reason}", path.display()),
//!         FileScanNext::NotYet => eprintln!("{:?}", scan.progress()),
//!         FileScanNext::End => break,
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What is read:
//!
//! - Each path, and everything below one that is a folder, hidden files included. A path itself may be a link; links
//!   below it are not followed, so the search never leaves it and never goes in a circle.
//! - Files only: pipes, sockets and devices are not opened. Nor are files without length, such as those of `/proc`.
//! - Files as bytes, of any kind and size ([`crate::format::scan`]). Archives and compressed files are not unpacked.
//! - Not the files of a store that this process has open, and on Linux no file that another part of it has open and
//!   that may be a database by its length: to close such a file would take SQLite's locks from it.
//!
//! What cannot be read is told and does not stop the rest.

use std::fmt;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use walkdir::WalkDir;

use crate::error::{Error, ErrorCode, Result};
use crate::format::scan::{Candidate, Patterns, Scanner};
use crate::store::{Opened, open_for_reading};

/// The most threads of a search, and their number on machines with as many cores or more.
pub const MAXIMUM_SCAN_THREADS: usize = 16;

/// The most events that wait to be taken; the search waits when there are as many.
const WAITING_EVENTS: usize = 256;

/// What to search.
#[derive(Debug, Clone, Default)]
pub struct FileScanOptions {
    /// Files and folders, at least one. A file to which two of them lead is read twice.
    pub paths: Vec<PathBuf>,
    /// How many folders below a path are entered: 0 for the files right in it; none for all.
    pub maximum_depth: Option<usize>,
    /// Which values to look for.
    pub patterns: Patterns,
    /// The number of threads, at most 16; none for as many as there are cores.
    pub threads: Option<NonZeroUsize>,
}

/// What a search met. The order is no particular one.
#[derive(Debug)]
pub enum FileScanEvent {
    /// What may be a token's value.
    Found {
        /// The file, under the path that was asked for.
        path: Arc<Path>,
        /// The value and its place.
        candidate: Candidate,
    },
    /// A file that was not read to its end, or a folder.
    NotRead {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        reason: NotRead,
    },
}

/// Why something was not read.
#[derive(Debug)]
pub enum NotRead {
    /// The operating system says so. What was found in a file before stays found.
    Failed(io::Error),
    /// This process has it open, as a store or perhaps as another database.
    HeldOpen,
    /// A path that was asked for is neither a file nor a folder.
    NotAFile,
}

impl fmt::Display for NotRead {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(formatter, "It could not be read: {error}."),
            Self::HeldOpen => formatter.write_str(
                "It was not read, because this process has it open as a database or may have. Close it there first.",
            ),
            Self::NotAFile => formatter.write_str("It is neither a file nor a folder."),
        }
    }
}

/// How far a search has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileScanProgress {
    /// Files that were read.
    pub files: u64,
    /// Bytes that were read.
    pub bytes: u64,
}

/// What [`FileScan::next`] has to say.
#[derive(Debug)]
pub enum FileScanNext {
    /// The search met something.
    Event(FileScanEvent),
    /// Nothing so far; ask again.
    NotYet,
    /// All was searched, or the search was canceled.
    End,
}

/// A search that is under way in threads of its own. Dropping it cancels it and waits until its threads have ended.
pub struct FileScan {
    shared: Arc<Shared>,
    events: Mutex<Option<Receiver<FileScanEvent>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    walk: Mutex<Walk>,
    patterns: Patterns,
    is_canceled: AtomicBool,
    files: AtomicU64,
    bytes: AtomicU64,
}

/// Where the threads take the next file from. It is so short a step that they need no queue.
type Walk = Box<dyn Iterator<Item = walkdir::Result<walkdir::DirEntry>> + Send>;

impl FileScan {
    /// Starts to search.
    ///
    /// Errors: `InvalidArgument` when there is no path; `Overloaded` when the operating system gives no thread.
    pub fn start(options: FileScanOptions) -> Result<Self> {
        if options.paths.is_empty() {
            return Err(Error::argument("paths", "Name at least one file or folder to search."));
        }
        let maximum_depth = options.maximum_depth.map_or(usize::MAX, |depth| depth.saturating_add(1));
        let walk = options.paths.into_iter().flat_map(move |path| WalkDir::new(path).max_depth(maximum_depth));
        let shared = Arc::new(Shared {
            walk: Mutex::new(Box::new(walk)),
            patterns: options.patterns,
            is_canceled: AtomicBool::new(false),
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        });
        let (sender, events) = sync_channel(WAITING_EVENTS);
        let count = options.threads.map(usize::from).or_else(|| Some(thread::available_parallelism().ok()?.into()));
        let threads = (0..count.unwrap_or(1).min(MAXIMUM_SCAN_THREADS)).map(|_| {
            let (shared, sender) = (Arc::clone(&shared), sender.clone());
            thread::Builder::new().name("tessera-scan".to_owned()).spawn(move || shared.work(&sender))
        });
        // Fewer threads than wanted will do.
        let threads: Vec<_> = threads.map_while(io::Result::ok).collect();
        if threads.is_empty() {
            return Err(Error::new(ErrorCode::Overloaded, "The operating system gives no thread to search with."));
        }
        Ok(Self { shared, events: Mutex::new(Some(events)), threads: Mutex::new(threads) })
    }

    /// What the search met next, waiting for it at most for `patience`.
    ///
    /// Fails with `Internal` at the end, when a thread met a defect and so something was left out.
    pub fn next(&self, patience: Duration) -> Result<FileScanNext> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        match events.as_ref().map(|events| events.recv_timeout(patience)) {
            Some(Ok(event)) => return Ok(FileScanNext::Event(event)),
            Some(Err(RecvTimeoutError::Timeout)) => return Ok(FileScanNext::NotYet),
            Some(Err(RecvTimeoutError::Disconnected)) | None => {}
        }
        if self.join() {
            Ok(FileScanNext::End)
        } else {
            Err(Error::new(ErrorCode::Internal, "A defect in Tessera ended the search before all was searched."))
        }
    }

    /// How far the search has come by now.
    pub fn progress(&self) -> FileScanProgress {
        FileScanProgress {
            files: self.shared.files.load(Ordering::Relaxed),
            bytes: self.shared.bytes.load(Ordering::Relaxed),
        }
    }

    /// Ends the search soon: what was met by then can still be taken.
    pub fn cancel(&self) {
        self.shared.is_canceled.store(true, Ordering::Relaxed);
    }

    /// Waits for the threads; whether all of them ended well.
    fn join(&self) -> bool {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let ended: Vec<_> = threads.into_iter().map(JoinHandle::join).collect();
        ended.iter().all(thread::Result::is_ok)
    }
}

impl Drop for FileScan {
    fn drop(&mut self) {
        self.cancel();
        // A thread that waits for room learns that there is nobody to tell.
        *self.events.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.join();
    }
}

impl Shared {
    fn work(&self, events: &SyncSender<FileScanEvent>) {
        let mut scanner = Scanner::new(self.patterns.clone());
        while let Some(step) = self.next_step() {
            let (depth, path, reason) = match step {
                Ok(entry) => match self.scan(&entry, &mut scanner, events) {
                    None => continue,
                    Some(reason) => (entry.depth(), entry.into_path(), reason),
                },
                Err(error) => {
                    let (depth, path) = (error.depth(), error.path().unwrap_or(Path::new("")).to_owned());
                    // Without the walk's own words, which repeat the path. It has no other error, as links are not followed.
                    let error = error.into_io_error().unwrap_or_else(|| io::ErrorKind::Other.into());
                    (depth, path, NotRead::Failed(error))
                }
            };
            // What was there a moment ago and is no more holds nothing.
            let is_gone = matches!(&reason, NotRead::Failed(error) if error.kind() == io::ErrorKind::NotFound);
            if !(is_gone && depth > 0) && events.send(FileScanEvent::NotRead { path, reason }).is_err() {
                return;
            }
        }
    }

    fn next_step(&self) -> Option<walkdir::Result<walkdir::DirEntry>> {
        if self.is_canceled.load(Ordering::Relaxed) {
            return None;
        }
        // After a panic in another thread the walk may be anywhere; that thread's end tells the caller.
        self.walk.lock().ok()?.next()
    }

    /// Searches a file, and says why it could not.
    fn scan(
        &self,
        entry: &walkdir::DirEntry,
        scanner: &mut Scanner,
        events: &SyncSender<FileScanEvent>,
    ) -> Option<NotRead> {
        let is_asked_for = entry.depth() == 0;
        let kind = if is_asked_for {
            match entry.path().metadata() {
                Ok(found) => found.file_type(),
                Err(error) => return Some(NotRead::Failed(error)),
            }
        } else {
            entry.file_type()
        };
        if !kind.is_file() {
            return (is_asked_for && !kind.is_dir()).then_some(NotRead::NotAFile);
        }
        let file = match open_for_reading(entry.path(), is_asked_for) {
            Ok(Opened::File(file)) => file,
            Ok(Opened::Empty) => return None,
            Ok(Opened::Held) => return Some(NotRead::HeldOpen),
            Err(error) => return Some(NotRead::Failed(error)),
        };
        let path: Arc<Path> = entry.path().into();
        let read = scanner.scan(Watched { file, shared: self }, |candidate| {
            if events.send(FileScanEvent::Found { path: Arc::clone(&path), candidate }).is_err() {
                self.is_canceled.store(true, Ordering::Relaxed);
            }
        });
        self.files.fetch_add(1, Ordering::Relaxed);
        read.err().map(NotRead::Failed)
    }
}

/// Counts what is read, and ends when the search is canceled.
struct Watched<'s, R> {
    file: R,
    shared: &'s Shared,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.shared.is_canceled.load(Ordering::Relaxed) {
            return Ok(0);
        }
        let read = self.file.read(buffer)?;
        self.shared.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
