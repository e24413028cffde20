//! Exported functions over rotation.

use interoptopus::ffi;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::RotationMode;
use crate::policy::Lifetime;
use crate::secret::Secret;
use crate::service::{Rotation, RotationRequest, Session};

use super::buffer::Buffer;
use super::call::call;
use super::token::Identified;
use super::wire::{Changed, TokenRecord};
use super::{guard, handle, input};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rotating {
    id: String,
    mode: String,
    grace_seconds: Option<i64>,
    deadline: Option<i64>,
    expires_in_seconds: Option<i64>,
    expires_at: Option<i64>,
    no_expiry: Option<bool>,
    idempotency_key: Option<String>,
}

impl Rotating {
    fn into_request(self) -> Result<RotationRequest> {
        let lifetime = match (self.expires_in_seconds, self.expires_at, self.no_expiry.unwrap_or(false)) {
            (None, None, false) => None,
            (Some(seconds), None, false) => Some(Lifetime::Seconds(seconds)),
            (None, Some(expires_at), false) => Some(Lifetime::Until(expires_at)),
            (None, None, true) => Some(Lifetime::Never),
            _ => return Err(Error::argument("expiresAt", "Give one of a lifetime, an expiry and no expiry.")),
        };
        Ok(RotationRequest {
            mode: mode(&self.mode, self.grace_seconds, self.deadline)?,
            id: self.id,
            lifetime,
            idempotency_key: self.idempotency_key,
        })
    }
}

/// The mode of that name, with what belongs to it and nothing else.
fn mode(name: &str, grace_seconds: Option<i64>, deadline: Option<i64>) -> Result<RotationMode> {
    match (name, grace_seconds, deadline) {
        ("Confirm", None, deadline) => Ok(RotationMode::Confirm { deadline }),
        ("Grace", Some(seconds), None) => Ok(RotationMode::Grace { seconds }),
        ("Grace", None, _) => Err(Error::argument("grace", "Say how long the old token is to be good as well.")),
        ("Immediate", None, None) => Ok(RotationMode::Immediate),
        ("Confirm" | "Immediate", Some(_), _) => {
            Err(Error::argument("grace", "A time of grace belongs to the mode Grace alone."))
        }
        ("Grace" | "Immediate", _, Some(_)) => {
            Err(Error::argument("deadline", "A deadline belongs to the mode Confirm alone."))
        }
        _ => Err(Error::argument("mode", "The mode is not one of Confirm, Grace and Immediate.")),
    }
}

#[derive(Serialize)]
struct RotationRecord {
    predecessor: TokenRecord,
    successor: TokenRecord,
}

impl RotationRecord {
    /// The rotation as it stands at `now_seconds`, and the value, where there is one.
    fn of(rotation: Rotation, now_seconds: i64) -> (Self, Option<Secret>) {
        let record = Self {
            predecessor: TokenRecord::of(rotation.predecessor, now_seconds),
            successor: TokenRecord::of(rotation.successor, now_seconds),
        };
        (record, rotation.value)
    }
}

/// Gives a token a successor: `{id, mode, graceSeconds?, deadline?, expiresInSeconds? | expiresAt? | noExpiry?,
/// idempotencyKey?}` to `{predecessor, successor}`. The successor's value, which is told this once, goes into
/// `token_value`; a repeat whose value was presented has none.
///
/// # Safety
///
/// The input can be read for its length; `token_value` and `response` may be written to.
#[ffi]
pub unsafe fn tessera_token_rotate(
    store: u64,
    request: *const u8,
    request_length: u64,
    token_value: *mut Buffer,
    response: *mut Buffer,
) -> u32 {
    // SAFETY: handed on.
    unsafe { rotate(store, request, request_length, token_value, response, |session, request| session.rotate(request)) }
}

/// As [`tessera_token_rotate()`], but nothing changes before [`tessera_rotation_deliver()`]. A repeat of one that was
/// delivered has no value.
///
/// # Safety
///
/// As there.
#[ffi]
pub unsafe fn tessera_rotation_prepare(
    store: u64,
    request: *const u8,
    request_length: u64,
    token_value: *mut Buffer,
    response: *mut Buffer,
) -> u32 {
    // SAFETY: handed on.
    unsafe {
        rotate(store, request, request_length, token_value, response, |session, request| {
            session.prepare_rotation(request)
        })
    }
}

/// # Safety
///
/// The input can be read for its length; `token_value` and `response` may be written to.
unsafe fn rotate(
    store: u64,
    request: *const u8,
    request_length: u64,
    token_value: *mut Buffer,
    response: *mut Buffer,
    rotate: impl FnOnce(&Session<'_>, &RotationRequest) -> Result<Rotation>,
) -> u32 {
    let rotate = || {
        if token_value.is_null() {
            return Err(Error::argument("tokenValue", "There is no place to write the token's value to."));
        }
        let store = handle::find(store)?;
        // SAFETY: by the contract.
        let request: Rotating = unsafe { input::request(request, request_length) }?;
        let rotation = rotate(&store.session(), &request.into_request()?)?;
        let (record, value) = RotationRecord::of(rotation, store.engine.now_seconds());
        let bytes = value.map(|value| value.as_bytes().to_vec()).unwrap_or_default();
        // SAFETY: by the contract; null was refused above.
        unsafe { token_value.write(Buffer::give(bytes)) };
        Ok(record)
    };
    // SAFETY: by the contract.
    unsafe { guard::answer(response, rotate) }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Delivering {
    id: String,
    mode: String,
    grace_seconds: Option<i64>,
    deadline: Option<i64>,
}

/// Makes a prepared successor count: `{id, mode, graceSeconds?, deadline?}`, with the successor's id, to
/// `{predecessor, successor}`.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_rotation_deliver(
    store: u64,
    request: *const u8,
    request_length: u64,
    response: *mut Buffer,
) -> u32 {
    let deliver = |session: &Session<'_>, request: Delivering| {
        let mode = mode(&request.mode, request.grace_seconds, request.deadline)?;
        let rotation = session.deliver_rotation(&request.id, mode)?;
        Ok(RotationRecord::of(rotation, session.now_seconds()).0)
    };
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, deliver) }
}

/// Takes a prepared successor back: `{id}` to `{changed}`.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_rotation_abandon(
    store: u64,
    request: *const u8,
    request_length: u64,
    response: *mut Buffer,
) -> u32 {
    let abandon =
        |session: &Session<'_>, request: Identified| Ok(Changed { changed: session.abandon_rotation(&request.id)? });
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, abandon) }
}
