//! What a check of a known token costs: no memory, whatever it comes to.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use support::{NOW, fixture, request};
use tessera_native::model::{Conditions, Outcome};
use tessera_native::policy::AccessContext;
use tessera_native::service::GrantRequest;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `work` takes memory in the best of some rounds: about ten times a second a check asks the store whether anything
/// is to be known, for which SQLite's statement is fetched and put back.
fn fewest_allocations(work: impl Fn()) -> u64 {
    let round = |_| {
        let before = ALLOCATIONS.get();
        work();
        ALLOCATIONS.get() - before
    };
    (0..50).map(round).min().unwrap_or(u64::MAX)
}

#[test]
fn a_known_token_is_checked_without_memory() {
    let fixture = fixture();
    let owner = fixture.engine.owner();
    let conditions = Conditions {
        allowed_addresses: vec!["10.0.0.0/8".to_owned()],
        methods: vec!["GET".to_owned()],
        ..Conditions::default()
    };
    let plain = fixture.grant();
    let tied = owner.grant(&GrantRequest { conditions, ..request() }).unwrap();
    let ended = fixture.grant();
    owner.revoke_token(ended.token.id.as_str(), None).unwrap();
    let other = fixture.grant();
    let jwt = fixture.grant_jwt();
    let reader = AccessContext { role: Some("Reader"), audience: None, ..AccessContext::default() };
    let full = AccessContext { method: Some("GET"), remote_address: Some("10.1.2.3"), ..reader };
    let cases = [
        (&plain, AccessContext::default(), Outcome::Valid),
        (&plain, reader, Outcome::Valid),
        (&plain, AccessContext { role: Some("Administrator"), ..reader }, Outcome::RoleDenied),
        (&jwt, reader, Outcome::Valid),
        (&tied, full, Outcome::Valid),
        (&tied, reader, Outcome::AddressDenied),
        (&ended, reader, Outcome::Revoked),
    ];
    let check = || {
        for (grant, context, expected) in &cases {
            let found = fixture.engine.validate_with(grant.value.as_bytes(), *context, |finding| finding.outcome);
            assert_eq!(found, *expected);
        }
        assert_eq!(fixture.engine.validate(b"tsr_unlike", reader).outcome, Outcome::Malformed);
    };
    // Of refusals the first ones are recorded each by itself.
    (0..30).for_each(|_| check());
    assert_eq!(fewest_allocations(check), 0);

    // A change of something else is taken in once, and costs the others nothing after that.
    owner.revoke_token(other.token.id.as_str(), None).unwrap();
    check();
    assert_eq!(fewest_allocations(check), 0);
}

#[test]
fn a_check_from_memory_asks_for_the_time_and_the_uses_are_counted() {
    let fixture = fixture();
    let grant = fixture.grant();
    let end = grant.token.expires_at.unwrap();
    let told = || {
        let context = AccessContext::default();
        fixture
            .engine
            .validate_with(grant.value.as_bytes(), context, |found| (found.outcome, found.is_new, found.version))
    };
    let (outcome, is_new, version) = told();
    assert_eq!((outcome, is_new), (Outcome::Valid, true));
    for at in [NOW, end - 1, NOW] {
        fixture.clock.set(at);
        assert_eq!(told(), (Outcome::Valid, false, version));
    }
    for (at, expected) in [(end, Outcome::Expired), (end + 1, Outcome::Expired), (end - 1, Outcome::Valid)] {
        fixture.clock.set(at);
        assert_eq!(told(), (expected, false, version));
    }
    fixture.clock.set(NOW);
    let usage = fixture.engine.owner().token_usage(grant.token.id.as_str()).unwrap();
    assert_eq!((usage.uses, usage.last_used_at), (5, Some(end - 1)));
    assert_eq!(usage.days.iter().map(|day| day.uses).collect::<Vec<_>>(), [2, 3]);
    // What was counted says nothing of the token that a check rests on; what it says of itself does.
    assert_eq!(told(), (Outcome::Valid, false, version));
    fixture.engine.owner().update_token(grant.token.id.as_str(), Some("new"), None).unwrap();
    let (outcome, is_new, newer) = told();
    assert!(outcome == Outcome::Valid && is_new && newer != version);
}
