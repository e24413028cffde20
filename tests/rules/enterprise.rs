//! Document: an enterprise system's "Security and Tokens".

use tessera_native::clock::MAXIMUM_SECONDS;
use tessera_native::error::ErrorCode;
use tessera_native::model::{Actor, AuditFilter, AuditSubject, Conditions, Outcome, TokenFilter, TokenFormat};
use tessera_native::policy::condition::Compiled;
use tessera_native::policy::{
    AccessContext, Acting, Asked, Lifetime, Operation, TokenFacts, check_tag_change, may_change, may_grant,
};
use tessera_native::service::GrantRequest;

use crate::store::{self, Fixture, fixture};
use crate::support::*;

const DOCUMENT: &str = "Enterprise";
const USER: &[&str] = &["REST API", "Reader"];

#[test]
fn only_own_tokens() {
    // "users are only able to create their own tokens (including administrators)".
    let profile = profile(DOCUMENT);
    for (topic, acting, to, expected) in [
        ("one's own", identity(ADAM, USER), Some(ADAM), Ok(())),
        ("another's", identity(EVE, USER), Some(ADAM), not_permitted("operation")),
        ("another's, by an administrator", identity(EVE, &["Administrator"]), Some(ADAM), not_permitted("operation")),
        ("another's, by the local owner", Acting::local_owner(), Some(ADAM), not_permitted("operation")),
        ("of nobody, by the local owner", Acting::local_owner(), None, not_permitted("operation")),
        ("one's own, by an administrator", identity(ADAM, &["Administrator"]), Some(ADAM), Ok(())),
    ] {
        assert_eq!(attempt(may_grant(&acting, &profile, to)), expected, "{DOCUMENT}: create {topic}");
    }
    // A successor is a token that is created too, with a value that its maker gets to see.
    let rotate = |acting: &Acting| {
        with_facts(ADAM, Some(ADAM), |facts| {
            let facts = TokenFacts { owner_only: profile.settings.owner_only, ..*facts };
            attempt(may_change(acting, &facts, &Operation::TOKEN_ROTATE))
        })
    };
    assert_eq!(rotate(&identity(ADAM, USER)), Ok(()), "{DOCUMENT}: rotate one's own");
    assert_eq!(rotate(&identity(EVE, &["Administrator"])), not_permitted("operation"), "{DOCUMENT}: rotate another's");
    assert_eq!(rotate(&Acting::local_owner()), not_permitted("operation"), "{DOCUMENT}: rotate another's");
}

#[test]
fn required_role() {
    // "users must be assigned to the REST API role".
    let profile = profile(DOCUMENT);
    for (topic, held, expected) in [
        ("with it", USER, Ok(list(&["Reader", "REST API"]))),
        ("without it", &["Reader"], not_permitted("identity")),
        ("administrators too", &["Administrator"], not_permitted("identity")),
        ("without any", &[], not_permitted("identity")),
    ] {
        let granted = grant(&profile, held, &named()).map(|terms| terms.roles);
        assert_eq!(granted, expected, "{DOCUMENT}: REST API role, {topic}");
    }
}

#[test]
fn name_is_required() {
    let profile = profile(DOCUMENT);
    for (topic, name, expected) in [
        ("given", Some("nightly"), Ok(Some("nightly".to_owned()))),
        ("left out", None, invalid("name")),
        ("empty", Some(""), invalid("name")),
        ("blank", Some("  "), invalid("name")),
    ] {
        let granted = grant(&profile, USER, &Asked { name, ..Asked::default() }).map(|terms| terms.name);
        assert_eq!(granted, expected, "{DOCUMENT}: name, {topic}");
    }
}

