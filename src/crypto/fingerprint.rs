//! What values are known by in memory, for as long as the process lives.

use std::fmt;
use std::hash::Hasher;

use siphasher::sip128::SipHasher13;
use zeroize::Zeroizing;

use super::random;
use crate::error::Result;

/// What a value is known by: nothing outside the process can be found or opened with it.
pub type Fingerprint = u128;

/// Makes fingerprints, under a random key of its own that is never written anywhere.
///
/// SipHash-1-3 (Aumasson and Bernstein, 2012) with 128 bits. No value is compared after its fingerprint, so two that had one
/// would pass for each other. Nobody sees a fingerprint or knows the key, so nobody can look for two such; what is left is
/// a pair that is likely under every key. The likeliest that cryptanalysis has found for one round a word has a chance of
/// 2^-167 (Dobraunig, Mendel and Schläffer, 2014), less than that of a guess; and it needs the value of a token that is
/// known, to make another from it that passes for that same token. SipHash-2-4, with two rounds a word and four at the end
/// instead of one and three, is for those who show what they computed.
pub struct Fingerprints {
    keyed: SipHasher13,
}

impl Fingerprints {
    /// Under a fresh key. Fails with [`crate::error::ErrorCode::Internal`] when the operating system gives no random
    /// bytes.
    pub fn new() -> Result<Self> {
        let mut key = Zeroizing::new([0; 16]);
        random::fill(&mut key[..])?;
        Ok(Self { keyed: SipHasher13::new_with_key(&key) })
    }

    /// The fingerprint of a value.
    pub fn of(&self, value: &[u8]) -> Fingerprint {
        self.keyed.hash(value).as_u128()
    }
}

/// For tables of fingerprints, which are hashes already: the lower half of one. Its key is known to nobody, so that nobody
/// can choose values that come to lie in one place.
#[derive(Debug, Clone, Copy, Default)]
pub struct FingerprintHasher(u64);

impl Hasher for FingerprintHasher {
    fn write_u128(&mut self, fingerprint: Fingerprint) {
        self.0 = fingerprint as u64;
    }

    fn write(&mut self, bytes: &[u8]) {
        // Nothing but fingerprints comes here. Whatever else did would still be found, if slowly.
        self.0 = bytes.iter().fold(self.0, |sum, byte| sum.rotate_left(8) ^ u64::from(*byte));
    }

    fn finish(&self) -> u64 {
        self.0
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

    /// SipHash with 128 bits, with so many rounds a word and so many at the end, after the specification.
    fn reference(rounds: usize, last_rounds: usize, key: &[u8; 16], message: &[u8]) -> u128 {
        fn mix(state: &mut [u64; 4], rounds: usize) {
            for _ in 0..rounds {
                for (one, other, turn) in [(0, 1, 13), (2, 3, 16), (0, 3, 21), (2, 1, 17)] {
                    state[one] = state[one].wrapping_add(state[other]);
                    state[other] = state[other].rotate_left(turn) ^ state[one];
                    if turn < 16 || turn == 17 {
                        state[one] = state[one].rotate_left(32);
                    }
                }
            }
        }
        let word =
            |bytes: &[u8]| u64::from_le_bytes(std::array::from_fn(|place| bytes.get(place).copied().unwrap_or(0)));
        let (low, high) = (word(&key[..8]), word(&key[8..]));
        let mut state = [
            low ^ 0x736f_6d65_7073_6575,
            high ^ 0x646f_7261_6e64_6f6d ^ 0xee,
            low ^ 0x6c79_6765_6e65_7261,
            high ^ 0x7465_6462_7974_6573,
        ];
        let whole = message.len() / 8 * 8;
        let last = word(&message[whole..]) | (message.len() as u64) << 56;
        for next in message[..whole].chunks(8).map(word).chain([last]) {
            state[3] ^= next;
            mix(&mut state, rounds);
            state[0] ^= next;
        }
        let mut half = |place: usize, constant: u64| {
            state[place] ^= constant;
            mix(&mut state, last_rounds);
            u128::from(state.iter().fold(0, |sum, part| sum ^ part))
        };
        half(2, 0xee) | half(1, 0xdd) << 64
    }

    #[test]
    fn fingerprints_are_siphash_1_3_with_128_bits() {
        // The first, the sixteenth and the last of the vectors that come with the reference implementation (vectors.h), which
        // has them for SipHash-2-4 only: the key counts up from zero, and so does the message.
        let message: [u8; 63] = std::array::from_fn(|place| place as u8);
        let key = std::array::from_fn(|place| message[place]);
        let of = |value| hex::encode(reference(2, 4, &key, value).to_le_bytes());
        assert_eq!(of(b""), "a3817f04ba25a8e66df67214c7550293");
        assert_eq!(of(&message[..15]), "5493e99933b0a8117e08ec0f97cfc3d9");
        assert_eq!(of(&message), "5150d1772f50834a503e069a973fbd7c");

        let fingerprints = Fingerprints { keyed: SipHasher13::new_with_key(&key) };
        for length in 0..=message.len() {
            let value = &message[..length];
            assert_eq!(fingerprints.of(value), reference(1, 3, &key, value), "{length} bytes");
        }
    }
}
