//! Expiry, not-before and issue times, over the whole range of the clock.

use tessera_native::format::jwt::{Expectations, Keys, verify};
use tessera_native::model::Outcome;

use crate::support::*;

const LAST: i64 = 253_402_300_799;
const SKEW: i64 = 30;

fn at(token: &str, now_seconds: i64) -> Outcome {
    let expectations = Expectations { now_seconds, ..expectations() };
    verify(token.as_bytes(), &Keys::Given(secret().verifying_key()), &expectations).outcome
}

fn token(issued_at: i64, not_before: i64, expires_at: i64) -> String {
    let payload = PAYLOAD
        .replace("\"iat\":1700000000", &format!("\"iat\":{issued_at}"))
        .replace("\"nbf\":1700000000", &format!("\"nbf\":{not_before}"))
        .replace("1700003600", &expires_at.to_string());
    forge(HEADER, &payload, secret())
}

#[test]
fn expiry_is_exact_to_the_second_everywhere() {
    for expires_at in [1, 60, (1 << 31) - 1, 1 << 31, 1 << 32, 1_700_003_600, LAST] {
        let issued_at = (expires_at - 3_600).max(0);
        let token = token(issued_at, issued_at, expires_at);
        assert_eq!(at(&token, expires_at - 1), Outcome::Valid, "{expires_at}");
        assert_eq!(at(&token, expires_at), Outcome::Valid, "{expires_at}: within the skew");
        assert_eq!(at(&token, expires_at + SKEW - 1), Outcome::Valid, "{expires_at}: the skew's last second");
        assert_eq!(at(&token, expires_at + SKEW), Outcome::Expired, "{expires_at}");
        assert_eq!(at(&token, expires_at + SKEW + 1), Outcome::Expired, "{expires_at}");
        assert_eq!(at(&token, i64::MAX), Outcome::Expired, "{expires_at}");
    }
}

#[test]
fn not_before_is_exact_to_the_second_everywhere() {
    for not_before in [SKEW + 1, (1 << 31) - 1, 1 << 31, 1 << 32, 1_700_000_000, LAST - 3_600] {
        let token = token(not_before - SKEW - 1, not_before, not_before + 3_600);
        assert_eq!(at(&token, not_before - SKEW - 1), Outcome::NotYetValid, "{not_before}");
        assert_eq!(at(&token, not_before - SKEW), Outcome::Valid, "{not_before}: within the skew");
        assert_eq!(at(&token, not_before), Outcome::Valid, "{not_before}");
        assert_eq!(at(&token, 0), Outcome::NotYetValid, "{not_before}");
        assert_eq!(at(&token, i64::MIN), Outcome::NotYetValid, "{not_before}");
    }
}

#[test]
fn a_token_from_the_future_is_not_yet_valid() {
    let token = token(1_700_000_000, 0, 1_700_003_600);
    assert_eq!(at(&token, 1_700_000_000 - SKEW), Outcome::Valid);
    assert_eq!(at(&token, 1_700_000_000 - SKEW - 1), Outcome::NotYetValid);
}

#[test]
fn lifetimes_are_bounded() {
    let day = 86_400;
    assert_eq!(at(&token(NOW, NOW, NOW + 400 * day), NOW), Outcome::Valid);
    assert_refused(&token(NOW, NOW, NOW + 400 * day + 1), Outcome::Malformed, "400 days");
    assert_refused(&token(NOW, NOW, NOW), Outcome::Malformed, "not after iat");
    assert_refused(&token(NOW, NOW, NOW - 1), Outcome::Malformed, "not after iat");
    assert_refused(&token(0, 0, LAST), Outcome::Malformed, "400 days");
}

#[test]
fn times_of_another_form_are_refused() {
    for name in ["exp", "nbf", "iat"] {
        for value in [
            "\"1700003600\"",
            "-1",
            "-1700003600",
            "1700003600.0",
            "1700003600.5",
            "1.7000036e9",
            "17000036e2",
            "4.1e9",
            "253402300800",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551615",
            "18446744073709551616",
            "1e19",
            "-0",
            "null",
            "true",
            "[1700003600]",
            "{}",
        ] {
            let token = forge(HEADER, &with_claim(name, Some(value)), secret());
            assert_refused(&token, Outcome::Malformed, &format!("claim {name}"));
        }
    }
}

/// Which refusal wins when several apply: issuer, then not-before, then expiry, then audience.
#[test]
fn refusals_come_in_the_stated_order() {
    let good = token(NOW, NOW, NOW + 3_600);
    let with = |now_seconds: i64, issuer: &str, audience: &str| {
        let expectations =
            Expectations { now_seconds, issuer: Some(issuer), audience: Some(audience), ..expectations() };
        let verdict = verify(good.as_bytes(), &Keys::Given(secret().verifying_key()), &expectations);
        // Its claims are known whatever the refusal, so that a revocation can take precedence.
        assert_eq!(verdict.claims.unwrap().id.as_deref(), Some("0123456789AB"));
        verdict.outcome
    };
    let (early, late) = (NOW - 1_000, NOW + 10_000);
    assert_eq!(with(late, "other", "other"), Outcome::Unknown);
    assert_eq!(with(early, ISSUER, "other"), Outcome::NotYetValid);
    assert_eq!(with(late, ISSUER, "other"), Outcome::Expired);
    assert_eq!(with(NOW, ISSUER, "other"), Outcome::AudienceDenied);
    assert_eq!(with(NOW, ISSUER, AUDIENCE), Outcome::Valid);
}
