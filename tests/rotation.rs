//! Rotation: one token takes over from another, and there is never more than one that does.

mod support;

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Barrier};

use rusqlite::Connection;
use rusqlite::types::Value;
use support::{Fixture, NOW, check, fixture, open_at, request};
use tessera_native::clock::FixedClock;
use tessera_native::error::ErrorCode;
use tessera_native::format::opaque;
use tessera_native::model::{
    Actor, Algorithm, Conditions, OrganizationMember, Outcome, RateLimit, RotationMode, RotationStage, Token,
    TokenFilter, TokenFormat, TokenState,
};
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
    let owner = fixture.engine.owner();
    owner.create_identity("Root", &["Administrator".to_owned()], None).unwrap();
    let members =
        ["Adam", "Root"].map(|identity| OrganizationMember { identity: identity.into(), is_administrator: false });
    for organization in ["North", "South", "West"] {
        owner.create_organization(organization, &members).unwrap();
    }
    owner.create_profile("Mine", None, r#"{"warningSeconds":300}"#).unwrap();
    let root = Actor::Identity { id: owner.identity("Root").unwrap().id, name: "Root".into() };
    let granting = GrantRequest { identity: "Root".into(), ..GrantRequest::default() };
    let granting = fixture.engine.session(&root).grant(&granting).unwrap().token;
    let granting = Actor::Token { id: granting.id, identity: granting.identity };
    let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    for format in [TokenFormat::Opaque, TokenFormat::Jwt] {
        fixture.clock.set(NOW);
        let request = GrantRequest {
            identity: "Adam".into(),
            name: Some("Nightly".into()),
            roles: Some(list(&["Reader"])),
            format: Some(format),
            lifetime: Lifetime::Seconds(1_000),
            not_before: Some(NOW + 100),
            tags: list(&["build", "ci"]),
            remark: Some("the nightly build".into()),
            profile: Some("Mine".into()),
            audiences: list(&["api", "reports"]),
            organizations: Some(list(&["North", "West"])),
            conditions: Conditions {
                subject: Some("https://api.example/jobs".into()),
                referrer: Some("ci.example".into()),
                allowed_addresses: list(&["10.0.0.0/8"]),
                denied_addresses: list(&["10.1.0.0/16"]),
                methods: list(&["GET"]),
                operations: list(&["job.read"]),
                required_roles: list(&["Operator"]),
                uses: Some(5),
                rate_limit: Some(RateLimit { uses: 3, period_seconds: 60 }),
            },
            warn_after: Some(NOW + 1_030),
            is_decoy: false,
            key_id: None,
        };
        let old = fixture.engine.session(&granting).grant(&request).unwrap().token;
        // The newest key signs.
        let key = owner.create_key(Algorithm::ES256).unwrap().key_id;
        fixture.clock.set(NOW + 600);
        let new = owner.rotate(&rotation(&old, CONFIRM)).unwrap();
        let id = new.successor.id.clone();
        assert!(id != old.id && new.successor.sequence > old.sequence);
        let expected = Token {
            sequence: new.successor.sequence,
            id: id.clone(),
            key_id: (format == TokenFormat::Jwt).then_some(key),
            created_at: NOW + 600,
            // The old one's beginning is past; it was granted for 1,000 seconds, to warn in the last 70.
            not_before: None,
            expires_at: Some(NOW + 1_600),
            warn_after: Some(NOW + 1_530),
            predecessor: Some(old.id.clone()),
            rotation_stage: Some(RotationStage::Waiting),
            ..old.clone()
        };
        assert_eq!(new.successor, expected, "{format:?}");
        assert_eq!(
            new.predecessor,
            Token { successor: Some(id), retired_by: Some("local owner".into()), ..old.clone() },
            "{format:?}"
        );
        // What no list tells.
        let hidden = ["creator_id", "parent", "conditions", "identity_id", "profile_id", "name_key"];
        for column in hidden {
            let (of_old, of_new): (Value, Value) = connection(&fixture)
                .query_row(
                    &format!(
                        "SELECT o.{column}, n.{column} FROM token o JOIN token n ON n.predecessor = o.sequence
                              WHERE o.id = ?1"
                    ),
                    [old.id.as_str()],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .unwrap();
            assert!(of_old == of_new && of_old != Value::Null, "{format:?}: {column}");
        }
    }

    let other = fixture.grant();
    let shorter = RotationRequest { lifetime: Some(Lifetime::Seconds(5)), ..rotation(&other.token, CONFIRM) };
    assert_eq!(owner.rotate(&shorter).unwrap().successor.expires_at, Some(NOW + 605));
    let later = owner.grant(&GrantRequest { not_before: Some(NOW + 700), ..request() }).unwrap();
    let new = rotate(&fixture, &later, CONFIRM).successor;
    assert_eq!((new.not_before, new.expires_at), (later.token.not_before, later.token.expires_at), "not begun yet");
}

#[test]
fn a_token_rotates_itself_and_what_it_granted_and_no_other() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_identity("Root", &["Administrator".to_owned()], None).unwrap();
    owner.create_profile("Kept", None, r#"{"keepsValues":true}"#).unwrap();
    let kept = |request: GrantRequest| GrantRequest { profile: Some("Kept".into()), ..request };
    let all = kept(GrantRequest { identity: "Root".into(), ..GrantRequest::default() });
    let limited = GrantRequest {
        lifetime: Lifetime::Seconds(1_000),
        conditions: Conditions { operations: vec!["token.rotate".into(), "token.grant".into()], ..Default::default() },
        ..all.clone()
    };
    let (all, own) = (owner.grant(&all).unwrap().token, owner.grant(&limited).unwrap().token);
    let others = owner.grant(&kept(request())).unwrap().token;
    let acting = |token: &Token| Actor::Token { id: token.id.clone(), identity: "Root".into() };
    let by = acting(&own);
    let session = fixture.engine.session(&by);
    for token in [&all, &others] {
        assert_eq!(refused(session.rotate(&rotation(token, CONFIRM))), ErrorCode::NotPermitted);
        assert_eq!(refused(session.prepare_rotation(&rotation(token, CONFIRM))), ErrorCode::NotPermitted);
        assert_eq!(refused(session.kept_value(token.id.as_str())), ErrorCode::NotPermitted);
    }

    // What it granted ends with it.
    let child = session.grant(&GrantRequest { lifetime: Lifetime::Seconds(900), ..kept(request()) }).unwrap().token;
    assert!(session.kept_value(child.id.as_str()).is_ok());
    fixture.clock.set(NOW + 500);
    for longer in [Lifetime::Seconds(501), Lifetime::Until(NOW + 1_001), Lifetime::Never] {
        let request = RotationRequest { lifetime: Some(longer), ..rotation(&child, RotationMode::Immediate) };
        assert_eq!(refused(session.rotate(&request)), ErrorCode::NotPermitted, "{longer:?}");
    }
    let cut = session.rotate(&rotation(&child, RotationMode::Immediate)).unwrap().successor;
    assert_eq!((cut.expires_at, &cut.parent), (own.expires_at, &Some(own.id.clone())));
    let exact = RotationRequest { lifetime: Some(Lifetime::Seconds(500)), ..rotation(&cut, RotationMode::Immediate) };
    assert_eq!(session.rotate(&exact).unwrap().successor.expires_at, own.expires_at);

    // It renews itself.
    let renewed = session.rotate(&rotation(&own, RotationMode::Immediate)).unwrap().successor;
    assert_eq!((renewed.expires_at, &renewed.parent), (Some(NOW + 1_500), &None));
    assert_eq!(refused(session.rotate(&rotation(&renewed, CONFIRM))), ErrorCode::NotPermitted, "it has given way");
}

#[test]
fn there_is_one_successor_until_that_is_revoked_or_expires_unused() {
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

    // One that expired before anybody used it makes way too: nobody will.
    for format in [TokenFormat::Opaque, TokenFormat::Jwt] {
        fixture.clock.set(NOW);
        let old = owner.grant(&GrantRequest { format: Some(format), ..request() }).unwrap();
        let short = RotationRequest { lifetime: Some(Lifetime::Seconds(60)), ..rotation(&old.token, CONFIRM) };
        let unused = owner.rotate(&short).unwrap();
        // A check of a JWT allows for half a minute of other machines' clocks.
        let end = NOW + if format == TokenFormat::Jwt { 90 } else { 60 };
        fixture.clock.set(end - 1);
        assert_eq!(refused(owner.rotate(&rotation(&old.token, CONFIRM))), ErrorCode::Conflict, "{format:?}");
        fixture.clock.set(end);
        let next = rotate(&fixture, &old, CONFIRM);
        assert_eq!((check_new(&fixture, &unused), check_new(&fixture, &next)), (Outcome::Expired, Outcome::Valid));
        assert_eq!(fixture.check(&old), Outcome::Revoked, "{format:?}");
        assert_eq!(owner.token(unused.successor.id.as_str()).unwrap().predecessor, None);
    }
    fixture.clock.set(NOW);

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
    assert_eq!(check_new(&fixture, &new), Outcome::Revoked, "nobody knows who else has the values of this family");
    let ended = owner.token(new.successor.id.as_str()).unwrap().revocation.unwrap();
    assert!(ended.reason.unwrap().contains("retired"));
    assert_eq!(events(&fixture, "token.reuse"), 2);
    assert_eq!(fixture.check(&fixture.grant()), Outcome::Valid, "other families go on");
}

#[test]
fn a_rotation_wins_no_uses() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    let conditions = Conditions { uses: Some(10), ..Default::default() };
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
    let sql = "SELECT count(*) FROM audit_event WHERE event = ?1";
    connection(fixture).query_row(sql, [event], |row| row.get(0)).unwrap()
}

fn change_settings(fixture: &Fixture, settings: &str) {
    sqlite(fixture, &format!("UPDATE profile SET settings = '{settings}' WHERE name = 'Default'"));
}

fn sqlite(fixture: &Fixture, sql: &str) {
    assert!(connection(fixture).execute(sql, []).unwrap() > 0);
}

fn connection(fixture: &Fixture) -> Connection {
    // The tests' SQLite is the store's own, so its locks are known to it.
    let connection = Connection::open(fixture.path()).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    connection
}
