//! PEM texts (RFC 7468): one block, one key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{agreed, refused};
use crate::crypto::signing::{SigningKeyMaterial, VerifyingKey};
use crate::error::{ErrorCode, Result};
use crate::model::Algorithm;

pub(super) fn signing_key(text: &[u8], algorithm: Option<Algorithm>) -> Result<SigningKeyMaterial> {
    let block = Block::parse(text)?;
    match block.label {
        Label::Private => {
            of_some_kind(algorithm, |algorithm| SigningKeyMaterial::from_pkcs8(algorithm, &block.der, None))
        }
        Label::RsaPrivate => SigningKeyMaterial::from_pkcs1(rsa_algorithm(algorithm)?, &block.der, None),
        Label::EcPrivate => {
            of_some_kind(algorithm, |algorithm| SigningKeyMaterial::from_sec1(algorithm, &block.der, None))
        }
        Label::Public | Label::RsaPublic => Err(refused("The PEM text has a public key, which cannot sign.")),
    }
}

pub(super) fn verifying_key(text: &[u8], algorithm: Option<Algorithm>) -> Result<VerifyingKey> {
    let block = Block::parse(text)?;
    match block.label {
        Label::Public => {
            of_some_kind(algorithm, |algorithm| VerifyingKey::from_public_der(algorithm, &block.der, None))
        }
        Label::RsaPublic => VerifyingKey::from_public_der(rsa_algorithm(algorithm)?, &block.der, None),
        Label::Private | Label::RsaPrivate | Label::EcPrivate => {
            signing_key(text, algorithm).map(SigningKeyMaterial::into_verifying_key)
        }
    }
}

/// The kinds of block that hold a key.
#[derive(Debug, Clone, Copy)]
enum Label {
    Public,
    Private,
    RsaPublic,
    RsaPrivate,
    EcPrivate,
}

struct Block {
    label: Label,
    der: Zeroizing<Vec<u8>>,
}

impl Block {
    /// Reads the one block of `text`. Nothing but white space may stand around it.
    fn parse(text: &[u8]) -> Result<Self> {
        let not_pem = || refused("The key is not a PEM text with one unencrypted key.");
        let text = std::str::from_utf8(text).map_err(|_| not_pem())?.trim_ascii();
        let (label, rest) =
            text.strip_prefix("-----BEGIN ").and_then(|rest| rest.split_once("-----")).ok_or_else(not_pem)?;
        let body = rest.strip_suffix(&format!("-----END {label}-----")).ok_or_else(not_pem)?;
        let label = match label {
            "PUBLIC KEY" => Label::Public,
            "PRIVATE KEY" => Label::Private,
            "RSA PUBLIC KEY" => Label::RsaPublic,
            "RSA PRIVATE KEY" => Label::RsaPrivate,
            "EC PRIVATE KEY" => Label::EcPrivate,
            "ENCRYPTED PRIVATE KEY" => return Err(refused("The PEM text's key is encrypted. Decrypt it first.")),
            "CERTIFICATE" => return Err(refused("The PEM text has a certificate. Give its public key.")),
            _ => return Err(refused("The PEM text has a block of a kind that is no key, or not one for signing.")),
        };
        let body: Zeroizing<Vec<u8>> =
            Zeroizing::new(body.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect());
        let der = STANDARD.decode(&*body).map(Zeroizing::new).map_err(|_| not_pem())?;
        Ok(Self { label, der })
    }
}

/// Tries `read` for the algorithm that was asked for, or else for the kinds of key that name their own.
fn of_some_kind<T>(algorithm: Option<Algorithm>, read: impl Fn(Algorithm) -> Result<T>) -> Result<T> {
    if let Some(algorithm) = algorithm {
        return read(algorithm);
    }
    for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA] {
        match read(algorithm) {
            Err(error) if error.code() == ErrorCode::KeyRefused => {}
            result => return result,
        }
    }
    // An RSA key reads as well for one algorithm as for the other. The token must not be the one to choose.
    match read(Algorithm::RS256) {
        Ok(_) => rsa_algorithm(None).and_then(read),
        Err(error) => Err(error),
    }
}

fn rsa_algorithm(algorithm: Option<Algorithm>) -> Result<Algorithm> {
    match algorithm {
        Some(algorithm @ (Algorithm::RS256 | Algorithm::PS256)) => Ok(algorithm),
        Some(_) => agreed(algorithm, Algorithm::RS256),
        None => Err(refused("An RSA key does not say its algorithm: say RS256 or PS256.")),
    }
}
