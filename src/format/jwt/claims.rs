//! The claims' rules (RFC 7519 section 4, RFC 9068 section 2.2).

use super::kind::{ClaimType, NAME_CLAIM, Rules};
use super::{CLOCK_SKEW_SECONDS, MAXIMUM_AUDIENCES, Refusal};
use crate::clock::MAXIMUM_SECONDS;
use crate::format::json::{Object, Value};
use crate::model::Outcome;

/// What a token says, each claim of its right type. Only for tokens whose signature is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// `iss`: who made the token.
    pub issuer: Option<String>,
    /// `sub`: about whom it speaks.
    pub subject: Option<String>,
    /// `aud`: for whom it is, one or several.
    pub audiences: Vec<String>,
    /// `jti`, or the hash claim of the PowerShellUniversal and UniversalDashboard kinds.
    pub id: Option<String>,
    /// `client_id`: to whom it was given (RFC 9068).
    pub client_id: Option<String>,
    /// The name claim of the PowerShellUniversal and UniversalDashboard kinds.
    pub name: Option<String>,
    /// `iat`, in seconds since 1970.
    pub issued_at: Option<i64>,
    /// `nbf`, in seconds since 1970.
    pub not_before: Option<i64>,
    /// `exp`, in seconds since 1970.
    pub expires_at: i64,
}

impl Claims {
    /// Reads a payload: required claims, types, and what must hold between them whatever the time.
    pub(super) fn read(members: &Object<'_>, rules: &Rules) -> Result<Self, Refusal> {
        for (name, claim_type) in rules.claim_types {
            if let Some(value) = members.get(name)
                && !claim_type.admits(value)
            {
                return Err(Refusal::malformed(format!("The claim {name} is not {}.", claim_type.description())));
            }
        }
        for name in rules.required_claims {
            if !members.contains(name) {
                return Err(Refusal::malformed(format!("The claim {name} is missing.")));
            }
        }
        let claims = Self {
            issuer: text(members, "iss"),
            subject: text(members, "sub"),
            audiences: texts(members, "aud"),
            id: text(members, rules.id_claim),
            client_id: text(members, "client_id"),
            name: text(members, NAME_CLAIM),
            issued_at: time(members, "iat"),
            not_before: time(members, "nbf"),
            // Every kind requires it, so it is there; without it, the token would be long over.
            expires_at: time(members, "exp").unwrap_or(0),
        };
        claims.check_lifetime(rules)?;
        Ok(claims)
    }

    /// Checks what depends on who asks and when: issuer, `nbf`, `iat`, `exp`, audience, in this order.
    pub(super) fn check(&self, issuer: Option<&str>, audience: Option<&str>, now_seconds: i64) -> Result<(), Refusal> {
        if issuer.is_some() && self.issuer.as_deref() != issuer {
            return Err(Refusal::new(Outcome::Unknown, "The token is from another issuer."));
        }
        let latest_now = now_seconds.saturating_add(CLOCK_SKEW_SECONDS);
        if self.not_before.is_some_and(|not_before| not_before > latest_now) {
            return Err(Refusal::new(Outcome::NotYetValid, "The claim nbf lies in the future."));
        }
        if self.issued_at.is_some_and(|issued_at| issued_at > latest_now) {
            return Err(Refusal::new(Outcome::NotYetValid, "The claim iat lies in the future."));
        }
        if now_seconds >= self.expires_at.saturating_add(CLOCK_SKEW_SECONDS) {
            return Err(Refusal::new(Outcome::Expired, "The claim exp lies in the past."));
        }
        if let Some(audience) = audience
            && !self.audiences.iter().any(|named| named == audience)
        {
            return Err(Refusal::new(Outcome::AudienceDenied, "The token is for other audiences."));
        }
        Ok(())
    }

    fn check_lifetime(&self, rules: &Rules) -> Result<(), Refusal> {
        let (Some(maximum), Some(issued_at)) = (rules.maximum_lifetime_seconds, self.issued_at) else {
            return Ok(());
        };
        if self.expires_at <= issued_at {
            return Err(Refusal::malformed("The claim exp is not after iat."));
        }
        // Both lie between 0 and the year 9999, so the difference does not overflow.
        if self.expires_at - issued_at > maximum {
            return Err(Refusal::malformed("More than 400 days lie between the claims iat and exp."));
        }
        Ok(())
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

fn text(members: &Object<'_>, name: &str) -> Option<String> {
    match members.get(name) {
        Some(Value::String(text)) => Some(text.clone().into_owned()),
        _ => None,
    }
}

fn texts(members: &Object<'_>, name: &str) -> Vec<String> {
    let values = match members.get(name) {
        Some(Value::Array(values)) => values.as_slice(),
        Some(value) => std::slice::from_ref(value),
        None => &[],
    };
    values
        .iter()
        .filter_map(|value| match value {
            Value::String(text) => Some(text.clone().into_owned()),
            _ => None,
        })
        .collect()
}

fn time(members: &Object<'_>, name: &str) -> Option<i64> {
    match members.get(name) {
        Some(Value::Integer(integer)) => integer.as_i64(),
        _ => None,
    }
}
