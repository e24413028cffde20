//! What values are known by in memory, for as long as the process lives.

use std::fmt;

use siphasher::sip128::SipHasher24;
use zeroize::Zeroizing;

use super::random;
use crate::error::Result;

/// What a value is known by: nothing outside the process can be found or opened with it.
pub type Fingerprint = u128;

/// Makes fingerprints, under a random key of its own that is never written anywhere.
///
/// SipHash-2-4 (Aumasson and Bernstein, 2012) with 128 bits: a message authentication code for short input, which takes
/// a tenth of the time of HMAC-SHA-256. Whoever does not know the key finds no two values with one fingerprint, and
/// nobody sees a fingerprint. The variant with fewer rounds is made for hash tables, which compare the values after
/// that; here nothing is compared after it.
pub struct Fingerprints {
    keyed: SipHasher24,
}

impl Fingerprints {
    /// Under a fresh key. Fails with [`crate::error::ErrorCode::Internal`] when the operating system gives no random
    /// bytes.
    pub fn new() -> Result<Self> {
        let mut key = Zeroizing::new([0; 16]);
        random::fill(&mut key[..])?;
        Ok(Self { keyed: SipHasher24::new_with_key(&key) })
    }

    /// The fingerprint of a value.
    pub fn of(&self, value: &[u8]) -> Fingerprint {
        self.keyed.hash(value).as_u128()
    }
}

impl fmt::Debug for Fingerprints {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Fingerprints").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_one_fingerprint_under_a_key_and_another_under_the_next() {
        let (one, other) = (Fingerprints::new().unwrap(), Fingerprints::new().unwrap());
        assert_eq!(one.of(b"value"), one.of(b"value"));
        assert_ne!(one.of(b"value"), other.of(b"value"));
        assert_ne!(one.of(b"value"), one.of(b"value\0"));
        assert_ne!(one.of(b""), 0);
        assert_eq!(format!("{one:?}"), "Fingerprints { .. }");
    }

    #[test]
    fn fingerprints_are_siphash_2_4_with_128_bits() {
        // The first, the sixteenth and the last of the vectors that come with the reference implementation (vectors.h):
        // the key counts up from zero, and so does the message.
        let message: [u8; 63] = std::array::from_fn(|place| place as u8);
        let key = std::array::from_fn(|place| message[place]);
        let fingerprints = Fingerprints { keyed: SipHasher24::new_with_key(&key) };
        let of = |value| hex::encode(fingerprints.of(value).to_le_bytes());
        assert_eq!(of(b""), "a3817f04ba25a8e66df67214c7550293");
        assert_eq!(of(&message[..15]), "5493e99933b0a8117e08ec0f97cfc3d9");
        assert_eq!(of(&message), "5150d1772f50834a503e069a973fbd7c");
    }
}
