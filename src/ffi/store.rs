//! Exported functions over the store as a whole.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use interoptopus::ffi;
use serde::{Deserialize, Serialize};

use crate::clock::{Clock, SystemClock};
use crate::crypto::keyring::Keyring;
use crate::error::{Error, Result};
use crate::model::Actor;
use crate::policy::{AccessContext, Operation};
use crate::secret::Secret;
use crate::service::{Engine, OpenOptions, Session};

use super::buffer::Buffer;
use super::call::call;
use super::handle::{self, HostClock, OpenStore};
use super::identity::read_password;
use super::token::MAXIMUM_VALUE_BYTES;
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
    flush_interval_seconds: Option<u64>,
}

/// Opens a store: `{path, issuer?, create? = true, clockSeconds?, flushIntervalSeconds? = 30}`, with the text of its key
/// file in `key` where the caller keeps that. Writes the handle to `store`.
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
            return Err(Error::argument("store", "There is no place to write the handle to."));
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
            flush_interval: flush_interval(request.flush_interval_seconds)?,
        };
        let engine = Engine::open_with_clock(options, Box::new(SharedClock(Arc::clone(&clock))))?;
        let handle = handle::give(OpenStore { engine: Arc::new(engine), clock, actor: Actor::LocalOwner })?;
        // SAFETY: by the contract; null was refused above.
        unsafe { store.write(handle) };
        Ok(())
    };
    // SAFETY: by the contract.
    unsafe { guard::raw_answer(response, || open().map(|()| Vec::new())) }
}

/// One second to one day.
fn flush_interval(seconds: Option<u64>) -> Result<Option<Duration>> {
    match seconds {
        Some(0 | 86_401..) => Err(Error::argument("flushInterval", "The flush interval is one second to one day.")),
        seconds => Ok(seconds.map(Duration::from_secs)),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignInRequest {
    identity: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SignInResponse {
    identity: String,
    token_id: Option<String>,
}

/// Signs in: `{identity?}` to `{identity, tokenId}`, who acts. Writes another handle of the store to `signed_in`, with
/// which that one acts and not the store's owner; each handle is closed by itself. `secret` is the password of the
/// identity, or without one the value of a token, for which this is a use and the operation `session.create`.
///
/// # Safety
///
/// The inputs can be read for their lengths; `signed_in` and `response` may be written to.
#[ffi]
pub unsafe fn tessera_store_sign_in(
    store: u64,
    request: *const u8,
    request_length: u64,
    secret: *const u8,
    secret_length: u64,
    signed_in: *mut u64,
    response: *mut Buffer,
) -> u32 {
    let sign_in = || {
        let store = handle::find(store)?;
        // SAFETY: by the contract.
        let request: SignInRequest = unsafe { input::request(request, request_length) }?;
        if signed_in.is_null() {
            return Err(Error::argument("signedIn", "There is no place to write the handle to."));
        }
        let actor = if let Some(name) = request.identity {
            // SAFETY: by the contract.
            let password = unsafe { read_password(secret, secret_length) }?.unwrap_or_default();
            store.engine.sign_in(&name, password)?
        } else {
            // SAFETY: by the contract.
            let value = unsafe { input::bytes(secret, secret_length, MAXIMUM_VALUE_BYTES, "token") }?;
            let operation = Some(Operation::SESSION_CREATE.as_str());
            store.engine.sign_in_with_token(value, AccessContext { operation, ..AccessContext::default() })?
        };
        let answer = SignInResponse {
            identity: actor.name().to_owned(),
            token_id: match &actor {
                Actor::Token { id, .. } => Some(id.to_string()),
                Actor::LocalOwner | Actor::Identity { .. } => None,
            },
        };
        let (engine, clock) = (Arc::clone(&store.engine), Arc::clone(&store.clock));
        let handle = handle::give(OpenStore { engine, clock, actor })?;
        // SAFETY: by the contract; null was refused above.
        unsafe { signed_in.write(handle) };
        Ok(answer)
    };
    // SAFETY: by the contract.
    unsafe { guard::answer(response, sign_in) }
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
    failed_flushes: u64,
    lost_uses: u64,
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
/// createdAt, tokens: {total, active, pending, expired, revoked, disabled}, identities, signingKeys, failedFlushes,
/// lostUses}`.
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
            failed_flushes: status.flushes.failed_flushes,
            lost_uses: status.flushes.lost_uses,
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

/// Writes down what was noted of uses and refusals, and signs the head of the audit log.
///
/// # Safety
///
/// `response` may be written to.
#[ffi]
pub unsafe fn tessera_store_flush(store: u64, response: *mut Buffer) -> u32 {
    // SAFETY: by the contract.
    unsafe { guard::raw_answer(response, || handle::find(store)?.engine.flush().map(|()| Vec::new())) }
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OptimizeRequest {
    compact: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OptimizeResponse {
    removed_tokens: u64,
    size_before_bytes: u64,
    size_bytes: u64,
}

/// Takes away what profiles do not keep any longer and puts the file in order; with `compact` it is written anew
/// without its gaps: `{compact? = false}` to `{removedTokens, sizeBeforeBytes, sizeBytes}`.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_store_optimize(
    store: u64,
    request: *const u8,
    request_length: u64,
    response: *mut Buffer,
) -> u32 {
    let optimize = |session: &Session<'_>, request: OptimizeRequest| {
        let optimized = session.optimize(request.compact.unwrap_or(false))?;
        Ok(OptimizeResponse {
            removed_tokens: optimized.removed_tokens,
            size_before_bytes: optimized.size_before_bytes,
            size_bytes: optimized.size_bytes,
        })
    };
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, optimize) }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RestoreRequest {
    path: PathBuf,
    destination: PathBuf,
    force: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RestoreResponse {
    path: String,
    size_bytes: u64,
    replayed: bool,
    revoked_tokens: u64,
    removed_tokens: u64,
}

/// Puts the backup at `path` in the place of the store at `destination`, which nobody may have open, with what was
/// ended there since: `{path, destination, force? = false}` to `{path, sizeBytes, replayed, revokedTokens,
/// removedTokens}`.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_store_restore(request: *const u8, request_length: u64, response: *mut Buffer) -> u32 {
    let restore = || {
        // SAFETY: by the contract.
        let request: RestoreRequest = unsafe { input::request(request, request_length) }?;
        let force = request.force.unwrap_or(false);
        let restored = Engine::restore(&request.path, &request.destination, force, &SystemClock)?;
        Ok(RestoreResponse {
            path: restored.path.to_string_lossy().into_owned(),
            size_bytes: restored.size_bytes,
            replayed: restored.replayed,
            revoked_tokens: restored.revoked_tokens,
            removed_tokens: restored.removed_tokens,
        })
    };
    // SAFETY: by the contract.
    unsafe { guard::answer(response, restore) }
}

/// The engine's view of the clock that the handle's owner may set.
struct SharedClock(Arc<HostClock>);

impl Clock for SharedClock {
    fn now_seconds(&self) -> i64 {
        self.0.now_seconds()
    }
}
