//! When a token is over.

use std::borrow::Cow;

use serde::Serialize;

use crate::clock::MAXIMUM_SECONDS;
use crate::error::{Error, ErrorCode, Result};
use crate::format::jwt;
use crate::model::{JwtKind, Profile, ProfileSettings, TokenFormat};

const DAY_SECONDS: i64 = 86_400;

/// How long a token is asked to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum Lifetime {
    /// As long as its profile says.
    #[default]
    Default,
    /// So many seconds from its beginning.
    Seconds(i64),
    /// Until this second since 1970.
    Until(i64),
    /// Until the time of day of its creation, in UTC, on the day that begins at this second since 1970.
    On(i64),
    /// For ever.
    Never,
}

impl Lifetime {
    /// The argument by which it was asked for, as errors name it.
    fn subject(self) -> &'static str {
        match self {
            Self::Default | Self::Seconds(_) => "expiresIn",
            Self::Until(_) | Self::On(_) => "expiresAt",
            Self::Never => "noExpiry",
        }
    }
}

/// When a token that begins at `not_before`, or now, is over; none is never. A lifetime runs from the beginning.
///
/// `no_later_than` is the end of the token that grants it, where that must not be outlived: a lifetime that was not
/// asked for is cut to it.
///
/// Refuses, with [`ErrorCode::InvalidArgument`], an end that is not after the beginning and now, and times outside
/// 1970 to 9999-12-31T23:59:59Z; with [`ErrorCode::NotPermitted`], what the profile does not allow: for ever, and a
/// lifetime under its minimum or over its maximum; an end after `no_later_than`; and for a JWT, which is out in the
/// world where only its expiry ends it everywhere, no end, and one more than [`jwt::MAXIMUM_LIFETIME_SECONDS`] away,
/// but for the kinds of the PowerShellUniversal and UniversalDashboard profiles.
pub fn expiry(
    profile: &Profile,
    format: TokenFormat,
    lifetime: Lifetime,
    not_before: Option<i64>,
    no_later_than: Option<i64>,
    now_seconds: i64,
) -> Result<Option<i64>> {
    if not_before.is_some_and(|not_before| !(0..=MAXIMUM_SECONDS).contains(&not_before)) {
        return Err(Error::argument("notBefore", "A time lies between 1970-01-01 and 9999-12-31."));
    }
    let settings = &profile.settings;
    let begins_at = not_before.unwrap_or(now_seconds).max(now_seconds);
    let subject = lifetime.subject();
    let refused = |message: String| Err(Error::new(ErrorCode::NotPermitted, message).about(subject));
    let asked = match lifetime {
        Lifetime::Never => None,
        Lifetime::Default => {
            settings.default_lifetime_seconds.map(|seconds| begins_at.saturating_add(seconds).min(MAXIMUM_SECONDS))
        }
        Lifetime::Seconds(seconds) if seconds < 1 => {
            return Err(Error::argument(subject, "A token must live for at least one second."));
        }
        Lifetime::Seconds(seconds) => Some(begins_at.saturating_add(seconds)),
        Lifetime::Until(expires_at) => Some(expires_at),
        Lifetime::On(day) if day % DAY_SECONDS != 0 => {
            return Err(Error::argument(subject, "A day begins at midnight UTC."));
        }
        Lifetime::On(day) => Some(day.saturating_add(now_seconds.rem_euclid(DAY_SECONDS))),
    };
    let end = match (asked, no_later_than) {
        (asked, Some(latest)) if lifetime == Lifetime::Default => Some(asked.map_or(latest, |end| end.min(latest))),
        (asked, Some(latest)) if asked.is_none_or(|end| end > latest) => {
            return refused("A token grants none that outlives it. Ask for an earlier end.".to_owned());
        }
        (asked, _) => asked,
    };
    let Some(end) = end else {
        if format == TokenFormat::Jwt {
            return refused(
                "A JSON Web Token must expire. Give it a time, or grant an opaque token where the profile allows it."
                    .to_owned(),
            );
        }
        if !settings.allows_never {
            return refused(format!("The profile {} has no tokens that live for ever. Give a time.", profile.name));
        }
        return Ok(None);
    };
    if end <= begins_at {
        return Err(Error::argument(subject, "The expiry must lie in the future and after the token's beginning."));
    }
    if end > MAXIMUM_SECONDS {
        return Err(Error::argument(subject, "The expiry must not lie after 9999-12-31T23:59:59Z."));
    }
    let lives_for = end - begins_at;
    // A default that was cut to the end of the calendar is as long as a token can live.
    if lives_for < settings.minimum_lifetime_seconds && end != MAXIMUM_SECONDS {
        let least = in_words(settings.minimum_lifetime_seconds);
        return refused(format!("A token of the profile {} must live for at least {least}.", profile.name));
    }
    if let Some(maximum) = settings.maximum_lifetime_seconds.filter(|maximum| lives_for > *maximum) {
        let most = in_words(maximum);
        return refused(format!("A token of the profile {} may live for at most {most}.", profile.name));
    }
    if format == TokenFormat::Jwt && is_limited(settings.jwt_kind) && end - now_seconds > jwt::MAXIMUM_LIFETIME_SECONDS
    {
        return refused("A JSON Web Token may live for at most 400 days.".to_owned());
    }
    Ok(Some(end))
}

