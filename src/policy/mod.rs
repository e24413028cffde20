//! The rules, as pure functions: every input is an argument, the time included.
//!
//! `grant` says what may be granted, `admit` what a token admits, `role` which rights a role brings. The crate's
//! page says where a new condition goes.

mod admit;
mod grant;
mod role;

pub use admit::{AccessContext, Evidence, outcome};
pub use grant::{
    DEFAULT_LIFETIME_SECONDS, Lifetime, MAXIMUM_REMARK_CHARACTERS, MAXIMUM_ROLES, MAXIMUM_TAG_CHARACTERS, MAXIMUM_TAGS,
    audiences, expires_at, issuer, name, reason, remark, roles, signing, tags,
};
pub use role::Rights;

pub(crate) use grant::known_roles;
