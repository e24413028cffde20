//! Document: AppNeta APM, "API Access Tokens".

use tessera_native::error::ErrorCode;
use tessera_native::model::{
    Actor, BoundedBy, CreatorRemoved, OrganizationMember, Outcome, TokenFilter, TokenFormat, TokenState,
};
use tessera_native::policy::condition::CompiledEndpoint;
use tessera_native::policy::{
    AccessContext, Acting, Asked, Lifetime, Operation, Organizations, Standing, TokenFacts, bound, bound_organizations,
    check_tag_change, may_change, may_see,
};

use tessera_native::service::GrantRequest;

use crate::store::{self, Fixture, fixture};
use crate::support::*;

const DOCUMENT: &str = "AppNeta";

#[test]
fn who_generates() {
    // "Token generation is available to all users except those with custom roles."
    let profile = profile(DOCUMENT);
    for (topic, held, acting, allowed) in [
        ("a reader", &["Reader"][..], identity(ADAM, &["Reader"]), true),
        ("an administrator", &["Administrator"], identity(ADAM, &["Administrator"]), true),
        ("without any role", &[], identity(ADAM, &[]), true),
        ("with a custom role", &["policy"], identity(ADAM, &["policy"]), false),
        ("with a custom role among others", &["Reader", "policy"], identity(ADAM, &["Reader", "policy"]), false),
        ("an administrator for one with a custom role", &["policy"], identity(EVE, &["Administrator"]), false),
        ("an administrator with a custom role", &["Reader"], identity(EVE, &["Administrator", "policy"]), false),
    ] {
        let granted = grant_to(&profile, held, &acting, &named()).map(drop);
        assert_eq!(granted, if allowed { Ok(()) } else { not_permitted("identity") }, "{DOCUMENT}: by {topic}");
    }
}

#[test]
fn permissions_at_creation() {
    // "Token permissions are less than or equal to those of the user that created it."
    let profile = profile(DOCUMENT);
    let (reader, administrator) = (identity(EVE, &["Reader"]), identity(EVE, &["Administrator"]));
    for (topic, held, acting, asked, expected) in [
        ("equal", &["Operator"], identity(ADAM, &["Operator"]), Some(["Operator"]), Ok(list(&["Operator"]))),
        ("less", &["Operator"], identity(ADAM, &["Operator"]), Some(["Reader"]), Ok(list(&["Reader"]))),
        ("more", &["Operator"], identity(ADAM, &["Operator"]), Some(["Administrator"]), not_permitted("role")),
        ("unsaid: all", &["Operator"], identity(ADAM, &["Operator"]), None, Ok(list(&["Operator"]))),
        ("more than whom it is for", &["Operator"], administrator, Some(["Administrator"]), not_permitted("role")),
        ("for another, by a reader", &["Operator"], reader, Some(["Reader"]), not_permitted("operation")),
    ] {
        let asked = asked.map(|names| list(&names));
        let granted = grant_to(&profile, held, &acting, &Asked { roles: asked.as_deref(), ..named() });
        assert_eq!(granted.map(|terms| terms.roles), expected, "{DOCUMENT}: permissions at creation, {topic}");
    }
}

#[test]
fn permissions_at_each_use() {
    // The creator loses a role: so does the token. Both bound it.
    let by = profile(DOCUMENT).settings.bounded_by;
    assert_eq!(by, BoundedBy::Both, "{DOCUMENT}: what bounds a token");
    let held = rights(&["Operator"]);
    for (topic, own, creators, expected) in [
        ("nothing changed", &["Operator"][..], &["Operator"][..], &["Operator"][..]),
        ("the creator lost a role", &["Operator"], &["Reader"], &["Reader"]),
        ("the creator lost all", &["Operator"], &[], &[]),
        ("the identity lost a role", &["Reader"], &["Operator"], &["Reader"]),
        ("both won one", &["Administrator"], &["Administrator"], &["Operator"]),
    ] {
        let (own, creators) = (rights(own), rights(creators));
        let now = bound(by, &held, Standing::Has(&own), Standing::Has(&creators), None, &all());
        assert_eq!(now.names(), expected, "{DOCUMENT}: permissions at use, {topic}");
    }
    let own = rights(&["Operator"]);
    let by_owner = bound(by, &held, Standing::Has(&own), Standing::LocalOwner, None, &all());
    assert_eq!(by_owner.names(), ["Operator"], "{DOCUMENT}: permissions at use, created by the local owner");
    assert!(bound(by, &held, Standing::Has(&own), Standing::Gone, None, &all()).names().is_empty());
}

