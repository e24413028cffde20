use super::*;
use crate::error::ErrorCode;
use crate::format::opaque;
use crate::model::Endpoint;

fn of_subject(subject: &str) -> Compiled {
    Compiled::new(&Conditions { subject: Some(subject.into()), ..Conditions::default() }).unwrap()
}

fn of_referrer(referrer: &str) -> Compiled {
    Compiled::new(&Conditions { referrer: Some(referrer.into()), ..Conditions::default() }).unwrap()
}

fn of_addresses(allowed: &[&str], denied: &[&str]) -> Compiled {
    let list = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    let conditions =
        Conditions { allowed_addresses: list(allowed), denied_addresses: list(denied), ..Conditions::default() };
    Compiled::new(&conditions).unwrap()
}

fn refusal(conditions: Conditions) -> (String, String) {
    let error = check(&conditions).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument, "{error}");
    assert_eq!(Compiled::new(&conditions).map(|_| ()).unwrap_err(), error);
    (error.subject().unwrap().to_owned(), error.message().to_owned())
}

/// The rules of the enterprise grid for subjects, and every trick that they have to stand.
#[test]
fn a_subject_reaches_its_path_and_what_lies_under_it() {
    let subject = of_subject("https://host.example/locations");
    for (path, rule) in [
        ("/locations", "the path itself"),
        ("/locations/", "with a slash at its end"),
        ("/locations/7", "a segment under it"),
        ("/locations/7/devices/", "segments under it"),
        ("/locations?at=/../admin", "a query has no say"),
        ("/%6cocations/7", "an escape of an unreserved character, in lower case"),
        ("/locati%6Fns/7", "an escape of an unreserved character, in upper case"),
        ("/./locations/./7", "dot segments"),
        ("/admin/../locations", "two dots that lead here"),
        ("/admin/%2e%2E/locations", "encoded dots that lead here"),
        ("/locations/7/../8", "two dots that stay under it"),
        ("//locations///7", "repeated slashes"),
        ("/locations/caf%C3%A9", "an escape of a character outside ASCII"),
        ("/locations/caf\u{e9}", "the same without the escape"),
        ("/locations/c%23", "an escape of a reserved character"),
        ("/locations/100%25", "a percent sign"),
        ("/locations/a...b", "dots within a name"),
        ("/locations/%5B7%5D", "brackets"),
    ] {
        assert!(subject.admits_path(Some(&format!("https://host.example{path}"))), "{rule}: {path}");
    }
    for (path, trick) in [
        ("", "the bare site"),
        ("/", "the root"),
        ("/locations2", "a longer name"),
        ("/location", "a shorter name"),
        ("/Locations", "another case"),
        ("/admin", "another path"),
        ("/admin/locations", "the name elsewhere"),
        ("/?/locations", "the path in the query"),
        ("?/locations", "the path in the query, without a slash"),
        ("/locations/../admin", "two dots that lead out"),
        ("/locations/..", "two dots that lead to the root"),
        ("/locations/./../admin", "a dot before the two dots"),
        ("/locations/7/../../admin", "two dots twice"),
        ("/locations/%2e%2e/admin", "encoded dots"),
        ("/locations/%2E%2E/admin", "encoded dots, upper case"),
        ("/locations/.%2e/admin", "a dot and an encoded dot"),
        ("/locations/%2e./admin", "an encoded dot and a dot"),
        ("/locations/%252e%252e/admin", "dots encoded twice"),
        ("/locations/%25%32%65%25%32%65/admin", "dots encoded twice, the second time bit by bit"),
        ("/locations/..%2fadmin", "an encoded slash"),
        ("/locations%2F..%2Fadmin", "encoded slashes, upper case"),
        ("/locations%2f7", "an encoded slash that would stay"),
        ("/locations/..%252fadmin", "a slash encoded twice"),
        ("/locations/..%5cadmin", "an encoded backslash"),
        ("/locations/..%5Cadmin", "an encoded backslash, upper case"),
        ("/locations/..\\admin", "a backslash"),
        ("/locations\\..\\admin", "backslashes for slashes"),
        ("\\locations", "a backslash for the first slash"),
        ("/locations/..;/admin", "two dots with an empty parameter"),
        ("/locations/..;a=b/admin", "two dots with a parameter"),
        ("/locations/.;/../admin", "a dot with a parameter"),
        ("/locations;a=b/7", "a parameter"),
        ("/locations/7;a=b", "a parameter at the end"),
        ("/locations/..%3b/admin", "two dots with an encoded parameter"),
        ("/locations/%00", "an encoded NUL"),
        ("/locations%00/../admin", "an encoded NUL after the name"),
        ("/locations/\u{0}", "a NUL"),
        ("/locations/%0d%0aX:1", "an encoded line end"),
        ("/locations/.%0a./admin", "an encoded line end between dots"),
        ("/locations/.\n./admin", "a line end between dots, which some readers drop"),
        ("/locations/.\t./admin", "a tab between dots, which some readers drop"),
        ("/loca\rtions", "a carriage return within the name"),
        ("/locations/%1f", "an encoded control character"),
        ("/locations/%7f", "an encoded delete"),
        ("/locations/%c2%85", "an encoded control character outside ASCII"),
        ("/locations/a b", "a space"),
        ("/locations/\u{2028}", "a line separator"),
        ("/locations/%", "a percent sign alone"),
        ("/locations/%2", "half an escape"),
        ("/locations/%zz", "an escape of what is no digit"),
        ("/locations/%+2", "an escape with a sign"),
        ("/locations/%u002e%u002e/admin", "escapes of four digits"),
        ("/locations/%c0%ae%c0%ae/admin", "overlong dots"),
        ("/locations/%e0%80%ae%e0%80%ae/admin", "overlong dots of three bytes"),
        ("/locations/..%c0%afadmin", "an overlong slash"),
        ("/locations/%ff", "a byte that UTF-8 does not have"),
        ("/locations/%c3", "half a character"),
        ("/locations/%ed%a0%80", "a surrogate"),
        ("/locations/\u{ff0e}\u{ff0e}/admin", "full-width dots"),
        ("/locations/..%ef%bc%8fadmin", "an encoded full-width slash"),
        ("/locations/\u{2025}/admin", "two dots in one character"),
        ("/locations/.../admin", "three dots"),
        ("/locations/..%20/admin", "two dots and a space"),
        ("/locations/.%20./admin", "two dots around a space"),
        ("/../locations", "above the root"),
        ("/admin/../../locations", "above the root and back"),
        ("/admin//../locations", "two dots after a repeated slash, which one server takes back and another does not"),
        ("/locations#/../admin", "a fragment"),
        ("/locations/7%23/../../../locations", "above the root, after an escape"),
    ] {
        assert!(!subject.admits_path(Some(&format!("https://host.example{path}"))), "{trick}: {path}");
    }
    assert!(!subject.admits_path(None), "a request without a URI");
    let long = |bytes: usize| format!("https://host.example/locations/{}", "x".repeat(bytes - 31));
    assert!(subject.admits_path(Some(&long(8_192))) && !subject.admits_path(Some(&long(8_193))), "the limit");
}

