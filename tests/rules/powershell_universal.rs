//! Document: PowerShell Universal, "App tokens for accessing PowerShell Universal APIs".
//!
//! The two tokens that it prints are checked in the tests of JWTs.

use std::ops::ControlFlow;

use tessera_native::error::ErrorCode;
use tessera_native::format::transfer::TransferForm;
use tessera_native::model::{Actor, BoundedBy, JwtKind, Outcome, TokenFilter, TokenFormat};
use tessera_native::policy::{
    AccessContext, Acting, Asked, Lifetime, Operation, Standing, bound, may_grant, migrated_expiry, permitted,
};
use tessera_native::secret::Secret;
use tessera_native::service::{GrantRequest, ImportOptions};

use crate::store::{Fixture, fixture};
use crate::support::*;

const DOCUMENT: &str = "PowerShellUniversal";

#[test]
fn management_roles() {
    // "The management API uses the standard Administrator, Operator and Reader roles."
    let all = [
        ("Administrator", [true, true, true]),
        ("Operator", [true, false, true]),
        ("Reader", [true, false, true]),
        ("policy", [false, false, true]),
    ];
    let operations = [Operation::IDENTITY_READ, Operation::IDENTITY_CREATE, Operation::TOKEN_READ];
    for (role, expected) in all {
        let caller = token(&profile(DOCUMENT), &[role]);
        let may = operations.each_ref().map(|operation| permitted(&caller, operation).is_ok());
        assert_eq!(may, expected, "{DOCUMENT}: management API, as {role}");
    }
}

#[test]
fn security_needs_an_administrator() {
    // Operator runs and does not touch security; Reader reads. Every operation of the engine, by who may do it.
    let count = |role: &str| {
        let caller = token(&profile(DOCUMENT), &[role]);
        Operation::ALL.iter().filter(|operation| permitted(&caller, operation).is_ok()).count()
    };
    assert_eq!(count("Administrator"), Operation::ALL.len(), "{DOCUMENT}: Administrator does everything");
    assert_eq!(count("Operator"), count("Reader"), "{DOCUMENT}: security is for Administrators only");
    assert!(count("policy") < count("Reader"), "{DOCUMENT}: a custom role brings nothing of the management API");
}

#[test]
fn who_grants() {
    // "Administrators can grant app tokens to any user by specifying the user's identity ID."
    let profile = profile(DOCUMENT);
    for (topic, acting, to, expected) in [
        ("the local owner to anyone", Acting::local_owner(), ADAM, Ok(())),
        ("an administrator to anyone", identity(EVE, &["Administrator"]), ADAM, Ok(())),
        ("an administrator's token to anyone", token(&profile, &["Administrator"]), EVE, Ok(())),
        ("an operator to others", identity(EVE, &["Operator"]), ADAM, not_permitted("operation")),
        ("an operator to itself", identity(ADAM, &["Operator"]), ADAM, Ok(())),
        ("an operator's token to others", token(&profile, &["Operator"]), EVE, not_permitted("operation")),
    ] {
        assert_eq!(attempt(may_grant(&acting, &profile, Some(to))), expected, "{DOCUMENT}: grant by {topic}");
    }
}

#[test]
fn roles() {
    let profile = profile(DOCUMENT);
    let administrator = identity(EVE, &["Administrator"]);
    let operator = identity(ADAM, &["Operator"]);
    let app_token = token(&profile, &["Administrator"]);
    for (topic, held, acting, asked, expected) in [
        ("a grant needs an identity with a role", &[][..], &administrator, None, invalid("role")),
        ("the identity's role is the token's", &["Operator"], &administrator, None, Ok(list(&["Operator"]))),
        ("an explicit role wins", &["Reader"], &administrator, Some(["Administrator"]), Ok(list(&["Administrator"]))),
        ("an explicit role needs none of the identity's", &[], &administrator, Some(["Reader"]), Ok(list(&["Reader"]))),
        ("custom roles", &["Operator"], &administrator, Some(["policy"]), Ok(list(&["policy"]))),
        ("one's own grant is no wider than oneself", &["Operator"], &operator, Some(["policy"]), not_permitted("role")),
        ("a token's grant is no wider than itself", &["Operator"], &app_token, Some(["policy"]), not_permitted("role")),
    ] {
        let asked = asked.map(|names| list(&names));
        let asked = Asked { roles: asked.as_deref(), ..Asked::default() };
        let granted = grant_to(&profile, held, acting, &asked).map(|terms| terms.roles);
        assert_eq!(granted, expected, "{DOCUMENT}: {topic}");
    }
}

