//! Opaque token values: random text that means nothing without the store.
//!
//! ```text
//! tsr_hN3kQ0vZ8mXcR2b...         <prefix>_<id><secret><check>
//! ```
//!
//! - prefix: 1 to 16 characters of `[a-z0-9_]`; it tells secret scanners and people whose token it is.
//! - id: 12 base62 characters, the token's public name.
//! - secret: 32 base62 characters, 190 bits from the operating system's generator.
//! - check: 6 base62 characters, the CRC-32 (IEEE 802.3) of everything before them. The 32 bits are taken as
//!   one number and written in base 62, most significant digit first, with leading zeros; digits are `0-9`,
//!   `A-Z`, `a-z` in the order of their values. Six digits hold 62^6 numbers, thirteen times what is needed.
//!
//! The check weeds out typing errors and random scans before the store is asked, and lets a scanner tell a
//! token from other text offline. It proves nothing: anyone can compute it.
//!
//! A value is parsed from its right end, whose length is fixed, so the prefix may hold `_` itself.

use crate::crypto::random::{self, BASE62};
use crate::error::{Error, Result};
use crate::model::TokenId;
use crate::secret::Secret;

/// The regular expression of every opaque value, for secret scanners. A match whose check is right is a
/// token's form; see the module's text.
pub const OPAQUE_PATTERN: &str = "[a-z0-9_]{1,16}_[0-9A-Za-z]{50}";

/// The prefix of values where no other was chosen.
pub const DEFAULT_PREFIX: &str = "tsr";

/// The most characters that a prefix may have. The least is one.
pub const MAXIMUM_PREFIX_CHARACTERS: usize = 16;

/// What a well-formed value says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed<'a> {
    /// The prefix, without the `_` that ends it.
    pub prefix: &'a str,
    /// The token's public id.
    pub id: TokenId,
}

/// Makes a fresh value with `prefix`, and the id that is in it.
///
/// Refuses a prefix that is not 1 to 16 characters of `[a-z0-9_]` with
/// [`crate::error::ErrorCode::InvalidArgument`].
pub fn mint(prefix: &str) -> Result<(TokenId, Secret)> {
    let id = random::token_id()?;
    let value = mint_for(prefix, &id)?;
    Ok((id, value))
}

/// Makes a fresh value for a token that has its id already. Refuses a prefix as [`mint`] does.
pub fn mint_for(prefix: &str, id: &TokenId) -> Result<Secret> {
    check_prefix(prefix)?;
    let secret = random::base62(SECRET_CHARACTERS)?;
    let mut value = Vec::with_capacity(prefix.len() + 1 + TAIL_CHARACTERS);
    value.extend_from_slice(prefix.as_bytes());
    value.push(b'_');
    value.extend_from_slice(id.as_str().as_bytes());
    value.extend_from_slice(secret.as_bytes());
    value.extend_from_slice(&check_of(&value));
    Ok(Secret::new(value))
}

/// Refuses a prefix that [`mint`] refuses.
pub fn check_prefix(prefix: &str) -> Result<()> {
    if !is_prefix(prefix.as_bytes()) {
        return Err(Error::argument("prefix", "A prefix must be 1 to 16 characters of a to z, 0 to 9 and _."));
    }
    Ok(())
}

/// Takes a value apart; none unless it has the form and its check is right.
///
/// The work does not depend on the input's length: anything but 52 to 67 bytes is turned away at once.
pub fn parse(value: &[u8]) -> Option<Parsed<'_>> {
    if value.len() > MAXIMUM_PREFIX_CHARACTERS + 1 + TAIL_CHARACTERS {
        return None;
    }
    let (head, tail) = value.split_at_checked(value.len().checked_sub(TAIL_CHARACTERS)?)?;
    let (b'_', prefix) = head.split_last()? else {
        return None;
    };
    if !is_prefix(prefix) || !tail.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let (checked, check) = value.split_at_checked(value.len().checked_sub(CHECK_CHARACTERS)?)?;
    if check != check_of(checked) {
        return None;
    }
    let id = TokenId::parse(std::str::from_utf8(tail.get(..TokenId::LENGTH)?).ok()?)?;
    Some(Parsed { prefix: std::str::from_utf8(prefix).ok()?, id })
}

/// Whether a value stands anywhere in `text`, whatever is before and behind it.
///
/// The work grows with the text's length: for text of which the length is bounded.
pub fn is_within(text: &[u8]) -> bool {
    let mut ends = memchr::memchr_iter(b'_', text).map(|place| place + 1 + TAIL_CHARACTERS);
    ends.any(|end| text.get(..end).is_some_and(|head| ending_with(head).next().is_some()))
}

/// The values that end where `text` does, each with the place at which it begins.
pub(crate) fn ending_with(text: &[u8]) -> impl Iterator<Item = (usize, Parsed<'_>)> {
    let separator = text.len().saturating_sub(1 + TAIL_CHARACTERS);
    let starts = separator.saturating_sub(MAXIMUM_PREFIX_CHARACTERS)..separator;
    starts.filter_map(|start| parse(&text[start..]).map(|parsed| (start, parsed)))
}

/// Whether a prefix may have the character.
pub(crate) fn is_prefix_character(character: u8) -> bool {
    matches!(character, b'a'..=b'z' | b'0'..=b'9' | b'_')
}

/// The characters behind the `_` that ends the prefix.
pub(crate) const TAIL_CHARACTERS: usize = TokenId::LENGTH + SECRET_CHARACTERS + CHECK_CHARACTERS;

const SECRET_CHARACTERS: usize = 32;
const CHECK_CHARACTERS: usize = 6;

fn is_prefix(prefix: &[u8]) -> bool {
    (1..=MAXIMUM_PREFIX_CHARACTERS).contains(&prefix.len()) && prefix.iter().copied().all(is_prefix_character)
}

fn check_of(checked: &[u8]) -> [u8; CHECK_CHARACTERS] {
    let mut number = crc32fast::hash(checked);
    let mut check = [b'0'; CHECK_CHARACTERS];
    for digit in check.iter_mut().rev() {
        *digit = BASE62[(number % 62) as usize];
        number /= 62;
    }
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_is_the_stated_encoding_of_crc_32() {
        // CRC-32 of "123456789" is 0xCBF43926 = 3421780262, the algorithm's published check value;
        // 3421780262 = 3*62^5 + 45*62^4 + 35*62^3 + 27*62^2 + 22*62 + 14.
        assert_eq!(&check_of(b"123456789"), b"3jZRME");
        assert_eq!(&check_of(b""), b"000000");
    }

    #[test]
    fn prefixes_outside_the_rule_are_refused() {
        for prefix in ["", "Tsr", "ts-r", "t\0", "é", "abcdefghijklmnopq"] {
            assert!(mint(prefix).is_err(), "{prefix:?}");
        }
        for prefix in ["t", "_", "a_b", "__", "abcdefghijklmnop", "0"] {
            let (id, value) = mint(prefix).unwrap();
            assert_eq!(parse(value.as_bytes()), Some(Parsed { prefix, id }));
        }
    }
}
