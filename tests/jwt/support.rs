//! Tokens forged from any header and payload, with a right signature: so that it is the rule in question,
//! not the signature, that refuses them.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tessera_native::crypto::signing::{SigningKeyMaterial, VerifyingKey};
use tessera_native::format::jwt::{Expectations, JwtVerdict, Keys, verify};
use tessera_native::model::{Algorithm, JwtKind, Outcome};
use tessera_native::secret::Secret;

pub const NOW: i64 = 1_700_000_000;
pub const ISSUER: &str = "https://issuer.example";
pub const AUDIENCE: &str = "api";
pub const HEADER: &str = r#"{"alg":"HS256","typ":"at+jwt","kid":"k1"}"#;
pub const PAYLOAD: &str = r#"{"iss":"https://issuer.example","sub":"Adam","aud":"api","client_id":"Adam","iat":1700000000,"nbf":1700000000,"exp":1700003600,"jti":"0123456789AB"}"#;

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// An HS256 key, id `k1`.
pub fn secret() -> &'static SigningKeyMaterial {
    static KEY: OnceLock<SigningKeyMaterial> = OnceLock::new();
    KEY.get_or_init(|| hmac(b"0123456789abcdef0123456789abcdef", Some("k1")))
}

pub fn hmac(bytes: &[u8], key_id: Option<&str>) -> SigningKeyMaterial {
    SigningKeyMaterial::hmac(Secret::from(bytes), key_id.map(str::to_owned)).unwrap()
}

/// One key of each algorithm with the id `k1`; the RSA ones are slow to make, so all are made once.
pub fn keys() -> &'static [SigningKeyMaterial] {
    static KEYS: OnceLock<Vec<SigningKeyMaterial>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let rsa = SigningKeyMaterial::generate(Algorithm::RS256).unwrap();
        let key = |algorithm: Algorithm| {
            let private = match algorithm {
                Algorithm::RS256 | Algorithm::PS256 => rsa.private().clone(),
                _ => SigningKeyMaterial::generate(algorithm).unwrap().private().clone(),
            };
            SigningKeyMaterial::from_stored(algorithm, "k1", &private).unwrap()
        };
        Algorithm::ALL.into_iter().map(key).collect()
    })
}

pub fn key_of(algorithm: Algorithm) -> &'static SigningKeyMaterial {
    keys().iter().find(|key| key.algorithm() == algorithm).unwrap()
}

/// A token of that header and payload, signed by `key` whatever the header says.
pub fn forge(header: &str, payload: &str, key: &SigningKeyMaterial) -> String {
    let signed = format!("{}.{}", encode(header), encode(payload));
    format!("{signed}.{}", key.sign(signed.as_bytes()).unwrap())
}

pub fn expectations() -> Expectations<'static> {
    Expectations { kind: JwtKind::AccessToken, issuer: Some(ISSUER), audience: Some(AUDIENCE), now_seconds: NOW + 60 }
}

/// Checks against one given key.
pub fn check(token: &str, key: &VerifyingKey) -> JwtVerdict<'static> {
    verify(token.as_bytes(), &Keys::Given(key), &expectations())
}

/// Checks an HS256 token against [`secret`].
pub fn outcome(token: &str) -> Outcome {
    check(token, secret().verifying_key()).outcome
}

/// Checks as a store does, by key id; panics when a key is looked up whose id is not `k1`.
pub fn check_by_key_id(token: &str) -> JwtVerdict<'static> {
    let look_up = |key_id: &str| {
        assert_eq!(key_id, "k1", "a key id of another form got as far as a look-up");
        Some(secret().verifying_key())
    };
    verify(token.as_bytes(), &Keys::ByKeyId(&look_up), &expectations())
}

/// The token must be refused for the rule whose reason holds `reason`.
pub fn assert_refused(token: &str, outcome: Outcome, reason: &str) {
    let verdict = check(token, secret().verifying_key());
    let found = verdict.reason.as_deref().unwrap_or("accepted");
    assert_eq!(verdict.outcome, outcome, "{found}: {token}");
    assert!(found.contains(reason), "{found:?} is not about {reason:?}: {token}");
}

/// `text` with a member put in front of the others of the object.
pub fn with_member(text: &str, member: &str) -> String {
    text.replacen('{', &format!("{{{member},"), 1)
}

/// [`PAYLOAD`] with the claim's value replaced, taken out (`None`), or added.
pub fn with_claim(name: &str, value: Option<&str>) -> String {
    let payload: serde_json::Map<String, serde_json::Value> = serde_json::from_str(PAYLOAD).unwrap();
    let mut members: Vec<String> = payload
        .iter()
        .filter(|(member, _)| *member != name)
        .map(|(member, value)| format!("\"{member}\":{value}"))
        .collect();
    members.extend(value.map(|value| format!("\"{name}\":{value}")));
    format!("{{{}}}", members.join(","))
}
