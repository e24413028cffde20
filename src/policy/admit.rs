//! Whether a token admits a request.

use crate::error::Result;
use crate::format::jwt::CLOCK_SKEW_SECONDS;
use crate::model::{Conditions, Outcome, ProfileSettings, Token, TokenFormat};

use super::condition::{Compiled, CompiledEndpoint};
use super::{Organizations, Rights};

/// What a request brings to a check. What the token is tied to must be stated; a role, an audience and an organisation
/// are asked only when the request names one.
#[derive(Debug, Clone, Copy, Default)]
pub struct AccessContext<'a> {
    /// The role that the request needs.
    pub role: Option<&'a str>,
    /// The audience that the request is made to. A token that names no audience serves every one.
    pub audience: Option<&'a str>,
    /// The absolute URI that the request is made for.
    pub uri: Option<&'a str>,
    /// The HTTP method of the request.
    pub method: Option<&'a str>,
    /// The request's `Referer` field.
    pub referrer: Option<&'a str>,
    /// The address that the request comes from: IPv4 or IPv6, without port and zone.
    pub remote_address: Option<&'a str>,
    /// The organisation that the request is about.
    pub organization: Option<&'a str>,
    /// The operation that the request asks for, by its name.
    pub operation: Option<&'a str>,
}

impl AccessContext<'_> {
    /// Whether it asks for nothing by itself: no role, no audience and no organisation. Of a token whose [`Gate`] is open
    /// [`outcome`] then asks only whether it is good at all, and a check may leave out the rest.
    pub fn asks_nothing(&self) -> bool {
        // Every member by its name, so that a new one has to be put among those that ask or those that only state what a
        // gate is about.
        let Self { role, audience, organization, uri: _, method: _, referrer: _, remote_address: _, operation: _ } =
            self;
        role.is_none() && audience.is_none() && organization.is_none()
    }
}

/// What is known of a token when it is checked.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The token.
    pub token: &'a Token,
    /// When it is good at all: [`Validity::of`] it.
    pub validity: Validity,
    /// What it may do now.
    pub rights: &'a Rights,
    /// The organisations that it has access to now.
    pub organizations: &'a Organizations,
    /// What its use is tied to.
    pub gate: &'a Gate,
}

/// What the use of a token is tied to, by itself and by its profile, ready for many requests.
#[derive(Debug, Clone)]
pub struct Gate {
    conditions: Compiled,
    denied_operations: Vec<String>,
    denied_endpoints: Vec<CompiledEndpoint>,
    /// Whether the token's identity has the roles that its conditions ask for.
    has_required_roles: bool,
    is_open: bool,
}

impl Gate {
    /// Reads the conditions of a token and the settings of its profile. `identity` is what the identity that it speaks
    /// for may do now. Fails only on what did not pass the checks with which these are stored.
    pub fn new(conditions: &Conditions, settings: &ProfileSettings, identity: &Rights) -> Result<Self> {
        // Uses and the rate limit are none of a request's.
        let of_requests = Conditions { uses: None, rate_limit: None, ..conditions.clone() };
        Ok(Self {
            conditions: Compiled::new(conditions)?,
            denied_operations: settings.denied_operations.clone(),
            denied_endpoints: settings.denied_endpoints.iter().map(CompiledEndpoint::new).collect::<Result<_>>()?,
            has_required_roles: conditions.required_roles.iter().all(|role| identity.include(role)),
            is_open: of_requests.is_none()
                && settings.denied_operations.is_empty()
                && settings.denied_endpoints.is_empty(),
        })
    }

    /// Whether nothing of this refuses any request.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    fn denies_operation(&self, context: &AccessContext<'_>) -> bool {
        let is_denied = |operation: &str| self.denied_operations.iter().any(|denied| denied == operation);
        let calls = |uri: &str| self.denied_endpoints.iter().any(|denied| denied.matches(context.method, uri));
        !self.conditions.admits_operation(context.operation)
            || context.operation.is_some_and(is_denied)
            || context.uri.is_some_and(calls)
    }
}

/// When a token is good at all: what the checks ask that ask the token alone, side by side.
#[derive(Debug, Clone, Copy)]
pub struct Validity {
    is_revoked: bool,
    is_disabled: bool,
    retires_at: i64,
    /// With the skew that is allowed for.
    begins_at: i64,
    ends_at: i64,
}

