//! Organisations and who belongs to them.

use crate::error::{Error, ErrorCode, Result};
use crate::model::{AuditSubject, Organization, OrganizationMember};
use crate::policy::{self, Operation};
use crate::store::OrganizationFilter;

use super::identity::{bounded_page, bounded_pattern};
use super::{Engine, Session};

/// The most members that one call gives an organisation.
const MAXIMUM_MEMBERS: usize = 10_000;

impl Session<'_> {
    /// The organisation of this name; `NotFound` when there is none. Names compare without regard to case.
    pub fn organization(&self, name: &str) -> Result<Organization> {
        self.permit(&Operation::ORGANIZATION_READ)?;
        let name = policy::role_name(name, "name")?;
        self.store.organization(name.as_str())?.ok_or_else(|| {
            Error::new(ErrorCode::NotFound, format!("There is no organization named {}.", name.as_str())).about("name")
        })
    }

    /// The organisations that pass the filter, in the order of their names, at most `filter.limit` (1 to 1,000).
    pub fn organizations(&self, filter: &OrganizationFilter) -> Result<Vec<Organization>> {
        self.permit(&Operation::ORGANIZATION_READ)?;
        bounded_pattern(filter.name.as_deref(), "name")?;
        bounded_page(filter.limit)?;
        self.store.organizations(filter)
    }

    /// Makes an organisation. Its name holds no comma. `AlreadyExists` when the name is taken, `NotFound` when a member
    /// is no identity.
    pub fn create_organization(&self, name: &str, members: &[OrganizationMember]) -> Result<Organization> {
        self.permit(&Operation::ORGANIZATION_CREATE)?;
        let name = policy::role_name(name, "name")?;
        self.check_members(members)?;
        let event = self.event(&Operation::ORGANIZATION_CREATE, AuditSubject::Organization, name.as_str().to_owned());
        self.store.insert_organization(&name, members.to_vec(), self.now_seconds(), event)
    }

    /// Gives an organisation other members, at most 10,000. Tokens feel it at the next check.
    pub fn update_organization(&self, name: &str, members: &[OrganizationMember]) -> Result<Organization> {
        self.permit(&Operation::ORGANIZATION_UPDATE)?;
        let name = policy::role_name(name, "name")?;
        self.check_members(members)?;
        let event = self.event(&Operation::ORGANIZATION_UPDATE, AuditSubject::Organization, name.as_str().to_owned());
        self.store.update_organization(name.as_str(), members.to_vec(), event)
    }

    /// Removes an organisation, and with it the access that tokens have to it. A token that was granted a list keeps
    /// what is left of the list, be it nothing. Whether there was one.
    pub fn remove_organization(&self, name: &str) -> Result<bool> {
        self.permit(&Operation::ORGANIZATION_REMOVE)?;
        let name = policy::role_name(name, "name")?;
        let event = self.event(&Operation::ORGANIZATION_REMOVE, AuditSubject::Organization, name.as_str().to_owned());
        self.store.remove_organization(name.as_str(), event)
    }
}

impl Engine {
    fn check_members(&self, members: &[OrganizationMember]) -> Result<()> {
        if members.len() > MAXIMUM_MEMBERS {
            return Err(Error::argument("members", "One call gives an organization at most 10,000 members."));
        }
        members
            .iter()
            .try_for_each(|member| self.refuse_foreign_identity(&policy::name(&member.identity, "members")?, "members"))
    }
}