#[test]
fn no_user_information() {
    // "the authentication token does not carry any user information".
    let profile = profile(DOCUMENT);
    for (asked, expected) in [(None, Ok(TokenFormat::Opaque)), (Some(TokenFormat::Jwt), not_permitted("format"))] {
        let granted = grant(&profile, &["Reader"], &Asked { format: asked, ..named() }).map(|terms| terms.format);
        assert_eq!(granted, expected, "{DOCUMENT}: form of the value");
    }
}

#[test]
fn name_and_expiration() {
    // "Enter a token name. Specify an expiration date (or Never)."
    let profile = profile(DOCUMENT);
    assert_eq!(grant(&profile, &[], &Asked::default()).map(drop), invalid("name"), "{DOCUMENT}: name");
    let midnight = NOW - NOW % DAY;
    for (topic, lifetime, expected) in [
        ("a date", Lifetime::On(midnight + DAY), Ok(Some(NOW + DAY))),
        ("a time", Lifetime::Until(NOW + 1), Ok(Some(NOW + 1))),
        ("Never", Lifetime::Never, Ok(None)),
    ] {
        let granted = grant(&profile, &["Reader"], &for_time(lifetime)).map(|terms| terms.expires_at);
        assert_eq!(granted, expected, "{DOCUMENT}: expiration, {topic}");
    }
}

#[test]
fn organisations() {
    let profile = profile(DOCUMENT);
    let by = profile.settings.bounded_by;
    let set = |names: &[&str]| Organizations::of(&list(names));
    // At creation: all now and in future, or a list of those that one has.
    for (topic, asked, expected) in [
        ("any in the future", None, Ok(None)),
        ("selected", Some(&["north"][..]), Ok(Some(list(&["north"])))),
        ("one that the user does not have", Some(&["North", "West"]), not_permitted("organization")),
    ] {
        let asked = asked.map(list);
        let granted = grant(&profile, &["Reader"], &Asked { organizations: asked.as_deref(), ..named() });
        assert_eq!(granted.map(|terms| terms.organizations), expected, "{DOCUMENT}: organisations, {topic}");
    }
    // At use: what the user has by then.
    let selected = list(&["North", "South"]);
    for (topic, chosen, has, expected) in [
        ("dynamic: a new one is included", None, &["North", "West"][..], &["North", "West"][..]),
        ("dynamic: a lost one is not", None, &["North"], &["North"]),
        ("static: a new one is not accessible", Some(&selected[..]), &["North", "South", "West"], &["North", "South"]),
        ("static: a lost one is lost", Some(&selected[..]), &["South", "West"], &["South"]),
    ] {
        let user = set(has);
        let access = bound_organizations(by, chosen, &user, &user, None).names().unwrap();
        assert_eq!(access, expected, "{DOCUMENT}: organisations, {topic}");
        let gone = bound_organizations(by, chosen, &user, &Organizations::none(), None);
        assert_eq!(gone.names().unwrap(), [""; 0], "{DOCUMENT}: organisations, the creator is gone");
    }
}

#[test]
fn tokens_cannot_be_modified() {
    // "A token cannot be modified once it is created. You must revoke it then create a new one."
    let tags = check_tag_change(&profile(DOCUMENT), &list(&["new"]));
    assert_eq!(attempt(tags), not_permitted("tags"), "{DOCUMENT}: a token cannot be modified");
}

