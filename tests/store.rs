//! What is kept is found again: grants, lists, identities, keys, copies.

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use support::{NOW, check, fixture, open_at, request};
use tessera_native::error::ErrorCode;
use tessera_native::model::{Algorithm, IdentityFilter, JwtKind, Outcome, TokenFilter, TokenState};
use tessera_native::policy::{AccessContext, Lifetime};
use tessera_native::service::{Engine, GrantRequest, KeyExport, MintRequest, OpenOptions, VerifyRequest};

fn list(engine: &Engine, filter: TokenFilter) -> Vec<String> {
    let tokens = engine.owner().tokens(&TokenFilter { limit: 1_000, ..filter }).unwrap();
    tokens.into_iter().map(|token| token.name.unwrap_or_default()).collect()
}

#[test]
fn a_grant_is_found_with_all_that_was_said() {
    let fixture = fixture();
    let grant = fixture
        .engine
        .owner()
        .grant(&GrantRequest {
            identity: "ADAM".into(),
            name: Some("nightly".into()),
            roles: Some(vec!["reader".into()]),
            lifetime: Lifetime::Seconds(3_600),
            not_before: Some(NOW + 60),
            tags: vec!["ci".into(), "build".into(), "ci".into()],
            remark: Some("the nightly build".into()),
            ..request()
        })
        .unwrap();
    let token = fixture.engine.owner().token(grant.token.id.as_str()).unwrap();
    assert_eq!(token, grant.token);
    assert_eq!((token.identity.as_str(), token.name.as_deref()), ("Adam", Some("nightly")));
    assert_eq!(token.roles, ["Reader"]);
    assert_eq!(token.tags, ["build", "ci"]);
    assert_eq!((token.created_at, token.not_before, token.expires_at), (NOW, Some(NOW + 60), Some(NOW + 3_660)));
    assert_eq!(token.created_by, "local owner");
    assert_eq!(fixture.check(&grant), Outcome::NotYetValid);
    fixture.clock.set(NOW + 60);
    assert_eq!(fixture.check(&grant), Outcome::Valid);
    fixture.clock.set(NOW + 3_660);
    assert_eq!(fixture.check(&grant), Outcome::Expired);
}

#[test]
fn everything_survives_closing_and_opening() {
    let fixture = fixture();
    let (opaque, jwt) = (fixture.grant(), fixture.grant_jwt());
    let (path, clock, folder) = (fixture.path(), fixture.clock.clone(), fixture.folder);
    drop(fixture.engine);
    let engine = open_at(path, &clock);
    for grant in [&opaque, &jwt] {
        assert_eq!(check(&engine, grant.value.as_bytes()), Outcome::Valid);
        assert_eq!(engine.owner().token(grant.token.id.as_str()).unwrap(), grant.token);
    }
    drop(folder);
}

