use std::io::{self, Read};

use proptest::prelude::*;

use super::*;
use crate::clock::MAXIMUM_SECONDS;
use crate::error::{Error, ErrorCode};
use crate::model::RateLimit;

const BOTH: [TransferForm; 2] = [TransferForm::JsonLines, TransferForm::Csv];

type Row = (u64, Result<TransferRecord, Error>);

// Only these tests compare what may be secret.
impl PartialEq for Credential {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Digest { digest, pepper_id }, Self::Digest { digest: digest_2, pepper_id: pepper_id_2 }) => {
                digest == digest_2 && pepper_id == pepper_id_2
            }
            (Self::Value(value), Self::Value(value_2)) => value.as_bytes() == value_2.as_bytes(),
            (Self::Foreign { digest, public_part }, Self::Foreign { digest: digest_2, public_part: public_part_2 }) => {
                digest.to_text().unwrap() == digest_2.to_text().unwrap() && public_part == public_part_2
            }
            (Self::Signature, Self::Signature) => true,
            _ => false,
        }
    }
}

fn header() -> TransferHeader {
    TransferHeader { store_id: "5b1c".into(), peppers: Some("tessera-sealed-1$a,b\"c$d".into()) }
}

fn record(identity: &str) -> TransferRecord {
    TransferRecord {
        id: None,
        profile: None,
        identity: identity.into(),
        name: None,
        roles: None,
        tags: Vec::new(),
        remark: None,
        audiences: Vec::new(),
        organizations: None,
        conditions: Conditions::default(),
        created_by: None,
        parent: None,
        created_at: None,
        not_before: None,
        expires_at: None,
        warn_after: None,
        disabled: None,
        revocation: None,
        is_decoy: false,
        key_id: None,
        format: None,
        credential: Credential::Digest { digest: [7; 32], pepper_id: 1 },
    }
}

fn written(form: TransferForm, records: &[TransferRecord]) -> Vec<u8> {
    let mut writer = TransferWriter::begin(Vec::new(), form, &header()).unwrap();
    records.iter().for_each(|record| writer.write(record).unwrap());
    writer.finish().unwrap()
}

/// A source that gives at most so many bytes at once.
struct Pieces<R> {
    source: R,
    bytes: usize,
}

impl<R: Read> Read for Pieces<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.bytes.min(buffer.len());
        self.source.read(&mut buffer[..bytes])
    }
}

fn rows(file: impl Read, form: TransferForm, capacity: usize) -> Result<(Option<TransferHeader>, Vec<Row>), Error> {
    let mut reader = TransferReader::open(Pieces { source: file, bytes: capacity }, form)?;
    let mut rows = Vec::new();
    while let Some(row) = reader.read()? {
        rows.push(row);
    }
    Ok((reader.header().cloned(), rows))
}

/// The rows of a file that has no header, in the form of JSON Lines.
fn json_rows(file: impl AsRef<[u8]>) -> Vec<Row> {
    rows(file.as_ref(), TransferForm::JsonLines, 64).unwrap().1
}

fn csv_rows(file: impl AsRef<[u8]>) -> Vec<Row> {
    rows(file.as_ref(), TransferForm::Csv, 64).unwrap().1
}

/// The lines that are good, and those that are bad with the member that is at fault.
fn summary(rows: &[Row]) -> Vec<(u64, &str)> {
    rows.iter()
        .map(|(line, row)| (*line, row.as_ref().map_or_else(|error| error.subject().unwrap(), |_| "good")))
        .collect()
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,8}", "['=+@\t\r\n\u{ff1d} -]{0,4}[^\0]{1,12}", "[;\",\r\n\\[\\]{}']{1,6}"]
}

fn any_ending() -> impl Strategy<Value = Option<Revocation>> {
    proptest::option::of(
        (0..=MAXIMUM_SECONDS, any_text(), proptest::option::of(any_text())).prop_map(|(at, by, reason)| Revocation {
            at,
            by,
            reason,
        }),
    )
}

fn any_list() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(prop_oneof![any_text(), Just(String::new())], 0..4)
}

fn any_conditions() -> impl Strategy<Value = Conditions> {
    let limit = (any::<u32>(), any::<u32>()).prop_map(|(uses, period_seconds)| RateLimit { uses, period_seconds });
    (proptest::option::of(any_text()), any_list(), proptest::option::of(any::<u64>()), proptest::option::of(limit))
        .prop_map(|(referrer, methods, uses, rate_limit)| Conditions {
            referrer,
            methods,
            uses,
            rate_limit,
            ..Conditions::default()
        })
}

