//! What a token passes on of its conditions to the tokens that it grants.

use ipnet::IpNet;

use super::address::{networks, texts};
use super::{Compiled, check};
use crate::error::{Error, ErrorCode, Result};
use crate::model::Conditions;

/// The conditions of a token that a token with `own` grants, when `asked` are asked for, so that the new one admits
/// nothing that the other does not: what is not asked for is as in `own`, and what is must lie within it. Denied
/// addresses and required roles of both hold. Both are in the normal form of [`check`].
///
/// Refuses what lies beyond with [`ErrorCode::NotPermitted`] about the member's JSON name, lists that grow over their
/// limits as [`check`] does, and anything where the uses of `own` are counted or limited, with `NotPermitted` about
/// `uses`: what it grants would be used beside it.
pub fn within(own: &Conditions, asked: &Conditions) -> Result<Conditions> {
    if own.uses.is_some() || own.rate_limit.is_some() {
        let message =
            "The uses of the token that acts are counted, so it grants no other: there would be more of them.";
        return Err(Error::new(ErrorCode::NotPermitted, message).about("uses"));
    }
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
    } = asked;
    let compiled = Compiled::new(own)?;
    let is_below = |uri: &String| compiled.admits_path(Some(uri));
    let is_from = |domain: &String| compiled.admits_referrer(Some(&format!("https://{domain}/")));
    let joined = |own: &[String], asked: &[String]| [own, asked].concat();
    let conditions = Conditions {
        subject: narrower(&own.subject, subject, is_below, "subject")?,
        referrer: narrower(&own.referrer, referrer, is_from, "referrer")?,
        allowed_addresses: addresses(&own.allowed_addresses, allowed_addresses)?,
        denied_addresses: joined(&own.denied_addresses, denied_addresses),
        methods: list_within(&own.methods, methods, "methods")?,
        operations: list_within(&own.operations, operations, "operations")?,
        required_roles: joined(&own.required_roles, required_roles),
        uses: *uses,
        rate_limit: *rate_limit,
    };
    check(&conditions)
}

/// The entries of a list that says what a token is for (its audiences, methods or operations, where an empty one says
/// everything), for a token that is granted by one with the list `own`: what is asked for, or all of `own`.
///
/// Refuses an entry that is not in `own` with [`ErrorCode::NotPermitted`] about `subject`.
pub fn list_within(own: &[String], asked: &[String], subject: &'static str) -> Result<Vec<String>> {
    match (own, asked) {
        ([], asked) => Ok(asked.to_vec()),
        (own, []) => Ok(own.to_vec()),
        (own, asked) if asked.iter().all(|entry| own.contains(entry)) => Ok(asked.to_vec()),
        _ => beyond(subject),
    }
}

fn narrower<T: Clone>(
    own: &Option<T>,
    asked: &Option<T>,
    is_within: impl FnOnce(&T) -> bool,
    subject: &'static str,
) -> Result<Option<T>> {
    match (own, asked) {
        (_, None) => Ok(own.clone()),
        (None, _) => Ok(asked.clone()),
        (_, Some(narrow)) if is_within(narrow) => Ok(asked.clone()),
        _ => beyond(subject),
    }
}

fn addresses(own: &[String], asked: &[String]) -> Result<Vec<String>> {
    const SUBJECT: &str = "allowedAddresses";
    if own.is_empty() || asked.is_empty() {
        return Ok(if asked.is_empty() { own } else { asked }.to_vec());
    }
    let (own, asked) = (networks(own, SUBJECT)?, networks(asked, SUBJECT)?);
    let is_inside = |network: &IpNet| own.iter().any(|own| own.contains(network));
    if asked.iter().all(is_inside) { Ok(texts(&asked)) } else { beyond(SUBJECT) }
}

