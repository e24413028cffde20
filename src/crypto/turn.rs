//! Turns for work that is slow on purpose.
//!
//! Every check of a password, a passphrase or a slow digest is a small denial of service: at most as many run at once
//! as there are cores, others wait their turn, and beyond 32 that wait for each core they are turned away.

use std::sync::{Condvar, Mutex, OnceLock, PoisonError};

use crate::error::{Error, ErrorCode, Result};

/// One of the places in which slow work may run; given back when dropped.
pub(super) struct Turn {
    places: &'static Places,
}

/// The most that wait for each place.
const MAXIMUM_WAITING: usize = 32;

struct Places {
    count: usize,
    taken: Mutex<Taken>,
    given_back: Condvar,
}

#[derive(Default)]
struct Taken {
    running: usize,
    waiting: usize,
}

impl Places {
    fn new(count: usize) -> Self {
        Self { count, taken: Mutex::default(), given_back: Condvar::new() }
    }

    /// Waits for a place, unless too many do.
    fn take(&'static self) -> Result<Turn> {
        // The counts stay right whatever panicked while they were held.
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.waiting >= self.count * MAXIMUM_WAITING {
            return Err(Error::new(
                ErrorCode::Overloaded,
                "Too many passwords and slow digests are being checked at once. Try again later.",
            ));
        }
        taken.waiting += 1;
        let is_full = |taken: &mut Taken| taken.running >= self.count;
        let mut taken = self.given_back.wait_while(taken, is_full).unwrap_or_else(PoisonError::into_inner);
        taken.waiting -= 1;
        taken.running += 1;
        Ok(Turn { places: self })
    }
}

impl Turn {
    /// Waits for a place; [`ErrorCode::Overloaded`] when too many do already.
    pub(super) fn take() -> Result<Self> {
        static PLACES: OnceLock<Places> = OnceLock::new();
        PLACES.get_or_init(|| Places::new(std::thread::available_parallelism().map_or(1, usize::from))).take()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.places.taken.lock().unwrap_or_else(PoisonError::into_inner).running -= 1;
        self.places.given_back.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_turned_away_and_leaves_no_trace() {
        let places: &'static Places = Box::leak(Box::new(Places::new(1)));
        let running = places.take().unwrap();
        let waiting: Vec<_> = (0..MAXIMUM_WAITING).map(|_| std::thread::spawn(|| places.take().map(drop))).collect();
        while places.taken.lock().unwrap().waiting < MAXIMUM_WAITING {
            std::thread::yield_now();
        }
        assert_eq!(places.take().err().unwrap().code(), ErrorCode::Overloaded);
        drop(running);
        for thread in waiting {
            thread.join().unwrap().unwrap();
        }
        assert!(places.take().is_ok());
    }
}
