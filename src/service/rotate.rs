//! Rotation: a token gets a successor with a value of its own, and gives way to it.

use serde::Serialize;

use crate::error::{Error, ErrorCode, Result};
use crate::model::{AuditSubject, NewAuditEvent, Profile, RotationMode, RotationStage, Token, TokenId};
use crate::policy::{self, Acting, Lifetime, Operation};
use crate::secret::Secret;
use crate::store::{NewSuccessor, TokenRecord};

use super::cache::Known;
use super::grant::Minting;
use super::repeat::TRIES;
use super::token::{known_form, no_such_token};
use super::usage::by_bearer;
use super::{Engine, Session};

/// What to rotate, and how.
#[derive(Debug, Clone, Serialize)]
pub struct RotationRequest {
    /// The public id of the token that is to give way.
    pub id: String,
    /// When it gives way.
    pub mode: RotationMode,
    /// How long the successor is to live; none: as long as the token was granted for.
    pub lifetime: Option<Lifetime>,
    /// A key of 1 to 256 characters. A repeat of the request with it, by the same actor within a day, leads to the same
    /// successor: with a fresh value, which ends the earlier one, for as long as nobody presented that, and then
    /// without a value.
    pub idempotency_key: Option<String>,
}

/// A rotation that was begun or made.
#[derive(Debug)]
pub struct Rotation {
    /// The token that gives way.
    pub predecessor: Token,
    /// The token that takes over.
    pub successor: Token,
    /// The successor's value, told this once. A repeat under the same key has none once it was presented, and none
    /// where it was handed to a vault before.
    pub value: Option<Secret>,
}

