//! Several processes on one store: they may create it at the same moment, and what one acknowledged is there after it
//! is killed in the middle of its work.

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use support::{check, open_at, request};
use tessera_native::clock::FixedClock;
use tessera_native::error::ErrorCode;
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
        assert!(engine.owner().problems().unwrap().is_empty(), "round {round}");
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

/// The files of a store that is open.
const OPEN_STORE: &[&str] = match cfg!(unix) {
    true => &["tokens.db", "tokens.db-counter", "tokens.db-shm", "tokens.db-wal", "tokens.db.key"],
    false => &["tokens.db", "tokens.db-shm", "tokens.db-wal", "tokens.db.key"],
};

const CREATING: &str = "TESSERA_TEST_CREATED_STORE";

#[test]
fn several_processes_may_create_one_store() {
    for _ in 0..5 {
        let folder = support::folder();
        let path = folder.path().join("tokens.db");
        let children: Vec<_> = (0..6)
            .map(|number| {
                Command::new(std::env::current_exe().unwrap())
                    .args(["--exact", "process_that_creates", "--nocapture", "--quiet"])
                    .env(CREATING, &path)
                    .env("TESSERA_TEST_CREATED_BY", number.to_string())
                    .stdout(Stdio::piped())
                    .spawn()
                    .unwrap()
            })
            .collect();
        let mut values = Vec::new();
        for child in children {
            let output = child.wait_with_output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success(), "{text}");
            values.extend(text.lines().filter_map(|line| line.strip_prefix("granted ")).map(str::to_owned));
        }
        assert_eq!(values.len(), 6);
        let engine = open_at(path, &Arc::new(FixedClock::new(support::NOW)));
        assert_eq!(engine.owner().status().unwrap().counts.identities, 6);
        for value in &values {
            assert_eq!(check(&engine, value.as_bytes()), Outcome::Valid, "every process had the one key");
        }
        let mut files: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        files.sort();
        assert_eq!(files, OPEN_STORE, "no draft is left behind");
    }
}

/// Not a test by itself: one of the processes of the one above.
#[test]
fn process_that_creates() {
    let Some(path) = std::env::var_os(CREATING).map(PathBuf::from) else { return };
    let name = format!("identity {}", std::env::var("TESSERA_TEST_CREATED_BY").unwrap());
    let engine = open_at(path, &Arc::new(FixedClock::new(support::NOW)));
    engine.owner().create_identity(&name, &["Reader".to_owned()], None).unwrap();
    let grant = engine.owner().grant(&tessera_native::service::GrantRequest { identity: name, ..request() }).unwrap();
    println!("\ngranted {}", String::from_utf8_lossy(grant.value.as_bytes()));
}

/// Not a test by itself: the process that the first one kills.
#[test]
fn process_that_is_killed() {
    let Some(path) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let clock = support::SharedClock(Arc::new(FixedClock::new(support::NOW)));
    let engine = Engine::open_with_clock(OpenOptions { path, ..Default::default() }, Box::new(clock)).unwrap();
    let mut out = std::io::stdout();
    for number in 0.. {
        let grant = engine.owner().grant(&request()).unwrap();
        let value = String::from_utf8(grant.value.as_bytes().to_vec()).unwrap();
        writeln!(out, "acknowledged granted {value}").unwrap();
        if number % 2 == 1 {
            engine.owner().revoke_token(grant.token.id.as_str(), None).unwrap();
            writeln!(out, "acknowledged revoked {value}").unwrap();
        }
    }
}

/// What another process has made at the moment before its first commit.
#[test]
fn a_store_in_the_making_is_waited_for_and_an_empty_database_is_not_taken() {
    let fixture = support::fixture();
    let folder = support::folder();
    let path = folder.path().join("tokens.db");
    let empty = rusqlite::Connection::open(&path).unwrap();
    empty.pragma_update(None, "journal_mode", "wal").unwrap();
    drop(empty);
    std::fs::copy(fixture.folder.path().join("tokens.db.key"), folder.path().join("tokens.db.key")).unwrap();
    let open = |create| Engine::open(OpenOptions { path: path.clone(), create, ..OpenOptions::default() });
    assert_eq!(open(false).map(drop).unwrap_err().code(), ErrorCode::StoreForeign);
    assert_eq!(open(true).map(drop).unwrap_err().code(), ErrorCode::StoreForeign, "nobody makes a store of it");
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| open(true));
        let made = folder.path().join("made.db");
        fixture.engine.owner().backup(&made).unwrap();
        std::fs::rename(made, &path).unwrap();
        assert!(opening.join().unwrap().unwrap().owner().problems().unwrap().is_empty());
    });
}
