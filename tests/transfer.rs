//! Tokens that go from one store to another, and those that come from elsewhere.

mod support;

use std::ops::ControlFlow;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use support::{Fixture, NOW, check, fixture, request};
use tessera_native::crypto::digest;
use tessera_native::error::{Error, ErrorCode};
use tessera_native::format::key::{self, KeyKind};
use tessera_native::format::transfer::TransferForm;
use tessera_native::model::{
    Actor, AuditFilter, Conditions, JwtKind, OrganizationMember, Outcome, RotationMode, TokenFilter, TokenSet,
};
use tessera_native::policy::{AccessContext, Lifetime};
use tessera_native::secret::Secret;
use tessera_native::service::{
    ExportOptions, GrantRequest, ImportEvent, ImportOptions, ImportReport, MintRequest, RotationRequest, mint_with,
};

const PASSPHRASE: &str = "correct horse battery staple";

fn export(fixture: &Fixture, form: TransferForm) -> Vec<u8> {
    let passphrase = Secret::from(PASSPHRASE.as_bytes());
    let mut file = Vec::new();
    let options = ExportOptions { form, passphrase, profile: None, identity: None };
    fixture.engine.owner().export_to(&options, &mut file).unwrap();
    file
}

fn options(form: TransferForm) -> ImportOptions {
    ImportOptions {
        form,
        profile: None,
        passphrase: Some(Secret::from(PASSPHRASE.as_bytes())),
        creates_identities: false,
        stops_at_bad_line: false,
    }
}

/// What became of an import: the report, and each bad line with its error.
type Imported = (ImportReport, Vec<(u64, Error)>);

fn import(fixture: &Fixture, file: &[u8], options: &ImportOptions) -> Result<Imported, Error> {
    let mut bad = Vec::new();
    let report = fixture.engine.owner().import(file, options, &mut |event| {
        if let ImportEvent::BadLine(line) = event {
            bad.push((line.line, line.error));
        }
        ControlFlow::Continue(())
    })?;
    Ok((report, bad))
}

/// How many were created, left as they were and refused.
fn counts(imported: &Imported) -> (u64, u64, u64) {
    let counts = imported.0.counts;
    assert_eq!(counts.bad, imported.1.len() as u64);
    (counts.created, counts.unchanged, counts.bad)
}

/// All that the store holds, as text. Uses are left out: a check notes them.
fn dump(fixture: &Fixture) -> String {
    let connection = Connection::open(fixture.path()).unwrap();
    let mut tables = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
        .unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    let mut dump = String::new();
    for table in tables {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cells = (0..columns).map(|column| match row.get_ref(column).unwrap() {
                ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                other => format!("{other:?}"),
            });
            dump += &format!("{table}: {}\n", cells.collect::<Vec<_>>().join("|"));
        }
    }
    dump
}

fn one<T: rusqlite::types::FromSql>(fixture: &Fixture, sql: &str) -> T {
    Connection::open(fixture.path()).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

/// A fixture whose profile Legacy has values that begin with `old_`.
fn legacy() -> (Fixture, ImportOptions) {
    let fixture = fixture();
    fixture.engine.owner().create_profile("Legacy", None, r#"{"foreignPrefix":"old_"}"#).unwrap();
    let options = ImportOptions { profile: Some("Legacy".to_owned()), passphrase: None, ..options(TransferForm::Csv) };
    (fixture, options)
}

fn sha256(value: &str) -> String {
    hex::encode(digest::sha256(value.as_bytes()))
}

fn pbkdf2(value: &str, iterations: u32) -> String {
    let mut hash = [0; 32];
    let iterations = std::num::NonZeroU32::new(iterations).unwrap();
    aws_lc_rs::pbkdf2::derive(
        aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA256,
        iterations,
        b"saltsalt",
        value.as_bytes(),
        &mut hash,
    );
    let encode = |bytes: &[u8]| STANDARD_NO_PAD.encode(bytes);
    format!("$pbkdf2-sha256$i={iterations},l=32${}${}", encode(b"saltsalt"), encode(&hash))
}

fn argon2id(value: &str) -> String {
    let mut hash = [0; 32];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 1, 1, None).unwrap());
    argon2.hash_password_into(value.as_bytes(), b"saltsalt", &mut hash).unwrap();
    let encode = |bytes: &[u8]| STANDARD_NO_PAD.encode(bytes);
    format!("$argon2id$v=19$m=64,t=1,p=1${}${}", encode(b"saltsalt"), encode(&hash))
}

