//! The audit log: each change leaves one record, lists find it, and a check names the first record that is not as it
//! was written.

mod support;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use support::{Fixture, NOW, fixture, open_at};
use tessera_native::clock::FixedClock;
use tessera_native::crypto::chain;
use tessera_native::error::ErrorCode;
use tessera_native::format::transfer::TransferForm;
use tessera_native::model::{
    Actor, Algorithm, AuditEvent, AuditFilter, AuditSubject, NewAuditEvent, OrganizationMember, Outcome, RotationMode,
    Token, TokenSet,
};
use tessera_native::policy::AccessContext;
use tessera_native::service::{
    AuditCheck, Engine, ExportOptions, Grant, GrantRequest, ImportOptions, OpenOptions, Rotation, RotationRequest,
};

fn all() -> AuditFilter {
    AuditFilter { limit: 1_000, ..AuditFilter::default() }
}

fn events(engine: &Engine, filter: &AuditFilter) -> Vec<AuditEvent> {
    engine.owner().audit_events(filter).unwrap()
}

fn numbers(engine: &Engine, filter: AuditFilter) -> Vec<i64> {
    events(engine, &filter).into_iter().map(|event| event.sequence).collect()
}

/// A change: the method of the store behind it, the names of its events, and a use case that makes it.
type Change = (&'static str, &'static str, fn(&Fixture));

