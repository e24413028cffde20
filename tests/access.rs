//! The rules over a whole store: what a token is tied to, who may do what, and what profiles grant.

mod support;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Barrier;

use support::{Fixture, check, fixture, open_at, request};
use tessera_native::error::ErrorCode;
use tessera_native::model::{
    Actor, Conditions, OrganizationMember, Outcome, ProfileSettings, RateLimit, TokenFilter, TokenFormat,
};
use tessera_native::policy::{AccessContext, Lifetime};
use tessera_native::service::{Engine, GrantRequest, KeyedGrant, OpenOptions};

const CHILD: &str = "TESSERA_TEST_SPENDER_STORE";
const VALUE: &str = "TESSERA_TEST_SPENDER_VALUE";

fn with(conditions: Conditions) -> GrantRequest {
    GrantRequest { conditions, ..request() }
}

#[test]
fn conditions_are_kept_checked_and_shown_without_the_referrer() {
    let fixture = fixture();
    let conditions = Conditions {
        subject: Some("https://api.example/jobs".into()),
        referrer: Some("example.com".into()),
        allowed_addresses: vec!["192.0.2.0/24".into()],
        methods: vec!["GET".into()],
        ..Conditions::default()
    };
    for format in [TokenFormat::Opaque, TokenFormat::Jwt] {
        let asked = GrantRequest { format: Some(format), ..with(conditions.clone()) };
        let grant = fixture.engine.owner().grant(&asked).unwrap();
        assert!(!String::from_utf8_lossy(grant.value.as_bytes()).contains("example.com"));
        let shown = fixture.engine.owner().token(grant.token.id.as_str()).unwrap();
        assert_eq!(shown, grant.token);
        assert!(shown.has_referrer && shown.conditions.referrer.is_none());
        assert_eq!(shown.conditions.subject.as_deref(), Some("https://api.example/jobs"));

        let good = AccessContext {
            uri: Some("https://api.example/jobs/7"),
            referrer: Some("https://app.example.com/"),
            remote_address: Some("192.0.2.7"),
            method: Some("GET"),
            ..AccessContext::default()
        };
        let outcome = |context| fixture.engine.validate(grant.value.as_bytes(), context).outcome;
        assert_eq!(outcome(good), Outcome::Valid);
        assert_eq!(outcome(AccessContext { referrer: None, ..good }), Outcome::ReferrerDenied);
        assert_eq!(outcome(AccessContext { uri: Some("https://api.example/"), ..good }), Outcome::PathDenied);
        assert_eq!(outcome(AccessContext { method: Some("POST"), ..good }), Outcome::MethodDenied);
        assert_eq!(outcome(AccessContext { remote_address: Some("198.51.100.1"), ..good }), Outcome::AddressDenied);
        assert_eq!(fixture.check(&grant), Outcome::AddressDenied, "nothing stated");
    }
}

#[test]
fn a_rate_limit_counts_and_a_use_is_charged_last() {
    let fixture = fixture();
    let limited = with(Conditions {
        rate_limit: Some(RateLimit { uses: 2, period_seconds: 60 }),
        uses: Some(3),
        methods: vec!["GET".into()],
        ..Conditions::default()
    });
    let grant = fixture.engine.owner().grant(&limited).unwrap();
    let get = AccessContext { method: Some("GET"), ..AccessContext::default() };
    let outcome = |context| fixture.engine.validate(grant.value.as_bytes(), context).outcome;
    let left = || fixture.engine.owner().token(grant.token.id.as_str()).unwrap().uses_left;
    for _ in 0..5 {
        assert_eq!(outcome(AccessContext::default()), Outcome::MethodDenied);
    }
    assert_eq!(left(), Some(3), "a refusal costs nothing");
    assert_eq!((outcome(get), outcome(get), outcome(get)), (Outcome::Valid, Outcome::Valid, Outcome::RateLimited));
    assert_eq!(left(), Some(1));
    // To describe is not to use.
    assert!(fixture.engine.describe(grant.value.as_bytes()).is_some());
    assert_eq!(left(), Some(1));
    fixture.clock.set(support::NOW + 60);
    assert_eq!((outcome(get), outcome(get)), (Outcome::Valid, Outcome::UsesExhausted));
    assert_eq!(left(), Some(0));
}

