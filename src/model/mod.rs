//! Plain data: what a store holds and what the services say. Nothing here does I/O or reads a clock.

mod algorithm;
mod condition;
mod identity;
mod jwt_kind;
mod name;
mod outcome;
mod profile;
mod signing_key;
mod token;

pub use algorithm::Algorithm;
pub use condition::{Conditions, Endpoint, RateLimit};
pub use identity::{Identity, IdentityFilter, Role};
pub use jwt_kind::JwtKind;
pub use name::{Name, fold_name};
pub use outcome::{Outcome, Verdict};
pub use profile::{BoundedBy, CreatorRemoved, Profile, ProfileSettings};
pub use signing_key::{SigningKey, SigningKeyState};
pub use token::{Revocation, Token, TokenFilter, TokenFormat, TokenId, TokenState};
