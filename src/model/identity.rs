//! For whom tokens speak, and what they may do.

/// Someone or something that tokens speak for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The store's number for it; never given to another.
    pub id: i64,
    /// The name as it was given; names compare without regard to case.
    pub name: String,
    /// The names of its roles, sorted.
    pub roles: Vec<String>,
    /// Whether it can be recognised by a password.
    pub has_password: bool,
    /// Where it is known from, when that is another system, such as a provider of single sign-on.
    pub source: Option<String>,
    /// The organisations that it belongs to, sorted.
    pub organizations: Vec<String>,
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
}

/// A named set of rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The name; it holds no comma, and compares without regard to case.
    pub name: String,
    /// The names of the roles whose rights it has as well.
    pub includes: Vec<String>,
    /// Whether it comes with every store and cannot be changed.
    pub built_in: bool,
}

/// Which identities to list. A page is ordered by name.
#[derive(Debug, Clone, Default)]
pub struct IdentityFilter {
    /// A name, with `*` for any characters and `?` for one.
    pub name: Option<String>,
    /// Only identities whose name sorts after this one: the last of the page before.
    pub after_name: Option<String>,
    /// At most so many, 1 to 1,000.
    pub limit: u32,
}
