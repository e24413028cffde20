//! A record as the members of an object, whichever form the file has.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat};

use super::{Credential, MAXIMUM_PUBLIC_PART_BYTES, MAXIMUM_VALUE_BYTES, TransferRecord};
use crate::clock::MAXIMUM_SECONDS;
use crate::crypto::foreign::ForeignDigest;
use crate::error::{Error, ErrorCode, Result};
use crate::format::json::{self, Integer, Object, Value};
use crate::model::{Conditions, Revocation, TokenFormat, TokenId};
use crate::secret::Secret;

/// What a member holds, for the form in which everything is text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    List,
    Time,
    Number,
    Truth,
    Object,
}

/// Every member, in the order in which they are written.
pub(super) const MEMBERS: [(&str, Kind); 30] = [
    ("id", Kind::Text),
    ("profile", Kind::Text),
    ("identity", Kind::Text),
    ("name", Kind::Text),
    ("roles", Kind::List),
    ("tags", Kind::List),
    ("remark", Kind::Text),
    ("audiences", Kind::List),
    ("organizations", Kind::List),
    ("conditions", Kind::Object),
    ("createdBy", Kind::Text),
    ("parent", Kind::Text),
    ("createdAt", Kind::Time),
    ("notBefore", Kind::Time),
    ("expiresAt", Kind::Time),
    ("warnAfter", Kind::Time),
    ("disabledAt", Kind::Time),
    ("disabledBy", Kind::Text),
    ("disabledReason", Kind::Text),
    ("revokedAt", Kind::Time),
    ("revokedBy", Kind::Text),
    ("revokedReason", Kind::Text),
    ("decoy", Kind::Truth),
    ("keyId", Kind::Text),
    ("digest", Kind::Text),
    ("pepper", Kind::Number),
    ("foreignDigest", Kind::Text),
    ("publicPart", Kind::Text),
    ("value", Kind::Text),
    ("format", Kind::Text),
];

/// The record that `object` is. Refuses what is not in the form that [`TransferRecord`] states, unknown members too, with
/// [`ErrorCode::InvalidArgument`]; the error names the member, and never what it holds.
pub(super) fn read(object: Object<'_>) -> Result<TransferRecord> {
    let mut members = Members(object);
    let id = members.id("id", "An id has 12 letters and digits. Leave it out, and the store makes one.")?;
    let format = match members.text("format")? {
        None => None,
        Some(name) => Some(
            TokenFormat::parse(&name).ok_or_else(|| Error::argument("format", "The format must be Opaque or Jwt."))?,
        ),
    };
    let key_id = members.owned("keyId")?;
    let credential = members.credential()?;
    if matches!(credential, Credential::Signature)
        && (id.is_none() || key_id.is_none() || format != Some(TokenFormat::Jwt))
    {
        return Err(Error::argument(
            "digest",
            "A token needs a digest and its pepper, a value, or a foreign digest; or, if it is a Jwt, its id and keyId.",
        ));
    }
    let record = TransferRecord {
        id,
        profile: members.owned("profile")?,
        identity: members
            .owned("identity")?
            .ok_or_else(|| Error::argument("identity", "A token must name the identity that it speaks for."))?,
        name: members.owned("name")?,
        roles: members.list("roles")?,
        tags: members.list("tags")?.unwrap_or_default(),
        remark: members.owned("remark")?,
        audiences: members.list("audiences")?.unwrap_or_default(),
        organizations: members.list("organizations")?,
        conditions: members.conditions()?,
        created_by: members.owned("createdBy")?,
        parent: members.id("parent", "The token by which it was granted is named by an id: 12 letters and digits.")?,
        created_at: members.time("createdAt")?,
        not_before: members.time("notBefore")?,
        expires_at: members.time("expiresAt")?,
        warn_after: members.time("warnAfter")?,
        disabled: members.ending("disabledAt", "disabledBy", "disabledReason")?,
        revocation: members.ending("revokedAt", "revokedBy", "revokedReason")?,
        is_decoy: members.truth("decoy")?,
        key_id,
        format,
        credential,
    };
    if members.0.is_empty() { Ok(record) } else { Err(Error::argument("row", "There is a member of an unknown name.")) }
}

