//! Private keys: generated, or taken from the forms in which they are kept.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPairComponents, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair, RsaKeyPair, RsaPublicKeyComponents,
};

use super::primitive::{PreparedSigner, PrivateKind};
use super::public::{PublicKey, coordinate_bytes};
use super::refused;
use crate::error::{Error, ErrorCode, Result};
use crate::model::Algorithm;
use crate::secret::Secret;

/// A private key in PKCS #8 and ready to sign, with its public half.
pub(super) struct PrivateKey {
    pkcs8: Secret,
    public: PublicKey,
    signer: PreparedSigner,
}

/// The numbers of an RSA private key (RFC 7518 section 6.3), big-endian without leading zeros.
pub struct RsaPrivateComponents<'a> {
    /// The modulus, `n`.
    pub modulus: &'a [u8],
    /// The public exponent, `e`.
    pub exponent: &'a [u8],
    /// The private exponent, `d`.
    pub private_exponent: &'a [u8],
    /// The first prime, `p`.
    pub first_prime: &'a [u8],
    /// The second prime, `q`.
    pub second_prime: &'a [u8],
    /// `d` modulo `p - 1`: `dp`.
    pub first_exponent: &'a [u8],
    /// `d` modulo `q - 1`: `dq`.
    pub second_exponent: &'a [u8],
    /// The inverse of `q` modulo `p`: `qi`.
    pub coefficient: &'a [u8],
}

impl PrivateKey {
    pub(super) fn generate(algorithm: Algorithm) -> Result<Self> {
        let failed = |_| Error::new(ErrorCode::Internal, "A signing key could not be generated.");
        match Kind::of(algorithm)? {
            Kind::Rsa => Self::rsa(algorithm, RsaKeyPair::generate(KeySize::Rsa3072).map_err(failed)?),
            Kind::Curve(curve) => Self::curve(algorithm, EcdsaKeyPair::generate(curve).map_err(failed)?),
            Kind::Ed25519 => Self::ed25519(Ed25519KeyPair::generate().map_err(failed)?),
        }
    }

    pub(super) fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self> {
        match Kind::of(algorithm)? {
            Kind::Rsa => Self::rsa(algorithm, RsaKeyPair::from_pkcs8(der).map_err(damaged)?),
            Kind::Curve(curve) => Self::curve(algorithm, EcdsaKeyPair::from_pkcs8(curve, der).map_err(damaged)?),
            Kind::Ed25519 => Self::ed25519(Ed25519KeyPair::from_pkcs8(der).map_err(damaged)?),
        }
    }

    pub(super) fn from_pkcs1(algorithm: Algorithm, der: &[u8]) -> Result<Self> {
        match Kind::of(algorithm)? {
            Kind::Rsa => Self::rsa(algorithm, RsaKeyPair::from_der(der).map_err(damaged)?),
            Kind::Curve(_) | Kind::Ed25519 => Err(damaged(())),
        }
    }

    pub(super) fn from_sec1(algorithm: Algorithm, der: &[u8]) -> Result<Self> {
        match Kind::of(algorithm)? {
            Kind::Curve(curve) => {
                Self::curve(algorithm, EcdsaKeyPair::from_private_key_der(curve, der).map_err(damaged)?)
            }
            Kind::Rsa | Kind::Ed25519 => Err(damaged(())),
        }
    }

    pub(super) fn from_rsa_components(algorithm: Algorithm, parts: &RsaPrivateComponents<'_>) -> Result<Self> {
        if !matches!(Kind::of(algorithm)?, Kind::Rsa) {
            return Err(damaged(()));
        }
        let components = KeyPairComponents {
            public_key: RsaPublicKeyComponents { n: parts.modulus, e: parts.exponent },
            d: parts.private_exponent,
            p: parts.first_prime,
            q: parts.second_prime,
            dP: parts.first_exponent,
            dQ: parts.second_exponent,
            qInv: parts.coefficient,
        };
        Self::rsa(algorithm, RsaKeyPair::from_components(&components).map_err(damaged)?)
    }

    pub(super) fn from_curve_components(algorithm: Algorithm, private: &[u8], x: &[u8], y: &[u8]) -> Result<Self> {
        let (Kind::Curve(curve), Some(length)) = (Kind::of(algorithm)?, coordinate_bytes(algorithm)) else {
            return Err(damaged(()));
        };
        if [private, x, y].iter().any(|number| number.len() != length) {
            return Err(refused("The key's numbers do not have its curve's full length."));
        }
        let point = [&[4], x, y].concat();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(curve, private, &point).map_err(damaged)?;
        Self::curve(algorithm, pair)
    }

    pub(super) fn from_ed25519_components(seed: &[u8], x: &[u8]) -> Result<Self> {
        if seed.len() != 32 {
            return Err(refused("An Ed25519 private key has 32 bytes."));
        }
        Self::ed25519(Ed25519KeyPair::from_seed_and_public_key(seed, x).map_err(damaged)?)
    }

    pub(super) fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The bytes, what signs, and the public half.
    pub(super) fn into_parts(self) -> (Secret, PreparedSigner, PublicKey) {
        (self.pkcs8, self.signer, self.public)
    }

    fn rsa(algorithm: Algorithm, pair: RsaKeyPair) -> Result<Self> {
        let components = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        let public = PublicKey::from_rsa_components(algorithm, &components.n, &components.e)?;
        let pkcs8 = AsDer::as_der(&pair).map_err(damaged)?;
        let signer = PreparedSigner::new(algorithm, PrivateKind::Rsa(pair));
        Ok(Self { pkcs8: Secret::from(pkcs8.as_ref()), public, signer })
    }

    fn curve(algorithm: Algorithm, pair: EcdsaKeyPair) -> Result<Self> {
        let public = PublicKey::from_der(algorithm, pair.public_key().as_ref())?;
        let pkcs8 = pair.to_pkcs8v1().map_err(damaged)?;
        let signer = PreparedSigner::new(algorithm, PrivateKind::Curve(pair));
        Ok(Self { pkcs8: Secret::from(pkcs8.as_ref()), public, signer })
    }

    fn ed25519(pair: Ed25519KeyPair) -> Result<Self> {
        let public = PublicKey::from_der(Algorithm::EdDSA, pair.public_key().as_ref())?;
        let pkcs8 = pair.to_pkcs8v1().map_err(damaged)?;
        let signer = PreparedSigner::new(Algorithm::EdDSA, PrivateKind::Ed25519(pair));
        Ok(Self { pkcs8: Secret::from(pkcs8.as_ref()), public, signer })
    }
}

/// The kinds of private key. There is none for HMAC, whose secret is no private key.
enum Kind {
    Rsa,
    Curve(&'static EcdsaSigningAlgorithm),
    Ed25519,
}

impl Kind {
    fn of(algorithm: Algorithm) -> Result<Self> {
        match algorithm {
            Algorithm::HS256 => Err(refused("An HMAC key is a secret, not a private key.")),
            Algorithm::ES256 => Ok(Self::Curve(&ECDSA_P256_SHA256_FIXED_SIGNING)),
            Algorithm::ES384 => Ok(Self::Curve(&ECDSA_P384_SHA384_FIXED_SIGNING)),
            Algorithm::RS256 | Algorithm::PS256 => Ok(Self::Rsa),
            Algorithm::EdDSA => Ok(Self::Ed25519),
        }
    }
}

/// AWS-LC's own reason is dropped: it is of no use to the caller, and could name a part of the key.
fn damaged<E>(_reason: E) -> Error {
    refused("The private key is damaged, or not of the kind that its algorithm needs.")
}