#[test]
fn eight_processes_spend_a_token_exactly_as_often_as_it_says() {
    const USES: u64 = 1_000;
    let fixture = fixture();
    let grant = fixture.engine.owner().grant(&with(Conditions { uses: Some(USES), ..Conditions::default() })).unwrap();
    let value = String::from_utf8(grant.value.as_bytes().to_vec()).unwrap();
    let children: Vec<_> = (0..8)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "spender", "--nocapture", "--quiet"])
                .env(CHILD, fixture.path())
                .env(VALUE, &value)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut valid = 0;
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        let spent = text.lines().find_map(|line| line.strip_prefix("spent ")).unwrap();
        valid += spent.parse::<u64>().unwrap();
    }
    assert_eq!(valid, USES);
    assert_eq!(fixture.check(&grant), Outcome::UsesExhausted);
}

/// Not a test by itself: one of the eight processes above. It goes on until the uses are spent.
#[test]
fn spender() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let value = std::env::var(VALUE).unwrap();
    let options = OpenOptions { path: PathBuf::from(path), ..Default::default() };
    let clock = support::SharedClock(std::sync::Arc::new(tessera_native::clock::FixedClock::new(support::NOW)));
    let engine = Engine::open_with_clock(options, Box::new(clock)).unwrap();
    let mut spent = 0;
    loop {
        match check(&engine, value.as_bytes()) {
            Outcome::Valid => spent += 1,
            Outcome::UsesExhausted => break,
            other => panic!("{}", other.name()),
        }
    }
    println!("spent {spent}");
}

#[test]
fn a_decoy_is_answered_as_a_guess() {
    let fixture = fixture();
    let grant = fixture.engine.owner().grant(&GrantRequest { is_decoy: true, ..request() }).unwrap();
    let verdict = fixture.engine.validate(grant.value.as_bytes(), AccessContext::default());
    assert_eq!(verdict.outcome, Outcome::Unknown);
    assert!(verdict.token().is_none() && fixture.engine.describe(grant.value.as_bytes()).is_none());
    assert!(fixture.engine.owner().token(grant.token.id.as_str()).unwrap().is_decoy, "its owner sees what it is");
}

#[test]
fn each_sees_and_does_what_is_theirs() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_identity("Eve", &["Reader".to_owned()], Some(b"correct horse Eve")).unwrap();
    owner.create_identity("Root", &["Administrator".to_owned()], None).unwrap();
    let eve = fixture.engine.sign_in("eve", b"correct horse Eve").unwrap();
    assert_eq!(fixture.engine.sign_in("eve", b"wrong").unwrap_err().code(), ErrorCode::NotPermitted);
    assert_eq!(fixture.engine.sign_in("nobody", b"wrong").unwrap_err().code(), ErrorCode::NotPermitted);
    let session = fixture.engine.session(&eve);

    let adams = fixture.grant().token;
    let own = session.grant(&GrantRequest { identity: "Eve".into(), ..request() }).unwrap();
    assert_eq!(own.token.created_by, "Eve");
    assert_eq!(session.grant(&request()).unwrap_err().code(), ErrorCode::NotPermitted);
    let page = TokenFilter { limit: 10, ..TokenFilter::default() };
    let seen: Vec<_> = session.tokens(&page).unwrap().into_iter().map(|token| token.id).collect();
    assert_eq!(seen, std::slice::from_ref(&own.token.id));
    // Invisible and unknown are one.
    let of = |id: &str| session.token(id).unwrap_err();
    assert_eq!(of(adams.id.as_str()).code(), of("000000000000").code());
    assert_eq!(session.revoke_token(adams.id.as_str(), None).unwrap_err().code(), ErrorCode::NotFound);
    assert_eq!(session.create_role("Mine", &[]).unwrap_err().code(), ErrorCode::NotPermitted);
    assert_eq!(session.status().map(|status| status.counts.identities).unwrap(), 3);

    // A token acts as its identity, with what it has itself.
    let token = fixture.engine.sign_in_with_token(own.value.as_bytes(), AccessContext::default()).unwrap();
    assert!(matches!(&token, Actor::Token { identity, .. } if identity == "Eve"));
    let child = fixture.engine.session(&token).grant(&GrantRequest { identity: "Eve".into(), ..request() }).unwrap();
    assert_eq!(child.token.parent.as_ref(), Some(&own.token.id));
    owner.update_identity("Eve", Some(&[]), None).unwrap();
    assert_eq!(session.roles().unwrap_err().code(), ErrorCode::NotPermitted, "she lost Reader");
    owner.revoke_token(own.token.id.as_str(), None).unwrap();
    assert_eq!(fixture.engine.session(&token).tokens(&page).unwrap_err().code(), ErrorCode::NotPermitted);
    owner.remove_identity("Eve").unwrap();
    assert_eq!(session.tokens(&page).unwrap_err().code(), ErrorCode::NotPermitted);
}

