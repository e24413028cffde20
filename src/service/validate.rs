//! Checking tokens: the hot path. It writes nothing.

use std::sync::Arc;

use crate::crypto::digest;
use crate::error::Result;
use crate::format::{jwt, opaque};
use crate::model::{Outcome, Verdict};
use crate::policy::{self, AccessContext, Evidence};
use crate::store::TokenRecord;

use super::Engine;
use super::cache::Known;

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
        let evidence = Evidence { token: &known.token, rights: &known.rights };
        Verdict {
            outcome: policy::outcome(evidence, context, self.now_seconds()),
            token: Some(Arc::clone(&known.token)),
            roles: Arc::clone(&known.roles),
            version,
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
            let found = self.find_opaque(value, &current_digest).map_err(|_| Outcome::StoreUnavailable)?;
            found.ok_or(Outcome::Unknown)?
        } else {
            self.find_jwt(value)?
        };
        let rules = self.rules().map_err(|_| Outcome::StoreUnavailable)?;
        let rights = self.reach(&record, &rules).map_err(|_| Outcome::StoreUnavailable)?.rights;
        let known = Arc::new(Known { version, roles: rights.names().into(), rights, token: Arc::new(record.token) });
        self.verdicts.keep(current_digest, Arc::clone(&known));
        Ok(known)
    }

    /// The row of an opaque value, by its digest under each pepper, the current one first.
    fn find_opaque(&self, value: &[u8], current_digest: &[u8; 32]) -> Result<Option<TokenRecord>> {
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
