//! Conditions on the use of a token: their limits and normal form, and what they admit.
//!
//! A condition that cannot be judged refuses: the fact is not stated, or a server could read it in more than one way.
//! Endpoints that a profile denies turn that round, and hold whatever cannot be judged for denied.

mod address;
mod endpoint;
mod method;
mod operation;
mod path;
mod referrer;
mod subject;
mod uri;
mod within;

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::model::{Conditions, RateLimit};

use super::grant::{MAXIMUM_ROLES, name};
use address::Addresses;
use referrer::Referrer;
use subject::Subject;

pub use address::MAXIMUM_ADDRESSES;
pub use endpoint::{CompiledEndpoint, check_endpoint};
pub use method::MAXIMUM_METHODS;
pub use operation::{MAXIMUM_OPERATIONS, operations};
pub use subject::MAXIMUM_SUBJECT_BYTES;
pub use uri::MAXIMUM_URI_BYTES;
pub use within::{list_within, within};

/// The most uses that a token may be given: 2^53, up to which every JSON reader counts exactly.
pub const MAXIMUM_USES: u64 = 1 << 53;
/// The most uses in one period of a rate limit.
pub const MAXIMUM_RATE_USES: u32 = 1_000_000;
/// The longest period of a rate limit: a day.
pub const MAXIMUM_RATE_PERIOD_SECONDS: u32 = 86_400;

/// `conditions` in their normal form, which compares, is stored and is checked like any other in that form.
///
/// Lists come out sorted, each entry once. An empty subject or referrer is none. Subject: scheme and host in lower
/// case, the host in ASCII (IDNA), no default port, and the path as RFC 3986, section 6.2.2 writes it. Referrer: a
/// domain name in lower case ASCII. Methods: upper case. Addresses: as RFC 5952 writes them, a network of one
/// without its prefix length, an IPv4-mapped IPv6 address as the IPv4 address.
///
/// Refuses, with [`crate::error::ErrorCode::InvalidArgument`] about the member's JSON name (`allowedAddresses`): a
/// subject that is not an absolute http or https URI, has user information, a query or a fragment, is longer than
/// [`MAXIMUM_SUBJECT_BYTES`], or has a path that servers read differently; a referrer that is no domain name of at
/// most 253 characters; more than [`MAXIMUM_ADDRESSES`] addresses in a list, and what is no address or network;
/// more than [`MAXIMUM_METHODS`] methods or what is none; more than [`MAXIMUM_OPERATIONS`] operations or what is no
/// name of one; more than [`MAXIMUM_ROLES`] roles or what is no name; uses outside 1 to [`MAXIMUM_USES`]; a rate
/// limit outside 1 to [`MAXIMUM_RATE_USES`] uses in 1 to [`MAXIMUM_RATE_PERIOD_SECONDS`] seconds; and text that
/// holds a token's value. No error repeats its input. Whether the roles exist is not asked here.
pub fn check(conditions: &Conditions) -> Result<Conditions> {
    // Taken apart, so that a member that is added is not forgotten.
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
    } = conditions;
    if uses.is_some_and(|uses| !(1..=MAXIMUM_USES).contains(&uses)) {
        return Err(Error::argument("uses", "A token has 1 to 9,007,199,254,740,992 uses, or no such limit."));
    }
    if let Some(RateLimit { uses, period_seconds }) = rate_limit
        && !((1..=MAXIMUM_RATE_USES).contains(uses) && (1..=MAXIMUM_RATE_PERIOD_SECONDS).contains(period_seconds))
    {
        return Err(Error::argument("rateLimit", "A rate limit is 1 to 1,000,000 uses in 1 to 86,400 seconds."));
    }
    Ok(Conditions {
        subject: stated(subject).map(Subject::parse).transpose()?.map(|subject| subject.to_string()),
        referrer: stated(referrer).map(Referrer::parse).transpose()?.map(Referrer::into_string),
        allowed_addresses: address::texts(&address::networks(allowed_addresses, "allowedAddresses")?),
        denied_addresses: address::texts(&address::networks(denied_addresses, "deniedAddresses")?),
        methods: method::methods(methods, "methods")?,
        operations: operation::operations(operations, "operations")?,
        required_roles: roles(required_roles)?,
        uses: *uses,
        rate_limit: *rate_limit,
    })
}

