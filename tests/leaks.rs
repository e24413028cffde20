//! The search for leaks over a whole store: which values in files are told of, and as whose.

mod support;

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use support::{Fixture, NOW, check, fixture, open_at, request};
use tempfile::TempDir;
use tessera_native::crypto::digest::sha256;
use tessera_native::crypto::signing::SigningKeyMaterial;
use tessera_native::error::ErrorCode;
use tessera_native::format::opaque;
use tessera_native::format::scan::CandidateKind;
use tessera_native::format::transfer::TransferForm;
use tessera_native::model::{
    Algorithm, AuditFilter, Conditions, Outcome, RotationMode, Token, TokenFilter, TokenFormat, TokenState,
};
use tessera_native::policy::{AccessContext, Lifetime};
use tessera_native::service::{
    Grant, GrantRequest, ImportOptions, Leak, LeakRequest, MintRequest, RotationRequest, mint_with,
};

const CLAIMS_ELSEWHERE: &str = r#"{"iss":"https://elsewhere.example","sub":"Adam","aud":"a"}"#;
const PATIENCE: Duration = Duration::from_millis(100);

/// A folder for files with values; never kept, unlike those of stores.
fn files() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn plant(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) {
    fs::write(folder.path().join(name), content).unwrap();
}

fn text(grant: &Grant) -> String {
    String::from_utf8(grant.value.as_bytes().to_vec()).unwrap()
}

fn of(path: &Path) -> LeakRequest {
    LeakRequest { paths: vec![path.to_owned()], ..LeakRequest::default() }
}

fn search(fixture: &Fixture, request: LeakRequest) -> Vec<Leak> {
    let session = fixture.engine.owner();
    let search = session.find_leaks(request).unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    let mut leaks = Vec::new();
    loop {
        let page = search.next(&session, PATIENCE).unwrap();
        assert!(page.not_read.is_empty(), "{:?}", page.not_read);
        leaks.extend(page.leaks);
        if page.is_last {
            return leaks;
        }
        assert!(Instant::now() < end, "the search hangs");
    }
}

/// Whose value the only leak of a file with this text is; none when nothing is told.
fn recognised(fixture: &Fixture, content: impl AsRef<[u8]>) -> Option<Leak> {
    let folder = files();
    plant(&folder, "leak.txt", content);
    let mut leaks = search(fixture, of(folder.path()));
    assert!(leaks.len() < 2, "{leaks:?}");
    leaks.pop()
}

/// The state of the token that the text is recognised as.
fn state(fixture: &Fixture, content: impl AsRef<[u8]>) -> Option<TokenState> {
    let token = recognised(fixture, content)?.token?;
    Some(token.state(fixture.engine.now_seconds()))
}

#[test]
fn every_value_of_the_store_is_told_with_its_state() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    for format in [TokenFormat::Opaque, TokenFormat::Jwt] {
        fixture.clock.set(NOW);
        let grant = |request: GrantRequest| owner.grant(&GrantRequest { format: Some(format), ..request }).unwrap();
        let active = grant(request());
        let pending = grant(GrantRequest { not_before: Some(NOW + 1_000), ..request() });
        let short = grant(GrantRequest { lifetime: Lifetime::Seconds(60), ..request() });
        let revoked = grant(request());
        owner.revoke_token(revoked.token.id.as_str(), None).unwrap();
        let disabled = grant(request());
        owner.disable_token(disabled.token.id.as_str(), None).unwrap();
        let decoy = grant(GrantRequest { is_decoy: true, ..request() });
        let removed = grant(request());
        owner.remove_token(removed.token.id.as_str()).unwrap();
        let rotated = grant(request());
        let rotation = RotationRequest {
            id: rotated.token.id.to_string(),
            mode: RotationMode::Immediate,
            lifetime: None,
            idempotency_key: None,
        };
        let successor = owner.rotate(&rotation).unwrap();
        fixture.clock.set(NOW + 60);

        let table = [
            (&active, Some(TokenState::Active)),
            (&pending, Some(TokenState::Pending)),
            (&short, Some(TokenState::Expired)),
            (&revoked, Some(TokenState::Revoked)),
            (&disabled, Some(TokenState::Disabled)),
            (&decoy, Some(TokenState::Active)),
            (&removed, None),
            (&rotated, Some(TokenState::Revoked)),
        ];
        for (number, (grant, expected)) in table.into_iter().enumerate() {
            let told = recognised(&fixture, format!("a\n b = '{}';\n", text(grant))).expect("it is told");
            let found = told.token.as_ref().map(|token| token.state(NOW + 60));
            assert_eq!(found, expected, "{format:?} {number}");
            assert_eq!((told.line, told.stated_id.as_ref()), (2, Some(&grant.token.id)));
            assert_eq!(told.token.map(|token| token.id), expected.map(|_| grant.token.id.clone()));
            let is_jwt = format == TokenFormat::Jwt;
            assert_eq!(told.kind, if is_jwt { CandidateKind::Jwt } else { CandidateKind::Opaque });
            assert_eq!(told.key_id, grant.token.key_id);
        }
        let value = successor.value.unwrap();
        assert_eq!(recognised(&fixture, value.as_bytes()).unwrap().token.unwrap().id, successor.successor.id);
    }
}

