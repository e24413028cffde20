//! What recent checks found out, kept for as long as nothing changes that it rests on.

use std::collections::VecDeque;
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::crypto::fingerprint::{Fingerprint, FingerprintHasher, Fingerprints};
use crate::error::Result;
use crate::model::{FoundToken, Outcome};
use crate::policy::{Gate, Organizations, Rights, Validity};
use crate::store::{Changes, Slot};

use super::usage::UseCount;

/// The most tokens that are kept.
const MAXIMUM_TOKENS: usize = 65_536;
/// The places for values that are no token's.
const REFUSALS: usize = 2_048;
/// How long it is remembered that a value is no token's. Nobody who guesses needs it longer, and should a token come to
/// be of which nothing was told, it is found soon.
const REFUSAL_SECONDS: u64 = 2;

/// What a check read of one token, as of one change of the store.
///
/// It says nothing of time, audience or role: those are asked anew at each check.
#[derive(Debug)]
pub(super) struct Known {
    /// What every check of it needs.
    pub(super) ready: Ready,
    /// Whether its first use has to be written down before it counts.
    pub(super) awaits_first_use: bool,
    /// Whether it was written down that the value was presented although it was retired or a decoy.
    pub(super) is_alerted: bool,
    /// Where its uses are counted.
    pub(super) uses: Arc<UseCount>,
    /// The token, and the names of its rights, as a verdict gives them.
    pub(super) found: Arc<FoundToken>,
    /// What its use is tied to.
    pub(super) gate: Gate,
    /// What it may do.
    pub(super) rights: Rights,
    /// The organisations that it has access to.
    pub(super) organizations: Organizations,
    /// What the digest of its value was made with, where the store has one.
    pub(super) digested: Option<Digested>,
    /// All that it rests on.
    pub(super) slots: Box<[Slot]>,
}

/// What a check looks at first, and most look at nothing else: it lies in one place, so that a check of one token among
/// many waits for memory once and not for each of its parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ready {
    /// The change's number: [`crate::store::Store::change_number`], asked for before anything was read.
    pub(super) number: u64,
    /// The token's.
    pub(super) sequence: i64,
    /// When the token is good at all.
    pub(super) validity: Validity,
    /// From when on the token is about to expire.
    warn_after: i64,
    /// Whether a check of it has nothing to write to the store.
    pub(super) is_plain: bool,
    /// Whether, beyond that, nothing is asked of a request but what it asks for itself: there are no conditions and no
    /// rate limit. Then [`crate::policy::outcome`] is left out where it [asks](crate::policy::AccessContext::asks_nothing)
    /// for nothing.
    pub(super) is_unconditional: bool,
}

impl Ready {
    /// As [`crate::model::Token::is_expiring`].
    pub(super) fn is_expiring(&self, now_seconds: i64) -> bool {
        self.warn_after <= now_seconds
    }
}

/// What is known of a token, in its place in the map.
pub(super) struct Kept {
    pub(super) ready: Ready,
    /// The last change after which it was found to hold still.
    confirmed: AtomicU64,
    /// Whether a check was answered with it since its turn to go came last.
    was_used: AtomicBool,
    /// As in [`Known`].
    pub(super) uses: Arc<UseCount>,
    pub(super) known: Arc<Known>,
}

/// What a digest was made with: the number of a pepper, or none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Digested {
    pub(super) pepper_id: Option<i64>,
}

/// What goes with a token that was read.
pub(super) struct Read {
    pub(super) number: u64,
    pub(super) slots: Vec<Slot>,
    pub(super) found: FoundToken,
    pub(super) rights: Rights,
    pub(super) organizations: Organizations,
    pub(super) gate: Gate,
    pub(super) digested: Option<Digested>,
    pub(super) awaits_first_use: bool,
    pub(super) is_alerted: bool,
    pub(super) uses: Arc<UseCount>,
}