#[test]
fn a_segment_counts_only_after_those_before_it() {
    let subject = of_subject("https://host.example/locations/7");
    let admits = |path: &str| subject.admits_path(Some(&format!("https://host.example{path}")));
    for path in ["/locations/7", "/locations/7/8", "/locations/8/../7", "/a/../locations/b/c/../../7"] {
        assert!(admits(path), "{path}");
    }
    for path in ["/locations", "/7", "/7/locations", "/a/7", "/a/7/../7", "/locations/../a/7", "/locations/7/../8"] {
        assert!(!admits(path), "{path}");
    }
}

#[test]
fn a_bare_origin_is_the_whole_site_and_no_other() {
    for subject in ["https://host.example/", "https://host.example", "HTTPS://Host.Example:443/"] {
        let subject = of_subject(subject);
        for uri in [
            "https://host.example",
            "https://host.example/",
            "https://host.example?a",
            "https://host.example/any/path",
            "https://HOST.example/any",
            "hTTps://host.example/any",
            "https://host.example:443/any",
            "https://host.example:00443/any",
        ] {
            assert!(subject.admits_path(Some(uri)), "{uri}");
        }
        for (uri, trick) in [
            ("http://host.example/", "another scheme"),
            ("http://host.example:443/", "another scheme at the same port"),
            ("ftp://host.example/", "another kind of scheme"),
            ("https://host.example:8443/", "another port"),
            ("https://host.example:80/", "the other scheme's port"),
            ("https://host.example:/", "a colon without a port"),
            ("https://host.example:+443/", "a port with a sign"),
            ("https://host.example:65979/", "a port that wraps round"),
            ("https://other.example/", "another host"),
            ("https://host.example.evil.org/", "the host as another's beginning"),
            ("https://evilhost.example/", "the host as another's end"),
            ("https://api.host.example/", "a host below"),
            ("https://host.example./", "a final dot"),
            ("https://host.example@evil.org/", "the host as user information"),
            ("https://user@host.example/", "user information"),
            ("https://user:secret@host.example/", "user information with a password"),
            ("https://evil.org\\@host.example/", "a backslash before user information"),
            ("https://host.example\\@evil.org/", "a backslash after the host"),
            ("https://host.example\\evil", "a backslash for a slash"),
            ("https:\\\\host.example/", "backslashes for slashes"),
            ("https:host.example/", "no slashes"),
            ("https:/host.example/", "one slash"),
            ("https:///host.example/", "three slashes"),
            ("//host.example/", "no scheme"),
            ("/any", "no host"),
            ("host.example", "a host alone"),
            ("*", "the asterisk of OPTIONS"),
            ("", "nothing"),
            (" https://host.example/", "a space before"),
            ("https://host.example/ ", "a space after"),
            ("ht\ttps://host.example/", "a tab within the scheme"),
            ("https://host\t.example/", "a tab within the host"),
            ("https://%68ost.example/", "an escape within the host"),
            ("https://host%2eexample/", "an encoded dot within the host"),
            ("https://host.example%00.evil.org/", "an encoded NUL within the host"),
            ("https://host.example#@evil.org/", "a fragment after the host"),
            ("https://host.example/a?b\nc", "a line end within the query"),
            ("https://evil.org/https://host.example/", "the subject as a path"),
            ("javascript:https://host.example/", "a scheme before the scheme"),
        ] {
            assert!(!subject.admits_path(Some(uri)), "{trick}: {uri}");
        }
    }
}

