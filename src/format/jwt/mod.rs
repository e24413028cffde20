//! JSON Web Tokens (RFC 7519) in the compact form of JWS (RFC 7515), under the rules of RFC 8725.
//!
//! The primitive ([`crate::crypto::signing`]) checks signatures and no more; what may be in a token is decided here, and
//! whatever is not expressly allowed is refused by name. A check goes through these steps, and the first
//! that fails is the answer:
//!
//! 1. length, character set, three parts, canonical base64url
//! 2. the header: strict JSON; no `crit`, `b64`, `zip`, `enc`, embedded or linked keys; a known `alg`; `typ`
//!    as the kind has it; the form of `kid`
//! 3. the key, by `kid` or as the caller gave it; `alg` is the key's one algorithm
//! 4. the signature
//! 5. the payload: strict JSON; the claims that the kind requires; each claim's type
//! 6. issuer, then `nbf` and `iat`, then `exp`, then audience
//!
//! Revocation comes after that, by issuer and id (`jti`), never by the token's text: an ECDSA signature
//! (r, s) has a twin (r, n - s) that verifies as well.
//!
//! A kind is data: see [`crate::model::JwtKind`].
//!
//! - [`verify`] checks a token, [`verify_jws`] a signature without claims, [`inspect`] takes a token apart
//!   and checks nothing.
//! - [`mint`] makes a token, and refuses to make one that [`verify`] would refuse.

mod claims;
mod compact;
mod header;
mod kind;
mod mint;
mod verify;

use std::borrow::Cow;

use crate::model::Outcome;

pub use self::claims::Claims;
pub use self::compact::{Inspection, inspect};
pub(crate) use self::compact::{named_key, names_key, with_signature_of};
pub(crate) use self::header::is_key_id;
pub(crate) use self::kind::{NAME_CLAIM, ROLE_CLAIM};
pub use self::mint::{MintOptions, Minted, MintingKey, mint};
pub use self::verify::{CheckedJwt, Expectations, JwtVerdict, Keys, verify, verify_jws};
pub(crate) use self::verify::{verify_id_in, verify_in};

/// The most bytes that a token may have.
pub const MAXIMUM_TOKEN_BYTES: usize = 8_192;

/// The most bytes that a header may have, decoded.
pub const MAXIMUM_HEADER_BYTES: usize = 1_024;

/// The most audiences that a token may name.
pub const MAXIMUM_AUDIENCES: usize = 16;

/// The longest that a token may live: 400 days.
pub const MAXIMUM_LIFETIME_SECONDS: i64 = 400 * 86_400;

/// How far another machine's clock may be off.
pub const CLOCK_SKEW_SECONDS: i64 = 30;

/// What is said at each use of an HMAC key that is shorter than HS256 needs.
pub const SHORT_SECRET_WARNING: &str =
    "The HMAC key has fewer than 32 bytes, so it can be guessed from any token that it signed. Use a longer key.";

/// A refusal: the outcome for everyone, and the rule that was broken, for administrators.
///
/// The reason names rules, members and claims that the kind knows. It never repeats what the token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The outcome, never [`Outcome::Valid`].
    pub outcome: Outcome,
    /// The rule.
    pub reason: Cow<'static, str>,
}

impl Refusal {
    fn new(outcome: Outcome, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { outcome, reason: reason.into() }
    }

    fn malformed(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Outcome::Malformed, reason)
    }
}

#[cfg(test)]
mod tests;
