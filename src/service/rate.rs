//! The rate limits of tokens, counted by this process alone.

use std::sync::{Arc, Mutex, PoisonError};

use quick_cache::sync::Cache;

use crate::model::RateLimit;

/// The most tokens whose uses are counted at a time. Which of more has been idle longest begins anew.
const MAXIMUM_TOKENS: usize = 65_536;

/// The uses of each token in its current period, by the token's sequence.
pub(super) struct Rates {
    periods: Cache<i64, Arc<Mutex<Period>>>,
}

struct Period {
    began_at: i64,
    uses: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self { periods: Cache::new(MAXIMUM_TOKENS) }
    }
}

impl Rates {
    /// Whether one more use is within the limit; counts it then. A period begins with the first use after the last one
    /// ended. A clock that was set back ends none.
    pub(super) fn admit(&self, sequence: i64, limit: RateLimit, now_seconds: i64) -> bool {
        let fresh = || Ok::<_, ()>(Arc::new(Mutex::new(Period { began_at: now_seconds, uses: 0 })));
        let Ok(period) = self.periods.get_or_insert_with(&sequence, fresh) else { return false };
        let mut period = period.lock().unwrap_or_else(PoisonError::into_inner);
        if now_seconds >= period.began_at.saturating_add(i64::from(limit.period_seconds)) {
            *period = Period { began_at: now_seconds, uses: 0 };
        }
        if period.uses >= limit.uses {
            return false;
        }
        period.uses += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_admits_as_many_uses_as_the_limit_says() {
        let rates = Rates::default();
        let limit = RateLimit { uses: 3, period_seconds: 10 };
        let admitted = |now| (0..5).filter(|_| rates.admit(1, limit, now)).count();
        assert_eq!(admitted(100), 3);
        assert_eq!(admitted(109), 0);
        assert_eq!(admitted(90), 0, "the clock was set back");
        assert!(rates.admit(2, limit, 109), "another token");
        assert_eq!(admitted(110), 3);
        assert_eq!(admitted(1_000), 3);
    }

    #[test]
    fn threads_share_one_count() {
        let rates = Rates::default();
        let limit = RateLimit { uses: 100, period_seconds: 10 };
        let admitted = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let own = (0..50).filter(|_| rates.admit(1, limit, 0)).count();
                    admitted.fetch_add(own, std::sync::atomic::Ordering::Relaxed);
                });
            }
        });
        assert_eq!(admitted.into_inner(), 100);
    }
}
