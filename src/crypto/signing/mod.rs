//! Keys that sign and verify. Each carries its one algorithm, prepared once; no call takes an algorithm
//! beside a key, so the two cannot disagree.
//!
//! The primitive is AWS-LC, behind the signers and verifiers of the `jsonwebtoken` crate: see `primitive`. ECDSA nonces
//! are drawn at random by AWS-LC with the key and the digest mixed in, not by RFC 6979; so two signatures of one message
//! differ.

mod primitive;
mod private;
mod public;

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use self::primitive::{MadeSignature, PreparedSigner, PreparedVerifier};
use self::private::PrivateKey;
use self::public::PublicKey;
use super::random;
use crate::error::{Error, ErrorCode, Result};
use crate::model::Algorithm;
use crate::secret::Secret;

pub use self::private::RsaPrivateComponents;

/// The bytes that an HMAC secret needs for HS256 (RFC 7518 section 3.2). Shorter ones can be guessed.
pub const MINIMUM_SECRET_BYTES: usize = 32;

/// A private key or HMAC secret that signs, with the key that verifies what it signed.
pub struct SigningKeyMaterial {
    private: Secret,
    signer: PreparedSigner,
    verifying: VerifyingKey,
}

impl SigningKeyMaterial {
    /// Makes a new key: 32 random bytes for HS256, RSA of 3,072 bits for RS256 and PS256.
    ///
    /// Its key id is the RFC 7638 thumbprint, or for an HMAC key, whose thumbprint would let guesses be
    /// checked, 128 random bits in base64url. RSA keys take a second or so.
    pub fn generate(algorithm: Algorithm) -> Result<Self> {
        if algorithm.is_symmetric() {
            let mut secret = vec![0_u8; MINIMUM_SECRET_BYTES];
            random::fill(&mut secret)?;
            return Self::hmac(Secret::new(secret), Some(random_key_id()?));
        }
        let key = PrivateKey::generate(algorithm)?;
        let key_id = key.public().thumbprint();
        Self::asymmetric(key, Some(key_id))
    }

    /// The key whose [`SigningKeyMaterial::private`] bytes and key id were stored.
    pub fn from_stored(algorithm: Algorithm, key_id: &str, private: &Secret) -> Result<Self> {
        let key_id = Some(key_id.to_owned());
        if algorithm.is_symmetric() {
            return Self::hmac(private.clone(), key_id);
        }
        Self::asymmetric(PrivateKey::from_pkcs8(algorithm, private.as_bytes())?, key_id)
    }

    /// An HS256 key over `secret`, which may have any length but zero: who calls decides whether a short one
    /// is good enough. Refuses an empty one with [`ErrorCode::KeyRefused`].
    pub fn hmac(secret: Secret, key_id: Option<String>) -> Result<Self> {
        let verifying = VerifyingKey::hmac(&secret, key_id)?;
        let signer = PreparedSigner::hmac(secret.as_bytes());
        Ok(Self { signer, private: secret, verifying })
    }

