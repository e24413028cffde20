//! The built-in profiles, and what a profile of a user's own may say.
//!
//! Each of the documented systems is one profile: its settings are all that tells it from the others.

use serde_json::{Map, Value};

use crate::clock::MAXIMUM_SECONDS;
use crate::error::{Error, ErrorCode, Result};
use crate::format::{jwt, opaque};
use crate::model::{
    BoundedBy, Conditions, CreatorRemoved, Endpoint, JwtKind, Profile, ProfileSettings, TokenFormat, fold_name,
};

use super::condition;
use super::expiry::{in_words, is_limited};
use super::grant::{self, MAXIMUM_ROLES, MAXIMUM_TAG_CHARACTERS};
use super::role::role_name;

/// The most endpoints that a profile may deny.
pub const MAXIMUM_DENIED_ENDPOINTS: usize = 64;
/// The most characters of the prefix of another system's values.
pub const MAXIMUM_FOREIGN_PREFIX_CHARACTERS: usize = 64;

const DAY_SECONDS: i64 = 86_400;
const YEAR_SECONDS: i64 = 365 * DAY_SECONDS;

/// The operations that no API token of Rubrik's may do, whatever its roles (its document, "additional layers of
/// security"): updating or deleting MFA servers, creating sessions or tokens, creating or updating users, updating
/// user preferences, creating, updating or deleting LDAP services.
///
/// Everything that makes a token is meant, so rotating, importing and minting are too. The last six are an
/// application's: it asks for them by these names.
const RUBRIK_DENIED_OPERATIONS: [&str; 13] = [
    "session.create",
    "token.grant",
    "token.rotate",
    "token.import",
    "jwt.mint",
    "identity.create",
    "identity.update",
    "preference.update",
    "mfa.update",
    "mfa.remove",
    "ldap.create",
    "ldap.update",
    "ldap.remove",
];

/// The profiles that come with every store and cannot be changed. Copy one to change it.
///
/// | profile | from |
/// | --- | --- |
/// | `Default` | Tessera's own rules: opaque values, 90 days |
/// | `PowerShellUniversal` | app tokens: a JWT for a year, with the roles that an administrator gives it |
/// | `UniversalDashboard` | REST authentication: a JWT for a year |
/// | `Rubrik` | API tokens: minutes to a year, short tags, operations that no token may do, gone at expiry |
/// | `Enterprise` | a security grid: one's own tokens by name, for two weeks, with the role `REST API` |
/// | `AppNeta` | access tokens: at most what the creator may do, and gone with the creator |
pub fn built_in() -> [Profile; 6] {
    [
        ("Default", ProfileSettings::default()),
        ("PowerShellUniversal", powershell_universal()),
        ("UniversalDashboard", universal_dashboard()),
        ("Rubrik", rubrik()),
        ("Enterprise", enterprise()),
        ("AppNeta", appneta()),
    ]
    .map(|(name, settings)| Profile { name: name.to_owned(), built_in: true, settings })
}

/// The administrator says which role a token has, so nothing cuts it later; an identity without a role gets none.
/// Only digests are kept, as with the system's enhanced security; a copy with `keepsValues` has it off.
fn powershell_universal() -> ProfileSettings {
    ProfileSettings {
        format: TokenFormat::Jwt,
        allows_other_format: false,
        jwt_kind: JwtKind::PowerShellUniversal,
        default_lifetime_seconds: Some(YEAR_SECONDS),
        allows_never: false,
        requires_roles: true,
        bounded_by: BoundedBy::Neither,
        ..ProfileSettings::default()
    }
}

fn universal_dashboard() -> ProfileSettings {
    ProfileSettings {
        format: TokenFormat::Jwt,
        allows_other_format: false,
        jwt_kind: JwtKind::UniversalDashboard,
        default_lifetime_seconds: Some(YEAR_SECONDS),
        allows_never: false,
        ..ProfileSettings::default()
    }
}

