//! What ends tokens: one by one, many at one stroke, with others, for now, and what is tidied up after them.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use support::{Fixture, NOW, check, fixture, open_at, request};
use tessera_native::clock::FixedClock;
use tessera_native::error::ErrorCode;
use tessera_native::model::{
    Actor, Algorithm, OrganizationMember, Outcome, RotationMode, Token, TokenFilter, TokenFormat, TokenSet, TokenState,
};
use tessera_native::policy::Lifetime;
use tessera_native::service::{Grant, GrantRequest, RotationRequest};

const DAY: i64 = 86_400;

fn sqlite(fixture: &Fixture) -> Connection {
    // The tests' SQLite is the store's own, so its locks are known to it.
    let connection = Connection::open(fixture.path()).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    connection
}

fn count(fixture: &Fixture, sql: &str) -> i64 {
    sqlite(fixture).query_row(sql, [], |row| row.get(0)).unwrap()
}

fn state(fixture: &Fixture, token: &Token) -> TokenState {
    fixture.engine.owner().token(token.id.as_str()).unwrap().state(fixture.engine.now_seconds())
}

fn acting(token: &Token) -> Actor {
    Actor::Token { id: token.id.clone(), identity: token.identity.clone() }
}

/// A token that `by` grants.
fn granted_by(fixture: &Fixture, by: &Token) -> Grant {
    fixture.engine.session(&acting(by)).grant(&request()).unwrap()
}

fn rotated(fixture: &Fixture, token: &Token, mode: RotationMode) -> Token {
    let request = RotationRequest { id: token.id.to_string(), mode, lifetime: None, idempotency_key: None };
    fixture.engine.owner().rotate(&request).unwrap().successor
}

#[test]
fn a_token_is_switched_off_and_on() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    for grant in [fixture.grant(), fixture.grant_jwt()] {
        let id = grant.token.id.as_str();
        let (off, changed) = owner.disable_token(id, Some("for the weekend")).unwrap();
        assert!(changed);
        assert_eq!((fixture.check(&grant), off.state(NOW)), (Outcome::Disabled, TokenState::Disabled));
        fixture.clock.set(NOW + 60);
        let (again, changed) = owner.disable_token(id, Some("another reason")).unwrap();
        assert!(!changed);
        assert_eq!(again.disabled, off.disabled);
        assert_eq!(off.disabled.unwrap().reason.as_deref(), Some("for the weekend"));
        let (on, changed) = owner.enable_token(id).unwrap();
        assert!(changed && on.disabled.is_none());
        assert_eq!(fixture.check(&grant), Outcome::Valid);
        assert!(!owner.enable_token(id).unwrap().1);
        owner.disable_token(id, None).unwrap();
        owner.revoke_token(id, None).unwrap();
        assert_eq!(fixture.check(&grant), Outcome::Revoked, "that comes first");
        owner.enable_token(id).unwrap();
        assert_eq!(fixture.check(&grant), Outcome::Revoked);
        fixture.clock.set(NOW);
    }
    assert_eq!(owner.disable_token("0123456789ab", None).unwrap_err().code(), ErrorCode::NotFound);
    assert_eq!(count(&fixture, "SELECT count(*) FROM audit_event WHERE event = 'token.disable'"), 4);
    assert_eq!(count(&fixture, "SELECT count(*) FROM audit_event WHERE event = 'token.enable'"), 4);
}

