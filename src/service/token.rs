//! Granted tokens: find, list, mark. What ends them is in `lifecycle`.

use crate::error::{Error, ErrorCode, Result};
use crate::model::{AuditSubject, Token, TokenFilter, TokenId, Viewer};
use crate::policy::{self, Operation};
use crate::store::TokenChange;

use super::Session;
use super::identity::{bounded_page, bounded_pattern};

impl Session<'_> {
    /// The token with this id; `NotFound` when there is none, and when this actor may not see it.
    pub fn token(&self, id: &str) -> Result<Token> {
        self.permitted_token(&known_form(id)?, &Operation::TOKEN_READ).map(|record| record.token)
    }

    /// The tokens that pass the filter and that this actor may see, in the order of their making, at most
    /// `filter.limit` (1 to 1,000).
    pub fn tokens(&self, filter: &TokenFilter) -> Result<Vec<Token>> {
        let (_, acting) = self.permit(&Operation::TOKEN_READ)?;
        bounded_pattern(filter.name.as_deref(), "name")?;
        bounded_pattern(filter.identity.as_deref(), "identity")?;
        bounded_page(filter.limit)?;
        let viewer = acting.identity().filter(|_| !acting.is_administrator());
        let visible_to = viewer
            .map(|identity_id| Viewer { identity_id, administers: acting.administered().map(str::to_owned).collect() });
        self.store.tokens(&TokenFilter { visible_to, ..filter.clone() }, self.now_seconds())
    }

    /// Changes the remark (at most 1,024 characters; empty: none) or the tags of a token; all else is fixed, and its
    /// tags too, where its profile says so.
    pub fn update_token(&self, id: &str, new_remark: Option<&str>, tags: Option<&[String]>) -> Result<Token> {
        let id = known_form(id)?;
        let record = self.permitted_token(&id, &Operation::TOKEN_UPDATE)?;
        let rules = self.rules()?;
        let profile = rules.profile(&record.token.profile, "profile")?;
        rules.refuse_foreign_in(None, tags.unwrap_or_default(), new_remark)?;
        let change = TokenChange {
            remark: new_remark.map(|text| policy::remark(Some(text))).transpose()?,
            tags: tags.map(|tags| policy::check_tag_change(&profile, tags)).transpose()?,
        };
        let event = self.event(&Operation::TOKEN_UPDATE, AuditSubject::Token, id.to_string());
        self.store.update_token(&id, change, event)
    }
}

pub(super) fn known_form(id: &str) -> Result<TokenId> {
    TokenId::parse(id).ok_or_else(bad_form)
}

/// The id is not repeated: what was given in its place may be a token's value.
fn bad_form() -> Error {
    Error::argument("id", "A token's id has 12 characters of 0-9, A-Z and a-z.")
}

pub(super) fn no_such_token(id: &TokenId) -> Error {
    Error::new(ErrorCode::NotFound, format!("There is no token with the id {id}.")).about("id")
}
