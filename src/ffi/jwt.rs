//! Exported functions over JSON Web Tokens that are made, checked and looked at by hand.

use std::sync::Arc;

use arc_swap::ArcSwap;
use interoptopus::ffi;
use serde::Serialize;

use crate::clock::{Clock, SystemClock};
use crate::crypto::signing::VerifyingKey;
use crate::error::{Error, ErrorCode, Result};
use crate::format::jwt::{self, MintingKey};
use crate::format::key::{self, KeyKind};
use crate::model::{Algorithm, JwtKind};
use crate::secret::Secret;
use crate::service::{MintRequest, VerifyRequest, mint_with, verify_with};

use super::buffer::Buffer;
use super::handle::Handles;
use super::token::Utf8Text;
use super::{guard, handle, input};

/// The most bytes of a token that are handed on; the format refuses what is over its own limit.
const MAXIMUM_VALUE_BYTES: u64 = 64 * 1024;
/// The most bytes of claims; the format refuses what makes too long a token.
const MAXIMUM_CLAIMS_BYTES: u64 = 64 * 1024;
/// The most bytes of an issuer, an audience or the id of a key.
const MAXIMUM_NAME_BYTES: u64 = 1_024;
/// The most bytes of a caller's key.
const MAXIMUM_KEY_BYTES: u64 = 64 * 1024;

/// The bytes of a key id that a result has room for: a JWK may bring as many, and no other key has a longer one.
const KEY_ID_BYTES: usize = 256;

/// A key that a caller brought. It is read for what it is used for, at its first use for that, and then kept ready.
struct OpenKey {
    kind: KeyKind,
    bytes: Secret,
    signing: Readings<MintingKey>,
    verifying: Readings<VerifyingKey>,
}

/// What a key was read as: for the algorithm that was asked for, and with short secrets allowed or not. These are few.
type Readings<T> = ArcSwap<Vec<(Option<Algorithm>, bool, Arc<T>)>>;

static KEYS: Handles<OpenKey> = Handles::new("key", 0x7e59);

impl OpenKey {
    fn signing(&self, algorithm: Option<Algorithm>, kind: JwtKind) -> Result<Arc<MintingKey>> {
        let read = || key::signing_key(self.bytes.as_bytes(), self.kind, algorithm, kind).map(MintingKey::from);
        reading(&self.signing, algorithm, kind, read)
    }

    fn verifying(&self, algorithm: Option<Algorithm>, kind: JwtKind) -> Result<Arc<VerifyingKey>> {
        let read = || key::verifying_key(self.bytes.as_bytes(), self.kind, algorithm, kind);
        reading(&self.verifying, algorithm, kind, read)
    }
}

/// The reading that was kept, or else a new one, which is kept. A key that is refused is refused anew each time.
fn reading<T>(
    kept: &Readings<T>,
    algorithm: Option<Algorithm>,
    kind: JwtKind,
    read: impl FnOnce() -> Result<T>,
) -> Result<Arc<T>> {
    let allows_short = kind.allows_short_secrets();
    let found = |kept: &[(Option<Algorithm>, bool, Arc<T>)]| {
        kept.iter()
            .find(|(asked, short, _)| (*asked, *short) == (algorithm, allows_short))
            .map(|(.., key)| Arc::clone(key))
    };
    if let Some(key) = found(&kept.load()) {
        return Ok(key);
    }
    let key = Arc::new(read()?);
    kept.rcu(|kept| {
        let mut kept = Vec::clone(kept);
        // Two calls at once may both have read it; one reading is enough.
        if found(&kept).is_none() {
            kept.push((algorithm, allows_short, Arc::clone(&key)));
        }
        kept
    });
    Ok(key)
}

