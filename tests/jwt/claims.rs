//! T8 and T9: the type of each claim, and JSON that readers disagree about.

use proptest::prelude::*;
use tessera_native::model::Outcome;

use crate::support::*;

/// T8: nine claims in eight JSON types each. Only what the table allows is accepted; nothing of a wrong type
/// passes for absent.
#[test]
fn every_claim_has_its_type() {
    // A claim, and which of the columns it may be: text, texts, whole number, fraction, boolean, null, empty
    // array, object. "ok" is Valid; "no" is Malformed.
    const TYPES: [&str; 8] = [r#""TEXT""#, r#"["TEXT"]"#, "1700000000", "1700000000.5", "true", "null", "[]", "{}"];
    const TABLE: [(&str, [&str; 8]); 9] = [
        ("iss", ["ok", "no", "no", "no", "no", "no", "no", "no"]),
        ("sub", ["ok", "no", "no", "no", "no", "no", "no", "no"]),
        ("aud", ["ok", "ok", "no", "no", "no", "no", "no", "no"]),
        ("exp", ["no", "no", "ok", "no", "no", "no", "no", "no"]),
        ("nbf", ["no", "no", "ok", "no", "no", "no", "no", "no"]),
        ("iat", ["no", "no", "ok", "no", "no", "no", "no", "no"]),
        ("jti", ["ok", "no", "no", "no", "no", "no", "no", "no"]),
        ("client_id", ["ok", "no", "no", "no", "no", "no", "no", "no"]),
        ("scope", ["ok", "no", "no", "no", "no", "no", "no", "no"]),
    ];
    for (name, row) in TABLE {
        for (value, expected) in TYPES.into_iter().zip(row) {
            let text = match name {
                "iss" => ISSUER,
                "aud" => AUDIENCE,
                _ => "text",
            };
            // A time that is good for exp must lie after the clock, and for the others before it.
            let number = if name == "exp" { "1700003600" } else { "1700000000" };
            let value = value.replace("TEXT", text).replace("1700000000", number);
            let token = forge(HEADER, &with_claim(name, Some(&value)), secret());
            match expected {
                "ok" => assert_eq!(outcome(&token), Outcome::Valid, "{name}: {value}"),
                _ => assert_refused(&token, Outcome::Malformed, &format!("claim {name} is not")),
            }
        }
    }
}

#[test]
fn every_required_claim_must_be_there() {
    for name in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"] {
        let token = forge(HEADER, &with_claim(name, None), secret());
        assert_refused(&token, Outcome::Malformed, &format!("claim {name} is missing"));
        for near in [name.to_ascii_uppercase(), format!("{name} "), format!("{name}\\u0000")] {
            let payload = with_member(&with_claim(name, None), &format!("\"{near}\":\"x\""));
            let token = forge(HEADER, &payload, secret());
            assert_refused(&token, Outcome::Malformed, &format!("claim {name} is missing"));
        }
    }
    assert_eq!(outcome(&forge(HEADER, &with_claim("nbf", None), secret())), Outcome::Valid, "nbf is optional");
}

