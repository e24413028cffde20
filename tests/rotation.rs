//! Rotation: one token takes over from another, and there is never more than one that does.

mod support;

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Barrier};

use support::{Fixture, NOW, check, fixture, open_at, request};
use tessera_native::clock::FixedClock;
use tessera_native::error::ErrorCode;
use tessera_native::format::opaque;
use tessera_native::model::{Outcome, RotationMode, RotationStage, Token, TokenFilter, TokenFormat, TokenState};
use tessera_native::policy::Lifetime;
use tessera_native::service::{Engine, Grant, GrantRequest, Rotation, RotationRequest};

const CONFIRM: RotationMode = RotationMode::Confirm { deadline: None };
const UNKNOWN_ID: &str = "0123456789ab";

fn rotation(token: &Token, mode: RotationMode) -> RotationRequest {
    RotationRequest { id: token.id.to_string(), mode, lifetime: None, idempotency_key: None }
}

fn keyed(token: &Token, key: &str) -> RotationRequest {
    RotationRequest { idempotency_key: Some(key.to_owned()), ..rotation(token, CONFIRM) }
}

fn rotate(fixture: &Fixture, grant: &Grant, mode: RotationMode) -> Rotation {
    fixture.engine.owner().rotate(&rotation(&grant.token, mode)).unwrap()
}

fn check_new(fixture: &Fixture, rotation: &Rotation) -> Outcome {
    check(&fixture.engine, rotation.value.as_ref().unwrap().as_bytes())
}

fn state(fixture: &Fixture, token: &Token) -> TokenState {
    fixture.engine.owner().token(token.id.as_str()).unwrap().state(fixture.engine.now_seconds())
}

fn refused<T>(result: Result<T, tessera_native::error::Error>) -> ErrorCode {
    result.err().expect("it is refused").code()
}

#[test]
fn a_confirmed_rotation_ends_the_old_token_when_the_new_one_is_first_used() {
    let fixture = fixture();
    for format in [TokenFormat::Opaque, TokenFormat::Jwt] {
        let old = fixture.engine.owner().grant(&GrantRequest { format: Some(format), ..request() }).unwrap();
        let new = rotate(&fixture, &old, CONFIRM);
        assert_eq!(
            (new.successor.rotation_stage, state(&fixture, &new.successor)),
            (Some(RotationStage::Waiting), TokenState::Pending)
        );
        assert_eq!(new.predecessor.successor.as_ref(), Some(&new.successor.id));
        assert_eq!(new.successor.predecessor.as_ref(), Some(&old.token.id));
        for _ in 0..2 {
            assert_eq!(fixture.check(&old), Outcome::Valid, "until the new one is used");
        }
        assert_eq!(check_new(&fixture, &new), Outcome::Valid);
        assert_eq!(fixture.check(&old), Outcome::Revoked, "{format:?}");
        assert_eq!(check_new(&fixture, &new), Outcome::Valid);
        assert_eq!(state(&fixture, &new.successor), TokenState::Active);
        let ended = fixture.engine.owner().token(old.token.id.as_str()).unwrap().revocation_at(NOW).unwrap();
        assert_eq!((ended.at, ended.by.as_str(), ended.reason.as_deref()), (NOW, "local owner", Some("Rotated")));
    }
}

