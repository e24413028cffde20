//! What may be rotated, when the old token gives way, and what a caller's key for repeats looks like.

use crate::clock::MAXIMUM_SECONDS;
use crate::error::{Error, ErrorCode, Result};
use crate::model::{Profile, ProfileSettings, RotationMode, Token, TokenState};

use super::expiry::{expiry, warn_after};
use super::grant::refuse_value;
use super::{Acting, Lifetime};

/// The most characters of the key by which a caller marks repeats of one request.
pub const MAXIMUM_IDEMPOTENCY_KEY_CHARACTERS: usize = 256;

/// Refuses, with [`ErrorCode::Conflict`], a token that nothing may take over from at `now_seconds`: one that is not in
/// use any more, and one that has not taken over itself yet.
///
/// Rotation gives a token a new value and a new life, so what ended it must not be undone by it.
pub fn rotatable(token: &Token, now_seconds: i64) -> Result<()> {
    let refused = |message: String| Err(Error::new(ErrorCode::Conflict, message).about("id"));
    let why = match token.state(now_seconds) {
        TokenState::Revoked => "is revoked",
        TokenState::Expired => "has expired",
        TokenState::Disabled => "is disabled; enable it first",
        TokenState::Pending if token.rotation_stage.is_some() => {
            return refused(format!(
                "The token {} has not taken over yet: its first use ends the rotation before. Use it, or revoke it and \
                 rotate its predecessor again.",
                token.id
            ));
        }
        _ if token.is_decoy => "is a decoy, which nobody uses",
        _ if token.uses_left == Some(0) => "has no uses left",
        TokenState::Pending | TokenState::Active => return Ok(()),
    };
    refused(format!("The token {} {why}, so it cannot be rotated. Grant a new one where it is needed.", token.id))
}

/// When `token` gives way, if its successor is delivered at `now_seconds`; none: not before the successor is used.
///
/// Refuses, with [`ErrorCode::InvalidArgument`], a deadline that is not in the future, a grace period under a second,
/// times after 9999-12-31, and a grace period for a token whose uses are counted: both would have them to spend.
pub fn retires_at(mode: RotationMode, token: &Token, now_seconds: i64) -> Result<Option<i64>> {
    let (subject, at) = match mode {
        RotationMode::Immediate => return Ok(Some(now_seconds)),
        RotationMode::Confirm { deadline: None } => return Ok(None),
        RotationMode::Confirm { deadline: Some(deadline) } if deadline <= now_seconds => {
            return Err(Error::argument("deadline", "The deadline must lie in the future."));
        }
        RotationMode::Confirm { deadline: Some(deadline) } => ("deadline", deadline),
        RotationMode::Grace { seconds } if seconds < 1 => {
            return Err(Error::argument("grace", "The time of grace must be at least one second."));
        }
        RotationMode::Grace { .. } if token.uses_left.is_some() => {
            return Err(Error::argument(
                "grace",
                "The uses of this token are counted, and in a time of grace the old and the new one would both have \
                 them. Rotate it at once, or when the new one is first used.",
            ));
        }
        RotationMode::Grace { seconds } => ("grace", now_seconds.saturating_add(seconds)),
    };
    if at > MAXIMUM_SECONDS {
        return Err(Error::argument(subject, "The old token must end before 9999-12-31T23:59:59Z."));
    }
    Ok(Some(at))
}

/// When the successor of `token` is over; none: never. Where nothing is asked it lives as long as `token` was granted
/// for.
///
/// `granted_by_ends_at` is the end of the token that granted `token`: what did not outlive that does not by rotation.
/// And where a token acts that is another, its successor outlives that no more than what it grants; one that rotates
/// itself lives anew. Refuses what [`super::expiry`] refuses.
pub fn successor_expiry(
    profile: &Profile,
    token: &Token,
    asked: Option<Lifetime>,
    granted_by_ends_at: Option<i64>,
    acting: &Acting,
    now_seconds: i64,
) -> Result<Option<i64>> {
    let as_before = token.expires_at.map_or(Lifetime::Never, |end| Lifetime::Seconds(end - begins_at(token)));
    let not_before = token.not_before.filter(|at| *at > now_seconds);
    let ended_with = granted_by_ends_at.filter(|latest| token.expires_at.is_some_and(|end| end <= *latest));
    let is_itself = acting.token().is_some_and(|own| own.sequence == token.sequence);
    let no_later_than = acting.no_later_than().filter(|_| !is_itself);
    match (asked, ended_with.into_iter().chain(no_later_than).min()) {
        // Not asked for, so it is cut and not refused.
        (None, Some(latest)) => {
            let end = expiry(profile, token.format, as_before, not_before, None, now_seconds)?;
            let cut = Lifetime::Until(end.map_or(latest, |end| end.min(latest)));
            expiry(profile, token.format, cut, not_before, None, now_seconds)
        }
        (asked, latest) => expiry(profile, token.format, asked.unwrap_or(as_before), not_before, latest, now_seconds),
    }
}

