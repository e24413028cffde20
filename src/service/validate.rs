//! Checking tokens: the hot path. It writes nothing.

use std::sync::Arc;

use crate::crypto::digest;
use crate::error::Result;
use crate::format::{jwt, opaque};
use crate::model::{Outcome, Token, TokenFormat, Verdict};
use crate::policy::{self, AccessContext, Evidence, Gate};
use crate::store::TokenRecord;

use super::Engine;
use super::cache::Known;
use super::rules::Rules;

/// The most bytes that a token's value may have.
pub(super) const MAXIMUM_VALUE_BYTES: usize = 8_192;

impl Engine {
    /// Checks a token's value, as its bearer sent it, for a request.
    ///
    /// A check that starts after a revocation has returned, in whichever process on this store, refuses the
    /// token. What cannot be decided for want of the store is `StoreUnavailable`: never a yes.
    pub fn validate(&self, value: &[u8], context: AccessContext<'_>) -> Verdict {
        if value.is_empty() || value.len() > MAXIMUM_VALUE_BYTES {
            return Verdict::without_token(Outcome::Malformed);
        }
        // Read first: whatever is read after it is at least as new.
        let Ok(version) = self.store.change_counter() else {
            // The form needs no store, and comes before it in the order of checks.
            let is_well_formed = opaque::parse(value).is_some() || jwt::inspect(value).is_ok();
            let outcome = if is_well_formed { Outcome::StoreUnavailable } else { Outcome::Malformed };
            return Verdict::without_token(outcome);
        };
        let digest = self.keyring.current().digest(value);
        let known = match self.verdicts.find(&digest, version) {
            Some(known) => known,
            None => match self.look_up(value, digest, version) {
                Ok(known) => known,
                Err(outcome) => return Verdict::without_token(outcome),
            },
        };
        if known.token.is_decoy {
            // Whoever presents it hears what one hears who guesses.
            return Verdict::without_token(Outcome::Unknown);
        }
        let now_seconds = self.now_seconds();
        let evidence = Evidence {
            token: &known.token,
            rights: &known.rights,
            organizations: &known.organizations,
            gate: &known.gate,
        };
        let outcome = match policy::outcome(evidence, context, now_seconds) {
            Outcome::Valid => self.charge(&known.token, now_seconds),
            refused => refused,
        };
        Verdict { outcome, token: Some(Arc::clone(&known.token)), roles: Arc::clone(&known.roles), version }
    }

    /// What is known of the token with this value, without a check: nothing is counted, and nothing is refused.
    ///
    /// For one who has checked the value and shows what it found. None for a value that is no token's.
    pub fn describe(&self, value: &[u8]) -> Option<Verdict> {
        if value.is_empty() || value.len() > MAXIMUM_VALUE_BYTES {
            return None;
        }
        let version = self.store.change_counter().ok()?;
        let digest = self.keyring.current().digest(value);
        let known = match self.verdicts.find(&digest, version) {
            Some(known) => known,
            None => self.look_up(value, digest, version).ok()?,
        };
        let outcome = policy::standing_outcome(&known.token, self.now_seconds());
        let is_shown = !known.token.is_decoy;
        is_shown.then(|| Verdict {
            outcome,
            token: Some(Arc::clone(&known.token)),
            roles: Arc::clone(&known.roles),
            version,
        })
    }

    /// The last two checks, of a request that is good otherwise: the rate limit, and the uses, which are charged in the
    /// store for all processes together.
    fn charge(&self, token: &Token, now_seconds: i64) -> Outcome {
        if token.conditions.rate_limit.is_some_and(|limit| !self.rates.admit(token.sequence, limit, now_seconds)) {
            return Outcome::RateLimited;
        }
        match token.uses_left {
            None => Outcome::Valid,
            Some(0) => Outcome::UsesExhausted,
            Some(_) => match self.store.charge_use(token.sequence) {
                Ok(true) => Outcome::Valid,
                Ok(false) => Outcome::UsesExhausted,
                Err(_) => Outcome::StoreUnavailable,
            },
        }
    }

    /// Reads what is known of a value that the cache does not hold as of `version`.
    fn look_up(
        &self,
        value: &[u8],
        current_digest: [u8; 32],
        version: u64,
    ) -> std::result::Result<Arc<Known>, Outcome> {
        let record = if opaque::parse(value).is_some() {
            let found = self.find_by_digest(value, &current_digest).map_err(|_| Outcome::StoreUnavailable)?;
            found.filter(|record| record.token.format == TokenFormat::Opaque).ok_or(Outcome::Unknown)?
        } else {
            match jwt::inspect(value) {
                // One that names no key is known by its whole text. What it says of itself is never asked.
                Ok(inspection) if !inspection.names_key() => {
                    let found = self.find_by_digest(value, &current_digest).map_err(|_| Outcome::StoreUnavailable)?;
                    found.filter(|record| record.token.format == TokenFormat::Jwt).ok_or(Outcome::Unknown)?
                }
                _ => self.find_jwt(value)?,
            }
        };
        let rules = self.rules().map_err(|_| Outcome::StoreUnavailable)?;
        let known = self.known(record, &rules, version).map_err(|_| Outcome::StoreUnavailable)?;
        self.verdicts.keep(current_digest, Arc::clone(&known));
        Ok(known)
    }

    /// What a check needs of a row, made ready for many checks.
    fn known(&self, record: TokenRecord, rules: &Rules, version: u64) -> Result<Arc<Known>> {
        let reach = self.reach(&record, rules)?;
        let profile = rules.profile(&record.token.profile, "profile")?;
        let gate = Gate::new(&record.conditions, &profile.settings, &rules.rights(&record.identity.roles))?;
        Ok(Arc::new(Known {
            version,
            roles: reach.rights.names().into(),
            rights: reach.rights,
            organizations: reach.organizations,
            gate,
            token: Arc::new(record.token),
        }))
    }

    /// The row of a value, by its digest under each pepper, the current one first.
    fn find_by_digest(&self, value: &[u8], current_digest: &[u8; 32]) -> Result<Option<TokenRecord>> {
        let current = self.keyring.current();
        let earlier = self.keyring.peppers().filter(|pepper| pepper.id() != current.id());
        for wanted in std::iter::once(*current_digest).chain(earlier.map(|pepper| pepper.digest(value))) {
            if let Some(record) = self.store.token_by_digest(&wanted)? {
                // The index found it; a file that was tampered with may still hold another digest.
                let same = record.digest.is_some_and(|stored| digest::equal(&stored.bytes, &wanted));
                return Ok(same.then_some(record));
            }
        }
        Ok(None)
    }
}
