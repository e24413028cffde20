//! The site or path that a token reaches.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use crate::error::{Error, Result};
use crate::policy::grant::refuse_value;

use super::path::{Step, steps};
use super::uri::{Host, Target, default_port};

/// The most bytes of a subject, as given and in its normal form.
pub const MAXIMUM_SUBJECT_BYTES: usize = 2_048;

/// A site, or a path of one with all that lies under it. Displays as its normal form.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    is_secure: bool,
    host: Host<'static>,
    port: u16,
    /// The path's segments in their normal form.
    segments: Vec<String>,
}

impl Subject {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let too_long = || Error::argument("subject", "A subject has at most 2,048 bytes, with its escapes.");
        if text.len() > MAXIMUM_SUBJECT_BYTES {
            return Err(too_long());
        }
        refuse_value(text, "subject")?;
        let subject = Self::read(text).map_err(|reason| {
            let message = format!("The subject {reason}. Give an absolute URI, such as https://api.example/locations.");
            Error::argument("subject", message)
        })?;
        let normal = subject.to_string();
        if normal.len() > MAXIMUM_SUBJECT_BYTES {
            return Err(too_long());
        }
        // Once more: a value may have been hidden by escapes.
        refuse_value(&normal, "subject")?;
        Ok(subject)
    }

    fn read(text: &str) -> std::result::Result<Self, &'static str> {
        let target = Target::parse(text)?;
        if target.has_query {
            return Err("has a query");
        }
        let host = match target.host {
            Host::Domain(domain) => Host::Domain(Cow::Owned(domain.to_ascii_lowercase())),
            Host::Address(address) => Host::Address(address),
        };
        let mut segments = Vec::new();
        for step in steps(target.path) {
            match step? {
                Step::Down(segment) => segments.push(segment.normal().into_owned()),
                Step::Up => drop(segments.pop().ok_or("goes up above its root")?),
            }
        }
        Ok(Self { is_secure: target.is_secure, host, port: target.port, segments })
    }

    pub(super) fn admits(&self, uri: &str) -> bool {
        let Ok(target) = Target::parse(uri) else { return false };
        target.is_secure == self.is_secure
            && target.port == self.port
            && target.host.is(&self.host)
            && self.has_beneath_it(target.path)
    }

    /// Walks `path` to its end, even where every path is admitted: one with a trick in it is not what it seems.
    fn has_beneath_it(&self, path: &str) -> bool {
        // Where the walk is, and how far the way there is the subject's; that saves keeping the way.
        let (mut depth, mut agreed) = (0_usize, 0_usize);
        for step in steps(path) {
            match step {
                Ok(Step::Down(segment)) => {
                    let agrees = self.segments.get(depth).is_some_and(|wanted| *wanted == segment.normal());
                    agreed += usize::from(agreed == depth && agrees);
                    depth += 1;
                }
                Ok(Step::Up) if depth > 0 => {
                    depth -= 1;
                    agreed = agreed.min(depth);
                }
                Ok(Step::Up) | Err(_) => return false,
            }
        }
        agreed == self.segments.len()
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.is_secure { "https://" } else { "http://" })?;
        match &self.host {
            Host::Domain(domain) => formatter.write_str(domain)?,
            Host::Address(IpAddr::V4(address)) => write!(formatter, "{address}")?,
            Host::Address(IpAddr::V6(address)) => write!(formatter, "[{address}]")?,
        }
        if self.port != default_port(self.is_secure) {
            write!(formatter, ":{}", self.port)?;
        }
        if self.segments.is_empty() {
            return formatter.write_str("/");
        }
        self.segments.iter().try_for_each(|segment| write!(formatter, "/{segment}"))
    }
}
