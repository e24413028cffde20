//! JSON Web Tokens: those that the store grants, and those that a caller makes and checks by hand.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

use crate::clock::MAXIMUM_SECONDS;
use crate::crypto::signing::VerifyingKey;
use crate::crypto::{digest, random};
use crate::error::{Error, Result};
use crate::format::json::{self, Integer, Object, Value};
use crate::format::jwt::{self, CheckedJwt, Expectations, Keys, MintOptions, MintingKey};
use crate::model::{Algorithm, JwtKind, Outcome, RotationStage, TokenId};
use crate::policy::Operation;
use crate::secret::Secret;
use crate::store::{NewValue, TokenRecord};

use super::grant::{MintedValue, Minting, digest_of};
use super::{Engine, Session};

/// The random characters that tell one JWT from another of the same token: 119 bits.
const NONCE_CHARACTERS: usize = 20;

/// A JWT to make by hand. It is not a token of the store: nothing is kept of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct MintRequest<'a> {
    /// The claims as a JSON object; what is absent of `iss`, `iat`, `nbf`, `exp` and `jti` is filled in.
    pub claims: &'a str,
    /// The kind of token.
    pub kind: JwtKind,
    /// The algorithm, where several keys are there to choose from.
    pub algorithm: Option<Algorithm>,
    /// The store's key to sign with.
    pub key_id: Option<&'a str>,
    /// How long it is to live, in seconds.
    pub lifetime_seconds: Option<i64>,
}

/// A JWT made by hand.
#[derive(Debug)]
pub struct Minted {
    /// The token, in ASCII.
    pub value: Secret,
    /// The id of the key that signed it, where it has one.
    pub key_id: Option<Arc<str>>,
    /// The algorithm that signed it.
    pub algorithm: Algorithm,
    /// What the caller should know although the token was made.
    pub warnings: Vec<&'static str>,
}

/// What a JWT is checked against.
#[derive(Debug, Clone, Copy, Default)]
pub struct VerifyRequest<'a> {
    /// The kind of token.
    pub kind: JwtKind,
    /// The issuer that must have made it; none: the kind's; with the store's own keys, the store's.
    pub issuer: Option<&'a str>,
    /// The audience that must be among its audiences; none: the kind's, or any.
    pub audience: Option<&'a str>,
    /// The time of the check, in seconds since 1970; none: now.
    pub at: Option<i64>,
    /// The one algorithm that is accepted; none: the key's.
    pub algorithm: Option<Algorithm>,
}

/// What the check of a JWT found.
#[derive(Debug)]
pub struct VerifiedJwt {
    /// The outcome.
    pub outcome: Outcome,
    /// The rule that was broken; none when valid.
    pub reason: Option<Cow<'static, str>>,
    /// The id of the key that was tried, where it has one.
    pub key_id: Option<Arc<str>>,
    /// The algorithm of the key that was tried.
    pub algorithm: Option<Algorithm>,
    /// What the caller should know although the token is accepted.
    pub warnings: Vec<&'static str>,
    /// Whether [`jwt::inspect`] takes it apart. What that gives is to be believed only when the token is valid.
    pub is_well_formed: bool,
}

/// Makes a JWT with the caller's key, of which no store knows. Errors: as [`jwt::mint`].
pub fn mint_with(key: &MintingKey, request: &MintRequest<'_>, now_seconds: i64) -> Result<Minted> {
    mint(claims_of(request)?, key, request, None, now_seconds)
}

/// Checks a JWT with the caller's key, of which no store knows.
pub fn verify_with(
    token: &[u8],
    key: &VerifyingKey,
    request: &VerifyRequest<'_>,
    now_seconds: i64,
) -> Result<VerifiedJwt> {
    let expectations = expectations(request, None, now_seconds)?;
    let mut scratch = Vec::new();
    Ok(told(token, jwt::verify_id_in(&mut scratch, token, &Keys::Given(key), &expectations), request.algorithm))
}

