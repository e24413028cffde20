//! Keys made ready: the signers and verifiers of the `jsonwebtoken` crate, over AWS-LC.
//!
//! The crate's own ones cannot be kept: they lie in boxes that no two threads may share, and those for RSA, and all that
//! verify, read their key anew at each call. So its traits are implemented here, by keys that are read once. A test
//! compares them with the crate's own for every algorithm.
//!
//! These hold keys in AWS-LC's memory, beside the bytes that [`Secret`](crate::secret::Secret) owns: it wipes what it
//! frees. An HMAC key lies in a Rust value of aws-lc-rs, which wipes it when it is dropped; but where it was moved from
//! when it was made, on the stack, a copy of it (the state of SHA-256 after the padded key, from which no key can be
//! computed but with which one can sign) stays behind until it is written over.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    EcdsaKeyPair, Ed25519KeyPair, ParsedPublicKey, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
};
#[cfg(test)]
use jsonwebtoken::crypto::JwtSigner;
use jsonwebtoken::crypto::JwtVerifier;
#[cfg(test)]
use jsonwebtoken::signature::Signer;
use jsonwebtoken::signature::{Error, Verifier};

use crate::model::Algorithm;
use crate::secret::Secret;

/// A key that signs, for its one algorithm.
pub(super) struct PreparedSigner {
    algorithm: Algorithm,
    key: PrivateKind,
}

/// What signs.
pub(super) enum PrivateKind {
    Hmac(Box<hmac::Key>),
    Rsa(RsaKeyPair),
    Curve(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A key that verifies, for its one algorithm.
pub(super) struct PreparedVerifier {
    algorithm: Algorithm,
    key: PublicKind,
}

/// What verifies.
enum PublicKind {
    Hmac(Box<hmac::Key>),
    /// Of any other algorithm; it knows which.
    Public(ParsedPublicKey),
}

impl PreparedSigner {
    /// `key` has to be of `algorithm`'s kind.
    pub(super) fn new(algorithm: Algorithm, key: PrivateKind) -> Self {
        Self { algorithm, key }
    }

    /// Signs with HS256.
    pub(super) fn hmac(secret: &[u8]) -> Self {
        Self::new(Algorithm::HS256, PrivateKind::Hmac(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret))))
    }
}

impl PreparedVerifier {
    /// Verifies with HS256.
    pub(super) fn hmac(secret: &[u8]) -> Self {
        let key = Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret));
        Self { algorithm: Algorithm::HS256, key: PublicKind::Hmac(key) }
    }

    /// `key` has to have been parsed for `algorithm`.
    pub(super) fn public(algorithm: Algorithm, key: ParsedPublicKey) -> Self {
        Self { algorithm, key: PublicKind::Public(key) }
    }

    /// As the crate's trait, which takes no less than a vector.
    pub(super) fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.key {
            PublicKind::Hmac(key) => hmac::verify(key, message, signature),
            PublicKind::Public(key) => key.verify_sig(message, signature),
        }
        .is_ok()
    }
}

/// A signature. That of HMAC, which takes the least time to make, is not allocated.
pub(crate) enum MadeSignature {
    Hmac(hmac::Tag),
    Other(Secret),
}

impl AsRef<[u8]> for MadeSignature {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Hmac(tag) => tag.as_ref(),
            Self::Other(bytes) => bytes.as_bytes(),
        }
    }
}

impl PreparedSigner {
    /// As the crate's trait, which gives no less than a vector.
    pub(super) fn sign(&self, message: &[u8]) -> Result<MadeSignature, Error> {
        let random = SystemRandom::new();
        let signature = match &self.key {
            PrivateKind::Hmac(key) => return Ok(MadeSignature::Hmac(hmac::sign(key, message))),
            PrivateKind::Curve(pair) => Secret::from(pair.sign(&random, message).map_err(|_| Error::new())?.as_ref()),
            PrivateKind::Ed25519(pair) => Secret::from(pair.sign(message).as_ref()),
            PrivateKind::Rsa(pair) => {
                let mut signature = Secret::new(vec![0; pair.public_modulus_len()]);
                let encoding = if self.algorithm == Algorithm::PS256 { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                pair.sign(encoding, &random, message, signature.bytes_mut()).map_err(|_| Error::new())?;
                signature
            }
        };
        Ok(MadeSignature::Other(signature))
    }
}

/// For the test that compares this with the crate's own.
#[cfg(test)]
impl Signer<Vec<u8>> for PreparedSigner {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.sign(message).map(|signature| signature.as_ref().to_vec())
    }
}

#[cfg(test)]
impl JwtSigner for PreparedSigner {
    fn algorithm(&self) -> jsonwebtoken::Algorithm {
        primitive(self.algorithm)
    }
}

impl Verifier<Vec<u8>> for PreparedVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), Error> {
        if self.accepts(message, signature) { Ok(()) } else { Err(Error::new()) }
    }
}

impl JwtVerifier for PreparedVerifier {
    fn algorithm(&self) -> jsonwebtoken::Algorithm {
        primitive(self.algorithm)
    }
}

/// The crate's name for an algorithm.
pub(super) fn primitive(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::HS256 => jsonwebtoken::Algorithm::HS256,
        Algorithm::ES256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::ES384 => jsonwebtoken::Algorithm::ES384,
        Algorithm::RS256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::PS256 => jsonwebtoken::Algorithm::PS256,
        Algorithm::EdDSA => jsonwebtoken::Algorithm::EdDSA,
    }
}
