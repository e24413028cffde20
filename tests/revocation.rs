//! A revocation is seen by every check that starts after it returned, in whichever process.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use support::{check, fixture, request};
use tessera_native::model::{Outcome, TokenSet};
use tessera_native::policy::AccessContext;
use tessera_native::service::{Engine, Grant, GrantRequest, OpenOptions};

const CHILD: &str = "TESSERA_TEST_CHILD_STORE";
const PAIRS: usize = 10_000;

/// Ten thousand times over: a token that this process has just accepted is revoked by one process and then
/// checked by the other. The processes take the parts in turn, so that each is the revoker and the checker.
#[test]
fn no_check_in_one_process_misses_a_revocation_by_another() {
    let fixture = fixture();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "other_process", "--nocapture", "--quiet"])
        .env(CHILD, fixture.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to_child = child.stdin.take().unwrap();
    let mut from_child = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut ask = |question: String| -> String {
        writeln!(to_child, "{question}").unwrap();
        loop {
            let line = from_child.next().expect("the other process lives").unwrap();
            // The test harness of the other process prints lines of its own.
            if let Some(answer) = line.strip_prefix("answer ") {
                return answer.to_owned();
            }
        }
    };

    let mut stale = 0;
    for pair in 0..PAIRS {
        // A JWT now and then: it is looked up another way.
        let grant =
            if pair % 50 == 49 { fixture.grant_jwt() } else { fixture.engine.owner().grant(&request()).unwrap() };
        let value = std::str::from_utf8(grant.value.as_bytes()).unwrap();
        let id = grant.token.id.as_str();
        assert_eq!(fixture.check(&grant), Outcome::Valid);
        let after = if pair % 2 == 0 {
            assert_eq!(ask(format!("revoke {id}")), "true");
            fixture.check(&grant).name().to_owned()
        } else {
            assert_eq!(ask(format!("check {value}")), "Valid");
            assert!(fixture.engine.owner().revoke_token(id, None).unwrap().1);
            ask(format!("check {value}"))
        };
        stale += usize::from(after != "Revoked");
    }
    assert_eq!(stale, 0, "of {PAIRS} checks after a revocation by the other process");
    drop(to_child);
    assert!(child.wait().unwrap().success());
}

/// Not a test by itself: the other process of the one above.
#[test]
fn other_process() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let options = OpenOptions { path: PathBuf::from(path), ..Default::default() };
    let clock = support::SharedClock(std::sync::Arc::new(tessera_native::clock::FixedClock::new(support::NOW)));
    let engine = Engine::open_with_clock(options, Box::new(clock)).unwrap();
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let answer = match line.split_once(' ') {
            Some(("revoke", id)) => {
                engine.owner().revoke_token(id, Some("by the other process")).unwrap().1.to_string()
            }
            Some(("check", value)) => check(&engine, value.as_bytes()).name().to_owned(),
            _ => panic!("unknown question"),
        };
        println!("answer {answer}");
    }
}

#[test]
fn a_revocation_in_one_thread_is_seen_by_checks_in_others() {
    let fixture = fixture();
    for _ in 0..200 {
        let grant = fixture.grant();
        assert_eq!(fixture.check(&grant), Outcome::Valid);
        std::thread::scope(|scope| {
            scope.spawn(|| fixture.engine.owner().revoke_token(grant.token.id.as_str(), None).unwrap()).join().unwrap();
            for _ in 0..2 {
                scope.spawn(|| assert_eq!(fixture.check(&grant), Outcome::Revoked));
            }
        });
    }
}

