//! What is kept of a token that comes from elsewhere.

use crate::clock::MAXIMUM_SECONDS;
use crate::error::{Error, ErrorCode, Result};
use crate::format::transfer::{Credential, TransferRecord};
use crate::model::{Actor, Conditions, Name, Profile, Role, TokenFormat};

use super::expiry::{in_words, migrated_expiry, warn_after};
use super::{Rights, condition, grant};

/// What is kept of a token, in the form in which a grant keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    /// The identity that it speaks for.
    pub identity: Name,
    /// What to call it.
    pub name: Option<Name>,
    /// Its roles, sorted.
    pub roles: Vec<String>,
    /// Its tags, sorted.
    pub tags: Vec<String>,
    /// Free text.
    pub remark: Option<String>,
    /// The audiences it is for.
    pub audiences: Vec<String>,
    /// What its use is tied to.
    pub conditions: Conditions,
    /// Who granted it, where the record says; [`Actor::LOCAL_OWNER`] for the owner of the store that it was in.
    pub created_by: Option<String>,
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
    /// When its time begins.
    pub not_before: Option<i64>,
    /// When it is over; none: never.
    pub expires_at: Option<i64>,
    /// From when on its checks warn that it is about to expire; none: never.
    pub warn_after: Option<i64>,
}

/// What `profile` keeps of the token in `record`, whose values are of `format`, given every role of the store and those
/// that its identity holds. `ends_at` is the end that the value says of itself, where it does.
///
/// It was granted elsewhere, so its roles may go beyond what bounds it here: that is cut at each use. What else the
/// profile says of its tokens holds. Refuses what a grant refuses of names, tags, texts, conditions and roles, with
/// [`ErrorCode::InvalidArgument`] and [`ErrorCode::NotFound`]; and with [`ErrorCode::NotPermitted`] an identity that the
/// profile gives no tokens, a value that the profile lets nobody but its owner know, a token that never ends or has more
/// left than the profile's longest life, and one that is over, where it comes from another system.
pub fn brought(
    profile: &Profile,
    record: &TransferRecord,
    format: TokenFormat,
    held: &[String],
    ends_at: Option<i64>,
    all: &[Role],
    now_seconds: i64,
) -> Result<Brought> {
    let settings = &profile.settings;
    let refused =
        |subject: &'static str, message: String| Err(Error::new(ErrorCode::NotPermitted, message).about(subject));
    let is_foreign = matches!(record.credential, Credential::Value(_) | Credential::Foreign { .. });
    if settings.owner_only && is_foreign {
        let message = format!(
            "The profile {} has its tokens known to nobody but their owner, so none is brought over from a list. Grant one.",
            profile.name
        );
        return refused("profile", message);
    }
    let held_rights = Rights::of(held, all);
    if let Some(role) = settings.required_role.as_deref().filter(|role| !held_rights.include(role)) {
        return refused(
            "identity",
            format!("The profile {} has tokens for identities with the role {role} only.", profile.name),
        );
    }
    if settings.refuses_custom_roles && all.iter().any(|role| !role.built_in && held_rights.include(&role.name)) {
        return refused(
            "identity",
            format!("The profile {} has no tokens for identities with roles that are not built in.", profile.name),
        );
    }
    let name = record.name.as_deref().map(|name| grant::name(name, "name")).transpose()?;
    if settings.name_required && name.is_none() {
        return Err(Error::argument("name", format!("A token of the profile {} must have a name.", profile.name)));
    }
    let roles = record.roles.as_deref().or(settings.default_roles.as_deref()).unwrap_or(held);
    let roles = grant::known_roles(roles, all)?;
    if settings.requires_roles && roles.is_empty() {
        return Err(Error::argument("roles", format!("A token of the profile {} must have a role.", profile.name)));
    }
    let tags = if record.tags.is_empty() { settings.default_tag.as_slice() } else { &record.tags };
    let expires_at = expiry(profile, record, format, is_foreign, ends_at, now_seconds)?;
    let begins_at = record.not_before.unwrap_or(now_seconds).max(now_seconds);
    Ok(Brought {
        identity: grant::identity_name(&record.identity, "identity")?,
        name,
        roles,
        tags: grant::tags_up_to(settings.maximum_tag_characters, tags, "tags")?,
        remark: grant::remark(record.remark.as_deref())?,
        audiences: grant::audiences(&record.audiences)?,
        conditions: conditions(&record.conditions, all)?,
        created_by: match record.created_by.as_deref() {
            Some(name) => match grant::name(name, "createdBy")? {
                name if Actor::is_local_owner(name.as_str()) => Some(Actor::LOCAL_OWNER.to_owned()),
                name => Some(name.as_str().to_owned()),
            },
            None => None,
        },
        created_at: record.created_at.unwrap_or(now_seconds).min(now_seconds),
        not_before: record.not_before,
        expires_at,
        warn_after: record.warn_after.or_else(|| warn_after(settings, begins_at, expires_at)),
    })
}

