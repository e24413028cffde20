//! What each kind of JSON Web Token must look like, as data.

use crate::model::{Algorithm, JwtKind};

impl JwtKind {
    /// Whether HMAC keys under 32 bytes sign and verify, with a warning at each use.
    pub fn allows_short_secrets(self) -> bool {
        self.rules().allows_short_secrets
    }

    /// Whether its tokens say in `kid` which key signed them.
    pub fn names_keys(self) -> bool {
        self.rules().has_key_id
    }

    pub(super) fn rules(self) -> &'static Rules {
        match self {
            Self::AccessToken => &ACCESS_TOKEN,
            Self::JsonWebToken => &JSON_WEB_TOKEN,
            Self::PowerShellUniversal => &POWERSHELL_UNIVERSAL,
            Self::UniversalDashboard => &UNIVERSAL_DASHBOARD,
        }
    }
}

/// What a kind asks for.
pub(super) struct Rules {
    /// The values that `typ` may have. The first is the one we write.
    pub(super) media_types: &'static [&'static str],
    /// Whether `kid` must be there unless the caller gave the key, and is written.
    pub(super) has_key_id: bool,
    pub(super) algorithms: &'static [Algorithm],
    pub(super) allows_short_secrets: bool,
    /// The claims that must be there.
    pub(super) required_claims: &'static [Claim],
    /// The type of each claim that the kind knows, there or not. Others may have any.
    pub(super) claim_types: &'static [(Claim, ClaimType)],
    /// The claim that makes a token unlike every other.
    pub(super) id_claim: Claim,
    /// The order in which claims are written. Others follow in the order they were given.
    pub(super) claim_order: &'static [Claim],
    /// What is written for `sub`, `iss` and `aud` when they are not given.
    pub(super) default_subject: Option<&'static str>,
    pub(super) default_issuer: Option<&'static str>,
    pub(super) default_audience: Option<&'static str>,
    /// The issuer and the audience that are expected when the caller names none.
    pub(super) expected_issuer: Option<&'static str>,
    pub(super) expected_audience: Option<&'static str>,
    /// Whether `iat` is written.
    pub(super) writes_issued_at: bool,
    pub(super) default_lifetime_seconds: i64,
    /// The most that may lie between `iat` and `exp`.
    pub(super) maximum_lifetime_seconds: Option<i64>,
}

/// The claims that a kind can have a rule for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    Issuer,
    Subject,
    Audience,
    ExpiresAt,
    NotBefore,
    IssuedAt,
    Id,
    ClientId,
    Scope,
    Name,
    Hash,
    Role,
}

impl Claim {
    /// How many there are.
    pub(super) const COUNT: usize = Self::Role as usize + 1;

    /// The name of the member.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Issuer => "iss",
            Self::Subject => "sub",
            Self::Audience => "aud",
            Self::ExpiresAt => "exp",
            Self::NotBefore => "nbf",
            Self::IssuedAt => "iat",
            Self::Id => "jti",
            Self::ClientId => "client_id",
            Self::Scope => "scope",
            Self::Name => NAME_CLAIM,
            Self::Hash => HASH_CLAIM,
            Self::Role => ROLE_CLAIM,
        }
    }

    /// The claim of that exact name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "iss" => Self::Issuer,
            "sub" => Self::Subject,
            "aud" => Self::Audience,
            "exp" => Self::ExpiresAt,
            "nbf" => Self::NotBefore,
            "iat" => Self::IssuedAt,
            "jti" => Self::Id,
            "client_id" => Self::ClientId,
            "scope" => Self::Scope,
            NAME_CLAIM => Self::Name,
            HASH_CLAIM => Self::Hash,
            ROLE_CLAIM => Self::Role,
            _ => return None,
        })
    }
}

/// The types that a claim can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClaimType {
    /// Text that is not empty.
    Text,
    /// Text, or 1 to 16 texts.
    Audience,
    /// Whole seconds since 1970, up to the end of year 9999 (RFC 7519's NumericDate without fractions).
    Time,
    /// A UUID in its text form (RFC 9562 section 4).
    Uuid,
    /// Text, or any number of texts.
    Texts,
}

/// The claim URIs of Microsoft's identity libraries.
pub(crate) const NAME_CLAIM: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name";
const HASH_CLAIM: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/hash";
pub(crate) const ROLE_CLAIM: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role";

const DAY_SECONDS: i64 = 86_400;

