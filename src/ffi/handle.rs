//! Handles: numbers that stand for what is open, stores and other things, and tell when they no longer do.
//!
//! A tag for each kind of thing refuses numbers from elsewhere, and those of another kind. Numbers are never used again,
//! so a closed handle is refused too. Finding a thing by its handle takes no lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arc_swap::ArcSwapOption;

use crate::clock::{Clock, FixedClock, SystemClock};
use crate::error::{Error, ErrorCode, Result};
use crate::model::Actor;
use crate::service::{Engine, Session};

/// The bits of a handle that say where its thing lies. Above them is how many things lay there before, and one, and on
/// top the tag.
const PLACE_BITS: u32 = 24;
const PLACE: u64 = (1 << PLACE_BITS) - 1;
const TAG_SHIFT: u32 = 48;
const COUNT: u64 = ((1 << TAG_SHIFT) - 1) & !PLACE;
/// The places of the first page. Each further page has twice as many as the one before it.
const FIRST_PAGE: usize = 64;
/// The last 64 places that a handle could name have no page.
const PAGES: usize = (PLACE_BITS - FIRST_PAGE.ilog2()) as usize;

/// The handles of one kind of thing.
pub(super) struct Handles<T> {
    /// What the thing is called.
    name: &'static str,
    /// The bits on top of every handle.
    tag: u64,
    /// A page is made when it is needed, and stays.
    pages: [OnceLock<Box<[Place<T>]>>; PAGES],
    /// Locked while something is opened or closed.
    places: Mutex<Places>,
}

/// Where a thing lies. It is taken from there when it closes: by the caller who closes it, not by some other call later.
struct Place<T> {
    /// The handle of what is here, or was here last; zero: nothing was.
    handle: AtomicU64,
    thing: ArcSwapOption<T>,
}

/// Which places are taken.
struct Places {
    /// Those before this one were taken at some time.
    next: u64,
    /// Those of them that are free again.
    free: Vec<u64>,
}

impl<T> Handles<T> {
    /// No handle yet of what is called `name`. Each kind needs a `tag` of its own, not 0.
    pub(super) const fn new(name: &'static str, tag: u16) -> Self {
        Self {
            name,
            tag: (tag as u64) << TAG_SHIFT,
            pages: [const { OnceLock::new() }; PAGES],
            places: Mutex::new(Places { next: 0, free: Vec::new() }),
        }
    }

    /// A new handle for `thing`. Fails with [`ErrorCode::Internal`] when more than sixteen million are open.
    pub(super) fn give(&self, thing: T) -> Result<u64> {
        let mut places = self.lock();
        let number = places.free.pop().unwrap_or_else(|| {
            places.next += 1;
            places.next - 1
        });
        let place = self.reach(number).ok_or_else(|| {
            Error::new(ErrorCode::Internal, format!("Too many are open at once to open another {}.", self.name))
        })?;
        let before = place.handle.load(Ordering::Relaxed) & COUNT;
        let handle = self.tag | (before + (1 << PLACE_BITS)) | number;
        // First, so that whoever finds the thing finds that it is no longer that of an earlier handle.
        place.handle.store(handle, Ordering::Release);
        place.thing.store(Some(Arc::new(thing)));
        Ok(handle)
    }

    /// What `handle` stands for; it stays open for as long as the caller keeps it.
    pub(super) fn find(&self, handle: u64) -> Result<Arc<T>> {
        let place = self.place(handle).ok_or_else(|| self.invalid())?;
        let thing = place.thing.load_full();
        thing.filter(|_| place.handle.load(Ordering::Acquire) == handle).ok_or_else(|| self.invalid())
    }

    /// Lends what `handle` stands for to `body`, and keeps it open that long. Unlike [`Handles::find`] this changes nothing
    /// that other threads look at, so that calls on several do not slow each other down.
    pub(super) fn with<R>(&self, handle: u64, body: impl FnOnce(&T) -> Result<R>) -> Result<R> {
        let place = self.place(handle).ok_or_else(|| self.invalid())?;
        match place.thing.load().as_deref() {
            Some(thing) if place.handle.load(Ordering::Acquire) == handle => body(thing),
            _ => Err(self.invalid()),
        }
    }

    /// Takes `handle` back. What it stood for closes when the calls that use it have ended.
    pub(super) fn close(&self, handle: u64) -> Result<()> {
        let mut places = self.lock();
        let place = self.place(handle).filter(|place| place.handle.load(Ordering::Relaxed) == handle);
        let thing = place.and_then(|place| place.thing.swap(None)).ok_or_else(|| self.invalid())?;
        // A place whose handles are all used up is left alone.
        if handle & COUNT != COUNT {
            places.free.push(handle & PLACE);
        }
        drop(places);
        drop(thing);
        Ok(())
    }

