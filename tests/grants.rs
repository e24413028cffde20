//! Grants: the record that a grant gives, and many grants in one call.

mod support;

use support::{Fixture, check, fixture, open_at, request};
use tessera_native::error::ErrorCode;
use tessera_native::model::{
    AuditFilter, Conditions, OrganizationMember, Outcome, RateLimit, TokenFilter, TokenFormat,
};
use tessera_native::policy::Lifetime;
use tessera_native::service::{Engine, GrantRequest, KeyedGrant};

fn plain(name: &str) -> (GrantRequest, Option<String>) {
    (GrantRequest { name: Some(name.to_owned()), ..request() }, None)
}

fn keyed(name: &str, key: &str) -> (GrantRequest, Option<String>) {
    (plain(name).0, Some(key.to_owned()))
}

fn is_good(fixture: &Fixture, grant: &KeyedGrant) -> bool {
    check(&fixture.engine, grant.value.as_ref().unwrap().as_bytes()) == Outcome::Valid
}

fn names(fixture: &Fixture) -> Vec<String> {
    let filter = TokenFilter { limit: 1_000, ..TokenFilter::default() };
    fixture.engine.owner().tokens(&filter).unwrap().into_iter().map(|token| token.name.unwrap_or_default()).collect()
}

/// A grant makes the record from what it wrote, and does not read it again.
#[test]
fn a_grant_gives_the_record_that_is_read_afterwards() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    let member = |administrator| OrganizationMember { identity: "Adam".to_owned(), is_administrator: administrator };
    owner.create_organization("north", &[member(true)]).unwrap();
    owner.create_organization("Süd", &[member(false)]).unwrap();
    let requests = [
        request(),
        GrantRequest {
            identity: "ADAM".to_owned(),
            name: Some("Straße".to_owned()),
            roles: Some(vec!["reader".to_owned(), "OPERATOR".to_owned()]),
            lifetime: Lifetime::Seconds(3_600),
            not_before: Some(support::NOW + 60),
            tags: ["b", "a", "b", "ä"].map(str::to_owned).to_vec(),
            remark: Some("a remark".to_owned()),
            profile: Some("default".to_owned()),
            audiences: vec!["https://one.example".to_owned(), "two".to_owned()],
            organizations: Some(vec!["SÜD".to_owned(), "North".to_owned()]),
            conditions: Conditions {
                subject: Some("https://api.example/jobs".to_owned()),
                referrer: Some("example.com".to_owned()),
                allowed_addresses: vec!["192.0.2.0/24".to_owned(), "2001:db8::1".to_owned()],
                denied_addresses: vec!["192.0.2.7".to_owned()],
                methods: vec!["GET".to_owned()],
                operations: vec!["report.run".to_owned()],
                required_roles: vec!["reader".to_owned()],
                uses: Some(7),
                rate_limit: Some(RateLimit { uses: 5, period_seconds: 60 }),
            },
            warn_after: Some(support::NOW + 1_800),
            ..GrantRequest::default()
        },
        GrantRequest { organizations: Some(Vec::new()), lifetime: Lifetime::Never, is_decoy: true, ..request() },
        GrantRequest { format: Some(TokenFormat::Jwt), ..request() },
    ];
    for request in &requests {
        let granted = owner.grant(request).unwrap().token;
        assert_eq!(granted, owner.token(granted.id.as_str()).unwrap());
    }
    let requests: Vec<_> = requests.into_iter().map(|request| (request, None)).collect();
    for granted in owner.grant_many(&requests).unwrap() {
        let granted = granted.unwrap().token;
        assert_eq!(granted, owner.token(granted.id.as_str()).unwrap());
    }
}

#[test]
fn many_are_granted_in_order_and_a_bad_request_fails_alone() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    let nobody = (GrantRequest { identity: "Nobody".to_owned(), ..request() }, None);
    let too_much = (GrantRequest { roles: Some(vec!["Administrator".to_owned()]), ..request() }, None);
    let too_long = (GrantRequest { remark: Some("x".repeat(2_000)), ..request() }, None);
    let granted = owner.grant_many(&[plain("one"), nobody, plain("two"), too_much, too_long, plain("three")]).unwrap();

    let ends: Vec<_> = granted
        .iter()
        .map(|granted| match granted {
            Ok(grant) => Ok(grant.token.name.clone().unwrap()),
            Err(error) => Err((error.code(), error.subject().map(str::to_owned))),
        })
        .collect();
    let refused = |code, subject: &str| Err((code, Some(subject.to_owned())));
    assert_eq!(ends[0], Ok("one".to_owned()));
    assert_eq!(ends[1], refused(ErrorCode::NotFound, "identity"));
    assert_eq!(ends[2], Ok("two".to_owned()));
    assert_eq!(ends[3].as_ref().unwrap_err().1.as_deref(), Some("role"));
    assert_eq!(ends[4], refused(ErrorCode::InvalidArgument, "remark"));
    assert_eq!(ends[5], Ok("three".to_owned()));
    assert!(granted.iter().flatten().all(|grant| is_good(&fixture, grant)));
    assert_eq!(names(&fixture), ["one", "two", "three"]);
    // Each has its record in the audit log, whose chain holds.
    let filter = AuditFilter { event: Some("token.grant".to_owned()), limit: 100, ..AuditFilter::default() };
    let subjects: Vec<_> = owner.audit_events(&filter).unwrap().into_iter().map(|event| event.event.subject).collect();
    let ids: Vec<_> = granted.iter().flatten().map(|grant| Some(grant.token.id.to_string())).collect();
    assert_eq!(subjects, ids);
    assert!(owner.check_audit().unwrap().broken.is_none());
    assert!(owner.grant_many(&[]).unwrap().is_empty());
    assert_eq!(owner.grant_many(&vec![plain("x"); 1_001]).unwrap_err().code(), ErrorCode::InvalidArgument);
    assert_eq!(names(&fixture).len(), 3);
}