#[test]
fn expiration() {
    let profile = profile(DOCUMENT);
    let midnight = NOW - NOW % DAY;
    for (topic, lifetime, expected) in [
        ("default: two weeks", Lifetime::Default, Ok(Some(NOW + 14 * DAY))),
        ("is required", Lifetime::Never, not_permitted("noExpiry")),
        ("at least one day", Lifetime::Seconds(DAY), Ok(Some(NOW + DAY))),
        ("a second less than a day", Lifetime::Seconds(DAY - 1), not_permitted("expiresIn")),
        ("tomorrow at this time", Lifetime::Until(NOW + DAY), Ok(Some(NOW + DAY))),
        ("tomorrow at midnight is too early", Lifetime::Until(midnight + DAY), not_permitted("expiresAt")),
        ("tomorrow's date takes the time of day of creation", Lifetime::On(midnight + DAY), Ok(Some(NOW + DAY))),
        ("a later date", Lifetime::On(midnight + 30 * DAY), Ok(Some(NOW + 30 * DAY))),
        ("today's date", Lifetime::On(midnight), invalid("expiresAt")),
        // "setting the expiration date to 2038-01-19 or later creates an invalid token": not here.
        ("2038-01-19", Lifetime::On(2_147_472_000), Ok(Some(2_147_472_000 + NOW % DAY))),
        ("2038-01-19T03:14:07Z", Lifetime::Until(2_147_483_647), Ok(Some(2_147_483_647))),
        ("2038-01-19T03:14:08Z", Lifetime::Until(2_147_483_648), Ok(Some(2_147_483_648))),
        ("2106-02-07", Lifetime::On(4_294_944_000), Ok(Some(4_294_944_000 + NOW % DAY))),
        ("2106-02-07T06:28:16Z", Lifetime::Until(4_294_967_296), Ok(Some(4_294_967_296))),
        ("9999-12-31", Lifetime::On(253_402_214_400), Ok(Some(253_402_214_400 + NOW % DAY))),
        ("9999-12-31T23:59:59Z", Lifetime::Until(MAXIMUM_SECONDS), Ok(Some(MAXIMUM_SECONDS))),
        ("10000-01-01", Lifetime::On(253_402_300_800), invalid("expiresAt")),
    ] {
        let granted = grant(&profile, USER, &for_time(lifetime)).map(|terms| terms.expires_at);
        assert_eq!(granted, expected, "{DOCUMENT}: expiration, {topic}");
    }
}

#[test]
fn subject() {
    let own = tessera_native::policy::profile::check("Mine", &{
        let mut settings = profile(DOCUMENT).settings;
        settings.default_subject = Some("https://profile.example/".to_owned());
        settings
    })
    .unwrap();
    let built_in = profile(DOCUMENT);
    let site = Some("https://www.tokenexample.com/");
    for (topic, profile, subject, server, expected) in [
        ("the base URI by default", &built_in, None, site, site),
        ("without a server there is none", &built_in, None, None, None),
        ("the profile's before the server's", &own, None, site, Some("https://profile.example/")),
        ("the profile's", &own, None, None, Some("https://profile.example/")),
        ("can be blank", &built_in, Some(""), site, None),
        ("can be blank over the profile's", &own, Some(""), None, None),
        (
            "more specific",
            &built_in,
            Some("https://www.tokenexample.com/locations"),
            site,
            Some("https://www.tokenexample.com/locations"),
        ),
    ] {
        let granted = grant(profile, USER, &Asked { subject, server, ..named() }).unwrap();
        assert_eq!(granted.subject.as_deref(), expected, "{DOCUMENT}: subject, {topic}");
    }
}

#[test]
fn reach_of_the_subject() {
    // "If the base URI is unchanged, the token will be valid for the entire URI site. If ... more specific ..., the
    // token would be limited to the URI's "locations" resource."
    let admits = |subject: &str, uri: &str| {
        let conditions = Conditions { subject: Some(subject.to_owned()), ..Conditions::default() };
        Compiled::new(&conditions).unwrap().admits_path(Some(uri))
    };
    let site = "https://www.tokenexample.com/";
    for (topic, subject, path, expected) in [
        ("the entire site", "", "", true),
        ("the entire site", "", "locations/7", true),
        ("the resource", "locations", "locations", true),
        ("what is under the resource", "locations", "locations/7?page=2", true),
        ("what begins alike", "locations", "locations2", false),
        ("the site beside the resource", "locations", "", false),
        ("the way back out", "locations", "locations/../admin", false),
        ("the way back out, encoded", "locations", "locations/%2e%2e/admin", false),
    ] {
        let admitted = admits(&format!("{site}{subject}"), &format!("{site}{path}"));
        assert_eq!(admitted, expected, "{DOCUMENT}: subject, {topic}: {path}");
    }
    assert!(
        !admits(site, "https://other.example/") && !admits(site, "http://www.tokenexample.com/"),
        "{DOCUMENT}: site"
    );
}