#[test]
fn empty_texts_and_crowds_of_audiences_are_refused() {
    for name in ["iss", "sub", "aud", "jti", "client_id", "scope"] {
        let token = forge(HEADER, &with_claim(name, Some("\"\"")), secret());
        assert_refused(&token, Outcome::Malformed, &format!("claim {name} is not"));
    }
    let audiences = |count: usize| {
        let names: Vec<String> =
            (1..count).map(|number| format!("\"a{number}\"")).chain(["\"api\"".to_owned()]).collect();
        forge(HEADER, &with_claim("aud", Some(&format!("[{}]", names.join(",")))), secret())
    };
    assert_eq!(outcome(&audiences(16)), Outcome::Valid);
    assert_refused(&audiences(17), Outcome::Malformed, "claim aud");
    for mixed in
        [r#"["api",5]"#, r#"[5,"api"]"#, r#"["api",null]"#, r#"["api",["api"]]"#, r#"["api",""]"#, r#"{"api":1}"#]
    {
        assert_refused(&forge(HEADER, &with_claim("aud", Some(mixed)), secret()), Outcome::Malformed, "claim aud");
    }
}

/// T9: JSON that two readers understand differently, as the payload and as the header.
#[test]
fn ambiguous_json_is_refused_in_both_parts() {
    let claims = [
        with_member(PAYLOAD, r#""sub":"Eve""#),
        with_member(PAYLOAD, r#""\u0073ub":"Eve""#),
        with_member(PAYLOAD, r#""e\u0078p":4000000000"#),
        with_member(PAYLOAD, r#""role":"Reader","role":"Administrator""#),
        with_member(PAYLOAD, r#""a":{"b":1,"b":2}"#),
        with_member(PAYLOAD, r#""a":[{"b":1,"\u0062":2}]"#),
        with_member(PAYLOAD, r#""a":"\ud800""#),
        with_member(PAYLOAD, r#""a":"\udc00\ud800""#),
        with_member(PAYLOAD, r#""\udfff":1"#),
        with_member(PAYLOAD, &format!(r#""a":{}{}"#, "[".repeat(16), "]".repeat(16))),
        with_member(PAYLOAD, &format!(r#""a":{}1{}"#, r#"{"a":"#.repeat(120), "}".repeat(120))),
        with_member(PAYLOAD, &(0..250).map(|n| format!("\"m{n}\":0")).collect::<Vec<_>>().join(",")),
        with_member(PAYLOAD, r#""a":01"#),
        with_member(PAYLOAD, r#""a":+1"#),
        with_member(PAYLOAD, r#""a":.5"#),
        with_member(PAYLOAD, r#""a":NaN"#),
        with_member(PAYLOAD, r#""a":1e999"#),
        with_member(PAYLOAD, r#"'a':1"#),
        with_member(PAYLOAD, r#"/**/"a":1"#),
        with_member(PAYLOAD, "\"a\":\"\u{1}\""),
        format!("{PAYLOAD} "),
        format!("{PAYLOAD}\n"),
        format!(" {PAYLOAD}"),
        format!("\u{feff}{PAYLOAD}"),
        format!("{PAYLOAD}\0"),
        format!("{PAYLOAD}{{}}"),
        format!("{PAYLOAD}garbage"),
        format!("[{PAYLOAD}]"),
        PAYLOAD[..PAYLOAD.len() - 1].to_owned(),
        PAYLOAD.replace("}", ",}"),
        "\"text\"".to_owned(),
        "null".to_owned(),
        "5".to_owned(),
        String::new(),
    ];
    for payload in &claims {
        assert_refused(&forge(HEADER, payload, secret()), Outcome::Malformed, "payload");
    }
    let headers = [
        with_member(HEADER, r#""alg":"HS256""#),
        with_member(HEADER, r#""\u0061lg":"none""#),
        with_member(HEADER, r#""kid":"k2""#),
        with_member(HEADER, r#""x":1,"x":2"#),
        with_member(HEADER, r#""x":"\ud800""#),
        with_member(HEADER, &format!(r#""x":{}{}"#, "[".repeat(16), "]".repeat(16))),
        format!("{HEADER} "),
        format!("\u{feff}{HEADER}"),
        format!("[{HEADER}]"),
        "null".to_owned(),
        String::new(),
    ];
    for header in &headers {
        assert_refused(&forge(header, PAYLOAD, secret()), Outcome::Malformed, "header");
    }
    let invalid_utf_8 = [PAYLOAD.as_bytes(), b"\xFF"].concat();
    let signed = format!("{}.{}", encode(HEADER), encode(invalid_utf_8));
    let token = format!("{signed}.{}", secret().sign(signed.as_bytes()).unwrap());
    assert_refused(&token, Outcome::Malformed, "payload");
}

#[test]
fn bombs_are_refused() {
    let deep = with_member(PAYLOAD, &format!(r#""a":{}{}"#, "[".repeat(2_000), "]".repeat(2_000)));
    assert_refused(&forge(HEADER, &deep, secret()), Outcome::Malformed, "16 deep");
    let deeper = with_member(PAYLOAD, &format!(r#""a":{}{}"#, "[".repeat(10_000), "]".repeat(10_000)));
    assert_refused(&forge(HEADER, &deeper, secret()), Outcome::Malformed, "8,192 bytes");
    let wide = with_member(HEADER, &format!(r#""x":"{}""#, "x".repeat(1_000)));
    assert_refused(&forge(&wide, PAYLOAD, secret()), Outcome::Malformed, "1,024 bytes");
    let header_of = |length: usize| with_member(HEADER, &format!(r#""x":"{}""#, "x".repeat(length - HEADER.len() - 7)));
    assert_eq!((header_of(1_024).len(), header_of(1_025).len()), (1_024, 1_025));
    assert_eq!(outcome(&forge(&header_of(1_024), PAYLOAD, secret())), Outcome::Valid);
    assert_refused(&forge(&header_of(1_025), PAYLOAD, secret()), Outcome::Malformed, "1,024 bytes");
}

/// White space between tokens of the JSON is no ambiguity, and others write it.
#[test]
fn white_space_inside_is_accepted() {
    let spaced = |text: &str| text.replace(',', " ,\r\n\t").replace(':', ": ").replace("https: //", "https://");
    assert_eq!(outcome(&forge(&spaced(HEADER), &spaced(PAYLOAD), secret())), Outcome::Valid);
}

/// The signature is checked before anything in the payload is read.
#[test]
fn the_payload_of_an_unsigned_token_is_not_read() {
    let token = forge(HEADER, "not even JSON", &hmac(&[9; 32], Some("k1")));
    assert_refused(&token, Outcome::Unknown, "signature");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a member is called and wherever it comes again, the token is refused.
    #[test]
    fn a_member_that_comes_twice_is_refused(name in "[a-z]{1,6}", depth in 0..10_usize, gap in 0..5_usize) {
        let gap: String = (0..gap).map(|number| format!("\"G{number}\":0,")).collect();
        let object = format!(r#"{{"{name}":1,{gap}"{name}":2}}"#);
        let nested = format!("{}{object}{}", "[".repeat(depth), "]".repeat(depth));
        let token = forge(HEADER, &with_member(PAYLOAD, &format!(r#""Nested":{nested}"#)), secret());
        prop_assert_eq!(outcome(&token), Outcome::Malformed);
    }
}