const ACCESS_TOKEN: Rules = Rules {
    media_types: &["at+jwt", "application/at+jwt"],
    has_key_id: true,
    algorithms: &Algorithm::ALL,
    allows_short_secrets: false,
    required_claims: &[
        Claim::Issuer,
        Claim::Subject,
        Claim::Audience,
        Claim::ExpiresAt,
        Claim::IssuedAt,
        Claim::Id,
        Claim::ClientId,
    ],
    claim_types: &STANDARD_CLAIMS,
    id_claim: Claim::Id,
    claim_order: &[
        Claim::Issuer,
        Claim::Subject,
        Claim::Audience,
        Claim::ClientId,
        Claim::IssuedAt,
        Claim::NotBefore,
        Claim::ExpiresAt,
        Claim::Id,
    ],
    default_subject: None,
    default_issuer: None,
    default_audience: None,
    expected_issuer: None,
    expected_audience: None,
    writes_issued_at: true,
    default_lifetime_seconds: 90 * DAY_SECONDS,
    maximum_lifetime_seconds: Some(super::MAXIMUM_LIFETIME_SECONDS),
};

const JSON_WEB_TOKEN: Rules = Rules {
    media_types: &["JWT"],
    required_claims: &[Claim::Issuer, Claim::Subject, Claim::Audience, Claim::ExpiresAt, Claim::IssuedAt, Claim::Id],
    ..ACCESS_TOKEN
};

const POWERSHELL_UNIVERSAL: Rules = Rules {
    media_types: &["JWT"],
    has_key_id: false,
    algorithms: &[Algorithm::HS256],
    allows_short_secrets: true,
    required_claims: &[
        Claim::Name,
        Claim::Hash,
        Claim::Subject,
        Claim::NotBefore,
        Claim::ExpiresAt,
        Claim::Issuer,
        Claim::Audience,
    ],
    claim_types: &MICROSOFT_CLAIMS,
    id_claim: Claim::Hash,
    claim_order: &[
        Claim::Name,
        Claim::Hash,
        Claim::Subject,
        Claim::Role,
        Claim::NotBefore,
        Claim::ExpiresAt,
        Claim::Issuer,
        Claim::Audience,
    ],
    default_subject: Some("PowerShellUniversal"),
    default_issuer: Some("IronmanSoftware"),
    default_audience: Some("PowerShellUniversal"),
    expected_issuer: Some("IronmanSoftware"),
    expected_audience: Some("PowerShellUniversal"),
    writes_issued_at: false,
    default_lifetime_seconds: 365 * DAY_SECONDS,
    maximum_lifetime_seconds: None,
};

const UNIVERSAL_DASHBOARD: Rules = Rules {
    required_claims: &[Claim::Name, Claim::Hash, Claim::Subject, Claim::NotBefore, Claim::ExpiresAt, Claim::Audience],
    claim_order: &[
        Claim::Name,
        Claim::Hash,
        Claim::Subject,
        Claim::NotBefore,
        Claim::ExpiresAt,
        Claim::Issuer,
        Claim::Audience,
    ],
    default_subject: Some("UniversalDashboard"),
    default_issuer: None,
    default_audience: Some("UniversalDashboard"),
    expected_issuer: None,
    expected_audience: None,
    ..POWERSHELL_UNIVERSAL
};

const STANDARD_CLAIMS: [(Claim, ClaimType); 9] = [
    (Claim::Issuer, ClaimType::Text),
    (Claim::Subject, ClaimType::Text),
    (Claim::Audience, ClaimType::Audience),
    (Claim::ExpiresAt, ClaimType::Time),
    (Claim::NotBefore, ClaimType::Time),
    (Claim::IssuedAt, ClaimType::Time),
    (Claim::Id, ClaimType::Text),
    (Claim::ClientId, ClaimType::Text),
    (Claim::Scope, ClaimType::Text),
];

const MICROSOFT_CLAIMS: [(Claim, ClaimType); 10] = [
    (Claim::Name, ClaimType::Text),
    (Claim::Hash, ClaimType::Uuid),
    (Claim::Role, ClaimType::Texts),
    (Claim::Issuer, ClaimType::Text),
    (Claim::Subject, ClaimType::Text),
    (Claim::Audience, ClaimType::Audience),
    (Claim::ExpiresAt, ClaimType::Time),
    (Claim::NotBefore, ClaimType::Time),
    (Claim::IssuedAt, ClaimType::Time),
    (Claim::Id, ClaimType::Text),
];
