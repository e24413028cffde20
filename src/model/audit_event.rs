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

/// Which audit events to list. Each member narrows the list.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Events of this name, with `*` for any characters and `?` for one, such as `token.*`.
    pub event: Option<String>,
    /// What an actor of this name did, with the same wildcards, without regard to case.
    pub actor: Option<String>,
    /// What was done to this kind of thing.
    pub subject_kind: Option<AuditSubject>,
    /// What was done to this: a token's exact id, where the kind is [`AuditSubject::Token`]; otherwise a name with the
    /// same wildcards, without regard to case.
    pub subject: Option<String>,
    /// What ended so: [`NewAuditEvent::SUCCESS`] or the name of what refused it, without regard to case.
    pub outcome: Option<String>,
    /// What was done at this second or later.
    pub from: Option<i64>,
    /// What was done before this second.
    pub until: Option<i64>,
    /// Events after this sequence: the last of the page before, when the oldest come first.
    pub after: Option<i64>,
    /// Events before this sequence: the last of the page before, when the newest come first.
    pub before: Option<i64>,
    /// Whether the newest come first.
    pub newest_first: bool,
    /// At most so many, 1 to 1,000.
    pub limit: u32,
}