#[test]
fn what_the_store_refuses_after_it_wrote_leaves_the_others_as_they_are() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    let first = owner.grant_under(&plain("first").0, "a key").unwrap();
    // The second repeats the first, within the batch, when its row is there already; the third goes with another token.
    let requests =
        [plain("before"), keyed("new", "new"), keyed("new", "new"), keyed("else", "a key"), keyed("first", "a key")];
    let granted = owner.grant_many(&requests).unwrap();

    let one = granted[1].as_ref().unwrap();
    let repeated = granted[2].as_ref().unwrap();
    assert_eq!(repeated.token.id, one.token.id);
    assert!(!is_good(&fixture, one), "a repeat ends the earlier value");
    assert!(is_good(&fixture, repeated));
    assert_eq!(granted[3].as_ref().unwrap_err().code(), ErrorCode::Conflict);
    assert_eq!(granted[4].as_ref().unwrap().token.id, first.token.id);
    assert!(is_good(&fixture, granted[0].as_ref().unwrap()));
    assert_eq!(names(&fixture), ["first", "before", "new"]);
    assert!(owner.check_audit().unwrap().broken.is_none());
}

/// A grant keeps identities in memory; what this and another process change of them is felt by the very next one.
#[test]
fn a_grant_feels_what_became_of_its_identity() {
    let fixture = fixture();
    let here = fixture.engine.owner();
    let elsewhere = open_at(fixture.path(), &fixture.clock);
    let there = elsewhere.owner();
    let roles = |engine: &Engine| engine.owner().grant(&request()).unwrap().token.roles;
    for (one, other) in [(&fixture.engine, &elsewhere), (&elsewhere, &fixture.engine)] {
        one.owner().update_identity("Adam", Some(&["Operator".to_owned()]), None).unwrap();
        assert_eq!(roles(other), ["Operator"]);
        one.owner().update_identity("Adam", Some(&["Reader".to_owned()]), None).unwrap();
        assert_eq!(roles(other), ["Reader"]);
    }
    let removed = here.grant(&request()).unwrap().token;
    there.remove_identity("Adam").unwrap();
    assert_eq!(here.grant(&request()).unwrap_err().code(), ErrorCode::NotFound);
    // Another one of the same name is not taken for it.
    there.create_identity("adam", &["Administrator".to_owned()], None).unwrap();
    let new = here.grant(&request()).unwrap().token;
    assert_eq!((new.identity.as_str(), new.roles.as_slice()), ("adam", &["Administrator".to_owned()][..]));
    assert!(here.token(removed.id.as_str()).unwrap().revocation.is_some());
}

#[test]
fn many_are_durable_when_they_are_told() {
    let fixture = fixture();
    let requests: Vec<_> = (0..250).map(|number| plain(&format!("token {number}"))).collect();
    let granted = fixture.engine.owner().grant_many(&requests).unwrap();
    // Another process would read the same: a second store over a copy of what is on disk now.
    let copy = fixture.folder.path().join("copy.db");
    for suffix in ["", "-wal", ".key"] {
        let from = format!("{}{suffix}", fixture.path().display());
        std::fs::copy(from, format!("{}{suffix}", copy.display())).unwrap();
    }
    let other = open_at(copy, &fixture.clock);
    for grant in &granted {
        let value = grant.as_ref().unwrap().value.as_ref().unwrap();
        assert_eq!(check(&other, value.as_bytes()), Outcome::Valid);
    }
}

#[test]
fn many_threads_share_their_commits_and_each_has_its_own_token() {
    let fixture = fixture();
    let engine = &fixture.engine;
    let granted: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                scope.spawn(move || {
                    let grant = |number| {
                        let name = format!("{thread} {number}");
                        let granted = engine.owner().grant(&plain(&name).0).unwrap();
                        assert_eq!(granted.token.name.as_deref(), Some(name.as_str()));
                        assert_eq!(check(engine, granted.value.as_bytes()), Outcome::Valid);
                        granted.token.sequence
                    };
                    (0..40).map(grant).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let different: std::collections::BTreeSet<_> = granted.iter().collect();
    assert_eq!(different.len(), 320);
    assert!(engine.owner().check_audit().unwrap().broken.is_none());
}
