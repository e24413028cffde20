//! The rules, as pure functions: every input is an argument, the time included.
//!
//! | file | says |
//! | --- | --- |
//! | [`profile`] | the built-in profiles, and what a profile may say |
//! | `terms` | what a token is granted under a profile |
//! | `expiry` | when it is over |
//! | `permit` | who may do what, and whose tokens one sees and changes |
//! | `transfer` | what is kept of a token that comes from elsewhere |
//! | `rotation` | what may be rotated, and when the old token gives way |
//! | `role` | which rights a role brings |
//! | `bound` | what is left of a token's rights and organisations at each use |
//! | `admit` | what a token admits |
//! | [`condition`] | the conditions on a token's use, and what they admit |
//! | `grant` | the limits of names, tags and free text |
//!
//! The crate's page says where a new condition goes.

mod admit;
mod bound;
pub mod condition;
mod expiry;
mod grant;
mod permit;
pub mod profile;
mod role;
mod rotation;
mod terms;
mod transfer;

pub use admit::{AccessContext, Evidence, Gate, Validity, outcome, standing_outcome};
pub use bound::{Organizations, Standing, bound, bound_organizations};
pub use expiry::{Lifetime, chosen_warning, expiry, migrated_expiry};
pub use grant::{
    MAXIMUM_REMARK_CHARACTERS, MAXIMUM_ROLES, MAXIMUM_TAG_CHARACTERS, MAXIMUM_TAGS, audiences, identity_name, issuer,
    name, reason, remark, signing,
};
pub use permit::{
    ADMINISTRATOR, Acting, ActingToken, MAXIMUM_OPERATION_CHARACTERS, Operation, READER, TokenFacts, Who, may_change,
    may_grant, may_see, permitted,
};
pub use role::{Rights, role_name};
pub use rotation::{
    MAXIMUM_IDEMPOTENCY_KEY_CHARACTERS, idempotency_key, retires_at, rotatable, successor_expiry, successor_warning,
};
pub use terms::{Asked, Grantee, Terms, check_tag_change, check_who, terms};
pub use transfer::{Brought, brought};

pub(crate) use grant::{known_roles, refuse_foreign_value};