#[test]
fn a_list_is_narrowed_by_each_of_its_filters() {
    let fixture = fixture();
    let engine = &fixture.engine;
    engine.owner().create_identity("Eve", &["Reader".into()], None).unwrap();
    let grant = |identity: &str, name: &str, lifetime, not_before, tag: &str| {
        let grant = engine.owner().grant(&GrantRequest {
            identity: identity.into(),
            name: Some(name.into()),
            lifetime,
            not_before,
            tags: vec![tag.into()],
            ..request()
        });
        grant.unwrap().token.id
    };
    grant("Adam", "short", Lifetime::Seconds(10), None, "a");
    grant("Adam", "long_100%", Lifetime::Seconds(1_000), None, "b");
    grant("Eve", "Later", Lifetime::Seconds(1_000), Some(NOW + 500), "a");
    let gone = grant("Eve", "gone", Lifetime::Never, None, "b");
    grant("Eve", "forever", Lifetime::Never, None, "c");
    engine.owner().revoke_token(gone.as_str(), None).unwrap();
    fixture.clock.set(NOW + 10);

    let none = TokenFilter::default;
    assert_eq!(list(engine, none()), ["short", "long_100%", "Later", "gone", "forever"]);
    assert_eq!(list(engine, TokenFilter { identity: Some("eve".into()), ..none() }), ["Later", "gone", "forever"]);
    assert_eq!(list(engine, TokenFilter { tag: Some("a".into()), ..none() }), ["short", "Later"]);
    for (pattern, expected) in [
        ("l*", vec!["long_100%", "Later"]),
        ("?ONG*", vec!["long_100%"]),
        ("*%", vec!["long_100%"]),
        ("long?100?", vec!["long_100%"]),
        ("short", vec!["short"]),
        ("%", vec![]),
        ("_____", vec![]),
    ] {
        assert_eq!(list(engine, TokenFilter { name: Some(pattern.into()), ..none() }), expected, "{pattern}");
    }
    for (state, expected) in [
        (TokenState::Active, vec!["long_100%", "forever"]),
        (TokenState::Pending, vec!["Later"]),
        (TokenState::Expired, vec!["short"]),
        (TokenState::Revoked, vec!["gone"]),
    ] {
        assert_eq!(list(engine, TokenFilter { state: Some(state), ..none() }), expected, "{state:?}");
        let tokens = engine.owner().tokens(&TokenFilter { limit: 1_000, ..none() }).unwrap();
        let by_state = tokens.iter().filter(|token| token.state(NOW + 10) == state).count();
        assert_eq!(by_state, expected.len(), "the list and the token agree on {state:?}");
    }
    // A revoked signing key revokes its tokens in lists and counts as it does at a check.
    let signed = fixture.grant_jwt();
    engine.owner().revoke_key(signed.token.key_id.as_deref().unwrap(), None).unwrap();
    assert_eq!(list(engine, TokenFilter { state: Some(TokenState::Revoked), ..none() }), ["gone", ""]);
    assert_eq!(list(engine, TokenFilter { state: Some(TokenState::Active), ..none() }), ["long_100%", "forever"]);
    assert_eq!(engine.owner().status().unwrap().counts.revoked_tokens, 2);
    engine.owner().remove_token(signed.token.id.as_str()).unwrap();

    let window = TokenFilter { expires_after: Some(NOW + 10), expires_before: Some(NOW + 1_001), ..none() };
    assert_eq!(list(engine, window), ["short", "long_100%"]);

    let counts = engine.owner().status().unwrap().counts;
    assert_eq!(
        (counts.active_tokens, counts.pending_tokens, counts.expired_tokens, counts.revoked_tokens),
        (2, 1, 1, 1)
    );
}

#[test]
fn pages_join_to_the_whole_list() {
    let fixture = fixture();
    let all: Vec<_> = (0..25).map(|_| fixture.grant().token.sequence).collect();
    let mut paged = Vec::new();
    let mut after = None;
    loop {
        let page = fixture.engine.owner().tokens(&TokenFilter { after, limit: 10, ..Default::default() }).unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.sequence);
        paged.extend(page.iter().map(|token| token.sequence));
    }
    assert_eq!(paged, all);
    for limit in [0, 1_001, u32::MAX] {
        let refused = fixture.engine.owner().tokens(&TokenFilter { limit, ..Default::default() }).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::InvalidArgument);
    }
}

#[test]
fn a_token_has_at_most_what_its_identity_has_now() {
    let fixture = fixture();
    let engine = &fixture.engine;
    let grant = fixture.grant();
    let may = |role: &str| {
        let context = AccessContext { role: Some(role), ..AccessContext::default() };
        engine.validate(grant.value.as_bytes(), context).outcome
    };
    assert_eq!((may("Reader"), may("OPERATOR")), (Outcome::Valid, Outcome::Valid));
    assert_eq!((may("Administrator"), may("no such role")), (Outcome::RoleDenied, Outcome::RoleDenied));
    engine.owner().update_identity("Adam", Some(&["Reader".into()]), None).unwrap();
    assert_eq!((may("Reader"), may("Operator")), (Outcome::Valid, Outcome::RoleDenied));
    engine.owner().update_identity("Adam", Some(&[]), None).unwrap();
    assert_eq!(may("Reader"), Outcome::RoleDenied);
    assert_eq!(fixture.check(&grant), Outcome::Valid);
    engine.owner().update_identity("Adam", Some(&["Administrator".into()]), None).unwrap();
    assert_eq!((may("Operator"), may("Administrator")), (Outcome::Valid, Outcome::RoleDenied));

    let too_much = GrantRequest { roles: Some(vec!["Administrator".into()]), ..request() };
    engine.owner().update_identity("Adam", Some(&["Operator".into()]), None).unwrap();
    assert_eq!(engine.owner().grant(&too_much).unwrap_err().code(), ErrorCode::NotPermitted);
    let unknown = GrantRequest { roles: Some(vec!["Nobody".into()]), ..request() };
    assert_eq!(engine.owner().grant(&unknown).unwrap_err().code(), ErrorCode::NotFound);
}