#[test]
fn organisations_bound_what_their_administrators_see() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    for (name, password) in [("Nora", "correct horse Nora"), ("Sam", "correct horse Sam")] {
        owner.create_identity(name, &["Reader".to_owned()], Some(password.as_bytes())).unwrap();
    }
    let member =
        |identity: &str, is_administrator| OrganizationMember { identity: identity.to_owned(), is_administrator };
    owner.create_organization("North", &[member("Adam", false), member("Nora", true)]).unwrap();
    owner.create_organization("South", &[member("Adam", false), member("Sam", true)]).unwrap();
    let grant = |list: Option<&[&str]>| {
        let organizations = list.map(|names| names.iter().map(|&name| name.to_owned()).collect());
        owner.grant(&GrantRequest { organizations, ..request() })
    };
    let (all, north) = (grant(None).unwrap(), grant(Some(&["north"])).unwrap());
    assert_eq!(grant(Some(&["West"])).unwrap_err().code(), ErrorCode::NotFound);
    owner.create_organization("East", &[]).unwrap();
    assert_eq!(grant(Some(&["East"])).unwrap_err().code(), ErrorCode::NotPermitted);

    let asks = |grant: &tessera_native::service::Grant, organization| {
        let context = AccessContext { organization: Some(organization), ..AccessContext::default() };
        fixture.engine.validate(grant.value.as_bytes(), context).outcome
    };
    assert_eq!((asks(&all, "NORTH"), asks(&all, "South")), (Outcome::Valid, Outcome::Valid));
    assert_eq!((asks(&north, "North"), asks(&north, "South")), (Outcome::Valid, Outcome::OrganizationDenied));
    assert_eq!(asks(&all, "East"), Outcome::OrganizationDenied);
    owner.update_organization("East", &[member("Adam", false)]).unwrap();
    assert_eq!((asks(&all, "East"), asks(&north, "East")), (Outcome::Valid, Outcome::OrganizationDenied));

    let sees = |name: &str, password: &str| {
        let actor = fixture.engine.sign_in(name, password.as_bytes()).unwrap();
        let filter = TokenFilter { limit: 10, ..TokenFilter::default() };
        let listed: Vec<_> = fixture.engine.session(&actor).tokens(&filter).unwrap();
        for token in &listed {
            assert!(fixture.engine.session(&actor).token(token.id.as_str()).is_ok());
        }
        listed.into_iter().map(|token| token.id).collect::<Vec<_>>()
    };
    assert_eq!(sees("Nora", "correct horse Nora"), [all.token.id.clone(), north.token.id.clone()]);
    assert_eq!(sees("Sam", "correct horse Sam"), std::slice::from_ref(&all.token.id));
    let sam = fixture.engine.sign_in("Sam", b"correct horse Sam").unwrap();
    let sam = fixture.engine.session(&sam);
    assert_eq!(
        sam.update_token(all.token.id.as_str(), Some("mine"), None).unwrap_err().code(),
        ErrorCode::NotPermitted
    );
    assert!(sam.revoke_token(all.token.id.as_str(), None).unwrap().1);
    assert_eq!(sam.revoke_token(north.token.id.as_str(), None).unwrap_err().code(), ErrorCode::NotFound);

    owner.remove_organization("North").unwrap();
    assert_eq!(asks(&north, "North"), Outcome::OrganizationDenied);
    assert_eq!(owner.token(north.token.id.as_str()).unwrap().organizations.as_deref(), Some(&[][..]));
}