/// When it is over. What was granted under other rules may end earlier than these, and never later.
fn expiry(
    profile: &Profile,
    record: &TransferRecord,
    format: TokenFormat,
    is_foreign: bool,
    ends_at: Option<i64>,
    now_seconds: i64,
) -> Result<Option<i64>> {
    let settings = &profile.settings;
    let refused = |message: String| Err(Error::new(ErrorCode::NotPermitted, message).about("expiresAt"));
    let expires_at = match ends_at.or(record.expires_at.filter(|_| is_foreign)) {
        Some(inside) => Some(migrated_expiry(record.expires_at, inside, now_seconds)?),
        None => record.expires_at,
    };
    let Some(end) = expires_at else {
        if format == TokenFormat::Jwt {
            return refused("A JSON Web Token must expire. Give it a time.".to_owned());
        }
        // One that was revoked has ended, whatever its time.
        if !settings.allows_never && record.revocation.is_none() {
            return refused(format!("The profile {} has no tokens that live for ever. Give a time.", profile.name));
        }
        return Ok(None);
    };
    let left = end - now_seconds.max(record.not_before.unwrap_or(0));
    match settings.maximum_lifetime_seconds {
        Some(maximum) if left > maximum && record.revocation.is_none() => {
            let most = in_words(maximum);
            refused(format!(
                "A token of the profile {} may live for at most {most}, and this has more left.",
                profile.name
            ))
        }
        _ => Ok(Some(end.min(MAXIMUM_SECONDS))),
    }
}

