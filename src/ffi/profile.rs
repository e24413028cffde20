//! Exported functions over profiles.

use interoptopus::ffi;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::{Profile, ProfileSettings};
use crate::service::Session;

use super::buffer::Buffer;
use super::call::call;
use super::wire::{Changed, Named};
use super::{guard, handle};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProfileRecord {
    name: String,
    built_in: bool,
    settings: ProfileSettings,
}

impl From<Profile> for ProfileRecord {
    fn from(profile: Profile) -> Self {
        Self { name: profile.name, built_in: profile.built_in, settings: profile.settings }
    }
}

#[derive(Serialize)]
struct ProfilesResponse {
    profiles: Vec<ProfileRecord>,
}

/// Lists every profile, the built-in ones first: `{profiles: [{name, builtIn, settings}]}`. The settings are the members
/// of [`ProfileSettings`].
///
/// # Safety
///
/// `response` may be written to.
#[ffi]
pub unsafe fn tessera_profile_list(store: u64, response: *mut Buffer) -> u32 {
    let list = || {
        let profiles = handle::find(store)?.session().profiles()?;
        Ok(ProfilesResponse { profiles: profiles.into_iter().map(Into::into).collect() })
    };
    // SAFETY: by the contract.
    unsafe { guard::answer(response, list) }
}

/// Finds a profile: `{name}` to the profile.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_profile_get(store: u64, request: *const u8, request_length: u64, response: *mut Buffer) -> u32 {
    let get = |session: &Session<'_>, request: Named| session.profile(&request.name).map(ProfileRecord::from);
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, get) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileRequest {
    name: String,
    settings: Map<String, Value>,
}

/// Makes a profile: `{name, settings}` to the profile. The settings are those that are to differ from the profile
/// `Default`.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_profile_create(
    store: u64,
    request: *const u8,
    request_length: u64,
    response: *mut Buffer,
) -> u32 {
    let create = |session: &Session<'_>, request: ProfileRequest| {
        let changes = Value::Object(request.settings).to_string();
        session.create_profile(&request.name, None, &changes).map(ProfileRecord::from)
    };
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, create) }
}

/// Changes the settings of a profile that are named: `{name, settings}` to the profile.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_profile_update(
    store: u64,
    request: *const u8,
    request_length: u64,
    response: *mut Buffer,
) -> u32 {
    let update = |session: &Session<'_>, request: ProfileRequest| {
        let changes = Value::Object(request.settings).to_string();
        session.update_profile(&request.name, &changes).map(ProfileRecord::from)
    };
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, update) }
}

/// Removes a profile that no token and no signing key follows: `{name}` to `{changed}`.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_profile_remove(
    store: u64,
    request: *const u8,
    request_length: u64,
    response: *mut Buffer,
) -> u32 {
    let remove =
        |session: &Session<'_>, request: Named| Ok(Changed { changed: session.remove_profile(&request.name)? });
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, remove) }
}
