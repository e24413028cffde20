//! The conditions against the slow reference, on generated requests and generated tricks.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::model::Endpoint;

/// What paths are made of: what is asked for, and what leads to it and away from it. Few, so that they often meet.
const TAME: &[&str] =
    &["locations", "locations", "locations", "7", "7", "admin", "%6Cocations", "", ".", "..", "%2e%2E"];

/// What looks like it, and tricks.
const WILD: &[&str] = &[
    "Locations",
    "locations2",
    "l%6fcations",
    "caf\u{e9}",
    "caf%C3%A9",
    "caf%c3%a9",
    "a$b",
    "a%24b",
    "a|b",
    "a%7Cb",
    "a%20b",
    "100%25",
    ".%2E",
    "%2e",
    "..;",
    "..;a=b",
    ";",
    "a;b=c",
    "%3b",
    "..%3B",
    "..%2f",
    "a%2Fb",
    "%5c",
    "..\\",
    "\\",
    "%00",
    "%0a",
    "%7F",
    "%c2%80",
    "%c0%ae%c0%ae",
    "%c0%af",
    "%e0%80%af",
    "%ff",
    "%252e%252e",
    "%252f",
    "%25",
    "%",
    "%2",
    "%zz",
    "%u002e",
    "...",
    "..%20",
    "%20",
    "locations.",
    "locations%20",
    "\u{ff0e}\u{ff0e}",
    "\u{ff0f}",
    "%ef%bc%8f",
    "\u{2024}",
    "\u{2025}",
    "\u{2028}",
    "\t",
    "\n",
    ".\n.",
    "a b",
    "\u{0}",
    "*",
    "**",
    "%2A",
    "[a]",
    "\u{212a}ey",
    "key",
    "stra\u{df}e",
    "STRASSE",
];

/// Schemes and what comes after them.
const SCHEMES: &[&str] = &[
    "https://",
    "https://",
    "https://",
    "http://",
    "HTTPS://",
    "https:",
    "https:/",
    "https:///",
    "//",
    "",
    "ftp://",
    "javascript:https://",
    "https:\\\\",
    " https://",
    "ht\ntps://",
];

const AUTHORITIES: &[&str] = &[
    "example.com",
    "example.com",
    "example.com",
    "example.com",
    "EXAMPLE.com",
    "app.example.com",
    "badexample.com",
    "example.com.evil.org",
    "evil.org",
    "example.com.",
    "example.com..",
    ".example.com",
    "a..example.com",
    "example.com:443",
    "example.com:0443",
    "example.com:80",
    "example.com:8443",
    "example.com:",
    "example.com:+443",
    "example.com:99999",
    "example.com@evil.org",
    "evil.org@example.com",
    "user:secret@example.com",
    "example.com\\@evil.org",
    "evil.org\\example.com",
    "evil.org%2eexample.com",
    "%65xample.com",
    "exa\tmple.com",
    "exa\u{ad}mple.com",
    "\u{ff45}xample.com",
    "example\u{3002}com",
    "b\u{fc}cher.example.com",
    "xn--bcher-kva.example.com",
    "XN--BCHER-KVA.example.com",
    "xn--a.example.com",
    "xn--\u{fc}.example.com",
    "192.0.2.1",
    "192.0.2.1:443",
    "192.0.513",
    "0xC0.0.2.1",
    "192.0.2.01",
    "1\u{ff19}2.0.2.1",
    "[2001:db8::1]",
    "[2001:DB8:0::1]:443",
    "[2001:db8::1%25eth0]",
    "[::ffff:192.0.2.1]",
    "2001:db8::1",
    "[2001:db8::1",
    "",
    ":443",
    "my_host.example.com",
    "-a.example.com",
    "a b.example.com",
    "example.com\u{0}",
    "example.com/",
    "example.com#",
    "1.example.com",
    "com",
];

fn path() -> impl Strategy<Value = String> {
    let piece = prop_oneof![8 => select(TAME), 1 => select(WILD)];
    let end = prop_oneof![3 => Just(""), 1 => select(vec!["/", "?a=/../b", "?", "#/../admin", "//"])];
    (prop::collection::vec(piece, 0..6), end).prop_map(|(pieces, end)| {
        let start = if pieces.is_empty() { "" } else { "/" };
        format!("{start}{}{end}", pieces.join("/"))
    })
}

