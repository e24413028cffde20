//! Making a token.

use std::borrow::Cow;

use super::claims::Claims;
use super::header::is_key_id;
use super::kind::{Claim, Rules};
use super::{MAXIMUM_TOKEN_BYTES, SHORT_SECRET_WARNING};
use crate::crypto::random;
use crate::crypto::signing::SigningKeyMaterial;
use crate::error::{Error, ErrorCode, Result};
use crate::format::base64url;
use crate::format::json::{Integer, Object, Value};
use crate::model::JwtKind;
use crate::secret::Secret;

/// What a token is made of beside its claims and its key.
#[derive(Debug, Clone, Copy)]
pub struct MintOptions<'a> {
    /// The kind of token.
    pub kind: JwtKind,
    /// `iss`, where the claims have none.
    pub issuer: Option<&'a str>,
    /// The time of issue, in seconds since 1970.
    pub now_seconds: i64,
    /// From issue to `exp`, where the claims have none; none: the kind's default, 90 days or a year.
    pub lifetime_seconds: Option<i64>,
}

/// A new token.
#[derive(Debug)]
pub struct Minted<'a> {
    /// The token, in ASCII.
    pub value: Secret,
    /// What the token says.
    pub claims: Claims<'a>,
    /// What the caller should know although the token was made.
    pub warnings: Vec<&'static str>,
}

/// Makes a token with `claims`, signed by `key`.
///
/// Claims that are not given are filled in: `iss`, `iat`, `nbf`, `exp`, `jti` (random), `client_id` (for
/// access tokens, from `sub`); under the PowerShellUniversal and UniversalDashboard kinds `sub`, `nbf`,
/// `exp`, `iss`, `aud` and the hash claim (a random UUID). They are written in the kind's order, others
/// after them as given. The header is `alg`, `typ` and, but for those two kinds, `kid`: the key's id, or
/// the thumbprint of one that has none.
///
/// Fails with [`ErrorCode::InvalidArgument`] when [`super::verify`] would refuse the claims for their form,
/// when both `exp` and a lifetime are given, when the lifetime is not positive, and when the token would be
/// longer than 8,192 bytes; with [`ErrorCode::KeyRefused`] when the key is too short or of an algorithm that
/// the kind does not accept.
pub fn mint<'a>(claims: Object<'a>, key: &SigningKeyMaterial, options: &MintOptions<'a>) -> Result<Minted<'a>> {
    let rules = options.kind.rules();
    let warnings = check_key(key, rules)?;
    let header = header(key, rules)?;

    let members = fill_in(claims, rules, options)?;
    let claims = Claims::read(&members, rules).map_err(|refusal| Error::argument("claims", refusal.reason))?;
    if claims.not_before.is_some_and(|not_before| not_before >= claims.expires_at) {
        return Err(Error::argument("claims", "The claim exp is not after nbf."));
    }

    let payload = members.to_bytes();
    let parts = [header.len(), payload.len(), key.verifying_key().signature_bytes()];
    let length = parts.into_iter().map(base64url::encoded_length).sum::<usize>() + 2;
    if length > MAXIMUM_TOKEN_BYTES {
        return Err(Error::argument("claims", "The token would have more than 8,192 bytes: give it fewer claims."));
    }
    // Of the full length from the start, so that growing never leaves an unwiped copy behind.
    let mut value = Secret::new(Vec::with_capacity(length));
    let text = value.bytes_mut();
    base64url::encode_onto(header.as_bytes(), text);
    text.push(b'.');
    base64url::encode_onto(&payload, text);
    let signature = Secret::new(key.sign_bytes(text)?);
    text.push(b'.');
    base64url::encode_onto(signature.as_bytes(), text);
    Ok(Minted { value, claims, warnings })
}

fn check_key(key: &SigningKeyMaterial, rules: &Rules) -> Result<Vec<&'static str>> {
    let refused = |message| Err(Error::new(ErrorCode::KeyRefused, message).about("key"));
    if !rules.algorithms.contains(&key.algorithm()) {
        return refused("This kind of token does not accept the key's algorithm.");
    }
    match (key.verifying_key().has_short_secret(), rules.allows_short_secrets) {
        (false, _) => Ok(Vec::new()),
        (true, true) => Ok(vec![SHORT_SECRET_WARNING]),
        (true, false) => refused("The HMAC key has fewer than 32 bytes, which this kind of token does not accept."),
    }
}

