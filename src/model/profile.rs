//! Profiles: the rules of a kind of tokens, as data.

use serde::{Deserialize, Serialize};

use super::{Endpoint, JwtKind, TokenFormat};

/// A named set of rules. A token names the profile that it was granted under, and follows the rules that the profile
/// has at each use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The name; names compare without regard to case.
    pub name: String,
    /// Whether it comes with every store and cannot be changed.
    pub built_in: bool,
    /// Its rules.
    pub settings: ProfileSettings,
}

/// The rules of a profile. As JSON, members are in camelCase, `null` is none, a member that is not known is refused,
/// and one that is left out is as in [`ProfileSettings::default`], the built-in profile `Default`.
///
/// `policy::profile` says which settings go together, and holds the six built-in profiles. What each of them takes
/// from which document stands there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ProfileSettings {
    /// The form of a value when the grant names none.
    pub format: TokenFormat,
    /// Whether a grant may ask for the other form.
    pub allows_other_format: bool,
    /// The kind of its JWTs, where it has any.
    pub jwt_kind: JwtKind,
    /// The prefix of its opaque values: 1 to 16 characters of `[a-z0-9_]`.
    pub prefix: String,
    /// How long a token lives when the grant says nothing, in seconds; none: for ever.
    pub default_lifetime_seconds: Option<i64>,
    /// The shortest that a grant may ask for, in seconds, at least 1.
    pub minimum_lifetime_seconds: i64,
    /// The longest that a grant may ask for, in seconds; none: to the end of the year 9999.
    pub maximum_lifetime_seconds: Option<i64>,
    /// Whether a token may live for ever.
    pub allows_never: bool,
    /// Whether an identity's tokens are granted by nobody but the identity, administrators included.
    pub owner_only: bool,
    /// The role that an identity must have, by itself or by inclusion, to be granted a token.
    pub required_role: Option<String>,
    /// Whether an identity with a role that is not built in is granted none.
    pub refuses_custom_roles: bool,
    /// Whether a token must have at least one role.
    pub requires_roles: bool,
    /// Whether a token must have a name.
    pub name_required: bool,
    /// The most characters of a tag, 1 to 64.
    pub maximum_tag_characters: u32,
    /// The tag of a token that is granted with none.
    pub default_tag: Option<String>,
    /// The roles of a token whose grant names none, under the same rules as if it named them; none: all that it may
    /// have.
    pub default_roles: Option<Vec<String>>,
    /// Whether a token's tags may be changed. Its remark always may; nothing else of it ever may.
    pub tags_editable: bool,
    /// Whether values are kept, sealed under the store's wrapping key, so that later reads give them again.
    /// Otherwise only digests are kept.
    pub keeps_values: bool,
    /// The operations that no token may do, whatever its roles: names as `policy::Operation` has them.
    pub denied_operations: Vec<String>,
    /// The endpoints that no token may call, whatever its roles.
    pub denied_endpoints: Vec<Endpoint>,
    /// What cuts the roles and organisations of a token, when it is granted and at each use.
    pub bounded_by: BoundedBy,
    /// What becomes of a token when the identity that granted it is removed. (When the identity that it speaks for is
    /// removed, it is always revoked.)
    pub creator_removed: CreatorRemoved,
    /// Whether an expired token is shown as revoked with the reason `Expired`. A check answers `Expired` all the same.
    pub expired_is_revoked: bool,
    /// How long after its expiry a token is removed by the next clean-up, in seconds; none: never.
    pub remove_expired_after_seconds: Option<i64>,
    /// How long after its revocation a token is removed by the next clean-up, in seconds; none: never. One that has not
    /// expired is kept: brought over again from a file, it would be good.
    pub remove_revoked_after_seconds: Option<i64>,
    /// How long before its expiry the checks of a token begin to warn, in seconds; none: they never do.
    pub warning_seconds: Option<i64>,
    /// The absolute URI that a token is restricted to when the grant names none.
    pub default_subject: Option<String>,
    /// Whether a grant through a server takes the server's base URI, when neither it nor the profile names a subject.
    pub subject_from_server: bool,
    /// Whether a retired value that is presented again revokes the token's whole family: who else has it is unknown.
    pub reuse_revokes_family: bool,
    /// How the values of another system that are imported under this profile begin: 1 to 64 visible ASCII characters.
    pub foreign_prefix: Option<String>,
}

impl Default for ProfileSettings {
    /// The built-in profile `Default`: opaque values, 90 days, at most what the identity may do.
    fn default() -> Self {
        Self {
            format: TokenFormat::Opaque,
            allows_other_format: true,
            jwt_kind: JwtKind::AccessToken,
            prefix: "tsr".to_owned(),
            default_lifetime_seconds: Some(90 * 86_400),
            minimum_lifetime_seconds: 1,
            maximum_lifetime_seconds: None,
            allows_never: true,
            owner_only: false,
            required_role: None,
            refuses_custom_roles: false,
            requires_roles: false,
            name_required: false,
            maximum_tag_characters: 64,
            default_tag: None,
            default_roles: None,
            tags_editable: true,
            keeps_values: false,
            denied_operations: Vec::new(),
            denied_endpoints: Vec::new(),
            bounded_by: BoundedBy::Identity,
            creator_removed: CreatorRemoved::Keep,
            expired_is_revoked: false,
            remove_expired_after_seconds: None,
            remove_revoked_after_seconds: None,
            warning_seconds: None,
            default_subject: None,
            subject_from_server: false,
            reuse_revokes_family: false,
            foreign_prefix: None,
        }
    }
}

/// What cuts a token's roles and organisations to what somebody has now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum BoundedBy {
    /// The identity that it speaks for.
    #[default]
    Identity,
    /// The one who granted it.
    Creator,
    /// Both of them.
    Both,
    /// Nobody: it has what it was granted.
    Neither,
}

/// What becomes of a token when the identity that granted it is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum CreatorRemoved {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is revoked in the same transaction, with the reason `CreatorDeleted`.
    Revoke,
}
