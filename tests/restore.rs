//! Putting a backup in the place of a store: nothing that was ended since comes back to life.

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use rusqlite::Connection;
use support::{NOW, check, fixture, open_at, request};
use tempfile::TempDir;
use tessera_native::clock::FixedClock;
use tessera_native::error::{Error, ErrorCode};
use tessera_native::model::{OrganizationMember, Outcome, RotationMode, TokenSet, TokenState};
use tessera_native::secret::Secret;
use tessera_native::service::{Engine, Grant, GrantRequest, OpenOptions, RotationRequest};
use tessera_native::store::Restoration;

/// A store that is closed, with its backup.
struct Backed {
    folder: TempDir,
    clock: Arc<FixedClock>,
}

impl Backed {
    /// Runs `before` in a new store, makes the backup, and runs `after` on it.
    fn new<T>(before: impl FnOnce(&Engine) -> T, after: impl FnOnce(&Engine, &T)) -> (Self, T) {
        let fixture = fixture();
        let made = before(&fixture.engine);
        fixture.engine.owner().backup(&fixture.folder.path().join("backup.db")).unwrap();
        after(&fixture.engine, &made);
        drop(fixture.engine);
        (Self { folder: fixture.folder, clock: fixture.clock }, made)
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("tokens.db")
    }

    fn backup(&self) -> PathBuf {
        self.folder.path().join("backup.db")
    }

    fn restore(&self, force: bool) -> Result<Restoration, Error> {
        Engine::restore(&self.backup(), &self.path(), force, &*self.clock)
    }

    fn open(&self) -> Engine {
        open_at(self.path(), &self.clock)
    }

    /// The names of the files, without those of SQLite's that an open store has.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn outcome(engine: &Engine, grant: &Grant) -> Outcome {
    check(engine, grant.value.as_bytes())
}

fn rotation(grant: &Grant, mode: RotationMode) -> RotationRequest {
    RotationRequest { id: grant.token.id.to_string(), mode, lifetime: None, idempotency_key: Some("key".into()) }
}

#[test]
fn what_was_ended_since_the_backup_stays_ended() {
    let grant = |engine: &Engine| engine.owner().grant(&request()).unwrap();
    let tagged = |engine: &Engine, identity: &str| {
        let request = GrantRequest { identity: identity.into(), tags: vec!["ci".into()], ..request() };
        engine.owner().grant(&request).unwrap()
    };
    let names = ["kept", "revoked", "disabled", "removed", "rotated"];
    let (backed, (grants, by_row, of_eve, signed, first_value)) = Backed::new(
        |engine| {
            engine.owner().create_identity("Eve", &["Operator".to_owned()], None).unwrap();
            engine.owner().create_identity("Bob", &["Operator".to_owned()], None).unwrap();
            let grants = names.map(|_| grant(engine));
            let old = grant(engine);
            let first = engine.owner().rotate(&rotation(&old, RotationMode::Confirm { deadline: None })).unwrap();
            let signed = engine.owner().grant(&GrantRequest {
                format: Some(tessera_native::model::TokenFormat::Jwt),
                identity: "Bob".into(),
                ..request()
            });
            (grants, tagged(engine, "Bob"), tagged(engine, "Eve"), signed.unwrap(), (old, first))
        },
        |engine, (grants, _, _, signed, (old, _))| {
            let owner = engine.owner();
            owner.revoke_token(grants[1].token.id.as_str(), Some("leaked")).unwrap();
            owner.disable_token(grants[2].token.id.as_str(), None).unwrap();
            owner.remove_token(grants[3].token.id.as_str()).unwrap();
            owner.rotate(&rotation(&grants[4], RotationMode::Immediate)).unwrap_err();
            let keyless = RotationRequest { idempotency_key: None, ..rotation(&grants[4], RotationMode::Immediate) };
            owner.rotate(&keyless).unwrap();
            // The value that was in the backup is replaced by a repeat.
            owner.rotate(&rotation(old, RotationMode::Confirm { deadline: None })).unwrap();
            owner.remove_key(signed.token.key_id.as_deref().unwrap()).unwrap();
            owner.revoke_tokens(&TokenSet::Identity("Bob".into()), None).unwrap();
            owner.remove_identity("Eve").unwrap();
            grant(engine);
            owner.create_identity("New", &[], None).unwrap();
        },
    );
    let restored = backed.restore(false).unwrap();
    assert!(restored.replayed);
    assert_eq!((restored.revoked_tokens, restored.removed_tokens), (5, 1));
    assert_eq!(backed.files(), ["backup.db", "tokens.db", "tokens.db.key"], "no log, and no draft");
    let engine = backed.open();
    let found: Vec<_> = grants.iter().map(|grant| outcome(&engine, grant)).collect();
    assert_eq!(found, [Outcome::Valid, Outcome::Revoked, Outcome::Disabled, Outcome::Unknown, Outcome::Revoked]);
    assert_eq!(outcome(&engine, &by_row), Outcome::Revoked);
    assert_eq!(outcome(&engine, &of_eve), Outcome::Revoked);
    assert_eq!(outcome(&engine, &signed), Outcome::Unknown, "its key is gone");
    let (old, replaced) = first_value;
    assert_eq!(check(&engine, replaced.value.unwrap().as_bytes()), Outcome::Unknown, "another took its place");
    assert_eq!(outcome(&engine, &old), Outcome::Valid, "nobody used either of them");
    assert_eq!(engine.owner().identity("Eve").unwrap_err().code(), ErrorCode::NotFound);
    assert_eq!(engine.owner().identity("New").unwrap_err().code(), ErrorCode::NotFound, "what was made since is lost");
    assert!(engine.owner().problems().unwrap().is_empty());
    let leaked = engine.owner().token(grants[1].token.id.as_str()).unwrap().revocation.unwrap();
    assert_eq!((leaked.at, leaked.reason.as_deref()), (NOW, Some("leaked")));

    // Numbers are not given out twice: an epoch or the audit log would mean another by them.
    let next = engine.owner().grant(&GrantRequest { identity: "Bob".into(), ..request() }).unwrap();
    assert_eq!(outcome(&engine, &next), Outcome::Valid, "it was granted after the revocation of all of Bob's");
    let new = engine.owner().create_identity("Another", &["Reader".to_owned()], None).unwrap();
    assert_eq!(new.id, 5, "four had a number");
}

