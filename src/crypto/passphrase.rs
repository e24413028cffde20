//! Sealing under a passphrase: what leaves one store and is to be opened by another, with nothing shared but words.
//!
//! ```text
//! tessera-sealed-1$m=65536,t=3,p=4$<salt>$<version, nonce, ciphertext and tag>
//! ```
//!
//! The key is the Argon2id tag (version 1.3, 32 bytes) of the passphrase under the salt and the parameters that are
//! written there; the encryption is AES-256-GCM, bound to everything before it in the text and to a context that the
//! caller names. Salt and bytes are in base64 without padding. Whoever holds the text can try passphrases on their own
//! machines for as long as they like: what is in it is as safe as the passphrase is long.

use argon2::password_hash::phc::ParamsString;
use argon2::{Algorithm, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::sealing::SealingKey;
use super::{argon2_hash, random};
use crate::error::{Error, ErrorCode, Result};
use crate::secret::Secret;

/// The most bytes that a passphrase may have. The least is one.
pub const MAXIMUM_PASSPHRASE_BYTES: usize = 1_024;

/// The most bytes that may be sealed.
pub const MAXIMUM_PLAINTEXT_BYTES: usize = 32_768;

/// Seals `plaintext` under `passphrase`. `context` says what it is and where it belongs; it is not in the text, and
/// only the same one opens it again.
///
/// Computes Argon2id with 64 MiB, 3 passes and 4 lanes (RFC 9106 section 4, second choice), in its turn.
///
/// Refuses a passphrase that is empty or over [`MAXIMUM_PASSPHRASE_BYTES`], and more than [`MAXIMUM_PLAINTEXT_BYTES`]
/// to seal, with [`ErrorCode::InvalidArgument`]; [`ErrorCode::Overloaded`] when too many slow hashes wait already.
pub fn seal(plaintext: &Secret, passphrase: &[u8], context: &[u8]) -> Result<String> {
    let parameters = Params::new(MEMORY_KIBIBYTES, PASSES, LANES, None)
        .map_err(|_| Error::new(ErrorCode::Internal, "The parameters of passphrases are not usable."))?;
    seal_with(&parameters, plaintext, passphrase, context)
}

/// Opens what [`seal`] made under the same passphrase and context.
///
/// The text may come from anyone, so it is held to limits before any work: 64 KiB, and an Argon2id of at most 256 MiB,
/// 10 passes and 8 lanes, with a salt of 16 bytes. A text beyond them or of another form, another passphrase or context,
/// and any change of the text are [`ErrorCode::KeyRefused`]; a passphrase outside the limits of [`seal`] is
/// [`ErrorCode::InvalidArgument`]; [`ErrorCode::Overloaded`] when too many slow hashes wait already.
pub fn open(sealed: &str, passphrase: &[u8], context: &[u8]) -> Result<Secret> {
    check_length(passphrase)?;
    if sealed.len() > MAXIMUM_SEALED_BYTES {
        return Err(refused("The sealed text has more than 64 KiB, so it is none that Tessera made."));
    }
    let Parsed { head, parameters, salt, bytes } = Parsed::from(sealed)?;
    derive(&parameters, passphrase, &salt)?.open(&bytes, &[head.as_bytes(), context]).ok_or_else(|| {
        refused("The passphrase is not the one that this text was sealed under, or the text was damaged or is not of this file.")
    })
}

// RFC 9106 section 4, for what is computed rarely and attacked at leisure.
const MEMORY_KIBIBYTES: u32 = 65_536;
const PASSES: u32 = 3;
const LANES: u32 = 4;
const SALT_BYTES: usize = 16;

const MAXIMUM_SEALED_BYTES: usize = 65_536;
const NAME: &str = "tessera-sealed-1";

struct Parsed<'a> {
    /// Everything before the encrypted bytes.
    head: &'a str,
    parameters: Params,
    salt: [u8; SALT_BYTES],
    bytes: Vec<u8>,
}

