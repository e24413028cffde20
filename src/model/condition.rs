//! Conditions on the use of a token.

use serde::{Deserialize, Serialize};

/// What a request must state before a token admits it. Nothing set: no condition.
///
/// A condition refuses a request that does not state the fact it is about. `policy::condition::check` states the
/// limits and gives the normal form, in which alone conditions are stored. As JSON the members are camel case, those
/// that hold nothing are left out, and unknown ones are refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Conditions {
    /// The absolute URI that the token reaches: a whole site, or a path with all that lies under it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The domain that requests must come from, itself or one below it. No read of a token gives it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referrer: Option<String>,
    /// The networks that requests must come from, as CIDR or single addresses; empty: any that is not denied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_addresses: Vec<String>,
    /// The networks that requests must not come from, likewise. They win over the allowed ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub denied_addresses: Vec<String>,
    /// The HTTP methods that the token may be used with; empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// The operations that the token may do; empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<String>,
    /// The roles that the token's identity must have at the time of use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required_roles: Vec<String>,
    /// How often the token may be used at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uses: Option<u64>,
    /// How often the token may be used in a period of time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
}

impl Conditions {
    /// Whether nothing is set.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// How often something may be used in a period of time. Each process counts for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimit {
    /// The most uses in one period.
    pub uses: u32,
    /// The length of the period in seconds.
    pub period_seconds: u32,
}

/// Endpoints of a service, by method and path: a profile lists those that none of its tokens may call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoint {
    /// The HTTP methods; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// The path, as a pattern of whole segments: `*` stands for any one, and `**` at the end for any number, none too.
    pub path: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_names_are_fixed_and_unknown_members_are_refused() {
        let text = r#"{"subject":"https://example.com/","referrer":"example.com","allowedAddresses":["10.0.0.0/8"],
            "deniedAddresses":["10.1.0.0/16"],"methods":["GET"],"operations":["token.read"],"requiredRoles":["Reader"],
            "uses":9007199254740992,"rateLimit":{"uses":5,"periodSeconds":60}}"#;
        let conditions: Conditions = serde_json::from_str(text).unwrap();
        let back: serde_json::Value = serde_json::to_value(&conditions).unwrap();
        assert_eq!(back, serde_json::from_str::<serde_json::Value>(text).unwrap());
        assert!(!conditions.is_none());
        for unknown in [r#"{"adresses":[]}"#, r#"{"rateLimit":{"uses":1,"periodSeconds":1,"burst":1}}"#] {
            assert!(serde_json::from_str::<Conditions>(unknown).is_err(), "{unknown}");
        }
    }

    #[test]
    fn none_is_an_empty_object() {
        assert_eq!(serde_json::to_string(&Conditions::default()).unwrap(), "{}");
        assert!(serde_json::from_str::<Conditions>("{}").unwrap().is_none());
    }
}