impl Session<'_> {
    /// Gives a token a successor, durably before this returns: all that the token has, with a new id, value and life.
    ///
    /// There is one successor at a time, whoever asks how often: `Conflict` when there is one that is not revoked and did
    /// not expire unused, when the token is not in use (revoked, expired, disabled), and when the key was used for another
    /// request.
    /// `InvalidArgument` for times outside their limits, and for a time of grace where uses are counted. `NotFound`
    /// when there is no such token.
    pub fn rotate(&self, request: &RotationRequest) -> Result<Rotation> {
        self.make_successor(request, Some(request.mode))
    }

    /// As [`Session::rotate`], but nothing changes yet: the successor is in no list and no check accepts it, until
    /// [`Session::deliver_rotation`] says that its value has arrived where it is kept. [`Session::abandon_rotation`]
    /// takes it back.
    ///
    /// Others cannot rotate the token meanwhile. After a quarter of an hour, or when the same request is made again
    /// under its key, the successor makes way for the next.
    pub fn prepare_rotation(&self, request: &RotationRequest) -> Result<Rotation> {
        self.make_successor(request, None)
    }

    /// Makes a prepared successor count, durably before this returns. `id` is the successor's; `mode` as in the request.
    ///
    /// Gives the rotation without a value. A second call changes nothing. `NotFound` when the successor was abandoned,
    /// another took its place, or its predecessor was removed; `Conflict` when that cannot be rotated any more.
    pub fn deliver_rotation(&self, id: &str, mode: RotationMode) -> Result<Rotation> {
        let id = known_form(id)?;
        let predecessor = self.predecessor_of(&id)?.ok_or_else(|| no_such_token(&id))?;
        let event = self.event(&Operation::TOKEN_ROTATE, AuditSubject::Token, predecessor.to_string());
        let (predecessor, successor, _) = self.store.deliver_successor(&id, mode, event)?;
        Ok(Rotation { predecessor, successor, value: None })
    }

    /// Takes a prepared successor back, as if it had never been; whether there was one. `Conflict` when it was
    /// delivered.
    pub fn abandon_rotation(&self, id: &str) -> Result<bool> {
        let id = known_form(id)?;
        let Some(predecessor) = self.predecessor_of(&id)? else { return Ok(false) };
        let mut event = self.event(&Operation::TOKEN_ROTATE, AuditSubject::Token, predecessor.to_string());
        event.detail = Some(serde_json::json!({ "successor": id.as_str(), "mode": "Abandoned" }).to_string());
        self.store.abandon_successor(&id, event)
    }

    /// From which token the one of this id takes over, if this actor may rotate that; none: there is no such token.
    fn predecessor_of(&self, id: &TokenId) -> Result<Option<TokenId>> {
        let Some(record) = self.store.token_by_id(id)? else {
            self.permit(&Operation::TOKEN_ROTATE)?;
            return Ok(None);
        };
        let Some(predecessor) = record.token.predecessor else {
            self.permitted_token(id, &Operation::TOKEN_ROTATE)?;
            let message = "The token that it was to take over from is gone, or it takes over from none.";
            return Err(Error::new(ErrorCode::Conflict, message).about("id"));
        };
        match self.permitted_token(&predecessor, &Operation::TOKEN_ROTATE) {
            Err(error) if error.code() == ErrorCode::NotFound => Err(no_such_token(id)),
            permitted => permitted.map(|_| Some(predecessor)),
        }
    }

    fn make_successor(&self, request: &RotationRequest, delivery: Option<RotationMode>) -> Result<Rotation> {
        let operation = Operation::TOKEN_ROTATE;
        let id = known_form(&request.id)?;
        let keyed = (request, delivery.is_some());
        let idempotency =
            request.idempotency_key.as_deref().map(|key| self.idempotency(key, &operation, &keyed)).transpose()?;
        let mut tries = 0;
        loop {
            let (rules, acting) = self.permit(&operation)?;
            let record = self.permitted_token(&id, &operation)?;
            let profile = rules.profile(&record.token.profile, "profile")?;
            let repeated = match &idempotency {
                Some(idempotency) => self.repeated(idempotency)?,
                None => None,
            };
            // One that is still on its way to a vault may never arrive there: it makes way for a new one below.
            let repeated = repeated.filter(|found| found.token.rotation_stage != Some(RotationStage::Prepared));
            if let Some(found) = repeated {
                let (successor, value) = match delivery {
                    Some(_) => self.renewed(found, &profile, &operation)?,
                    None => (found.token, None),
                };
                return Ok(Rotation { predecessor: record.token, successor, value });
            }
            let now_seconds = self.now_seconds();
            policy::rotatable(&record.token, now_seconds)?;
            policy::check_who(&profile, &rules.rights(&record.identity.roles), &acting, &rules.roles)?;
            policy::retires_at(request.mode, &record.token, now_seconds)?;
            let (mut successor, value) = self.successor_of(&record, &profile, &acting, request, now_seconds)?;
            (successor.delivery, successor.idempotency) = (delivery, idempotency.clone());
            let event = self.event(&operation, AuditSubject::Token, id.to_string());
            tries += 1;
            match self.store.rotate_token(successor, event) {
                Err(error) if error.code() == ErrorCode::AlreadyExists && tries < TRIES => {}
                Err(error) => return Err(error),
                Ok((predecessor, successor)) => return Ok(Rotation { predecessor, successor, value: Some(value) }),
            }
        }
    }

    /// The successor of a token as it is to be stored, and its value.
    fn successor_of(
        &self,
        record: &TokenRecord,
        profile: &Profile,
        acting: &Acting,
        request: &RotationRequest,
        now_seconds: i64,
    ) -> Result<(NewSuccessor, Secret)> {
        let token = &record.token;
        let ends_with = self.granting_token_ends_at(token)?;
        let expires_at = policy::successor_expiry(profile, token, request.lifetime, ends_with, acting, now_seconds)?;
        let not_before = token.not_before.filter(|at| *at > now_seconds);
        let minted = self.mint_value(&Minting {
            id: None,
            is_replaceable: request.idempotency_key.is_some(),
            profile,
            format: token.format,
            identity: &token.identity,
            roles: &token.roles,
            audiences: token.audiences.clone(),
            key_id: None,
            not_before,
            expires_at,
        })?;
        let begins_at = not_before.unwrap_or(now_seconds);
        let successor = NewSuccessor {
            predecessor: token.id.clone(),
            id: minted.id,
            value: minted.stored,
            created_at: now_seconds,
            expires_at,
            warn_after: policy::successor_warning(&profile.settings, token, begins_at, expires_at),
            is_self_rotated: acting.token().is_some_and(|own| own.sequence == token.sequence),
            rotated_by: self.actor().name().to_owned(),
            delivery: None,
            idempotency: None,
        };
        Ok((successor, minted.value))
    }

    /// When the token that granted this one is over, or the one that has taken over from it since; none: never, or no
    /// token granted it.
    fn granting_token_ends_at(&self, token: &Token) -> Result<Option<i64>> {
        let now_seconds = self.now_seconds();
        let mut next = token.parent.clone();
        let mut ends_at = None;
        while let Some(id) = next {
            let Some(record) = self.store.token_by_id(&id)? else { break };
            ends_at = record.token.expires_at;
            next = record.token.successor.filter(|_| record.token.retires_at.is_some_and(|at| at <= now_seconds));
        }
        Ok(ends_at)
    }
}

impl Engine {
    /// Writes down, once and durably, that the value of a token that awaits its first use was presented and accepted: a
    /// waiting successor takes over with that.
    ///
    /// Only where this says yes does the use count. Otherwise somebody else wrote it down, another value took its
    /// place, or the token was revoked meanwhile: look it up anew.
    pub(super) fn confirm_first_use(&self, known: &Known, value: &[u8]) -> Result<bool> {
        let token = &known.found.token;
        let event = by_bearer(Some(token), "token.confirm", self.now_seconds());
        self.store.confirm_first_use(token.sequence, self.stored_digest(known, value)?, event)
    }

    /// Writes down, once, that a value was presented although it was retired or is a decoy. What else that ends, the
    /// token's profile says. Whether this was the first time.
    pub(super) fn report_presented(&self, token: &Token) -> Result<bool> {
        let (event, outcome) = if token.is_decoy { ("token.decoy", "Unknown") } else { ("token.reuse", "Revoked") };
        let event = by_bearer(Some(token), event, self.now_seconds());
        let event = NewAuditEvent { outcome: outcome.to_owned(), ..event };
        self.store.report_presented(token.sequence, event)
    }
}
