//! Exported functions over roles.

use interoptopus::ffi;
use serde::{Deserialize, Serialize};

use crate::service::Session;

use super::buffer::Buffer;
use super::call::call;
use super::wire::{Changed, Named, RoleRecord};
use super::{guard, handle};

#[derive(Serialize)]
struct RolesResponse {
    roles: Vec<RoleRecord>,
}

/// Lists every role: `{roles: [{name, includes, builtIn}]}`.
///
/// # Safety
///
/// `response` may be written to.
#[ffi]
pub unsafe fn tessera_role_list(store: u64, response: *mut Buffer) -> u32 {
    let list = || {
        let roles = handle::find(store)?.session().roles()?;
        Ok(RolesResponse { roles: roles.into_iter().map(Into::into).collect() })
    };
    // SAFETY: by the contract.
    unsafe { guard::answer(response, list) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleRequest {
    name: String,
    includes: Option<Vec<String>>,
}

/// Makes a role: `{name, includes?}` to the role.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_role_create(store: u64, request: *const u8, request_length: u64, response: *mut Buffer) -> u32 {
    let create = |session: &Session<'_>, request: RoleRequest| {
        session.create_role(&request.name, &request.includes.unwrap_or_default()).map(RoleRecord::from)
    };
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, create) }
}

/// Gives a role other inclusions: `{name, includes?}` to the role. Without any it includes no other.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_role_update(store: u64, request: *const u8, request_length: u64, response: *mut Buffer) -> u32 {
    let update = |session: &Session<'_>, request: RoleRequest| {
        session.update_role(&request.name, &request.includes.unwrap_or_default()).map(RoleRecord::from)
    };
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, update) }
}

/// Removes a role, from every identity, token and role that has it: `{name}` to `{changed}`.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_role_remove(store: u64, request: *const u8, request_length: u64, response: *mut Buffer) -> u32 {
    let remove = |session: &Session<'_>, request: Named| Ok(Changed { changed: session.remove_role(&request.name)? });
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, remove) }
}
