//! Exported functions over tokens.

use interoptopus::ffi;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorCode, Result};
use crate::model::{Conditions, TokenFilter, TokenFormat, TokenState, Verdict};
use crate::policy::{AccessContext, Lifetime};
use crate::secret::Secret;
use crate::service::{Engine, Finding, GrantRequest, KeyedGrant, Session};

use super::buffer::Buffer;
use super::call::call;
use super::wire::TokenRecord;
use super::{found, guard, handle, input};

/// The most bytes of a token's value that are handed to the engine, which refuses what is over its own limit.
pub(super) const MAXIMUM_VALUE_BYTES: u64 = 64 * 1024;
/// The most bytes of the requests for tokens that are granted together.
const MAXIMUM_GRANTS_BYTES: u64 = 16 * 1024 * 1024;
/// About as many bytes as the record of a token takes.
const RECORD_BYTES: usize = 512;
/// The most bytes of a name, a method or an address that a request brings.
const MAXIMUM_NAME_BYTES: u64 = 1_024;
/// The most bytes of a URI that a request brings.
const MAXIMUM_URI_BYTES: u64 = 8_192;
/// The entries of a page when nothing is said.
const DEFAULT_PAGE: u32 = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Granting {
    identity: String,
    name: Option<String>,
    roles: Option<Vec<String>>,
    format: Option<String>,
    expires_in_seconds: Option<i64>,
    expires_at: Option<i64>,
    no_expiry: Option<bool>,
    not_before: Option<i64>,
    tags: Option<Vec<String>>,
    remark: Option<String>,
    profile: Option<String>,
    audiences: Option<Vec<String>>,
    organizations: Option<Vec<String>>,
    conditions: Option<Conditions>,
    warn_after: Option<i64>,
    is_decoy: Option<bool>,
    key_id: Option<String>,
    idempotency_key: Option<String>,
}

impl Granting {
    fn into_request(self) -> Result<GrantRequest> {
        let lifetime = match (self.expires_in_seconds, self.expires_at, self.no_expiry.unwrap_or(false)) {
            (None, None, false) => Lifetime::Default,
            (Some(seconds), None, false) => Lifetime::Seconds(seconds),
            (None, Some(expires_at), false) => Lifetime::Until(expires_at),
            (None, None, true) => Lifetime::Never,
            _ => return Err(Error::argument("expiresAt", "Give one of a lifetime, an expiry and no expiry.")),
        };
        let format = self.format.as_deref().map(|name| {
            TokenFormat::parse(name)
                .ok_or_else(|| Error::argument("format", "The format is not one of Opaque and Jwt."))
        });
        let format = format.transpose()?;
        Ok(GrantRequest {
            identity: self.identity,
            name: self.name,
            roles: self.roles,
            format,
            lifetime,
            not_before: self.not_before,
            tags: self.tags.unwrap_or_default(),
            remark: self.remark,
            profile: self.profile,
            audiences: self.audiences.unwrap_or_default(),
            organizations: self.organizations,
            conditions: self.conditions.unwrap_or_default(),
            warn_after: self.warn_after,
            is_decoy: self.is_decoy.unwrap_or(false),
            key_id: self.key_id,
        })
    }
}