#[test]
fn the_creator_is_deleted() {
    let settings = profile(DOCUMENT).settings;
    assert_eq!(settings.creator_removed, CreatorRemoved::Revoke, "{DOCUMENT}: tokens go with their creator");
    assert!(settings.expired_is_revoked, "{DOCUMENT}: the token is revoked automatically at expiration");
    assert_eq!(settings.remove_revoked_after_seconds, None, "{DOCUMENT}: a revoked token stays on the list");
    assert_eq!(settings.remove_expired_after_seconds, None, "{DOCUMENT}: a revoked token stays on the list");
}

#[test]
fn who_views_and_revokes() {
    // "A user can view the tokens they created. An Organization Admin can view tokens they created as well as token
    // associated with organizations they control." And so for revoking.
    let administers = |organization: &str, member_of: &[&str]| Acting {
        administers: list(&[organization]),
        organizations: Organizations::of(&list(member_of)),
        ..identity(EVE, &["Reader"])
    };
    let denied = not_permitted("operation");
    let unknown = || Err((ErrorCode::NotFound, "token".to_owned()));
    for (topic, acting, sees, revokes, disables) in [
        ("who created it", identity(ADAM, &[]), true, Ok(()), Ok(())),
        ("nobody else", identity(EVE, &["Operator"]), false, unknown(), unknown()),
        ("an administrator of its organisation", administers("North", &["north"]), true, Ok(()), denied.clone()),
        ("an administrator of another", administers("South", &["South"]), false, unknown(), unknown()),
        ("one who no longer belongs to it", administers("North", &["South"]), false, unknown(), unknown()),
        ("an administrator of the system", identity(EVE, &["Administrator"]), true, Ok(()), Ok(())),
    ] {
        let told = with_facts(ADAM, Some(ADAM), |facts: &TokenFacts<'_>| {
            (
                may_see(&acting, facts),
                attempt(may_change(&acting, facts, &Operation::TOKEN_REVOKE)),
                attempt(may_change(&acting, facts, &Operation::TOKEN_DISABLE)),
            )
        });
        assert_eq!(told, (sees, revokes, disables), "{DOCUMENT}: view and revoke, {topic}");
    }
    // Made for another: both its creator and the one it speaks for have it on their list.
    assert!(
        with_facts(EVE, Some(ADAM), |facts| may_see(&identity(ADAM, &[]), facts)),
        "{DOCUMENT}: created for another"
    );
}

#[test]
fn the_observer_endpoint() {
    // "Tokens cannot be used to call the observer API endpoint for creating, viewing, or deleting an observer URL."
    let endpoints = profile(DOCUMENT).settings.denied_endpoints;
    let endpoints: Vec<_> = endpoints.iter().map(|endpoint| CompiledEndpoint::new(endpoint).unwrap()).collect();
    for (topic, method, path, denied) in [
        ("creating", "POST", "/api/v3/observer", true),
        ("viewing", "GET", "/api/v3/observer", true),
        ("deleting", "DELETE", "/api/v3/observer", true),
        ("one of them", "DELETE", "/api/v3/observer/7", true),
        ("written otherwise", "GET", "/api//v3/./Observ%65r/", true),
        ("another endpoint", "GET", "/api/v3/path", false),
        ("one that begins alike", "GET", "/api/v3/observers", false),
    ] {
        let uri = format!("https://node.pm.appneta.com{path}");
        let is_denied = endpoints.iter().any(|endpoint| endpoint.matches(Some(method), &uri));
        assert_eq!(is_denied, denied, "{DOCUMENT}: observer endpoint, {topic}");
    }
}

/// An access token for Adam, who is an Operator.
fn access_token() -> GrantRequest {
    GrantRequest {
        identity: "Adam".into(),
        profile: Some(DOCUMENT.into()),
        name: Some("reports".into()),
        ..GrantRequest::default()
    }
}

fn as_identity(fixture: &Fixture, name: &str) -> Actor {
    Actor::Identity { id: fixture.engine.owner().identity(name).unwrap().id, name: name.to_owned() }
}