#[test]
fn a_token_lists_what_it_may_see_and_no_other_organisations_tokens() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_identity("Nora", &["Reader".to_owned()], None).unwrap();
    let member =
        |identity: &str, is_administrator| OrganizationMember { identity: identity.to_owned(), is_administrator };
    for name in ["North", "South"] {
        owner.create_organization(name, &[member("Adam", false), member("Nora", true)]).unwrap();
    }
    let grant = |identity: &str, organization: Option<&str>| {
        let organizations = organization.map(|name| vec![name.to_owned()]);
        owner.grant(&GrantRequest { identity: identity.to_owned(), organizations, ..request() }).unwrap()
    };
    let listed = |by: &tessera_native::service::Grant| {
        let actor = Actor::Token { id: by.token.id.clone(), identity: "Nora".to_owned() };
        let session = fixture.engine.session(&actor);
        let mut filter = TokenFilter { limit: 1, ..TokenFilter::default() };
        let mut found = Vec::new();
        // A page for each.
        while let Some(token) = session.tokens(&filter).unwrap().pop() {
            assert!(session.token(token.id.as_str()).is_ok(), "what is listed can be seen");
            filter.after = Some(token.sequence);
            found.push(token.id);
        }
        found
    };
    let [adams_south, adams_all, adams_north] = [Some("South"), None, Some("North")].map(|list| grant("Adam", list));
    let [north, all] = [Some("north"), None].map(|list| grant("Nora", list));
    let ids = |grants: &[&tessera_native::service::Grant]| {
        grants.iter().map(|grant| grant.token.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(listed(&north), ids(&[&adams_all, &adams_north, &north, &all]));
    assert_eq!(listed(&all), ids(&[&adams_south, &adams_all, &adams_north, &north, &all]));
    let nowhere = owner.grant(&GrantRequest { identity: "Nora".into(), organizations: Some(vec![]), ..request() });
    let nowhere = nowhere.unwrap();
    assert_eq!(listed(&nowhere), ids(&[&north, &all, &nowhere]));
}

#[test]
fn profiles_say_what_is_granted_and_follow_a_change() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    assert_eq!(owner.profiles().unwrap().len(), 6);
    let under = |profile: &str| GrantRequest { profile: Some(profile.to_owned()), ..request() };
    let rubrik = owner.grant(&under("rubrik")).unwrap().token;
    assert_eq!((rubrik.profile.as_str(), rubrik.expires_at), ("Rubrik", Some(support::NOW + 3_600)));
    assert_eq!(rubrik.tags, ["API Token"]);
    assert_eq!(owner.grant(&under("AppNeta")).unwrap_err().code(), ErrorCode::InvalidArgument, "no name");
    assert_eq!(owner.grant(&under("None such")).unwrap_err().code(), ErrorCode::NotFound);
    assert_eq!(owner.update_profile("Rubrik", "{}").unwrap_err().code(), ErrorCode::NotPermitted);

    let mine = owner.create_profile("Mine", Some("Rubrik"), r#"{"maximumLifetimeSeconds":7200}"#).unwrap();
    assert_eq!(mine.settings.default_tag.as_deref(), Some("API Token"));
    let long = GrantRequest { lifetime: Lifetime::Seconds(7_201), ..under("mine") };
    assert_eq!(owner.grant(&long).unwrap_err().code(), ErrorCode::NotPermitted);
    let grant = owner.grant(&under("mine")).unwrap();
    assert_eq!(owner.remove_profile("Mine").unwrap_err().code(), ErrorCode::Conflict);
    // Its tokens follow the profile as it is now.
    let runs = AccessContext { operation: Some("job.run"), ..AccessContext::default() };
    let outcome = || fixture.engine.validate(grant.value.as_bytes(), runs).outcome;
    assert_eq!(outcome(), Outcome::Valid);
    owner.update_profile("Mine", r#"{"deniedOperations":["job.run"]}"#).unwrap();
    assert_eq!(outcome(), Outcome::OperationDenied);
    assert!(owner.remove_token(grant.token.id.as_str()).unwrap());
    assert!(owner.remove_profile("Mine").unwrap() && !owner.remove_profile("Mine").unwrap());
}

/// Each changes a setting of its own, all at once: none takes another's change back.
#[test]
fn changes_of_a_profile_at_once_are_all_kept() {
    const SETTINGS: [&str; 6] =
        ["nameRequired", "tagsEditable", "ownerOnly", "keepsValues", "expiredIsRevoked", "reuseRevokesFamily"];
    let fixture = fixture();
    let owner = fixture.engine.owner();
    let first = owner.create_profile("Mine", None, "{}").unwrap();
    let members = |settings: &ProfileSettings| serde_json::to_value(settings).unwrap();
    for round in 0..20 {
        let wanted = round % 2 == 0;
        let barrier = Barrier::new(SETTINGS.len());
        std::thread::scope(|scope| {
            for setting in SETTINGS {
                let (owner, barrier) = (&owner, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let changed = owner.update_profile("mine", &format!(r#"{{"{setting}":{wanted}}}"#)).unwrap();
                    assert_eq!(members(&changed.settings)[setting], wanted, "{setting}");
                });
            }
        });
        let settings = members(&owner.profile("Mine").unwrap().settings);
        assert!(SETTINGS.iter().all(|setting| settings[*setting] == wanted), "round {round}: {settings}");
        assert_eq!(settings["prefix"], members(&first.settings)["prefix"]);
    }
    // What does not go together is refused by what is there by then, and changes nothing.
    let refused = owner.update_profile("Mine", r#"{"defaultLifetimeSeconds":60,"minimumLifetimeSeconds":61}"#);
    assert_eq!(refused.unwrap_err().code(), ErrorCode::InvalidArgument);
    assert_eq!(
        owner.profile("Mine").unwrap().settings.minimum_lifetime_seconds,
        first.settings.minimum_lifetime_seconds
    );
}

#[test]
fn tokens_of_the_documented_json_web_token_systems_are_known_by_their_text() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    for profile in ["PowerShellUniversal", "UniversalDashboard"] {
        let grant = owner.grant(&GrantRequest { profile: Some(profile.to_owned()), ..request() }).unwrap();
        assert_eq!(grant.token.format, TokenFormat::Jwt);
        assert_eq!(grant.token.expires_at, Some(support::NOW + 365 * 86_400));
        assert_eq!(fixture.check(&grant), Outcome::Valid);
        let mut other = grant.value.as_bytes().to_vec();
        let last = other.len() - 2;
        other[last] = if other[last] == b'A' { b'B' } else { b'A' };
        assert_ne!(check(&fixture.engine, &other), Outcome::Valid, "its text, to the letter");
        assert!(owner.revoke_token(grant.token.id.as_str(), None).unwrap().1);
        assert_eq!(fixture.check(&grant), Outcome::Revoked);
        // Its key signs for it alone.
        let key = owner.keys().unwrap().into_iter().find(|key| key.profile.as_deref() == Some(profile)).unwrap();
        assert_eq!(
            owner
                .grant(&GrantRequest { format: Some(TokenFormat::Jwt), key_id: Some(key.key_id), ..request() })
                .unwrap_err()
                .code(),
            ErrorCode::NotPermitted
        );
    }
}

#[test]
fn a_profile_that_keeps_values_gives_them_again() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_profile("Kept", Some("PowerShellUniversal"), r#"{"keepsValues":true}"#).unwrap();
    let grant = owner.grant(&GrantRequest { profile: Some("Kept".into()), ..request() }).unwrap();
    assert_eq!(owner.kept_value(grant.token.id.as_str()).unwrap().as_bytes(), grant.value.as_bytes());
    // To see a token is not enough to have its value: with that one would act as it.
    owner.create_identity("Nora", &[], Some(b"correct horse Nora")).unwrap();
    let member = |name: &str, is_administrator| OrganizationMember { identity: name.to_owned(), is_administrator };
    owner.create_organization("North", &[member("Adam", false), member("Nora", true)]).unwrap();
    let nora = fixture.engine.sign_in("Nora", b"correct horse Nora").unwrap();
    assert!(fixture.engine.session(&nora).token(grant.token.id.as_str()).is_ok());
    let reader = owner.grant(&GrantRequest { roles: Some(vec!["Reader".into()]), ..request() }).unwrap();
    let reader = fixture.engine.sign_in_with_token(reader.value.as_bytes(), AccessContext::default()).unwrap();
    for actor in [&nora, &reader] {
        let refused = fixture.engine.session(actor).kept_value(grant.token.id.as_str()).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::NotPermitted, "{}", actor.name());
    }
    let digest_only = fixture.grant();
    assert_eq!(owner.kept_value(digest_only.token.id.as_str()).unwrap_err().code(), ErrorCode::NotPermitted);
    drop(open_at(fixture.path(), &fixture.clock));
    let file = std::fs::read(fixture.path()).unwrap();
    let value = grant.value.as_bytes();
    assert!(!file.windows(value.len()).any(|window| window == value), "kept, and never plain");
}

#[test]
fn roles_of_ones_own_include_others_without_a_circle() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_role("Deploy", &["Reader".to_owned()]).unwrap();
    owner.create_role("Release", &["deploy".to_owned()]).unwrap();
    assert_eq!(owner.create_role("a,b", &[]).unwrap_err().code(), ErrorCode::InvalidArgument);
    assert_eq!(owner.create_role("DEPLOY", &[]).unwrap_err().code(), ErrorCode::AlreadyExists);
    assert_eq!(owner.update_role("Deploy", &["Release".to_owned()]).unwrap_err().code(), ErrorCode::Conflict);
    assert_eq!(owner.update_role("Reader", &[]).unwrap_err().code(), ErrorCode::NotPermitted);
    owner.update_identity("Adam", Some(&["Release".to_owned()]), None).unwrap();
    let grant = fixture.grant();
    let has = |role| {
        let context = AccessContext { role: Some(role), ..AccessContext::default() };
        fixture.engine.validate(grant.value.as_bytes(), context).outcome
    };
    assert_eq!((has("Release"), has("Reader")), (Outcome::Valid, Outcome::Valid));
    owner.update_role("Deploy", &[]).unwrap();
    assert_eq!((has("Deploy"), has("Reader")), (Outcome::Valid, Outcome::RoleDenied));
    assert!(owner.remove_role("Release").unwrap() && !owner.remove_role("Release").unwrap());
    assert_eq!(has("Deploy"), Outcome::RoleDenied);
}

#[test]
fn a_token_passes_on_what_it_is_tied_to() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    let own = owner
        .grant(&GrantRequest {
            audiences: vec!["jobs".into(), "reports".into()],
            ..with(Conditions {
                methods: vec!["GET".into(), "HEAD".into()],
                subject: Some("https://api.example/jobs".into()),
                required_roles: vec!["Operator".into()],
                ..Conditions::default()
            })
        })
        .unwrap();
    let context = AccessContext {
        uri: Some("https://api.example/jobs"),
        method: Some("GET"),
        audience: Some("jobs"),
        ..AccessContext::default()
    };
    let actor = fixture.engine.sign_in_with_token(own.value.as_bytes(), context).unwrap();
    let session = fixture.engine.session(&actor);
    let child = session.grant(&request()).unwrap().token;
    assert_eq!(
        (&child.conditions.methods, &child.conditions.subject),
        (&own.token.conditions.methods, &own.token.conditions.subject)
    );
    assert_eq!(child.audiences, own.token.audiences);
    let narrow = GrantRequest {
        audiences: vec!["jobs".into()],
        ..with(Conditions {
            methods: vec!["GET".into()],
            subject: Some("https://api.example/jobs/5".into()),
            uses: Some(1),
            ..Conditions::default()
        })
    };
    let narrower = session.grant(&narrow).unwrap().token;
    assert_eq!((narrower.audiences, narrower.uses_left), (vec!["jobs".to_owned()], Some(1)));
    assert_eq!(narrower.conditions.required_roles, ["Operator"]);
    for (wide, subject) in [
        (with(Conditions { methods: vec!["PUT".into()], ..Conditions::default() }), "methods"),
        (with(Conditions { subject: Some("https://api.example/".into()), ..Conditions::default() }), "subject"),
        (GrantRequest { audiences: vec!["others".into()], ..request() }, "audiences"),
    ] {
        let error = session.grant(&wide).unwrap_err();
        assert_eq!((error.code(), error.subject()), (ErrorCode::NotPermitted, Some(subject)));
    }
    // Its uses would be multiplied.
    for counted in [
        Conditions { uses: Some(3), ..Conditions::default() },
        Conditions { rate_limit: Some(RateLimit { uses: 9, period_seconds: 60 }), ..Conditions::default() },
    ] {
        let own = owner.grant(&with(counted)).unwrap();
        let actor = fixture.engine.sign_in_with_token(own.value.as_bytes(), AccessContext::default()).unwrap();
        let error = fixture.engine.session(&actor).grant(&request()).unwrap_err();
        assert_eq!((error.code(), error.subject()), (ErrorCode::NotPermitted, Some("uses")));
    }
    // It acts for as long as its identity has the roles that it asks for.
    owner.update_identity("Adam", Some(&["Reader".to_owned()]), None).unwrap();
    assert_eq!(session.grant(&narrow).unwrap_err().code(), ErrorCode::NotPermitted);
    assert_eq!(session.status().map(drop).unwrap_err().code(), ErrorCode::NotPermitted);
}

