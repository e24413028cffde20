//! What checks leave behind in the store: last use, counts, and what would be felt if a token ended.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use support::{NOW, check, fixture, open_at, request};
use tessera_native::clock::FixedClock;
use tessera_native::error::ErrorCode;
use tessera_native::model::{Actor, Impact, Outcome, RotationMode, TokenUsage};
use tessera_native::policy::Lifetime;
use tessera_native::service::{GrantRequest, RotationRequest};

#[test]
fn a_check_leaves_its_time_after_the_next_flush() {
    let fixture = fixture();
    let grant = fixture.grant();
    let id = grant.token.id.as_str();
    fixture.clock.set(NOW + 7);
    assert_eq!(fixture.check(&grant), Outcome::Valid);
    assert_eq!(fixture.engine.owner().token(id).unwrap().last_used_at, None, "a check writes nothing");
    fixture.engine.flush().unwrap();
    assert_eq!(fixture.engine.owner().token(id).unwrap().last_used_at, Some(NOW + 7));
    assert_eq!(fixture.engine.owner().token_usage(id).unwrap().uses, 1);

    fixture.engine.owner().revoke_token(id, None).unwrap();
    assert_eq!(fixture.check(&grant), Outcome::Revoked);
    fixture.engine.flush().unwrap();
    let usage = fixture.engine.owner().token_usage(id).unwrap();
    assert_eq!((usage.uses, usage.last_used_at), (1, Some(NOW + 7)), "a refusal is no use");
    assert_eq!(fixture.engine.owner().token_usage("AAAAAAAAAAAA").unwrap_err().code(), ErrorCode::NotFound);
}

#[test]
fn removing_a_used_token_takes_its_usage_along() {
    let fixture = fixture();
    let grant = fixture.grant();
    fixture.check(&grant);
    fixture.engine.flush().unwrap();
    fixture.check(&grant);
    assert!(fixture.engine.owner().remove_token(grant.token.id.as_str()).unwrap());
    fixture.engine.flush().unwrap();
    let connection = rusqlite::Connection::open(fixture.path()).unwrap();
    for table in ["token_usage", "token_usage_day", "token_usage_address"] {
        let rows: i64 = connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0, "{table}");
    }
    assert!(fixture.engine.owner().problems().unwrap().is_empty());
}

#[test]
fn the_impact_of_an_end_is_told() {
    let fixture = fixture();
    let engine = &fixture.engine;
    let grant = fixture.grant();
    let id = grant.token.id.as_str();
    assert_eq!(engine.owner().impact(id).unwrap(), Impact::default());
    for day in [0, 1, 6, 7] {
        fixture.clock.set(NOW + day * 86_400);
        fixture.check(&grant);
    }
    let impact = engine.owner().impact(id).unwrap();
    assert_eq!(impact.last_used_at, Some(NOW + 7 * 86_400));
    assert_eq!(impact.uses_in_seven_days, 3, "the first was eight days ago, counting today");

    // Two that it granted, one of which granted another; one of them is over, one is revoked.
    let by = |parent: &tessera_native::model::TokenId, lifetime| {
        let actor = Actor::Token { id: parent.clone(), identity: "Adam".to_owned() };
        engine.session(&actor).grant(&GrantRequest { lifetime, ..request() }).unwrap().token.id
    };
    let child = by(&grant.token.id, Lifetime::Seconds(86_400));
    by(&child, Lifetime::Seconds(86_400));
    by(&grant.token.id, Lifetime::Seconds(60));
    let revoked = by(&grant.token.id, Lifetime::Seconds(86_400));
    assert_eq!(engine.owner().impact(id).unwrap().children, 4);
    engine.owner().revoke_token(revoked.as_str(), None).unwrap();
    fixture.clock.set(NOW + 7 * 86_400 + 60);
    assert_eq!(engine.owner().impact(id).unwrap().children, 2);
    assert_eq!(engine.owner().impact(child.as_str()).unwrap().children, 1);
    assert_eq!(engine.owner().impact("AAAAAAAAAAAA").unwrap_err().code(), ErrorCode::NotFound);

    // What took over from a token ends what that granted: once it has given way, and not before. What is told is done.
    let rotate = |id: &str, mode| {
        let request = RotationRequest { id: id.to_owned(), mode, lifetime: None, idempotency_key: None };
        engine.owner().rotate(&request).unwrap().successor.id
    };
    let next = rotate(id, RotationMode::Grace { seconds: 60 });
    by(&next, Lifetime::Seconds(86_400));
    let children = |id: &tessera_native::model::TokenId| engine.owner().impact(id.as_str()).unwrap().children;
    assert_eq!((children(&grant.token.id), children(&next)), (2, 1));
    fixture.clock.set(NOW + 7 * 86_400 + 120);
    assert_eq!((children(&grant.token.id), children(&next)), (2, 3));
    let last = rotate(next.as_str(), RotationMode::Immediate);
    assert_eq!((children(&next), children(&last)), (3, 3), "itself and what has given way is not counted");
    let live = || engine.owner().status().unwrap().counts.active_tokens;
    let before = live();
    engine.owner().revoke_token(last.as_str(), None).unwrap();
    assert_eq!(before - live(), 1 + 3);
    assert_eq!(children(&last), 0);
}

const CHILD: &str = "TESSERA_TEST_USED_STORE";
const VALUE: &str = "TESSERA_TEST_USED_TOKEN";

/// A process that is killed loses what came since its last flush and no more.
#[test]
fn a_crash_loses_at_most_what_came_since_the_last_flush() {
    let fixture = fixture();
    let grant = fixture.grant();
    let value = String::from_utf8(grant.value.as_bytes().to_vec()).unwrap();
    let mut expected = 0;
    for round in 0..5_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "process_that_uses", "--nocapture", "--quiet"])
            .env(CHILD, fixture.path())
            .env(VALUE, &value)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut flushed = 0;
        for _ in 0..3 + round {
            flushed = loop {
                let line = lines.next().expect("the process lives until it is killed").unwrap();
                if let Some(flushed) = line.strip_prefix("flushed ") {
                    break flushed.parse().unwrap();
                }
            };
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let usage: TokenUsage = fixture.engine.owner().token_usage(grant.token.id.as_str()).unwrap();
        assert!(usage.uses >= expected + flushed, "round {round}: {} of {expected} and {flushed}", usage.uses);
        expected = usage.uses;
        assert!(fixture.engine.owner().problems().unwrap().is_empty());
        assert_eq!(fixture.engine.owner().check_audit().unwrap().broken, None);
    }
}

/// Not a test by itself: the process that the one above kills.
#[test]
fn process_that_uses() {
    let Some(path) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let value = std::env::var(VALUE).unwrap();
    let engine = open_at(path, &Arc::new(FixedClock::new(NOW)));
    let mut out = std::io::stdout();
    for number in 1_u64.. {
        assert_eq!(check(&engine, value.as_bytes()), Outcome::Valid);
        check(&engine, b"no token");
        if number % 10 == 0 {
            engine.flush().unwrap();
            writeln!(out, "flushed {number}").unwrap();
        }
    }
}