impl<'a> Parsed<'a> {
    fn from(sealed: &'a str) -> Result<Self> {
        let other_form =
            || refused("The sealed text is not in the form that Tessera writes, or a newer version wrote it.");
        let (head, bytes) = sealed.rsplit_once('$').ok_or_else(other_form)?;
        let mut parts = head.split('$');
        let (Some(NAME), Some(parameters), Some(salt), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(other_form());
        };
        let parameters = parameters.parse::<ParamsString>().map_err(|_| other_form())?;
        let parameters =
            argon2_hash::parse_parameters(&parameters).map_err(|what| refused(format!("The sealed text {what}.")))?;
        let decode = |text: &str| STANDARD_NO_PAD.decode(text).map_err(|_| other_form());
        let salt = decode(salt)?.try_into().map_err(|_| other_form())?;
        Ok(Self { head, parameters, salt, bytes: decode(bytes)? })
    }
}

fn seal_with(parameters: &Params, plaintext: &Secret, passphrase: &[u8], context: &[u8]) -> Result<String> {
    check_length(passphrase)?;
    if plaintext.as_bytes().len() > MAXIMUM_PLAINTEXT_BYTES {
        return Err(Error::argument("plaintext", "At most 32,768 bytes may be sealed under a passphrase."));
    }
    let mut salt = [0_u8; SALT_BYTES];
    random::fill(&mut salt)?;
    let head = format!("{NAME}${parameters}${}", STANDARD_NO_PAD.encode(salt));
    let sealed = derive(parameters, passphrase, &salt)?.seal(plaintext, &[head.as_bytes(), context])?;
    Ok(format!("{head}${}", STANDARD_NO_PAD.encode(sealed)))
}

fn derive(parameters: &Params, passphrase: &[u8], salt: &[u8; SALT_BYTES]) -> Result<SealingKey> {
    let tag =
        argon2_hash::derive(Algorithm::Argon2id, Version::V0x13, parameters, passphrase, salt, SealingKey::BYTES)?;
    // The tag has exactly the length that was asked for.
    SealingKey::new(tag.first_chunk().ok_or_else(|| refused("The passphrase gave no key."))?)
}

fn check_length(passphrase: &[u8]) -> Result<()> {
    if passphrase.is_empty() || passphrase.len() > MAXIMUM_PASSPHRASE_BYTES {
        return Err(Error::argument("passphrase", "A passphrase must have 1 to 1,024 bytes in UTF-8."));
    }
    Ok(())
}

