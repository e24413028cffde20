//! Digests of token values that another system made: read, and checked against a value.
//!
//! What is accepted, each under the name of where it is found:
//!
//! | form | text |
//! | --- | --- |
//! | SHA-256 | 64 hexadecimal digits of either case, with or without `sha256:` before them |
//! | PBKDF2, PHC | `$pbkdf2-sha256$i=600000,l=32$<salt>$<hash>`, or `sha512`; `l` may be left out; base64 without padding |
//! | PBKDF2, passlib | `$pbkdf2-sha256$29000$<salt>$<hash>`, or `sha512`; base64 with `.` for `+`, without padding |
//! | PBKDF2, Django | `pbkdf2_sha256$600000$<salt>$<hash>`; the salt is text as it stands, the hash base64 with padding |
//! | Argon2, PHC | `$argon2id$v=19$m=65536,t=3,p=4$<salt>$<hash>`, or `argon2i` or `argon2d`; without `v` it is version 1.0 |
//! | Argon2, Django | the same with `argon2` before it |
//!
//! A digest is input from anyone and its parameters say how much work a check is, so they are held to limits when it is
//! read: PBKDF2 of at most 2,000,000 iterations with a salt of 1 to 64 bytes and a hash of 16 to 64, Argon2 of at most
//! 256 MiB, 10 passes and 8 lanes with a salt of 8 to 48 bytes and a tag of 16 to 64.

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::argon2_hash::Argon2Hash;
use super::digest;
use super::turn::Turn;
use crate::error::{Error, Result};

/// The most iterations of PBKDF2 that are accepted.
pub const MAXIMUM_ITERATIONS: u32 = 2_000_000;

/// A digest by which another system recognised a token's value.
pub struct ForeignDigest(Kind);

enum Kind {
    Sha256([u8; 32]),
    Pbkdf2(Pbkdf2Hash),
    Argon2(Box<Argon2Hash>),
}

struct Pbkdf2Hash {
    function: Function,
    iterations: NonZeroU32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

/// What PBKDF2 is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Function {
    Sha256,
    Sha512,
}

impl ForeignDigest {
    /// Reads a digest in one of the forms above.
    ///
    /// Refuses others, and parameters beyond the limits, with [`crate::error::ErrorCode::InvalidArgument`]. The error
    /// does not repeat any of the text. Nothing is computed.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > MAXIMUM_TEXT_BYTES {
            return Err(refused("has more than 512 bytes"));
        }
        if let Some(phc) = text.strip_prefix("argon2").filter(|phc| phc.starts_with('$')) {
            return parse_argon2(phc);
        }
        if text.starts_with("$argon2") {
            return parse_argon2(text);
        }
        if text.starts_with("$pbkdf2-") || text.starts_with("pbkdf2_") {
            return Pbkdf2Hash::parse(text).map(|hash| Self(Kind::Pbkdf2(hash))).map_err(refused);
        }
        Self::sha256(text.strip_prefix("sha256:").unwrap_or(text)).ok_or_else(|| {
            refused("is none of those accepted: SHA-256 in hexadecimal, or a PHC string of PBKDF2 or Argon2")
        })
    }

    /// SHA-256 of a value.
    pub fn of_sha256(hash: [u8; 32]) -> Self {
        Self(Kind::Sha256(hash))
    }

    /// Whether equal values have different digests, so that a value must be found by something else than its digest.
    pub fn is_salted(&self) -> bool {
        !matches!(self.0, Kind::Sha256(_))
    }

    /// The digest's bytes, where it is SHA-256 of the value and nothing else.
    pub fn unsalted(&self) -> Option<&[u8; 32]> {
        match &self.0 {
            Kind::Sha256(hash) => Some(hash),
            Kind::Pbkdf2(_) | Kind::Argon2(_) => None,
        }
    }

    /// Whether the digest is that of `value`, compared in constant time. The caller bounds the value's length.
    ///
    /// A salted digest takes the time that its parameters say, in its turn;
    /// [`crate::error::ErrorCode::Overloaded`] when too many slow hashes wait already.
    pub fn verify(&self, value: &[u8]) -> Result<bool> {
        match &self.0 {
            Kind::Sha256(hash) => Ok(digest::equal(&digest::sha256(value), hash)),
            Kind::Pbkdf2(hash) => {
                let _turn = Turn::take()?;
                Ok(pbkdf2::verify(hash.function.algorithm(), hash.iterations, &hash.salt, value, &hash.hash).is_ok())
            }
            Kind::Argon2(hash) => hash.verify(value),
        }
    }

    /// The digest as text that [`ForeignDigest::parse`] reads. Two texts of one digest give the same.
    pub fn to_text(&self) -> Result<String> {
        match &self.0 {
            Kind::Sha256(hash) => Ok(format!("sha256:{}", hex::encode(hash))),
            Kind::Pbkdf2(Pbkdf2Hash { function, iterations, salt, hash }) => Ok(format!(
                "$pbkdf2-{}$i={iterations},l={}${}${}",
                function.name(),
                hash.len(),
                STANDARD_NO_PAD.encode(salt),
                STANDARD_NO_PAD.encode(hash)
            )),
            Kind::Argon2(hash) => hash.to_phc(),
        }
    }

    fn sha256(digits: &str) -> Option<Self> {
        let mut hash = [0_u8; 32];
        hex::decode_to_slice(digits, &mut hash).ok()?;
        Some(Self(Kind::Sha256(hash)))
    }
}