#[test]
fn all_that_ends_a_token_is_felt_at_the_next_check() {
    let fixture = fixture();
    let engine = &fixture.engine;

    let removed = fixture.grant();
    assert_eq!(fixture.check(&removed), Outcome::Valid);
    assert!(engine.owner().remove_token(removed.token.id.as_str()).unwrap());
    assert_eq!(fixture.check(&removed), Outcome::Unknown);
    assert!(!engine.owner().remove_token(removed.token.id.as_str()).unwrap());

    let signed = fixture.grant_jwt();
    let key_id = signed.token.key_id.clone().unwrap();
    assert_eq!(fixture.check(&signed), Outcome::Valid);
    let (_, changed) = engine.owner().revoke_key(&key_id, Some("leaked")).unwrap();
    assert!(changed && !engine.owner().revoke_key(&key_id, None).unwrap().1);
    assert_eq!(fixture.check(&signed), Outcome::Revoked);
    assert_eq!(engine.owner().token(signed.token.id.as_str()).unwrap().revocation.unwrap().reason.unwrap(), "leaked");

    let next = fixture.grant_jwt();
    assert_ne!(next.token.key_id.as_deref(), Some(key_id.as_str()), "a revoked key signs nothing");
    assert_eq!(fixture.check(&next), Outcome::Valid);
    assert_eq!(engine.owner().remove_key(next.token.key_id.as_deref().unwrap()).unwrap(), Some(1));
    assert_eq!(fixture.check(&next), Outcome::Unknown);

    let orphaned = fixture.grant();
    assert_eq!(fixture.check(&orphaned), Outcome::Valid);
    assert!(engine.owner().remove_identity("ADAM").unwrap().is_some());
    assert_eq!(fixture.check(&orphaned), Outcome::Revoked);
    assert_eq!(engine.owner().remove_identity("Adam").unwrap(), None);
    assert!(engine.owner().grant(&request()).is_err());

    // The name may be given anew; the tokens of the one that was removed stay revoked.
    engine.owner().create_identity("Adam", &["Operator".to_owned()], None).unwrap();
    assert_eq!(fixture.check(&orphaned), Outcome::Revoked);
}

/// What is known of a token is read again when something changes that it rests on, and only then.
#[test]
fn what_changes_elsewhere_makes_no_check_read_its_token_again() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_identity("Eve", &["Reader".to_owned()], None).unwrap();
    let (token, other) = (fixture.grant(), fixture.grant());
    let eve = owner.grant(&GrantRequest { identity: "Eve".to_owned(), ..request() }).unwrap();
    let read_as_of = |grant: &Grant| {
        let verdict = fixture.engine.validate(grant.value.as_bytes(), AccessContext::default());
        assert_eq!(verdict.outcome, Outcome::Valid);
        verdict.version
    };
    let first = read_as_of(&token);
    read_as_of(&other);
    owner.revoke_token(other.token.id.as_str(), None).unwrap();
    assert_eq!(fixture.check(&other), Outcome::Revoked);
    fixture.grant();
    owner.update_identity("Eve", Some(&["Operator".to_owned()]), None).unwrap();
    owner.revoke_tokens(&TokenSet::Identity("Eve".to_owned()), None).unwrap();
    assert_eq!(fixture.check(&eve), Outcome::Revoked);
    fixture.engine.flush().unwrap();
    assert_eq!(read_as_of(&token), first);

    owner.update_identity("Adam", Some(&["Reader".to_owned()]), None).unwrap();
    let second = read_as_of(&token);
    assert!(second > first, "its identity changed");
    owner.create_role("Auditor", &[]).unwrap();
    assert!(read_as_of(&token) > second, "the roles changed, on which all tokens rest");
}

#[test]
fn a_second_revocation_succeeds_and_changes_nothing() {
    let fixture = fixture();
    let grant = fixture.grant();
    let id = grant.token.id.as_str();
    let (first, changed) = fixture.engine.owner().revoke_token(id, Some("first")).unwrap();
    assert!(changed);
    fixture.clock.set(support::NOW + 60);
    let (second, changed) = fixture.engine.owner().revoke_token(id, Some("second")).unwrap();
    assert!(!changed);
    assert_eq!(first.revocation, second.revocation);
}

/// The store's owner signs a second JWT with the id of one that was granted and revoked, and a twin of an ECDSA
/// signature (r, n - s) is another text for the same token: neither gets around the revocation.
#[test]
fn another_text_with_the_same_id_is_revoked_too() {
    let fixture = fixture();
    let grant = fixture.grant_jwt();
    let value = String::from_utf8(grant.value.as_bytes().to_vec()).unwrap();
    let twin = twin_of(&value);
    assert_ne!(twin, value);
    assert_eq!(check(&fixture.engine, twin.as_bytes()), Outcome::Valid, "the twin is a good signature");
    fixture.engine.owner().revoke_token(grant.token.id.as_str(), None).unwrap();
    assert_eq!(check(&fixture.engine, twin.as_bytes()), Outcome::Revoked);
    assert_eq!(fixture.check(&grant), Outcome::Revoked);
}

/// The token with its ES256 signature (r, s) as (r, n - s).
fn twin_of(token: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
        0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut borrow = 0_i16;
    for (s, n) in signature[32..].iter_mut().zip(ORDER).rev() {
        let difference = i16::from(n) - i16::from(*s) - borrow;
        borrow = i16::from(difference < 0);
        *s = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}
