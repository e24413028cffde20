//! Checking a token, step by step.

use std::borrow::Cow;
use std::sync::Arc;

use super::claims::{Claims, Found};
use super::compact::Segments;
use super::header::{Header, KnownHeader, is_key_id, not_json};
use super::kind::Rules;
use super::{Refusal, SHORT_SECRET_WARNING};
use crate::crypto::signing::VerifyingKey;
use crate::format::json;
use crate::model::{Algorithm, JwtKind, Outcome};

/// Where the key comes from. Never from the token.
pub enum Keys<'a> {
    /// The one key that the caller gave. The token need not name it; if both have a key id, they must agree.
    Given(&'a VerifyingKey),
    /// Keys that are looked up by `kid`, whose form was checked before. An unknown one gives none.
    ByKeyId(&'a dyn Fn(&str) -> Option<&'a VerifyingKey>),
}

/// What the caller expects of a token.
#[derive(Debug, Clone, Copy)]
pub struct Expectations<'a> {
    /// The kind of token.
    pub kind: JwtKind,
    /// The issuer that must have made it; none: the kind's, or any.
    pub issuer: Option<&'a str>,
    /// The audience that must be among its audiences; none: the kind's, or any.
    pub audience: Option<&'a str>,
    /// The time of the check, in seconds since 1970.
    pub now_seconds: i64,
}

/// What a check found.
pub type JwtVerdict<'a> = CheckedJwt<Claims<'a>>;

/// What a check found, with as much of the claims as was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedJwt<C> {
    /// `Valid`, `Malformed`, `Unknown`, `NotYetValid`, `Expired` or `AudienceDenied`.
    pub outcome: Outcome,
    /// The rule that was broken, for administrators; none when valid.
    pub reason: Option<Cow<'static, str>>,
    /// The id of the key that was tried, where it has one.
    pub key_id: Option<Arc<str>>,
    /// The algorithm of the key that was tried.
    pub algorithm: Option<Algorithm>,
    /// The claims, whenever the signature is good and their form is right: also of a token that is over, so
    /// that a revocation can take precedence.
    pub claims: Option<C>,
    /// What the caller should know although the token is accepted.
    pub warnings: Vec<&'static str>,
}

/// Checks a token in the order that the module states.
pub fn verify(token: &[u8], keys: &Keys<'_>, expectations: &Expectations<'_>) -> JwtVerdict<'static> {
    let mut scratch = Vec::new();
    let verdict = verify_in(&mut scratch, token, keys, expectations);
    JwtVerdict {
        outcome: verdict.outcome,
        reason: verdict.reason,
        key_id: verdict.key_id,
        algorithm: verdict.algorithm,
        claims: verdict.claims.map(Claims::into_owned),
        warnings: verdict.warnings,
    }
}

/// As [`verify`], with claims that are borrowed from `scratch`, where the token is decoded.
pub(crate) fn verify_in<'a>(
    scratch: &'a mut Vec<u8>,
    token: &'a [u8],
    keys: &Keys<'_>,
    expectations: &Expectations<'_>,
) -> JwtVerdict<'a> {
    checked(scratch, token, keys, expectations, Claims::of)
}

/// As [`verify_in`], with nothing of the claims but the id.
pub(crate) fn verify_id_in<'a>(
    scratch: &'a mut Vec<u8>,
    token: &'a [u8],
    keys: &Keys<'_>,
    expectations: &Expectations<'_>,
) -> CheckedJwt<Option<Cow<'a, str>>> {
    checked(scratch, token, keys, expectations, |found, rules| found.text(rules.id_claim))
}

/// Checks a token, and has `tell` make of its claims what is to be told of them.
fn checked<'a, C>(
    scratch: &'a mut Vec<u8>,
    token: &'a [u8],
    keys: &Keys<'_>,
    expectations: &Expectations<'_>,
    tell: impl FnOnce(&Found<'_, 'a>, &Rules) -> C,
) -> CheckedJwt<C> {
    let mut verdict = CheckedJwt {
        outcome: Outcome::Valid,
        reason: None,
        key_id: None,
        algorithm: None,
        claims: None,
        warnings: Vec::new(),
    };
    if let Err(refusal) = verdict.check(scratch, token, keys, expectations, tell) {
        verdict.outcome = refusal.outcome;
        verdict.reason = Some(refusal.reason);
    }
    verdict
}

