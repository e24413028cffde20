//! What recent checks read, kept for as long as nothing changes that it rests on.

use std::sync::Arc;

use quick_cache::sync::Cache;

use crate::model::Token;
use crate::policy::{Gate, Organizations, Rights};
use crate::store::{Changes, Slot};

/// The most tokens that are kept.
const MAXIMUM_TOKENS: usize = 65_536;

/// What a check read of one token, as of one change of the store.
///
/// It says nothing of time, audience or role: those are asked anew at each check.
#[derive(Debug)]
pub(super) struct Known {
    /// The change's number: [`crate::store::Store::change_number`], asked for before anything was read.
    pub(super) number: u64,
    /// All that it rests on.
    pub(super) slots: Box<[Slot]>,
    /// The token.
    pub(super) token: Arc<Token>,
    /// What it may do.
    pub(super) rights: Rights,
    /// The organisations that it has access to.
    pub(super) organizations: Organizations,
    /// What its use is tied to.
    pub(super) gate: Gate,
    /// The names of that, as a verdict gives them.
    pub(super) roles: Arc<[String]>,
    /// The digest of the value, as the store has it.
    pub(super) digest: Option<[u8; 32]>,
    /// Whether its first use has to be written down before it counts.
    pub(super) awaits_first_use: bool,
    /// Whether it was written down that the value was presented although it was retired or a decoy.
    pub(super) is_alerted: bool,
}

/// Known tokens by the keyed digest of their value, so that the cache holds nothing that opens anything.
///
/// Only tokens that exist are kept: a stranger's guesses cannot push them out.
pub(super) struct VerdictCache {
    known: Cache<[u8; 32], Arc<Known>>,
}

impl Default for VerdictCache {
    fn default() -> Self {
        Self { known: Cache::new(MAXIMUM_TOKENS) }
    }
}

impl VerdictCache {
    /// What is known of the value with this digest, if it still holds after `changes`, which are to be up to date.
    pub(super) fn find(&self, digest: &[u8; 32], changes: &Changes) -> Option<Arc<Known>> {
        self.known.get(digest).filter(|known| changes.is_current(&known.slots, known.number))
    }

    /// Keeps what was read.
    pub(super) fn keep(&self, digest: [u8; 32], known: Arc<Known>) {
        self.known.insert(digest, known);
    }
}