/// What a value that a grant under a key gave is worth now.
fn worth(fixture: &Fixture, grant: &KeyedGrant) -> Outcome {
    check(&fixture.engine, grant.value.as_ref().expect("a value").as_bytes())
}

#[test]
fn a_repeated_grant_gives_one_token_with_a_fresh_value_until_one_is_presented() {
    let fixture = fixture();
    let forms = [
        ("Default", TokenFormat::Opaque),
        ("Default", TokenFormat::Jwt),
        ("PowerShellUniversal", TokenFormat::Jwt),
        ("UniversalDashboard", TokenFormat::Jwt),
    ];
    for (profile, format) in forms {
        let owner = fixture.engine.owner();
        let key = format!("nightly {profile} {format:?}");
        let asked = GrantRequest {
            profile: Some(profile.into()),
            format: Some(format),
            name: Some("nightly".into()),
            ..request()
        };
        let first = owner.grant_under(&asked, &key).unwrap();
        let second = owner.grant_under(&asked, &key).unwrap();
        assert_eq!(first.token.id, second.token.id);
        assert_ne!(first.value.as_ref().unwrap().as_bytes(), second.value.as_ref().unwrap().as_bytes());
        assert_eq!(worth(&fixture, &first), Outcome::Unknown, "its value ended with the repeat");
        assert_eq!(worth(&fixture, &second), Outcome::Valid);
        let third = owner.grant_under(&asked, &key).unwrap();
        assert_eq!(third.token.id, first.token.id);
        assert!(third.value.is_none(), "it was presented");
        assert_eq!(worth(&fixture, &second), Outcome::Valid, "and goes on");

        let other = GrantRequest { remark: Some("another".into()), ..asked.clone() };
        assert_eq!(owner.grant_under(&other, &key).unwrap_err().code(), ErrorCode::Conflict);
        assert_ne!(owner.grant_under(&other, &format!("another {key}")).unwrap().token.id, first.token.id);
    }
    assert_eq!(fixture.engine.owner().grant_under(&request(), "").unwrap_err().code(), ErrorCode::InvalidArgument);
}

