//! Where a request may come from.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::error::{Error, Result};

/// The most addresses of each list.
pub const MAXIMUM_ADDRESSES: usize = 64;

/// The networks that requests may and may not come from.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    pub(super) allowed: Vec<IpNet>,
    pub(super) denied: Vec<IpNet>,
}

impl Addresses {
    pub(super) fn admit(&self, address: Option<&str>) -> bool {
        if self.allowed.is_empty() && self.denied.is_empty() {
            return true;
        }
        let Some(address) = address.and_then(|text| text.parse::<IpAddr>().ok()) else { return false };
        let address = address.to_canonical();
        let is_in = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&address));
        !is_in(&self.denied) && (self.allowed.is_empty() || is_in(&self.allowed))
    }
}

/// The networks of `texts`, sorted, each once; `subject` names the list in errors.
pub(super) fn networks(texts: &[String], subject: &'static str) -> Result<Vec<IpNet>> {
    if texts.len() > MAXIMUM_ADDRESSES {
        return Err(Error::argument(subject, "A list has at most 64 addresses; join them into networks."));
    }
    let mut networks = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let network = network(text)
            .map_err(|reason| Error::argument(subject, format!("Entry {} of the list {reason}.", index + 1)))?;
        networks.push(network);
    }
    networks.sort();
    networks.dedup();
    Ok(networks)
}

/// The networks as their owner reads them: one of a single address without its prefix length.
pub(super) fn texts(networks: &[IpNet]) -> Vec<String> {
    let is_single = |network: &IpNet| network.prefix_len() == network.max_prefix_len();
    networks
        .iter()
        .map(|network| if is_single(network) { network.addr().to_string() } else { network.to_string() })
        .collect()
}

fn network(text: &str) -> std::result::Result<IpNet, &'static str> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    // The standard library's parser takes no zone, no port and no leading zero, which some readers take for octal.
    let address: IpAddr =
        address.parse().map_err(|_| "is no IPv4 or IPv6 address or network, such as 192.0.2.0/24 or 2001:db8::/32")?;
    let maximum_length = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        None => maximum_length,
        Some(text) => text
            .parse::<u8>()
            .ok()
            .filter(|length| *length <= maximum_length && length.to_string() == text)
            .ok_or("has a prefix length that is not a number from 0 to 32, or 128 for IPv6")?,
    };
    // Requests' addresses are compared as IPv4 where they can be, so a mapped network has to become one too.
    let (address, length) = match (address.to_canonical(), length) {
        (canonical, length) if canonical.is_ipv4() == address.is_ipv4() => (canonical, length),
        (canonical, 96..) => (canonical, length - 96),
        _ => return Err(BITS_BEYOND_PREFIX),
    };
    let network = IpNet::new(address, length).map_err(|_| "has a prefix length that is too long")?;
    // It is not clear what 10.1.2.3/8 should mean: the network, or that address with a slip of the pen.
    if network.network() != address { Err(BITS_BEYOND_PREFIX) } else { Ok(network) }
}

const BITS_BEYOND_PREFIX: &str = "has bits beyond its prefix; write the network's first address, as in 10.0.0.0/8";
