//! Public keys: what they are made of, and how they are shown.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::primitive::PreparedVerifier;
use super::refused;
use crate::error::Result;
use crate::model::Algorithm;

/// A public key that was found to be a good one of its algorithm's kind.
pub(super) struct PublicKey {
    algorithm: Algorithm,
    numbers: Numbers,
    /// SubjectPublicKeyInfo in DER, as AWS-LC writes it.
    subject_public_key_info: Vec<u8>,
    parsed: ParsedPublicKey,
}

enum Numbers {
    /// Big-endian, without leading zeros.
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// The uncompressed point: 4, x, y.
    Curve {
        point: Vec<u8>,
    },
    Ed25519 {
        x: Vec<u8>,
    },
}

impl PublicKey {
    pub(super) fn from_der(algorithm: Algorithm, der: &[u8]) -> Result<Self> {
        match algorithm {
            Algorithm::HS256 => Err(refused("An HMAC key has no public half.")),
            Algorithm::RS256 | Algorithm::PS256 => {
                let key = aws_lc_rs::rsa::PublicKey::from_der(der).map_err(|_| refused(NOT_OF_ITS_KIND))?;
                let components = RsaPublicKeyComponents::<Vec<u8>>::from(&key);
                Self::from_rsa_components(algorithm, &components.n, &components.e)
            }
            Algorithm::ES256 => Self::parse(algorithm, &ECDSA_P256_SHA256_FIXED, der),
            Algorithm::ES384 => Self::parse(algorithm, &ECDSA_P384_SHA384_FIXED, der),
            Algorithm::EdDSA => Self::parse(algorithm, &ED25519, der),
        }
    }

    pub(super) fn from_rsa_components(algorithm: Algorithm, modulus: &[u8], exponent: &[u8]) -> Result<Self> {
        if !matches!(algorithm, Algorithm::RS256 | Algorithm::PS256) {
            return Err(refused(NOT_OF_ITS_KIND));
        }
        if !(2_048..=8_192).contains(&bit_length(modulus)) {
            return Err(refused("The RSA key must have 2,048 to 8,192 bits."));
        }
        if exponent != [1, 0, 1] {
            return Err(refused("The RSA key's public exponent must be 65537."));
        }
        let components = RsaPublicKeyComponents { n: modulus, e: exponent };
        let parameters =
            if algorithm == Algorithm::PS256 { &RSA_PSS_2048_8192_SHA256 } else { &RSA_PKCS1_2048_8192_SHA256 };
        let parsed = components.to_parsed_public_key(parameters).map_err(|_| refused(NOT_OF_ITS_KIND))?;
        let numbers = Numbers::Rsa { modulus: modulus.to_vec(), exponent: exponent.to_vec() };
        Ok(Self { algorithm, numbers, subject_public_key_info: subject_public_key_info(&parsed)?, parsed })
    }

    pub(super) fn from_curve_components(algorithm: Algorithm, x: &[u8], y: &[u8]) -> Result<Self> {
        let Some(coordinate_bytes) = coordinate_bytes(algorithm) else {
            return Err(refused(NOT_OF_ITS_KIND));
        };
        if x.len() != coordinate_bytes || y.len() != coordinate_bytes {
            return Err(refused("The key's coordinates do not have its curve's full length."));
        }
        Self::from_der(algorithm, &[&[UNCOMPRESSED], x, y].concat())
    }

    pub(super) fn from_ed25519_components(x: &[u8]) -> Result<Self> {
        if x.len() != ED25519_BYTES {
            return Err(refused("An Ed25519 public key has 32 bytes."));
        }
        Self::from_der(Algorithm::EdDSA, x)
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn signature_bytes(&self) -> usize {
        match &self.numbers {
            Numbers::Rsa { modulus, .. } => modulus.len(),
            Numbers::Curve { point } => point.len() - 1,
            Numbers::Ed25519 { .. } => 2 * ED25519_BYTES,
        }
    }

    /// The key, ready to verify.
    pub(super) fn verifier(&self) -> PreparedVerifier {
        PreparedVerifier::public(self.algorithm, self.parsed.clone())
    }

    pub(super) fn jwk(&self, key_id: &str) -> String {
        // A key id may come from a caller's key, so it is the one value that needs escaping.
        let key_id = serde_json::Value::from(key_id);
        let members = self.required_members();
        format!(r#"{{{members},"kid":{key_id},"alg":"{}","use":"sig"}}"#, self.algorithm.as_str())
    }

    pub(super) fn pem(&self) -> String {
        let body = STANDARD.encode(&self.subject_public_key_info);
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        let mut rest = body.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.len().min(64));
            pem.push_str(line);
            pem.push('\n');
            rest = after;
        }
        pem.push_str("-----END PUBLIC KEY-----\n");
        pem
    }

