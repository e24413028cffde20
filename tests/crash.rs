//! What was acknowledged is there after the process is killed in the middle of its work.

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use support::{check, open_at, request};
use tessera_native::clock::FixedClock;
use tessera_native::model::Outcome;
use tessera_native::service::{Engine, OpenOptions};

const CHILD: &str = "TESSERA_TEST_CRASHING_STORE";
const ROUNDS: usize = 40;

#[test]
fn acknowledged_grants_and_revocations_survive_a_kill() {
    let fixture = support::fixture();
    let path = fixture.path();
    drop(fixture.engine);
    let clock = Arc::new(FixedClock::new(support::NOW));
    let mut expected: BTreeMap<String, Outcome> = BTreeMap::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "process_that_is_killed", "--nocapture", "--quiet"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Killed after another number of acknowledgements each time, wherever it is by then.
        for _ in 0..1 + (round * 7) % 23 {
            let acknowledged = loop {
                let line = lines.next().expect("the process lives until it is killed").unwrap();
                if let Some(acknowledged) = line.strip_prefix("acknowledged ") {
                    break acknowledged.to_owned();
                }
            };
            let (what, value) = acknowledged.split_once(' ').unwrap();
            let outcome = if what == "granted" { Outcome::Valid } else { Outcome::Revoked };
            expected.insert(value.to_owned(), outcome);
        }
        child.kill().unwrap();
        child.wait().unwrap();

        let engine = open_at(path.clone(), &clock);
        assert!(engine.problems().unwrap().is_empty(), "round {round}");
        for (value, outcome) in &expected {
            let found = check(&engine, value.as_bytes());
            // What the process did without being heard may have been done: a grant may be revoked by then.
            let unheard = *outcome == Outcome::Valid && found == Outcome::Revoked;
            assert!(found == *outcome || unheard, "round {round}: {found:?} where {outcome:?} was acknowledged");
        }
    }
    let revoked = expected.values().filter(|outcome| **outcome == Outcome::Revoked).count();
    assert!(revoked > 20 && revoked < expected.len(), "both kinds were acknowledged");
}

/// Not a test by itself: the process that the one above kills.
#[test]
fn process_that_is_killed() {
    let Some(path) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let clock = support::SharedClock(Arc::new(FixedClock::new(support::NOW)));
    let engine = Engine::open_with_clock(OpenOptions { path, ..Default::default() }, Box::new(clock)).unwrap();
    let mut out = std::io::stdout();
    for number in 0.. {
        let grant = engine.grant(&request()).unwrap();
        let value = String::from_utf8(grant.value.as_bytes().to_vec()).unwrap();
        writeln!(out, "acknowledged granted {value}").unwrap();
        if number % 2 == 1 {
            engine.revoke_token(grant.token.id.as_str(), None).unwrap();
            writeln!(out, "acknowledged revoked {value}").unwrap();
        }
    }
}
