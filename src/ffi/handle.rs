//! Handles: numbers that stand for open stores, and tell when they no longer do.
//!
//! A tag refuses numbers from elsewhere. Numbers are never used again, so a closed handle is refused too. Finding a
//! store by its handle takes no lock.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

use arc_swap::ArcSwap;

use crate::clock::{Clock, FixedClock, SystemClock};
use crate::error::{Error, ErrorCode, Result};
use crate::model::Actor;
use crate::service::{Engine, Session};

/// The bits on top of every handle.
const TAG: u64 = 0x7e55 << 48;

/// What a handle stands for.
pub(super) struct OpenStore {
    pub(super) engine: Arc<Engine>,
    pub(super) clock: Arc<HostClock>,
    /// For whom the calls with this handle act.
    pub(super) actor: Actor,
}

impl OpenStore {
    /// The use cases for the one for whom the handle acts.
    pub(super) fn session(&self) -> Session<'_> {
        self.engine.session(&self.actor)
    }
}

static OPEN: LazyLock<ArcSwap<HashMap<u64, Arc<OpenStore>>>> = LazyLock::new(ArcSwap::default);
static GIVEN: AtomicU64 = AtomicU64::new(0);

/// A new handle for `store`.
pub(super) fn give(store: OpenStore) -> u64 {
    let handle = TAG | (GIVEN.fetch_add(1, Ordering::Relaxed) + 1);
    let store = Arc::new(store);
    OPEN.rcu(|open| {
        let mut open = HashMap::clone(open);
        open.insert(handle, Arc::clone(&store));
        open
    });
    handle
}

/// The store that `handle` stands for; it stays open for as long as the caller keeps it.
pub(super) fn find(handle: u64) -> Result<Arc<OpenStore>> {
    OPEN.load().get(&handle).map(Arc::clone).ok_or_else(invalid)
}

/// Takes `handle` back. The store closes when the calls that use it have ended.
pub(super) fn close(handle: u64) -> Result<()> {
    let before = OPEN.rcu(|open| {
        let mut open = HashMap::clone(open);
        open.remove(&handle);
        open
    });
    before.get(&handle).map(|_| ()).ok_or_else(invalid)
}

fn invalid() -> Error {
    Error::new(ErrorCode::InvalidHandle, "The store is not open: it was closed, or the handle was never one.")
        .about("store")
}

/// The machine's clock, until the host brings its own time.
#[derive(Default)]
pub(super) struct HostClock {
    fixed: OnceLock<FixedClock>,
}

impl HostClock {
    /// From now on the clock shows `now_seconds`, until it is set again.
    pub(super) fn set(&self, now_seconds: i64) {
        self.fixed.get_or_init(|| FixedClock::new(now_seconds)).set(now_seconds);
    }
}

impl Clock for HostClock {
    fn now_seconds(&self) -> i64 {
        self.fixed.get().map_or_else(|| SystemClock.now_seconds(), Clock::now_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::OpenOptions;

    #[test]
    fn foreign_null_and_closed_handles_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            let options = OpenOptions { path: folder.path().join("tokens.db"), create: true, ..Default::default() };
            give(OpenStore {
                engine: Arc::new(Engine::open(options).unwrap()),
                clock: Arc::default(),
                actor: Actor::LocalOwner,
            })
        };
        let handle = open();
        assert!(find(handle).is_ok());
        for foreign in [0, 1, u64::MAX, handle ^ TAG, handle + (1 << 40), TAG] {
            assert_eq!(find(foreign).err().unwrap().code(), ErrorCode::InvalidHandle, "{foreign:x}");
            assert_eq!(close(foreign).unwrap_err().code(), ErrorCode::InvalidHandle);
        }
        close(handle).unwrap();
        assert!(find(handle).is_err() && close(handle).is_err());
        let again = open();
        assert_ne!(again, handle);
        assert!(find(handle).is_err());
        close(again).unwrap();
    }
}
