//! Document: "Managing and Rotating API Tokens with PowerShell", on Rubrik's API tokens.

use tessera_native::error::ErrorCode;
use tessera_native::model::{Actor, AuditFilter, AuditSubject, Outcome, RotationMode, TokenFilter, TokenFormat};
use tessera_native::policy::{
    AccessContext, Acting, Asked, Lifetime, Operation, TokenFacts, may_change, may_grant, may_see, permitted,
};
use tessera_native::service::{Grant, GrantRequest, MintRequest, RotationRequest};

use crate::store::{self, Fixture, fixture};
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

/// An API token for Adam.
fn api_token() -> GrantRequest {
    GrantRequest { identity: "Adam".into(), profile: Some(DOCUMENT.into()), ..GrantRequest::default() }
}

fn as_identity(fixture: &Fixture, name: &str) -> Actor {
    Actor::Identity { id: fixture.engine.owner().identity(name).unwrap().id, name: name.to_owned() }
}

fn as_token(grant: &Grant) -> Actor {
    Actor::Token { id: grant.token.id.clone(), identity: grant.token.identity.clone() }
}

#[test]
fn invalidation_without_affecting_the_account() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.update_identity("Adam", None, Some(Some(b"correct horse Adam"))).unwrap();
    let (one, other) = (owner.grant(&api_token()).unwrap(), owner.grant(&api_token()).unwrap());
    owner.revoke_token(one.token.id.as_str(), None).unwrap();
    assert_eq!(fixture.check(&one), Outcome::Revoked, "{DOCUMENT}: the token is invalidated");
    assert_eq!(fixture.check(&other), Outcome::Valid, "{DOCUMENT}: the account's other token");
    assert!(fixture.engine.sign_in("Adam", b"correct horse Adam").is_ok(), "{DOCUMENT}: the account");
}

#[test]
fn requests_that_are_not_available_to_a_token_that_acts() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_identity("Root", &list(&["Administrator"]), None).unwrap();
    let grant = owner.grant(&GrantRequest { identity: "Root".into(), ..api_token() }).unwrap();
    let actor = as_token(&grant);
    let session = fixture.engine.session(&actor);
    let rotation = RotationRequest {
        id: grant.token.id.to_string(),
        mode: RotationMode::Immediate,
        lifetime: None,
        idempotency_key: None,
    };
    let mint = MintRequest { claims: r#"{"sub":"Root","aud":"a"}"#, ..MintRequest::default() };
    let context = AccessContext { operation: Some("session.create"), ..AccessContext::default() };
    for (topic, found) in [
        ("generating additional API tokens", session.grant(&api_token()).map(drop)),
        ("generating additional API tokens, by rotation", session.rotate(&rotation).map(drop)),
        ("generating additional API tokens, by hand", session.mint_jwt(&mint).map(drop)),
        ("creating new user accounts", session.create_identity("Eve", &[], None).map(drop)),
        ("updating user account information", session.update_identity("Adam", Some(&[]), None).map(drop)),
        ("creating new sessions", fixture.engine.sign_in_with_token(grant.value.as_bytes(), context).map(drop)),
    ] {
        let refused = found.map_err(|error| error.code());
        assert_eq!(refused, Err(ErrorCode::NotPermitted), "{DOCUMENT}: {topic}");
    }
    assert!(session.identity("Adam").is_ok(), "{DOCUMENT}: what is available to the role");
    let identity = as_identity(&fixture, "Root");
    assert!(fixture.engine.session(&identity).grant(&api_token()).is_ok(), "{DOCUMENT}: the account may");
}

#[test]
fn value_is_only_available_at_generation() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    let grant = owner.grant(&api_token()).unwrap();
    let shown = format!("{:?}", owner.token(grant.token.id.as_str()).unwrap());
    let value = String::from_utf8(grant.value.as_bytes().to_vec()).unwrap();
    let secret = value.strip_prefix(&format!("tsr_{}", grant.token.id)).expect("prefix and id are no secret");
    assert!(!shown.contains(secret), "{DOCUMENT}: the list");
    let again = owner.kept_value(grant.token.id.as_str()).map(drop).map_err(|error| error.code());
    assert_eq!(again, Err(ErrorCode::NotPermitted), "{DOCUMENT}: later");
}

#[test]
fn list_of_the_sessions_user() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_identity("Eve", &list(&["Operator"]), None).unwrap();
    let adams = owner.grant(&api_token()).unwrap().token;
    let eves = owner.grant(&GrantRequest { identity: "Eve".into(), ..api_token() }).unwrap().token;
    // Under a profile of its own the list is the caller's: of the user ID that the session has.
    for (name, own) in [("Adam", &adams), ("Eve", &eves)] {
        let filter = TokenFilter { identity: Some(name.into()), limit: 10, ..TokenFilter::default() };
        let actor = as_identity(&fixture, name);
        let found = fixture.engine.session(&actor).tokens(&filter).unwrap();
        assert_eq!(found, std::slice::from_ref(own), "{DOCUMENT}: the list of {name}");
    }
}

#[test]
fn tokens_delete_themselves_from_the_list() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    let grant = owner.grant(&GrantRequest { lifetime: Lifetime::Seconds(MINUTE), ..api_token() }).unwrap();
    let lasting = owner.grant(&api_token()).unwrap();
    fixture.clock.set(store::NOW + MINUTE - 1);
    assert_eq!(fixture.check(&grant), Outcome::Valid, "{DOCUMENT}: until the expiration");
    fixture.clock.set(store::NOW + MINUTE);
    assert_eq!(fixture.check(&grant), Outcome::Expired, "{DOCUMENT}: invalid at once");
    assert_eq!(owner.optimize(false).unwrap().removed_tokens, 1, "{DOCUMENT}: deletes itself");
    let listed = owner.tokens(&TokenFilter { limit: 10, ..TokenFilter::default() }).unwrap();
    assert_eq!(listed, std::slice::from_ref(&lasting.token), "{DOCUMENT}: the list");
    assert_eq!(fixture.check(&grant), Outcome::Unknown, "{DOCUMENT}: after that");
    let filter = AuditFilter {
        subject_kind: Some(AuditSubject::Token),
        subject: Some(grant.token.id.to_string()),
        event: Some("token.grant".into()),
        limit: 10,
        ..AuditFilter::default()
    };
    assert_eq!(owner.audit_events(&filter).unwrap().len(), 1, "{DOCUMENT}: the audit log keeps it");
}

#[test]
fn rotation_before_the_expiration() {
    // "Generate a new token prior to the expiration of the old one", as the user whom the token represents.
    let fixture = fixture();
    let old = fixture.engine.owner().grant(&api_token()).unwrap();
    let adam = as_identity(&fixture, "Adam");
    let rotation = RotationRequest {
        id: old.token.id.to_string(),
        mode: RotationMode::Grace { seconds: 10 * MINUTE },
        lifetime: None,
        idempotency_key: None,
    };
    let new = fixture.engine.session(&adam).rotate(&rotation).unwrap();
    let value = new.value.unwrap();
    let check_new = || store::check(&fixture.engine, value.as_bytes());
    assert_eq!((fixture.check(&old), check_new()), (Outcome::Valid, Outcome::Valid), "{DOCUMENT}: both for a while");
    fixture.clock.set(store::NOW + 10 * MINUTE);
    assert_eq!((fixture.check(&old), check_new()), (Outcome::Revoked, Outcome::Valid), "{DOCUMENT}: then the new one");
    assert_eq!(new.successor.identity, "Adam", "{DOCUMENT}: as the user that is represented");
}