#[test]
fn tokens_are_good_in_another_store_with_all_that_they_were_granted() {
    for form in [TransferForm::JsonLines, TransferForm::Csv] {
        let (from, to) = (fixture(), fixture());
        for engine in [&from.engine, &to.engine] {
            engine.owner().create_role("Auditor", &["Reader".to_owned()]).unwrap();
            engine.owner().create_organization("Works", &[]).unwrap();
        }
        let owner = from.engine.owner();
        let plain = from.grant();
        let full = owner
            .grant(&GrantRequest {
                name: Some("nightly, \"quoted\"".to_owned()),
                roles: Some(vec!["Reader".to_owned()]),
                tags: vec!["=a".to_owned(), "b;c".to_owned()],
                remark: Some("line\nbreak".to_owned()),
                audiences: vec!["https://api.example".to_owned()],
                organizations: Some(vec![]),
                conditions: Conditions {
                    referrer: Some("example.com".to_owned()),
                    uses: Some(3),
                    ..Conditions::default()
                },
                lifetime: Lifetime::Seconds(1_000),
                ..request()
            })
            .unwrap();
        let in_full = AccessContext {
            audience: Some("https://api.example"),
            referrer: Some("https://www.example.com/"),
            role: Some("Reader"),
            ..AccessContext::default()
        };
        assert_eq!(from.engine.validate(full.value.as_bytes(), in_full).outcome, Outcome::Valid);
        let no_roles = owner.grant(&GrantRequest { roles: Some(vec![]), ..request() }).unwrap();
        let revoked = from.grant();
        owner.revoke_token(revoked.token.id.as_str(), Some("lost")).unwrap();
        let disabled = from.grant();
        owner.disable_token(disabled.token.id.as_str(), Some("leave")).unwrap();
        let decoy = owner.grant(&GrantRequest { is_decoy: true, ..request() }).unwrap();
        let adam = Actor::Token { id: plain.token.id.clone(), identity: "Adam".to_owned() };
        let child = from.engine.session(&adam).grant(&request()).unwrap();
        let rotated = from.grant();
        let mode = RotationMode::Grace { seconds: 50 };
        let rotation =
            RotationRequest { id: rotated.token.id.to_string(), mode, lifetime: None, idempotency_key: None };
        let successor = owner.rotate(&rotation).unwrap().value.unwrap();

        let file = export(&from, form);
        for grant in [&plain, &full, &child, &decoy] {
            let value = std::str::from_utf8(grant.value.as_bytes()).unwrap();
            assert!(!file.windows(32).any(|window| window == &value.as_bytes()[value.len() - 38..value.len() - 6]));
        }
        let imported = import(&to, &file, &options(form)).unwrap();
        assert_eq!(counts(&imported), (9, 0, 0), "{:?}", imported.1);
        assert!(imported.0.is_complete && imported.0.counts.bytes_read == file.len() as u64);

        let outcomes = [&plain, &no_roles, &revoked, &disabled, &decoy, &child, &rotated].map(|grant| to.check(grant));
        let expected = [
            Outcome::Valid,
            Outcome::Valid,
            Outcome::Revoked,
            Outcome::Disabled,
            Outcome::Unknown,
            Outcome::Valid,
            Outcome::Valid,
        ];
        assert_eq!(outcomes, expected);
        assert_eq!(check(&to.engine, successor.as_bytes()), Outcome::Valid);
        let uses = [(); 3].map(|()| to.engine.validate(full.value.as_bytes(), in_full).outcome);
        assert_eq!(uses, [Outcome::Valid, Outcome::Valid, Outcome::UsesExhausted], "one of three was spent before");
        assert_eq!(to.check(&full), Outcome::ReferrerDenied);

        for grant in [&plain, &full, &no_roles, &revoked, &disabled, &child] {
            let id = grant.token.id.as_str();
            let (mut before, mut after) = (owner.token(id).unwrap(), to.engine.owner().token(id).unwrap());
            for token in [&mut before, &mut after] {
                (token.sequence, token.uses_left, token.last_used_at, token.conditions.uses) = (0, None, None, None);
            }
            assert_eq!(after, before);
        }
        // What a token granted ends with it there too, and what gives way to a successor does.
        to.engine.owner().revoke_token(plain.token.id.as_str(), None).unwrap();
        assert_eq!(to.check(&child), Outcome::Revoked);
        to.clock.set(NOW + 50);
        assert_eq!(to.check(&rotated), Outcome::Expired);

        let before = dump(&to);
        let again = import(&to, &file, &options(form)).unwrap();
        assert_eq!(counts(&again), (0, 9, 0));
        assert_eq!(dump(&to), before, "a second import changes nothing, and wakes nothing that was revoked");
        assert_eq!(to.check(&plain), Outcome::Revoked);
        assert!(to.engine.owner().check_audit().unwrap().broken.is_none());
    }
}

#[test]
fn an_imported_pepper_is_sealed_kept_and_used_no_more_after_the_first_use() {
    let (from, to) = (fixture(), fixture());
    let grants = [from.grant(), from.grant()];
    let file = export(&from, TransferForm::JsonLines);
    let before = one::<i64>(&to, "SELECT count(*) FROM pepper");
    import(&to, &file, &options(TransferForm::JsonLines)).unwrap();
    assert_eq!(one::<i64>(&to, "SELECT count(*) FROM pepper"), before + 1);
    assert_eq!(one::<i64>(&to, "SELECT count(*) FROM token WHERE pepper_id < 0"), 2);

    assert_eq!(to.check(&grants[0]), Outcome::Valid);
    assert_eq!(one::<i64>(&to, "SELECT count(*) FROM token WHERE pepper_id < 0"), 1);
    let events = |fixture: &Fixture| {
        let filter = AuditFilter { event: Some("token.upgrade".to_owned()), limit: 10, ..AuditFilter::default() };
        fixture.engine.owner().audit_events(&filter).unwrap().len()
    };
    assert_eq!(events(&to), 1);
    assert_eq!(to.check(&grants[0]), Outcome::Valid);
    assert_eq!(events(&to), 1, "once");

    // With the store's key alone it opens again; and what was upgraded is still the same token for the file.
    let Fixture { engine, clock, folder } = to;
    drop(engine);
    let engine = support::open_at(folder.path().join("tokens.db"), &clock);
    let to = Fixture { engine, clock, folder };
    assert_eq!(to.check(&grants[1]), Outcome::Valid);
    assert_eq!(counts(&import(&to, &file, &options(TransferForm::JsonLines)).unwrap()), (0, 2, 0));

    // And on to a third store, from which the first takes its own back.
    let third = fixture();
    let onward = export(&to, TransferForm::Csv);
    assert_eq!(counts(&import(&third, &onward, &options(TransferForm::Csv)).unwrap()), (2, 0, 0));
    assert!(grants.iter().all(|grant| third.check(grant) == Outcome::Valid));
    assert_eq!(counts(&import(&from, &onward, &options(TransferForm::Csv)).unwrap()), (0, 2, 0));
}