impl From<Read> for Known {
    fn from(read: Read) -> Self {
        let token = &read.found.token;
        let may_alert = !read.is_alerted && (token.is_decoy || token.retires_at.is_some());
        let is_plain = !token.is_decoy && !may_alert && !read.awaits_first_use && token.uses_left.is_none();
        Self {
            ready: Ready {
                number: read.number,
                sequence: token.sequence,
                validity: Validity::of(token),
                warn_after: token.warn_after.unwrap_or(i64::MAX),
                is_plain,
                is_unconditional: is_plain && read.gate.is_open() && token.conditions.rate_limit.is_none(),
            },
            awaits_first_use: read.awaits_first_use,
            is_alerted: read.is_alerted,
            uses: read.uses,
            gate: read.gate,
            rights: read.rights,
            organizations: read.organizations,
            digested: read.digested,
            slots: read.slots.into(),
            found: Arc::new(read.found),
        }
    }
}

impl Kept {
    fn new(known: Arc<Known>) -> Self {
        Self {
            ready: known.ready,
            confirmed: AtomicU64::new(known.ready.number),
            was_used: AtomicBool::new(false),
            uses: Arc::clone(&known.uses),
            known,
        }
    }

    /// Whether it holds as of `number`, which [`crate::store::Store::change_number`] gave just now.
    fn is_current(&self, changes: &Changes, number: u64) -> bool {
        let confirmed = self.confirmed.load(Ordering::Relaxed);
        // `is_current` asks the same first; asked here, it spares a check that nothing changed for the look into `known`,
        // which lies elsewhere in memory, for the slots.
        if !changes.is_newest(confirmed) && !changes.is_current(&self.known.slots, confirmed) {
            return false;
        }
        if confirmed < number {
            // Found out once after each change, and not at each check.
            self.confirmed.store(number, Ordering::Relaxed);
        }
        true
    }
}

/// A value that was no token's.
#[derive(Clone, Copy)]
struct Refusal {
    fingerprint: Fingerprint,
    number: u64,
    at: i64,
    outcome: Outcome,
}

/// Known tokens by the fingerprint of their value, so that the cache holds neither values nor what they are stored by; and,
/// apart from them, values that were refused because they are no token's.
///
/// Both are bounded, and a stranger's guesses push out no token. When there is a token too many, the one that was kept
/// longest goes, unless a check was answered with it since its last turn.
pub(super) struct VerdictCache {
    fingerprints: Fingerprints,
    known: papaya::HashMap<Fingerprint, Kept, BuildHasherDefault<FingerprintHasher>>,
    /// The fingerprints that are kept, in the order of their turns to go.
    turns: Mutex<VecDeque<Fingerprint>>,
    maximum: usize,
    refusals: OnceLock<Box<[Mutex<Option<Refusal>>]>>,
}

impl VerdictCache {
    /// An empty one. Fails with [`crate::error::ErrorCode::Internal`] when the operating system gives no random bytes.
    pub(super) fn new() -> Result<Self> {
        Self::of(MAXIMUM_TOKENS)
    }

    fn of(maximum: usize) -> Result<Self> {
        Ok(Self {
            fingerprints: Fingerprints::new()?,
            known: papaya::HashMap::default(),
            turns: Mutex::default(),
            maximum,
            refusals: OnceLock::new(),
        })
    }

    /// What a value is known by here.
    pub(super) fn fingerprint(&self, value: &[u8]) -> Fingerprint {
        self.fingerprints.of(value)
    }

    /// Hands what is known of a value to `read`, if it holds as of `number`, which
    /// [`crate::store::Store::change_number`] gave just now. `read` must not wait for anybody: as long as it takes, no
    /// memory of the cache is freed.
    pub(super) fn find<R>(
        &self,
        fingerprint: Fingerprint,
        changes: &Changes,
        number: u64,
        read: impl FnOnce(&Kept) -> R,
    ) -> Option<R> {
        let known = self.known.pin();
        let kept = known.get(&fingerprint).filter(|kept| kept.is_current(changes, number))?;
        if !kept.was_used.load(Ordering::Relaxed) {
            kept.was_used.store(true, Ordering::Relaxed);
        }
        Some(read(kept))
    }