/// Lifetimes are given in minutes, 1 to 525,600. Tokens delete themselves at expiry.
fn rubrik() -> ProfileSettings {
    ProfileSettings {
        allows_other_format: false,
        default_lifetime_seconds: Some(60 * 60),
        minimum_lifetime_seconds: 60,
        maximum_lifetime_seconds: Some(525_600 * 60),
        allows_never: false,
        maximum_tag_characters: 20,
        default_tag: Some("API Token".to_owned()),
        denied_operations: RUBRIK_DENIED_OPERATIONS.map(str::to_owned).into(),
        remove_expired_after_seconds: Some(0),
        ..ProfileSettings::default()
    }
}

/// Of a granted token nothing but the remark may be changed.
fn enterprise() -> ProfileSettings {
    ProfileSettings {
        default_lifetime_seconds: Some(14 * DAY_SECONDS),
        minimum_lifetime_seconds: DAY_SECONDS,
        allows_never: false,
        owner_only: true,
        required_role: Some("REST API".to_owned()),
        name_required: true,
        tags_editable: false,
        subject_from_server: true,
        ..ProfileSettings::default()
    }
}

/// Values carry no information about the user, so there are no JWTs. The observer endpoint is for passwords only.
fn appneta() -> ProfileSettings {
    ProfileSettings {
        allows_other_format: false,
        refuses_custom_roles: true,
        name_required: true,
        tags_editable: false,
        denied_endpoints: vec![Endpoint { methods: Vec::new(), path: "/api/v3/observer/**".to_owned() }],
        bounded_by: BoundedBy::Both,
        creator_removed: CreatorRemoved::Revoke,
        expired_is_revoked: true,
        ..ProfileSettings::default()
    }
}

/// A user's profile of this name with these settings, in their normal form: operations and methods sorted, each once,
/// methods in upper case, the subject as [`condition::check`] writes it.
///
/// Refuses, with [`ErrorCode::InvalidArgument`] about the member's JSON name, a name outside the rules of
/// [`super::name`], and settings outside their limits or that contradict each other: a default lifetime under the
/// minimum or over the maximum, `Never` beside a maximum or where all tokens are JWTs, JWTs over
/// [`jwt::MAXIMUM_LIFETIME_SECONDS`] but for the kinds PowerShellUniversal and UniversalDashboard, a default tag that
/// is too long. With [`ErrorCode::NotPermitted`] the name of a built-in profile. Whether the roles exist is not asked:
/// a store may be given them later.
pub fn check(name: &str, settings: &ProfileSettings) -> Result<Profile> {
    let name = grant::name(name, "name")?;
    if built_in().iter().any(|profile| fold_name(&profile.name) == name.folded()) {
        let message = "This profile comes with every store and cannot be changed. Copy it under a name of your own.";
        return Err(Error::new(ErrorCode::NotPermitted, message).about("name"));
    }
    let mut settings = settings.clone();
    opaque::check_prefix(&settings.prefix)?;
    check_lifetimes(&settings)?;
    for (subject, seconds, least) in [
        ("removeExpiredAfterSeconds", settings.remove_expired_after_seconds, 0),
        ("removeRevokedAfterSeconds", settings.remove_revoked_after_seconds, 0),
        ("warningSeconds", settings.warning_seconds, 1),
    ] {
        check_seconds(subject, seconds, least)?;
    }
    if let Some(role) = &settings.required_role {
        role_name(role, "requiredRole")?;
    }
    if let Some(roles) = &settings.default_roles {
        if roles.len() > MAXIMUM_ROLES {
            return Err(Error::argument("defaultRoles", "There may be at most 64 roles."));
        }
        roles.iter().try_for_each(|role| role_name(role, "defaultRoles").map(drop))?;
    }
    if !(1..=MAXIMUM_TAG_CHARACTERS as u64).contains(&settings.maximum_tag_characters.into()) {
        return Err(Error::argument("maximumTagCharacters", "The longest tag has 1 to 64 characters."));
    }
    grant::tags_up_to(settings.maximum_tag_characters, settings.default_tag.as_slice(), "defaultTag")?;
    settings.denied_operations = condition::operations(&settings.denied_operations, "deniedOperations")?;
    if settings.denied_endpoints.len() > MAXIMUM_DENIED_ENDPOINTS {
        return Err(Error::argument("deniedEndpoints", "A profile may deny at most 64 endpoints."));
    }
    settings.denied_endpoints =
        settings.denied_endpoints.iter().map(condition::check_endpoint).collect::<Result<_>>()?;
    let subject = settings.default_subject.take();
    settings.default_subject = condition::check(&Conditions { subject, ..Conditions::default() })
        .map_err(|error| error.about("defaultSubject"))?
        .subject;
    if let Some(prefix) = &settings.foreign_prefix {
        let is_visible = prefix.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_visible || !(1..=MAXIMUM_FOREIGN_PREFIX_CHARACTERS).contains(&prefix.len()) {
            let message = "The prefix of another system's values has 1 to 64 visible ASCII characters.";
            return Err(Error::argument("foreignPrefix", message));
        }
    }
    Ok(Profile { name: name.as_str().to_owned(), built_in: false, settings })
}