#[test]
fn what_is_not_the_stores_is_told_when_it_may_be_live_elsewhere_or_when_asked() {
    let fixture = fixture();
    let (_, same_prefix) = opaque::mint("tsr").unwrap();
    let (_, other_prefix) = opaque::mint("other").unwrap();
    let other = support::fixture();
    let other_jwt = other.grant_jwt();
    let told = recognised(&fixture, same_prefix.as_bytes()).expect("another store's token may have leaked");
    assert!(told.token.is_none() && told.stated_id.is_some());
    assert!(recognised(&fixture, other_prefix.as_bytes()).is_none());
    assert!(recognised(&fixture, other_jwt.value.as_bytes()).is_none());

    let folder = files();
    plant(&folder, "opaque", other_prefix.as_bytes());
    plant(&folder, "jwt", other_jwt.value.as_bytes());
    let leaks = search(&fixture, LeakRequest { includes_unknown: true, ..of(folder.path()) });
    assert_eq!(leaks.len(), 2);
    assert!(leaks.iter().all(|leak| leak.token.is_none() && leak.key_id.is_none()));
}

#[test]
fn a_prefix_that_a_profile_no_longer_has_is_found_all_the_same() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_profile("Mine", None, r#"{"prefix":"old"}"#).unwrap();
    let grant = owner.grant(&GrantRequest { profile: Some("Mine".into()), ..request() }).unwrap();
    assert!(text(&grant).starts_with("old_"));
    owner.update_profile("Mine", r#"{"prefix":"new"}"#).unwrap();
    assert_eq!(state(&fixture, grant.value.as_bytes()), Some(TokenState::Active));
}

#[test]
fn a_text_that_anyone_can_write_is_of_no_token() {
    let fixture = fixture();
    let (opaque_grant, jwt_grant) = (fixture.grant(), fixture.grant_jwt());
    // The public id of a live token in a value with the right check.
    let forged = opaque::mint_for("tsr", &opaque_grant.token.id).unwrap();
    let told = recognised(&fixture, forged.as_bytes()).unwrap();
    assert_eq!((told.token, told.stated_id), (None, Some(opaque_grant.token.id.clone())));
    // A live token's claims with the store's key id, signed by someone else.
    let value = text(&jwt_grant);
    let (signed, signature) = value.rsplit_once('.').unwrap();
    let other: String = signature.bytes().map(|byte| if byte == b'A' { 'B' } else { 'A' }).collect();
    assert!(recognised(&fixture, format!("{signed}.{other}")).is_none());
    let folder = files();
    plant(&folder, "jwt", format!("{signed}.{other}"));
    let leaks = search(&fixture, LeakRequest { includes_unknown: true, ..of(folder.path()) });
    assert!(leaks[0].token.is_none() && leaks[0].key_id.is_none(), "{leaks:?}");
}

#[test]
fn a_jwt_is_recognised_with_other_text_glued_to_it() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA, Algorithm::RS256, Algorithm::HS256] {
        let key = owner.create_key(algorithm).unwrap();
        let asked = GrantRequest { format: Some(TokenFormat::Jwt), key_id: Some(key.key_id), ..request() };
        let grant = owner.grant(&asked).unwrap();
        for behind in ["", "AAAA", "_x", "-", ".rest"] {
            let content = format!("x={}{behind}", text(&grant));
            assert_eq!(state(&fixture, content), Some(TokenState::Active), "{algorithm:?} {behind}");
        }
    }
    // One without a key id, which is known by its digest.
    let asked = GrantRequest { profile: Some("PowerShellUniversal".into()), ..request() };
    let grant = owner.grant(&asked).unwrap();
    for behind in ["", "AAAA", "_x"] {
        let told = recognised(&fixture, format!("{}{behind}", text(&grant))).unwrap();
        assert_eq!(told.token.unwrap().id, grant.token.id, "{behind}");
    }
}