#[test]
fn what_a_token_granted_ends_with_it_however_deep() {
    for how in ["revoked", "removed", "by its value"] {
        let fixture = fixture();
        let owner = fixture.engine.owner();
        let root = fixture.grant();
        let mut line = vec![granted_by(&fixture, &root.token)];
        for depth in 1..5 {
            line.push(granted_by(&fixture, &line[depth - 1].token));
        }
        let (branch, stranger) = (granted_by(&fixture, &line[2].token), fixture.grant());
        assert!(line.iter().chain([&branch, &stranger]).all(|grant| fixture.check(grant) == Outcome::Valid));
        let id = root.token.id.as_str();
        match how {
            "revoked" => assert!(owner.revoke_token(id, Some("leaked")).unwrap().1),
            "removed" => assert!(owner.remove_token(id).unwrap()),
            _ => assert!(owner.revoke_by_value(root.value.as_bytes(), None).unwrap().unwrap().1),
        }
        for grant in line.iter().chain([&branch]) {
            assert_eq!(fixture.check(grant), Outcome::Revoked, "{how}");
            let ended = owner.token(grant.token.id.as_str()).unwrap().revocation.unwrap();
            assert!(ended.by == "local owner" && ended.reason.unwrap().contains("granted it"));
        }
        assert_eq!(fixture.check(&stranger), Outcome::Valid);
        let events = "SELECT count(*) FROM audit_event WHERE event = 'token.revoke'";
        let expected = if how == "removed" { 6 } else { 7 };
        assert_eq!(count(&fixture, events), expected, "an event each");
        if how != "removed" {
            assert!(!owner.revoke_token(id, None).unwrap().1);
        }
        assert_eq!(count(&fixture, events), expected, "a second call changes nothing");
    }
}

/// Whoever has a leaked token may rotate it by itself, and would keep what came of that.
#[test]
fn what_a_token_made_for_itself_ends_with_it() {
    for mode in [RotationMode::Confirm { deadline: None }, RotationMode::Immediate, RotationMode::Grace { seconds: 60 }]
    {
        let fixture = fixture();
        let owner = fixture.engine.owner();
        let leaked = fixture.grant();
        let actor = acting(&leaked.token);
        let request = RotationRequest { id: leaked.token.id.to_string(), mode, lifetime: None, idempotency_key: None };
        let own = fixture.engine.session(&actor).rotate(&request).unwrap();
        let value = own.value.unwrap();
        let by_owner = fixture.grant();
        let replaced = rotated(&fixture, &by_owner.token, mode);
        assert!(owner.revoke_token(leaked.token.id.as_str(), None).unwrap().1);
        assert_eq!(check(&fixture.engine, value.as_bytes()), Outcome::Revoked, "{mode:?}");
        owner.revoke_token(by_owner.token.id.as_str(), None).unwrap();
        assert_ne!(
            state(&fixture, &replaced),
            TokenState::Revoked,
            "{mode:?}: one that the owner put in its place stays"
        );
    }
}

/// The rights of whoever grants are asked again where nothing can come between.
#[test]
fn nothing_is_granted_by_a_token_while_it_is_revoked() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    for _ in 0..5 {
        let grantor = fixture.grant();
        let actor = acting(&grantor.token);
        let children = std::thread::scope(|scope| {
            let granting: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let session = fixture.engine.session(&actor);
                        std::iter::from_fn(|| session.grant(&request()).ok()).take(500).collect::<Vec<_>>()
                    })
                })
                .collect();
            while owner.tokens(&TokenFilter { limit: 1_000, ..TokenFilter::default() }).unwrap().len() < 20 {
                std::thread::yield_now();
            }
            assert!(owner.revoke_token(grantor.token.id.as_str(), None).unwrap().1);
            granting.into_iter().flat_map(|granting| granting.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(!children.is_empty());
        assert!(children.iter().all(|child| fixture.check(child) == Outcome::Revoked), "{}", children.len());
        for token in owner.tokens(&TokenFilter { limit: 1_000, ..TokenFilter::default() }).unwrap() {
            owner.remove_token(token.id.as_str()).unwrap();
        }
    }
}

/// Tokens that are rotated while all with their tag are revoked, page by page, do not come out of it under another id.
#[test]
fn no_rotation_leads_out_of_a_revocation_by_tag() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    let tagged = || owner.grant(&GrantRequest { tags: vec!["red".into()], ..request() }).unwrap().token;
    let tokens: Vec<_> = (0..450).map(|_| tagged()).collect();
    let begun = AtomicBool::new(false);
    let rotated = std::thread::scope(|scope| {
        let rotating = scope.spawn(|| {
            let rotate = |token: &Token| {
                begun.store(true, Ordering::Relaxed);
                let (id, mode) = (token.id.to_string(), RotationMode::Immediate);
                let request = RotationRequest { id, mode, lifetime: None, idempotency_key: None };
                fixture.engine.owner().rotate(&request).is_ok()
            };
            tokens.iter().rev().filter(|token| rotate(token)).count()
        });
        while !begun.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        owner.revoke_tokens(&TokenSet::Tag("red".into()), None).unwrap();
        rotating.join().unwrap()
    });
    let filter = TokenFilter { tag: Some("red".into()), limit: 1_000, ..TokenFilter::default() };
    let all = owner.tokens(&filter).unwrap();
    assert_eq!(all.len(), tokens.len() + rotated);
    assert!(all.iter().all(|token| state(&fixture, token) == TokenState::Revoked), "{rotated} were rotated");
}

