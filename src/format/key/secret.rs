//! HMAC secrets.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::{agreed, refused};
use crate::crypto::der;
use crate::crypto::signing::MINIMUM_SECRET_BYTES;
use crate::error::Result;
use crate::model::{Algorithm, JwtKind};
use crate::secret::Secret;

/// Checks that `key` may serve as an HMAC secret.
///
/// Whoever gives a public key as a secret would let everyone who has it sign (CVE-2015-9235 and its many
/// followers), so what looks like a key in PEM, DER or JWK is refused whatever its length.
pub(super) fn check(key: &[u8], algorithm: Option<Algorithm>, jwt_kind: JwtKind) -> Result<Secret> {
    agreed(algorithm, Algorithm::HS256)?;
    if looks_like_pem(key) || looks_like_jwk(key) || looks_like_der(key) {
        return Err(refused("The HMAC secret looks like a key in PEM, DER or JWK. Say that it is one."));
    }
    if key.len() < MINIMUM_SECRET_BYTES && !jwt_kind.allows_short_secrets() {
        return Err(refused("An HMAC secret must have at least 32 bytes."));
    }
    Ok(Secret::from(key))
}

pub(super) fn looks_like_pem(key: &[u8]) -> bool {
    contains(key, b"-----BEGIN")
}

pub(super) fn looks_like_jwk(key: &[u8]) -> bool {
    let text = key.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(key).trim_ascii();
    text.starts_with(b"{") && (contains(text, b"\"kty\"") || contains(text, b"\"keys\""))
}

/// DER, or DER in base64 of either alphabet: a PEM text without its first and last lines.
fn looks_like_der(key: &[u8]) -> bool {
    if der::looks_like_key(key) {
        return true;
    }
    let text: Zeroizing<Vec<u8>> = Zeroizing::new(
        key.iter()
            .filter(|byte| !byte.is_ascii_whitespace())
            .map(|byte| match byte {
                b'-' => b'+',
                b'_' => b'/',
                other => *other,
            })
            .collect(),
    );
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let decoded = GeneralPurpose::new(&STANDARD, lenient).decode(&*text).map(Zeroizing::new);
    decoded.is_ok_and(|bytes| der::looks_like_key(&bytes))
}

fn contains(text: &[u8], pattern: &[u8]) -> bool {
    text.windows(pattern.len()).any(|window| window == pattern)
}
