//! Profiles: make, change, remove.

use serde_json::{Map, Value};

use crate::error::{Error, ErrorCode, Result};
use crate::model::{AuditSubject, Profile, ProfileSettings};
use crate::policy::{self, Operation};

use super::Session;

impl Session<'_> {
    /// Every profile of the store, the built-in ones first.
    pub fn profiles(&self) -> Result<Vec<Profile>> {
        self.permit(&Operation::PROFILE_READ)?;
        self.store.profiles()
    }

    /// The profile of this name; `NotFound` when there is none. Names compare without regard to case.
    pub fn profile(&self, name: &str) -> Result<Profile> {
        let (rules, _) = self.permit(&Operation::PROFILE_READ)?;
        rules.profile(name, "name").map(|profile| Profile::clone(&profile))
    }

    /// Makes a profile: a copy of `based_on` (or of the built-in `Default`) with `changes`, a JSON object of the members
    /// of [`ProfileSettings`] that are to differ.
    ///
    /// `AlreadyExists` when the name is taken; `InvalidArgument` for a member that is unknown, and for settings that are
    /// outside their limits or do not go together.
    pub fn create_profile(&self, name: &str, based_on: Option<&str>, changes: &str) -> Result<Profile> {
        let (rules, _) = self.permit(&Operation::PROFILE_CREATE)?;
        let base = rules.profile(based_on.unwrap_or("Default"), "basedOn")?;
        let settings = policy::profile::changed(&base.settings, members(changes)?)?;
        let profile = policy::profile::check(name, &settings)?;
        self.check_required_role(&profile.settings)?;
        let event = self.event(&Operation::PROFILE_CREATE, AuditSubject::Profile, profile.name.clone());
        self.store.insert_profile(profile.clone(), self.now_seconds(), event)?;
        Ok(profile)
    }

    /// Changes those settings of a profile that `changes`, a JSON object, names. Its tokens follow the new ones from the
    /// next check on. `NotPermitted` for a built-in profile: copy it.
    pub fn update_profile(&self, name: &str, changes: &str) -> Result<Profile> {
        let (rules, _) = self.permit(&Operation::PROFILE_UPDATE)?;
        let found = rules.profile(name, "name")?;
        let changes = members(changes)?;
        let settings = policy::profile::changed(&found.settings, changes.clone())?;
        self.check_required_role(&policy::profile::check(&found.name, &settings)?.settings)?;
        let event = self.event(&Operation::PROFILE_UPDATE, AuditSubject::Profile, found.name.clone());
        // The changes, not the settings: what others changed meanwhile stays.
        self.store.update_profile(&found.name, changes, event)
    }

    /// Removes a profile that no token and no signing key follows; `Conflict` otherwise, and `NotPermitted` for a
    /// built-in one. Whether there was one.
    pub fn remove_profile(&self, name: &str) -> Result<bool> {
        let (rules, _) = self.permit(&Operation::PROFILE_REMOVE)?;
        match rules.profile(name, "name") {
            Err(error) if error.code() == ErrorCode::NotFound => Ok(false),
            Err(error) => Err(error),
            Ok(found) if found.built_in => {
                let message = "This profile comes with every store and cannot be removed.";
                Err(Error::new(ErrorCode::NotPermitted, message).about("name"))
            }
            Ok(found) => {
                let event = self.event(&Operation::PROFILE_REMOVE, AuditSubject::Profile, found.name.clone());
                self.store.remove_profile(&found.name, event)
            }
        }
    }

    /// Refuses a role that is asked for and that the store does not have, so that a slip of the pen is told.
    fn check_required_role(&self, settings: &ProfileSettings) -> Result<()> {
        let named: Vec<String> =
            settings.required_role.iter().chain(settings.default_roles.iter().flatten()).cloned().collect();
        policy::known_roles(&named, &self.rules()?.roles).map(|_| ())
    }
}

fn members(changes: &str) -> Result<Map<String, Value>> {
    serde_json::from_str(changes).map_err(|_| Error::argument("settings", "The settings are not a JSON object."))
}
