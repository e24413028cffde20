//! What checks leave behind: uses, warnings and refusals. A check only notes them in memory; a thread of the engine's
//! writes them down in batches, so that a crash loses at most what came since the last time.
//!
//! A use of which no more is to be said than when it was is counted in the token's [`UseCount`], which lies beside what
//! the check knows of the token: a few nanoseconds, and nobody waits. The others, from an address for one, are noted in
//! parts, one a thread as far as there are enough. So checks neither wait for each other nor, once a token has its note,
//! allocate anything. The memory of both is bounded: beyond [`MAXIMUM_NOTES`] notes the uses of further tokens are counted
//! as lost until the next flush, which is begun at half of that; of refusals the first [`MAXIMUM_REFUSALS`] of each
//! outcome are recorded, and the rest as one number. What a session may not do is a refusal too.

use std::cell::Cell;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::crypto::keyring::Keyring;
use crate::error::{Error, ErrorCode, Result};
use crate::model::{Actor, AuditSubject, FoundToken, Impact, NewAuditEvent, Outcome, Token, TokenId, TokenUsage};
use crate::policy::Operation;
use crate::store::{AuditHead, Store, TokenUses};

use super::{Engine, Session};

/// The time between two flushes when nothing is said.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);
/// The most notes of uses that are kept, in memory of some 20 MB at the worst. A token that is used on several threads
/// may have one for each.
const MAXIMUM_NOTES: usize = 65_536;
/// The most refusals of one outcome that are recorded each by itself between two flushes.
const MAXIMUM_REFUSALS: u64 = 20;
/// The most rows of a transaction, so that other writers get their turn soon.
const MAXIMUM_ROWS: usize = 200;
/// How long a flush rests between two transactions: longer than SQLite lets a waiting writer sleep at first.
const REST: Duration = Duration::from_millis(2);
/// How many records may be appended to the audit log before its head is signed, where no flush is due before that.
const RECORDS_PER_HEAD: u64 = 256;
/// How long the last flush may take when the engine closes; what is left then is lost.
const CLOSING_TIME: Duration = Duration::from_secs(2);

/// The event of a check that refused.
const TOKEN_REFUSE: &str = "token.refuse";
/// The event of a session that was not permitted what it asked for, and of a sign-in that failed.
const SESSION_REFUSE: &str = "session.refuse";

/// What a check tells when it is over.
pub(super) struct Checked<'a> {
    /// The token that was found, if one was, and where its uses are counted.
    pub(super) token: Option<(&'a Arc<FoundToken>, &'a Arc<UseCount>)>,
    /// What the check came to.
    pub(super) outcome: Outcome,
    /// Whether the token is about to expire.
    pub(super) is_expiring: bool,
    /// The address that the request came from, as the caller gave it, who may have given anything.
    pub(super) address: Option<&'a str>,
    /// The time of the check, in seconds since 1970.
    pub(super) now_seconds: i64,
}

impl Checked<'_> {
    fn address(&self) -> Option<IpAddr> {
        self.address.and_then(|address| address.parse::<IpAddr>().ok()).map(|address| address.to_canonical())
    }
}

/// The uses of one token on one day since the last flush. A token may have several of these, one after another.
#[derive(Debug)]
pub(super) struct UseCount {
    sequence: i64,
    /// In seconds since 1970; it stays when the count is taken.
    last_used_at: AtomicI64,
    /// The day, in days since 1970, above the uses on it: in one number, so that both are taken at one stroke. Zero
    /// where there is none.
    day_and_uses: AtomicU64,
    /// Whether the next flush will look here.
    is_listed: AtomicBool,
}

/// The bits of [`UseCount::day_and_uses`] that hold the uses: four million million of them. The last day of all has 22.
const USES_BITS: u32 = 42;

impl UseCount {
    /// Of the token with this sequence; nothing counted yet.
    pub(super) fn new(sequence: i64) -> Self {
        Self {
            sequence,
            last_used_at: AtomicI64::new(i64::MIN),
            day_and_uses: AtomicU64::new(0),
            is_listed: AtomicBool::new(false),
        }
    }

    /// Counts a use. Not where uses of another day are counted and not taken yet.
    fn add(&self, now_seconds: i64) -> bool {
        if self.last_used_at.load(Ordering::Relaxed) < now_seconds {
            self.last_used_at.fetch_max(now_seconds, Ordering::Relaxed);
        }
        let day = TokenUsage::day_of(now_seconds).unsigned_abs() << USES_BITS;
        let more =
            |counted: u64| (counted == 0 || counted >> USES_BITS == day >> USES_BITS).then_some((counted | day) + 1);
        // It orders the time of last use before the count: whoever takes a use finds its time. And with the swap in
        // `take`: whoever counts after that finds `is_listed` as the one who took it left it, or listed again.
        self.day_and_uses.fetch_update(Ordering::AcqRel, Ordering::Relaxed, more).is_ok()
    }

    /// What was counted, which counts no more here; none where nothing was.
    fn take(&self) -> Option<TokenUses> {
        // Before the count is taken: a use that comes after it is on the list again.
        self.is_listed.store(false, Ordering::Relaxed);
        let counted = self.day_and_uses.swap(0, Ordering::AcqRel);
        let day = i64::try_from(counted >> USES_BITS).unwrap_or_default();
        let uses = counted & ((1 << USES_BITS) - 1);
        (uses > 0).then(|| TokenUses {
            last_used_at: self.last_used_at.load(Ordering::Relaxed),
            days: vec![(day, uses)],
            ..TokenUses::default()
        })
    }
}

