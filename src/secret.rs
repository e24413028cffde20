//! Bytes that must not outlive their use, nor show themselves.

use std::fmt;

use zeroize::Zeroizing;

/// Secret bytes: wiped when dropped, shown as `***` by every formatter, and not to be compared: that is for
/// [`crate::crypto::digest::equal`].
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over. Other copies that the caller made of them are not wiped.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Gives the bytes away: from now on the caller wipes them.
    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        std::mem::take(&mut *self.0)
    }

    /// The bytes, for the shortest use possible.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
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
    fn no_formatter_shows_a_secret() {
        let secret = Secret::from(&b"hunter2"[..]);
        assert_eq!(format!("{secret:?} {secret:#?}"), "*** ***");
    }
}
