//! What a URI is about, read so that no other reader can take it for something else.
//!
//! The URL standard's readers mend what they are given: they drop tabs and line ends, turn backslashes into slashes,
//! decode a host, and find one where slashes lack or abound. Here all that is refused, and only hosts that are not
//! plain ASCII go through such a reader, for IDNA.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The most bytes of a request's URI, and of its `Referer`: what RFC 9110, section 4.1 asks every recipient to take,
/// rounded up.
pub const MAXIMUM_URI_BYTES: usize = 8_192;

/// The most characters of a domain name.
const MAXIMUM_DOMAIN_CHARACTERS: usize = 253;

/// The parts of an absolute http or https URI.
#[derive(Debug)]
pub(super) struct Target<'a> {
    pub(super) is_secure: bool,
    pub(super) host: Host<'a>,
    pub(super) port: u16,
    /// Empty, or a slash and more.
    pub(super) path: &'a str,
    pub(super) has_query: bool,
}

impl<'a> Target<'a> {
    /// The error says what is wrong with the URI.
    pub(super) fn parse(uri: &'a str) -> Result<Self, &'static str> {
        if uri.len() > MAXIMUM_URI_BYTES {
            return Err("is longer than 8,192 bytes");
        }
        if uri.chars().any(|character| character.is_control() || character.is_whitespace()) {
            return Err("has white space or control characters");
        }
        if uri.contains('#') {
            return Err("has a fragment");
        }
        let (scheme, rest) = uri.split_once("://").unwrap_or_default();
        let is_secure = scheme.eq_ignore_ascii_case("https");
        if !is_secure && !scheme.eq_ignore_ascii_case("http") {
            return Err("does not begin with https:// or http://");
        }
        let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err("has user information");
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !authority.ends_with(']') => {
                (host, number(port).ok_or("has no port after its colon")?)
            }
            _ => (authority, default_port(is_secure)),
        };
        // Whoever does not look at the host needs it to be one too: in `host\a/b` some readers see the path `/a/b`.
        let host = Host::parse(host).ok_or("has no plain host name or address")?;
        let (path, has_query) = rest.split_once('?').map_or((rest, false), |(path, _)| (path, true));
        Ok(Self { is_secure, host, port, path, has_query })
    }
}

/// The port of http or https when none is named.
pub(super) fn default_port(is_secure: bool) -> u16 {
    if is_secure { 443 } else { 80 }
}

/// A port; unlike the standard library's, this reader takes no sign.
fn number(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A host: a domain name or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host<'a> {
    /// In ASCII; borrowed in the case it was written in.
    Domain(Cow<'a, str>),
    Address(IpAddr),
}

impl<'a> Host<'a> {
    /// None for an escape, an empty label and a final dot too, and for an address in any but its usual form.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[') {
            return inner.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(|address| Self::Address(address.into()));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Some(Self::Address(address.into()));
        }
        if is_domain(text) && !may_be_more(text) {
            return Some(Self::Domain(Cow::Borrowed(text)));
        }
        // The length bounds the work; the sign would be decoded.
        if text.len() > MAXIMUM_DOMAIN_CHARACTERS * 4 || text.contains('%') {
            return None;
        }
        match url::Host::parse(text) {
            Ok(url::Host::Domain(domain)) if is_domain(&domain) => Some(Self::Domain(Cow::Owned(domain))),
            _ => None,
        }
    }

    /// Whether both are the same host.
    pub(super) fn is(&self, other: &Host<'_>) -> bool {
        match (self, other) {
            (Self::Domain(one), Host::Domain(other)) => one.eq_ignore_ascii_case(other),
            (Self::Address(one), Host::Address(other)) => one == other,
            _ => false,
        }
    }
}

/// Whether `text` has the form of a domain name in ASCII. An underscore is no part of a host's name by RFC 1123, but
/// is found in them.
fn is_domain(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.len() <= MAXIMUM_DOMAIN_CHARACTERS
        && text.split('.').all(|label| (1..=63).contains(&label.len()) && label.bytes().all(is_part))
}

/// Whether the URL standard has more to say of a domain name in ASCII: a label may be encoded (`xn--`), and a name
/// whose last label begins with a digit may be an address in an old form, as `127.1` and `0x7f000001` are.
fn may_be_more(domain: &str) -> bool {
    domain.split('.').any(|label| label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--")))
        || domain.rsplit('.').next().is_some_and(|label| label.starts_with(|first: char| first.is_ascii_digit()))
}
