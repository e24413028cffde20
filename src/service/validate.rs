//! Checking tokens: the hot path. It writes nothing but what happens once, and uses that are counted; what it notes is
//! written down later.

use std::sync::Arc;

use crate::crypto::digest;
use crate::crypto::fingerprint::Fingerprint;
use crate::crypto::foreign::ForeignDigest;
use crate::error::{Error, ErrorCode, Result};
use crate::format::{jwt, opaque};
use crate::model::{FoundToken, Outcome, RotationStage, TokenFormat, Verdict};
use crate::policy::{self, AccessContext, Evidence, Gate};
use crate::store::{StoredDigest, TokenRecord};

use super::Engine;
use super::cache::{Digested, Kept, Known, Read, Ready};
use super::rules::Rules;
use super::usage::{Checked, UseCount, by_bearer};

/// The most bytes that a token's value may have.
pub(super) const MAXIMUM_VALUE_BYTES: usize = 8_192;

/// What a check found, for as long as it is told.
#[derive(Debug, Clone, Copy)]
pub struct Finding<'a> {
    /// The outcome.
    pub outcome: Outcome,
    /// The number of the token's row, or zero where there is no such token: [`crate::model::Token::sequence`] of what was
    /// found.
    pub sequence: i64,
    /// What was found, where there is such a token. A refused token is given too: the caller owns the store.
    pub found: Option<&'a Arc<FoundToken>>,
    /// As [`Verdict::version`].
    pub version: u64,
    /// Whether the token is about to expire.
    pub is_expiring: bool,
    /// Whether the token was read for this check: who keeps what was told of it has not been told this.
    pub is_new: bool,
}

/// A check under way.
struct Check<'a> {
    value: &'a [u8],
    context: &'a AccessContext<'a>,
    now_seconds: i64,
    fingerprint: Fingerprint,
}

/// What is known of the token of a check: where it lies in the cache, or as it was read for this check.
#[derive(Clone, Copy)]
struct Met<'a> {
    ready: &'a Ready,
    uses: &'a Arc<UseCount>,
    known: &'a Known,
}

impl<'a> Met<'a> {
    fn read(known: &'a Known) -> Self {
        Self { ready: &known.ready, uses: &known.uses, known }
    }
}

impl Engine {
    /// Checks a token's value, as its bearer sent it, for a request.
    ///
    /// A check that starts after a revocation has returned, in whichever process on this store, refuses the
    /// token. What cannot be decided for want of the store is `StoreUnavailable`: never a yes.
    pub fn validate(&self, value: &[u8], context: AccessContext<'_>) -> Verdict {
        self.validate_with(value, context, |finding| Verdict {
            outcome: finding.outcome,
            found: finding.found.cloned(),
            version: finding.version,
        })
    }

