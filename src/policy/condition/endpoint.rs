//! Endpoints that no token of a profile may call. Their table denies, so here doubt means a match.

use unicode_normalization::UnicodeNormalization;

use crate::error::{Error, Result};
use crate::model::Endpoint;
use crate::policy::grant::refuse_value;

use super::method::{is_method, methods};
use super::path::{Step, steps};
use super::uri::Target;

const MAXIMUM_PATH_BYTES: usize = 2_048;

/// The name of the setting in errors.
const SUBJECT: &str = "deniedEndpoints";

/// `endpoint` with its methods in upper case, sorted, each once.
///
/// Refuses more than [`super::MAXIMUM_METHODS`] methods and what is none; a path that does not begin with a slash, is
/// longer than 2,048 bytes, has a query, a fragment, `..`, what [`super::Compiled::admits_path`] says servers read
/// differently, a `*` that is not a whole segment, or a `**` that is not the last; and a token's value.
pub fn check_endpoint(endpoint: &Endpoint) -> Result<Endpoint> {
    let compiled = CompiledEndpoint::new(endpoint)?;
    Ok(Endpoint { methods: compiled.methods, path: endpoint.path.clone() })
}

/// An endpoint that no token of a profile may call, ready for many requests.
#[derive(Debug, Clone)]
pub struct CompiledEndpoint {
    methods: Vec<String>,
    parts: Vec<Part>,
    /// Whether the pattern ends with `**`.
    is_open: bool,
}

#[derive(Debug, Clone)]
enum Part {
    Any,
    /// The decoded text of a segment.
    Named(String),
}

impl CompiledEndpoint {
    /// Reads `endpoint`; fails as [`check_endpoint`] does.
    ///
    /// In its path `*` is any one segment, and `**` at the end any number, none too. A star that is meant is `%2A`.
    pub fn new(endpoint: &Endpoint) -> Result<Self> {
        refuse_value(&endpoint.path, SUBJECT)?;
        let (parts, is_open) = pattern(&endpoint.path)
            .map_err(|reason| Error::argument(SUBJECT, format!("The path of a denied endpoint {reason}.")))?;
        Ok(Self { methods: methods(&endpoint.methods, SUBJECT)?, parts, is_open })
    }

    /// Whether a request with `method` for the absolute `uri` calls this endpoint, on whatever host.
    ///
    /// It does when in doubt: when there is no method or what is none, and when the URI is not absolute, has `..` in
    /// its path, or is read differently by servers, as [`super::Compiled::admits_path`] says. Neither case nor a
    /// compatibility form of Unicode makes a difference, nor do escapes, nor dots and spaces at a segment's end, for
    /// there are servers to which they do not. `GET` stands for `HEAD` too, which servers answer alike.
    pub fn matches(&self, method: Option<&str>, uri: &str) -> bool {
        self.matches_method(method) && self.matches_path(uri)
    }

    fn matches_method(&self, method: Option<&str>) -> bool {
        let is_listed = |method: &str| self.methods.iter().any(|listed| listed.eq_ignore_ascii_case(method));
        self.methods.is_empty()
            || method.is_none_or(|method| {
                !is_method(method) || is_listed(method) || (method.eq_ignore_ascii_case("HEAD") && is_listed("GET"))
            })
    }

    fn matches_path(&self, uri: &str) -> bool {
        let Ok(target) = Target::parse(uri) else { return true };
        let mut parts = self.parts.iter();
        let mut is_other = false;
        for step in steps(target.path) {
            // A server that does not follow `..` hands it to whoever serves what comes before.
            let Ok(Step::Down(segment)) = step else { return true };
            is_other |= match parts.next() {
                Some(Part::Any) => false,
                Some(Part::Named(name)) => !is_alike(name, &segment.text),
                None => !self.is_open,
            };
        }
        !is_other && parts.next().is_none()
    }
}

fn pattern(path: &str) -> std::result::Result<(Vec<Part>, bool), &'static str> {
    if path.len() > MAXIMUM_PATH_BYTES {
        return Err("is longer than 2,048 bytes");
    }
    if !path.starts_with('/') || path.contains(['?', '#']) || path.chars().any(char::is_whitespace) {
        return Err("does not begin with a slash, or has a query, a fragment or white space");
    }
    let (mut parts, mut is_open) = (Vec::new(), false);
    for step in steps(path) {
        let Step::Down(segment) = step? else { return Err("goes up") };
        if is_open {
            return Err("has a ** that is not its end");
        }
        match segment.raw {
            "*" => parts.push(Part::Any),
            "**" => is_open = true,
            raw if raw.contains('*') => return Err("has a * that is not a whole segment; %2A is the sign itself"),
            _ => parts.push(Part::Named(segment.text.into_owned())),
        }
    }
    Ok((parts, is_open))
}

/// Whether some server could take the one name for the other.
fn is_alike(one: &str, other: &str) -> bool {
    let end: &[char] = &['.', ' '];
    let (one, other) = (one.trim_end_matches(end), other.trim_end_matches(end));
    if one.is_ascii() && other.is_ascii() {
        return one.eq_ignore_ascii_case(other);
    }
    let folded = |text: &str| -> String {
        text.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect()
    };
    folded(one) == folded(other)
}
