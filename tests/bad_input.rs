//! Bad input gets its stated outcome or typed error; nothing is lost and the process lives.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{NOW, check, fixture, open_at, request};
use tessera_native::clock::MAXIMUM_SECONDS;
use tessera_native::error::{Error, ErrorCode};
use tessera_native::model::{Outcome, TokenFormat};
use tessera_native::policy::Lifetime;
use tessera_native::service::{Engine, GrantRequest, OpenOptions};

fn open(path: &Path) -> Result<Engine, Error> {
    Engine::open(OpenOptions { path: path.to_owned(), create: true, ..Default::default() })
}

fn refusal(path: &Path) -> ErrorCode {
    open(path).err().expect("the store is refused").code()
}

#[test]
fn values_that_are_no_tokens() {
    let fixture = fixture();
    let grant = fixture.grant();
    let good = String::from_utf8(grant.value.as_bytes().to_vec()).unwrap();
    let jwt = String::from_utf8(fixture.grant_jwt().value.as_bytes().to_vec()).unwrap();
    let wrong_check = format!("{}{}", &good[..good.len() - 1], if good.ends_with('0') { '1' } else { '0' });
    let deep = "[".repeat(10_000);
    let cases: Vec<(&str, Vec<u8>, Outcome)> = vec![
        ("empty", vec![], Outcome::Malformed),
        ("8 KiB + 1", vec![b'a'; 8_193], Outcome::Malformed),
        ("100 MB", vec![b'a'; 100_000_000], Outcome::Malformed),
        ("embedded NUL", good.replace('_', "\0").into_bytes(), Outcome::Malformed),
        ("a lone surrogate", [good.as_bytes(), &[0xed, 0xa0, 0x80]].concat(), Outcome::Malformed),
        ("not UTF-8", vec![0xff; 54], Outcome::Malformed),
        ("another prefix", good.replacen("tsr", "abc", 1).into_bytes(), Outcome::Malformed),
        ("a wrong check", wrong_check.into_bytes(), Outcome::Malformed),
        ("truncated", good[..good.len() - 3].into(), Outcome::Malformed),
        ("white space around", format!(" {good}\n").into_bytes(), Outcome::Malformed),
        ("three dots", format!("{jwt}.x").into_bytes(), Outcome::Malformed),
        ("one dot", b"a.b".to_vec(), Outcome::Malformed),
        ("deep JSON", deep.into_bytes(), Outcome::Malformed),
        ("a JWT cut off", jwt[..jwt.len() - 4].into(), Outcome::Malformed),
    ];
    for (name, value, expected) in cases {
        let found = check(&fixture.engine, &value);
        // A cut signature may still be well formed; then nobody signed it.
        assert!(found == expected || (name == "a JWT cut off" && found == Outcome::Unknown), "{name}: {found:?}");
    }
    assert_eq!(fixture.check(&grant), Outcome::Valid);
    // A token of another store is well formed and unknown.
    let other = support::fixture();
    assert_eq!(check(&fixture.engine, other.grant().value.as_bytes()), Outcome::Unknown);
    assert_eq!(check(&fixture.engine, other.grant_jwt().value.as_bytes()), Outcome::Unknown);
}

#[test]
fn expiries_at_the_edges() {
    let fixture = fixture();
    let grant = |lifetime, format| fixture.engine.owner().grant(&GrantRequest { lifetime, format, ..request() });
    for past in [NOW, NOW - 1, 0, -1, i64::MIN] {
        let refused = grant(Lifetime::Until(past), Some(TokenFormat::Opaque)).unwrap_err();
        assert_eq!((refused.code(), refused.subject()), (ErrorCode::InvalidArgument, Some("expiresAt")));
    }
    for edge in [2_147_483_647, 2_147_483_648, 4_294_967_296, MAXIMUM_SECONDS] {
        let granted = grant(Lifetime::Until(edge), Some(TokenFormat::Opaque)).unwrap();
        assert_eq!(fixture.engine.owner().token(granted.token.id.as_str()).unwrap().expires_at, Some(edge));
        fixture.clock.set(edge - 1);
        assert_eq!(fixture.check(&granted), Outcome::Valid);
        fixture.clock.set(edge);
        assert_eq!(fixture.check(&granted), Outcome::Expired);
        fixture.clock.set(NOW);
    }
    assert!(grant(Lifetime::Until(MAXIMUM_SECONDS + 1), Some(TokenFormat::Opaque)).is_err());
    assert_eq!(
        grant(Lifetime::Until(2_147_483_648), Some(TokenFormat::Jwt)).unwrap_err().code(),
        ErrorCode::NotPermitted,
        "a JWT lives for 400 days at most"
    );
    assert_eq!(grant(Lifetime::Never, Some(TokenFormat::Jwt)).unwrap_err().code(), ErrorCode::NotPermitted);
}