#[test]
fn a_deadline_a_time_of_grace_and_at_once() {
    let fixture = fixture();
    let (deadline, grace, immediate) = (fixture.grant(), fixture.grant(), fixture.grant());
    let by_deadline = rotate(&fixture, &deadline, RotationMode::Confirm { deadline: Some(NOW + 100) });
    let by_grace = rotate(&fixture, &grace, RotationMode::Grace { seconds: 50 });
    let at_once = rotate(&fixture, &immediate, RotationMode::Immediate);
    assert_eq!(state(&fixture, &by_grace.successor), TokenState::Active);
    assert_eq!((fixture.check(&immediate), check_new(&fixture, &at_once)), (Outcome::Revoked, Outcome::Valid));

    assert_eq!((fixture.check(&grace), check_new(&fixture, &by_grace)), (Outcome::Valid, Outcome::Valid));
    fixture.clock.set(NOW + 49);
    assert_eq!(fixture.check(&grace), Outcome::Valid);
    fixture.clock.set(NOW + 50);
    assert_eq!((fixture.check(&grace), check_new(&fixture, &by_grace)), (Outcome::Revoked, Outcome::Valid));

    fixture.clock.set(NOW + 99);
    assert_eq!(fixture.check(&deadline), Outcome::Valid);
    fixture.clock.set(NOW + 100);
    assert_eq!(fixture.check(&deadline), Outcome::Revoked, "although the new one was not used");
    assert_eq!(check_new(&fixture, &by_deadline), Outcome::Valid, "it comes into use when it comes");
    // A clock that steps back brings the old one back for as long; it never brings a first use back.
    fixture.clock.set(NOW + 10);
    assert_eq!(fixture.check(&deadline), Outcome::Valid);
    fixture.clock.set(NOW + 200);
    assert_eq!(fixture.check(&deadline), Outcome::Revoked);
}

#[test]
fn a_successor_has_all_that_its_predecessor_has() {
    let fixture = fixture();
    let engine = &fixture.engine;
    let old = engine
        .owner()
        .grant(&GrantRequest {
            name: Some("nightly".into()),
            roles: Some(vec!["Reader".into()]),
            tags: vec!["ci".into(), "build".into()],
            remark: Some("the nightly build".into()),
            lifetime: Lifetime::Seconds(1_000),
            audiences: vec!["api".into()],
            ..request()
        })
        .unwrap();
    fixture.clock.set(NOW + 600);
    let new = rotate(&fixture, &old, CONFIRM).successor;
    let same = |token: &Token| {
        let token = token.clone();
        (
            token.name,
            token.identity,
            token.roles,
            token.tags,
            token.remark,
            token.audiences,
            token.profile,
            token.created_by,
        )
    };
    assert_eq!(same(&new), same(&old.token));
    assert_ne!(new.id, old.token.id);
    assert_eq!(
        (new.created_at, new.expires_at),
        (NOW + 600, Some(NOW + 1_600)),
        "as long as the old one was granted for"
    );

    let other = fixture.grant();
    let shorter = RotationRequest { lifetime: Some(Lifetime::Seconds(5)), ..rotation(&other.token, CONFIRM) };
    assert_eq!(engine.owner().rotate(&shorter).unwrap().successor.expires_at, Some(NOW + 605));
}

#[test]
fn there_is_one_successor_until_that_is_revoked_or_used() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    let old = fixture.grant();
    let first = rotate(&fixture, &old, CONFIRM);
    assert_eq!(refused(owner.rotate(&rotation(&old.token, CONFIRM))), ErrorCode::Conflict);
    assert_eq!(refused(owner.rotate(&rotation(&first.successor, CONFIRM))), ErrorCode::Conflict, "it waits itself");
    // Its value is lost: revoked, it makes way.
    owner.revoke_token(first.successor.id.as_str(), Some("lost")).unwrap();
    assert_eq!(fixture.check(&old), Outcome::Valid);
    let second = rotate(&fixture, &old, CONFIRM);
    assert_eq!((check_new(&fixture, &first), check_new(&fixture, &second)), (Outcome::Revoked, Outcome::Valid));
    assert_eq!(refused(owner.rotate(&rotation(&old.token, CONFIRM))), ErrorCode::Conflict, "it is revoked by now");
    let third = owner.rotate(&rotation(&second.successor, RotationMode::Immediate)).unwrap();
    assert_eq!(check_new(&fixture, &third), Outcome::Valid);

    for (what, ended) in [("revoked", fixture.grant()), ("disabled", fixture.grant()), ("expired", fixture.grant())] {
        let id = ended.token.id.as_str();
        match what {
            "revoked" => drop(owner.revoke_token(id, None).unwrap()),
            "disabled" => drop(owner.disable_token(id, None).unwrap()),
            _ => fixture.clock.set(ended.token.expires_at.unwrap()),
        }
        assert_eq!(refused(owner.rotate(&rotation(&ended.token, CONFIRM))), ErrorCode::Conflict, "{what}");
    }
    let missing = RotationRequest { id: UNKNOWN_ID.into(), ..rotation(&old.token, CONFIRM) };
    assert_eq!(refused(owner.rotate(&missing)), ErrorCode::NotFound);
}