#[test]
fn roles_come_from_the_row() {
    // The administrator's explicit role stands whatever becomes of the identity's roles and of the one who granted it.
    let profile = profile(DOCUMENT);
    assert_eq!(profile.settings.bounded_by, BoundedBy::Neither, "{DOCUMENT}: explicit role");
    let (held, none) = (rights(&["Administrator"]), rights(&[]));
    let now = |identity, creator| bound(profile.settings.bounded_by, &held, identity, creator, None, &all()).names();
    assert_eq!(now(Standing::Has(&none), Standing::Gone), ["Administrator"], "{DOCUMENT}: explicit role");
    assert!(now(Standing::Gone, Standing::LocalOwner).is_empty(), "{DOCUMENT}: the identity is gone");
}

#[test]
fn expiration() {
    // "... specify the Identity, Role and expiration time of the token."
    let profile = profile(DOCUMENT);
    for (topic, lifetime, expected) in [
        ("default: one year", Lifetime::Default, Ok(Some(NOW + 365 * DAY))),
        ("a time", Lifetime::Until(NOW + 180 * DAY), Ok(Some(NOW + 180 * DAY))),
        ("longer than other JWTs may", Lifetime::Seconds(3_650 * DAY), Ok(Some(NOW + 3_650 * DAY))),
        ("never", Lifetime::Never, not_permitted("noExpiry")),
    ] {
        let granted = grant(&profile, &["Operator"], &for_time(lifetime)).map(|terms| terms.expires_at);
        assert_eq!(granted, expected, "{DOCUMENT}: expiration, {topic}");
    }
}

#[test]
fn migration() {
    // "You can migrate app tokens between systems ... You need a valid app token in the target system".
    let profile = profile(DOCUMENT);
    for (role, expected) in [("Administrator", true), ("Operator", false), ("Reader", false)] {
        let may = permitted(&token(&profile, &[role]), &Operation::TOKEN_IMPORT).is_ok();
        assert_eq!(may, expected, "{DOCUMENT}: migrating with an app token of the role {role}");
    }
    for (topic, requested, inside, expected) in [
        ("the row's expiration is earlier", Some(NOW + 10), NOW + 20, Ok(NOW + 10)),
        ("the token's own is earlier", Some(NOW + 20), NOW + 10, Ok(NOW + 10)),
        ("no expiration is asked for", None, NOW + 10, Ok(NOW + 10)),
        ("it has expired", Some(NOW + 10), NOW, not_permitted("expiration")),
        ("it is asked to have expired", Some(NOW), NOW + 10, not_permitted("expiration")),
    ] {
        assert_eq!(attempt(migrated_expiry(requested, inside, NOW)), expected, "{DOCUMENT}: migration, {topic}");
    }
}