fn beyond<T>(subject: &'static str) -> Result<T> {
    let message = "The token that grants this one has a condition here, and what is asked for goes beyond it. Ask for \
                   less, or leave it out to take that token's.";
    Err(Error::new(ErrorCode::NotPermitted, message).about(subject))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::RateLimit;

    const URIS: [&str; 4] =
        ["https://a.example/", "https://a.example/x", "https://a.example/x/y", "https://b.example/x"];
    const DOMAINS: [&str; 3] = ["a.example", "www.a.example", "b.example"];
    const NETWORKS: [&str; 5] = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "192.0.2.0/24", "2001:db8::/32"];
    const ADDRESSES: [&str; 5] = ["10.9.9.9", "10.1.9.9", "10.1.2.3", "192.0.2.1", "2001:db8::1"];
    const METHODS: [&str; 3] = ["DELETE", "GET", "POST"];
    const OPERATIONS: [&str; 3] = ["report.run", "token.grant", "token.read"];
    const ROLES: [&str; 2] = ["Operator", "Reader"];

    fn some_of(of: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
        proptest::sample::subsequence(of, 0..=of.len())
            .prop_map(|entries| entries.into_iter().map(str::to_owned).collect())
    }

    fn one_of(of: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
        proptest::option::of(proptest::sample::select(of).prop_map(str::to_owned))
    }

    fn conditions() -> impl Strategy<Value = Conditions> {
        let rate = (1_u32..4, 1_u32..4).prop_map(|(uses, period_seconds)| RateLimit { uses, period_seconds });
        (
            (one_of(&URIS), one_of(&DOMAINS), some_of(&NETWORKS), some_of(&NETWORKS)),
            (some_of(&METHODS), some_of(&OPERATIONS), some_of(&ROLES)),
            (proptest::option::of(1_u64..4), proptest::option::of(rate)),
        )
            .prop_map(
                |((subject, referrer, allowed, denied), (methods, operations, roles), (uses, rate_limit))| {
                    let conditions = Conditions {
                        subject,
                        referrer,
                        allowed_addresses: allowed,
                        denied_addresses: denied,
                        methods,
                        operations,
                        required_roles: roles,
                        uses,
                        rate_limit,
                    };
                    check(&conditions).unwrap()
                },
            )
    }

    /// Every request of a small world that `conditions` admit, as bits.
    fn admitted(conditions: &Conditions) -> Vec<bool> {
        let compiled = Compiled::new(conditions).unwrap();
        let stated = |texts: &'static [&'static str]| texts.iter().map(|&text| Some(text)).chain([None]);
        let operations = &conditions.operations;
        let mut admitted: Vec<bool> = Vec::new();
        admitted.extend(stated(&URIS).map(|uri| compiled.admits_path(uri)));
        let referrers = ["https://a.example/", "https://www.a.example/", "https://b.example/", "https://aa.example/"];
        admitted.extend(referrers.map(|referrer| compiled.admits_referrer(Some(referrer))));
        admitted.push(compiled.admits_referrer(None));
        admitted.extend(stated(&ADDRESSES).map(|address| compiled.admits_address(address)));
        admitted.extend(stated(&METHODS).map(|method| compiled.admits_method(method)));
        admitted.extend(OPERATIONS.map(|name| operations.is_empty() || operations.iter().any(|own| own == name)));
        admitted.extend(ROLES.map(|role| !conditions.required_roles.iter().any(|needed| needed == role)));
        admitted.extend((1..5).map(|used| conditions.uses.is_none_or(|uses| used <= uses)));
        // So many at the start of each period, for a while: how many by each second.
        for second in 0..12 {
            let by_now = |limit: &RateLimit| u64::from(limit.uses) * (second / u64::from(limit.period_seconds) + 1);
            let most = conditions.rate_limit.as_ref().map_or(u64::MAX, by_now);
            admitted.extend((1..40).map(|count| count <= most));
        }
        admitted
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10_000) })]

        #[test]
        fn what_is_passed_on_admits_nothing_more(own in conditions(), asked in conditions()) {
            let Ok(passed_on) = within(&own, &asked) else { return Ok(()) };
            for (wider, who) in [(&own, "than the token that grants"), (&asked, "than asked for")] {
                let pairs = admitted(&passed_on).into_iter().zip(admitted(wider));
                prop_assert!(pairs.into_iter().all(|(new, old)| old || !new), "more {who}: {passed_on:?}");
            }
        }

        #[test]
        fn nothing_asked_for_is_the_same_and_the_same_is_within(own in conditions()) {
            prop_assert_eq!(&within(&Conditions::default(), &own).unwrap(), &own);
            if own.uses.is_some() || own.rate_limit.is_some() {
                let refused = within(&own, &Conditions::default()).unwrap_err();
                prop_assert_eq!((refused.code(), refused.subject()), (ErrorCode::NotPermitted, Some("uses")));
            } else {
                prop_assert_eq!(&within(&own, &Conditions::default()).unwrap(), &own);
                prop_assert_eq!(&within(&own, &own).unwrap(), &own);
            }
        }
    }

    #[test]
    fn what_lies_beyond_is_refused_by_name() {
        let own = Conditions {
            subject: Some("https://a.example/x".into()),
            referrer: Some("a.example".into()),
            allowed_addresses: vec!["10.1.0.0/16".into()],
            methods: vec!["GET".into()],
            operations: vec!["token.read".into()],
            ..Conditions::default()
        };
        let none = Conditions::default;
        let rate = |uses, period_seconds| Conditions { rate_limit: Some(RateLimit { uses, period_seconds }), ..none() };
        for (asked, expected) in [
            (Conditions { subject: Some("https://a.example/x/y".into()), ..none() }, Ok(())),
            (Conditions { subject: Some("https://a.example/".into()), ..none() }, Err("subject")),
            (Conditions { referrer: Some("www.a.example".into()), ..none() }, Ok(())),
            (Conditions { referrer: Some("example".into()), ..none() }, Err("referrer")),
            (Conditions { allowed_addresses: vec!["10.1.2.0/24".into()], ..none() }, Ok(())),
            (Conditions { allowed_addresses: vec!["10.0.0.0/8".into()], ..none() }, Err("allowedAddresses")),
            (
                Conditions { allowed_addresses: vec!["10.1.2.3".into(), "::1".into()], ..none() },
                Err("allowedAddresses"),
            ),
            (Conditions { methods: vec!["GET".into(), "POST".into()], ..none() }, Err("methods")),
            (Conditions { operations: vec!["token.grant".into()], ..none() }, Err("operations")),
            (Conditions { uses: Some(6), ..none() }, Ok(())),
            (rate(10, 59), Ok(())),
        ] {
            match (within(&own, &asked), expected) {
                (Ok(_), Ok(())) => (),
                (Err(error), Err(subject)) => {
                    assert_eq!((error.code(), error.subject()), (ErrorCode::NotPermitted, Some(subject)));
                }
                (told, _) => panic!("{asked:?}: {told:?}"),
            }
        }
        let audiences = |own: &[&str], asked: &[&str]| {
            let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
            list_within(&list(own), &list(asked), "audiences").ok()
        };
        assert_eq!(audiences(&["a", "b"], &["b"]).unwrap(), ["b"]);
        assert_eq!(audiences(&["a"], &[]).unwrap(), ["a"]);
        assert_eq!(audiences(&[], &["c"]).unwrap(), ["c"]);
        assert_eq!(audiences(&["a"], &["a", "c"]), None);
    }
}
