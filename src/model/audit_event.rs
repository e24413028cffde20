//! The audit log: what was done or refused, by whom, when.

/// What an audit event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuditSubject {
    /// A token, by its public id.
    Token,
    /// An identity, by its name.
    Identity,
    /// A role, by its name.
    Role,
    /// An organisation, by its name.
    Organization,
    /// A profile, by its name.
    Profile,
    /// A signing key, by its id.
    Key,
    /// The store itself.
    Store,
}

impl AuditSubject {
    /// Every kind of subject.
    pub const ALL: [Self; 7] =
        [Self::Token, Self::Identity, Self::Role, Self::Organization, Self::Profile, Self::Key, Self::Store];

    /// The subject's fixed name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "Token",
            Self::Identity => "Identity",
            Self::Role => "Role",
            Self::Organization => "Organization",
            Self::Profile => "Profile",
            Self::Key => "Key",
            Self::Store => "Store",
        }
    }

    /// The subject of that exact name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|subject| subject.name() == name)
    }
}

/// An event to append to the audit log. It never holds a token's value or another secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAuditEvent {
    /// When, in seconds since 1970.
    pub at: i64,
    /// What was done: an operation's name such as `token.grant`.
    pub event: String,
    /// Who did it: [`super::Actor::name`].
    pub actor: String,
    /// As what: [`super::Actor::kind`].
    pub actor_kind: String,
    /// What it was done to.
    pub subject_kind: AuditSubject,
    /// Its public id or name; none where it has none, as the store.
    pub subject: Option<String>,
    /// `Success`, or the name of what refused it.
    pub outcome: String,
    /// What else is to be known, as a JSON object.
    pub detail: Option<String>,
}

impl NewAuditEvent {
    /// The outcome of what was done.
    pub const SUCCESS: &str = "Success";
}

/// An event in the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// Its number. Numbers have no gaps.
    pub sequence: i64,
    /// What was appended.
    pub event: NewAuditEvent,
    /// SHA-256 over the hash of the record before it and this one, in the form that `crypto::chain` states.
    pub hash: [u8; 32],
}