/// From when on the checks of the successor of `token` warn, which begins at `new_begins_at` and is over at `expires_at`;
/// none: never. As long before its end as those of `token`, where that was granted with a time of its own for it, and
/// as the profile says otherwise.
pub fn successor_warning(
    settings: &ProfileSettings,
    token: &Token,
    new_begins_at: i64,
    expires_at: Option<i64>,
) -> Option<i64> {
    match (token.warn_after, token.expires_at, expires_at) {
        (warned_from @ Some(at), Some(end), Some(new_end))
            if warned_from != warn_after(settings, begins_at(token), Some(end)) =>
        {
            Some(new_end.saturating_sub(end - at).max(new_begins_at))
        }
        _ => warn_after(settings, new_begins_at, expires_at),
    }
}

/// When the time of `token` began or begins.
fn begins_at(token: &Token) -> i64 {
    token.not_before.map_or(token.created_at, |at| at.max(token.created_at))
}

/// `text` as a caller's key for repeats: 1 to 256 characters without controls, and no token's value.
pub fn idempotency_key(text: &str) -> Result<&str> {
    let characters = text.chars().count();
    if !(1..=MAXIMUM_IDEMPOTENCY_KEY_CHARACTERS).contains(&characters) || text.chars().any(char::is_control) {
        return Err(Error::argument(
            "idempotencyKey",
            "An idempotency key has 1 to 256 characters and no control characters.",
        ));
    }
    refuse_value(text, "idempotencyKey")?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Revocation, Role, RotationStage};
    use crate::policy::{ADMINISTRATOR, ActingToken, Rights, Who};

    const NOW: i64 = 1_500;

    fn token(change: impl FnOnce(&mut Token)) -> Token {
        let mut token = Token::sample();
        change(&mut token);
        token
    }

    fn profile(change: impl FnOnce(&mut ProfileSettings)) -> Profile {
        let mut settings = ProfileSettings::default();
        change(&mut settings);
        Profile { name: "Mine".into(), built_in: false, settings }
    }

    #[test]
    fn only_a_token_that_is_in_use_or_will_be_is_rotated() {
        let ended = || Some(Revocation { at: 1, by: "Adam".into(), reason: None });
        assert!(rotatable(&token(|_| ()), NOW).is_ok());
        assert!(rotatable(&token(|t| t.not_before = Some(NOW + 1)), NOW).is_ok(), "its time will come");
        assert!(rotatable(&token(|t| t.uses_left = Some(1)), NOW).is_ok());
        assert!(rotatable(&token(|t| t.retires_at = Some(NOW + 1)), NOW).is_ok());
        for (what, refused) in [
            ("revoked", token(|t| t.revocation = ended())),
            ("retired", token(|t| t.retires_at = Some(NOW))),
            ("disabled", token(|t| t.disabled = ended())),
            ("expired", token(|t| t.expires_at = Some(NOW))),
            ("waiting", token(|t| t.rotation_stage = Some(RotationStage::Waiting))),
            ("a decoy", token(|t| t.is_decoy = true)),
            ("spent", token(|t| t.uses_left = Some(0))),
        ] {
            assert_eq!(rotatable(&refused, NOW).unwrap_err().code(), ErrorCode::Conflict, "{what}");
        }
    }

    #[test]
    fn each_mode_says_when_the_old_token_gives_way() {
        let at = |mode| retires_at(mode, &token(|_| ()), NOW);
        assert_eq!(at(RotationMode::Immediate).unwrap(), Some(NOW));
        assert_eq!(at(RotationMode::Grace { seconds: 60 }).unwrap(), Some(NOW + 60));
        assert_eq!(at(RotationMode::Confirm { deadline: None }).unwrap(), None);
        assert_eq!(at(RotationMode::Confirm { deadline: Some(NOW + 9) }).unwrap(), Some(NOW + 9));
        for refused in [
            RotationMode::Grace { seconds: 0 },
            RotationMode::Grace { seconds: -1 },
            RotationMode::Grace { seconds: i64::MAX },
            RotationMode::Confirm { deadline: Some(NOW) },
            RotationMode::Confirm { deadline: Some(MAXIMUM_SECONDS + 1) },
        ] {
            assert_eq!(at(refused).unwrap_err().code(), ErrorCode::InvalidArgument, "{refused:?}");
        }
        let counted = token(|t| t.uses_left = Some(5));
        assert!(retires_at(RotationMode::Grace { seconds: 60 }, &counted, NOW).is_err());
        assert!(retires_at(RotationMode::Immediate, &counted, NOW).is_ok());
    }

    #[test]
    fn a_successor_lives_as_long_as_its_predecessor_was_granted_for() {
        // Granted at 0, begins at 1,000, ends at 2,000.
        let of = |profile: &Profile, token: &Token, asked, parent| {
            successor_expiry(profile, token, asked, parent, &Acting::local_owner(), NOW)
        };
        let end = |asked, parent| of(&profile(|_| ()), &token(|_| ()), asked, parent);
        assert_eq!(end(None, None).unwrap(), Some(NOW + 1_000));
        assert_eq!(end(Some(Lifetime::Seconds(7)), None).unwrap(), Some(NOW + 7));
        assert_eq!(end(Some(Lifetime::Never), None).unwrap(), None);
        assert_eq!(of(&profile(|_| ()), &token(|t| t.expires_at = None), None, None).unwrap(), None);
        let later = token(|t| (t.not_before, t.expires_at) = (Some(5_000), Some(6_000)));
        assert_eq!(of(&profile(|_| ()), &later, None, None).unwrap(), Some(6_000));
        // The profile of now has the say.
        let strict = profile(|settings| settings.maximum_lifetime_seconds = Some(500));
        assert!(of(&strict, &token(|_| ()), None, None).is_err());
        assert!(of(&strict, &token(|_| ()), Some(Lifetime::Seconds(500)), None).is_ok());
        // What granted it ends at 2,100.
        assert_eq!(end(None, Some(2_100)).unwrap(), Some(2_100));
        assert!(end(Some(Lifetime::Seconds(1_000)), Some(2_100)).is_err());
        assert_eq!(end(Some(Lifetime::Seconds(600)), Some(2_100)).unwrap(), Some(2_100));
        assert_eq!(end(None, Some(1_900)).unwrap(), Some(NOW + 1_000), "it outlived it from the start");
    }

    #[test]
    fn a_successor_outlives_the_token_that_acts_as_little_as_what_that_grants() {
        let outlives = token(|t| t.expires_at = None);
        let by = |sequence, roles: Rights, asked| {
            let who = Who::Token(ActingToken { sequence, expires_at: Some(2_100), ..ActingToken::default() });
            let acting = Acting { who, rights: roles, ..Acting::local_owner() };
            successor_expiry(&profile(|_| ()), &outlives, asked, Some(2_100), &acting, NOW)
        };
        let role = Role { name: ADMINISTRATOR.to_owned(), includes: vec![], built_in: true };
        let administrator = || Rights::of(&[ADMINISTRATOR.to_owned()], std::slice::from_ref(&role));
        assert_eq!(by(2, Rights::default(), None).unwrap(), Some(2_100));
        assert_eq!(by(2, Rights::default(), Some(Lifetime::Until(2_100))).unwrap(), Some(2_100));
        for more in [Lifetime::Until(2_101), Lifetime::Never] {
            assert_eq!(by(2, Rights::default(), Some(more)).unwrap_err().code(), ErrorCode::NotPermitted, "{more:?}");
            assert!(
                by(2, administrator(), Some(more)).is_ok(),
                "what an administrator's grants may outlive it: {more:?}"
            );
            assert!(by(1, Rights::default(), Some(more)).is_ok(), "it renews itself: {more:?}");
        }
    }

    #[test]
    fn a_successor_warns_as_long_before_its_end_as_was_chosen() {
        let warning = |warning_seconds, warned: Option<i64>, begins_at, end| {
            let settings = ProfileSettings { warning_seconds, ..ProfileSettings::default() };
            // Its time is 1,000 to 2,000.
            successor_warning(&settings, &token(|t| t.warn_after = warned), begins_at, end)
        };
        assert_eq!(warning(Some(300), Some(1_900), NOW, Some(5_000)), Some(4_900), "chosen");
        assert_eq!(warning(None, Some(1_900), NOW, Some(5_000)), Some(4_900), "chosen, and the profile has none");
        assert_eq!(warning(None, Some(1_900), 4_950, Some(5_000)), Some(4_950), "from its beginning at the most");
        assert_eq!(warning(Some(300), Some(1_700), NOW, Some(5_000)), Some(4_700), "the profile's");
        assert_eq!(warning(Some(3_000), Some(1_000), NOW, Some(5_000)), Some(2_000), "the profile's, which was cut");
        assert_eq!(warning(Some(300), None, NOW, Some(5_000)), Some(4_700), "the profile's of now");
        assert_eq!(warning(Some(300), Some(1_900), NOW, None), None, "it never ends");
    }

    #[test]
    fn idempotency_keys_are_bounded() {
        assert_eq!(idempotency_key("nightly 2026-01-01").unwrap(), "nightly 2026-01-01");
        assert!(idempotency_key(&"é".repeat(256)).is_ok());
        for bad in ["", "a\nb", &"x".repeat(257)] {
            assert!(idempotency_key(bad).is_err(), "{bad:?}");
        }
    }
}
