//! What roles bring, and what is left of a token's roles when they are cut to its identity's.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::model::{Name, Role, fold_name, with_folded};

use super::grant;

/// `text` as the name of a role: under the rules of [`super::name`], and without a comma, which parts role names in
/// the documented systems' lists.
pub fn role_name(text: &str, subject: &'static str) -> Result<Name> {
    if text.contains(',') {
        return Err(Error::argument(subject, "The name of a role holds no comma."));
    }
    grant::name(text, subject)
}

/// The most roles that are looked through one by one.
const FEW: usize = 32;

/// A set of roles closed under inclusion: who has Administrator has Operator and Reader too.
///
/// Roles are compared by their folded names; a name that is no role of the store brings nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// Folded name to the name as shown, with whether a held role of the set includes it.
    roles: BTreeMap<String, (String, bool)>,
}

impl Rights {
    /// All that `held` brings, given every role of the store.
    pub fn of(held: &[String], all: &[Role]) -> Self {
        // A few are looked through faster than put in order.
        let in_order: Option<BTreeMap<String, &Role>> =
            (all.len() > FEW).then(|| all.iter().map(|role| (fold_name(&role.name), role)).collect());
        let find = |key: &str| match &in_order {
            Some(in_order) => in_order.get(key).copied(),
            None => all.iter().find(|role| match role.name.is_ascii() {
                true => role.name.eq_ignore_ascii_case(key),
                false => fold_name(&role.name) == key,
            }),
        };
        let mut rights = Self::default();
        let mut waiting: Vec<(String, bool)> = held.iter().map(|name| (fold_name(name), false)).collect();
        while let Some((key, included)) = waiting.pop() {
            if let Some((_, known_as_included)) = rights.roles.get_mut(&key) {
                *known_as_included |= included;
                continue;
            }
            let Some(role) = find(&key) else { continue };
            rights.roles.insert(key, (role.name.clone(), included));
            waiting.extend(role.includes.iter().map(|name| (fold_name(name), true)));
        }
        rights
    }

    /// What this and `bound` have in common.
    #[must_use]
    pub fn cut_to(&self, bound: &Self, all: &[Role]) -> Self {
        if self.is_within(bound) {
            return self.clone();
        }
        let common: Vec<String> = self
            .roles
            .iter()
            .filter(|(key, _)| bound.roles.contains_key(*key))
            .map(|(_, (name, _))| name.clone())
            .collect();
        Self::of(&common, all)
    }

    /// Whether the role of this name is in the set.
    pub fn include(&self, name: &str) -> bool {
        with_folded(name, |folded| self.roles.contains_key(folded))
    }

    /// Whether every role of the set is in `other`.
    pub fn is_within(&self, other: &Self) -> bool {
        self.roles.keys().all(|key| other.roles.contains_key(key))
    }

    /// The names that say it all: those that no other role of the set includes. Sorted.
    pub fn names(&self) -> Vec<String> {
        self.roles.values().filter(|(_, included)| !included).map(|(name, _)| name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Role> {
        let role = |name: &str, includes: &[&str]| Role {
            name: name.to_owned(),
            includes: includes.iter().map(|&name| name.to_owned()).collect(),
            built_in: true,
        };
        vec![
            role("Administrator", &["Operator"]),
            role("Operator", &["Reader"]),
            role("Reader", &[]),
            role("Auditor", &[]),
        ]
    }

    fn rights(held: &[&str]) -> Rights {
        Rights::of(&held.iter().map(|&name| name.to_owned()).collect::<Vec<_>>(), &all())
    }

    #[test]
    fn it_makes_no_difference_how_many_roles_there_are() {
        let mut many = all();
        many.extend((0..FEW).map(|number| Role {
            name: format!("rôle {number}"),
            includes: vec!["RÔLE 0".to_owned(), "auditor".to_owned()],
            built_in: false,
        }));
        for held in ["operator", "RÔLE 3", "Rôle 0", "Nobody"].map(|name| [name.to_owned()]) {
            let few: Vec<Role> = many.iter().take(FEW).cloned().collect();
            assert_eq!(Rights::of(&held, &few), Rights::of(&held, &many), "{held:?}");
        }
        assert_eq!(rights(&["operator"]).names(), ["Operator"]);
    }

    #[test]
    fn a_role_brings_what_it_includes() {
        let administrator = rights(&["administrator"]);
        assert!(administrator.include("READER") && administrator.include("Operator"));
        assert!(!administrator.include("Auditor") && !administrator.include("Nobody"));
        assert_eq!(administrator.names(), ["Administrator"]);
        assert_eq!(rights(&["Reader", "Administrator", "Nobody"]).names(), ["Administrator"]);
    }

    #[test]
    fn the_name_of_a_role_holds_no_comma() {
        assert!(role_name("REST API", "name").is_ok() && role_name("REST, API", "name").is_err());
    }

    #[test]
    fn a_token_has_no_more_than_its_identity() {
        let cut = |token: &[&str], identity: &[&str]| rights(token).cut_to(&rights(identity), &all()).names();
        assert_eq!(cut(&["Administrator"], &["Operator"]), ["Operator"]);
        assert_eq!(cut(&["Reader"], &["Administrator"]), ["Reader"]);
        assert_eq!(cut(&["Administrator", "Auditor"], &["Auditor", "Reader"]), ["Auditor", "Reader"]);
        assert!(cut(&["Auditor"], &["Administrator"]).is_empty());
        assert!(cut(&["Administrator"], &[]).is_empty());
    }
}