#[test]
fn referrer() {
    // "limit token validation to "Referrer" domains that end with the given value".
    let admits = |condition: Option<&str>, referrer: Option<&str>| {
        let conditions = Conditions { referrer: condition.map(str::to_owned), ..Conditions::default() };
        Compiled::new(&conditions).unwrap().admits_referrer(referrer)
    };
    for (topic, referrer, expected) in [
        ("the domain", Some("https://example.com/page"), true),
        ("one that ends with it", Some("https://app.example.com/"), true),
        ("one that ends like it", Some("https://badexample.com/"), false),
        ("one that begins with it", Some("https://example.com.evil.org/"), false),
        ("none", None, false),
    ] {
        assert_eq!(admits(Some("example.com"), referrer), expected, "{DOCUMENT}: referrer, {topic}");
    }
    for referrer in [None, Some("https://anywhere.example/")] {
        assert!(admits(None, referrer), "{DOCUMENT}: referrer, left blank it is valid for all");
    }
    assert!(admits(Some(""), None), "{DOCUMENT}: referrer, left blank it is valid for all");
}

#[test]
fn only_the_remark_is_editable() {
    let tags = check_tag_change(&profile(DOCUMENT), &list(&["new"]));
    assert_eq!(attempt(tags), not_permitted("tags"), "{DOCUMENT}: a token is immutable but for its remark");
    let remark = |acting: &Acting| {
        with_facts(ADAM, Some(ADAM), |facts| attempt(may_change(acting, facts, &Operation::TOKEN_UPDATE)))
    };
    assert_eq!(remark(&identity(ADAM, USER)), Ok(()), "{DOCUMENT}: remark, by its owner");
}

#[test]
fn both_forms_of_value() {
    for (asked, expected) in [(None, TokenFormat::Opaque), (Some(TokenFormat::Jwt), TokenFormat::Jwt)] {
        let granted = grant(&profile(DOCUMENT), USER, &Asked { format: asked, ..named() }).unwrap();
        assert_eq!(granted.format, expected, "{DOCUMENT}: the referrer is kept for both forms of value");
    }
}

/// A store in which Adam has the role that the tokens need, and Adam.
fn with_role() -> (Fixture, Actor) {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_role("REST API", &[]).unwrap();
    let adam = owner.update_identity("Adam", Some(&list(USER)), None).unwrap();
    (fixture, Actor::Identity { id: adam.id, name: adam.name })
}

/// A token for Adam, by name.
fn own_token() -> GrantRequest {
    GrantRequest {
        identity: "Adam".into(),
        profile: Some(DOCUMENT.into()),
        name: Some("nightly".into()),
        ..GrantRequest::default()
    }
}

#[test]
fn users_create_their_own_tokens() {
    let (fixture, adam) = with_role();
    let owner = fixture.engine.owner();
    let root = owner.create_identity("Root", &list(&["Administrator", "REST API"]), None).unwrap();
    let root = Actor::Identity { id: root.id, name: root.name };
    assert!(fixture.engine.session(&adam).grant(&own_token()).is_ok(), "{DOCUMENT}: one's own");
    for (topic, session) in [("an administrator", fixture.engine.session(&root)), ("the local owner", owner)] {
        let refused = session.grant(&own_token()).map(drop).map_err(|error| error.code());
        assert_eq!(refused, Err(ErrorCode::NotPermitted), "{DOCUMENT}: another's, by {topic}");
    }
    owner.update_identity("Adam", Some(&list(&["Reader"])), None).unwrap();
    let refused = fixture.engine.session(&adam).grant(&own_token()).map(drop).map_err(|error| error.code());
    assert_eq!(refused, Err(ErrorCode::NotPermitted), "{DOCUMENT}: without the role REST API");
}

#[test]
fn expirations_after_2038() {
    // Dates that are refused there work here.
    let (fixture, adam) = with_role();
    for (topic, expires_at) in [
        ("2038-01-19T03:14:08Z", 2_147_483_648),
        ("2106-02-07T06:28:16Z", 4_294_967_296),
        ("the last second of 9999", MAXIMUM_SECONDS),
    ] {
        fixture.clock.set(store::NOW);
        let asked = GrantRequest { lifetime: Lifetime::Until(expires_at), ..own_token() };
        let grant = fixture.engine.session(&adam).grant(&asked).unwrap();
        let read = fixture.engine.owner().token(grant.token.id.as_str()).unwrap();
        assert_eq!(read.expires_at, Some(expires_at), "{DOCUMENT}: {topic}");
        fixture.clock.set(expires_at - 1);
        assert_eq!(fixture.check(&grant), Outcome::Valid, "{DOCUMENT}: a second before {topic}");
        fixture.clock.set(expires_at);
        assert_eq!(fixture.check(&grant), Outcome::Expired, "{DOCUMENT}: {topic}");
    }
}