/// Takes a caller's key of the kind 0 (a secret), 1 (PEM) or 2 (JWK), for many uses, and writes its handle to `jwt_key`.
/// What the key is good for is judged when it is used. It is wiped when the handle is closed.
///
/// # Safety
///
/// The key can be read for its length; `jwt_key` and `response` may be written to.
#[ffi]
pub unsafe fn tessera_jwt_key_open(
    kind: u32,
    key: *const u8,
    key_length: u64,
    jwt_key: *mut u64,
    response: *mut Buffer,
) -> u32 {
    let open = || {
        if jwt_key.is_null() {
            return Err(Error::argument("jwtKey", "There is no place to write the handle to."));
        }
        let kind = numbered(&KeyKind::ALL, kind).ok_or_else(|| {
            Error::argument("keyKind", "The kind of the key is not the number of Secret, Pem or Jwk.")
        })?;
        // SAFETY: by the contract.
        let bytes = unsafe { input::bytes(key, key_length, MAXIMUM_KEY_BYTES, "key") }?;
        let opened =
            OpenKey { kind, bytes: Secret::from(bytes), signing: Readings::default(), verifying: Readings::default() };
        // SAFETY: by the contract; null was refused above.
        unsafe { jwt_key.write(KEYS.give(opened)?) };
        Ok(Vec::new())
    };
    // SAFETY: by the contract.
    unsafe { guard::raw_answer(response, open) }
}

/// Takes the handle of a caller's key back. The key is wiped when the calls that use it have ended.
#[ffi]
pub fn tessera_jwt_key_close(jwt_key: u64) -> u32 {
    guard::code(|| KEYS.close(jwt_key))
}

/// What a JWT is to be made of beside its claims and its key.
#[ffi]
#[derive(Debug, Clone, Copy)]
pub struct JwtMinting {
    /// The kind: 0 AccessToken, 1 JsonWebToken, 2 PowerShellUniversal, 3 UniversalDashboard.
    pub kind: u32,
    /// 0 for the key's own algorithm, or 1 HS256, 2 ES256, 3 ES384, 4 RS256, 5 PS256, 6 EdDSA.
    pub algorithm: u32,
    /// How long it is to live; the least number of all for the kind's default.
    pub lifetime_seconds: i64,
    /// The store's key to sign with, at most 1,024 bytes.
    pub key_id: Utf8Text,
}

/// The bytes that a JWT may have, for which a caller has to make room.
const TOKEN_BYTES: usize = jwt::MAXIMUM_TOKEN_BYTES;

/// Which key signed a JWT that was made, or was tried for one that was checked.
#[ffi]
#[derive(Debug, Clone, Copy)]
pub struct JwtResult {
    /// The number of the outcome of a check; zero of one that was made.
    pub outcome: u32,
    /// The algorithm as in [`JwtMinting`]; 0 where no key was tried.
    pub algorithm: u32,
    /// 1 where the text is a token in strict form, so that its parts can be read; otherwise zero.
    pub is_well_formed: u32,
    /// How many bytes of a key id were written; 0 for none.
    pub key_id_length: u32,
    /// How many bytes of a JWT that was made were written; 0 of one that was checked.
    pub token_length: u32,
}

/// What there is to say beyond a [`JwtResult`].
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JwtWords<'a> {
    reason: Option<&'a str>,
    warnings: &'a [&'static str],
}