#[test]
fn a_jwt_made_by_hand_is_told_with_its_key() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    let key = owner.create_key(Algorithm::ES256).unwrap();
    let claims = r#"{"sub":"Adam","aud":"a"}"#.to_owned();
    let minted = owner.mint_jwt(&MintRequest { claims: &claims, ..MintRequest::default() }).unwrap();
    let told = recognised(&fixture, minted.value.as_bytes()).expect("a key of the store signed it");
    assert_eq!((told.token, told.stated_id, told.key_id), (None, None, Some(key.key_id)));
    let own = SigningKeyMaterial::generate(Algorithm::ES256).unwrap().into();
    let asked = MintRequest { claims: CLAIMS_ELSEWHERE, ..MintRequest::default() };
    let elsewhere = mint_with(&own, &asked, NOW).unwrap();
    assert!(recognised(&fixture, elsewhere.value.as_bytes()).is_none());
}

#[test]
fn a_find_changes_nothing_but_the_audit_log() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    let counted = owner
        .grant(&GrantRequest { conditions: Conditions { uses: Some(1), ..Conditions::default() }, ..request() })
        .unwrap();
    let decoy = owner.grant(&GrantRequest { is_decoy: true, ..request() }).unwrap();
    let old = fixture.grant();
    let rotation = RotationRequest {
        id: old.token.id.to_string(),
        mode: RotationMode::Confirm { deadline: None },
        lifetime: None,
        idempotency_key: None,
    };
    let waiting = owner.rotate(&rotation).unwrap();
    let folder = files();
    let waiting_value = waiting.value.unwrap();
    let all = [counted.value.as_bytes(), decoy.value.as_bytes(), old.value.as_bytes(), waiting_value.as_bytes()];
    plant(&folder, "all.txt", all.join(&b'\n'));
    let tokens = || -> Vec<Token> {
        fixture.engine.flush().unwrap();
        owner.tokens(&TokenFilter { limit: 100, ..TokenFilter::default() }).unwrap()
    };
    let events = || owner.audit_events(&AuditFilter { limit: 1_000, ..AuditFilter::default() }).unwrap();
    let (tokens_before, events_before) = (tokens(), events());

    let leaks = search(&fixture, of(folder.path()));
    assert_eq!(leaks.len(), 4);
    assert!(leaks.iter().all(|leak| leak.token.is_some()));

    assert_eq!(tokens(), tokens_before);
    let added = events().split_off(events_before.len());
    assert_eq!(added.len(), 1, "{added:?}");
    let event = &added[0].event;
    assert_eq!((event.event.as_str(), event.outcome.as_str()), ("token.find", "Success"));
    assert_eq!((event.actor.as_str(), event.detail.as_deref()), ("local owner", Some(r#"{"paths":1}"#)));
    assert_eq!(fixture.check(&old), Outcome::Valid, "nobody has used its successor");
    assert_eq!(fixture.check(&counted), Outcome::Valid, "its one use is left");
}

#[test]
fn a_decoy_that_is_presented_raises_one_event() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    for format in [TokenFormat::Opaque, TokenFormat::Jwt] {
        let asked = GrantRequest { is_decoy: true, format: Some(format), ..request() };
        let decoy = owner.grant(&asked).unwrap();
        for _ in 0..3 {
            let verdict = fixture.engine.validate(decoy.value.as_bytes(), AccessContext::default());
            assert_eq!(verdict.outcome, Outcome::Unknown);
        }
        // Another process has nothing in its cache.
        let second = open_at(fixture.path(), &fixture.clock);
        assert_eq!(check(&second, decoy.value.as_bytes()), Outcome::Unknown);
        let filter = AuditFilter {
            event: Some("token.decoy".into()),
            subject: Some(decoy.token.id.to_string()),
            limit: 10,
            ..AuditFilter::default()
        };
        let raised = owner.audit_events(&filter).unwrap();
        assert_eq!(raised.len(), 1, "{format:?}");
        assert_eq!((raised[0].event.actor.as_str(), raised[0].event.outcome.as_str()), ("Adam", "Unknown"));
    }
}

#[test]
fn only_an_administrator_may_search_and_only_for_as_long_as_it_is_one() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_identity("Root", &["Administrator".to_owned()], Some(b"correct horse Root")).unwrap();
    owner.create_identity("Eve", &["Operator".to_owned()], Some(b"correct horse Eve")).unwrap();
    let folder = files();
    let eve = fixture.engine.sign_in("Eve", b"correct horse Eve").unwrap();
    let refused = fixture.engine.session(&eve).find_leaks(of(folder.path()));
    assert_eq!(refused.err().unwrap().code(), ErrorCode::NotPermitted);

    let root = fixture.engine.sign_in("Root", b"correct horse Root").unwrap();
    let session = fixture.engine.session(&root);
    let search = session.find_leaks(of(folder.path())).unwrap();
    owner.update_identity("Root", Some(&[]), None).unwrap();
    assert_eq!(search.next(&session, PATIENCE).unwrap_err().code(), ErrorCode::NotPermitted);
    let nothing = owner.find_leaks(LeakRequest::default());
    assert_eq!(nothing.err().unwrap().code(), ErrorCode::InvalidArgument);
}

