use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::crypto::der;
use crate::error::ErrorCode;
use crate::format::base64url;

const MESSAGE: &[u8] = b"header.payload";
const KIND: JwtKind = JwtKind::JsonWebToken;

/// The keys of RFC 7515 appendix A.3 and RFC 8037 appendix A.1.
const CURVE_JWK: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;
const ED25519_JWK: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const SECRET_JWK: &str =
    r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#;

/// One RSA key for all tests: they are slow to make.
fn rsa() -> &'static SigningKeyMaterial {
    static KEY: OnceLock<SigningKeyMaterial> = OnceLock::new();
    KEY.get_or_init(|| SigningKeyMaterial::generate(Algorithm::RS256).unwrap())
}

fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The RSA key as a private JWK, its numbers read from its RSAPrivateKey.
fn rsa_jwk(more: &str) -> String {
    let pkcs1 = der::rsa_private_key(rsa().private().as_bytes()).unwrap();
    let (mut content, _) = der::read(pkcs1, der::SEQUENCE).unwrap();
    let mut members = Vec::new();
    for name in ["version", "n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        let (number, rest) = der::read(content, der::INTEGER).unwrap();
        let number = number.strip_prefix(&[0]).unwrap_or(number);
        members.push(format!(r#""{name}":"{}""#, base64url::encode(number)));
        content = rest;
    }
    format!(r#"{{"kty":"RSA",{}{more}}}"#, members[1..].join(","))
}

fn signing(text: &str, kind: KeyKind, algorithm: Option<Algorithm>) -> Result<SigningKeyMaterial> {
    signing_key(text.as_bytes(), kind, algorithm, KIND)
}

fn verifying(text: &str, kind: KeyKind, algorithm: Option<Algorithm>) -> Result<VerifyingKey> {
    verifying_key(text.as_bytes(), kind, algorithm, KIND)
}

fn assert_refused<T>(result: Result<T>, what: &str) {
    match result {
        Ok(_) => panic!("accepted: {what}"),
        Err(error) => assert_eq!(error.code(), ErrorCode::KeyRefused, "{what}"),
    }
}

#[test]
fn pem_keys_read_for_both_uses() {
    for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA] {
        let key = SigningKeyMaterial::generate(algorithm).unwrap();
        let private = pem("PRIVATE KEY", key.private().as_bytes());
        let public = key.verifying_key().public_pem().unwrap();
        for asked in [None, Some(algorithm)] {
            let signature = signing(&private, KeyKind::Pem, asked).unwrap().sign(MESSAGE).unwrap();
            for text in [&private, &public, &format!("\r\n{}\r\n", public.replace('\n', "\r\n"))] {
                let read = verifying(text, KeyKind::Pem, asked).unwrap();
                assert!(read.verify(MESSAGE, &signature), "{algorithm:?}");
                assert_eq!((read.algorithm(), read.key_id()), (algorithm, None));
            }
        }
        assert_refused(signing(&public, KeyKind::Pem, None), "a public key for signing");
        assert_refused(verifying(&public, KeyKind::Pem, Some(Algorithm::RS256)), "another algorithm");
        assert_refused(verifying(&public, KeyKind::Pem, Some(Algorithm::HS256)), "a public key as a secret");
    }
}

#[test]
fn rsa_keys_need_their_algorithm_said() {
    let pkcs8 = rsa().private().as_bytes();
    let pkcs1 = der::rsa_private_key(pkcs8).unwrap();
    let signature = rsa().sign(MESSAGE).unwrap();
    let public = rsa().verifying_key().public_pem().unwrap();
    for text in [pem("PRIVATE KEY", pkcs8), pem("RSA PRIVATE KEY", pkcs1), public] {
        assert_refused(verifying(&text, KeyKind::Pem, None), "no algorithm");
        assert_refused(verifying(&text, KeyKind::Pem, Some(Algorithm::ES256)), "another kind");
        assert!(verifying(&text, KeyKind::Pem, Some(Algorithm::RS256)).unwrap().verify(MESSAGE, &signature));
        assert!(!verifying(&text, KeyKind::Pem, Some(Algorithm::PS256)).unwrap().verify(MESSAGE, &signature));
    }
    assert_refused(signing(&rsa_jwk(""), KeyKind::Jwk, None), "no algorithm");
    let own = signing(&rsa_jwk(r#","alg":"PS256","kid":"k1""#), KeyKind::Jwk, None).unwrap();
    assert_eq!((own.algorithm(), own.key_id()), (Algorithm::PS256, Some("k1")));
    let asked = signing(&rsa_jwk(""), KeyKind::Jwk, Some(Algorithm::RS256)).unwrap();
    assert!(rsa().verifying_key().verify(MESSAGE, &asked.sign(MESSAGE).unwrap()));
    let public = rsa().verifying_key().public_jwk().unwrap();
    assert!(verifying(&public, KeyKind::Jwk, None).unwrap().verify(MESSAGE, &signature));
    assert_refused(verifying(&public, KeyKind::Jwk, Some(Algorithm::PS256)), "one key, one algorithm");
}

#[test]
fn other_pem_texts_are_refused() {
    let key = SigningKeyMaterial::generate(Algorithm::ES256).unwrap();
    let good = pem("PRIVATE KEY", key.private().as_bytes());
    for (what, text) in [
        ("two keys", format!("{good}{good}")),
        ("text before", format!("hello\n{good}")),
        ("text after", format!("{good}hello")),
        ("another end", good.replace("END PRIVATE", "END PUBLIC")),
        ("no end", good.replace("-----END PRIVATE KEY-----", "")),
        ("another label", good.replace("PRIVATE KEY", "PUBLIC KEY")),
        ("an encrypted key", good.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY")),
        ("a certificate", good.replace("PRIVATE KEY", "CERTIFICATE")),
        ("parameters", good.replace("PRIVATE KEY", "EC PARAMETERS")),
        ("no content", good.lines().filter(|line| line.starts_with("-----")).collect::<Vec<_>>().join("\n")),
        ("cut off", pem("PRIVATE KEY", &key.private().as_bytes()[..100])),
        ("headers", good.replace("KEY-----\nM", "KEY-----\nProc-Type: 4,ENCRYPTED\n\nM")),
        ("not base64", good.replace("\nM", "\n*")),
        ("no PEM", "hello".to_owned()),
    ] {
        assert_refused(signing(&text, KeyKind::Pem, None), what);
        assert_refused(verifying(&text, KeyKind::Pem, None), what);
    }
}

#[test]
fn jwks_of_the_standards_read_for_both_uses() {
    for (text, algorithm) in
        [(CURVE_JWK, Algorithm::ES256), (ED25519_JWK, Algorithm::EdDSA), (SECRET_JWK, Algorithm::HS256)]
    {
        let key = signing(text, KeyKind::Jwk, None).unwrap();
        assert_eq!((key.algorithm(), key.key_id()), (algorithm, None));
        let read = verifying(text, KeyKind::Jwk, Some(algorithm)).unwrap();
        assert!(read.verify(MESSAGE, &key.sign(MESSAGE).unwrap()));
        if let Some(public) = key.verifying_key().public_jwk() {
            let read = verifying(&public, KeyKind::Jwk, None).unwrap();
            assert!(read.verify(MESSAGE, &key.sign(MESSAGE).unwrap()));
            assert_eq!(read.key_id(), key.verifying_key().thumbprint().as_deref());
            assert_refused(signing(&public, KeyKind::Jwk, None), "a public key for signing");
        }
    }
    let thumbprint = verifying(ED25519_JWK, KeyKind::Jwk, None).unwrap().thumbprint();
    assert_eq!(thumbprint.unwrap(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "RFC 8037 appendix A.3");
}

#[test]
fn metadata_of_a_jwk_is_honoured() {
    let with = |more: &str| CURVE_JWK.replacen('{', &format!("{{{more},"), 1);
    for more in [
        r#""use":"sig""#,
        r#""key_ops":["sign","verify"]"#,
        r#""use":"sig","key_ops":["verify","sign"]"#,
        r#""alg":"ES256""#,
        r#""kid":"bilbo.baggins@hobbiton.example""#,
        r#""x5t":"ignored","unknown":{"a":[1]}"#,
    ] {
        assert!(signing(&with(more), KeyKind::Jwk, None).is_ok(), "{more}");
        assert!(verifying(&with(more), KeyKind::Jwk, None).is_ok(), "{more}");
    }
    for more in [
        r#""use":"enc""#,
        r#""use":5"#,
        r#""use":null"#,
        r#""use":"SIG""#,
        r#""key_ops":[]"#,
        r#""key_ops":"sign""#,
        r#""key_ops":["encrypt"]"#,
        r#""key_ops":["sign, verify"]"#,
        r#""key_ops":["sign","verify","encrypt"]"#,
        r#""key_ops":["sign","verify",1]"#,
        r#""alg":"ES384""#,
        r#""alg":"RS256""#,
        r#""alg":"HS256""#,
        r#""alg":"none""#,
        r#""alg":"es256""#,
        r#""alg":null"#,
        r#""kid":5"#,
        r#""kid":"""#,
        r#""crv":"P-256""#,
        r#""k":"AAAA""#,
        r#""n":"AAAA","e":"AQAB""#,
        r#""keys":[]"#,
    ] {
        assert_refused(signing(&with(more), KeyKind::Jwk, None), more);
        assert_refused(verifying(&with(more), KeyKind::Jwk, None), more);
    }
    assert_refused(signing(&with(r#""key_ops":["verify"]"#), KeyKind::Jwk, None), "not for signing");
    assert_refused(verifying(&with(r#""key_ops":["sign"]"#), KeyKind::Jwk, None), "not for verifying");
}

#[test]
fn damaged_jwks_are_refused() {
    for (what, text) in [
        ("no object", "[]".to_owned()),
        ("no kty", CURVE_JWK.replace("\"kty\":\"EC\",", "")),
        ("another kty", CURVE_JWK.replace("EC", "ec")),
        ("another curve", CURVE_JWK.replace("P-256", "P-521")),
        ("the wrong curve", CURVE_JWK.replace("P-256", "P-384")),
        ("a short coordinate", CURVE_JWK.replace("f83O", "")),
        ("another coordinate", CURVE_JWK.replace("f83O", "f83P")),
        ("padding", CURVE_JWK.replace("RVEU\"", "RVEU=\"")),
        ("unused bits", CURVE_JWK.replace("RVEU\"", "RVEV\"")),
        ("a number as a number", CURVE_JWK.replace("\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"", "5")),
        ("no y", CURVE_JWK.replace(",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"", "")),
        ("a member twice", CURVE_JWK.replacen('{', "{\"kty\":\"EC\",", 1)),
        ("Ed448", ED25519_JWK.replace("Ed25519", "Ed448")),
        (
            "a short secret",
            SECRET_JWK.replace("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4", ""),
        ),
        ("an empty secret", r#"{"kty":"oct","k":""}"#.to_owned()),
        ("exponent 3", rsa_jwk(r#","alg":"RS256""#).replace("AQAB", "Aw")),
        ("three primes", rsa_jwk(r#","alg":"RS256","oth":[]"#)),
    ] {
        assert_refused(signing(&text, KeyKind::Jwk, None), what);
        assert_refused(verifying(&text, KeyKind::Jwk, None), what);
    }
    let swapped = ED25519_JWK
        .replace("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
    assert_refused(signing(&swapped, KeyKind::Jwk, None), "halves of two keys");
    let partial = rsa_jwk(r#","alg":"RS256""#).replace("\"qi\"", "\"qj\"");
    assert_refused(signing(&partial, KeyKind::Jwk, None), "no CRT coefficient");
}

#[test]
fn secrets_have_a_length_that_depends_on_the_kind() {
    for kind in JwtKind::ALL {
        let key = |length: usize| verifying_key(&vec![b'k'; length], KeyKind::Secret, None, kind);
        assert!(key(32).is_ok());
        assert_eq!(key(31).is_ok(), kind.allows_short_secrets());
        assert_eq!(key(1).is_ok(), kind.allows_short_secrets());
        assert_refused(key(0), "an empty secret");
        assert_refused(key(MAXIMUM_KEY_BYTES + 1), "a huge secret");
        assert_refused(verifying_key(&[7; 32], KeyKind::Secret, Some(Algorithm::ES256), kind), "another algorithm");
    }
}

#[test]
fn keys_are_never_taken_for_secrets() {
    for key in [rsa(), &SigningKeyMaterial::generate(Algorithm::ES256).unwrap()] {
        let pem = key.verifying_key().public_pem().unwrap();
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(&body).unwrap();
        let jwk = key.verifying_key().public_jwk().unwrap();
        let texts: [Vec<u8>; 10] = [
            pem.clone().into_bytes(),
            pem.trim().as_bytes().to_vec(),
            pem.replace('\n', "").into_bytes(),
            body.clone().into_bytes(),
            body.trim_end_matches('=').as_bytes().to_vec(),
            base64url::encode(&der).into_bytes(),
            der,
            key.private().as_bytes().to_vec(),
            format!(" {jwk}\n").into_bytes(),
            format!("\u{feff}{{\"keys\":[{jwk}]}}").into_bytes(),
        ];
        for text in &texts {
            for kind in JwtKind::ALL {
                let what = String::from_utf8_lossy(text);
                assert_refused(verifying_key(text, KeyKind::Secret, None, kind), &what);
                assert_refused(signing_key(text, KeyKind::Secret, None, kind), &what);
            }
        }
    }
}

#[test]
fn kinds_are_told_apart_by_their_form() {
    assert_eq!(KeyKind::detect(b"PleaseUseYourOwnSigningKeyHere"), KeyKind::Secret);
    assert_eq!(KeyKind::detect(b"\n-----BEGIN PUBLIC KEY-----"), KeyKind::Pem);
    assert_eq!(KeyKind::detect(CURVE_JWK.as_bytes()), KeyKind::Jwk);
    assert_eq!(KeyKind::detect(b"{braces are just text}"), KeyKind::Secret);
}