#[test]
fn a_repeat_leads_to_the_same_successor_with_a_fresh_value() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    for format in [TokenFormat::Opaque, TokenFormat::Jwt] {
        let old = owner.grant(&GrantRequest { format: Some(format), ..request() }).unwrap();
        let request = keyed(&old.token, &format!("nightly {}", format.name()));
        let first = owner.rotate(&request).unwrap();
        let again = owner.rotate(&request).unwrap();
        assert_eq!(again.successor.id, first.successor.id, "{format:?}");
        assert_eq!(
            (check_new(&fixture, &first), fixture.check(&old)),
            (Outcome::Unknown, Outcome::Valid),
            "{format:?}"
        );
        assert_eq!((check_new(&fixture, &again), fixture.check(&old)), (Outcome::Valid, Outcome::Revoked));
        let late = owner.rotate(&request).unwrap();
        assert!(late.successor.id == first.successor.id && late.value.is_none(), "its value was presented by now");
        assert_eq!(check_new(&fixture, &again), Outcome::Valid);
        assert_eq!(check_new(&fixture, &first), Outcome::Unknown);

        let other = RotationRequest { mode: RotationMode::Immediate, ..request.clone() };
        assert_eq!(refused(owner.rotate(&other)), ErrorCode::Conflict, "another request under the key");
    }
    // After a day the key is forgotten, and the rule of one successor holds alone.
    let old = fixture.grant();
    let request = keyed(&old.token, "daily");
    owner.rotate(&request).unwrap();
    fixture.clock.set(NOW + 86_399);
    assert!(owner.rotate(&request).is_ok());
    fixture.clock.set(NOW + 86_400);
    assert_eq!(refused(owner.rotate(&request)), ErrorCode::Conflict);
}

/// ECDSA signatures can be rewritten, but a JWT that may be replaced counts by its text.
#[test]
fn a_replaced_jwt_is_refused_by_hand_too() {
    use tessera_native::service::VerifyRequest;
    let fixture = fixture();
    let owner = fixture.engine.owner();
    let request = keyed(&fixture.grant_jwt().token, "key");
    let values: Vec<_> = (0..2).map(|_| owner.rotate(&request).unwrap().value.unwrap()).collect();
    let verify = |value: &tessera_native::secret::Secret| {
        fixture.engine.verify_jwt(value.as_bytes(), &VerifyRequest::default()).unwrap().outcome
    };
    assert_eq!((verify(&values[0]), verify(&values[1])), (Outcome::Revoked, Outcome::Valid));
}

