//! Keys that a caller brings along: a secret, a PEM text or a JSON Web Key.
//!
//! What kind of key it is, the caller says or its form shows ([`KeyKind`]); which algorithm it is for is
//! settled here, once, and a token has no say in it. So a public key can never be taken for an HMAC secret:
//! PEM, DER and JWK are refused as secrets.

mod jwk;
mod pem;
mod secret;

use crate::crypto::signing::{SigningKeyMaterial, VerifyingKey};
use crate::error::{Error, ErrorCode, Result};
use crate::model::{Algorithm, JwtKind};

/// The most bytes that a key's text may have: room for RSA keys of 8,192 bits.
pub const MAXIMUM_KEY_BYTES: usize = 16_384;

/// The form of a caller's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// The bytes of an HMAC secret.
    Secret,
    /// A PEM text (RFC 7468) with one key: `PUBLIC KEY`, `PRIVATE KEY`, `RSA PUBLIC KEY`, `RSA PRIVATE KEY`
    /// or `EC PRIVATE KEY`.
    Pem,
    /// A JSON Web Key (RFC 7517).
    Jwk,
}

impl KeyKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Secret, Self::Pem, Self::Jwk];

    /// The kind that `key` looks like. What looks like PEM or JWK is never taken for a secret.
    pub fn detect(key: &[u8]) -> Self {
        if secret::looks_like_pem(key) {
            Self::Pem
        } else if secret::looks_like_jwk(key) {
            Self::Jwk
        } else {
            Self::Secret
        }
    }
}

/// Takes a key for signing.
///
/// `algorithm` is needed for RSA keys that do not name one, and must agree with what the key says or is. A
/// secret under 32 bytes is accepted for the kinds PowerShellUniversal and UniversalDashboard only.
///
/// Refuses with [`ErrorCode::KeyRefused`] whatever is not exactly one good key for signing: a public key, a
/// damaged one, one whose `use`, `key_ops` or `alg` says otherwise, one too short or too long.
pub fn signing_key(
    key: &[u8],
    kind: KeyKind,
    algorithm: Option<Algorithm>,
    jwt_kind: JwtKind,
) -> Result<SigningKeyMaterial> {
    check_length(key)?;
    match kind {
        KeyKind::Secret => SigningKeyMaterial::hmac(secret::check(key, algorithm, jwt_kind)?, None),
        KeyKind::Pem => pem::signing_key(key, algorithm),
        KeyKind::Jwk => jwk::signing_key(key, algorithm, jwt_kind.allows_short_secrets()),
    }
}

/// Takes a key for verifying. A private key serves with its public half.
///
/// The rules are those of [`signing_key`].
pub fn verifying_key(
    key: &[u8],
    kind: KeyKind,
    algorithm: Option<Algorithm>,
    jwt_kind: JwtKind,
) -> Result<VerifyingKey> {
    check_length(key)?;
    match kind {
        KeyKind::Secret => VerifyingKey::hmac(&secret::check(key, algorithm, jwt_kind)?, None),
        KeyKind::Pem => pem::verifying_key(key, algorithm),
        KeyKind::Jwk => jwk::verifying_key(key, algorithm, jwt_kind.allows_short_secrets()),
    }
}

/// Takes a JSON Web Key for checking signatures as such ([`crate::format::jwt::verify_jws`]).
pub fn jws_key(jwk: &[u8]) -> Result<VerifyingKey> {
    check_length(jwk)?;
    jwk::verifying_key(jwk, None, false)
}

fn check_length(key: &[u8]) -> Result<()> {
    match key.len() {
        0 => Err(refused("The key is empty.")),
        1..=MAXIMUM_KEY_BYTES => Ok(()),
        _ => Err(refused("The key has more than 16,384 bytes.")),
    }
}

/// `algorithm` as asked for, or else the key's own; an error when the two differ.
fn agreed(asked: Option<Algorithm>, own: Algorithm) -> Result<Algorithm> {
    if asked.is_some_and(|asked| asked != own) {
        return Err(refused("The key is not for the algorithm that was asked for."));
    }
    Ok(own)
}

fn refused(message: &'static str) -> Error {
    Error::new(ErrorCode::KeyRefused, message).about("key")
}

#[cfg(test)]
mod tests;
