//! The guard around every exported body: results become codes and bytes, panics become the error `Internal`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use serde::Serialize;

use crate::error::{Error, ErrorCode, Result};

use super::buffer::Buffer;

/// Runs `body` and writes its answer, as JSON, or its error into `response`.
///
/// # Safety
///
/// `response` is null or may be written to.
pub(super) unsafe fn answer<T: Serialize>(response: *mut Buffer, body: impl FnOnce() -> Result<T>) -> u32 {
    let encoded = move || {
        let value = body()?;
        serde_json::to_vec(&value).map_err(|_| Error::new(ErrorCode::Internal, "The answer could not be encoded."))
    };
    // SAFETY: handed on.
    unsafe { raw_answer(response, encoded) }
}

/// Runs `body` and writes its bytes or its error into `response`.
///
/// # Safety
///
/// `response` is null or may be written to.
pub(super) unsafe fn raw_answer(response: *mut Buffer, body: impl FnOnce() -> Result<Vec<u8>>) -> u32 {
    let (code, bytes) = match caught(body) {
        Ok(bytes) => (0, bytes),
        Err(error) => (error.code().number(), serde_json::to_vec(&Described::of(&error)).unwrap_or_default()),
    };
    if !response.is_null() {
        // SAFETY: by the contract it may be written to; what stood there is not read.
        unsafe { response.write(Buffer::give(bytes)) };
    }
    code
}

/// Runs `body` and returns only its error code, or zero.
pub(super) fn code(body: impl FnOnce() -> Result<()>) -> u32 {
    caught(body).map_or_else(|error| error.code().number(), |()| 0)
}

/// An error, as JSON.
#[derive(Serialize)]
pub(super) struct Described<'a> {
    pub(super) code: &'static str,
    pub(super) message: &'a str,
    pub(super) subject: Option<&'a str>,
}

impl<'a> Described<'a> {
    pub(super) fn of(error: &'a Error) -> Self {
        Self { code: error.code().name(), message: error.message(), subject: error.subject() }
    }
}

fn caught<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    quiet_panics();
    // Nothing that a panic may leave half done is reachable afterwards: the store's writer rolls back, the
    // caches are only ever replaced whole, and the bytes of this call go with it.
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        Err(Error::new(
            ErrorCode::Internal,
            "A defect in Tessera was met and contained. Nothing was written. Please report what you called.",
        ))
    })
}

/// Keeps panics inside this library from being printed: their text could hold a value, and standard error
/// belongs to the host. A library that is loaded has a hook of its own, so the host's stays as it is.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // The unit tests share their process with this code, and want to see why they fail.
        if cfg!(not(test)) {
            std::panic::set_hook(Box::new(|_| {}));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_and_keeps_its_text_to_itself() {
        let mut response = Buffer::empty();
        // SAFETY: the response is a local.
        let code = unsafe { raw_answer(&mut response, || panic!("hunter2")) };
        assert_eq!(code, ErrorCode::Internal.number());
        // SAFETY: the buffer was filled just now.
        let text = unsafe { std::slice::from_raw_parts(response.data, usize::try_from(response.length).unwrap()) };
        assert!(!String::from_utf8_lossy(text).contains("hunter2"));
        // SAFETY: freed once.
        unsafe { super::super::tessera_buffer_free(response) };
    }
}
