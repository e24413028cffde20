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
    let expires_at = expiry(profile, format, asked.lifetime, asked.not_before, acting.no_later_than(), now_seconds)?;
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

/// Refuses, with [`ErrorCode::NotPermitted`], an identity that holds `held`, and one who acts, to whom the profile gives
/// no tokens.
pub fn check_who(profile: &Profile, held: &Rights, acting: &Acting, all: &[Role]) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};

    use super::*;
    use crate::model::ProfileSettings;
    use crate::policy::{ActingToken, bound, bound_organizations};

    const NOW: i64 = 1_700_000_000;
    const ADAM: i64 = 1;

    /// Three roles that include each other, and two custom ones of which one includes a built-in role.
    fn all() -> Vec<Role> {
        let role =
            |name: &str, includes: &[&str], built_in| Role { name: name.into(), includes: list(includes), built_in };
        vec![
            role("Administrator", &["Operator"], true),
            role("Operator", &["Reader"], true),
            role("Reader", &[], true),
            role("Auditor", &["Reader"], false),
            role("Other", &[], false),
        ]
    }

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn profile(change: impl FnOnce(&mut ProfileSettings)) -> Profile {
        let mut settings = ProfileSettings::default();
        change(&mut settings);
        Profile { name: "Mine".into(), built_in: false, settings }
    }

    fn acting(who: Who, roles: &[String], organizations: &Organizations) -> Acting {
        Acting { who, rights: Rights::of(roles, &all()), organizations: organizations.clone(), administers: vec![] }
    }

    fn by_adam(profile: &Profile, held: &[&str], asked: &Asked<'_>) -> Result<Terms> {
        let (roles, organizations) = (list(held), Organizations::none());
        let grantee = Grantee { id: ADAM, roles: &roles, organizations: &organizations };
        terms(profile, asked, &grantee, &acting(Who::Identity(ADAM), &roles, &organizations), &all(), NOW)
    }

    #[test]
    fn default_roles_are_asked_for_when_none_are() {
        let own = profile(|settings| settings.default_roles = Some(list(&["reader"])));
        assert_eq!(by_adam(&own, &["Operator"], &Asked::default()).unwrap().roles, ["Reader"]);
        let refused = by_adam(&own, &["Other"], &Asked::default()).unwrap_err();
        assert_eq!((refused.code(), refused.subject()), (ErrorCode::NotPermitted, Some("role")));
        let explicit = list(&["Operator"]);
        let asked = Asked { roles: Some(&explicit), ..Asked::default() };
        assert_eq!(by_adam(&own, &["Operator"], &asked).unwrap().roles, ["Operator"]);
    }

    #[test]
    fn all_roles_are_those_that_the_identity_holds_itself() {
        // Reader comes with Auditor today; it stays when Auditor is changed tomorrow.
        let terms = by_adam(&profile(|_| ()), &["auditor", "Reader"], &Asked::default()).unwrap();
        assert_eq!(terms.roles, ["Auditor", "Reader"]);
    }

    #[test]
    fn a_form_that_the_profile_does_not_have_is_refused() {
        let jwts = profile(|settings| {
            settings.format = TokenFormat::Jwt;
            settings.allows_other_format = false;
        });
        assert_eq!(by_adam(&jwts, &[], &Asked::default()).unwrap().format, TokenFormat::Jwt);
        let asked = Asked { format: Some(TokenFormat::Opaque), ..Asked::default() };
        assert_eq!(by_adam(&jwts, &[], &asked).unwrap_err().subject(), Some("format"));
    }

    #[test]
    fn a_warning_comes_before_the_expiry_that_was_granted() {
        let warned = profile(|settings| settings.warning_seconds = Some(3_600));
        let terms = by_adam(&warned, &[], &Asked { lifetime: Lifetime::Seconds(7_200), ..Asked::default() }).unwrap();
        assert_eq!((terms.expires_at, terms.warn_after), (Some(NOW + 7_200), Some(NOW + 3_600)));
    }

    #[test]
    fn a_token_is_outlived_only_by_what_an_administrators_token_grants() {
        let end = |role: &str, lifetime| {
            let roles = list(&[role]);
            let own = ActingToken { identity: ADAM, expires_at: Some(NOW + 60), ..ActingToken::default() };
            let grantee = Grantee { id: ADAM, roles: &roles, organizations: &Organizations::none() };
            let asked = Asked { lifetime, ..Asked::default() };
            let acting = acting(Who::Token(own), &roles, &Organizations::none());
            terms(&profile(|_| ()), &asked, &grantee, &acting, &all(), NOW).map(|terms| terms.expires_at)
        };
        assert_eq!(end("Operator", Lifetime::Default).unwrap(), Some(NOW + 60));
        assert!(end("Operator", Lifetime::Never).is_err() && end("Operator", Lifetime::Seconds(61)).is_err());
        assert_eq!(end("Administrator", Lifetime::Never).unwrap(), None);
    }

    fn subset(of: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
        proptest::sample::subsequence(of, 0..=of.len()).prop_map(|names| list(&names))
    }

    fn roles() -> impl Strategy<Value = Vec<String>> {
        subset(&["Administrator", "Operator", "Reader", "Auditor", "Other"])
    }

    fn organizations() -> impl Strategy<Value = Vec<String>> {
        subset(&["North", "South", "West"])
    }

    fn bounds() -> impl Strategy<Value = BoundedBy> {
        proptest::sample::select(&[BoundedBy::Identity, BoundedBy::Creator, BoundedBy::Both, BoundedBy::Neither][..])
    }

    fn names(organizations: &Organizations) -> Vec<String> {
        organizations.names().unwrap_or_else(|| list(&["North", "South", "West", "any other"]))
    }

    /// What is random in a case: a token of Adam's, what it asks for, and what becomes of the roles afterwards.
    #[derive(Debug, Clone)]
    struct Family {
        parent: Vec<String>,
        list: Option<Vec<String>>,
        belongs: Vec<String>,
        held: Vec<String>,
        by: BoundedBy,
        asked: Option<Vec<String>>,
        asked_organizations: Option<Vec<String>>,
        later: Vec<String>,
        belongs_later: Vec<String>,
    }

    #[test]
    fn what_a_token_grants_is_never_more_than_itself() {
        let option = proptest::option::of::<BoxedStrategy<Vec<String>>>;
        let cases = (
            (roles(), option(organizations().boxed()), organizations(), roles(), bounds()),
            (option(roles().boxed()), option(organizations().boxed()), roles(), organizations()),
        )
            .prop_map(
                |((parent, list, belongs, held, by), (asked, asked_organizations, later, belongs_later))| Family {
                    parent,
                    list,
                    belongs,
                    held,
                    by,
                    asked,
                    asked_organizations,
                    later,
                    belongs_later,
                },
            );
        let outcome = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(100_000) })
            .run(&cases, |family| check_family(&family));
        outcome.unwrap_or_else(|failure| panic!("{failure}"));
    }

    fn check_family(family: &Family) -> std::result::Result<(), TestCaseError> {
        let all = all();
        let belongs = Organizations::of(&family.belongs);
        // The token that grants: Adam's, under the profile Default.
        let parent = |held: &[String], belongs: &Organizations| {
            let own = Rights::of(held, &all);
            let rights = Rights::of(&family.parent, &all);
            let by = BoundedBy::Identity;
            let now = bound(by, &rights, Standing::Has(&own), Standing::LocalOwner, None, &all);
            let access = bound_organizations(by, family.list.as_deref(), belongs, &Organizations::Every, None);
            (now, access)
        };
        let (rights, access) = parent(&family.held, &belongs);
        let own = ActingToken { identity: ADAM, chosen_organizations: family.list.clone(), ..ActingToken::default() };
        let acting = Acting { who: Who::Token(own), rights, organizations: access, administers: vec![] };
        let grantee = Grantee { id: ADAM, roles: &family.held, organizations: &belongs };
        let asked = Asked {
            roles: family.asked.as_deref(),
            organizations: family.asked_organizations.as_deref(),
            ..Asked::default()
        };
        let mine = profile(|settings| settings.bounded_by = family.by);
        let Ok(granted) = terms(&mine, &asked, &grantee, &acting, &all, NOW) else {
            // Nothing that is within the token, the identity and the list is refused.
            let roles = family.asked.iter().flatten().all(|role| acting.rights.include(role));
            let places = family.asked_organizations.iter().flatten().all(|name| acting.organizations.include(name));
            prop_assert!(!(roles && places), "refused for nothing");
            return Ok(());
        };
        let child = Rights::of(&granted.roles, &all);
        prop_assert!(child.is_within(&acting.rights), "more rights at the grant: {:?}", granted.roles);
        // Whatever becomes of Adam's roles and organisations, the child never has more than its parent.
        for (held, belongs) in
            [(&family.held, belongs.clone()), (&family.later, Organizations::of(&family.belongs_later))]
        {
            let (parent_rights, parent_access) = parent(held, &belongs);
            let own = Rights::of(held, &all);
            let standing = Standing::Has(&own);
            let now = bound(family.by, &child, standing, standing, Some(&parent_rights), &all);
            prop_assert!(now.is_within(&parent_rights), "more rights at use: {:?}", now.names());
            let chosen = granted.organizations.as_deref();
            let access = bound_organizations(family.by, chosen, &belongs, &belongs, Some(&parent_access));
            prop_assert!(
                names(&access).iter().all(|name| parent_access.include(name)),
                "more organisations: {access:?}"
            );
            if family.by != BoundedBy::Neither {
                prop_assert!(now.is_within(&own), "more rights than its bound");
                // A list keeps a child within its parent's, even where nobody cuts it to that at use.
                let alone = bound_organizations(family.by, chosen, &belongs, &belongs, None);
                prop_assert!(names(&alone).iter().all(|name| parent_access.include(name)), "more by itself: {alone:?}");
            }
        }
        Ok(())
    }
}
