//! What a token is granted under a profile.

use std::borrow::Cow;

use crate::error::{Error, ErrorCode, Result};
use crate::model::{BoundedBy, Profile, Role, TokenFormat};

use super::expiry::{expiry, warn_after};
use super::{Acting, Lifetime, Organizations, Rights, Standing, Who, grant, may_grant};

/// What a grant asks for; what is left out is as the profile says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// What to call the token.
    pub name: Option<&'a str>,
    /// The form of its value.
    pub format: Option<TokenFormat>,
    /// Its roles; none: all that it may have.
    pub roles: Option<&'a [String]>,
    /// Its list of organisations, by names that the store has; none: all that its bound has, now and later.
    pub organizations: Option<&'a [String]>,
    /// Its tags.
    pub tags: &'a [String],
    /// How long it is to live.
    pub lifetime: Lifetime,
    /// When its time begins, in seconds since 1970; none: at once.
    pub not_before: Option<i64>,
    /// The absolute URI that it is to be restricted to; empty: none. `condition::check` judges its form.
    pub subject: Option<&'a str>,
    /// The base URI of the server that the grant comes through, where it comes through one.
    pub server: Option<&'a str>,
}

/// The identity that a token is to speak for.
#[derive(Debug, Clone, Copy)]
pub struct Grantee<'a> {
    /// Its number in the store.
    pub id: i64,
    /// The names of the roles that it holds.
    pub roles: &'a [String],
    /// The organisations that it belongs to.
    pub organizations: &'a Organizations,
}

/// What a token is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// What to call it.
    pub name: Option<String>,
    /// The form of its value.
    pub format: TokenFormat,
    /// Its roles, sorted.
    pub roles: Vec<String>,
    /// Its list of organisations, sorted; none: all that its bound has, now and later.
    pub organizations: Option<Vec<String>>,
    /// Its tags, sorted.
    pub tags: Vec<String>,
    /// When it is over, in seconds since 1970; none: never.
    pub expires_at: Option<i64>,
    /// From when on its checks warn that it is about to expire, in seconds since 1970; none: never.
    pub warn_after: Option<i64>,
    /// The absolute URI that it is restricted to, not yet in its normal form.
    pub subject: Option<String>,
}

/// What `acting` grants to `grantee` under `profile`, given every role of the store.
///
/// What a token grants is never wider than itself: its roles are within that token's, it has no organisation beside
/// that token's list, and unless an Administrator's token grants it, it does not outlive it.
///
/// Refuses, beside what [`may_grant`] and [`expiry`] refuse: with [`ErrorCode::NotPermitted`], an identity or creator
/// that the profile grants no tokens, a form of value that it does not have, and roles and organisations beyond what
/// bounds the token; with [`ErrorCode::InvalidArgument`], a name that is missing and roles that are, where the profile
/// asks for them, and a tag that is too long for it; with [`ErrorCode::NotFound`], a role that does not exist.
pub fn terms(
    profile: &Profile,
    asked: &Asked<'_>,
    grantee: &Grantee<'_>,
    acting: &Acting,
    all: &[Role],
    now_seconds: i64,
) -> Result<Terms> {
    may_grant(acting, profile, Some(grantee.id))?;
    check_who(profile, &Rights::of(grantee.roles, all), acting, all)?;
    let settings = &profile.settings;
    let format = match asked.format {
        Some(format) if format != settings.format && !settings.allows_other_format => {
            return refused(
                "format",
                format!("The values of the profile {} are {} only.", profile.name, settings.format.name()),
            );
        }
        format => format.unwrap_or(settings.format),
    };
    let name = asked.name.map(|name| grant::name(name, "name")).transpose()?;
    if settings.name_required && name.is_none() {
        let message = format!("A token of the profile {} must have a name. Give one.", profile.name);
        return Err(Error::argument("name", message));
    }
    let tags = if asked.tags.is_empty() { settings.default_tag.as_slice() } else { asked.tags };
    let no_later_than = acting.token().filter(|_| !acting.is_administrator()).and_then(|token| token.expires_at);
    let expires_at = expiry(profile, format, asked.lifetime, asked.not_before, no_later_than, now_seconds)?;
    let begins_at = asked.not_before.unwrap_or(now_seconds).max(now_seconds);
    let base = asked.server.filter(|_| settings.subject_from_server);
    Ok(Terms {
        name: name.map(|name| name.as_str().to_owned()),
        format,
        roles: granted_roles(profile, asked.roles, grantee.roles, acting, all)?,
        organizations: granted_organizations(profile, asked.organizations, grantee.organizations, acting)?,
        tags: grant::tags_up_to(settings.maximum_tag_characters, tags, "tags")?,
        expires_at,
        warn_after: warn_after(settings, begins_at, expires_at),
        subject: match asked.subject {
            Some(subject) => Some(subject).filter(|subject| !subject.is_empty()).map(str::to_owned),
            None => settings.default_subject.as_deref().or(base).map(str::to_owned),
        },
    })
}