#[test]
fn what_was_taken_away_since_the_backup_is_not_given_back() {
    let member = |identity: &str, is_administrator| OrganizationMember { identity: identity.into(), is_administrator };
    let roles = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let (old, new): (&[u8], &[u8]) = (b"correct horse", b"correct horse battery");
    let (backed, ()) = Backed::new(
        |engine| {
            let owner = engine.owner();
            owner.create_role("Auditor", &roles(&["Reader"])).unwrap();
            for name in ["Changed", "Removed", "Kept", "Given"] {
                let password = Some(old).filter(|_| name != "Given");
                owner.create_identity(name, &roles(&["Operator", "Auditor"]), password).unwrap();
            }
            let members = [member("Changed", true), member("Removed", true), member("Kept", true)];
            owner.create_organization("Works", &members).unwrap();
        },
        |engine, ()| {
            let owner = engine.owner();
            owner.update_identity("Changed", Some(&roles(&["Auditor"])), Some(Some(new))).unwrap();
            owner.update_identity("Removed", Some(&[]), Some(None)).unwrap();
            owner.update_identity("Given", Some(&roles(&["Administrator", "Operator"])), Some(Some(new))).unwrap();
            owner.update_organization("Works", &[member("Changed", false), member("Kept", true)]).unwrap();
            owner.update_role("Auditor", &[]).unwrap();
        },
    );
    assert!(backed.restore(false).unwrap().replayed);
    let engine = backed.open();
    let owner = engine.owner();
    let found = ["Changed", "Removed", "Kept", "Given"].map(|name| {
        let is_right = |password| engine.verify_password(name, password).unwrap();
        (owner.identity(name).unwrap().roles.join(" "), is_right(old), is_right(new))
    });
    let expected = [
        ("Auditor", false, true),
        ("", false, false),
        ("Auditor Operator", true, false),
        // The role that it was given since is lost, as all that was granted since.
        ("Operator", false, true),
    ];
    assert_eq!(found, expected.map(|(roles, old, new)| (roles.to_owned(), old, new)));
    let members = owner.organization("Works").unwrap().members;
    assert_eq!(members, [member("Changed", false), member("Kept", true)]);
    let auditor = owner.roles().unwrap().into_iter().find(|role| role.name == "Auditor").unwrap();
    assert_eq!(auditor.includes, [""; 0]);
    assert!(owner.problems().unwrap().is_empty());
}

#[test]
fn an_earlier_store_gives_back_nothing_that_a_later_backup_has_not() {
    let (backed, ()) = Backed::new(
        |engine| {
            drop(engine.owner().create_identity("Eve", &["Reader".to_owned()], Some(b"correct horse")).unwrap());
        },
        |_, ()| (),
    );
    let early = backed.folder.path().join("early.db");
    fs::rename(backed.backup(), &early).unwrap();
    let engine = backed.open();
    let roles = ["Operator".to_owned()];
    engine.owner().update_identity("Eve", Some(&roles), Some(Some(b"correct horse battery"))).unwrap();
    engine.owner().backup(&backed.backup()).unwrap();
    drop(engine);
    fs::rename(&early, backed.path()).unwrap();
    backed.restore(false).unwrap();
    let engine = backed.open();
    assert!(engine.verify_password("Eve", b"correct horse battery").unwrap(), "the later password is the backup's");
    assert_eq!(engine.owner().identity("Eve").unwrap().roles, roles);
}