#[test]
fn remarks_and_tags_can_be_changed_and_nothing_else() {
    let fixture = fixture();
    let engine = &fixture.engine;
    let grant = fixture.grant();
    let id = grant.token.id.as_str();
    let changed = engine.owner().update_token(id, Some("a remark"), Some(&["x".into()])).unwrap();
    assert_eq!((changed.remark.as_deref(), changed.tags.as_slice()), (Some("a remark"), ["x".to_owned()].as_slice()));
    let kept = engine.owner().update_token(id, None, None).unwrap();
    assert_eq!(kept, changed);
    let cleared = engine.owner().update_token(id, Some(""), Some(&[])).unwrap();
    assert_eq!(cleared, grant.token);
    assert_eq!(engine.owner().update_token("0123456789ab", Some("x"), None).unwrap_err().code(), ErrorCode::NotFound);
}

#[test]
fn identities_are_named_without_regard_to_case() {
    let fixture = fixture();
    let engine = &fixture.engine;
    assert_eq!(engine.owner().create_identity("ADAM", &[], None).unwrap_err().code(), ErrorCode::AlreadyExists);
    engine.owner().create_identity("\u{e9}va", &["administrator".into()], None).unwrap();
    assert_eq!(engine.owner().create_identity("E\u{301}VA", &[], None).unwrap_err().code(), ErrorCode::AlreadyExists);
    assert_eq!(
        engine.owner().create_identity("Bob", &["Nobody".into()], None).unwrap_err().code(),
        ErrorCode::NotFound
    );
    let owner = engine.owner().create_identity("Local Owner", &[], None).unwrap_err();
    assert_eq!(owner.code(), ErrorCode::InvalidArgument, "nobody may pass for the local owner");
    assert_eq!(engine.owner().identity("E\u{301}va").unwrap().roles, ["Administrator"]);
    assert_eq!(engine.owner().identity("*").unwrap_err().code(), ErrorCode::NotFound);
    let all = |name: Option<&str>| {
        let filter = IdentityFilter { name: name.map(str::to_owned), after_name: None, limit: 1_000 };
        engine.owner().identities(&filter).unwrap().into_iter().map(|identity| identity.name).collect::<Vec<_>>()
    };
    assert_eq!(all(None), ["Adam", "\u{e9}va"]);
    assert_eq!(all(Some("a*")), ["Adam"]);
    assert_eq!(engine.owner().roles().unwrap().len(), 3);
}

#[test]
fn passwords_are_verified_changed_and_taken_away() {
    let fixture = fixture();
    let engine = &fixture.engine;
    engine.owner().create_identity("Eve", &[], Some(b"correct horse")).unwrap();
    assert!(engine.verify_password("EVE", b"correct horse").unwrap());
    assert!(!engine.verify_password("Eve", b"wrong horse").unwrap());
    assert!(!engine.verify_password("nobody", b"correct horse").unwrap());
    assert!(!engine.verify_password("Adam", b"correct horse").unwrap());
    assert!(engine.owner().update_identity("Eve", None, Some(Some(b"correct horse battery"))).unwrap().has_password);
    assert!(!engine.verify_password("Eve", b"correct horse").unwrap());
    assert!(engine.verify_password("Eve", b"correct horse battery").unwrap());
    assert!(!engine.owner().update_identity("Eve", None, Some(None)).unwrap().has_password);
    assert!(!engine.verify_password("Eve", b"correct horse battery").unwrap());
    for refused in [&b""[..], &[b'x'; 1_025]] {
        let refused = engine.owner().create_identity("Bob", &[], Some(refused)).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::InvalidArgument);
    }
}

