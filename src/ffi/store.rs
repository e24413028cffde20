//! Exported functions over the store as a whole.

use std::path::PathBuf;
use std::sync::Arc;

use interoptopus::ffi;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::crypto::keyring::Keyring;
use crate::error::Result;
use crate::model::Actor;
use crate::secret::Secret;
use crate::service::{Engine, OpenOptions, Session};

use super::buffer::Buffer;
use super::call::call;
use super::handle::{self, HostClock, OpenStore};
use super::{guard, input};

/// The most bytes of a key file's text.
const MAXIMUM_KEY_BYTES: u64 = Keyring::MAXIMUM_TEXT_BYTES as u64;

/// Writes the library's version as plain text, such as `0.1.0`. A binding of another version must not go on.
///
/// # Safety
///
/// `response` may be written to.
#[ffi]
pub unsafe fn tessera_version(response: *mut Buffer) -> u32 {
    // SAFETY: by the contract.
    unsafe { guard::raw_answer(response, || Ok(env!("CARGO_PKG_VERSION").as_bytes().to_vec())) }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OpenRequest {
    path: PathBuf,
    issuer: Option<String>,
    create: Option<bool>,
    clock_seconds: Option<i64>,
}

/// Opens a store: `{path, issuer?, create? = true, clockSeconds?}`, with the text of its key file in `key`
/// where the caller keeps that. Writes the handle to `store`.
///
/// # Safety
///
/// The inputs can be read for their lengths; `store` and `response` may be written to.
#[ffi]
pub unsafe fn tessera_store_open(
    request: *const u8,
    request_length: u64,
    key: *const u8,
    key_length: u64,
    store: *mut u64,
    response: *mut Buffer,
) -> u32 {
    let open = || -> Result<()> {
        // SAFETY: by the contract.
        let request: OpenRequest = unsafe { input::request(request, request_length) }?;
        // SAFETY: by the contract.
        let key = unsafe { input::optional_bytes(key, key_length, MAXIMUM_KEY_BYTES, "key") }?;
        if store.is_null() {
            return Err(crate::error::Error::argument("store", "There is no place to write the handle to."));
        }
        let clock = Arc::new(HostClock::default());
        if let Some(now_seconds) = request.clock_seconds {
            clock.set(now_seconds);
        }
        let options = OpenOptions {
            path: request.path,
            create: request.create.unwrap_or(true),
            issuer: request.issuer,
            key: key.map(Secret::from),
        };
        let engine = Engine::open_with_clock(options, Box::new(SharedClock(Arc::clone(&clock))))?;
        let handle = handle::give(OpenStore { engine: Arc::new(engine), clock, actor: Actor::LocalOwner });
        // SAFETY: by the contract; null was refused above.
        unsafe { store.write(handle) };
        Ok(())
    };
    // SAFETY: by the contract.
    unsafe { guard::raw_answer(response, || open().map(|()| Vec::new())) }
}

/// Closes a store. Calls that use it meanwhile end in their own time.
#[ffi]
pub fn tessera_store_close(store: u64) -> u32 {
    guard::code(|| handle::close(store))
}

/// From now on the store's clock shows `now_seconds` since 1970, until it is set again.
#[ffi]
pub fn tessera_store_set_clock(store: u64, now_seconds: i64) -> u32 {
    guard::code(|| {
        handle::find(store)?.clock.set(now_seconds);
        Ok(())
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusResponse {
    path: String,
    store_id: String,
    issuer: String,
    schema_version: i64,
    sqlite_version: &'static str,
    size_bytes: u64,
    created_at: i64,
    tokens: TokenCounts,
    identities: u64,
    signing_keys: u64,
}

#[derive(Serialize)]
struct TokenCounts {
    total: u64,
    active: u64,
    pending: u64,
    expired: u64,
    revoked: u64,
    disabled: u64,
}

/// Writes what the store is and holds: `{path, storeId, issuer, schemaVersion, sqliteVersion, sizeBytes,
/// createdAt, tokens: {total, active, pending, expired, revoked, disabled}, identities, signingKeys}`.
///
/// # Safety
///
/// `response` may be written to.
#[ffi]
pub unsafe fn tessera_store_status(store: u64, response: *mut Buffer) -> u32 {
    let status = || {
        let status = handle::find(store)?.session().status()?;
        let counts = status.counts;
        let tokens = TokenCounts {
            total: counts.active_tokens
                + counts.pending_tokens
                + counts.expired_tokens
                + counts.revoked_tokens
                + counts.disabled_tokens,
            active: counts.active_tokens,
            pending: counts.pending_tokens,
            expired: counts.expired_tokens,
            revoked: counts.revoked_tokens,
            disabled: counts.disabled_tokens,
        };
        Ok(StatusResponse {
            path: status.path.to_string_lossy().into_owned(),
            store_id: status.store_id,
            issuer: status.issuer,
            schema_version: counts.schema_version,
            sqlite_version: counts.sqlite_version,
            size_bytes: counts.size_bytes,
            created_at: status.created_at,
            tokens,
            identities: counts.identities,
            signing_keys: counts.signing_keys,
        })
    };
    // SAFETY: by the contract.
    unsafe { guard::answer(response, status) }
}

#[derive(Serialize)]
struct CheckResponse {
    ok: bool,
    problems: Vec<String>,
}

/// Reads the whole store for damage: `{ok, problems}`.
///
/// # Safety
///
/// `response` may be written to.
#[ffi]
pub unsafe fn tessera_store_check(store: u64, response: *mut Buffer) -> u32 {
    let check = || {
        let problems = handle::find(store)?.session().problems()?;
        Ok(CheckResponse { ok: problems.is_empty(), problems })
    };
    // SAFETY: by the contract.
    unsafe { guard::answer(response, check) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BackupRequest {
    path: PathBuf,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BackupResponse {
    path: String,
    size_bytes: u64,
}

/// Copies the store, without its key, to a new file: `{path}` to `{path, sizeBytes}`.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_store_backup(store: u64, request: *const u8, request_length: u64, response: *mut Buffer) -> u32 {
    let backup = |session: &Session<'_>, request: BackupRequest| {
        let size_bytes = session.backup(&request.path)?;
        Ok(BackupResponse { path: request.path.to_string_lossy().into_owned(), size_bytes })
    };
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, backup) }
}

/// The engine's view of the clock that the handle's owner may set.
struct SharedClock(Arc<HostClock>);

impl Clock for SharedClock {
    fn now_seconds(&self) -> i64 {
        self.0.now_seconds()
    }
}