#[test]
fn clean_up_keeps_what_bounds_others() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_profile("Tidy", None, r#"{"removeExpiredAfterSeconds":0,"removeRevokedAfterSeconds":0}"#).unwrap();
    let root = owner.grant(&GrantRequest { profile: Some("Tidy".into()), ..request() }).unwrap();
    let child = granted_by(&fixture, &root.token);
    let successor = rotated(&fixture, &root.token, RotationMode::Immediate);
    assert_eq!(owner.optimize(false).unwrap().removed_tokens, 0, "its child is still there");
    owner.revoke_token(successor.id.as_str(), None).unwrap();
    assert_eq!(fixture.check(&child), Outcome::Revoked, "it ends with what took over from what granted it");
}

#[test]
fn a_token_that_somebody_else_switched_off_stays_off() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    let (strong, weak) = (fixture.grant(), fixture.grant());
    let id = strong.token.id.as_str();
    let adam = owner.identity("Adam").unwrap();
    let adam = Actor::Identity { id: adam.id, name: adam.name };
    let weak = acting(&weak.token);
    let enable = |actor: &Actor| fixture.engine.session(actor).enable_token(id).map_err(|error| error.code());
    owner.disable_token(id, Some("incident")).unwrap();
    assert_eq!(enable(&adam).unwrap_err(), ErrorCode::NotPermitted);
    assert_eq!(enable(&weak).unwrap_err(), ErrorCode::NotPermitted);
    assert!(owner.enable_token(id).unwrap().1);
    fixture.engine.session(&adam).disable_token(id, None).unwrap();
    assert_eq!(enable(&weak).unwrap_err(), ErrorCode::NotPermitted);
    assert!(enable(&adam).unwrap().1);
}

#[test]
fn what_a_token_granted_outlives_its_rotation_and_ends_with_its_successor() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    let (first, other) = (fixture.grant().token, fixture.grant().token);
    let (child, kept) = (granted_by(&fixture, &first), granted_by(&fixture, &other));
    let second = rotated(&fixture, &first, RotationMode::Immediate);
    let third = rotated(&fixture, &second, RotationMode::Immediate);
    let waiting = rotated(&fixture, &other, RotationMode::Confirm { deadline: None });
    assert_eq!(fixture.check(&child), Outcome::Valid, "it was no revocation");
    owner.revoke_token(third.id.as_str(), None).unwrap();
    assert_eq!(fixture.check(&child), Outcome::Revoked);
    owner.revoke_token(waiting.id.as_str(), None).unwrap();
    assert_eq!(fixture.check(&kept), Outcome::Valid, "what granted it is still in use itself");

    // By one row too.
    let first = fixture.grant().token;
    let child = granted_by(&fixture, &first);
    sqlite(&fixture).execute("UPDATE token SET identity_id = (SELECT max(identity_id) FROM identity)", []).unwrap();
    owner.create_identity("Eve", &["Operator".to_owned()], None).unwrap();
    let last = rotated(&fixture, &first, RotationMode::Immediate);
    sqlite(&fixture)
        .execute(
            "UPDATE token SET identity_id = (SELECT identity_id FROM identity WHERE name = 'Eve') WHERE id = ?1",
            [last.id.as_str()],
        )
        .unwrap();
    assert_eq!(fixture.check(&child), Outcome::Valid);
    assert_eq!(owner.revoke_tokens(&TokenSet::Identity("Eve".into()), None).unwrap(), 2);
    assert_eq!(fixture.check(&child), Outcome::Revoked);
}

const CHILD: &str = "TESSERA_TEST_BULK_STORE";