/// A URI of those parts, most of them for the site that is asked for, some with a stray character.
fn uri() -> impl Strategy<Value = String> {
    let usual = Just(("https://", "example.com"));
    let origin = prop_oneof![2 => usual, 1 => (select(SCHEMES), select(AUTHORITIES))];
    let stray =
        select(vec!['/', '.', '\\', ';', '%', '@', ':', '#', '?', '\t', '\u{0}', '\u{fc}', '2', 'e', '\u{3002}']);
    let stray = prop::option::weighted(0.2, (any::<prop::sample::Index>(), stray));
    (origin, path(), stray).prop_map(|((scheme, authority), path, stray)| {
        let mut uri = format!("{scheme}{authority}{path}");
        if let Some((at, stray)) = stray {
            let places: Vec<usize> = uri.char_indices().map(|(place, _)| place).chain([uri.len()]).collect();
            uri.insert(*at.get(&places), stray);
        }
        uri
    })
}

/// A subject, and a URI for it: any, or one that begins with it.
fn subject_and_uri() -> impl Strategy<Value = (String, String)> {
    (subjects(), any::<bool>(), uri(), path()).prop_map(|(subject, is_any, uri, path)| {
        let below = format!("{}{path}", subject.trim_end_matches('/'));
        (subject, if is_any { uri } else { below })
    })
}

fn subjects() -> impl Strategy<Value = String> {
    let usual = select(vec![
        "https://example.com/locations",
        "https://example.com",
        "https://example.com/locations/7/",
        "https://example.com:8443/locations",
        "http://example.com/",
        "https://b\u{fc}cher.example.com/caf\u{e9}",
        "https://example.com/caf%C3%A9",
        "https://example.com/a%24b",
        "https://192.0.2.1/",
        "https://[2001:db8::1]/7",
    ]);
    let any = uri().prop_filter("an empty subject is none", |uri| !uri.is_empty());
    prop_oneof![3 => usual.prop_map(str::to_owned), 1 => any]
}

/// Addresses of few bits, so that networks hold them: IPv4, IPv4-mapped and IPv6.
fn address() -> impl Strategy<Value = String> {
    (0..4_u8, 0..4_u32, 0..6_u32).prop_map(|(kind, high, low)| {
        let four = std::net::Ipv4Addr::from(high << 30 | low);
        match kind {
            0 => four.to_string(),
            1 => format!("::ffff:{four}"),
            2 => std::net::Ipv6Addr::from(u128::from(high) << 126 | u128::from(low)).to_string(),
            _ => format!("::{four}"),
        }
    })
}

fn network() -> impl Strategy<Value = String> {
    (address(), any::<prop::sample::Index>()).prop_map(|(address, length)| {
        let address: std::net::IpAddr = address.parse().unwrap();
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let mapped = matches!(address, std::net::IpAddr::V6(address) if address.to_ipv4_mapped().is_some());
        let least = if mapped { 96 } else { 0 };
        let network = ipnet::IpNet::new(address, (least + length.index(longest - least + 1)) as u8).unwrap();
        network.trunc().to_string()
    })
}

/// The reference has no networks of IPv4-mapped addresses.
fn unmapped(network: &str) -> String {
    let network: ipnet::IpNet = network.parse().unwrap();
    match network.addr() {
        std::net::IpAddr::V6(address) if address.to_ipv4_mapped().is_some() => {
            format!("{}/{}", address.to_ipv4_mapped().unwrap(), network.prefix_len() - 96)
        }
        _ => network.to_string(),
    }
}