#[test]
fn hosts_are_compared_as_names_and_addresses() {
    for (subject, uri, is_admitted) in [
        ("https://b\u{fc}cher.example/", "https://xn--bcher-kva.example/", true),
        ("https://xn--bcher-kva.example/", "https://B\u{dc}CHER.example/", true),
        ("https://xn--bcher-kva.example/", "https://XN--BCHER-KVA.EXAMPLE/", true),
        ("https://bucher.example/", "https://b\u{fc}cher.example/", false),
        ("https://stra\u{df}e.example/", "https://strasse.example/", false),
        ("https://example.com/", "https://example\u{3002}com/", true),
        ("https://192.0.2.1/", "https://192.0.2.1/", true),
        ("https://192.0.2.1/", "https://192.0.513/", false),
        ("https://192.0.2.1/", "https://0xc0000201/", false),
        ("https://192.0.2.1/", "https://3221225985/", false),
        ("https://192.0.2.1/", "https://192.0.2.01/", false),
        ("https://192.0.2.1/", "https://[::ffff:192.0.2.1]/", false),
        ("https://[2001:db8::1]:8443/", "https://[2001:DB8:0:0::1]:8443/", true),
        ("https://[2001:db8::1]/", "https://[2001:db8::1%25eth0]/", false),
        ("https://[2001:db8::1]/", "https://[2001:db8::2]/", false),
        ("https://my_host/", "https://MY_HOST/a", true),
    ] {
        assert_eq!(of_subject(subject).admits_path(Some(uri)), is_admitted, "{uri} of {subject}");
    }
}