/// Grants a token: `{identity, name?, roles?, format?, expiresInSeconds? | expiresAt? | noExpiry?, notBefore?,
/// tags?, remark?, profile?, audiences?, organizations?, conditions?, warnAfter?, isDecoy?, keyId?, idempotencyKey?}` to
/// the token. Its value, which is told this once, goes into `token_value`; a repeat whose value was presented has none.
///
/// # Safety
///
/// The input can be read for its length; `token_value` and `response` may be written to.
#[ffi]
pub unsafe fn tessera_token_grant(
    store: u64,
    request: *const u8,
    request_length: u64,
    token_value: *mut Buffer,
    response: *mut Buffer,
) -> u32 {
    let grant = || {
        if token_value.is_null() {
            return Err(Error::argument("tokenValue", "There is no place to write the token's value to."));
        }
        let store = handle::find(store)?;
        // SAFETY: by the contract.
        let mut request: Granting = unsafe { input::request(request, request_length) }?;
        let key = request.idempotency_key.take();
        let request = request.into_request()?;
        let (token, value) = match key {
            None => store.session().grant(&request).map(|grant| (grant.token, Some(grant.value)))?,
            Some(key) => store.session().grant_under(&request, &key).map(|grant| (grant.token, grant.value))?,
        };
        let bytes = value.map(|value| value.as_bytes().to_vec()).unwrap_or_default();
        // SAFETY: by the contract; null was refused above.
        unsafe { token_value.write(Buffer::give(bytes)) };
        Ok(TokenRecord::of(token, store.engine.now_seconds()))
    };
    // SAFETY: by the contract.
    unsafe { guard::answer(response, grant) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantingMany {
    requests: Vec<Granting>,
}

/// Grants tokens, at most 1,000, in one transaction: `{requests}`, each as [`tessera_token_grant()`] takes it and at most
/// 16 MiB together, to what became of each, in their order and in the form of `src/ffi/found.rs`. A request that fails has
/// an error, and keeps no other away. The values, which are told this once, go into `token_values` one behind the other.
///
/// # Safety
///
/// The input can be read for its length; `token_values` and `response` may be written to.
#[ffi]
pub unsafe fn tessera_token_grant_many(
    store: u64,
    request: *const u8,
    request_length: u64,
    token_values: *mut Buffer,
    response: *mut Buffer,
) -> u32 {
    let grant = || {
        if token_values.is_null() {
            return Err(Error::argument("tokenValues", "There is no place to write the tokens' values to."));
        }
        let store = handle::find(store)?;
        // SAFETY: by the contract.
        let request: GrantingMany = unsafe { input::request_up_to(request, request_length, MAXIMUM_GRANTS_BYTES) }?;
        let mut requests = Vec::with_capacity(request.requests.len());
        // One that is not in its form fails alone too, and never reaches the session.
        let mut refused = Vec::with_capacity(request.requests.len());
        for mut granting in request.requests {
            let key = granting.idempotency_key.take();
            match granting.into_request() {
                Ok(request) => {
                    requests.push((request, key));
                    refused.push(None);
                }
                Err(error) => refused.push(Some(error)),
            }
        }
        let mut granted = store.session().grant_many(&requests)?.into_iter();
        let ends: Vec<Result<KeyedGrant>> =
            refused.into_iter().filter_map(|refused| refused.map(Err).or_else(|| granted.next())).collect();
        let now_seconds = store.engine.now_seconds();
        // As much as is needed at once: a vector that grows leaves what it held behind.
        let mut values = Vec::with_capacity(ends.iter().map(|end| value_of(end).len()).sum());
        // Encoded first: once the values are given out, nothing fails any more.
        let mut encoded = Vec::with_capacity(ends.len() * RECORD_BYTES);
        for end in &ends {
            let value = value_of(end);
            values.extend_from_slice(value);
            match end {
                Ok(grant) => found::write_grant(&grant.token, value.len(), now_seconds, &mut encoded),
                Err(error) => found::write_refusal(error, &mut encoded),
            }
            .map_err(|_| Error::new(ErrorCode::Internal, "The answer could not be encoded."))?;
        }
        // SAFETY: by the contract; null was refused above.
        unsafe { token_values.write(Buffer::give(values)) };
        Ok(encoded)
    };
    // SAFETY: by the contract.
    unsafe { guard::raw_answer(response, grant) }
}

fn value_of(end: &Result<KeyedGrant>) -> &[u8] {
    end.as_ref().ok().and_then(|grant| grant.value.as_ref()).map_or(&[], Secret::as_bytes)
}

/// `{id}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Identified {
    pub(super) id: String,
}

/// Finds a token: `{id}` to the token.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_token_get(store: u64, request: *const u8, request_length: u64, response: *mut Buffer) -> u32 {
    let get = |session: &Session<'_>, request: Identified| {
        Ok(TokenRecord::of(session.token(&request.id)?, session.now_seconds()))
    };
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, get) }
}

