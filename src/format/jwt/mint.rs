//! Making a token.

use std::borrow::Cow;
use std::sync::OnceLock;

use super::claims::{Claims, Found};
use super::header::is_key_id;
use super::kind::{Claim, Rules};
use super::{MAXIMUM_TOKEN_BYTES, SHORT_SECRET_WARNING};
use crate::crypto::random;
use crate::crypto::signing::{SigningKeyMaterial, VerifyingKey};
use crate::error::{Error, ErrorCode, Result};
use crate::format::base64url;
use crate::format::json::{self, Integer, MAXIMUM_MEMBERS, Object, Value};
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
/// longer than 8,192 bytes or have more than 256 members; with [`ErrorCode::KeyRefused`] when the key is too short or of an algorithm that
/// the kind does not accept.
pub fn mint<'a>(claims: Object<'a>, key: &SigningKeyMaterial, options: &MintOptions<'a>) -> Result<Minted<'a>> {
    let (value, warnings, claims) = make(&claims, key, |rules| header(key, rules), options, Claims::of)?;
    Ok(Minted { value, claims, warnings })
}

/// A key that signs many tokens, with their headers: each depends on the key and the kind alone, so it is encoded once.
pub struct MintingKey {
    key: SigningKeyMaterial,
    headers: [OnceLock<Box<[u8]>>; JwtKind::ALL.len()],
}

impl From<SigningKeyMaterial> for MintingKey {
    fn from(key: SigningKeyMaterial) -> Self {
        Self { key, headers: Default::default() }
    }
}

impl MintingKey {
    /// The key itself.
    pub fn signing_key(&self) -> &SigningKeyMaterial {
        &self.key
    }

    /// The key that verifies what this one signed.
    pub fn verifying_key(&self) -> &VerifyingKey {
        self.key.verifying_key()
    }

    /// As the function [`mint`].
    pub(crate) fn mint<'a>(&self, claims: Object<'a>, options: &MintOptions<'a>) -> Result<Minted<'a>> {
        let (value, warnings, claims) =
            make(&claims, &self.key, |rules| self.header(options.kind, rules), options, Claims::of)?;
        Ok(Minted { value, claims, warnings })
    }

    /// As [`MintingKey::mint`], without telling what the token says: for who does not ask. Gives the token and the warnings.
    pub(crate) fn mint_value(
        &self,
        claims: &Object<'_>,
        options: &MintOptions<'_>,
    ) -> Result<(Secret, Vec<&'static str>)> {
        let (value, warnings, ()) =
            make(claims, &self.key, |rules| self.header(options.kind, rules), options, |_, _| ())?;
        Ok((value, warnings))
    }

    /// The header of the tokens of `kind`, whose rules these are.
    fn header(&self, kind: JwtKind, rules: &Rules) -> Result<&[u8]> {
        let kept = &self.headers[kind as usize];
        match kept.get() {
            Some(header) => Ok(header),
            None => {
                let header = header(&self.key, rules)?;
                Ok(kept.get_or_init(|| header))
            }
        }
    }
}