/// Every method of the store that makes a change for someone, with a use case that reaches it.
const CHANGES: &[Change] = &[
    ("insert_tokens", "token.grant token.grant token.grant", |fixture| {
        fixture.grant();
        let request =
            |identity: &str| (GrantRequest { identity: identity.to_owned(), ..GrantRequest::default() }, None);
        let granted =
            fixture.engine.owner().grant_many(&[request("Adam"), request("Nobody"), request("Adam")]).unwrap();
        assert_eq!(granted.iter().filter(|granted| granted.is_ok()).count(), 2);
    }),
    ("update_token", "token.update", |fixture| {
        let token = newest_token(fixture);
        fixture.engine.owner().update_token(&token, Some("remark"), None).unwrap();
    }),
    ("revoke_token", "token.revoke", |fixture| {
        let token = newest_token(fixture);
        assert!(fixture.engine.owner().revoke_token(&token, Some("reason")).unwrap().1);
    }),
    ("set_disabled", "token.grant token.disable token.enable", |fixture| {
        let token = fixture.grant().token;
        assert!(fixture.engine.owner().disable_token(token.id.as_str(), Some("reason")).unwrap().1);
        assert!(fixture.engine.owner().enable_token(token.id.as_str()).unwrap().1);
    }),
    ("revoke_set", "token.revoke", |fixture| {
        assert!(fixture.engine.owner().revoke_tokens(&TokenSet::Identity("Adam".into()), None).unwrap() > 0);
    }),
    ("rotate_token", "token.grant token.rotate", |fixture| {
        rotate(fixture, &fixture.grant());
    }),
    ("confirm_first_use", "token.grant token.rotate token.confirm", |fixture| {
        let new = rotate(fixture, &fixture.grant()).value.unwrap();
        assert_eq!(support::check(&fixture.engine, new.as_bytes()), Outcome::Valid);
    }),
    ("report_presented", "token.grant token.rotate token.confirm token.reuse", |fixture| {
        let old = fixture.grant();
        let new = rotate(fixture, &old).value.unwrap();
        assert_eq!(support::check(&fixture.engine, new.as_bytes()), Outcome::Valid);
        assert_eq!(fixture.check(&old), Outcome::Revoked);
    }),
    ("renew_value", "token.grant token.rotate token.rotate", |fixture| {
        let old = fixture.grant();
        rotate(fixture, &old);
        assert!(rotate(fixture, &old).value.is_some());
    }),
    ("deliver_successor", "token.grant token.rotate token.rotate", |fixture| {
        let prepared = prepare(fixture);
        fixture.engine.owner().deliver_rotation(&prepared, CONFIRM).unwrap();
    }),
    ("abandon_successor", "token.grant token.rotate token.rotate", |fixture| {
        let prepared = prepare(fixture);
        assert!(fixture.engine.owner().abandon_rotation(&prepared).unwrap());
    }),
    ("clean_up", "token.grant store.optimize", |fixture| {
        let tidy = GrantRequest { profile: Some("Rubrik".into()), ..support::request() };
        fixture.engine.owner().grant(&tidy).unwrap();
        fixture.clock.set(NOW + 400 * 86_400);
        let removed = fixture.engine.owner().optimize(false).unwrap().removed_tokens;
        fixture.clock.set(NOW);
        assert_eq!(removed, 1);
    }),
    ("remove_token", "token.remove", |fixture| {
        let token = newest_token(fixture);
        assert!(fixture.engine.owner().remove_token(&token).unwrap());
    }),
    ("insert_identity", "identity.create", |fixture| {
        fixture.engine.owner().create_identity("Eve", &["Reader".to_owned()], None).unwrap();
    }),
    ("update_identity", "identity.update", |fixture| {
        fixture.engine.owner().update_identity("Eve", Some(&["Operator".to_owned()]), None).unwrap();
    }),
    ("remove_identity", "identity.remove", |fixture| {
        assert!(fixture.engine.owner().remove_identity("Eve").unwrap().is_some());
    }),
    ("insert_role", "role.create", |fixture| {
        fixture.engine.owner().create_role("Auditor", &["Reader".to_owned()]).unwrap();
    }),
    ("update_role", "role.update", |fixture| {
        fixture.engine.owner().update_role("Auditor", &[]).unwrap();
    }),
    ("remove_role", "role.remove", |fixture| {
        assert!(fixture.engine.owner().remove_role("Auditor").unwrap());
    }),
    ("insert_profile", "profile.create", |fixture| {
        fixture.engine.owner().create_profile("Mine", None, "{}").unwrap();
    }),
    ("update_profile", "profile.update", |fixture| {
        fixture.engine.owner().update_profile("Mine", r#"{"nameRequired":true}"#).unwrap();
    }),
    ("remove_profile", "profile.remove", |fixture| {
        assert!(fixture.engine.owner().remove_profile("Mine").unwrap());
    }),
    ("insert_organization", "organization.create", |fixture| {
        fixture.engine.owner().create_organization("Works", &[]).unwrap();
    }),
    ("update_organization", "organization.update", |fixture| {
        let member = OrganizationMember { identity: "Adam".to_owned(), is_administrator: true };
        fixture.engine.owner().update_organization("Works", &[member]).unwrap();
    }),
    ("remove_organization", "organization.remove", |fixture| {
        assert!(fixture.engine.owner().remove_organization("Works").unwrap());
    }),
    ("insert_key", "key.create", |fixture| {
        fixture.engine.owner().create_key(Algorithm::ES256).unwrap();
    }),
    ("revoke_key", "key.revoke", |fixture| {
        let key = fixture.engine.owner().keys().unwrap().remove(0);
        assert!(fixture.engine.owner().revoke_key(&key.key_id, None).unwrap().1);
    }),
    ("remove_key", "key.remove", |fixture| {
        let key = fixture.engine.owner().keys().unwrap().remove(0);
        assert!(fixture.engine.owner().remove_key(&key.key_id).unwrap().is_some());
    }),
    ("insert_profile", "profile.create", |fixture| {
        fixture.engine.owner().create_profile("Legacy", None, r#"{"foreignPrefix":"tsr_"}"#).unwrap();
    }),
    ("insert_profile", "profile.create", |fixture| {
        fixture.engine.owner().create_profile("Kept", None, r#"{"keepsValues":true}"#).unwrap();
    }),
    ("note_event", "token.grant token.reveal", |fixture| {
        let kept = GrantRequest { profile: Some("Kept".into()), ..support::request() };
        let grant = fixture.engine.owner().grant(&kept).unwrap();
        let again = fixture.engine.owner().kept_value(grant.token.id.as_str()).unwrap();
        assert_eq!(again.as_bytes(), grant.value.as_bytes());
    }),
    ("note_event", "token.export", |fixture| {
        export(fixture);
    }),
    ("note_event", "store.backup", |fixture| {
        let path = fixture.folder.path().join("backup.db");
        fixture.engine.owner().backup(&path).unwrap();
        let last = "SELECT event FROM audit_event ORDER BY sequence DESC LIMIT 1";
        let last: String = Connection::open(&path).unwrap().query_row(last, [], |row| row.get(0)).unwrap();
        assert_eq!(last, "store.backup", "a copy says that it is one");
    }),
    ("import_tokens", "token.import", |fixture| {
        import(fixture, &["tsr_brought-over"]);
    }),
    ("upgrade_digest", "token.upgrade", |fixture| {
        assert_eq!(support::check(&fixture.engine, b"tsr_brought-over"), tessera_native::model::Outcome::Valid);
    }),
];

fn export(fixture: &Fixture) {
    let passphrase = tessera_native::secret::Secret::from(&b"correct horse"[..]);
    let options = ExportOptions { form: TransferForm::Csv, passphrase, profile: None, identity: None };
    fixture.engine.owner().export_to(&options, &mut Vec::new()).unwrap();
}

/// Brings over tokens of another system, known by the SHA-256 of their values.
fn import(fixture: &Fixture, values: &[&str]) {
    let owner = fixture.engine.owner();
    let digest = |value: &&str| hex::encode(tessera_native::crypto::digest::sha256(value.as_bytes()));
    let rows = values.iter().map(|value| format!("Adam,{}\n", digest(value)));
    let file = format!("identity,foreignDigest\n{}", rows.collect::<String>());
    let options = ImportOptions {
        form: TransferForm::Csv,
        profile: Some("Legacy".to_owned()),
        passphrase: None,
        creates_identities: false,
        stops_at_bad_line: false,
    };
    let report = owner.import(file.as_bytes(), &options, &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(report.counts.created, values.len() as u64);
}

const CONFIRM: RotationMode = RotationMode::Confirm { deadline: None };

fn rotation(token: &Token) -> RotationRequest {
    RotationRequest {
        id: token.id.to_string(),
        mode: CONFIRM,
        lifetime: None,
        idempotency_key: Some(token.id.to_string()),
    }
}

fn rotate(fixture: &Fixture, old: &Grant) -> Rotation {
    fixture.engine.owner().rotate(&rotation(&old.token)).unwrap()
}

/// The id of a successor that was not delivered.
fn prepare(fixture: &Fixture) -> String {
    let prepared = fixture.engine.owner().prepare_rotation(&rotation(&fixture.grant().token)).unwrap();
    prepared.successor.id.to_string()
}

/// What writes and is no change by anyone: the store's own facts, the built-in profiles, a password's hash made anew with
/// the same password, a use that was charged, the order in the file, and what was gathered of uses and refusals.
const HOUSEKEEPING: &[&str] =
    &["facts", "insert_pepper", "complete_profiles", "replace_password_hash", "charge_use", "compact", "write_behind"];

/// What reads, in another way than the others.
const READING: &[&str] =
    &["change_number", "changes", "counts", "token_by_digest", "problems", "backup", "repeated", "walk_audit"];

fn newest_token(fixture: &Fixture) -> String {
    let filter = tessera_native::model::TokenFilter { limit: 1_000, ..Default::default() };
    fixture.engine.owner().tokens(&filter).unwrap().pop().unwrap().id.to_string()
}

#[test]
fn each_change_appends_its_events() {
    let fixture = fixture();
    for (method, names, change) in CHANGES {
        let before = numbers(&fixture.engine, all());
        change(&fixture);
        let after = events(&fixture.engine, &AuditFilter { after: before.last().copied(), ..all() });
        let found: Vec<_> = after.iter().map(|after| after.event.event.as_str()).collect();
        assert_eq!(found.join(" "), *names, "{method}");
        for event in after.iter().map(|after| &after.event) {
            let by_bearer = ["token.confirm", "token.reuse", "token.upgrade"].contains(&event.event.as_str());
            let expected = match by_bearer {
                true => ("Adam", format!("token:{}", event.subject.as_deref().unwrap())),
                false => ("local owner", "owner".to_owned()),
            };
            assert_eq!((event.actor.as_str(), event.actor_kind.clone()), expected, "{method}");
            let is_refusal = event.event == "token.reuse";
            assert_eq!(event.outcome == NewAuditEvent::SUCCESS, !is_refusal, "{method}");
            let of_store =
                ["store.backup", "store.optimize", "token.export", "token.import"].contains(&event.event.as_str());
            assert!(event.subject.is_some() != of_store, "{method}");
        }
    }
    assert!(fixture.engine.owner().check_audit().unwrap().broken.is_none());
}

/// Reads the implementation of the store, so that a new method cannot be forgotten above.
#[test]
fn each_method_of_the_store_that_changes_something_is_among_the_changes() {
    let source = include_str!("../src/store/sqlite/mod.rs");
    let (_, implementation) = source.split_once("impl Store for SqliteStore {").unwrap();
    let (implementation, _) = implementation.split_once("\n}\n").unwrap();
    let mut found = BTreeSet::new();
    for method in implementation.split("\n    fn ").skip(1) {
        let name = method.split_once('(').unwrap().0;
        found.insert(name);
        let is_named =
            [HOUSEKEEPING, READING].concat().contains(&name) || CHANGES.iter().any(|change| change.0 == name);
        let reads =
            method.contains("self.read(") && !method.contains("self.write(") && !method.contains("self.record(");
        assert!(
            is_named || reads,
            "{name} is a new method of the store. If it changes something, it must append an audit event: name it in \
             CHANGES with a use case that reaches it."
        );
    }
    assert!(found.len() > 20, "the implementation was found");
    for (name, ..) in CHANGES {
        assert!(found.contains(name), "there is no {name} any more");
    }
}

#[test]
fn what_changes_nothing_appends_nothing() {
    let fixture = fixture();
    let engine = &fixture.engine;
    let grant = fixture.grant();
    engine.owner().revoke_token(grant.token.id.as_str(), None).unwrap();
    let before = numbers(engine, all());
    engine.owner().revoke_token(grant.token.id.as_str(), None).unwrap();
    assert!(!engine.owner().remove_token("AAAAAAAAAAAA").unwrap());
    assert_eq!(engine.owner().remove_identity("nobody").unwrap(), None);
    assert!(engine.owner().create_identity("adam", &[], None).is_err());
    assert!(engine.owner().update_token("AAAAAAAAAAAA", Some("x"), None).is_err());
    engine.owner().tokens(&tessera_native::model::TokenFilter { limit: 1, ..Default::default() }).unwrap();
    assert_eq!(numbers(engine, all()), before);
}

#[test]
fn only_administrators_read_the_log_and_who_may_not_is_in_it() {
    let fixture = fixture();
    let engine = &fixture.engine;
    let grant = fixture.grant();
    engine.owner().create_identity("Root", &["Administrator".to_owned()], Some(b"password")).unwrap();
    let adam = Actor::Identity { id: engine.owner().identity("Adam").unwrap().id, name: "Adam".to_owned() };
    let refused = [
        engine.session(&adam).audit_events(&all()).unwrap_err(),
        engine.session(&adam).check_audit().unwrap_err(),
        engine.session(&adam).create_role("Mine", &[]).unwrap_err(),
        engine.session(&adam).grant(&GrantRequest { identity: "Root".to_owned(), ..support::request() }).unwrap_err(),
        engine
            .session(&adam)
            .grant(&GrantRequest { roles: Some(vec!["Administrator".to_owned()]), ..support::request() })
            .unwrap_err(),
        engine
            .session(&adam)
            .grant_under(&GrantRequest { identity: "Root".to_owned(), ..support::request() }, "key")
            .unwrap_err(),
        engine.session(&adam).revoke_tokens(&TokenSet::All, None).unwrap_err(),
        engine.sign_in("Root", b"wrong").unwrap_err(),
        engine.sign_in("tsr_secret", b"wrong").unwrap_err(),
    ];
    assert!(refused.iter().all(|error| error.code() == ErrorCode::NotPermitted));
    let root = engine.sign_in("root", b"password").unwrap();
    engine.flush().unwrap();
    let filter = AuditFilter { event: Some("session.refuse".to_owned()), ..all() };
    let found = engine.session(&root).audit_events(&filter).unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|AuditEvent { event, .. }| {
            assert_eq!((event.outcome.as_str(), event.at), ("NotPermitted", NOW));
            (&*event.actor, event.subject.as_deref(), event.detail.as_deref().unwrap())
        })
        .collect();
    assert_eq!(
        found,
        [
            ("Adam", None, r#"{"operation":"audit.read"}"#),
            ("Adam", None, r#"{"operation":"audit.check"}"#),
            ("Adam", None, r#"{"operation":"role.create"}"#),
            ("Adam", None, r#"{"operation":"token.grant"}"#),
            ("Adam", None, r#"{"operation":"token.grant"}"#),
            ("Adam", None, r#"{"operation":"token.grant"}"#),
            ("Adam", None, r#"{"operation":"token.revoke"}"#),
            ("bearer", Some("Root"), r#"{"operation":"session.create"}"#),
            ("bearer", None, r#"{"operation":"session.create"}"#),
        ]
    );
    assert!(engine.session(&root).check_audit().unwrap().broken.is_none());
    // One's own tokens one may look at.
    assert_eq!(engine.session(&adam).token_usage(grant.token.id.as_str()).unwrap().uses, 0);
}

#[test]
fn who_signs_in_is_in_the_log_before_it_acts() {
    let fixture = fixture();
    let engine = &fixture.engine;
    engine.owner().create_identity("Root", &["Administrator".to_owned()], Some(b"correct horse")).unwrap();
    let grant = fixture.grant();
    engine.sign_in("root", b"correct horse").unwrap();
    engine.sign_in("root", b"correct horse Root").unwrap_err();
    engine.sign_in_with_token(grant.value.as_bytes(), AccessContext::default()).unwrap();
    engine.sign_in_with_token(b"tsr_none", AccessContext::default()).unwrap_err();
    let found = events(engine, &AuditFilter { event: Some("session.create".to_owned()), ..all() });
    let found: Vec<_> = found
        .iter()
        .map(|AuditEvent { event, .. }| {
            assert_eq!((event.outcome.as_str(), event.at, &event.detail), (NewAuditEvent::SUCCESS, NOW, &None));
            (&*event.actor, &*event.actor_kind, event.subject_kind, event.subject.as_deref().unwrap())
        })
        .collect();
    let id = grant.token.id.as_str();
    let kind = format!("token:{id}");
    let expected = [("Root", "identity", AuditSubject::Identity, "Root"), ("Adam", &*kind, AuditSubject::Token, id)];
    assert_eq!(found, expected);
}

#[test]
fn no_event_holds_a_value() {
    let fixture = fixture();
    for grant in [fixture.grant(), fixture.grant_jwt()] {
        let value = String::from_utf8(grant.value.as_bytes().to_vec()).unwrap();
        fixture.check(&grant);
        support::check(&fixture.engine, format!("{value}x").as_bytes());
        fixture.engine.owner().revoke_token(grant.token.id.as_str(), None).unwrap();
        fixture.check(&grant);
        fixture.engine.flush().unwrap();
        let log = format!("{:?}", events(&fixture.engine, &all()));
        assert!(log.contains("token.refuse"));
        // The public id may be there; what follows it may not.
        for part in [value.as_str(), &value[value.len() - 32..]] {
            assert!(!log.contains(part));
        }
    }
}

#[test]
fn lists_are_narrowed_by_each_filter_and_paged() {
    let fixture = fixture();
    let engine = &fixture.engine;
    let token = fixture.grant().token.id.to_string();
    fixture.clock.set(NOW + 10);
    engine.owner().create_identity("Ärger_100%", &[], None).unwrap();
    fixture.clock.set(NOW + 20);
    engine.owner().revoke_token(&token, None).unwrap();
    let grant = fixture.grant();
    fixture.clock.set(NOW + 30);
    engine.owner().remove_identity("ärger_100%").unwrap();
    engine.owner().revoke_token(grant.token.id.as_str(), None).unwrap();
    fixture.check(&grant);
    engine.flush().unwrap();
    let names: Vec<_> = events(engine, &all()).into_iter().map(|event| event.event.event).collect();
    assert_eq!(
        names,
        [
            "identity.create",
            "token.grant",
            "identity.create",
            "token.revoke",
            "token.grant",
            "identity.remove",
            "token.revoke",
            "token.refuse"
        ]
    );

    let text = |text: &str| Some(text.to_owned());
    let kind = |kind| AuditFilter { subject_kind: Some(kind), ..all() };
    let cases: [(&str, AuditFilter, &[i64]); 18] = [
        ("a name", AuditFilter { event: text("token.grant"), ..all() }, &[2, 5]),
        ("a pattern", AuditFilter { event: text("*.Re*"), ..all() }, &[4, 6, 7, 8]),
        ("an actor", AuditFilter { actor: text("LOCAL owner"), ..all() }, &[1, 2, 3, 4, 5, 6, 7]),
        ("whom a token speaks for", AuditFilter { actor: text("a?am"), ..all() }, &[8]),
        ("tokens", kind(AuditSubject::Token), &[2, 4, 5, 7, 8]),
        ("identities", kind(AuditSubject::Identity), &[1, 3, 6]),
        ("keys", kind(AuditSubject::Key), &[]),
        ("a token", AuditFilter { subject: text(&token), ..kind(AuditSubject::Token) }, &[2, 4]),
        ("a name without its case", AuditFilter { subject: text("äRGER_100%"), ..all() }, &[3, 6]),
        ("a pattern of names", AuditFilter { subject: text("ärger*"), ..kind(AuditSubject::Identity) }, &[3, 6]),
        ("no wildcards but two", AuditFilter { subject: text("_____"), ..all() }, &[]),
        ("what went well", AuditFilter { outcome: text("success"), ..all() }, &[1, 2, 3, 4, 5, 6, 7]),
        ("a refusal", AuditFilter { outcome: text("Revoked"), ..all() }, &[8]),
        ("from a time", AuditFilter { from: Some(NOW + 20), ..all() }, &[4, 5, 6, 7, 8]),
        ("until a time", AuditFilter { until: Some(NOW + 20), ..all() }, &[1, 2, 3]),
        ("after and before", AuditFilter { after: Some(2), before: Some(6), ..all() }, &[3, 4, 5]),
        ("the newest", AuditFilter { newest_first: true, limit: 3, ..all() }, &[8, 7, 6]),
        ("the next page", AuditFilter { newest_first: true, limit: 3, before: Some(6), ..all() }, &[5, 4, 3]),
    ];
    for (name, filter, expected) in cases {
        assert_eq!(numbers(engine, filter), expected, "{name}");
    }

    let long = "x".repeat(257);
    let refused: [(&str, AuditFilter); 7] = [
        ("limit", AuditFilter { limit: 0, ..all() }),
        ("limit", AuditFilter { limit: 1_001, ..all() }),
        ("event", AuditFilter { event: text(&long), ..all() }),
        ("actor", AuditFilter { actor: text(&long), ..all() }),
        ("subject", AuditFilter { subject: text(&long), ..all() }),
        ("outcome", AuditFilter { outcome: text(&long), ..all() }),
        ("subject", AuditFilter { subject: text("tsr_secret"), ..kind(AuditSubject::Token) }),
    ];
    for (subject, filter) in refused {
        let error = engine.owner().audit_events(&filter).unwrap_err();
        assert_eq!((error.code(), error.subject()), (ErrorCode::InvalidArgument, Some(subject)));
        assert!(!error.message().contains("secret"));
    }
}

/// A log of twelve records with heads at 5, 9 and 12, in a closed store.
struct Log {
    fixture: Fixture,
    path: PathBuf,
    copies: usize,
}

const RECORDS: i64 = 12;
const HEADS: [i64; 3] = [5, 9, 12];

impl Log {
    fn new() -> Self {
        let fixture = fixture();
        for number in 2..=RECORDS {
            if number % 2 == 0 {
                fixture.grant();
            } else {
                fixture.engine.owner().update_token(&newest_token(&fixture), Some("remark"), None).unwrap();
            }
            if HEADS.contains(&number) {
                fixture.engine.flush().unwrap();
            }
        }
        let path = fixture.path();
        // The whole log in the one file that is copied.
        Connection::open(&path).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        Self { fixture, path, copies: 0 }
    }

    /// What a check finds in a copy of the log with which `tamper` did what it liked.
    fn check_after(&mut self, tamper: impl FnOnce(&Connection)) -> AuditCheck {
        self.copies += 1;
        let folder = self.path.parent().unwrap().join(format!("copy {}", self.copies));
        std::fs::create_dir(&folder).unwrap();
        let copy = folder.join("tokens.db");
        std::fs::copy(&self.path, &copy).unwrap();
        std::fs::copy(with_key(&self.path), with_key(&copy)).unwrap();
        {
            let connection = Connection::open(&copy).unwrap();
            connection.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
            tamper(&connection);
        }
        let engine = open_at(copy, &self.fixture.clock);
        engine.owner().check_audit().unwrap()
    }

    /// The number of the first broken record after `sql`.
    fn broken_after(&mut self, sql: &str) -> Option<i64> {
        self.check_after(|connection| connection.execute_batch(sql).unwrap()).broken.map(|broken| broken.sequence)
    }
}

fn with_key(path: &Path) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(".key");
    path.into()
}

/// Writes the hashes of the records from `first` on anew, as anyone can who has the file.
fn rewrite_hashes(connection: &Connection, first: i64) {
    let mut statement = connection
        .prepare(
            "SELECT sequence, at, event, actor, actor_kind, subject_kind, subject, outcome, detail, hash
             FROM audit_event ORDER BY sequence",
        )
        .unwrap();
    let records: Vec<AuditEvent> = statement
        .query_map([], |row| {
            Ok(AuditEvent {
                sequence: row.get(0)?,
                event: NewAuditEvent {
                    at: row.get(1)?,
                    event: row.get(2)?,
                    actor: row.get(3)?,
                    actor_kind: row.get(4)?,
                    subject_kind: AuditSubject::parse(&row.get::<_, String>(5)?).unwrap(),
                    subject: row.get(6)?,
                    outcome: row.get(7)?,
                    detail: row.get(8)?,
                },
                hash: row.get(9)?,
            })
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut previous = chain::BEGINNING;
    for record in records {
        let mut hash = record.hash;
        if record.sequence >= first {
            hash = chain::link(&previous, record.sequence, &record.event);
            connection
                .execute("UPDATE audit_event SET hash = ?2 WHERE sequence = ?1", (record.sequence, hash))
                .unwrap();
        }
        previous = hash;
    }
}

#[test]
fn a_log_as_it_was_written_is_good() {
    let mut log = Log::new();
    let check = log.check_after(|_| ());
    assert_eq!((check.records, check.heads, check.signed_up_to), (12, 3, 12));
    assert_eq!(check.broken, None);
    let last = events(&log.fixture.engine, &all()).pop().unwrap();
    assert_eq!(check.last_hash, Some(last.hash));
}

#[test]
fn an_edit_of_any_column_of_any_record_is_named() {
    let mut log = Log::new();
    let edits = [
        "at = at + 1",
        "event = event || 's'",
        "actor = 'Eve'",
        "actor_kind = 'identity'",
        "subject_kind = 'Key'",
        "subject_kind = 'Nothing'",
        "subject = NULL",
        "subject = 'AAAAAAAAAAAA'",
        "outcome = 'Denied'",
        "detail = '{}'",
        "hash = randomblob(32)",
        "hash = zeroblob(32)",
    ];
    for sequence in 1..=RECORDS {
        for edit in edits {
            let sql = format!("UPDATE audit_event SET {edit} WHERE sequence = {sequence}");
            assert_eq!(log.broken_after(&sql), Some(sequence), "{sql}");
        }
        for number in [-5, 0, 1_000] {
            let sql = format!("UPDATE audit_event SET sequence = {number} WHERE sequence = {sequence}");
            let expected = if number < 1 { number } else { sequence };
            assert_eq!(log.broken_after(&sql), Some(expected), "{sql}");
        }
    }
}

#[test]
fn a_record_that_is_deleted_put_in_or_exchanged_is_named() {
    let mut log = Log::new();
    for sequence in 1..=RECORDS {
        let delete = format!("DELETE FROM audit_event WHERE sequence = {sequence}");
        assert_eq!(log.broken_after(&delete), Some(sequence), "{delete}");

        // Those after it move up, so that no number is missing.
        let close = format!("{delete}; UPDATE audit_event SET sequence = sequence - 1 WHERE sequence > {sequence}");
        assert_eq!(log.broken_after(&close), Some(sequence), "{close}");

        // Those after it move down in two steps, for SQLite looks at each row by itself.
        let insert = format!(
            "UPDATE audit_event SET sequence = -sequence WHERE sequence >= {sequence};
             UPDATE audit_event SET sequence = 1 - sequence WHERE sequence < 0;
             INSERT INTO audit_event SELECT {sequence}, at, event, actor, actor_kind, subject_kind, subject, outcome,
                                            detail, hash FROM audit_event ORDER BY sequence LIMIT 1"
        );
        // A second copy of the first record in its own place only shows in the one after it.
        let expected = if sequence == 1 { 2 } else { sequence };
        assert_eq!(log.broken_after(&insert), Some(expected), "{insert}");

        if sequence < RECORDS {
            let next = sequence + 1;
            let exchange = format!(
                "UPDATE audit_event SET sequence = -1 WHERE sequence = {sequence};
                 UPDATE audit_event SET sequence = {sequence} WHERE sequence = {next};
                 UPDATE audit_event SET sequence = {next} WHERE sequence = -1"
            );
            assert_eq!(log.broken_after(&exchange), Some(sequence), "{exchange}");
        }
    }
    let append = format!(
        "INSERT INTO audit_event SELECT {RECORDS} + 1, at, event, actor, actor_kind, subject_kind, subject, outcome,
                                        detail, hash FROM audit_event WHERE sequence = 1"
    );
    assert_eq!(log.broken_after(&append), Some(RECORDS + 1));
}

#[test]
fn a_truncated_log_is_found_wherever_it_ends() {
    let mut log = Log::new();
    for last in 0..RECORDS {
        let truncate = format!("DELETE FROM audit_event WHERE sequence > {last}");
        assert_eq!(log.broken_after(&truncate), Some(last + 1), "{truncate}");
        let heads = format!("{truncate}; DELETE FROM audit_head WHERE sequence > {last}");
        assert_eq!(log.broken_after(&heads), Some(last + 1), "{heads}");
        let note = format!("{truncate}; DELETE FROM sqlite_sequence WHERE name IN ('audit_event', 'audit_head')");
        assert_eq!(log.broken_after(&note), Some(last + 1), "{note}");
    }
    // All that remembers it is gone: what is documented as not found, but by who kept the last hash.
    let good = log.check_after(|_| ()).last_hash;
    let check = log.check_after(|connection| {
        let sql = "DELETE FROM audit_event WHERE sequence > 9; DELETE FROM audit_head WHERE sequence > 9;
                   DELETE FROM sqlite_sequence WHERE name IN ('audit_event', 'audit_head')";
        connection.execute_batch(sql).unwrap();
    });
    assert_eq!((check.broken, check.records), (None, 9));
    assert_ne!(check.last_hash, good);
}

#[test]
fn records_that_are_appended_later_do_not_cover_a_truncation() {
    let fixture = fixture();
    (0..4).for_each(|_| drop(fixture.grant()));
    let connection = Connection::open(fixture.path()).unwrap();
    connection.execute_batch("DELETE FROM audit_event WHERE sequence > 3").unwrap();
    (0..4).for_each(|_| drop(fixture.grant()));
    fixture.engine.flush().unwrap();
    let broken = fixture.engine.owner().check_audit().unwrap().broken.unwrap();
    assert_eq!(broken.sequence, 4);
    assert!(broken.problem.contains("4 to 5 are missing"), "{}", broken.problem);
}

#[test]
fn records_with_hashes_made_anew_do_not_lead_to_the_signed_head() {
    let mut log = Log::new();
    for sequence in 1..=RECORDS {
        let broken = log
            .check_after(|connection| {
                let sql = format!("UPDATE audit_event SET actor = 'Eve' WHERE sequence = {sequence}");
                connection.execute_batch(&sql).unwrap();
                rewrite_hashes(connection, sequence);
            })
            .broken
            .unwrap();
        // No hash tells which record it was; the part between two heads is named.
        let first = HEADS.iter().rev().find(|head| **head < sequence).map_or(1, |head| head + 1);
        assert_eq!(broken.sequence, first, "{}", broken.problem);
    }
    let without_heads = log.check_after(|connection| {
        connection.execute_batch("UPDATE audit_event SET actor = 'Eve'; DELETE FROM audit_head").unwrap();
        rewrite_hashes(connection, 1);
    });
    assert_eq!(without_heads.broken.unwrap().sequence, RECORDS, "the newest head was there once");
}

#[test]
fn a_head_that_was_tampered_with_is_named() {
    let mut log = Log::new();
    for head in HEADS {
        for edit in ["at = at + 1", "signature = randomblob(32)", "signature = x''", "hash = randomblob(32)"] {
            let sql = format!("UPDATE audit_head SET {edit} WHERE sequence = {head}");
            assert_eq!(log.broken_after(&sql), Some(head), "{sql}");
        }
    }
    let moved = "UPDATE audit_head SET sequence = 7 WHERE sequence = 9";
    assert_eq!(log.broken_after(moved), Some(7));
    let forged = format!(
        "INSERT INTO audit_head SELECT {RECORDS} + 5, at, hash, signature FROM audit_head WHERE sequence = {RECORDS}"
    );
    assert_eq!(log.broken_after(&forged), Some(RECORDS + 1), "it names records that are not there");
    assert_eq!(log.broken_after("INSERT INTO audit_head VALUES (-3, 0, zeroblob(32), x'')"), Some(-3));
    assert_eq!(log.broken_after(&format!("DELETE FROM audit_head WHERE sequence = {RECORDS}")), Some(RECORDS));
    // An earlier head may go: the later ones vouch for the same records.
    assert_eq!(log.broken_after("DELETE FROM audit_head WHERE sequence < 12"), None);
}

/// Another store's key makes no head for this one, and a log from another store is none of this one's.
#[test]
fn a_head_of_another_store_is_not_accepted() {
    let mut log = Log::new();
    let mut other = Log::new();
    let heads: Vec<(i64, i64, Vec<u8>, Vec<u8>)> = {
        let connection = Connection::open(&other.path).unwrap();
        let mut statement = connection.prepare("SELECT sequence, at, hash, signature FROM audit_head").unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let broken = log.check_after(|connection| {
        for head in &heads {
            connection
                .execute(
                    "UPDATE audit_head SET at = ?2, hash = ?3, signature = ?4 WHERE sequence = ?1",
                    (head.0, head.1, &head.2, &head.3),
                )
                .unwrap();
        }
    });
    assert_eq!(broken.broken.unwrap().sequence, HEADS[0]);
    assert_eq!(other.check_after(|_| ()).broken, None);
}

#[test]
fn heads_are_signed_at_a_flush_after_many_records_and_at_the_end() {
    let fixture = fixture();
    let engine = &fixture.engine;
    assert_eq!(engine.owner().check_audit().unwrap().signed_up_to, 0);
    engine.flush().unwrap();
    assert_eq!(engine.owner().check_audit().unwrap().signed_up_to, 1);
    engine.flush().unwrap();
    assert_eq!(engine.owner().check_audit().unwrap().heads, 1, "nothing was new");

    // By itself, a day before a flush is due: only a defect keeps this waiting to its end.
    let (path, clock) = (fixture.path(), Arc::clone(&fixture.clock));
    drop(fixture.engine);
    let flush_interval = Some(Duration::from_secs(86_400));
    let options = OpenOptions { path: path.clone(), flush_interval, ..OpenOptions::default() };
    let engine = Engine::open_with_clock(options, Box::new(support::SharedClock(Arc::clone(&clock)))).unwrap();
    for _ in 0..300 {
        engine.owner().update_identity("Adam", None, None).unwrap();
    }
    let begun = Instant::now();
    while engine.owner().check_audit().unwrap().signed_up_to < 250 {
        assert!(begun.elapsed() < Duration::from_secs(300), "no head was signed by itself");
        std::thread::sleep(Duration::from_millis(10));
    }
    let last = engine.owner().check_audit().unwrap().records;
    drop(engine);
    let engine = open_at(path, &clock);
    assert_eq!(engine.owner().check_audit().unwrap().signed_up_to, i64::try_from(last).unwrap());
}

const CHILD: &str = "TESSERA_TEST_AUDITED_STORE";
const NAME: &str = "TESSERA_TEST_AUDITED_BY";

#[test]
fn two_processes_that_append_at_once_keep_one_chain() {
    let fixture = fixture();
    let children: Vec<_> = (0..2)
        .map(|number| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "process_that_appends", "--quiet"])
                .env(CHILD, fixture.path())
                .env(NAME, number.to_string())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        let ended = loop {
            assert_eq!(fixture.engine.owner().check_audit().unwrap().broken, None, "while others append");
            if let Some(ended) = child.try_wait().unwrap() {
                break ended;
            }
        };
        assert!(ended.success());
    }
    fixture.engine.flush().unwrap();
    let check = fixture.engine.owner().check_audit().unwrap();
    assert_eq!((check.broken, check.records, check.signed_up_to), (None, 1 + 2 * 100 + 2 * 10, 221));
}

/// Not a test by itself: one of the processes of the one above.
#[test]
fn process_that_appends() {
    let Some(path) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let name = std::env::var(NAME).unwrap();
    let engine = open_at(path, &Arc::new(FixedClock::new(NOW)));
    for number in 0..100 {
        engine.owner().create_identity(&format!("{name} {number}"), &[], None).unwrap();
        if number % 10 == 0 {
            // A refusal goes another way into the log.
            support::check(&engine, b"not a token");
            engine.flush().unwrap();
        }
    }
}