#[test]
fn the_audit_log_goes_on() {
    let (backed, ()) = Backed::new(
        |engine| drop(engine.owner().grant(&request()).unwrap()),
        |engine, ()| drop(engine.owner().grant(&request()).unwrap()),
    );
    let events = || -> Vec<(i64, String)> {
        let connection = Connection::open(backed.path()).unwrap();
        let mut statement = connection.prepare("SELECT sequence, event FROM audit_event ORDER BY sequence").unwrap();
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    let before = events();
    backed.restore(false).unwrap();
    let after = events();
    assert_eq!(after[..before.len()], before, "no event is lost");
    assert_eq!(after[before.len()].1, "store.restore");
    assert_eq!(after.len(), before.len() + 1);
}

#[test]
fn without_a_newer_store_to_read_it_is_refused_unless_it_is_forced() {
    let conflict = |result: Result<Restoration, Error>| {
        let error = result.unwrap_err();
        assert_eq!((error.code(), error.subject()), (ErrorCode::Conflict, Some("force")), "{error}");
    };
    let make = || {
        Backed::new(
            |engine| engine.owner().grant(&request()).unwrap(),
            |engine, grant| {
                drop(engine.owner().revoke_token(grant.token.id.as_str(), None).unwrap());
            },
        )
    };
    for what in ["missing", "empty", "damaged", "header", "another", "diverged"] {
        let (backed, grant) = make();
        match what {
            "missing" => fs::remove_file(backed.path()).unwrap(),
            "empty" => fs::write(backed.path(), b"").unwrap(),
            "damaged" => {
                let mut bytes = fs::read(backed.path()).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle..].fill(0xA5);
                fs::write(backed.path(), bytes).unwrap();
            }
            "header" => {
                // The first page, but for the words by which a database is known.
                let mut bytes = fs::read(backed.path()).unwrap();
                bytes[100..4_096].fill(0xFF);
                fs::write(backed.path(), bytes).unwrap();
            }
            "another" => {
                let other = fixture();
                other.engine.owner().backup(&backed.folder.path().join("other.db")).unwrap();
                fs::rename(backed.folder.path().join("other.db"), backed.path()).unwrap();
            }
            _ => {
                // Both went on from the same moment, each its own way.
                fs::copy(backed.backup(), backed.path()).unwrap();
                drop(backed.open().owner().grant(&request()).unwrap());
                let aside = backed.folder.path().join("aside.db");
                fs::copy(backed.backup(), &aside).unwrap();
                let other = Engine::open(OpenOptions {
                    path: aside.clone(),
                    key: Some(Secret::new(fs::read(backed.folder.path().join("tokens.db.key")).unwrap())),
                    ..Default::default()
                })
                .unwrap();
                other.owner().create_identity("Eve", &[], None).unwrap();
                fs::remove_file(backed.backup()).unwrap();
                other.owner().backup(&backed.backup()).unwrap();
                drop(other);
                fs::remove_file(aside).unwrap();
            }
        }
        let content = fs::read(backed.path()).ok();
        conflict(backed.restore(false));
        assert_eq!(fs::read(backed.path()).ok(), content, "{what}: it is as it was");
        let restored = backed.restore(true).unwrap();
        assert_eq!(restored.replayed, what == "diverged", "{what}");
        let engine = backed.open();
        assert!(engine.owner().problems().unwrap().is_empty(), "{what}");
        assert_eq!(outcome(&engine, &grant), Outcome::Valid, "{what}: what was revoked since is good again");
        drop(engine);
        // Counters stay where they are.
        let mut files = backed.files();
        files.retain(|name| !name.ends_with("-counter"));
        assert_eq!(files, ["backup.db", "tokens.db", "tokens.db.key"], "{what}");
    }
}

#[test]
fn a_store_that_is_open_is_not_replaced() {
    let (backed, grant) = Backed::new(|engine| engine.owner().grant(&request()).unwrap(), |_, _| ());
    let engine = backed.open();
    for force in [false, true] {
        assert_eq!(backed.restore(force).unwrap_err().code(), ErrorCode::StoreBusy, "in this process");
    }
    assert_eq!(outcome(&engine, &grant), Outcome::Valid);
    drop(engine);

    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "process_that_holds_the_store", "--nocapture", "--quiet"])
        .env(CHILD, backed.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Kept to the end: the other process writes to it once more when it is done.
    let mut output = BufReader::new(other.stdout.take().unwrap()).lines();
    assert!(output.any(|line| line.unwrap().contains("opened")));
    for force in [false, true] {
        assert_eq!(backed.restore(force).unwrap_err().code(), ErrorCode::StoreBusy, "in another");
    }
    drop(other.stdin.take());
    output.for_each(drop);
    assert!(other.wait().unwrap().success());
    assert!(backed.restore(false).unwrap().replayed);
}

