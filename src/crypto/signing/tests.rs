use std::sync::OnceLock;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, aws_lc};
use jsonwebtoken::signature::Signer;
use jsonwebtoken::{DecodingKey, EncodingKey};
use proptest::prelude::*;

use super::primitive::primitive;
use super::*;
use crate::crypto::der;

const MESSAGE: &[u8] = b"header.payload";

fn generated(algorithm: Algorithm) -> SigningKeyMaterial {
    SigningKeyMaterial::generate(algorithm).unwrap()
}

#[test]
fn every_algorithm_signs_and_verifies_and_survives_storage() {
    for algorithm in Algorithm::ALL {
        let key = generated(algorithm);
        let stored = SigningKeyMaterial::from_stored(algorithm, key.key_id().unwrap(), key.private()).unwrap();
        for signer in [&key, &stored] {
            let signature = signer.sign(MESSAGE).unwrap();
            for verifier in [key.verifying_key(), stored.verifying_key()] {
                assert!(verifier.verify(MESSAGE, &signature), "{algorithm:?}");
                assert!(!verifier.verify(b"header.payloae", &signature), "{algorithm:?}");
                assert!(!verifier.verify(MESSAGE, &signature[1..]), "{algorithm:?}");
                assert!(!verifier.verify(MESSAGE, &format!("{signature}A")), "{algorithm:?}");
                assert!(!verifier.verify(MESSAGE, ""), "{algorithm:?}");
            }
        }
        assert_eq!(stored.key_id(), key.key_id());
        assert_eq!(stored.verifying_key().public_jwk(), key.verifying_key().public_jwk());
        assert_eq!(stored.private().as_bytes(), key.private().as_bytes());
    }
}

#[test]
fn hmac_keys_have_256_bits_a_random_id_and_no_public_half() {
    let (first, second) = (generated(Algorithm::HS256), generated(Algorithm::HS256));
    assert_eq!(first.private().as_bytes().len(), 32);
    assert_eq!(first.key_id().unwrap().len(), 22);
    assert_ne!(first.key_id(), second.key_id());
    let verifying = first.verifying_key();
    assert_eq!((verifying.public_jwk(), verifying.public_pem(), verifying.thumbprint()), (None, None, None));
    assert!(!verifying.has_short_secret());
    assert!(VerifyingKey::hmac(&Secret::from(&[1; 31][..]), None).unwrap().has_short_secret());
    assert_eq!(SigningKeyMaterial::hmac(Secret::new(Vec::new()), None).unwrap_err().code(), ErrorCode::KeyRefused);
}

#[test]
fn public_halves_name_themselves_by_thumbprint_and_read_back() {
    for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA] {
        let key = generated(algorithm);
        let verifying = key.verifying_key();
        let jwk: serde_json::Value = serde_json::from_str(&verifying.public_jwk().unwrap()).unwrap();
        assert_eq!(jwk["kid"], verifying.thumbprint().unwrap());
        assert_eq!(jwk["alg"], algorithm.as_str());
        assert_eq!(jwk["use"], "sig");
        assert!(jwk.get("d").is_none());
        assert_eq!(key.key_id().unwrap().len(), 43);

        let pem = verifying.public_pem().unwrap();
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
        let read = VerifyingKey::from_public_der(algorithm, &der, None).unwrap();
        assert_eq!(read.thumbprint(), verifying.thumbprint());
        assert!(read.verify(MESSAGE, &key.sign(MESSAGE).unwrap()));
    }
}

