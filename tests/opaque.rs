//! Opaque token values: what is made, what is recognised, and what is not.

use std::collections::HashSet;

use proptest::prelude::*;
use tessera_native::format::opaque::{DEFAULT_PREFIX, OPAQUE_PATTERN, Parsed, mint, parse};
use tessera_native::model::TokenId;

const BASE62: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A value made once and for all, as anyone may compute it from the published description.
const FIXED: &str = "tsr_0123456789AB00000000000000000000000000000000";

/// The check, written anew from the published description: bit by bit, and by long division.
fn check_of(text: &str) -> String {
    let mut crc = u32::MAX;
    for byte in text.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    let mut number = u64::from(!crc);
    let mut digits = Vec::new();
    for _ in 0..6 {
        digits.push(BASE62.as_bytes()[(number % 62) as usize] as char);
        number /= 62;
    }
    digits.iter().rev().collect()
}

fn minted(prefix: &str) -> String {
    String::from_utf8(mint(prefix).unwrap().1.as_bytes().to_vec()).unwrap()
}

#[test]
fn values_have_the_published_form() {
    for _ in 0..1_000 {
        let (id, value) = mint(DEFAULT_PREFIX).unwrap();
        let text = std::str::from_utf8(value.as_bytes()).unwrap();
        let tail = text.strip_prefix("tsr_").unwrap();
        assert_eq!(tail.len(), 50);
        assert!(tail.chars().all(|character| BASE62.contains(character)));
        assert!(tail.starts_with(id.as_str()));
        let (checked, check) = text.split_at(text.len() - 6);
        assert_eq!(check, check_of(checked));
        assert_eq!(parse(value.as_bytes()), Some(Parsed { prefix: "tsr", id }));
    }
}

#[test]
fn a_computed_check_is_accepted() {
    let value = format!("{FIXED}{}", check_of(FIXED));
    let parsed = parse(value.as_bytes()).unwrap();
    assert_eq!(parsed, Parsed { prefix: "tsr", id: TokenId::parse("0123456789AB").unwrap() });
}

#[test]
fn ids_and_secrets_do_not_come_twice() {
    let values: Vec<String> = (0..5_000).map(|_| minted(DEFAULT_PREFIX)).collect();
    let ids: HashSet<&str> = values.iter().map(|value| &value[4..16]).collect();
    let secrets: HashSet<&str> = values.iter().map(|value| &value[16..48]).collect();
    assert_eq!((ids.len(), secrets.len()), (5_000, 5_000));
}

#[test]
fn every_cut_and_every_addition_is_refused() {
    let value = minted(DEFAULT_PREFIX);
    for length in 0..value.len() {
        assert_eq!(parse(&value.as_bytes()[..length]), None, "the first {length} bytes");
        assert_eq!(parse(&value.as_bytes()[value.len() - length..]), None, "the last {length} bytes");
    }
    for addition in ["0", "_", " ", "\n", "\0", "=", "é"] {
        assert_eq!(parse(format!("{value}{addition}").as_bytes()), None, "{addition:?} after");
        assert_eq!(parse(format!("{addition}{value}").as_bytes()), None, "{addition:?} before");
    }
    assert_eq!(parse(format!("Bearer {value}").as_bytes()), None);
}

#[test]
fn every_change_of_one_character_is_refused() {
    let value = minted("a_b_c");
    for position in 0..value.len() {
        for byte in 0..=255_u8 {
            let mut changed = value.clone().into_bytes();
            if changed[position] != byte {
                changed[position] = byte;
                assert_eq!(parse(&changed), None, "byte {position} as {byte}");
            }
        }
    }
}

#[test]
fn other_prefixes_are_refused_even_with_a_right_check() {
    let tail = &FIXED[4..];
    for prefix in ["", "Tsr", "ts-r", "ts.r", "ts r", "é", "abcdefghijklmnopq", "t\0r", "TSR"] {
        let text = format!("{prefix}_{tail}");
        assert_eq!(parse(format!("{text}{}", check_of(&text)).as_bytes()), None, "{prefix:?}");
    }
    for prefix in ["_", "__", "a_", "_a", "0", "abcdefghijklmnop"] {
        let text = format!("{prefix}_{tail}");
        let value = format!("{text}{}", check_of(&text));
        assert_eq!(parse(value.as_bytes()).unwrap().prefix, prefix);
    }
    let without_separator = format!("tsr{tail}");
    assert_eq!(parse(format!("{without_separator}{}", check_of(&without_separator)).as_bytes()), None);
}

#[test]
fn a_nul_or_a_line_break_inside_is_refused_even_with_a_right_check() {
    for position in [4, 15, 16, 30, 47] {
        for character in ["\0", "\n", "_", "-", " ", "/"] {
            let mut text = FIXED.to_owned();
            text.replace_range(position..=position, character);
            assert_eq!(parse(format!("{text}{}", check_of(&text)).as_bytes()), None, "{character:?} at {position}");
        }
    }
}

#[test]
fn long_input_is_refused() {
    assert_eq!(parse(&vec![b'a'; 8_193]), None);
    let huge = minted("t").repeat(100_000_000 / 52);
    assert_eq!(parse(huge.as_bytes()), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_prefix_within_the_rule_round_trips(prefix in "[a-z0-9_]{1,16}") {
        let (id, value) = mint(&prefix).unwrap();
        prop_assert_eq!(parse(value.as_bytes()), Some(Parsed { prefix: &prefix, id }));
    }

    #[test]
    fn any_other_prefix_is_refused(prefix in "[a-z0-9_]{17,20}|[a-z0-9_]{0,8}[^a-z0-9_][a-z0-9_]{0,8}") {
        prop_assert!(mint(&prefix).is_err());
    }

    /// The pattern says which texts are tokens but for the check, and the check says the rest.
    #[test]
    fn the_pattern_and_the_check_decide(text in OPAQUE_PATTERN) {
        let (checked, check) = text.split_at(text.len() - 6);
        prop_assert_eq!(parse(text.as_bytes()).is_some(), check == check_of(checked));
        let corrected = format!("{}{}", checked, check_of(checked));
        prop_assert!(parse(corrected.as_bytes()).is_some());
    }

    #[test]
    fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        prop_assert_eq!(parse(&bytes), None);
    }
}
