//! The check of a token that was checked before.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use criterion::Criterion;
use tessera_native::model::{Algorithm, Outcome as Verdict, TokenFormat};
use tessera_native::policy::AccessContext;
use tessera_native::service::{Engine, GrantRequest, MintRequest, VerifyRequest};

use crate::measure::{Goal, Outcome, Report, Row, Side, quotients, require};
use crate::stores::{self, shuffled};
use crate::{Extent, Scratch};

/// The tokens that are checked in turn: more than a processor predicts, and few enough to be what is used every day.
const TOKENS: usize = 1_024;

/// The check as the C ABI makes it: what was found is looked at where it lies, and nobody comes to share it.
pub fn outcome(engine: &Engine, value: &[u8]) -> Verdict {
    engine.validate_with(black_box(value), AccessContext::default(), |finding| finding.outcome)
}

fn check(engine: &Engine, value: &[u8]) -> bool {
    outcome(engine, value) == Verdict::Valid
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
        notes: vec![format!(
            "{TOKENS} tokens in turn, by validate_with, which lends what it found; validate shares it"
        )],
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

/// What is repeated for instruments that count instructions. Nothing but the repeating depends on how often it is done, so
/// the difference of two runs is the repeated alone.
pub fn repeat(scratch: &Scratch, what: &str, count: usize) -> Outcome<()> {
    /// The most that can be done for the first time.
    const NEW: usize = 600;
    let path = scratch.folder("repeat")?.join("tokens.db");
    let engine = stores::create(&path)?;
    let done = match what {
        "hot" => {
            let values = stores::grant(&engine, 64)?;
            let values = shuffled(&values);
            require(values.iter().all(|value| check(&engine, value)), "a granted token is refused")?;
            repeated(count, &mut |number| check(&engine, values[number % values.len()]))
        }
        "cold" => {
            require(count <= NEW, "there are not as many tokens")?;
            let values = stores::grant(&engine, NEW + 64)?;
            drop(engine);
            let engine = stores::open(&path)?;
            require(values[NEW..].iter().all(|value| check(&engine, value)), "a granted token is refused")?;
            repeated(count, &mut |number| check(&engine, &values[number]))
        }
        "jwt-hot" => {
            engine.owner().create_key(Algorithm::ES256)?;
            let request = GrantRequest { format: Some(TokenFormat::Jwt), ..stores::request() };
            let grant = engine.owner().grant(&request)?;
            require(check(&engine, grant.value.as_bytes()), "a granted token is refused")?;
            repeated(count, &mut |_| check(&engine, grant.value.as_bytes()))
        }
        "jwt-new" => {
            engine.owner().create_key(Algorithm::HS256)?;
            let claims = r#"{"aud":"https://api.example","sub":"Adam","client_id":"Adam","roles":["Reader"]}"#;
            let minted = engine.owner().mint_jwt(&MintRequest { claims, ..MintRequest::default() })?;
            let request = VerifyRequest { audience: Some("https://api.example"), ..VerifyRequest::default() };
            let verify = || engine.verify_jwt(black_box(minted.value.as_bytes()), &request);
            require(verify()?.outcome == Verdict::Valid, "a minted token is refused")?;
            repeated(count, &mut |_| verify().is_ok_and(|verified| verified.outcome == Verdict::Valid))
        }
        "jwt-mint" => {
            let key_id = engine.owner().create_key(Algorithm::HS256)?.key_id;
            let claims =
                r#"{"aud":"https://api.example","sub":"Adam","client_id":"Adam","name":"nightly","roles":["Reader"]}"#;
            let request = MintRequest {
                claims,
                key_id: Some(&key_id),
                lifetime_seconds: Some(30 * 86_400),
                ..MintRequest::default()
            };
            let mint = || engine.owner().mint_jwt(black_box(&request));
            let minted = mint()?;
            let verify = VerifyRequest { audience: Some("https://api.example"), ..VerifyRequest::default() };
            let verified = engine.verify_jwt(minted.value.as_bytes(), &verify)?;
            require(verified.outcome == Verdict::Valid, "a minted token is refused")?;
            repeated(count, &mut |_| mint().is_ok_and(|minted| !minted.value.as_bytes().is_empty()))
        }
        other => return require(false, &format!("there is nothing called {other} to repeat")),
    };
    require(done == count, "a token is refused")
}

/// The function by whose name instruments know what is to be counted. Gives how often the answer was yes.
#[inline(never)]
fn repeated(count: usize, what: &mut dyn FnMut(usize) -> bool) -> usize {
    (0..count).filter(|number| what(*number)).count()
}
