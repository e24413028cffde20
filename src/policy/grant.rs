//! What may be granted.

use std::collections::BTreeMap;

use crate::error::{Error, ErrorCode, Result};
use crate::format::{jwt, opaque};
use crate::model::{Actor, Name, Role, TokenFormat, fold_name};

/// The most characters of a remark, and of a reason.
pub const MAXIMUM_REMARK_CHARACTERS: usize = 1_024;
/// The most tags of a token.
pub const MAXIMUM_TAGS: usize = 16;
/// The most characters of a tag.
pub const MAXIMUM_TAG_CHARACTERS: usize = 64;
/// The most roles of a token or an identity.
pub const MAXIMUM_ROLES: usize = 64;

/// The least characters behind its prefix that make a value of another system out of a text.
const MINIMUM_FOREIGN_CHARACTERS: usize = 8;

/// `text` as a name, under the rules of [`Name::parse`], and refused when it holds a token's value: a name is
/// stored, shown and logged.
pub fn name(text: &str, subject: &'static str) -> Result<Name> {
    let name = Name::parse(text, subject)?;
    refuse_value(text, subject)?;
    Ok(name)
}

/// As [`name`], for that of an identity; refuses the one that stands for the store's local owner, however it is written.
pub fn identity_name(text: &str, subject: &'static str) -> Result<Name> {
    let name = name(text, subject)?;
    if Actor::is_local_owner(name.as_str()) {
        return Err(Error::argument(subject, "This name stands for the store's local owner."));
    }
    Ok(name)
}

/// `names` as the store's roles are written, each once, sorted; `NotFound` for a name that is no role.
pub(crate) fn known_roles(names: &[String], all: &[Role]) -> Result<Vec<String>> {
    if names.len() > MAXIMUM_ROLES {
        return Err(Error::argument("role", "There may be at most 64 roles."));
    }
    let mut known = BTreeMap::new();
    for name in names {
        let key = fold_name(name);
        let Some(role) = all.iter().find(|role| fold_name(&role.name) == key) else {
            let missing = self::name(name, "role")?;
            let message = format!("There is no role named {}.", missing.as_str());
            return Err(Error::new(ErrorCode::NotFound, message).about("role"));
        };
        known.insert(key, role.name.clone());
    }
    Ok(known.into_values().collect())
}

/// `tags` each once, sorted. Refuses more than [`MAXIMUM_TAGS`], empty ones, ones of more than `maximum_characters`,
/// and control characters; `subject` names the argument in errors.
pub(super) fn tags_up_to(maximum_characters: u32, tags: &[String], subject: &'static str) -> Result<Vec<String>> {
    if tags.len() > MAXIMUM_TAGS {
        return Err(Error::argument(subject, "A token may have at most 16 tags."));
    }
    for tag in tags {
        if tag.trim().is_empty() || tag.chars().any(char::is_control) || too_long(tag, maximum_characters as usize) {
            let message = format!("A tag has 1 to {maximum_characters} characters and no control characters.");
            return Err(Error::argument(subject, message));
        }
        refuse_value(tag, subject)?;
    }
    let mut tags = tags.to_vec();
    tags.sort();
    tags.dedup();
    Ok(tags)
}

/// `audiences` each once, in order; refuses too many, empty and too long ones, and control characters.
pub fn audiences(audiences: &[String]) -> Result<Vec<String>> {
    if audiences.len() > jwt::MAXIMUM_AUDIENCES {
        return Err(Error::argument("audiences", "A token may have at most 16 audiences."));
    }
    let mut kept: Vec<String> = Vec::new();
    for audience in audiences {
        if audience.is_empty() || audience.chars().any(char::is_control) || too_long(audience, Name::MAXIMUM_CHARACTERS)
        {
            return Err(Error::argument("audiences", "An audience has 1 to 256 characters and no control characters."));
        }
        refuse_value(audience, "audiences")?;
        if !kept.contains(audience) {
            kept.push(audience.clone());
        }
    }
    Ok(kept)
}

/// Refuses what only a JWT has, a signing key, for an opaque token.
pub fn signing(format: TokenFormat, key_id: Option<&str>) -> Result<()> {
    if format == TokenFormat::Opaque && key_id.is_some() {
        return Err(Error::argument("keyId", "Only a JSON Web Token is signed with a key."));
    }
    Ok(())
}

/// A store's issuer, as its JWTs name it: 1 to 256 characters, none of them a control.
pub fn issuer(text: &str) -> Result<()> {
    if text.is_empty() || text.chars().any(char::is_control) || too_long(text, Name::MAXIMUM_CHARACTERS) {
        return Err(Error::argument("issuer", "An issuer has 1 to 256 characters and no control characters."));
    }
    refuse_value(text, "issuer")
}

