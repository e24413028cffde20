//! The roles and profiles of a store, read once and kept for as long as the store does not change.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use foldhash::fast::RandomState;

use crate::error::{Error, ErrorCode, Result};
use crate::model::{Profile, Role, fold_name, with_folded};
use crate::policy::{self, Organizations, Rights, Standing};
use crate::store::{Member, Slot, TokenRecord};

use super::Engine;

/// The most tokens that granted one another in a line. A token further down may do nothing.
const MAXIMUM_LINE: usize = 16;

/// The most lists of roles of which it is kept what they bring. Each takes some hundred bytes for every role of it, and
/// tokens are granted with a few lists over and over. When there are more, all are put together anew.
const MAXIMUM_LISTS: usize = 1_024;

/// The roles and profiles of a store, as of one state of it.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// Every role.
    pub(super) roles: Vec<Role>,
    /// The profiles by their folded names.
    profiles: HashMap<String, Arc<Profile>, RandomState>,
    /// Those of them that have foreign values.
    foreign: Vec<Arc<Profile>>,
    /// What lists of roles bring that were asked for. Very many tokens and identities have the same.
    brought: RwLock<HashMap<Vec<String>, Arc<Rights>, RandomState>>,
}

impl Rules {
    /// The profile of this name, which is taken from the argument `subject`.
    pub(super) fn profile(&self, name: &str, subject: &'static str) -> Result<Arc<Profile>> {
        match with_folded(name, |folded| self.profiles.get(folded)) {
            Some(profile) => Ok(Arc::clone(profile)),
            None => {
                let name = policy::name(name, subject)?;
                let message = format!("There is no profile named {}.", name.as_str());
                Err(Error::new(ErrorCode::NotFound, message).about(subject))
            }
        }
    }

    /// The profiles whose foreign values begin as `value` does, each with what follows that beginning.
    pub(super) fn foreign_profiles<'a>(&'a self, value: &'a [u8]) -> impl Iterator<Item = (&'a Profile, &'a [u8])> {
        self.foreign.iter().filter_map(move |profile| {
            let prefix = profile.settings.foreign_prefix.as_ref()?;
            value.strip_prefix(prefix.as_bytes()).map(|rest| (profile.as_ref(), rest))
        })
    }

    /// How the foreign values of the profiles begin, each once.
    pub(super) fn foreign_prefixes(&self) -> Vec<String> {
        let prefixes: BTreeSet<_> =
            self.foreign.iter().filter_map(|profile| profile.settings.foreign_prefix.as_ref()).collect();
        prefixes.into_iter().cloned().collect()
    }

    /// Refuses text that holds a value as a profile has foreign ones, which someone has mixed up with it.
    pub(super) fn refuse_foreign(&self, text: &str, subject: &'static str) -> Result<()> {
        let mut prefixes = self.foreign.iter().filter_map(|profile| profile.settings.foreign_prefix.as_deref());
        prefixes.try_for_each(|prefix| policy::refuse_foreign_value(text, prefix, subject))
    }

    /// As [`Rules::refuse_foreign`], for all that is free to choose of a token.
    pub(super) fn refuse_foreign_in(&self, name: Option<&str>, tags: &[String], remark: Option<&str>) -> Result<()> {
        name.map_or(Ok(()), |name| self.refuse_foreign(name, "name"))?;
        tags.iter().try_for_each(|tag| self.refuse_foreign(tag, "tags"))?;
        remark.map_or(Ok(()), |remark| self.refuse_foreign(remark, "remark"))
    }

    /// The prefixes of opaque values that the profiles have, each once.
    pub(super) fn prefixes(&self) -> Vec<String> {
        let prefixes: BTreeSet<&String> = self.profiles.values().map(|profile| &profile.settings.prefix).collect();
        prefixes.into_iter().cloned().collect()
    }

    /// All that the roles of these names bring.
    pub(super) fn rights(&self, held: &[String]) -> Arc<Rights> {
        if let Some(rights) = self.brought.read().unwrap_or_else(PoisonError::into_inner).get(held) {
            return Arc::clone(rights);
        }
        let rights = Arc::new(Rights::of(held, &self.roles));
        let mut brought = self.brought.write().unwrap_or_else(PoisonError::into_inner);
        if brought.len() >= MAXIMUM_LISTS {
            brought.clear();
        }
        brought.insert(held.to_vec(), Arc::clone(&rights));
        rights
    }
}

/// The rules as of a change of the store, whose number is [`crate::store::Store::change_number`].
#[derive(Default)]
pub(super) struct KeptRules {
    kept: RwLock<(u64, Arc<Rules>)>,
}

/// What a token may do and reach now.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    pub(super) rights: Rights,
    pub(super) organizations: Organizations,
    /// What that rests on: the token, and those that granted one another down to it.
    pub(super) slots: Vec<Slot>,
}

