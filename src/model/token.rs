//! Tokens, as everyone but their bearer sees them: never with their value.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Conditions, RotationStage};

/// A token's public id: 12 base62 characters. It may be shown and logged; alone it opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenId(String);

impl TokenId {
    /// The length of an id in characters.
    pub const LENGTH: usize = 12;

    /// Takes `text` as an id, when it is 12 characters of `[0-9A-Za-z]`.
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed = text.len() == Self::LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        well_formed.then(|| Self(text.to_owned()))
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The form of a token's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenFormat {
    /// A random value that means nothing by itself.
    Opaque,
    /// A JSON Web Token (RFC 7519), signed by a key of the store.
    Jwt,
}

impl TokenFormat {
    /// The format's fixed name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opaque => "Opaque",
            Self::Jwt => "Jwt",
        }
    }

    /// The format of that exact name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Opaque, Self::Jwt].into_iter().find(|format| format.name() == name)
    }
}

/// The state of a token at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// It can be used.
    Active,
    /// Its time has not come.
    Pending,
    /// Its time is over.
    Expired,
    /// It was revoked, by itself, with its signing key or with its identity, or it was rotated.
    Revoked,
    /// It was switched off for now.
    Disabled,
}

impl TokenState {
    /// The state's fixed name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Pending => "Pending",
            Self::Expired => "Expired",
            Self::Revoked => "Revoked",
            Self::Disabled => "Disabled",
        }
    }

    /// The state of that exact name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Active, Self::Pending, Self::Expired, Self::Revoked, Self::Disabled]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// Who revoked or disabled something, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// When, in seconds since 1970.
    pub at: i64,
    /// Who: the name of the identity that did it, or `local owner`.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

/// A granted token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The store's number for it: rises with each grant, and is never given to another.
    pub sequence: i64,
    /// The public id.
    pub id: TokenId,
    /// What its owner calls it.
    pub name: Option<String>,
    /// The name of the identity that it speaks for.
    pub identity: String,
    /// The form of its value.
    pub format: TokenFormat,
    /// The names of the roles that it was granted, sorted. What it may do now is at most this.
    pub roles: Vec<String>,
    /// Its tags, sorted.
    pub tags: Vec<String>,
    /// Free text.
    pub remark: Option<String>,
    /// The name of the profile whose rules it follows.
    pub profile: String,
    /// The `kid` of the key that signed it, where it is a JWT.
    pub key_id: Option<String>,
    /// The audiences it is for; none: every one.
    pub audiences: Vec<String>,
    /// The organisations that it has access to, sorted; none: all that its bound has, now and later.
    pub organizations: Option<Vec<String>>,
    /// What its use is tied to. Its referrer is left out: nobody reads that again.
    pub conditions: Conditions,
    /// Whether there is a referrer among its conditions.
    pub has_referrer: bool,
    /// How many uses are left, where they are counted.
    pub uses_left: Option<i64>,
    /// Whether it is a decoy: it admits nothing, and whoever presents it raises an audit event.
    pub is_decoy: bool,
    /// Who granted it: the name of an identity, or `local owner`.
    pub created_by: String,
    /// The token by which it was granted, where a token acted.
    pub parent: Option<TokenId>,
    /// When it was granted, in seconds since 1970.
    pub created_at: i64,
    /// When its time begins, in seconds since 1970; none: at once.
    pub not_before: Option<i64>,
    /// The first second at which it is over, in seconds since 1970; none: never.
    pub expires_at: Option<i64>,
    /// From this second on a check that passes says that the token is about to expire; none: never.
    pub warn_after: Option<i64>,
    /// When it was last used, in seconds since 1970, as far as that was written down by now.
    pub last_used_at: Option<i64>,
    /// Who switched it off for now.
    pub disabled: Option<Revocation>,
    /// Its revocation, by itself, with its signing key, with its identity or with many others.
    pub revocation: Option<Revocation>,
    /// The token that it took over from, by rotation.
    pub predecessor: Option<TokenId>,
    /// The token that takes over from it, by rotation.
    pub successor: Option<TokenId>,
    /// How far the rotation is by which it was made; none: it is over, or there was none.
    pub rotation_stage: Option<RotationStage>,
    /// The first second at which it has given way to its successor. It is revoked from then on.
    pub retires_at: Option<i64>,
    /// Who had it rotated: the name of an identity, or `local owner`.
    pub retired_by: Option<String>,
    /// Whether its profile shows it as revoked when its time is over.
    pub expired_is_revoked: bool,
}

impl Token {
    /// The token's state at `now_seconds`. A revoked token stays revoked whatever the time.
    ///
    /// A check of a JWT allows for other machines' clocks, so for half a minute it may still accept one that is
    /// `Expired` here, or already one that is `Pending`.
    pub fn state(&self, now_seconds: i64) -> TokenState {
        let is_over = self.expires_at.is_some_and(|expires_at| now_seconds >= expires_at);
        if self.revocation_at(now_seconds).is_some() {
            TokenState::Revoked
        } else if self.disabled.is_some() {
            TokenState::Disabled
        } else if (self.rotation_stage.is_some() && !is_over)
            || self.not_before.is_some_and(|not_before| now_seconds < not_before)
        {
            TokenState::Pending
        } else if is_over {
            TokenState::Expired
        } else {
            TokenState::Active
        }
    }

