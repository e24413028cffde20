//! What may be granted.

use std::collections::BTreeMap;

use crate::clock::MAXIMUM_SECONDS;
use crate::error::{Error, ErrorCode, Result};
use crate::format::{jwt, opaque};
use crate::model::{Name, Role, TokenFormat, fold_name};

use super::Rights;

/// How long a token lives when nothing is said: 90 days.
pub const DEFAULT_LIFETIME_SECONDS: i64 = 90 * 86_400;
/// The most characters of a remark, and of a reason.
pub const MAXIMUM_REMARK_CHARACTERS: usize = 1_024;
/// The most tags of a token.
pub const MAXIMUM_TAGS: usize = 16;
/// The most characters of a tag.
pub const MAXIMUM_TAG_CHARACTERS: usize = 64;
/// The most roles of a token or an identity.
pub const MAXIMUM_ROLES: usize = 64;

/// How long a token is asked to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lifetime {
    /// [`DEFAULT_LIFETIME_SECONDS`].
    #[default]
    Default,
    /// So many seconds from its beginning.
    Seconds(i64),
    /// Until this second since 1970.
    Until(i64),
    /// For ever.
    Never,
}

/// When a token that begins at `not_before`, or now, is over; none is never.
///
/// Refuses an end that is not after the beginning and now, one after 9999-12-31T23:59:59Z, and for a JWT
/// none and one more than [`jwt::MAXIMUM_LIFETIME_SECONDS`] away: a JWT is out in the world,
/// and only its expiry ends it everywhere.
pub fn expires_at(
    lifetime: Lifetime,
    format: TokenFormat,
    not_before: Option<i64>,
    now_seconds: i64,
) -> Result<Option<i64>> {
    if not_before.is_some_and(|not_before| !(0..=MAXIMUM_SECONDS).contains(&not_before)) {
        return Err(Error::argument("notBefore", "A time lies between 1970-01-01 and 9999-12-31."));
    }
    let begins_at = not_before.unwrap_or(now_seconds).max(now_seconds);
    let expires_at = match lifetime {
        Lifetime::Never if format == TokenFormat::Jwt => {
            return Err(Error::new(
                ErrorCode::NotPermitted,
                "A JSON Web Token must expire. Give it a time, or grant an opaque token.",
            )
            .about("noExpiry"));
        }
        Lifetime::Never => return Ok(None),
        Lifetime::Default => begins_at.saturating_add(DEFAULT_LIFETIME_SECONDS).min(MAXIMUM_SECONDS),
        Lifetime::Seconds(seconds) if seconds < 1 => {
            return Err(Error::argument("expiresIn", "A token must live for at least one second."));
        }
        Lifetime::Seconds(seconds) => begins_at.saturating_add(seconds),
        Lifetime::Until(expires_at) => expires_at,
    };
    let subject = if matches!(lifetime, Lifetime::Until(_)) { "expiresAt" } else { "expiresIn" };
    if expires_at <= begins_at {
        return Err(Error::argument(subject, "The expiry must lie in the future and after the token's beginning."));
    }
    if expires_at > MAXIMUM_SECONDS {
        return Err(Error::argument(subject, "The expiry must not lie after 9999-12-31T23:59:59Z."));
    }
    if format == TokenFormat::Jwt && expires_at - now_seconds > jwt::MAXIMUM_LIFETIME_SECONDS {
        return Err(
            Error::new(ErrorCode::NotPermitted, "A JSON Web Token may live for at most 400 days.").about(subject)
        );
    }
    Ok(Some(expires_at))
}

/// The roles that a token for an identity with `held` roles gets when `requested` is asked for; all, when
/// nothing is. Refuses a role that the identity does not have, by itself or by inclusion.
pub fn roles(requested: Option<&[String]>, held: &[String], all: &[Role]) -> Result<Vec<String>> {
    let Some(requested) = requested else { return Ok(held.to_vec()) };
    let rights = Rights::of(held, all);
    let requested = known_roles(requested, all)?;
    match requested.iter().find(|name| !rights.include(name)) {
        None => Ok(requested),
        Some(name) => Err(Error::new(
            ErrorCode::NotPermitted,
            format!("The identity does not have the role {name}, so its token cannot have it."),
        )
        .about("role")),
    }
}

/// `text` as a name, under the rules of [`Name::parse`], and refused when it holds a token's value: a name is
/// stored, shown and logged.
pub fn name(text: &str, subject: &'static str) -> Result<Name> {
    let name = Name::parse(text, subject)?;
    refuse_value(text, subject)?;
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

/// `tags` each once, sorted; refuses too many, empty and too long ones, and control characters.
pub fn tags(tags: &[String]) -> Result<Vec<String>> {
    if tags.len() > MAXIMUM_TAGS {
        return Err(Error::argument("tags", "A token may have at most 16 tags."));
    }
    for tag in tags {
        if tag.trim().is_empty() || tag.chars().any(char::is_control) || too_long(tag, MAXIMUM_TAG_CHARACTERS) {
            return Err(Error::argument("tags", "A tag has 1 to 64 characters and no control characters."));
        }
        refuse_value(tag, "tags")?;
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
fn refuse_value(text: &str, subject: &'static str) -> Result<()> {
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

fn too_long(text: &str, maximum_characters: usize) -> bool {
    text.len() > maximum_characters * 4 || text.chars().count() > maximum_characters
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    #[test]
    fn expiry_is_bounded() {
        let opaque = |lifetime| expires_at(lifetime, TokenFormat::Opaque, None, NOW);
        let jwt = |lifetime| expires_at(lifetime, TokenFormat::Jwt, None, NOW);
        assert_eq!(opaque(Lifetime::Default).unwrap(), Some(NOW + 90 * 86_400));
        assert_eq!(opaque(Lifetime::Never).unwrap(), None);
        assert_eq!(opaque(Lifetime::Until(2_147_483_648)).unwrap(), Some(2_147_483_648));
        assert_eq!(opaque(Lifetime::Until(MAXIMUM_SECONDS)).unwrap(), Some(MAXIMUM_SECONDS));
        for refused in [
            Lifetime::Until(NOW),
            Lifetime::Until(-1),
            Lifetime::Until(MAXIMUM_SECONDS + 1),
            Lifetime::Seconds(0),
            Lifetime::Seconds(-5),
            Lifetime::Seconds(i64::MAX),
        ] {
            assert_eq!(opaque(refused).unwrap_err().code(), ErrorCode::InvalidArgument, "{refused:?}");
        }
        assert_eq!(jwt(Lifetime::Never).unwrap_err().code(), ErrorCode::NotPermitted);
        assert_eq!(jwt(Lifetime::Until(MAXIMUM_SECONDS)).unwrap_err().code(), ErrorCode::NotPermitted);
        assert_eq!(jwt(Lifetime::Seconds(400 * 86_400)).unwrap(), Some(NOW + 400 * 86_400));
        assert_eq!(jwt(Lifetime::Seconds(400 * 86_400 + 1)).unwrap_err().code(), ErrorCode::NotPermitted);
    }

    #[test]
    fn expiry_comes_after_the_beginning() {
        let later = Some(NOW + 100);
        let ends = |lifetime| expires_at(lifetime, TokenFormat::Opaque, later, NOW);
        assert_eq!(ends(Lifetime::Seconds(10)).unwrap(), Some(NOW + 110));
        assert!(ends(Lifetime::Until(NOW + 100)).is_err());
        assert!(expires_at(Lifetime::Default, TokenFormat::Opaque, Some(-1), NOW).is_err());
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
