//! Exported functions over identities.

use interoptopus::ffi;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::IdentityFilter;
use crate::service::Session;

use super::buffer::Buffer;
use super::call::call;
use super::wire::{IdentityRecord, Named, Removal};
use super::{guard, handle, input};

/// The most bytes of a password; a longer one is refused before it is read.
const MAXIMUM_PASSWORD_BYTES: u64 = 1_024;
/// The entries of a page when nothing is said.
const DEFAULT_PAGE: u32 = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateRequest {
    name: String,
    roles: Option<Vec<String>>,
}

/// Makes an identity: `{name, roles?}` to the identity. A null `password` is none.
///
/// # Safety
///
/// The inputs can be read for their lengths; `response` may be written to.
#[ffi]
pub unsafe fn tessera_identity_create(
    store: u64,
    request: *const u8,
    request_length: u64,
    password: *const u8,
    password_length: u64,
    response: *mut Buffer,
) -> u32 {
    let create = || {
        let store = handle::find(store)?;
        // SAFETY: by the contract.
        let request: CreateRequest = unsafe { input::request(request, request_length) }?;
        // SAFETY: by the contract.
        let password = unsafe { read_password(password, password_length) }?;
        let roles = request.roles.unwrap_or_default();
        store.session().create_identity(&request.name, &roles, password).map(IdentityRecord::from)
    };
    // SAFETY: by the contract.
    unsafe { guard::answer(response, create) }
}

/// Finds an identity: `{name}` to the identity.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_identity_get(store: u64, request: *const u8, request_length: u64, response: *mut Buffer) -> u32 {
    let get = |session: &Session<'_>, request: Named| session.identity(&request.name).map(IdentityRecord::from);
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, get) }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListRequest {
    name: Option<String>,
    after_name: Option<String>,
    limit: Option<u32>,
}

#[derive(Serialize)]
struct ListResponse {
    identities: Vec<IdentityRecord>,
    next: Option<String>,
}

/// Lists identities by name: `{name?, afterName?, limit?}` to `{identities, next}`; `next` is the next page's
/// `afterName`, or null on the last page.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_identity_list(store: u64, request: *const u8, request_length: u64, response: *mut Buffer) -> u32 {
    let list = |session: &Session<'_>, request: ListRequest| {
        let limit = request.limit.unwrap_or(DEFAULT_PAGE);
        let filter = IdentityFilter { name: request.name, after_name: request.after_name, limit };
        let identities = session.identities(&filter)?;
        let full = identities.len() == usize::try_from(limit).unwrap_or(usize::MAX);
        let next = identities.last().filter(|_| full).map(|last| last.name.clone());
        Ok(ListResponse { identities: identities.into_iter().map(Into::into).collect(), next })
    };
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, list) }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdateRequest {
    name: String,
    roles: Option<Vec<String>>,
    remove_password: Option<bool>,
}

/// Changes an identity: `{name, roles?, removePassword?}` to the identity. A `password` becomes the new one.
///
/// # Safety
///
/// The inputs can be read for their lengths; `response` may be written to.
#[ffi]
pub unsafe fn tessera_identity_update(
    store: u64,
    request: *const u8,
    request_length: u64,
    password: *const u8,
    password_length: u64,
    response: *mut Buffer,
) -> u32 {
    let update = || {
        let store = handle::find(store)?;
        // SAFETY: by the contract.
        let request: UpdateRequest = unsafe { input::request(request, request_length) }?;
        // SAFETY: by the contract.
        let password = unsafe { read_password(password, password_length) }?;
        let password = match (password, request.remove_password.unwrap_or(false)) {
            (Some(_), true) => {
                return Err(Error::argument("password", "Give a new password or take it away, not both."));
            }
            (Some(password), false) => Some(Some(password)),
            (None, true) => Some(None),
            (None, false) => None,
        };
        store.session().update_identity(&request.name, request.roles.as_deref(), password).map(IdentityRecord::from)
    };
    // SAFETY: by the contract.
    unsafe { guard::answer(response, update) }
}

/// Removes an identity and revokes its tokens: `{name}` to `{changed, revokedTokens}`.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_identity_remove(
    store: u64,
    request: *const u8,
    request_length: u64,
    response: *mut Buffer,
) -> u32 {
    let remove = |session: &Session<'_>, request: Named| session.remove_identity(&request.name).map(Removal::from);
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, remove) }
}

#[derive(Serialize)]
struct VerifyResponse {
    verified: bool,
}

/// Whether `password` is the identity's: `{name}` to `{verified}`. An unknown identity is answered like a wrong
/// password.
///
/// # Safety
///
/// The inputs can be read for their lengths; `response` may be written to.
#[ffi]
pub unsafe fn tessera_identity_verify(
    store: u64,
    request: *const u8,
    request_length: u64,
    password: *const u8,
    password_length: u64,
    response: *mut Buffer,
) -> u32 {
    let verify = || {
        let store = handle::find(store)?;
        // SAFETY: by the contract.
        let request: Named = unsafe { input::request(request, request_length) }?;
        // SAFETY: by the contract.
        let password = unsafe { read_password(password, password_length) }?.unwrap_or_default();
        Ok(VerifyResponse { verified: store.engine.verify_password(&request.name, password)? })
    };
    // SAFETY: by the contract.
    unsafe { guard::answer(response, verify) }
}

/// # Safety
///
/// As for [`input::optional_bytes`].
pub(super) unsafe fn read_password<'a>(password: *const u8, length: u64) -> Result<Option<&'a [u8]>> {
    // SAFETY: handed on.
    unsafe { input::optional_bytes(password, length, MAXIMUM_PASSWORD_BYTES, "password") }
}