impl Validity {
    /// That of a token.
    pub fn of(token: &Token) -> Self {
        // Opaque tokens have none: the store that granted them checks them.
        let skew = if token.format == TokenFormat::Jwt { CLOCK_SKEW_SECONDS } else { 0 };
        Self {
            is_revoked: token.revocation.is_some(),
            is_disabled: token.disabled.is_some(),
            retires_at: token.retires_at.unwrap_or(i64::MAX),
            begins_at: token.not_before.map_or(i64::MIN, |not_before| not_before.saturating_sub(skew)),
            ends_at: token.expires_at.map_or(i64::MAX, |expires_at| expires_at.saturating_add(skew)),
        }
    }

    /// What the checks come to at `now_seconds`.
    pub fn outcome(&self, now_seconds: i64) -> Outcome {
        // Retirement ends a token as exactly as revocation does; expiry is asked below, where the clocks of others count.
        if self.is_revoked || self.retires_at <= now_seconds {
            return Outcome::Revoked;
        }
        if self.is_disabled {
            return Outcome::Disabled;
        }
        if now_seconds < self.begins_at {
            return Outcome::NotYetValid;
        }
        if now_seconds >= self.ends_at {
            return Outcome::Expired;
        }
        Outcome::Valid
    }
}

/// What the checks come to that ask the token alone, of no request: whether it is good at all at `now_seconds`.
pub fn standing_outcome(token: &Token, now_seconds: i64) -> Outcome {
    Validity::of(token).outcome(now_seconds)
}

