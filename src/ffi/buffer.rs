//! Bytes that the library hands out.

use interoptopus::ffi;

use crate::secret::wipe;

/// Bytes that belong to the caller until it gives them back to [`tessera_buffer_free()`], exactly as they came.
#[ffi]
#[derive(Debug)]
pub struct Buffer {
    /// The first byte, or null when there is none.
    pub data: *mut u8,
    /// How many bytes there are.
    pub length: u64,
    /// How many bytes were allocated.
    pub capacity: u64,
}

impl Buffer {
    /// A buffer of nothing.
    pub(super) fn empty() -> Self {
        Self { data: std::ptr::null_mut(), length: 0, capacity: 0 }
    }

    /// Hands `bytes` out.
    pub(super) fn give(bytes: Vec<u8>) -> Self {
        if bytes.is_empty() {
            return Self::empty();
        }
        let mut bytes = std::mem::ManuallyDrop::new(bytes);
        Self { data: bytes.as_mut_ptr(), length: bytes.len() as u64, capacity: bytes.capacity() as u64 }
    }
}

/// Wipes and frees a buffer that another function of this library filled. An empty buffer is nothing to free.
///
/// # Safety
///
/// `buffer` is as a function of this library filled it, and was not freed before.
#[ffi]
pub unsafe fn tessera_buffer_free(buffer: Buffer) {
    let (Ok(length), Ok(capacity)) = (usize::try_from(buffer.length), usize::try_from(buffer.capacity)) else { return };
    if buffer.data.is_null() || capacity == 0 || length > capacity {
        return;
    }
    // SAFETY: by the contract these are the parts of a vector that `Buffer::give` took apart.
    let mut bytes = unsafe { Vec::from_raw_parts(buffer.data, length, capacity) };
    wipe(&mut bytes);
}
