//! Acting: who may call the use cases, and what is recorded of it.

use std::ops::Deref;
use std::sync::Arc;

use crate::error::{Error, ErrorCode, Result};
use crate::model::{Actor, AuditSubject, NewAuditEvent, Outcome, Revocation, RotationStage, TokenId};
use crate::policy::{self, AccessContext, Acting, ActingToken, Operation, Organizations, TokenFacts, Who};
use crate::store::TokenRecord;

use super::Engine;
use super::rules::Rules;
use super::usage::{denied, not_signed_in};

/// The use cases of a store, for one who acts.
///
/// What the actor may do is found anew at each call, so a change of roles or a revocation is felt at once.
#[derive(Clone, Copy)]
pub struct Session<'a> {
    engine: &'a Engine,
    actor: &'a Actor,
}

impl Engine {
    /// The use cases for the owner of the store's file and its key, who may do everything.
    pub fn owner(&self) -> Session<'_> {
        self.session(&Actor::LocalOwner)
    }

    /// The use cases for `actor`.
    pub fn session<'a>(&'a self, actor: &'a Actor) -> Session<'a> {
        Session { engine: self, actor }
    }

    /// Who an identity's name and password (1 to 1,024 bytes) stand for, to act as from then on. It is written down
    /// before this returns.
    ///
    /// `NotPermitted` for a wrong password, an unknown identity and one without a password alike, after the same work.
    pub fn sign_in(&self, name: &str, password: &[u8]) -> Result<Actor> {
        if self.verify_password(name, password)? {
            let identity = self.named_identity(name, "identity")?;
            return self.signed_in(Actor::Identity { id: identity.id, name: identity.name });
        }
        // The name as it was given may be a secret in the wrong place; that of an identity is none.
        let known = self.named_identity(name, "identity").ok().map(|identity| identity.name);
        self.usage.deny(&Operation::SESSION_CREATE, not_signed_in(known, self.now_seconds()));
        Err(Error::new(ErrorCode::NotPermitted, "The name and the password do not go together.").about("password"))
    }

    /// Who a token's value stands for, to act as from then on. It is a use of the token, and written
    /// down as a sign-in before this returns.
    ///
    /// `NotPermitted` for a token that a check refuses, with the outcome's name.
    pub fn sign_in_with_token(&self, value: &[u8], context: AccessContext<'_>) -> Result<Actor> {
        let verdict = self.validate(value, context);
        match (verdict.outcome, verdict.token()) {
            (Outcome::Valid, Some(token)) => {
                self.signed_in(Actor::Token { id: token.id.clone(), identity: token.identity.clone() })
            }
            (Outcome::StoreUnavailable, _) => Err(Error::new(
                ErrorCode::StoreUnavailable,
                "The store cannot be read, so the token cannot be checked.",
            )),
            (outcome, _) => {
                let message = format!("The token is refused: {}.", outcome.name());
                Err(Error::new(ErrorCode::NotPermitted, message).about("token"))
            }
        }
    }

    /// `actor`, once it is written down that it signed in: nobody acts for whom the log has no sign-in.
    fn signed_in(&self, actor: Actor) -> Result<Actor> {
        let (kind, subject) = match &actor {
            Actor::Token { id, .. } => (AuditSubject::Token, id.to_string()),
            Actor::LocalOwner | Actor::Identity { .. } => (AuditSubject::Identity, actor.name().to_owned()),
        };
        self.store.note_event(self.session(&actor).event(&Operation::SESSION_CREATE, kind, subject))?;
        Ok(actor)
    }
}

impl Deref for Session<'_> {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        self.engine
    }
}

