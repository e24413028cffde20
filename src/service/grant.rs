//! Granting tokens.

use std::sync::Arc;

use serde::Serialize;

use crate::crypto::keyring::Keyring;
use crate::crypto::random;
use crate::error::{Error, ErrorCode, Result};
use crate::format::opaque;
use crate::model::{Actor, AuditSubject, Conditions, Identity, NewAuditEvent, Profile, Token, TokenFormat, TokenId};
use crate::policy::{self, Acting, Asked, Grantee, Lifetime, Operation, Organizations};
use crate::secret::Secret;
use crate::store::{Idempotency, NewToken, NewValue, StoredDigest};

use super::Session;
use super::repeat::TRIES;
use super::rules::Rules;

/// What to grant.
#[derive(Debug, Clone, Default, Serialize)]
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
    /// Its value: told here, this once, and kept nowhere but where its profile keeps values.
    pub value: Secret,
}

/// A token that was granted under a caller's key, now or before.
#[derive(Debug)]
pub struct KeyedGrant {
    /// The token.
    pub token: Token,
    /// Its value, told this once, which ended any earlier one; none: the value was presented before this repeat, or the
    /// token is of no use any more.
    pub value: Option<Secret>,
}

impl From<Grant> for KeyedGrant {
    fn from(Grant { token, value }: Grant) -> Self {
        Self { token, value: Some(value) }
    }
}

/// What one call of grants rests on.
struct Granting {
    rules: Arc<Rules>,
    acting: Acting,
}

/// A grant that is yet to be put into the store.
struct NewGrant {
    token: NewToken,
    event: NewAuditEvent,
    value: Secret,
}

enum Prepared {
    New(NewGrant),
    /// Its key led to a token before.
    Repeated(KeyedGrant),
}

