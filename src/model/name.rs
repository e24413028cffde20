//! Names of identities and roles.

use unicode_normalization::UnicodeNormalization;

use crate::error::{Error, Result};

/// A name as its owner wrote it, in Unicode normal form C: 1 to 256 characters, none of them a control.
///
/// Two names are the same when their folded forms are (see [`fold_name`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// The most characters (Unicode scalar values) that a name may have.
    pub const MAXIMUM_CHARACTERS: usize = 256;

    /// Takes `text` as a name; `subject` names the argument in the error.
    ///
    /// Refuses an empty name, one over the limit, one with control characters, and one that begins or ends
    /// with white space, with [`crate::error::ErrorCode::InvalidArgument`].
    pub fn parse(text: &str, subject: &'static str) -> Result<Self> {
        if text.trim().is_empty() {
            return Err(Error::argument(subject, "A name must have at least one visible character."));
        }
        // Bytes first: a bound on the work before anything is counted or normalised.
        if text.len() > Self::MAXIMUM_CHARACTERS * 4 || text.chars().count() > Self::MAXIMUM_CHARACTERS {
            return Err(Error::argument(subject, "A name may have at most 256 characters."));
        }
        if text.chars().any(char::is_control) {
            return Err(Error::argument(subject, "A name may not contain control characters."));
        }
        if text.trim() != text {
            return Err(Error::argument(subject, "A name may not begin or end with white space."));
        }
        Ok(Self(text.nfc().collect()))
    }

    /// The name as it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form by which names are compared.
    pub fn folded(&self) -> String {
        fold_name(&self.0)
    }
}

/// The form by which names are compared: normal form C, then each character's simple upper case.
///
/// Ordinal: no locale has a say. A character whose upper case is several stays itself, and so does one outside
/// ASCII whose upper case is in ASCII, so that no foreign letter passes for one of `Administrator`.
pub fn fold_name(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_uppercase();
    }
    text.nfc()
        .map(|character| {
            let mut upper = character.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(single), None) if character.is_ascii() || !single.is_ascii() => single,
                _ => character,
            }
        })
        .collect()
}

/// Hands `read` what [`fold_name`] makes of `text`, without allocating anything where that is ASCII of at most 256
/// characters, as most names are.
pub fn with_folded<R>(text: &str, read: impl FnOnce(&str) -> R) -> R {
    let mut buffer = [0; 256];
    match buffer.get_mut(..text.len()).filter(|_| text.is_ascii()) {
        Some(ascii) => {
            ascii.copy_from_slice(text.as_bytes());
            ascii.make_ascii_uppercase();
            read(std::str::from_utf8(ascii).unwrap_or_default())
        }
        None => read(&fold_name(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_folded_the_same_with_and_without_memory_for_it() {
        let long = "a".repeat(256);
        let longer = "a".repeat(257);
        for text in ["", "Adam", "b\u{fc}cher", "e\u{301}va", "uſer", "a b-c_1", &long, &longer] {
            assert_eq!(with_folded(text, str::to_owned), fold_name(text), "{text}");
        }
    }

    #[test]
    fn names_compare_without_case_after_normal_form_c() {
        assert_eq!(fold_name("adam"), fold_name("ADAM"));
        assert_eq!(fold_name("e\u{301}va"), fold_name("\u{c9}VA"));
        assert_ne!(fold_name("straße"), fold_name("STRASSE"));
        assert_ne!(fold_name("Admın"), fold_name("Admin"));
        assert_ne!(fold_name("uſer"), fold_name("user"));
    }

    #[test]
    fn bad_names_are_refused() {
        for bad in ["", " ", " adam", "adam ", "a\u{0}b", "a\nb", &"x".repeat(257), &"\u{10ffff}".repeat(300)] {
            assert!(Name::parse(bad, "name").is_err(), "{bad:?}");
        }
        assert!(Name::parse(&"\u{10ffff}".repeat(256), "name").is_ok());
    }
}