/// A hundred thousand tokens of one identity end by one row, and the next check in another process knows.
#[test]
fn many_tokens_end_by_one_row() {
    const MANY: u64 = 100_000;
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_identity("Eve", &["Operator".to_owned()], None).unwrap();
    let (first, other) = (fixture.grant(), owner.grant(&GrantRequest { identity: "Eve".into(), ..request() }).unwrap());
    sqlite(&fixture)
        .execute_batch(&format!(
            "WITH RECURSIVE number (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM number WHERE n < {})
             INSERT INTO token (id, digest, digest_kind, pepper_id, format, profile_id, identity_id, created_by, created_at)
             SELECT printf('%012d', n), randomblob(32), 'hmac-sha-256', 1, 'Opaque', 1,
                    (SELECT identity_id FROM identity WHERE name = 'Adam'), 'local owner', {NOW}
             FROM number",
            MANY - 2
        ))
        .unwrap();
    let last = fixture.grant();
    let child = granted_by(&fixture, &first.token);

    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "process_that_checks", "--nocapture", "--quiet"])
        .env(CHILD, fixture.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut questions = process.stdin.take().unwrap();
    let mut answers = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut ask = |grant: &Grant| -> String {
        writeln!(questions, "{}", std::str::from_utf8(grant.value.as_bytes()).unwrap()).unwrap();
        loop {
            let line = answers.next().expect("the other process lives").unwrap();
            if let Some(answer) = line.strip_prefix("answer ") {
                return answer.to_owned();
            }
        }
    };
    for grant in [&first, &last, &child, &other] {
        assert_eq!(ask(grant), "Valid");
    }
    let begun = Instant::now();
    let revoked = owner.revoke_tokens(&TokenSet::Identity("ADAM".into()), Some("moved on")).unwrap();
    let took = begun.elapsed();
    for grant in [&first, &last, &child] {
        assert_eq!(ask(grant), "Revoked");
    }
    assert_eq!(ask(&other), "Valid");
    println!("{MANY} tokens revoked by one row in {took:?}");
    assert_eq!(revoked, MANY + 1);
    assert_eq!(count(&fixture, "SELECT count(*) FROM epoch"), 1);
    assert_eq!(count(&fixture, "SELECT count(*) FROM token WHERE revoked_at IS NOT NULL"), 0);
    let listed =
        owner.tokens(&TokenFilter { state: Some(TokenState::Revoked), limit: 10, ..Default::default() }).unwrap();
    assert!(listed.iter().all(|token| token.revocation.as_ref().unwrap().reason.as_deref() == Some("moved on")));
    assert_eq!(owner.status().unwrap().counts.revoked_tokens, MANY + 1);

    assert_eq!(owner.revoke_tokens(&TokenSet::Identity("Adam".into()), None).unwrap(), 0, "nothing is left to revoke");
    assert_eq!(count(&fixture, "SELECT count(*) FROM epoch"), 1);
    let later = fixture.grant();
    assert_eq!(ask(&later), "Valid", "it was granted afterwards");
    assert_eq!(owner.revoke_tokens(&TokenSet::All, None).unwrap(), 2);
    assert_eq!((ask(&later), ask(&other)), ("Revoked".into(), "Revoked".into()));
    drop(questions);
    assert!(process.wait().unwrap().success());
}

/// Not a test by itself: the other process of the one above.
#[test]
fn process_that_checks() {
    let Some(path) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let engine = open_at(path, &Arc::new(FixedClock::new(NOW)));
    for line in std::io::stdin().lines() {
        println!("answer {}", check(&engine, line.unwrap().as_bytes()).name());
    }
}