#[test]
fn subjects_have_a_normal_form() {
    for (given, normal) in [
        ("https://host.example", "https://host.example/"),
        ("HTTPS://Host.Example:443/Locations/", "https://host.example/Locations"),
        ("http://host.example:80", "http://host.example/"),
        ("http://host.example:0443/a/./b/../c//", "http://host.example:443/a/c"),
        ("https://b\u{fc}cher.example/caf\u{e9}/{id}", "https://xn--bcher-kva.example/caf%C3%A9/%7Bid%7D"),
        ("https://host.example/%7euser/%41%2a*%c3%a9", "https://host.example/~user/A%2A*%C3%A9"),
        ("https://[2001:DB8::0:1]:8443/x", "https://[2001:db8::1]:8443/x"),
    ] {
        let checked = check(&Conditions { subject: Some(given.into()), ..Conditions::default() }).unwrap();
        assert_eq!(checked.subject.as_deref(), Some(normal));
    }
}

#[test]
fn bad_subjects_are_refused_by_name() {
    let (_, value) = opaque::mint("tsr").unwrap();
    let value = String::from_utf8(value.as_bytes().to_vec()).unwrap();
    for (subject, reason) in [
        ("/locations".to_owned(), "does not begin with https://"),
        ("ftp://host.example/".to_owned(), "does not begin with https://"),
        ("https://".to_owned(), "host name"),
        ("https:///locations".to_owned(), "host name"),
        ("https://host.example./".to_owned(), "host name"),
        ("https://ho st/".to_owned(), "white space"),
        ("https://127.1/".to_owned(), "host name"),
        ("https://user@host.example/".to_owned(), "user information"),
        ("https://host.example/?a".to_owned(), "query"),
        ("https://host.example/#a".to_owned(), "fragment"),
        ("https://host.example/a;b".to_owned(), "semicolon"),
        ("https://host.example/../a".to_owned(), "above its root"),
        ("https://host.example:x/".to_owned(), "port"),
        (format!("https://host.example/{}", "x".repeat(2_028)), "2,048"),
        (format!("https://host.example/{}", "\u{e9}".repeat(400)), "2,048"),
        (format!("https://host.example/{value}"), "token's value"),
        (format!("https://host.example/{}", value.replace('_', "%5f")), "token's value"),
    ] {
        let (about, message) = refusal(Conditions { subject: Some(subject.clone()), ..Conditions::default() });
        assert_eq!(about, "subject");
        assert!(message.contains(reason), "{subject}: {message}");
        assert!(!message.contains(&value[4..]), "an error repeats its input");
    }
    let longest = format!("https://host.example/{}", "x".repeat(2_027));
    assert!(check(&Conditions { subject: Some(longest), ..Conditions::default() }).is_ok());
}

