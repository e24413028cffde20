//! A small cast for the rules: roles, identities, tokens, and what they ask for.

use tessera_native::error::{Error, ErrorCode, Result};
use tessera_native::model::{Profile, Role};
use tessera_native::policy::{
    self, Acting, ActingToken, Asked, Grantee, Lifetime, Operation, Organizations, Rights, Terms, TokenFacts, Who,
};

/// 2019-06-26T14:40:06Z, from the output that Rubrik's document shows.
pub const NOW: i64 = 1_561_560_006;
pub const MINUTE: i64 = 60;
pub const DAY: i64 = 86_400;

/// The identity that the documents' users are.
pub const ADAM: i64 = 1;
/// Somebody else.
pub const EVE: i64 = 2;

/// What came of an attempt: the value, or the error's code and the input it is about.
pub type Attempt<T> = std::result::Result<T, (ErrorCode, String)>;

pub fn profile(name: &str) -> Profile {
    policy::profile::built_in().into_iter().find(|profile| profile.name == name).unwrap()
}

/// The built-in roles, and two of a user's own.
pub fn all() -> Vec<Role> {
    let role = |name: &str, includes: &[&str], built_in| Role { name: name.into(), includes: list(includes), built_in };
    vec![
        role("Administrator", &["Operator"], true),
        role("Operator", &["Reader"], true),
        role("Reader", &[], true),
        role("REST API", &[], false),
        role("policy", &[], false),
    ]
}

pub fn list(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

pub fn rights(roles: &[&str]) -> Rights {
    Rights::of(&list(roles), &all())
}

/// The identity `id`, which belongs to the organisations North and South, with these roles.
pub fn identity(id: i64, roles: &[&str]) -> Acting {
    Acting {
        who: Who::Identity(id),
        rights: rights(roles),
        organizations: Organizations::of(&list(&["North", "South"])),
        administers: vec![],
    }
}

/// A token of Adam's under `profile` with these roles, for another day.
pub fn token(profile: &Profile, roles: &[&str]) -> Acting {
    let denied = profile.settings.denied_operations.iter().map(|name| Operation::parse(name).unwrap()).collect();
    let own = ActingToken {
        sequence: 7,
        identity: ADAM,
        expires_at: Some(NOW + DAY),
        denied_operations: denied,
        ..ActingToken::default()
    };
    Acting { who: Who::Token(own), ..identity(ADAM, roles) }
}

/// A grant by `acting` to Adam, who holds `held`.
pub fn grant_to(profile: &Profile, held: &[&str], acting: &Acting, asked: &Asked<'_>) -> Attempt<Terms> {
    let (roles, organizations) = (list(held), Organizations::of(&list(&["North", "South"])));
    let grantee = Grantee { id: ADAM, roles: &roles, organizations: &organizations };
    attempt(policy::terms(profile, asked, &grantee, acting, &all(), NOW))
}

/// A grant by Adam, who holds `held`, to himself.
pub fn grant(profile: &Profile, held: &[&str], asked: &Asked<'_>) -> Attempt<Terms> {
    grant_to(profile, held, &identity(ADAM, held), asked)
}

/// What is asked for when nothing is but a name.
pub fn named() -> Asked<'static> {
    Asked { name: Some("nightly"), ..Asked::default() }
}

pub fn for_time(lifetime: Lifetime) -> Asked<'static> {
    Asked { lifetime, ..named() }
}

/// A token that speaks for `identity` and was granted by `creator`, with access to North.
pub fn with_facts<T>(identity: i64, creator: Option<i64>, ask: impl FnOnce(&TokenFacts<'_>) -> T) -> T {
    ask(&TokenFacts {
        sequence: 3,
        identity,
        creator,
        granted_by: None,
        organizations: &Organizations::of(&list(&["North"])),
        owner_only: false,
        disabled_by_another: None,
    })
}

pub fn attempt<T>(result: Result<T>) -> Attempt<T> {
    result.map_err(|error: Error| (error.code(), error.subject().unwrap_or_default().to_owned()))
}

pub fn not_permitted<T>(subject: &str) -> Attempt<T> {
    Err((ErrorCode::NotPermitted, subject.to_owned()))
}

pub fn invalid<T>(subject: &str) -> Attempt<T> {
    Err((ErrorCode::InvalidArgument, subject.to_owned()))
}
