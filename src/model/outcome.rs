//! What a check of a token can come to.

use std::sync::Arc;

use super::Token;
use crate::numbered::numbered;

numbered! {
    /// The outcome of a check. Numbers and names are fixed, the same in every language.
    pub enum Outcome {
        /// The token is good for this request.
        Valid = 0,
        /// The value is not in the form of a token.
        Malformed = 1,
        /// No such token here: never granted, removed, or signed by no key and issuer of this store.
        Unknown = 2,
        /// The token's time has not come.
        NotYetValid = 3,
        /// The token's time is over.
        Expired = 4,
        /// The token, its identity or its signing key was revoked or removed.
        Revoked = 5,
        /// The token is switched off for now.
        Disabled = 6,
        /// The token is for other audiences.
        AudienceDenied = 7,
        /// The token has no access to the organisation.
        OrganizationDenied = 8,
        /// The token does not reach the path.
        PathDenied = 9,
        /// The token may not be used with the method.
        MethodDenied = 10,
        /// The token may not be used from the referrer.
        ReferrerDenied = 11,
        /// The token may not be used from the address.
        AddressDenied = 12,
        /// No token may do the operation.
        OperationDenied = 13,
        /// The token lacks the role.
        RoleDenied = 14,
        /// The token was used too often of late.
        RateLimited = 15,
        /// The token's uses are spent.
        UsesExhausted = 16,
        /// The store could not be asked, so nothing is known.
        StoreUnavailable = 17,
    }
}

/// A token as a check found it.
#[derive(Debug, Clone)]
pub struct FoundToken {
    /// The token.
    pub token: Token,
    /// The roles that it has now: what it holds, cut to what bounds it. Sorted by name.
    pub roles: Vec<String>,
}

/// What a check found, and on what evidence.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The outcome.
    pub outcome: Outcome,
    /// What was found, where there is such a token. A refused token is given too: the caller owns the store.
    pub found: Option<Arc<FoundToken>>,
    /// Names what was read of the token: with its sequence and the same number, it is the same. Zero where there is
    /// none.
    pub version: u64,
}

impl Verdict {
    /// How old the evidence may be, in milliseconds. On the store itself it is never older than the check.
    pub const EVIDENCE_AGE_MILLISECONDS: u64 = 0;

    /// The token, where one was found.
    pub fn token(&self) -> Option<&Token> {
        self.found.as_deref().map(|found| &found.token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_fixed() {
        let table: Vec<String> = Outcome::ALL.iter().map(|o| format!("{}={}", o.name(), o.number())).collect();
        assert_eq!(
            table.join(" "),
            "Valid=0 Malformed=1 Unknown=2 NotYetValid=3 Expired=4 Revoked=5 Disabled=6 AudienceDenied=7 \
             OrganizationDenied=8 PathDenied=9 MethodDenied=10 ReferrerDenied=11 AddressDenied=12 \
             OperationDenied=13 RoleDenied=14 RateLimited=15 UsesExhausted=16 StoreUnavailable=17"
        );
    }
}
