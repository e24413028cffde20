//! Identities, their roles and their passwords.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::crypto::password::{self, PasswordCheck};
use crate::error::{Error, ErrorCode, Result};
use crate::model::{AuditSubject, Identity, IdentityFilter, Name};
use crate::policy::{self, Operation};
use crate::store::{IdentityChange, NewIdentity, Slot};

use super::{Engine, Session};

/// The most entries of a page.
pub(super) const MAXIMUM_PAGE: u32 = 1_000;

/// The most identities that are kept in memory.
const MAXIMUM_KEPT: usize = 1_024;

/// Identities to which tokens were granted, by their names as they were given, each with the number of the change as of
/// which it was read.
#[derive(Default)]
pub(super) struct KeptIdentities {
    kept: RwLock<HashMap<String, (u64, Arc<Identity>)>>,
}

impl Engine {
    /// The identity of this name with its roles and organisations, as of the last change that this thread was told of
    /// ([`crate::store::Store::change_number`]). Whether it has a password may be older.
    pub(super) fn grantee_identity(&self, name: &Name) -> Result<Option<Arc<Identity>>> {
        // Read before the identity is, so that what is kept is at least as new as its number.
        let number = self.store.changes().number();
        let is_current = |(number, identity): &&(u64, Arc<Identity>)| {
            self.store.changes().is_current(&[Slot::identity(identity.id)], *number)
        };
        let kept = &self.identities.kept;
        let found = {
            let kept = kept.read().unwrap_or_else(PoisonError::into_inner);
            kept.get(name.as_str()).filter(is_current).map(|(_, identity)| Arc::clone(identity))
        };
        if found.is_some() {
            return Ok(found);
        }
        let Some((identity, _)) = self.store.identity(name)? else { return Ok(None) };
        let identity = Arc::new(identity);
        let mut kept = kept.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAXIMUM_KEPT {
            kept.clear();
        }
        kept.insert(name.as_str().to_owned(), (number, Arc::clone(&identity)));
        Ok(Some(identity))
    }
}

impl Session<'_> {
    /// Makes an identity. `password`: 1 to 1,024 bytes of UTF-8.
    ///
    /// `AlreadyExists` when the name is taken (names compare without regard to case), `NotFound` when a role
    /// is missing.
    pub fn create_identity(&self, name: &str, roles: &[String], password: Option<&[u8]>) -> Result<Identity> {
        let (rules, _) = self.permit(&Operation::IDENTITY_CREATE)?;
        let name = policy::identity_name(name, "name")?;
        rules.refuse_foreign(name.as_str(), "name")?;
        let roles = policy::known_roles(roles, &self.store.roles()?)?;
        let password_hash = password.map(password::hash).transpose()?;
        let event = self.event(&Operation::IDENTITY_CREATE, AuditSubject::Identity, name.as_str().to_owned());
        let created_at = self.now_seconds();
        self.store.insert_identity(NewIdentity { name, roles, password_hash, source: None, created_at }, event)
    }

    /// The identity of this name; `NotFound` when there is none. Names compare without regard to case.
    pub fn identity(&self, name: &str) -> Result<Identity> {
        self.permit(&Operation::IDENTITY_READ)?;
        self.named_identity(name, "name")
    }

    /// The identities that pass the filter, in the order of their names, at most `filter.limit` (1 to 1,000).
    pub fn identities(&self, filter: &IdentityFilter) -> Result<Vec<Identity>> {
        self.permit(&Operation::IDENTITY_READ)?;
        bounded_pattern(filter.name.as_deref(), "name")?;
        bounded_page(filter.limit)?;
        self.store.identities(filter)
    }

    /// Changes the roles or the password of an identity; `password`'s inner none takes the password away.
    ///
    /// Its tokens feel a change of roles at their next check.
    pub fn update_identity(
        &self,
        name: &str,
        roles: Option<&[String]>,
        password: Option<Option<&[u8]>>,
    ) -> Result<Identity> {
        self.permit(&Operation::IDENTITY_UPDATE)?;
        let name = policy::name(name, "name")?;
        self.refuse_foreign_identity(&name, "name")?;
        let roles = match roles {
            Some(roles) => Some(policy::known_roles(roles, &self.store.roles()?)?),
            None => None,
        };
        let password_hash = match password {
            Some(Some(password)) => Some(Some(password::hash(password)?)),
            Some(None) => Some(None),
            None => None,
        };
        let event = self.event(&Operation::IDENTITY_UPDATE, AuditSubject::Identity, name.as_str().to_owned());
        self.store.update_identity(&name, IdentityChange { roles, password_hash }, event)
    }

    /// Removes an identity and revokes its tokens at one stroke. Gives how many it revoked, or none when there
    /// is no such identity.
    pub fn remove_identity(&self, name: &str) -> Result<Option<u64>> {
        self.permit(&Operation::IDENTITY_REMOVE)?;
        let revocation = self.revocation(Some("The identity was removed.".to_owned()));
        let name = policy::name(name, "name")?;
        let event = self.event(&Operation::IDENTITY_REMOVE, AuditSubject::Identity, name.as_str().to_owned());
        self.store.remove_identity(&name, revocation, event)
    }
}