#[test]
fn a_key_for_repeats_belongs_to_one_actor_for_a_day() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.update_identity("Adam", None, Some(Some(b"correct horse Adam"))).unwrap();
    let adam = fixture.engine.sign_in("Adam", b"correct horse Adam").unwrap();
    let first = owner.grant_under(&request(), "key").unwrap();
    let adams = fixture.engine.session(&adam).grant_under(&request(), "key").unwrap();
    assert_ne!(first.token.id, adams.token.id);
    // A day is over at its last second.
    fixture.clock.set(support::NOW + 86_399);
    assert_eq!(owner.grant_under(&request(), "key").unwrap().token.id, first.token.id);
    fixture.clock.set(support::NOW + 86_400);
    assert_ne!(owner.grant_under(&request(), "key").unwrap().token.id, first.token.id);
    // What is of no use any more is not given a value.
    let revoked = owner.grant_under(&request(), "revoked").unwrap();
    owner.revoke_token(revoked.token.id.as_str(), None).unwrap();
    let repeat = owner.grant_under(&request(), "revoked").unwrap();
    assert_eq!((repeat.token.id, repeat.value.is_none()), (revoked.token.id, true));
    let decoy = GrantRequest { is_decoy: true, ..request() };
    let laid = owner.grant_under(&decoy, "decoy").unwrap();
    assert!(owner.grant_under(&decoy, "decoy").unwrap().value.is_some());
    let taken = owner.grant_under(&decoy, "decoy").unwrap();
    assert_eq!((worth(&fixture, &taken), taken.token.id), (Outcome::Unknown, laid.token.id));
    assert!(owner.grant_under(&decoy, "decoy").unwrap().value.is_none(), "somebody presented it");
}