#[test]
fn nothing_changes_before_the_value_is_delivered() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    let tokens = || owner.tokens(&TokenFilter { limit: 1_000, ..Default::default() }).unwrap();
    for format in [TokenFormat::Opaque, TokenFormat::Jwt] {
        let old = owner.grant(&GrantRequest { format: Some(format), ..request() }).unwrap();
        let before = tokens();
        let prepared = owner.prepare_rotation(&rotation(&old.token, RotationMode::Immediate)).unwrap();
        let id = prepared.successor.id.as_str();
        assert_eq!(check_new(&fixture, &prepared), Outcome::Unknown);
        assert_eq!(tokens(), before, "it is in no list, and its predecessor is as it was");
        let everything = [
            owner.token(id).map(drop),
            owner.revoke_token(id, None).map(drop),
            owner.disable_token(id, None).map(drop),
            owner.update_token(id, Some("mine"), None).map(drop),
            owner.rotate(&rotation(&prepared.successor, CONFIRM)).map(drop),
        ];
        assert!(everything.into_iter().all(|result| refused(result) == ErrorCode::NotFound));
        assert!(!owner.remove_token(id).unwrap());
        assert_eq!(refused(owner.rotate(&rotation(&old.token, CONFIRM))), ErrorCode::Conflict, "it is on its way");

        assert!(owner.abandon_rotation(id).unwrap() && !owner.abandon_rotation(id).unwrap());
        assert_eq!(tokens(), before);
        assert_eq!(refused(owner.deliver_rotation(id, CONFIRM)), ErrorCode::NotFound);

        let prepared = owner.prepare_rotation(&rotation(&old.token, RotationMode::Immediate)).unwrap();
        let id = prepared.successor.id.as_str();
        let delivered = owner.deliver_rotation(id, RotationMode::Immediate).unwrap();
        assert_eq!((check_new(&fixture, &prepared), fixture.check(&old)), (Outcome::Valid, Outcome::Revoked));
        let again = owner.deliver_rotation(id, RotationMode::Immediate).unwrap();
        assert_eq!(again.successor, delivered.successor);
        assert_eq!(refused(owner.abandon_rotation(id)), ErrorCode::Conflict, "it was delivered");
    }
}

#[test]
fn a_prepared_successor_dies_with_its_predecessor() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    for how in ["revoked", "by identity", "removed", "disabled"] {
        let old = fixture.grant();
        let prepared = owner.prepare_rotation(&rotation(&old.token, CONFIRM)).unwrap();
        let id = old.token.id.as_str();
        match how {
            "revoked" => drop(owner.revoke_token(id, None).unwrap()),
            "by identity" => {
                assert!(
                    owner.revoke_tokens(&tessera_native::model::TokenSet::Identity("Adam".into()), None).unwrap() > 0
                );
            }
            "removed" => assert!(owner.remove_token(id).unwrap()),
            _ => drop(owner.disable_token(id, None).unwrap()),
        }
        let delivery = owner.deliver_rotation(prepared.successor.id.as_str(), CONFIRM);
        let code = if how == "removed" { ErrorCode::NotFound } else { ErrorCode::Conflict };
        assert_eq!(refused(delivery), code, "{how}");
        assert_eq!(check_new(&fixture, &prepared), Outcome::Unknown);
    }
}

#[test]
fn what_a_crash_left_prepared_makes_way() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    // The same request again, under its key: at once.
    let old = fixture.grant();
    let first = owner.prepare_rotation(&keyed(&old.token, "key")).unwrap();
    let second = owner.prepare_rotation(&keyed(&old.token, "key")).unwrap();
    assert_ne!(first.successor.id, second.successor.id);
    assert_eq!(refused(owner.deliver_rotation(first.successor.id.as_str(), CONFIRM)), ErrorCode::NotFound);
    owner.deliver_rotation(second.successor.id.as_str(), CONFIRM).unwrap();
    let third = owner.prepare_rotation(&keyed(&old.token, "key")).unwrap();
    assert!(third.successor.id == second.successor.id && third.value.is_none(), "it is in the vault already");
    assert_eq!(check_new(&fixture, &second), Outcome::Valid);

    // Another request: after a quarter of an hour, or after a clean-up then.
    let old = fixture.grant();
    let lost = owner.prepare_rotation(&rotation(&old.token, CONFIRM)).unwrap();
    fixture.clock.set(NOW + 899);
    assert_eq!(refused(owner.rotate(&rotation(&old.token, CONFIRM))), ErrorCode::Conflict);
    assert_eq!(owner.optimize(false).unwrap().removed_tokens, 0);
    fixture.clock.set(NOW + 900);
    let next = rotate(&fixture, &old, CONFIRM);
    assert_eq!(check_new(&fixture, &lost), Outcome::Unknown);
    assert_eq!((check_new(&fixture, &next), fixture.check(&old)), (Outcome::Valid, Outcome::Revoked));
    let lost = owner.prepare_rotation(&rotation(&next.successor, CONFIRM)).unwrap();
    fixture.clock.set(NOW + 1_800);
    assert_eq!(owner.optimize(false).unwrap().removed_tokens, 1);
    assert_eq!(refused(owner.deliver_rotation(lost.successor.id.as_str(), CONFIRM)), ErrorCode::NotFound);
}