#[test]
fn sets_of_tokens_end_by_what_they_have_in_common() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_profile("Mine", None, "{}").unwrap();
    let member = OrganizationMember { identity: "Adam".into(), is_administrator: false };
    owner.create_organization("North", std::slice::from_ref(&member)).unwrap();
    owner.create_organization("South", &[member]).unwrap();
    let plain = fixture.grant();
    let grant = |change: &dyn Fn(&mut GrantRequest)| {
        let mut request = request();
        change(&mut request);
        owner.grant(&request).unwrap()
    };
    let profiled = grant(&|request| request.profile = Some("Mine".into()));
    let signed = fixture.grant_jwt();
    let tagged = grant(&|request| request.tags = vec!["ci".into(), "x".into()]);
    let placed = grant(&|request| request.organizations = Some(vec!["North".into()]));
    let elsewhere = grant(&|request| request.organizations = Some(vec!["South".into()]));
    let child = granted_by(&fixture, &tagged.token);
    let all = [&plain, &profiled, &signed, &tagged, &placed, &elsewhere, &child];
    let valid = || all.iter().filter(|grant| fixture.check(grant) == Outcome::Valid).count();
    assert_eq!(valid(), 7);

    let key = signed.token.key_id.clone().unwrap();
    for (set, ended, left) in [
        (TokenSet::Profile("mine".into()), &profiled, 6),
        (TokenSet::Key(key), &signed, 5),
        (TokenSet::Tag("ci".into()), &tagged, 3),
        (TokenSet::Organization("NORTH".into()), &placed, 2),
    ] {
        assert!(owner.revoke_tokens(&set, Some("why")).unwrap() > 0, "{set:?}");
        assert_eq!((fixture.check(ended), valid()), (Outcome::Revoked, left), "{set:?}");
        assert_eq!(owner.revoke_tokens(&set, None).unwrap(), 0, "{set:?}");
    }
    assert_eq!(fixture.check(&child), Outcome::Revoked, "it fell with the tagged one");
    assert_eq!(owner.revoke_tokens(&TokenSet::Tag("no such tag".into()), None).unwrap(), 0);
    for missing in ["Identity", "Profile", "Organization"] {
        let set = match missing {
            "Identity" => TokenSet::Identity("Nobody".into()),
            "Profile" => TokenSet::Profile("Nothing".into()),
            _ => TokenSet::Organization("Nowhere".into()),
        };
        assert_eq!(owner.revoke_tokens(&set, None).unwrap_err().code(), ErrorCode::NotFound, "{missing}");
    }
    assert_eq!(owner.revoke_tokens(&TokenSet::All, None).unwrap(), 2);
    assert_eq!(valid(), 0);
}

#[test]
fn one_may_revoke_ones_own_and_no_more() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_identity("Eve", &["Reader".to_owned()], None).unwrap();
    let eve = Actor::Identity { id: owner.identity("Eve").unwrap().id, name: "Eve".into() };
    let session = fixture.engine.session(&eve);
    let tagged = |identity: &str| {
        owner.grant(&GrantRequest { identity: identity.into(), tags: vec!["ci".into()], ..request() }).unwrap()
    };
    let (own, others, second) = (tagged("Eve"), tagged("Adam"), tagged("Eve"));
    for set in [TokenSet::All, TokenSet::Profile("Default".into()), TokenSet::Identity("Adam".into())] {
        assert_eq!(session.revoke_tokens(&set, None).unwrap_err().code(), ErrorCode::NotPermitted, "{set:?}");
    }
    // One that is not there is told from one that is another's no more than by its id.
    assert_eq!(
        session.revoke_tokens(&TokenSet::Identity("Nobody".into()), None).unwrap_err(),
        session.revoke_tokens(&TokenSet::Identity("Adam".into()), None).unwrap_err()
    );
    for id in [others.token.id.as_str(), "0123456789ab"] {
        let refused = [
            session.revoke_token(id, None).map(drop),
            session.disable_token(id, None).map(drop),
            session.enable_token(id).map(drop),
            session
                .rotate(&RotationRequest {
                    id: id.into(),
                    mode: RotationMode::Immediate,
                    lifetime: None,
                    idempotency_key: None,
                })
                .map(drop),
        ];
        for refused in refused {
            let error = refused.unwrap_err();
            assert_eq!(
                (error.code(), error.message()),
                (ErrorCode::NotFound, format!("There is no token with the id {id}.").as_str())
            );
        }
        assert!(!session.remove_token(id).unwrap());
    }
    assert_eq!(session.revoke_tokens(&TokenSet::Tag("ci".into()), None).unwrap(), 2);
    assert_eq!((fixture.check(&own), fixture.check(&others)), (Outcome::Revoked, Outcome::Valid));
    assert_eq!(fixture.check(&second), Outcome::Revoked);
    let third = tagged("Eve");
    assert_eq!(session.revoke_tokens(&TokenSet::Identity("EVE".into()), None).unwrap(), 1);
    assert_eq!((fixture.check(&third), fixture.check(&others)), (Outcome::Revoked, Outcome::Valid));
    // Whoever has the value may end it.
    assert!(session.revoke_by_value(others.value.as_bytes(), None).unwrap().unwrap().1);
    assert_eq!(session.optimize(false).unwrap_err().code(), ErrorCode::NotPermitted);
}