// Shows its kind alone: for a value that is easily guessed, a digest is as good as the value.
impl fmt::Debug for ForeignDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Kind::Sha256(_) => "SHA-256",
            Kind::Pbkdf2(_) => "PBKDF2",
            Kind::Argon2(_) => "Argon2",
        };
        write!(formatter, "ForeignDigest({kind})")
    }
}

const MAXIMUM_TEXT_BYTES: usize = 512;
const MAXIMUM_SALT_BYTES: usize = 64;
const HASH_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

impl Pbkdf2Hash {
    /// Reads one of the three forms. A refusal says which rule was broken, as the end of a sentence.
    fn parse(text: &str) -> std::result::Result<Self, &'static str> {
        const OTHER_FORM: &str =
            "is not in the form of PBKDF2 with SHA-256 or SHA-512 as a PHC string, or passlib's or Django's";
        let parts: Vec<&str> = text.split('$').collect();
        let (function, iterations, length, salt, hash) = match parts[..] {
            ["", name, parameters, salt, hash] => {
                let function = Function::of(name.strip_prefix("pbkdf2-").ok_or(OTHER_FORM)?).ok_or(OTHER_FORM)?;
                match parameters.strip_prefix("i=") {
                    Some(parameters) => {
                        let (iterations, length) = match parameters.split_once(",l=") {
                            Some((iterations, length)) => (iterations, Some(number(length).ok_or(OTHER_FORM)?)),
                            None => (parameters, None),
                        };
                        let decode = |text: &str| STANDARD_NO_PAD.decode(text);
                        (function, iterations, length, decode(salt), decode(hash))
                    }
                    None => {
                        // passlib writes no `+`, so one in its place would make two texts of one digest.
                        let decode = |text: &str| match text.contains('+') {
                            true => STANDARD_NO_PAD.decode("+"),
                            false => STANDARD_NO_PAD.decode(text.replace('.', "+")),
                        };
                        (function, parameters, None, decode(salt), decode(hash))
                    }
                }
            }
            ["pbkdf2_sha256", iterations, salt, hash] => {
                (Function::Sha256, iterations, None, Ok(salt.as_bytes().to_vec()), STANDARD.decode(hash))
            }
            _ => return Err(OTHER_FORM),
        };
        let (Ok(salt), Ok(hash)) = (salt, hash) else { return Err(OTHER_FORM) };
        let iterations = number(iterations).and_then(NonZeroU32::new).ok_or(OTHER_FORM)?;
        if iterations.get() > MAXIMUM_ITERATIONS {
            return Err("asks for more than 2,000,000 iterations");
        }
        if salt.is_empty() || salt.len() > MAXIMUM_SALT_BYTES || !HASH_BYTES.contains(&hash.len()) {
            return Err("has no salt, a salt over 64 bytes, or a hash of other than 16 to 64 bytes");
        }
        if length.is_some_and(|length| length as usize != hash.len()) {
            return Err("names another length of its hash than it has");
        }
        Ok(Self { function, iterations, salt, hash })
    }
}

