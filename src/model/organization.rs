//! Organisations: what a token can be given access to.

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// The store's number for it; never given to another.
    pub id: i64,
    /// The name as it was given; names compare without regard to case.
    pub name: String,
    /// Who belongs to it, sorted by name.
    pub members: Vec<OrganizationMember>,
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
}

/// An identity that belongs to an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationMember {
    /// The identity's name.
    pub identity: String,
    /// Whether it may see and revoke every token with access to the organisation.
    pub is_administrator: bool,
}