const CHILD: &str = "TESSERA_TEST_HELD_STORE";

/// Not a test by itself: the other process of the one above. It holds the store until its input ends.
#[test]
fn process_that_holds_the_store() {
    let Some(path) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let engine = open_at(path, &Arc::new(FixedClock::new(NOW)));
    println!("\nopened");
    std::io::stdin().lines().for_each(drop);
    assert!(engine.owner().status().is_ok());
}

#[test]
fn the_log_of_a_store_that_was_killed_is_read_and_gone() {
    let (backed, grant) = Backed::new(|engine| engine.owner().grant(&request()).unwrap(), |_, _| ());
    // A copy of the three files of an open store: what a kill leaves behind.
    let engine = backed.open();
    engine.owner().revoke_token(grant.token.id.as_str(), None).unwrap();
    let suffixes = ["", "-wal", "-shm"];
    let name = |suffix: &str| backed.folder.path().join(format!("tokens.db{suffix}"));
    let aside: Vec<_> = suffixes.map(|suffix| fs::read(name(suffix)).unwrap()).into();
    drop(engine);
    for (suffix, content) in suffixes.iter().zip(aside) {
        fs::write(name(suffix), content).unwrap();
    }
    let restored = backed.restore(false).unwrap();
    assert_eq!(restored.revoked_tokens, 1, "the revocation stood in the log alone");
    assert_eq!(backed.files(), ["backup.db", "tokens.db", "tokens.db.key"]);
    assert_eq!(outcome(&backed.open(), &grant), Outcome::Revoked);
}

#[test]
fn a_backup_that_is_none_is_refused_and_the_store_stays() {
    let (backed, grant) = Backed::new(|engine| engine.owner().grant(&request()).unwrap(), |_, _| ());
    let text = backed.folder.path().join("text");
    fs::write(&text, "no database at all").unwrap();
    let empty = backed.folder.path().join("empty");
    fs::write(&empty, b"").unwrap();
    let foreign = backed.folder.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE other (x)").unwrap();
    let damaged = backed.folder.path().join("damaged.db");
    let mut bytes = fs::read(backed.backup()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0x5A);
    fs::write(&damaged, bytes).unwrap();
    let missing = backed.folder.path().join("missing.db");
    let before = fs::read(backed.path()).unwrap();
    for (path, code) in [
        (&text, ErrorCode::StoreForeign),
        (&empty, ErrorCode::StoreForeign),
        (&foreign, ErrorCode::StoreForeign),
        (&damaged, ErrorCode::StoreCorrupt),
        (&missing, ErrorCode::StorePath),
        (&backed.path(), ErrorCode::InvalidArgument),
        (&backed.folder.path().to_owned(), ErrorCode::StorePath),
        (&PathBuf::new(), ErrorCode::InvalidArgument),
    ] {
        for force in [false, true] {
            let error = Engine::restore(path, &backed.path(), force, &*backed.clock).unwrap_err();
            assert_eq!(error.code(), code, "{}: {error}", path.display());
        }
    }
    assert_eq!(fs::read(backed.path()).unwrap(), before);
    let foreign_store = Engine::restore(&backed.backup(), &foreign, true, &*backed.clock).unwrap_err();
    assert_eq!(foreign_store.code(), ErrorCode::StoreForeign, "another program's file is not overwritten");
    let nowhere = Engine::restore(&backed.backup(), Path::new("/no/such/folder/tokens.db"), true, &*backed.clock);
    assert_eq!(nowhere.unwrap_err().code(), ErrorCode::StorePath);
    assert_eq!(outcome(&backed.open(), &grant), Outcome::Valid);
}

#[test]
fn a_later_backup_has_nothing_to_learn_from_an_earlier_store() {
    let (backed, grant) = Backed::new(|engine| engine.owner().grant(&request()).unwrap(), |_, _| ());
    let early = backed.folder.path().join("early.db");
    fs::rename(backed.backup(), &early).unwrap();
    let engine = backed.open();
    engine.owner().revoke_token(grant.token.id.as_str(), None).unwrap();
    let late = engine.owner().grant(&request()).unwrap();
    engine.owner().backup(&backed.backup()).unwrap();
    drop(engine);
    fs::copy(&early, backed.path()).unwrap();
    let restored = backed.restore(false).unwrap();
    assert_eq!((restored.replayed, restored.removed_tokens), (true, 0));
    let engine = backed.open();
    assert_eq!((outcome(&engine, &grant), outcome(&engine, &late)), (Outcome::Revoked, Outcome::Valid));
    let token = engine.owner().token(late.token.id.as_str()).unwrap();
    assert_eq!(token.state(NOW), TokenState::Active);
}
