//! Exported functions over what ends tokens.

use interoptopus::ffi;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::TokenSet;
use crate::service::Session;

use super::buffer::Buffer;
use super::call::call;
use super::token::{Identified, MAXIMUM_VALUE_BYTES, RevokeRequest};
use super::wire::{Changed, TokenRecord};
use super::{guard, handle, input};

/// Revokes a token and what it granted, durably before this returns: `{id, reason?}` to `{changed}`.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_token_revoke(store: u64, request: *const u8, request_length: u64, response: *mut Buffer) -> u32 {
    let revoke = |session: &Session<'_>, request: RevokeRequest| {
        let (_, changed) = session.revoke_token(&request.id, request.reason.as_deref())?;
        Ok(Changed { changed })
    };
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, revoke) }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RevokeSetRequest {
    identity: Option<String>,
    profile: Option<String>,
    key_id: Option<String>,
    tag: Option<String>,
    organization: Option<String>,
    all: Option<bool>,
    reason: Option<String>,
}

impl RevokeSetRequest {
    fn set(&self) -> Result<TokenSet> {
        let mut sets = [
            self.identity.clone().map(TokenSet::Identity),
            self.profile.clone().map(TokenSet::Profile),
            self.key_id.clone().map(TokenSet::Key),
            self.tag.clone().map(TokenSet::Tag),
            self.organization.clone().map(TokenSet::Organization),
            self.all.filter(|all| *all).map(|_| TokenSet::All),
        ]
        .into_iter()
        .flatten();
        match (sets.next(), sets.next()) {
            (Some(set), None) => Ok(set),
            _ => Err(Error::argument(
                "tokens",
                "Name one thing that the tokens have in common: an identity, a profile, a key, a tag or an organization; \
                 or all of them.",
            )),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RevokedTokens {
    revoked_tokens: u64,
}

/// Revokes all tokens that have something in common, and what they granted, durably before this returns:
/// `{identity | profile | keyId | tag | organization | all, reason?}` to `{revokedTokens}`.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_token_revoke_set(
    store: u64,
    request: *const u8,
    request_length: u64,
    response: *mut Buffer,
) -> u32 {
    let revoke = |session: &Session<'_>, request: RevokeSetRequest| {
        let revoked_tokens = session.revoke_tokens(&request.set()?, request.reason.as_deref())?;
        Ok(RevokedTokens { revoked_tokens })
    };
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, revoke) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reasoned {
    reason: Option<String>,
}

#[derive(Serialize)]
struct RevokedByValue {
    changed: bool,
    token: Option<TokenRecord>,
}

/// Revokes the token with the value `token`, and what it granted, durably before this returns: `{reason?}` to
/// `{changed, token}`; the token is null when there is none.
///
/// # Safety
///
/// The inputs can be read for their lengths; `response` may be written to.
#[ffi]
pub unsafe fn tessera_token_revoke_value(
    store: u64,
    request: *const u8,
    request_length: u64,
    token: *const u8,
    token_length: u64,
    response: *mut Buffer,
) -> u32 {
    let revoke = || {
        let store = handle::find(store)?;
        // SAFETY: by the contract.
        let request: Reasoned = unsafe { input::request(request, request_length) }?;
        // SAFETY: by the contract.
        let token = unsafe { input::bytes(token, token_length, MAXIMUM_VALUE_BYTES, "token") }?;
        let revoked = store.session().revoke_by_value(token, request.reason.as_deref())?;
        let now_seconds = store.engine.now_seconds();
        Ok(RevokedByValue {
            changed: revoked.as_ref().is_some_and(|(_, changed)| *changed),
            token: revoked.map(|(token, _)| TokenRecord::of(token, now_seconds)),
        })
    };
    // SAFETY: by the contract.
    unsafe { guard::answer(response, revoke) }
}

/// Switches a token off for now: `{id, reason?}` to `{changed}`.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_token_disable(store: u64, request: *const u8, request_length: u64, response: *mut Buffer) -> u32 {
    let disable = |session: &Session<'_>, request: RevokeRequest| {
        let (_, changed) = session.disable_token(&request.id, request.reason.as_deref())?;
        Ok(Changed { changed })
    };
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, disable) }
}

/// Switches a token on again: `{id}` to `{changed}`.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_token_enable(store: u64, request: *const u8, request_length: u64, response: *mut Buffer) -> u32 {
    let enable = |session: &Session<'_>, request: Identified| {
        let (_, changed) = session.enable_token(&request.id)?;
        Ok(Changed { changed })
    };
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, enable) }
}

/// Takes a token off the list, which ends it, and what it granted: `{id}` to `{changed}`.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_token_remove(store: u64, request: *const u8, request_length: u64, response: *mut Buffer) -> u32 {
    let remove =
        |session: &Session<'_>, request: Identified| Ok(Changed { changed: session.remove_token(&request.id)? });
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, remove) }
}