/// Makes a JWT of which no store keeps a row, from `claims` in JSON. The key with the handle `jwt_key` signs, and `store`
/// may be zero; where `jwt_key` is zero, a key of the store. The token goes into the 8,192 bytes at `token`, for the caller to
/// wipe, the id of the key into the 256 bytes at `key_id`, the rest into `result`. `response` is empty, or `{warnings}` where
/// there are warnings.
///
/// # Safety
///
/// `claims` can be read for its length, `minting` and its texts can be read; `token`, `key_id`, `result` and `response` may
/// be written to.
#[ffi]
pub unsafe fn tessera_jwt_mint(
    store: u64,
    jwt_key: u64,
    claims: *const u8,
    claims_length: u64,
    minting: *const JwtMinting,
    token: *mut u8,
    key_id: *mut u8,
    result: *mut JwtResult,
    response: *mut Buffer,
) -> u32 {
    let mint = || {
        // SAFETY: by the contract.
        let minting = unsafe { minting.as_ref() };
        let Some(minting) = minting.filter(|_| !token.is_null() && !key_id.is_null() && !result.is_null()) else {
            return Err(Error::argument("token", "There is no request, or no place to write the token to."));
        };
        // SAFETY: by the contract.
        let claims = unsafe { input::optional_text(claims, claims_length, MAXIMUM_CLAIMS_BYTES, "claims") }?;
        let named = minting.key_id;
        // SAFETY: by the contract.
        let named = unsafe { input::optional_text(named.data, named.length, MAXIMUM_NAME_BYTES, "keyId") }?;
        let request = MintRequest {
            claims: claims.unwrap_or_default(),
            kind: kind(minting.kind)?,
            algorithm: algorithm(minting.algorithm)?,
            key_id: named,
            lifetime_seconds: (minting.lifetime_seconds != i64::MIN).then_some(minting.lifetime_seconds),
        };
        let minted = match jwt_key {
            0 => handle::with(store, |store| store.session().mint_jwt(&request))?,
            _ => KEYS.with(jwt_key, |key| {
                let key = key.signing(request.algorithm, request.kind)?;
                mint_with(&key, &request, SystemClock.now_seconds())
            })?,
        };
        let words = words(None, &minted.warnings)?;
        let key_id_bytes = minted.key_id.as_deref().unwrap_or_default().as_bytes();
        let told = JwtResult {
            outcome: 0,
            algorithm: number_of(Some(minted.algorithm)),
            is_well_formed: 1,
            // SAFETY: by the contract; null was refused above.
            key_id_length: unsafe { write_bytes(key_id_bytes, key_id, KEY_ID_BYTES) }?,
            // SAFETY: by the contract; null was refused above.
            token_length: unsafe { write_bytes(minted.value.as_bytes(), token, TOKEN_BYTES) }?,
        };
        // SAFETY: by the contract; null was refused above.
        unsafe { result.write(told) };
        Ok(words)
    };
    // SAFETY: by the contract.
    unsafe { guard::raw_answer(response, mint) }
}

/// What a JWT is checked against.
#[ffi]
#[derive(Debug, Clone, Copy)]
pub struct JwtRules {
    /// The kind, as in [`JwtMinting`].
    pub kind: u32,
    /// The one algorithm that is accepted, as in [`JwtMinting`]; 0: the key's.
    pub algorithm: u32,
    /// The time of the check, in seconds since 1970; the least number of all for now.
    pub at: i64,
    /// The issuer that must have made it, at most 1,024 bytes.
    pub issuer: Utf8Text,
    /// The audience that must be among its audiences, at most 1,024 bytes.
    pub audience: Utf8Text,
}

