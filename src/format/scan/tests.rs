use std::collections::{BTreeMap, VecDeque};
use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::crypto::random::BASE62;

/// What a scan finds, in the order of the text.
type Findings = Vec<(u64, u64, CandidateKind, String)>;

fn findings(scanner: &mut Scanner, stream: impl Read) -> Findings {
    let mut found = Findings::new();
    scanner
        .scan(stream, |candidate| {
            let value = String::from_utf8(candidate.value.as_bytes().to_vec()).unwrap();
            found.push((candidate.offset, candidate.line, candidate.kind, value));
        })
        .unwrap();
    found.sort_by(|left, right| (left.0, &left.3).cmp(&(right.0, &right.3)));
    found
}

fn scan(text: impl AsRef<[u8]>) -> Findings {
    findings(&mut Scanner::new(Patterns::default()), text.as_ref())
}

/// Offset and value of what is found.
fn places(text: impl AsRef<[u8]>) -> Vec<(u64, String)> {
    scan(text).into_iter().map(|(offset, _, _, value)| (offset, value)).collect()
}

/// A value from its prefix, id and secret, as the format's description has it.
fn opaque_value(unchecked: &str) -> String {
    let mut number = crc32fast::hash(unchecked.as_bytes());
    let mut check = VecDeque::new();
    for _ in 0..6 {
        check.push_front(char::from(BASE62[(number % 62) as usize]));
        number /= 62;
    }
    unchecked.chars().chain(check).collect()
}

fn opaque_one() -> String {
    opaque_value("tsr_0123456789ABabcdefghijklmnopqrstuvwxyzABCDEF")
}

fn jwt_of(header: &str, payload: &str, signature_characters: usize) -> String {
    let encode = |text: &str| base64url::encode(text.as_bytes());
    format!("{}.{}.{}", encode(header), encode(payload), "s-_Z".repeat(342)[..signature_characters].to_owned())
}

