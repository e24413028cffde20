use proptest::prelude::*;

use super::*;

#[test]
fn values_are_read_as_they_stand() {
    let text = r#"{"z":1,"a":-2,"m":[true,false,null,"x\ny"],"f":1.0,"big":18446744073709551615}"#;
    let object = parse_object(text.as_bytes()).unwrap();
    assert_eq!(object.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["z", "a", "m", "f", "big"]);
    assert_eq!(object.get("z"), Some(&Value::Integer(Integer::NonNegative(1))));
    assert_eq!(object.get("a"), Some(&Value::Integer(Integer::Negative(-2))));
    assert_eq!(object.get("f"), Some(&Value::Fraction(1.0)));
    assert_eq!(object.get("big"), Some(&Value::Integer(Integer::NonNegative(u64::MAX))));
    assert_eq!(object.to_text(), text);
}

#[test]
fn only_whole_numbers_in_64_bits_are_integers() {
    let number = |text: &str| match parse(text.as_bytes()) {
        Ok(Value::Integer(integer)) => integer.as_i64(),
        Ok(Value::Fraction(_)) => None,
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(number("0"), Some(0));
    assert_eq!(number("9223372036854775807"), Some(i64::MAX));
    assert_eq!(number("-9223372036854775808"), Some(i64::MIN));
    for text in ["9223372036854775808", "18446744073709551616", "-9223372036854775809", "1.0", "1e3", "-0", "0.0"] {
        assert_eq!(number(text), None, "{text}");
    }
}

#[test]
fn members_that_come_twice_are_refused_at_any_level() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"b":2,"a":3}"#,
        r#"{"exp":1,"\u0065xp":2}"#,
        r#"{"\u0065xp":1,"e\u0078p":2}"#,
        r#"{"x":{"a":1,"a":2}}"#,
        r#"[{"a":1},{"b":[{"c":1,"c":2}]}]"#,
        r#"{"":1,"":2}"#,
        r#"{"\ud83d\ude00":1,"😀":2}"#,
    ] {
        assert_eq!(parse(text.as_bytes()), Err(Refusal::DuplicateMember), "{text}");
    }
    assert!(parse(r#"{"a":{"a":{"a":1}},"A":1}"#.as_bytes()).is_ok());
}

#[test]
fn depth_and_members_are_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(nested(16).as_bytes()).is_ok());
    assert_eq!(parse(nested(17).as_bytes()), Err(Refusal::TooDeep));
    let objects = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    assert!(parse(objects(16).as_bytes()).is_ok());
    assert_eq!(parse(objects(17).as_bytes()), Err(Refusal::TooDeep));

    let members = |count: usize| {
        let members: Vec<String> = (0..count).map(|number| format!(r#""m{number}":0"#)).collect();
        format!("{{{}}}", members.join(","))
    };
    assert!(parse(members(256).as_bytes()).is_ok());
    assert_eq!(parse(members(257).as_bytes()), Err(Refusal::TooManyMembers));
    let split = format!(r#"[{},{}]"#, members(128), members(129));
    assert_eq!(parse(split.as_bytes()), Err(Refusal::TooManyMembers));
}

#[test]
fn bombs_are_refused_on_a_small_stack() {
    let bombs = ["[".repeat(10_000), r#"{"a":"#.repeat(10_000), format!(r#"{{"a":{}"#, "[".repeat(1_000_000))];
    let thread = std::thread::Builder::new()
        .stack_size(128 * 1_024)
        .spawn(move || bombs.iter().all(|bomb| parse(bomb.as_bytes()) == Err(Refusal::TooDeep)));
    assert!(thread.unwrap().join().unwrap());
}

#[test]
fn everything_else_is_not_json() {
    let texts: [&[u8]; 57] = [
        b"",
        b" ",
        b" {}",
        b"{} ",
        b"\n{}",
        b"{}\n",
        b"\xEF\xBB\xBF{}",
        b"{}\0",
        b"{}{}",
        b"{}x",
        b"{",
        b"}",
        b"[",
        b"{,}",
        b"{\"a\":1,}",
        b"{\"a\"}",
        b"{\"a\":}",
        b"{a:1}",
        b"{'a':1}",
        b"{\"a\":1 \"b\":2}",
        b"{1:1}",
        b"{null:1}",
        b"[1,]",
        b"[,1]",
        b"[1 2]",
        b"[1",
        b"[\"a\"",
        b"01",
        b"+1",
        b".5",
        b"1.",
        b"1e",
        b"1e+",
        b"-",
        b"--1",
        b"0x1",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1e999",
        b"True",
        b"nul",
        b"undefined",
        b"'a'",
        b"\"",
        b"\"\n\"",
        b"\"\0\"",
        b"\"\\x\"",
        b"\"\\u12\"",
        b"\"\\ud800\"",
        b"\"\\udc00\"",
        b"\"\\ud800\\u0041\"",
        b"\"\xFF\"",
        b"\"\xED\xA0\x80\"",
        b"\"\xC0\xAF\"",
        b"/**/{}",
        b"{}//",
    ];
    for text in texts {
        assert_eq!(parse(text), Err(Refusal::NotJson), "{:?}", String::from_utf8_lossy(text));
    }
    assert_eq!(parse(br#"{"unused":"\ud800"}"#), Err(Refusal::NotJson), "a lone surrogate anywhere");
    assert_eq!(parse(br#"{"\udead":1}"#), Err(Refusal::NotJson), "or in a name");
    for text in ["[]", "1", "null", "\"a\""] {
        assert_eq!(parse_object(text.as_bytes()), Err(Refusal::NotJson), "no object: {text}");
    }
}

#[test]
fn members_can_be_set_and_removed() {
    let mut object = parse_object(br#"{"a":1,"b":2}"#).unwrap();
    object.set("a", Value::Null);
    object.set("c", Value::Boolean(true));
    assert_eq!(object.to_text(), r#"{"a":null,"b":2,"c":true}"#);
    assert_eq!(object.remove("b"), Some(Value::Integer(Integer::NonNegative(2))));
    assert_eq!(object.remove("b"), None);
    assert_eq!((object.len(), object.is_empty()), (2, false));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any name written with any mix of escapes is the same name.
    #[test]
    fn duplicates_are_found_through_escapes(name in "[ -~é☃😀]{0,8}", mask in any::<u32>()) {
        let escaped: String = name
            .chars()
            .enumerate()
            .map(|(index, character)| {
                if mask >> (index % 32) & 1 == 1 || matches!(character, '"' | '\\') {
                    let mut units = [0; 2];
                    character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect()
                } else {
                    character.to_string()
                }
            })
            .collect();
        let plain = serde_json::to_string(&name).unwrap();
        let text = format!("{{{plain}:1,\"other\":2,\"{escaped}\":3}}");
        prop_assert_eq!(parse(text.as_bytes()), Err(Refusal::DuplicateMember));
    }

    #[test]
    fn nothing_makes_it_panic(text in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = parse(&text);
    }
}

/// Texts that are plain, or nearly.
fn nearly_plain() -> impl Strategy<Value = String> {
    let name = prop_oneof!["[a-c]{0,2}", "iss|sub|aud|exp|jti", "[ -~]{0,6}", "\\PC{0,3}"];
    let number = prop_oneof!["[0-9]{1,20}", "-?[0-9]{1,3}(\\.[0-9])?(e[0-9])?"];
    let string = "[ -~]{0,8}".prop_map(|text| format!("\"{text}\""));
    let escaped = "[a-z]{0,3}(\\\\[nu\"])?(00e9)?\t?".prop_map(|text| format!("\"{text}\""));
    let array = proptest::collection::vec(prop_oneof![string.clone(), number.clone().boxed()], 0..3)
        .prop_map(|values| format!("[{}]", values.join(",")));
    let word = prop_oneof![Just("true"), Just("false"), Just("null"), Just("nul"), Just("{}"), Just("{\"a\":1}")];
    let value = prop_oneof![4 => string, 4 => number, 1 => escaped, 2 => array, 1 => word.prop_map(str::to_owned)];
    let members = proptest::collection::vec((name, value), 0..14);
    (members, "[ ,}{]{0,1}").prop_map(|(members, tail)| {
        let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}{tail}", members.join(","))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn the_plain_reader_reads_nothing_in_another_way(text in nearly_plain(), at in any::<prop::sample::Index>(), byte in 0_u8..128) {
        let mut torn = text.clone().into_bytes();
        torn[at.index(text.len())] = byte;
        for text in [Some(text), String::from_utf8(torn).ok()].into_iter().flatten() {
            if let Some(object) = plain::object(&text) {
                prop_assert_eq!(parse_strictly(&text), Ok(Value::Object(object)), "{}", text);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn members_are_written_as_serde_json_writes_them(
        members in proptest::collection::vec(("\\PC{0,12}", "[ -~]{0,20}|[\0-\u{ff}]{0,20}|[a-z]{0,24}"), 1..5),
        number in any::<i64>(),
        fraction in any::<f64>(),
    ) {
        let mut object = Object::default();
        for (name, text) in &members {
            object.set(name.as_str(), Value::String(Cow::Borrowed(text)));
        }
        let integer = u64::try_from(number).map_or(Integer::Negative(number), Integer::NonNegative);
        let values = vec![Value::Integer(integer), Value::Fraction(fraction), Value::Null, Value::Object(object.clone())];
        object.set("array", Value::Array(values));
        object.set("boolean", Value::Boolean(true));
        let mut text = Vec::new();
        let count = write_object(object.iter(), &mut text);
        prop_assert_eq!(String::from_utf8(text).unwrap(), serde_json::to_string(&object).unwrap());
        // Those of the object in the array too.
        prop_assert_eq!(count, object.len() * 2 - 2);
    }
}

#[test]
fn each_character_that_needs_it_is_escaped_wherever_it_stands() {
    for byte in 0..=0x7f_u8 {
        for length in 1..20 {
            for place in 0..length {
                let mut text = vec![b'a'; length];
                text[place] = byte;
                let text = String::from_utf8(text).unwrap();
                let is_to_be_escaped = byte < b' ' || byte == b'"' || byte == b'\\';
                let mut written = Vec::new();
                write_string(&text, &mut written);
                assert_eq!(written.len() > length + 2, is_to_be_escaped, "{byte} at {place} of {length}");
                assert_eq!(written, serde_json::to_vec(&text).unwrap(), "{byte} at {place} of {length}");
            }
        }
    }
    let text = "\u{7f}\u{80}ÿé☃😀 and much more of the same ÿé☃😀";
    assert_eq!(Object::default().to_text(), "{}");
    let mut written = Vec::new();
    write_string(text, &mut written);
    assert_eq!(written, format!("\"{text}\"").into_bytes());
}

#[test]
fn what_tokens_say_is_plain() {
    for text in [
        "{}",
        r#"{"alg":"HS256","typ":"at+jwt","kid":"k1"}"#,
        r#"{"iss":"https://issuer.example","aud":["a","b"],"exp":1700003600,"admin":false,"x":null,"é":"é"}"#,
    ] {
        assert_eq!(plain::object(text).map(Value::Object), Some(parse_strictly(text).unwrap()), "{text}");
    }
    let many = |count: usize| {
        let members: Vec<String> = (0..count).map(|number| format!("\"m{number}\":0")).collect();
        format!("{{{}}}", members.join(","))
    };
    assert!(plain::object(&many(256)).is_some());
    for text in [
        &many(257),
        r#"{"a":1,"a":2}"#,
        r#"{"a":01}"#,
        r#"{"a":1234567890123456789}"#,
        r#"{"a":-1}"#,
        r#"{"a":1.0}"#,
        r#"{"a":"\n"}"#,
        r#"{"a":{}}"#,
        r#"{"a":[1]}"#,
        r#"{"a": 1}"#,
        r#"{"a":1,}"#,
        r#"{"a":1"#,
        r#"{"a"}"#,
        r#"{"a":1}}"#,
        r#"{"a":tru}"#,
        "{\"a\":\"\u{1f}\"}",
        "[]",
        "",
    ] {
        assert_eq!(plain::object(text), None, "{text}");
    }
}
