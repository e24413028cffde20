//! Exported functions over the search for leaks.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use interoptopus::ffi;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::format::scan::CandidateKind;
use crate::model::TokenId;
use crate::service::{Leak, LeakRequest, LeakSearch, NotRead};

use super::buffer::Buffer;
use super::handle::{self, Handles, OpenStore};
use super::wire::TokenRecord;
use super::{guard, input};

/// The longest that a call waits.
const MAXIMUM_PATIENCE: Duration = Duration::from_secs(1);

/// What the handle of a search stands for.
struct OpenSearch {
    /// Keeps the store open until the search is over.
    store: Arc<OpenStore>,
    search: LeakSearch,
}

static SEARCHES: Handles<OpenSearch> = Handles::new("search", 0x7e56);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SearchRequest {
    paths: Vec<PathBuf>,
    maximum_depth: Option<u32>,
    includes_unknown: Option<bool>,
}

/// Starts to search files and folders for values of tokens: `{paths, maximumDepth?, includesUnknown? = false}`. Writes
/// a handle to `search`, by which the search is asked and ended, also after the store's handle was closed.
///
/// # Safety
///
/// The input can be read for its length; `search` and `response` may be written to.
#[ffi]
pub unsafe fn tessera_leak_open(
    store: u64,
    request: *const u8,
    request_length: u64,
    search: *mut u64,
    response: *mut Buffer,
) -> u32 {
    let open = || -> Result<Vec<u8>> {
        let store = handle::find(store)?;
        // SAFETY: by the contract.
        let request: SearchRequest = unsafe { input::request(request, request_length) }?;
        if search.is_null() {
            return Err(Error::argument("search", "There is no place to write the handle to."));
        }
        let started = store.session().find_leaks(LeakRequest {
            paths: request.paths,
            maximum_depth: request.maximum_depth.map(|depth| usize::try_from(depth).unwrap_or(usize::MAX)),
            includes_unknown: request.includes_unknown.unwrap_or(false),
        })?;
        let handle = SEARCHES.give(OpenSearch { store, search: started })?;
        // SAFETY: by the contract; null was refused above.
        unsafe { search.write(handle) };
        Ok(Vec::new())
    };
    // SAFETY: by the contract.
    unsafe { guard::raw_answer(response, open) }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PageResponse {
    leaks: Vec<LeakRecord>,
    not_read: Vec<UnreadRecord>,
    files: u64,
    bytes: u64,
    is_last: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LeakRecord {
    path: String,
    line: u64,
    offset: u64,
    kind: &'static str,
    token: Option<TokenRecord>,
    stated_id: Option<String>,
    key_id: Option<String>,
}

#[derive(Serialize)]
struct UnreadRecord {
    path: String,
    reason: &'static str,
    message: String,
}

impl LeakRecord {
    fn of(leak: Leak, now_seconds: i64) -> Self {
        Self {
            path: text(&leak.path),
            line: leak.line,
            offset: leak.offset,
            kind: match leak.kind {
                CandidateKind::Opaque => "Opaque",
                CandidateKind::Jwt => "Jwt",
                CandidateKind::Foreign => "Foreign",
            },
            token: leak.token.map(|token| TokenRecord::of(token, now_seconds)),
            stated_id: leak.stated_id.as_ref().map(TokenId::to_string),
            key_id: leak.key_id,
        }
    }
}

/// Says what a search met next: `{leaks: [{path, line, offset, kind, token, statedId, keyId}], notRead: [{path, reason,
/// message}], files, bytes, isLast}`. It waits for the first entry at most so long, one second at the most, so a page
/// may be empty. `kind` is `Opaque`, `Jwt` or `Foreign`; `reason` is `NotFound`, `NotPermitted`, `InUse`, `NotAFile` or
/// `Failed`.
///
/// # Safety
///
/// `response` may be written to.
#[ffi]
pub unsafe fn tessera_leak_next(search: u64, patience_milliseconds: u32, response: *mut Buffer) -> u32 {
    let next = || {
        let open = SEARCHES.find(search)?;
        let patience = Duration::from_millis(patience_milliseconds.into()).min(MAXIMUM_PATIENCE);
        let session = open.store.session();
        let page = open.search.next(&session, patience)?;
        let now_seconds = session.now_seconds();
        let not_read = page.not_read.into_iter().map(|(path, reason)| UnreadRecord {
            path: text(&path),
            message: reason.to_string(),
            reason: reason_name(&reason),
        });
        Ok(PageResponse {
            not_read: not_read.collect(),
            leaks: page.leaks.into_iter().map(|leak| LeakRecord::of(leak, now_seconds)).collect(),
            files: page.progress.files,
            bytes: page.progress.bytes,
            is_last: page.is_last,
        })
    };
    // SAFETY: by the contract.
    unsafe { guard::answer(response, next) }
}

/// Ends a search. Its threads are gone when this returns, unless a call is asking it, which then ends it.
#[ffi]
pub fn tessera_leak_close(search: u64) -> u32 {
    guard::code(|| SEARCHES.close(search))
}

/// A path as text. What is no Unicode in it is shown as U+FFFD.
fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn reason_name(reason: &NotRead) -> &'static str {
    match reason {
        NotRead::Failed(error) if error.kind() == io::ErrorKind::NotFound => "NotFound",
        NotRead::Failed(error) if error.kind() == io::ErrorKind::PermissionDenied => "NotPermitted",
        NotRead::Failed(_) => "Failed",
        NotRead::HeldOpen => "InUse",
        NotRead::NotAFile => "NotAFile",
    }
}
