//! The records of the boundary, as JSON. Times are seconds since 1970.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::{Algorithm, Conditions, Identity, Revocation, Role, RotationStage, SigningKey, Token, TokenId};

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
    profile: String,
    key_id: Option<String>,
    audiences: Vec<String>,
    organizations: Option<Vec<String>>,
    conditions: Conditions,
    has_referrer: bool,
    uses_left: Option<i64>,
    is_decoy: bool,
    created_by: String,
    parent: Option<String>,
    created_at: i64,
    not_before: Option<i64>,
    expires_at: Option<i64>,
    warn_after: Option<i64>,
    last_used_at: Option<i64>,
    state: &'static str,
    disabled_at: Option<i64>,
    disabled_by: Option<String>,
    disabled_reason: Option<String>,
    revoked_at: Option<i64>,
    revoked_by: Option<String>,
    revoked_reason: Option<String>,
    predecessor: Option<String>,
    successor: Option<String>,
    rotation_stage: Option<&'static str>,
    retires_at: Option<i64>,
}

impl TokenRecord {
    /// The token as it stands at `now_seconds`.
    pub(super) fn of(token: Token, now_seconds: i64) -> Self {
        let state = token.state(now_seconds).name();
        let parts = |intervention: Option<Revocation>| match intervention {
            Some(intervention) => (Some(intervention.at), Some(intervention.by), intervention.reason),
            None => (None, None, None),
        };
        let (revoked_at, revoked_by, revoked_reason) = parts(token.revocation_at(now_seconds));
        let (disabled_at, disabled_by, disabled_reason) = parts(token.disabled);
        let text = |id: Option<TokenId>| id.map(|id| id.to_string());
        Self {
            sequence: token.sequence,
            id: token.id.to_string(),
            name: token.name,
            identity: token.identity,
            format: token.format.name(),
            roles: token.roles,
            tags: token.tags,
            remark: token.remark,
            profile: token.profile,
            key_id: token.key_id,
            audiences: token.audiences,
            organizations: token.organizations,
            conditions: token.conditions,
            has_referrer: token.has_referrer,
            uses_left: token.uses_left,
            is_decoy: token.is_decoy,
            created_by: token.created_by,
            parent: text(token.parent),
            created_at: token.created_at,
            not_before: token.not_before,
            expires_at: token.expires_at,
            warn_after: token.warn_after,
            last_used_at: token.last_used_at,
            state,
            disabled_at,
            disabled_by,
            disabled_reason,
            revoked_at,
            revoked_by,
            revoked_reason,
            predecessor: text(token.predecessor),
            successor: text(token.successor),
            rotation_stage: token.rotation_stage.map(RotationStage::name),
            retires_at: token.retires_at,
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
    source: Option<String>,
    organizations: Vec<String>,
    created_at: i64,
}

impl From<Identity> for IdentityRecord {
    fn from(identity: Identity) -> Self {
        Self {
            id: identity.id,
            name: identity.name,
            roles: identity.roles,
            has_password: identity.has_password,
            source: identity.source,
            organizations: identity.organizations,
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
    revoked_by: Option<String>,
    revoked_reason: Option<String>,
    profile: Option<String>,
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
            revoked_by: key.revoked_by,
            revoked_reason: key.revoked_reason,
            profile: key.profile,
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