    /// A key in an unencrypted PrivateKeyInfo (PKCS #8, RFC 5208) in DER. It must be of `algorithm`'s kind:
    /// P-256, P-384, Ed25519, or RSA of 2,048 to 8,192 bits with the exponent 65,537.
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8], key_id: Option<String>) -> Result<Self> {
        Self::asymmetric(PrivateKey::from_pkcs8(algorithm, der)?, key_id)
    }

    /// An RSA key in an RSAPrivateKey (PKCS #1, RFC 8017 appendix A.1.2) in DER.
    pub fn from_pkcs1(algorithm: Algorithm, der: &[u8], key_id: Option<String>) -> Result<Self> {
        Self::asymmetric(PrivateKey::from_pkcs1(algorithm, der)?, key_id)
    }

    /// An elliptic curve key in an ECPrivateKey (RFC 5915) in DER.
    pub fn from_sec1(algorithm: Algorithm, der: &[u8], key_id: Option<String>) -> Result<Self> {
        Self::asymmetric(PrivateKey::from_sec1(algorithm, der)?, key_id)
    }

    /// An RSA key from all its components, which must fit together.
    pub fn from_rsa_components(
        algorithm: Algorithm,
        components: &RsaPrivateComponents<'_>,
        key_id: Option<String>,
    ) -> Result<Self> {
        Self::asymmetric(PrivateKey::from_rsa_components(algorithm, components)?, key_id)
    }

    /// An elliptic curve key from its private number and its public point, both of the curve's full length.
    pub fn from_curve_components(
        algorithm: Algorithm,
        private: &[u8],
        x: &[u8],
        y: &[u8],
        key_id: Option<String>,
    ) -> Result<Self> {
        Self::asymmetric(PrivateKey::from_curve_components(algorithm, private, x, y)?, key_id)
    }

    /// An Ed25519 key from its 32-byte seed and its public half, which must fit together.
    pub fn from_ed25519_components(seed: &[u8], x: &[u8], key_id: Option<String>) -> Result<Self> {
        Self::asymmetric(PrivateKey::from_ed25519_components(seed, x)?, key_id)
    }

    /// The bytes to store, encrypted: PKCS #8 in DER, or the HMAC secret itself.
    pub fn private(&self) -> &Secret {
        &self.private
    }

    /// The key that verifies what this one signed. For an HMAC key it holds the secret too.
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// The verifying key alone; the private half is wiped.
    pub fn into_verifying_key(self) -> VerifyingKey {
        self.verifying
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.verifying.algorithm
    }

    /// The key id, where the key has one.
    pub fn key_id(&self) -> Option<&str> {
        self.verifying.key_id()
    }

    /// The signature of `message` in unpadded base64url, in the form of JWS (RFC 7518 section 3: for ECDSA,
    /// r and s side by side).
    pub fn sign(&self, message: &[u8]) -> Result<String> {
        Ok(URL_SAFE_NO_PAD.encode(self.sign_bytes(message)?))
    }

    /// As [`SigningKeyMaterial::sign`], without the encoding.
    pub(crate) fn sign_bytes(&self, message: &[u8]) -> Result<MadeSignature> {
        self.signer.sign(message).map_err(|_| Error::new(ErrorCode::Internal, "The signing key did not sign."))
    }

    fn asymmetric(key: PrivateKey, key_id: Option<String>) -> Result<Self> {
        let (private, signer, public) = key.into_parts();
        let verifying = VerifyingKey::from_public(public, key_id);
        Ok(Self { private, signer, verifying })
    }
}

impl fmt::Debug for SigningKeyMaterial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SigningKeyMaterial").field("verifying", &self.verifying).finish_non_exhaustive()
    }
}

/// A public key, or an HMAC secret, that verifies signatures of one algorithm.
pub struct VerifyingKey {
    algorithm: Algorithm,
    key_id: Option<Arc<str>>,
    verifier: PreparedVerifier,
    /// None for an HMAC key, which has no public half.
    public: Option<PublicKey>,
    signature_bytes: usize,
    has_short_secret: bool,
}

impl VerifyingKey {
    /// An HS256 key over `secret`; as [`SigningKeyMaterial::hmac`].
    pub fn hmac(secret: &Secret, key_id: Option<String>) -> Result<Self> {
        let length = secret.as_bytes().len();
        if length == 0 {
            return Err(refused("The HMAC key is empty."));
        }
        Ok(Self {
            algorithm: Algorithm::HS256,
            key_id: key_id.map(Into::into),
            verifier: PreparedVerifier::hmac(secret.as_bytes()),
            public: None,
            signature_bytes: 32,
            has_short_secret: length < MINIMUM_SECRET_BYTES,
        })
    }

