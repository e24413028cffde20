//! Who may do what: one table of operations, and whose tokens one may see and change.

use std::borrow::Cow;
use std::fmt;

use crate::error::{Error, ErrorCode, Result};
use crate::model::Profile;

use super::{Organizations, Rights};

/// The role that may do everything.
pub const ADMINISTRATOR: &str = "Administrator";
/// The role that may see the lists of a store. Operator and Administrator include it.
pub const READER: &str = "Reader";

/// The most characters of an operation's name.
pub const MAXIMUM_OPERATION_CHARACTERS: usize = 64;

/// Something that can be done, by a name that never changes its meaning: `noun.verb`.
///
/// Tessera's own are the constants here. An application names its own, and asks [`permitted`] in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Operation(Cow<'static, str>);

/// What an operation needs of the one who acts. The local owner may do everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Nothing more: it is about one's own tokens, which [`may_see`] and [`may_change`] judge.
    Own,
    /// The role Reader.
    Reader,
    /// The role Administrator.
    Administrator,
}

macro_rules! operations {
    ($($constant:ident = $name:literal needs $need:ident: $text:literal;)+) => {
        impl Operation {
            $(#[doc = concat!("`", $name, "`: ", $text)]
            pub const $constant: Self = Self(Cow::Borrowed($name));)+

            /// Every operation of Tessera's own.
            pub const ALL: &'static [Self] = &[$(Self::$constant,)+];
        }

        /// The table of permissions.
        const NEEDS: &[(&str, Need)] = &[$(($name, Need::$need),)+];
    };
}

operations! {
    TOKEN_GRANT = "token.grant" needs Own: "grant a token.";
    TOKEN_READ = "token.read" needs Own: "see a token, or list tokens.";
    TOKEN_UPDATE = "token.update" needs Own: "change a token's remark or tags.";
    TOKEN_DISABLE = "token.disable" needs Own: "switch a token off for now.";
    TOKEN_ENABLE = "token.enable" needs Own: "switch a token on again.";
    TOKEN_REVOKE = "token.revoke" needs Own: "revoke a token.";
    TOKEN_REMOVE = "token.remove" needs Own: "take a token off the list.";
    TOKEN_ROTATE = "token.rotate" needs Own: "give a token a successor.";
    TOKEN_IMPORT = "token.import" needs Administrator: "bring tokens over from elsewhere.";
    TOKEN_EXPORT = "token.export" needs Administrator: "write tokens' records and digests to a file.";
    TOKEN_FIND = "token.find" needs Administrator: "look for values of tokens in files.";
    IDENTITY_CREATE = "identity.create" needs Administrator: "make an identity.";
    IDENTITY_READ = "identity.read" needs Reader: "see identities.";
    IDENTITY_UPDATE = "identity.update" needs Administrator: "change an identity.";
    IDENTITY_REMOVE = "identity.remove" needs Administrator: "remove an identity.";
    ROLE_CREATE = "role.create" needs Administrator: "make a role.";
    ROLE_READ = "role.read" needs Reader: "see roles.";
    ROLE_UPDATE = "role.update" needs Administrator: "change a role.";
    ROLE_REMOVE = "role.remove" needs Administrator: "remove a role.";
    ORGANIZATION_CREATE = "organization.create" needs Administrator: "make an organisation.";
    ORGANIZATION_READ = "organization.read" needs Reader: "see organisations.";
    ORGANIZATION_UPDATE = "organization.update" needs Administrator: "change an organisation and its members.";
    ORGANIZATION_REMOVE = "organization.remove" needs Administrator: "remove an organisation.";
    PROFILE_CREATE = "profile.create" needs Administrator: "make a profile.";
    PROFILE_READ = "profile.read" needs Reader: "see profiles.";
    PROFILE_UPDATE = "profile.update" needs Administrator: "change a profile.";
    PROFILE_REMOVE = "profile.remove" needs Administrator: "remove a profile.";
    KEY_CREATE = "key.create" needs Administrator: "make a signing key.";
    KEY_READ = "key.read" needs Reader: "see signing keys and export their public halves.";
    KEY_REVOKE = "key.revoke" needs Administrator: "revoke a signing key.";
    KEY_REMOVE = "key.remove" needs Administrator: "remove a signing key.";
    KEY_IMPORT = "key.import" needs Administrator: "bring a signing key of one's own.";
    STORE_READ = "store.read" needs Reader: "see a store's size, schema and counts.";
    STORE_CHECK = "store.check" needs Administrator: "check a store's integrity.";
    STORE_BACKUP = "store.backup" needs Administrator: "back a store up.";
    STORE_RESTORE = "store.restore" needs Administrator: "restore a store from a backup.";
    STORE_OPTIMIZE = "store.optimize" needs Administrator: "clean a store up.";
    AUDIT_READ = "audit.read" needs Administrator: "read the audit log.";
    AUDIT_CHECK = "audit.check" needs Administrator: "check the audit log's chain.";
    SESSION_CREATE = "session.create" needs Own: "sign in for a session.";
    JWT_MINT = "jwt.mint" needs Administrator: "make a JWT by hand with a key of the store.";
}