fn check_lifetimes(settings: &ProfileSettings) -> Result<()> {
    const DEFAULT: &str = "defaultLifetimeSeconds";
    const MINIMUM: &str = "minimumLifetimeSeconds";
    const MAXIMUM: &str = "maximumLifetimeSeconds";
    let minimum = settings.minimum_lifetime_seconds;
    check_seconds(DEFAULT, settings.default_lifetime_seconds, 1)?;
    check_seconds(MINIMUM, Some(minimum), 1)?;
    check_seconds(MAXIMUM, settings.maximum_lifetime_seconds, 1)?;
    let only_jwts = settings.format == TokenFormat::Jwt && !settings.allows_other_format;
    if settings.allows_never && only_jwts {
        return Err(Error::argument("allowsNever", "A JSON Web Token must expire, and this profile has no others."));
    }
    if settings.allows_never && settings.maximum_lifetime_seconds.is_some() {
        let message = "A profile with a longest lifetime has no tokens that live for ever. Leave one of them out.";
        return Err(Error::argument("allowsNever", message));
    }
    if let Some(maximum) = settings.maximum_lifetime_seconds.filter(|maximum| *maximum < minimum) {
        let message =
            format!("The longest lifetime, {}, is under the shortest, {}.", in_words(maximum), in_words(minimum));
        return Err(Error::argument(MAXIMUM, message));
    }
    let Some(default) = settings.default_lifetime_seconds else {
        if settings.format == TokenFormat::Jwt {
            let message = "A JSON Web Token must expire, so a profile of such tokens needs a default lifetime.";
            return Err(Error::argument(DEFAULT, message));
        }
        if !settings.allows_never {
            let message = "Without a default lifetime tokens live for ever, which this profile does not allow. Give \
                           one, or allow Never.";
            return Err(Error::argument(DEFAULT, message));
        }
        return Ok(());
    };
    if default < minimum {
        let message =
            format!("The default lifetime, {}, is under the shortest, {}.", in_words(default), in_words(minimum));
        return Err(Error::argument(DEFAULT, message));
    }
    if let Some(maximum) = settings.maximum_lifetime_seconds.filter(|maximum| *maximum < default) {
        let message =
            format!("The default lifetime, {}, is over the longest, {}.", in_words(default), in_words(maximum));
        return Err(Error::argument(DEFAULT, message));
    }
    if settings.format == TokenFormat::Jwt && is_limited(settings.jwt_kind) {
        for (subject, seconds) in [(MAXIMUM, settings.maximum_lifetime_seconds), (DEFAULT, Some(default))] {
            if seconds.is_some_and(|seconds| seconds > jwt::MAXIMUM_LIFETIME_SECONDS) {
                return Err(Error::argument(subject, "A JSON Web Token of this kind lives for at most 400 days."));
            }
        }
    }
    Ok(())
}

fn check_seconds(subject: &'static str, seconds: Option<i64>, least: i64) -> Result<()> {
    if seconds.is_some_and(|seconds| !(least..=MAXIMUM_SECONDS).contains(&seconds)) {
        let message = format!("This is a length of time in seconds, from {least} to {MAXIMUM_SECONDS}.");
        return Err(Error::argument(subject, message));
    }
    Ok(())
}

