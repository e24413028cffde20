//! Every algorithm and every kind, made and checked.

use tessera_native::crypto::signing::SigningKeyMaterial;
use tessera_native::format::json;
use tessera_native::format::jwt::{Expectations, Keys, MintOptions, mint, verify, verify_jws};
use tessera_native::model::{Algorithm, JwtKind, Outcome};

use crate::support::*;

const CLAIMS: &str =
    r#"{"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name":"Adam","sub":"Adam","aud":"api"}"#;

fn minted(kind: JwtKind, key: &SigningKeyMaterial) -> tessera_native::format::jwt::Minted<'static> {
    let options = MintOptions { kind, issuer: Some(ISSUER), now_seconds: NOW, lifetime_seconds: Some(3_600) };
    mint(json::parse_object(CLAIMS.as_bytes()).unwrap(), key, &options).unwrap()
}

#[test]
fn what_is_made_is_accepted() {
    for kind in JwtKind::ALL {
        for key in keys() {
            let is_document = kind.allows_short_secrets();
            if is_document && key.algorithm() != Algorithm::HS256 {
                continue;
            }
            let token = minted(kind, key);
            let expectations = Expectations { kind, ..expectations() };
            let verdict = verify(token.value.as_bytes(), &Keys::Given(key.verifying_key()), &expectations);
            assert_eq!(verdict.reason, None, "{kind:?} {:?}", key.algorithm());
            assert_eq!(verdict.outcome, Outcome::Valid);
            assert_eq!(verdict.claims.as_ref(), Some(&token.claims));
            assert_eq!((verdict.key_id.as_deref(), verdict.algorithm), (Some("k1"), Some(key.algorithm())));
            assert!(verdict.warnings.is_empty());
            assert_eq!(token.claims.expires_at, NOW + 3_600);
            assert!(verify_jws(token.value.as_bytes(), key.verifying_key()).is_ok());

            let stored = SigningKeyMaterial::from_stored(key.algorithm(), "k1", key.private()).unwrap();
            let look_up = |key_id: &str| (key_id == "k1").then(|| stored.verifying_key());
            let verdict = verify(token.value.as_bytes(), &Keys::ByKeyId(&look_up), &expectations);
            let expected = if is_document { Outcome::Unknown } else { Outcome::Valid };
            assert_eq!(verdict.outcome, expected, "tokens of these kinds name no key");
        }
    }
}

#[test]
fn another_key_of_the_same_kind_is_refused() {
    for key in keys() {
        if matches!(key.algorithm(), Algorithm::RS256 | Algorithm::PS256) {
            continue;
        }
        let token = minted(JwtKind::JsonWebToken, key);
        let other = SigningKeyMaterial::generate(key.algorithm()).unwrap();
        let other = SigningKeyMaterial::from_stored(key.algorithm(), "k1", other.private()).unwrap();
        let expectations = Expectations { kind: JwtKind::JsonWebToken, ..expectations() };
        let verdict = verify(token.value.as_bytes(), &Keys::Given(other.verifying_key()), &expectations);
        assert_eq!(verdict.outcome, Outcome::Unknown);
        assert_eq!(verdict.claims, None, "nothing of an unsigned token is believed");
        assert!(verify_jws(token.value.as_bytes(), other.verifying_key()).is_err());
    }
}

#[test]
fn ids_do_not_come_twice() {
    let ids: std::collections::HashSet<_> =
        (0..1_000).map(|_| minted(JwtKind::AccessToken, secret()).claims.id.unwrap()).collect();
    assert_eq!(ids.len(), 1_000);
}