/// The token that the document migrates: for Admin, with the role policy, until 2021-12-30T17:48:00Z.
const PRINTED: &str = concat!(
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJodHRwOi8vc2NoZW1hcy54bWxzb2FwLm9yZy93cy8yMDA1LzA1L",
    "2lkZW50aXR5L2NsYWltcy9uYW1lIjoiQWRtaW4iLCJodHRwOi8vc2NoZW1hcy54bWxzb2FwLm9yZy93cy8yMDA1LzA",
    "1L2lkZW50aXR5L2NsYWltcy9oYXNoIjoiMDhiYTFlMTktMjgyZi00YTRjLWIxZGUtNTY0Zjk3NWU2ODEwIiwic3ViI",
    "joiUG93ZXJTaGVsbFVuaXZlcnNhbCIsImh0dHA6Ly9zY2hlbWFzLm1pY3Jvc29mdC5jb20vd3MvMjAwOC8wNi9pZGV",
    "udGl0eS9jbGFpbXMvcm9sZSI6InBvbGljeSIsIm5iZiI6MTYzMzEwNjkzMywiZXhwIjoxNjQwODg2NDgwLCJpc3MiO",
    "iJJcm9ubWFuU29mdHdhcmUiLCJhdWQiOiJQb3dlclNoZWxsVW5pdmVyc2FsIn0.GHjJI3kMpcAY1pvOGLWOdPqC2-I",
    "Po0-4lJfHZwStmOk",
);

#[test]
fn migration_of_the_printed_token() {
    let (file, end) = (
        // Token, Identity = @{ Name = 'Admin' }, Role = 'Administrator', Expiration = (Get-Date).AddMonths(6)
        format!("identity,roles,expiresAt,value\nAdmin,Administrator,2022-04-01T00:00:00Z,{PRINTED}\n"),
        1_640_886_480,
    );
    let options = ImportOptions {
        form: TransferForm::Csv,
        profile: Some(DOCUMENT.to_owned()),
        passphrase: None,
        creates_identities: false,
        stops_at_bad_line: false,
    };
    // "Note that the signing key must be the same between the instances."
    for (key, is_same) in [("PleaseUseYourOwnSigningKeyHere", true), ("pleaseUseYourOwnSigningKeyHere", false)] {
        let fixture = fixture();
        fixture.clock.set(1_633_200_000);
        let owner = fixture.engine.owner();
        owner.create_identity("Admin", &["Reader".to_owned()], None).unwrap();
        owner.import_key(DOCUMENT, &Secret::from(key.as_bytes())).unwrap();
        // "You need a valid app token in the target system to create the migrated tokens."
        let request = GrantRequest {
            identity: "Adam".to_owned(),
            profile: Some(DOCUMENT.to_owned()),
            roles: Some(vec!["Administrator".to_owned()]),
            ..GrantRequest::default()
        };
        let app_token = owner.grant(&request).unwrap();
        let caller = fixture.engine.sign_in_with_token(app_token.value.as_bytes(), AccessContext::default()).unwrap();
        let report = fixture
            .engine
            .session(&caller)
            .import(file.as_bytes(), &options, &mut |_| ControlFlow::Continue(()))
            .unwrap();
        assert_eq!(report.counts.created, u64::from(is_same), "{DOCUMENT}: migration under {key}");

        let asked = AccessContext { role: Some("Administrator"), ..AccessContext::default() };
        let check = || fixture.engine.validate(PRINTED.as_bytes(), asked).outcome;
        let expected = if is_same { Outcome::Valid } else { Outcome::Unknown };
        assert_eq!(check(), expected, "{DOCUMENT}: a migrated token has the role of its row");
        if is_same {
            // The earlier of the row's end and its own; a JWT is allowed half a minute for clocks that differ.
            fixture.clock.set(end + 31);
            assert_eq!(check(), Outcome::Expired, "{DOCUMENT}: end of a migrated token");
            let again = owner.import(file.as_bytes(), &options, &mut |_| ControlFlow::Continue(())).unwrap();
            assert_eq!(again.counts.bad, 1, "{DOCUMENT}: one that has expired is refused");
        }
    }
}

