//! Document: "Managing and Rotating API Tokens with PowerShell", on Rubrik's API tokens.

use tessera_native::error::ErrorCode;
use tessera_native::model::TokenFormat;
use tessera_native::policy::{
    Acting, Asked, Lifetime, Operation, TokenFacts, may_change, may_grant, may_see, permitted,
};

use crate::support::*;

const DOCUMENT: &str = "Rubrik";

#[test]
fn operations_that_no_api_token_may_do() {
    // "The following requests are not available to API Tokens": whatever the role, and nobody else is denied them.
    let profile = profile(DOCUMENT);
    for (topic, operations) in [
        ("updating or deleting any MFA servers", &["mfa.update", "mfa.remove"][..]),
        ("creating new sessions", &["session.create"]),
        ("generating additional API tokens", &["token.grant", "token.rotate", "token.import", "jwt.mint"]),
        ("creating new user accounts or updating user account information", &["identity.create", "identity.update"]),
        ("updating user preferences", &["preference.update"]),
        ("creating, updating, or deleting LDAP services", &["ldap.create", "ldap.update", "ldap.remove"]),
    ] {
        for name in operations {
            let operation = Operation::parse(name).unwrap();
            for role in ["Administrator", "Operator", "Reader"] {
                let by_token = attempt(permitted(&token(&profile, &[role]), &operation));
                assert_eq!(by_token, not_permitted("operation"), "{DOCUMENT}: {topic}: {name} as {role}");
            }
            assert!(permitted(&identity(ADAM, &["Administrator"]), &operation).is_ok(), "{DOCUMENT}: {topic}: {name}");
        }
    }
    // Nothing else is denied.
    for allowed in
        ["token.read", "token.revoke", "token.remove", "identity.read", "ldap.read", "mfa.create", "sla.read"]
    {
        let operation = Operation::parse(allowed).unwrap();
        assert!(permitted(&token(&profile, &["Reader"]), &operation).is_ok(), "{DOCUMENT}: {allowed} is not denied");
    }
    assert_eq!(
        attempt(may_grant(&token(&profile, &["Administrator"]), &profile, Some(ADAM))),
        not_permitted("operation")
    );
}

#[test]
fn expiration_in_minutes() {
    let profile = profile(DOCUMENT);
    let minutes = |count: i64| Lifetime::Seconds(count * MINUTE);
    for (topic, lifetime, expected) in [
        ("-Expiration 600", minutes(600), Ok(Some(NOW + 600 * MINUTE))),
        ("default: 60", Lifetime::Default, Ok(Some(NOW + 60 * MINUTE))),
        ("at least 1", minutes(1), Ok(Some(NOW + MINUTE))),
        ("less than 1", Lifetime::Seconds(59), not_permitted("expiresIn")),
        ("0", minutes(0), invalid("expiresIn")),
        ("at most 525600, 365 days", minutes(525_600), Ok(Some(NOW + 365 * DAY))),
        ("525601", minutes(525_601), not_permitted("expiresIn")),
        ("a time over a year away", Lifetime::Until(NOW + 366 * DAY), not_permitted("expiresAt")),
        ("never", Lifetime::Never, not_permitted("noExpiry")),
    ] {
        let granted = grant(&profile, &["Reader"], &for_time(lifetime)).map(|terms| terms.expires_at);
        assert_eq!(granted, expected, "{DOCUMENT}: expiration, {topic}");
    }
}

#[test]
fn tag() {
    // "At this time, the length of a tag cannot exceed 20 characters."
    let profile = profile(DOCUMENT);
    for (topic, tags, expected) in [
        ("of 20 characters", &["aws-us-west-1-lambda"][..], Ok(list(&["aws-us-west-1-lambda"]))),
        ("of 20 characters of several bytes", &["ääääääääääääääääääää"], Ok(list(&["ääääääääääääääääääää"]))),
        ("of 21 characters", &["aws-us-west-1-lambda-"], invalid("tags")),
        ("of none", &[""], invalid("tags")),
        ("left out", &[], Ok(list(&["API Token"]))),
    ] {
        let tags = list(tags);
        let granted = grant(&profile, &["Reader"], &Asked { tags: &tags, ..Asked::default() });
        assert_eq!(granted.map(|terms| terms.tags), expected, "{DOCUMENT}: tag {topic}");
    }
}

#[test]
fn permissions_role_and_scope_are_preserved() {
    let profile = profile(DOCUMENT);
    let terms = grant(&profile, &["Operator", "policy"], &Asked::default()).unwrap();
    assert_eq!(terms.roles, ["Operator", "policy"], "{DOCUMENT}: the user is represented by the token");
    assert_eq!(terms.organizations, None, "{DOCUMENT}: the user's scope");
    assert_eq!(terms.format, TokenFormat::Opaque, "{DOCUMENT}: form of the value");
    let more = list(&["Administrator"]);
    let wider = grant(&profile, &["Operator"], &Asked { roles: Some(&more), ..Asked::default() });
    assert_eq!(
        wider.map(|terms| terms.roles),
        not_permitted("role"),
        "{DOCUMENT}: the user is represented by the token"
    );
}

#[test]
fn whose_tokens_are_listed_and_removed() {
    // "will retrieve all known tokens based on your current session's user ID": the same user, or an administrator.
    let profile = profile(DOCUMENT);
    let not_found = Err((ErrorCode::NotFound, "token".to_owned()));
    for (topic, acting, sees, removal) in [
        ("one's own", identity(ADAM, &["Reader"]), true, Ok(())),
        ("one's own, by a token", token(&profile, &["Reader"]), true, Ok(())),
        ("another's", identity(EVE, &["Operator"]), false, not_found),
        ("another's, by an administrator", identity(EVE, &["Administrator"]), true, Ok(())),
        ("any, by the local owner", Acting::local_owner(), true, Ok(())),
    ] {
        let ask = |facts: &TokenFacts<'_>| {
            (may_see(&acting, facts), attempt(may_change(&acting, facts, &Operation::TOKEN_REMOVE)))
        };
        assert_eq!(with_facts(ADAM, Some(ADAM), ask), (sees, removal), "{DOCUMENT}: {topic}");
    }
}

#[test]
fn tokens_delete_themselves() {
    // "The token will delete itself and become invalid beyond that point."
    let settings = profile(DOCUMENT).settings;
    assert_eq!(settings.remove_expired_after_seconds, Some(0), "{DOCUMENT}: deletes itself at expiry");
    assert!(!settings.keeps_values, "{DOCUMENT}: the value is only available at the time of generation");
}

#[test]
fn rotation_is_for_the_account_and_not_for_the_token() {
    // "Generate a new token prior to the expiration of the old token ... as the user or service account".
    let rotate = |acting: &Acting| {
        with_facts(ADAM, Some(ADAM), |facts| attempt(may_change(acting, facts, &Operation::TOKEN_ROTATE)))
    };
    assert_eq!(rotate(&identity(ADAM, &["Reader"])), Ok(()), "{DOCUMENT}: rotation by the account");
    assert_eq!(rotate(&token(&profile(DOCUMENT), &["Reader"])), not_permitted("operation"), "{DOCUMENT}: by a token");
}
