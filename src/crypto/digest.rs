//! The keyed digest under which token values are stored.
//!
//! A value of 190 random bits needs no slow hash; the key (the pepper) keeps a stolen database from being
//! searched offline, and keeps an attacker from steering where a look-up falls.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, hmac};

use crate::secret::Secret;

/// The length of a digest in bytes.
pub const DIGEST_BYTES: usize = 32;

/// A key for token digests, prepared once, with the number by which rows name it.
#[derive(Clone)]
pub struct Pepper {
    id: i64,
    secret: Secret,
    prepared: hmac::Key,
}

impl Pepper {
    /// The length of a pepper's key in bytes.
    pub const KEY_BYTES: usize = 32;

    /// A pepper over `key`, 32 random bytes.
    pub(super) fn new(id: i64, key: [u8; Self::KEY_BYTES]) -> Self {
        let key = zeroize::Zeroizing::new(key);
        Self { id, secret: Secret::from(&key[..]), prepared: hmac::Key::new(hmac::HMAC_SHA256, &key[..]) }
    }

    /// The number by which rows name the pepper.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// HMAC-SHA-256 (RFC 2104) of a token's whole value under this pepper.
    pub fn digest(&self, value: &[u8]) -> [u8; DIGEST_BYTES] {
        authenticate(&self.prepared, value)
    }

    /// The key itself, for the key file and the check values.
    pub(super) fn secret(&self) -> &Secret {
        &self.secret
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pepper").field("id", &self.id).finish_non_exhaustive()
    }
}

/// SHA-256 (FIPS 180-4) of `bytes`: for values that another system knows by it.
pub fn sha256(bytes: &[u8]) -> [u8; DIGEST_BYTES] {
    let mut hash = [0_u8; DIGEST_BYTES];
    // SHA-256 gives exactly this many bytes.
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// Whether two digests are the same, in a time that does not depend on where they differ.
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    verify_slices_are_equal(left, right).is_ok()
}

/// The HMAC-SHA-256 tag of `message` under a prepared key.
pub(super) fn authenticate(key: &hmac::Key, message: &[u8]) -> [u8; DIGEST_BYTES] {
    let mut tag = [0_u8; DIGEST_BYTES];
    // The tag of HMAC-SHA-256 has exactly this length.
    tag.copy_from_slice(hmac::sign(key, message).as_ref());
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_is_hmac_sha_256() {
        // RFC 4231 test case 2 has a short key; HMAC pads keys with zeros to the block, so 32 bytes will do.
        let mut key = [0_u8; 32];
        key[..4].copy_from_slice(b"Jefe");
        let expected = [
            0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00,
            0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43,
        ];
        assert_eq!(Pepper::new(1, key).digest(b"what do ya want for nothing?"), expected);
    }

    #[test]
    fn digests_compare_by_content_and_length() {
        assert!(equal(&[1, 2], &[1, 2]));
        assert!(!equal(&[1, 2], &[1, 3]));
        assert!(!equal(&[1, 2], &[1, 2, 3]));
    }

    #[test]
    fn debug_shows_no_key() {
        let shown = format!("{:?}", Pepper::new(7, [0xAB; 32]));
        assert_eq!(shown, "Pepper { id: 7, .. }");
    }
}
