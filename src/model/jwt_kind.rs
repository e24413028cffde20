//! The kinds of JSON Web Tokens.

use serde::{Deserialize, Serialize};

/// A kind of JSON Web Token: which header and claims it has. [`mod@crate::format::jwt`] holds each kind's rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum JwtKind {
    /// An access token of RFC 9068, `typ` `at+jwt`: what a store grants.
    #[default]
    AccessToken,
    /// A JSON Web Token with `typ` `JWT` and the claims that safe use needs (RFC 8725).
    JsonWebToken,
    /// PowerShell Universal's app tokens.
    PowerShellUniversal,
    /// Universal Dashboard's tokens.
    UniversalDashboard,
}

impl JwtKind {
    /// Every kind.
    pub const ALL: [Self; 4] =
        [Self::AccessToken, Self::JsonWebToken, Self::PowerShellUniversal, Self::UniversalDashboard];

    /// The kind's fixed name.
    pub fn name(self) -> &'static str {
        match self {
            Self::AccessToken => "AccessToken",
            Self::JsonWebToken => "JsonWebToken",
            Self::PowerShellUniversal => "PowerShellUniversal",
            Self::UniversalDashboard => "UniversalDashboard",
        }
    }

    /// The kind of that exact name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