#[test]
fn presenting_the_value_ends_the_token_whatever_its_state() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    for grant in [fixture.grant(), fixture.grant_jwt()] {
        owner.disable_token(grant.token.id.as_str(), None).unwrap();
        let (token, changed) = owner.revoke_by_value(grant.value.as_bytes(), Some("found in a log")).unwrap().unwrap();
        assert!(changed && token.id == grant.token.id);
        assert!(!owner.revoke_by_value(grant.value.as_bytes(), None).unwrap().unwrap().1);
        assert_eq!(fixture.check(&grant), Outcome::Revoked);
    }
    for nothing in ["", "tsr_", "a.b.c", &"x".repeat(9_000)] {
        assert!(owner.revoke_by_value(nothing.as_bytes(), None).unwrap().is_none());
    }
}

#[test]
fn those_with_a_tag_end_in_batches_between_which_others_write() {
    const MANY: usize = 1_000;
    let fixture = fixture();
    let owner = fixture.engine.owner();
    sqlite(&fixture)
        .execute_batch(&format!(
            "WITH RECURSIVE number (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM number WHERE n < {MANY})
             INSERT INTO token (id, digest, digest_kind, pepper_id, format, profile_id, identity_id, created_by, created_at)
             SELECT printf('%012d', n), randomblob(32), 'hmac-sha-256', 1, 'Opaque', 1, 1, 'local owner', {NOW} FROM number;
             INSERT INTO token_tag SELECT sequence, 'ci' FROM token;
             CREATE TRIGGER full BEFORE UPDATE OF revoked_at ON token WHEN NEW.id = '000000000450'
             BEGIN SELECT raise(ABORT, 'no space'); END"
        ))
        .unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // None of them is refused since the store is busy.
            while !done.load(Ordering::Relaxed) {
                fixture.grant();
            }
        });
        let ended = || count(&fixture, "SELECT count(*) FROM token WHERE revoked_at IS NOT NULL");
        // The batches before the one that fails are kept, so each was a transaction of its own.
        let failed = owner.revoke_tokens(&TokenSet::Tag("ci".into()), None).is_err();
        let before = ended();
        sqlite(&fixture).execute_batch("DROP TRIGGER full").unwrap();
        let rest = owner.revoke_tokens(&TokenSet::Tag("ci".into()), None).unwrap();
        done.store(true, Ordering::Relaxed);
        assert_eq!((failed, before, rest, ended()), (true, 400, 600, MANY as i64));
    });
    assert_eq!(count(&fixture, "SELECT count(*) FROM audit_event WHERE event = 'token.revoke'"), MANY as i64);
}

