//! Exported functions over signing keys.

use interoptopus::ffi;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::model::Algorithm;
use crate::secret::Secret;
use crate::service::{KeyExport, Session};

use super::buffer::Buffer;
use super::call::call;
use super::wire::{self, Changed, KeyRecord, Removal};
use super::{guard, handle, input};

/// The most bytes of a secret that are handed to the engine, which refuses what is over its own limit.
const MAXIMUM_SECRET_BYTES: u64 = 16_384;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateRequest {
    algorithm: Option<String>,
}

/// Makes a signing key: `{algorithm? = "ES256"}` to the key.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_key_create(store: u64, request: *const u8, request_length: u64, response: *mut Buffer) -> u32 {
    let create = |session: &Session<'_>, request: CreateRequest| {
        let algorithm = wire::algorithm(request.algorithm.as_deref())?.unwrap_or(Algorithm::ES256);
        session.create_key(algorithm).map(KeyRecord::from)
    };
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, create) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportRequest {
    profile: String,
}

/// Gives a profile a signing key that another system has too: `{profile}` to the key, with its secret beside it.
///
/// # Safety
///
/// The inputs can be read for their lengths; `response` may be written to.
#[ffi]
pub unsafe fn tessera_key_import(
    store: u64,
    request: *const u8,
    request_length: u64,
    secret: *const u8,
    secret_length: u64,
    response: *mut Buffer,
) -> u32 {
    let import = || {
        let store = handle::find(store)?;
        // SAFETY: by the contract.
        let request: ImportRequest = unsafe { input::request(request, request_length) }?;
        // SAFETY: by the contract.
        let secret = unsafe { input::bytes(secret, secret_length, MAXIMUM_SECRET_BYTES, "secret") }?;
        store.session().import_key(&request.profile, &Secret::from(secret)).map(KeyRecord::from)
    };
    // SAFETY: by the contract.
    unsafe { guard::answer(response, import) }
}

#[derive(Serialize)]
struct ListResponse {
    keys: Vec<KeyRecord>,
}

/// Lists every signing key in the order of their making: `{keys}`.
///
/// # Safety
///
/// `response` may be written to.
#[ffi]
pub unsafe fn tessera_key_list(store: u64, response: *mut Buffer) -> u32 {
    let list = || {
        let keys = handle::find(store)?.session().keys()?;
        Ok(ListResponse { keys: keys.into_iter().map(Into::into).collect() })
    };
    // SAFETY: by the contract.
    unsafe { guard::answer(response, list) }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RevokeRequest {
    key_id: String,
    reason: Option<String>,
}

/// Revokes a signing key, and with it every token that it signed: `{keyId, reason?}` to `{changed}`.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_key_revoke(store: u64, request: *const u8, request_length: u64, response: *mut Buffer) -> u32 {
    let revoke = |session: &Session<'_>, request: RevokeRequest| {
        let (_, changed) = session.revoke_key(&request.key_id, request.reason.as_deref())?;
        Ok(Changed { changed })
    };
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, revoke) }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RemoveRequest {
    key_id: String,
}

/// Removes a signing key and revokes the tokens that it signed: `{keyId}` to `{changed, revokedTokens}`.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_key_remove(store: u64, request: *const u8, request_length: u64, response: *mut Buffer) -> u32 {
    let remove = |session: &Session<'_>, request: RemoveRequest| session.remove_key(&request.key_id).map(Removal::from);
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, remove) }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExportRequest {
    key_id: Option<String>,
    kind: String,
}

#[derive(Serialize)]
struct ExportResponse {
    text: String,
}

/// Writes the public halves of the active keys, or of one key, as a JWK set or as PEM: `{keyId?, kind: "Jwks" |
/// "Pem"}` to `{text}`.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_key_export(store: u64, request: *const u8, request_length: u64, response: *mut Buffer) -> u32 {
    let export = |session: &Session<'_>, request: ExportRequest| {
        let kind = match request.kind.as_str() {
            "Jwks" => KeyExport::Jwks,
            "Pem" => KeyExport::Pem,
            _ => return Err(Error::argument("kind", "The kind is not one of Jwks and Pem.")),
        };
        Ok(ExportResponse { text: session.export_keys(request.key_id.as_deref(), kind)? })
    };
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, export) }
}