fn members(names: &[&str], administrators: &[&str]) -> Vec<OrganizationMember> {
    let member = |name: &&str, is_administrator| OrganizationMember { identity: (*name).to_owned(), is_administrator };
    let ordinary = names.iter().map(|name| member(name, false));
    ordinary.chain(administrators.iter().map(|name| member(name, true))).collect()
}

#[test]
fn permissions_follow_the_creators() {
    let fixture = fixture();
    let adam = as_identity(&fixture, "Adam");
    let grant = fixture.engine.session(&adam).grant(&access_token()).unwrap();
    let outcome = |role| {
        let context = AccessContext { role: Some(role), ..AccessContext::default() };
        fixture.engine.validate(grant.value.as_bytes(), context).outcome
    };
    assert_eq!(outcome("Operator"), Outcome::Valid, "{DOCUMENT}: equal to those of the creator");
    assert_eq!(outcome("Administrator"), Outcome::RoleDenied, "{DOCUMENT}: no more than those");
    fixture.engine.owner().update_identity("Adam", Some(&list(&["Reader"])), None).unwrap();
    assert_eq!(outcome("Operator"), Outcome::RoleDenied, "{DOCUMENT}: the next check feels the change");
    assert_eq!(outcome("Reader"), Outcome::Valid, "{DOCUMENT}: what is left");
    let change = fixture.engine.session(&adam).update_token(grant.token.id.as_str(), None, Some(&list(&["a"])));
    let refused = change.map(drop).map_err(|error| error.code());
    assert_eq!(refused, Err(ErrorCode::NotPermitted), "{DOCUMENT}: cannot be modified");
    let again = fixture.engine.session(&adam).kept_value(grant.token.id.as_str());
    let refused = again.map(drop).map_err(|error| error.code());
    assert_eq!(refused, Err(ErrorCode::NotPermitted), "{DOCUMENT}: it will not appear again");
}

#[test]
fn users_without_a_local_account() {
    // Who signs in elsewhere has no password here, and a token all the same.
    let fixture = fixture();
    let owner = fixture.engine.owner();
    assert!(!owner.identity("Adam").unwrap().has_password);
    let grant = owner.grant(&access_token()).unwrap();
    assert_eq!(fixture.check(&grant), Outcome::Valid, "{DOCUMENT}: single sign-on");
    assert!(fixture.engine.sign_in("Adam", b"").is_err(), "{DOCUMENT}: no local account");
}

#[test]
fn three_ways_to_be_revoked() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_identity("Boss", &list(&["Administrator"]), None).unwrap();
    let boss = as_identity(&fixture, "Boss");
    let short = GrantRequest { lifetime: Lifetime::Seconds(DAY), ..access_token() };
    let expiring = fixture.engine.session(&boss).grant(&short).unwrap();
    let manual = fixture.engine.session(&boss).grant(&access_token()).unwrap();
    let of_creator = fixture.engine.session(&boss).grant(&access_token()).unwrap();

    fixture.engine.session(&boss).revoke_token(manual.token.id.as_str(), Some("lost")).unwrap();
    fixture.clock.set(store::NOW + DAY);
    assert_eq!(fixture.check(&expiring), Outcome::Expired, "{DOCUMENT}: a check says why");
    assert_eq!(fixture.check(&of_creator), Outcome::Valid, "{DOCUMENT}: the creator is there");
    owner.remove_identity("Boss").unwrap();
    for (topic, grant, at, by, reason) in [
        ("expiring", &expiring, store::NOW + DAY, "Adam", "Expired"),
        ("manually", &manual, store::NOW, "Boss", "lost"),
        ("deletion of the creator", &of_creator, store::NOW + DAY, "local owner", "CreatorDeleted"),
    ] {
        let token = owner.token(grant.token.id.as_str()).unwrap();
        assert_eq!(token.state(store::NOW + DAY), TokenState::Revoked, "{DOCUMENT}: appears as REVOKED, {topic}");
        let found = token.revocation_at(store::NOW + DAY).unwrap();
        let told = (found.at, found.by.as_str(), found.reason.as_deref());
        assert_eq!(told, (at, by, Some(reason)), "{DOCUMENT}: {topic}");
    }
    assert_eq!(fixture.check(&of_creator), Outcome::Revoked, "{DOCUMENT}: revoked immediately");
    assert_eq!(fixture.check(&manual), Outcome::Revoked, "{DOCUMENT}: once revoked it can no longer be used");
    owner.optimize(false).unwrap();
    let listed = owner.tokens(&TokenFilter { limit: 10, ..TokenFilter::default() }).unwrap();
    assert_eq!(listed.len(), 3, "{DOCUMENT}: they stay on the list");
}

