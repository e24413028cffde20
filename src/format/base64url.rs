//! base64url without padding (RFC 4648 section 5, RFC 7515 section 2), canonical only.
//!
//! Every sequence of bytes has exactly one text: padding, white space, the standard alphabet and unused bits
//! that are not zero are refused, so that no two texts stand for one token.

use std::sync::LazyLock;

use base64::Engine;

/// Reads and writes as the plain engine below does, with the processor's vectors. Which of them it has is found out once.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static URL_SAFE_NO_PAD: LazyLock<base64::engine::Simd> =
    LazyLock::new(|| base64::engine::Simd::url_safe(base64::engine::general_purpose::NO_PAD));
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
static URL_SAFE_NO_PAD: LazyLock<base64::engine::GeneralPurpose> =
    LazyLock::new(|| base64::engine::general_purpose::URL_SAFE_NO_PAD);

/// The bytes that `text` stands for, when it is canonical.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Writes the bytes that `text` stands for to the start of `buffer`, when it is canonical and there is room for them, and
/// gives how many there are.
pub(crate) fn decode_into(text: &[u8], buffer: &mut [u8]) -> Option<usize> {
    URL_SAFE_NO_PAD.decode_slice(text, buffer).ok()
}

/// The characters that so many bytes take.
pub(crate) fn encoded_length(bytes: usize) -> usize {
    bytes.saturating_mul(4).div_ceil(3)
}

/// Appends the text that stands for `bytes` to `text`, which has room for it: so a secret leaves no copy behind.
pub(crate) fn encode_onto(bytes: &[u8], text: &mut Vec<u8>) {
    let start = text.len();
    text.resize(start + encoded_length(bytes.len()), 0);
    let written = URL_SAFE_NO_PAD.encode_slice(bytes, &mut text[start..]).unwrap_or_default();
    text.truncate(start + written);
}

/// The text that stands for `bytes`.
#[cfg(test)]
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
        fn what_decodes_encodes_back(text in "[A-Za-z0-9_=+/ -]{0,24}|[A-Za-z0-9_-]{60,300}") {
            if let Some(bytes) = decode(text.as_bytes()) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }

        #[test]
        fn vectors_read_and_write_as_the_plain_engine_does(
            bytes in proptest::collection::vec(any::<u8>(), 100..600),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let plain = base64::engine::general_purpose::URL_SAFE_NO_PAD;
            let mut text = encode(&bytes).into_bytes();
            prop_assert_eq!(&text, &plain.encode(&bytes).into_bytes());
            let place = at.index(text.len());
            text[place] = byte;
            prop_assert_eq!(decode(&text), plain.decode(&text).ok());
        }

        #[test]
        fn bytes_round_trip(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(decode(encode(&bytes).as_bytes()), Some(bytes.clone()));
            let mut text = b"x.".to_vec();
            encode_onto(&bytes, &mut text);
            let encoded = encode(&bytes);
            prop_assert_eq!(&text[2..], encoded.as_bytes());
            prop_assert_eq!(text.len() - 2, encoded_length(bytes.len()));
            let mut buffer = vec![0xEE; bytes.len() + 2];
            prop_assert_eq!(decode_into(&text[2..], &mut buffer), Some(bytes.len()));
            prop_assert_eq!(&buffer[..bytes.len()], &bytes);
        }
    }
}