#[test]
fn a_file_opens_with_its_passphrase_and_unchanged_only() {
    let (from, to) = (fixture(), fixture());
    let grant = from.grant();
    let file = export(&from, TransferForm::JsonLines);
    let before = dump(&to);
    let form = TransferForm::JsonLines;
    let with = |passphrase: Option<&str>| ImportOptions {
        passphrase: passphrase.map(|passphrase| Secret::from(passphrase.as_bytes())),
        ..options(form)
    };
    let text = String::from_utf8(file.clone()).unwrap();
    let id = one::<String>(&from, "SELECT store_id FROM store");
    let other_id = text.replacen(&id, "another", 1);
    let sealed = text.find("peppers\":\"").unwrap() + 60;
    let mut damaged = text.clone();
    let other = if &text[sealed..=sealed] == "A" { "B" } else { "A" };
    damaged.replace_range(sealed..=sealed, other);
    let cases: [(&str, &str, Option<&str>, ErrorCode); 6] = [
        ("no passphrase", &text, None, ErrorCode::InvalidArgument),
        ("an empty passphrase", &text, Some(""), ErrorCode::InvalidArgument),
        ("another passphrase", &text, Some("correct horse battery stable"), ErrorCode::KeyRefused),
        ("peppers of another store", &other_id, Some(PASSPHRASE), ErrorCode::KeyRefused),
        ("damaged peppers", &damaged, Some(PASSPHRASE), ErrorCode::KeyRefused),
        (
            "another version",
            &text.replacen("\"version\":1", "\"version\":2", 1),
            Some(PASSPHRASE),
            ErrorCode::TransferFile,
        ),
    ];
    for (name, file, passphrase, code) in cases {
        assert_eq!(import(&to, file.as_bytes(), &with(passphrase)).unwrap_err().code(), code, "{name}");
    }
    assert_eq!(dump(&to), before);

    // A digest that was changed is another value's, and one under a pepper that is not there is a bad line.
    let line = text.lines().nth(1).unwrap();
    let digest = line.find("digest\":\"").unwrap() + 9;
    let other = if &line[digest..=digest] == "0" { "1" } else { "0" };
    let changed = format!("{}{other}{}", &line[..digest], &line[digest + 1..]);
    let header = text.lines().next().unwrap();
    let unknown = line.replace("\"pepper\":1", "\"pepper\":9");
    let imported =
        import(&to, format!("{header}\n{changed}\n{unknown}\n").as_bytes(), &options(TransferForm::JsonLines)).unwrap();
    assert_eq!(counts(&imported), (1, 0, 1));
    assert_eq!((imported.1[0].0, imported.1[0].1.subject()), (3, Some("pepper")));
    assert_eq!(to.check(&grant), Outcome::Unknown);
    // The right file does not pass that for the same token.
    let imported = import(&to, &file, &options(TransferForm::JsonLines)).unwrap();
    assert_eq!(imported.1[0].1.code(), ErrorCode::AlreadyExists);
}

#[test]
fn weak_passphrases_and_those_who_are_no_administrators_are_refused() {
    let fixture = fixture();
    let options_with = |passphrase: &str| ExportOptions {
        form: TransferForm::Csv,
        passphrase: Secret::from(passphrase.as_bytes()),
        profile: None,
        identity: None,
    };
    let weak = fixture.engine.owner().export(&options_with("correcthors")).err().unwrap();
    assert_eq!((weak.code(), weak.subject()), (ErrorCode::InvalidArgument, Some("passphrase")));
    let adam = Actor::Identity { id: fixture.engine.owner().identity("Adam").unwrap().id, name: "Adam".to_owned() };
    let before = dump(&fixture);
    let session = fixture.engine.session(&adam);
    assert_eq!(session.export(&options_with(PASSPHRASE)).err().unwrap().code(), ErrorCode::NotPermitted);
    let mut nobody = |_: ImportEvent| panic!("nothing is read");
    let refused = session.import(&b"identity,value\nAdam,old_1\n"[..], &options(TransferForm::Csv), &mut nobody);
    assert_eq!(refused.unwrap_err().code(), ErrorCode::NotPermitted);
    assert_eq!(
        session.import_key("PowerShellUniversal", &Secret::from(&b"key"[..])).unwrap_err().code(),
        ErrorCode::NotPermitted
    );
    assert_eq!(dump(&fixture), before);
}

#[test]
fn only_what_is_asked_for_is_exported() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_identity("Eva", &["Reader".to_owned()], None).unwrap();
    owner.create_profile("Mine", None, "{}").unwrap();
    fixture.grant();
    owner.grant(&GrantRequest { profile: Some("Mine".to_owned()), ..request() }).unwrap();
    owner.grant(&GrantRequest { identity: "Eva".to_owned(), ..request() }).unwrap();
    let count = |profile: Option<&str>, identity: Option<&str>| {
        let options = ExportOptions {
            form: TransferForm::JsonLines,
            passphrase: Secret::from(PASSPHRASE.as_bytes()),
            profile: profile.map(str::to_owned),
            identity: identity.map(str::to_owned),
        };
        owner.export_to(&options, &mut Vec::new()).map_err(|error| error.code())
    };
    assert_eq!(count(None, None), Ok(3));
    assert_eq!(count(Some("mine"), None), Ok(1));
    assert_eq!(count(None, Some("eva")), Ok(1));
    assert_eq!(count(Some("Mine"), Some("Eva")), Ok(0));
    assert_eq!(count(Some("none"), None), Err(ErrorCode::NotFound));
    assert_eq!(count(None, Some("none")), Err(ErrorCode::NotFound));
}