fn jwt_one() -> String {
    jwt_of(r#"{"alg":"ES256","typ":"at+jwt","kid":"k1"}"#, r#"{"jti":"0123456789AB"}"#, 86)
}

fn little_endian(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn big_endian(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// As ColdFusion and other programs encode that leave only letters and digits as they are.
fn percent_encoded(text: &str) -> String {
    text.replace('_', "%5F").replace('.', "%2e").replace('-', "%2D")
}

#[test]
fn values_are_found_whatever_stands_around_them() {
    let surroundings = [
        ("", ""),
        ("token=", ";"),
        ("\"", "\""),
        ("'", "'"),
        ("Authorization: Bearer ", "\r\n"),
        ("{\"token\":\"", "\\n\"}"),
        ("https://example/?access_token=", "&next=1"),
        ("https://example/?state=token%3D", "%26next%3D1"),
        ("https://example/?state=token%3d", "%3b"),
        ("https://example/#", "."),
        ("XY", "\u{e9}"),
        ("\u{e9}", "-----END"),
        ("\0\0\u{1}", "\0\0\u{ff}"),
        (" .._%_%.", "._%"),
        ("%", "%"),
        ("%ab", "%ab"),
        ("eyJ", "."),
        ("\u{feff}", "\u{2028}"),
    ];
    for value in [opaque_one(), jwt_one()] {
        for (before, after) in surroundings {
            let text = format!("{before}{value}{after}");
            let found = places(&text);
            // Nothing marks the end of a signature, so what could be more of it comes with it.
            let run_on = if value.contains('.') { after.len() - after.trim_start_matches('-').len() } else { 0 };
            let run_on = if run_on > 0 { after } else { "" };
            assert_eq!(found, [(before.len() as u64, format!("{value}{run_on}"))], "{before:?} {after:?}");
        }
    }
}

#[test]
fn an_opaque_value_is_found_between_characters_of_its_own_alphabet() {
    for prefix in ["t", "tsr", "a_b", "_", "abcdefghijklmnop", "ab", "5f"] {
        let value = opaque_value(&format!("{prefix}_0123456789AB00000000000000000000000000000000"));
        for before in ["a", "abc_", "0_", "%", "%5", "abcdefghijklmnopqrstuvwxyz_0123456789_"] {
            for after in ["a", "_", "0000", "_tsr_"] {
                assert_eq!(places(format!("{before}{value}{after}")), [(before.len() as u64, value.clone())]);
            }
        }
        assert_eq!(places(format!("{value}{value}")).len(), 2);
    }
}

#[test]
fn sixty_four_values_in_a_line_are_sixty_four() {
    let value = |number: usize| opaque_value(&format!("tsr_{number:012}abcdefghijklmnopqrstuvwxyzABCDEF"));
    for separator in ["", " ", ","] {
        let line: Vec<String> = (0..64).map(value).collect();
        let found = scan(format!("first\r\n{}\n", line.join(separator)));
        let expected: Vec<_> = line
            .into_iter()
            .enumerate()
            .map(|(number, value)| (7 + (number * (54 + separator.len())) as u64, 2, CandidateKind::Opaque, value))
            .collect();
        assert_eq!(found, expected);
    }
    let tokens = jwt_one() + " ";
    assert_eq!(scan(tokens.repeat(64)).len(), 64);
}

#[test]
fn a_value_that_the_end_of_the_file_cuts_is_none() {
    let (opaque, jwt) = (opaque_one(), jwt_one());
    assert_eq!(places(&opaque).len(), 1);
    for length in 0..opaque.len() {
        assert_eq!(places(&opaque[..length]), [], "the first {length}");
        assert_eq!(places(&opaque[length + 1..]), [], "without the first {}", length + 1);
        let little = little_endian(&opaque);
        assert_eq!(places(&little[..2 * length]), [], "the first {length} in UTF-16");
    }
    // All but the last zero, which says nothing.
    let little = little_endian(&opaque);
    assert_eq!(places(&little[..little.len() - 1]).len(), 1);

    let signature = jwt.rfind('.').unwrap() + 1;
    for length in 0..=signature {
        assert_eq!(places(&jwt[..length]), [], "the first {length}");
    }
    // A signature has no length of its own: the key tells that this one lacks something.
    assert_eq!(places(&jwt[..signature + 1]).len(), 1);
}

#[test]
fn any_changed_character_makes_it_another_text() {
    let value = opaque_one();
    for place in 0..value.len() {
        for other in [b'0', b'Z', b'q', b'_', b'.', b'%', b' ', 0, b'\n'] {
            let mut changed = value.clone().into_bytes();
            if changed[place] != other {
                changed[place] = other;
                assert_eq!(places(&changed), [], "{place} as {other}");
            }
        }
    }
}

#[test]
fn values_in_utf_16_are_found_in_both_orders_and_at_any_offset() {
    // Among others a letter of which the bytes are those of a line feed and of an underscore.
    let (opaque, jwt) = (opaque_one(), jwt_one());
    let text = format!("one \u{a0a}\u{5f5f}\r\ntwo={opaque};\n\u{a00}\n'{jwt}'\u{10a}\n{}\n", percent_encoded(&opaque));
    let values = [opaque.clone(), jwt.clone(), opaque.clone()];
    for (mark, encode) in [([0xFF, 0xFE], little_endian as fn(&str) -> Vec<u8>), ([0xFE, 0xFF], big_endian)] {
        let bytes = [&mark[..], &encode(&text)].concat();
        let found = scan(&bytes);
        assert_eq!(found.iter().map(|found| found.3.clone()).collect::<Vec<_>>(), values);
        assert_eq!(found.iter().map(|found| found.1).collect::<Vec<_>>(), [2, 4, 5]);
        for (offset, _, _, value) in &found {
            let place = usize::try_from(*offset).unwrap();
            let first = [bytes[place], bytes[place ^ 1]];
            assert!(first.contains(&value.as_bytes()[0]) && first.contains(&0));
        }
        for shift in 0..4 {
            let shifted = [&vec![b'#'; shift][..], &encode(&text)].concat();
            let found: Vec<String> = scan(&shifted).into_iter().map(|found| found.3).collect();
            assert_eq!(found, values, "without a byte order mark, {shift} bytes later");
        }
    }
}

#[test]
fn values_are_read_through_percent_encoding() {
    for value in [opaque_one(), jwt_one(), opaque_value("a_b__0123456789AB00000000000000000000000000000000")] {
        let encoded = percent_encoded(&value);
        for text in [format!("?a={encoded}&b=c"), format!("?a%3D{encoded}%26b")] {
            let offset = text.find(&encoded).unwrap() as u64;
            assert_eq!(places(&text), [(offset, value.clone())]);
            let wide = places(little_endian(&text));
            assert_eq!(wide, [(2 * offset, value.clone())]);
        }
    }
    // Only the dashes, as some do.
    let jwt = jwt_one();
    assert_eq!(places(jwt.replace('-', "%2d")), [(0, jwt)]);
}

#[test]
fn jwts_are_known_by_their_header() {
    let found = |header: &str| places(jwt_of(header, "{}", 43)).len();
    for header in [
        r#"{"alg":""}"#,
        r#"{"alg":"none"}"#,
        r#"{"typ":"JWT","alg":"HS256"}"#,
        r#"{ "alg" : "RS256" }"#,
        "{\r\n\t\"alg\": \"RS256\"\n}",
        r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#,
        r#"{"\u0061lg":"HS256"}"#,
        r#"{"kid":"é","alg":"HS256"}"#,
    ] {
        // Each length of the key id gives another of the three last characters that a header can have.
        assert_eq!(found(header), 1, "{header}");
        for text in [" ", "  ", "   "] {
            assert_eq!(found(&header.replacen(':', &format!("{text}:"), 1)), 1, "{header}");
        }
    }
    for header in [
        "{}",
        r#"{"alg":5}"#,
        r#"{"alg":null}"#,
        r#"{"typ":"JWT"}"#,
        r#"["alg"]"#,
        r#""alg""#,
        r#"{"alg":"HS256""#,
        r#"{"alg":"HS256"}}"#,
        r#"{"alg":"HS256","alg":"HS256"}"#,
    ] {
        assert_eq!(found(header), 0, "{header}");
    }
}

#[test]
fn jwts_are_three_parts_of_at_most_8192_bytes() {
    let jwt = jwt_one();
    let (header, rest) = jwt.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    for text in [
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        format!("{header} .{payload}.{signature}"),
        format!("{header}.{payload} .{signature}"),
        format!("{header}.{payload}. {signature}"),
        format!("{header}=.{payload}.{signature}"),
    ] {
        assert_eq!(places(&text), [], "{text}");
    }
    // Four parts: the first three are of the shape.
    assert_eq!(places(format!("{jwt}.more")), [(0, jwt.clone())]);
    // A header in a payload's place: two shapes.
    assert_eq!(places(format!("{header}.{header}.{payload}.{signature}")).len(), 2);

    let of_length = |length: usize| format!("{header}.{}.{signature}", "p".repeat(length - jwt.len() + payload.len()));
    assert_eq!(places(of_length(8_192)), [(0, of_length(8_192))]);
    assert_eq!(places(of_length(8_193)), [(0, of_length(8_193)[..8_192].to_owned())]);
    assert_eq!(places(of_length(8_192 + 86)), []);

    // The longest signature, that of an RSA key of 8,192 bits, and what is beyond it.
    let longest = format!("{header}.{payload}.{}", "s".repeat(1_366));
    assert_eq!(places(&longest), [(0, longest.clone())]);
    assert_eq!(places(longest.clone() + "s"), [(0, longest)]);

    // The longest header: 1,024 bytes.
    let long = |bytes: usize| jwt_of(&format!(r#"{{"alg":"HS256","kid":"{}"}}"#, "k".repeat(bytes - 24)), "{}", 43);
    assert_eq!(places(long(1_024)), [(0, long(1_024))]);
    assert_eq!(places(long(1_025)), []);
}

#[test]
fn a_jwt_is_found_right_behind_characters_of_its_alphabet() {
    let jwt = jwt_one();
    for length in 0..10 {
        for filler in ["A", "_", "e", "9", "eyJ"] {
            let before = &filler.repeat(10)[..length];
            assert_eq!(places(format!("{before}{jwt}")), [(length as u64, jwt.clone())], "{before}");
        }
    }
    assert_eq!(places(format!("{}{jwt}", "A".repeat(5_000))), [(5_000, jwt)]);
}

#[test]
fn only_the_prefixes_asked_for_are_given() {
    let value = |prefix: &str| opaque_value(&format!("{prefix}_0123456789AB00000000000000000000000000000000"));
    let text = format!("{} {} {} {}", value("tsr"), value("mine"), value("xtsr"), jwt_one());
    let found = |prefixes: &[&str]| {
        let prefixes = Some(prefixes.iter().map(|prefix| (*prefix).to_owned()).collect());
        let mut scanner = Scanner::new(Patterns { prefixes, foreign_prefixes: Vec::new() });
        findings(&mut scanner, text.as_bytes()).into_iter().map(|found| found.3).collect::<Vec<_>>()
    };
    assert_eq!(found(&[]), [jwt_one()]);
    assert_eq!(found(&["mine"]), [value("mine"), jwt_one()]);
    assert_eq!(found(&["tsr", "none"]), [value("tsr"), jwt_one()]);
}

#[test]
fn values_of_other_systems_are_found_by_how_they_begin() {
    let patterns = Patterns { prefixes: None, foreign_prefixes: vec![String::new(), "ghx_".into(), "k:".into()] };
    let mut scanner = Scanner::new(patterns);
    let mut found = |text: &[u8]| -> Vec<(u64, CandidateKind, String)> {
        let found = findings(&mut scanner, text);
        found.into_iter().map(|(offset, _, kind, value)| (offset, kind, value)).collect()
    };
    let foreign = |offset, value: &str| (offset, CandidateKind::Foreign, value.to_owned());
    assert_eq!(found(b"token=ghx_Abc-9~+/.=; k: k:1\n"), [foreign(6, "ghx_Abc-9~+/.="), foreign(25, "k:1")]);
    assert_eq!(found(b"?a=ghx_A%2Bb%3D%26c"), [foreign(3, "ghx_A+b=")]);
    assert_eq!(found(b"ghx_ ghx"), []);
    assert_eq!(found(b"ghx_1/ghx_2"), [foreign(0, "ghx_1/ghx_2"), foreign(6, "ghx_2")]);
    for encode in [little_endian, big_endian] {
        let found = found(&encode("a ghx_b c k:1"));
        assert_eq!(found.iter().map(|found| found.2.as_str()).collect::<Vec<_>>(), ["ghx_b", "k:1"]);
    }
    let long = "ghx_".to_owned() + &"x".repeat(20_000);
    assert_eq!(found(long.as_bytes()), [foreign(0, &long[..8_192])]);
}

#[test]
fn lines_are_counted_by_line_feeds() {
    let value = opaque_one();
    for (text, line) in [
        (value.clone(), 1),
        (format!("\n{value}"), 2),
        (format!("a\r\nb\r\n{value}\r\n"), 3),
        (format!("a\rb\r{value}"), 1),
        (format!("{}{value}", "\n".repeat(100_000)), 100_001),
    ] {
        assert_eq!(scan(&text)[0].1, line);
    }
    // A JWT begins before an opaque value that is noticed first: the count goes back.
    let nested = jwt_of(&format!(r#"{{"alg":"{value}"}}"#), "{}", 43);
    let text = format!("\n{value}\n{nested}\n{value}");
    assert_eq!(scan(&text).iter().map(|found| found.1).collect::<Vec<_>>(), [2, 3, 4]);
}

#[test]
fn a_huge_line_of_anything_takes_no_more_than_the_window() {
    const LENGTH: u64 = 6 * 1024 * 1024;
    let value = opaque_one();
    let mut scanner = Scanner::new(Patterns::default());
    for filler in [b'a', b'_', b'.', b'%', 0, b'9'] {
        let line = io::repeat(filler).take(LENGTH / if filler == 0 { 1 } else { 4 });
        let length = line.limit();
        let found = findings(&mut scanner, line.chain(Cursor::new(format!("-{value}-{value}"))));
        assert_eq!(found.iter().map(|found| found.0).collect::<Vec<_>>(), [length + 1, length + 56], "{filler}");
        assert!(found.iter().all(|found| found.1 == 1));
        assert_eq!(scanner.window.len(), WINDOW_BYTES);
    }
}

#[test]
fn a_failure_of_the_stream_is_told_and_takes_nothing_back() {
    struct Failing(VecDeque<io::Result<Vec<u8>>>);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(next) = self.0.pop_front() else { return Ok(0) };
            let bytes = next?;
            buffer[..bytes.len()].copy_from_slice(&bytes);
            Ok(bytes.len())
        }
    }
    let value = opaque_one();
    let (first, second) = value.split_at(20);
    let stream = |failure: io::ErrorKind| {
        let (first, second) = (first.as_bytes().to_vec(), second.as_bytes().to_vec());
        let again = value.as_bytes().to_vec();
        Failing([Ok(first), Err(io::ErrorKind::Interrupted.into()), Ok(second), Err(failure.into()), Ok(again)].into())
    };
    let mut scanner = Scanner::new(Patterns::default());
    let mut count = 0;
    let failed = scanner.scan(stream(io::ErrorKind::TimedOut), |_| count += 1);
    assert_eq!((failed.unwrap_err().kind(), count), (io::ErrorKind::TimedOut, 1));
    // Interrupted is no failure; and nothing of the stream before is left in the window.
    count = 0;
    let read = scanner.scan(stream(io::ErrorKind::Interrupted), |_| count += 1).unwrap();
    assert_eq!((read, count), (2 * value.len() as u64, 2));
}

#[test]
fn no_candidate_shows_its_value() {
    for value in [opaque_one(), jwt_one()] {
        Scanner::new(Patterns::default())
            .scan(value.as_bytes(), |candidate| {
                let shown = format!("{candidate:?} {candidate:#?}");
                assert!(!shown.contains(&value[4..10]) && shown.contains("***"), "{shown}");
            })
            .unwrap();
    }
}

/// Gives a stream in pieces of the given lengths, over and over.
struct InPieces<'t> {
    text: &'t [u8],
    lengths: std::iter::Cycle<std::vec::IntoIter<usize>>,
}

impl<'t> InPieces<'t> {
    fn new(text: &'t [u8], lengths: Vec<usize>) -> Self {
        Self { text, lengths: lengths.into_iter().cycle() }
    }
}

impl Read for InPieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.lengths.next().unwrap().min(buffer.len()).min(self.text.len());
        let (now, rest) = self.text.split_at(length);
        buffer[..length].copy_from_slice(now);
        self.text = rest;
        Ok(length)
    }
}

const SMALLEST_WINDOW: usize = BEHIND + AHEAD + 2;

#[test]
fn a_value_is_found_at_every_place_of_the_window() {
    let mut scanner = Scanner::with_window(Patterns::default(), SMALLEST_WINDOW + 512);
    let long = jwt_of(&format!(r#"{{"alg":"ES256","kid":"{}"}}"#, "?".repeat(1_000)), &"p".repeat(5_000), 86);
    let values = [
        opaque_one().into_bytes(),
        little_endian(&opaque_one()),
        jwt_one().into_bytes(),
        big_endian(&percent_encoded(&long)),
    ];
    for value in values {
        let near = |place: usize| (place - 300..place + 300).step_by(7);
        let everywhere = (0..SMALLEST_WINDOW).step_by(503);
        for before in near(AHEAD).chain(near(SMALLEST_WINDOW)).chain(everywhere) {
            let text = [&vec![b'\n'; before][..], &value, b" "].concat();
            let found = findings(&mut scanner, &text[..]);
            assert_eq!(found.len(), 1, "{before}");
            let begin = before + usize::from(value[0] == 0);
            assert_eq!((found[0].0, found[0].1), (begin as u64, before as u64 + 1));
        }
    }
}

#[test]
fn lines_of_utf_16_are_counted_over_many_windows() {
    let value = opaque_one();
    let text: String = (0..200).map(|line| format!("{}{value}\r\n", "\u{a0a}".repeat(line * 3))).collect();
    let expected: Vec<u64> = (1..=200).collect();
    for (mark, encode) in [([0xFF, 0xFE], little_endian as fn(&str) -> Vec<u8>), ([0xFE, 0xFF], big_endian)] {
        let bytes = [&mark[..], &encode(&text)].concat();
        for more in [501, 1_000] {
            let mut scanner = Scanner::with_window(Patterns::default(), SMALLEST_WINDOW + more);
            let lines: Vec<u64> = findings(&mut scanner, &bytes[..]).into_iter().map(|found| found.1).collect();
            assert_eq!(lines, expected);
        }
    }
}

/// The reference: the text as characters in every way in which it can be read, and each place tried.
fn naive(text: &[u8]) -> Findings {
    let mut found = Findings::new();
    let line = |place: usize| 1 + text[..place].iter().filter(|byte| **byte == b'\n').count() as u64;
    for view in [bytes_of(text), pairs_of(text, 0), pairs_of(text, 1)] {
        let decoded = decoded(&view);
        for (view, is_mark) in [(&view, b'_'), (&decoded, b'%')] {
            naive_opaque(text, view, is_mark, |place, value| {
                found.push((place as u64, line(place), CandidateKind::Opaque, value));
            });
        }
        naive_jwt(&decoded, |place, value| found.push((place as u64, line(place), CandidateKind::Jwt, value)));
    }
    found.sort_by(|left, right| (left.0, &left.3).cmp(&(right.0, &right.3)));
    found
}

/// A character and its place, or something that is none.
type View = Vec<Option<(u8, usize)>>;

fn bytes_of(text: &[u8]) -> View {
    text.iter().enumerate().map(|(place, byte)| Some((*byte, place))).collect()
}

fn pairs_of(text: &[u8], parity: usize) -> View {
    let mut view = View::new();
    for place in (parity..text.len()).step_by(2) {
        view.push(Some((text[place], place)));
        if text.get(place + 1) != Some(&0) {
            view.push(None);
        }
    }
    view
}

fn decoded(view: &View) -> View {
    let mut rest = &view[..];
    let mut decoded = View::new();
    while let Some(first) = rest.first() {
        let digit = |place: usize| char::from(rest.get(place).copied().flatten()?.0).to_digit(16);
        match (first, digit(1), digit(2)) {
            (Some((b'%', place)), Some(high), Some(low)) => {
                decoded.push(Some(((high * 16 + low) as u8, *place)));
                rest = &rest[3..];
            }
            _ => {
                decoded.push(*first);
                rest = &rest[1..];
            }
        }
    }
    decoded
}

fn naive_opaque(text: &[u8], view: &View, mark: u8, mut found: impl FnMut(usize, String)) {
    for (at, entry) in view.iter().enumerate() {
        let Some((b'_', place)) = *entry else { continue };
        // Where the separator is encoded the whole value is read decoded, else as it stands.
        if text[place] != mark {
            continue;
        }
        let characters = |range: Range<usize>| -> Option<Vec<u8>> {
            view.get(range)?.iter().map(|entry| entry.map(|entry| entry.0)).collect()
        };
        // Said first only for speed: without these no prefix makes it a value.
        if !characters(at + 1..at + 51).is_some_and(|tail| tail.iter().all(u8::is_ascii_alphanumeric)) {
            continue;
        }
        for length in 1..=16_usize.min(at) {
            let Some(value) = characters(at - length..at + 51) else { continue };
            if opaque::parse(&value).is_some() {
                found(view[at - length].unwrap().1, String::from_utf8(value).unwrap());
            }
        }
    }
}

fn naive_jwt(view: &View, mut found: impl FnMut(usize, String)) {
    let run = |from: usize| {
        let characters = view[from..].iter().map_while(|entry| entry.map(|entry| entry.0));
        characters.take_while(|character| is_base64url(*character)).map(char::from).collect::<String>()
    };
    let is_dot = |at: usize| matches!(view.get(at), Some(Some((b'.', _))));
    let mut by_dot = BTreeMap::new();
    for (start, entry) in view.iter().enumerate() {
        let Some((b'e', place)) = *entry else { continue };
        let header = run(start);
        let dot = start + header.len();
        if !is_dot(dot) || header.len() > 1_366 || by_dot.contains_key(&dot) {
            continue;
        }
        let Some(bytes) = base64url::decode(header.as_bytes()) else { continue };
        let Ok(members) = json::parse_object(&bytes) else { continue };
        if !matches!(members.get("alg"), Some(Value::String(_))) {
            continue;
        }
        let payload = run(dot + 1);
        if payload.is_empty() || !is_dot(dot + 1 + payload.len()) {
            continue;
        }
        let mut signature = run(dot + 2 + payload.len());
        signature.truncate(8_192_usize.saturating_sub(header.len() + payload.len() + 2).min(1_366));
        if !signature.is_empty() {
            by_dot.insert(dot, (place, format!("{header}.{payload}.{signature}")));
        }
    }
    by_dot.into_values().for_each(|(place, value)| found(place, value));
}

/// A piece of a text in which values stand close together, and what looks like them.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let opaque = "[a-z0-9_]{1,16}_[0-9A-Za-z]{44}".prop_map(|unchecked| opaque_value(&unchecked));
    let jwt = ("[a-z]{0,9}", "[A-Za-z0-9_-]{1,90}", 1..400_usize).prop_map(|(key_id, payload, signature)| {
        jwt_of(&format!(r#"{{"alg":"ES256","kid":"{key_id}"}}"#), &payload, signature)
    });
    let long = (7_900..8_300_usize).prop_map(|length| jwt_of(r#"{"alg":"RS256"}"#, &"p".repeat(length * 3 / 4), 342));
    let value = prop_oneof![4 => opaque, 4 => jwt, 1 => long].boxed();
    let cut = (value.clone(), any::<prop::sample::Index>())
        .prop_map(|(value, end)| value[..end.index(value.len())].to_owned());
    let value = prop_oneof![6 => value, 1 => cut].boxed();
    prop_oneof![
        4 => value.clone().prop_map(String::into_bytes),
        2 => value.clone().prop_map(|value| little_endian(&value)),
        2 => value.clone().prop_map(|value| percent_encoded(&value).into_bytes()),
        1 => value.prop_map(|value| big_endian(&percent_encoded(&value))),
        2 => proptest::collection::vec(prop::sample::select(&b"_.%095FQey2EJb-\n\0 "[..]), 0..80),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
        2 => (prop::sample::select(&b"a_.9\0\n"[..]), 0..3_000_usize).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn borders_of_reads_and_of_the_window_change_nothing(
        pieces in proptest::collection::vec(piece(), 60..200),
        lengths in proptest::collection::vec(1..9_000_usize, 1..20),
        window in 0..3_000_usize,
    ) {
        let text = pieces.concat();
        let mut scanner = Scanner::with_window(Patterns::default(), SMALLEST_WINDOW + window);
        let found = findings(&mut scanner, InPieces::new(&text, lengths));
        prop_assert!(found == naive(&text), "the reference finds others");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn short_texts_are_read_as_by_the_reference(pieces in proptest::collection::vec(piece(), 1..8)) {
        let text = [&b"#"[..], &pieces.concat()].concat();
        prop_assert_eq!(findings(&mut Scanner::with_window(Patterns::default(), SMALLEST_WINDOW), &text[..]), naive(&text));
    }

    #[test]
    fn any_bytes_are_read_to_their_end(text in proptest::collection::vec(any::<u8>(), 0..4_000)) {
        let patterns = Patterns { prefixes: None, foreign_prefixes: vec!["e".into(), "%".into(), "\0".into()] };
        let mut scanner = Scanner::with_window(patterns, SMALLEST_WINDOW);
        prop_assert_eq!(scanner.scan(&text[..], |_| {}).unwrap(), text.len() as u64);
    }
}
