//! The only clock. Time is whole seconds since 1970-01-01T00:00:00Z in 64 bits, everywhere.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
        let now = coarse_seconds().unwrap_or_else(exact_seconds).clamp(0, MAXIMUM_SECONDS);
        let latest = LATEST_SECONDS.load(Ordering::Relaxed);
        if now > latest {
            // Written about once a second, so that checks on many threads do not fight for the line.
            LATEST_SECONDS.fetch_max(now, Ordering::Relaxed);
        }
        now.max(latest)
    }
}

/// The second, from the time as of the kernel's last tick: 2 nanoseconds instead of some 50. That time is late by up to a
/// tick (1 to 10 milliseconds), so near the end of a second it does not say which second it is.
#[cfg(target_os = "linux")]
fn coarse_seconds() -> Option<i64> {
    const SURE: rustix::time::Nsecs = 900_000_000;
    let tick = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
    (tick.tv_nsec < SURE).then_some(tick.tv_sec)
}

#[cfg(not(target_os = "linux"))]
fn coarse_seconds() -> Option<i64> {
    None
}

fn exact_seconds() -> i64 {
    // A clock before 1970 shows its beginning.
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since_1970.as_secs()).unwrap_or(MAXIMUM_SECONDS)
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
    fn system_clock_shows_the_second_that_it_is() {
        // Across the ends of two seconds at least, where a clock that is late would show it.
        let end = exact_seconds() + 3;
        loop {
            let before = exact_seconds();
            let shown = coarse_seconds().unwrap_or_else(exact_seconds);
            let after = exact_seconds();
            assert!((before..=after).contains(&shown), "{before} {shown} {after}");
            if after >= end {
                break;
            }
        }
    }

    #[test]
    fn fixed_clock_is_cut_to_the_range() {
        let clock = FixedClock::new(-1);
        assert_eq!(clock.now_seconds(), 0);
        clock.set(i64::MAX);
        assert_eq!(clock.now_seconds(), MAXIMUM_SECONDS);
    }
}