fn compiled(conditions: &Conditions) -> Compiled {
    Compiled::new(conditions).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn paths_are_those_of_the_reference((subject, uri) in subject_and_uri()) {
        let conditions = Conditions { subject: Some(subject.clone()), ..Conditions::default() };
        let expected = reference::admits_path(&subject, &uri);
        let actual = Compiled::new(&conditions).ok().map(|compiled| compiled.admits_path(Some(&uri)));
        prop_assert_eq!(actual, expected, "{} of {}", uri, subject);
        if let Ok(normal) = check(&conditions) {
            prop_assert_eq!(&check(&normal).unwrap(), &normal);
            prop_assert_eq!(Some(compiled(&normal).admits_path(Some(&uri))), expected, "{:?}", normal);
            prop_assert!(compiled(&normal).admits_path(normal.subject.as_deref()));
        }
    }

    #[test]
    fn ways_there_and_back_are_those_of_the_reference(
        subject in prop::collection::vec(select(vec!["a", "b"]), 0..4),
        path in prop::collection::vec(select(vec!["a", "b", "..", "%2e."]), 0..8),
    ) {
        let (subject, uri) = (subject.join("/"), path.join("/"));
        let (subject, uri) = (format!("https://example.com/{subject}"), format!("https://example.com/{uri}"));
        let conditions = Conditions { subject: Some(subject.clone()), ..Conditions::default() };
        let actual = compiled(&conditions).admits_path(Some(&uri));
        prop_assert_eq!(Some(actual), reference::admits_path(&subject, &uri), "{} of {}", uri, subject);
    }

    #[test]
    fn no_reader_that_mends_uris_sees_another_place(path in path()) {
        // The subject's host and path as the URL standard reads the request: it must be there too, if we say so.
        let uri = format!("https://example.com{path}");
        let conditions = Conditions { subject: Some("https://example.com/locations".into()), ..Conditions::default() };
        if compiled(&conditions).admits_path(Some(&uri)) {
            let url = url::Url::parse(&uri).unwrap();
            prop_assert_eq!(url.origin().ascii_serialization(), "https://example.com");
            let mut segments = url.path_segments().unwrap().filter(|segment| !segment.is_empty());
            let first = percent_encoding::percent_decode_str(segments.next().unwrap()).decode_utf8().unwrap();
            prop_assert_eq!(first, "locations");
        }
    }

    #[test]
    fn endpoints_are_those_of_the_reference(
        parts in prop::collection::vec(select(vec!["locations", "7", "*", "admin", "KEY", "stra\u{df}e"]), 0..4),
        is_open in any::<bool>(),
        uri in uri(),
    ) {
        let path = format!("/{}{}", parts.join("/"), if is_open { "/**" } else { "" });
        let endpoint = CompiledEndpoint::new(&Endpoint { methods: vec![], path: path.clone() }).unwrap();
        prop_assert_eq!(endpoint.matches(Some("GET"), &uri), reference::denies(&path, &uri), "{} of {}", uri, path);
    }

    #[test]
    fn what_a_subject_admits_its_endpoint_denies(
        parts in prop::collection::vec(select(vec!["locations", "7", "a$b", "caf\u{e9}"]), 0..3),
        path in path(),
    ) {
        let pattern = parts.iter().map(|part| format!("/{part}")).collect::<String>();
        let conditions = Conditions { subject: Some(format!("https://example.com{pattern}")), ..Conditions::default() };
        let endpoint = Endpoint { methods: vec![], path: format!("{pattern}/**") };
        let uri = format!("https://example.com{pattern}{path}");
        if compiled(&conditions).admits_path(Some(&uri)) {
            prop_assert!(CompiledEndpoint::new(&endpoint).unwrap().matches(Some("GET"), &uri));
        }
    }

    #[test]
    fn referrers_are_those_of_the_reference(
        domain in select(vec!["example.com", "com", "b\u{fc}cher.example.com", "app.example.com", "1.example.com"]),
        referrer in uri(),
    ) {
        let conditions = Conditions { referrer: Some(domain.into()), ..Conditions::default() };
        let normal = check(&conditions).unwrap();
        let expected = reference::admits_referrer(normal.referrer.as_deref().unwrap(), &referrer);
        let actual = compiled(&conditions).admits_referrer(Some(&referrer));
        prop_assert_eq!(actual, expected, "{} from {}", referrer, domain);
    }

    #[test]
    fn addresses_are_those_of_the_reference(
        allowed in prop::collection::vec(network(), 0..4),
        denied in prop::collection::vec(network(), 0..3),
        address in address(),
    ) {
        let unmapped = |list: &[String]| list.iter().map(|network| unmapped(network)).collect::<Vec<_>>();
        let expected = reference::admits_address(&unmapped(&allowed), &unmapped(&denied), &address);
        let conditions =
            Conditions { allowed_addresses: allowed, denied_addresses: denied, ..Conditions::default() };
        prop_assert_eq!(compiled(&conditions).admits_address(Some(&address)), expected);
        let normal = check(&conditions).unwrap();
        prop_assert_eq!(&check(&normal).unwrap(), &normal);
        prop_assert_eq!(compiled(&normal).admits_address(Some(&address)), expected);
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        for conditions in [
            Conditions { subject: Some(text.clone()), ..Conditions::default() },
            Conditions { referrer: Some(text.clone()), ..Conditions::default() },
            Conditions { allowed_addresses: vec![text.clone()], ..Conditions::default() },
            Conditions { methods: vec![text.clone()], ..Conditions::default() },
            Conditions { operations: vec![text.clone()], ..Conditions::default() },
        ] {
            if let Ok(normal) = check(&conditions) {
                prop_assert_eq!(&check(&normal).unwrap(), &normal);
            }
        }
        let _ = check_endpoint(&Endpoint { methods: vec![], path: text });
    }
}
