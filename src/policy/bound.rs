//! What cuts a token's roles and organisations to what somebody has now.

use std::collections::BTreeMap;

use crate::model::{BoundedBy, Role, fold_name, with_folded};

use super::Rights;

/// What one who bounds a token may do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing<'a> {
    /// It is the store's local owner, who is bound by nothing.
    LocalOwner,
    /// It is an identity with these rights.
    Has(&'a Rights),
    /// It was removed.
    Gone,
}

impl Standing<'_> {
    pub(super) fn cut(self, rights: Rights, all: &[Role]) -> Rights {
        match self {
            Self::LocalOwner => rights,
            Self::Has(own) => rights.cut_to(own, all),
            Self::Gone => Rights::default(),
        }
    }
}

/// What a token that holds `held` may do now, given every role of the store.
///
/// `identity` is whom it speaks for, `creator` who granted it, and `granted_by` what the token that granted it, where
/// one did, may do now: no token does more than the one that it comes from. Without its identity it may do nothing.
pub fn bound(
    bounded_by: BoundedBy,
    held: &Rights,
    identity: Standing<'_>,
    creator: Standing<'_>,
    granted_by: Option<&Rights>,
    all: &[Role],
) -> Rights {
    if identity == Standing::Gone {
        return Rights::default();
    }
    let rights = match bounded_by {
        BoundedBy::Identity => identity.cut(held.clone(), all),
        BoundedBy::Creator => creator.cut(held.clone(), all),
        BoundedBy::Both => creator.cut(identity.cut(held.clone(), all), all),
        BoundedBy::Neither => held.clone(),
    };
    match granted_by {
        Some(granted_by) => rights.cut_to(granted_by, all),
        None => rights,
    }
}

/// A set of organisations. They are compared by their folded names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Organizations {
    /// All that there are and will be: what the local owner has.
    Every,
    /// These, by their folded names.
    These(BTreeMap<String, String>),
}

impl Organizations {
    /// The organisations of these names.
    pub fn of(names: &[String]) -> Self {
        Self::These(names.iter().map(|name| (fold_name(name), name.clone())).collect())
    }

    /// No organisation: what one who was removed has.
    pub fn none() -> Self {
        Self::These(BTreeMap::new())
    }

    /// Whether the organisation of this name is in the set.
    pub fn include(&self, name: &str) -> bool {
        match self {
            Self::Every => true,
            Self::These(these) => with_folded(name, |folded| these.contains_key(folded)),
        }
    }

    /// What this and `bound` have in common.
    #[must_use]
    pub fn cut_to(&self, bound: &Self) -> Self {
        match (self, bound) {
            (Self::Every, _) => bound.clone(),
            (_, Self::Every) => self.clone(),
            (Self::These(these), Self::These(others)) => Self::These(
                these
                    .iter()
                    .filter(|(key, _)| others.contains_key(*key))
                    .map(|(k, v)| (k.clone(), v.clone()))
                    .collect(),
            ),
        }
    }

    /// The names, sorted; none: every one.
    pub fn names(&self) -> Option<Vec<String>> {
        match self {
            Self::Every => None,
            Self::These(these) => Some(these.values().cloned().collect()),
        }
    }
}

