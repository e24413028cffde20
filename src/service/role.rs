//! Roles: make, change, remove.

use crate::error::{Error, ErrorCode, Result};
use crate::model::{AuditSubject, Role, fold_name};
use crate::policy::{self, Operation};

use super::Session;

impl Session<'_> {
    /// Every role of the store.
    pub fn roles(&self) -> Result<Vec<Role>> {
        let (rules, _) = self.permit(&Operation::ROLE_READ)?;
        Ok(rules.roles.clone())
    }

    /// Makes a role that brings the rights of those it includes, at most 64.
    ///
    /// `AlreadyExists` when the name is taken (names compare without regard to case), `NotFound` when an included role
    /// is missing; `InvalidArgument` for a name that holds a comma.
    pub fn create_role(&self, name: &str, includes: &[String]) -> Result<Role> {
        let (rules, _) = self.permit(&Operation::ROLE_CREATE)?;
        let name = policy::role_name(name, "name")?;
        let includes = policy::known_roles(includes, &rules.roles)?;
        let role = Role { name: name.as_str().to_owned(), includes, built_in: false };
        let event = self.event(&Operation::ROLE_CREATE, AuditSubject::Role, role.name.clone());
        self.store.insert_role(role.clone(), event)?;
        Ok(role)
    }

    /// Gives a role other inclusions. Identities and tokens that have it feel it at the next check.
    ///
    /// `NotPermitted` for a built-in role, `Conflict` when the role would come to include itself.
    pub fn update_role(&self, name: &str, includes: &[String]) -> Result<Role> {
        let (rules, _) = self.permit(&Operation::ROLE_UPDATE)?;
        let role = changeable(name, &rules.roles)?;
        let includes = policy::known_roles(includes, &rules.roles)?;
        let event = self.event(&Operation::ROLE_UPDATE, AuditSubject::Role, role.name.clone());
        self.store.update_role(&role.name, includes.clone(), event)?;
        Ok(Role { includes, ..role })
    }

    /// Removes a role, from every identity, token and role that has it. Whether there was one.
    pub fn remove_role(&self, name: &str) -> Result<bool> {
        let (rules, _) = self.permit(&Operation::ROLE_REMOVE)?;
        match changeable(name, &rules.roles) {
            Err(error) if error.code() == ErrorCode::NotFound => Ok(false),
            Err(error) => Err(error),
            Ok(role) => {
                let event = self.event(&Operation::ROLE_REMOVE, AuditSubject::Role, role.name.clone());
                self.store.remove_role(&role.name, event)
            }
        }
    }
}

fn changeable(name: &str, all: &[Role]) -> Result<Role> {
    let name = policy::role_name(name, "name")?;
    let key = name.folded();
    let Some(role) = all.iter().find(|role| fold_name(&role.name) == key) else {
        let message = format!("There is no role named {}.", name.as_str());
        return Err(Error::new(ErrorCode::NotFound, message).about("name"));
    };
    if role.built_in {
        let message = "This role comes with every store and cannot be changed. Make one of your own that includes it.";
        return Err(Error::new(ErrorCode::NotPermitted, message).about("name"));
    }
    Ok(role.clone())
}