/// The conditions of a token that a request can be held against by itself, ready for many requests.
///
/// Asking allocates nothing, unless the request's path has percent escapes or its host is not in plain ASCII.
/// Roles, uses and the rate limit need more than the request, and are asked elsewhere.
#[derive(Debug, Clone)]
pub struct Compiled {
    subject: Option<Subject>,
    referrer: Option<Referrer>,
    addresses: Addresses,
    methods: Vec<String>,
    operations: Vec<String>,
}

impl Compiled {
    /// Reads `conditions`; fails as [`check`] does, so never on what came from it.
    pub fn new(conditions: &Conditions) -> Result<Self> {
        Ok(Self {
            subject: stated(&conditions.subject).map(Subject::parse).transpose()?,
            referrer: stated(&conditions.referrer).map(Referrer::parse).transpose()?,
            addresses: Addresses {
                allowed: address::networks(&conditions.allowed_addresses, "allowedAddresses")?,
                denied: address::networks(&conditions.denied_addresses, "deniedAddresses")?,
            },
            methods: method::methods(&conditions.methods, "methods")?,
            operations: operation::operations(&conditions.operations, "operations")?,
        })
    }

    /// Whether a request from `address` is admitted: an IPv4 or IPv6 address without port or zone. An IPv4-mapped
    /// IPv6 address is the IPv4 address. A denied network wins over an allowed one; without allowed ones every
    /// address is that is not denied. With either list an address that is absent or cannot be read is refused.
    pub fn admits_address(&self, address: Option<&str>) -> bool {
        self.addresses.admit(address)
    }

    /// Whether a request with `referrer` in its `Referer` field (RFC 9110, section 10.1.3) is admitted: an absolute
    /// http or https URI whose host is the domain or lies below it.
    ///
    /// Refused, where there is the condition: an absent field, another scheme, an address as the host, user
    /// information, a fragment, white space, control characters, a host with an empty label or a final dot, and more
    /// than [`MAXIMUM_URI_BYTES`].
    pub fn admits_referrer(&self, referrer: Option<&str>) -> bool {
        self.referrer.as_ref().is_none_or(|condition| referrer.is_some_and(|referrer| condition.admits(referrer)))
    }

    /// Whether a request for `uri` is admitted: its scheme, host and port are the subject's, and its path is the
    /// subject's or lies under it by whole segments. The query has no say.
    ///
    /// `uri` must be absolute; a caller that has only the path puts its own scheme and host before it. The path is
    /// normalised first: escapes of unreserved characters are decoded, dot segments followed, repeated slashes taken
    /// for one. Case counts in it. Refused, where there is the condition: an absent URI, user information, a
    /// fragment, more than [`MAXIMUM_URI_BYTES`], and whatever servers read differently: white space and control
    /// characters (`%00`, tabs and line ends too, which some readers skip), backslashes, encoded slashes and
    /// backslashes, `;` plain or encoded (some servers take parameters off a segment, others do not), escapes that
    /// are incomplete, escaped once more or not UTF-8 (overlong forms too), characters that a compatibility form
    /// turns into one of these or into a dot, segments of only dots and spaces but for `.` and `..`, `..` above the
    /// root or after a repeated slash, and a host that ends with a dot.
    pub fn admits_path(&self, uri: Option<&str>) -> bool {
        self.subject.as_ref().is_none_or(|subject| uri.is_some_and(|uri| subject.admits(uri)))
    }

    /// Whether a request with `method` is admitted. Methods are compared exactly (RFC 9110, section 9.1): `get` is
    /// not `GET`, and `GET` does not bring `HEAD`.
    pub fn admits_method(&self, method: Option<&str>) -> bool {
        among(&self.methods, method)
    }

    /// Whether a request to do `operation` is admitted.
    pub fn admits_operation(&self, operation: Option<&str>) -> bool {
        among(&self.operations, operation)
    }
}

/// The text, when it says something.
fn stated(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

/// Whether the list, when there is one, has `item`.
fn among(list: &[String], item: Option<&str>) -> bool {
    list.is_empty() || item.is_some_and(|item| list.iter().any(|admitted| admitted == item))
}

fn roles(names: &[String]) -> Result<Vec<String>> {
    if names.len() > MAXIMUM_ROLES {
        return Err(Error::argument("requiredRoles", "There may be at most 64 required roles."));
    }
    let mut roles = BTreeMap::new();
    for text in names {
        let role = name(text, "requiredRoles")?;
        roles.entry(role.folded()).or_insert_with(|| role.as_str().to_owned());
    }
    Ok(roles.into_values().collect())
}

#[cfg(test)]
mod property;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