#[test]
fn arguments_outside_their_limits() {
    let fixture = fixture();
    let with = |change: fn(&mut GrantRequest)| {
        let mut asked = request();
        change(&mut asked);
        fixture.engine.owner().grant(&asked).unwrap_err().code()
    };
    assert_eq!(with(|asked| asked.identity = String::new()), ErrorCode::InvalidArgument);
    assert_eq!(with(|asked| asked.identity = "x".repeat(257)), ErrorCode::InvalidArgument);
    assert_eq!(with(|asked| asked.identity = "nobody".into()), ErrorCode::NotFound);
    assert_eq!(with(|asked| asked.identity = "' OR 1=1 --".into()), ErrorCode::NotFound);
    assert_eq!(with(|asked| asked.name = Some("a\0b".into())), ErrorCode::InvalidArgument);
    assert_eq!(with(|asked| asked.remark = Some("x".repeat(1_025))), ErrorCode::InvalidArgument);
    assert_eq!(with(|asked| asked.tags = vec![String::new()]), ErrorCode::InvalidArgument);
    assert_eq!(with(|asked| asked.key_id = Some("x".into())), ErrorCode::InvalidArgument);
    for id in ["", "short", "0123456789a!", "0123456789abc"] {
        assert_eq!(fixture.engine.owner().token(id).unwrap_err().code(), ErrorCode::InvalidArgument);
        assert_eq!(fixture.engine.owner().revoke_token(id, None).unwrap_err().code(), ErrorCode::InvalidArgument);
    }
    // A value given in the place of an id is not repeated in the error.
    let value = String::from_utf8(fixture.grant().value.as_bytes().to_vec()).unwrap();
    let refused = fixture.engine.owner().revoke_token(&value, None).unwrap_err();
    assert!(!format!("{refused:?} {refused}").contains(&value[4..]));
}