impl Session<'_> {
    /// Makes a JWT with a key of the store; the newest active one when none is named.
    ///
    /// Errors: as [`jwt::mint`]; `NotFound` or `Conflict` for a key that is not there or is revoked; and
    /// `InvalidArgument` for a `jti` in the form of a granted token's id, and for a kind whose tokens name no
    /// key, which only the caller's own key can sign.
    pub fn mint_jwt(&self, request: &MintRequest<'_>) -> Result<Minted> {
        self.permit(&Operation::JWT_MINT)?;
        if !request.kind.names_keys() {
            return Err(Error::argument(
                "kind",
                "Tokens of this kind do not say which key signed them. Give the key to sign with.",
            ));
        }
        let claims = claims_of(request)?;
        let ready = self.key_to_sign(request.key_id, request.algorithm)?;
        mint(claims, &ready.minting, request, Some(self.issuer()), self.now_seconds())
    }

    /// Signs the JWT that a grant is to store. One of a kind that names its key is found by its id; one of another kind
    /// by its digest, and is signed by the one key of its profile. One that may be replaced has to have the right text
    /// too.
    pub(super) fn sign_token(&self, minting: &Minting<'_>) -> Result<MintedValue> {
        let kind = minting.profile.settings.jwt_kind;
        let id = minting.id()?;
        let mut claims = Object::default();
        claims.set("nbf", seconds(minting.not_before.unwrap_or_else(|| self.now_seconds())));
        if let Some(expires_at) = minting.expires_at {
            claims.set("exp", seconds(expires_at));
        }
        let mut audiences = minting.audiences.clone();
        let (ready, issuer) = if kind.names_keys() {
            if audiences.is_empty() {
                audiences.push(self.issuer().to_owned());
            }
            claims.set("sub", string(minting.identity));
            claims.set("jti", string(id.as_str()));
            if minting.is_replaceable {
                // Some algorithms give one signature for one text, and the next value must be another.
                claims.set("nonce", string(&random::base62(NONCE_CHARACTERS)?));
            }
            (self.key_to_grant(minting.key_id)?, Some(self.issuer()))
        } else {
            claims.set(jwt::NAME_CLAIM, string(minting.identity));
            match minting.roles {
                [] => {}
                [one] => claims.set(jwt::ROLE_CLAIM, string(one)),
                several => claims.set(jwt::ROLE_CLAIM, strings(several)),
            }
            (self.key_of_profile(&minting.profile.name, minting.key_id)?, None)
        };
        match audiences.as_slice() {
            [] => {}
            [one] => claims.set("aud", string(one)),
            several => claims.set("aud", strings(several)),
        }
        let options = MintOptions { kind, issuer, now_seconds: self.now_seconds(), lifetime_seconds: None };
        let minted = ready.minting.mint(claims, &options)?;
        let is_digested = minting.is_replaceable || !kind.names_keys();
        let digest = is_digested.then(|| digest_of(&self.keyring, &minted.value));
        let stored = NewValue { digest, sealed: None, key_id: Some(ready.key.key_id.clone()) };
        Ok(MintedValue {
            id,
            value: minted.value,
            stored,
            audiences: minted.claims.audiences.into_iter().map(Into::into).collect(),
        })
    }
}

impl Engine {
    /// Checks a JWT with the store's keys: form, signature, claims and times, and whether it is revoked here.
    ///
    /// A `jti` in the form of a token's id marks a granted JWT, which is refused when its row is revoked or gone.
    /// Other JWTs were made by hand and have no row.
    pub fn verify_jwt(&self, token: &[u8], request: &VerifyRequest<'_>) -> Result<VerifiedJwt> {
        let ready = self.ready_keys()?;
        let tried = Cell::new(None);
        let look_up = |key_id: &str| {
            let found = ready.get(key_id)?;
            tried.set(Some(found));
            Some(found.minting.verifying_key())
        };
        let expectations = expectations(request, Some(self.issuer()), self.now_seconds())?;
        let mut scratch = Vec::new();
        let verdict = jwt::verify_id_in(&mut scratch, token, &Keys::ByKeyId(&look_up), &expectations);
        let is_revoked = match (&verdict.claims, tried.get()) {
            (Some(id), Some(ready)) => {
                let granted = id.as_deref().and_then(TokenId::parse);
                ready.key.revoked_at.is_some() || granted.map_or(Ok(false), |id| self.is_revoked_or_gone(&id, token))?
            }
            _ => false,
        };
        let mut told = told(token, verdict, request.algorithm);
        // In the documented order, Revoked comes before the times and the audience.
        if is_revoked && !matches!(told.outcome, Outcome::Malformed | Outcome::Unknown) {
            told.outcome = Outcome::Revoked;
            told.reason = Some("The token or the key that signed it was revoked or removed.".into());
        }
        Ok(told)
    }

    /// The row of a JWT that this store granted, or what the check comes to without one.
    pub(super) fn find_jwt(&self, value: &[u8]) -> std::result::Result<TokenRecord, Outcome> {
        let ready = self.ready_keys().map_err(|_| Outcome::StoreUnavailable)?;
        let look_up = |key_id: &str| ready.get(key_id).map(|ready| ready.minting.verifying_key());
        let expectations = Expectations {
            kind: JwtKind::AccessToken,
            issuer: Some(self.issuer()),
            audience: None,
            now_seconds: self.now_seconds(),
        };
        let mut scratch = Vec::new();
        let verdict = jwt::verify_in(&mut scratch, value, &Keys::ByKeyId(&look_up), &expectations);
        // Any other refusal is about time, of which the row is asked at each check anew.
        if matches!(verdict.outcome, Outcome::Malformed | Outcome::Unknown) {
            return Err(verdict.outcome);
        }
        let claims = verdict.claims.ok_or(Outcome::Unknown)?;
        // By issuer and id, never by the text: a signature by ECDSA can be rewritten into another good one.
        let id = claims.id.as_deref().and_then(TokenId::parse).ok_or(Outcome::Unknown)?;
        let record = self.store.token_by_id(&id).map_err(|_| Outcome::StoreUnavailable)?;
        // Only the very token that was granted: a key's owner can sign others with the same id.
        let is_granted = |record: &TokenRecord| {
            record.token.key_id.as_deref() == verdict.key_id.as_deref()
                && record.token.expires_at == Some(claims.expires_at)
                && record.token.audiences == claims.audiences
                && record.token.rotation_stage != Some(RotationStage::Prepared)
                && self.is_current(value, record)
        };
        record.filter(is_granted).ok_or(Outcome::Unknown)
    }