fn conditions(asked: &Conditions, all: &[Role]) -> Result<Conditions> {
    // One whose uses are spent has none left; a grant could not ask for that.
    let uses = asked.uses.map(|uses| uses.max(1));
    let mut conditions = condition::check(&Conditions { uses, ..asked.clone() })?;
    conditions.uses = asked.uses;
    grant::known_roles(&conditions.required_roles, all)?;
    Ok(conditions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::transfer::{TransferForm, TransferReader};
    use crate::model::ProfileSettings;

    const NOW: i64 = 1_700_000_000;

    fn read(members: &str) -> TransferRecord {
        let digest = "07".repeat(32);
        let line = format!(r#"{{"identity":"Adam","digest":"{digest}","pepper":1{members}}}"#);
        TransferReader::open(line.as_bytes(), TransferForm::JsonLines).unwrap().read().unwrap().unwrap().1.unwrap()
    }

    fn foreign(members: &str) -> TransferRecord {
        let line = format!(r#"{{"identity":"Adam","value":"old-1"{members}}}"#);
        TransferReader::open(line.as_bytes(), TransferForm::JsonLines).unwrap().read().unwrap().unwrap().1.unwrap()
    }

    fn kept(change: impl FnOnce(&mut ProfileSettings), record: &TransferRecord, held: &[&str]) -> Result<Brought> {
        let mut settings = ProfileSettings::default();
        change(&mut settings);
        let profile = Profile { name: "Mine".into(), built_in: false, settings };
        let role = |name: &str, built_in| Role { name: name.into(), includes: vec![], built_in };
        let all = [role("Reader", true), role("Auditor", false)];
        let held: Vec<String> = held.iter().map(|name| (*name).to_owned()).collect();
        brought(&profile, record, TokenFormat::Opaque, &held, None, &all, NOW)
    }

    #[test]
    fn rules_of_the_profile_hold_for_what_comes_from_elsewhere() {
        let ends_in = |seconds: i64| format!(r#","expiresAt":{}"#, NOW + seconds);
        type Case = (&'static str, fn(&mut ProfileSettings), TransferRecord, Option<&'static str>);
        let cases: Vec<Case> = vec![
            ("as it is", |_| (), read(""), None),
            ("for ever", |settings| settings.allows_never = false, read(""), Some("expiresAt")),
            ("for ever, and revoked", |settings| settings.allows_never = false, read(r#","revokedAt":1"#), None),
            ("as long as may be", |s| s.maximum_lifetime_seconds = Some(60), read(&ends_in(60)), None),
            ("longer than may be", |s| s.maximum_lifetime_seconds = Some(60), read(&ends_in(61)), Some("expiresAt")),
            ("over, from a store", |_| (), read(&ends_in(0)), None),
            ("over, from elsewhere", |_| (), foreign(&ends_in(0)), Some("expiration")),
            ("not over, from elsewhere", |_| (), foreign(&ends_in(1)), None),
            ("a value for its owner alone", |s| s.owner_only = true, foreign(""), Some("profile")),
            ("a digest for its owner alone", |s| s.owner_only = true, read(""), None),
            ("without a name", |s| s.name_required = true, read(""), Some("name")),
            ("without a role", |s| s.requires_roles = true, read(r#","roles":[]"#), Some("roles")),
            ("of a role that is none", |_| (), read(r#","roles":["Nobody"]"#), Some("role")),
            ("for someone without the role", |s| s.required_role = Some("Auditor".into()), read(""), Some("identity")),
            ("a tag that is too long", |s| s.maximum_tag_characters = 2, read(r#","tags":["abc"]"#), Some("tags")),
            ("a condition that is none", |_| (), read(r#","conditions":{"subject":"x"}"#), Some("subject")),
            ("no uses left", |_| (), read(r#","conditions":{"uses":0}"#), None),
        ];
        for (name, change, record, refused) in cases {
            let result = kept(change, &record, &["Reader"]);
            assert_eq!(result.as_ref().err().and_then(Error::subject), refused, "{name}: {result:?}");
        }
        let custom = kept(|settings| settings.refuses_custom_roles = true, &read(""), &["Auditor"]);
        assert_eq!(custom.unwrap_err().subject(), Some("identity"));
    }

    #[test]
    fn what_the_record_leaves_out_is_as_the_profile_and_the_identity_have_it() {
        let brought =
            kept(|settings| settings.warning_seconds = Some(10), &read(r#","expiresAt":1700000100"#), &["Reader"]);
        let brought = brought.unwrap();
        assert_eq!(brought.roles, ["Reader"]);
        assert_eq!((brought.created_at, brought.warn_after), (NOW, Some(NOW + 90)));
        assert_eq!(kept(|_| (), &read(r#","roles":[]"#), &["Reader"]).unwrap().roles, [""; 0]);
        let own =
            kept(|settings| settings.default_tag = Some("API".into()), &read(r#","createdBy":"local owner""#), &[]);
        let own = own.unwrap();
        assert_eq!((own.tags, own.created_by.as_deref()), (vec!["API".to_owned()], Some("local owner")));
        // A time that has not come is no time at which it was made.
        assert_eq!(kept(|_| (), &read(r#","createdAt":1700000009"#), &[]).unwrap().created_at, NOW);
    }
}