impl Engine {
    /// The rules as of now.
    pub(super) fn rules(&self) -> Result<Arc<Rules>> {
        // Read before the rules are, so that what is kept is at least as new as its number. Zero is never one.
        let number = self.store.change_number()?;
        {
            let kept = self.rules.kept.read().unwrap_or_else(PoisonError::into_inner);
            if self.store.changes().is_current(&[], kept.0) {
                return Ok(Arc::clone(&kept.1));
            }
        }
        let profiles: Vec<Arc<Profile>> = self.store.profiles()?.into_iter().map(Arc::new).collect();
        let rules = Arc::new(Rules {
            roles: self.store.roles()?,
            foreign: profiles.iter().filter(|profile| profile.settings.foreign_prefix.is_some()).cloned().collect(),
            profiles: profiles.into_iter().map(|profile| (fold_name(&profile.name), profile)).collect(),
            brought: RwLock::default(),
        });
        *self.rules.kept.write().unwrap_or_else(PoisonError::into_inner) = (number, Arc::clone(&rules));
        Ok(rules)
    }

    /// Whether `value` begins as the foreign values of a profile did when the rules were last read: for when they cannot
    /// be.
    pub(super) fn was_foreign_form(&self, value: &[u8]) -> bool {
        let kept = self.rules.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.1.foreign_profiles(value).next().is_some()
    }

    /// What the token of `record` may do and reach now: what it was granted, cut to what bounds it.
    pub(super) fn reach(&self, record: &TokenRecord, rules: &Rules) -> Result<Reach> {
        self.reach_in_line(record, rules, MAXIMUM_LINE)
    }

    fn reach_in_line(&self, record: &TokenRecord, rules: &Rules, left: usize) -> Result<Reach> {
        let mut slots: Vec<Slot> = record.slots().collect();
        let nothing = |slots| Reach { rights: Rights::default(), organizations: Organizations::none(), slots };
        let granted_by = match &record.token.parent {
            None => None,
            // Bounded, because a file that was tampered with may hold a circle.
            Some(_) if left == 0 => return Ok(nothing(slots)),
            Some(parent) => match self.store.token_by_id(parent)? {
                Some(parent) => Some(self.reach_in_line(&parent, rules, left - 1)?),
                None => return Ok(nothing(slots)),
            },
        };
        slots.extend(granted_by.iter().flat_map(|reach| &reach.slots));
        let profile = rules.profile(&record.token.profile, "profile")?;
        let bounded_by = profile.settings.bounded_by;
        let rights = |member: &Member| rules.rights(&member.roles);
        let (identity, creator) = (rights(&record.identity), record.creator.as_ref().map(rights));
        let organizations = |member: &Member| {
            if member.is_removed { Organizations::none() } else { Organizations::of(&member.organizations) }
        };
        Ok(Reach {
            rights: policy::bound(
                bounded_by,
                &rules.rights(&record.token.roles),
                standing(&record.identity, &identity),
                match (&record.creator, &creator) {
                    (Some(creator), Some(rights)) => standing(creator, rights),
                    _ => Standing::LocalOwner,
                },
                granted_by.as_ref().map(|reach| &reach.rights),
                &rules.roles,
            ),
            organizations: policy::bound_organizations(
                bounded_by,
                record.token.organizations.as_deref(),
                &organizations(&record.identity),
                &record.creator.as_ref().map_or(Organizations::Every, organizations),
                granted_by.as_ref().map(|reach| &reach.organizations),
            ),
            slots,
        })
    }
}

fn standing<'a>(member: &Member, rights: &'a Rights) -> Standing<'a> {
    if member.is_removed { Standing::Gone } else { Standing::Has(rights) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lists_of_roles_bring_is_kept_within_bounds_and_is_what_they_bring() {
        let role = |name: &str, includes: &[&str]| Role {
            name: name.to_owned(),
            built_in: false,
            includes: includes.iter().map(|name| (*name).to_owned()).collect(),
        };
        let rules = Rules { roles: vec![role("Worker", &["Reader"]), role("Reader", &[])], ..Rules::default() };
        for number in 0..MAXIMUM_LISTS + 10 {
            // What is no role brings nothing.
            for held in [vec!["worker".to_owned(), number.to_string()], vec!["Reader".to_owned()], Vec::new()] {
                let expected = Rights::of(&held, &rules.roles);
                assert!((0..2).all(|_| *rules.rights(&held) == expected), "{held:?}");
                let brought = rules.brought.read().unwrap();
                assert!(brought.len() <= MAXIMUM_LISTS && brought.contains_key(&held), "{held:?}");
            }
        }
        assert!(rules.rights(&["Worker".to_owned()]).include("reader") && !rules.rights(&[]).include("Reader"));
    }
}
