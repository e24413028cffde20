//! Granted tokens: find, list, mark, revoke, remove.

use crate::error::{Error, ErrorCode, Result};
use crate::model::{AuditSubject, Token, TokenFilter, TokenId};
use crate::policy;
use crate::store::TokenChange;

use super::Session;
use super::identity::{bounded_page, bounded_pattern};

impl Session<'_> {
    /// The token with this id; `NotFound` when there is none.
    pub fn token(&self, id: &str) -> Result<Token> {
        let id = known_form(id)?;
        match self.store.token_by_id(&id)? {
            Some(record) => Ok(record.token),
            None => Err(no_such_token(&id)),
        }
    }

    /// The tokens that pass the filter, in the order of their making, at most `filter.limit` (1 to 1,000).
    pub fn tokens(&self, filter: &TokenFilter) -> Result<Vec<Token>> {
        bounded_pattern(filter.name.as_deref(), "name")?;
        bounded_pattern(filter.identity.as_deref(), "identity")?;
        bounded_page(filter.limit)?;
        self.store.tokens(filter, self.now_seconds())
    }

    /// Changes the remark (at most 1,024 characters; empty: none) or the tags of a token; all else is fixed.
    pub fn update_token(&self, id: &str, new_remark: Option<&str>, tags: Option<&[String]>) -> Result<Token> {
        let change = TokenChange {
            remark: new_remark.map(|text| policy::remark(Some(text))).transpose()?,
            tags: tags.map(policy::tags).transpose()?,
        };
        let id = known_form(id)?;
        let event = self.event("token.update", AuditSubject::Token, id.to_string());
        self.store.update_token(&id, change, event)
    }

    /// Revokes a token, durably before this returns: every check that starts later, in any process, refuses it.
    ///
    /// Gives the token, and whether this call changed it: a second revocation changes nothing.
    pub fn revoke_token(&self, id: &str, reason: Option<&str>) -> Result<(Token, bool)> {
        let revocation = self.revocation(policy::reason(reason)?);
        let id = known_form(id)?;
        let event = self.event("token.revoke", AuditSubject::Token, id.to_string());
        self.store.revoke_token(&id, revocation, event)
    }

    /// Removes a token from the list, which ends it as well. Whether there was one.
    pub fn remove_token(&self, id: &str) -> Result<bool> {
        let id = known_form(id)?;
        let event = self.event("token.remove", AuditSubject::Token, id.to_string());
        self.store.remove_token(&id, event)
    }
}

fn known_form(id: &str) -> Result<TokenId> {
    TokenId::parse(id).ok_or_else(bad_form)
}

/// The id is not repeated: what was given in its place may be a token's value.
fn bad_form() -> Error {
    Error::argument("id", "A token's id has 12 characters of 0-9, A-Z and a-z.")
}

fn no_such_token(id: &TokenId) -> Error {
    Error::new(ErrorCode::NotFound, format!("There is no token with the id {id}.")).about("id")
}
