//! As much of DER (X.690) as it takes to look into a key's outer shell.

/// An ASN.1 SEQUENCE's tag.
pub(crate) const SEQUENCE: u8 = 0x30;
/// An ASN.1 INTEGER's tag.
pub(crate) const INTEGER: u8 = 0x02;
/// An ASN.1 OCTET STRING's tag.
#[cfg(test)]
pub(crate) const OCTET_STRING: u8 = 0x04;

/// The content of the element with `tag` at the start of `input`, and what follows it.
///
/// None when the element is another, cut off, longer than 64 KiB, or its length is not in its shortest form.
pub(crate) fn read(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81 => rest.split_first().map(|(&byte, rest)| (usize::from(byte), rest))?,
        0x82 => rest.split_first_chunk().map(|(bytes, rest)| (usize::from(u16::from_be_bytes(*bytes)), rest))?,
        _ => return None,
    };
    let shortest = match first {
        0x81 => length > 0x7F,
        0x82 => length > 0xFF,
        _ => true,
    };
    if shortest { rest.split_at_checked(length) } else { None }
}

/// The RSAPrivateKey (RFC 8017 appendix A.1.2) inside a PrivateKeyInfo (RFC 5208 section 5).
#[cfg(test)]
pub(crate) fn rsa_private_key(private_key_info: &[u8]) -> Option<&[u8]> {
    let (content, _) = read(private_key_info, SEQUENCE)?;
    let (_version, content) = read(content, INTEGER)?;
    let (_algorithm, content) = read(content, SEQUENCE)?;
    read(content, OCTET_STRING).map(|(key, _)| key)
}

/// Whether `bytes` are, to the last one, one SEQUENCE that begins as every key's and certificate's DER does:
/// with an INTEGER (a private key, an RSA public key) or a SEQUENCE (a public key, a certificate).
///
/// Random bytes of a secret's length look like that less than once in ten million.
pub(crate) fn looks_like_key(bytes: &[u8]) -> bool {
    match read(bytes, SEQUENCE) {
        Some((content, [])) => read(content, INTEGER).or_else(|| read(content, SEQUENCE)).is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_in_their_shortest_form_only() {
        assert_eq!(read(&[0x30, 1, 9, 8], SEQUENCE), Some((&[9][..], &[8][..])));
        assert_eq!(read(&[0x30, 2, 9], SEQUENCE), None, "cut off");
        assert_eq!(read(&[0x31, 1, 9], SEQUENCE), None, "another tag");
        assert_eq!(read(&[0x30, 0x81, 1, 9], SEQUENCE), None, "a longer length than needed");
        assert_eq!(read(&[0x30, 0x80, 9, 0, 0], SEQUENCE), None, "an indefinite length");
        let long = [&[0x30, 0x82, 0x01, 0x00][..], &[7; 256]].concat();
        assert_eq!(read(&long, SEQUENCE), Some((&[7; 256][..], &[][..])));
        assert_eq!(read(&[], SEQUENCE), None);
        assert_eq!(read(&[0x30], SEQUENCE), None);
        assert_eq!(read(&[0x30, 0x82, 1], SEQUENCE), None);
    }

    #[test]
    fn only_whole_sequences_look_like_keys() {
        assert!(looks_like_key(&[0x30, 3, 2, 1, 0]));
        assert!(looks_like_key(&[0x30, 2, 0x30, 0]));
        assert!(!looks_like_key(&[0x30, 3, 2, 1, 0, 0]));
        assert!(!looks_like_key(&[0x30, 3, 4, 1, 0]));
        assert!(!looks_like_key(b"0123456789abcdef0123456789abcdef"));
    }
}