/// The first of the checks that fails, in their documented order, or `Valid`.
///
/// Malformed and Unknown come before: there is a token by now. The rate limit and the uses come after: they are counted
/// for a request that is good otherwise.
pub fn outcome(evidence: Evidence<'_>, context: &AccessContext<'_>, now_seconds: i64) -> Outcome {
    let Evidence { token, validity, rights, organizations, gate } = evidence;
    let standing = validity.outcome(now_seconds);
    if standing != Outcome::Valid {
        return standing;
    }
    if let Some(audience) = context.audience
        && !token.audiences.is_empty()
        && !token.audiences.iter().any(|admitted| admitted == audience)
    {
        return Outcome::AudienceDenied;
    }
    if context.organization.is_some_and(|organization| !organizations.include(organization)) {
        return Outcome::OrganizationDenied;
    }
    if !gate.is_open {
        let conditions = &gate.conditions;
        if !conditions.admits_address(context.remote_address) {
            return Outcome::AddressDenied;
        }
        if !conditions.admits_referrer(context.referrer) {
            return Outcome::ReferrerDenied;
        }
        if !conditions.admits_path(context.uri) {
            return Outcome::PathDenied;
        }
        if !conditions.admits_method(context.method) {
            return Outcome::MethodDenied;
        }
        if gate.denies_operation(context) {
            return Outcome::OperationDenied;
        }
    }
    if (!gate.is_open && !gate.has_required_roles) || context.role.is_some_and(|role| !rights.include(role)) {
        return Outcome::RoleDenied;
    }
    Outcome::Valid
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Conditions, Endpoint, RateLimit, Revocation, Role};

    fn token(format: TokenFormat) -> Token {
        Token { format, roles: vec!["Reader".into()], audiences: vec!["api".into()], ..Token::sample() }
    }

    fn check(token: &Token, context: AccessContext<'_>, now_seconds: i64) -> Outcome {
        check_under(token, &ProfileSettings::default(), context, now_seconds)
    }

    fn check_under(token: &Token, settings: &ProfileSettings, context: AccessContext<'_>, now_seconds: i64) -> Outcome {
        let all = [Role { name: "Reader".into(), includes: vec![], built_in: true }];
        let rights = Rights::of(&token.roles, &all);
        let organizations = Organizations::of(token.organizations.as_deref().unwrap_or_default());
        let gate = Gate::new(&token.conditions, settings, &rights).unwrap();
        let validity = Validity::of(token);
        let evidence = Evidence { token, validity, rights: &rights, organizations: &organizations, gate: &gate };
        outcome(evidence, &context, now_seconds)
    }

    /// A request that breaks every rule: each rule, taken away in the documented order, uncovers the next.
    #[test]
    fn every_refusal_has_its_place() {
        let mut token = token(TokenFormat::Opaque);
        token.conditions = Conditions {
            subject: Some("https://api.example/jobs".into()),
            referrer: Some("example.com".into()),
            denied_addresses: vec!["10.0.0.0/8".into()],
            methods: vec!["GET".into()],
            operations: vec!["job.read".into()],
            required_roles: vec!["Reader".into()],
            ..Conditions::default()
        };
        let intervention = Revocation { at: 1, by: "local owner".into(), reason: None };
        token.revocation = Some(intervention.clone());
        token.disabled = Some(intervention);
        let mut context = AccessContext {
            role: Some("Administrator"),
            audience: Some("other"),
            uri: Some("https://api.example/jobs2"),
            method: Some("POST"),
            referrer: Some("https://badexample.com/"),
            remote_address: Some("10.1.2.3"),
            organization: Some("North"),
            operation: Some("job.write"),
        };
        assert_eq!(check(&token, context, 500), Outcome::Revoked);
        token.revocation = None;
        assert_eq!(check(&token, context, 500), Outcome::Disabled);
        token.disabled = None;
        assert_eq!(check(&token, context, 500), Outcome::NotYetValid);
        assert_eq!(check(&token, context, 2_500), Outcome::Expired);
        assert_eq!(check(&token, context, 1_500), Outcome::AudienceDenied);
        context.audience = Some("api");
        assert_eq!(check(&token, context, 1_500), Outcome::OrganizationDenied);
        token.organizations = Some(vec!["north".into()]);
        assert_eq!(check(&token, context, 1_500), Outcome::AddressDenied);
        context.remote_address = Some("192.0.2.1");
        assert_eq!(check(&token, context, 1_500), Outcome::ReferrerDenied);
        context.referrer = Some("https://app.example.com/page");
        assert_eq!(check(&token, context, 1_500), Outcome::PathDenied);
        context.uri = Some("https://api.example/jobs/7");
        assert_eq!(check(&token, context, 1_500), Outcome::MethodDenied);
        context.method = Some("GET");
        assert_eq!(check(&token, context, 1_500), Outcome::OperationDenied);
        context.operation = Some("job.read");
        assert_eq!(check(&token, context, 1_500), Outcome::RoleDenied);
        context.role = Some("reader");
        assert_eq!(check(&token, context, 1_500), Outcome::Valid);
        token.roles.clear();
        context.role = None;
        assert_eq!(check(&token, context, 1_500), Outcome::RoleDenied, "the identity lost a role that is asked for");
    }

    /// A check leaves out [`outcome`] where the gate is open and the request asks for nothing.
    #[test]
    fn what_a_check_may_leave_out_would_refuse_nothing() {
        let conditions = Conditions {
            subject: Some("https://api.example/jobs".into()),
            referrer: Some("example.com".into()),
            allowed_addresses: vec!["192.0.2.0/24".into()],
            denied_addresses: vec!["10.0.0.0/8".into()],
            methods: vec!["GET".into()],
            operations: vec!["job.read".into()],
            required_roles: vec!["Administrator".into()],
            uses: Some(1),
            rate_limit: Some(RateLimit { uses: 1, period_seconds: 1 }),
        };
        // Each by itself. Uses and the rate limit are asked of no request, and open no gate that something else closes.
        let Conditions {
            subject,
            referrer,
            allowed_addresses,
            denied_addresses,
            methods,
            operations,
            required_roles,
            uses,
            rate_limit,
        } = conditions.clone();
        let none = Conditions::default;
        let gates = [
            (none(), true),
            (Conditions { uses, rate_limit, ..none() }, true),
            (Conditions { subject, ..none() }, false),
            (Conditions { referrer, ..none() }, false),
            (Conditions { allowed_addresses, ..none() }, false),
            (Conditions { denied_addresses, ..none() }, false),
            (Conditions { methods, ..none() }, false),
            (Conditions { operations, ..none() }, false),
            (Conditions { required_roles, ..none() }, false),
            (conditions, false),
        ];
        let denies = ProfileSettings { denied_operations: vec!["job.write".into()], ..ProfileSettings::default() };
        let endpoint = Endpoint { methods: vec![], path: "/jobs".into() };
        let closes = ProfileSettings { denied_endpoints: vec![endpoint], ..ProfileSettings::default() };
        let gates = gates.map(|(conditions, is_open)| (conditions, ProfileSettings::default(), is_open));
        let gates = gates.into_iter().chain([(none(), denies, false), (none(), closes, false)]);
        let rights = Rights::default();
        let organizations = Organizations::of(&["North".to_owned()]);
        for (conditions, settings, is_open) in gates {
            let gate = Gate::new(&conditions, &settings, &rights).unwrap();
            assert_eq!(gate.is_open(), is_open, "{conditions:?}");
            let token = Token { conditions, ..token(TokenFormat::Opaque) };
            let mut refused = 0;
            // Every member, stated and not, beside every other.
            for stated in 0..1 << 8 {
                let state = |member: u32, text: &'static str| (stated >> member & 1 == 1).then_some(text);
                let context = AccessContext {
                    role: state(0, "Administrator"),
                    audience: state(1, "other"),
                    organization: state(2, "South"),
                    uri: state(3, "https://other.example/jobs"),
                    method: state(4, "POST"),
                    referrer: state(5, "https://other.example/"),
                    remote_address: state(6, "10.1.2.3"),
                    operation: state(7, "job.write"),
                };
                assert_eq!(context.asks_nothing(), stated & 0b111 == 0, "{context:?}");
                for now_seconds in [500, 1_500, 2_500] {
                    let validity = Validity::of(&token);
                    let evidence = Evidence {
                        token: &token,
                        validity,
                        rights: &rights,
                        organizations: &organizations,
                        gate: &gate,
                    };
                    let whole = outcome(evidence, &context, now_seconds);
                    if gate.is_open() && context.asks_nothing() {
                        assert_eq!(validity.outcome(now_seconds), whole, "{context:?}");
                    } else {
                        refused += usize::from(validity.outcome(now_seconds) != whole);
                    }
                }
            }
            // Nothing is asked without need either: whichever of these would have been left out, refuses something.
            assert!(refused >= (1 << 8) - (1 << 5), "{:?}: {refused}", token.conditions);
        }
    }

    #[test]
    fn a_fact_that_is_not_stated_is_refused() {
        let with = |conditions: Conditions| {
            let token = Token { conditions, ..token(TokenFormat::Opaque) };
            check(&token, AccessContext::default(), 1_500)
        };
        let text = || Some("https://api.example/".to_owned());
        assert_eq!(with(Conditions::default()), Outcome::Valid);
        assert_eq!(with(Conditions { subject: text(), ..Conditions::default() }), Outcome::PathDenied);
        assert_eq!(
            with(Conditions { referrer: Some("example.com".into()), ..Conditions::default() }),
            Outcome::ReferrerDenied
        );
        assert_eq!(
            with(Conditions { denied_addresses: vec!["10.0.0.0/8".into()], ..Conditions::default() }),
            Outcome::AddressDenied
        );
        assert_eq!(with(Conditions { methods: vec!["GET".into()], ..Conditions::default() }), Outcome::MethodDenied);
        assert_eq!(
            with(Conditions { operations: vec!["job.read".into()], ..Conditions::default() }),
            Outcome::OperationDenied
        );
    }

    #[test]
    fn what_a_profile_denies_no_token_may() {
        let settings = ProfileSettings {
            denied_operations: vec!["session.create".into()],
            denied_endpoints: vec![crate::model::Endpoint { methods: vec![], path: "/api/v3/observer/**".into() }],
            ..ProfileSettings::default()
        };
        let token = token(TokenFormat::Opaque);
        let asks = |context| check_under(&token, &settings, context, 1_500);
        let operation = |name| AccessContext { operation: Some(name), ..AccessContext::default() };
        let uri = |uri| AccessContext { uri: Some(uri), method: Some("GET"), ..AccessContext::default() };
        assert_eq!(asks(operation("session.create")), Outcome::OperationDenied);
        assert_eq!(asks(operation("session.read")), Outcome::Valid);
        assert_eq!(asks(uri("https://any.example/api/v3/observer/7")), Outcome::OperationDenied);
        assert_eq!(asks(uri("https://any.example/api/v3/path")), Outcome::Valid);
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
        let both = AccessContext { role: Some("Administrator"), audience: Some("other"), ..AccessContext::default() };
        assert_eq!(check(&token, both, 1_500), Outcome::AudienceDenied);
        assert_eq!(check(&token, AccessContext { audience: Some("api"), ..both }, 1_500), Outcome::RoleDenied);
        assert_eq!(check(&token, both, 2_500), Outcome::Expired);
        token.revocation = Some(Revocation { at: 1, by: "local owner".into(), reason: None });
        assert_eq!(check(&token, both, 2_500), Outcome::Revoked);
        assert_eq!(check(&token, both, 500), Outcome::Revoked);
    }
}
