//! Exported functions over JSON Web Tokens that are made, checked and looked at by hand.

use interoptopus::ffi;
use serde::{Deserialize, Serialize};

use crate::clock::{Clock, SystemClock};
use crate::crypto::signing::{SigningKeyMaterial, VerifyingKey};
use crate::error::{Error, Result};
use crate::format::jwt;
use crate::format::key::{self, KeyKind};
use crate::model::JwtKind;
use crate::service::{MintRequest, VerifiedJwt, VerifyRequest, mint_with, verify_with};

use super::buffer::Buffer;
use super::{guard, handle, input, wire};

/// The most bytes of a token that are handed on; the format refuses what is over its own limit.
const MAXIMUM_VALUE_BYTES: u64 = 64 * 1024;
/// The most bytes of a caller's key.
const MAXIMUM_KEY_BYTES: u64 = 64 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Minting {
    claims: String,
    kind: Option<String>,
    algorithm: Option<String>,
    key_id: Option<String>,
    expires_in_seconds: Option<i64>,
    key_kind: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MintResponse {
    key_id: Option<String>,
    algorithm: &'static str,
    warnings: Vec<&'static str>,
}

/// Makes a JWT of which no store keeps a row: `{claims, kind?, algorithm?, keyId?, expiresInSeconds?,
/// keyKind?}` to `{keyId, algorithm, warnings}`, the token itself into `token_value`. If `key` is given, of kind
/// `Secret`, `Pem` or `Jwk`, it signs and `store` may be zero; otherwise a key of the store signs.
///
/// # Safety
///
/// The inputs can be read for their lengths; `token_value` and `response` may be written to.
#[ffi]
pub unsafe fn tessera_jwt_mint(
    store: u64,
    request: *const u8,
    request_length: u64,
    key: *const u8,
    key_length: u64,
    token_value: *mut Buffer,
    response: *mut Buffer,
) -> u32 {
    let mint = || {
        if token_value.is_null() {
            return Err(Error::argument("tokenValue", "There is no place to write the token to."));
        }
        // SAFETY: by the contract.
        let minting: Minting = unsafe { input::request(request, request_length) }?;
        // SAFETY: by the contract.
        let key = unsafe { input::optional_bytes(key, key_length, MAXIMUM_KEY_BYTES, "key") }?;
        let request = MintRequest {
            claims: &minting.claims,
            kind: kind(minting.kind.as_deref())?,
            algorithm: wire::algorithm(minting.algorithm.as_deref())?,
            key_id: minting.key_id.as_deref(),
            lifetime_seconds: minting.expires_in_seconds,
        };
        let minted = match key {
            Some(bytes) => {
                let kind = key_kind(minting.key_kind.as_deref())?;
                let key: SigningKeyMaterial = key::signing_key(bytes, kind, request.algorithm, request.kind)?;
                mint_with(&key, &request, SystemClock.now_seconds())?
            }
            None => handle::find(store)?.session().mint_jwt(&request)?,
        };
        // SAFETY: by the contract; null was refused above.
        unsafe { token_value.write(Buffer::give(minted.value.as_bytes().to_vec())) };
        Ok(MintResponse {
            key_id: minted.key_id.as_deref().map(str::to_owned),
            algorithm: minted.algorithm.as_str(),
            warnings: minted.warnings,
        })
    };
    // SAFETY: by the contract.
    unsafe { guard::answer(response, mint) }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Verifying {
    kind: Option<String>,
    issuer: Option<String>,
    audience: Option<String>,
    at: Option<i64>,
    key_kind: Option<String>,
    algorithm: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VerifyResponse {
    outcome: &'static str,
    reason: Option<String>,
    key_id: Option<String>,
    algorithm: Option<&'static str>,
    warnings: Vec<&'static str>,
    header: Option<String>,
    payload: Option<String>,
}

impl VerifyResponse {
    fn of(verified: VerifiedJwt, token: &[u8]) -> Self {
        let (header, payload) = match jwt::inspect(token).ok().filter(|_| verified.is_well_formed) {
            Some(content) => (Some(content.header), Some(content.payload)),
            None => (None, None),
        };
        Self {
            outcome: verified.outcome.name(),
            reason: verified.reason.map(Into::into),
            key_id: verified.key_id.as_deref().map(str::to_owned),
            algorithm: verified.algorithm.map(crate::model::Algorithm::as_str),
            warnings: verified.warnings,
            header,
            payload,
        }
    }
}

/// Checks a JWT: `{kind?, issuer?, audience?, at?, keyKind?, algorithm?}` to `{outcome, reason, keyId, algorithm,
/// warnings, header, payload}`. If `key` is given, it verifies and `store` may be zero; otherwise the store's keys do.
///
/// # Safety
///
/// The inputs can be read for their lengths; `response` may be written to.
#[ffi]
pub unsafe fn tessera_jwt_verify(
    store: u64,
    token: *const u8,
    token_length: u64,
    request: *const u8,
    request_length: u64,
    key: *const u8,
    key_length: u64,
    response: *mut Buffer,
) -> u32 {
    let verify = || {
        // SAFETY: by the contract.
        let token = unsafe { input::bytes(token, token_length, MAXIMUM_VALUE_BYTES, "token") }?;
        // SAFETY: by the contract.
        let verifying: Verifying = unsafe { input::request(request, request_length) }?;
        // SAFETY: by the contract.
        let key = unsafe { input::optional_bytes(key, key_length, MAXIMUM_KEY_BYTES, "key") }?;
        let request = VerifyRequest {
            kind: kind(verifying.kind.as_deref())?,
            issuer: verifying.issuer.as_deref(),
            audience: verifying.audience.as_deref(),
            at: verifying.at,
            algorithm: wire::algorithm(verifying.algorithm.as_deref())?,
        };
        let verified = match key {
            Some(bytes) => {
                let kind = key_kind(verifying.key_kind.as_deref())?;
                let key: VerifyingKey = key::verifying_key(bytes, kind, request.algorithm, request.kind)?;
                verify_with(token, &key, &request, SystemClock.now_seconds())?
            }
            None => handle::find(store)?.engine.verify_jwt(token, &request)?,
        };
        Ok(VerifyResponse::of(verified, token))
    };
    // SAFETY: by the contract.
    unsafe { guard::answer(response, verify) }
}

/// Whether a text is a JWT in strict form: `MalformedToken` when it is not. Nothing is checked beyond the form.
///
/// # Safety
///
/// The input can be read for its length; `response` may be written to.
#[ffi]
pub unsafe fn tessera_jwt_inspect(token: *const u8, token_length: u64, response: *mut Buffer) -> u32 {
    let inspect = || {
        // SAFETY: by the contract.
        let token = unsafe { input::bytes(token, token_length, MAXIMUM_VALUE_BYTES, "token") }?;
        jwt::inspect(token).map(|_| Vec::new())
    };
    // SAFETY: by the contract.
    unsafe { guard::raw_answer(response, inspect) }
}

#[derive(Serialize)]
struct JwsResponse {
    verified: bool,
    reason: Option<String>,
}

/// Checks a signature and the rules for headers (RFC 7515), whatever the payload: `key` is a JWK; writes
/// `{verified, reason}`. A key that may not be used is an error.
///
/// # Safety
///
/// The inputs can be read for their lengths; `response` may be written to.
#[ffi]
pub unsafe fn tessera_jws_verify(
    token: *const u8,
    token_length: u64,
    key: *const u8,
    key_length: u64,
    response: *mut Buffer,
) -> u32 {
    let verify = || {
        // SAFETY: by the contract.
        let token = unsafe { input::bytes(token, token_length, MAXIMUM_VALUE_BYTES, "token") }?;
        // SAFETY: by the contract.
        let key = unsafe { input::bytes(key, key_length, MAXIMUM_KEY_BYTES, "key") }?;
        let key: VerifyingKey = key::jws_key(key)?;
        let refusal = jwt::verify_jws(token, &key).err();
        Ok(JwsResponse { verified: refusal.is_none(), reason: refusal.map(|refusal| refusal.reason.into()) })
    };
    // SAFETY: by the contract.
    unsafe { guard::answer(response, verify) }
}

fn kind(name: Option<&str>) -> Result<JwtKind> {
    let Some(name) = name else { return Ok(JwtKind::default()) };
    JwtKind::parse(name).ok_or_else(|| {
        Error::argument(
            "kind",
            "The kind is not one of AccessToken, JsonWebToken, PowerShellUniversal and UniversalDashboard.",
        )
    })
}

fn key_kind(name: Option<&str>) -> Result<KeyKind> {
    name.and_then(KeyKind::parse)
        .ok_or_else(|| Error::argument("keyKind", "The kind of the key is not one of Secret, Pem and Jwk."))
}