    /// Where the uses of the token with this sequence are counted, which has the value: where they were before, if anything
    /// of it is kept, whether it holds or not. Another count would be one more to write down.
    pub(super) fn uses(&self, fingerprint: Fingerprint, sequence: i64) -> Arc<UseCount> {
        let known = self.known.pin();
        let before = known.get(&fingerprint).filter(|kept| kept.ready.sequence == sequence);
        before.map_or_else(|| Arc::new(UseCount::new(sequence)), |kept| Arc::clone(&kept.uses))
    }

    /// Keeps what was read of the token with a value.
    pub(super) fn keep(&self, fingerprint: Fingerprint, known: Arc<Known>) {
        let kept = self.known.pin();
        if kept.insert(fingerprint, Kept::new(known)).is_some() {
            // It has its turn already.
            return;
        }
        let mut turns = lock(&self.turns);
        while turns.len() >= self.maximum
            && let Some(next) = turns.pop_front()
        {
            if kept.get(&next).is_some_and(|kept| kept.was_used.swap(false, Ordering::Relaxed)) {
                turns.push_back(next);
            } else {
                kept.remove(&next);
            }
        }
        turns.push_back(fingerprint);
    }

    /// What a value came to lately that is no token's, if nothing changed since.
    pub(super) fn refusal(&self, fingerprint: Fingerprint, number: u64, now_seconds: i64) -> Option<Outcome> {
        let refusals = self.refusals.get()?;
        let refusal = (*lock(&refusals[place(fingerprint)]))?;
        let is_same = refusal.fingerprint == fingerprint && refusal.number == number;
        (is_same && now_seconds.abs_diff(refusal.at) < REFUSAL_SECONDS).then_some(refusal.outcome)
    }

    /// Keeps what a value came to that is no token's, in place of whatever has its place. `number` is that of the change
    /// as of which that was found.
    pub(super) fn refuse(&self, fingerprint: Fingerprint, number: u64, at: i64, outcome: Outcome) {
        let refusals = self.refusals.get_or_init(|| (0..REFUSALS).map(|_| Mutex::default()).collect());
        *lock(&refusals[place(fingerprint)]) = Some(Refusal { fingerprint, number, at, outcome });
    }
}

fn place(fingerprint: Fingerprint) -> usize {
    (fingerprint % REFUSALS as u128) as usize
}

