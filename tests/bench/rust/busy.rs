//! Checks while others revoke and grant without a pause.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use std::sync::Arc;

use tessera_native::model::Outcome as Verdict;
use tessera_native::policy::AccessContext;
use tessera_native::service::Engine;

use crate::measure::{Goal, Outcome, Report, Row, Side, quotients, require};
use crate::stores;
use crate::{Extent, Scratch};

/// Threads that check.
const CHECKERS: usize = 2;
/// The tokens that are checked in turn.
const TOKENS: usize = 10_000;
/// How long who writes waits from one write to the next: a hundred writes a second.
const PAUSE: Duration = Duration::from_millis(10);

/// How long each check of a thread took: how often in each of the intervals, of which 32 double the length.
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

/// Checks until told to stop.
fn check(
    engine: Arc<Engine>,
    values: Arc<Vec<Vec<u8>>>,
    first: usize,
    stop: Arc<AtomicBool>,
) -> JoinHandle<Option<Times>> {
    thread::spawn(move || {
        let mut times = Times::new();
        let mut last = Instant::now();
        for value in values.iter().cycle().skip(first) {
            let verdict = engine.validate(value, AccessContext::default());
            let now = Instant::now();
            if verdict.outcome != Verdict::Valid {
                return None;
            }
            times.add(u64::try_from((now - last).as_nanos()).unwrap_or(u64::MAX));
            last = now;
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
        Some(times)
    })
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
struct Stretch {
    checks_per_second: f64,
    p999: f64,
    writes: usize,
}

fn stretch(
    engine: &Arc<Engine>,
    values: &Arc<Vec<Vec<u8>>>,
    to_revoke: Option<Vec<Vec<u8>>>,
    time: Duration,
) -> Outcome<Stretch> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    if let Some(mut to_revoke) = to_revoke {
        let revoking = engine.clone();
        writers.push(steadily(stop.clone(), move || {
            // The id stands in the value, after the prefix.
            let Some(value) = to_revoke.pop() else { return false };
            let Ok(id) = std::str::from_utf8(&value[4..16]) else { return false };
            revoking.owner().revoke_token(id, None).is_ok_and(|(_, revoked)| revoked)
                && revoking.validate(&value, AccessContext::default()).outcome == Verdict::Revoked
        }));
        let (granting, request) = (engine.clone(), stores::request());
        writers.push(steadily(stop.clone(), move || granting.owner().grant(&request).is_ok()));
    }
    let begun = Instant::now();
    let checkers: Vec<_> = (0..CHECKERS)
        .map(|number| check(engine.clone(), values.clone(), number * TOKENS / CHECKERS, stop.clone()))
        .collect();
    thread::sleep(time);
    stop.store(true, Ordering::Relaxed);
    let mut all = Times::new();
    for checker in checkers {
        let times = checker.join().map_err(|_| "A thread that checks has panicked.")?;
        let times = times.ok_or("What was measured is wrong: a token that nobody revoked is refused")?;
        all.0.iter_mut().zip(times.0).for_each(|(sum, count)| *sum += count);
    }
    let seconds = begun.elapsed().as_secs_f64();
    let mut writes = 0;
    for writer in writers {
        let done = writer.join().map_err(|_| "A thread that writes has panicked.")?;
        writes += done.ok_or("What was measured is wrong: a revocation or a grant failed")?;
    }
    Ok(Stretch { checks_per_second: all.count() as f64 / seconds, p999: all.at(0.999), writes })
}

pub fn all(report: &mut Report, scratch: &Scratch, extent: Extent) -> Outcome<()> {
    let engine = Arc::new(stores::create(&scratch.folder("busy")?.join("tokens.db"))?);
    let values = Arc::new(stores::grant(&engine, TOKENS)?);
    let time = Duration::from_millis(extent.pick(2_000, 400));
    let most = (time.as_millis() / PAUSE.as_millis()) as usize + 2;
    // Every token is in memory before the first time is taken.
    stretch(&engine, &values, None, time)?;
    let (mut quiet, mut busy, mut writes) = (Vec::new(), Vec::new(), 0);
    let rounds = extent.pick(7, 3);
    for _ in 0..rounds {
        quiet.push(stretch(&engine, &values, None, time)?);
        // They were checked before, so that each revocation is of a token that is held in memory.
        let to_revoke = stores::grant(&engine, most)?;
        for value in &to_revoke {
            let verdict = engine.validate(value, AccessContext::default());
            require(verdict.outcome == Verdict::Valid, "a granted token is refused")?;
        }
        let measured = stretch(&engine, &values, Some(to_revoke), time)?;
        writes += measured.writes;
        busy.push(measured);
    }
    let rate = |stretches: &[Stretch]| stretches.iter().map(|stretch| stretch.checks_per_second).collect::<Vec<_>>();
    let p999 = |stretches: &[Stretch]| stretches.iter().map(|stretch| stretch.p999).collect::<Vec<_>>();
    let what = format!("Rust: {CHECKERS} threads that check while one revokes and one grants a hundred times a second");
    let written = writes as f64 / (time.as_secs_f64() * f64::from(rounds));
    report.add(&Row {
        id: "busy",
        what: what.clone(),
        peer: "the same two threads alone".to_owned(),
        figure: quotients(&rate(&busy), &rate(&quiet)),
        unit: "of the rate",
        goal: Some(Goal::AtLeast(0.8)),
        ours: Side::of("a second", rate(&busy)),
        theirs: Side::of("a second", rate(&quiet)),
        notes: vec![format!("{written:.0} revocations and grants a second, {TOKENS} tokens checked in turn")],
    })?;
    report.add(&Row {
        id: "busy-p999",
        what: format!("{what}: p99.9 of a check"),
        peer: "the same two threads alone".to_owned(),
        figure: quotients(&p999(&busy), &p999(&quiet)),
        unit: "of the time",
        goal: None,
        ours: Side::of("ns", p999(&busy)),
        theirs: Side::of("ns", p999(&quiet)),
        notes: Vec::new(),
    })
}