/// A remark; an empty one is none. Refuses one over [`MAXIMUM_REMARK_CHARACTERS`], and a NUL in it.
pub fn remark(text: Option<&str>) -> Result<Option<String>> {
    free_text(text, "remark")
}

/// A reason; an empty one is none. The limits are a remark's.
pub fn reason(text: Option<&str>) -> Result<Option<String>> {
    free_text(text, "reason")
}

fn free_text(text: Option<&str>, subject: &'static str) -> Result<Option<String>> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    if too_long(text, MAXIMUM_REMARK_CHARACTERS) || text.contains('\0') {
        return Err(Error::argument(subject, "Free text has at most 1,024 characters, and no NUL."));
    }
    refuse_value(text, subject)?;
    Ok(Some(text.to_owned()))
}

/// Refuses text that holds a token's value, which someone has mixed up with it: it would be stored and shown.
pub(super) fn refuse_value(text: &str, subject: &'static str) -> Result<()> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
    let mut words = text.split(|character| !is_part(character));
    let holds_value = words.any(|word| {
        opaque::is_within(word.as_bytes()) || jwt::inspect(word.trim_matches(['-', '.']).as_bytes()).is_ok()
    });
    if holds_value {
        return Err(Error::argument(subject, "This text holds a token's value, which must not be stored or shown."));
    }
    Ok(())
}

/// As [`refuse_value`], for a value of another system, all of which begin with `prefix`. A text with fewer than 8
/// characters of a bearer token (RFC 6750 section 2.1) behind it is none: it could be guessed, and is rather a name.
pub(crate) fn refuse_foreign_value(text: &str, prefix: &str, subject: &'static str) -> Result<()> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    let is_held = text.match_indices(prefix).any(|(place, _)| {
        // The end of a longer word is no beginning of a value.
        let begins = !text[..place].ends_with(|before: char| before.is_alphanumeric());
        let behind = text.as_bytes()[place + prefix.len()..].iter().take_while(|byte| is_part(byte)).count();
        begins && behind >= MINIMUM_FOREIGN_CHARACTERS
    });
    if is_held {
        let message = "This text holds what a profile takes for a token's value, which must not be stored or shown.";
        return Err(Error::argument(subject, message));
    }
    Ok(())
}

fn too_long(text: &str, maximum_characters: usize) -> bool {
    text.len() > maximum_characters * 4 || text.chars().count() > maximum_characters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(tags: &[String]) -> Result<Vec<String>> {
        tags_up_to(MAXIMUM_TAG_CHARACTERS as u32, tags, "tags")
    }

    #[test]
    fn another_systems_value_is_refused_and_a_name_that_begins_alike_is_not() {
        for held in ["ghp_AbCd1234", "see (ghp_AbCd1234)", "token=ghp_AbCd1234", "ghp_x ghp_a.b-c_d~e/"] {
            let error = refuse_foreign_value(held, "ghp_", "remark").unwrap_err();
            assert_eq!((error.code(), error.subject()), (ErrorCode::InvalidArgument, Some("remark")), "{held}");
            assert!(!error.message().contains("ghp_"), "{held}");
        }
        for free in ["", "ghp_", "ghp_AbCd123", "xghp_AbCd1234", "ghp_one two three", "éghp_AbCd1234"] {
            assert!(refuse_foreign_value(free, "ghp_", "remark").is_ok(), "{free}");
        }
    }

    #[test]
    fn tags_and_text_are_bounded() {
        assert_eq!(tags(&["b".into(), "a".into(), "b".into()]).unwrap(), ["a", "b"]);
        assert!(tags(&["x".repeat(65)]).is_err() && tags(&["a\nb".into()]).is_err() && tags(&[" ".into()]).is_err());
        assert!(tags(&vec!["x".to_owned(); 17]).is_err());
        assert_eq!(remark(Some("")).unwrap(), None);
        let (_, value) = opaque::mint("tsr").unwrap();
        let value = String::from_utf8(value.as_bytes().to_vec()).unwrap();
        for held in [value.clone(), format!("see {value}."), format!("Bearer {value}, for Adam"), format!("x{value}x")]
        {
            for refused in
                [remark(Some(&held)).err(), tags(std::slice::from_ref(&held)).err(), name(&held, "name").err()]
            {
                assert!(refused.is_some_and(|error| !error.message().contains(&value)), "{held}");
            }
        }
        assert!(remark(Some(&format!("build_{}", "0".repeat(64)))).is_ok(), "a digest is no value");
        assert!(remark(Some(&"x".repeat(1_024))).is_ok() && remark(Some(&"x".repeat(1_025))).is_err());
    }
}