/// A hash made with other parameters is replaced at the first success, and its password goes on working.
#[test]
fn an_old_password_hash_is_renewed_at_success() {
    let fixture = fixture();
    let path = fixture.path();
    let hash_of = |connection: &rusqlite::Connection| -> String {
        connection.query_row("SELECT password_hash FROM identity WHERE name = 'Adam'", [], |row| row.get(0)).unwrap()
    };
    // Of "correct horse", with 64 KiB and two passes.
    let old = "$argon2id$v=19$m=64,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$OLD";
    let tag = {
        let parameters = argon2::Params::new(64, 2, 1, Some(32)).unwrap();
        let mut tag = [0; 32];
        argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, parameters)
            .hash_password_into(b"correct horse", &[7; 16], &mut tag)
            .unwrap();
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD_NO_PAD, tag)
    };
    let elsewhere = rusqlite::Connection::open(&path).unwrap();
    elsewhere.execute("UPDATE identity SET password_hash = ?1", [old.replace("OLD", &tag)]).unwrap();
    assert!(!fixture.engine.verify_password("Adam", b"wrong horse").unwrap());
    assert!(hash_of(&elsewhere).starts_with("$argon2id$v=19$m=64,"), "a wrong password renews nothing");
    assert!(fixture.engine.verify_password("Adam", b"correct horse").unwrap());
    assert!(hash_of(&elsewhere).starts_with("$argon2id$v=19$m=47104,t=1,p=1$"));
    assert!(fixture.engine.verify_password("Adam", b"correct horse").unwrap());
}

#[test]
fn every_algorithm_signs_tokens_that_check() {
    let fixture = fixture();
    let engine = &fixture.engine;
    let mut key_ids = BTreeSet::new();
    for algorithm in Algorithm::ALL {
        let key = engine.owner().create_key(algorithm).unwrap();
        let grant = engine
            .owner()
            .grant(&GrantRequest {
                format: Some(tessera_native::model::TokenFormat::Jwt),
                key_id: Some(key.key_id.clone()),
                audiences: vec!["api".into(), "jobs".into()],
                ..request()
            })
            .unwrap();
        assert_eq!(fixture.check(&grant), Outcome::Valid, "{algorithm:?}");
        let at = |audience| {
            let context = AccessContext { audience: Some(audience), ..AccessContext::default() };
            engine.validate(grant.value.as_bytes(), context).outcome
        };
        assert_eq!((at("jobs"), at("other")), (Outcome::Valid, Outcome::AudienceDenied));
        let exported = engine.owner().export_keys(Some(&key.key_id), KeyExport::Pem);
        assert_eq!(exported.is_err(), algorithm == Algorithm::HS256);
        key_ids.insert(key.key_id);
    }
    assert_eq!(key_ids.len(), Algorithm::ALL.len());
    let published = engine.owner().export_keys(None, KeyExport::Jwks).unwrap();
    assert_eq!(published.matches("\"kid\"").count(), Algorithm::ALL.len() - 1);
    assert!(!published.contains("\"d\"") && !published.contains("\"k\":"), "no private half is published");
}

#[test]
fn the_newest_key_signs_whatever_the_clock_says() {
    let fixture = fixture();
    let engine = &fixture.engine;
    for round in 0..10 {
        // Within one second, and with the clock set back.
        fixture.clock.set(NOW - round / 2);
        let key = engine.owner().create_key(Algorithm::ES256).unwrap();
        assert_eq!(fixture.grant_jwt().token.key_id, Some(key.key_id));
    }
}