impl Operation {
    /// Takes `name` as an operation, Tessera's own or an application's: words of `a` to `z` and `0` to `9` with dots
    /// between them, at least two, in lower case, where words after the first may hold a hyphen, and at most
    /// [`MAXIMUM_OPERATION_CHARACTERS`]. Others are refused with [`ErrorCode::InvalidArgument`].
    pub fn parse(name: &str) -> Result<Self> {
        let is_word = |word: &str, hyphen: bool| {
            let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || (hyphen && byte == b'-');
            !word.is_empty() && word.bytes().all(is_part)
        };
        let well_formed = name.len() <= MAXIMUM_OPERATION_CHARACTERS
            && name
                .split_once('.')
                .is_some_and(|(noun, verbs)| is_word(noun, false) && verbs.split('.').all(|verb| is_word(verb, true)));
        if !well_formed {
            return Err(Error::argument(
                "operation",
                "An operation's name is words of a to z and 0 to 9 with dots between them, such as token.grant, and \
                 has at most 64 characters; words after the first may hold a hyphen.",
            ));
        }
        Ok(Self(Cow::Owned(name.to_owned())))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn need(&self) -> Need {
        // What an application names, it permits by its own rules; here only denied operations have a say in it.
        NEEDS.iter().find(|(name, _)| *name == self.0).map_or(Need::Own, |(_, need)| *need)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One who acts, with what it may do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acting {
    /// Who it is.
    pub who: Who,
    /// Its rights; a token's are cut to what bounds it. The local owner needs none.
    pub rights: Rights,
    /// The organisations that it belongs to, or as a token has access to.
    pub organizations: Organizations,
    /// The names of the organisations that it administers, itself or as a token the identity it speaks for.
    pub administers: Vec<String>,
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The store's local owner.
    LocalOwner,
    /// The identity of this number in the store.
    Identity(i64),
    /// A token.
    Token(ActingToken),
}

/// What is asked of a token that acts, beside its rights.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActingToken {
    /// Its number in the store.
    pub sequence: i64,
    /// The number of the identity that it speaks for.
    pub identity: i64,
    /// When it is over, in seconds since 1970; none: never.
    pub expires_at: Option<i64>,
    /// The operations that its profile denies to every token.
    pub denied_operations: Vec<Operation>,
    /// The only operations that it was granted for; empty: any.
    pub allowed_operations: Vec<Operation>,
    /// The list of organisations that it was granted with; none: all that its bound has, now and later.
    pub chosen_organizations: Option<Vec<String>>,
}

impl Acting {
    /// The store's local owner, who may do everything.
    pub fn local_owner() -> Self {
        Self {
            who: Who::LocalOwner,
            rights: Rights::default(),
            organizations: Organizations::Every,
            administers: Vec::new(),
        }
    }

    /// Whether it counts as Administrator: the local owner, and who has that role.
    pub fn is_administrator(&self) -> bool {
        self.who == Who::LocalOwner || self.rights.include(ADMINISTRATOR)
    }

    /// The number of the identity for which it acts; none: the local owner.
    pub fn identity(&self) -> Option<i64> {
        match &self.who {
            Who::LocalOwner => None,
            Who::Identity(identity) => Some(*identity),
            Who::Token(token) => Some(token.identity),
        }
    }

    /// The organisations whose tokens it may see: a token administers none to which it has no access itself.
    pub fn administered(&self) -> impl Iterator<Item = &str> {
        self.administers.iter().map(String::as_str).filter(|name| self.organizations.include(name))
    }

    /// The end that nothing which it grants outlives, in seconds since 1970: that of the token which acts. None: an
    /// Administrator's token, and who is no token.
    pub fn no_later_than(&self) -> Option<i64> {
        self.token().filter(|_| !self.is_administrator()).and_then(|token| token.expires_at)
    }

    /// The token that acts, where one does.
    pub fn token(&self) -> Option<&ActingToken> {
        match &self.who {
            Who::Token(token) => Some(token),
            _ => None,
        }
    }
}

/// Refuses an operation that `acting` may not do at all, with [`ErrorCode::NotPermitted`]: one that a token is denied,
/// whatever its roles, and one that needs a role that it has not.
///
/// For operations on a token ask [`may_change`] too, and for its grant [`may_grant`].
pub fn permitted(acting: &Acting, operation: &Operation) -> Result<()> {
    if let Some(token) = acting.token() {
        let denied = token.denied_operations.contains(operation);
        if denied || !(token.allowed_operations.is_empty() || token.allowed_operations.contains(operation)) {
            return refused(format!(
                "This token may not do {operation}, whatever its roles. Act as the identity itself, with its password."
            ));
        }
    }
    let role = match operation.need() {
        Need::Own => return Ok(()),
        Need::Reader if acting.rights.include(READER) => return Ok(()),
        _ if acting.is_administrator() => return Ok(()),
        Need::Reader => READER,
        Need::Administrator => ADMINISTRATOR,
    };
    refused(format!("The operation {operation} needs the role {role}, which the one who acts does not have."))
}

/// What [`may_see`] and [`may_change`] ask of a token.
#[derive(Debug, Clone, Copy)]
pub struct TokenFacts<'a> {
    /// Its number in the store.
    pub sequence: i64,
    /// The number of the identity that it speaks for.
    pub identity: i64,
    /// The number of the identity that granted it; none: the local owner did.
    pub creator: Option<i64>,
    /// The number of the token that granted it, where one did.
    pub granted_by: Option<i64>,
    /// The organisations that it has access to now.
    pub organizations: &'a Organizations,
    /// Whether its profile lets nobody but its identity be granted its tokens.
    pub owner_only: bool,
    /// Who switched it off, where that was somebody else than the one who acts.
    pub disabled_by_another: Option<&'a str>,
}

/// Whether `acting` may see the token: it is its own, or it administers an organisation that the token has access to,
/// or it is an Administrator. One's own are those that speak for one, and those that one granted.
pub fn may_see(acting: &Acting, token: &TokenFacts<'_>) -> bool {
    acting.is_administrator() || is_own(acting, token) || administers(acting, token)
}

/// Refuses an operation on a token that `acting` may not do: as [`permitted`], then with [`ErrorCode::NotFound`] for a
/// token that it may not see, as if there were none, and with [`ErrorCode::NotPermitted`]:
///
/// - to one who only administers an organisation of the token, anything but to see and to revoke it;
/// - a rotation, which gives out a value, by a token that is not the one it is about and did not grant that, whatever
///   its roles: another's value could be used where its own cannot, for longer, or more often;
/// - a rotation by anyone else than the identity that the token speaks for, and an Administrator, or, where its profile is
///   for owners only, than that identity;
/// - to switch it on again, where somebody else switched it off, to anyone but an Administrator; a token may do so only
///   with what it granted.
pub fn may_change(acting: &Acting, token: &TokenFacts<'_>, operation: &Operation) -> Result<()> {
    permitted(acting, operation)?;
    if !may_see(acting, token) {
        return Err(Error::new(ErrorCode::NotFound, "There is no such token.").about("token"));
    }
    let may_anything = acting.is_administrator() || is_own(acting, token);
    if !may_anything && ![Operation::TOKEN_READ, Operation::TOKEN_REVOKE].contains(operation) {
        return refused(
            "One who administers an organisation may see and revoke its tokens, and do nothing else with them.",
        );
    }
    // Who made it for somebody else may end it, and no more: a value speaks for its identity.
    if *operation == Operation::TOKEN_ROTATE && !acting.is_administrator() && acting.identity() != Some(token.identity)
    {
        return refused("Only the identity that the token speaks for, or an Administrator, may have a value of it.");
    }
    if *operation == Operation::TOKEN_ROTATE {
        if token.owner_only && acting.identity() != Some(token.identity) {
            return refused("Under this profile only the identity that the token speaks for may rotate it.");
        }
        let wins_nothing =
            acting.token().is_none_or(|own| own.sequence == token.sequence || token.granted_by == Some(own.sequence));
        if !wins_nothing {
            return refused("A token may rotate itself and the tokens that it granted, and no other.");
        }
    }
    if *operation == Operation::TOKEN_ENABLE && !acting.is_administrator() {
        if let Some(by) = token.disabled_by_another {
            return refused(format!("{by} switched this token off. Ask them, or an Administrator."));
        }
        if acting.token().is_some_and(|own| token.granted_by != Some(own.sequence)) {
            return refused("A token may switch on the tokens that it granted, and no other.");
        }
    }
    Ok(())
}

/// Refuses a grant by `acting` to the identity of the number `to`, with [`ErrorCode::NotPermitted`]: as
/// [`permitted`]; to another identity, unless by an Administrator; and to another identity by anyone, where the
/// profile is for owners only.
///
/// Ask before an identity that does not exist is reported: `to` is then none, and the answer is the same as for one
/// that exists.
pub fn may_grant(acting: &Acting, profile: &Profile, to: Option<i64>) -> Result<()> {
    permitted(acting, &Operation::TOKEN_GRANT)?;
    let is_own = acting.identity().is_some() && acting.identity() == to;
    if profile.settings.owner_only && !is_own {
        return refused(format!(
            "Under the profile {} everyone grants tokens to themselves only, administrators too. Act as the identity.",
            profile.name
        ));
    }
    if !is_own && !acting.is_administrator() {
        return refused("Only an Administrator may grant a token to someone else.");
    }
    Ok(())
}

fn is_own(acting: &Acting, token: &TokenFacts<'_>) -> bool {
    acting.identity().is_some_and(|identity| identity == token.identity || Some(identity) == token.creator)
}

fn administers(acting: &Acting, token: &TokenFacts<'_>) -> bool {
    acting.administered().any(|name| token.organizations.include(name))
}

fn refused(message: impl Into<Cow<'static, str>>) -> Result<()> {
    Err(Error::new(ErrorCode::NotPermitted, message).about("operation"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ProfileSettings, Role};

    fn all() -> Vec<Role> {
        let role = |name: &str, includes: &[&str]| Role {
            name: name.to_owned(),
            includes: includes.iter().map(|&name| name.to_owned()).collect(),
            built_in: true,
        };
        vec![
            role("Administrator", &["Operator"]),
            role("Operator", &["Reader"]),
            role("Reader", &[]),
            role("Other", &[]),
        ]
    }

    fn rights(roles: &[&str]) -> Rights {
        Rights::of(&roles.iter().map(|&name| name.to_owned()).collect::<Vec<_>>(), &all())
    }

    fn identity(identity: i64, roles: &[&str]) -> Acting {
        Acting {
            who: Who::Identity(identity),
            rights: rights(roles),
            organizations: Organizations::none(),
            administers: vec![],
        }
    }

    fn token(own: ActingToken, roles: &[&str]) -> Acting {
        Acting { who: Who::Token(own), ..identity(0, roles) }
    }

    #[test]
    fn who_made_a_token_for_another_may_end_it_and_not_have_its_value() {
        let facts = TokenFacts {
            sequence: 7,
            identity: 1,
            creator: Some(2),
            granted_by: None,
            organizations: &Organizations::none(),
            owner_only: false,
            disabled_by_another: None,
        };
        let code = |acting: &Acting, operation: &Operation| {
            may_change(acting, &facts, operation).map_err(|error| error.code())
        };
        let creator = identity(2, &["Operator"]);
        assert_eq!(code(&creator, &Operation::TOKEN_REVOKE), Ok(()));
        assert_eq!(code(&creator, &Operation::TOKEN_DISABLE), Ok(()));
        assert_eq!(code(&creator, &Operation::TOKEN_ROTATE), Err(ErrorCode::NotPermitted));
        assert_eq!(code(&identity(2, &["Administrator"]), &Operation::TOKEN_ROTATE), Ok(()));
        assert_eq!(code(&identity(1, &["Reader"]), &Operation::TOKEN_ROTATE), Ok(()));
    }

    #[test]
    fn what_somebody_else_switched_off_stays_off() {
        let organizations = Organizations::none();
        let facts = |disabled_by_another, granted_by| TokenFacts {
            sequence: 7,
            identity: 1,
            creator: Some(1),
            granted_by,
            organizations: &organizations,
            owner_only: false,
            disabled_by_another,
        };
        let may = |acting: &Acting, by, granted_by| {
            may_change(acting, &facts(by, granted_by), &Operation::TOKEN_ENABLE).is_ok()
        };
        let acting_token =
            |sequence| token(ActingToken { sequence, identity: 1, ..ActingToken::default() }, &["Reader"]);
        assert!(may(&identity(1, &["Reader"]), None, None));
        assert!(!may(&identity(1, &["Reader"]), Some("Eve"), None));
        assert!(may(&identity(2, &["Administrator"]), Some("Eve"), None));
        assert!(may(&Acting::local_owner(), Some("Eve"), None));
        assert!(may(&acting_token(3), None, Some(3)));
        assert!(!may(&acting_token(3), Some("Eve"), Some(3)));
        assert!(!may(&acting_token(3), None, Some(4)) && !may(&acting_token(3), None, None));
    }

    #[test]
    fn names_of_operations_are_fixed() {
        let names: Vec<_> = Operation::ALL.iter().map(Operation::as_str).collect();
        assert_eq!(
            names.join(" "),
            "token.grant token.read token.update token.disable token.enable token.revoke token.remove token.rotate \
             token.import token.export token.find identity.create identity.read identity.update identity.remove \
             role.create role.read role.update role.remove organization.create organization.read organization.update \
             organization.remove profile.create profile.read profile.update profile.remove key.create key.read \
             key.revoke key.remove key.import store.read store.check store.backup store.restore store.optimize \
             audit.read audit.check session.create jwt.mint"
        );
        for operation in Operation::ALL {
            assert_eq!(&Operation::parse(operation.as_str()).unwrap(), operation);
        }
    }

    #[test]
    fn an_application_names_its_own_operations() {
        for good in ["ldap.create", "a.b", "0.1", "report.run-all", "a.b.c-d", &format!("a.{}", "b".repeat(62))] {
            assert_eq!(Operation::parse(good).unwrap().to_string(), good);
        }
        for bad in ["", "ldap", ".", "a.", ".a", "a..b", "A.b", "a.B", "a-b.c", "a b.c", "a.é", "a.b\n", "a_b.c"] {
            assert!(Operation::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Operation::parse(&format!("a.{}", "b".repeat(63))).is_err());
    }

    #[test]
    fn the_table_of_permissions() {
        let own = "token.grant token.read token.update token.disable token.enable token.revoke token.remove \
                   token.rotate session.create";
        let lists = "identity.read role.read organization.read profile.read key.read store.read";
        for operation in Operation::ALL {
            let name = operation.as_str();
            let is_own = own.split(' ').any(|own| own == name);
            let is_list = lists.split(' ').any(|list| list == name);
            for (acting, expected) in [
                (Acting::local_owner(), true),
                (identity(1, &["Administrator"]), true),
                (identity(1, &["Operator"]), is_own || is_list),
                (identity(1, &["Reader"]), is_own || is_list),
                (identity(1, &["Other"]), is_own),
                (identity(1, &[]), is_own),
                (token(ActingToken::default(), &["Administrator"]), true),
                (token(ActingToken::default(), &[]), is_own),
            ] {
                assert_eq!(permitted(&acting, operation).is_ok(), expected, "{name} by {acting:?}");
            }
        }
        let error = permitted(&identity(1, &[]), &Operation::KEY_CREATE).unwrap_err();
        assert_eq!((error.code(), error.subject()), (ErrorCode::NotPermitted, Some("operation")));
        assert!(error.message().contains("key.create") && error.message().contains("Administrator"), "{error}");
    }

    #[test]
    fn a_token_does_what_it_was_granted_for_and_nothing_denied() {
        let run = Operation::parse("report.run").unwrap();
        let limited = ActingToken {
            denied_operations: vec![Operation::TOKEN_GRANT],
            allowed_operations: vec![run.clone(), Operation::TOKEN_GRANT],
            ..ActingToken::default()
        };
        let acting = token(limited, &["Administrator"]);
        assert!(permitted(&acting, &run).is_ok());
        assert!(permitted(&acting, &Operation::TOKEN_GRANT).is_err(), "denied wins over allowed");
        assert!(permitted(&acting, &Operation::TOKEN_READ).is_err(), "not among the allowed");
        assert!(permitted(&identity(1, &[]), &run).is_ok(), "an application's own rules judge its operations");
    }

    #[test]
    fn invisible_and_unknown_look_alike() {
        let facts = TokenFacts {
            sequence: 5,
            identity: 1,
            creator: None,
            granted_by: None,
            organizations: &Organizations::none(),
            owner_only: false,
            disabled_by_another: None,
        };
        let error = may_change(&identity(2, &["Operator"]), &facts, &Operation::TOKEN_REVOKE).unwrap_err();
        assert_eq!((error.code(), error.message()), (ErrorCode::NotFound, "There is no such token."));
        // What the acting one may not do at all is no matter of the token.
        let error = may_change(&identity(2, &["Operator"]), &facts, &Operation::TOKEN_EXPORT).unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotPermitted);
        // Nor is it told by a grant whether the other identity exists.
        let profile = Profile { name: "Mine".into(), built_in: false, settings: ProfileSettings::default() };
        let grant = |to| may_grant(&identity(2, &["Operator"]), &profile, to);
        assert_eq!(grant(Some(1)).unwrap_err(), grant(None).unwrap_err());
        assert!(grant(Some(2)).is_ok());
        assert!(may_grant(&Acting::local_owner(), &profile, None).is_ok(), "an administrator is told");
    }

    #[test]
    fn a_token_wins_nothing_by_rotating() {
        let own = ActingToken { sequence: 5, identity: 1, ..ActingToken::default() };
        let rotate = |roles: &[&str], sequence, granted_by| {
            let facts = TokenFacts {
                sequence,
                identity: 1,
                creator: Some(1),
                granted_by,
                organizations: &Organizations::none(),
                owner_only: false,
                disabled_by_another: None,
            };
            may_change(&token(own.clone(), roles), &facts, &Operation::TOKEN_ROTATE).is_ok()
        };
        for roles in [&["Reader"][..], &["Administrator"]] {
            assert!(rotate(roles, 5, None), "itself");
            assert!(rotate(roles, 6, Some(5)), "what it granted");
            assert!(!rotate(roles, 6, None), "another of the same identity");
            assert!(!rotate(roles, 6, Some(7)), "what another of the same identity granted");
        }
    }
}
