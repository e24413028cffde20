use super::*;
use crate::crypto::signing::{SigningKeyMaterial, VerifyingKey};
use crate::error::{ErrorCode, Result};
use crate::format::{base64url, json};
use crate::model::{Algorithm, JwtKind};
use crate::secret::Secret;

const NOW: i64 = 1_700_000_000;
const NAME: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name";
const ROLE: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role";

fn options(kind: JwtKind) -> MintOptions<'static> {
    MintOptions { kind, issuer: Some("https://issuer.example"), now_seconds: NOW, lifetime_seconds: None }
}

fn minted<'a>(claims: &'a str, key: &SigningKeyMaterial, options: &MintOptions<'a>) -> Result<Minted<'a>> {
    mint(json::parse_object(claims.as_bytes()).unwrap(), key, options)
}

fn key() -> SigningKeyMaterial {
    SigningKeyMaterial::hmac(Secret::from(&[7_u8; 32][..]), Some("k1".to_owned())).unwrap()
}

fn parts(minted: &Minted<'_>) -> (String, String) {
    let inspection = inspect(minted.value.as_bytes()).unwrap();
    (inspection.header, inspection.payload)
}

#[test]
fn access_tokens_are_filled_in_and_written_in_order() {
    let claims = r#"{"extra":[1],"exp_note":"x","aud":"api","sub":"Adam"}"#;
    let token = minted(claims, &key(), &options(JwtKind::AccessToken)).unwrap();
    let (header, payload) = parts(&token);
    let id = token.claims.id.clone().unwrap();
    assert_eq!(header, r#"{"alg":"HS256","typ":"at+jwt","kid":"k1"}"#);
    assert_eq!(id.len(), 22);
    assert_eq!(
        payload,
        format!(
            r#"{{"iss":"https://issuer.example","sub":"Adam","aud":"api","client_id":"Adam","iat":{NOW},"nbf":{NOW},"exp":{},"jti":"{id}","extra":[1],"exp_note":"x"}}"#,
            NOW + 90 * 86_400
        )
    );
    assert!(token.warnings.is_empty());
}

#[test]
fn documents_kinds_write_the_claims_of_their_contracts() {
    let claims = format!(r#"{{"{ROLE}":"Administrator","{NAME}":"Admin"}}"#);
    let short = SigningKeyMaterial::hmac(Secret::from(&b"PleaseUseYourOwnSigningKeyHere"[..]), None).unwrap();
    let token = minted(&claims, &short, &MintOptions { issuer: None, ..options(JwtKind::PowerShellUniversal) });
    let token = token.unwrap();
    let (header, payload) = parts(&token);
    let hash = token.claims.id.clone().unwrap();
    assert_eq!(header, r#"{"alg":"HS256","typ":"JWT"}"#);
    assert_eq!(
        payload,
        format!(
            r#"{{"{NAME}":"Admin","http://schemas.xmlsoap.org/ws/2005/05/identity/claims/hash":"{hash}","sub":"PowerShellUniversal","{ROLE}":"Administrator","nbf":{NOW},"exp":{},"iss":"IronmanSoftware","aud":"PowerShellUniversal"}}"#,
            NOW + 365 * 86_400
        )
    );
    assert_eq!(token.warnings, [SHORT_SECRET_WARNING]);
    assert!(uuid::Uuid::try_parse(&hash).is_ok());

    let claims = format!(r#"{{"{NAME}":"Adam","department":"IT"}}"#);
    let token = minted(&claims, &short, &MintOptions { issuer: None, ..options(JwtKind::UniversalDashboard) });
    let (_, payload) = parts(&token.unwrap());
    let names: Vec<String> =
        json::parse_object(payload.as_bytes()).unwrap().iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(names[2..], ["sub", "nbf", "exp", "aud", "department"], "no iss unless given");
}

#[test]
fn tokens_that_would_be_refused_are_not_made() {
    let code = |claims: &str, options: &MintOptions<'_>| minted(claims, &key(), options).unwrap_err().code();
    let access = options(JwtKind::AccessToken);
    for claims in [
        r#"{"sub":"Adam"}"#,
        r#"{"aud":"api"}"#,
        r#"{"sub":"Adam","aud":[]}"#,
        r#"{"sub":5,"aud":"api"}"#,
        r#"{"sub":"Adam","aud":"api","exp":"2030"}"#,
        r#"{"sub":"Adam","aud":"api","exp":1699999999}"#,
        r#"{"sub":"Adam","aud":"api","exp":1800000000}"#,
        r#"{"sub":"Adam","aud":"api","exp":1700000010,"nbf":1700000010}"#,
        r#"{"sub":"Adam","aud":"api","iat":null}"#,
    ] {
        assert_eq!(code(claims, &access), ErrorCode::InvalidArgument, "{claims}");
    }
    let good = r#"{"sub":"Adam","aud":"api"}"#;
    assert!(minted(good, &key(), &access).is_ok());
    for lifetime in [0, -1, i64::MIN, 401 * 86_400, i64::MAX] {
        let options = MintOptions { lifetime_seconds: Some(lifetime), ..access };
        assert_eq!(code(good, &options), ErrorCode::InvalidArgument, "{lifetime}");
    }
    let with_lifetime = MintOptions { lifetime_seconds: Some(60), ..access };
    assert_eq!(code(r#"{"sub":"A","aud":"a","exp":1700000100}"#, &with_lifetime), ErrorCode::InvalidArgument);
    assert_eq!(code(good, &MintOptions { issuer: None, ..access }), ErrorCode::InvalidArgument);
}

#[test]
fn no_token_is_made_longer_than_one_may_be() {
    let of_size = |size: usize| {
        let claims = format!(r#"{{"sub":"Adam","aud":"api","x":"{}"}}"#, "x".repeat(size));
        minted(&claims, &key(), &options(JwtKind::AccessToken)).map(|token| token.value.as_bytes().len())
    };
    let mut longest = 0;
    // Around the edge one more character of claims makes one or two more of the token.
    for size in 5_800..6_100 {
        match of_size(size) {
            Ok(length) => longest = length,
            Err(error) => assert_eq!((error.code(), size > 5_850), (ErrorCode::InvalidArgument, true)),
        }
    }
    assert!((MAXIMUM_TOKEN_BYTES - 1..=MAXIMUM_TOKEN_BYTES).contains(&longest), "{longest}");
    assert!(of_size(6_100).is_err());
}

#[test]
fn keys_that_the_kind_refuses_make_no_token() {
    let good = r#"{"sub":"Adam","aud":"api"}"#;
    let short = SigningKeyMaterial::hmac(Secret::from(&[7_u8; 31][..]), None).unwrap();
    let error = minted(good, &short, &options(JwtKind::AccessToken)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::KeyRefused);
    let curve = SigningKeyMaterial::generate(Algorithm::ES256).unwrap();
    let claims = format!(r#"{{"{NAME}":"Admin"}}"#);
    let error = minted(&claims, &curve, &options(JwtKind::PowerShellUniversal)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::KeyRefused);
    let odd = SigningKeyMaterial::hmac(Secret::from(&[7_u8; 32][..]), Some("a b\"".to_owned())).unwrap();
    let error = minted(good, &odd, &options(JwtKind::AccessToken)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::KeyRefused);
}

#[test]
fn no_token_gets_more_members_than_a_check_reads() {
    let (key, options) = (key(), options(JwtKind::AccessToken));
    // Six claims are filled in, and those of an object within count too.
    let claims = |count: usize| {
        let others: Vec<String> = (0..count - 3).map(|number| format!(r#""{number}":0"#)).collect();
        format!(r#"{{"sub":"Adam","aud":"api","x":{{{}}}}}"#, others.join(","))
    };
    let most = claims(json::MAXIMUM_MEMBERS - 6);
    let token = minted(&most, &key, &options).unwrap();
    let expectations =
        Expectations { kind: JwtKind::AccessToken, issuer: options.issuer, audience: None, now_seconds: NOW };
    let verdict = verify(token.value.as_bytes(), &Keys::Given(key.verifying_key()), &expectations);
    assert_eq!(verdict.outcome, Outcome::Valid, "{:?}", verdict.reason);
    for count in [json::MAXIMUM_MEMBERS - 5, json::MAXIMUM_MEMBERS] {
        let error = minted(&claims(count), &key, &options).unwrap_err();
        assert_eq!((error.code(), error.subject()), (ErrorCode::InvalidArgument, Some("claims")), "{count}");
    }
}

#[test]
fn a_key_without_an_id_is_named_by_its_thumbprint() {
    let curve = SigningKeyMaterial::generate(Algorithm::EdDSA).unwrap();
    let nameless = SigningKeyMaterial::from_pkcs8(Algorithm::EdDSA, curve.private().as_bytes(), None).unwrap();
    let token = minted(r#"{"sub":"A","aud":"a"}"#, &nameless, &options(JwtKind::JsonWebToken)).unwrap();
    let thumbprint = curve.verifying_key().thumbprint().unwrap();
    assert_eq!(parts(&token).0, format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{thumbprint}"}}"#));
}

#[test]
fn inspection_takes_any_algorithm_and_believes_nothing() {
    let token = |header: &str, payload: &str, signature: &str| {
        format!("{}.{}.{signature}", base64url::encode(header.as_bytes()), base64url::encode(payload.as_bytes()))
    };
    let unsigned = token(r#"{"alg":"none","crit":["x"]}"#, r#"{"a":1}"#, "");
    let inspection = inspect(unsigned.as_bytes()).unwrap();
    assert_eq!(
        (inspection.header.as_str(), inspection.payload.as_str()),
        (r#"{"alg":"none","crit":["x"]}"#, r#"{"a":1}"#)
    );
    for bad in [
        String::new(),
        "..".to_owned(),
        "e30.e30".to_owned(),
        "e30.e30..".to_owned(),
        "e30.e30.A".to_owned(),
        "e30.e30.AB".to_owned(),
        " e30.e30.".to_owned(),
        token("[]", "{}", ""),
        token("{}", "null", ""),
        token("{}", r#"{"a":1,"a":2}"#, ""),
        token("{}", "{} ", ""),
        format!("e30.e30.{}", "A".repeat(MAXIMUM_TOKEN_BYTES)),
    ] {
        assert_eq!(inspect(bad.as_bytes()).unwrap_err().code(), ErrorCode::MalformedToken, "{bad}");
    }
    assert!(inspect(b"e30.e30.").is_ok());
}

#[test]
fn kinds_keep_their_names() {
    for kind in JwtKind::ALL {
        assert_eq!(JwtKind::parse(kind.name()), Some(kind));
    }
    assert_eq!(JwtKind::parse("accesstoken"), None);
    assert_eq!(JwtKind::default(), JwtKind::AccessToken);
}

/// What a check says that remembers nothing, because its thread is new.
fn verify_anew(token: &str, key: &VerifyingKey, kind: JwtKind) -> JwtVerdict<'static> {
    std::thread::scope(|scope| scope.spawn(|| verify_given(token, key, kind)).join().unwrap())
}

fn verify_given(token: &str, key: &VerifyingKey, kind: JwtKind) -> JwtVerdict<'static> {
    let expectations = Expectations { kind, issuer: None, audience: None, now_seconds: NOW };
    verify(token.as_bytes(), &Keys::Given(key), &expectations)
}

fn is_known(token: &str) -> bool {
    super::header::KnownHeader::find(token.split('.').next().unwrap().as_bytes()).is_some()
}

#[test]
fn a_header_is_remembered_for_its_very_text_and_decides_nothing() {
    const CLAIMS: &str = r#"{"sub":"Adam","aud":"api"}"#;
    let key = key();
    let token = minted(CLAIMS, &key, &options(JwtKind::AccessToken)).unwrap().value;
    let token = std::str::from_utf8(token.as_bytes()).unwrap();
    let other_secret = |key_id: &str| {
        SigningKeyMaterial::hmac(Secret::from(&[8_u8; 32][..]), Some(key_id.to_owned())).unwrap().into_verifying_key()
    };
    let curve = SigningKeyMaterial::generate(Algorithm::ES256).unwrap().into_verifying_key();
    let keys = [other_secret("k1"), other_secret("k2"), curve];

    assert!(!is_known(token));
    assert_eq!(verify_given(token, &keys[0], JwtKind::AccessToken).outcome, Outcome::Unknown);
    assert!(!is_known(token), "what no key signed is not remembered");
    let first = verify_given(token, key.verifying_key(), JwtKind::AccessToken);
    assert_eq!(first.outcome, Outcome::Valid);
    assert!(is_known(token));
    assert_eq!(verify_given(token, key.verifying_key(), JwtKind::AccessToken), first);

    // Other keys, other algorithms, other rules.
    for key in keys.iter().chain([key.verifying_key()]) {
        for kind in JwtKind::ALL {
            let verdict = verify_given(token, key, kind);
            assert_eq!(verdict, verify_anew(token, key, kind), "{key:?} {kind:?}");
            assert_eq!(verdict.outcome == Outcome::Valid, verdict == first, "{key:?} {kind:?}");
        }
    }

    // Changed by one byte, or by its length, in any part of the token.
    for position in 0..token.len() {
        for byte in ["A", "B", "_", ".", "=", ""] {
            let changed = format!("{}{byte}{}", &token[..position], &token[position + 1..]);
            if changed != token {
                let verdict = verify_given(&changed, key.verifying_key(), JwtKind::AccessToken);
                assert_ne!(verdict.outcome, Outcome::Valid, "{changed}");
                if position < 40 {
                    assert_eq!(verdict, verify_anew(&changed, key.verifying_key(), JwtKind::AccessToken), "{changed}");
                }
            }
        }
    }
    assert!(is_known(token), "none of these pushed it out");
}

#[test]
fn a_remembered_header_without_a_key_id_names_no_key_of_a_set() {
    let nameless = SigningKeyMaterial::hmac(Secret::from(&[7_u8; 32][..]), None).unwrap();
    let token = minted(r#"{"sub":"Adam","aud":"api"}"#, &nameless, &options(JwtKind::JsonWebToken)).unwrap().value;
    let token = std::str::from_utf8(token.as_bytes()).unwrap();
    assert_eq!(verify_given(token, nameless.verifying_key(), JwtKind::JsonWebToken).outcome, Outcome::Valid);
    assert!(is_known(token));
    let any = |_: &str| Some(nameless.verifying_key());
    let expectations = Expectations { kind: JwtKind::JsonWebToken, issuer: None, audience: None, now_seconds: NOW };
    let verdict = verify(token.as_bytes(), &Keys::ByKeyId(&any), &expectations);
    assert_eq!((verdict.outcome, verdict.reason.as_deref()), (Outcome::Malformed, Some("The header has no kid.")));

    // Another one takes its place.
    let named = minted(r#"{"sub":"Adam","aud":"api"}"#, &key(), &options(JwtKind::JsonWebToken)).unwrap().value;
    let named = std::str::from_utf8(named.as_bytes()).unwrap();
    assert_eq!(verify_given(named, key().verifying_key(), JwtKind::JsonWebToken).key_id.as_deref(), Some("k1"));
    assert!(is_known(named) && !is_known(token));
}