impl Engine {
    /// Whether this is the identity's password. An unknown identity, and one without a password, cost as much
    /// as a wrong password and are answered alike.
    pub fn verify_password(&self, name: &str, password: &[u8]) -> Result<bool> {
        let found = match policy::name(name, "name") {
            Ok(name) => self.store.identity(&name)?,
            Err(_) => None,
        };
        let Some((identity, Some(hash))) = found else {
            password::verify_absent(password)?;
            return Ok(false);
        };
        match password::verify(password, &hash)? {
            PasswordCheck::Mismatch => Ok(false),
            PasswordCheck::Match { needs_rehash } => {
                if needs_rehash {
                    // Only over the hash that was verified: the password may have been changed meanwhile. That the
                    // new one cannot be kept today does not make the password a wrong one.
                    let _ = self.store.replace_password_hash(identity.id, &hash, &password::hash(password)?);
                }
                Ok(true)
            }
        }
    }

    /// Refuses a name that holds a value of another system, unless it is an identity's: an error that says that there is
    /// none would repeat it.
    pub(super) fn refuse_foreign_identity(&self, name: &Name, subject: &'static str) -> Result<()> {
        match self.rules()?.refuse_foreign(name.as_str(), subject) {
            Err(refused) if self.store.identity(name)?.is_none() => Err(refused),
            _ => Ok(()),
        }
    }

    /// The identity of this name, which the argument `subject` gave.
    pub(super) fn named_identity(&self, name: &str, subject: &'static str) -> Result<Identity> {
        let name = policy::name(name, subject)?;
        match self.store.identity(&name)? {
            Some((identity, _)) => Ok(identity),
            None => {
                self.refuse_foreign_identity(&name, subject)?;
                let message = format!("There is no identity named {}.", name.as_str());
                Err(Error::new(ErrorCode::NotFound, message).about(subject))
            }
        }
    }
}

/// Refuses a wildcard pattern longer than a name can be.
pub(super) fn bounded_pattern(pattern: Option<&str>, subject: &'static str) -> Result<()> {
    match pattern {
        Some(pattern) if pattern.chars().count() > Name::MAXIMUM_CHARACTERS => {
            Err(Error::argument(subject, "A name, with or without wildcards, may have at most 256 characters."))
        }
        _ => Ok(()),
    }
}

/// Refuses a page of none, or of more than [`MAXIMUM_PAGE`].
pub(super) fn bounded_page(limit: u32) -> Result<()> {
    if (1..=MAXIMUM_PAGE).contains(&limit) {
        Ok(())
    } else {
        Err(Error::argument("limit", "A page has 1 to 1,000 entries."))
    }
}