#[test]
fn an_identity_takes_its_tokens_with_it_and_what_its_profiles_say() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_identity("Eve", &["Operator".to_owned()], None).unwrap();
    owner.create_identity("Root", &["Administrator".to_owned()], None).unwrap();
    let root = Actor::Identity { id: owner.identity("Root").unwrap().id, name: "Root".into() };
    let by_root = |identity: &str, profile: &str| {
        let request = GrantRequest {
            identity: identity.into(),
            profile: Some(profile.into()),
            name: Some("one".into()),
            roles: Some(vec!["Operator".into()]),
            ..request()
        };
        fixture.engine.session(&root).grant(&request).unwrap()
    };
    let (own, own_default) = (by_root("Root", "AppNeta"), by_root("Root", "Default"));
    let (for_eve, for_eve_default) = (by_root("Eve", "AppNeta"), by_root("Eve", "Default"));
    let (child, grandchild) = {
        let child = fixture
            .engine
            .session(&acting(&for_eve.token))
            .grant(&GrantRequest { identity: "Eve".into(), ..request() });
        let child = child.unwrap();
        let session = acting(&child.token);
        let grandchild = fixture.engine.session(&session).grant(&GrantRequest { identity: "Eve".into(), ..request() });
        (child, grandchild.unwrap())
    };
    let stranger = fixture.grant();
    for grant in [&own, &own_default, &for_eve, &for_eve_default, &child, &grandchild] {
        assert_eq!(fixture.check(grant), Outcome::Valid);
    }
    assert_eq!(owner.remove_identity("Root").unwrap(), Some(5));
    let reason = |grant: &Grant| owner.token(grant.token.id.as_str()).unwrap().revocation.unwrap().reason.unwrap();
    assert_eq!((reason(&own).as_str(), reason(&for_eve).as_str()), ("CreatorDeleted", "CreatorDeleted"));
    assert_eq!(reason(&own_default), "The identity was removed.");
    for fallen in [&child, &grandchild] {
        assert_eq!(fixture.check(fallen), Outcome::Revoked, "what fell with it falls with it");
    }
    assert_eq!((fixture.check(&for_eve_default), fixture.check(&stranger)), (Outcome::Valid, Outcome::Valid));
    assert_eq!(count(&fixture, "SELECT count(*) FROM epoch"), 1);
}

#[test]
fn a_keys_tokens_stay_revoked_when_the_key_is_gone() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    let key = owner.create_key(Algorithm::ES256).unwrap().key_id;
    let signed = fixture.grant_jwt();
    let child = granted_by(&fixture, &signed.token);
    fixture.clock.set(NOW + 5);
    owner.revoke_key(&key, Some("leaked")).unwrap();
    assert_eq!((fixture.check(&signed), fixture.check(&child)), (Outcome::Revoked, Outcome::Revoked));
    fixture.clock.set(NOW + 9);
    assert_eq!(owner.remove_key(&key).unwrap(), Some(0), "they were revoked before");
    let ended = owner.token(signed.token.id.as_str()).unwrap().revocation.unwrap();
    assert_eq!((ended.at, ended.reason.as_deref()), (NOW + 5, Some("leaked")));
    assert_eq!(state(&fixture, &signed.token), TokenState::Revoked);
    assert_eq!(owner.remove_key(&key).unwrap(), None);
}

#[test]
fn clean_up_takes_what_profiles_do_not_keep() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner
        .create_profile("Tidy", None, r#"{"removeExpiredAfterSeconds":3600,"removeRevokedAfterSeconds":7200}"#)
        .unwrap();
    let grant = |profile: &str| {
        let request = GrantRequest {
            profile: Some(profile.into()),
            name: Some("one".into()),
            lifetime: Lifetime::Seconds(DAY),
            ..request()
        };
        owner.grant(&request).unwrap().token
    };
    let is_there = |token: &Token| owner.token(token.id.as_str()).is_ok();
    let at = |seconds: i64| {
        fixture.clock.set(NOW + seconds);
        owner.optimize(false).unwrap().removed_tokens
    };
    let [plain, rubrik, appneta, tidy] = ["Default", "Rubrik", "AppNeta", "Tidy"].map(&grant);
    let (revoked, rotated_away, by_row, revoked_plain) =
        (grant("Tidy"), grant("Tidy"), grant("Tidy"), grant("Default"));
    owner.revoke_token(revoked.id.as_str(), None).unwrap();
    owner.revoke_token(revoked_plain.id.as_str(), None).unwrap();
    let endless = GrantRequest { profile: Some("Tidy".into()), lifetime: Lifetime::Never, ..request() };
    let endless = owner.grant(&endless).unwrap().token;
    owner.revoke_token(endless.id.as_str(), None).unwrap();
    rotated(&fixture, &rotated_away, RotationMode::Grace { seconds: 60 });
    assert_eq!(at(7_260), 0, "as long as a file could bring them back, their rows say that they are revoked");
    assert_eq!(at(DAY - 1), 0);
    assert_eq!(at(DAY), 3);
    assert!(!is_there(&rubrik), "gone at its expiry");
    assert!(!is_there(&revoked) && is_there(&revoked_plain), "the profile Default keeps them");
    assert!(!is_there(&rotated_away));
    assert_eq!(at(DAY + 3_600), 3, "tidy, by_row, and the successor of the one that was rotated");
    assert!(!is_there(&tidy) && !is_there(&by_row));
    assert!(is_there(&plain) && is_there(&appneta));
    assert_eq!(state(&fixture, &appneta), TokenState::Revoked, "with the reason Expired");
    assert_eq!(at(1_000 * DAY), 0, "what is left is kept");
    assert!(is_there(&endless), "it never expires");
    let events = "SELECT count(*) FROM audit_event WHERE event = 'store.optimize' AND detail LIKE '%' || ?1 || '%'";
    for gone in [&revoked, &rotated_away, &rubrik, &tidy] {
        let told: i64 = sqlite(&fixture).query_row(events, [gone.id.as_str()], |row| row.get(0)).unwrap();
        assert_eq!(told, 1, "a removed token leaves its audit trail");
    }
    // In more than one batch.
    for _ in 0..450 {
        grant("Rubrik");
    }
    assert_eq!(at(2_000 * DAY), 450);
    assert!(owner.problems().unwrap().is_empty());
}

