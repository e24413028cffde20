//! base64url without padding (RFC 4648 section 5, RFC 7515 section 2), canonical only.
//!
//! Every sequence of bytes has exactly one text: padding, white space, the standard alphabet and unused bits
//! that are not zero are refused, so that no two texts stand for one token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The bytes that `text` stands for, when it is canonical.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The text that stands for `bytes`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn other_texts_are_refused() {
        for text in ["A", "AB", "AAB", "AA==", "AA=", "A A", "AA\n", " AA", "+A", "/A", "A\u{e9}", "AA\0", "AA.AA"] {
            assert_eq!(decode(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(decode(b""), Some(Vec::new()));
        assert_eq!(decode(b"AA"), Some(vec![0]));
        assert_eq!(decode(b"-_8"), Some(vec![0xFB, 0xFF]));
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_back(text in "[A-Za-z0-9_=+/ -]{0,24}") {
            if let Some(bytes) = decode(text.as_bytes()) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }

        #[test]
        fn bytes_round_trip(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(decode(encode(&bytes).as_bytes()), Some(bytes));
        }
    }
}
