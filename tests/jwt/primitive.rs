//! What the jsonwebtoken crate lets through, with the usual settings or with strict ones, and we do not.
//!
//! Each probe is first shown to pass the crate, so that the table stays true when the crate changes, then to
//! be refused here.

use jsonwebtoken::{DecodingKey, Validation, decode};
use serde_json::Value;
use tessera_native::format::key::{self, KeyKind};
use tessera_native::model::{Algorithm, JwtKind, Outcome};

use crate::support::*;

/// Whether the crate accepts the token: HS256, issuer and audience set, the clock's claims as they are.
fn crate_accepts(token: &str) -> bool {
    let mut validation = Validation::new(jsonwebtoken::Algorithm::HS256);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    let key = DecodingKey::from_secret(secret().private().as_bytes());
    decode::<Value>(token, &key, &validation).is_ok()
}

#[test]
fn what_the_crate_accepts_is_refused_here() {
    // The crate reads the machine's clock, so its tokens run until 2100.
    let payload = PAYLOAD.replace("1700003600", "4102444800");
    let claim = |name: &str, value: Option<&str>| match value {
        Some(value) => with_claim(name, Some(value)).replace("1700003600", "4102444800"),
        None => with_claim(name, None).replace("1700003600", "4102444800"),
    };
    let probes = [
        ("crit with an unknown name", with_member(HEADER, r#""crit":["zzz"]"#), payload.clone()),
        ("crit empty", with_member(HEADER, r#""crit":[]"#), payload.clone()),
        ("crit and b64", with_member(HEADER, r#""crit":["b64"],"b64":false"#), payload.clone()),
        ("b64 alone", with_member(HEADER, r#""b64":false"#), payload.clone()),
        ("zip", with_member(HEADER, r#""zip":"DEF""#), payload.clone()),
        ("typ dpop+jwt", HEADER.replace("at+jwt", "dpop+jwt"), payload.clone()),
        ("typ of any kind", HEADER.replace("at+jwt", "anything"), payload.clone()),
        ("a header member twice", with_member(HEADER, r#""x":1,"x":2"#), payload.clone()),
        ("an embedded key", with_member(HEADER, r#""jwk":{"kty":"oct","k":"AAAA"}"#), payload.clone()),
        ("a kid that is a path", HEADER.replace("k1", "../../dev/null"), payload.clone()),
        ("iss a number", HEADER.to_owned(), claim("iss", Some("5"))),
        ("iss absent", HEADER.to_owned(), claim("iss", None)),
        ("iss several", HEADER.to_owned(), claim("iss", Some(r#"["evil","https://issuer.example"]"#))),
        ("aud a number", HEADER.to_owned(), claim("aud", Some("5"))),
        ("aud null", HEADER.to_owned(), claim("aud", Some("null"))),
        ("aud absent", HEADER.to_owned(), claim("aud", None)),
        ("aud mixed", HEADER.to_owned(), claim("aud", Some(r#"[5,"api"]"#))),
        ("exp a fraction", HEADER.to_owned(), claim("exp", Some("4.1e9"))),
        ("exp beyond 64 bits", HEADER.to_owned(), claim("exp", Some("1e19"))),
        ("exp the greatest number", HEADER.to_owned(), claim("exp", Some("18446744073709551615"))),
        ("a claim twice", HEADER.to_owned(), with_member(&payload, r#""role":"Reader","role":"Administrator""#)),
        ("white space after the payload", HEADER.to_owned(), format!("{payload} ")),
        (
            "120 levels",
            HEADER.to_owned(),
            with_member(&payload, &format!(r#""a":{}{}"#, "[".repeat(120), "]".repeat(120))),
        ),
    ];
    for (what, header, payload) in &probes {
        let token = forge(header, payload, secret());
        assert!(crate_accepts(&token), "{what}: the crate has become stricter; the table can be shortened");
        assert_ne!(outcome(&token), Outcome::Valid, "{what}");
    }
    let future = forge(HEADER, &payload.replace("\"iat\":1700000000", "\"iat\":4102444000"), secret());
    assert!(crate_accepts(&future));
    assert_eq!(outcome(&future), Outcome::NotYetValid, "iat in 2100");
    assert!(crate_accepts(&forge(HEADER, &payload, secret())), "the table's base passes the crate");
    assert_eq!(outcome(&forge(HEADER, PAYLOAD, secret())), Outcome::Valid);
}

#[test]
fn keys_that_the_crate_accepts_are_refused_here() {
    let pem = key_of(Algorithm::ES256).verifying_key().public_pem().unwrap();
    for text in [&b""[..], pem.as_bytes()] {
        for kind in JwtKind::ALL {
            assert!(key::verifying_key(text, KeyKind::Secret, None, kind).is_err());
        }
    }
}