    /// RFC 7638: SHA-256 over the required members in the order of their names.
    pub(super) fn thumbprint(&self) -> String {
        let members = format!("{{{}}}", self.required_members());
        URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()))
    }

    /// The members that make the key, in the order of their names, without braces. Nothing needs escaping.
    fn required_members(&self) -> String {
        match &self.numbers {
            Numbers::Rsa { modulus, exponent } => {
                let (e, n) = (URL_SAFE_NO_PAD.encode(exponent), URL_SAFE_NO_PAD.encode(modulus));
                format!(r#""e":"{e}","kty":"RSA","n":"{n}""#)
            }
            Numbers::Curve { point } => {
                let curve = if self.algorithm == Algorithm::ES384 { "P-384" } else { "P-256" };
                let (x, y) = point[1..].split_at(point.len() / 2);
                let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
                format!(r#""crv":"{curve}","kty":"EC","x":"{x}","y":"{y}""#)
            }
            Numbers::Ed25519 { x } => {
                format!(r#""crv":"Ed25519","kty":"OKP","x":"{}""#, URL_SAFE_NO_PAD.encode(x))
            }
        }
    }

    /// A curve key from its SubjectPublicKeyInfo or its raw form; the latter is how the former ends.
    fn parse(algorithm: Algorithm, verification: &'static dyn VerificationAlgorithm, der: &[u8]) -> Result<Self> {
        let parsed = ParsedPublicKey::new(verification, der).map_err(|_| refused(NOT_OF_ITS_KIND))?;
        let info = subject_public_key_info(&parsed)?;
        let numbers = match coordinate_bytes(algorithm) {
            Some(coordinate_bytes) => match tail(&info, 1 + 2 * coordinate_bytes) {
                Some(point) if point[0] == UNCOMPRESSED => Numbers::Curve { point: point.to_vec() },
                _ => return Err(refused("The public key's point is compressed, which is not supported.")),
            },
            None => match tail(&info, ED25519_BYTES) {
                Some(x) => Numbers::Ed25519 { x: x.to_vec() },
                None => return Err(refused(NOT_OF_ITS_KIND)),
            },
        };
        Ok(Self { algorithm, numbers, subject_public_key_info: info, parsed })
    }
}

const NOT_OF_ITS_KIND: &str = "The key is damaged, or not of the kind that its algorithm needs.";
const UNCOMPRESSED: u8 = 4;
const ED25519_BYTES: usize = 32;

/// The length of a coordinate on the algorithm's curve, for ECDSA.
pub(super) fn coordinate_bytes(algorithm: Algorithm) -> Option<usize> {
    match algorithm {
        Algorithm::ES256 => Some(32),
        Algorithm::ES384 => Some(48),
        Algorithm::HS256 | Algorithm::RS256 | Algorithm::PS256 | Algorithm::EdDSA => None,
    }
}

fn subject_public_key_info(key: &ParsedPublicKey) -> Result<Vec<u8>> {
    key.as_der().map(|der| der.as_ref().to_vec()).map_err(|_| refused(NOT_OF_ITS_KIND))
}

fn bit_length(number: &[u8]) -> usize {
    match number.split_first() {
        // A leading zero byte is not the form that numbers have here: no length fits it.
        None | Some((0, _)) => 0,
        Some((first, rest)) => rest.len() * 8 + (8 - first.leading_zeros() as usize),
    }
}

/// The last `length` bytes, when there are so many.
fn tail(bytes: &[u8], length: usize) -> Option<&[u8]> {
    bytes.len().checked_sub(length).and_then(|start| bytes.get(start..))
}
