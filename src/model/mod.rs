//! Plain data: what a store holds and what the services say. Nothing here does I/O or reads a clock.

mod actor;
mod algorithm;
mod audit_event;
mod condition;
mod identity;
mod jwt_kind;
mod name;
mod organization;
mod outcome;
mod profile;
mod rotation;
mod signing_key;
mod token;
mod usage;

pub use actor::Actor;
pub use algorithm::Algorithm;
pub use audit_event::{AuditEvent, AuditFilter, AuditSubject, NewAuditEvent};
pub use condition::{Conditions, Endpoint, RateLimit};
pub use identity::{Identity, IdentityFilter, Role};
pub use jwt_kind::JwtKind;
pub use name::{Name, fold_name, with_folded};
pub use organization::{Organization, OrganizationMember};
pub use outcome::{FoundToken, Outcome, Verdict};
pub use profile::{BoundedBy, CreatorRemoved, Profile, ProfileSettings};
pub use rotation::{RotationMode, RotationStage};
pub use signing_key::{SigningKey, SigningKeyState};
pub use token::{Revocation, Token, TokenFilter, TokenFormat, TokenId, TokenSet, TokenState, Viewer};
pub use usage::{AddressUse, DayUses, Impact, TokenUsage};