/// A token of another system: how it is listed, its value, and what the row has before its first use.
type ForeignCase = (&'static str, fn(&str) -> String, &'static str, &'static str);

#[test]
fn each_foreign_digest_is_upgraded_at_the_first_success() {
    let cases: [ForeignCase; 5] = [
        ("SHA-256", sha256, "old_1.secret", ""),
        ("SHA-256 with its name", |value| format!("sha256:{}", sha256(value)), "old_2.secret", ""),
        ("PBKDF2", |value| pbkdf2(value, 1_000), "old_3.secret", "3"),
        ("argon2id", argon2id, "old_4.secret", "4"),
        ("argon2id, Django", |value| format!("argon2{}", argon2id(value)), "old_5.secret", "5."),
    ];
    let (fixture, options) = legacy();
    let rows = cases.iter().map(|(_, digest, value, part)| format!("Adam,Reader,\"{}\",{part}\n", digest(value)));
    let file = format!("identity,roles,foreignDigest,publicPart\n{}", rows.collect::<String>());
    let imported = import(&fixture, file.as_bytes(), &options).unwrap();
    assert_eq!(counts(&imported), (5, 0, 0), "{:?}", imported.1);
    let current = "digest_kind = 'hmac-sha-256' AND salted_digest IS NULL AND pepper_id = 1";
    for (upgraded, (name, digest, value, _)) in cases.iter().enumerate() {
        let count = || one::<i64>(&fixture, &format!("SELECT count(*) FROM token WHERE {current}"));
        assert_eq!(count(), upgraded as i64, "{name}");
        let before = dump(&fixture);
        // What is wrong is refused like what is unknown, and changes nothing.
        for wrong in [format!("{value}x"), value[..value.len() - 1].to_owned(), "old_unknown".to_owned()] {
            assert_eq!(check(&fixture.engine, wrong.as_bytes()), Outcome::Unknown, "{name}: {wrong}");
        }
        assert_eq!(check(&fixture.engine, &value.as_bytes()[4..]), Outcome::Malformed, "{name}");
        assert_eq!(dump(&fixture), before, "{name}");
        let reader = AccessContext { role: Some("Reader"), ..AccessContext::default() };
        assert_eq!(fixture.engine.validate(value.as_bytes(), reader).outcome, Outcome::Valid, "{name}");
        assert_eq!(count(), upgraded as i64 + 1, "{name}");
        let after = dump(&fixture);
        let digest = digest(value);
        let hash = digest.rsplit(['$', ':']).next().unwrap();
        let bytes = format!("{:?}", hex::decode(hash).unwrap_or(vec![0; 40]));
        let is_stored = |dump: &str| dump.contains(hash) || dump.contains(&bytes);
        assert!(is_stored(&before) && !is_stored(&after), "{name}: the other system's digest is gone");
        assert_eq!(check(&fixture.engine, value.as_bytes()), Outcome::Valid, "{name}");
        assert_eq!(dump(&fixture), after, "{name}: once");
    }
    // The same list again: every token is there, by whatever it is recognised now.
    let before = dump(&fixture);
    assert_eq!(counts(&import(&fixture, file.as_bytes(), &options).unwrap()), (0, 5, 0));
    assert_eq!(dump(&fixture), before);
}

#[test]
fn values_are_taken_over_and_a_list_of_them_names_the_same_tokens_as_one_of_digests() {
    let (fixture, options) = legacy();
    let digests = format!("identity,foreignDigest\nAdam,{}\n", sha256("old_one"));
    assert_eq!(counts(&import(&fixture, digests.as_bytes(), &options).unwrap()), (1, 0, 0));
    let values = "identity,value\nAdam,old_one\nAdam,old_two\nAdam,old_two\nAdam,new_three\n";
    let imported = import(&fixture, values.as_bytes(), &options).unwrap();
    assert_eq!(counts(&imported), (1, 2, 1));
    assert_eq!((imported.1[0].0, imported.1[0].1.subject()), (5, Some("profile")));
    assert!(!imported.1[0].1.message().contains("three"));
    assert_eq!(check(&fixture.engine, b"old_one"), Outcome::Valid);
    assert_eq!(check(&fixture.engine, b"old_two"), Outcome::Valid);
    assert!(!dump(&fixture).contains("old_two"));
    // A profile that is not the one of the value's beginning does not let it in.
    let owner = fixture.engine.owner();
    owner.update_profile("Legacy", r#"{"foreignPrefix":"older_"}"#).unwrap();
    assert_eq!(check(&fixture.engine, b"old_two"), Outcome::Malformed);
    owner.create_profile("Other", None, r#"{"foreignPrefix":"old_"}"#).unwrap();
    assert_eq!(check(&fixture.engine, b"old_two"), Outcome::Unknown);
}

#[test]
fn a_profile_that_keeps_values_keeps_those_that_are_brought_over() {
    let fixture = fixture();
    let changes = r#"{"foreignPrefix":"old_","keepsValues":true}"#;
    fixture.engine.owner().create_profile("Kept", None, changes).unwrap();
    let options = ImportOptions { profile: Some("Kept".to_owned()), ..options(TransferForm::Csv) };
    import(&fixture, b"identity,value\nAdam,old_one\n", &options).unwrap();
    let id = one::<String>(&fixture, "SELECT id FROM token");
    assert_eq!(fixture.engine.owner().kept_value(&id).unwrap().as_bytes(), b"old_one");
    assert!(!dump(&fixture).contains("old_one"));
}

#[test]
fn a_public_part_is_one_tokens_alone() {
    let (fixture, options) = legacy();
    let row = |part: &str, value: &str| format!("Adam,\"{}\",{part}\n", pbkdf2(value, 1));
    let file = format!(
        "identity,foreignDigest,publicPart\n{}{}{}{}{}{}",
        row("abc", "old_abc1"),
        row("abc", "old_abc2"),
        row("ab", "old_ab3"),
        row("abcd", "old_abcd4"),
        row("abd", "old_abd5"),
        row("", "old_6"),
    );
    let imported = import(&fixture, file.as_bytes(), &options).unwrap();
    assert_eq!(counts(&imported), (2, 0, 4));
    let about: Vec<_> = imported.1.iter().map(|(line, error)| (*line, error.subject().unwrap())).collect();
    assert_eq!(about, [(3, "publicPart"), (4, "publicPart"), (5, "publicPart"), (7, "publicPart")]);
    assert_eq!(check(&fixture.engine, b"old_abc1"), Outcome::Valid);
    assert_eq!(check(&fixture.engine, b"old_abd5"), Outcome::Valid);
    assert_eq!(check(&fixture.engine, b"old_abc2"), Outcome::Unknown);
    // It stays taken when it is not needed any more.
    let again = format!("identity,foreignDigest,publicPart\n{}", row("abc", "old_abc7"));
    assert_eq!(counts(&import(&fixture, again.as_bytes(), &options).unwrap()), (0, 0, 1));
    // Under another profile it is another's.
    fixture.engine.owner().create_profile("Other", None, r#"{"foreignPrefix":"oth_"}"#).unwrap();
    let other = ImportOptions { profile: Some("Other".to_owned()), ..options };
    let file = format!("identity,foreignDigest,publicPart\n{}", row("abc", "oth_abc8"));
    assert_eq!(counts(&import(&fixture, file.as_bytes(), &other).unwrap()), (1, 0, 0));
    assert_eq!(check(&fixture.engine, b"oth_abc8"), Outcome::Valid);
}

#[test]
fn digests_that_are_too_much_work_are_bad_lines() {
    let (fixture, options) = legacy();
    let beyond = pbkdf2("old_x", 1).replace("i=1,", "i=2000001,");
    let costly = argon2id("old_y").replace("m=64", "m=262145");
    let no_part = pbkdf2("old_z", 1);
    let file =
        format!("identity,foreignDigest,publicPart\nAdam,\"{beyond}\",a\nAdam,\"{costly}\",b\nAdam,\"{no_part}\",\n");
    let before = dump(&fixture);
    let imported = import(&fixture, file.as_bytes(), &options).unwrap();
    assert_eq!(counts(&imported), (0, 0, 3));
    assert_eq!(dump(&fixture), before);
    let limit = pbkdf2("old_x", 1).replace("i=1,", "i=2000000,");
    let file = format!("identity,foreignDigest,publicPart\nAdam,\"{limit}\",a\n");
    assert_eq!(counts(&import(&fixture, file.as_bytes(), &options).unwrap()), (1, 0, 0));
}

/// A JWT as PowerShell Universal makes it, for Admin.
fn universal(key: &[u8], lifetime_seconds: i64) -> String {
    let key = key::signing_key(key, KeyKind::Secret, None, JwtKind::PowerShellUniversal).unwrap().into();
    let claims = concat!(
        r#"{"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name":"Admin","#,
        r#""http://schemas.microsoft.com/ws/2008/06/identity/claims/role":"policy"}"#
    );
    let request = MintRequest {
        claims,
        kind: JwtKind::PowerShellUniversal,
        lifetime_seconds: Some(lifetime_seconds),
        ..MintRequest::default()
    };
    let minted = mint_with(&key, &request, NOW - 100).unwrap();
    String::from_utf8(minted.value.as_bytes().to_vec()).unwrap()
}

#[test]
fn app_tokens_migrate_under_the_same_signing_key_with_the_role_of_the_line() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_identity("Admin", &["Reader".to_owned()], None).unwrap();
    let (same, other) =
        (universal(b"PleaseUseYourOwnSigningKeyHere", 1_000), universal(b"another signing key of 30 bytes", 1_000));
    let over = universal(b"PleaseUseYourOwnSigningKeyHere", 100);
    let options = ImportOptions {
        profile: Some("PowerShellUniversal".to_owned()),
        passphrase: None,
        ..options(TransferForm::JsonLines)
    };
    let line = |value: &str, more: &str| {
        format!(r#"{{"identity":"Admin","roles":["Administrator"],"value":"{value}"{more}}}"#) + "\n"
    };
    let before = dump(&fixture);
    let imported = import(&fixture, line(&same, "").as_bytes(), &options).unwrap();
    assert_eq!(imported.1[0].1.code(), ErrorCode::NotFound, "there is no key to verify it with yet");
    assert_eq!(dump(&fixture), before);

    let key = owner.import_key("PowerShellUniversal", &Secret::from(&b"PleaseUseYourOwnSigningKeyHere"[..])).unwrap();
    let again = owner.import_key("powershelluniversal", &Secret::from(&b"PleaseUseYourOwnSigningKeyHere"[..])).unwrap();
    assert_eq!(again, key);
    assert_eq!(owner.import_key("Default", &Secret::from(&b"x"[..])).unwrap_err().code(), ErrorCode::NotPermitted);
    assert!(!dump(&fixture).contains("PleaseUse"));

    let expires = NOW + 500;
    let file = [
        line(&same, &format!(r#","expiresAt":{expires}"#)),
        line(&other, ""),
        line(&over, ""),
        line(&same.replacen('.', ".A", 1), ""),
        line("opaque-value", ""),
    ]
    .concat();
    let imported = import(&fixture, file.as_bytes(), &options).unwrap();
    assert_eq!(counts(&imported), (1, 0, 4));
    let codes: Vec<_> = imported.1.iter().map(|(line, error)| (*line, error.code())).collect();
    assert_eq!(codes, [2, 3, 4, 5].map(|line| (line, ErrorCode::NotPermitted)));
    assert!(imported.1[0].1.message().contains("must be the same in both systems"), "{:?}", imported.1[0]);
    assert!(imported.1[1].1.message().contains("expired"), "{:?}", imported.1[1]);

    let administrator = AccessContext { role: Some("Administrator"), ..AccessContext::default() };
    let verdict = fixture.engine.validate(same.as_bytes(), administrator);
    assert_eq!(
        verdict.outcome,
        Outcome::Valid,
        "the role of the line, not of the claims, and not cut to the identity's"
    );
    assert_eq!(check(&fixture.engine, other.as_bytes()), Outcome::Unknown);
    let token = verdict.token().unwrap();
    assert_eq!(
        (token.identity.as_str(), token.expires_at, token.key_id.as_deref()),
        ("Admin", Some(expires), Some(key.key_id.as_str()))
    );
    assert_eq!(counts(&import(&fixture, file.as_bytes(), &options).unwrap()), (0, 1, 4));
    // It follows the rules of every other: the key's revocation ends it.
    owner.revoke_key(&key.key_id, None).unwrap();
    assert_eq!(check(&fixture.engine, same.as_bytes()), Outcome::Revoked);
}

#[test]
fn an_identity_that_is_not_there_makes_a_line_bad_unless_it_is_to_be_created() {
    let (fixture, options) = legacy();
    let file = "identity,roles,value\nEva,Reader,old_1\neva,Operator,old_2\nAdam,Reader,old_3\n";
    let before = one::<i64>(&fixture, "SELECT count(*) FROM identity");
    let imported = import(&fixture, file.as_bytes(), &options).unwrap();
    assert_eq!(counts(&imported), (1, 0, 2));
    assert_eq!((imported.1[0].1.code(), imported.1[0].1.subject()), (ErrorCode::NotFound, Some("identity")));
    assert_eq!(one::<i64>(&fixture, "SELECT count(*) FROM identity"), before);

    let creating = ImportOptions { creates_identities: true, ..options };
    let imported = import(&fixture, file.as_bytes(), &creating).unwrap();
    assert_eq!((counts(&imported), imported.0.counts.identities), ((2, 1, 0), 1));
    let eva = fixture.engine.owner().identity("Eva").unwrap();
    assert_eq!((eva.source.as_deref(), eva.roles.len(), eva.has_password), (Some("imported"), 0, false));
    // Its tokens may do nothing until somebody gives it roles.
    let reader = AccessContext { role: Some("Reader"), ..AccessContext::default() };
    assert_eq!(fixture.engine.validate(b"old_1", reader).outcome, Outcome::RoleDenied);
    fixture.engine.owner().update_identity("Eva", Some(&["Reader".to_owned()]), None).unwrap();
    assert_eq!(fixture.engine.validate(b"old_1", reader).outcome, Outcome::Valid);
    let filter = AuditFilter { event: Some("identity.create".to_owned()), limit: 10, ..AuditFilter::default() };
    assert_eq!(fixture.engine.owner().audit_events(&filter).unwrap().len(), 2);
}

#[test]
fn a_creator_who_bounds_a_token_must_be_there() {
    let fixture = fixture();
    fixture.engine.owner().create_profile("Net", Some("AppNeta"), r#"{"foreignPrefix":"net_"}"#).unwrap();
    let options = ImportOptions { profile: Some("Net".to_owned()), passphrase: None, ..options(TransferForm::Csv) };
    let file = "identity,name,createdBy,value\nAdam,a,Gone,net_1\nAdam,b,Adam,net_2\nAdam,c,local owner,net_3\n";
    let imported = import(&fixture, file.as_bytes(), &options).unwrap();
    assert_eq!(counts(&imported), (2, 0, 1));
    assert_eq!((imported.1[0].0, imported.1[0].1.subject()), (2, Some("createdBy")));
}

#[test]
fn another_systems_value_in_the_wrong_place_is_neither_kept_nor_repeated() {
    let (fixture, _) = legacy();
    let asked = |creates_identities| {
        let profile = Some("Legacy".to_owned());
        ImportOptions { profile, passphrase: None, creates_identities, ..options(TransferForm::Csv) }
    };
    let owner = fixture.engine.owner();
    let id = fixture.grant().token.id;
    let (id, value) = (id.as_str(), "old_AbCd1234efGh");
    let said = format!("see {value}.");
    let tags = [value.to_owned()];
    let before = dump(&fixture);
    let member = OrganizationMember { identity: value.to_owned(), is_administrator: false };
    let errors = [
        owner.grant(&GrantRequest { identity: value.to_owned(), ..request() }).map(drop),
        owner.grant(&GrantRequest { name: Some(value.to_owned()), ..request() }).map(drop),
        owner.grant(&GrantRequest { tags: tags.to_vec(), ..request() }).map(drop),
        owner.grant(&GrantRequest { remark: Some(said.clone()), ..request() }).map(drop),
        owner.update_token(id, Some(&said), None).map(drop),
        owner.update_token(id, None, Some(&tags)).map(drop),
        owner.revoke_token(id, Some(&said)).map(drop),
        owner.disable_token(id, Some(&said)).map(drop),
        owner.create_identity(value, &[], None).map(drop),
        owner.identity(value).map(drop),
        owner.update_identity(value, None, None).map(drop),
        owner.revoke_tokens(&TokenSet::Identity(value.to_owned()), None).map(drop),
        owner.create_organization("Works", &[member]).map(drop),
    ];
    for error in errors.map(Result::unwrap_err) {
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{error}");
        assert!(!error.message().contains(value), "{error}");
    }
    assert_eq!(dump(&fixture), before);
    // A line whose columns are mixed up, with a value that no profile knows as one too.
    for (value, creates_identities) in [(value, true), (value, false), ("secret", false)] {
        let file = format!(
            "identity,roles,profile,createdBy,tags,value\n{value},,,,,old_1\nAdam,{value},,,,old_2\nAdam,,{value},,,old_3\n"
        );
        let imported = import(&fixture, file.as_bytes(), &asked(creates_identities)).unwrap();
        assert_eq!(counts(&imported), (0, 0, 3));
        assert!(imported.1.iter().all(|(_, error)| !error.message().contains(value)), "{:?}", imported.1);
    }
    let file = format!("identity,createdBy,tags,value\nAdam,{value},,old_4\nAdam,,{value},old_5\n");
    let imported = import(&fixture, file.as_bytes(), &asked(false)).unwrap();
    assert_eq!(counts(&imported), (0, 0, 2));
    assert!(imported.1.iter().all(|(_, error)| !error.message().contains(value)), "{:?}", imported.1);
    assert!(!dump(&fixture).contains(value));
}

#[test]
fn nobody_is_made_who_has_the_local_owners_name() {
    let (fixture, options) = legacy();
    let creating = ImportOptions { creates_identities: true, ..options };
    let before = one::<i64>(&fixture, "SELECT count(*) FROM identity");
    for name in ["local owner", "Local OWNER"] {
        let imported = import(&fixture, format!("identity,value\n{name},old_1\n").as_bytes(), &creating).unwrap();
        assert_eq!(counts(&imported), (0, 0, 1));
        let error = &imported.1[0].1;
        assert_eq!((error.code(), error.subject()), (ErrorCode::InvalidArgument, Some("identity")));
    }
    assert_eq!(one::<i64>(&fixture, "SELECT count(*) FROM identity"), before);
    // Who granted a token is told as names are compared, too.
    let file = "identity,createdBy,value\nAdam,LOCAL Owner,old_2\n";
    assert_eq!(counts(&import(&fixture, file.as_bytes(), &creating).unwrap()), (1, 0, 0));
    assert_eq!(one::<String>(&fixture, "SELECT created_by FROM token"), Actor::LOCAL_OWNER);
    fixture.engine.owner().create_profile("Net", Some("AppNeta"), r#"{"foreignPrefix":"net_"}"#).unwrap();
    let file = "identity,name,profile,createdBy,value\nAdam,a,Net,LOCAL Owner,net_1\n";
    assert_eq!(counts(&import(&fixture, file.as_bytes(), &creating).unwrap()), (1, 0, 0), "bounded by the owner");
}

#[test]
fn bad_lines_are_named_and_leave_nothing_behind() {
    let (fixture, options) = legacy();
    let owner = fixture.engine.owner();
    owner.create_organization("Works", &[]).unwrap();
    let good = |number: u32| format!(r#"{{"identity":"Adam","value":"old_{number}"}}"#);
    let lines = [
        good(1),
        "not json".to_owned(),
        r#"{"identity":"Adam","value":"old_3","more":1}"#.to_owned(),
        r#"{"identity":"Adam","value":"old_4","roles":["Nobody"]}"#.to_owned(),
        r#"{"identity":"Adam","value":"old_5","organizations":["Works","None"]}"#.to_owned(),
        r#"{"identity":"Adam","value":"old_6","profile":"None"}"#.to_owned(),
        r#"{"identity":"Adam","value":"old_7","parent":"AAAAAAAAAAAA"}"#.to_owned(),
        r#"{"identity":"Adam","value":"old_8","expiresAt":1}"#.to_owned(),
        r#"{"identity":"Adam","id":"BBBBBBBBBBBB","value":"old_1"}"#.to_owned(),
        String::new(),
        good(11),
        r#"{"identity":"Adam","value":"old_12","organizations":["Works","WORKS"],"roles":["Reader","reader"]}"#
            .to_owned(),
    ];
    let file = lines.join("\n");
    let options = ImportOptions { form: TransferForm::JsonLines, ..options };
    let imported = import(&fixture, file.as_bytes(), &options).unwrap();
    assert_eq!(counts(&imported), (3, 0, 8), "{:?}", imported.1);
    let about: Vec<_> = imported.1.iter().map(|(line, error)| (*line, error.subject().unwrap())).collect();
    let expected = [
        (2, "row"),
        (3, "row"),
        (4, "role"),
        (5, "organizations"),
        (6, "profile"),
        (7, "id"),
        (8, "expiration"),
        (9, "digest"),
    ];
    assert_eq!(about, expected);
    assert!(imported.1.iter().all(|(_, error)| !error.message().contains("old_")));
    let expected =
        [(1, Outcome::Valid), (5, Outcome::Unknown), (7, Outcome::Unknown), (11, Outcome::Valid), (12, Outcome::Valid)];
    for (number, expected) in expected {
        assert_eq!(check(&fixture.engine, format!("old_{number}").as_bytes()), expected, "{number}");
    }
    assert_eq!(one::<i64>(&fixture, "SELECT count(*) FROM token"), 3);
    assert_eq!(one::<i64>(&fixture, "SELECT count(*) FROM token_organization"), 1);
}

#[test]
fn an_import_stops_at_the_first_bad_line_when_it_is_asked_to() {
    // One that the reader finds, one that the rules do, and one that the store does.
    for bad in ["Adam", "Adam,old_x,Nobody", "Nobody,old_x,Reader"] {
        let (fixture, options) = legacy();
        let options = ImportOptions { stops_at_bad_line: true, ..options };
        let file =
            format!("identity,value,roles\nAdam,old_1,Reader\nAdam,old_2,Reader\n{bad}\nAdam,old_3,Reader\nAdam\n");
        let imported = import(&fixture, file.as_bytes(), &options).unwrap();
        assert_eq!(counts(&imported), (2, 0, 1), "{bad}");
        assert!(!imported.0.is_complete);
        assert_eq!(imported.1[0].0, 4, "{bad}");
        assert_eq!(check(&fixture.engine, b"old_2"), Outcome::Valid);
        assert_eq!(check(&fixture.engine, b"old_3"), Outcome::Unknown);
    }
}

#[test]
fn a_large_import_is_one_event_a_batch_and_ends_where_the_caller_wants_it_to() {
    let (fixture, options) = legacy();
    let rows =
        |from: u32, to: u32| (from..to).map(|n| format!("Adam,{}\n", sha256(&format!("old_{n}")))).collect::<String>();
    let file = format!("identity,foreignDigest\n{}", rows(0, 50_000));
    let mut seen = Vec::new();
    let report = fixture.engine.owner().import(file.as_bytes(), &options, &mut |event| {
        if let ImportEvent::Progress(counts) = event {
            seen.push(counts.created);
        }
        if seen.len() < 2 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    assert_eq!(seen, [20_000, 40_000]);
    let report = report.unwrap();
    assert!(!report.is_complete && report.counts.created == 40_000);
    let filter = AuditFilter { event: Some("token.import".to_owned()), limit: 10, ..AuditFilter::default() };
    let details = || -> Vec<String> {
        let events = fixture.engine.owner().audit_events(&filter).unwrap();
        events.into_iter().map(|event| event.event.detail.unwrap()).collect()
    };
    assert_eq!(
        details(),
        [
            r#"{"tokens":20000,"firstSequence":1,"lastSequence":20000}"#,
            r#"{"tokens":20000,"firstSequence":20001,"lastSequence":40000}"#,
        ]
        .map(|text| {
            let value: serde_json::Value = serde_json::from_str(text).unwrap();
            value.to_string()
        })
    );
    // Again: the rest is brought over, and what is there already makes no event.
    let imported = import(&fixture, file.as_bytes(), &options).unwrap();
    assert_eq!(counts(&imported), (10_000, 40_000, 0));
    assert_eq!(details().len(), 3);
    assert_eq!(check(&fixture.engine, b"old_0"), Outcome::Valid);
    assert_eq!(check(&fixture.engine, b"old_49999"), Outcome::Valid);
    let all =
        fixture.engine.owner().tokens(&TokenFilter { after: Some(49_900), limit: 1_000, ..TokenFilter::default() });
    assert_eq!(all.unwrap().len(), 100);
}

#[test]
fn a_large_batch_comes_to_what_its_lines_come_to_one_after_the_other() {
    const LINES: usize = 4_500;
    let (fixture, options) = legacy();
    let file = |identity: &dyn Fn(usize) -> &'static str| {
        let row = |n: usize| format!("{},{}\n", identity(n), sha256(&format!("old_{n}")));
        format!("identity,foreignDigest\n{}", (0..LINES).map(row).collect::<String>())
    };
    let spellings = ["Eva", "EVA", "eva"];
    let unknown = file(&|n| spellings[n % 3]);
    let before = dump(&fixture);
    // More refusals than a transaction gives, told in the order of the lines.
    let imported = import(&fixture, unknown.as_bytes(), &options).unwrap();
    assert_eq!(counts(&imported), (0, 0, LINES as u64));
    assert!(imported.1.iter().map(|(line, _)| *line).eq(2..LINES as u64 + 2));
    assert!(imported.0.is_complete);
    assert_eq!(dump(&fixture), before);

    // One bad line ends it, and nothing of those after it is there, whatever their digests.
    let stopping = ImportOptions { stops_at_bad_line: true, ..options_of(&options) };
    let one_bad = file(&|n| if n == 4_200 { "Nobody" } else { "Adam" });
    let imported = import(&fixture, one_bad.as_bytes(), &stopping).unwrap();
    assert_eq!(counts(&imported), (4_200, 0, 1));
    assert_eq!(imported.1[0].0, 4_202);
    assert_eq!(check(&fixture.engine, b"old_4199"), Outcome::Valid);
    assert_eq!(check(&fixture.engine, b"old_4201"), Outcome::Unknown);
    // What is there already stays as it is, and the rest comes.
    let imported = import(&fixture, one_bad.as_bytes(), &options).unwrap();
    assert_eq!(counts(&imported), (299, 4_200, 1));
    assert_eq!(check(&fixture.engine, b"old_4499"), Outcome::Valid);
    assert_eq!(check(&fixture.engine, b"old_4200"), Outcome::Unknown);

    // Who is made has the name that the first line has.
    let (fixture, _) = legacy();
    let creating = ImportOptions { creates_identities: true, ..options_of(&options) };
    let imported = import(&fixture, unknown.as_bytes(), &creating).unwrap();
    assert_eq!((counts(&imported), imported.0.counts.identities), ((LINES as u64, 0, 0), 1));
    assert_eq!(one::<String>(&fixture, "SELECT name FROM identity WHERE source = 'imported'"), "Eva");
    assert_eq!(counts(&import(&fixture, unknown.as_bytes(), &creating).unwrap()), (0, LINES as u64, 0));

    // Who is not there yet when a line names them is no creator, though a later line makes them.
    let (fixture, _) = legacy();
    let row = |n: usize| {
        let (identity, creator) = if n == LINES - 1 { ("Eva", "") } else { ("Adam", if n == 0 { "Eva" } else { "" }) };
        format!("{identity},{creator},{}\n", sha256(&format!("old_{n}")))
    };
    let creators = format!("identity,createdBy,foreignDigest\n{}", (0..LINES).map(row).collect::<String>());
    let imported = import(&fixture, creators.as_bytes(), &creating).unwrap();
    assert_eq!((counts(&imported), imported.0.counts.identities), ((LINES as u64, 0, 0), 1));
    assert_eq!(one::<String>(&fixture, "SELECT created_by FROM token WHERE sequence = 1"), "Eva");
    assert_eq!(one::<i64>(&fixture, "SELECT count(*) FROM token WHERE creator_id IS NOT NULL"), 0);

    // So many identities are made in one transaction, and no more.
    let (fixture, _) = legacy();
    let row = |n: usize| format!("Person {n},{}\n", sha256(&format!("old_{n}")));
    let people = format!("identity,foreignDigest\n{}", (0..9_000).map(row).collect::<String>());
    let mut seen = Vec::new();
    let report = fixture.engine.owner().import(people.as_bytes(), &creating, &mut |event| {
        if let ImportEvent::Progress(counts) = event {
            seen.push((counts.created, counts.identities));
        }
        ControlFlow::Continue(())
    });
    assert!(report.unwrap().is_complete);
    assert_eq!(seen, [(4_000, 4_000), (8_000, 8_000), (9_000, 9_000)]);

    // Where two lines have one id, the first has it.
    let (fixture, _) = legacy();
    let row = |n: usize| format!("{:012},Adam,{}\n", n % (LINES - 1), sha256(&format!("old_{n}")));
    let twice = format!("id,identity,foreignDigest\n{}", (0..LINES).map(row).collect::<String>());
    let imported = import(&fixture, twice.as_bytes(), &options).unwrap();
    assert_eq!(counts(&imported), (LINES as u64 - 1, 0, 1));
    assert_eq!((imported.1[0].0, imported.1[0].1.code()), (LINES as u64 + 1, ErrorCode::AlreadyExists));
    assert_eq!(check(&fixture.engine, b"old_0"), Outcome::Valid);
    assert!(fixture.engine.owner().check_audit().unwrap().broken.is_none());
    assert!(fixture.engine.owner().problems().unwrap().is_empty());
}

/// The same options, of which each import has its own.
fn options_of(options: &ImportOptions) -> ImportOptions {
    ImportOptions {
        form: options.form,
        profile: options.profile.clone(),
        passphrase: None,
        creates_identities: options.creates_identities,
        stops_at_bad_line: options.stops_at_bad_line,
    }
}
