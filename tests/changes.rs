//! Whatever ends a token, or takes from what it may do, is felt by the very next check from a warm cache: in the same process
//! and in another, and whatever became of the process that did it.

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Row};
use support::{Fixture, NOW, fixture, open_at, request};
use tessera_native::clock::FixedClock;
use tessera_native::format::opaque;
use tessera_native::model::{Outcome, TokenFormat, TokenSet, TokenState};
use tessera_native::policy::{AccessContext, Lifetime};
use tessera_native::service::{Engine, Grant, GrantRequest};

const STORE: &str = "TESSERA_TEST_CHANGED_STORE";
const TASK: &str = "TESSERA_TEST_CHANGED_BY";

/// Another process on the store of a test, which answers one line with another.
struct Other {
    child: Child,
    to: Option<ChildStdin>,
    from: Lines<BufReader<ChildStdout>>,
}

impl Other {
    fn start(fixture: &Fixture, task: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "other_process", "--nocapture", "--quiet"])
            .env(STORE, fixture.path())
            .env(TASK, task)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()).lines());
        Self { child, to, from }
    }

    fn answer(&mut self) -> String {
        loop {
            let line = self.from.next().expect("the other process lives").unwrap();
            // The test harness of the other process prints lines of its own.
            if let Some(answer) = line.strip_prefix("answer ") {
                return answer.to_owned();
            }
        }
    }

    fn ask(&mut self, question: &str) -> String {
        writeln!(self.to.as_mut().unwrap(), "{question}").unwrap();
        self.answer()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        drop(self.to.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is done to a token, by whichever process, and what its check for the role Operator comes to then.
const CHANGES: &[(&str, Outcome)] = &[
    ("revoke", Outcome::Revoked),
    ("disable", Outcome::Disabled),
    ("remove", Outcome::Unknown),
    ("reduce the identity", Outcome::RoleDenied),
    ("reduce the role", Outcome::RoleDenied),
    ("remove the identity", Outcome::Revoked),
    ("revoke the identity's", Outcome::Revoked),
    ("revoke the profile's", Outcome::Revoked),
    ("revoke all", Outcome::Revoked),
    ("revoke the key", Outcome::Revoked),
    ("remove the key", Outcome::Unknown),
    ("remove the grantor", Outcome::Revoked),
];

fn apply(engine: &Engine, change: &str, id: &str) {
    let owner = engine.owner();
    let key = || owner.token(id).unwrap().key_id.unwrap();
    match change {
        "revoke" => assert!(owner.revoke_token(id, None).unwrap().1),
        "disable" => assert!(owner.disable_token(id, None).unwrap().1),
        "remove" => assert!(owner.remove_token(id).unwrap()),
        "reduce the identity" => drop(owner.update_identity("Adam", Some(&["Reader".to_owned()]), None).unwrap()),
        "reduce the role" => drop(owner.update_role("Worker", &["Reader".to_owned()]).unwrap()),
        "remove the identity" => assert!(owner.remove_identity("Adam").unwrap().is_some()),
        "revoke the identity's" => {
            assert_ne!(owner.revoke_tokens(&TokenSet::Identity("Adam".to_owned()), None).unwrap(), 0);
        }
        "revoke the profile's" => {
            assert_ne!(owner.revoke_tokens(&TokenSet::Profile("Short".to_owned()), None).unwrap(), 0);
        }
        "revoke all" => assert_ne!(owner.revoke_tokens(&TokenSet::All, None).unwrap(), 0),
        "revoke the key" => assert!(owner.revoke_key(&key(), None).unwrap().1),
        "remove the key" => assert!(owner.remove_key(&key()).unwrap().is_some()),
        "remove the grantor" => {
            assert!(owner.remove_token(owner.token(id).unwrap().parent.unwrap().as_str()).unwrap());
        }
        "change the profile" => {
            drop(owner.update_profile("Short", r#"{"expiredIsRevoked":true}"#).unwrap());
        }
        _ => panic!("{change}"),
    }
}

/// A store with a token of Adam's that has the role Operator by way of another role, under a profile of its own.
fn prepared(change: &str) -> (Fixture, Grant) {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_role("Worker", &["Operator".to_owned()]).unwrap();
    owner.update_identity("Adam", Some(&["Worker".to_owned()]), None).unwrap();
    owner.create_profile("Short", None, "{}").unwrap();
    let request = GrantRequest {
        profile: Some("Short".to_owned()),
        format: change.ends_with("the key").then_some(TokenFormat::Jwt),
        lifetime: Lifetime::Seconds(3_600),
        ..request()
    };
    let grant = owner.grant(&request).unwrap();
    if change != "remove the grantor" {
        return (fixture, grant);
    }
    let actor = fixture.engine.sign_in_with_token(grant.value.as_bytes(), AccessContext::default()).unwrap();
    let grant = fixture.engine.session(&actor).grant(&request).unwrap();
    (fixture, grant)
}

fn check_as_operator(engine: &Engine, grant: &Grant) -> Outcome {
    let context = AccessContext {
        role: Some("Operator"),
        method: Some("GET"),
        uri: Some("https://api.example/jobs/7"),
        ..AccessContext::default()
    };
    engine.validate(grant.value.as_bytes(), context).outcome
}

#[test]
fn each_change_is_felt_by_the_next_check_in_its_process() {
    for (change, expected) in CHANGES {
        let (fixture, grant) = prepared(change);
        for _ in 0..3 {
            assert_eq!(check_as_operator(&fixture.engine, &grant), Outcome::Valid, "{change}");
        }
        apply(&fixture.engine, change, grant.token.id.as_str());
        assert_eq!(check_as_operator(&fixture.engine, &grant), *expected, "{change}");
    }
}

#[test]
fn each_change_is_felt_by_the_next_check_in_another_process() {
    for (change, expected) in CHANGES {
        let (fixture, grant) = prepared(change);
        let mut other = Other::start(&fixture, "changes");
        assert_eq!(other.ask("ready"), "done");
        for _ in 0..3 {
            assert_eq!(check_as_operator(&fixture.engine, &grant), Outcome::Valid, "{change}");
        }
        assert_eq!(other.ask(&format!("{} {change}", grant.token.id)), "done");
        assert_eq!(check_as_operator(&fixture.engine, &grant), *expected, "{change}");
    }
}

/// Runs `act` while a thread makes checks that have to read, one after another, so closely that they leave a transaction open
/// for each other; not before they did so.
fn beside_checks_that_read(fixture: &Fixture, act: impl FnOnce()) {
    let check_a_guess = || {
        let (_, guess) = opaque::mint("tsr").unwrap();
        assert_eq!(support::check(&fixture.engine, guess.as_bytes()), Outcome::Unknown);
    };
    // What no check rests on is written; what of the log cannot be written back is read by somebody, when nobody checks.
    let writing = Connection::open(fixture.path()).unwrap();
    let is_left_open = || {
        writing
            .execute("INSERT OR REPLACE INTO token_usage SELECT sequence, 77, 1, NULL FROM token LIMIT 1", [])
            .unwrap();
        let all_and_written_back = |row: &Row<'_>| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
        let (all, written_back) =
            writing.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], all_and_written_back).unwrap();
        written_back < all
    };
    assert!(!is_left_open(), "there was none yet");
    let begun = Instant::now();
    while !is_left_open() {
        assert!(begun.elapsed() < Duration::from_secs(10), "none is left open");
        (0..10).for_each(|_| check_a_guess());
    }
    std::thread::scope(|scope| {
        // It ends with this, also where the test fails.
        let checking = Arc::new(());
        let is_wanted = Arc::downgrade(&checking);
        scope.spawn(move || {
            while is_wanted.strong_count() > 0 {
                check_a_guess();
            }
        });
        act();
        drop(checking);
    })
}

#[test]
fn beside_checks_that_read_each_change_is_felt_and_each_token_is_found_that_another_process_granted() {
    for (change, expected) in CHANGES {
        let (fixture, grant) = prepared(change);
        let mut other = Other::start(&fixture, "changes");
        assert_eq!(other.ask("ready"), "done");
        beside_checks_that_read(&fixture, || {
            for _ in 0..20 {
                let value = other.ask("- grant");
                assert_eq!(support::check(&fixture.engine, value.as_bytes()), Outcome::Valid);
            }
            assert_eq!(check_as_operator(&fixture.engine, &grant), Outcome::Valid, "{change}");
            assert_eq!(other.ask(&format!("{} {change}", grant.token.id)), "done");
            assert_eq!(check_as_operator(&fixture.engine, &grant), *expected, "{change}");
        });
    }
}

/// Threads of this process check all the while, as fast as they can, and another process revokes.
#[test]
fn while_another_process_revokes_no_check_accepts_what_was_revoked_before_it_began() {
    const TOKENS: usize = 400;
    let fixture = fixture();
    let grants: Vec<_> = (0..TOKENS).map(|_| fixture.grant()).collect();
    let revoked: Vec<_> = (0..TOKENS).map(|_| AtomicBool::new(false)).collect();
    let (is_over, checks) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut other = Other::start(&fixture, "changes");
    assert_eq!(other.ask("ready"), "done");
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let (fixture, grants, revoked, is_over, checks) = (&fixture, &grants, &revoked, &is_over, &checks);
            scope.spawn(move || {
                let mut place = thread * 131;
                while !is_over.load(Ordering::Acquire) {
                    place = (place * 16_807 + 11) % TOKENS;
                    let was_revoked = revoked[place].load(Ordering::Acquire);
                    let found = fixture.check(&grants[place]);
                    assert!(!was_revoked || found == Outcome::Revoked, "{found:?}");
                    checks.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for (grant, revoked) in grants.iter().zip(&revoked) {
            // By both processes in turn.
            if grant.token.sequence % 2 == 0 {
                assert_eq!(other.ask(&format!("{} revoke", grant.token.id)), "done");
            } else {
                apply(&fixture.engine, "revoke", grant.token.id.as_str());
            }
            revoked.store(true, Ordering::Release);
            assert_eq!(fixture.check(grant), Outcome::Revoked);
        }
        is_over.store(true, Ordering::Release);
    });
    assert!(checks.load(Ordering::Relaxed) > TOKENS * 10, "the checks went on meanwhile");
}

/// A process that is killed between its commit and the counter's second step leaves no check behind the store.
#[test]
fn after_a_process_was_killed_at_any_moment_every_check_says_what_the_store_says() {
    const TOKENS: usize = 60;
    let fixture = fixture();
    for round in 0..25 {
        let grants: Vec<_> = (0..TOKENS).map(|_| fixture.grant()).collect();
        let by_id: BTreeMap<String, &Grant> = grants.iter().map(|grant| (grant.token.id.to_string(), grant)).collect();
        let mut other = Other::start(&fixture, "revokes until it is killed");
        for id in by_id.keys() {
            writeln!(other.to.as_mut().unwrap(), "{id}").unwrap();
        }
        let begun = std::time::Instant::now();
        for _ in 0..1 + round % 7 {
            let id = other.answer();
            assert_eq!(fixture.check(by_id[&id]), Outcome::Revoked);
        }
        // Warm, and then at another moment of its next commits each time.
        for grant in &grants {
            fixture.check(grant);
        }
        while begun.elapsed().as_micros() % 2_000 < (round as u128 * 397) % 2_000 {
            std::hint::spin_loop();
        }
        other.child.kill().unwrap();
        other.child.wait().unwrap();
        let mut revoked = 0;
        for grant in &grants {
            let found = fixture.check(grant);
            let state = fixture.engine.owner().token(grant.token.id.as_str()).unwrap().state(NOW);
            assert_eq!(found == Outcome::Revoked, state == TokenState::Revoked, "round {round}: {found:?}, {state:?}");
            revoked += usize::from(found == Outcome::Revoked);
        }
        assert!(revoked > 0);
        // And the next writer goes on as if nothing had been.
        let left = grants.iter().find(|grant| fixture.check(grant) == Outcome::Valid);
        if let Some(left) = left {
            apply(&fixture.engine, "revoke", left.token.id.as_str());
            assert_eq!(fixture.check(left), Outcome::Revoked);
        }
    }
}

/// Not a test by itself: the other process of those above.
#[test]
fn other_process() {
    let Some(path) = std::env::var_os(STORE).map(PathBuf::from) else { return };
    let engine = open_at(path, &Arc::new(FixedClock::new(NOW)));
    let is_one_of_many = std::env::var(TASK).unwrap() != "changes";
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        match line.split_once(' ') {
            None if is_one_of_many => {
                apply(&engine, "revoke", &line);
                println!("\nanswer {line}");
            }
            None => println!("\nanswer done"),
            Some((_, "grant")) => {
                let grant = engine.owner().grant(&request()).unwrap();
                println!("\nanswer {}", std::str::from_utf8(grant.value.as_bytes()).unwrap());
            }
            Some((id, change)) => {
                apply(&engine, change, id);
                println!("\nanswer done");
            }
        }
    }
}