/// `base` with `changes` to it: members of [`ProfileSettings`] by their JSON names, where `null` means none. What is
/// not among them stays.
///
/// Refuses, with [`ErrorCode::InvalidArgument`], a member that does not exist and a value of another type; [`check`]
/// judges the rest.
pub fn changed(base: &ProfileSettings, changes: Map<String, Value>) -> Result<ProfileSettings> {
    let defect = |_| Error::new(ErrorCode::Internal, "The settings of a profile cannot be written as JSON.");
    let mut settings = base.clone();
    for (name, value) in changes {
        let mut members = serde_json::to_value(&settings).map_err(defect)?;
        let Some(member) = members.get_mut(&name) else {
            return Err(Error::argument("settings", "A profile has no setting of one of these names."));
        };
        *member = value;
        settings = serde_json::from_value(members).map_err(|_| {
            // The cause's own text may repeat the value.
            Error::new(ErrorCode::InvalidArgument, "The value is not of this setting's type.").about(name)
        })?;
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named(name: &str) -> ProfileSettings {
        built_in().into_iter().find(|profile| profile.name == name).unwrap().settings
    }

    fn changes(changes: Value) -> Map<String, Value> {
        let Value::Object(changes) = changes else { panic!("{changes}") };
        changes
    }

    #[test]
    fn names_of_profiles_and_settings_are_fixed() {
        assert_eq!(
            built_in().map(|profile| profile.name),
            ["Default", "PowerShellUniversal", "UniversalDashboard", "Rubrik", "Enterprise", "AppNeta"]
        );
        assert!(built_in().iter().all(|profile| profile.built_in));
        let text = serde_json::to_string(&named("AppNeta")).unwrap();
        assert_eq!(
            text,
            r#"{"format":"Opaque","allowsOtherFormat":false,"jwtKind":"AccessToken","prefix":"tsr","#.to_owned()
                + r#""defaultLifetimeSeconds":7776000,"minimumLifetimeSeconds":1,"maximumLifetimeSeconds":null,"#
                + r#""allowsNever":true,"ownerOnly":false,"requiredRole":null,"refusesCustomRoles":true,"#
                + r#""requiresRoles":false,"nameRequired":true,"maximumTagCharacters":64,"defaultTag":null,"#
                + r#""defaultRoles":null,"tagsEditable":false,"keepsValues":false,"deniedOperations":[],"#
                + r#""deniedEndpoints":[{"path":"/api/v3/observer/**"}],"boundedBy":"Both","#
                + r#""creatorRemoved":"Revoke","expiredIsRevoked":true,"removeExpiredAfterSeconds":null,"#
                + r#""removeRevokedAfterSeconds":null,"warningSeconds":null,"defaultSubject":null,"#
                + r#""subjectFromServer":false,"reuseRevokesFamily":false,"foreignPrefix":null}"#
        );
    }

    #[test]
    fn settings_survive_json_and_unknown_ones_are_refused() {
        for profile in built_in() {
            let text = serde_json::to_string(&profile.settings).unwrap();
            assert_eq!(serde_json::from_str::<ProfileSettings>(&text).unwrap(), profile.settings, "{}", profile.name);
        }
        assert_eq!(serde_json::from_str::<ProfileSettings>("{}").unwrap(), ProfileSettings::default());
        let never: ProfileSettings = serde_json::from_str(r#"{"defaultLifetimeSeconds":null}"#).unwrap();
        assert_eq!(never.default_lifetime_seconds, None, "null is none, and not the default");
        assert!(serde_json::from_str::<ProfileSettings>(r#"{"maximumLifetime":1}"#).is_err());
    }

    #[test]
    fn a_copy_of_each_built_in_profile_may_be_made() {
        for profile in built_in() {
            let copy = check("Mine", &profile.settings).unwrap();
            assert!(!copy.built_in && copy.name == "Mine");
            // The normal form differs in the order of lists at most.
            assert_eq!(check("Mine", &copy.settings).unwrap(), copy, "{}", profile.name);
            let refused = check(&profile.name.to_lowercase(), &profile.settings).unwrap_err();
            assert_eq!((refused.code(), refused.subject()), (ErrorCode::NotPermitted, Some("name")));
        }
    }

    #[test]
    fn settings_have_limits_and_agree_with_each_other() {
        let jwt = json!({ "format": "Jwt", "allowsNever": false });
        let cases = [
            ("Default", json!({ "prefix": "a_b" }), Ok(())),
            ("Default", json!({ "prefix": "" }), Err("prefix")),
            ("Default", json!({ "prefix": "Tsr" }), Err("prefix")),
            ("Default", json!({ "prefix": "abcdefghijklmnopq" }), Err("prefix")),
            ("Default", json!({ "defaultLifetimeSeconds": 0 }), Err("defaultLifetimeSeconds")),
            ("Default", json!({ "defaultLifetimeSeconds": MAXIMUM_SECONDS + 1 }), Err("defaultLifetimeSeconds")),
            ("Default", json!({ "defaultLifetimeSeconds": MAXIMUM_SECONDS }), Ok(())),
            ("Default", json!({ "defaultLifetimeSeconds": null }), Ok(())),
            ("Default", json!({ "defaultLifetimeSeconds": null, "allowsNever": false }), Err("defaultLifetimeSeconds")),
            ("Default", json!({ "minimumLifetimeSeconds": 0 }), Err("minimumLifetimeSeconds")),
            ("Default", json!({ "minimumLifetimeSeconds": 90 * DAY_SECONDS + 1 }), Err("defaultLifetimeSeconds")),
            ("Default", json!({ "maximumLifetimeSeconds": YEAR_SECONDS }), Err("allowsNever")),
            ("Default", json!({ "maximumLifetimeSeconds": YEAR_SECONDS, "allowsNever": false }), Ok(())),
            (
                "Default",
                json!({ "maximumLifetimeSeconds": DAY_SECONDS, "allowsNever": false }),
                Err("defaultLifetimeSeconds"),
            ),
            (
                "Enterprise",
                json!({ "maximumLifetimeSeconds": 60, "defaultLifetimeSeconds": 60 }),
                Err("maximumLifetimeSeconds"),
            ),
            ("Enterprise", json!({ "maximumLifetimeSeconds": 14 * DAY_SECONDS }), Ok(())),
            ("Default", json!({ "format": "Jwt" }), Ok(())),
            ("Default", json!({ "format": "Jwt", "allowsOtherFormat": false }), Err("allowsNever")),
            ("Default", json!({ "format": "Jwt", "defaultLifetimeSeconds": null }), Err("defaultLifetimeSeconds")),
            ("Default", json!({ "format": "Jwt", "defaultLifetimeSeconds": 400 * DAY_SECONDS }), Ok(())),
            (
                "Default",
                json!({ "format": "Jwt", "defaultLifetimeSeconds": 400 * DAY_SECONDS + 1 }),
                Err("defaultLifetimeSeconds"),
            ),
            ("PowerShellUniversal", json!({ "defaultLifetimeSeconds": 3_650 * DAY_SECONDS }), Ok(())),
            ("UniversalDashboard", json!({ "maximumLifetimeSeconds": 3_650 * DAY_SECONDS }), Ok(())),
            ("PowerShellUniversal", json!({ "allowsNever": true }), Err("allowsNever")),
            ("Default", json!({ "requiredRole": "REST API" }), Ok(())),
            ("Default", json!({ "requiredRole": "REST,API" }), Err("requiredRole")),
            ("Default", json!({ "requiredRole": "" }), Err("requiredRole")),
            ("Default", json!({ "defaultRoles": [] }), Ok(())),
            ("Default", json!({ "defaultRoles": ["Reader", " "] }), Err("defaultRoles")),
            ("Default", json!({ "defaultRoles": vec!["Reader"; 65] }), Err("defaultRoles")),
            ("Default", json!({ "maximumTagCharacters": 0 }), Err("maximumTagCharacters")),
            ("Default", json!({ "maximumTagCharacters": 65 }), Err("maximumTagCharacters")),
            ("Rubrik", json!({ "maximumTagCharacters": 8 }), Err("defaultTag")),
            ("Rubrik", json!({ "defaultTag": "a\nb" }), Err("defaultTag")),
            ("Default", json!({ "deniedOperations": ["ldap.create", "report.run-all"] }), Ok(())),
            ("Default", json!({ "deniedOperations": ["LDAP"] }), Err("deniedOperations")),
            ("Default", json!({ "deniedEndpoints": [{ "path": "/a/*/b/**", "methods": ["get"] }] }), Ok(())),
            ("Default", json!({ "deniedEndpoints": [{ "path": "a" }] }), Err("deniedEndpoints")),
            ("Default", json!({ "deniedEndpoints": vec![json!({ "path": "/a" }); 65] }), Err("deniedEndpoints")),
            ("Default", json!({ "removeExpiredAfterSeconds": -1 }), Err("removeExpiredAfterSeconds")),
            ("Default", json!({ "removeRevokedAfterSeconds": -1 }), Err("removeRevokedAfterSeconds")),
            ("Default", json!({ "removeRevokedAfterSeconds": 0 }), Ok(())),
            ("Default", json!({ "warningSeconds": 0 }), Err("warningSeconds")),
            ("Default", json!({ "warningSeconds": DAY_SECONDS }), Ok(())),
            ("Default", json!({ "defaultSubject": "https://example.com/" }), Ok(())),
            ("Default", json!({ "defaultSubject": "/locations" }), Err("defaultSubject")),
            ("Default", json!({ "foreignPrefix": "ghp_" }), Ok(())),
            ("Default", json!({ "foreignPrefix": "" }), Err("foreignPrefix")),
            ("Default", json!({ "foreignPrefix": "a b" }), Err("foreignPrefix")),
            ("Default", json!({ "foreignPrefix": "x".repeat(65) }), Err("foreignPrefix")),
            ("Default", jwt, Ok(())),
        ];
        for (base, change, expected) in cases {
            let settings = changed(&named(base), changes(change.clone())).unwrap();
            let checked = check("Mine", &settings);
            match expected {
                Ok(()) => assert!(checked.is_ok(), "{base} with {change}: {checked:?}"),
                Err(subject) => {
                    let error = checked.unwrap_err();
                    let told = (error.code(), error.subject());
                    assert_eq!(told, (ErrorCode::InvalidArgument, Some(subject)), "{base} with {change}: {error}");
                }
            }
        }
        for bad in ["", " Mine", "a\nb", &"x".repeat(257)] {
            assert_eq!(check(bad, &ProfileSettings::default()).unwrap_err().subject(), Some("name"), "{bad:?}");
        }
    }

    #[test]
    fn settings_come_out_in_their_normal_form() {
        let change = json!({
            "deniedOperations": ["b.c", "a.b", "b.c"],
            "deniedEndpoints": [{ "path": "/a", "methods": ["post", "get"] }],
            "defaultSubject": "HTTPS://Example.com:443",
        });
        let checked = check("Mine", &changed(&named("Default"), changes(change)).unwrap()).unwrap();
        assert_eq!(checked.settings.denied_operations, ["a.b", "b.c"]);
        assert_eq!(checked.settings.denied_endpoints[0].methods, ["GET", "POST"]);
        assert_eq!(checked.settings.default_subject.as_deref(), Some("https://example.com/"));
    }

    #[test]
    fn a_change_touches_what_it_names_and_nothing_else() {
        let enterprise = named("Enterprise");
        let longer = changed(&enterprise, changes(json!({ "maximumLifetimeSeconds": YEAR_SECONDS }))).unwrap();
        let expected = ProfileSettings { maximum_lifetime_seconds: Some(YEAR_SECONDS), ..enterprise.clone() };
        assert_eq!(longer, expected);
        let none = changed(&longer, changes(json!({ "maximumLifetimeSeconds": null, "requiredRole": null }))).unwrap();
        assert_eq!(none, ProfileSettings { required_role: None, ..enterprise.clone() });
        assert_eq!(changed(&enterprise, Map::new()).unwrap(), enterprise);
        let unknown = changed(&enterprise, changes(json!({ "lifetime": 1 }))).unwrap_err();
        assert_eq!((unknown.code(), unknown.subject()), (ErrorCode::InvalidArgument, Some("settings")));
        for bad in [
            json!({ "prefix": 5 }),
            json!({ "prefix": null }),
            json!({ "nameRequired": "secret" }),
            json!({ "format": "secret" }),
            json!({ "maximumTagCharacters": -1 }),
            json!({ "defaultLifetimeSeconds": 1.5 }),
            json!({ "deniedEndpoints": [{ "path": "/a", "verbs": [] }] }),
        ] {
            let error = changed(&enterprise, changes(bad.clone())).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidArgument);
            assert_eq!(error.subject(), bad.as_object().unwrap().keys().next().map(String::as_str));
            assert!(!error.message().contains("secret"), "{error}");
        }
    }
}
