//! The claims' rules (RFC 7519 section 4, RFC 9068 section 2.2).

use std::borrow::Cow;

use super::kind::{Claim, ClaimType, Rules};
use super::{CLOCK_SKEW_SECONDS, MAXIMUM_AUDIENCES, Refusal};
use crate::clock::MAXIMUM_SECONDS;
use crate::format::json::{Object, Value};
use crate::model::Outcome;

/// What a token says, each claim of its right type. Only for tokens whose signature is good. Text without escapes is
/// borrowed from the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims<'a> {
    /// `iss`: who made the token.
    pub issuer: Option<Cow<'a, str>>,
    /// `sub`: about whom it speaks.
    pub subject: Option<Cow<'a, str>>,
    /// `aud`: for whom it is, one or several.
    pub audiences: Vec<Cow<'a, str>>,
    /// `jti`, or the hash claim of the PowerShellUniversal and UniversalDashboard kinds.
    pub id: Option<Cow<'a, str>>,
    /// `client_id`: to whom it was given (RFC 9068).
    pub client_id: Option<Cow<'a, str>>,
    /// The name claim of the PowerShellUniversal and UniversalDashboard kinds.
    pub name: Option<Cow<'a, str>>,
    /// `iat`, in seconds since 1970.
    pub issued_at: Option<i64>,
    /// `nbf`, in seconds since 1970.
    pub not_before: Option<i64>,
    /// `exp`, in seconds since 1970.
    pub expires_at: i64,
}

impl<'a> Claims<'a> {
    /// What was found and checked.
    pub(super) fn of(found: &Found<'_, 'a>, rules: &Rules) -> Self {
        Self {
            issuer: found.text(Claim::Issuer),
            subject: found.text(Claim::Subject),
            audiences: found.texts(Claim::Audience),
            id: found.text(rules.id_claim),
            client_id: found.text(Claim::ClientId),
            name: found.text(Claim::Name),
            issued_at: found.time(Claim::IssuedAt),
            not_before: found.time(Claim::NotBefore),
            expires_at: found.expires_at(),
        }
    }

    /// The same, with nothing borrowed.
    pub(super) fn into_owned(self) -> Claims<'static> {
        let owned = |text: Option<Cow<'a, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        Claims {
            issuer: owned(self.issuer),
            subject: owned(self.subject),
            audiences: self.audiences.into_iter().map(|audience| Cow::Owned(audience.into_owned())).collect(),
            id: owned(self.id),
            client_id: owned(self.client_id),
            name: owned(self.name),
            issued_at: self.issued_at,
            not_before: self.not_before,
            expires_at: self.expires_at,
        }
    }
}

impl ClaimType {
    fn admits(self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Self::Text | Self::Audience | Self::Texts, Value::String(text)) => !text.is_empty(),
            (Self::Audience, Value::Array(values)) => {
                (1..=MAXIMUM_AUDIENCES).contains(&values.len()) && values.iter().all(is_text)
            }
            (Self::Texts, Value::Array(values)) => values.iter().all(is_text),
            (Self::Time, Value::Integer(integer)) => {
                integer.as_i64().is_some_and(|seconds| (0..=MAXIMUM_SECONDS).contains(&seconds))
            }
            // The parser knows more forms; a token has this one of 36 characters.
            (Self::Uuid, Value::String(text)) => text.len() == 36 && uuid::Uuid::try_parse(text).is_ok(),
            _ => false,
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Text => "text, or is empty",
            Self::Audience => "text or 1 to 16 texts, or one is empty",
            Self::Time => "a whole number of seconds from 0 to 253402300799",
            Self::Uuid => "a UUID",
            Self::Texts => "text or texts, or one is empty",
        }
    }
}

fn is_text(value: &Value<'_>) -> bool {
    matches!(value, Value::String(text) if !text.is_empty())
}

/// The claims of a payload for which there are rules, each in its place.
#[derive(Clone, Copy)]
pub(super) struct Found<'o, 'a>([Option<&'o Value<'a>>; Claim::COUNT]);

impl<'o, 'a> Found<'o, 'a> {
    pub(super) fn among(members: &'o Object<'a>) -> Self {
        let mut found = [None; Claim::COUNT];
        for (name, value) in members.iter() {
            if let Some(claim) = Claim::parse(name) {
                found[claim as usize] = Some(value);
            }
        }
        Self(found)
    }