#[test]
fn many_leaks_come_in_pages_and_the_stores_own_files_are_left_out() {
    let fixture = fixture();
    let grant = fixture.grant();
    let folder = files();
    plant(&folder, "many.txt", format!("{}\n", text(&grant)).repeat(2_500));
    let session = fixture.engine.owner();
    let paths = vec![folder.path().to_owned(), fixture.path(), folder.path().join("gone")];
    let search = session.find_leaks(LeakRequest { paths, ..LeakRequest::default() }).unwrap();
    let (mut lines, mut not_read) = (Vec::new(), Vec::new());
    loop {
        let page = search.next(&session, PATIENCE).unwrap();
        assert!(page.leaks.len() + page.not_read.len() <= 1_000);
        lines.extend(page.leaks.iter().map(|leak| leak.line));
        not_read.extend(page.not_read.iter().map(|(path, reason)| (path.clone(), reason.to_string())));
        if page.is_last {
            assert!(page.progress.files == 1 && page.progress.bytes > 100_000, "{:?}", page.progress);
            break;
        }
    }
    assert_eq!(lines, (1..=2_500).collect::<Vec<u64>>());
    not_read.sort();
    let mut names: Vec<_> = not_read.iter().map(|(path, _)| path.file_name().unwrap().to_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["gone", "tokens.db"]);
    assert!(not_read.iter().any(|(_, message)| message.contains("has it open")), "{not_read:?}");
}

#[test]
fn a_value_that_was_brought_over_is_found_whatever_stands_behind_it() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_profile("Legacy", None, r#"{"foreignPrefix":"old_"}"#).unwrap();
    let digest = hex::encode(sha256(b"old_brought-over"));
    let options = ImportOptions {
        form: TransferForm::Csv,
        profile: Some("Legacy".to_owned()),
        passphrase: None,
        creates_identities: false,
        stops_at_bad_line: false,
    };
    let file = format!("identity,foreignDigest\nAdam,{digest}\n");
    owner.import(file.as_bytes(), &options, &mut |_| ControlFlow::Continue(())).unwrap();
    let events = || owner.audit_events(&AuditFilter { limit: 100, ..AuditFilter::default() }).unwrap();
    let before = events().len();

    for behind in ["", "\n", ".", "...", "\"", ", and", "/", "=="] {
        let told = recognised(&fixture, format!("It is old_brought-over{behind}")).expect(behind);
        assert_eq!((told.kind, told.offset, told.stated_id), (CandidateKind::Foreign, 6, None), "{behind}");
        assert_eq!(told.token.unwrap().profile, "Legacy", "{behind}");
    }
    assert!(recognised(&fixture, "old_brought-overX old_other").is_none());
    let folder = files();
    plant(&folder, "unknown", "old_other");
    assert!(search(&fixture, LeakRequest { includes_unknown: true, ..of(folder.path()) }).is_empty());
    let added = events().split_off(before);
    assert!(added.iter().all(|event| event.event.event == "token.find"), "a find is no use: {added:?}");
}

#[test]
fn a_salted_value_is_found_whatever_punctuation_stands_behind_it() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_profile("Legacy", None, r#"{"foreignPrefix":"old_"}"#).unwrap();
    let options = ImportOptions {
        form: TransferForm::Csv,
        profile: Some("Legacy".to_owned()),
        passphrase: None,
        creates_identities: false,
        stops_at_bad_line: false,
    };
    let mut hash = [0; 32];
    let iterations = std::num::NonZeroU32::new(600_000).unwrap();
    aws_lc_rs::pbkdf2::derive(
        aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA256,
        iterations,
        b"saltsalt",
        b"old_public.secret",
        &mut hash,
    );
    let encode = |bytes: &[u8]| STANDARD_NO_PAD.encode(bytes);
    let digest = format!("$pbkdf2-sha256$i={iterations},l=32${}${}", encode(b"saltsalt"), encode(&hash));
    let file = format!("identity,publicPart,foreignDigest\nAdam,public,\"{digest}\"\n");
    let report = owner.import(file.as_bytes(), &options, &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(report.counts.created, 1);

    for behind in ["", ".", "...", ".=", "/-_~"] {
        let told = recognised(&fixture, format!("It is old_public.secret{behind}")).expect(behind);
        assert_eq!(told.token.unwrap().profile, "Legacy", "{behind}");
    }
    assert!(recognised(&fixture, "old_public.other................").is_none());
}
