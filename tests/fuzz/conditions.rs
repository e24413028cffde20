//! Conditions on requests, against the slow reference of the unit tests and against a reader that mends URIs.
//!
//! Needs a nightly toolchain and a C++ compiler. In this folder, for five minutes, with the corpus kept in `corpus`:
//!
//! ```sh
//! mkdir -p corpus
//! export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
//!   -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
//!   -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Zsanitizer=address"
//! export ASAN_OPTIONS=detect_odr_violation=0  # SQLite has two tables of one name, each its function's own
//! cargo +nightly run --release --target x86_64-unknown-linux-gnu --bin conditions -- \
//!   -dict=conditions.dict -max_len=256 -timeout=5 -rss_limit_mb=1024 -max_total_time=300 corpus
//! ```
//!
//! An input is a URI, or a subject, a line end and a URI. What begins with a slash is a path of `https://example.com`.

#![no_main]

#[allow(dead_code, reason = "addresses have no text worth fuzzing: the standard library reads them")]
#[path = "../../src/policy/condition/reference.rs"]
mod reference;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode_str;
use tessera_native::model::{Conditions, Endpoint};
use tessera_native::policy::condition::{Compiled, CompiledEndpoint, check, check_endpoint};
use url::Url;

const SUBJECT: &str = "https://example.com/locations";
const PATTERNS: [&str; 3] = ["/locations/**", "/*/7", "/"];

static LOCATIONS: LazyLock<Compiled> = LazyLock::new(|| Compiled::new(&of_subject(SUBJECT)).unwrap());
static ENDPOINTS: LazyLock<Vec<CompiledEndpoint>> =
    LazyLock::new(|| PATTERNS.map(|pattern| CompiledEndpoint::new(&of_path(pattern)).unwrap()).into());
static REFERRER: LazyLock<Compiled> = LazyLock::new(|| {
    Compiled::new(&Conditions { referrer: Some("example.com".into()), ..Conditions::default() }).unwrap()
});

fuzz_target!(|text: &str| {
    let (first, uri) = text.split_once('\n').unwrap_or((SUBJECT, text));
    let (subject, uri) = (absolute(first), absolute(uri));

    let admitted = LOCATIONS.admits_path(Some(&uri));
    assert_eq!(Some(admitted), reference::admits_path(SUBJECT, &uri), "{uri}");
    for (pattern, endpoint) in PATTERNS.iter().zip(&*ENDPOINTS) {
        assert_eq!(endpoint.matches(Some("GET"), &uri), reference::denies(pattern, &uri), "{uri} of {pattern}");
    }
    assert_eq!(REFERRER.admits_referrer(Some(&uri)), reference::admits_referrer("example.com", &uri), "{uri}");
    if admitted {
        let url = Url::parse(&uri).unwrap();
        assert_eq!(url.origin().ascii_serialization(), "https://example.com", "{uri}");
        let first = url.path_segments().unwrap().find(|segment| !segment.is_empty()).unwrap();
        assert_eq!(percent_decode_str(first).decode_utf8().unwrap(), "locations", "{uri}");
        assert!(ENDPOINTS[0].matches(Some("GET"), &uri), "{uri}");
    }

    let conditions = of_subject(&subject);
    let compiled = Compiled::new(&conditions);
    if !subject.is_empty() {
        let verdict = compiled.as_ref().ok().map(|compiled| compiled.admits_path(Some(&uri)));
        // A value in the subject is refused before it is read.
        let is_value = compiled.as_ref().is_err_and(|error| error.message().contains("value"));
        assert!(is_value || subject.len() > 1_000 || verdict == reference::admits_path(&subject, &uri), "{text:?}");
    }
    if let Ok(normal) = check(&conditions) {
        assert_eq!(check(&normal).unwrap(), normal, "{text:?}");
        let again = Compiled::new(&normal).unwrap();
        assert_eq!(again.admits_path(Some(&uri)), compiled.unwrap().admits_path(Some(&uri)), "{text:?}");
    }
    let _ = check_endpoint(&of_path(first));
    let referrer = Conditions { referrer: Some(first.to_owned()), ..Conditions::default() };
    if let Ok(normal) = check(&referrer)
        && let Some(domain) = &normal.referrer
    {
        assert_eq!(check(&normal).unwrap(), normal, "{text:?}");
        let admitted = Compiled::new(&referrer).unwrap().admits_referrer(Some(&uri));
        assert_eq!(admitted, reference::admits_referrer(domain, &uri), "{text:?}");
    }
});

fn absolute(text: &str) -> String {
    if text.starts_with('/') { format!("https://example.com{text}") } else { text.to_owned() }
}

fn of_subject(subject: &str) -> Conditions {
    Conditions { subject: Some(subject.to_owned()), ..Conditions::default() }
}

fn of_path(path: &str) -> Endpoint {
    Endpoint { methods: vec![], path: path.to_owned() }
}