impl Session<'_> {
    /// Grants a token to an identity, durably before this returns.
    ///
    /// Errors: `NotFound` for the identity, a profile, a role, an organisation or a key; `NotPermitted` for what the
    /// profile or the rights of the one who acts do not allow; `InvalidArgument` for what is outside its limits.
    pub fn grant(&self, request: &GrantRequest) -> Result<Grant> {
        self.grant_new(&self.granting()?, request, None)
    }

    /// As [`Session::grant`], under a key of 1 to 256 characters: however often this actor makes the request within a
    /// day, there is one token. A repeat gives it with a fresh value, which ends the earlier one, for as long as nobody
    /// presented that, and then without a value.
    ///
    /// `Conflict` when the key was used for another request.
    pub fn grant_under(&self, request: &GrantRequest, idempotency_key: &str) -> Result<KeyedGrant> {
        let operation = Operation::TOKEN_GRANT;
        let idempotency = self.idempotency(idempotency_key, &operation, request)?;
        let mut tries = 0;
        loop {
            let granting = self.granting()?;
            if let Some(found) = self.repeated_grant(&granting, request, &idempotency)? {
                return Ok(found);
            }
            tries += 1;
            match self.grant_new(&granting, request, Some(idempotency.clone())) {
                Err(error) if error.code() == ErrorCode::AlreadyExists && tries < TRIES => {}
                granted => return granted.map(KeyedGrant::from),
            }
        }
    }

    /// Grants as many tokens as there are requests, at most 1,000, each as [`Session::grant`] does or, where it comes with
    /// a key, [`Session::grant_under`]. Gives in the order of the requests what became of each: a bad one fails alone.
    ///
    /// Those that are granted anew are written in one transaction, and all are durable before this returns.
    ///
    /// Errors: `NotPermitted` for who may grant nothing; `InvalidArgument` for too many requests; the `Store…` codes,
    /// where nothing was granted anew.
    pub fn grant_many(&self, requests: &[(GrantRequest, Option<String>)]) -> Result<Vec<Result<KeyedGrant>>> {
        if requests.len() > MAXIMUM_REQUESTS {
            return Err(Error::argument("requests", "At most 1,000 tokens are granted at once."));
        }
        let granting = self.granting()?;
        let mut ends: Vec<Option<Result<KeyedGrant>>> = Vec::with_capacity(requests.len());
        let (mut new, mut values) = (Vec::new(), Vec::new());
        for (request, key) in requests {
            match self.prepare_keyed(&granting, request, key.as_deref()) {
                Ok(Prepared::New(prepared)) => {
                    values.push((ends.len(), prepared.value));
                    new.push((prepared.token, prepared.event));
                    ends.push(None);
                }
                Ok(Prepared::Repeated(grant)) => ends.push(Some(Ok(grant))),
                Err(error) => ends.push(Some(Err(error))),
            }
        }
        let granted = if new.is_empty() { Vec::new() } else { self.store.insert_tokens(new)? };
        for ((place, value), granted) in values.into_iter().zip(granted) {
            let (request, key) = &requests[place];
            let granted = self.note_denial(granted, &Operation::TOKEN_GRANT, None);
            ends[place] = Some(match (granted, key) {
                (Ok(token), _) => Ok(KeyedGrant { token, value: Some(value) }),
                // Another request came first with the key, perhaps one of these.
                (Err(error), Some(key)) if error.code() == ErrorCode::AlreadyExists => self.grant_under(request, key),
                (Err(error), _) => Err(error),
            });
        }
        Ok(ends.into_iter().flatten().collect())
    }

    /// As [`Self::prepare`], or what a repeat leads to.
    fn prepare_keyed(&self, granting: &Granting, request: &GrantRequest, key: Option<&str>) -> Result<Prepared> {
        let idempotency = key.map(|key| self.idempotency(key, &Operation::TOKEN_GRANT, request)).transpose()?;
        if let Some(idempotency) = &idempotency
            && let Some(found) = self.repeated_grant(granting, request, idempotency)?
        {
            return Ok(Prepared::Repeated(found));
        }
        self.prepare(granting, request, idempotency).map(Prepared::New)
    }

    /// The rules and who acts, when that one may grant anything.
    fn granting(&self) -> Result<Granting> {
        let (rules, acting) = self.permit(&Operation::TOKEN_GRANT)?;
        Ok(Granting { rules, acting })
    }

    /// What a repeat of a request leads to; none when this is the first under its key.
    fn repeated_grant(
        &self,
        granting: &Granting,
        request: &GrantRequest,
        idempotency: &Idempotency,
    ) -> Result<Option<KeyedGrant>> {
        // Also before a repeat: it gives out a value as the first request did.
        let (profile, _) = self.grantee(granting, request)?;
        let Some(found) = self.repeated(idempotency)? else { return Ok(None) };
        let (token, value) = self.renewed(found, &profile, &Operation::TOKEN_GRANT)?;
        Ok(Some(KeyedGrant { token, value }))
    }

    /// The profile and the identity that the token is to speak for, when this actor may grant it one.
    fn grantee(&self, granting: &Granting, request: &GrantRequest) -> Result<(Arc<Profile>, Arc<Identity>)> {
        let rules = &granting.rules;
        let profile = rules.profile(request.profile.as_deref().unwrap_or("Default"), "profile")?;
        let name = policy::name(&request.identity, "identity")?;
        let found = self.grantee_identity(&name)?;
        // Before an identity that is not there is told from one that is.
        let permitted = policy::may_grant(&granting.acting, &profile, found.as_ref().map(|identity| identity.id));
        self.note_denial(permitted, &Operation::TOKEN_GRANT, None)?;
        let Some(identity) = found else {
            rules.refuse_foreign(name.as_str(), "identity")?;
            return Err(no_such_identity(name.as_str()));
        };
        rules.refuse_foreign_in(request.name.as_deref(), &request.tags, request.remark.as_deref())?;
        Ok((profile, identity))
    }

    fn grant_new(
        &self,
        granting: &Granting,
        request: &GrantRequest,
        idempotency: Option<Idempotency>,
    ) -> Result<Grant> {
        let NewGrant { token, event, value } = self.prepare(granting, request, idempotency)?;
        let inserted = self.store.insert_tokens(vec![(token, event)])?.pop().unwrap_or_else(|| {
            Err(Error::new(ErrorCode::Internal, "A defect in Tessera: the store does not say what became of a token."))
        });
        let token = self.note_denial(inserted, &Operation::TOKEN_GRANT, None)?;
        Ok(Grant { token, value })
    }

    /// What is to be put into the store for a request, when the rules allow the grant.
    fn prepare(
        &self,
        granting: &Granting,
        request: &GrantRequest,
        idempotency: Option<Idempotency>,
    ) -> Result<NewGrant> {
        let (profile, identity) = self.grantee(granting, request)?;
        let new = self.new_grant(granting, &profile, &identity, request, idempotency);
        self.note_denial(new, &Operation::TOKEN_GRANT, None)
    }

    fn new_grant(
        &self,
        Granting { rules, acting }: &Granting,
        profile: &Profile,
        identity: &Identity,
        request: &GrantRequest,
        idempotency: Option<Idempotency>,
    ) -> Result<NewGrant> {
        let now_seconds = self.now_seconds();
        let organizations = self.known_organizations(request.organizations.as_deref())?;
        let asked = Asked {
            name: request.name.as_deref(),
            format: request.format,
            roles: request.roles.as_deref(),
            organizations: organizations.as_deref(),
            tags: &request.tags,
            lifetime: request.lifetime,
            not_before: request.not_before,
            subject: request.conditions.subject.as_deref(),
            server: None,
        };
        let grantee = Grantee {
            id: identity.id,
            roles: &identity.roles,
            organizations: &Organizations::of(&identity.organizations),
        };
        let terms = policy::terms(profile, &asked, &grantee, acting, &rules.roles, now_seconds)?;
        policy::signing(terms.format, request.key_id.as_deref())?;
        let conditions =
            policy::condition::check(&Conditions { subject: terms.subject.clone(), ..request.conditions.clone() })?;
        policy::known_roles(&conditions.required_roles, &rules.roles)?;
        let (conditions, audiences) = self.passed_on(conditions, policy::audiences(&request.audiences)?)?;
        let warn_after = policy::chosen_warning(request.warn_after, terms.warn_after, terms.expires_at)?;
        let name = terms.name.as_deref().map(|name| policy::name(name, "name")).transpose()?;
        let minted = self.mint_value(&Minting {
            id: None,
            is_replaceable: idempotency.is_some(),
            profile,
            format: terms.format,
            identity: &identity.name,
            roles: &terms.roles,
            audiences,
            key_id: request.key_id.as_deref(),
            not_before: request.not_before,
            expires_at: terms.expires_at,
        })?;
        let event = self.event(&Operation::TOKEN_GRANT, AuditSubject::Token, minted.id.to_string());
        let new = NewToken {
            id: minted.id,
            digest: minted.stored.digest,
            salted: None,
            value_sealed: minted.stored.sealed,
            format: terms.format,
            profile: profile.name.clone(),
            identity_id: identity.id,
            name,
            roles: terms.roles,
            tags: terms.tags,
            remark: policy::remark(request.remark.as_deref())?,
            key_id: minted.stored.key_id,
            audiences: minted.audiences,
            organizations: terms.organizations,
            conditions,
            is_decoy: request.is_decoy,
            created_by: self.actor().name().to_owned(),
            creator_id: acting.identity(),
            parent: match self.actor() {
                Actor::Token { id, .. } => Some(id.clone()),
                Actor::LocalOwner | Actor::Identity { .. } => None,
            },
            created_at: now_seconds,
            not_before: request.not_before,
            expires_at: terms.expires_at,
            warn_after,
            idempotency,
        };
        Ok(NewGrant { token: new, event, value: minted.value })
    }

    /// The conditions and audiences of a token that this actor grants when it asks for these: where a token acts, it passes
    /// on what it is tied to itself. `NotPermitted` for what lies beyond.
    fn passed_on(&self, asked: Conditions, audiences: Vec<String>) -> Result<(Conditions, Vec<String>)> {
        let Actor::Token { id, .. } = self.actor() else { return Ok((asked, audiences)) };
        let own = self.store.token_by_id(id)?.ok_or_else(|| super::token::no_such_token(id))?;
        let own_conditions = Conditions { uses: own.token.uses_left.map(i64::cast_unsigned), ..own.conditions };
        let conditions = policy::condition::within(&own_conditions, &asked)?;
        let audiences = policy::condition::list_within(&own.token.audiences, &audiences, "audiences")?;
        Ok((conditions, audiences))
    }

    /// The value of a token whose profile keeps values, as it was granted, after the event `token.reveal` in the audit
    /// log.
    ///
    /// `NotPermitted` where the profile keeps none: then it was told once, and is not known any more. And for everyone who
    /// may not rotate the token: whoever has its value acts as it.
    pub fn kept_value(&self, id: &str) -> Result<Secret> {
        let id = super::token::known_form(id)?;
        let record = self.permitted_token(&id, &Operation::TOKEN_ROTATE)?;
        let kept = record.value_sealed.ok_or_else(|| {
            let message = "The token's profile keeps no values: its value was told once, when it was granted.";
            Error::new(ErrorCode::NotPermitted, message).about("id")
        })?;
        let value = self.keyring.unwrap(&kept, id.as_str(), VALUE_PURPOSE)?;
        let event = self.event(&Operation::TOKEN_ROTATE, AuditSubject::Token, id.to_string());
        self.store.note_event(NewAuditEvent { event: "token.reveal".to_owned(), ..event })?;
        Ok(value)
    }

    /// The organisations of these names as the store has them; `NotFound` for one that it has not.
    pub(super) fn known_organizations(&self, names: Option<&[String]>) -> Result<Option<Vec<String>>> {
        let Some(names) = names else { return Ok(None) };
        if names.len() > MAXIMUM_ORGANIZATIONS {
            return Err(Error::argument("organizations", "A token may have a list of at most 64 organizations."));
        }
        let known = names.iter().map(|name| {
            let name = policy::role_name(name, "organizations")?;
            self.store.organization(name.as_str())?.map(|found| found.name).ok_or_else(|| {
                let message = format!("There is no organization named {}.", name.as_str());
                Error::new(ErrorCode::NotFound, message).about("organizations")
            })
        });
        known.collect::<Result<Vec<_>>>().map(Some)
    }

    /// Makes a value and what the store is to keep of it.
    pub(super) fn mint_value(&self, minting: &Minting<'_>) -> Result<MintedValue> {
        let settings = &minting.profile.settings;
        let mut minted = match minting.format {
            TokenFormat::Opaque => {
                let id = minting.id()?;
                let value = opaque::mint_for(&settings.prefix, &id)?;
                let digest = Some(digest_of(&self.keyring, &value));
                let stored = NewValue { digest, ..NewValue::default() };
                MintedValue { id, value, stored, audiences: minting.audiences.clone() }
            }
            TokenFormat::Jwt => self.sign_token(minting)?,
        };
        if settings.keeps_values {
            minted.stored.sealed = Some(self.keyring.wrap(&minted.value, minted.id.as_str(), VALUE_PURPOSE)?);
        }
        Ok(minted)
    }
}