#[test]
fn a_store_is_made_smaller_while_it_is_used() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    let kept = fixture.grant();
    for _ in 0..300 {
        let request = GrantRequest {
            profile: Some("Rubrik".into()),
            remark: Some("x".repeat(1_000)),
            lifetime: Lifetime::Seconds(60),
            ..request()
        };
        owner.grant(&request).unwrap();
    }
    fixture.clock.set(NOW + 60);
    let done = AtomicBool::new(false);
    let optimized = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                assert_eq!(fixture.check(&kept), Outcome::Valid);
            }
        });
        let optimized = owner.optimize(true).unwrap();
        done.store(true, Ordering::Relaxed);
        optimized
    });
    assert_eq!(optimized.removed_tokens, 300);
    assert!(optimized.size_bytes + 200_000 < optimized.size_before_bytes, "{optimized:?}");
    let on_disk = std::fs::metadata(fixture.path()).unwrap().len();
    assert!(on_disk <= optimized.size_bytes, "the log was written back: {on_disk}");
    assert!(owner.problems().unwrap().is_empty());
    assert_eq!(fixture.check(&kept), Outcome::Valid);
    assert_eq!(fixture.check(&fixture.grant()), Outcome::Valid);
}

/// What was revoked before the process ended at any moment is revoked afterwards, with all that fell with it.
#[test]
fn a_cascade_is_whole_or_not_at_all() {
    let fixture = fixture();
    let roots: Vec<_> = (0..20).map(|_| fixture.grant()).collect();
    let children: Vec<_> = roots.iter().map(|root| granted_by(&fixture, &root.token)).collect();
    // The last statement of the cascade fails, so nothing of it is kept.
    sqlite(&fixture)
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON audit_event WHEN new.detail LIKE '%with%'
             BEGIN SELECT raise(ABORT, 'no space'); END",
        )
        .unwrap();
    for (root, child) in roots.iter().zip(&children) {
        assert!(fixture.engine.owner().revoke_token(root.token.id.as_str(), None).is_err());
        assert_eq!((fixture.check(root), fixture.check(child)), (Outcome::Valid, Outcome::Valid));
    }
    sqlite(&fixture).execute_batch("DROP TRIGGER full").unwrap();
    fixture.engine.owner().revoke_token(roots[0].token.id.as_str(), None).unwrap();
    assert_eq!((fixture.check(&roots[0]), fixture.check(&children[0])), (Outcome::Revoked, Outcome::Revoked));
}

#[test]
fn a_jwt_of_a_disabled_token_is_refused_too() {
    let fixture = fixture();
    let request = GrantRequest { format: Some(TokenFormat::Jwt), ..request() };
    let grant = fixture.engine.owner().grant(&request).unwrap();
    fixture.engine.owner().disable_token(grant.token.id.as_str(), None).unwrap();
    assert_eq!(fixture.check(&grant), Outcome::Disabled);
}