#[test]
fn the_observer_endpoint_in_use() {
    let fixture = fixture();
    let grant = fixture.engine.owner().grant(&access_token()).unwrap();
    for (uri, expected) in [
        ("https://api.example/api/v3/observer/points", Outcome::OperationDenied),
        ("https://api.example/api/v3/path", Outcome::Valid),
    ] {
        let context = AccessContext { uri: Some(uri), method: Some("GET"), ..AccessContext::default() };
        let found = fixture.engine.validate(grant.value.as_bytes(), context).outcome;
        assert_eq!(found, expected, "{DOCUMENT}: {uri}");
    }
}

#[test]
fn access_to_organisations_now_and_in_the_future() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_organization("North", &members(&["Adam"], &[])).unwrap();
    owner.create_organization("South", &[]).unwrap();
    let adam = as_identity(&fixture, "Adam");
    let session = fixture.engine.session(&adam);
    let dynamic = session.grant(&access_token()).unwrap();
    let chosen = GrantRequest { organizations: Some(list(&["North"])), ..access_token() };
    let chosen = session.grant(&chosen).unwrap();
    let expect = |topic: &str, expected: [[Outcome; 2]; 2]| {
        for (grant, expected) in [&dynamic, &chosen].into_iter().zip(expected) {
            let outcome = |organization| {
                let context = AccessContext { organization: Some(organization), ..AccessContext::default() };
                fixture.engine.validate(grant.value.as_bytes(), context).outcome
            };
            assert_eq!([outcome("North"), outcome("South")], expected, "{DOCUMENT}: {topic}");
        }
    };
    use Outcome::{OrganizationDenied, Valid};
    expect("now", [[Valid, OrganizationDenied], [Valid, OrganizationDenied]]);
    owner.update_organization("South", &members(&["Adam"], &[])).unwrap();
    expect("in the future", [[Valid, Valid], [Valid, OrganizationDenied]]);
    owner.update_organization("North", &[]).unwrap();
    expect("lost ones are lost", [[OrganizationDenied, Valid], [OrganizationDenied, OrganizationDenied]]);
}

#[test]
fn users_and_organization_admins_view_and_revoke() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    for name in ["Eve", "Otto"] {
        owner.create_identity(name, &list(&["Operator"]), None).unwrap();
    }
    owner.create_organization("North", &members(&["Adam"], &["Otto"])).unwrap();
    let adam = as_identity(&fixture, "Adam");
    for (topic, name, sees) in
        [("the user", "Adam", true), ("the Organization Admin", "Otto", true), ("another user", "Eve", false)]
    {
        let asked = GrantRequest { organizations: Some(list(&["North"])), ..access_token() };
        let grant = fixture.engine.session(&adam).grant(&asked).unwrap();
        let actor = as_identity(&fixture, name);
        let session = fixture.engine.session(&actor);
        let listed = session.tokens(&TokenFilter { limit: 10, ..TokenFilter::default() }).unwrap();
        assert_eq!(listed.iter().any(|token| token.id == grant.token.id), sees, "{DOCUMENT}: views, {topic}");
        let revoked = session.revoke_token(grant.token.id.as_str(), None).map(drop).map_err(|error| error.code());
        let expected = if sees { Ok(()) } else { Err(ErrorCode::NotFound) };
        assert_eq!(revoked, expected, "{DOCUMENT}: revokes, {topic}");
    }
}
