//! What the caller passes in, with its limits checked before a byte is read.

use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// The most bytes of a request.
const MAXIMUM_REQUEST_BYTES: u64 = 1024 * 1024;

/// The bytes at `data`, at most `maximum` of them; none for a null pointer with length 0.
///
/// # Safety
///
/// `data` is null, or `length` bytes can be read there for as long as `'a`.
pub(super) unsafe fn optional_bytes<'a>(
    data: *const u8,
    length: u64,
    maximum: u64,
    subject: &'static str,
) -> Result<Option<&'a [u8]>> {
    if length > maximum {
        return Err(Error::argument(
            subject,
            format!("The input is {length} bytes long; at most {maximum} are taken."),
        ));
    }
    match (data.is_null(), usize::try_from(length)) {
        (true, Ok(0)) => Ok(None),
        // SAFETY: by the contract, and the length fits.
        (false, Ok(length)) => Ok(Some(unsafe { std::slice::from_raw_parts(data, length) })),
        _ => Err(Error::argument(subject, "The input is a null pointer with a length.")),
    }
}

/// The bytes at `data`; a null pointer is none at all.
///
/// # Safety
///
/// As for [`optional_bytes`].
pub(super) unsafe fn bytes<'a>(data: *const u8, length: u64, maximum: u64, subject: &'static str) -> Result<&'a [u8]> {
    // SAFETY: handed on.
    Ok(unsafe { optional_bytes(data, length, maximum, subject) }?.unwrap_or_default())
}

/// The text at `data`, where there is one.
///
/// # Safety
///
/// As for [`optional_bytes`].
pub(super) unsafe fn optional_text<'a>(
    data: *const u8,
    length: u64,
    maximum: u64,
    subject: &'static str,
) -> Result<Option<&'a str>> {
    // SAFETY: handed on.
    match unsafe { optional_bytes(data, length, maximum, subject) }? {
        None => Ok(None),
        Some(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(Error::argument(subject, "The text is not valid UTF-8.")),
        },
    }
}

/// The request at `data`, from JSON.
///
/// # Safety
///
/// As for [`optional_bytes`].
pub(super) unsafe fn request<T: DeserializeOwned>(data: *const u8, length: u64) -> Result<T> {
    // SAFETY: handed on.
    unsafe { request_up_to(data, length, MAXIMUM_REQUEST_BYTES) }
}

/// As [`request`], of at most `maximum` bytes.
///
/// # Safety
///
/// As for [`optional_bytes`].
pub(super) unsafe fn request_up_to<T: DeserializeOwned>(data: *const u8, length: u64, maximum: u64) -> Result<T> {
    // SAFETY: handed on.
    let bytes = unsafe { bytes(data, length, maximum, "request") }?;
    serde_json::from_slice(bytes).map_err(|error| {
        // The error's own text may repeat values; its place says enough.
        Error::argument(
            "request",
            format!("The request is not in the agreed form, at line {}, column {}.", error.line(), error.column()),
        )
    })
}