    /// The place that a handle names, if there is one.
    fn place(&self, handle: u64) -> Option<&Place<T>> {
        if handle >> TAG_SHIFT != self.tag >> TAG_SHIFT {
            return None;
        }
        let (page, place) = page_and_place(handle & PLACE)?;
        self.pages.get(page)?.get()?.get(place)
    }

    /// The place with this number, with a page for it where there was none; none beyond the last.
    fn reach(&self, number: u64) -> Option<&Place<T>> {
        let (page, place) = page_and_place(number)?;
        let made = || {
            let empty = || Place { handle: AtomicU64::new(0), thing: ArcSwapOption::empty() };
            std::iter::repeat_with(empty).take(FIRST_PAGE << page).collect()
        };
        self.pages.get(page)?.get_or_init(made).get(place)
    }

    /// Locks, also after a panic elsewhere: nothing there is ever half done.
    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn invalid(&self) -> Error {
        let name = self.name;
        let message = format!("The {name} is not open: it was closed, or the handle was never one.");
        Error::new(ErrorCode::InvalidHandle, message).about(name)
    }
}

/// The page of the place with this number, and its own on that page.
fn page_and_place(number: u64) -> Option<(usize, usize)> {
    let number = usize::try_from(number).ok()? + FIRST_PAGE;
    let page = (number.ilog2() - FIRST_PAGE.ilog2()) as usize;
    Some((page, number - (FIRST_PAGE << page)))
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
pub(super) fn give(store: OpenStore) -> Result<u64> {
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
        let handle = texts.give("one").unwrap();
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
        let handle = texts.give("one").unwrap();
        let thing = Arc::downgrade(&texts.find(handle).unwrap());
        let other = texts.give("other").unwrap();
        let called = texts.with(other, |text| {
            texts.close(handle).unwrap();
            assert!(thing.upgrade().is_none(), "although {text} is in use");
            Ok(())
        });
        called.unwrap();
    }

    #[test]
    fn a_thing_stays_open_for_the_call_that_it_is_lent_to() {
        let texts = Handles::new("text", 0x0001);
        let handle = texts.give("one".to_owned()).unwrap();
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
    fn places_are_used_again_and_handles_never() {
        let numbers = Handles::new("number", 0xffff);
        let first: Vec<u64> = (0..500).map(|number| numbers.give(number).unwrap()).collect();
        assert!(first.iter().enumerate().all(|(number, handle)| *numbers.find(*handle).unwrap() == number));
        first.iter().for_each(|handle| numbers.close(*handle).unwrap());
        let second: Vec<u64> = (500..1_000).map(|number| numbers.give(number).unwrap()).collect();
        assert!(second.iter().zip(500..).all(|(handle, number)| *numbers.find(*handle).unwrap() == number));
        assert_eq!(numbers.lock().next, 500);
        for handle in &first {
            assert!(!second.contains(handle));
            assert!(numbers.find(*handle).is_err() && numbers.with(*handle, |_| Ok(())).is_err());
            assert!(numbers.close(*handle).is_err());
        }
        // The last handle of a place.
        let place = numbers.place(second[0]).unwrap();
        place.handle.store(second[0] | COUNT, Ordering::Relaxed);
        let last = place.handle.load(Ordering::Relaxed);
        assert_eq!(*numbers.find(last).unwrap(), 500);
        numbers.close(last).unwrap();
        assert!(numbers.lock().free.is_empty());
        assert_eq!(numbers.lock().next, 500);
        assert_ne!(numbers.give(1_000).unwrap() & PLACE, last & PLACE);
        assert!(page_and_place((1 << PLACE_BITS) - FIRST_PAGE as u64).is_some_and(|(page, _)| page == PAGES));
    }

    #[test]
    fn a_handle_finds_its_own_thing_while_others_come_and_go() {
        let numbers = Handles::new("number", 0x0001);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let numbers = &numbers;
                scope.spawn(move || {
                    let mut closed = Vec::new();
                    for round in 0..5_000 {
                        let number = thread * 5_000 + round;
                        let handle = numbers.give(number).unwrap();
                        assert_eq!(numbers.with(handle, |found| Ok(*found)).unwrap(), number);
                        numbers.close(handle).unwrap();
                        closed.push(handle);
                        assert!(closed.iter().rev().take(8).all(|handle| numbers.find(*handle).is_err()));
                    }
                });
            }
        });
        assert!(numbers.lock().next <= 4);
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
            .unwrap()
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
