//! Checks while others revoke and grant, each a hundred times a second.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use std::sync::Arc;

use tessera_native::model::Outcome as Verdict;
use tessera_native::service::Engine;

use crate::check;
use crate::measure::{Goal, Outcome, Report, Row, Side, quotients, require};
use crate::stores;
use crate::{Extent, Scratch};

/// Threads that check.
const CHECKERS: usize = 2;
/// The tokens that are checked in turn.
const TOKENS: usize = 10_000;
/// From the beginning of one write to that of the next.
const PAUSE: Duration = Duration::from_millis(10);

/// How long each check took: how often in each of the intervals, of which 32 double the length.
struct Times(Vec<u64>);

impl Times {
    const PARTS: u32 = 5;

    fn new() -> Self {
        Self(vec![0; 64 << Self::PARTS])
    }

    fn add(&mut self, nanoseconds: u64) {
        let value = nanoseconds.max(1 << Self::PARTS);
        let exponent = value.ilog2() - Self::PARTS;
        // The leading bit stands for the exponent, the next five for the place within it.
        self.0[((exponent as usize) << Self::PARTS) + ((value >> exponent) as usize & ((1 << Self::PARTS) - 1))] += 1;
    }

    fn of_all(threads: Vec<Self>) -> Self {
        let mut all = Self::new();
        for times in threads {
            all.0.iter_mut().zip(times.0).for_each(|(sum, count)| *sum += count);
        }
        all
    }

    fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The time that this share of the checks didn't exceed, in nanoseconds.
    fn at(&self, share: f64) -> f64 {
        let rank = (self.count() as f64 * share) as u64;
        let mut seen = 0;
        let found = self.0.iter().position(|count| {
            seen += count;
            seen > rank
        });
        let index = found.unwrap_or(0);
        let (exponent, place) = (index >> Self::PARTS, index & ((1 << Self::PARTS) - 1));
        (((1 << Self::PARTS) + place) as f64 + 1.0) * 2_f64.powi(exponent as i32)
    }
}

/// Checks from this token on until told to stop, and says when each was done. Whether all were `Valid`.
fn check(engine: &Engine, values: &[Vec<u8>], first: usize, stop: &AtomicBool, mut checked: impl FnMut()) -> bool {
    for value in values.iter().cycle().skip(first) {
        if check::outcome(engine, value) != Verdict::Valid {
            return false;
        }
        checked();
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    true
}

/// What a thread that checks does: its checks from one token on until told to stop, unless one is refused.
type Checker<T> = fn(&Engine, &[Vec<u8>], usize, &AtomicBool) -> Option<T>;

/// Counts the checks. No clock is read meanwhile but those of the check itself.
fn counted(engine: &Engine, values: &[Vec<u8>], first: usize, stop: &AtomicBool) -> Option<u64> {
    let mut count = 0;
    check(engine, values, first, stop, || count += 1).then_some(count)
}

/// Takes the time of each check, from the end of the one before it.
fn timed(engine: &Engine, values: &[Vec<u8>], first: usize, stop: &AtomicBool) -> Option<Times> {
    let mut times = Times::new();
    let mut last = Instant::now();
    let are_valid = check(engine, values, first, stop, || {
        let now = Instant::now();
        times.add(u64::try_from((now - last).as_nanos()).unwrap_or(u64::MAX));
        last = now;
    });
    are_valid.then_some(times)
}

/// Does something a hundred times a second until told to stop; gives how often it did.
fn steadily(stop: Arc<AtomicBool>, mut act: impl FnMut() -> bool + Send + 'static) -> JoinHandle<Option<usize>> {
    thread::spawn(move || {
        let begun = Instant::now();
        let mut done = 0;
        while !stop.load(Ordering::Relaxed) {
            if !act() {
                return None;
            }
            done += 1;
            thread::sleep((PAUSE * done as u32).saturating_sub(begun.elapsed()));
        }
        Some(done)
    })
}

/// What the checks of one stretch of time came to.
struct Stretch<T> {
    /// Of each thread that checks.
    checked: Vec<T>,
    seconds: f64,
    /// Revocations and grants.
    writes: usize,
}

/// Lets threads check for a while; with tokens to revoke, two others write meanwhile.
fn stretch<T: Send + 'static>(
    engine: &Arc<Engine>,
    values: &Arc<Vec<Vec<u8>>>,
    to_revoke: Option<Vec<Vec<u8>>>,
    time: Duration,
    checker: Checker<T>,
) -> Outcome<Stretch<T>> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    if let Some(mut to_revoke) = to_revoke {
        let revoking = engine.clone();
        writers.push(steadily(stop.clone(), move || {
            // The id stands in the value, after the prefix.
            let Some(value) = to_revoke.pop() else { return false };
            let Ok(id) = std::str::from_utf8(&value[4..16]) else { return false };
            revoking.owner().revoke_token(id, None).is_ok_and(|(_, revoked)| revoked)
                && check::outcome(&revoking, &value) == Verdict::Revoked
        }));
        let (granting, request) = (engine.clone(), stores::request());
        writers.push(steadily(stop.clone(), move || granting.owner().grant(&request).is_ok()));
    }
    let begun = Instant::now();
    let checkers: Vec<_> = (0..CHECKERS)
        .map(|number| {
            let (engine, values, stop) = (engine.clone(), values.clone(), stop.clone());
            thread::spawn(move || checker(&engine, &values, number * TOKENS / CHECKERS, &stop))
        })
        .collect();
    thread::sleep(time);
    stop.store(true, Ordering::Relaxed);
    let mut checked = Vec::new();
    for checker in checkers {
        let own = checker.join().map_err(|_| "A thread that checks has panicked.")?;
        checked.push(own.ok_or("What was measured is wrong: a token that nobody revoked is refused")?);
    }
    let seconds = begun.elapsed().as_secs_f64();
    let mut writes = 0;
    for writer in writers {
        let done = writer.join().map_err(|_| "A thread that writes has panicked.")?;
        writes += done.ok_or("What was measured is wrong: a revocation or a grant failed")?;
    }
    Ok(Stretch { checked, seconds, writes })
}

