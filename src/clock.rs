//! The only clock. Time is whole seconds since 1970-01-01T00:00:00Z in 64 bits, everywhere.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::Utc;

/// The last second that a time may name: 9999-12-31T23:59:59Z.
pub const MAXIMUM_SECONDS: i64 = 253_402_300_799;

/// Where the engine reads the time from.
pub trait Clock: Send + Sync {
    /// Seconds since 1970-01-01T00:00:00Z, from 0 to [`MAXIMUM_SECONDS`].
    fn now_seconds(&self) -> i64;
}

/// The machine's clock, which never goes back within a process.
///
/// A clock that someone sets back must not bring an expired token to life, so the latest time seen is the
/// least that is ever told. Times outside the range are told as its nearest end.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// The latest time that any [`SystemClock`] of this process has told.
static LATEST_SECONDS: AtomicI64 = AtomicI64::new(0);

impl Clock for SystemClock {
    fn now_seconds(&self) -> i64 {
        let now = Utc::now().timestamp().clamp(0, MAXIMUM_SECONDS);
        let latest = LATEST_SECONDS.load(Ordering::Relaxed);
        if now > latest {
            // Written about once a second, so that checks on many threads do not fight for the line.
            LATEST_SECONDS.fetch_max(now, Ordering::Relaxed);
        }
        now.max(latest)
    }
}

/// A clock that stands still until it is set, in either direction: for tests, and for hosts that bring
/// their own time.
#[derive(Debug)]
pub struct FixedClock {
    now_seconds: AtomicI64,
}

impl FixedClock {
    /// A clock that shows `now_seconds`, cut to the range.
    pub fn new(now_seconds: i64) -> Self {
        Self { now_seconds: AtomicI64::new(now_seconds.clamp(0, MAXIMUM_SECONDS)) }
    }

    /// Sets the clock to `now_seconds`, cut to the range.
    pub fn set(&self, now_seconds: i64) {
        self.now_seconds.store(now_seconds.clamp(0, MAXIMUM_SECONDS), Ordering::Relaxed);
    }
}

impl Clock for FixedClock {
    fn now_seconds(&self) -> i64 {
        self.now_seconds.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_clock_never_goes_back() {
        let now = SystemClock.now_seconds();
        LATEST_SECONDS.fetch_max(now + 3_600, Ordering::Relaxed);
        assert_eq!(SystemClock.now_seconds(), now + 3_600);
    }

    #[test]
    fn fixed_clock_is_cut_to_the_range() {
        let clock = FixedClock::new(-1);
        assert_eq!(clock.now_seconds(), 0);
        clock.set(i64::MAX);
        assert_eq!(clock.now_seconds(), MAXIMUM_SECONDS);
    }
}