/// What a kept value is sealed for; it opens as nothing else.
pub(super) const VALUE_PURPOSE: &str = "token-value";

/// The most tokens that are granted in one call.
const MAXIMUM_REQUESTS: usize = 1_000;

/// The most organisations of a token's list.
pub(super) const MAXIMUM_ORGANIZATIONS: usize = 64;

/// What a value is made of.
pub(super) struct Minting<'a> {
    /// The id of the token, where it has one already.
    pub(super) id: Option<&'a TokenId>,
    /// Whether another value may take its place for as long as nobody presented it.
    pub(super) is_replaceable: bool,
    pub(super) profile: &'a Profile,
    pub(super) format: TokenFormat,
    /// The name of the identity that the token speaks for.
    pub(super) identity: &'a str,
    pub(super) roles: &'a [String],
    pub(super) audiences: Vec<String>,
    pub(super) key_id: Option<&'a str>,
    pub(super) not_before: Option<i64>,
    pub(super) expires_at: Option<i64>,
}

impl Minting<'_> {
    /// The id that the token has, or else a new one.
    pub(super) fn id(&self) -> Result<TokenId> {
        self.id.map_or_else(random::token_id, |id| Ok(id.clone()))
    }
}

/// A new value, and what the store is to keep of it.
pub(super) struct MintedValue {
    pub(super) id: TokenId,
    pub(super) value: Secret,
    pub(super) stored: NewValue,
    pub(super) audiences: Vec<String>,
}

/// The digest by which the store finds a value.
pub(super) fn digest_of(keyring: &Keyring, value: &Secret) -> StoredDigest {
    let pepper = keyring.current();
    StoredDigest { bytes: pepper.digest(value.as_bytes()), pepper_id: Some(pepper.id()) }
}

fn no_such_identity(name: &str) -> Error {
    Error::new(ErrorCode::NotFound, format!("There is no identity named {name}.")).about("identity")
}