/// Whether JWTs of that kind live for at most [`jwt::MAXIMUM_LIFETIME_SECONDS`]. Those of the two documented systems
/// may live longer, as their clients expect.
pub(super) fn is_limited(kind: JwtKind) -> bool {
    !matches!(kind, JwtKind::PowerShellUniversal | JwtKind::UniversalDashboard)
}

/// From when on the checks of a token are to warn: the second that was asked for, or else the profile's.
///
/// Refuses one outside 1970 to 9999, and one that is not before the token's end, with
/// [`ErrorCode::InvalidArgument`].
pub fn chosen_warning(asked: Option<i64>, profiles: Option<i64>, expires_at: Option<i64>) -> Result<Option<i64>> {
    let Some(asked) = asked else { return Ok(profiles) };
    if !(0..=MAXIMUM_SECONDS).contains(&asked) || expires_at.is_none_or(|expires_at| asked >= expires_at) {
        let message = "The time from which to warn lies between 1970-01-01 and the token's expiry.";
        return Err(Error::argument("warnAfter", message));
    }
    Ok(Some(asked))
}

/// From when on the checks of a token that begins at `begins_at` warn that it is about to expire; none: never.
pub(super) fn warn_after(settings: &ProfileSettings, begins_at: i64, expires_at: Option<i64>) -> Option<i64> {
    let warned_from = expires_at?.saturating_sub(settings.warning_seconds?);
    Some(warned_from.max(begins_at))
}

/// The expiry of a JWT that is brought from another store: the earlier of the one in the request, where it has one,
/// and the one inside the JWT. Refuses one that is over with [`ErrorCode::NotPermitted`].
pub fn migrated_expiry(requested: Option<i64>, inside: i64, now_seconds: i64) -> Result<i64> {
    let expires_at = requested.map_or(inside, |requested| requested.min(inside));
    if expires_at <= now_seconds {
        let message = "The token has expired, so there is nothing to bring over. Grant a new one.";
        return Err(Error::new(ErrorCode::NotPermitted, message).about("expiration"));
    }
    Ok(expires_at)
}