    /// Whether the granted JWT of this id is revoked or retired, or was never delivered, or the text is that of a value
    /// of it that another took the place of.
    fn is_revoked_or_gone(&self, id: &TokenId, value: &[u8]) -> Result<bool> {
        let now_seconds = self.now_seconds();
        Ok(self.store.token_by_id(id)?.is_none_or(|record| {
            record.token.revocation.is_some()
                || record.token.is_retired(now_seconds)
                || record.token.rotation_stage == Some(RotationStage::Prepared)
                || !self.is_current(value, &record)
        }))
    }

    /// Whether a JWT's text is the one that is stored, where one is: a value that may be replaced has its digest kept.
    fn is_current(&self, value: &[u8], record: &TokenRecord) -> bool {
        record.digest.is_none_or(|stored| {
            let pepper = stored.pepper_id.and_then(|id| self.pepper(id).ok().flatten());
            pepper.is_some_and(|pepper| digest::equal(&pepper.digest(value), &stored.bytes))
        })
    }
}

fn claims_of<'a>(request: &MintRequest<'a>) -> Result<Object<'a>> {
    let claims = json::parse_object(request.claims.as_bytes())
        .map_err(|_| Error::argument("claims", "The claims are not a JSON object in strict form."))?;
    if let Some(Value::String(id)) = claims.get("jti")
        && TokenId::parse(id).is_some()
    {
        // A check by hand takes such an id for that of a granted token.
        return Err(Error::argument("claims", "The claim jti has the form of a granted token's id. Give another one."));
    }
    Ok(claims)
}

fn mint<'a>(
    claims: Object<'a>,
    key: &MintingKey,
    request: &MintRequest<'a>,
    issuer: Option<&'a str>,
    now_seconds: i64,
) -> Result<Minted> {
    let options = MintOptions { kind: request.kind, issuer, now_seconds, lifetime_seconds: request.lifetime_seconds };
    let (value, warnings) = key.mint_value(&claims, &options)?;
    let verifying = key.verifying_key();
    Ok(Minted { value, key_id: verifying.shared_key_id(), algorithm: verifying.algorithm(), warnings })
}

fn expectations<'a>(
    request: &'a VerifyRequest,
    own_issuer: Option<&'a str>,
    now_seconds: i64,
) -> Result<Expectations<'a>> {
    let now_seconds = request.at.unwrap_or(now_seconds);
    if !(0..=MAXIMUM_SECONDS).contains(&now_seconds) {
        return Err(Error::argument("at", "A time lies between 1970-01-01 and 9999-12-31."));
    }
    Ok(Expectations {
        kind: request.kind,
        issuer: request.issuer.or(own_issuer),
        audience: request.audience,
        now_seconds,
    })
}

fn told<C>(token: &[u8], verdict: CheckedJwt<C>, wanted: Option<Algorithm>) -> VerifiedJwt {
    let is_other = verdict.algorithm.is_some_and(|found| wanted.is_some_and(|wanted| wanted != found));
    let (outcome, reason) = if is_other && verdict.outcome != Outcome::Malformed {
        (Outcome::Unknown, Some("The key is for another algorithm than the one that is asked for.".into()))
    } else {
        (verdict.outcome, verdict.reason)
    };
    VerifiedJwt {
        outcome,
        reason,
        key_id: verdict.key_id,
        algorithm: verdict.algorithm,
        warnings: verdict.warnings,
        // One whose claims could be read is; of another the question is asked anew.
        is_well_formed: verdict.claims.is_some() || jwt::names_key(token).is_some(),
    }
}

fn string<'a>(text: &str) -> Value<'a> {
    Value::String(Cow::Owned(text.to_owned()))
}

fn strings<'a>(texts: &[String]) -> Value<'a> {
    Value::Array(texts.iter().map(|text| string(text)).collect())
}

fn seconds<'a>(seconds: i64) -> Value<'a> {
    Value::Integer(u64::try_from(seconds).map_or(Integer::Negative(seconds), Integer::NonNegative))
}