    /// A public key in DER: SubjectPublicKeyInfo (RFC 5280 section 4.1), or RSAPublicKey (RFC 8017).
    pub fn from_public_der(algorithm: Algorithm, der: &[u8], key_id: Option<String>) -> Result<Self> {
        Ok(Self::from_public(PublicKey::from_der(algorithm, der)?, key_id))
    }

    /// An RSA key from its modulus and exponent, big-endian without leading zeros.
    pub fn from_rsa_components(
        algorithm: Algorithm,
        modulus: &[u8],
        exponent: &[u8],
        key_id: Option<String>,
    ) -> Result<Self> {
        Ok(Self::from_public(PublicKey::from_rsa_components(algorithm, modulus, exponent)?, key_id))
    }

    /// An elliptic curve key from its point's coordinates, both of the curve's full length.
    pub fn from_curve_components(algorithm: Algorithm, x: &[u8], y: &[u8], key_id: Option<String>) -> Result<Self> {
        Ok(Self::from_public(PublicKey::from_curve_components(algorithm, x, y)?, key_id))
    }

    /// An Ed25519 key from its 32 bytes.
    pub fn from_ed25519_components(x: &[u8], key_id: Option<String>) -> Result<Self> {
        Ok(Self::from_public(PublicKey::from_ed25519_components(x)?, key_id))
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key id, where the key has one.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// As [`VerifyingKey::key_id`], to keep.
    pub(crate) fn shared_key_id(&self) -> Option<Arc<str>> {
        self.key_id.clone()
    }

    /// Whether this is an HMAC key with fewer than [`MINIMUM_SECRET_BYTES`].
    pub fn has_short_secret(&self) -> bool {
        self.has_short_secret
    }

    /// Whether `signature`, in unpadded base64url, is this key's signature of `message`.
    pub fn verify(&self, message: &[u8], signature: &str) -> bool {
        signature.len() == self.signature_characters()
            && URL_SAFE_NO_PAD.decode(signature).is_ok_and(|signature| self.verify_bytes(message, &signature))
    }

    /// As [`VerifyingKey::verify`], of a signature that was decoded.
    ///
    /// Its length is checked first: it is fixed for each key, and an ECDSA signature in DER is not one.
    pub(crate) fn verify_bytes(&self, message: &[u8], signature: &[u8]) -> bool {
        signature.len() == self.signature_bytes && self.verifier.accepts(message, signature)
    }

    /// The number of characters that each of this key's signatures has, in unpadded base64url.
    pub(crate) fn signature_characters(&self) -> usize {
        base64::encoded_len(self.signature_bytes, false).unwrap_or(usize::MAX)
    }

    /// The public half as a JSON Web Key (RFC 7517) with `kid`, `alg` and `use`; none for an HMAC key.
    pub fn public_jwk(&self) -> Option<String> {
        let public = self.public.as_ref()?;
        Some(public.jwk(self.key_id.as_deref().unwrap_or(&public.thumbprint())))
    }

    /// The public half as a SubjectPublicKeyInfo in PEM (RFC 7468 section 13); none for an HMAC key.
    pub fn public_pem(&self) -> Option<String> {
        self.public.as_ref().map(PublicKey::pem)
    }

    /// The RFC 7638 thumbprint (SHA-256, base64url) of the public half; none for an HMAC key.
    pub fn thumbprint(&self) -> Option<String> {
        self.public.as_ref().map(PublicKey::thumbprint)
    }

    fn from_public(public: PublicKey, key_id: Option<String>) -> Self {
        Self {
            algorithm: public.algorithm(),
            key_id: key_id.map(Into::into),
            verifier: public.verifier(),
            signature_bytes: public.signature_bytes(),
            public: Some(public),
            has_short_secret: false,
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VerifyingKey")
            .field("algorithm", &self.algorithm)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

fn random_key_id() -> Result<String> {
    let mut bytes = [0_u8; 16];
    random::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn refused(message: &'static str) -> Error {
    Error::new(ErrorCode::KeyRefused, message).about("key")
}

#[cfg(test)]
mod tests;
