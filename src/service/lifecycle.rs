//! What ends tokens for now or for good, and what is tidied up after them.

use crate::error::{Error, ErrorCode, Result};
use crate::model::{AuditSubject, Token, TokenFilter, TokenSet};
use crate::policy::{self, Operation};

use super::identity::MAXIMUM_PAGE;
use super::token::known_form;
use super::validate::MAXIMUM_VALUE_BYTES;
use super::{Engine, Session};

/// What was tidied up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Optimization {
    /// How many tokens were taken away because their profile does not keep them any longer.
    pub removed_tokens: u64,
    /// The size of the store before, in bytes.
    pub size_before_bytes: u64,
    /// The size of the store now, in bytes.
    pub size_bytes: u64,
}

impl Session<'_> {
    /// Revokes a token, durably before this returns: every check that starts later, in any process, refuses it, and so
    /// it is with the tokens that it granted, those that they granted, and a successor that it made for itself when it
    /// acted: whoever has a leaked value keeps nothing that came of it. A successor that somebody else put in its place
    /// stays.
    ///
    /// Gives the token, and whether this call changed anything: a second revocation changes nothing.
    pub fn revoke_token(&self, id: &str, reason: Option<&str>) -> Result<(Token, bool)> {
        let revocation = self.revocation(self.reason(reason)?);
        let id = known_form(id)?;
        self.permitted_token(&id, &Operation::TOKEN_REVOKE)?;
        let event = self.event(&Operation::TOKEN_REVOKE, AuditSubject::Token, id.to_string());
        self.store.revoke_token(&id, revocation, event)
    }

    /// As [`Session::revoke_token`], for the token of which this is the value, as its bearer sent it.
    ///
    /// Whoever has a token's value may end it. Gives none when there is no such token, which is told as fast as when
    /// there is.
    pub fn revoke_by_value(&self, value: &[u8], reason: Option<&str>) -> Result<Option<(Token, bool)>> {
        let revocation = self.revocation(self.reason(reason)?);
        if value.is_empty() || value.len() > MAXIMUM_VALUE_BYTES {
            return Ok(None);
        }
        let found = self.find_value(value, &self.keyring.current().digest(value));
        let Some(record) = Engine::record_found(found)? else { return Ok(None) };
        let event = self.event(&Operation::TOKEN_REVOKE, AuditSubject::Token, record.token.id.to_string());
        self.store.revoke_token(&record.token.id, revocation, event).map(Some)
    }

    /// Revokes all tokens of a set that were granted so far, durably before this returns, and what they granted as
    /// [`Session::revoke_token`] does. Gives how many it revoked.
    ///
    /// By identity, profile, key or all it takes one row, however many there are; by tag or organisation a row each, in
    /// batches of 200 between which other writers have their turn. A second call changes nothing.
    ///
    /// Who is no Administrator may revoke all tokens that speak for itself, and by tag or organisation those that it
    /// may revoke one by one; the others are left as they are. Errors: `NotFound` for an identity, a profile or an
    /// organisation that is not there, `NotPermitted` for a set that this actor may not revoke.
    pub fn revoke_tokens(&self, set: &TokenSet, reason: Option<&str>) -> Result<u64> {
        let (_, acting) = self.permit(&Operation::TOKEN_REVOKE)?;
        let revocation = self.revocation(self.reason(reason)?);
        let (subject_kind, subject) = match set {
            TokenSet::Identity(name) => (AuditSubject::Identity, Some(policy::name(name, "identity")?)),
            TokenSet::Profile(name) => (AuditSubject::Profile, Some(policy::name(name, "profile")?)),
            TokenSet::Organization(name) => (AuditSubject::Organization, Some(policy::name(name, "organization")?)),
            TokenSet::Key(_) => (AuditSubject::Key, None),
            TokenSet::Tag(_) | TokenSet::All => (AuditSubject::Store, None),
        };
        let subject = match set {
            TokenSet::Key(key_id) => Some(super::key::known_form(key_id)?.to_owned()),
            _ => subject.map(|name| name.as_str().to_owned()),
        };
        if !acting.is_administrator() {
            let own = |name: &str| -> Result<bool> {
                let found = self.store.identity(&policy::name(name, "identity")?)?;
                Ok(found.is_some_and(|(identity, _)| acting.identity() == Some(identity.id)))
            };
            let filter = TokenFilter { limit: MAXIMUM_PAGE, ..TokenFilter::default() };
            match set {
                TokenSet::Identity(name) if own(name)? => {}
                TokenSet::Tag(tag) => {
                    return self.revoke_visible(TokenFilter { tag: Some(tag.clone()), ..filter }, reason);
                }
                TokenSet::Organization(name) => {
                    return self.revoke_visible(TokenFilter { organization: Some(name.clone()), ..filter }, reason);
                }
                _ => {
                    let message = "Only an Administrator may revoke these tokens at one stroke.";
                    let refused = Err(Error::new(ErrorCode::NotPermitted, message).about("operation"));
                    return self.note_denial(refused, &Operation::TOKEN_REVOKE, None);
                }
            }
        }
        if let TokenSet::Identity(name) = set {
            self.refuse_foreign_identity(&policy::name(name, "identity")?, "identity")?;
        }
        let event = self.event(&Operation::TOKEN_REVOKE, subject_kind, subject);
        self.store.revoke_set(set, revocation, event)
    }

    /// Revokes those of the tokens that pass the filter which this actor may revoke, one by one; gives how many.
    fn revoke_visible(&self, mut filter: TokenFilter, reason: Option<&str>) -> Result<u64> {
        let mut revoked = 0;
        loop {
            let page = self.tokens(&filter)?;
            let Some(last) = page.last() else { return Ok(revoked) };
            filter.after = Some(last.sequence);
            for token in &page {
                match self.revoke_token(token.id.as_str(), reason) {
                    Ok((_, changed)) => revoked += u64::from(changed),
                    // Seen by one who administers an organisation to which it has no access itself, or gone by now.
                    Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::NotPermitted) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// Switches a token off for now: every check that starts after this returned answers `Disabled`.
    ///
    /// What it granted stays as it is. Gives the token, and whether this call changed it.
    pub fn disable_token(&self, id: &str, reason: Option<&str>) -> Result<(Token, bool)> {
        let disabled = self.revocation(self.reason(reason)?);
        let id = known_form(id)?;
        self.permitted_token(&id, &Operation::TOKEN_DISABLE)?;
        let event = self.event(&Operation::TOKEN_DISABLE, AuditSubject::Token, id.to_string());
        self.store.set_disabled(&id, Some(disabled), event)
    }

    /// Switches a token on again. Gives the token, and whether this call changed it.
    ///
    /// `NotPermitted` for one that somebody else switched off, unless to an Administrator; a token switches on only what
    /// it granted.
    pub fn enable_token(&self, id: &str) -> Result<(Token, bool)> {
        let id = known_form(id)?;
        self.permitted_token(&id, &Operation::TOKEN_ENABLE)?;
        let event = self.event(&Operation::TOKEN_ENABLE, AuditSubject::Token, id.to_string());
        self.store.set_disabled(&id, None, event)
    }

    /// Removes a token from the list, which ends it as well, and what it granted. Whether there was one.
    pub fn remove_token(&self, id: &str) -> Result<bool> {
        let id = known_form(id)?;
        match self.permitted_token(&id, &Operation::TOKEN_REMOVE) {
            Err(error) if error.code() == ErrorCode::NotFound => return Ok(false),
            permitted => permitted?,
        };
        let event = self.event(&Operation::TOKEN_REMOVE, AuditSubject::Token, id.to_string());
        self.store.remove_token(&id, event)
    }

    /// Takes away the tokens that their profiles no longer keep, in batches of at most 200 between which other writers
    /// have their turn, and puts the file in order. With `rewrites` the file is written anew without its gaps, which
    /// keeps all writers waiting: those who wait for ten seconds get `StoreBusy`.
    pub fn optimize(&self, rewrites: bool) -> Result<Optimization> {
        self.permit(&Operation::STORE_OPTIMIZE)?;
        let size = || self.store.counts(self.now_seconds()).map(|counts| counts.size_bytes);
        let size_before_bytes = size()?;
        let event = self.event(&Operation::STORE_OPTIMIZE, AuditSubject::Store, None);
        let removed_tokens = self.store.clean_up(event)?;
        self.store.compact(rewrites)?;
        Ok(Optimization { removed_tokens, size_before_bytes, size_bytes: size()? })
    }
}
