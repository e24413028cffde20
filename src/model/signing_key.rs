//! Keys that sign JSON Web Tokens.

use super::Algorithm;

/// What is known of a signing key to everyone who may read the store; never its private half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// The `kid` (RFC 7517 section 4.5): the RFC 7638 thumbprint, or random for an HMAC key.
    pub key_id: String,
    /// The one algorithm that the key is for.
    pub algorithm: Algorithm,
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
    /// When it was revoked, in seconds since 1970.
    pub revoked_at: Option<i64>,
    /// Who revoked it: the name of an identity, or `local owner`.
    pub revoked_by: Option<String>,
    /// Why it was revoked.
    pub revoked_reason: Option<String>,
    /// The profile whose tokens alone it signs; none: it serves every profile whose tokens name their key.
    pub profile: Option<String>,
}

impl SigningKey {
    /// The key's state.
    pub fn state(&self) -> SigningKeyState {
        if self.revoked_at.is_some() { SigningKeyState::Revoked } else { SigningKeyState::Active }
    }
}

/// The state of a signing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningKeyState {
    /// It signs, and what it signed is accepted.
    Active,
    /// It signs nothing, and nothing that it signed is accepted.
    Revoked,
}

impl SigningKeyState {
    /// The state's fixed name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Revoked => "Revoked",
        }
    }
}
