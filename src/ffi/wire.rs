//! The records of the boundary, as JSON. Times are seconds since 1970.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::{Algorithm, Identity, Role, SigningKey, Token};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenRecord {
    sequence: i64,
    id: String,
    name: Option<String>,
    identity: String,
    format: &'static str,
    roles: Vec<String>,
    tags: Vec<String>,
    remark: Option<String>,
    key_id: Option<String>,
    audiences: Vec<String>,
    created_by: String,
    created_at: i64,
    not_before: Option<i64>,
    expires_at: Option<i64>,
    state: &'static str,
    revoked_at: Option<i64>,
    revoked_by: Option<String>,
    revoked_reason: Option<String>,
}

impl TokenRecord {
    /// The token as it stands at `now_seconds`.
    pub(super) fn of(token: Token, now_seconds: i64) -> Self {
        let state = token.state(now_seconds).name();
        let (revoked_at, revoked_by, revoked_reason) = match token.revocation {
            Some(revocation) => (Some(revocation.at), Some(revocation.by), revocation.reason),
            None => (None, None, None),
        };
        Self {
            sequence: token.sequence,
            id: token.id.to_string(),
            name: token.name,
            identity: token.identity,
            format: token.format.name(),
            roles: token.roles,
            tags: token.tags,
            remark: token.remark,
            key_id: token.key_id,
            audiences: token.audiences,
            created_by: token.created_by,
            created_at: token.created_at,
            not_before: token.not_before,
            expires_at: token.expires_at,
            state,
            revoked_at,
            revoked_by,
            revoked_reason,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IdentityRecord {
    id: i64,
    name: String,
    roles: Vec<String>,
    has_password: bool,
    created_at: i64,
}

impl From<Identity> for IdentityRecord {
    fn from(identity: Identity) -> Self {
        Self {
            id: identity.id,
            name: identity.name,
            roles: identity.roles,
            has_password: identity.has_password,
            created_at: identity.created_at,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoleRecord {
    name: String,
    includes: Vec<String>,
    built_in: bool,
}

impl From<Role> for RoleRecord {
    fn from(role: Role) -> Self {
        Self { name: role.name, includes: role.includes, built_in: role.built_in }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeyRecord {
    key_id: String,
    algorithm: &'static str,
    created_at: i64,
    state: &'static str,
    revoked_at: Option<i64>,
    revoked_reason: Option<String>,
    thumbprint: Option<String>,
}

impl From<SigningKey> for KeyRecord {
    fn from(key: SigningKey) -> Self {
        Self {
            // The id of a key that has a public half is its thumbprint (RFC 7638).
            thumbprint: (!key.algorithm.is_symmetric()).then(|| key.key_id.clone()),
            state: key.state().name(),
            key_id: key.key_id,
            algorithm: key.algorithm.as_str(),
            created_at: key.created_at,
            revoked_at: key.revoked_at,
            revoked_reason: key.revoked_reason,
        }
    }
}

/// `{changed}`.
#[derive(Serialize)]
pub(super) struct Changed {
    pub(super) changed: bool,
}

/// `{changed, revokedTokens}`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Removal {
    pub(super) changed: bool,
    pub(super) revoked_tokens: u64,
}

impl From<Option<u64>> for Removal {
    fn from(revoked_tokens: Option<u64>) -> Self {
        Self { changed: revoked_tokens.is_some(), revoked_tokens: revoked_tokens.unwrap_or(0) }
    }
}

/// `{name}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    pub(super) name: String,
}

/// The algorithm of that name, where one is named.
pub(super) fn algorithm(name: Option<&str>) -> Result<Option<Algorithm>> {
    let Some(name) = name else { return Ok(None) };
    Algorithm::parse(name).map(Some).ok_or_else(|| {
        Error::argument("algorithm", "The algorithm is not one of HS256, ES256, ES384, RS256, PS256 and EdDSA.")
    })
}