#[test]
fn form_of_the_value() {
    let profile = profile(DOCUMENT);
    assert_eq!(profile.settings.jwt_kind, JwtKind::PowerShellUniversal, "{DOCUMENT}: the token is its JWT");
    for (asked, expected) in [
        (None, Ok(TokenFormat::Jwt)),
        (Some(TokenFormat::Jwt), Ok(TokenFormat::Jwt)),
        (Some(TokenFormat::Opaque), not_permitted("format")),
    ] {
        let granted = grant(&profile, &["Operator"], &Asked { format: asked, ..Asked::default() });
        assert_eq!(granted.map(|terms| terms.format), expected, "{DOCUMENT}: form of the value");
    }
}

#[test]
fn enhanced_security() {
    // "... hashed and the hash value is stored in the database rather than the token": unless a copy says otherwise.
    let built_in = profile(DOCUMENT).settings;
    assert!(!built_in.keeps_values, "{DOCUMENT}: enhanced security is on");
    let changes = serde_json::json!({ "keepsValues": true });
    let off = tessera_native::policy::profile::changed(&built_in, changes.as_object().unwrap().clone()).unwrap();
    let off = tessera_native::policy::profile::check("WithoutEnhancedSecurity", &off).unwrap();
    assert!(off.settings.keeps_values && !off.built_in, "{DOCUMENT}: enhanced security is off");
}

/// An app token for Adam, who is an Operator.
fn app_token() -> GrantRequest {
    GrantRequest { identity: "Adam".into(), profile: Some(DOCUMENT.into()), ..GrantRequest::default() }
}

fn all_tokens(fixture: &Fixture) -> Vec<String> {
    let filter = TokenFilter { limit: 1_000, ..TokenFilter::default() };
    fixture.engine.owner().tokens(&filter).unwrap().into_iter().map(|token| token.id.to_string()).collect()
}

#[test]
fn app_tokens_in_use() {
    // "The custom API app tokens can utilize custom roles as well as the built in ones."
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_role("policy", &[]).unwrap();
    let custom = owner.grant(&GrantRequest { roles: Some(list(&["policy"])), ..app_token() }).unwrap();
    let plain = owner.grant(&app_token()).unwrap();
    for (topic, grant, role, expected) in [
        ("a custom role", &custom, "policy", Outcome::Valid),
        ("a custom role brings no other", &custom, "Reader", Outcome::RoleDenied),
        ("the role of the identity", &plain, "Operator", Outcome::Valid),
        ("what that includes", &plain, "Reader", Outcome::Valid),
        ("what includes that", &plain, "Administrator", Outcome::RoleDenied),
    ] {
        let context = AccessContext { role: Some(role), ..AccessContext::default() };
        let found = fixture.engine.validate(grant.value.as_bytes(), context).outcome;
        assert_eq!(found, expected, "{DOCUMENT}: {topic}");
    }
    // The role is the row's: what the administrator gave stands when the identity's roles change.
    owner.update_identity("Adam", Some(&[]), None).unwrap();
    let context = AccessContext { role: Some("Operator"), ..AccessContext::default() };
    let found = fixture.engine.validate(plain.value.as_bytes(), context).outcome;
    assert_eq!(found, Outcome::Valid, "{DOCUMENT}: role of the row");
}