fn refused(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorCode::KeyRefused, message).about("passphrase")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::argon2_hash::work;
    use super::*;

    const PASSPHRASE: &[u8] = b"correct horse battery staple";

    fn cheap(plaintext: &[u8], context: &[u8]) -> String {
        seal_with(&Params::new(8, 1, 1, None).unwrap(), &Secret::from(plaintext), PASSPHRASE, context).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_with_the_stated_work() {
        work::take();
        let sealed = seal(&Secret::from(&b"peppers"[..]), PASSPHRASE, b"store").unwrap();
        assert!(sealed.starts_with("tessera-sealed-1$m=65536,t=3,p=4$"), "{sealed}");
        assert_eq!(open(&sealed, PASSPHRASE, b"store").unwrap().as_bytes(), b"peppers");
        assert_eq!(work::take(), [(65_536, 3, 4, 32); 2]);
    }

    #[test]
    fn a_text_of_version_1_opens_for_ever() {
        let sealed = "tessera-sealed-1$m=8,t=1,p=1$DeMfh1yaytGi72fSMB1oYQ$\
                      AZ/CoIKL9G55aNO24VK5z7VhBqaB1QunvWpn0pn3QZTjFTHT";
        assert_eq!(open(sealed, PASSPHRASE, b"store").unwrap().as_bytes(), b"peppers");
    }

    #[test]
    fn nothing_but_the_same_passphrase_and_context_opens_it() {
        let sealed = cheap(b"peppers", b"store");
        assert_ne!(sealed, cheap(b"peppers", b"store"), "salt and nonce are fresh");
        for (passphrase, context) in [
            (&b"correct horse battery stapl"[..], &b"store"[..]),
            (b"x", b"store"),
            (PASSPHRASE, b"stor"),
            (PASSPHRASE, b""),
        ] {
            assert_eq!(open(&sealed, passphrase, context).unwrap_err().code(), ErrorCode::KeyRefused);
        }
        for passphrase in [&b""[..], &[b'x'; MAXIMUM_PASSPHRASE_BYTES + 1]] {
            assert_eq!(open(&sealed, passphrase, b"store").unwrap_err().code(), ErrorCode::InvalidArgument);
            let refusal = seal(&Secret::from(&b"x"[..]), passphrase, b"").unwrap_err();
            assert_eq!((refusal.code(), refusal.subject()), (ErrorCode::InvalidArgument, Some("passphrase")));
        }
        let too_much = Secret::new(vec![0; MAXIMUM_PLAINTEXT_BYTES + 1]);
        assert_eq!(seal(&too_much, PASSPHRASE, b"").unwrap_err().code(), ErrorCode::InvalidArgument);
        let most = cheap(&[7; MAXIMUM_PLAINTEXT_BYTES], b"");
        assert_eq!(open(&most, PASSPHRASE, b"").unwrap().as_bytes(), [7; MAXIMUM_PLAINTEXT_BYTES]);
    }

    /// Every character of the text, changed or cut off, is noticed.
    #[test]
    fn damage_is_noticed() {
        let sealed = cheap(b"peppers", b"store");
        for position in 0..sealed.len() {
            for other in ['A', '0', '$', ' ', '\u{e9}'] {
                let mut changed = sealed.clone();
                changed.replace_range(position..=position, other.encode_utf8(&mut [0; 4]));
                if changed != sealed {
                    let code = open(&changed, PASSPHRASE, b"store").unwrap_err().code();
                    assert_eq!(code, ErrorCode::KeyRefused, "{changed}");
                }
            }
            assert_eq!(open(&sealed[..position], PASSPHRASE, b"store").unwrap_err().code(), ErrorCode::KeyRefused);
        }
        assert!(open(&format!("{sealed}A"), PASSPHRASE, b"store").is_err());
    }

    #[test]
    fn texts_beyond_the_limits_are_refused_before_any_work() {
        let good = cheap(b"peppers", b"store");
        let bad = [
            (good.replace("m=8", "m=262145"), "asks for more than 256 MiB"),
            (good.replace("m=8", "m=4294967295"), "asks for more than 256 MiB"),
            (good.replace("t=1", "t=11"), "10 passes"),
            (good.replace("p=1", "p=9").replace("m=8", "m=80"), "8 lanes"),
            (good.replace("m=8", "m=7"), "parameters of another form"),
            (good.replace("m=8,t=1", "t=1,m=8"), "parameters of another form"),
            (good.replace("m=8,", ""), "parameters of another form"),
            (good.replace("p=1", "p=1,m=8"), "parameters of another form"),
            (good.replace("p=1", "p=1,data=AAAA"), "parameters of another form"),
            (good.replace("sealed-1", "sealed-2"), "a newer version wrote it"),
            (good.replace("p=1$", "p=1$A"), "not in the form"),
            (format!("{good}$AAAA"), "not in the form"),
            (String::new(), "not in the form"),
            ("$".repeat(100), "not in the form"),
            (format!("{good}{}", "A".repeat(65_536)), "more than 64 KiB"),
        ];
        work::take();
        for (text, why) in &bad {
            let refusal = open(text, PASSPHRASE, b"store").unwrap_err();
            assert_eq!(refusal.code(), ErrorCode::KeyRefused, "{text}");
            assert!(refusal.message().contains(why), "{text}: {refusal}");
        }
        assert_eq!(work::take(), []);
    }

    proptest! {
        #[test]
        fn bytes_round_trip(plaintext: Vec<u8>, context: Vec<u8>) {
            let opened = open(&cheap(&plaintext, &context), PASSPHRASE, &context).unwrap();
            prop_assert_eq!(opened.as_bytes(), &plaintext[..]);
        }

        #[test]
        fn any_text_is_refused(text in "(tessera-sealed-1)?[$]?(m=[0-9]{1,3},t=[0-9],p=[0-9])?[$A-Za-z0-9+/=]{0,80}") {
            prop_assert_eq!(open(&text, PASSPHRASE, b"").unwrap_err().code(), ErrorCode::KeyRefused);
        }
    }
}