#[test]
fn paths_that_are_no_stores() {
    let folder = support::folder();
    let at = |name: &str| folder.path().join(name);

    assert_eq!(refusal(folder.path()), ErrorCode::StorePath);
    assert_eq!(refusal(&at("missing/tokens.db")), ErrorCode::StorePath);
    assert_eq!(refusal(Path::new("")), ErrorCode::StorePath);
    let none = Engine::open(OpenOptions { path: at("none.db"), create: false, ..Default::default() });
    assert_eq!(none.err().unwrap().code(), ErrorCode::StorePath);
    assert!(!at("none.db").exists(), "nothing is created where nothing was to be");

    let text = "This is a text file and not a database. ".repeat(100);
    fs::write(at("text.db"), &text).unwrap();
    assert_eq!(refusal(&at("text.db")), ErrorCode::StoreForeign);
    assert_eq!(fs::read_to_string(at("text.db")).unwrap(), text, "it was left untouched");
    assert!(!at("text.db.key").exists());

    let foreign = rusqlite::Connection::open(at("foreign.db")).unwrap();
    foreign.execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)").unwrap();
    drop(foreign);
    // And one that has nothing in it yet, but is somebody's.
    let empty = rusqlite::Connection::open(at("empty.db")).unwrap();
    empty.execute_batch("CREATE TABLE t (x); DROP TABLE t; VACUUM").unwrap();
    drop(empty);
    for name in ["foreign.db", "empty.db"] {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(at(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
        let before = fs::read(at(name)).unwrap();
        assert!(!before.is_empty());
        assert_eq!(refusal(&at(name)), ErrorCode::StoreForeign);
        assert_eq!(fs::read(at(name)).unwrap(), before, "it was left untouched");
    }
}

#[test]
fn a_store_keeps_its_issuer() {
    let folder = support::folder();
    let with = |issuer: Option<&str>| {
        let path = folder.path().join("tokens.db");
        Engine::open(OpenOptions { path, create: true, issuer: issuer.map(str::to_owned), ..Default::default() })
    };
    assert_eq!(with(Some("https://tokens.example")).unwrap().issuer(), "https://tokens.example");
    assert_eq!(with(None).unwrap().issuer(), "https://tokens.example");
    for refused in ["https://other.example", "", "a\nb"] {
        let error = with(Some(refused)).err().unwrap();
        assert_eq!((error.code(), error.subject()), (ErrorCode::InvalidArgument, Some("issuer")));
    }
}

#[test]
fn a_store_of_a_newer_schema_is_left_untouched() {
    let fixture = fixture();
    let (path, folder) = (fixture.path(), fixture.folder);
    drop(fixture.engine);
    let connection = rusqlite::Connection::open(&path).unwrap();
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    connection.pragma_update(None, "user_version", version + 1).unwrap();
    drop(connection);
    let before = fs::read(&path).unwrap();
    assert_eq!(refusal(&path), ErrorCode::StoreNewer);
    assert_eq!(fs::read(&path).unwrap(), before);
    drop(folder);
}

#[test]
fn a_key_that_is_wrong_missing_or_not_private() {
    let fixture = fixture();
    let (path, clock, folder) = (fixture.path(), fixture.clock.clone(), &fixture.folder);
    let grant = fixture.grant();
    let other = support::fixture();
    let key_file = folder.path().join("tokens.db.key");
    let right = fs::read(&key_file).unwrap();
    let wrong = fs::read(other.folder.path().join("tokens.db.key")).unwrap();
    drop(fixture.engine);

    fs::write(&key_file, &wrong).unwrap();
    assert_eq!(refusal(&path), ErrorCode::StoreWrongKey);
    fs::write(&key_file, "not a key file").unwrap();
    assert_eq!(refusal(&path), ErrorCode::StoreKeyFile);
    fs::remove_file(&key_file).unwrap();
    assert_eq!(refusal(&path), ErrorCode::StoreKeyMissing);
    assert!(!key_file.exists(), "no key is made for a store that has one");

    // A caller may bring the key; then no file is needed.
    let brought = |key: &[u8]| {
        let key = Some(tessera_native::secret::Secret::from(key));
        Engine::open(OpenOptions { path: path.clone(), key, ..Default::default() })
    };
    assert_eq!(brought(&wrong).err().unwrap().code(), ErrorCode::StoreWrongKey);
    assert!(brought(&right).is_ok());

    // One that is no key at all leaves nothing behind.
    let new = Engine::open(OpenOptions {
        path: folder.path().join("new.db"),
        create: true,
        key: Some(tessera_native::secret::Secret::from(&b"no key"[..])),
        ..Default::default()
    });
    assert_eq!(new.err().unwrap().code(), ErrorCode::StoreKeyFile);
    assert!(!folder.path().join("new.db").exists());

    fs::write(&key_file, &right).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&key_file, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(refusal(&path), ErrorCode::StoreKeyFile);
        fs::set_permissions(&key_file, fs::Permissions::from_mode(0o600)).unwrap();
    }
    assert_eq!(check(&open_at(path.clone(), &clock), grant.value.as_bytes()), Outcome::Valid);
}