/// The rule of the enterprise grid for referrers.
#[test]
fn a_referrer_ends_with_the_domain_on_a_label_boundary() {
    let referrer = of_referrer("Example.COM");
    for admitted in [
        "https://example.com",
        "https://example.com/",
        "http://example.com/a?b",
        "https://app.example.com/",
        "https://a.b.example.com:8443/any",
        "HTTPS://APP.EXAMPLE.COM/",
        "https://b\u{fc}cher.example.com/",
        "https://xn--bcher-kva.example.com/",
        "https://example.com/a;b/%2f/..\\..",
    ] {
        assert!(referrer.admits_referrer(Some(admitted)), "{admitted}");
    }
    for (refused, trick) in [
        ("", "an empty field"),
        ("https://badexample.com/", "no label boundary"),
        ("https://example.com.evil.org/", "the domain as a beginning"),
        ("https://evil.org/example.com", "the domain as a path"),
        ("https://evil.org/?https://example.com", "the domain as a query"),
        ("https://evil.org#.example.com", "the domain as a fragment"),
        ("https://example.com#evil", "a fragment, which no client sends"),
        ("https://com/", "a part of the domain"),
        ("https://example.com@evil.org/", "the domain as user information"),
        ("https://user@example.com/", "user information"),
        ("https://evil.org\\.example.com/", "a backslash within the host"),
        ("https://evil.org%2f.example.com/", "an encoded slash within the host"),
        ("https://evil.org%00.example.com/", "an encoded NUL within the host"),
        ("https://app.example.com./", "a final dot"),
        ("https://app.example.com../", "two final dots"),
        ("https://.example.com/", "an empty label"),
        ("https://a..example.com/", "an empty label within"),
        ("https:example.com", "no slashes"),
        ("//example.com/", "no scheme"),
        ("/relative", "a relative reference"),
        ("example.com", "a host alone"),
        ("about:blank", "another scheme"),
        ("android-app://example.com/", "an app's scheme"),
        (" https://example.com/", "a space before"),
        ("https://example.com/\r\nX: 1", "a line end"),
        ("https://exa\tmple.com/", "a tab within the host"),
        ("https://192.0.2.1/", "an address"),
    ] {
        assert!(!referrer.admits_referrer(Some(refused)), "{trick}: {refused}");
    }
    assert!(!referrer.admits_referrer(None), "a request without the field");
    assert!(of_referrer("b\u{fc}cher.example").admits_referrer(Some("https://www.xn--bcher-kva.example/")));
    assert!(!of_referrer("1.example").admits_referrer(Some("https://192.0.2.1/")));

    for bad in [
        "https://example.com",
        "example.com/a",
        "example.com:443",
        "a@example.com",
        ".example.com",
        "example.com.",
        "*.example.com",
        "exa mple.com",
        "192.0.2.1",
        "2.1",
        "[::1]",
        "%65xample.com",
        "a..b",
        "example.com\n",
        &format!("{}.example", "x".repeat(64)),
        &format!("{}com", "x.".repeat(126)),
        "xn--a.example",
    ] {
        let (about, message) = refusal(Conditions { referrer: Some(bad.to_owned()), ..Conditions::default() });
        assert_eq!(about, "referrer");
        assert!(!message.contains(bad), "{bad}: {message}");
    }
    let longest = format!("{}co", "x.".repeat(125)) + "m";
    assert_eq!(longest.len(), 253);
    assert!(check(&Conditions { referrer: Some(longest), ..Conditions::default() }).is_ok());
}

#[test]
fn a_denied_address_wins_and_an_unreadable_one_is_refused() {
    let none = of_addresses(&[], &[]);
    assert!(none.admits_address(None) && none.admits_address(Some("not an address")));

    let both = of_addresses(&["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"], &["10.1.0.0/16", "2001:db8:1::/48"]);
    for admitted in ["10.0.0.1", "10.255.255.255", "::ffff:10.2.0.1", "2001:db8::1", "2001:DB8:0:0::7", "192.0.2.7"] {
        assert!(both.admits_address(Some(admitted)), "{admitted}");
    }
    for refused in [
        "10.1.0.1",
        "::ffff:10.1.2.3",
        "2001:db8:1::1",
        "9.255.255.255",
        "11.0.0.0",
        "192.0.2.8",
        "2001:db9::1",
        "",
        "10.0.0.1:443",
        "[2001:db8::1]",
        "2001:db8::1%eth0",
        "2001:db8::1%25eth0",
        "010.0.0.1",
        "10.0.1",
        "0x0a.0.0.1",
        "10.0.0.1 ",
        "10.0.0.1/8",
        "167772161",
        "::10.0.0.1",
        "localhost",
        "64:ff9b::10.0.0.1",
    ] {
        assert!(!both.admits_address(Some(refused)), "{refused}");
    }
    assert!(!both.admits_address(None), "a request without an address");

    let denied = of_addresses(&[], &["::ffff:192.0.2.0/120", "::/0"]);
    assert!(denied.admits_address(Some("192.0.3.1")) && denied.admits_address(Some("::ffff:192.0.3.1")));
    assert!(!denied.admits_address(Some("192.0.2.1")) && !denied.admits_address(Some("2001:db8::1")));
    assert!(!denied.admits_address(None) && !denied.admits_address(Some("nowhere")));
}

