//! The two tokens that PowerShell Universal's documentation prints, and the rules of its kind.

use serde_json::Value;
use tessera_native::crypto::signing::{SigningKeyMaterial, VerifyingKey};
use tessera_native::format::jwt::{Expectations, JwtVerdict, Keys, SHORT_SECRET_WARNING, verify};
use tessera_native::format::key::{self, KeyKind};
use tessera_native::model::{Algorithm, JwtKind, Outcome};

use crate::support::{forge, hmac, keys};

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
const NAME: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name";
const HASH: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/hash";
const ROLE: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role";
/// 2026-06-01T00:00:00Z.
const IN_2026: i64 = 1_780_272_000;

fn document() -> Value {
    serde_json::from_str(include_str!("../vectors/powershell_universal_tokens.json")).unwrap()
}

fn documented_key() -> SigningKeyMaterial {
    let text = document()["signingKey"].as_str().unwrap().to_owned();
    key::signing_key(text.as_bytes(), KeyKind::Secret, None, JwtKind::PowerShellUniversal).unwrap()
}

fn check(token: &str, key: &VerifyingKey, kind: JwtKind, now_seconds: i64) -> JwtVerdict<'static> {
    let expectations = Expectations { kind, issuer: None, audience: None, now_seconds };
    verify(token.as_bytes(), &Keys::Given(key), &expectations)
}

fn payload() -> String {
    format!(
        r#"{{"{NAME}":"Admin","{HASH}":"08ba1e19-282f-4a4c-b1de-564f975e6810","sub":"PowerShellUniversal","{ROLE}":"Reader","nbf":1633106933,"exp":1640886480,"iss":"IronmanSoftware","aud":"PowerShellUniversal"}}"#
    )
}

#[test]
fn the_printed_tokens_verified_in_their_time_and_have_expired() {
    let key = documented_key();
    for token in document()["tokens"].as_array().unwrap() {
        let value = token["value"].as_str().unwrap();
        let then = token["validAtSeconds"].as_i64().unwrap();
        let verdict = check(value, key.verifying_key(), JwtKind::PowerShellUniversal, then);
        assert_eq!((verdict.outcome, verdict.reason), (Outcome::Valid, None));
        assert_eq!(verdict.warnings, [SHORT_SECRET_WARNING]);
        let claims = verdict.claims.unwrap();
        assert_eq!(claims.name.as_deref(), token["name"].as_str());
        assert_eq!(claims.id.as_deref(), token["hash"].as_str());
        assert_eq!(claims.audiences, ["PowerShellUniversal"]);

        let now = check(value, key.verifying_key(), JwtKind::PowerShellUniversal, IN_2026);
        assert_eq!(now.outcome, Outcome::Expired);
        assert_eq!(now.warnings, [SHORT_SECRET_WARNING], "at each use");

        let other = hmac(b"PleaseUseYourOwnSigningKeyHerf", None);
        let forged = check(value, other.verifying_key(), JwtKind::PowerShellUniversal, then);
        assert_eq!(forged.outcome, Outcome::Unknown);
        for kind in [JwtKind::AccessToken, JwtKind::JsonWebToken] {
            assert_ne!(check(value, key.verifying_key(), kind, then).outcome, Outcome::Valid, "{kind:?}");
        }
    }
}

#[test]
fn a_short_key_verifies_no_other_kinds_tokens() {
    let short = hmac(b"SuperSecretKey", None);
    let claims = r#"{"iss":"i","sub":"s","aud":"a","exp":1700003600,"iat":1700000000,"jti":"j"}"#;
    let token = forge(HEADER, claims, &short);
    let verdict = check(&token, short.verifying_key(), JwtKind::JsonWebToken, 1_700_000_000);
    assert_eq!(verdict.outcome, Outcome::Unknown);
    assert!(verdict.reason.unwrap().contains("fewer than 32 bytes"));
    for kind in [JwtKind::AccessToken, JwtKind::JsonWebToken] {
        assert!(key::verifying_key(b"SuperSecretKey", KeyKind::Secret, None, kind).is_err());
    }
    let long = hmac(b"0123456789abcdef0123456789abcdef", None);
    let verdict = check(&forge(HEADER, claims, &long), long.verifying_key(), JwtKind::JsonWebToken, 1_700_000_000);
    assert_eq!(verdict.outcome, Outcome::Valid);
}

#[test]
fn the_kinds_rules_hold() {
    let key = documented_key();
    let now = 1_638_316_800;
    let outcome = |payload: &str, kind| check(&forge(HEADER, payload, &key), key.verifying_key(), kind, now).outcome;
    let universal = JwtKind::PowerShellUniversal;
    assert_eq!(outcome(&payload(), universal), Outcome::Valid);
    let roles = payload().replace("\"Reader\"", r#"["Reader","Operator"]"#);
    assert_eq!(outcome(&roles, universal), Outcome::Valid, "several roles");
    for (what, changed) in [
        ("no name", payload().replacen(NAME, "name", 1)),
        ("no hash", payload().replacen(HASH, "hash", 1)),
        ("a hash that is no UUID", payload().replace("08ba1e19-", "")),
        (
            "a hash in braces",
            payload().replace("08ba1e19-282f-4a4c-b1de-564f975e6810", "{08ba1e19-282f-4a4c-b1de-564f975e6810}"),
        ),
        ("a name that is a number", payload().replace("\"Admin\"", "5")),
        ("a role that is a number", payload().replace("\"Reader\"", "5")),
        ("a role among numbers", payload().replace("\"Reader\"", r#"["Reader",5]"#)),
        ("no sub", payload().replace("\"sub\"", "\"sup\"")),
        ("no nbf", payload().replace("\"nbf\"", "\"nbe\"")),
        ("no exp", payload().replace("\"exp\"", "\"exq\"")),
        ("no iss", payload().replace("\"iss\"", "\"ist\"")),
        ("no aud", payload().replace("\"aud\"", "\"aue\"")),
    ] {
        assert_eq!(outcome(&changed, universal), Outcome::Malformed, "{what}");
    }
    assert_eq!(outcome(&payload().replace("IronmanSoftware", "Other"), universal), Outcome::Unknown);
    let audience = payload().replace("\"aud\":\"PowerShellUniversal\"", "\"aud\":\"Other\"");
    assert_eq!(outcome(&audience, universal), Outcome::AudienceDenied);
    // Universal Dashboard names no issuer and no audience of its own.
    let dashboard = payload()
        .replace(r#","iss":"IronmanSoftware""#, "")
        .replace("\"aud\":\"PowerShellUniversal\"", "\"aud\":\"Other\"");
    assert_eq!(outcome(&dashboard, JwtKind::UniversalDashboard), Outcome::Valid);
}

#[test]
fn only_hs256_is_accepted() {
    for key in keys() {
        let header = format!(r#"{{"alg":"{}","typ":"JWT"}}"#, key.algorithm().as_str());
        let token = forge(&header, &payload(), key);
        let verdict = check(&token, key.verifying_key(), JwtKind::PowerShellUniversal, 1_638_316_800);
        let expected = if key.algorithm() == Algorithm::HS256 { Outcome::Valid } else { Outcome::Unknown };
        assert_eq!(verdict.outcome, expected, "{header}");
    }
}
