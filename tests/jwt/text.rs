//! T10: the compact form. A token has exactly one text.

use proptest::prelude::*;
use tessera_native::format::jwt::{MAXIMUM_TOKEN_BYTES, inspect};
use tessera_native::model::{Algorithm, Outcome};

use crate::support::*;

#[test]
fn other_texts_of_a_good_token_are_refused() {
    let good = forge(HEADER, PAYLOAD, secret());
    let parts: Vec<&str> = good.split('.').collect();
    let joined = |first: &str, second: &str, third: &str| format!("{first}.{second}.{third}");
    let mut texts = vec![
        String::new(),
        "Bearer ".to_owned() + &good,
        format!("\u{feff}{good}"),
        format!("{good}\0"),
        format!("{good}="),
        good.replace('.', ". "),
        good.replace('.', "%2E"),
        joined(&format!("{}=", parts[0]), parts[1], parts[2]),
        joined(parts[0], &format!("{}==", parts[1]), parts[2]),
        joined("", parts[1], parts[2]),
        joined(parts[0], "", parts[2]),
        joined(parts[0], parts[1], ""),
        good.to_lowercase(),
        good.to_uppercase(),
    ];
    for white in [" ", "\n", "\r\n", "\t", "\0"] {
        texts.push(format!("{white}{good}"));
        texts.push(format!("{good}{white}"));
        texts.push(joined(&format!("{}{white}{}", &parts[0][..10], &parts[0][10..]), parts[1], parts[2]));
        texts.push(joined(parts[0], parts[1], &format!("{}{white}{}", &parts[2][..10], &parts[2][10..])));
    }
    for text in &texts {
        let verdict = check(text, secret().verifying_key());
        assert!(matches!(verdict.outcome, Outcome::Malformed | Outcome::Unknown), "{text:?}");
        assert_eq!(verdict.claims, None, "{text:?}");
    }
    // The last character of 32 bytes has two unused bits: three other characters decode to the same bytes.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = alphabet.find(good.chars().last().unwrap()).unwrap();
    for bits in 1..4 {
        let text = format!("{}{}", &good[..good.len() - 1], &alphabet[last + bits..=last + bits]);
        assert_refused(&text, Outcome::Malformed, "canonical");
    }
}

#[test]
fn standard_base64_is_refused() {
    // A payload whose encoding has both characters in which the alphabets differ.
    let payload = with_member(PAYLOAD, r#""x":"~~~???~~~???>>>""#);
    let good = forge(HEADER, &payload, secret());
    assert!(good.split('.').nth(1).unwrap().contains(['-', '_']));
    assert_eq!(outcome(&good), Outcome::Valid);
    let (signed, _) = good.rsplit_once('.').unwrap();
    let signed = signed.replace('-', "+").replace('_', "/");
    let token = format!("{signed}.{}", secret().sign(signed.as_bytes()).unwrap());
    assert_refused(&token, Outcome::Malformed, "character");
}

#[test]
fn length_is_bounded_before_anything_is_read() {
    let longest = |length: usize| {
        let mut filler = length;
        loop {
            let token = forge(HEADER, &with_member(PAYLOAD, &format!(r#""x":"{}""#, "x".repeat(filler))), secret());
            if token.len() <= length {
                return token;
            }
            filler -= 1;
        }
    };
    let fits = longest(MAXIMUM_TOKEN_BYTES);
    assert!(fits.len() > MAXIMUM_TOKEN_BYTES - 3);
    assert_eq!(outcome(&fits), Outcome::Valid);
    let over = longest(MAXIMUM_TOKEN_BYTES + 3);
    assert!(over.len() > MAXIMUM_TOKEN_BYTES);
    assert_refused(&over, Outcome::Malformed, "8,192 bytes");

    let huge = "a".repeat(100_000_000);
    assert_refused_huge(&huge);
}

fn assert_refused_huge(token: &str) {
    let verdict = check(token, secret().verifying_key());
    assert_eq!(verdict.outcome, Outcome::Malformed);
    assert!(inspect(token.as_bytes()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// A changed, added or dropped character never leaves a token that is accepted.
    #[test]
    fn no_edit_of_a_token_is_accepted(position in any::<prop::sample::Index>(), character in "[ -~é]", edit in 0..3_u8) {
        for key in [secret(), key_of(Algorithm::ES256)] {
            let header = HEADER.replace("HS256", key.algorithm().as_str());
            let good = forge(&header, PAYLOAD, key);
            let position = position.index(good.len());
            let after = match edit {
                0 => &good[position..],
                _ => &good[position + 1..],
            };
            let inserted = if edit == 2 { "" } else { &character };
            let edited = format!("{}{inserted}{after}", &good[..position]);
            if edited != good {
                prop_assert_ne!(check(&edited, key.verifying_key()).outcome, Outcome::Valid, "{}", edited);
            }
        }
    }

    /// Whatever is taken apart goes together again to the same text.
    #[test]
    fn parts_have_one_text(first in "[A-Za-z0-9_-]{0,12}", second in "[A-Za-z0-9_-]{0,12}") {
        let token = format!("{}.{}.{first}", encode(r#"{"a":1}"#), encode(format!(r#"{{"b":"{second}"}}"#)));
        if let Ok(inspection) = inspect(token.as_bytes()) {
            let again = format!("{}.{}.{first}", encode(&inspection.header), encode(&inspection.payload));
            prop_assert_eq!(again, token);
        }
    }

    #[test]
    fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let token = String::from_utf8_lossy(&bytes);
        prop_assert_ne!(outcome(&token), Outcome::Valid);
        let dotted = format!("{}.{}.{}", encode(HEADER), encode(&bytes), encode(&bytes));
        prop_assert_ne!(outcome(&dotted), Outcome::Valid);
        let signed = forge(HEADER, &token, secret());
        prop_assert_ne!(outcome(&signed), Outcome::Valid);
    }
}
