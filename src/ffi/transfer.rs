//! Exported functions over files of tokens. A file crosses the boundary in pieces, whichever way it goes, and is never
//! there as a whole.
//!
//! An import reads its source in a thread of its own, which the caller's pieces feed: the reader asks for the next bytes
//! where it needs them, and no state of its has to be kept between two calls.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use interoptopus::ffi;
use serde::{Deserialize, Serialize};

use crate::crypto::passphrase::MAXIMUM_PASSPHRASE_BYTES;
use crate::error::{Error, ErrorCode, Result};
use crate::format::transfer::TransferForm;
use crate::secret::Secret;
use crate::service::{BadLine, Export, ExportOptions, ImportCounts, ImportEvent, ImportOptions, ImportReport};

use super::buffer::Buffer;
use super::handle::{self, Handles, OpenStore};
use super::{guard, input};

/// The most bytes of a piece that is written to an import. What is wrong with its lines waits until the call ends, so
/// this bounds how much that is.
const MAXIMUM_PIECE_BYTES: u64 = 65_536;

static EXPORTS: Handles<OpenExport> = Handles::new("export", 0x7e57);
static IMPORTS: Handles<OpenImport> = Handles::new("import", 0x7e58);

struct OpenExport {
    store: Arc<OpenStore>,
    export: Mutex<Export>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExportRequest {
    format: String,
    profile: Option<String>,
    identity: Option<String>,
}

/// Begins to export tokens: `{format: "JsonLines" | "Csv", profile?, identity?}`, with the passphrase that the peppers
/// are sealed under beside it. Writes a handle to `transfer`, to be closed with [`tessera_export_close()`].
///
/// # Safety
///
/// The inputs can be read for their lengths; `transfer` and `response` may be written to.
#[ffi]
pub unsafe fn tessera_export_open(
    store: u64,
    request: *const u8,
    request_length: u64,
    passphrase: *const u8,
    passphrase_length: u64,
    transfer: *mut u64,
    response: *mut Buffer,
) -> u32 {
    let open = || -> Result<Vec<u8>> {
        let store = handle::find(store)?;
        // SAFETY: by the contract.
        let request: ExportRequest = unsafe { input::request(request, request_length) }?;
        // SAFETY: by the contract.
        let passphrase = unsafe { passphrase_of(passphrase, passphrase_length) }?;
        if transfer.is_null() {
            return Err(no_place());
        }
        let begun = store.session().export(&ExportOptions {
            form: form(&request.format)?,
            passphrase: passphrase.unwrap_or_else(|| Secret::new(Vec::new())),
            profile: request.profile,
            identity: request.identity,
        })?;
        let handle = EXPORTS.give(OpenExport { store, export: Mutex::new(begun) })?;
        // SAFETY: by the contract; null was refused above.
        unsafe { transfer.write(handle) };
        Ok(Vec::new())
    };
    // SAFETY: by the contract.
    unsafe { guard::raw_answer(response, open) }
}

/// Writes the next piece of the file to `piece`, and nothing at its end; `{tokens}` says how many were written so far.
///
/// # Safety
///
/// `piece` and `response` may be written to.
#[ffi]
pub unsafe fn tessera_export_next(transfer: u64, piece: *mut Buffer, response: *mut Buffer) -> u32 {
    let next = || {
        let open = EXPORTS.find(transfer)?;
        if piece.is_null() {
            return Err(no_place());
        }
        let mut export = lock(&open.export);
        let bytes = open.store.session().export_next(&mut export)?.unwrap_or_default();
        // SAFETY: by the contract; null was refused above.
        unsafe { piece.write(Buffer::give(bytes)) };
        Ok(ExportProgress { tokens: export.tokens() })
    };
    // SAFETY: by the contract.
    unsafe { guard::answer(response, next) }
}

#[derive(Serialize)]
struct ExportProgress {
    tokens: u64,
}

/// Ends an export, at its end or before it.
#[ffi]
pub fn tessera_export_close(transfer: u64) -> u32 {
    guard::code(|| EXPORTS.close(transfer))
}

/// An import that is under way. When it is dropped its thread ends, with what was brought over by then.
struct OpenImport {
    /// The way to the thread; none after the last piece.
    pieces: Mutex<Option<SyncSender<Secret>>>,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<Result<ImportReport>>>>,
}

/// What the thread tells.
#[derive(Default)]
struct Shared {
    told: Mutex<Told>,
    is_canceled: AtomicBool,
}

#[derive(Default)]
struct Told {
    counts: ImportCounts,
    bad_lines: Vec<BadLine>,
}

impl Drop for OpenImport {
    fn drop(&mut self) {
        self.shared.is_canceled.store(true, Ordering::Relaxed);
        *lock(&self.pieces) = None;
        if let Some(thread) = lock(&self.thread).take() {
            // Whoever drops it does not ask any more how it ended.
            let _ = thread.join();
        }
    }
}

/// The pieces as one source.
struct Pieces {
    coming: Receiver<Secret>,
    piece: Secret,
    position: usize,
    shared: Arc<Shared>,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.position == self.piece.as_bytes().len() {
            match self.coming.recv() {
                Ok(piece) => (self.piece, self.position) = (piece, 0),
                Err(_) if self.shared.is_canceled.load(Ordering::Relaxed) => {
                    return Err(io::Error::other("the import was canceled"));
                }
                Err(_) => return Ok(0),
            }
        }
        let read = self.piece.as_bytes()[self.position..].as_ref().read(buffer)?;
        self.position += read;
        Ok(read)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ImportRequest {
    format: String,
    profile: Option<String>,
    create_identities: Option<bool>,
    stop_on_error: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ImportProgress {
    created: u64,
    unchanged: u64,
    bad: u64,
    identities: u64,
    bad_lines: Vec<BadLineRecord>,
    is_over: bool,
    is_complete: bool,
}

#[derive(Serialize)]
struct BadLineRecord {
    line: u64,
    code: &'static str,
    message: String,
    subject: Option<String>,
}

/// Begins to import tokens: `{format: "JsonLines" | "Csv", profile? = "Default", createIdentities? = false, stopOnError?
/// = false}`, with the passphrase of the file's peppers beside it, where it has any. Writes a handle to `transfer`, to be
/// closed with [`tessera_import_close()`].
///
/// # Safety
///
/// The inputs can be read for their lengths; `transfer` and `response` may be written to.
#[ffi]
pub unsafe fn tessera_import_open(
    store: u64,
    request: *const u8,
    request_length: u64,
    passphrase: *const u8,
    passphrase_length: u64,
    transfer: *mut u64,
    response: *mut Buffer,
) -> u32 {
    let open = || -> Result<Vec<u8>> {
        let store = handle::find(store)?;
        // SAFETY: by the contract.
        let request: ImportRequest = unsafe { input::request(request, request_length) }?;
        // SAFETY: by the contract.
        let passphrase = unsafe { passphrase_of(passphrase, passphrase_length) }?;
        if transfer.is_null() {
            return Err(no_place());
        }
        let options = ImportOptions {
            form: form(&request.format)?,
            profile: request.profile,
            passphrase,
            creates_identities: request.create_identities.unwrap_or(false),
            stops_at_bad_line: request.stop_on_error.unwrap_or(false),
        };
        let handle = IMPORTS.give(OpenImport::begin(store, options)?)?;
        // SAFETY: by the contract; null was refused above.
        unsafe { transfer.write(handle) };
        Ok(Vec::new())
    };
    // SAFETY: by the contract.
    unsafe { guard::raw_answer(response, open) }
}

/// Takes the next piece of the file, at most 64 KiB, and says how far the import has come: `{created, unchanged, bad,
/// identities, badLines: [{line, code, message, subject}], isOver, isComplete}`. Each bad line is told once. When it is
/// over the rest of the file is not asked for: [`tessera_import_finish()`] says why.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_import_write(transfer: u64, piece: *const u8, piece_length: u64, response: *mut Buffer) -> u32 {
    let write = || {
        let import = IMPORTS.find(transfer)?;
        // SAFETY: by the contract.
        let piece = unsafe { input::bytes(piece, piece_length, MAXIMUM_PIECE_BYTES, "piece") }?;
        let pieces = lock(&import.pieces).clone();
        let is_taken = pieces.is_some_and(|pieces| pieces.send(Secret::from(piece)).is_ok());
        Ok(import.progress(!is_taken, false))
    };
    // SAFETY: by the contract.
    unsafe { guard::answer(response, write) }
}

/// Says that there are no more pieces, waits until what came is brought over, and says what the import came to, as
/// [`tessera_import_write()`] does; `isComplete` says whether the whole file was read.
///
/// # Safety
///
/// `response` may be written to.
#[ffi]
pub unsafe fn tessera_import_finish(transfer: u64, response: *mut Buffer) -> u32 {
    let finish = || {
        let import = IMPORTS.find(transfer)?;
        *lock(&import.pieces) = None;
        let Some(thread) = lock(&import.thread).take() else {
            return Err(Error::new(ErrorCode::Conflict, "The import was finished before.").about("import"));
        };
        let report = thread.join().unwrap_or_else(|_| {
            Err(Error::new(ErrorCode::Internal, "A defect in Tessera ended the import. What was told before stays."))
        })?;
        lock(&import.shared.told).counts = report.counts;
        Ok(import.progress(true, report.is_complete))
    };
    // SAFETY: by the contract.
    unsafe { guard::answer(response, finish) }
}

/// Ends an import. One that was not finished stops where it is; what was brought over by then stays.
#[ffi]
pub fn tessera_import_close(transfer: u64) -> u32 {
    guard::code(|| IMPORTS.close(transfer))
}

impl OpenImport {
    fn begin(store: Arc<OpenStore>, options: ImportOptions) -> Result<Self> {
        // One piece may wait while another is read.
        let (pieces, coming) = sync_channel(1);
        let shared = Arc::new(Shared::default());
        let thread = {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new().name("tessera-import".to_owned()).spawn(move || {
                let source =
                    Pieces { coming, piece: Secret::new(Vec::new()), position: 0, shared: Arc::clone(&shared) };
                store.session().import(source, &options, &mut |event| {
                    let mut told = lock(&shared.told);
                    match event {
                        ImportEvent::BadLine(line) => told.bad_lines.push(line),
                        ImportEvent::Progress(counts) => told.counts = counts,
                    }
                    if shared.is_canceled.load(Ordering::Relaxed) {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                })
            })
        };
        let thread =
            thread.map_err(|_| Error::new(ErrorCode::Overloaded, "The system gives no thread to import with."))?;
        Ok(Self { pieces: Mutex::new(Some(pieces)), shared, thread: Mutex::new(Some(thread)) })
    }

    fn progress(&self, is_over: bool, is_complete: bool) -> ImportProgress {
        let mut told = lock(&self.shared.told);
        let bad_lines = std::mem::take(&mut told.bad_lines);
        let bad_lines = bad_lines.into_iter().map(|BadLine { line, error }| BadLineRecord {
            line,
            code: error.code().name(),
            message: error.message().to_owned(),
            subject: error.subject().map(str::to_owned),
        });
        let ImportCounts { created, unchanged, bad, identities, .. } = told.counts;
        ImportProgress { created, unchanged, bad, identities, bad_lines: bad_lines.collect(), is_over, is_complete }
    }
}

/// # Safety
///
/// `data` is null, or `length` bytes can be read there.
unsafe fn passphrase_of(data: *const u8, length: u64) -> Result<Option<Secret>> {
    // SAFETY: handed on.
    let bytes = unsafe { input::optional_bytes(data, length, MAXIMUM_PASSPHRASE_BYTES as u64, "passphrase") }?;
    Ok(bytes.map(Secret::from))
}

fn form(name: &str) -> Result<TransferForm> {
    match name {
        "JsonLines" => Ok(TransferForm::JsonLines),
        "Csv" => Ok(TransferForm::Csv),
        _ => Err(Error::argument("format", "The format is not one of JsonLines and Csv.")),
    }
}

fn no_place() -> Error {
    Error::argument("response", "There is no place to write the handle or the piece to.")
}

/// Locks, also after a panic elsewhere: what these locks guard is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