#[test]
fn networks_have_a_normal_form() {
    let list = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let given =
        ["2001:DB8:0::/32", "192.0.2.1/32", "10.0.0.0/8", "192.0.2.1", "::ffff:10.0.0.0/104", "::1/128", "0.0.0.0/0"];
    let conditions = Conditions { denied_addresses: list(&given), ..Conditions::default() };
    let normal = check(&conditions).unwrap().denied_addresses;
    assert_eq!(normal, ["0.0.0.0/0", "10.0.0.0/8", "192.0.2.1", "::1", "2001:db8::/32"]);

    for bad in [
        "",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/+8",
        "10.0.0.0/08",
        "10.0.0.0/",
        "10.0.0.0/8/8",
        "10.1.2.3/8",
        "010.0.0.0/8",
        "::/129",
        "2001:db8::1/32",
        "::ffff:10.0.0.0/95",
        "::ffff:0:0/90",
        "fe80::1%eth0",
        "[::1]",
        "10.0.0.0-10.0.0.9",
        "10.*",
        "localhost",
        "10.0.0.0/255.0.0.0",
    ] {
        for (name, conditions) in [
            ("allowedAddresses", Conditions { allowed_addresses: list(&["::1", bad]), ..Conditions::default() }),
            ("deniedAddresses", Conditions { denied_addresses: list(&["::1", bad]), ..Conditions::default() }),
        ] {
            let (about, message) = refusal(conditions);
            assert_eq!(about, name, "{bad}");
            assert!(message.starts_with("Entry 2 of the list "), "{bad}: {message}");
        }
    }
    let many = |count: u8| Conditions {
        allowed_addresses: (0..count).map(|last| format!("192.0.2.{last}")).collect(),
        ..Conditions::default()
    };
    assert_eq!(check(&many(64)).unwrap().allowed_addresses.len(), 64);
    assert_eq!(refusal(many(65)).0, "allowedAddresses");
}

#[test]
fn methods_and_operations_are_compared_exactly() {
    let list = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let conditions = Conditions {
        methods: list(&["post", "GET", "get"]),
        operations: list(&["token.read", "jobs.run-now", "token.read"]),
        ..Conditions::default()
    };
    let normal = check(&conditions).unwrap();
    assert_eq!(normal.methods, ["GET", "POST"]);
    assert_eq!(normal.operations, ["jobs.run-now", "token.read"]);
    let compiled = Compiled::new(&normal).unwrap();
    assert!(compiled.admits_method(Some("GET")) && compiled.admits_method(Some("POST")));
    for refused in [None, Some(""), Some("get"), Some("HEAD"), Some("GET "), Some("GETS")] {
        assert!(!compiled.admits_method(refused), "{refused:?}");
    }
    assert!(compiled.admits_operation(Some("token.read")) && compiled.admits_operation(Some("jobs.run-now")));
    for refused in [None, Some(""), Some("token"), Some("token.read.all"), Some("Token.Read"), Some("token.grant")] {
        assert!(!compiled.admits_operation(refused), "{refused:?}");
    }
    let none = Compiled::new(&Conditions::default()).unwrap();
    assert!(none.admits_method(None) && none.admits_operation(None) && none.admits_path(None));
    assert!(none.admits_referrer(None) && none.admits_address(None) && none.admits_method(Some("any")));

    for bad in ["", "GE T", "GET,POST", "G\u{c9}T", "GET\n", "(GET)", "GET/1", &"x".repeat(33)] {
        assert_eq!(refusal(Conditions { methods: list(&[bad]), ..Conditions::default() }).0, "methods", "{bad:?}");
    }
    for bad in [
        "",
        "token",
        "token.",
        ".read",
        "token..read",
        "Token.read",
        "token.re ad",
        "to-ken.read",
        "token.read\n",
        "token.*",
        "token/read",
        &format!("token.{}", "x".repeat(59)),
    ] {
        let (about, _) = refusal(Conditions { operations: list(&[bad]), ..Conditions::default() });
        assert_eq!(about, "operations", "{bad:?}");
    }
    let longest = format!("token.{}", "x".repeat(58));
    assert!(check(&Conditions { operations: vec![longest], ..Conditions::default() }).is_ok());
    let methods = |count: usize| Conditions {
        methods: (0..count).map(|number| format!("M{number}")).collect(),
        ..Conditions::default()
    };
    assert!(check(&methods(16)).is_ok() && refusal(methods(17)).0 == "methods");
    let operations = |count: usize| Conditions {
        operations: (0..count).map(|number| format!("job.n{number}")).collect(),
        ..Conditions::default()
    };
    assert!(check(&operations(64)).is_ok() && refusal(operations(65)).0 == "operations");
}

