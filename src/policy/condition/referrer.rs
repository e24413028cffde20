//! The domain that requests must come from.

use crate::error::{Error, Result};
use crate::policy::grant::refuse_value;

use super::uri::{Host, Target};

/// A domain name in lower case ASCII.
#[derive(Debug, Clone)]
pub(super) struct Referrer(String);

impl Referrer {
    pub(super) fn parse(text: &str) -> Result<Self> {
        refuse_value(text, "referrer")?;
        match Host::parse(text) {
            Some(Host::Domain(domain)) => Ok(Self(domain.to_ascii_lowercase())),
            _ => {
                let message = "A referrer is a domain name of at most 253 characters, such as example.com: no address, \
                               port or path, and no dot before or after it.";
                Err(Error::argument("referrer", message))
            }
        }
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }

    pub(super) fn admits(&self, referrer: &str) -> bool {
        let Ok(Target { host: Host::Domain(domain), .. }) = Target::parse(referrer) else { return false };
        let Some((before, end)) = domain.len().checked_sub(self.0.len()).and_then(|at| domain.split_at_checked(at))
        else {
            return false;
        };
        end.eq_ignore_ascii_case(&self.0) && (before.is_empty() || before.ends_with('.'))
    }
}