/// Checks a JWT. The key with the handle `jwt_key` verifies, and `store` may be zero; where `jwt_key` is zero, the
/// store's keys do. What was found goes into `result`, the id of the key that was tried into the 256 bytes at `key_id`.
/// `response` is empty, or `{reason, warnings}` where the token is refused or there are warnings.
///
/// # Safety
///
/// `token` can be read for its length, `rules` and its texts can be read; `key_id`, `result` and `response` may be written
/// to.
#[ffi]
pub unsafe fn tessera_jwt_verify(
    store: u64,
    jwt_key: u64,
    token: *const u8,
    token_length: u64,
    rules: *const JwtRules,
    key_id: *mut u8,
    result: *mut JwtResult,
    response: *mut Buffer,
) -> u32 {
    let verify = || {
        // SAFETY: by the contract.
        let Some(rules) = unsafe { rules.as_ref() }.filter(|_| !key_id.is_null() && !result.is_null()) else {
            return Err(Error::argument("result", "There are no rules, or no place to write the result to."));
        };
        // SAFETY: by the contract.
        let token = unsafe { input::bytes(token, token_length, MAXIMUM_VALUE_BYTES, "token") }?;
        let read = |text: Utf8Text, subject: &'static str| {
            // SAFETY: by the contract.
            unsafe { input::optional_text(text.data, text.length, MAXIMUM_NAME_BYTES, subject) }
        };
        let request = VerifyRequest {
            kind: kind(rules.kind)?,
            issuer: read(rules.issuer, "issuer")?,
            audience: read(rules.audience, "audience")?,
            at: (rules.at != i64::MIN).then_some(rules.at),
            algorithm: algorithm(rules.algorithm)?,
        };
        let verified = match jwt_key {
            0 => handle::with(store, |store| store.engine.verify_jwt(token, &request))?,
            _ => KEYS.with(jwt_key, |key| {
                let key = key.verifying(request.algorithm, request.kind)?;
                verify_with(token, &key, &request, SystemClock.now_seconds())
            })?,
        };
        let key_id_bytes = verified.key_id.as_deref().unwrap_or_default().as_bytes();
        let told = JwtResult {
            outcome: verified.outcome.number(),
            algorithm: number_of(verified.algorithm),
            is_well_formed: verified.is_well_formed.into(),
            // SAFETY: by the contract; null was refused above.
            key_id_length: unsafe { write_bytes(key_id_bytes, key_id, KEY_ID_BYTES) }?,
            token_length: 0,
        };
        // SAFETY: by the contract; null was refused above.
        unsafe { result.write(told) };
        words(verified.reason.as_deref(), &verified.warnings)
    };
    // SAFETY: by the contract.
    unsafe { guard::raw_answer(response, verify) }
}

/// The words as JSON; nothing where there are none.
fn words(reason: Option<&str>, warnings: &[&'static str]) -> Result<Vec<u8>> {
    if reason.is_none() && warnings.is_empty() {
        return Ok(Vec::new());
    }
    serde_json::to_vec(&JwtWords { reason, warnings })
        .map_err(|_| Error::new(ErrorCode::Internal, "The answer could not be encoded."))
}

/// Writes `bytes`, for which there is room for as many as `room`, and gives how many there are.
///
/// # Safety
///
/// As many bytes as `room` can be written at `place`.
unsafe fn write_bytes(bytes: &[u8], place: *mut u8, room: usize) -> Result<u32> {
    let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= room);
    let length = length
        .ok_or_else(|| Error::new(ErrorCode::Internal, "A part of the answer is longer than the place for it."))?;
    // SAFETY: by the contract, and it is no more than fits.
    unsafe { place.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    Ok(length)
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

fn kind(number: u32) -> Result<JwtKind> {
    numbered(&JwtKind::ALL, number).ok_or_else(|| {
        Error::argument(
            "kind",
            "The kind is not the number of AccessToken, JsonWebToken, PowerShellUniversal or UniversalDashboard.",
        )
    })
}

/// The algorithm of that number, or none for 0.
fn algorithm(number: u32) -> Result<Option<Algorithm>> {
    let Some(position) = number.checked_sub(1) else { return Ok(None) };
    match numbered(&Algorithm::ALL, position) {
        None => Err(Error::argument("algorithm", "The algorithm is not the number of one that is known.")),
        known => Ok(known),
    }
}

fn number_of(algorithm: Option<Algorithm>) -> u32 {
    let position = algorithm.and_then(|algorithm| Algorithm::ALL.iter().position(|known| *known == algorithm));
    position.and_then(|position| u32::try_from(position + 1).ok()).unwrap_or(0)
}

fn numbered<T: Copy>(all: &[T], number: u32) -> Option<T> {
    usize::try_from(number).ok().and_then(|position| all.get(position)).copied()
}