#[test]
fn a_damaged_store_is_told_and_never_accepts_anything() {
    let fixture = fixture();
    let grants: Vec<_> = (0..50).map(|_| fixture.grant()).collect();
    let (path, folder) = (fixture.path(), fixture.folder);
    drop(fixture.engine);
    let whole = fs::read(&path).unwrap();
    let others = support::fixture();
    let foreign = others.grant();
    let mut detected = 0;
    for round in 0..200_usize {
        let mut damaged = whole.clone();
        let is_truncated = round % 4 == 0;
        if is_truncated {
            // To nothing at all it would be a new store.
            damaged.truncate((whole.len() * (round % 97) / 97).max(1));
        } else {
            // Spread over the file by a fixed stride, so that every run damages the same places.
            for step in 0..=round % 7 {
                let place = (round * 7_919 + step * 104_729) % damaged.len();
                damaged[place] ^= 1 << (round % 8);
            }
        }
        fs::write(&path, &damaged).unwrap();
        for log in ["tokens.db-wal", "tokens.db-shm"] {
            let _ = fs::remove_file(folder.path().join(log));
        }
        let found = match open(&path) {
            Err(error) => Err(error),
            Ok(engine) => {
                assert_ne!(check(&engine, foreign.value.as_bytes()), Outcome::Valid, "round {round}");
                for grant in &grants {
                    let outcome = check(&engine, grant.value.as_bytes());
                    let id = grant.token.id.as_str();
                    // A `Valid` rests on the token's own row, whatever else is damaged.
                    assert!(
                        outcome != Outcome::Valid || engine.owner().token(id).is_ok(),
                        "round {round}: {outcome:?}"
                    );
                }
                engine
                    .owner()
                    .tokens(&tessera_native::model::TokenFilter { limit: 100, ..Default::default() })
                    .and_then(|_| engine.owner().problems())
            }
        };
        match found {
            Ok(problems) if problems.is_empty() => assert!(!is_truncated, "round {round}: the loss of pages is told"),
            Ok(_) => detected += 1,
            Err(error) => {
                assert!(error.code().name().starts_with("Store"), "round {round}: {error}");
                detected += 1;
            }
        }
    }
    assert!(detected >= 100, "of 200 damaged files {detected} were told to be so");
}

#[test]
fn a_store_opened_twice_is_one_store() {
    let fixture = fixture();
    let grant = fixture.grant();
    let again = open_at(fixture.path(), &fixture.clock);
    assert_eq!(check(&again, grant.value.as_bytes()), Outcome::Valid);
    #[cfg(unix)]
    {
        let link = fixture.folder.path().join("link.db");
        std::os::unix::fs::symlink(fixture.path(), &link).unwrap();
        let linked = open_at(link, &fixture.clock);
        linked.owner().revoke_token(grant.token.id.as_str(), None).unwrap();
    }
    #[cfg(not(unix))]
    again.owner().revoke_token(grant.token.id.as_str(), None).unwrap();
    assert_eq!(check(&again, grant.value.as_bytes()), Outcome::Revoked);
    assert_eq!(fixture.check(&grant), Outcome::Revoked);
}

#[test]
fn stores_may_be_opened_and_closed_from_many_threads() {
    let folder = support::folder();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let path = folder.path().join("tokens.db");
            scope.spawn(move || {
                for round in 0..10 {
                    let engine = open(&path).unwrap();
                    engine.owner().create_identity(&format!("identity {thread} {round}"), &[], None).unwrap();
                }
            });
        }
    });
    assert_eq!(open(&folder.path().join("tokens.db")).unwrap().owner().status().unwrap().counts.identities, 80);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_something_else_in_the_process_holds_is_refused() {
    let fixture = fixture();
    let path = fixture.path();
    drop(fixture.engine);
    let holder = fs::File::open(&path).unwrap();
    assert_eq!(refusal(&path), ErrorCode::StoreHeldElsewhere);
    drop(holder);
    assert!(open(&path).is_ok());
}

#[cfg(unix)]
#[test]
fn a_file_that_is_replaced_or_taken_away_under_an_open_store() {
    let fixture = fixture();
    let (kept, revoked) = (fixture.grant(), fixture.grant());
    assert_eq!(fixture.check(&kept), Outcome::Valid);
    let copy = fixture.folder.path().join("copy.db");
    fixture.engine.owner().backup(&copy).unwrap();
    for taken_away in ["tokens.db-wal", "tokens.db-shm", "tokens.db"] {
        fs::remove_file(fixture.folder.path().join(taken_away)).unwrap();
    }
    // Whether the file is still there is asked ten times a second.
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!(fixture.check(&kept), Outcome::StoreUnavailable);
    fs::rename(&copy, fixture.path()).unwrap();
    assert_eq!(fixture.check(&kept), Outcome::StoreUnavailable, "a cached verdict is no longer believed");
    assert_eq!(check(&fixture.engine, b"no token"), Outcome::Malformed);
    let refused = fixture.engine.owner().revoke_token(revoked.token.id.as_str(), None).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::StoreUnavailable, "no revocation is acknowledged that nobody else would see");
    assert!(fixture.engine.owner().grant(&request()).is_err() && fixture.engine.owner().status().is_err());
    assert!(
        fixture.engine.owner().tokens(&tessera_native::model::TokenFilter { limit: 1, ..Default::default() }).is_err()
    );

    let reopened = open_at(fixture.path(), &fixture.clock);
    assert_eq!(reopened.owner().status().unwrap().counts.active_tokens, 2, "what was refused was not done");
    assert_eq!(check(&reopened, kept.value.as_bytes()), Outcome::Valid);
    assert_eq!(check(&reopened, revoked.value.as_bytes()), Outcome::Valid);
}