/// Fifty times over, sixty-four threads rotate one token: one of them wins.
#[test]
fn many_threads_make_one_successor() {
    const THREADS: usize = 64;
    let fixture = fixture();
    for round in 0..50 {
        let old = fixture.grant();
        let barrier = Barrier::new(THREADS);
        let won = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|number| {
                    let (fixture, old, barrier) = (&fixture, &old, &barrier);
                    scope.spawn(move || {
                        barrier.wait();
                        let owner = fixture.engine.owner();
                        // Some rotate at once, some by way of a vault.
                        if number % 4 != 0 {
                            return owner.rotate(&rotation(&old.token, CONFIRM));
                        }
                        let prepared = owner.prepare_rotation(&rotation(&old.token, CONFIRM))?;
                        owner.deliver_rotation(prepared.successor.id.as_str(), CONFIRM)
                    })
                })
                .collect();
            let results: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
            for error in results.iter().filter_map(|result| result.as_ref().err()) {
                assert_eq!(error.code(), ErrorCode::Conflict, "{error}");
            }
            results.iter().filter(|result| result.is_ok()).count()
        });
        assert_eq!(won, 1, "round {round}");
    }
    let all = fixture.engine.owner().tokens(&TokenFilter { limit: 1_000, ..Default::default() }).unwrap();
    assert_eq!(all.len(), 100);
}

/// One key in sixty-four threads: one successor, and one of the values they were given is good.
#[test]
fn many_repeats_at_once_lead_to_one_successor_and_one_value() {
    let fixture = fixture();
    for round in 0..20 {
        let old = fixture.grant();
        let request = keyed(&old.token, &format!("round {round}"));
        let rotations = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..64).map(|_| scope.spawn(|| fixture.engine.owner().rotate(&request).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        let good = rotations
            .iter()
            .filter(|rotation| {
                assert_eq!(rotation.successor.id, rotations[0].successor.id);
                let outcome = check_new(&fixture, rotation);
                assert!(matches!(outcome, Outcome::Valid | Outcome::Unknown), "{outcome:?}");
                outcome == Outcome::Valid
            })
            .count();
        assert_eq!(good, 1, "round {round}");
        assert_eq!(fixture.check(&old), Outcome::Revoked);
    }
}

const CHILD: &str = "TESSERA_TEST_ROTATING_STORE";

/// Eight processes rotate the same tokens one after the other, as fast as they can.
#[test]
fn several_processes_make_one_successor() {
    let fixture = fixture();
    let ids: Vec<String> = (0..100).map(|_| fixture.grant().token.id.to_string()).collect();
    let children: Vec<_> = (0..8)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "process_that_rotates", "--nocapture", "--quiet"])
                .env(CHILD, fixture.path())
                .env("TESSERA_TEST_ROTATED_TOKENS", ids.join(","))
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut successors = Vec::new();
    for mut child in children {
        let mut text = String::new();
        child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        assert!(child.wait().unwrap().success(), "{text}");
        successors.extend(text.lines().filter_map(|line| line.strip_prefix("rotated ")).map(str::to_owned));
    }
    assert_eq!(successors.len(), ids.len());
    successors.sort();
    successors.dedup();
    assert_eq!(successors.len(), ids.len(), "each token has one, and it is nobody else's");
}

/// Not a test by itself: one of the processes of the one above.
#[test]
fn process_that_rotates() {
    let Some(path) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let engine: Engine = open_at(path, &Arc::new(FixedClock::new(NOW)));
    for id in std::env::var("TESSERA_TEST_ROTATED_TOKENS").unwrap().split(',') {
        let request = RotationRequest { id: id.into(), mode: CONFIRM, lifetime: None, idempotency_key: None };
        match engine.owner().rotate(&request) {
            Ok(rotation) => println!("\nrotated {id} {}", rotation.successor.id),
            Err(error) => assert_eq!(error.code(), ErrorCode::Conflict, "{error}"),
        }
    }
}