#[test]
fn only_a_grant_makes_the_first_key() {
    let fixture = fixture();
    let engine = &fixture.engine;
    let mint = MintRequest { claims: r#"{"sub":"Adam","aud":"api"}"#, ..Default::default() };
    assert_eq!(engine.owner().mint_jwt(&mint).unwrap_err().code(), ErrorCode::NotFound);
    assert!(engine.owner().keys().unwrap().is_empty());
    fixture.grant_jwt();
    assert_eq!(engine.owner().keys().unwrap().len(), 1);
    assert!(engine.owner().mint_jwt(&mint).is_ok());
}

#[test]
fn a_check_by_hand_knows_granted_tokens_from_others() {
    let fixture = fixture();
    let engine = &fixture.engine;
    let grant = fixture.grant_jwt();
    let by_hand = |value: &[u8]| engine.verify_jwt(value, &VerifyRequest::default()).unwrap().outcome;
    let minted = engine
        .owner()
        .mint_jwt(&MintRequest { claims: r#"{"sub":"Adam","aud":"api"}"#, ..Default::default() })
        .unwrap();
    assert_eq!(by_hand(minted.value.as_bytes()), Outcome::Valid);
    assert_eq!(check(engine, minted.value.as_bytes()), Outcome::Unknown, "it is no token of the store");
    assert_eq!(by_hand(grant.value.as_bytes()), Outcome::Valid);

    let wanted = |algorithm| {
        let request = VerifyRequest { algorithm: Some(algorithm), ..Default::default() };
        engine.verify_jwt(grant.value.as_bytes(), &request).unwrap().outcome
    };
    assert_eq!((wanted(Algorithm::ES256), wanted(Algorithm::HS256)), (Outcome::Valid, Outcome::Unknown));

    let forged = format!(r#"{{"sub":"Adam","aud":"api","jti":"{}"}}"#, grant.token.id);
    let refused = engine.owner().mint_jwt(&MintRequest { claims: &forged, ..Default::default() }).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InvalidArgument, "no second token with a granted one's id");
    let nameless = MintRequest { kind: JwtKind::PowerShellUniversal, ..Default::default() };
    assert_eq!(engine.owner().mint_jwt(&nameless).unwrap_err().code(), ErrorCode::InvalidArgument);

    engine.owner().remove_token(grant.token.id.as_str()).unwrap();
    assert_eq!(by_hand(grant.value.as_bytes()), Outcome::Revoked);
    assert_eq!(fixture.check(&grant), Outcome::Unknown);
}

/// A pepper is added by hand to the key: new tokens are digested with it, and the earlier ones go on.
#[test]
fn a_new_pepper_serves_new_tokens_and_the_old_one_the_old() {
    let fixture = fixture();
    let early = fixture.grant();
    let (path, clock, folder) = (fixture.path(), fixture.clock.clone(), fixture.folder);
    drop(fixture.engine);
    let key_file = folder.path().join("tokens.db.key");
    let text = std::fs::read_to_string(&key_file).unwrap();
    let pepper = |id: u32| format!(r#"{{"id":{id},"key":"{}="}}"#, "B".repeat(42) + "A");
    let two = text.replace("}],\"wrappingKey\"", &format!("}},{}],\"wrappingKey\"", pepper(2)));
    assert_ne!(two, text);
    std::fs::write(&key_file, &two).unwrap();
    let engine = open_at(path.clone(), &clock);
    let late = engine.owner().grant(&request()).unwrap();
    assert_eq!(check(&engine, early.value.as_bytes()), Outcome::Valid);
    assert_eq!(check(&engine, late.value.as_bytes()), Outcome::Valid);
    drop(engine);

    // Without the second pepper its tokens could not be checked, so the key is refused.
    std::fs::write(&key_file, &text).unwrap();
    let refused = Engine::open(OpenOptions { path: path.clone(), ..Default::default() });
    assert_eq!(refused.err().unwrap().code(), ErrorCode::StoreWrongKey);
    std::fs::write(&key_file, &two).unwrap();
    let engine = open_at(path, &clock);
    assert_eq!(check(&engine, early.value.as_bytes()), Outcome::Valid);
}

#[test]
fn a_copy_is_made_while_the_store_is_written() {
    let fixture = fixture();
    let early = fixture.grant();
    for _ in 0..1_500 {
        let remark = Some("x".repeat(1_000));
        fixture.engine.owner().grant(&GrantRequest { remark, ..request() }).unwrap();
    }
    let copy = fixture.folder.path().join("copy.db");
    let is_copied = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Without a pause until the copy is done, which must not wait for one.
        let writing = scope.spawn(|| {
            while !is_copied.load(Ordering::Relaxed) {
                fixture.grant();
            }
        });
        let copied = fixture.engine.owner().backup(&copy);
        is_copied.store(true, Ordering::Relaxed);
        assert!(copied.unwrap() > 1_500_000);
        writing.join().unwrap();
    });
    assert_eq!(fixture.engine.owner().backup(&copy).unwrap_err().code(), ErrorCode::AlreadyExists);
    assert!(!fixture.folder.path().join("copy.db.key").exists(), "a backup never has the key");

    // It opens with the store's key, and with no other.
    let refused = Engine::open(tessera_native::service::OpenOptions { path: copy.clone(), ..Default::default() });
    assert_eq!(refused.err().unwrap().code(), ErrorCode::StoreKeyMissing);
    std::fs::copy(fixture.folder.path().join("tokens.db.key"), fixture.folder.path().join("copy.db.key")).unwrap();
    let restored = open_at(copy, &fixture.clock);
    assert_eq!(check(&restored, early.value.as_bytes()), Outcome::Valid);
    assert!(restored.owner().problems().unwrap().is_empty());
}

/// The database, its log, its index and a copy hold neither a value nor its secret part, nor a password.
#[test]
fn no_file_of_a_store_holds_a_secret() {
    let fixture = fixture();
    let engine = &fixture.engine;
    let mut secrets = vec![b"correct horse battery staple".to_vec()];
    engine.owner().create_identity("Eve", &["Reader".into()], Some(&secrets[0])).unwrap();
    for _ in 0..20 {
        let (opaque, jwt) = (fixture.grant(), fixture.grant_jwt());
        secrets.push(opaque.value.as_bytes().to_vec());
        secrets.push(opaque.value.as_bytes()[16..48].to_vec());
        secrets.push(jwt.value.as_bytes().to_vec());
        secrets.push(jwt.value.as_bytes().rsplit(|byte| *byte == b'.').next().unwrap().to_vec());
        assert_eq!((fixture.check(&opaque), fixture.check(&jwt)), (Outcome::Valid, Outcome::Valid));
        engine.owner().revoke_token(opaque.token.id.as_str(), Some("done")).unwrap();
    }
    assert!(engine.verify_password("Eve", &secrets[0]).unwrap());
    engine.owner().backup(&fixture.folder.path().join("copy.db")).unwrap();
    let mut names: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(fixture.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for secret in &secrets {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_slice()), "{}", path.display());
        }
        if !bytes.is_empty() {
            names.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    names.sort();
    let counter = cfg!(unix).then_some("tokens.db-counter");
    let expected = ["copy.db", "tokens.db"].into_iter().chain(counter);
    let expected: Vec<_> = expected.chain(["tokens.db-shm", "tokens.db-wal", "tokens.db.key"]).collect();
    assert_eq!(names, expected);
    // The search can find: an id, which may be shown, is in the log or the database.
    let id = engine.owner().tokens(&TokenFilter { limit: 1, ..Default::default() }).unwrap()[0]
        .id
        .as_str()
        .as_bytes()
        .to_vec();
    let copy = std::fs::read(fixture.folder.path().join("copy.db")).unwrap();
    assert!(copy.windows(id.len()).any(|window| window == id.as_slice()));
}

#[test]
fn many_threads_may_use_one_store() {
    let fixture = fixture();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..25 {
                    let grant = fixture.grant();
                    assert_eq!(fixture.check(&grant), Outcome::Valid);
                    fixture.engine.owner().revoke_token(grant.token.id.as_str(), None).unwrap();
                    assert_eq!(fixture.check(&grant), Outcome::Revoked);
                }
            });
        }
    });
    assert_eq!(fixture.engine.owner().status().unwrap().counts.revoked_tokens, 200);
}