    /// Its revocation as it stands at `now_seconds`: one that was made, that by its successor, or that by its expiry
    /// where its profile shows it so.
    pub fn revocation_at(&self, now_seconds: i64) -> Option<Revocation> {
        if let Some(revocation) = &self.revocation {
            return Some(revocation.clone());
        }
        let ended =
            |at: i64, by: &str, reason: &str| Revocation { at, by: by.to_owned(), reason: Some(reason.to_owned()) };
        if let Some(at) = self.retires_at.filter(|at| *at <= now_seconds) {
            return Some(ended(at, self.retired_by.as_deref().unwrap_or(&self.identity), Self::ROTATED));
        }
        let expired = self.expires_at.filter(|at| self.expired_is_revoked && *at <= now_seconds)?;
        Some(ended(expired, &self.identity, Self::EXPIRED))
    }

    /// Whether it has given way to its successor by `now_seconds`.
    pub fn is_retired(&self, now_seconds: i64) -> bool {
        self.retires_at.is_some_and(|at| at <= now_seconds)
    }

    /// Whether its time as a token about to expire has begun and is not over.
    pub fn is_expiring(&self, now_seconds: i64) -> bool {
        self.warn_after.is_some_and(|at| at <= now_seconds)
    }

    /// The reason of a token that has given way to its successor.
    pub const ROTATED: &str = "Rotated";
    /// The reason of a token that its profile shows as revoked because its time is over.
    pub const EXPIRED: &str = "Expired";
}

/// Which tokens to list. Each member narrows the list; a page is ordered by [`Token::sequence`].
#[derive(Debug, Clone, Default)]
pub struct TokenFilter {
    /// Tokens that speak for this identity.
    pub identity: Option<String>,
    /// Tokens with this name, with `*` for any characters and `?` for one, without regard to case.
    pub name: Option<String>,
    /// Tokens in this state now.
    pub state: Option<TokenState>,
    /// Tokens with this tag.
    pub tag: Option<String>,
    /// Tokens of this profile.
    pub profile: Option<String>,
    /// Tokens with access to this organisation by a list of theirs.
    pub organization: Option<String>,
    /// Tokens that this key signed.
    pub key_id: Option<String>,
    /// Only tokens that one may see: of this identity, made by it, or with access to one of these organisations.
    pub visible_to: Option<Viewer>,
    /// Tokens that expire at this second or later.
    pub expires_after: Option<i64>,
    /// Tokens that expire before this second.
    pub expires_before: Option<i64>,
    /// Tokens after this sequence: the last of the page before.
    pub after: Option<i64>,
    /// At most so many, 1 to 1,000.
    pub limit: u32,
}

/// Whose view a list is.
#[derive(Debug, Clone, Default)]
pub struct Viewer {
    /// The identity's number.
    pub identity_id: i64,
    /// The names of the organisations whose tokens it sees as their administrator: as a token, those alone to which that
    /// has access.
    pub administers: Vec<String>,
}

/// Many tokens that are revoked by one call.
///
/// The first four are facts of a token that never change, so one row of the store ends all of them that were granted
/// so far, however many there are. Those with a tag or an organisation are ended one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSet {
    /// Those that speak for the identity of this name.
    Identity(String),
    /// Those of the profile of this name.
    Profile(String),
    /// Those that the key of this id signed.
    Key(String),
    /// Every token of the store.
    All,
    /// Those with this tag.
    Tag(String),
    /// Those with the organisation of this name on their list.
    Organization(String),
}

#[cfg(test)]
impl Token {
    /// Adam's, good from 1,000 to 2,000 seconds after 1970: tests say what of it matters to them.
    pub(crate) fn sample() -> Self {
        Self {
            sequence: 1,
            id: TokenId::parse("0123456789ab").unwrap(),
            name: None,
            identity: "Adam".into(),
            format: TokenFormat::Opaque,
            roles: vec![],
            tags: vec![],
            remark: None,
            profile: "Default".into(),
            key_id: None,
            audiences: vec![],
            organizations: None,
            conditions: Conditions::default(),
            has_referrer: false,
            uses_left: None,
            is_decoy: false,
            created_by: "local owner".into(),
            parent: None,
            created_at: 0,
            not_before: Some(1_000),
            expires_at: Some(2_000),
            warn_after: None,
            last_used_at: None,
            disabled: None,
            revocation: None,
            predecessor: None,
            successor: None,
            rotation_stage: None,
            retires_at: None,
            retired_by: None,
            expired_is_revoked: false,
        }
    }
}