#[test]
fn numbers_and_roles_are_bounded() {
    let uses = |uses: u64| Conditions { uses: Some(uses), ..Conditions::default() };
    assert!(check(&uses(1)).is_ok() && check(&uses(1 << 53)).is_ok());
    for bad in [0, (1 << 53) + 1, u64::MAX] {
        assert_eq!(check(&uses(bad)).unwrap_err().subject(), Some("uses"));
    }
    let rate = |uses: u32, period_seconds: u32| Conditions {
        rate_limit: Some(RateLimit { uses, period_seconds }),
        ..Conditions::default()
    };
    assert!(check(&rate(1, 1)).is_ok() && check(&rate(1_000_000, 86_400)).is_ok());
    for (uses, period) in [(0, 1), (1, 0), (1_000_001, 1), (1, 86_401)] {
        assert_eq!(check(&rate(uses, period)).unwrap_err().subject(), Some("rateLimit"));
    }
    let roles = |names: Vec<String>| Conditions { required_roles: names, ..Conditions::default() };
    let normal = check(&roles(vec!["reader".into(), "Auditor".into(), "READER".into()])).unwrap();
    assert_eq!(normal.required_roles, ["Auditor", "reader"]);
    let (_, value) = opaque::mint("tsr").unwrap();
    let value = String::from_utf8(value.as_bytes().to_vec()).unwrap();
    for bad in [vec![String::new()], vec!["a\nb".into()], vec![value.clone()], vec!["Reader".into(); 65]] {
        let error = check(&roles(bad)).unwrap_err();
        assert_eq!(error.subject(), Some("requiredRoles"));
        assert!(!error.message().contains(&value));
    }
    assert!(check(&roles((0..64).map(|number| format!("role {number}")).collect())).is_ok());
}

#[test]
fn nothing_stays_nothing() {
    let empty = Conditions { subject: Some(String::new()), referrer: Some(String::new()), ..Conditions::default() };
    assert!(check(&empty).unwrap().is_none());
    let compiled = Compiled::new(&empty).unwrap();
    assert!(compiled.admits_path(None) && compiled.admits_referrer(None));
}

fn endpoint(methods: &[&str], path: &str) -> Endpoint {
    Endpoint { methods: methods.iter().map(|&method| method.to_owned()).collect(), path: path.to_owned() }
}