impl Session<'_> {
    /// Who acts.
    pub fn actor(&self) -> &Actor {
        self.actor
    }

    /// Who acts, with what that one may do now. `NotPermitted` for an identity that was removed and a token that is
    /// not good any more.
    pub(super) fn acting(&self, rules: &Rules) -> Result<Acting> {
        match self.actor {
            Actor::LocalOwner => Ok(Acting::local_owner()),
            Actor::Identity { id, .. } => {
                let Some(identity) = self.store.identity_by_id(*id)? else {
                    let message = "The identity for which this session acts was removed. Sign in as another.";
                    return Err(Error::new(ErrorCode::NotPermitted, message).about("identity"));
                };
                Ok(Acting {
                    who: Who::Identity(*id),
                    rights: (*rules.rights(&identity.roles)).clone(),
                    organizations: Organizations::of(&identity.organizations),
                    administers: self.store.organizations_administered_by(*id)?,
                })
            }
            Actor::Token { id, .. } => self.acting_token(id, rules),
        }
    }

    fn acting_token(&self, id: &TokenId, rules: &Rules) -> Result<Acting> {
        let refused = |outcome: Outcome| {
            let message =
                format!("The token for which this session acts is refused: {}. Sign in anew.", outcome.name());
            Err(Error::new(ErrorCode::NotPermitted, message).about("token"))
        };
        let Some(record) = self.store.token_by_id(id)? else { return refused(Outcome::Unknown) };
        let outcome = policy::standing_outcome(&record.token, self.now_seconds());
        if outcome != Outcome::Valid {
            return refused(outcome);
        }
        let identity = rules.rights(&record.identity.roles);
        if !record.conditions.required_roles.iter().all(|role| identity.include(role)) {
            return refused(Outcome::RoleDenied);
        }
        let reach = self.reach(&record, rules)?;
        let profile = rules.profile(&record.token.profile, "profile")?;
        let operations =
            |names: &[String]| names.iter().map(|name| Operation::parse(name)).collect::<Result<Vec<Operation>>>();
        Ok(Acting {
            who: Who::Token(ActingToken {
                sequence: record.token.sequence,
                identity: record.identity_id,
                expires_at: record.token.expires_at,
                denied_operations: operations(&profile.settings.denied_operations)?,
                allowed_operations: operations(&record.conditions.operations)?,
                chosen_organizations: record.token.organizations.clone(),
            }),
            rights: reach.rights,
            organizations: reach.organizations,
            administers: self.store.organizations_administered_by(record.identity_id)?,
        })
    }

    /// Refuses what this actor may not do at all; gives the rules and who acts, for what is asked next.
    pub(super) fn permit(&self, operation: &Operation) -> Result<(Arc<Rules>, Acting)> {
        let rules = self.rules()?;
        let acting = self.acting(&rules).and_then(|acting| {
            policy::permitted(&acting, operation)?;
            Ok(acting)
        });
        Ok((rules, self.note_denial(acting, operation, None)?))
    }

    /// Notes a result that says `NotPermitted`, for the audit log.
    pub(super) fn note_denial<T>(
        &self,
        result: Result<T>,
        operation: &Operation,
        token: Option<&TokenId>,
    ) -> Result<T> {
        if result.as_ref().is_err_and(|error| error.code() == ErrorCode::NotPermitted) {
            self.usage.deny(operation, denied(self.actor, token, self.now_seconds()));
        }
        result
    }

    /// The token with this id, when this actor may do `operation` with it. A token that it may not see is as one that
    /// is not there: `NotFound`.
    pub(super) fn permitted_token(&self, id: &TokenId, operation: &Operation) -> Result<TokenRecord> {
        let (rules, acting) = self.permit(operation)?;
        // One whose value is still being handed to a vault is nobody's to see.
        let is_delivered = |record: &TokenRecord| record.token.rotation_stage != Some(RotationStage::Prepared);
        let Some(record) = self.store.token_by_id(id)?.filter(is_delivered) else {
            return Err(super::token::no_such_token(id));
        };
        let reach = self.reach(&record, &rules)?;
        let profile = rules.profile(&record.token.profile, "profile")?;
        let granted_by = match &record.token.parent {
            Some(parent) => self.store.token_by_id(parent)?.map(|parent| parent.token.sequence),
            None => None,
        };
        let disabled_by = record.token.disabled.as_ref().map(|disabled| disabled.by.as_str());
        let facts = TokenFacts {
            sequence: record.token.sequence,
            identity: record.identity_id,
            creator: record.creator_id,
            granted_by,
            organizations: &reach.organizations,
            owner_only: profile.settings.owner_only,
            disabled_by_another: disabled_by.filter(|by| *by != self.actor.name()),
        };
        match policy::may_change(&acting, &facts, operation) {
            // In the very words of one that is not there.
            Err(error) if error.code() == ErrorCode::NotFound => Err(super::token::no_such_token(id)),
            permitted => self.note_denial(permitted.map(|()| record), operation, Some(id)),
        }
    }

    /// The audit event of something that this actor does now.
    pub(super) fn event(
        &self,
        operation: &Operation,
        subject_kind: AuditSubject,
        subject: impl Into<Option<String>>,
    ) -> NewAuditEvent {
        self.usage.expect_record();
        NewAuditEvent {
            at: self.now_seconds(),
            event: operation.as_str().to_owned(),
            actor: self.actor.name().to_owned(),
            actor_kind: self.actor.kind(),
            subject_kind,
            subject: subject.into(),
            outcome: NewAuditEvent::SUCCESS.to_owned(),
            detail: None,
        }
    }

    /// `text` as a reason, under the rules of [`policy::reason`]; refuses one that holds a value of another system.
    pub(super) fn reason(&self, text: Option<&str>) -> Result<Option<String>> {
        let reason = policy::reason(text)?;
        reason.as_deref().map_or(Ok(()), |reason| self.rules()?.refuse_foreign(reason, "reason"))?;
        Ok(reason)
    }

    /// A revocation by this actor, now.
    pub(super) fn revocation(&self, reason: Option<String>) -> Revocation {
        Revocation { at: self.now_seconds(), by: self.actor.name().to_owned(), reason }
    }
}