    pub(super) fn get(&self, claim: Claim) -> Option<&'o Value<'a>> {
        self.0[claim as usize]
    }

    /// Sets a claim that is absent.
    pub(super) fn fill(&mut self, claim: Claim, value: Option<&'o Value<'a>>) {
        let place = &mut self.0[claim as usize];
        *place = place.or(value);
    }

    /// Refuses a claim that is not of its type, then one that is missing, then times that do not go together.
    pub(super) fn check(&self, rules: &Rules) -> Result<(), Refusal> {
        for (claim, claim_type) in rules.claim_types {
            if let Some(value) = self.get(*claim)
                && !claim_type.admits(value)
            {
                let (name, description) = (claim.name(), claim_type.description());
                return Err(Refusal::malformed(format!("The claim {name} is not {description}.")));
            }
        }
        for claim in rules.required_claims {
            if self.get(*claim).is_none() {
                return Err(Refusal::malformed(format!("The claim {} is missing.", claim.name())));
            }
        }
        let (Some(maximum), Some(issued_at)) = (rules.maximum_lifetime_seconds, self.time(Claim::IssuedAt)) else {
            return Ok(());
        };
        let expires_at = self.expires_at();
        if expires_at <= issued_at {
            return Err(Refusal::malformed("The claim exp is not after iat."));
        }
        // Both lie between 0 and the year 9999, so the difference does not overflow.
        if expires_at - issued_at > maximum {
            return Err(Refusal::malformed("More than 400 days lie between the claims iat and exp."));
        }
        Ok(())
    }

    /// Checks what depends on who asks and when: issuer, `nbf`, `iat`, `exp`, audience, in this order.
    pub(super) fn check_for(
        &self,
        issuer: Option<&str>,
        audience: Option<&str>,
        now_seconds: i64,
    ) -> Result<(), Refusal> {
        if issuer.is_some() && self.get(Claim::Issuer).and_then(Value::as_str) != issuer {
            return Err(Refusal::new(Outcome::Unknown, "The token is from another issuer."));
        }
        let latest_now = now_seconds.saturating_add(CLOCK_SKEW_SECONDS);
        if self.time(Claim::NotBefore).is_some_and(|not_before| not_before > latest_now) {
            return Err(Refusal::new(Outcome::NotYetValid, "The claim nbf lies in the future."));
        }
        if self.time(Claim::IssuedAt).is_some_and(|issued_at| issued_at > latest_now) {
            return Err(Refusal::new(Outcome::NotYetValid, "The claim iat lies in the future."));
        }
        if now_seconds >= self.expires_at().saturating_add(CLOCK_SKEW_SECONDS) {
            return Err(Refusal::new(Outcome::Expired, "The claim exp lies in the past."));
        }
        if let Some(audience) = audience
            && !self.all(Claim::Audience).iter().any(|named| named.as_str() == Some(audience))
        {
            return Err(Refusal::new(Outcome::AudienceDenied, "The token is for other audiences."));
        }
        Ok(())
    }

    /// Every kind requires it, so it is there; without it, the token would be long over.
    pub(super) fn expires_at(&self) -> i64 {
        self.time(Claim::ExpiresAt).unwrap_or(0)
    }

    pub(super) fn text(&self, claim: Claim) -> Option<Cow<'a, str>> {
        match self.get(claim) {
            Some(Value::String(text)) => Some(text.clone()),
            _ => None,
        }
    }

    fn texts(&self, claim: Claim) -> Vec<Cow<'a, str>> {
        let text = |value: &Value<'a>| match value {
            Value::String(text) => Some(text.clone()),
            _ => None,
        };
        self.all(claim).iter().filter_map(text).collect()
    }

    /// The values of a claim that may have several.
    fn all(&self, claim: Claim) -> &'o [Value<'a>] {
        match self.get(claim) {
            Some(Value::Array(values)) => values.as_slice(),
            Some(value) => std::slice::from_ref(value),
            None => &[],
        }
    }

    pub(super) fn time(&self, claim: Claim) -> Option<i64> {
        match self.get(claim) {
            Some(Value::Integer(integer)) => integer.as_i64(),
            _ => None,
        }
    }
}
