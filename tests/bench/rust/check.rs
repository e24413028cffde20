//! The check of a token that was checked before.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use criterion::Criterion;
use tessera_native::model::Outcome as Verdict;
use tessera_native::policy::AccessContext;
use tessera_native::service::Engine;

use crate::measure::{Goal, Outcome, Report, Row, Side, quotients, require};
use crate::stores::{self, shuffled};
use crate::{Extent, Scratch};

/// The tokens that are checked in turn: more than a processor predicts, and few enough to be what is used every day.
const TOKENS: usize = 1_024;

fn check(engine: &Engine, value: &[u8]) -> bool {
    engine.validate(black_box(value), AccessContext::default()).outcome == Verdict::Valid
}

/// The check against the HMAC of the same values with a prepared key, by criterion, in turns.
pub fn hot(report: &mut Report, scratch: &Scratch, extent: Extent) -> Outcome<()> {
    let folder = scratch.folder("hot")?;
    let engine = stores::create(&folder.join("tokens.db"))?;
    let values = stores::grant(&engine, TOKENS)?;
    require(values.iter().all(|value| check(&engine, value)), "a granted token is refused")?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);

    let output = folder.join("criterion");
    let mut criterion = Criterion::default()
        .without_plots()
        .output_directory(&output)
        .sample_size(extent.pick(30, 10))
        .warm_up_time(Duration::from_millis(extent.pick(300, 100)))
        .measurement_time(Duration::from_millis(extent.pick(600, 200)));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..extent.pick(7, 3) {
        let group = format!("hot-{round}");
        let mut running = criterion.benchmark_group(&group);
        let mut next = values.iter().cycle();
        running.bench_function("check", |bencher| {
            bencher.iter_batched_ref(
                || next.next().map_or(&[][..], Vec::as_slice),
                |value| assert!(check(&engine, value)),
                criterion::BatchSize::SmallInput,
            );
        });
        let mut next = values.iter().cycle();
        running.bench_function("hmac", |bencher| {
            bencher.iter_batched_ref(
                || next.next().map_or(&[][..], Vec::as_slice),
                |value| hmac::sign(&key, black_box(value)),
                criterion::BatchSize::SmallInput,
            );
        });
        running.finish();
        ours.push(median(&output.join(&group).join("check"))?);
        theirs.push(median(&output.join(&group).join("hmac"))?);
    }
    report.add(&Row {
        id: "rust-hot",
        what: "Rust: hot check of an opaque token".to_owned(),
        peer: "HMAC-SHA-256 of the same value alone, with a prepared key (aws-lc-rs)".to_owned(),
        figure: quotients(&ours, &theirs),
        unit: "of the time",
        goal: Some(Goal::AtMost(0.6)),
        ours: Side::of("ns", ours),
        theirs: Side::of("ns", theirs),
        notes: vec![format!("{TOKENS} tokens in turn")],
    })
}

/// The median of what criterion has just measured, in nanoseconds.
fn median(folder: &Path) -> Outcome<f64> {
    let estimates: serde_json::Value =
        serde_json::from_reader(std::fs::File::open(folder.join("new").join("estimates.json"))?)?;
    estimates["median"]["point_estimate"].as_f64().ok_or_else(|| "criterion wrote no median".into())
}

/// How long a check takes on its own, in nanoseconds: for whoever measures the way to it. The store holds these values.
pub fn nanoseconds(engine: &Engine, values: &[Vec<u8>]) -> Outcome<f64> {
    require(values.iter().all(|value| check(engine, value)), "a granted token is refused")?;
    let mut rounds = Vec::new();
    for _ in 0..20 {
        let begun = Instant::now();
        let mut valid = 0;
        for _ in 0..10 {
            valid += values.iter().filter(|value| check(engine, value)).count();
        }
        rounds.push(begun.elapsed().as_secs_f64() * 1e9 / (10 * values.len()) as f64);
        require(valid == 10 * values.len(), "a granted token is refused")?;
    }
    Ok(crate::measure::Spread::of(rounds).median)
}

/// Checks tokens so many times and does nothing else that depends on the number: for instruments that count instructions,
/// of which the difference of two runs is taken.
pub fn repeat(scratch: &Scratch, count: u64) -> Outcome<()> {
    let engine = stores::create(&scratch.folder("repeat")?.join("tokens.db"))?;
    let values = stores::grant(&engine, 64)?;
    let values = shuffled(&values);
    require(values.iter().all(|value| check(&engine, value)), "a granted token is refused")?;
    let valid = (0..count).filter(|number| check(&engine, values[*number as usize % values.len()])).count();
    require(valid as u64 == count, "a granted token is refused")
}

/// The same with the HMAC of as many values.
pub fn repeat_hmac(scratch: &Scratch, count: u64) -> Outcome<()> {
    let engine = stores::create(&scratch.folder("repeat")?.join("tokens.db"))?;
    let values = stores::grant(&engine, 64)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
    for number in 0..count {
        black_box(hmac::sign(&key, black_box(&values[number as usize % values.len()])));
    }
    Ok(())
}