impl Function {
    fn of(name: &str) -> Option<Self> {
        [Self::Sha256, Self::Sha512].into_iter().find(|function| function.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    fn algorithm(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }
}

fn parse_argon2(phc: &str) -> Result<ForeignDigest> {
    Argon2Hash::parse(phc).map(|hash| ForeignDigest(Kind::Argon2(Box::new(hash)))).map_err(refused)
}

/// A number as every one of these forms writes it: decimal digits, without leading zeros. One that 32 bits do not hold
/// is taken for the greatest, which is beyond every limit.
fn number(digits: &str) -> Option<u32> {
    let is_decimal = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.is_empty();
    (is_decimal && !digits.starts_with('0')).then(|| digits.parse().unwrap_or(u32::MAX))
}

fn refused(what: &'static str) -> Error {
    Error::argument("foreignDigest", format!("The digest {what}."))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::argon2_hash::work;
    use super::*;
    use crate::error::ErrorCode;

    // Published digests with the values that they are of.
    const KNOWN: &[(&str, &str, &str)] = &[
        // FIPS 180-2 appendix B.1.
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "SHA-256"),
        // RFC 7914 section 11, both.
        (
            "passwd",
            "$pbkdf2-sha256$i=1,l=64$c2FsdA$VawEblbjCJ/sFpHCJUS2BflBhSFt3gRl5oudV8INrLxJypzM8Xm2RZkWZLOdd+8xfHG4RbHjC9UJESBB06GXgw",
            "PBKDF2",
        ),
        (
            "Password",
            "$pbkdf2-sha256$i=80000$TmFDbA$TdzY9guYviGDDO5e8icB+WQaRBjQTAQUrv8Ih2s0q1ah1CWhIlgzVJrbhBtRybMXaicr3ruh0HhHj2Kzl/M8jQ",
            "PBKDF2",
        ),
        // The inputs of RFC 6070's fourth and fifth case, as they are commonly given for the longer functions.
        ("password", "$pbkdf2-sha256$i=4096,l=32$c2FsdA$xeR41ZKIyEGqUw22hFxMjZYok6ABzk4RpJY4c6qYE0o", "PBKDF2"),
        (
            "passwordPASSWORDpassword",
            "$pbkdf2-sha512$i=4096,l=64$c2FsdFNBTFRzYWx0U0FMVHNhbHRTQUxUc2FsdFNBTFRzYWx0$jAUR9Mbll8asYxXY8DYuIl88UBSVuiO4aMAFF03E7nERW1n55gzZUy+jPg91rv4wIlxYOhhs2CvU2uqXJKPTuA",
            "PBKDF2",
        ),
        // passlib's and Authelia's documentation.
        (
            "toomanysecrets",
            "$pbkdf2-sha256$29000$N2YMIWQsBWBMae09x1jrPQ$1t8iyB2A.WF/Z5JZv.lfCIhXXN33N23OSgQYThBYRfk",
            "PBKDF2",
        ),
        (
            "insecure_secret",
            "$pbkdf2-sha512$310000$c8p78n7pUMln0jzvd4aK4Q$JNRBzwAo0ek5qKn50cFzzvE9RXV88h1wJn5KGiHrD0YKtZaR/nCb2CJPOsKaPK0hjf.9yHxzQGZziziccp6Yng",
            "PBKDF2",
        ),
        // Django's own test.
        ("l\u{e8}tmein", "pbkdf2_sha256$10000$seasalt$CWWFdHOWwPnki7HvkcqN9iA2T3KLW1cf2uZ5kvArtVY=", "PBKDF2"),
        // The reference program's tests, of each variant and version.
        (
            "password",
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "Argon2",
        ),
        ("password", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA", "Argon2"),
        ("password", "$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ", "Argon2"),
        (
            "password",
            "$argon2d$v=19$m=65536,t=2,p=1$YzI5dFpYTmhiSFFBQUFBQUFBQUFBQQ$Jxy74cswY2mq9y+u+iJcJy8EqOp4t/C7DWDzGwGB3IM",
            "Argon2",
        ),
    ];

    #[test]
    fn published_digests_are_recognised() {
        for (value, text, kind) in KNOWN {
            let digest = ForeignDigest::parse(text).unwrap();
            assert!(digest.verify(value.as_bytes()).unwrap(), "{text}");
            assert!(!digest.verify(format!("{value}x").as_bytes()).unwrap(), "{text}");
            assert_eq!(digest.is_salted(), *kind != "SHA-256");
            assert_eq!(digest.unsalted().is_some(), *kind == "SHA-256");
            assert_eq!(format!("{digest:?}"), format!("ForeignDigest({kind})"));
        }
    }

    #[test]
    fn other_spellings_of_a_digest_give_one_text() {
        for (_, text, _) in KNOWN {
            let canonical = ForeignDigest::parse(text).unwrap().to_text().unwrap();
            assert_eq!(ForeignDigest::parse(&canonical).unwrap().to_text().unwrap(), canonical);
        }
        let same = [
            ("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", KNOWN[0].1),
            ("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", KNOWN[0].1),
            (&KNOWN[3].1.replace(",l=32", ""), KNOWN[3].1),
            (&KNOWN[3].1.replace("i=4096,l=32", "4096").replace('+', "."), KNOWN[3].1),
            (&KNOWN[8].1.replace("$argon2id", "argon2$argon2id"), KNOWN[8].1),
            (&KNOWN[10].1.replace("$m=", "$v=16$m="), KNOWN[10].1),
            (
                "pbkdf2_sha256$4096$salt$xeR41ZKIyEGqUw22hFxMjZYok6ABzk4RpJY4c6qYE0o=",
                "$pbkdf2-sha256$i=4096,l=32$c2FsdA$xeR41ZKIyEGqUw22hFxMjZYok6ABzk4RpJY4c6qYE0o",
            ),
        ];
        for (other, text) in same {
            let canonical = |text: &str| ForeignDigest::parse(text).unwrap().to_text().unwrap();
            assert_eq!(canonical(other), canonical(text));
        }
    }

    /// The limits hold at their edges, and a digest beyond them is refused when it is read, whatever it says.
    #[test]
    fn parameters_beyond_the_limits_are_refused_before_any_work() {
        const PBKDF2: &str = "$pbkdf2-sha256$i=1000,l=16$c2FsdA$AAAAAAAAAAAAAAAAAAAAAA";
        const ARGON2: &str = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA";
        let encoded = |length: usize| STANDARD_NO_PAD.encode(vec![7_u8; length]);
        for good in [
            PBKDF2.to_owned(),
            PBKDF2.replace("i=1000", "i=2000000"),
            PBKDF2.replace("c2FsdA", &encoded(64)),
            PBKDF2.replace("l=16$c2FsdA$AAAAAAAAAAAAAAAAAAAAAA", &format!("l=64$c2FsdA${}", encoded(64))),
            ARGON2.to_owned(),
            ARGON2.replace("m=64,t=1,p=1", "m=262144,t=10,p=8"),
            ARGON2.replace("c29tZXNhbHQ", &encoded(48)),
        ] {
            assert!(ForeignDigest::parse(&good).is_ok(), "{good}");
        }
        let bad = [
            (PBKDF2.replace("i=1000", "i=2000001"), "more than 2,000,000 iterations"),
            (PBKDF2.replace("i=1000", "i=4294967296"), "more than 2,000,000 iterations"),
            (PBKDF2.replace("i=1000,l=16", "2000001"), "more than 2,000,000 iterations"),
            (
                "pbkdf2_sha256$99999999999999999999$s$AAAAAAAAAAAAAAAAAAAAAA==".to_owned(),
                "more than 2,000,000 iterations",
            ),
            (PBKDF2.replace("i=1000", "i=0"), "not in the form of PBKDF2"),
            (PBKDF2.replace("i=1000", "i=01000"), "not in the form of PBKDF2"),
            (PBKDF2.replace("i=1000", "i=+1000"), "not in the form of PBKDF2"),
            (PBKDF2.replace("i=1000", "i="), "not in the form of PBKDF2"),
            (PBKDF2.replace("sha256", "sha1"), "not in the form of PBKDF2"),
            (PBKDF2.replace(",l=16", ",l=16,x=1"), "not in the form of PBKDF2"),
            (PBKDF2.replace("c2FsdA", "c2FsdB"), "not in the form of PBKDF2"),
            (PBKDF2.replace("i=1000,l=16", "1000").replace("c2FsdA", "c2F+dA"), "not in the form of PBKDF2"),
            (format!("{PBKDF2}$"), "not in the form of PBKDF2"),
            (PBKDF2.replace("l=16", "l=17"), "another length"),
            (PBKDF2.replace("c2FsdA", ""), "has no salt"),
            (PBKDF2.replace("c2FsdA", &encoded(65)), "a salt over 64 bytes"),
            (PBKDF2.replace("l=16$c2FsdA$AAAAAAAAAAAAAAAAAAAAAA", &format!("l=15$c2FsdA${}", encoded(15))), "16 to 64"),
            (PBKDF2.replace("l=16$c2FsdA$AAAAAAAAAAAAAAAAAAAAAA", &format!("l=65$c2FsdA${}", encoded(65))), "16 to 64"),
            ("pbkdf2_sha256$1000$salt$".to_owned(), "16 to 64"),
            ("pbkdf2_sha512$1000$salt$AAAAAAAAAAAAAAAAAAAAAA==".to_owned(), "not in the form of PBKDF2"),
            (ARGON2.replace("m=64", "m=262145"), "256 MiB"),
            (ARGON2.replace("t=1", "t=11"), "10 passes"),
            (ARGON2.replace("m=64,t=1,p=1", "m=72,t=1,p=9"), "8 lanes"),
            (ARGON2.replace("v=19", "v=18"), "a version of Argon2"),
            (ARGON2.replace("p=1", "p=1,keyid=AAAA"), "another form"),
            (ARGON2.replace("p=1", "p=1,data=AAAA"), "another form"),
            (ARGON2.replace("m=64,t=1,p=1", "t=1,p=1"), "another form"),
            (ARGON2.replace("argon2id", "argon2x"), "not of Argon2"),
            (ARGON2.replace("$AAAAAAAAAAAAAAAAAAAAAA", ""), "lacks"),
            (ARGON2.replace("AAAAAAAAAAAAAAAAAAAAAA", &encoded(15)), "a tag under 16"),
            (ARGON2.replace("c29tZXNhbHQ", "c29tZXNh"), "not a PHC string"),
            ("a".repeat(513), "more than 512 bytes"),
            ("a".repeat(63), "none of those accepted"),
            ("a".repeat(65), "none of those accepted"),
            ("g".repeat(64), "none of those accepted"),
            (format!("SHA256:{}", "a".repeat(64)), "none of those accepted"),
            ("$2b$12$KIXQ".to_owned(), "none of those accepted"),
            (String::new(), "none of those accepted"),
        ];
        work::take();
        for (text, why) in &bad {
            let refusal = ForeignDigest::parse(text).unwrap_err();
            assert_eq!((refusal.code(), refusal.subject()), (ErrorCode::InvalidArgument, Some("foreignDigest")));
            assert!(refusal.message().contains(why), "{text}: {refusal}");
        }
        assert_eq!(work::take(), []);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn every_form_of_a_digest_is_the_same_digest(
            salt in "[a-zA-Z0-9.]{1,64}", hash in proptest::collection::vec(any::<u8>(), 16..=64), iterations in 1..=2_000_000_u32
        ) {
            let (encoded_salt, encoded) = (STANDARD_NO_PAD.encode(&salt), STANDARD_NO_PAD.encode(&hash));
            let phc = format!("$pbkdf2-sha256$i={iterations},l={}${encoded_salt}${encoded}", hash.len());
            let passlib = format!("$pbkdf2-sha256${iterations}${encoded_salt}${encoded}").replace('+', ".");
            let django = format!("pbkdf2_sha256${iterations}${salt}${}", STANDARD.encode(&hash));
            for text in [&phc, &passlib, &django] {
                prop_assert_eq!(&ForeignDigest::parse(text).unwrap().to_text().unwrap(), &phc);
            }
        }

        #[test]
        fn whatever_a_change_leaves_is_refused_or_written_as_it_is_read(
            known in 0..KNOWN.len(), position: proptest::sample::Index, other in "[$,=.+/a-z0-9\u{0}\u{e9}]{0,3}"
        ) {
            let mut text = KNOWN[known].1.to_owned();
            let position = position.index(text.len());
            text.replace_range(position..=position, &other);
            if let Ok(digest) = ForeignDigest::parse(&text) {
                let canonical = digest.to_text().unwrap();
                prop_assert_eq!(ForeignDigest::parse(&canonical).unwrap().to_text().unwrap(), canonical);
            }
        }
    }
}