/// `record` as an object: what [`read`] reads. `conditions` is the text of its conditions, where it has any.
///
/// Refuses a record that has a value, with [`ErrorCode::NotPermitted`]: values are never written.
pub(super) fn write<'a>(record: &'a TransferRecord, conditions: Option<&'a str>) -> Result<Object<'a>> {
    let mut members = Members(Object::default());
    members.set_text("id", record.id.as_ref().map(TokenId::as_str));
    members.set_text("profile", record.profile.as_deref());
    members.set_text("identity", Some(&record.identity));
    members.set_text("name", record.name.as_deref());
    members.set_list("roles", record.roles.as_deref());
    members.set_list("tags", Some(&record.tags[..]).filter(|tags| !tags.is_empty()));
    members.set_text("remark", record.remark.as_deref());
    members.set_list("audiences", Some(&record.audiences[..]).filter(|audiences| !audiences.is_empty()));
    members.set_list("organizations", record.organizations.as_deref());
    if let Some(conditions) = conditions {
        let conditions = json::parse(conditions.as_bytes())
            .map_err(|_| Error::new(ErrorCode::Internal, "The conditions of a token could not be written."))?;
        members.0.set("conditions", conditions);
    }
    members.set_text("createdBy", record.created_by.as_deref());
    members.set_text("parent", record.parent.as_ref().map(TokenId::as_str));
    members.set_time("createdAt", record.created_at);
    members.set_time("notBefore", record.not_before);
    members.set_time("expiresAt", record.expires_at);
    members.set_time("warnAfter", record.warn_after);
    members.set_ending(["disabledAt", "disabledBy", "disabledReason"], record.disabled.as_ref());
    members.set_ending(["revokedAt", "revokedBy", "revokedReason"], record.revocation.as_ref());
    if record.is_decoy {
        members.0.set("decoy", Value::Boolean(true));
    }
    members.set_text("keyId", record.key_id.as_deref());
    match &record.credential {
        Credential::Digest { digest, pepper_id } => {
            members.0.set("digest", Value::String(hex::encode(digest).into()));
            let pepper_id = u64::try_from(*pepper_id).map_err(|_| pepper_refused())?;
            members.0.set("pepper", Value::Integer(Integer::NonNegative(pepper_id)));
        }
        Credential::Value(_) => {
            return Err(Error::new(ErrorCode::NotPermitted, "A token's value is never written to a file."));
        }
        Credential::Foreign { digest, public_part } => {
            members.0.set("foreignDigest", Value::String(digest.to_text()?.into()));
            members.set_text("publicPart", public_part.as_deref());
        }
        Credential::Signature => {}
    }
    members.set_text("format", record.format.map(TokenFormat::name));
    Ok(members.0)
}

/// The members of an object that were not taken yet, or those that were set.
struct Members<'a>(Object<'a>);