/// The AppNeta document's example: tokens may call the path endpoint, and not the observer endpoint.
#[test]
fn a_denied_endpoint_is_matched_when_in_doubt() {
    let matches = |pattern: &str, path: &str| {
        let compiled = CompiledEndpoint::new(&endpoint(&[], pattern)).unwrap();
        compiled.matches(Some("GET"), &format!("https://host.example{path}"))
    };
    for (pattern, path) in [
        ("/api/v3/observer", "/api/v3/observer"),
        ("/api/v3/observer", "/api/v3/observer/"),
        ("/api/v3/observer", "//api/v3//observer?a=b"),
        ("/api/v3/observer", "/api/v3/path/../observer"),
        ("/api/v3/observer", "/API/V3/Observer"),
        ("/api/v3/observer", "/api/v3/%6Fbserver"),
        ("/api/v3/observer", "/api/v3/observer."),
        ("/api/v3/observer", "/api/v3/observer%20"),
        ("/api/v3/observer", "/api/v3/\u{ff4f}bserver"),
        ("/api/v3/observer/**", "/api/v3/observer"),
        ("/api/v3/observer/**", "/api/v3/observer/7/8"),
        ("/api/*/observer", "/api/v4/observer"),
        ("/stra\u{df}e", "/STRASSE"),
        ("/a$b", "/a%24b"),
        ("/%2A", "/*"),
        ("/**", "/"),
        ("/**", "/any/path"),
        ("/", ""),
    ] {
        assert!(matches(pattern, path), "{path} of {pattern}");
    }
    for (pattern, path) in [
        ("/api/v3/observer", "/api/v3/path"),
        ("/api/v3/observer", "/api/v3/observer/7"),
        ("/api/v3/observer", "/api/v3/observers"),
        ("/api/v3/observer", "/api/v3"),
        ("/api/v3/observer", "/v2/api/v3/observer"),
        ("/api/v3/observer", "/?/api/v3/observer"),
        ("/api/*/observer", "/api/observer"),
        ("/api/*/observer", "/api/v3/v4/observer"),
        ("/api/*", "/api"),
        ("/*/**", "/"),
        ("/%2A", "/a"),
        ("/", "/a"),
    ] {
        assert!(!matches(pattern, path), "{path} of {pattern}");
    }
    // What servers read differently could be any endpoint.
    for path in [
        "/other/%2e%2e%2f",
        "/other;a=b",
        "/other\\",
        "/%00",
        "/%zz",
        "/%c0%ae",
        "/../other",
        "/a//../other",
        "/api/v3/observer/../other",
        "/other/%2E%2e/else",
    ] {
        assert!(matches("/api/v3/observer", path), "{path}");
    }
    let compiled = CompiledEndpoint::new(&endpoint(&[], "/api/v3/observer")).unwrap();
    for uri in [
        "/api/v3/path",
        "",
        "*",
        "https:host.example/api/v3/path",
        "https://user@host.example/api/v3/path",
        "https://host.example\\api/v3/observer",
        "https://host.example\\@api/v3/path",
    ] {
        assert!(compiled.matches(Some("GET"), uri), "{uri}");
    }
}

#[test]
fn a_denied_endpoint_may_name_methods() {
    let uri = "https://host.example/session";
    let compiled = CompiledEndpoint::new(&endpoint(&["post", "GET"], "/session")).unwrap();
    for method in [None, Some("POST"), Some("post"), Some("GET"), Some("HEAD"), Some("head"), Some(""), Some("PO ST")] {
        assert!(compiled.matches(method, uri), "{method:?}");
    }
    for method in ["PUT", "DELETE", "OPTIONS"] {
        assert!(!compiled.matches(Some(method), uri), "{method}");
    }
    assert!(!compiled.matches(Some("POST"), "https://host.example/other"));
    assert!(!CompiledEndpoint::new(&endpoint(&["POST"], "/session")).unwrap().matches(Some("HEAD"), uri));
}

#[test]
fn bad_patterns_are_refused() {
    let (_, value) = opaque::mint("tsr").unwrap();
    let value = format!("/{}", String::from_utf8(value.as_bytes().to_vec()).unwrap());
    for bad in [
        "",
        "api",
        "https://host.example/api",
        "/a*",
        "/a/**/b",
        "/***",
        "/a/../b",
        "/%2e%2e",
        "/a;b",
        "/a\\b",
        "/a?b",
        "/a#b",
        "/a b",
        "/%2f",
        "/%",
        &format!("/{}", "x".repeat(2_048)),
        &value,
    ] {
        let error = check_endpoint(&endpoint(&[], bad)).unwrap_err();
        assert_eq!(error.subject(), Some("deniedEndpoints"), "{bad}");
        assert!(!error.message().contains(&value), "{bad}: {error}");
    }
    assert!(check_endpoint(&endpoint(&["G ET"], "/a")).is_err());
    let normal = check_endpoint(&endpoint(&["post", "GET", "POST"], "/a/*/**")).unwrap();
    assert_eq!(normal, endpoint(&["GET", "POST"], "/a/*/**"));
}
