//! What most exports are: a store, a request and an answer.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Result;
use crate::service::Session;

use super::buffer::Buffer;
use super::{guard, handle, input};

/// Finds the store, reads the request, and writes what `body` makes of them into `response`.
///
/// # Safety
///
/// `request` can be read for its length; `response` is null or may be written to.
pub(super) unsafe fn call<R: DeserializeOwned, T: Serialize>(
    store: u64,
    request: *const u8,
    request_length: u64,
    response: *mut Buffer,
    body: impl FnOnce(&Session<'_>, R) -> Result<T>,
) -> u32 {
    let called = || {
        let store = handle::find(store)?;
        // SAFETY: by the contract.
        let request = unsafe { input::request(request, request_length) }?;
        body(&store.session(), request)
    };
    // SAFETY: by the contract.
    unsafe { guard::answer(response, called) }
}
