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

impl Inspection {
    /// Whether the header says which key signed the token (`kid`, RFC 7515 section 4.1.4).
    pub(crate) fn names_key(&self) -> bool {
        json::parse_object(self.header.as_bytes()).is_ok_and(|header| header.contains("kid"))
    }
}

/// Takes a token apart, whatever its `alg` and with or without a signature.
///
/// Refuses with [`ErrorCode::MalformedToken`] anything but at most 8,192 bytes in three canonical parts, of
/// which the first two are strict JSON objects (see [`crate::format::json`]).
pub fn inspect(token: &[u8]) -> Result<Inspection> {
    let malformed = |reason| Error::new(ErrorCode::MalformedToken, reason).about("token");
    let parts = Parts::split(token).map_err(|refusal| malformed(refusal.reason))?;
    let text = |part: &str, not_json: &'static str| {
        let bytes = base64url::decode(part.as_bytes()).filter(|bytes| json::parse_object(bytes).is_ok());
        bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| malformed(not_json.into()))
    };
    let inspection = Inspection {
        header: text(parts.header, "The header is not a JSON object in strict form.")?,
        payload: text(parts.payload, "The payload is not a JSON object in strict form.")?,
    };
    Ok(inspection)
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

/// The three parts, each known to be canonical base64url.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) header: &'a str,
    pub(super) payload: &'a str,
    pub(super) signature: &'a str,
    /// Header, dot and payload: what the signature is over.
    pub(super) signed: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Splits a token. Anything too long is turned away before it is looked at.
    pub(super) fn split(token: &'a [u8]) -> std::result::Result<Self, Refusal> {
        if token.len() > MAXIMUM_TOKEN_BYTES {
            return Err(Refusal::malformed("The token has more than 8,192 bytes."));
        }
        let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let text = match std::str::from_utf8(token) {
            Ok(text) if token.iter().all(is_allowed) => text,
            _ => return Err(Refusal::malformed("The token has a character other than A-Z, a-z, 0-9, -, _ and dots.")),
        };
        let three_parts = || Refusal::malformed("The token does not have exactly three parts.");
        let (signed, signature) = text.rsplit_once('.').ok_or_else(three_parts)?;
        let (header, payload) = signed.split_once('.').ok_or_else(three_parts)?;
        if payload.contains('.') {
            return Err(three_parts());
        }
        for part in [header, payload, signature] {
            if base64url::decode(part.as_bytes()).is_none() {
                return Err(Refusal::malformed("A part of the token is not canonical base64url."));
            }
        }
        Ok(Self { header, payload, signature, signed: signed.as_bytes() })
    }
}