#[test]
fn a_repeat_asks_for_the_right_to_grant_anew() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_identity("Root", &["Administrator".to_owned()], Some(b"correct horse Root")).unwrap();
    let root = fixture.engine.sign_in("Root", b"correct horse Root").unwrap();
    let session = fixture.engine.session(&root);
    let first = session.grant_under(&request(), "key").unwrap();
    owner.update_identity("Root", Some(&["Reader".to_owned()]), None).unwrap();
    assert_eq!(session.grant_under(&request(), "key").unwrap_err().code(), ErrorCode::NotPermitted);
    assert_eq!(worth(&fixture, &first), Outcome::Valid, "its value stands");
}

/// One key in sixty-four threads: one token, and one of the values they were given is good.
#[test]
fn many_repeats_of_a_grant_at_once_lead_to_one_token_and_one_value() {
    let fixture = fixture();
    for round in 0..20 {
        let key = format!("round {round}");
        let grants = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..64)
                .map(|_| scope.spawn(|| fixture.engine.owner().grant_under(&request(), &key).unwrap()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        let good = grants
            .iter()
            .filter(|grant| {
                assert_eq!(grant.token.id, grants[0].token.id);
                let outcome = worth(&fixture, grant);
                assert!(matches!(outcome, Outcome::Valid | Outcome::Unknown), "{outcome:?}");
                outcome == Outcome::Valid
            })
            .count();
        assert_eq!(good, 1, "round {round}");
    }
}
