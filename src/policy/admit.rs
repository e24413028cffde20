//! Whether a token admits a request.

use crate::format::jwt::CLOCK_SKEW_SECONDS;
use crate::model::{Outcome, Token, TokenFormat};

use super::Rights;

/// What a request brings to a check; nothing that is not asked for is checked.
#[derive(Debug, Clone, Copy, Default)]
pub struct AccessContext<'a> {
    /// The role that the request needs.
    pub role: Option<&'a str>,
    /// The audience that the request is made to. A token that names no audience serves every one.
    pub audience: Option<&'a str>,
}

/// What is known of a token when it is checked.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The token.
    pub token: &'a Token,
    /// What it may do now.
    pub rights: &'a Rights,
}

/// What the checks come to that ask the token alone, of no request: whether it is good at all at `now_seconds`.
pub fn standing_outcome(token: &Token, now_seconds: i64) -> Outcome {
    // Opaque tokens have none: the store that granted them checks them.
    let skew = if token.format == TokenFormat::Jwt { CLOCK_SKEW_SECONDS } else { 0 };
    // Retirement ends a token as exactly as revocation does; expiry is asked below, where the clocks of others count.
    if token.revocation.is_some() || token.is_retired(now_seconds) {
        return Outcome::Revoked;
    }
    if token.disabled.is_some() {
        return Outcome::Disabled;
    }
    if token.not_before.is_some_and(|not_before| now_seconds.saturating_add(skew) < not_before) {
        return Outcome::NotYetValid;
    }
    if token.expires_at.is_some_and(|expires_at| now_seconds >= expires_at.saturating_add(skew)) {
        return Outcome::Expired;
    }
    Outcome::Valid
}

/// The first of the checks that fails, in their documented order, or `Valid`.
///
/// Malformed and Unknown come before: there is a token by now.
pub fn outcome(evidence: Evidence<'_>, context: AccessContext<'_>, now_seconds: i64) -> Outcome {
    let Evidence { token, rights } = evidence;
    let standing = standing_outcome(token, now_seconds);
    if standing != Outcome::Valid {
        return standing;
    }
    if let Some(audience) = context.audience
        && !token.audiences.is_empty()
        && !token.audiences.iter().any(|admitted| admitted == audience)
    {
        return Outcome::AudienceDenied;
    }
    if context.role.is_some_and(|role| !rights.include(role)) {
        return Outcome::RoleDenied;
    }
    Outcome::Valid
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Conditions, Revocation, Role, TokenId};

    fn token(format: TokenFormat) -> Token {
        Token {
            sequence: 1,
            id: TokenId::parse("0123456789ab").unwrap(),
            name: None,
            identity: "Adam".into(),
            format,
            roles: vec!["Reader".into()],
            tags: vec![],
            remark: None,
            profile: "Default".into(),
            key_id: None,
            audiences: vec!["api".into()],
            organizations: None,
            conditions: Conditions::default(),
            has_referrer: false,
            uses_left: None,
            is_decoy: false,
            created_by: "local owner".into(),
            parent: None,
            created_at: 0,
            not_before: Some(1_000),
            expires_at: Some(2_000),
            warn_after: None,
            last_used_at: None,
            disabled: None,
            revocation: None,
            predecessor: None,
            successor: None,
            rotation_stage: None,
            retires_at: None,
            expired_is_revoked: false,
        }
    }

    fn check(token: &Token, context: AccessContext<'_>, now_seconds: i64) -> Outcome {
        let all = [Role { name: "Reader".into(), includes: vec![], built_in: true }];
        outcome(Evidence { token, rights: &Rights::of(&token.roles, &all) }, context, now_seconds)
    }

    #[test]
    fn times_are_exact_for_opaque_tokens_and_have_the_skew_for_others() {
        let none = AccessContext::default();
        for (format, skew) in [(TokenFormat::Opaque, 0), (TokenFormat::Jwt, 30)] {
            let token = token(format);
            assert_eq!(check(&token, none, 1_000 - skew - 1), Outcome::NotYetValid);
            assert_eq!(check(&token, none, 1_000 - skew), Outcome::Valid);
            assert_eq!(check(&token, none, 2_000 + skew - 1), Outcome::Valid);
            assert_eq!(check(&token, none, 2_000 + skew), Outcome::Expired);
        }
    }

    #[test]
    fn the_first_failure_in_the_documented_order_is_the_outcome() {
        let mut token = token(TokenFormat::Opaque);
        let both = AccessContext { role: Some("Administrator"), audience: Some("other") };
        assert_eq!(check(&token, both, 1_500), Outcome::AudienceDenied);
        assert_eq!(check(&token, AccessContext { audience: Some("api"), ..both }, 1_500), Outcome::RoleDenied);
        assert_eq!(check(&token, both, 2_500), Outcome::Expired);
        token.revocation = Some(Revocation { at: 1, by: "local owner".into(), reason: None });
        assert_eq!(check(&token, both, 2_500), Outcome::Revoked);
        assert_eq!(check(&token, both, 500), Outcome::Revoked);
    }
}