/// Writes the value of a token whose profile keeps values into `token_value`: `{id}` to nothing.
///
/// # Safety
///
/// The input can be read for its length; `token_value` and `response` may be written to.
#[ffi]
pub unsafe fn tessera_token_value(
    store: u64,
    request: *const u8,
    request_length: u64,
    token_value: *mut Buffer,
    response: *mut Buffer,
) -> u32 {
    let value = || {
        if token_value.is_null() {
            return Err(Error::argument("tokenValue", "There is no place to write the token's value to."));
        }
        let store = handle::find(store)?;
        // SAFETY: by the contract.
        let request: Identified = unsafe { input::request(request, request_length) }?;
        let value = store.session().kept_value(&request.id)?;
        // SAFETY: by the contract; null was refused above.
        unsafe { token_value.write(Buffer::give(value.as_bytes().to_vec())) };
        Ok(Vec::new())
    };
    // SAFETY: by the contract.
    unsafe { guard::raw_answer(response, value) }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListRequest {
    identity: Option<String>,
    name: Option<String>,
    state: Option<String>,
    tag: Option<String>,
    profile: Option<String>,
    organization: Option<String>,
    key_id: Option<String>,
    expires_after: Option<i64>,
    expires_before: Option<i64>,
    after: Option<i64>,
    limit: Option<u32>,
}

#[derive(Serialize)]
struct ListResponse {
    tokens: Vec<TokenRecord>,
    next: Option<i64>,
}

/// Lists tokens in the order of their making: `{identity?, name?, state?, tag?, profile?, organization?, keyId?,
/// expiresAfter?, expiresBefore?, after?, limit?}` to `{tokens, next}`; `next` is the next page's `after`, or null on the last page.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_token_list(store: u64, request: *const u8, request_length: u64, response: *mut Buffer) -> u32 {
    let list = |session: &Session<'_>, request: ListRequest| {
        let state = match request.state.as_deref() {
            None => None,
            Some(name) => Some(TokenState::parse(name).ok_or_else(|| {
                Error::argument("state", "The state is not one of Active, Pending, Expired, Revoked and Disabled.")
            })?),
        };
        let limit = request.limit.unwrap_or(DEFAULT_PAGE);
        let tokens = session.tokens(&TokenFilter {
            identity: request.identity,
            name: request.name,
            state,
            tag: request.tag,
            profile: request.profile,
            organization: request.organization,
            key_id: request.key_id,
            visible_to: None,
            expires_after: request.expires_after,
            expires_before: request.expires_before,
            after: request.after,
            limit,
        })?;
        let full = tokens.len() == usize::try_from(limit).unwrap_or(usize::MAX);
        let next = tokens.last().filter(|_| full).map(|last| last.sequence);
        let now_seconds = session.now_seconds();
        Ok(ListResponse { tokens: tokens.into_iter().map(|token| TokenRecord::of(token, now_seconds)).collect(), next })
    };
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, list) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateRequest {
    id: String,
    remark: Option<String>,
    tags: Option<Vec<String>>,
}

/// Changes a token's remark or tags: `{id, remark?, tags?}` to the token. An empty remark takes it away.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_token_update(store: u64, request: *const u8, request_length: u64, response: *mut Buffer) -> u32 {
    let update = |session: &Session<'_>, request: UpdateRequest| {
        let token = session.update_token(&request.id, request.remark.as_deref(), request.tags.as_deref())?;
        Ok(TokenRecord::of(token, session.now_seconds()))
    };
    // SAFETY: by the contract.
    unsafe { call(store, request, request_length, response, update) }
}

/// `{id, reason?}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeRequest {
    pub(super) id: String,
    pub(super) reason: Option<String>,
}

/// Text of the caller, in UTF-8. A null pointer with the length zero: none.
#[ffi]
#[derive(Debug, Clone, Copy)]
pub struct Utf8Text {
    /// Its first byte.
    pub data: *const u8,
    /// Its length in bytes.
    pub length: u64,
}

/// What a request brings to a check; what it does not name is left out.
#[ffi]
#[derive(Debug, Clone, Copy)]
pub struct AccessRequest {
    /// The role that it needs, at most 1,024 bytes.
    pub role: Utf8Text,
    /// The audience that it is made to, at most 1,024 bytes.
    pub audience: Utf8Text,
    /// The absolute URI that it is made for, at most 8,192 bytes.
    pub uri: Utf8Text,
    /// Its HTTP method, at most 1,024 bytes.
    pub method: Utf8Text,
    /// Its `Referer` field, at most 8,192 bytes.
    pub referrer: Utf8Text,
    /// The address that it comes from, at most 1,024 bytes.
    pub remote_address: Utf8Text,
    /// The organisation that it is about, at most 1,024 bytes.
    pub organization: Utf8Text,
    /// The operation that it asks for, at most 1,024 bytes.
    pub operation: Utf8Text,
}

/// What a check found, in a form that needs no decoding.
#[ffi]
#[derive(Debug, Clone, Copy)]
pub struct Validation {
    /// The outcome's number ([`crate::model::Outcome::number`]).
    pub outcome: u32,
    /// 1 where the token is about to expire, otherwise zero.
    pub is_expiring: u32,
    /// The token's sequence, or zero where there is none.
    pub row_key: i64,
    /// Names what was read of the token: with `row_key`, a record fetched at the same version is still the right one.
    pub version: u64,
    /// How old the evidence may be.
    pub evidence_age_milliseconds: u64,
    /// The length of the record that was written to the caller's buffer, or zero where none was.
    pub record_length: u64,
}