fn header(key: &SigningKeyMaterial, rules: &Rules) -> Result<String> {
    let (algorithm, media_type) = (key.algorithm().as_str(), rules.media_types.first().copied().unwrap_or("JWT"));
    let mut header = String::with_capacity(USUAL_HEADER_BYTES);
    for part in [r#"{"alg":""#, algorithm, r#"","typ":""#, media_type, "\""] {
        header.push_str(part);
    }
    if rules.has_key_id
        && let Some(key_id) =
            key.key_id().map(Cow::Borrowed).or_else(|| key.verifying_key().thumbprint().map(Cow::Owned))
    {
        if !is_key_id(&key_id) {
            let message = "The key's kid must be 1 to 64 characters of A-Z, a-z, 0-9, - and _ to go into a token.";
            return Err(Error::new(ErrorCode::KeyRefused, message).about("key"));
        }
        for part in [r#","kid":""#, &key_id, "\""] {
            header.push_str(part);
        }
    }
    header.push('}');
    Ok(header)
}

/// Room for the header that nearly every key has.
const USUAL_HEADER_BYTES: usize = 128;

/// The claims with what is absent filled in, in the kind's order; others after them as given.
fn fill_in<'a>(claims: Object<'a>, rules: &Rules, options: &MintOptions<'a>) -> Result<Object<'a>> {
    let mut known: [Option<Value<'a>>; Claim::COUNT] = [const { None }; Claim::COUNT];
    let mut others = Vec::new();
    for (name, value) in claims {
        match Claim::parse(&name).filter(|claim| rules.claim_order.contains(claim)) {
            Some(claim) => known[claim as usize] = Some(value),
            None => others.push((name, value)),
        }
    }
    fill(&mut known, Claim::Issuer, options.issuer.or(rules.default_issuer).map(text));
    fill(&mut known, Claim::Subject, rules.default_subject.map(text));
    fill(&mut known, Claim::Audience, rules.default_audience.map(text));
    if rules.required_claims.contains(&Claim::ClientId) {
        let subject = known[Claim::Subject as usize].clone();
        fill(&mut known, Claim::ClientId, subject);
    }
    if rules.writes_issued_at {
        fill(&mut known, Claim::IssuedAt, Some(seconds(options.now_seconds)));
    }
    if known[rules.id_claim as usize].is_none() {
        fill(&mut known, rules.id_claim, Some(Value::String(Cow::Owned(random_id(rules)?))));
    }
    fill(&mut known, Claim::NotBefore, Some(seconds(options.now_seconds)));
    match (known[Claim::ExpiresAt as usize].is_some(), options.lifetime_seconds) {
        (true, None) => {}
        (true, Some(_)) => return Err(Error::argument("claims", "Give either a lifetime or the claim exp, not both.")),
        (false, Some(..=0)) => return Err(Error::argument("expiresInSeconds", "A lifetime must be positive.")),
        (false, lifetime) => {
            let lifetime = lifetime.unwrap_or(rules.default_lifetime_seconds);
            fill(&mut known, Claim::ExpiresAt, Some(seconds(options.now_seconds.saturating_add(lifetime))));
        }
    }

    let in_order = rules.claim_order.iter().filter_map(|claim| {
        let value = known[*claim as usize].take()?;
        Some((Cow::Borrowed(claim.name()), value))
    });
    Ok(in_order.chain(others).collect())
}

/// Sets a claim that is absent.
fn fill<'a>(known: &mut [Option<Value<'a>>; Claim::COUNT], claim: Claim, value: Option<Value<'a>>) {
    let place = &mut known[claim as usize];
    if place.is_none() {
        *place = value;
    }
}

fn random_id(rules: &Rules) -> Result<String> {
    if rules.id_claim == Claim::Hash {
        let mut bytes = [0_u8; 16];
        random::fill(&mut bytes)?;
        return Ok(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string());
    }
    // 131 random bits; no two tokens share an id. It is no secret: whoever sees the token reads it.
    random::public_base62(22)
}

fn text(text: &str) -> Value<'_> {
    Value::String(Cow::Borrowed(text))
}

fn seconds<'a>(seconds: i64) -> Value<'a> {
    Value::Integer(u64::try_from(seconds).map_or(Integer::Negative(seconds), Integer::NonNegative))
}