/// Grants as many tokens as can be revoked in this time, and checks each, so that it is held in memory when it is revoked.
fn granted_to_revoke(engine: &Engine, time: Duration) -> Outcome<Vec<Vec<u8>>> {
    let to_revoke = stores::grant(engine, (time.as_millis() / PAUSE.as_millis()) as usize + 2)?;
    let are_valid = to_revoke.iter().all(|value| check::outcome(engine, value) == Verdict::Valid);
    require(are_valid, "a granted token is refused")?;
    Ok(to_revoke)
}

pub fn all(report: &mut Report, scratch: &Scratch, extent: Extent) -> Outcome<()> {
    let engine = Arc::new(stores::create(&scratch.folder("busy")?.join("tokens.db"))?);
    let values = Arc::new(stores::grant(&engine, TOKENS)?);
    let time = Duration::from_millis(extent.pick(1_500, 300));
    // Every token is in memory before the first time is taken.
    stretch(&engine, &values, None, time, counted)?;
    let (mut quiet, mut busy) = (Vec::new(), Vec::new());
    let (mut quiet_p999, mut busy_p999) = (Vec::new(), Vec::new());
    let (mut writes, mut seconds) = (0, 0.0);
    let rate = |stretch: &Stretch<u64>| stretch.checked.iter().sum::<u64>() as f64 / stretch.seconds;
    for _ in 0..extent.pick(7, 3) {
        quiet.push(rate(&stretch(&engine, &values, None, time, counted)?));
        let to_revoke = Some(granted_to_revoke(&engine, time)?);
        let measured = stretch(&engine, &values, to_revoke, time, counted)?;
        busy.push(rate(&measured));
        writes += measured.writes;
        seconds += measured.seconds;
        // By themselves, because the clock that is read after each check takes a good part of a check's time.
        quiet_p999.push(Times::of_all(stretch(&engine, &values, None, time, timed)?.checked).at(0.999));
        let to_revoke = Some(granted_to_revoke(&engine, time)?);
        busy_p999.push(Times::of_all(stretch(&engine, &values, to_revoke, time, timed)?.checked).at(0.999));
    }
    let what = format!("Rust: {CHECKERS} threads that check while one revokes and one grants a hundred times a second");
    report.add(&Row {
        id: "busy",
        what: what.clone(),
        peer: "the same two threads alone".to_owned(),
        figure: quotients(&busy, &quiet),
        unit: "of the rate",
        goal: Some(Goal::AtLeast(0.8)),
        ours: Side::of("a second", busy),
        theirs: Side::of("a second", quiet),
        notes: vec![format!(
            "{:.0} revocations and grants a second, {TOKENS} tokens checked in turn",
            writes as f64 / seconds
        )],
    })?;
    report.add(&Row {
        id: "busy-p999",
        what: format!("{what}: p99.9 of a check"),
        peer: "the same two threads alone".to_owned(),
        figure: quotients(&busy_p999, &quiet_p999),
        unit: "of the time",
        goal: None,
        ours: Side::of("ns", busy_p999),
        theirs: Side::of("ns", quiet_p999),
        notes: vec!["the reading of the clock after each check included".to_owned()],
    })
}