impl<'a> Members<'a> {
    /// Takes a member that is text. Empty text is none.
    fn text(&mut self, name: &'static str) -> Result<Option<Cow<'a, str>>> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            Some(_) => Err(Error::argument(name, format!("The member {name} must be text."))),
        }
    }

    fn owned(&mut self, name: &'static str) -> Result<Option<String>> {
        Ok(self.text(name)?.map(Cow::into_owned))
    }

    fn id(&mut self, name: &'static str, refusal: &'static str) -> Result<Option<TokenId>> {
        let Some(id) = self.text(name)? else { return Ok(None) };
        TokenId::parse(&id).map(Some).ok_or_else(|| Error::argument(name, refusal))
    }

    fn list(&mut self, name: &'static str) -> Result<Option<Vec<String>>> {
        let other_form = || Error::argument(name, format!("The member {name} must be a list of texts."));
        let entries = match self.0.remove(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Array(entries)) => entries,
            Some(_) => return Err(other_form()),
        };
        let texts = entries.into_iter().map(|entry| match entry {
            Value::String(text) => Ok(text.into_owned()),
            _ => Err(other_form()),
        });
        texts.collect::<Result<Vec<String>>>().map(Some)
    }

    /// Takes a time. A part of a second is left off.
    fn time(&mut self, name: &'static str) -> Result<Option<i64>> {
        let seconds = match self.0.remove(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) if text.is_empty() => return Ok(None),
            Some(Value::String(text)) => DateTime::parse_from_rfc3339(&text).ok().map(|time| time.timestamp()),
            Some(Value::Integer(seconds)) => seconds.as_i64(),
            Some(_) => None,
        };
        match seconds.filter(|seconds| (0..=MAXIMUM_SECONDS).contains(seconds)) {
            Some(seconds) => Ok(Some(seconds)),
            None => Err(Error::argument(
                name,
                format!(
                    "The member {name} must be a time from 1970 to 9999, such as 2030-01-31T12:00:00Z, or seconds since 1970."
                ),
            )),
        }
    }

    fn truth(&mut self, name: &'static str) -> Result<bool> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Boolean(value)) => Ok(value),
            Some(_) => Err(Error::argument(name, format!("The member {name} must be true or false."))),
        }
    }

    fn ending(&mut self, at: &'static str, by: &'static str, reason: &'static str) -> Result<Option<Revocation>> {
        match (self.time(at)?, self.owned(by)?, self.owned(reason)?) {
            (Some(at), by, reason) => Ok(Some(Revocation { at, by: by.unwrap_or_default(), reason })),
            (None, None, None) => Ok(None),
            (None, ..) => Err(Error::argument(at, format!("Without {at} there can be no {by} and no {reason}."))),
        }
    }

    fn conditions(&mut self) -> Result<Conditions> {
        match self.0.remove("conditions") {
            None | Some(Value::Null) => Some(Conditions::default()),
            Some(Value::Object(conditions)) => serde_json::from_str(&conditions.to_text()).ok(),
            Some(_) => None,
        }
        .ok_or_else(|| {
            Error::argument("conditions", "The conditions must be an object with the members of conditions.")
        })
    }

    fn credential(&mut self) -> Result<Credential> {
        let (digest, pepper, value, foreign) =
            (self.text("digest")?, self.0.remove("pepper"), self.text("value")?, self.text("foreignDigest")?);
        let pepper = pepper.filter(|pepper| *pepper != Value::Null);
        let public_part = self.public_part()?;
        if public_part.is_some() && foreign.is_none() {
            return Err(Error::argument("publicPart", "A public part belongs to a foreign digest, and there is none."));
        }
        match (digest, pepper, value, foreign) {
            (Some(digest), Some(pepper), None, None) => {
                let pepper_id = match pepper {
                    Value::Integer(id) => id.as_i64().filter(|id| *id >= 1),
                    _ => None,
                };
                let mut bytes = [0; 32];
                hex::decode_to_slice(&*digest, &mut bytes)
                    .map_err(|_| Error::argument("digest", "A digest must be 64 hexadecimal digits."))?;
                Ok(Credential::Digest { digest: bytes, pepper_id: pepper_id.ok_or_else(pepper_refused)? })
            }
            (None, None, Some(value), None) => {
                // Taken over before it is looked at, so that a copy that unescaping made is wiped in any case.
                let value = Secret::new(value.into_owned().into_bytes());
                if !is_plain(value.as_bytes(), MAXIMUM_VALUE_BYTES) {
                    return Err(Error::argument(
                        "value",
                        "A value has 1 to 8,192 bytes and no white space or control characters.",
                    ));
                }
                Ok(Credential::Value(value))
            }
            (None, None, None, Some(digest)) => {
                let digest = ForeignDigest::parse(&digest)?;
                if digest.is_salted() && public_part.is_none() {
                    return Err(Error::argument(
                        "publicPart",
                        "A salted digest needs the public part of its value, since no token is found by the digest.",
                    ));
                }
                Ok(Credential::Foreign { digest, public_part })
            }
            (None, None, None, None) => Ok(Credential::Signature),
            _ => Err(Error::argument(
                "digest",
                "A token has one of digest with pepper, value and foreignDigest, not several and not a part.",
            )),
        }
    }

    fn public_part(&mut self) -> Result<Option<String>> {
        let public_part = self.owned("publicPart")?;
        match public_part.as_ref().is_none_or(|part| is_plain(part.as_bytes(), MAXIMUM_PUBLIC_PART_BYTES)) {
            true => Ok(public_part),
            false => Err(Error::argument(
                "publicPart",
                "A public part has 1 to 256 bytes and no white space or control characters.",
            )),
        }
    }

    fn set_text(&mut self, name: &'static str, text: Option<&'a str>) {
        if let Some(text) = text {
            self.0.set(name, Value::String(text.into()));
        }
    }

    fn set_list(&mut self, name: &'static str, entries: Option<&'a [String]>) {
        if let Some(entries) = entries {
            let entries = entries.iter().map(|entry| Value::String(entry.as_str().into()));
            self.0.set(name, Value::Array(entries.collect()));
        }
    }

    fn set_time(&mut self, name: &'static str, seconds: Option<i64>) {
        let time = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        if let Some(time) = time {
            self.0.set(name, Value::String(time.to_rfc3339_opts(SecondsFormat::Secs, true).into()));
        }
    }

    fn set_ending(&mut self, [at, by, reason]: [&'static str; 3], ending: Option<&'a Revocation>) {
        if let Some(ending) = ending {
            self.set_time(at, Some(ending.at));
            self.set_text(by, Some(ending.by.as_str()).filter(|by| !by.is_empty()));
            self.set_text(reason, ending.reason.as_deref());
        }
    }
}

/// Whether `text` is UTF-8 of 1 to so many bytes without white space and control characters.
fn is_plain(text: &[u8], maximum_bytes: usize) -> bool {
    (1..=maximum_bytes).contains(&text.len())
        && std::str::from_utf8(text).is_ok_and(|text| !text.chars().any(|c| c.is_whitespace() || c.is_control()))
}

fn pepper_refused() -> Error {
    Error::argument("pepper", "A pepper is named by a number from 1.")
}