/// Checks a token's value for a request, and writes what it found into `result`. A null `request` asks for nothing but
/// a good token. `response` gets words only for an error. It is a use of the token, where its uses are counted.
///
/// Where the token had to be read from the store, and its record has room in the `found_capacity` bytes at `found_record`, it is
/// written there: the one that [`tessera_token_describe()`] gives.
///
/// # Safety
///
/// The token can be read for its length; `request` is null or can be read, and each of its texts for its length;
/// `found_record` is null or may be written to for its capacity; `result` and `response` may be written to.
#[ffi]
pub unsafe fn tessera_token_validate(
    store: u64,
    token: *const u8,
    token_length: u64,
    request: *const AccessRequest,
    result: *mut Validation,
    found_record: *mut u8,
    found_capacity: u64,
    response: *mut Buffer,
) -> u32 {
    let validate = || {
        if result.is_null() {
            return Err(Error::argument("result", "There is no place to write the result to."));
        }
        // SAFETY: by the contract.
        let token = unsafe { input::bytes(token, token_length, MAXIMUM_VALUE_BYTES, "token") }?;
        // SAFETY: by the contract.
        let context = unsafe { access_context(request) }?;
        handle::with(store, |store| {
            store.engine.validate_with(token, context, |finding| {
                // SAFETY: by the contract.
                let record_length = unsafe { write_record(&finding, &store.engine, found_record, found_capacity) };
                let validation = Validation {
                    outcome: finding.outcome.number(),
                    is_expiring: finding.is_expiring.into(),
                    row_key: finding.sequence,
                    version: finding.version,
                    evidence_age_milliseconds: Verdict::EVIDENCE_AGE_MILLISECONDS,
                    record_length,
                };
                // Where it belongs at once, and not by way of the engine, which would copy it again and again.
                // SAFETY: by the contract; null was refused above.
                unsafe { result.write(validation) };
            });
            Ok(Vec::new())
        })
    };
    // SAFETY: by the contract.
    unsafe { guard::raw_answer(response, validate) }
}

/// Writes the record of a token that was read anew to the caller's buffer, and says its length; zero where there is no
/// such token, or no room.
///
/// # Safety
///
/// `record` is null or may be written to for `capacity` bytes.
unsafe fn write_record(finding: &Finding<'_>, engine: &Engine, record: *mut u8, capacity: u64) -> u64 {
    let (Some(found), false, Ok(capacity)) = (finding.found, record.is_null(), usize::try_from(capacity)) else {
        return 0;
    };
    if !finding.is_new {
        return 0;
    }
    let mut written = Vec::with_capacity(RECORD_BYTES);
    if found::write(found, finding.version, engine.now_seconds(), &mut written).is_err() || written.len() > capacity {
        return 0;
    }
    // SAFETY: by the contract there is room for so many bytes, and what was written lies elsewhere.
    unsafe { record.copy_from_nonoverlapping(written.as_ptr(), written.len()) };
    written.len() as u64
}

/// Gives the record of the token with a value that was checked, without another check; nothing where the value is no
/// token's. Its form is that of `src/ffi/found.rs`.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_token_describe(store: u64, token: *const u8, token_length: u64, response: *mut Buffer) -> u32 {
    let describe = || {
        // SAFETY: by the contract.
        let token = unsafe { input::bytes(token, token_length, MAXIMUM_VALUE_BYTES, "token") }?;
        handle::with(store, |store| {
            let mut record = Vec::new();
            if let Some(verdict) = store.engine.describe(token)
                && let Some(found) = &verdict.found
            {
                found::write(found, verdict.version, store.engine.now_seconds(), &mut record)
                    .map_err(|_| Error::new(ErrorCode::Internal, "The record of a token could not be written."))?;
            }
            Ok(record)
        })
    };
    // SAFETY: by the contract.
    unsafe { guard::raw_answer(response, describe) }
}

/// # Safety
///
/// `request` is null or can be read, and each of its texts for its length, for as long as `'a`.
unsafe fn access_context<'a>(request: *const AccessRequest) -> Result<AccessContext<'a>> {
    // SAFETY: by the contract.
    let Some(request) = (unsafe { request.as_ref() }) else { return Ok(AccessContext::default()) };
    let read = |text: Utf8Text, maximum: u64, subject: &'static str| {
        // SAFETY: by the contract.
        unsafe { input::optional_text(text.data, text.length, maximum, subject) }
    };
    Ok(AccessContext {
        role: read(request.role, MAXIMUM_NAME_BYTES, "role")?,
        audience: read(request.audience, MAXIMUM_NAME_BYTES, "audience")?,
        uri: read(request.uri, MAXIMUM_URI_BYTES, "uri")?,
        method: read(request.method, MAXIMUM_NAME_BYTES, "method")?,
        referrer: read(request.referrer, MAXIMUM_URI_BYTES, "referrer")?,
        remote_address: read(request.remote_address, MAXIMUM_NAME_BYTES, "remoteAddress")?,
        organization: read(request.organization, MAXIMUM_NAME_BYTES, "organization")?,
        operation: read(request.operation, MAXIMUM_NAME_BYTES, "operation")?,
    })
}
