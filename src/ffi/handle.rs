//! Handles: numbers that stand for what is open, stores and other things, and tell when they no longer do.
//!
//! A tag for each kind of thing refuses numbers from elsewhere, and those of another kind. Numbers are never used again,
//! so a closed handle is refused too. Finding a thing by its handle takes no lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

use arc_swap::ArcSwapOption;
use foldhash::fast::RandomState;

use crate::clock::{Clock, FixedClock, SystemClock};
use crate::error::{Error, ErrorCode, Result};
use crate::model::Actor;
use crate::service::{Engine, Session};

/// The handles of one kind of thing.
pub(super) struct Handles<T> {
    /// What the thing is called.
    name: &'static str,
    /// The bits on top of every handle.
    tag: u64,
    /// What is taken out of the table stays in memory for as long as calls look something up in it, whatever they look
    /// up. So a thing lies in a place of its own, from which it is taken when it closes: by the caller who closes it, not
    /// by some other call later.
    open: LazyLock<papaya::HashMap<u64, Place<T>, RandomState>>,
    given: AtomicU64,
}

type Place<T> = Arc<ArcSwapOption<T>>;

impl<T> Handles<T> {
    /// No handle yet of what is called `name`. Each kind needs a `tag` of its own, not 0.
    pub(super) const fn new(name: &'static str, tag: u16) -> Self {
        Self { name, tag: (tag as u64) << 48, open: LazyLock::new(papaya::HashMap::default), given: AtomicU64::new(0) }
    }

    /// A new handle for `thing`.
    pub(super) fn give(&self, thing: T) -> u64 {
        let handle = self.tag | (self.given.fetch_add(1, Ordering::Relaxed) + 1);
        self.open.pin().insert(handle, Arc::new(ArcSwapOption::from_pointee(thing)));
        handle
    }

    /// What `handle` stands for; it stays open for as long as the caller keeps it.
    pub(super) fn find(&self, handle: u64) -> Result<Arc<T>> {
        self.open.pin().get(&handle).and_then(|place| place.load_full()).ok_or_else(|| self.invalid())
    }

    /// Lends what `handle` stands for to `body`, and keeps it open that long. Unlike [`Handles::find`] this changes nothing
    /// that other threads look at, so that calls on several do not slow each other down.
    pub(super) fn with<R>(&self, handle: u64, body: impl FnOnce(&T) -> Result<R>) -> Result<R> {
        let place = self.open.pin().get(&handle).map(|place| place.load());
        match place.as_deref() {
            Some(Some(thing)) => body(thing),
            _ => Err(self.invalid()),
        }
    }

    /// Takes `handle` back. What it stood for closes when the calls that use it have ended.
    pub(super) fn close(&self, handle: u64) -> Result<()> {
        let open = self.open.pin();
        open.remove(&handle).and_then(|place| place.swap(None)).map(|_| ()).ok_or_else(|| self.invalid())
    }

    fn invalid(&self) -> Error {
        let name = self.name;
        let message = format!("The {name} is not open: it was closed, or the handle was never one.");
        Error::new(ErrorCode::InvalidHandle, message).about(name)
    }
}

/// What the handle of a store stands for.
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

static STORES: Handles<OpenStore> = Handles::new("store", 0x7e55);

/// A new handle for `store`.
pub(super) fn give(store: OpenStore) -> u64 {
    STORES.give(store)
}

/// The store that `handle` stands for; it stays open for as long as the caller keeps it.
pub(super) fn find(handle: u64) -> Result<Arc<OpenStore>> {
    STORES.find(handle)
}

/// Lends the store that `handle` stands for to `body`. See [`Handles::with`].
pub(super) fn with<R>(handle: u64, body: impl FnOnce(&OpenStore) -> Result<R>) -> Result<R> {
    STORES.with(handle, body)
}

/// Takes the handle of a store back. The store closes when the calls that use it have ended.
pub(super) fn close(handle: u64) -> Result<()> {
    STORES.close(handle)
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
    fn a_handle_of_another_kind_is_refused() {
        let (texts, others) = (Handles::new("text", 0x0001), Handles::<&str>::new("other", 0x0002));
        let handle = texts.give("one");
        assert_eq!(*texts.find(handle).unwrap(), "one");
        assert_eq!(others.find(handle).unwrap_err().code(), ErrorCode::InvalidHandle);
        assert_eq!(others.close(handle).unwrap_err().subject(), Some("other"));
        let kept = texts.find(handle).unwrap();
        texts.close(handle).unwrap();
        assert_eq!((*kept, texts.find(handle).is_err()), ("one", true));
        assert_eq!(texts.with(handle, |_| Ok(())).unwrap_err().code(), ErrorCode::InvalidHandle);
    }

    #[test]
    fn a_thing_closes_at_once_whatever_other_calls_look_up() {
        let texts = Handles::new("text", 0x0001);
        let handle = texts.give("one");
        let thing = Arc::downgrade(&texts.find(handle).unwrap());
        let elsewhere = texts.open.pin();
        let kept = elsewhere.get(&handle);
        texts.close(handle).unwrap();
        assert!(thing.upgrade().is_none(), "although {} is still held", kept.iter().len());
    }

    #[test]
    fn a_thing_stays_open_for_the_call_that_it_is_lent_to() {
        let texts = Handles::new("text", 0x0001);
        let handle = texts.give("one".to_owned());
        let thing = Arc::downgrade(&texts.find(handle).unwrap());
        let called = texts.with(handle, |text| {
            texts.close(handle).unwrap();
            assert!(texts.find(handle).is_err());
            assert!(thing.upgrade().is_some());
            Ok(text.clone())
        });
        assert_eq!(called.unwrap(), "one");
        assert!(thing.upgrade().is_none());
    }

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
        for foreign in [0, 1, u64::MAX, handle ^ STORES.tag, handle + (1 << 40), STORES.tag] {
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
