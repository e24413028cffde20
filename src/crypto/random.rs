//! Random bytes and text from the operating system's generator.

use std::cell::RefCell;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorCode, Result};
use crate::model::TokenId;

/// The 62 characters of base62, in the order of their values.
pub const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Fills `buffer` with random bytes.
///
/// Fails with [`ErrorCode::Internal`] when the operating system gives none; the buffer is then not random.
pub fn fill(buffer: &mut [u8]) -> Result<()> {
    SystemRandom::new()
        .fill(buffer)
        .map_err(|_| Error::new(ErrorCode::Internal, "The operating system gave no random bytes."))
}

/// A byte at or above the greatest multiple of 62 would favour the first characters of [`BASE62`]: it is thrown away.
const ACCEPTED_BELOW: u8 = 62 * 4;

/// Random text of that many base62 characters, each of the 62 equally likely. Wiped when dropped.
pub fn base62(characters: usize) -> Result<Zeroizing<String>> {
    // The full length from the start, so that growing never leaves an unwiped copy behind.
    let mut text = Zeroizing::new(String::with_capacity(characters));
    let mut pool = Zeroizing::new([0_u8; 64]);
    while text.len() < characters {
        fill(&mut pool[..])?;
        let accepted = pool.iter().filter(|byte| **byte < ACCEPTED_BELOW);
        for byte in accepted.take(characters - text.len()) {
            text.push(char::from(BASE62[usize::from(byte % 62)]));
        }
    }
    Ok(text)
}

/// Random bytes for a few ids, drawn at once: a draw takes longer than all else that an id does.
struct Drawn {
    bytes: [u8; 512],
    /// How many of them were used; they are zero.
    used: usize,
}

thread_local! {
    static DRAWN: RefCell<Drawn> = const { RefCell::new(Drawn { bytes: [0; 512], used: 512 }) };
}

/// As [`base62`], for an id that is told to everyone. Never for a secret, nor for what must stay unknown until it is
/// told: the random bytes of the next ids lie in memory, each until it is used.
///
/// A process that forks and goes on in the child without `exec` would have both draw the same ids for a while, those of
/// some twenty tokens. SQLite forbids a store that; who makes tokens without a store must not do it either.
pub(crate) fn public_base62(characters: usize) -> Result<String> {
    DRAWN.with_borrow_mut(|drawn| {
        let mut text = String::with_capacity(characters);
        while text.len() < characters {
            if drawn.used == drawn.bytes.len() {
                fill(&mut drawn.bytes)?;
                drawn.used = 0;
            }
            let byte = std::mem::take(&mut drawn.bytes[drawn.used]);
            drawn.used += 1;
            if byte < ACCEPTED_BELOW {
                text.push(char::from(BASE62[usize::from(byte % 62)]));
            }
        }
        Ok(text)
    })
}

/// A random id for a new token.
pub fn token_id() -> Result<TokenId> {
    TokenId::parse(&base62(TokenId::LENGTH)?)
        .ok_or_else(|| Error::new(ErrorCode::Internal, "A new token id is not in the form of one."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_the_length_and_the_alphabet() {
        for characters in [0, 1, 12, 32, 63, 64, 65, 1_000] {
            let text = base62(characters).unwrap();
            assert_eq!(text.len(), characters);
            assert!(text.bytes().all(|byte| BASE62.contains(&byte)));
        }
    }

    #[test]
    fn characters_are_equally_likely() {
        // 62,000 draws: each character is expected 1,000 times with a deviation of 31; 200 is beyond 6 sigma.
        for text in [base62(62_000).unwrap().as_str(), &public_base62(62_000).unwrap()] {
            assert_eq!(text.len(), 62_000);
            for character in BASE62 {
                let count = text.bytes().filter(|byte| byte == character).count();
                assert!((800..1_200).contains(&count), "{} came {count} times", char::from(*character));
            }
        }
    }

    #[test]
    fn public_ids_are_never_told_twice_and_leave_nothing_behind() {
        let draw = || (0..500).map(|_| public_base62(22).unwrap()).collect::<Vec<_>>();
        let (other, mut all) = (std::thread::spawn(draw), draw());
        all.extend(other.join().unwrap());
        assert!(all.iter().all(|id| id.len() == 22));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 1_000);
        DRAWN.with_borrow(|drawn| assert!(drawn.bytes[..drawn.used].iter().all(|byte| *byte == 0)));
    }

    #[test]
    fn two_fills_differ() {
        let (mut first, mut second) = ([0_u8; 32], [0_u8; 32]);
        fill(&mut first).unwrap();
        fill(&mut second).unwrap();
        assert_ne!(first, second);
    }
}