/// Locks, also after a panic elsewhere: what is in there is replaced whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::FixedClock;
    use crate::model::{Conditions, RateLimit};
    use crate::policy::{AccessContext, Lifetime};
    use crate::service::{Engine, Grant, GrantRequest, OpenOptions};

    /// 2026-01-01T00:00:00Z.
    const NOW: i64 = 1_767_225_600;

    /// A store with a token, for copies of what is known of it.
    struct Fixture {
        engine: Engine,
        grant: Grant,
        _folder: tempfile::TempDir,
    }

    impl Fixture {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("tokens.db");
            let clock = Box::new(FixedClock::new(NOW));
            let engine =
                Engine::open_with_clock(OpenOptions { path, create: true, ..Default::default() }, clock).unwrap();
            engine.owner().create_identity("Adam", &["Operator".to_owned()], None).unwrap();
            let request =
                GrantRequest { identity: "Adam".to_owned(), lifetime: Lifetime::Seconds(86_400), ..Default::default() };
            let grant = engine.owner().grant(&request).unwrap();
            Self { engine, grant, _folder: folder }
        }

        /// What is known of the token, through the cache of the engine.
        fn known(&self) -> Arc<Known> {
            let value = self.grant.value.as_bytes();
            assert_eq!(self.check(value), Outcome::Valid);
            self.find(&self.engine.verdicts, self.engine.verdicts.fingerprint(value)).unwrap()
        }

        fn check(&self, value: &[u8]) -> Outcome {
            self.engine.validate(value, AccessContext::default()).outcome
        }

        fn find(&self, cache: &VerdictCache, fingerprint: Fingerprint) -> Option<Arc<Known>> {
            let number = self.engine.store.change_number().unwrap();
            cache.find(fingerprint, self.engine.store.changes(), number, |kept| Arc::clone(&kept.known))
        }

        /// A well-formed value that was never granted.
        fn guess() -> Vec<u8> {
            crate::format::opaque::mint("tsr").unwrap().1.as_bytes().to_vec()
        }
    }

    #[test]
    fn tokens_are_bounded_and_those_in_use_stay() {
        let fixture = Fixture::new();
        let known = fixture.known();
        let copy = || {
            Arc::new(Known::from(Read {
                number: known.ready.number,
                slots: known.slots.to_vec(),
                found: FoundToken::clone(&known.found),
                rights: known.rights.clone(),
                organizations: known.organizations.clone(),
                gate: known.gate.clone(),
                digested: known.digested,
                awaits_first_use: false,
                is_alerted: false,
                uses: Arc::clone(&known.uses),
            }))
        };
        let cache = VerdictCache::of(100).unwrap();
        for fingerprint in 0..10 {
            cache.keep(fingerprint, copy());
        }
        for fingerprint in 10..10_000 {
            if fingerprint % 10 == 0 {
                assert!((0..10).all(|used| fixture.find(&cache, used).is_some()), "{fingerprint}");
            }
            cache.keep(fingerprint, copy());
            // Kept again, it takes no second turn.
            cache.keep(fingerprint, copy());
        }
        assert_eq!((cache.known.len(), lock(&cache.turns).len()), (100, 100));
        assert!(fixture.find(&cache, 9_999).is_some() && fixture.find(&cache, 5_000).is_none());
        // All in use: the next one has its place all the same.
        assert!((0..10_000).filter(|kept| fixture.find(&cache, *kept).is_some()).count() == 100);
        cache.keep(10_000, copy());
        assert!(fixture.find(&cache, 10_000).is_some());
        assert_eq!((cache.known.len(), lock(&cache.turns).len()), (100, 100));
    }

    #[test]
    fn only_a_token_that_is_tied_to_nothing_is_unconditional() {
        let fixture = Fixture::new();
        assert!(fixture.known().ready.is_unconditional);
        let owner = fixture.engine.owner();
        let limit = RateLimit { uses: 1, period_seconds: 60 };
        let tied = [
            Conditions { rate_limit: Some(limit), ..Conditions::default() },
            Conditions { uses: Some(9), ..Conditions::default() },
            Conditions { methods: vec!["GET".to_owned()], ..Conditions::default() },
        ];
        for conditions in tied {
            let request = GrantRequest { identity: "Adam".to_owned(), conditions, ..Default::default() };
            let value = owner.grant(&request).unwrap().value;
            // Not by a check, which would count a use and so make what is kept old.
            fixture.engine.describe(value.as_bytes()).unwrap();
            let fingerprint = fixture.engine.verdicts.fingerprint(value.as_bytes());
            let known = fixture.find(&fixture.engine.verdicts, fingerprint).unwrap();
            assert!(!known.ready.is_unconditional, "{:?}", known.found.token.conditions);
            if request.conditions.rate_limit.is_some() {
                // By what is kept, in which the limit is all that refuses.
                assert_eq!(fixture.check(value.as_bytes()), Outcome::Valid);
                assert_eq!(fixture.check(value.as_bytes()), Outcome::RateLimited);
            }
        }
    }

    #[test]
    fn a_token_that_is_read_anew_goes_on_with_its_count() {
        let fixture = Fixture::new();
        let before = fixture.known();
        fixture.engine.owner().update_token(fixture.grant.token.id.as_str(), Some("new"), None).unwrap();
        let after = fixture.known();
        assert!(!Arc::ptr_eq(&before, &after) && Arc::ptr_eq(&before.uses, &after.uses));
        let fingerprint = fixture.engine.verdicts.fingerprint(fixture.grant.value.as_bytes());
        let other = fixture.engine.verdicts.uses(fingerprint, after.found.token.sequence + 1);
        assert!(!Arc::ptr_eq(&other, &after.uses), "another token's, if it should have the value");
    }

    #[test]
    fn threads_that_keep_and_find_at_once_leave_no_more_than_the_bound() {
        let fixture = Fixture::new();
        let known = fixture.known();
        let cache = VerdictCache::of(50).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for round in 0..20_000 {
                        cache.keep(round % 130, Arc::clone(&known));
                        fixture.find(&cache, round % 7);
                    }
                });
            }
        });
        let turns = lock(&cache.turns);
        assert_eq!((cache.known.len(), turns.len()), (50, 50));
        assert!(turns.iter().all(|fingerprint| cache.known.pin().contains_key(fingerprint)));
    }

    #[test]
    fn a_guess_is_remembered_apart_and_pushes_out_no_token() {
        let fixture = Fixture::new();
        let (guess, cache) = (Fixture::guess(), &fixture.engine.verdicts);
        fixture.known();
        for _ in 0..REFUSALS * 2 {
            assert_eq!(fixture.check(&Fixture::guess()), Outcome::Unknown);
        }
        assert_eq!(fixture.check(b"no token"), Outcome::Malformed);
        assert_eq!(fixture.check(&guess), Outcome::Unknown);
        assert_eq!(cache.known.len(), 1);
        let (number, fingerprint) = (fixture.engine.store.change_number().unwrap(), cache.fingerprint(&guess));
        assert_eq!(cache.refusal(fingerprint, number, NOW), Some(Outcome::Unknown));
        // Found there, and not in the store: another answer there is given again.
        cache.refuse(fingerprint, number, NOW, Outcome::Malformed);
        assert_eq!(fixture.check(&guess), Outcome::Malformed);
        // For a short time, by a clock that goes either way, and only as long as nothing changes.
        let limit = REFUSAL_SECONDS.cast_signed();
        assert_eq!(cache.refusal(fingerprint, number, NOW + limit), None);
        assert_eq!(cache.refusal(fingerprint, number, NOW - limit), None);
        assert_eq!(cache.refusal(fingerprint, number, NOW + limit - 1), Some(Outcome::Malformed));
        assert_eq!(cache.refusal(fingerprint + REFUSALS as u128, number, NOW), None, "it shares the place");
        fixture.engine.owner().create_identity("Eve", &[], None).unwrap();
        fixture.engine.owner().revoke_token(fixture.grant.token.id.as_str(), None).unwrap();
        assert_eq!(fixture.check(&guess), Outcome::Unknown);
    }

    #[test]
    fn nothing_that_is_kept_opens_anything() {
        let fixture = Fixture::new();
        let known = fixture.known();
        let value = std::str::from_utf8(fixture.grant.value.as_bytes()).unwrap();
        let digest = fixture.engine.keyring.current().digest(value.as_bytes());
        let shown = format!("{known:?}");
        assert!(shown.contains(fixture.grant.token.id.as_str()));
        assert!(!shown.contains(&value[16..]) && !shown.contains(&format!("{digest:?}")));
        let stored = fixture.engine.stored_digest(&known, value.as_bytes()).unwrap();
        assert_eq!(stored, Some(digest), "it is made anew from what is presented");
        let fingerprint = fixture.engine.verdicts.fingerprint(value.as_bytes());
        assert!(!digest.windows(16).any(|part| part == fingerprint.to_le_bytes() || part == fingerprint.to_be_bytes()));
    }
}