#[test]
fn subject_and_referrer_in_use() {
    let (fixture, adam) = with_role();
    let conditions = Conditions {
        subject: Some("https://site.example/app/".into()),
        referrer: Some("example.com".into()),
        ..Conditions::default()
    };
    let grant = fixture.engine.session(&adam).grant(&GrantRequest { conditions, ..own_token() }).unwrap();
    let blank = fixture.engine.session(&adam).grant(&own_token()).unwrap();
    for (topic, uri, referrer, expected) in [
        ("that resource", "https://site.example/app/1", "https://example.com/", Outcome::Valid),
        ("a domain that ends with the value", "https://site.example/app/1", "https://a.example.com/", Outcome::Valid),
        ("another resource", "https://site.example/", "https://example.com/", Outcome::PathDenied),
        ("another site", "https://other.example/app/1", "https://example.com/", Outcome::PathDenied),
        ("another domain", "https://site.example/app/1", "https://example.org/", Outcome::ReferrerDenied),
    ] {
        let context = AccessContext { uri: Some(uri), referrer: Some(referrer), ..AccessContext::default() };
        let outcome = |value: &[u8]| fixture.engine.validate(value, context).outcome;
        assert_eq!(outcome(grant.value.as_bytes()), expected, "{DOCUMENT}: {topic}");
        assert_eq!(outcome(blank.value.as_bytes()), Outcome::Valid, "{DOCUMENT}: blank is all, {topic}");
    }
    let read = fixture.engine.session(&adam).token(grant.token.id.as_str()).unwrap();
    assert!(read.has_referrer, "{DOCUMENT}: that there is a referrer");
    assert!(!format!("{read:?}").contains("example.com"), "{DOCUMENT}: the referrer is not accessible to the user");
}

#[test]
fn the_grid() {
    let (fixture, adam) = with_role();
    let session = fixture.engine.session(&adam);
    let page = TokenFilter { limit: 10, ..TokenFilter::default() };
    assert!(session.tokens(&page).unwrap().is_empty(), "{DOCUMENT}: before");
    let grant = session.grant(&own_token()).unwrap();
    let id = grant.token.id.as_str();
    assert_eq!(session.tokens(&page).unwrap(), std::slice::from_ref(&grant.token), "{DOCUMENT}: adds a record");
    let again = session.kept_value(id).map(drop).map_err(|error| error.code());
    assert_eq!(again, Err(ErrorCode::NotPermitted), "{DOCUMENT}: only opportunity to view the value");

    let remarked = session.update_token(id, Some("for the nightly job"), None).unwrap();
    assert_eq!(remarked.remark.as_deref(), Some("for the nightly job"), "{DOCUMENT}: Remark");
    let tagged = session.update_token(id, None, Some(&list(&["a"]))).map(drop).map_err(|error| error.code());
    assert_eq!(tagged, Err(ErrorCode::NotPermitted), "{DOCUMENT}: nothing else is editable");

    assert!(session.remove_token(id).unwrap());
    assert!(session.tokens(&page).unwrap().is_empty(), "{DOCUMENT}: deleting takes it off the grid");
    assert_eq!(fixture.check(&grant), Outcome::Unknown, "{DOCUMENT}: deleting disables it");
    let filter = AuditFilter {
        subject_kind: Some(AuditSubject::Token),
        subject: Some(grant.token.id.to_string()),
        limit: 10,
        ..AuditFilter::default()
    };
    fixture.engine.flush().unwrap();
    let events = fixture.engine.owner().audit_events(&filter).unwrap();
    let names: Vec<_> = events.iter().map(|event| event.event.event.as_str()).collect();
    assert!(names.contains(&"token.grant") && names.contains(&"token.remove"), "{DOCUMENT}: the audit log: {names:?}");
}
