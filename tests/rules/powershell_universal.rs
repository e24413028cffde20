//! Document: PowerShell Universal, "App tokens for accessing PowerShell Universal APIs".
//!
//! The two tokens that it prints are checked in the tests of JWTs.

use tessera_native::model::{BoundedBy, JwtKind, TokenFormat};
use tessera_native::policy::{
    Acting, Asked, Lifetime, Operation, Standing, bound, may_grant, migrated_expiry, permitted,
};

use crate::support::*;

const DOCUMENT: &str = "PowerShellUniversal";

#[test]
fn management_roles() {
    // "The management API uses the standard Administrator, Operator and Reader roles."
    let all = [
        ("Administrator", [true, true, true]),
        ("Operator", [true, false, true]),
        ("Reader", [true, false, true]),
        ("policy", [false, false, true]),
    ];
    let operations = [Operation::IDENTITY_READ, Operation::IDENTITY_CREATE, Operation::TOKEN_READ];
    for (role, expected) in all {
        let caller = token(&profile(DOCUMENT), &[role]);
        let may = operations.each_ref().map(|operation| permitted(&caller, operation).is_ok());
        assert_eq!(may, expected, "{DOCUMENT}: management API, as {role}");
    }
}

#[test]
fn security_needs_an_administrator() {
    // Operator runs and does not touch security; Reader reads. Every operation of the engine, by who may do it.
    let count = |role: &str| {
        let caller = token(&profile(DOCUMENT), &[role]);
        Operation::ALL.iter().filter(|operation| permitted(&caller, operation).is_ok()).count()
    };
    assert_eq!(count("Administrator"), Operation::ALL.len(), "{DOCUMENT}: Administrator does everything");
    assert_eq!(count("Operator"), count("Reader"), "{DOCUMENT}: security is for Administrators only");
    assert!(count("policy") < count("Reader"), "{DOCUMENT}: a custom role brings nothing of the management API");
}

#[test]
fn who_grants() {
    // "Administrators can grant app tokens to any user by specifying the user's identity ID."
    let profile = profile(DOCUMENT);
    for (topic, acting, to, expected) in [
        ("the local owner to anyone", Acting::local_owner(), ADAM, Ok(())),
        ("an administrator to anyone", identity(EVE, &["Administrator"]), ADAM, Ok(())),
        ("an administrator's token to anyone", token(&profile, &["Administrator"]), EVE, Ok(())),
        ("an operator to others", identity(EVE, &["Operator"]), ADAM, not_permitted("operation")),
        ("an operator to itself", identity(ADAM, &["Operator"]), ADAM, Ok(())),
        ("an operator's token to others", token(&profile, &["Operator"]), EVE, not_permitted("operation")),
    ] {
        assert_eq!(attempt(may_grant(&acting, &profile, Some(to))), expected, "{DOCUMENT}: grant by {topic}");
    }
}

#[test]
fn roles() {
    let profile = profile(DOCUMENT);
    let administrator = identity(EVE, &["Administrator"]);
    let operator = identity(ADAM, &["Operator"]);
    let app_token = token(&profile, &["Administrator"]);
    for (topic, held, acting, asked, expected) in [
        ("a grant needs an identity with a role", &[][..], &administrator, None, invalid("role")),
        ("the identity's role is the token's", &["Operator"], &administrator, None, Ok(list(&["Operator"]))),
        ("an explicit role wins", &["Reader"], &administrator, Some(["Administrator"]), Ok(list(&["Administrator"]))),
        ("an explicit role needs none of the identity's", &[], &administrator, Some(["Reader"]), Ok(list(&["Reader"]))),
        ("custom roles", &["Operator"], &administrator, Some(["policy"]), Ok(list(&["policy"]))),
        ("one's own grant is no wider than oneself", &["Operator"], &operator, Some(["policy"]), not_permitted("role")),
        ("a token's grant is no wider than itself", &["Operator"], &app_token, Some(["policy"]), not_permitted("role")),
    ] {
        let asked = asked.map(|names| list(&names));
        let asked = Asked { roles: asked.as_deref(), ..Asked::default() };
        let granted = grant_to(&profile, held, acting, &asked).map(|terms| terms.roles);
        assert_eq!(granted, expected, "{DOCUMENT}: {topic}");
    }
}