/// Checks a signature and the header's rules (RFC 7515), of a token whose payload may be anything.
///
/// A key id in the header may be any text, but must be the key's where both have one.
pub fn verify_jws(token: &[u8], key: &VerifyingKey) -> Result<(), Refusal> {
    let mut scratch = Vec::new();
    let segments = Segments::split(token)?;
    let parts = segments.decode(&mut scratch, true)?;
    let header = Header::read(parts.header)?;
    check_named_key(&header, key)?;
    check_algorithm(&header, key)?;
    check_signature(segments.signed, parts.signature, key)
}

impl<C> CheckedJwt<C> {
    fn check<'a>(
        &mut self,
        scratch: &'a mut Vec<u8>,
        token: &'a [u8],
        keys: &Keys<'_>,
        expectations: &Expectations<'_>,
        tell: impl FnOnce(&Found<'_, 'a>, &Rules) -> C,
    ) -> Result<(), Refusal> {
        let rules = expectations.kind.rules();
        let segments = Segments::split(token)?;
        let known = KnownHeader::find(segments.header);
        let parts = segments.decode(scratch, known.is_none())?;
        let read;
        let header = match &known {
            Some(known) => &known.header,
            None => {
                read = Header::read(parts.header)?;
                &read
            }
        };
        check_media_type(header, rules)?;
        check_key_id(header, keys, rules)?;

        let key = match keys {
            Keys::Given(key) => Some(*key),
            Keys::ByKeyId(look_up) => header.key_id.as_deref().and_then(look_up),
        };
        let key = key.ok_or_else(|| Refusal::new(Outcome::Unknown, "The header names no key that is known."))?;
        self.check_key(header, key, rules)?;
        check_signature(segments.signed, parts.signature, key)?;
        if known.is_none() {
            KnownHeader::keep(segments.header, header);
        }

        let members =
            json::parse_object(parts.payload).map_err(|refusal| Refusal::malformed(not_json("payload", refusal)))?;
        let found = Found::among(&members);
        found.check(rules)?;
        self.claims = Some(tell(&found, rules));
        found.check_for(
            expectations.issuer.or(rules.expected_issuer),
            expectations.audience.or(rules.expected_audience),
            expectations.now_seconds,
        )
    }

    fn check_key(&mut self, header: &Header<'_>, key: &VerifyingKey, rules: &Rules) -> Result<(), Refusal> {
        self.key_id = key.shared_key_id();
        self.algorithm = Some(key.algorithm());
        check_named_key(header, key)?;
        check_algorithm(header, key)?;
        if !rules.algorithms.contains(&key.algorithm()) {
            return Err(Refusal::new(Outcome::Unknown, "This kind of token does not accept the key's algorithm."));
        }
        if key.has_short_secret() {
            if !rules.allows_short_secrets {
                return Err(Refusal::new(Outcome::Unknown, "The HMAC key has fewer than 32 bytes."));
            }
            self.warnings.push(SHORT_SECRET_WARNING);
        }
        Ok(())
    }
}

fn check_media_type(header: &Header<'_>, rules: &Rules) -> Result<(), Refusal> {
    match header.media_type.as_deref() {
        Some(media_type) if rules.media_types.contains(&media_type) => Ok(()),
        Some(_) => Err(Refusal::malformed("The header's typ is that of another kind of token.")),
        None => Err(Refusal::malformed("The header has no typ.")),
    }
}

fn check_key_id(header: &Header<'_>, keys: &Keys<'_>, rules: &Rules) -> Result<(), Refusal> {
    match header.key_id.as_deref() {
        Some(key_id) if !is_key_id(key_id) => {
            Err(Refusal::malformed("The header's kid is not 1 to 64 characters of A-Z, a-z, 0-9, - and _."))
        }
        None if rules.has_key_id && matches!(keys, Keys::ByKeyId(_)) => {
            Err(Refusal::malformed("The header has no kid."))
        }
        _ => Ok(()),
    }
}

fn check_named_key(header: &Header<'_>, key: &VerifyingKey) -> Result<(), Refusal> {
    match (header.key_id.as_deref(), key.key_id()) {
        (Some(named), Some(key_id)) if named != key_id => {
            Err(Refusal::new(Outcome::Unknown, "The header names another key."))
        }
        _ => Ok(()),
    }
}

fn check_algorithm(header: &Header<'_>, key: &VerifyingKey) -> Result<(), Refusal> {
    if header.algorithm == key.algorithm() {
        return Ok(());
    }
    Err(Refusal::new(Outcome::Unknown, "The header's alg is not the key's algorithm."))
}

fn check_signature(signed: &[u8], signature: &[u8], key: &VerifyingKey) -> Result<(), Refusal> {
    if key.verify_bytes(signed, signature) {
        return Ok(());
    }
    Err(Refusal::new(Outcome::Unknown, "The signature is not the key's."))
}