#[test]
fn thumbprint_is_that_of_rfc_7638() {
    // The key and the thumbprint of RFC 7638 section 3.1.
    let modulus = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRX\
                   jBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqz\
                   s8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-\
                   G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let modulus = URL_SAFE_NO_PAD.decode(modulus).unwrap();
    let key = VerifyingKey::from_rsa_components(Algorithm::RS256, &modulus, &[1, 0, 1], None).unwrap();
    assert_eq!(key.thumbprint().unwrap(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn keys_of_another_kind_or_strength_are_refused() {
    let curve = generated(Algorithm::ES256);
    for algorithm in [Algorithm::HS256, Algorithm::ES384, Algorithm::RS256, Algorithm::EdDSA] {
        let error = SigningKeyMaterial::from_pkcs8(algorithm, curve.private().as_bytes(), None).unwrap_err();
        assert_eq!(error.code(), ErrorCode::KeyRefused, "{algorithm:?}");
    }
    for (bytes, top) in [(255, 0xFF), (1_025, 0x01), (256, 0x7F)] {
        let mut modulus = vec![0xFF; bytes];
        modulus[0] = top;
        assert!(VerifyingKey::from_rsa_components(Algorithm::RS256, &modulus, &[1, 0, 1], None).is_err());
    }
    let mut modulus = vec![0xFF; 256];
    assert!(VerifyingKey::from_rsa_components(Algorithm::RS256, &modulus, &[3], None).is_err(), "exponent 3");
    modulus[0] = 0;
    assert!(VerifyingKey::from_rsa_components(Algorithm::RS256, &modulus, &[1, 0, 1], None).is_err());
    assert!(VerifyingKey::from_rsa_components(Algorithm::RS256, &[], &[1, 0, 1], None).is_err());

    assert!(VerifyingKey::from_curve_components(Algorithm::ES256, &[1; 32], &[1; 32], None).is_err(), "off curve");
    assert!(VerifyingKey::from_curve_components(Algorithm::ES256, &[1; 31], &[1; 32], None).is_err());
    assert!(VerifyingKey::from_curve_components(Algorithm::EdDSA, &[1; 32], &[1; 32], None).is_err());
    assert!(VerifyingKey::from_ed25519_components(&[1; 31], None).is_err());
    assert!(SigningKeyMaterial::from_ed25519_components(&[1; 32], &[2; 32], None).is_err(), "halves of two keys");
}

#[test]
fn ecdsa_signatures_in_der_or_with_zeros_are_refused() {
    let key = generated(Algorithm::ES256);
    let verifying = key.verifying_key();
    for signature in [[0_u8; 64], [0xFF; 64]] {
        assert!(!verifying.verify(MESSAGE, &URL_SAFE_NO_PAD.encode(signature)));
    }
    // A DER signature has 70 to 72 bytes; so has no JWS signature.
    for length in [63, 65, 70, 71, 72] {
        assert!(!verifying.verify(MESSAGE, &URL_SAFE_NO_PAD.encode(vec![0x30; length])));
    }
}

#[test]
fn debug_shows_no_key() {
    let secret = Secret::from(&b"correct horse battery staple horse"[..]);
    let key = SigningKeyMaterial::hmac(secret, Some("k1".to_owned())).unwrap();
    let shown = format!("{key:?}");
    assert_eq!(
        shown,
        r#"SigningKeyMaterial { verifying: VerifyingKey { algorithm: HS256, key_id: Some("k1"), .. }, .. }"#
    );
}

#[test]
fn keys_may_be_shared_between_threads() {
    fn shareable<T: Send + Sync>() {}
    shareable::<SigningKeyMaterial>();
    shareable::<VerifyingKey>();
}

/// A key of each algorithm; RSA ones are slow to make, so all are made once.
fn keys() -> &'static [SigningKeyMaterial] {
    static KEYS: OnceLock<Vec<SigningKeyMaterial>> = OnceLock::new();
    KEYS.get_or_init(|| Algorithm::ALL.into_iter().map(generated).collect())
}

/// The crate's own signer for the key, which shares nothing with ours but the bytes that are stored.
fn crate_signer(key: &SigningKeyMaterial) -> Box<dyn JwtSigner> {
    let private = key.private().as_bytes();
    let encoding = match key.algorithm() {
        Algorithm::HS256 => EncodingKey::from_secret(private),
        Algorithm::RS256 | Algorithm::PS256 => EncodingKey::from_rsa_der(der::rsa_private_key(private).unwrap()),
        Algorithm::ES256 | Algorithm::ES384 => EncodingKey::from_ec_der(private),
        Algorithm::EdDSA => EncodingKey::from_ed_der(private),
    };
    (provider().signer_factory)(&primitive(key.algorithm()), &encoding).unwrap()
}

/// The crate's own verifier, from the key's JWK.
fn crate_verifier(key: &SigningKeyMaterial) -> Box<dyn JwtVerifier> {
    let decoding = match key.verifying_key().public_jwk() {
        None => DecodingKey::from_secret(key.private().as_bytes()),
        Some(jwk) => DecodingKey::from_jwk(&serde_json::from_str(&jwk).unwrap()).unwrap(),
    };
    (provider().verifier_factory)(&primitive(key.algorithm()), &decoding).unwrap()
}

fn provider() -> &'static CryptoProvider {
    &aws_lc::DEFAULT_PROVIDER
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_crates_own_signers_and_verifiers_agree(
        message in proptest::collection::vec(any::<u8>(), 0..600),
        other in proptest::collection::vec(any::<u8>(), 0..600),
        flipped in any::<prop::sample::Index>(),
        bit in 0_u8..8,
        garbage in proptest::collection::vec(any::<u8>(), 0..520),
    ) {
        for key in keys() {
            let (theirs, verifier) = (crate_signer(key), crate_verifier(key));
            prop_assert_eq!(JwtSigner::algorithm(&key.signer), theirs.algorithm());
            prop_assert_eq!(JwtVerifier::algorithm(&key.verifying.verifier), verifier.algorithm());
            let (signature, their_signature) = (key.signer.try_sign(&message).unwrap(), theirs.try_sign(&message).unwrap());
            let made = key.sign_bytes(&message).unwrap();
            prop_assert!(key.verifying.verify_bytes(&message, made.as_ref()));
            // These draw nothing at random, and the others give another signature each time.
            if matches!(key.algorithm(), Algorithm::HS256 | Algorithm::RS256 | Algorithm::EdDSA) {
                prop_assert_eq!(&signature, &their_signature);
            } else {
                prop_assert_ne!(&signature, &their_signature);
            }

            let agree = |message: &[u8], signature: &Vec<u8>| {
                let ours = key.verifying.verify_bytes(message, signature);
                assert_eq!(ours, verifier.verify(message, signature).is_ok(), "{:?}", key.algorithm());
                assert_eq!(ours, key.verifying.verify(message, &URL_SAFE_NO_PAD.encode(signature)));
                ours
            };
            for good in [&signature, &their_signature] {
                prop_assert!(agree(&message, good));
                prop_assert_eq!(agree(&other, good), other == message);
                let mut tampered = good.clone();
                tampered[flipped.index(good.len())] ^= 1 << bit;
                prop_assert!(!agree(&message, &tampered), "{:?}", key.algorithm());
                prop_assert!(!agree(&message, &good[1..].to_vec()));
                prop_assert!(!agree(&message, &[good.as_slice(), &[0]].concat()));
            }
            prop_assert!(!agree(&message, &garbage));
            prop_assert!(!agree(&message, &vec![0; signature.len()]));
            // A good one of another key, which for RSA and for the curves may have the right length.
            for stranger in keys().iter().filter(|other| other.algorithm() != key.algorithm()) {
                prop_assert!(!agree(&message, &stranger.signer.try_sign(&message).unwrap()));
            }
        }
    }
}