#[cfg(unix)]
#[test]
fn a_file_with_a_second_name_or_open_to_others_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = fixture();
    let (path, folder) = (fixture.path(), fixture.folder);
    drop(fixture.engine);
    fs::hard_link(&path, folder.path().join("second.db")).unwrap();
    assert_eq!(refusal(&path), ErrorCode::StorePath);
    fs::remove_file(folder.path().join("second.db")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(refusal(&path), ErrorCode::StorePath);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(open(&path).is_ok());
}

#[cfg(unix)]
#[test]
fn every_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = fixture();
    fixture.grant();
    fixture.engine.owner().backup(&fixture.folder.path().join("copy.db")).unwrap();
    let mut seen = 0;
    for entry in fs::read_dir(fixture.folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
        seen += 1;
    }
    assert_eq!(seen, 6, "the store, its log, its index, its counter, its key and a copy");
}

const SMALL_DISK: &str = "TESSERA_TEST_SMALL_DISK";

/// On a file system of 2 MiB in a mount namespace of its own; where that is not permitted, the store's unit test
/// with a limit on pages stands alone.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_and_a_read_only_one() {
    let folder = support::folder();
    let script = format!(
        "mount -t tmpfs -o size=2m tmpfs '{0}' || exit 42
         '{1}' --exact on_the_small_disk --nocapture --quiet || exit 1
         mount -o remount,ro '{0}' || exit 42
         {2}=read-only '{1}' --exact on_the_small_disk --nocapture --quiet",
        folder.path().display(),
        std::env::current_exe().unwrap().display(),
        "TESSERA_TEST_SMALL_DISK_STATE",
    );
    let ran = Command::new("unshare").args(["-m", "sh", "-c", &script]).env(SMALL_DISK, folder.path()).output();
    let Ok(ran) = ran else { return println!("there is no unshare here") };
    let text = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    let is_forbidden = ran.status.code() == Some(42) || text.contains("unshare failed");
    assert!(ran.status.success() || is_forbidden, "{text}");
    if is_forbidden {
        println!("mounting is not permitted here: {text}");
    }
}

/// Not a test by itself: what the one above runs on the small disk.
#[test]
fn on_the_small_disk() {
    let Some(folder) = std::env::var_os(SMALL_DISK).map(PathBuf::from) else { return };
    let path = folder.join("tokens.db");
    if std::env::var_os("TESSERA_TEST_SMALL_DISK_STATE").is_some() {
        assert_eq!(refusal(&path), ErrorCode::StoreReadOnly);
        assert_eq!(refusal(&folder.join("new.db")), ErrorCode::StoreReadOnly);
        return;
    }
    let engine = open(&path).unwrap();
    engine.owner().create_identity("Adam", &["Operator".into()], None).unwrap();
    let mut granted = Vec::new();
    let full = loop {
        let asked = GrantRequest { remark: Some("x".repeat(1_000)), ..request() };
        match engine.owner().grant(&asked) {
            Ok(grant) => granted.push(grant),
            Err(error) => break error,
        }
        assert!(granted.len() < 100_000, "the disk fills up");
    };
    assert_eq!(full.code(), ErrorCode::StoreFull, "{full}");
    assert!(granted.len() > 10);
    for grant in &granted {
        assert_eq!(check(&engine, grant.value.as_bytes()), Outcome::Valid, "checks need no space");
    }
    drop(engine);
    let engine = open(&path).unwrap();
    assert!(engine.owner().problems().unwrap().is_empty());
    assert_eq!(engine.owner().status().unwrap().counts.active_tokens, granted.len() as u64);
    // A revocation finds room where a large grant did not, or says that it found none: never a false yes.
    let first = &granted[0];
    match engine.owner().revoke_token(first.token.id.as_str(), None) {
        Ok(_) => assert_eq!(check(&engine, first.value.as_bytes()), Outcome::Revoked),
        Err(error) => assert_eq!(error.code(), ErrorCode::StoreFull),
    }
}