    /// As [`Engine::validate`], but lends what was found to `tell`, which makes of it what this returns. So a check of a
    /// token that is known neither allocates nor shares anything with other threads but the count of the token's uses.
    /// `tell` is called once, and should be quick: what other threads put aside meanwhile stays in memory.
    pub fn validate_with<R>(&self, value: &[u8], context: AccessContext<'_>, tell: impl Fn(Finding<'_>) -> R) -> R {
        let context = &context;
        let now_seconds = self.now_seconds();
        if value.is_empty() || value.len() > MAXIMUM_VALUE_BYTES {
            let check = Check { value: &[], context, now_seconds, fingerprint: 0 };
            return self.end(&check, None, Outcome::Malformed, false, &tell);
        }
        let check = Check { value, context, now_seconds, fingerprint: self.verdicts.fingerprint(value) };
        let told = self.check(&check, &tell).or_else(|| self.check(&check, &tell));
        // Overtaken twice in a row: nothing is known that still holds.
        told.unwrap_or_else(|| self.end(&check, None, Outcome::StoreUnavailable, false, &tell))
    }

    /// Notes what a check came to, and tells it.
    fn end<R>(
        &self,
        check: &Check<'_>,
        met: Option<Met<'_>>,
        outcome: Outcome,
        is_new: bool,
        tell: &impl Fn(Finding<'_>) -> R,
    ) -> R {
        let is_expiring = met.is_some_and(|met| met.ready.is_expiring(check.now_seconds));
        self.usage.record(&Checked {
            token: met.map(|met| (&met.known.found, met.uses)),
            outcome,
            is_expiring,
            address: check.context.remote_address,
            now_seconds: check.now_seconds,
        });
        tell(Finding {
            outcome,
            sequence: met.map_or(0, |met| met.ready.sequence),
            found: met.map(|met| &met.known.found),
            version: met.map_or(0, |met| met.ready.number),
            is_expiring,
            is_new,
        })
    }

    /// As [`Engine::validate_with`]; none, and nothing told, when something was written meanwhile of which the verdict has
    /// to know.
    fn check<R>(&self, check: &Check<'_>, tell: &impl Fn(Finding<'_>) -> R) -> Option<R> {
        let Check { value, context, now_seconds, fingerprint } = *check;
        // Read first: whatever is read after it is at least as new.
        let Ok(number) = self.store.change_number() else {
            // The form needs no store, and comes before it in the order of checks.
            let is_well_formed =
                opaque::parse(value).is_some() || jwt::inspect(value).is_ok() || self.was_foreign_form(value);
            let outcome = if is_well_formed { Outcome::StoreUnavailable } else { Outcome::Malformed };
            return Some(self.end(check, None, outcome, false, tell));
        };
        let kept = self.verdicts.find(fingerprint, self.store.changes(), number, |kept| {
            let Kept { ready, uses, known, .. } = kept;
            if !ready.is_plain {
                return Err(Arc::clone(known));
            }
            let outcome = if ready.is_unconditional && context.asks_nothing() {
                ready.validity.outcome(now_seconds)
            } else {
                self.within_rate(known, admitted(known, context, now_seconds), now_seconds)
            };
            Ok(self.end(check, Some(Met { ready, uses, known }), outcome, false, tell))
        });
        let (known, is_new) = match kept {
            Some(Ok(told)) => return Some(told),
            Some(Err(known)) => (known, false),
            None => match self.look_up(check, number) {
                Ok(known) => (known, true),
                Err(outcome) => return Some(self.end(check, None, outcome, false, tell)),
            },
        };
        let token = &known.found.token;
        if !known.is_alerted && (token.is_decoy || token.is_retired(now_seconds)) {
            // The answer is no already; that the event could not be written must not change it.
            let _ = self.report_presented(token);
        }
        if token.is_decoy {
            // Whoever presents it hears what one hears who guesses.
            return Some(self.end(check, None, Outcome::Unknown, false, tell));
        }
        let outcome = match self.within_rate(&known, admitted(&known, context, now_seconds), now_seconds) {
            Outcome::Valid => self.charge(&known, value)?,
            refused => refused,
        };
        Some(self.end(check, Some(Met::read(&known)), outcome, is_new, tell))
    }

    /// What is known of the token with this value, without a check: nothing is counted, and nothing is refused.
    ///
    /// For one who has checked the value and shows what it found. None for a value that is no token's.
    pub fn describe(&self, value: &[u8]) -> Option<Verdict> {
        if value.is_empty() || value.len() > MAXIMUM_VALUE_BYTES {
            return None;
        }
        let now_seconds = self.now_seconds();
        let fingerprint = self.verdicts.fingerprint(value);
        let context = &AccessContext::default();
        let number = self.store.change_number().ok()?;
        let known = match self.verdicts.find(fingerprint, self.store.changes(), number, |kept| Arc::clone(&kept.known))
        {
            Some(known) => known,
            None => self.look_up(&Check { value, context, now_seconds, fingerprint }, number).ok()?,
        };
        let outcome = policy::standing_outcome(&known.found.token, now_seconds);
        let is_shown = !known.found.token.is_decoy;
        is_shown.then(|| Verdict { outcome, found: Some(Arc::clone(&known.found)), version: known.ready.number })
    }

    /// The check that comes last but one, of a request that is good otherwise: the rate limit.
    fn within_rate(&self, known: &Known, outcome: Outcome, now_seconds: i64) -> Outcome {
        match known.found.token.conditions.rate_limit {
            Some(limit)
                if outcome == Outcome::Valid && !self.rates.admit(known.found.token.sequence, limit, now_seconds) =>
            {
                Outcome::RateLimited
            }
            _ => outcome,
        }
    }

    /// The last check, of a request that is good otherwise: the uses, which are charged in the store for all processes
    /// together. Before it a first use is written down. None when that was overtaken.
    fn charge(&self, known: &Known, value: &[u8]) -> Option<Outcome> {
        let token = &known.found.token;
        if known.awaits_first_use {
            match self.confirm_first_use(known, value) {
                Ok(true) => {}
                // Another check wrote it down, or the value counts no more: what is there now decides.
                Ok(false) => return None,
                Err(_) => return Some(Outcome::StoreUnavailable),
            }
        }
        Some(match token.uses_left {
            None => Outcome::Valid,
            Some(0) => Outcome::UsesExhausted,
            Some(_) => match self.store.charge_use(token.sequence) {
                Ok(true) => Outcome::Valid,
                Ok(false) => Outcome::UsesExhausted,
                Err(_) => Outcome::StoreUnavailable,
            },
        })
    }

    /// Reads what is known of a value that the cache does not hold as of `number`.
    fn look_up(&self, check: &Check<'_>, number: u64) -> std::result::Result<Arc<Known>, Outcome> {
        let Check { value, now_seconds, fingerprint, .. } = *check;
        if let Some(outcome) = self.verdicts.refusal(fingerprint, number, now_seconds) {
            return Err(outcome);
        }
        let current_digest = self.keyring.current().digest(value);
        let mut record = self.find_value(value, &current_digest).inspect_err(|outcome| {
            if *outcome != Outcome::StoreUnavailable {
                self.verdicts.refuse(fingerprint, number, now_seconds, *outcome);
            }
        })?;
        // That it could not be written down must not change the answer; the next check tries again.
        let _ = self.upgrade(&mut record, current_digest);
        let rules = self.rules().map_err(|_| Outcome::StoreUnavailable)?;
        let uses = self.verdicts.uses(fingerprint, record.token.sequence);
        let known = self.known(record, &rules, number, uses).map_err(|_| Outcome::StoreUnavailable)?;
        self.verdicts.keep(fingerprint, Arc::clone(&known));
        Ok(known)
    }

    /// The row of the token with this value, whatever its state, or what a check comes to without one.
    pub(super) fn find_value(
        &self,
        value: &[u8],
        current_digest: &[u8; 32],
    ) -> std::result::Result<TokenRecord, Outcome> {
        match self.find_own(value, current_digest) {
            Err(refused @ (Outcome::Malformed | Outcome::Unknown)) => {
                self.find_foreign(value, current_digest, refused, true)
            }
            found => found,
        }
    }

    /// What a search for a value came to, with none where there is no such token; `StoreUnavailable` when the store
    /// could not be asked.
    pub(super) fn record_found(found: std::result::Result<TokenRecord, Outcome>) -> Result<Option<TokenRecord>> {
        match found {
            Ok(record) => Ok(Some(record)),
            Err(Outcome::StoreUnavailable) => {
                let message = "The store could not be asked for the token of a value, so nothing was done. Try again.";
                Err(Error::new(ErrorCode::StoreUnavailable, message))
            }
            Err(_) => Ok(None),
        }
    }

    /// As [`Engine::find_value`], for values in the forms of Tessera's own.
    fn find_own(&self, value: &[u8], current_digest: &[u8; 32]) -> std::result::Result<TokenRecord, Outcome> {
        if opaque::parse(value).is_some() {
            let found = self.find_by_digest(value, current_digest).map_err(|_| Outcome::StoreUnavailable)?;
            found.filter(|record| record.token.format == TokenFormat::Opaque).ok_or(Outcome::Unknown)
        } else {
            match jwt::names_key(value) {
                // One that names no key is known by its whole text. What it says of itself is never asked.
                Some(false) => {
                    let found = self.find_by_digest(value, current_digest).map_err(|_| Outcome::StoreUnavailable)?;
                    found.filter(|record| record.token.format == TokenFormat::Jwt).ok_or(Outcome::Unknown)
                }
                _ => self.find_jwt(value),
            }
        }
    }

    /// As [`Engine::find_value`], for a value that begins as the foreign ones of a profile do: by its digest, by the
    /// digest that another system knew it by, or, where `tries_salted` says so, by its public part and the salted digest
    /// that goes with it, which takes a password hash. `refused`: what it comes to when no profile has such values.
    pub(super) fn find_foreign(
        &self,
        value: &[u8],
        current_digest: &[u8; 32],
        refused: Outcome,
        tries_salted: bool,
    ) -> std::result::Result<TokenRecord, Outcome> {
        let rules = self.rules().map_err(|_| Outcome::StoreUnavailable)?;
        if rules.foreign_profiles(value).next().is_none() {
            return Err(refused);
        }
        self.find_imported(value, current_digest, &rules, tries_salted)
            .map_err(|_| Outcome::StoreUnavailable)?
            .ok_or(Outcome::Unknown)
    }

    fn find_imported(
        &self,
        value: &[u8],
        current_digest: &[u8; 32],
        rules: &Rules,
        tries_salted: bool,
    ) -> Result<Option<TokenRecord>> {
        let is_of_profile = |record: &TokenRecord| {
            rules.foreign_profiles(value).any(|(profile, _)| profile.name == record.token.profile)
        };
        if let Some(found) = self.find_by_digest(value, current_digest)? {
            return Ok(Some(found).filter(is_of_profile));
        }
        let unsalted = digest::sha256(value);
        if let Some(found) = self.store.token_by_digest(&unsalted)? {
            let is_same = found
                .digest
                .is_some_and(|stored| stored.pepper_id.is_none() && digest::equal(&stored.bytes, &unsalted));
            return Ok(Some(found).filter(|found| is_same && is_of_profile(found)));
        }
        for (profile, rest) in rules.foreign_profiles(value).filter(|_| tries_salted) {
            let Ok(rest) = std::str::from_utf8(rest) else { continue };
            let found = self.store.token_by_public_part(&profile.name, rest)?;
            let salted = match found.as_ref().and_then(|found| found.salted_digest.clone()) {
                // An unknown public part takes as long as a known one, as far as there is a digest to try.
                None => self.store.any_salted_digest(&profile.name)?,
                salted => salted,
            };
            let Some(salted) = salted else { continue };
            if ForeignDigest::parse(&salted)?.verify(value)? && found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Gives an imported token, whose value was just presented, a digest under the store's own pepper in place of the one
    /// that it came with.
    fn upgrade(&self, record: &mut TokenRecord, current_digest: [u8; 32]) -> Result<()> {
        let is_imported = record.salted_digest.is_some()
            || record.digest.is_some_and(|digest| digest.pepper_id.is_none_or(|id| id < 0));
        if !is_imported {
            return Ok(());
        }
        let to = StoredDigest { bytes: current_digest, pepper_id: Some(self.keyring.current().id()) };
        let event = by_bearer(Some(&record.token), "token.upgrade", self.now_seconds());
        if self.store.upgrade_digest(record, to, event)? {
            (record.digest, record.salted_digest) = (Some(to), None);
        }
        Ok(())
    }

    /// What a check needs of a row, made ready for many checks.
    fn known(&self, record: TokenRecord, rules: &Rules, number: u64, uses: Arc<UseCount>) -> Result<Arc<Known>> {
        let reach = self.reach(&record, rules)?;
        let profile = rules.profile(&record.token.profile, "profile")?;
        // Asked of the identity's roles by few tokens.
        let is_asked = !record.conditions.required_roles.is_empty();
        let of_identity = if is_asked { rules.rights(&record.identity.roles) } else { Arc::default() };
        let gate = Gate::new(&record.conditions, &profile.settings, &of_identity)?;
        Ok(Arc::new(Known::from(Read {
            number,
            slots: reach.slots,
            found: FoundToken { token: record.token, roles: reach.rights.names() },
            rights: reach.rights,
            organizations: reach.organizations,
            gate,
            digested: record.digest.map(|digest| Digested { pepper_id: digest.pepper_id }),
            awaits_first_use: record.awaits_first_use,
            is_alerted: record.is_alerted,
            uses,
        })))
    }

    /// The digest of a known token's value as the store has it, made anew: none is kept.
    pub(super) fn stored_digest(&self, known: &Known, value: &[u8]) -> Result<Option<[u8; 32]>> {
        Ok(match known.digested {
            None => None,
            Some(Digested { pepper_id: None }) => Some(digest::sha256(value)),
            Some(Digested { pepper_id: Some(id) }) => self.pepper(id)?.map(|pepper| pepper.digest(value)),
        })
    }

    /// The row of a value, by its digest under each pepper, the current one first, and those that were imported last.
    fn find_by_digest(&self, value: &[u8], current_digest: &[u8; 32]) -> Result<Option<TokenRecord>> {
        let current = self.keyring.current();
        let earlier = self.keyring.peppers().filter(|pepper| pepper.id() != current.id());
        for wanted in std::iter::once(*current_digest).chain(earlier.map(|pepper| pepper.digest(value))) {
            if let Some(record) = self.store.token_by_digest(&wanted)? {
                return Ok(usable(record, &wanted));
            }
        }
        for pepper in self.imported_peppers()?.iter() {
            let wanted = pepper.digest(value);
            if let Some(record) = self.store.token_by_digest(&wanted)? {
                return Ok(usable(record, &wanted));
            }
        }
        Ok(None)
    }
}

/// What the checks of one request come to that need nothing but what is known of the token.
fn admitted(known: &Known, context: &AccessContext<'_>, now_seconds: i64) -> Outcome {
    let evidence = Evidence {
        token: &known.found.token,
        validity: known.ready.validity,
        rights: &known.rights,
        organizations: &known.organizations,
        gate: &known.gate,
    };
    policy::outcome(evidence, context, now_seconds)
}

/// A row that was found by its digest, if it counts.
fn usable(record: TokenRecord, wanted: &[u8; 32]) -> Option<TokenRecord> {
    // The index found it; a file that was tampered with may still hold another digest. And one of another kind that
    // happens to be the same is none that was made of this value.
    let is_same =
        record.digest.is_some_and(|stored| stored.pepper_id.is_some() && digest::equal(&stored.bytes, wanted));
    // One that is still being handed to a vault cannot be used.
    let is_delivered = record.token.rotation_stage != Some(RotationStage::Prepared);
    (is_same && is_delivered).then_some(record)
}
