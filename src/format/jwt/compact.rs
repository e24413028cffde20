//! The compact form: three base64url parts and two dots (RFC 7515 section 7.1).

use super::{MAXIMUM_TOKEN_BYTES, Refusal};
use crate::error::{Error, ErrorCode, Result};
use crate::format::json::Value;
use crate::format::{base64url, json};

/// A token taken apart without checking it: nothing in it can be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The header as JSON text, as it was signed.
    pub header: String,
    /// The payload as JSON text, as it was signed.
    pub payload: String,
}

/// Takes a token apart, whatever its `alg` and with or without a signature.
///
/// Refuses with [`ErrorCode::MalformedToken`] anything but at most 8,192 bytes in three canonical parts, of
/// which the first two are strict JSON objects (see [`crate::format::json`]).
pub fn inspect(token: &[u8]) -> Result<Inspection> {
    let malformed = |reason| Error::new(ErrorCode::MalformedToken, reason).about("token");
    let mut scratch = Vec::new();
    let parts = Segments::split(token).and_then(|segments| segments.decode(&mut scratch, true));
    let parts = parts.map_err(|refusal| malformed(refusal.reason))?;
    let text = |part: &[u8], not_json: &'static str| {
        json::parse_object(part)
            .ok()
            .and_then(|_| std::str::from_utf8(part).ok())
            .map(str::to_owned)
            .ok_or_else(|| malformed(not_json.into()))
    };
    Ok(Inspection {
        header: text(parts.header, "The header is not a JSON object in strict form.")?,
        payload: text(parts.payload, "The payload is not a JSON object in strict form.")?,
    })
}

/// Whether a text is a token as [`inspect`] takes it, and if so, whether its header says which key signed it (`kid`,
/// RFC 7515 section 4.1.4).
pub(crate) fn names_key(token: &[u8]) -> Option<bool> {
    let mut scratch = Vec::new();
    let parts = Segments::split(token).and_then(|segments| segments.decode(&mut scratch, true)).ok()?;
    let names_key = json::parse_object(parts.header).ok()?.contains("kid");
    json::parse_object(parts.payload).ok().map(|_| names_key)
}

/// The `kid` that the header of a text in the shape of a token names, if it names one. Nothing else is looked at, so
/// the rest may be anything.
pub(crate) fn named_key(text: &[u8]) -> Option<String> {
    let header = base64url::decode(text.split(|byte| *byte == b'.').next()?)?;
    match json::parse_object(&header).ok()?.get("kid") {
        Some(Value::String(key_id)) => Some(key_id.to_string()),
        _ => None,
    }
}

/// A text in the shape of a token, without what is behind the first so many characters of its signature.
pub(crate) fn with_signature_of(text: &[u8], characters: usize) -> &[u8] {
    let signature = text.iter().rposition(|byte| *byte == b'.').map_or(0, |dot| dot + 1);
    &text[..text.len().min(signature.saturating_add(characters))]
}

/// The three parts as they stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segments<'a> {
    pub(super) header: &'a [u8],
    payload: &'a [u8],
    signature: &'a [u8],
    /// Header, dot and payload: what the signature is over.
    pub(super) signed: &'a [u8],
    token: &'a [u8],
}

/// The parts, decoded from canonical base64url.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    /// Empty where it was not to be decoded.
    pub(super) header: &'a [u8],
    pub(super) payload: &'a [u8],
    pub(super) signature: &'a [u8],
}

impl<'a> Segments<'a> {
    /// Splits a token. Anything too long is turned away before it is looked at.
    pub(super) fn split(token: &'a [u8]) -> std::result::Result<Self, Refusal> {
        if token.len() > MAXIMUM_TOKEN_BYTES {
            return Err(Refusal::malformed("The token has more than 8,192 bytes."));
        }
        let mut dots = memchr::memchr_iter(b'.', token);
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(refusal_of(token));
        };
        Ok(Self {
            header: &token[..first],
            payload: &token[first + 1..second],
            signature: &token[second + 1..],
            signed: &token[..second],
            token,
        })
    }

    /// Decodes the parts into `scratch`; the header only if it `is_new`, and not when this very text was decoded before.
    pub(super) fn decode(self, scratch: &'a mut Vec<u8>, is_new: bool) -> std::result::Result<Parts<'a>, Refusal> {
        let header = if is_new { self.header } else { &[] };
        scratch.clear();
        // Four characters at most for three bytes, so this holds all, and each is written where it belongs at once.
        scratch.resize(self.token.len().div_ceil(4) * 3, 0);
        let decoded = base64url::decode_into(header, scratch).and_then(|header| {
            let payload = base64url::decode_into(self.payload, &mut scratch[header..])?;
            Some((header, payload, base64url::decode_into(self.signature, &mut scratch[header + payload..])?))
        });
        // The alphabet has no other characters than those that a token may have, and no dot.
        let (header, payload, signature) = decoded.ok_or_else(|| refusal_of(self.token))?;
        let (header, rest) = scratch.split_at(header);
        let (payload, rest) = rest.split_at(payload);
        Ok(Parts { header, payload, signature: &rest[..signature] })
    }
}

/// Why a text is no token: what is wrong with it first.
fn refusal_of(token: &[u8]) -> Refusal {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    Refusal::malformed(if !token.iter().all(is_allowed) {
        "The token has a character other than A-Z, a-z, 0-9, -, _ and dots."
    } else if memchr::memchr_iter(b'.', token).count() != 2 {
        "The token does not have exactly three parts."
    } else {
        "A part of the token is not canonical base64url."
    })
}
