//! The same questions answered slowly and in another way, for tests alone: hosts by the URL standard's reader, paths by
//! rewriting a list until it stands still, patterns by recursion, networks bit by bit, domains label by label.

use std::net::IpAddr;

use unicode_normalization::UnicodeNormalization;
use url::Url;

/// A character of a path: whether it was escaped, and its byte.
type Atom = (bool, u8);

struct Place {
    scheme: String,
    host: String,
    port: u16,
    segments: Vec<Vec<Atom>>,
    has_query: bool,
}

/// Whether a token for `subject` reaches `uri`; none when `subject` is none.
pub fn admits_path(subject: &str, uri: &str) -> Option<bool> {
    let subject = place(subject).filter(|subject| !subject.has_query)?;
    Some(place(uri).is_some_and(|uri| {
        (subject.scheme, subject.host, subject.port) == (uri.scheme, uri.host, uri.port)
            && uri.segments.starts_with(&subject.segments)
    }))
}

/// Whether the endpoint's pattern, which has no escapes, denies `uri`.
pub fn denies(pattern: &str, uri: &str) -> bool {
    let Some(place) = place(uri) else { return true };
    // A server that does not follow them would hand them to whoever serves what comes before.
    let written = uri.split('?').next().unwrap().to_lowercase().replace("%2e", ".");
    if written.split('/').any(|part| part == "..") {
        return true;
    }
    let names: Vec<String> = place
        .segments
        .iter()
        .map(|atoms| fold(&String::from_utf8(atoms.iter().map(|(_, byte)| *byte).collect()).unwrap()))
        .collect();
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    is_match(&parts, &names)
}

fn is_match(parts: &[&str], names: &[String]) -> bool {
    match (parts, names) {
        ([], []) | (["**"], _) => true,
        (["*", parts @ ..], [_, names @ ..]) => is_match(parts, names),
        ([part, parts @ ..], [name, names @ ..]) => fold(part) == *name && is_match(parts, names),
        _ => false,
    }
}

/// The name as the most careless server takes it.
fn fold(name: &str) -> String {
    let name = name.trim_end_matches(['.', ' ']);
    let upper: String = name.nfkc().collect::<String>().to_uppercase();
    upper.to_lowercase().nfkc().collect()
}

/// Whether a request with `referrer` comes from `domain`, which is in lower case ASCII.
pub fn admits_referrer(domain: &str, referrer: &str) -> bool {
    // A path or query is no concern here, and would be judged.
    let Some(end) = referrer.find("://").map(|at| at + 3) else { return false };
    let authority = referrer[end..].split(['/', '?', '#']).next().unwrap();
    if referrer.len() > 8_192 || referrer.contains('#') || !referrer.chars().all(is_plain) {
        return false;
    }
    let Some(place) = place(&format!("{}{authority}", &referrer[..end])) else { return false };
    if place.host.parse::<IpAddr>().is_ok() || place.host.starts_with('[') {
        return false;
    }
    let wanted: Vec<&str> = domain.rsplit('.').collect();
    place.host.rsplit('.').collect::<Vec<_>>().starts_with(&wanted)
}

/// Whether a request from `address` is admitted; the lists are in CIDR form.
pub fn admits_address(allowed: &[String], denied: &[String], address: &str) -> bool {
    let Some(bits) = address_bits(address) else { return allowed.is_empty() && denied.is_empty() };
    let is_in = |network: &String| {
        let (start, length) = network.split_once('/').unwrap();
        let wanted = &address_bits(start).unwrap()[..length.parse().unwrap()];
        // Of the same kind: as many bits.
        address_bits(start).unwrap().len() == bits.len() && bits.starts_with(wanted)
    };
    !denied.iter().any(is_in) && (allowed.is_empty() || allowed.iter().any(is_in))
}

