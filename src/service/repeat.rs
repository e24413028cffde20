//! Repeats of a request under a caller's key: they lead to the token that the first one led to.

use serde::Serialize;

use crate::error::{Error, ErrorCode, Result};
use crate::model::{Actor, AuditSubject, Profile, Token, TokenState};
use crate::policy::{self, Operation};
use crate::secret::Secret;
use crate::store::{Idempotency, TokenRecord};

use super::Session;
use super::grant::Minting;

/// How often a request is tried again that was overtaken by another under the same key.
pub(super) const TRIES: usize = 3;

impl Session<'_> {
    /// The actor's key, 1 to 256 characters, for repeats of this request.
    pub(super) fn idempotency<R: Serialize>(
        &self,
        key: &str,
        operation: &Operation,
        request: &R,
    ) -> Result<Idempotency> {
        let key = policy::idempotency_key(key)?.to_owned();
        let text = serde_json::to_vec(&(operation.as_str(), request)).map_err(|_| {
            Error::new(ErrorCode::Internal, "A defect in Tessera: a request cannot be written as JSON.")
        })?;
        let actor = match self.actor() {
            Actor::LocalOwner => "owner".to_owned(),
            Actor::Identity { id, .. } => format!("identity:{id}"),
            Actor::Token { id, .. } => format!("token:{id}"),
        };
        Ok(Idempotency { actor, key, request_digest: self.keyring.current().digest(&text) })
    }

    /// The token that the key led to within the last day; none when this is the first request under it. `Conflict`
    /// when the request is another one than the first.
    pub(super) fn repeated(&self, idempotency: &Idempotency) -> Result<Option<TokenRecord>> {
        match self.store.repeated(idempotency, self.now_seconds())? {
            Some(found) if found.request_digest != idempotency.request_digest => Err(Error::new(
                ErrorCode::Conflict,
                "Another request was made with this idempotency key within the last day. Repeat that one as it was, or \
                 give a new key.",
            )
            .about("idempotencyKey")),
            found => Ok(found.map(|found| found.record)),
        }
    }

    /// The token with a fresh value, which ends the earlier one; without a value, once somebody has presented that or
    /// when the token is of no use any more.
    pub(super) fn renewed(
        &self,
        record: TokenRecord,
        profile: &Profile,
        operation: &Operation,
    ) -> Result<(Token, Option<Secret>)> {
        let token = record.token;
        let is_of_use = matches!(token.state(self.now_seconds()), TokenState::Active | TokenState::Pending);
        // The value of a decoy is never accepted, so that it was presented is told by its alert.
        if !record.awaits_first_use || record.is_alerted || !is_of_use {
            return Ok((token, None));
        }
        let minted = self.mint_value(&Minting {
            id: Some(&token.id),
            is_replaceable: true,
            profile,
            format: token.format,
            identity: &token.identity,
            roles: &token.roles,
            audiences: token.audiences.clone(),
            key_id: token.key_id.as_deref(),
            not_before: token.not_before,
            expires_at: token.expires_at,
        })?;
        let mut event = self.event(operation, AuditSubject::Token, token.id.to_string());
        event.detail = Some(r#"{"repeat":true}"#.to_owned());
        Ok(match self.store.renew_value(&token.id, minted.stored, event)? {
            Some(token) => (token, Some(minted.value)),
            None => (token, None),
        })
    }
}