/// The first use of one waiting value in sixty-four threads: each is accepted, one is written down.
#[test]
fn a_first_use_is_written_down_once() {
    let fixture = fixture();
    for _ in 0..20 {
        let old = fixture.grant();
        let new = rotate(&fixture, &old, CONFIRM);
        std::thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| assert_eq!(check_new(&fixture, &new), Outcome::Valid));
            }
        });
        assert_eq!(fixture.check(&old), Outcome::Revoked);
    }
    assert_eq!(events(&fixture, "token.confirm"), 20);
}

#[test]
fn a_retired_value_raises_one_event_and_the_profile_says_what_more() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    let old = fixture.grant();
    let middle = rotate(&fixture, &old, RotationMode::Immediate);
    let new = owner.rotate(&rotation(&middle.successor, RotationMode::Immediate)).unwrap();
    for _ in 0..3 {
        assert_eq!(fixture.check(&old), Outcome::Revoked);
        assert_eq!(check_new(&fixture, &new), Outcome::Valid, "the profile Default leaves the others alone");
    }
    assert_eq!(events(&fixture, "token.reuse"), 1);

    change_settings(&fixture, r#"{"reuseRevokesFamily":true}"#);
    assert_eq!(check_new(&fixture, &middle), Outcome::Revoked);
    assert_eq!(check_new(&fixture, &new), Outcome::Revoked, "nobody knows who else has the values of this line");
    let ended = owner.token(new.successor.id.as_str()).unwrap().revocation.unwrap();
    assert!(ended.reason.unwrap().contains("retired"));
    assert_eq!(events(&fixture, "token.reuse"), 2);
    assert_eq!(fixture.check(&fixture.grant()), Outcome::Valid, "other lines go on");
}

#[test]
fn a_rotation_wins_no_uses() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    let conditions = tessera_native::model::Conditions { uses: Some(10), ..Default::default() };
    let old = owner.grant(&GrantRequest { conditions, ..request() }).unwrap();
    let grace = rotation(&old.token, RotationMode::Grace { seconds: 60 });
    assert_eq!(refused(owner.rotate(&grace)), ErrorCode::InvalidArgument);
    let new = rotate(&fixture, &old, CONFIRM);
    // Seven uses are spent while the new one waits.
    sqlite(&fixture, "UPDATE token SET uses_left = 3 WHERE uses_left = 10 AND rotation_stage IS NULL");
    assert_eq!(check_new(&fixture, &new), Outcome::Valid);
    let left = owner.token(new.successor.id.as_str()).unwrap().uses_left.unwrap();
    assert!(left <= 3, "{left} are left");
}

#[test]
fn values_keep_their_form() {
    let fixture = fixture();
    let old = fixture.grant();
    let request = keyed(&old.token, "key");
    for _ in 0..2 {
        let new = fixture.engine.owner().rotate(&request).unwrap();
        let parsed = opaque::parse(new.value.as_ref().unwrap().as_bytes()).unwrap();
        assert_eq!((parsed.id, parsed.prefix), (new.successor.id, "tsr"));
    }
}

/// How many events of this name are in the audit log.
fn events(fixture: &Fixture, event: &str) -> i64 {
    let connection = rusqlite::Connection::open(fixture.path()).unwrap();
    connection.query_row("SELECT count(*) FROM audit_event WHERE event = ?1", [event], |row| row.get(0)).unwrap()
}

fn change_settings(fixture: &Fixture, settings: &str) {
    sqlite(fixture, &format!("UPDATE profile SET settings = '{settings}' WHERE name = 'Default'"));
}

fn sqlite(fixture: &Fixture, sql: &str) {
    // The tests' SQLite is the store's own, so its locks are known to it.
    let connection = rusqlite::Connection::open(fixture.path()).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    assert!(connection.execute(sql, []).unwrap() > 0);
}