/// The notes of an engine and the thread that writes them down.
pub(super) struct Usage {
    notes: Arc<Notes>,
    thread: Option<JoinHandle<()>>,
}

/// What writing down has come to so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FlushCounts {
    /// Flushes that failed. What they were to write is kept and tried again.
    pub failed_flushes: u64,
    /// Uses that were not noted, since more tokens were in use than there is room for.
    pub lost_uses: u64,
}

impl Usage {
    /// Starts with no notes, and a thread that flushes after each `interval` (none: 30 seconds).
    pub(super) fn start(
        store: Arc<dyn Store>,
        keyring: Arc<Keyring>,
        clock: Arc<dyn Clock>,
        store_id: &str,
        interval: Option<Duration>,
    ) -> Result<Self> {
        let parts = std::thread::available_parallelism().map_or(1, usize::from).next_power_of_two() * 2;
        let notes = Arc::new(Notes {
            store,
            keyring,
            clock,
            store_id: store_id.to_owned(),
            parts: (0..parts).map(|_| Part::default()).collect(),
            counted: Mutex::default(),
            kept: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
            refusals: Outcome::ALL.iter().map(|_| Refusals::default()).collect(),
            denials: Refusals::default(),
            records: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            unwritten: Mutex::default(),
            wish: Mutex::default(),
            wished: Condvar::new(),
        });
        let thread = {
            let (notes, interval) = (Arc::clone(&notes), interval.unwrap_or(DEFAULT_INTERVAL));
            std::thread::Builder::new().name("tessera-usage".to_owned()).spawn(move || notes.run(interval))
        };
        let thread = thread.map_err(|_| {
            Error::new(ErrorCode::StoreUnavailable, "The system gives no thread for writing down the use of tokens.")
        })?;
        Ok(Self { notes, thread: Some(thread) })
    }

    /// Notes what a check came to. Waits for nobody but, now and then, for a flush that takes the notes.
    pub(super) fn record(&self, checked: &Checked<'_>) {
        match (checked.outcome, checked.token) {
            (Outcome::Valid, None) => {}
            (Outcome::Valid, Some((found, count))) => self.notes.use_of(found, count, checked),
            _ => self.notes.refusal(checked),
        }
    }

    /// Notes that someone was not permitted an operation: `event` says who, and on what.
    pub(super) fn deny(&self, operation: &Operation, mut event: NewAuditEvent) {
        self.notes.denials.note(|| {
            // The name of an operation has no character that JSON would escape.
            event.detail = Some(format!(r#"{{"operation":"{operation}"}}"#));
            event
        });
    }

    /// Notes that a record is about to be appended to the audit log, so that its head is signed in good time.
    pub(super) fn expect_record(&self) {
        if self.notes.records.fetch_add(1, Ordering::Relaxed) % RECORDS_PER_HEAD == RECORDS_PER_HEAD - 1 {
            self.notes.wish(|wish| wish.flush = true);
        }
    }
}

impl Drop for Usage {
    fn drop(&mut self) {
        self.notes.wish(|wish| wish.close = true);
        if let Some(thread) = self.thread.take() {
            // It makes its last flush within bounds and ends; there is nothing to do about one that panicked.
            let _ = thread.join();
        }
    }
}

impl Engine {
    /// Writes down what was noted of uses and refusals since the last time, and signs the head of the audit log. The
    /// engine does so by itself, every 30 seconds unless it was opened with another interval, and when it closes.
    ///
    /// Errors: the `Store…` codes; nothing is lost then, and the next flush tries again.
    pub fn flush(&self) -> Result<()> {
        self.usage.notes.flush(None)
    }

    /// What writing down has come to since this engine was opened.
    pub fn flush_counts(&self) -> FlushCounts {
        let notes = &self.usage.notes;
        FlushCounts {
            failed_flushes: notes.failed.load(Ordering::Relaxed),
            lost_uses: notes.lost.load(Ordering::Relaxed),
        }
    }
}

impl Session<'_> {
    /// How the token with this id was used; `NotFound` when there is none. What this engine has noted is written down
    /// first; other processes' notes are as old as their last flush.
    pub fn token_usage(&self, id: &str) -> Result<TokenUsage> {
        let token = self.token(id)?;
        // What cannot be written now is not missing for good; the rest is still worth telling.
        let _ = self.flush();
        self.store.usage(token.sequence, TokenUsage::day_of(self.now_seconds()) - TokenUsage::DAYS)
    }

    /// What would be felt if the token with this id ended now; `NotFound` when there is none.
    pub fn impact(&self, id: &str) -> Result<Impact> {
        let token = self.token(id)?;
        let now_seconds = self.now_seconds();
        let _ = self.flush();
        let usage = self.store.usage(token.sequence, TokenUsage::day_of(now_seconds) - 7)?;
        Ok(Impact {
            last_used_at: usage.last_used_at,
            uses_in_seven_days: usage.days.iter().map(|day| day.uses).sum(),
            addresses: usage.addresses.into_iter().map(|address| address.address).collect(),
            children: self.store.live_descendants(token.sequence, now_seconds)?,
        })
    }
}

/// What checks have left behind and the store does not have yet, and how it gets there.
struct Notes {
    store: Arc<dyn Store>,
    keyring: Arc<Keyring>,
    clock: Arc<dyn Clock>,
    store_id: String,
    parts: Box<[Part]>,
    /// Where uses were counted since the last flush.
    counted: Mutex<Vec<Arc<UseCount>>>,
    /// How many notes there are in all parts, in `counted` and in `unwritten`.
    kept: AtomicUsize,
    lost: AtomicU64,
    /// By the number of the outcome.
    refusals: Box<[Refusals]>,
    denials: Refusals,
    records: AtomicU64,
    failed: AtomicU64,
    /// Held for the length of a flush.
    unwritten: Mutex<Unwritten>,
    wish: Mutex<Wish>,
    wished: Condvar,
}

/// The notes of some threads, by the token's sequence. On a cache line of its own.
#[derive(Default)]
#[repr(align(64))]
struct Part(Mutex<HashMap<i64, TokenUses>>);

/// The refusals of one outcome since the last flush.
#[derive(Default)]
struct Refusals {
    seen: AtomicU64,
    kept: Mutex<Vec<NewAuditEvent>>,
}

/// What the thread is to do before its time.
#[derive(Default)]
struct Wish {
    flush: bool,
    close: bool,
}

/// What was taken from the parts and is not in the store yet.
#[derive(Default)]
struct Unwritten {
    uses: BTreeMap<i64, TokenUses>,
    events: Vec<NewAuditEvent>,
}

impl Notes {
    fn use_of(&self, found: &FoundToken, count: &Arc<UseCount>, checked: &Checked<'_>) {
        let is_plain = checked.address.is_none() && !checked.is_expiring;
        if is_plain && count.add(checked.now_seconds) {
            if !count.is_listed.load(Ordering::Relaxed) && !count.is_listed.swap(true, Ordering::Relaxed) {
                if self.admit_note() {
                    lock(&self.counted).push(Arc::clone(count));
                } else if let Some(uses) = count.take() {
                    self.lost.fetch_add(uses.days.iter().map(|(_, uses)| uses).sum(), Ordering::Relaxed);
                }
            }
            return;
        }
        let token = &found.token;
        let mut part = lock(&self.parts[part_of_thread() % self.parts.len()].0);
        let uses = match part.entry(token.sequence) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                if !self.admit_note() {
                    self.lost.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                entry.insert(TokenUses::default())
            }
        };
        uses.add(token, checked);
    }