/// The organisations that a token has access to now.
///
/// `chosen` is the list that it was granted with; none: whatever its bound has, now and later, or under
/// [`BoundedBy::Neither`] its identity. An organisation that the bound loses is lost to the token, and one that it
/// wins does not come to a list. `granted_by` is what the token that granted it, where one did, has access to now.
/// Of one who was removed pass [`Organizations::none`].
pub fn bound_organizations(
    bounded_by: BoundedBy,
    chosen: Option<&[String]>,
    identity: &Organizations,
    creator: &Organizations,
    granted_by: Option<&Organizations>,
) -> Organizations {
    let bound = match (bounded_by, chosen) {
        (BoundedBy::Identity, _) | (BoundedBy::Neither, None) => identity.clone(),
        (BoundedBy::Creator, _) => creator.clone(),
        (BoundedBy::Both, _) => identity.cut_to(creator),
        (BoundedBy::Neither, Some(_)) => Organizations::Every,
    };
    let access = chosen.map_or(Organizations::Every, Organizations::of).cut_to(&bound);
    match granted_by {
        Some(granted_by) => access.cut_to(granted_by),
        None => access,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};

    use super::*;

    /// Roles as bits: the reference keeps sets as numbers and knows nothing of names.
    type Set = u16;

    const ROLES: usize = 6;
    const CASES: u32 = 100_000;

    /// Any set of the roles.
    fn set() -> std::ops::Range<Set> {
        0..1 << ROLES
    }

    /// A lattice of roles, cycles and all: which others each role includes.
    type Lattice = [Set; ROLES];

    fn lattice() -> impl Strategy<Value = Lattice> {
        // Sparse, or every role would include every other. A role of the lattice includes up to three.
        proptest::array::uniform6((0..ROLES, 0..ROLES, 0..ROLES, 0_u8..8).prop_map(|(a, b, c, which)| {
            let bit = |place: usize, on: bool| if on { 1 << place } else { 0 };
            bit(a, which & 1 != 0) | bit(b, which & 2 != 0) | bit(c, which & 4 != 0)
        }))
    }

    fn roles(lattice: &Lattice) -> Vec<Role> {
        let role = |(place, includes): (usize, &Set)| Role {
            name: format!("Role {place}"),
            includes: names(*includes),
            built_in: place == 0,
        };
        lattice.iter().enumerate().map(role).collect()
    }

    fn names(set: Set) -> Vec<String> {
        // In another case than the roles are written, since case must not count.
        (0..ROLES).filter(|place| set & (1 << place) != 0).map(|place| format!("rOLE {place}")).collect()
    }

    fn closed(mut set: Set, lattice: &Lattice) -> Set {
        loop {
            let more = (0..ROLES).filter(|p| set & (1 << p) != 0).fold(set, |more, place| more | lattice[place]);
            if more == set {
                return set;
            }
            set = more;
        }
    }

    fn set_of(rights: &Rights) -> Set {
        (0..ROLES).filter(|place| rights.include(&format!("Role {place}"))).fold(0, |set, place| set | (1 << place))
    }

    fn bounded_by() -> impl Strategy<Value = BoundedBy> {
        prop_oneof![
            Just(BoundedBy::Identity),
            Just(BoundedBy::Creator),
            Just(BoundedBy::Both),
            Just(BoundedBy::Neither)
        ]
    }

    /// One who bounds: the local owner, one who is gone, or an identity with roles.
    #[derive(Debug, Clone, Copy)]
    enum Somebody {
        LocalOwner,
        Gone,
        With(Set),
    }

    fn somebody() -> impl Strategy<Value = Somebody> {
        prop_oneof![
            1 => Just(Somebody::LocalOwner),
            1 => Just(Somebody::Gone),
            6 => set().prop_map(Somebody::With),
        ]
    }

    impl Somebody {
        fn most(self, lattice: &Lattice) -> Set {
            match self {
                Self::LocalOwner => Set::MAX,
                Self::Gone => 0,
                Self::With(set) => closed(set, lattice),
            }
        }

        fn rights(self, all: &[Role]) -> Option<Rights> {
            let Self::With(set) = self else { return None };
            Some(Rights::of(&names(set), all))
        }
    }

    fn standing(somebody: Somebody, rights: Option<&Rights>) -> Standing<'_> {
        match (somebody, rights) {
            (Somebody::LocalOwner, _) => Standing::LocalOwner,
            (_, Some(rights)) => Standing::Has(rights),
            (_, None) => Standing::Gone,
        }
    }

    fn run<S: Strategy>(strategy: &S, test: impl Fn(S::Value) -> std::result::Result<(), TestCaseError>) {
        TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(CASES) })
            .run(strategy, test)
            .unwrap_or_else(|failure| panic!("{failure}"));
    }

    #[test]
    fn a_token_never_may_more_than_what_bounds_it() {
        let cases = (lattice(), set(), bounded_by(), somebody(), somebody(), proptest::option::of(set()));
        run(&cases, |(lattice, held, by, identity, creator, parent)| {
            let all = roles(&lattice);
            let (own, creators) = (identity.rights(&all), creator.rights(&all));
            let granted_by = parent.map(|set| Rights::of(&names(set), &all));
            let rights = bound(
                by,
                &Rights::of(&names(held), &all),
                standing(identity, own.as_ref()),
                standing(creator, creators.as_ref()),
                granted_by.as_ref(),
                &all,
            );
            let mut expected = closed(held, &lattice);
            if matches!(by, BoundedBy::Identity | BoundedBy::Both) || matches!(identity, Somebody::Gone) {
                expected &= identity.most(&lattice);
            }
            if matches!(by, BoundedBy::Creator | BoundedBy::Both) {
                expected &= creator.most(&lattice);
            }
            if let Some(parent) = parent {
                expected &= closed(parent, &lattice);
            }
            prop_assert_eq!(set_of(&rights), expected);
            // The names that it is told by bring no more than it is.
            let again = Rights::of(&rights.names(), &all);
            prop_assert_eq!(set_of(&again) & !expected, 0);
            Ok(())
        });
    }

    #[test]
    fn cutting_is_commutative_and_idempotent() {
        run(&(lattice(), set(), set()), |(lattice, one, other)| {
            let all = roles(&lattice);
            let (one, other) = (Rights::of(&names(one), &all), Rights::of(&names(other), &all));
            let cut = one.cut_to(&other, &all);
            prop_assert_eq!(set_of(&cut), set_of(&other.cut_to(&one, &all)));
            prop_assert_eq!(set_of(&cut), set_of(&one) & set_of(&other));
            prop_assert_eq!(&cut.cut_to(&other, &all), &cut);
            prop_assert_eq!(&cut.cut_to(&one, &all), &cut);
            Ok(())
        });
    }

    #[test]
    fn organisations_are_cut_as_rights_are() {
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let set = |names: &[&str]| Organizations::of(&list(names));
        let (identity, creator) = (set(&["North", "South"]), set(&["SOUTH", "East"]));
        let chosen = list(&["south", "east", "west"]);
        let access = |by, chosen: Option<&[String]>, granted_by: Option<&Organizations>| {
            bound_organizations(by, chosen, &identity, &creator, granted_by).names().unwrap()
        };
        // Who bounds it, with a list, and without one.
        for (by, with_list, dynamic) in [
            (BoundedBy::Identity, vec!["south"], vec!["North", "South"]),
            (BoundedBy::Creator, vec!["east", "south"], vec!["East", "SOUTH"]),
            (BoundedBy::Both, vec!["south"], vec!["South"]),
            (BoundedBy::Neither, vec!["east", "south", "west"], vec!["North", "South"]),
        ] {
            assert_eq!(access(by, Some(&chosen), None), with_list, "{by:?}");
            assert_eq!(access(by, None, None), dynamic, "{by:?}");
        }
        assert_eq!(access(BoundedBy::Neither, None, Some(&set(&["North"]))), ["North"]);
        assert_eq!(access(BoundedBy::Identity, Some(&[]), None), [""; 0]);
        let owner = bound_organizations(BoundedBy::Creator, None, &identity, &Organizations::Every, None);
        assert_eq!(owner, Organizations::Every);
        assert!(owner.include("anything") && !Organizations::none().include("North"));
    }
}
