//! The signature algorithms that Tessera makes and checks (RFC 7518 section 3.1, RFC 8037).

/// A signature algorithm. A key has exactly one; there is no `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    HS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// RSASSA-PKCS1-v1_5 with SHA-256: for peers that know nothing newer.
    RS256,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// EdDSA on Ed25519.
    EdDSA,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 6] = [Self::HS256, Self::ES256, Self::ES384, Self::RS256, Self::PS256, Self::EdDSA];

    /// The name in a header's `alg` member.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::RS256 => "RS256",
            Self::PS256 => "PS256",
            Self::EdDSA => "EdDSA",
        }
    }

    /// The algorithm of that exact name; names differ by case. `Ed25519` is RFC 9864's name for EdDSA here.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "Ed25519" => Some(Self::EdDSA),
            _ => Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name),
        }
    }

    /// Whether one secret both signs and verifies, so that there is no public half.
    pub fn is_symmetric(self) -> bool {
        self == Self::HS256
    }
}