#[test]
fn values_are_accessible_once() {
    // "... token values are only accessible once they are created. They are hashed and the hash value is stored in the
    // database rather than the token. You will use the token the same way as any other token."
    let fixture = fixture();
    let owner = fixture.engine.owner();
    owner.create_profile("WithoutEnhancedSecurity", Some(DOCUMENT), r#"{"keepsValues":true}"#).unwrap();
    let hashed = owner.grant(&app_token()).unwrap();
    let kept = owner.grant(&GrantRequest { profile: Some("WithoutEnhancedSecurity".into()), ..app_token() }).unwrap();
    assert_eq!((fixture.check(&hashed), fixture.check(&kept)), (Outcome::Valid, Outcome::Valid), "{DOCUMENT}: use");
    let again = |id: &str| owner.kept_value(id).map_err(|error| error.code());
    let refused = again(hashed.token.id.as_str()).unwrap_err();
    assert_eq!(refused, ErrorCode::NotPermitted, "{DOCUMENT}: accessible once");
    let value = again(kept.token.id.as_str()).unwrap();
    assert_eq!(value.as_bytes(), kept.value.as_bytes(), "{DOCUMENT}: enhanced security is off");
    owner.backup(&fixture.folder.path().join("backup.db")).unwrap();
    let file = std::fs::read(fixture.folder.path().join("backup.db")).unwrap();
    for grant in [&hashed, &kept] {
        // The signature alone would do, beside claims that anyone can write.
        let value = grant.value.as_bytes();
        let signature = &value[value.len() - 43..];
        assert!(!file.windows(43).any(|window| window == signature), "{DOCUMENT}: the hash is stored, not the token");
    }
}

#[test]
fn only_what_was_granted_is_accepted() {
    // The signature alone admits nobody: there must be a row with the digest of the whole text.
    let fixture = fixture();
    let owner = fixture.engine.owner();
    let (one, other) = (owner.grant(&app_token()).unwrap(), owner.grant(&app_token()).unwrap());
    assert!(owner.remove_token(one.token.id.as_str()).unwrap());
    assert_eq!(fixture.check(&one), Outcome::Unknown, "{DOCUMENT}: signed by the profile's key, without a row");
    let part = |grant: &tessera_native::service::Grant, index: usize| {
        let text = String::from_utf8(grant.value.as_bytes().to_vec()).unwrap();
        text.split('.').nth(index).unwrap().to_owned()
    };
    let mixed = [part(&other, 0), part(&one, 1), part(&other, 2)].join(".");
    let found = crate::store::check(&fixture.engine, mixed.as_bytes());
    assert_eq!(found, Outcome::Unknown, "{DOCUMENT}: other claims under the same signature");
}

#[test]
fn who_revokes() {
    // An Administrator, or the token's own identity; to others it is not there.
    let fixture = fixture();
    let owner = fixture.engine.owner();
    for (name, role, expected) in
        [("Root", "Administrator", Ok(())), ("Adam", "Operator", Ok(())), ("Eve", "Operator", Err(ErrorCode::NotFound))]
    {
        let is_there = owner.identity(name);
        let identity = is_there.or_else(|_| owner.create_identity(name, &list(&[role]), None)).unwrap();
        let actor = Actor::Identity { id: identity.id, name: identity.name };
        let grant = owner.grant(&app_token()).unwrap();
        let revoked = fixture.engine.session(&actor).revoke_token(grant.token.id.as_str(), None);
        assert_eq!(revoked.map(drop).map_err(|error| error.code()), expected, "{DOCUMENT}: revocation by {name}");
        let left = if expected.is_ok() { Outcome::Revoked } else { Outcome::Valid };
        assert_eq!(fixture.check(&grant), left, "{DOCUMENT}: revocation by {name}");
    }
}

#[test]
fn ids_and_identities() {
    // An id is never used again, and an identity that does not exist creates nothing.
    let fixture = fixture();
    let owner = fixture.engine.owner();
    let mut last = 0;
    for _ in 0..3 {
        let token = owner.grant(&app_token()).unwrap().token;
        assert!(token.sequence > last, "{DOCUMENT}: the number of a token is never used again");
        last = token.sequence;
        assert!(owner.remove_token(token.id.as_str()).unwrap());
    }
    let refused = owner.grant(&GrantRequest { identity: "Missing".into(), ..app_token() }).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::NotFound, "{DOCUMENT}: an identity that does not exist");
    owner.create_identity("Nobody", &[], None).unwrap();
    let refused = owner.grant(&GrantRequest { identity: "Nobody".into(), ..app_token() }).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InvalidArgument, "{DOCUMENT}: an identity without a role");
    assert!(all_tokens(&fixture).is_empty(), "{DOCUMENT}: nothing is created");
}
