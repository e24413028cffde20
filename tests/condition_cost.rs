//! What a check of conditions costs: no memory, for the requests that are usual.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tessera_native::model::{Conditions, Endpoint};
use tessera_native::policy::condition::{Compiled, CompiledEndpoint};

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

fn allocations(work: impl FnOnce() -> bool) -> u64 {
    let before = ALLOCATIONS.get();
    assert!(work());
    ALLOCATIONS.get() - before
}

#[test]
fn asking_allocates_nothing() {
    let conditions = Conditions {
        subject: Some("https://b\u{fc}cher.example/locations/caf\u{e9}".into()),
        referrer: Some("example.com".into()),
        allowed_addresses: vec!["10.0.0.0/8".into(), "2001:db8::/32".into()],
        denied_addresses: vec!["10.1.0.0/16".into()],
        methods: vec!["GET".into()],
        operations: vec!["token.read".into()],
        ..Conditions::default()
    };
    let mut compiled = Compiled::new(&conditions).unwrap();
    assert!(allocations(|| compiled.admits_path(Some("https://b\u{fc}cher.example/locations/caf%C3%A9"))) > 0);

    compiled =
        Compiled::new(&Conditions { subject: Some("https://host.example/locations".into()), ..conditions }).unwrap();
    let endpoint = Endpoint { methods: vec!["POST".into()], path: "/api/*/observer/**".into() };
    let endpoint = CompiledEndpoint::new(&endpoint).unwrap();
    let count = allocations(|| {
        compiled.admits_path(Some("HTTPS://HOST.example:443/a/..//locations/./7?a=%C3%A9"))
            && !compiled.admits_path(Some("https://host.example/locations/../admin"))
            && compiled.admits_referrer(Some("https://app.example.com/any"))
            && compiled.admits_address(Some("10.2.0.1"))
            && compiled.admits_address(Some("2001:db8::1"))
            && !compiled.admits_address(Some("::ffff:10.1.0.1"))
            && compiled.admits_method(Some("GET"))
            && compiled.admits_operation(Some("token.read"))
            && endpoint.matches(Some("POST"), "https://host.example/API/v3/observer/7")
            && !endpoint.matches(Some("POST"), "https://host.example/api/v3/path")
    });
    assert_eq!(count, 0);
}