fn address_bits(text: &str) -> Option<Vec<bool>> {
    let bytes = match text.parse().ok()? {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let bits: Vec<bool> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect();
    // IPv4-mapped: 80 zeros, 16 ones, and the IPv4 address.
    let is_mapped = bits.len() == 128 && bits[..80].iter().all(|bit| !bit) && bits[80..96].iter().all(|bit| *bit);
    Some(if is_mapped { bits[96..].to_vec() } else { bits })
}

fn is_plain(character: char) -> bool {
    !character.is_control() && !character.is_whitespace()
}

fn place(uri: &str) -> Option<Place> {
    if uri.len() > 8_192 || uri.contains('#') || !uri.chars().all(is_plain) {
        return None;
    }
    let url = Url::parse(uri).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    // The reader mends slashes and backslashes, so the text is looked at as well.
    let after_scheme = uri.get(url.scheme().len()..)?.strip_prefix("://")?;
    let cut = after_scheme.find(['/', '?']).unwrap_or(after_scheme.len());
    let (authority, rest) = after_scheme.split_at(cut);
    if authority.contains(['@', '\\', '%']) {
        return None;
    }
    let bracket = authority.rfind(']').map_or(0, |at| at + 1);
    let colon = authority[bracket..].find(':').map(|at| at + bracket);
    if colon.is_some_and(|at| at + 1 == authority.len()) {
        return None;
    }
    let host = url.host_str()?;
    let written = &authority[..colon.unwrap_or(authority.len())];
    let is_as_written = match written.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6()),
        None => !written.is_ascii() || written.to_lowercase() == host,
    };
    let is_name = host.starts_with('[')
        || host.len() <= 253
            && written.len() <= 1_012
            && host.split('.').all(|label| !label.is_empty() && label.len() <= 63)
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    // The reader takes an address from letters of other scripts; nobody means one by them.
    let is_odd_address = !written.is_ascii() && host.parse::<IpAddr>().is_ok();
    if !is_as_written || !is_name || is_odd_address {
        return None;
    }
    let mut halves = rest.splitn(2, '?');
    let segments = resolve(halves.next()?)?;
    Some(Place {
        scheme: url.scheme().to_owned(),
        host: host.to_owned(),
        port: url.port_or_known_default()?,
        segments,
        has_query: halves.next().is_some(),
    })
}

fn resolve(path: &str) -> Option<Vec<Vec<Atom>>> {
    let mut segments: Vec<Vec<Atom>> = Vec::new();
    let trimmed = path.strip_prefix('/').unwrap_or(path);
    for raw in trimmed.split('/') {
        segments.push(atoms(raw)?);
    }
    let is_dots = |segment: &Vec<Atom>, count: usize| *segment == vec![(false, b'.'); count];
    let first_empty = segments.iter().position(Vec::is_empty);
    let last_up = segments.iter().rposition(|segment| is_dots(segment, 2));
    if first_empty.zip(last_up).is_some_and(|(empty, up)| empty < up) {
        return None;
    }
    segments.retain(|segment| !segment.is_empty() && !is_dots(segment, 1));
    while let Some(up) = segments.iter().position(|segment| is_dots(segment, 2)) {
        segments.drain(up.checked_sub(1)?..=up);
    }
    Some(segments)
}

fn atoms(raw: &str) -> Option<Vec<Atom>> {
    let (mut atoms, mut bytes) = (Vec::new(), raw.as_bytes());
    while let [first, rest @ ..] = bytes {
        bytes = rest;
        let (byte, is_escaped) = match (first, rest) {
            (b'%', [high, low, rest @ ..]) => {
                bytes = rest;
                ((char::from(*high).to_digit(16)? * 16 + char::from(*low).to_digit(16)?) as u8, true)
            }
            (b'%', _) => return None,
            (byte, _) => (*byte, false),
        };
        let is_unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let is_free = is_unreserved || b"!$&'()*+,=:@".contains(&byte);
        atoms.push((!is_unreserved && (is_escaped || !is_free), byte));
    }
    let text = String::from_utf8(atoms.iter().map(|(_, byte)| *byte).collect()).ok()?;
    let has_trick = text.chars().any(|character| {
        let form: String = std::iter::once(character).nfkc().collect();
        character.is_control()
            || form.contains(['/', '\\', ';'])
            || (!character.is_ascii() && form.contains(['.', '%']))
    });
    let is_escape = |at: usize| {
        let digits = text.as_bytes().get(at + 1..at + 3).unwrap_or_default();
        digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit)
    };
    let has_escape = text.match_indices('%').any(|(at, _)| is_escape(at));
    let is_hollow = !text.is_empty() && text != "." && text != ".." && text.replace(['.', ' '], "").is_empty();
    (!has_trick && !has_escape && !is_hollow).then_some(atoms)
}
