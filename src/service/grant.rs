//! Granting tokens.

use crate::crypto::keyring::Keyring;
use crate::error::Result;
use crate::format::opaque;
use crate::model::{Actor, AuditSubject, Conditions, Name, Token, TokenFormat, TokenId};
use crate::policy::{self, Lifetime};
use crate::secret::Secret;
use crate::store::{NewToken, StoredDigest};

use super::Session;

/// What to grant.
#[derive(Debug, Clone, Default)]
pub struct GrantRequest {
    /// The name of the identity that the token is to speak for.
    pub identity: String,
    /// What to call it, at most 256 characters.
    pub name: Option<String>,
    /// The roles it is to have, of those that the identity has; all of them when nothing is said.
    pub roles: Option<Vec<String>>,
    /// The form of its value; none: as its profile says.
    pub format: Option<TokenFormat>,
    /// How long it is to live.
    pub lifetime: Lifetime,
    /// When its time begins, in seconds since 1970; none: at once.
    pub not_before: Option<i64>,
    /// At most 16 tags of at most 64 characters.
    pub tags: Vec<String>,
    /// Free text, at most 1,024 characters.
    pub remark: Option<String>,
    /// The name of the profile whose rules it follows; `Default` when nothing is said.
    pub profile: Option<String>,
    /// At most 16 audiences that it is for. A JWT has the store's issuer when there is none, an opaque token is then
    /// for every one.
    pub audiences: Vec<String>,
    /// The organisations that it has access to, of those that its bound has, at most 64; none: all that its bound has,
    /// now and later.
    pub organizations: Option<Vec<String>>,
    /// What its use is tied to.
    pub conditions: Conditions,
    /// From when on a check says that it is about to expire, in seconds since 1970; none: as its profile says.
    pub warn_after: Option<i64>,
    /// Whether it is a decoy: it admits nothing, and whoever presents it raises an audit event.
    pub is_decoy: bool,
    /// For a JWT, the key that is to sign it; the newest active one when nothing is said.
    pub key_id: Option<String>,
}

/// A granted token, with its value.
#[derive(Debug)]
pub struct Grant {
    /// The token.
    pub token: Token,
    /// Its value: told here, this once, and kept nowhere.
    pub value: Secret,
}

impl Session<'_> {
    /// Grants a token to an identity, durably before this returns.
    ///
    /// Errors: `NotFound` for the identity, a role or a key; `NotPermitted` for a role that the identity does
    /// not have and for a JWT that would live too long; `InvalidArgument` for what is outside its limits.
    pub fn grant(&self, request: &GrantRequest) -> Result<Grant> {
        let now_seconds = self.now_seconds();
        let identity = self.named_identity(&request.identity, "identity")?;
        let audiences = policy::audiences(&request.audiences)?;
        let format = request.format.unwrap_or(TokenFormat::Opaque);
        policy::signing(format, request.key_id.as_deref())?;
        let draft = Draft {
            name: request.name.as_deref().map(|name| policy::name(name, "name")).transpose()?,
            roles: policy::roles(request.roles.as_deref(), &identity.roles, &self.store.roles()?)?,
            tags: policy::tags(&request.tags)?,
            remark: policy::remark(request.remark.as_deref())?,
            expires_at: policy::expires_at(request.lifetime, format, request.not_before, now_seconds)?,
        };
        let (id, value, digest, key_id, audiences) = match format {
            TokenFormat::Opaque => {
                let (id, value) = opaque::mint(opaque::DEFAULT_PREFIX)?;
                let digest = digest_of(&self.keyring, &value);
                (id, value, Some(digest), None, audiences)
            }
            TokenFormat::Jwt => {
                let signed = self.sign_access_token(request, &identity, audiences, &draft, now_seconds)?;
                (signed.id, signed.value, None, Some(signed.key_id), signed.audiences)
            }
        };
        let event = self.event("token.grant", AuditSubject::Token, id.to_string());
        let new = NewToken {
            id,
            digest,
            salted: None,
            value_sealed: None,
            format,
            profile: request.profile.clone().unwrap_or_else(|| "Default".to_owned()),
            identity_id: identity.id,
            name: draft.name,
            roles: draft.roles,
            tags: draft.tags,
            remark: draft.remark,
            key_id,
            audiences,
            organizations: request.organizations.clone(),
            conditions: request.conditions.clone(),
            is_decoy: request.is_decoy,
            created_by: self.actor().name().to_owned(),
            creator_id: match self.actor() {
                Actor::Identity { id, .. } => Some(*id),
                Actor::LocalOwner | Actor::Token { .. } => None,
            },
            parent: match self.actor() {
                Actor::Token { id, .. } => Some(id.clone()),
                Actor::LocalOwner | Actor::Identity { .. } => None,
            },
            created_at: now_seconds,
            not_before: request.not_before,
            expires_at: draft.expires_at,
            warn_after: request.warn_after,
            succeeds: None,
            awaits_first_use: false,
        };
        let token = self.store.insert_token(new, event)?;
        Ok(Grant { token, value })
    }
}

/// What the rules made of a request.
pub(super) struct Draft {
    name: Option<Name>,
    roles: Vec<String>,
    tags: Vec<String>,
    remark: Option<String>,
    pub(super) expires_at: Option<i64>,
}

/// A signed JWT that is to be stored.
pub(super) struct Signed {
    pub(super) id: TokenId,
    pub(super) value: Secret,
    pub(super) key_id: String,
    pub(super) audiences: Vec<String>,
}

fn digest_of(keyring: &Keyring, value: &Secret) -> StoredDigest {
    let pepper = keyring.current();
    StoredDigest { bytes: pepper.digest(value.as_bytes()), pepper_id: Some(pepper.id()) }
}