/// A length of time in the largest unit of which it is a whole number.
pub(super) fn in_words(seconds: i64) -> Cow<'static, str> {
    let units = [(DAY_SECONDS, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let (length, unit) = units.into_iter().find(|(length, _)| seconds % length == 0).unwrap_or((1, "second"));
    match seconds / length {
        1 => format!("1 {unit}").into(),
        count => format!("{count} {unit}s").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::profile;

    const NOW: i64 = 1_700_000_000;

    fn change(change: impl FnOnce(&mut ProfileSettings)) -> Profile {
        let mut settings = ProfileSettings::default();
        change(&mut settings);
        Profile { name: "Mine".into(), built_in: false, settings }
    }

    fn end(profile: &Profile, lifetime: Lifetime) -> Result<Option<i64>> {
        expiry(profile, TokenFormat::Opaque, lifetime, None, None, NOW)
    }

    /// Under the profile `Default`.
    fn expires_at(lifetime: Lifetime, format: TokenFormat, not_before: Option<i64>, now: i64) -> Result<Option<i64>> {
        expiry(&change(|_| ()), format, lifetime, not_before, None, now)
    }

    fn code(result: Result<Option<i64>>) -> (ErrorCode, String) {
        let error = result.unwrap_err();
        (error.code(), error.subject().unwrap().to_owned())
    }

    #[test]
    fn expiry_is_bounded() {
        let opaque = |lifetime| expires_at(lifetime, TokenFormat::Opaque, None, NOW);
        let jwt = |lifetime| expires_at(lifetime, TokenFormat::Jwt, None, NOW);
        assert_eq!(opaque(Lifetime::Default).unwrap(), Some(NOW + 90 * 86_400));
        assert_eq!(opaque(Lifetime::Never).unwrap(), None);
        assert_eq!(opaque(Lifetime::Until(2_147_483_648)).unwrap(), Some(2_147_483_648));
        assert_eq!(opaque(Lifetime::Until(MAXIMUM_SECONDS)).unwrap(), Some(MAXIMUM_SECONDS));
        for refused in [
            Lifetime::Until(NOW),
            Lifetime::Until(-1),
            Lifetime::Until(MAXIMUM_SECONDS + 1),
            Lifetime::Seconds(0),
            Lifetime::Seconds(-5),
            Lifetime::Seconds(i64::MAX),
            Lifetime::On(NOW),
            Lifetime::On(NOW - NOW % 86_400),
            Lifetime::On(i64::MAX - i64::MAX % 86_400),
            Lifetime::On(i64::MIN - i64::MIN % 86_400),
        ] {
            assert_eq!(opaque(refused).unwrap_err().code(), ErrorCode::InvalidArgument, "{refused:?}");
        }
        assert_eq!(jwt(Lifetime::Never).unwrap_err().code(), ErrorCode::NotPermitted);
        assert_eq!(jwt(Lifetime::Until(MAXIMUM_SECONDS)).unwrap_err().code(), ErrorCode::NotPermitted);
        assert_eq!(jwt(Lifetime::Seconds(400 * 86_400)).unwrap(), Some(NOW + 400 * 86_400));
        assert_eq!(jwt(Lifetime::Seconds(400 * 86_400 + 1)).unwrap_err().code(), ErrorCode::NotPermitted);
    }

    #[test]
    fn expiry_comes_after_the_beginning() {
        let later = Some(NOW + 100);
        let ends = |lifetime| expires_at(lifetime, TokenFormat::Opaque, later, NOW);
        assert_eq!(ends(Lifetime::Seconds(10)).unwrap(), Some(NOW + 110));
        assert!(ends(Lifetime::Until(NOW + 100)).is_err());
        assert!(expires_at(Lifetime::Default, TokenFormat::Opaque, Some(-1), NOW).is_err());
        assert!(expires_at(Lifetime::Default, TokenFormat::Opaque, Some(MAXIMUM_SECONDS + 1), NOW).is_err());
        // A beginning in the past is now.
        let past = expires_at(Lifetime::Seconds(10), TokenFormat::Opaque, Some(NOW - 100), NOW);
        assert_eq!(past.unwrap(), Some(NOW + 10));
    }

    #[test]
    fn a_profile_bounds_the_lifetime_from_the_beginning() {
        let bounded = change(|settings| {
            settings.default_lifetime_seconds = Some(100);
            settings.minimum_lifetime_seconds = 50;
            settings.maximum_lifetime_seconds = Some(200);
            settings.allows_never = false;
        });
        assert_eq!(end(&bounded, Lifetime::Default).unwrap(), Some(NOW + 100));
        for (seconds, allowed) in [(49, false), (50, true), (200, true), (201, false)] {
            assert_eq!(end(&bounded, Lifetime::Seconds(seconds)).is_ok(), allowed, "{seconds}");
            assert_eq!(end(&bounded, Lifetime::Until(NOW + seconds)).is_ok(), allowed, "{seconds}");
            let begins = Some(NOW + 1_000);
            let later = expiry(&bounded, TokenFormat::Opaque, Lifetime::Seconds(seconds), begins, None, NOW);
            assert_eq!(later.is_ok(), allowed, "{seconds} from a later beginning");
        }
        assert_eq!(code(end(&bounded, Lifetime::Seconds(49))), (ErrorCode::NotPermitted, "expiresIn".into()));
        assert_eq!(code(end(&bounded, Lifetime::Until(NOW + 201))), (ErrorCode::NotPermitted, "expiresAt".into()));
        assert_eq!(code(end(&bounded, Lifetime::Never)), (ErrorCode::NotPermitted, "noExpiry".into()));
        let told = end(&bounded, Lifetime::Seconds(201)).unwrap_err();
        assert!(told.message().contains("Mine") && told.message().contains("200 seconds"), "{told}");
    }

    #[test]
    fn without_a_default_a_token_lives_for_ever_where_it_may() {
        let endless = change(|settings| settings.default_lifetime_seconds = None);
        assert_eq!(end(&endless, Lifetime::Default).unwrap(), None);
        let jwt = expiry(&endless, TokenFormat::Jwt, Lifetime::Default, None, None, NOW);
        assert_eq!(jwt.unwrap_err().code(), ErrorCode::NotPermitted);
    }

    #[test]
    fn a_day_means_the_time_of_day_of_creation() {
        let day = NOW - NOW % 86_400;
        assert_eq!(expires_at(Lifetime::On(day + 86_400), TokenFormat::Opaque, None, NOW).unwrap(), Some(NOW + 86_400));
        let last = MAXIMUM_SECONDS - MAXIMUM_SECONDS % 86_400;
        assert!(expires_at(Lifetime::On(last), TokenFormat::Opaque, None, NOW).unwrap().unwrap() <= MAXIMUM_SECONDS);
        assert!(expires_at(Lifetime::On(last + 86_400), TokenFormat::Opaque, None, NOW).is_err());
    }

    #[test]
    fn a_default_lifetime_ends_with_the_calendar() {
        let now = MAXIMUM_SECONDS - 10;
        let enterprise = profile::built_in().into_iter().find(|profile| profile.name == "Enterprise").unwrap();
        let end = expiry(&enterprise, TokenFormat::Opaque, Lifetime::Default, None, None, now);
        assert_eq!(end.unwrap(), Some(MAXIMUM_SECONDS));
    }

    #[test]
    fn a_token_that_grants_is_not_outlived() {
        let under =
            |lifetime, latest| expiry(&change(|_| ()), TokenFormat::Opaque, lifetime, None, Some(NOW + latest), NOW);
        assert_eq!(under(Lifetime::Default, 100).unwrap(), Some(NOW + 100));
        assert_eq!(under(Lifetime::Default, 400 * 86_400).unwrap(), Some(NOW + 90 * 86_400));
        assert_eq!(under(Lifetime::Seconds(100), 100).unwrap(), Some(NOW + 100));
        for lifetime in [Lifetime::Seconds(101), Lifetime::Until(NOW + 101), Lifetime::Never] {
            assert_eq!(under(lifetime, 100).unwrap_err().code(), ErrorCode::NotPermitted, "{lifetime:?}");
        }
        // A default that is cut must still be as long as the profile asks for.
        let long = change(|settings| settings.minimum_lifetime_seconds = 101);
        let cut = expiry(&long, TokenFormat::Opaque, Lifetime::Default, None, Some(NOW + 100), NOW);
        assert_eq!(cut.unwrap_err().code(), ErrorCode::NotPermitted);
    }

    #[test]
    fn warnings_begin_so_long_before_the_expiry() {
        let settings = |warning_seconds| ProfileSettings { warning_seconds, ..ProfileSettings::default() };
        assert_eq!(warn_after(&settings(Some(100)), NOW, Some(NOW + 500)), Some(NOW + 400));
        assert_eq!(warn_after(&settings(Some(600)), NOW, Some(NOW + 500)), Some(NOW), "from its beginning at the most");
        assert_eq!(warn_after(&settings(Some(100)), NOW, None), None);
        assert_eq!(warn_after(&settings(None), NOW, Some(NOW + 500)), None);
    }

    #[test]
    fn lengths_of_time_are_told_in_the_largest_whole_unit() {
        let told: Vec<_> = [1, 59, 60, 3_600, 86_400, 1_209_600, 90_000].into_iter().map(in_words).collect();
        assert_eq!(told, ["1 second", "59 seconds", "1 minute", "1 hour", "1 day", "14 days", "25 hours"]);
    }
}