/// Refuses, with [`ErrorCode::NotPermitted`], tags that are to be changed where the profile fixes them, and with
/// [`ErrorCode::InvalidArgument`] those beyond its limits. Gives them sorted, each once.
pub fn check_tag_change(profile: &Profile, tags: &[String]) -> Result<Vec<String>> {
    if !profile.settings.tags_editable {
        return refused(
            "tags",
            format!(
                "The tags of a token of the profile {} cannot be changed. Revoke it and grant another.",
                profile.name
            ),
        );
    }
    grant::tags_up_to(profile.settings.maximum_tag_characters, tags, "tags")
}

fn check_who(profile: &Profile, held: &Rights, acting: &Acting, all: &[Role]) -> Result<()> {
    let settings = &profile.settings;
    if let Some(role) = settings.required_role.as_deref().filter(|role| !held.include(role)) {
        return refused(
            "identity",
            format!("The profile {} grants tokens to identities with the role {role} only.", profile.name),
        );
    }
    let is_custom = |role: &&Role| !role.built_in && (held.include(&role.name) || acting.rights.include(&role.name));
    if settings.refuses_custom_roles && all.iter().any(|role| is_custom(&role)) {
        return refused(
            "identity",
            format!(
                "The profile {} grants no tokens to or by identities with roles that are not built in.",
                profile.name
            ),
        );
    }
    Ok(())
}

fn granted_roles(
    profile: &Profile,
    asked: Option<&[String]>,
    held: &[String],
    acting: &Acting,
    all: &[Role],
) -> Result<Vec<String>> {
    let settings = &profile.settings;
    let own = Rights::of(held, all);
    let (identity, creator) = (Standing::Has(&own), standing(acting));
    let mut bounds = match settings.bounded_by {
        BoundedBy::Identity => vec![("identity", identity)],
        BoundedBy::Creator => vec![("one who grants it", creator)],
        BoundedBy::Both => vec![("identity", identity), ("one who grants it", creator)],
        BoundedBy::Neither => Vec::new(),
    };
    // The explicit word of an administrator wins where nothing bounds; nobody else's, and never a token's.
    if acting.token().is_some() || !acting.is_administrator() {
        bounds.push(("one who grants it", creator));
    }
    let roles = match asked.or(settings.default_roles.as_deref()) {
        Some(asked) => {
            let asked = grant::known_roles(asked, all)?;
            for role in &asked {
                if let Some((who, _)) = bounds.iter().find(|(_, bound)| !has(*bound, role)) {
                    return refused("role", format!("The {who} does not have the role {role}, so the token cannot."));
                }
            }
            asked
        }
        None => {
            let cut = bounds.iter().fold(own.clone(), |rights, (_, bound)| bound.cut(rights, all));
            // The roles that it holds by themselves stay so: what includes them today may not tomorrow.
            let whole = held.iter().filter(|role| cut.include(role)).cloned();
            grant::known_roles(&whole.chain(cut.names()).collect::<Vec<_>>(), all)?
        }
    };
    if settings.requires_roles && roles.is_empty() {
        let message =
            format!("A token of the profile {} must have a role. Name one, or give one to the identity.", profile.name);
        return Err(Error::argument("role", message));
    }
    Ok(roles)
}

fn granted_organizations(
    profile: &Profile,
    asked: Option<&[String]>,
    own: &Organizations,
    acting: &Acting,
) -> Result<Option<Vec<String>>> {
    let list = acting.token().and_then(|token| token.chosen_organizations.as_deref());
    let Some(asked) = asked else {
        // A token with a list grants none with more: not even what its bound comes to have.
        return Ok(list.and_then(|list| Organizations::of(list).cut_to(&acting.organizations).names()));
    };
    let mut bound = match profile.settings.bounded_by {
        BoundedBy::Identity => own.clone(),
        BoundedBy::Creator => acting.organizations.clone(),
        BoundedBy::Both => own.cut_to(&acting.organizations),
        BoundedBy::Neither => Organizations::Every,
    };
    if acting.token().is_some() || !acting.is_administrator() {
        bound = bound.cut_to(&acting.organizations);
    }
    if asked.iter().any(|name| !bound.include(name)) {
        return refused(
            "organization",
            "The token would have access to an organisation to which the one that bounds it has none.",
        );
    }
    Ok(Organizations::of(asked).names())
}

fn standing(acting: &Acting) -> Standing<'_> {
    match acting.who {
        Who::LocalOwner => Standing::LocalOwner,
        _ => Standing::Has(&acting.rights),
    }
}

fn has(bound: Standing<'_>, role: &str) -> bool {
    match bound {
        Standing::LocalOwner => true,
        Standing::Has(rights) => rights.include(role),
        Standing::Gone => false,
    }
}

fn refused<T>(subject: &'static str, message: impl Into<Cow<'static, str>>) -> Result<T> {
    Err(Error::new(ErrorCode::NotPermitted, message).about(subject))
}