#[test]
fn roles_come_from_the_row() {
    // The administrator's explicit role stands whatever becomes of the identity's roles and of the one who granted it.
    let profile = profile(DOCUMENT);
    assert_eq!(profile.settings.bounded_by, BoundedBy::Neither, "{DOCUMENT}: explicit role");
    let (held, none) = (rights(&["Administrator"]), rights(&[]));
    let now = |identity, creator| bound(profile.settings.bounded_by, &held, identity, creator, None, &all()).names();
    assert_eq!(now(Standing::Has(&none), Standing::Gone), ["Administrator"], "{DOCUMENT}: explicit role");
    assert!(now(Standing::Gone, Standing::LocalOwner).is_empty(), "{DOCUMENT}: the identity is gone");
}

#[test]
fn expiration() {
    // "... specify the Identity, Role and expiration time of the token."
    let profile = profile(DOCUMENT);
    for (topic, lifetime, expected) in [
        ("default: one year", Lifetime::Default, Ok(Some(NOW + 365 * DAY))),
        ("a time", Lifetime::Until(NOW + 180 * DAY), Ok(Some(NOW + 180 * DAY))),
        ("longer than other JWTs may", Lifetime::Seconds(3_650 * DAY), Ok(Some(NOW + 3_650 * DAY))),
        ("never", Lifetime::Never, not_permitted("noExpiry")),
    ] {
        let granted = grant(&profile, &["Operator"], &for_time(lifetime)).map(|terms| terms.expires_at);
        assert_eq!(granted, expected, "{DOCUMENT}: expiration, {topic}");
    }
}

#[test]
fn migration() {
    // "You can migrate app tokens between systems ... You need a valid app token in the target system".
    let profile = profile(DOCUMENT);
    for (role, expected) in [("Administrator", true), ("Operator", false), ("Reader", false)] {
        let may = permitted(&token(&profile, &[role]), &Operation::TOKEN_IMPORT).is_ok();
        assert_eq!(may, expected, "{DOCUMENT}: migrating with an app token of the role {role}");
    }
    for (topic, requested, inside, expected) in [
        ("the row's expiration is earlier", Some(NOW + 10), NOW + 20, Ok(NOW + 10)),
        ("the token's own is earlier", Some(NOW + 20), NOW + 10, Ok(NOW + 10)),
        ("no expiration is asked for", None, NOW + 10, Ok(NOW + 10)),
        ("it has expired", Some(NOW + 10), NOW, not_permitted("expiration")),
        ("it is asked to have expired", Some(NOW), NOW + 10, not_permitted("expiration")),
    ] {
        assert_eq!(attempt(migrated_expiry(requested, inside, NOW)), expected, "{DOCUMENT}: migration, {topic}");
    }
}

#[test]
fn form_of_the_value() {
    let profile = profile(DOCUMENT);
    assert_eq!(profile.settings.jwt_kind, JwtKind::PowerShellUniversal, "{DOCUMENT}: the token is its JWT");
    for (asked, expected) in [
        (None, Ok(TokenFormat::Jwt)),
        (Some(TokenFormat::Jwt), Ok(TokenFormat::Jwt)),
        (Some(TokenFormat::Opaque), not_permitted("format")),
    ] {
        let granted = grant(&profile, &["Operator"], &Asked { format: asked, ..Asked::default() });
        assert_eq!(granted.map(|terms| terms.format), expected, "{DOCUMENT}: form of the value");
    }
}

#[test]
fn enhanced_security() {
    // "... hashed and the hash value is stored in the database rather than the token": unless a copy says otherwise.
    let built_in = profile(DOCUMENT).settings;
    assert!(!built_in.keeps_values, "{DOCUMENT}: enhanced security is on");
    let changes = serde_json::json!({ "keepsValues": true });
    let off = tessera_native::policy::profile::changed(&built_in, changes.as_object().unwrap().clone()).unwrap();
    let off = tessera_native::policy::profile::check("WithoutEnhancedSecurity", &off).unwrap();
    assert!(off.settings.keeps_values && !off.built_in, "{DOCUMENT}: enhanced security is off");
}