    /// Whether there is room for one more note, which counts from now on.
    fn admit_note(&self) -> bool {
        let before = self.kept.fetch_add(1, Ordering::Relaxed);
        if before >= MAXIMUM_NOTES {
            self.kept.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        if before == MAXIMUM_NOTES / 2 {
            self.wish(|wish| wish.flush = true);
        }
        true
    }

    fn refusal(&self, checked: &Checked<'_>) {
        // There is one for each outcome.
        let Some(refusals) = self.refusals.get(checked.outcome.number() as usize) else { return };
        refusals.note(|| {
            let mut event = by_bearer(checked.token.map(|(found, _)| &found.token), TOKEN_REFUSE, checked.now_seconds);
            event.outcome = checked.outcome.name().to_owned();
            event.detail = checked.address().map(|address| format!(r#"{{"address":"{address}"}}"#));
            event
        });
    }

    fn wish(&self, wish: impl FnOnce(&mut Wish)) {
        wish(&mut lock(&self.wish));
        self.wished.notify_all();
    }

    /// The thread's work.
    fn run(&self, interval: Duration) {
        loop {
            let (mut wish, _) = self
                .wished
                .wait_timeout_while(lock(&self.wish), interval, |wish| !wish.flush && !wish.close)
                .unwrap_or_else(PoisonError::into_inner);
            let close = wish.close;
            wish.flush = false;
            drop(wish);
            // What fails is counted, and tried again the next time.
            let _ = self.flush(close.then(|| Instant::now() + CLOSING_TIME));
            if close {
                return;
            }
        }
    }

    /// Takes the notes and writes them down, until `deadline`.
    fn flush(&self, deadline: Option<Instant>) -> Result<()> {
        let mut unwritten = lock(&self.unwritten);
        self.take_notes(&mut unwritten);
        let written = self.write(&mut unwritten, deadline);
        if written.is_err() {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        written
    }

    fn take_notes(&self, unwritten: &mut Unwritten) {
        let mut keep = |sequence: i64, uses: Option<TokenUses>| match (unwritten.uses.entry(sequence), uses) {
            (std::collections::btree_map::Entry::Vacant(entry), Some(uses)) => {
                entry.insert(uses);
            }
            (entry, uses) => {
                entry.and_modify(|kept| kept.merge(uses.unwrap_or_default()));
                self.kept.fetch_sub(1, Ordering::Relaxed);
            }
        };
        for part in &self.parts {
            let taken = std::mem::take(&mut *lock(&part.0));
            taken.into_iter().for_each(|(sequence, uses)| keep(sequence, Some(uses)));
        }
        let counted = std::mem::take(&mut *lock(&self.counted));
        counted.iter().for_each(|count| keep(count.sequence, count.take()));
        // Those that wait for another try go first; meanwhile the others are bounded where they are.
        if unwritten.events.is_empty() {
            let now_seconds = self.clock.now_seconds();
            for (outcome, refusals) in Outcome::ALL.iter().zip(&self.refusals) {
                refusals.take(&mut unwritten.events, TOKEN_REFUSE, outcome.name(), now_seconds);
            }
            self.denials.take(&mut unwritten.events, SESSION_REFUSE, ErrorCode::NotPermitted.name(), now_seconds);
            unwritten.events.sort_by_key(|event| event.at);
        }
    }

    fn write(&self, unwritten: &mut Unwritten, deadline: Option<Instant>) -> Result<()> {
        let sign = |head: &AuditHead| self.keyring.audit_signature(&self.store_id, head.sequence, head.at, &head.hash);
        loop {
            let (uses, events) = unwritten.take_batch();
            if let Err(error) = self.store.write_behind(&uses, &events, self.clock.now_seconds(), &sign) {
                unwritten.uses.extend(uses);
                unwritten.events.splice(0..0, events);
                return Err(error);
            }
            self.kept.fetch_sub(uses.len(), Ordering::Relaxed);
            let is_over = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if is_over || (unwritten.uses.is_empty() && unwritten.events.is_empty()) {
                return Ok(());
            }
            std::thread::sleep(REST);
        }
    }
}

impl Refusals {
    /// Counts a refusal, and keeps its event if it is among the first.
    fn note(&self, event: impl FnOnce() -> NewAuditEvent) {
        if self.seen.fetch_add(1, Ordering::Relaxed) < MAXIMUM_REFUSALS {
            let event = event();
            lock(&self.kept).push(event);
        }
    }

    /// Moves what was kept into `events`, with one more event for those that were only counted.
    fn take(&self, events: &mut Vec<NewAuditEvent>, event: &str, outcome: &str, now_seconds: i64) {
        let more = self.seen.swap(0, Ordering::Relaxed).saturating_sub(MAXIMUM_REFUSALS);
        events.append(&mut lock(&self.kept));
        if more > 0 {
            let detail = Some(format!(r#"{{"more":{more}}}"#));
            let outcome = outcome.to_owned();
            events.push(NewAuditEvent { outcome, detail, ..by_bearer(None, event, now_seconds) });
        }
    }
}

impl Unwritten {
    /// Takes what makes [`MAXIMUM_ROWS`] rows or one token.
    fn take_batch(&mut self) -> (Vec<(i64, TokenUses)>, Vec<NewAuditEvent>) {
        let events: Vec<_> = self.events.drain(..self.events.len().min(MAXIMUM_ROWS)).collect();
        let mut rows = events.len();
        let mut batch = Vec::new();
        while let Some(entry) = self.uses.first_entry() {
            let uses = entry.get();
            rows += 1 + uses.days.len() + uses.addresses.len() + uses.warnings.len();
            if rows > MAXIMUM_ROWS && !(batch.is_empty() && events.is_empty()) {
                break;
            }
            batch.push(entry.remove_entry());
        }
        (batch, events)
    }
}

impl TokenUses {
    fn add(&mut self, token: &Token, checked: &Checked<'_>) {
        let day = TokenUsage::day_of(checked.now_seconds);
        self.last_used_at = self.last_used_at.max(checked.now_seconds);
        self.count(day, 1);
        if let Some(address) = checked.address() {
            self.note_address(address, checked.now_seconds);
        }
        if checked.is_expiring && !self.warnings.iter().any(|(warned, _)| *warned == day) {
            let mut event = by_bearer(Some(token), "token.expiring", checked.now_seconds);
            event.detail = token.expires_at.map(|at| format!(r#"{{"expiresAt":{at}}}"#));
            self.warnings.push((day, event));
        }
    }

    fn merge(&mut self, other: Self) {
        self.last_used_at = self.last_used_at.max(other.last_used_at);
        for (day, uses) in other.days {
            self.count(day, uses);
        }
        for (address, at) in other.addresses {
            self.note_address(address, at);
        }
        for warning in other.warnings {
            if !self.warnings.iter().any(|(warned, _)| *warned == warning.0) {
                self.warnings.push(warning);
            }
        }
        // The store takes no day before one that it has.
        self.warnings.sort_by_key(|(day, _)| *day);
    }

    fn count(&mut self, day: i64, uses: u64) {
        match self.days.iter_mut().find(|(noted, _)| *noted == day) {
            Some((_, noted)) => *noted += uses,
            None => self.days.push((day, uses)),
        }
    }

    fn note_address(&mut self, address: IpAddr, at: i64) {
        if let Some((_, noted)) = self.addresses.iter_mut().find(|(noted, _)| *noted == address) {
            *noted = at.max(*noted);
        } else if self.addresses.len() < TokenUsage::ADDRESSES {
            self.addresses.push((address, at));
        } else if let Some(oldest) = self.addresses.iter_mut().min_by_key(|(_, noted)| *noted)
            && oldest.1 <= at
        {
            *oldest = (address, at);
        }
    }
}

/// The event of something that `actor` was not permitted.
pub(super) fn denied(actor: &Actor, subject: Option<&TokenId>, at: i64) -> NewAuditEvent {
    NewAuditEvent {
        actor: actor.name().to_owned(),
        actor_kind: actor.kind(),
        subject_kind: if subject.is_some() { AuditSubject::Token } else { AuditSubject::Store },
        subject: subject.map(TokenId::to_string),
        outcome: ErrorCode::NotPermitted.name().to_owned(),
        ..by_bearer(None, SESSION_REFUSE, at)
    }
}

/// The event of a sign-in that failed, as the identity of this name, where there is one.
pub(super) fn not_signed_in(identity: Option<String>, at: i64) -> NewAuditEvent {
    NewAuditEvent {
        subject_kind: AuditSubject::Identity,
        subject: identity,
        outcome: ErrorCode::NotPermitted.name().to_owned(),
        ..by_bearer(None, SESSION_REFUSE, at)
    }
}

/// An event that whoever presented a value brought about: the token, or where there is none someone unknown.
pub(super) fn by_bearer(token: Option<&Token>, event: &str, at: i64) -> NewAuditEvent {
    let actor = token.map(|token| Actor::Token { id: token.id.clone(), identity: token.identity.clone() });
    NewAuditEvent {
        at,
        event: event.to_owned(),
        actor: actor.as_ref().map_or(Actor::BEARER, Actor::name).to_owned(),
        actor_kind: actor.as_ref().map_or_else(|| Actor::BEARER.to_owned(), Actor::kind),
        subject_kind: AuditSubject::Token,
        subject: token.map(|token| token.id.to_string()),
        outcome: NewAuditEvent::SUCCESS.to_owned(),
        detail: None,
    }
}

/// A number that this thread keeps, and few others have.
fn part_of_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<usize> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed));
    }
    // A thread that is ending may have lost it already; then any will do.
    OWN.try_with(Cell::get).unwrap_or(0)
}

/// Locks, also after a panic elsewhere: a note is whole but for, at worst, one use.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::FixedClock;
    use crate::model::AuditFilter;
    use crate::policy::Lifetime;
    use crate::service::{GrantRequest, OpenOptions};

    /// 2026-01-01T00:00:00Z.
    const NOW: i64 = 1_767_225_600;

    struct Shared(Arc<FixedClock>);

    impl Clock for Shared {
        fn now_seconds(&self) -> i64 {
            self.0.now_seconds()
        }
    }

    struct Fixture {
        engine: Engine,
        clock: Arc<FixedClock>,
        folder: tempfile::TempDir,
    }

    impl Fixture {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let clock = Arc::new(FixedClock::new(NOW));
            let engine = open(&folder, &clock, None);
            engine.owner().create_identity("Adam", &["Operator".to_owned()], None).unwrap();
            Self { engine, clock, folder }
        }

        fn token(&self) -> Token {
            let request = GrantRequest {
                identity: "Adam".to_owned(),
                lifetime: Lifetime::Seconds(10 * 86_400),
                warn_after: Some(NOW + 86_400),
                ..Default::default()
            };
            self.engine.owner().grant(&request).unwrap().token
        }

        fn events(&self, event: &str) -> Vec<NewAuditEvent> {
            let filter = AuditFilter { event: Some(event.to_owned()), limit: 1_000, ..Default::default() };
            self.engine.owner().audit_events(&filter).unwrap().into_iter().map(|event| event.event).collect()
        }
    }

    fn open(folder: &tempfile::TempDir, clock: &Arc<FixedClock>, interval: Option<Duration>) -> Engine {
        let path = folder.path().join("tokens.db");
        let options = OpenOptions { path, create: true, flush_interval: interval, ..Default::default() };
        Engine::open_with_clock(options, Box::new(Shared(Arc::clone(clock)))).unwrap()
    }

    /// A use that finds the token in no cache.
    fn used(engine: &Engine, token: &Token, at: i64, address: Option<&str>) {
        used_again(engine, token, &Arc::new(UseCount::new(token.sequence)), at, address);
    }

    fn used_again(engine: &Engine, token: &Token, count: &Arc<UseCount>, at: i64, address: Option<&str>) {
        let found = Arc::new(FoundToken { token: token.clone(), roles: Vec::new() });
        let (outcome, is_expiring) = (Outcome::Valid, token.is_expiring(at));
        let checked = Checked { token: Some((&found, count)), outcome, is_expiring, address, now_seconds: at };
        engine.usage.record(&checked);
    }

    fn days(usage: &TokenUsage) -> Vec<(i64, u64)> {
        usage.days.iter().map(|day| (day.day, day.uses)).collect()
    }

    #[test]
    fn uses_are_counted_by_day_and_the_last_never_goes_back() {
        let fixture = Fixture::new();
        let token = fixture.token();
        let today = NOW / 86_400;
        let usage = || fixture.engine.owner().token_usage(token.id.as_str()).unwrap();
        assert_eq!(usage(), TokenUsage::default());

        for at in [NOW - 1, NOW, NOW + 86_399, NOW + 86_400] {
            used(&fixture.engine, &token, at, None);
        }
        assert_eq!(days(&usage()), [(today + 1, 1), (today, 2), (today - 1, 1)]);
        assert_eq!((usage().last_used_at, usage().uses), (Some(NOW + 86_400), 4));
        assert_eq!(fixture.engine.owner().token(token.id.as_str()).unwrap().last_used_at, Some(NOW + 86_400));

        // Another process, or a clock that was set back.
        used(&fixture.engine, &token, NOW + 5, None);
        assert_eq!((usage().last_used_at, usage().uses), (Some(NOW + 86_400), 5));
        assert_eq!(days(&usage()), [(today + 1, 1), (today, 3), (today - 1, 1)]);

        // Ninety days are kept, that of the last use included.
        fixture.clock.set(NOW + 89 * 86_400);
        used(&fixture.engine, &token, NOW + 89 * 86_400, None);
        assert_eq!(days(&usage()), [(today + 89, 1), (today + 1, 1), (today, 3)]);
        fixture.clock.set(NOW + 90 * 86_400);
        assert_eq!(days(&usage()), [(today + 89, 1), (today + 1, 1)], "not told any more");
        used(&fixture.engine, &token, NOW + 90 * 86_400, None);
        usage();
        fixture.clock.set(NOW);
        assert_eq!(days(&usage()), [(today + 90, 1), (today + 89, 1), (today + 1, 1)], "nor kept");
        assert_eq!(usage().uses, 7);
    }

    #[test]
    fn uses_on_several_threads_and_before_several_flushes_add_up() {
        let fixture = Fixture::new();
        let token = fixture.token();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for number in 0..500 {
                        used(&fixture.engine, &token, NOW + number % 7, Some("10.0.0.1"));
                        if number % 100 == 0 {
                            fixture.engine.flush().unwrap();
                        }
                    }
                });
            }
        });
        let usage = fixture.engine.owner().token_usage(token.id.as_str()).unwrap();
        assert_eq!((usage.uses, usage.last_used_at), (4_000, Some(NOW + 6)));
        assert_eq!(fixture.engine.usage.notes.kept.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn uses_that_are_counted_in_place_add_up_whatever_comes_between() {
        let fixture = Fixture::new();
        let token = fixture.token();
        let count = Arc::new(UseCount::new(token.sequence));
        let usage = || fixture.engine.owner().token_usage(token.id.as_str()).unwrap();
        let today = NOW / 86_400;
        // Two days at once, so that one of them is noted elsewhere; a clock that was set back; one from an address.
        used_again(&fixture.engine, &token, &count, NOW + 3, None);
        used_again(&fixture.engine, &token, &count, NOW + 5, Some("10.0.0.1"));
        used_again(&fixture.engine, &token, &count, NOW - 1, None);
        used_again(&fixture.engine, &token, &count, NOW + 4, None);
        assert_eq!((usage().last_used_at, usage().uses, usage().addresses.len()), (Some(NOW + 5), 4, 1));
        assert_eq!(days(&usage()), [(today, 3), (today - 1, 1)]);
        used_again(&fixture.engine, &token, &count, NOW - 2, None);
        assert_eq!((usage().last_used_at, usage().uses), (Some(NOW + 5), 5), "it does not go back");

        std::thread::scope(|scope| {
            // Who flushes ends with this, also where the test fails.
            let using = Arc::new(());
            let (in_use, engine) = (Arc::downgrade(&using), &fixture.engine);
            scope.spawn(move || {
                while in_use.strong_count() > 0 {
                    engine.flush().unwrap();
                }
            });
            let users: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        // Two that follow each other, as when what is known of the token is read anew.
                        let other = Arc::new(UseCount::new(token.sequence));
                        for number in 0..20_000 {
                            let count = if number % 3 == 0 { &other } else { &count };
                            used_again(&fixture.engine, &token, count, NOW + 10 + number % 2 * 86_400, None);
                        }
                    })
                })
                .collect();
            users.into_iter().for_each(|user| user.join().unwrap());
            drop(using);
        });
        assert_eq!(days(&usage()), [(today + 1, 40_000), (today, 40_003), (today - 1, 2)]);
        assert_eq!((usage().last_used_at, usage().uses), (Some(NOW + 10 + 86_400), 80_005));
        assert_eq!(fixture.engine.usage.notes.kept.load(Ordering::Relaxed), 0);
        assert_eq!(fixture.engine.flush_counts(), FlushCounts::default());
    }

    #[test]
    fn the_last_five_addresses_are_kept() {
        let fixture = Fixture::new();
        let token = fixture.token();
        let addresses = || -> Vec<(String, i64)> {
            let usage = fixture.engine.owner().token_usage(token.id.as_str()).unwrap();
            usage.addresses.into_iter().map(|address| (address.address, address.last_used_at - NOW)).collect()
        };
        for number in 1..=7 {
            used(&fixture.engine, &token, NOW + number, Some(&format!("10.0.0.{number}")));
        }
        let expected = |numbers: &[(i64, i64)]| -> Vec<(String, i64)> {
            numbers.iter().map(|(number, at)| (format!("10.0.0.{number}"), *at)).collect()
        };
        assert_eq!(addresses(), expected(&[(7, 7), (6, 6), (5, 5), (4, 4), (3, 3)]));
        used(&fixture.engine, &token, NOW + 8, Some("10.0.0.3"));
        used(&fixture.engine, &token, NOW + 9, Some("10.0.0.1"));
        // IPv4 in the form of IPv6 is the same address; an older use of a known one changes nothing.
        used(&fixture.engine, &token, NOW + 10, Some("::ffff:10.0.0.7"));
        used(&fixture.engine, &token, NOW + 2, Some("10.0.0.6"));
        assert_eq!(addresses(), expected(&[(7, 10), (1, 9), (3, 8), (6, 6), (5, 5)]));
        used(&fixture.engine, &token, NOW + 1, Some("10.0.0.99"));
        assert_eq!(addresses(), expected(&[(7, 10), (1, 9), (3, 8), (6, 6), (5, 5)]), "older than all");
        used(&fixture.engine, &token, NOW + 11, Some("2001:DB8:0::1"));
        assert_eq!(addresses()[0], ("2001:db8::1".to_owned(), 11));
    }

    #[test]
    fn a_token_about_to_expire_is_reported_once_a_day_by_whichever_process() {
        let fixture = Fixture::new();
        let token = fixture.token();
        let other = open(&fixture.folder, &fixture.clock, None);
        used(&fixture.engine, &token, NOW + 86_399, None);
        fixture.engine.flush().unwrap();
        assert!(fixture.events("token.expiring").is_empty(), "its time to warn has not come");

        for at in [NOW + 86_400, NOW + 86_401, NOW + 2 * 86_400 - 1, NOW + 2 * 86_400] {
            used(&fixture.engine, &token, at, None);
            used(&other, &token, at, None);
        }
        fixture.engine.flush().unwrap();
        other.flush().unwrap();
        used(&other, &token, NOW + 2 * 86_400 + 1, None);
        other.flush().unwrap();
        let events = fixture.events("token.expiring");
        assert_eq!(events.iter().map(|event| event.at - NOW).collect::<Vec<_>>(), [86_400, 2 * 86_400]);
        assert_eq!(events[0].subject.as_deref(), Some(token.id.as_str()));
        assert_eq!(
            (events[0].actor.as_str(), events[0].actor_kind.as_str()),
            ("Adam", &*format!("token:{}", token.id))
        );
        assert_eq!(events[0].detail.as_deref(), Some(&*format!(r#"{{"expiresAt":{}}}"#, NOW + 10 * 86_400)));
        assert_eq!(fixture.engine.owner().token_usage(token.id.as_str()).unwrap().uses, 10);
    }

    #[test]
    fn refusals_are_recorded_and_a_flood_of_them_is_counted() {
        let fixture = Fixture::new();
        let token = fixture.token();
        let count = Arc::new(UseCount::new(token.sequence));
        let refused = |outcome, token: Option<&Token>, address| {
            let found = token.map(|token| Arc::new(FoundToken { token: token.clone(), roles: Vec::new() }));
            let token = found.as_ref().map(|found| (found, &count));
            let (is_expiring, now_seconds) = (false, NOW + 3);
            fixture.engine.usage.record(&Checked { token, outcome, is_expiring, address, now_seconds });
        };
        refused(Outcome::Revoked, Some(&token), Some("::ffff:10.1.2.3"));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1_000).for_each(|_| refused(Outcome::Unknown, None, None)));
            }
        });
        fixture.engine.flush().unwrap();
        let events = fixture.events("token.refuse");
        let unknown: Vec<_> = events.iter().filter(|event| event.outcome == "Unknown").collect();
        assert_eq!(unknown.len(), 21);
        assert_eq!(unknown.iter().filter(|event| event.detail.as_deref() == Some(r#"{"more":3980}"#)).count(), 1);
        assert!(unknown.iter().all(|event| event.subject.is_none() && event.actor == "bearer"));
        let revoked: Vec<_> = events.iter().filter(|event| event.outcome == "Revoked").collect();
        assert_eq!(revoked.len(), 1, "a flood of others hides none");
        assert_eq!(revoked[0].subject.as_deref(), Some(token.id.as_str()));
        assert_eq!((revoked[0].actor.as_str(), revoked[0].at), ("Adam", NOW + 3));
        assert_eq!(revoked[0].detail.as_deref(), Some(r#"{"address":"10.1.2.3"}"#));

        refused(Outcome::Unknown, None, None);
        fixture.engine.flush().unwrap();
        assert_eq!(fixture.events("token.refuse").len(), 23, "the next interval begins anew");
        assert!(fixture.engine.owner().check_audit().unwrap().broken.is_none());
        assert_eq!(fixture.engine.owner().token_usage(token.id.as_str()).unwrap().uses, 0);
    }

    #[test]
    fn what_cannot_be_written_is_kept_and_tried_again() {
        let fixture = Fixture::new();
        let token = fixture.token();
        let elsewhere = rusqlite::Connection::open(fixture.folder.path().join("tokens.db")).unwrap();
        elsewhere.execute_batch("BEGIN IMMEDIATE").unwrap();
        used(&fixture.engine, &token, NOW, Some("10.0.0.1"));
        let outcome = Outcome::Malformed;
        let refusal = Checked { token: None, outcome, is_expiring: false, address: None, now_seconds: NOW };
        (0..25).for_each(|_| fixture.engine.usage.record(&refusal));
        assert_eq!(fixture.engine.flush().unwrap_err().code(), ErrorCode::StoreBusy);
        used(&fixture.engine, &token, NOW + 1, Some("10.0.0.2"));
        (0..25).for_each(|_| fixture.engine.usage.record(&refusal));
        assert_eq!(fixture.engine.flush_counts(), FlushCounts { failed_flushes: 1, lost_uses: 0 });
        elsewhere.execute_batch("ROLLBACK").unwrap();

        fixture.engine.flush().unwrap();
        fixture.engine.flush().unwrap();
        let usage = fixture.engine.owner().token_usage(token.id.as_str()).unwrap();
        assert_eq!((usage.uses, usage.last_used_at, usage.addresses.len()), (2, Some(NOW + 1), 2));
        let refusals = fixture.events("token.refuse");
        assert_eq!(refusals.len(), 2 * 21);
        assert_eq!(refusals.iter().filter(|event| event.detail.as_deref() == Some(r#"{"more":5}"#)).count(), 2);
    }

    #[test]
    fn notes_are_bounded() {
        let fixture = Fixture::new();
        let mut token = fixture.token();
        let known = token.clone();
        // Not to be emptied meanwhile by the thread, which half of this wakes.
        let unwritten = lock(&fixture.engine.usage.notes.unwritten);
        let count = Arc::new(UseCount::new(known.sequence));
        used_again(&fixture.engine, &known, &count, NOW, None);
        for sequence in 1_000_001..1_000_001 + MAXIMUM_NOTES as i64 + 4 {
            token.sequence = sequence;
            used(&fixture.engine, &token, NOW, None);
        }
        used_again(&fixture.engine, &known, &count, NOW, None);
        assert_eq!(fixture.engine.flush_counts().lost_uses, 5);
        // What cannot be counted in place is a note more.
        used_again(&fixture.engine, &token, &count, NOW, Some("10.0.0.1"));
        assert_eq!(fixture.engine.flush_counts().lost_uses, 6);
        drop(unwritten);
        fixture.engine.flush().unwrap();
        assert_eq!(fixture.engine.usage.notes.kept.load(Ordering::Relaxed), 0);
        // Those of tokens that are gone are passed over.
        assert_eq!(fixture.engine.owner().token_usage(known.id.as_str()).unwrap().uses, 2);
        used(&fixture.engine, &token, NOW, None);
        assert_eq!(fixture.engine.flush_counts().lost_uses, 6);
    }

    #[test]
    fn batches_are_bounded_and_nothing_is_left_out() {
        let events = (0..450).map(|_| by_bearer(None, "token.refuse", NOW)).collect();
        let mut unwritten = Unwritten { uses: BTreeMap::new(), events };
        for sequence in 1..=300 {
            let uses = TokenUses { days: vec![(1, 1), (2, 1)], ..TokenUses::default() };
            unwritten.uses.insert(sequence, uses);
        }
        let large = TokenUses { days: (0..500).map(|day| (day, 1)).collect(), ..TokenUses::default() };
        unwritten.uses.insert(301, large);
        let (mut tokens, mut events) = (0, 0);
        while !(unwritten.uses.is_empty() && unwritten.events.is_empty()) {
            let (uses, more) = unwritten.take_batch();
            let rows: usize = uses.iter().map(|(_, uses)| 1 + uses.days.len()).sum();
            assert!(rows + more.len() <= MAXIMUM_ROWS || (uses.len() == 1 && more.is_empty()));
            assert!(!(uses.is_empty() && more.is_empty()));
            tokens += uses.len();
            events += more.len();
        }
        assert_eq!((tokens, events), (301, 450));
    }

    #[test]
    fn a_flush_without_anything_to_write_writes_nothing() {
        let fixture = Fixture::new();
        let token = fixture.token();
        fixture.engine.flush().unwrap();
        let elsewhere = rusqlite::Connection::open(fixture.folder.path().join("tokens.db")).unwrap();
        let version = || elsewhere.pragma_query_value(None, "data_version", |row| row.get::<_, i64>(0)).unwrap();
        let before = (version(), fixture.engine.store.change_number().unwrap());
        fixture.engine.flush().unwrap();
        assert_eq!(version(), before.0);
        used(&fixture.engine, &token, NOW, None);
        fixture.engine.flush().unwrap();
        assert_ne!(version(), before.0);
        assert_eq!(fixture.engine.store.change_number().unwrap(), before.1, "no check rests on it");
    }

    #[test]
    fn the_thread_flushes_by_itself_and_when_the_engine_closes() {
        let fixture = Fixture::new();
        let token = fixture.token();
        let uses = || fixture.engine.store.usage(token.sequence, 0).unwrap().uses;
        let quick = open(&fixture.folder, &fixture.clock, Some(Duration::from_millis(20)));
        used(&quick, &token, NOW, None);
        let begun = Instant::now();
        while uses() == 0 {
            assert!(begun.elapsed() < Duration::from_secs(60), "it was to flush every 20 milliseconds");
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(quick);

        let slow = open(&fixture.folder, &fixture.clock, Some(Duration::from_secs(86_400)));
        used(&slow, &token, NOW, None);
        assert_eq!(uses(), 1);
        let begun = Instant::now();
        drop(slow);
        assert!(begun.elapsed() < Duration::from_secs(30), "the thread does not sleep its day through");
        assert_eq!(uses(), 2);
    }
}
