//! Document: Universal Dashboard 2.x, "REST API Authentication".

use tessera_native::crypto::signing::SigningKeyMaterial;
use tessera_native::format::json::{self, Value};
use tessera_native::format::jwt::{Expectations, Keys, MintOptions, inspect, mint, verify};
use tessera_native::format::key::{self, KeyKind};
use tessera_native::model::{JwtKind, Outcome, TokenFormat};
use tessera_native::policy::Lifetime;
use tessera_native::service::GrantRequest;

use crate::store::fixture;
use crate::support::*;

const DOCUMENT: &str = "UniversalDashboard";
const KIND: JwtKind = JwtKind::UniversalDashboard;

/// The claim that `$User` is read from.
const NAME: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name";

fn signing_key(text: &str) -> SigningKeyMaterial {
    key::signing_key(text.as_bytes(), KeyKind::Secret, None, KIND).unwrap()
}

/// A token for Adam with these further claims, of which `iss` and `aud` are two.
fn minted(further: &str, key: &SigningKeyMaterial) -> String {
    let claims = format!(r#"{{"{NAME}":"Adam"{further}}}"#);
    let claims = json::parse_object(claims.as_bytes()).unwrap();
    let options = MintOptions { kind: KIND, issuer: None, now_seconds: NOW, lifetime_seconds: None };
    String::from_utf8(mint(claims, key, &options).unwrap().value.as_bytes().to_vec()).unwrap()
}

#[test]
fn expiration() {
    let profile = profile(DOCUMENT);
    for (topic, lifetime, expected) in [
        ("default expiration is one year", Lifetime::Default, Ok(Some(NOW + 365 * DAY))),
        ("-Expiry (Get-Date).AddDays(10)", Lifetime::Until(NOW + 10 * DAY), Ok(Some(NOW + 10 * DAY))),
        ("a JWT must expire", Lifetime::Never, not_permitted("noExpiry")),
    ] {
        let granted = grant(&profile, &[], &for_time(lifetime));
        assert_eq!(granted.clone().map(|terms| terms.expires_at), expected, "{DOCUMENT}: {topic}");
        assert!(granted.is_err() || granted.unwrap().format == TokenFormat::Jwt, "{DOCUMENT}: tokens are JWTs");
    }
    assert_eq!(profile.settings.jwt_kind, KIND, "{DOCUMENT}: tokens are JWTs of its kind");
}

#[test]
fn issuer_audience_and_key_are_the_same_on_both_sides() {
    // "When changing the signing key, audience or issuer, make sure to specify the same value".
    let (key, other) = (signing_key("SuperSecretKey"), signing_key("default_signing_key"));
    let token = minted(r#","iss":"IMS","aud":"Billing""#, &key);
    for (topic, verifying, issuer, audience, expected) in [
        ("all the same", &key, Some("IMS"), Some("Billing"), Outcome::Valid),
        ("nothing is named", &key, None, None, Outcome::Valid),
        ("another signing key", &other, None, None, Outcome::Unknown),
        ("another issuer", &key, Some("Other"), None, Outcome::Unknown),
        ("another audience", &key, None, Some("Other"), Outcome::AudienceDenied),
    ] {
        let expectations = Expectations { kind: KIND, issuer, audience, now_seconds: NOW };
        let verdict = verify(token.as_bytes(), &Keys::Given(verifying.verifying_key()), &expectations);
        assert_eq!(verdict.outcome, expected, "{DOCUMENT}: configuration, {topic}: {:?}", verdict.reason);
    }
}

#[test]
fn payload() {
    // "Web tokens can include any set of information": the claims of the document's example, in its order.
    let token = minted(r#","Account":"Billing""#, &signing_key("default_signing_key"));
    let inspection = inspect(token.as_bytes()).unwrap();
    assert_eq!(inspection.header, r#"{"alg":"HS256","typ":"JWT"}"#, "{DOCUMENT}: header");
    let claims = json::parse_object(inspection.payload.as_bytes()).unwrap();
    let hash = NAME.replace("/name", "/hash");
    let names: Vec<_> = claims.iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(names, [NAME, &hash, "sub", "nbf", "exp", "aud", "Account"], "{DOCUMENT}: order of claims");
    let text = |name: &str| match claims.get(name) {
        Some(Value::String(text)) => text.to_string(),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(text(NAME), "Adam", "{DOCUMENT}: user name");
    assert_eq!(text("Account"), "Billing", "{DOCUMENT}: -Payload");
    assert_eq!((text("sub"), text("aud")), (DOCUMENT.to_owned(), DOCUMENT.to_owned()), "{DOCUMENT}: defaults");
}

#[test]
fn granted_and_revoked() {
    // "... granted on the command line ... and then provided as part of the Authorization header when making future
    // requests"; where there is a store, what it has revoked is refused.
    let fixture = fixture();
    let owner = fixture.engine.owner();
    let request = GrantRequest { identity: "Adam".into(), profile: Some(DOCUMENT.into()), ..GrantRequest::default() };
    let (one, other) = (owner.grant(&request).unwrap(), owner.grant(&request).unwrap());
    assert_eq!(fixture.check(&one), Outcome::Valid, "{DOCUMENT}: a granted token is accepted");
    assert!(owner.revoke_token(one.token.id.as_str(), None).unwrap().1);
    assert_eq!(fixture.check(&one), Outcome::Revoked, "{DOCUMENT}: a revoked token is refused");
    assert_eq!(fixture.check(&other), Outcome::Valid, "{DOCUMENT}: another token of the same user is not affected");
}