/// Gives the token, the warnings, and what `tell` makes of the claims. `header` gives the header in base64url, for a key that
/// the rules accept.
fn make<'a, H: AsRef<[u8]>, T>(
    claims: &Object<'a>,
    key: &SigningKeyMaterial,
    header: impl FnOnce(&Rules) -> Result<H>,
    options: &MintOptions<'a>,
    tell: impl FnOnce(&Found<'_, 'a>, &Rules) -> T,
) -> Result<(Secret, Vec<&'static str>, T)> {
    let rules = options.kind.rules();
    let warnings = check_key(key, rules)?;
    let header = header(rules)?;
    let header = header.as_ref();

    let given = Found::among(claims);
    let filled = Filled::of(&given, rules, options)?;
    let found = filled.beside(given, rules);
    found.check(rules).map_err(|refusal| Error::argument("claims", refusal.reason))?;
    if found.time(Claim::NotBefore).is_some_and(|not_before| not_before >= found.expires_at()) {
        return Err(Error::argument("claims", "The claim exp is not after nbf."));
    }

    let payload = written(claims, &found, rules)?;
    let signature_characters = key.verifying_key().signature_characters();
    let length = header.len() + base64url::encoded_length(payload.len()) + signature_characters + 2;
    if length > MAXIMUM_TOKEN_BYTES {
        return Err(Error::argument("claims", "The token would have more than 8,192 bytes: give it fewer claims."));
    }
    // Of the full length from the start, so that growing never leaves an unwiped copy behind.
    let mut value = Secret::new(Vec::with_capacity(length));
    let text = value.bytes_mut();
    text.extend_from_slice(header);
    text.push(b'.');
    base64url::encode_onto(&payload, text);
    let signature = key.sign_bytes(text)?;
    text.push(b'.');
    base64url::encode_onto(signature.as_ref(), text);
    Ok((value, warnings, tell(&found, rules)))
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

/// The header in base64url.
fn header(key: &SigningKeyMaterial, rules: &Rules) -> Result<Box<[u8]>> {
    let (algorithm, media_type) = (key.algorithm().as_str(), rules.media_types.first().copied().unwrap_or("JWT"));
    let mut header = format!(r#"{{"alg":"{algorithm}","typ":"{media_type}""#);
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
    let mut encoded = Vec::new();
    base64url::encode_onto(header.as_bytes(), &mut encoded);
    Ok(encoded.into())
}

/// What is written for claims that are absent.
struct Filled<'a> {
    issuer: Option<Value<'a>>,
    subject: Option<Value<'a>>,
    audience: Option<Value<'a>>,
    now: Value<'a>,
    expires_at: Option<Value<'a>>,
    id: Option<Value<'a>>,
}

impl<'a> Filled<'a> {
    fn of(given: &Found<'_, 'a>, rules: &Rules, options: &MintOptions<'a>) -> Result<Self> {
        let text = |text: Option<&'a str>| text.map(|text| Value::String(Cow::Borrowed(text)));
        let expires_at = match (given.get(Claim::ExpiresAt).is_some(), options.lifetime_seconds) {
            (true, None) => None,
            (true, Some(_)) => {
                return Err(Error::argument("claims", "Give either a lifetime or the claim exp, not both."));
            }
            (false, Some(..=0)) => return Err(Error::argument("expiresInSeconds", "A lifetime must be positive.")),
            (false, lifetime) => {
                let lifetime = lifetime.unwrap_or(rules.default_lifetime_seconds);
                Some(seconds(options.now_seconds.saturating_add(lifetime)))
            }
        };
        let id = match given.get(rules.id_claim) {
            Some(_) => None,
            None => Some(Value::String(Cow::Owned(random_id(rules)?))),
        };
        Ok(Self {
            issuer: text(options.issuer.or(rules.default_issuer)),
            subject: text(rules.default_subject),
            audience: text(rules.default_audience),
            now: seconds(options.now_seconds),
            expires_at,
            id,
        })
    }

    /// What was given, and what is filled in.
    fn beside<'o>(&'o self, given: Found<'o, 'a>, rules: &Rules) -> Found<'o, 'a> {
        let mut found = given;
        found.fill(Claim::Issuer, self.issuer.as_ref());
        found.fill(Claim::Subject, self.subject.as_ref());
        found.fill(Claim::Audience, self.audience.as_ref());
        if rules.required_claims.contains(&Claim::ClientId) {
            found.fill(Claim::ClientId, found.get(Claim::Subject));
        }
        if rules.writes_issued_at {
            found.fill(Claim::IssuedAt, Some(&self.now));
        }
        found.fill(rules.id_claim, self.id.as_ref());
        found.fill(Claim::NotBefore, Some(&self.now));
        found.fill(Claim::ExpiresAt, self.expires_at.as_ref());
        found
    }
}

/// The payload: the claims in the kind's order, others after them as given.
fn written(claims: &Object<'_>, found: &Found<'_, '_>, rules: &Rules) -> Result<Vec<u8>> {
    let known = rules.claim_order.iter().filter_map(|claim| Some((claim.name(), found.get(*claim)?)));
    let is_other = |name: &str| !Claim::parse(name).is_some_and(|claim| rules.claim_order.contains(&claim));
    let others = claims.iter().filter(|(name, _)| is_other(name));
    let mut text = Vec::with_capacity(USUAL_PAYLOAD_BYTES);
    // What is filled in may be too much beside what was given, and nobody would read the token.
    if json::write_object(known.chain(others), &mut text) > MAXIMUM_MEMBERS {
        let message =
            "The token would have more than 256 members, with those that are filled in: give it fewer claims.";
        return Err(Error::argument("claims", message));
    }
    Ok(text)
}

/// Room for the payload of nearly every token.
const USUAL_PAYLOAD_BYTES: usize = 384;

fn random_id(rules: &Rules) -> Result<String> {
    if rules.id_claim == Claim::Hash {
        let mut bytes = [0_u8; 16];
        random::fill(&mut bytes)?;
        return Ok(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string());
    }
    // 131 random bits; no two tokens share an id. It is no secret: whoever sees the token reads it.
    random::public_base62(22)
}

fn seconds<'a>(seconds: i64) -> Value<'a> {
    Value::Integer(u64::try_from(seconds).map_or(Integer::Negative(seconds), Integer::NonNegative))
}