fn any_credential() -> impl Strategy<Value = Credential> {
    let plain = "[!-~]{1,20}";
    prop_oneof![
        (any::<[u8; 32]>(), 1..i64::MAX).prop_map(|(digest, pepper_id)| Credential::Digest { digest, pepper_id }),
        (any::<[u8; 32]>(), proptest::option::of(plain)).prop_map(|(digest, public_part)| {
            Credential::Foreign { digest: ForeignDigest::parse(&hex::encode(digest)).unwrap(), public_part }
        }),
        plain.prop_map(|public_part| Credential::Foreign {
            digest: ForeignDigest::parse("$pbkdf2-sha256$i=1,l=16$c2FsdA$AAAAAAAAAAAAAAAAAAAAAA").unwrap(),
            public_part: Some(public_part),
        }),
        Just(()).prop_map(|()| Credential::Signature),
    ]
}

prop_compose! {
    fn any_record()(
        (id, key_id, parent) in ("[0-9A-Za-z]{12}", any_text(), proptest::option::of("[0-9A-Za-z]{12}")),
        (identity, profile, name, remark) in
            (any_text(), proptest::option::of(any_text()), proptest::option::of(any_text()), proptest::option::of(any_text())),
        (roles, tags, audiences, organizations) in
            (proptest::option::of(any_list()), any_list(), any_list(), proptest::option::of(any_list())),
        (conditions, is_decoy, created_by) in (any_conditions(), any::<bool>(), proptest::option::of(any_text())),
        times in proptest::array::uniform4(proptest::option::of(0..=MAXIMUM_SECONDS)),
        (disabled, revocation, credential) in (any_ending(), any_ending(), any_credential()),
        sparse in any::<bool>(),
    ) -> TransferRecord {
        let [created_at, not_before, expires_at, warn_after] = times;
        let needs_key = matches!(credential, Credential::Signature);
        TransferRecord {
            id: (needs_key || !sparse).then(|| TokenId::parse(&id).unwrap()),
            key_id: (needs_key || !sparse).then_some(key_id),
            format: (needs_key || !sparse).then_some(TokenFormat::Jwt),
            parent: parent.and_then(|parent| TokenId::parse(&parent)),
            profile, identity, name, roles, tags, remark, audiences, organizations, conditions, created_by, created_at,
            not_before, expires_at, warn_after, disabled, revocation, is_decoy, credential,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a store writes it reads again, whichever way the source comes in pieces, and each row has the number of
    /// the line that it is on.
    #[test]
    fn records_round_trip(records in proptest::collection::vec(any_record(), 0..4), capacity in 1_usize..80) {
        for form in BOTH {
            let mut file = written(form, &[]);
            let mut lines = Vec::new();
            for record in &records {
                lines.push(1 + file.iter().filter(|byte| **byte == b'\n').count() as u64);
                let empty = written(form, &[]).len();
                file.extend_from_slice(&written(form, std::slice::from_ref(record))[empty..]);
            }
            let (found, rows) = rows(&file[..], form, capacity).unwrap();
            prop_assert_eq!(found, Some(header()));
            prop_assert_eq!(rows.iter().map(|(line, _)| *line).collect::<Vec<_>>(), lines);
            for ((_, row), record) in rows.iter().zip(&records) {
                prop_assert_eq!(row.as_ref().unwrap(), record);
            }
        }
    }

    /// No cell that begins a formula reaches a spreadsheet.
    #[test]
    fn no_cell_is_a_formula(record in any_record()) {
        let file = written(TransferForm::Csv, &[record]);
        let mut reader = ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&file[..]);
        for row in reader.records() {
            for cell in &row.unwrap() {
                let first = cell.chars().find(|c| !c.is_whitespace());
                prop_assert!(!first.is_some_and(|first| "=+-@\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}".contains(first)), "{cell:?}");
                prop_assert!(!cell.starts_with(['\t', '\r', '\n']), "{cell:?}");
            }
        }
    }

    /// A file that was cut off gives the rows before the cut, and of the row that was cut nothing, or the whole.
    #[test]
    fn a_cut_off_row_is_never_another(first in any_record(), second in any_record(), cut: proptest::sample::Index) {
        for form in BOTH {
            let file = written(form, &[]);
            let (start, middle) = (file.len(), written(form, std::slice::from_ref(&first)).len());
            let file = [written(form, std::slice::from_ref(&first)), written(form, std::slice::from_ref(&second))[start..].to_vec()].concat();
            let end = start + cut.index(file.len() - start);
            let (_, rows) = rows(&file[..end], form, 16).unwrap();
            let good: Vec<&TransferRecord> = rows.iter().filter_map(|(_, row)| row.as_ref().ok()).collect();
            prop_assert!(good.len() >= usize::from(end >= middle));
            for (row, whole) in good.iter().zip([&first, &second]) {
                prop_assert_eq!(*row, whole);
            }
        }
    }
}

/// A line of a hostile file.
#[derive(Debug, Clone)]
enum Line {
    Good,
    Bad(Vec<u8>),
    Blank,
}

fn any_line(bad: BoxedStrategy<Vec<u8>>) -> impl Strategy<Value = Line> {
    prop_oneof![3 => Just(Line::Good), 4 => bad.prop_map(Line::Bad), 1 => Just(Line::Blank)]
}

/// Pieces of good rows and of nothing, without what may end a row.
fn any_bad_bytes(quote: bool) -> BoxedStrategy<Vec<u8>> {
    let pieces: &[&[u8]] = &[
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b";",
        b"\\u0000",
        b"\\ud800",
        b"\\",
        b"null",
        b"0",
        b"-1",
        b"'",
        b"=",
        b"\t",
        b" ",
        b"\0",
        b"\xff",
        b"\xc3",
        b"\xef\xbb\xbf",
        b"identity",
        b"value",
        b"digest",
        b"tessera-tokens",
        b"Adam",
        b"\x7f",
        b"\xed\xa0\x80",
        b"\"identity\":",
        b"\"value\":\"v\"",
        b"\"",
        b"\"\"",
    ];
    let pieces: Vec<Vec<u8>> =
        pieces.iter().filter(|piece| quote || !piece.contains(&b'"')).map(|piece| piece.to_vec()).collect();
    proptest::collection::vec(proptest::sample::select(pieces), 1..12).prop_map(|pieces| pieces.concat()).boxed()
}

/// Builds a file of `lines` with `good` for the good ones, and says which lines are good.
fn hostile_file(beginning: &str, good: &str, lines: &[(Line, bool)]) -> (Vec<u8>, Vec<u64>) {
    let (mut file, mut good_lines) = (beginning.as_bytes().to_vec(), Vec::new());
    let first = 1 + file.iter().filter(|byte| **byte == b'\n').count() as u64;
    for (number, (line, is_windows)) in (first..).zip(lines) {
        match line {
            Line::Good => {
                good_lines.push(number);
                file.extend_from_slice(good.as_bytes());
            }
            Line::Bad(bytes) => file.extend_from_slice(bytes),
            Line::Blank => {}
        }
        file.extend_from_slice(if *is_windows { b"\r\n" } else { b"\n" });
    }
    (file, good_lines)
}

fn good_lines(rows: &[Row]) -> Vec<u64> {
    rows.iter().filter(|(_, row)| row.is_ok()).map(|(line, _)| *line).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever stands on the other lines, the good ones are read, under their numbers.
    #[test]
    fn hostile_json_lines_stop_no_other(
        lines in proptest::collection::vec((any_line(any_bad_bytes(true)), any::<bool>()), 0..12), capacity in 1_usize..40
    ) {
        let (file, expected) = hostile_file("", r#"{"identity":"Adam","value":"canary"}"#, &lines);
        // By chance bad bytes may be the header, which comes first and may be of another version.
        let Ok((_, rows)) = rows(&file[..], TransferForm::JsonLines, capacity) else { return Ok(()) };
        prop_assert_eq!(good_lines(&rows), expected);
        prop_assert!(rows.is_sorted_by(|(line, _), (next, _)| line < next));
    }

    #[test]
    fn hostile_csv_rows_stop_no_other(
        lines in proptest::collection::vec((any_line(any_bad_bytes(false)), any::<bool>()), 0..12), capacity in 1_usize..40
    ) {
        let (file, expected) = hostile_file("identity,pepper,digest\n", &format!("Adam,1,{}", "07".repeat(32)), &lines);
        let (_, rows) = rows(&file[..], TransferForm::Csv, capacity).unwrap();
        prop_assert_eq!(good_lines(&rows), expected);
        prop_assert!(rows.is_sorted_by(|(line, _), (next, _)| line < next));
    }

    /// Any bytes at all: the reader comes to the end, or says that the file is none.
    #[test]
    fn any_bytes_are_read_to_their_end(
        bytes in any_bad_bytes(true), more: Vec<u8>, capacity in 1_usize..40, form in proptest::sample::select(&BOTH[..]),
        beginning in proptest::sample::select(&["", "identity,value\n", "tessera-tokens,1,s,\nidentity,value\n"][..]),
    ) {
        let file = [beginning.as_bytes(), &bytes, b"\n\"", &more, &bytes].concat();
        match TransferReader::open(Pieces { source: &file[..], bytes: capacity }, form) {
            Err(error) => prop_assert_eq!(error.code(), ErrorCode::TransferFile),
            Ok(mut reader) => {
                while let Some((_, row)) = reader.read().unwrap() {
                    prop_assert!(row.is_ok() || row.is_err_and(|error| error.code() == ErrorCode::InvalidArgument));
                }
                prop_assert_eq!(reader.bytes_read(), file.len() as u64);
            }
        }
    }

    /// No error tells a value, wherever in a file it stands.
    #[test]
    fn no_error_tells_a_value(
        before in any_bad_bytes(true), after in any_bad_bytes(true), name in 0..record::MEMBERS.len(), place in 0..3
    ) {
        let canary = "c4n4ry";
        let (before, after) = (String::from_utf8_lossy(&before), String::from_utf8_lossy(&after));
        let name = record::MEMBERS[name].0;
        let (file, form) = match place {
            0 => (
                format!(
                    "{{\"identity\":\"Adam\",\"value\":\"{canary}{before}\",\"{name}\":\"{after}{canary}\"}}\n{before}{canary}{after}"
                ),
                TransferForm::JsonLines,
            ),
            1 => (format!("value,{name}\n{canary}{before},{after}{canary}\n\"{canary}\n"), TransferForm::Csv),
            _ => (format!("{canary},{before}{canary}\n"), TransferForm::Csv),
        };
        let errors: Vec<Error> = match rows(file.as_bytes(), form, 64) {
            Err(error) => vec![error],
            Ok((_, rows)) => rows.into_iter().filter_map(|(_, row)| row.err()).collect(),
        };
        for error in errors {
            prop_assert!(!format!("{error} {error:?}").contains(canary), "{}", error);
        }
    }
}

#[test]
fn credentials_show_nothing() {
    let row = json_rows(r#"{"identity":"Adam","value":"c4n4ry"}"#).remove(0).1.unwrap();
    assert!(format!("{row:?}").contains("Value(***)"), "{row:?}");
    assert!(!format!("{row:?} {row:#?}").contains("c4n4ry"));
    let digest = format!("{:?}", record("Adam"));
    assert!(digest.contains("Digest(***)") && !digest.contains('7'), "{digest}");
}

#[test]
fn a_row_of_json_lines_is_what_it_says() {
    let line = r#"{"identity":"Adam","roles":[],"organizations":["A"],"name":"","remark":null,"createdAt":1700000000,
        "expiresAt":"2038-01-19T03:14:08.9+01:00","disabledAt":5,"conditions":{"uses":3},"decoy":true,"value":"a\"b\\"}"#;
    let row = json_rows(line.replace('\n', "")).remove(0).1.unwrap();
    let expected = TransferRecord {
        roles: Some(vec![]),
        organizations: Some(vec!["A".into()]),
        created_at: Some(1_700_000_000),
        expires_at: Some(2_147_483_648 - 3_600),
        disabled: Some(Revocation { at: 5, by: String::new(), reason: None }),
        conditions: Conditions { uses: Some(3), ..Conditions::default() },
        is_decoy: true,
        credential: Credential::Value(Secret::from(&b"a\"b\\"[..])),
        ..record("Adam")
    };
    assert_eq!(row, expected);
}

#[test]
fn a_row_of_csv_is_what_it_says() {
    let file = "Identity,VALUE,roles,tags,organizations,audiences,createdAt,expiresAt,decoy,conditions,name,remark\r\n\
                Adam,a'b,Reader; Auditor,\"[\"\"x;y\"\"]\",[],,1700000000,9999-12-31T23:59:59Z,True,\"{\"\"uses\"\":3}\",'=1,\"two\r\nlines, \"\"quoted\"\"\"\r\n";
    let (line, row) = csv_rows(file).remove(0);
    let expected = TransferRecord {
        roles: Some(vec!["Reader".into(), "Auditor".into()]),
        tags: vec!["x;y".into()],
        organizations: Some(vec![]),
        created_at: Some(1_700_000_000),
        expires_at: Some(MAXIMUM_SECONDS),
        is_decoy: true,
        conditions: Conditions { uses: Some(3), ..Conditions::default() },
        name: Some("=1".into()),
        remark: Some("two\r\nlines, \"quoted\"".into()),
        credential: Credential::Value(Secret::from(&b"a'b"[..])),
        ..record("Adam")
    };
    assert_eq!((line, row.unwrap()), (2, expected));
}

/// What each member may not be, the same in both forms.
#[test]
fn bad_members_are_named() {
    const DIGEST: &str = "0707070707070707070707070707070707070707070707070707070707070707";
    const SALTED: &str = "$pbkdf2-sha256$i=1,l=16$c2FsdA$AAAAAAAAAAAAAAAAAAAAAA";
    let long = "x".repeat(8_193);
    let table: &[(&[(&str, &str)], &str)] = &[
        (&[("identity", "Adam"), ("value", "v")], "good"),
        (&[("identity", "Adam"), ("digest", DIGEST), ("pepper", "1")], "good"),
        (&[("identity", "Adam"), ("foreignDigest", DIGEST)], "good"),
        (&[("identity", "Adam"), ("foreignDigest", DIGEST), ("publicPart", "p")], "good"),
        (&[("identity", "Adam"), ("foreignDigest", SALTED), ("publicPart", "p")], "good"),
        (&[("identity", "Adam"), ("id", "hN3kQ0vZ8mXc"), ("keyId", "k"), ("format", "Jwt")], "good"),
        (&[("value", "v")], "identity"),
        (&[("identity", "Adam")], "digest"),
        (&[("identity", "Adam"), ("id", "hN3kQ0vZ8mXc"), ("keyId", "k"), ("format", "Opaque")], "digest"),
        (&[("identity", "Adam"), ("id", "hN3kQ0vZ8mXc"), ("format", "Jwt")], "digest"),
        (&[("identity", "Adam"), ("keyId", "k"), ("format", "Jwt")], "digest"),
        (&[("identity", "Adam"), ("value", "v"), ("foreignDigest", DIGEST)], "digest"),
        (&[("identity", "Adam"), ("value", "v"), ("digest", DIGEST), ("pepper", "1")], "digest"),
        (&[("identity", "Adam"), ("value", "v"), ("pepper", "1")], "digest"),
        (&[("identity", "Adam"), ("digest", DIGEST)], "digest"),
        (&[("identity", "Adam"), ("pepper", "1")], "digest"),
        (&[("identity", "Adam"), ("digest", &DIGEST[1..]), ("pepper", "1")], "digest"),
        (&[("identity", "Adam"), ("digest", DIGEST), ("pepper", "0")], "pepper"),
        (&[("identity", "Adam"), ("digest", DIGEST), ("pepper", "9223372036854775808")], "pepper"),
        (&[("identity", "Adam"), ("foreignDigest", SALTED)], "publicPart"),
        (&[("identity", "Adam"), ("foreignDigest", SALTED), ("publicPart", "p q")], "publicPart"),
        (&[("identity", "Adam"), ("foreignDigest", SALTED), ("publicPart", &long[..257])], "publicPart"),
        (&[("identity", "Adam"), ("value", "v"), ("publicPart", "p")], "publicPart"),
        (&[("identity", "Adam"), ("foreignDigest", "$2b$12$abc"), ("publicPart", "p")], "foreignDigest"),
        (
            &[
                ("identity", "Adam"),
                ("foreignDigest", "$pbkdf2-sha256$i=2000001$c2FsdA$AAAAAAAAAAAAAAAAAAAAAA"),
                ("publicPart", "p"),
            ],
            "foreignDigest",
        ),
        (&[("identity", "Adam"), ("value", &long[..8_192])], "good"),
        (&[("identity", "Adam"), ("value", &long)], "value"),
        (&[("identity", "Adam"), ("value", "v v")], "value"),
        (&[("identity", "Adam"), ("value", "v\u{7f}")], "value"),
        (&[("identity", "Adam"), ("value", "v"), ("id", "short")], "id"),
        (&[("identity", "Adam"), ("value", "v"), ("id", "hN3kQ0vZ8mX-")], "id"),
        (&[("identity", "Adam"), ("value", "v"), ("format", "opaque")], "format"),
        (&[("identity", "Adam"), ("value", "v"), ("expiresAt", "tomorrow")], "expiresAt"),
        (&[("identity", "Adam"), ("value", "v"), ("expiresAt", "2030-01-01")], "expiresAt"),
        (&[("identity", "Adam"), ("value", "v"), ("expiresAt", "1969-12-31T23:59:59Z")], "expiresAt"),
        (&[("identity", "Adam"), ("value", "v"), ("expiresAt", "253402300800")], "expiresAt"),
        (&[("identity", "Adam"), ("value", "v"), ("expiresAt", "99999999999999999999")], "expiresAt"),
        (&[("identity", "Adam"), ("value", "v"), ("revokedBy", "Eva")], "revokedAt"),
        (&[("identity", "Adam"), ("value", "v"), ("disabledReason", "x")], "disabledAt"),
        (&[("identity", "Adam"), ("value", "v"), ("decoy", "maybe")], "decoy"),
        (&[("identity", "Adam"), ("value", "v"), ("conditions", "none")], "conditions"),
        (&[("identity", "Adam"), ("value", "v"), ("conditions", "[]")], "conditions"),
        (&[("identity", "Adam"), ("value", "v"), ("conditions", "{\"use\":3}")], "conditions"),
        (&[("identity", "Adam"), ("value", "v"), ("conditions", "{\"uses\":3,\"uses\":3}")], "conditions"),
        (&[("identity", "Adam"), ("value", "v"), ("roles", "[1]")], "roles"),
        (&[("identity", "Adam"), ("value", "v"), ("roles", "[\"a\"")], "roles"),
    ];
    for (members, expected) in table {
        let names = members.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>().join(",");
        let cells =
            members.iter().map(|(_, text)| format!("\"{}\"", text.replace('"', "\"\""))).collect::<Vec<_>>().join(",");
        assert_eq!(summary(&csv_rows(format!("{names}\n{cells}\n"))), [(2, *expected)], "{members:?}");

        let json = members.iter().map(|(name, text)| {
            // What is not text in JSON is written as it stands, where it is JSON.
            let is_bare = matches!(*name, "pepper" | "roles" | "conditions")
                && serde_json::from_str::<serde_json::Value>(text).is_ok();
            if is_bare {
                format!("\"{name}\":{text}")
            } else {
                format!("\"{name}\":{}", serde_json::to_string(text).unwrap())
            }
        });
        let line = format!("{{{}}}", json.collect::<Vec<_>>().join(","));
        let rows = json_rows(&line);
        // A member twice within the conditions makes the whole line refused.
        let expected = if line.contains("\"uses\":3,\"uses\"") { "row" } else { expected };
        assert_eq!(summary(&rows), [(1, expected)], "{line}");
    }
}

#[test]
fn json_types_are_not_stretched() {
    let good = r#"{"identity":"Adam","value":"v","X"}"#;
    for (member, expected) in [
        (r#""name":"n""#, "good"),
        (r#""name":5"#, "name"),
        (r#""identity":"Eva""#, "row"),
        (r#""nam\u0065":"n","name":"n""#, "row"),
        (r#""Name":"n""#, "row"),
        (r#""extra":null"#, "row"),
        (r#""roles":"Reader""#, "roles"),
        (r#""roles":{}"#, "roles"),
        (r#""tags":["a",null]"#, "tags"),
        (r#""pepper":null"#, "good"),
        (r#""digest":"07","pepper":"1""#, "digest"),
        (r#""createdAt":1.5"#, "createdAt"),
        (r#""createdAt":1e3"#, "createdAt"),
        (r#""createdAt":-1"#, "createdAt"),
        (r#""createdAt":true"#, "createdAt"),
        (r#""decoy":"true""#, "decoy"),
        (r#""decoy":1"#, "decoy"),
        (r#""conditions":"{}""#, "conditions"),
        (r#""version":1"#, "row"),
        ("\"name\":\"\u{0}\"", "row"),
        (r#""name":"\ud800""#, "row"),
    ] {
        let line = format!("\n{}\n", good.replace("\"X\"", member));
        let file = format!("{{\"identity\":\"Adam\",\"value\":\"v\"}}{line}");
        assert_eq!(summary(&json_rows(file)), [(1, "good"), (2, expected)], "{line}");
    }
    let pepper = r#"{"identity":"Adam","digest":"0707070707070707070707070707070707070707070707070707070707070707","pepper":"1"}"#;
    assert_eq!(summary(&json_rows(pepper)), [(1, "pepper")]);
}

#[test]
fn headers_and_column_names_are_of_one_form() {
    let refused = |file: &str, form| rows(file.as_bytes(), form, 64).err().map(|error| error.code());
    let json = [
        (r#"{"format":"tessera-tokens","version":1,"storeId":"s"}"#, None),
        (r#"{"version":1,"storeId":"s","format":"tessera-tokens","peppers":null}"#, None),
        (r#"{"format":"tessera-tokens","version":2,"storeId":"s"}"#, Some(ErrorCode::TransferFile)),
        (r#"{"format":"tessera-tokens","version":"1","storeId":"s"}"#, Some(ErrorCode::TransferFile)),
        (r#"{"format":"tessera-keys","version":1,"storeId":"s"}"#, Some(ErrorCode::TransferFile)),
        (r#"{"version":1,"storeId":"s"}"#, Some(ErrorCode::TransferFile)),
        (r#"{"format":"tessera-tokens","version":1}"#, Some(ErrorCode::TransferFile)),
        (r#"{"format":"tessera-tokens","version":1,"storeId":""}"#, Some(ErrorCode::TransferFile)),
        (r#"{"format":"tessera-tokens","version":1,"storeId":5}"#, Some(ErrorCode::TransferFile)),
        (r#"{"format":"tessera-tokens","version":1,"storeId":"s","more":0}"#, Some(ErrorCode::TransferFile)),
    ];
    for (line, expected) in json {
        assert_eq!(refused(line, TransferForm::JsonLines), expected, "{line}");
    }
    let columns = "identity,value\n";
    let csv = [
        (format!("tessera-tokens,1,s,\n{columns}"), None),
        (format!("tessera-tokens,1,s\n{columns}"), None),
        (format!("\n\r\ntessera-tokens,1,s,p,,,\n\n{columns}"), None),
        (format!("tessera-tokens,2,s,\n{columns}"), Some(ErrorCode::TransferFile)),
        (format!("tessera-tokens,1,,\n{columns}"), Some(ErrorCode::TransferFile)),
        (format!("tessera-tokens,1,{},\n{columns}", "s".repeat(65)), Some(ErrorCode::TransferFile)),
        (format!("tessera-tokens,1,s,p,more\n{columns}"), Some(ErrorCode::TransferFile)),
        (format!("tessera-tokens\n{columns}"), Some(ErrorCode::TransferFile)),
        ("tessera-tokens,1,s,\n".to_owned(), Some(ErrorCode::TransferFile)),
        (columns.to_owned(), None),
        ("\"Identity\",\"VALUE\"".to_owned(), None),
        (String::new(), Some(ErrorCode::TransferFile)),
        ("identity,value,identity\n".to_owned(), Some(ErrorCode::TransferFile)),
        ("identity,value,Identity\n".to_owned(), Some(ErrorCode::TransferFile)),
        ("identity,value,\n".to_owned(), Some(ErrorCode::TransferFile)),
        ("identity,secret\n".to_owned(), Some(ErrorCode::TransferFile)),
        ("identity;value\n".to_owned(), Some(ErrorCode::TransferFile)),
        ("identity,\"value\n".to_owned(), Some(ErrorCode::TransferFile)),
        (format!("identity,value{}\n", ",".repeat(40)), Some(ErrorCode::TransferFile)),
        ("identity,\u{0}\n".to_owned(), Some(ErrorCode::TransferFile)),
    ];
    for (file, expected) in csv {
        assert_eq!(refused(&file, TransferForm::Csv), expected, "{file}");
    }
    // Two files in one: the second header is a bad row, and so are the names of columns.
    let twice = "tessera-tokens,1,s,\nidentity,value\nAdam,v\n".repeat(2);
    assert_eq!(summary(&csv_rows(&twice)), [(3, "good"), (4, "row"), (5, "good"), (6, "good")]);
    let twice =
        "{\"format\":\"tessera-tokens\",\"version\":1,\"storeId\":\"s\"}\n{\"identity\":\"Adam\",\"value\":\"v\"}\n"
            .repeat(2);
    assert_eq!(summary(&json_rows(&twice)), [(2, "good"), (3, "format"), (4, "good")]);
}

#[test]
fn marks_and_line_ends_are_passed_over() {
    for capacity in [1, 2, 3, 4, 64] {
        let json = "\u{feff}\r\n{\"identity\":\"Adam\",\"value\":\"v\"}\r\n\n \t\n  {\"identity\":\"Eva\",\"value\":\"v\"} \n\u{feff}{\"identity\":\"Mia\",\"value\":\"v\"}";
        let found = rows(json.as_bytes(), TransferForm::JsonLines, capacity).unwrap().1;
        assert_eq!(summary(&found), [(2, "good"), (5, "good"), (6, "row")]);
        let csv = "\u{feff}\"identity\",value\r\n\r\nAdam,v\n\n\"E\r\nva\",v\r\nMia,v";
        let found = rows(csv.as_bytes(), TransferForm::Csv, capacity).unwrap().1;
        assert_eq!(summary(&found), [(3, "good"), (5, "good"), (7, "good")]);
        assert_eq!(found[1].1.as_ref().unwrap().identity, "E\r\nva");
        // Part of a mark is no mark.
        assert_eq!(summary(&rows(&b"\xEF\xBB"[..], TransferForm::JsonLines, capacity).unwrap().1), [(1, "row")]);
    }
    let utf16: Vec<u8> = "\u{feff}identity,value\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let error = rows(&utf16[..], TransferForm::Csv, 64).unwrap_err();
    assert!(error.message().contains("UTF-16"), "{error}");
    // A row of a file with a header must be whole, which only its line end tells.
    let cut = "tessera-tokens,1,s,\nidentity,value,expiresAt\nAdam,v,2030-01-01T00:00:00Z\nEva,v,";
    assert_eq!(summary(&csv_rows(cut)), [(3, "good"), (4, "row")]);
    assert_eq!(summary(&csv_rows(format!("{cut}\r"))), [(3, "good"), (4, "good")]);
}

/// A quote that is not closed takes in what follows, as the form has it: none of that is taken for a row, since what
/// stands there may be anybody's text.
#[test]
fn nothing_within_quotes_passes_for_a_row() {
    let file = "identity,remark,value\nAdam,,v\nEva,\"open,v\nRoot,,v\nRoot,,v\n";
    assert_eq!(summary(&csv_rows(file)), [(2, "good"), (3, "row")]);
    let error = csv_rows(file).remove(1).1.unwrap_err();
    assert!(error.message().contains("not closed"), "{error}");
    let closed = "identity,remark,value\nEva,\"a\nRoot,,v\n\",v\nAdam,,v\n";
    assert_eq!(summary(&csv_rows(closed)), [(2, "good"), (5, "good")]);
    let long = format!("identity,remark,value\nEva,\"{}\",v\nAdam,,v\n", "\nRoot,,v".repeat(10_000));
    assert_eq!(summary(&csv_rows(long)), [(2, "row"), (10_003, "good")]);
}

#[test]
fn rows_are_bounded_to_the_byte() {
    let json = |length: usize| {
        let line = r#"{"identity":"Adam","value":"v","remark":""}"#;
        line.replace("\"\"", &format!("\"{}\"", "x".repeat(length - line.len())))
    };
    let csv = |length: usize| format!("Adam,v,{}", "x".repeat(length - "Adam,v,".len()));
    let quoted = |length: usize| format!("Adam,v,\"{}\"", "x".repeat(length - "Adam,v,\"\"".len()));
    let lengths = [MAXIMUM_ROW_BYTES, MAXIMUM_ROW_BYTES + 1, MAXIMUM_ROW_BYTES + 2, MAXIMUM_ROW_BYTES + 3, 1_000_000];
    for end in ["\n", "\r\n"] {
        for capacity in [1_000, 8_192, MAXIMUM_ROW_BYTES, 1 << 20] {
            for length in lengths {
                let expected = if length == MAXIMUM_ROW_BYTES { "good" } else { "row" };
                let file = format!("{}{end}{}{end}", json(length), json(100));
                let found = rows(file.as_bytes(), TransferForm::JsonLines, capacity).unwrap().1;
                assert_eq!(summary(&found), [(1, expected), (2, "good")], "{length}");
                for row in [csv(length), quoted(length)] {
                    let file = format!("identity,value,remark{end}{row}{end}{}{end}", csv(100));
                    let found = rows(file.as_bytes(), TransferForm::Csv, capacity).unwrap().1;
                    assert_eq!(summary(&found), [(2, expected), (3, "good")], "{length}");
                }
            }
        }
    }
    assert_eq!(summary(&json_rows(json(MAXIMUM_ROW_BYTES + 1))), [(1, "row")]);
    let many = format!("identity,value\nAdam,v{}\nAdam,v\nAdam\n", ",".repeat(1_000));
    assert_eq!(summary(&csv_rows(many)), [(2, "row"), (3, "good"), (4, "row")]);
}

#[test]
fn what_is_too_long_or_a_value_is_not_written() {
    for form in BOTH {
        let mut writer = TransferWriter::begin(Vec::new(), form, &header()).unwrap();
        let long = TransferRecord { remark: Some("x".repeat(MAXIMUM_ROW_BYTES)), ..record("Adam") };
        assert_eq!(writer.write(&long).unwrap_err().code(), ErrorCode::InvalidArgument);
        let value = TransferRecord { credential: Credential::Value(Secret::from(&b"c4n4ry"[..])), ..record("Adam") };
        assert_eq!(writer.write(&value).unwrap_err().code(), ErrorCode::NotPermitted);
        writer.write(&record("Eva")).unwrap();
        assert_eq!(writer.finish().unwrap(), written(form, &[record("Eva")]));
        let long = TransferHeader { store_id: "s".into(), peppers: Some("x".repeat(MAXIMUM_ROW_BYTES)) };
        assert!(TransferWriter::begin(Vec::new(), form, &long).is_err());
    }
}

/// A source that fails after its text, or is interrupted at each call before it gives a byte.
struct Failing<'a> {
    text: &'a [u8],
    last: io::ErrorKind,
    is_interrupted: bool,
}

impl Read for Failing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.is_interrupted = !self.is_interrupted;
        match self.text.split_first() {
            _ if self.is_interrupted => Err(io::ErrorKind::Interrupted.into()),
            None => Err(self.last.into()),
            Some((first, rest)) => {
                buffer[0] = *first;
                self.text = rest;
                Ok(1)
            }
        }
    }
}

#[test]
fn a_source_or_sink_that_fails_is_told_from_a_bad_row() {
    let file = |form| String::from_utf8(written(form, &[record("Adam"), record("Eva")])).unwrap();
    for form in BOTH {
        let text = file(form);
        let source = Failing { text: text.as_bytes(), last: io::ErrorKind::TimedOut, is_interrupted: false };
        let mut reader = TransferReader::open(source, form).unwrap();
        assert!(reader.read().unwrap().unwrap().1.is_ok());
        assert!(reader.read().unwrap().unwrap().1.is_ok());
        assert_eq!(reader.read().unwrap_err().code(), ErrorCode::TransferFile);

        let mut full = [0_u8; 200];
        let refused = TransferWriter::begin(&mut full[..], form, &header()).and_then(|mut writer| {
            writer.write(&record("Adam"))?;
            writer.write(&record("Adam"))
        });
        assert_eq!(refused.unwrap_err().code(), ErrorCode::TransferFile);
    }
}

#[test]
fn formulas_are_guarded_and_nothing_else() {
    for (text, cell) in [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        (" =1", "' =1"),
        ("'=1", "''=1"),
        ("''=1", "'''=1"),
        ("\u{ff1d}1", "'\u{ff1d}1"),
        ("'quoted'", "'quoted'"),
        ("'", "'"),
        ("a=b", "a=b"),
        ("1-1", "1-1"),
    ] {
        let file = written(TransferForm::Csv, &[TransferRecord { name: Some(text.into()), ..record("Adam") }]);
        let file = String::from_utf8(file).unwrap();
        assert!(file.contains(&format!(",Adam,{cell},")), "{text}: {file}");
        assert_eq!(csv_rows(&file)[0].1.as_ref().unwrap().name.as_deref(), Some(text));
    }
}
