//! Tokens, as everyone but their bearer sees them: never with their value.

use std::fmt;

use serde::{Deserialize, Serialize};

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
    /// It was revoked, by itself, with its signing key or with its identity.
    Revoked,
}

impl TokenState {
    /// The state's fixed name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Pending => "Pending",
            Self::Expired => "Expired",
            Self::Revoked => "Revoked",
        }
    }

    /// The state of that exact name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Active, Self::Pending, Self::Expired, Self::Revoked].into_iter().find(|state| state.name() == name)
    }
}

/// Who revoked something, when and why.
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
    /// The `kid` of the key that signed it, where it is a JWT.
    pub key_id: Option<String>,
    /// The audiences it names, where it is a JWT.
    pub audiences: Vec<String>,
    /// Who granted it: the name of an identity, or `local owner`.
    pub created_by: String,
    /// When it was granted, in seconds since 1970.
    pub created_at: i64,
    /// When its time begins, in seconds since 1970; none: at once.
    pub not_before: Option<i64>,
    /// The first second at which it is over, in seconds since 1970; none: never.
    pub expires_at: Option<i64>,
    /// Its revocation, by itself, with its signing key or with its identity.
    pub revocation: Option<Revocation>,
}

impl Token {
    /// The token's state at `now_seconds`. A revoked token stays revoked whatever the time.
    ///
    /// A check of a JWT allows for other machines' clocks, so for half a minute it may still accept one that is
    /// `Expired` here, or already one that is `Pending`.
    pub fn state(&self, now_seconds: i64) -> TokenState {
        if self.revocation.is_some() {
            TokenState::Revoked
        } else if self.not_before.is_some_and(|not_before| now_seconds < not_before) {
            TokenState::Pending
        } else if self.expires_at.is_some_and(|expires_at| now_seconds >= expires_at) {
            TokenState::Expired
        } else {
            TokenState::Active
        }
    }
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
    /// Tokens that expire at this second or later.
    pub expires_after: Option<i64>,
    /// Tokens that expire before this second.
    pub expires_before: Option<i64>,
    /// Tokens after this sequence: the last of the page before.
    pub after: Option<i64>,
    /// At most so many, 1 to 1,000.
    pub limit: u32,
}
