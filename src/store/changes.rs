//! Which of the things that are kept in memory still hold.
//!
//! Each change of the store has a number, and a stamp is left where it fell: in the slot of the token, the identity, the
//! profile or the key that it is about. What was read of the store is kept with the number as of which it was read and
//! the slots of all that it rests on, and holds for as long as no later stamp is in any of them. So nothing is ever searched
//! for and taken away when something changes; and what was read before a change and kept after it is seen to be old.
//!
//! There are far fewer slots than tokens: two that fall into one cost a read that was not needed, now and then.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

/// How many slots there are. A stamp is eight bytes.
const SLOTS: usize = 1 << 16;
/// The slots with a meaning of their own.
const RESERVED: u64 = 3;

/// Where the changes of one thing leave their stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(u16);

impl Slot {
    /// What everything rests on. [`Changes::is_current`] looks there without being told.
    pub const ALL: Self = Self(0);
    /// Every signing key: what rests on which keys there are.
    pub const KEYS: Self = Self(1);
    /// What ends the tokens of an identity, a profile, a key or the store by one row: whether there is any such.
    pub(super) const EPOCHS: Self = Self(2);

    /// A token, by its sequence.
    pub fn token(sequence: i64) -> Self {
        Self::mixed(1, sequence.cast_unsigned())
    }

    /// An identity with its roles and organisations, by its number.
    pub fn identity(identity_id: i64) -> Self {
        Self::mixed(2, identity_id.cast_unsigned())
    }

    /// What ends the tokens of a profile, by its number. A change of the profile itself is one of everything.
    pub fn profile(profile_id: i64) -> Self {
        Self::mixed(3, profile_id.cast_unsigned())
    }

    /// A signing key, by its id.
    pub fn key(key_id: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        key_id.hash(&mut hasher);
        Self::mixed(4, hasher.finish())
    }

    fn mixed(scope: u64, subject: u64) -> Self {
        // The last two steps of SplitMix64 (Steele, Lea, Flood 2014): neighbours come to lie far apart.
        let mut mixed = subject.wrapping_add(scope.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let slot = RESERVED + (mixed ^ (mixed >> 31)) % (SLOTS as u64 - RESERVED);
        Self(u16::try_from(slot).unwrap_or(Self::ALL.0))
    }
}

/// The stamps of a store's changes, for all that reads it in this process.
///
/// The order of memory: whoever takes in changes, one at a time, first writes the stamps and then publishes the number
/// ([`Ordering::Release`]). Whoever read the number ([`Ordering::Acquire`], in [`Changes::number`]) therefore sees every
/// stamp up to it, and perhaps some that are on their way, which only make more be read again.
pub struct Changes {
    stamps: Box<[AtomicU64]>,
    number: AtomicU64,
}

impl Default for Changes {
    fn default() -> Self {
        // Nothing is as of zero: what was never read does not hold.
        let stamps = (0..SLOTS).map(|slot| AtomicU64::new(u64::from(slot == usize::from(Slot::ALL.0))));
        Self { stamps: stamps.collect(), number: AtomicU64::new(1) }
    }
}

impl Changes {
    /// The number of the last change that was taken in; never zero.
    pub fn number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// Whether what was read as of `number`, and rests on `slots` (and on [`Slot::ALL`]), still holds.
    ///
    /// As of the change that [`crate::store::Store::change_number`] gave last to the same thread: call that first.
    pub fn is_current(&self, slots: &[Slot], number: u64) -> bool {
        self.is_newest(number)
            || (self.is_unstamped(Slot::ALL, number) && slots.iter().all(|slot| self.is_unstamped(*slot, number)))
    }

    /// Whether nothing at all changed since `number`, so that what was read as of it holds, whatever it rests on. As of the
    /// same change as [`Changes::is_current`].
    pub fn is_newest(&self, number: u64) -> bool {
        // No stamp is above the number, but those that nobody can have been told of yet.
        number >= self.number.load(Ordering::Relaxed)
    }

    fn is_unstamped(&self, slot: Slot, number: u64) -> bool {
        self.stamps[usize::from(slot.0)].load(Ordering::Relaxed) <= number
    }

    /// Takes in changes that fell into `slots`, under one new number. Only one thread may be in here at a time.
    pub(super) fn take_in(&self, slots: impl IntoIterator<Item = Slot>) {
        let number = self.number.load(Ordering::Relaxed) + 1;
        for slot in slots {
            self.stamps[usize::from(slot.0)].store(number, Ordering::Relaxed);
        }
        self.number.store(number, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rests_on_a_change_is_old_and_nothing_else_is() {
        let changes = Changes::default();
        let before = changes.number();
        let (token, other) = (Slot::token(7), Slot::token(8));
        assert!(changes.is_current(&[token, other], before));
        changes.take_in([token]);
        assert_eq!(changes.number(), before + 1);
        assert!(!changes.is_current(&[other, token], before));
        assert!(changes.is_current(&[other], before));
        assert!(changes.is_current(&[], before));
        // Read at once after the change, or before it and kept after it.
        assert!(changes.is_current(&[token], before + 1));
        changes.take_in([Slot::ALL]);
        assert!(!changes.is_current(&[], before + 1), "whatever it rests on");
        assert!(!Changes::default().is_current(&[], 0), "what was never read");
    }

    #[test]
    fn slots_lie_apart_and_never_on_the_reserved_ones() {
        let mut found: Vec<u16> = (0..20_000).map(|sequence| Slot::token(sequence).0).collect();
        found.extend((0..5_000).map(|number| Slot::identity(number).0));
        assert!(found.iter().all(|slot| u64::from(*slot) >= RESERVED));
        found.sort_unstable();
        found.dedup();
        // Of 25,000 thrown at random into 65,536, 20,800 different ones are to be expected.
        assert!(found.len() > 20_000, "{}", found.len());
        assert_ne!(Slot::key("one"), Slot::key("other"));
        assert_ne!(Slot::identity(1), Slot::profile(1));
    }
}
