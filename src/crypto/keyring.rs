//! The keys that live outside the database: the peppers of token digests, and the wrapping key that
//! encrypts signing keys at rest.
//!
//! As text, for the key file, an environment variable or a caller's vault, a keyring is JSON of version 1:
//!
//! ```json
//! {"version":1,"peppers":[{"id":1,"key":"<32 bytes, base64>"}],"wrappingKey":"<32 bytes, base64>"}
//! ```
//!
//! The wrapping key itself encrypts nothing: three keys are derived from it (HKDF-Expand, RFC 5869 section
//! 2.3), for AES-256-GCM, for the check values and for the heads of the audit log, so that no key has two uses.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::digest::{self, DIGEST_BYTES, Pepper, authenticate};
use super::passphrase;
use super::random::{self, BASE62};
use super::sealing::{SealingKey, append_field};
use crate::error::{Error, ErrorCode, Result};
use crate::model::TokenId;
use crate::secret::Secret;

/// The peppers, of which the one with the highest id is for new digests, and the wrapping key.
pub struct Keyring {
    /// Never empty; ordered by id.
    peppers: BTreeMap<i64, Pepper>,
    current: Pepper,
    wrapping_key: Zeroizing<[u8; KEY_BYTES]>,
    sealing_key: SealingKey,
    check_key: hmac::Key,
    audit_key: hmac::Key,
}

impl Keyring {
    /// The most bytes that a keyring's text may have.
    pub const MAXIMUM_TEXT_BYTES: usize = 16_384;

    /// The most peppers that a keyring may have.
    pub const MAXIMUM_PEPPERS: usize = 64;

    /// A new keyring: one pepper, with id 1, and a wrapping key, all from the operating system's generator.
    pub fn generate() -> Result<Self> {
        let mut pepper = Zeroizing::new([0_u8; KEY_BYTES]);
        let mut wrapping_key = Zeroizing::new([0_u8; KEY_BYTES]);
        random::fill(&mut pepper[..])?;
        random::fill(&mut wrapping_key[..])?;
        Self::assemble(vec![Pepper::new(1, *pepper)], wrapping_key)
    }

    /// Reads a keyring's text. One newline at its end is allowed, since editors and shells add it.
    ///
    /// Refuses anything else than the form above with [`ErrorCode::StoreKeyFile`]: another version, members
    /// that are unknown or come twice, a pepper id below 1 or given twice, no pepper, keys that are not 32
    /// bytes. The error says which rule, and never repeats any of the text.
    pub fn parse(text: &[u8]) -> Result<Self> {
        if text.len() > Self::MAXIMUM_TEXT_BYTES {
            return Err(refused("The key text has more than 16,384 bytes, so it is not a store's key."));
        }
        let document: Document<'_> = serde_json::from_slice(text)
            .map_err(|_| refused("The key text is not the JSON of a store's key. Was the right file given?"))?;
        if document.version != VERSION {
            return Err(refused("The key text has a version other than 1: a newer Tessera wrote it."));
        }
        if document.peppers.is_empty() || document.peppers.len() > Self::MAXIMUM_PEPPERS {
            return Err(refused("The key text must have 1 to 64 peppers."));
        }
        let mut peppers = Vec::with_capacity(document.peppers.len());
        for entry in &document.peppers {
            if entry.id < 1 || peppers.iter().any(|pepper: &Pepper| pepper.id() == entry.id) {
                return Err(refused("The key text has a pepper whose id is below 1 or comes twice."));
            }
            peppers.push(Pepper::new(entry.id, *decode_key(entry.key)?));
        }
        Self::assemble(peppers, decode_key(document.wrapping_key)?)
    }

    /// The keyring as text, ending in a newline: what [`Keyring::parse`] reads.
    pub fn to_text(&self) -> Secret {
        // Sized so that the text never moves and leaves a copy behind: about 80 bytes for each entry.
        let mut text = Vec::with_capacity(128 + 128 * self.peppers.len());
        text.extend_from_slice(br#"{"version":1,"peppers":["#);
        for (index, pepper) in self.peppers.values().enumerate() {
            let key = Zeroizing::new(STANDARD.encode(pepper.secret().as_bytes()));
            let separator = if index == 0 { "" } else { "," };
            text.extend_from_slice(separator.as_bytes());
            text.extend_from_slice(format!(r#"{{"id":{},"key":""#, pepper.id()).as_bytes());
            text.extend_from_slice(key.as_bytes());
            text.extend_from_slice(br#""}"#);
        }
        text.extend_from_slice(br#"],"wrappingKey":""#);
        text.extend_from_slice(Zeroizing::new(STANDARD.encode(&self.wrapping_key[..])).as_bytes());
        text.extend_from_slice(b"\"}\n");
        Secret::new(text)
    }

    /// The pepper for new digests: the one with the highest id.
    pub fn current(&self) -> &Pepper {
        &self.current
    }

    /// The pepper of that id, when the keyring has it.
    pub fn pepper(&self, id: i64) -> Option<&Pepper> {
        self.peppers.get(&id)
    }

    /// All peppers, in the order of their ids.
    pub fn peppers(&self) -> impl Iterator<Item = &Pepper> {
        self.peppers.values()
    }

    /// Encrypts `plaintext` for storage (AES-256-GCM, NIST SP 800-38D).
    ///
    /// `key_id` and `purpose` say what is stored; only the same two open it again, so a row cannot be passed
    /// off as another. The result is a version byte, the random 96-bit nonce, the ciphertext and the tag.
    pub fn wrap(&self, plaintext: &Secret, key_id: &str, purpose: &str) -> Result<Vec<u8>> {
        self.sealing_key.seal(plaintext, &[key_id.as_bytes(), purpose.as_bytes()])
    }

    /// Decrypts what [`Keyring::wrap`] made for the same `key_id` and `purpose`.
    ///
    /// Fails with [`ErrorCode::StoreCorrupt`] when the bytes were changed, belong to another row, or were
    /// made under another wrapping key.
    pub fn unwrap(&self, wrapped: &[u8], key_id: &str, purpose: &str) -> Result<Secret> {
        self.sealing_key.open(wrapped, &[key_id.as_bytes(), purpose.as_bytes()]).ok_or_else(|| {
            let message = "A stored key does not decrypt: the row was changed, or another key encrypted it.";
            Error::new(ErrorCode::StoreCorrupt, message).about(key_id.to_owned())
        })
    }

    /// A value to keep in the database, by which a later opening recognises that it has the same wrapping key.
    ///
    /// It depends on the wrapping key and on `store_id`, and tells nothing about the key.
    /// [`Keyring::pepper_check_value`] is the like for peppers, of which a store may get more.
    pub fn check_value(&self, store_id: &str) -> [u8; DIGEST_BYTES] {
        let mut message = Vec::with_capacity(32 + store_id.len());
        append_field(&mut message, b"wrapping key");
        append_field(&mut message, store_id.as_bytes());
        authenticate(&self.check_key, &message)
    }

    /// The same for one pepper and the wrapping key; none when the keyring lacks the pepper.
    pub fn pepper_check_value(&self, id: i64, store_id: &str) -> Option<[u8; DIGEST_BYTES]> {
        self.peppers.get(&id).map(|pepper| self.check_value_of(pepper, store_id))
    }

    /// The same for a pepper that is not the keyring's own.
    pub fn check_value_of(&self, pepper: &Pepper, store_id: &str) -> [u8; DIGEST_BYTES] {
        let mut message = Zeroizing::new(Vec::with_capacity(96 + store_id.len()));
        append_field(&mut message, b"pepper");
        append_field(&mut message, store_id.as_bytes());
        append_field(&mut message, &pepper.id().to_be_bytes());
        append_field(&mut message, pepper.secret().as_bytes());
        authenticate(&self.check_key, &message)
    }

    /// A pepper over `key` that came with tokens from elsewhere: the keyring's own where it has the same one, otherwise
    /// one whose id is below zero and follows from the key, so that no two processes give it two.
    pub fn adopt_pepper(&self, key: &[u8; Pepper::KEY_BYTES]) -> Pepper {
        if let Some(own) = self.peppers().find(|own| digest::equal(own.secret().as_bytes(), key)) {
            return own.clone();
        }
        let mut message = Zeroizing::new(Vec::with_capacity(64));
        append_field(&mut message, b"imported pepper");
        append_field(&mut message, key);
        let tag = authenticate(&self.check_key, &message);
        let number = tag.first_chunk().map_or(0, |bytes| i64::from_be_bytes(*bytes) & (i64::MAX >> 1));
        Pepper::new(-1 - number, *key)
    }

    /// Encrypts an imported pepper for storage; [`Keyring::open_pepper`] decrypts it.
    pub fn seal_pepper(&self, pepper: &Pepper) -> Result<Vec<u8>> {
        self.wrap(pepper.secret(), &pepper.id().to_string(), PEPPER_PURPOSE)
    }

    /// Decrypts what [`Keyring::seal_pepper`] made of the pepper with this id. Fails as [`Keyring::unwrap`] does.
    pub fn open_pepper(&self, id: i64, sealed: &[u8]) -> Result<Pepper> {
        let secret = self.unwrap(sealed, &id.to_string(), PEPPER_PURPOSE)?;
        match secret.as_bytes().try_into() {
            Ok(key) => Ok(Pepper::new(id, key)),
            Err(_) => Err(Error::new(ErrorCode::StoreCorrupt, "A pepper of the store is not 32 bytes long.")),
        }
    }

    /// The id of an imported token that brings none: it follows from what the token is recognised by, so that the same
    /// token has the same id whenever it is imported, and says nothing about that.
    pub fn id_of_imported(&self, recognised_by: &[&[u8]]) -> Result<TokenId> {
        let mut message = Zeroizing::new(Vec::new());
        append_field(&mut message, b"imported token");
        recognised_by.iter().for_each(|field| append_field(&mut message, field));
        let tag = authenticate(&self.check_key, &message);
        let mut number = tag.first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes));
        let text: String = (0..TokenId::LENGTH)
            .map(|_| {
                let digit = usize::try_from(number % 62).unwrap_or_default();
                number /= 62;
                char::from(BASE62[digit])
            })
            .collect();
        TokenId::parse(&text)
            .ok_or_else(|| Error::new(ErrorCode::Internal, "The id of an imported token is not in the form of one."))
    }

    /// The signature of a head of the audit log of the store with that id: that the record numbered `sequence` is there
    /// and has this hash, said at `at` in seconds since 1970. HMAC-SHA-256 (RFC 2104) over the id with its length before
    /// it, the two numbers in 8 bytes each, big endian, and the hash.
    ///
    /// Whoever has the store's key can make one and check one, and nobody else can do either: it proves to the store's
    /// owner that the file alone did not suffice to write the log, and proves nothing to a third party.
    pub fn audit_signature(
        &self,
        store_id: &str,
        sequence: i64,
        at: i64,
        hash: &[u8; super::chain::HASH_BYTES],
    ) -> [u8; DIGEST_BYTES] {
        let mut message = Vec::with_capacity(64 + store_id.len());
        append_field(&mut message, store_id.as_bytes());
        message.extend_from_slice(&sequence.to_be_bytes());
        message.extend_from_slice(&at.to_be_bytes());
        message.extend_from_slice(hash);
        authenticate(&self.audit_key, &message)
    }

    fn assemble(peppers: Vec<Pepper>, wrapping_key: Zeroizing<[u8; KEY_BYTES]>) -> Result<Self> {
        let current = peppers
            .iter()
            .max_by_key(|pepper| pepper.id())
            .cloned()
            .ok_or_else(|| refused("The key text must have 1 to 64 peppers."))?;
        let sealing_key = SealingKey::new(&derive(&wrapping_key, b"tessera wrap 1"))?;
        let check_key = hmac::Key::new(hmac::HMAC_SHA256, &derive(&wrapping_key, b"tessera check 1")[..]);
        let audit_key = hmac::Key::new(hmac::HMAC_SHA256, &derive(&wrapping_key, b"tessera audit 1")[..]);
        let peppers = peppers.into_iter().map(|pepper| (pepper.id(), pepper)).collect();
        Ok(Self { peppers, current, wrapping_key, sealing_key, check_key, audit_key })
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Keyring").field("peppers", &self.peppers.keys()).finish_non_exhaustive()
    }
}

/// `peppers` for another store, sealed under `passphrase`: their keys one after the other, so that the first is number 1
/// there. `context` as in [`passphrase::seal`], which says what is refused; beyond it more than [`MAXIMUM_SEALED_PEPPERS`].
pub fn seal_peppers(peppers: &[Pepper], passphrase: &[u8], context: &[u8]) -> Result<String> {
    // Sized so that the text never moves and leaves a copy behind.
    let mut keys = Vec::with_capacity(peppers.len() * KEY_BYTES);
    peppers.iter().for_each(|pepper| keys.extend_from_slice(pepper.secret().as_bytes()));
    passphrase::seal(&Secret::new(keys), passphrase, context)
}

/// The keys of the peppers that [`seal_peppers`] sealed, in their order. Fails as [`passphrase::open`] does.
pub fn open_peppers(
    sealed: &str,
    passphrase: &[u8],
    context: &[u8],
) -> Result<Vec<Zeroizing<[u8; Pepper::KEY_BYTES]>>> {
    let keys = passphrase::open(sealed, passphrase, context)?;
    let (keys, rest) = keys.as_bytes().as_chunks();
    if !rest.is_empty() || keys.len() > MAXIMUM_SEALED_PEPPERS {
        let message = "What is sealed there is not the peppers of a store.";
        return Err(Error::new(ErrorCode::KeyRefused, message).about("passphrase"));
    }
    Ok(keys.iter().map(|key| Zeroizing::new(*key)).collect())
}

/// The most peppers that are sealed for another store: its own and those that were imported.
pub const MAXIMUM_SEALED_PEPPERS: usize = 2 * Keyring::MAXIMUM_PEPPERS;

/// What an imported pepper is sealed for; it opens as nothing else.
const PEPPER_PURPOSE: &str = "pepper";
const KEY_BYTES: usize = 32;
const VERSION: u32 = 1;

/// The text's form. Keys are borrowed from the text, so that parsing makes no copy that stays unwiped.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    version: u32,
    #[serde(borrow)]
    peppers: Vec<DocumentPepper<'a>>,
    #[serde(rename = "wrappingKey")]
    wrapping_key: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentPepper<'a> {
    id: i64,
    key: &'a str,
}

fn decode_key(text: &str) -> Result<Zeroizing<[u8; KEY_BYTES]>> {
    // 32 bytes are 44 characters; the decoder wants room for whole groups of three bytes.
    let mut decoded = Zeroizing::new([0_u8; 48]);
    let length = STANDARD
        .decode_slice(text, &mut decoded[..])
        .map_err(|_| refused("The key text has a key that is not 32 bytes in base64."))?;
    if length != KEY_BYTES {
        return Err(refused("The key text has a key that is not 32 bytes in base64."));
    }
    let mut key = Zeroizing::new([0_u8; KEY_BYTES]);
    key.copy_from_slice(&decoded[..KEY_BYTES]);
    Ok(key)
}

/// HKDF-Expand with SHA-256 for one block of output.
fn derive(key: &Zeroizing<[u8; KEY_BYTES]>, purpose: &[u8]) -> Zeroizing<[u8; KEY_BYTES]> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key[..]);
    Zeroizing::new(authenticate(&key, &[purpose, &[1]].concat()))
}

fn refused(message: &'static str) -> Error {
    Error::new(ErrorCode::StoreKeyFile, message).about("key")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_with(peppers: &[(i64, [u8; 32])], wrapping_key: [u8; 32]) -> String {
        let peppers: Vec<String> =
            peppers.iter().map(|(id, key)| format!(r#"{{"id":{id},"key":"{}"}}"#, STANDARD.encode(key))).collect();
        let wrapping_key = STANDARD.encode(wrapping_key);
        format!(r#"{{"version":1,"peppers":[{}],"wrappingKey":"{wrapping_key}"}}"#, peppers.join(","))
    }

    fn keyring(peppers: &[(i64, [u8; 32])], wrapping_key: [u8; 32]) -> Keyring {
        Keyring::parse(text_with(peppers, wrapping_key).as_bytes()).unwrap()
    }

    #[test]
    fn text_round_trips() {
        let generated = Keyring::generate().unwrap();
        let read = Keyring::parse(generated.to_text().as_bytes()).unwrap();
        assert_eq!(read.check_value("s"), generated.check_value("s"));
        assert_eq!(read.current().digest(b"value"), generated.current().digest(b"value"));

        let several = keyring(&[(3, [3; 32]), (1, [1; 32])], [9; 32]);
        assert_eq!(several.current().id(), 3);
        assert_eq!(several.peppers().map(Pepper::id).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(several.pepper(1).unwrap().digest(b"v"), Pepper::new(1, [1; 32]).digest(b"v"));
        assert!(several.pepper(2).is_none());
        assert_eq!(Keyring::parse(several.to_text().as_bytes()).unwrap().check_value(""), several.check_value(""));
    }

    #[test]
    fn other_texts_are_refused_without_being_shown() {
        let good = text_with(&[(1, [0x5A; 32])], [0x77; 32]);
        let key = STANDARD.encode([0x5A; 32]);
        let entry = format!(r#"{{"id":1,"key":"{key}"}}"#);
        let bad = [
            String::new(),
            "hello".to_owned(),
            "[]".to_owned(),
            good.replace("\"version\":1", "\"version\":2"),
            good.replace("\"version\":1", "\"version\":1,\"version\":1"),
            good.replace("\"version\":1,", ""),
            good.replace("\"version\":1", "\"version\":1,\"more\":0"),
            good.replace(&entry, ""),
            good.replace(&entry, &format!("{entry},{entry}")),
            good.replace("\"id\":1", "\"id\":0"),
            good.replace("\"id\":1", "\"id\":-5"),
            good.replace("\"id\":1", "\"id\":1.5"),
            good.replace("\"id\":1", "\"id\":1,\"id\":1"),
            good.replace(&key, &STANDARD.encode([0x5A; 31])),
            good.replace(&key, &STANDARD.encode([0x5A; 33])),
            good.replace(&key, key.trim_end_matches('=')),
            good.replace(&key, ""),
            format!("{good}{good}"),
            " ".repeat(Keyring::MAXIMUM_TEXT_BYTES + 1),
        ];
        for text in &bad {
            let error = Keyring::parse(text.as_bytes()).unwrap_err();
            assert_eq!(error.code(), ErrorCode::StoreKeyFile, "{text}");
            assert!(!format!("{error} {error:?}").contains(&key[..8]), "{error}");
        }
        assert!(Keyring::parse(good.as_bytes()).is_ok());
        assert!(!format!("{:?}", Keyring::parse(good.as_bytes()).unwrap()).contains("90"));
    }

    #[test]
    fn wrapped_values_open_for_the_same_row_only() {
        let keyring = Keyring::generate().unwrap();
        let plaintext = Secret::from(&b"private half"[..]);
        let wrapped = keyring.wrap(&plaintext, "kid", "signing").unwrap();
        assert_eq!(keyring.unwrap(&wrapped, "kid", "signing").unwrap().as_bytes(), plaintext.as_bytes());
        assert!(!wrapped.windows(12).any(|window| window == b"private half"));
        assert_ne!(keyring.wrap(&plaintext, "kid", "signing").unwrap(), wrapped, "the nonce is fresh");

        for (key_id, purpose) in [("kidx", "signing"), ("kid", "signin"), ("ki", "dsigning"), ("kids", "igning")] {
            let error = keyring.unwrap(&wrapped, key_id, purpose).unwrap_err();
            assert_eq!(error.code(), ErrorCode::StoreCorrupt);
        }
        assert!(Keyring::generate().unwrap().unwrap(&wrapped, "kid", "signing").is_err());
        for length in 0..wrapped.len() {
            assert!(keyring.unwrap(&wrapped[..length], "kid", "signing").is_err());
        }
        for position in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[position] ^= 1;
            assert!(keyring.unwrap(&changed, "kid", "signing").is_err(), "byte {position}");
        }
    }

    #[test]
    fn check_values_depend_on_each_key_and_the_store() {
        let base = keyring(&[(1, [1; 32]), (2, [2; 32])], [9; 32]);
        let added = keyring(&[(1, [1; 32]), (2, [2; 32]), (3, [3; 32])], [9; 32]);
        assert_eq!(base.check_value("store"), added.check_value("store"));
        assert_ne!(base.check_value("store"), base.check_value("other"));
        let other_wrapping = keyring(&[(1, [1; 32])], [8; 32]);
        assert_ne!(base.check_value("store"), other_wrapping.check_value("store"));

        assert_eq!(base.pepper_check_value(2, "store"), added.pepper_check_value(2, "store"));
        assert_ne!(base.pepper_check_value(2, "store"), base.pepper_check_value(2, "other"));
        assert_ne!(base.pepper_check_value(1, "store"), base.pepper_check_value(2, "store"));
        let other_pepper = keyring(&[(1, [7; 32])], [9; 32]);
        assert_ne!(base.pepper_check_value(1, "store"), other_pepper.pepper_check_value(1, "store"));
        assert_ne!(base.pepper_check_value(1, "store"), other_wrapping.pepper_check_value(1, "store"));
        assert_eq!(base.pepper_check_value(3, "store"), None);
    }

    #[test]
    fn peppers_go_from_one_keyring_to_another() {
        let (from, to) = (keyring(&[(1, [1; 32]), (7, [2; 32])], [9; 32]), keyring(&[(1, [2; 32])], [8; 32]));
        let own: Vec<Pepper> = from.peppers().cloned().collect();
        let sealed = seal_peppers(&own, b"correct horse", b"context").unwrap();
        assert_eq!(open_peppers(&sealed, b"correct horses", b"context").unwrap_err().code(), ErrorCode::KeyRefused);
        let keys = open_peppers(&sealed, b"correct horse", b"context").unwrap();
        let adopted: Vec<Pepper> = keys.iter().map(|key| to.adopt_pepper(key)).collect();
        // One is new there, and the other is its own.
        assert!(adopted[0].id() < 0);
        assert_eq!(adopted[1].id(), 1);
        assert_eq!(adopted[0].digest(b"value"), own[0].digest(b"value"));
        assert_eq!(to.adopt_pepper(&keys[0]).id(), adopted[0].id());
        assert_ne!(from.adopt_pepper(&[5; 32]).id(), to.adopt_pepper(&[5; 32]).id());

        let stored = to.seal_pepper(&adopted[0]).unwrap();
        let opened = to.open_pepper(adopted[0].id(), &stored).unwrap();
        assert_eq!((opened.id(), opened.digest(b"v")), (adopted[0].id(), own[0].digest(b"v")));
        assert!(to.open_pepper(adopted[0].id() + 1, &stored).is_err());
        assert!(from.open_pepper(adopted[0].id(), &stored).is_err());
    }

    #[test]
    fn ids_of_imported_tokens_follow_from_what_they_are_known_by_and_the_key() {
        let (own, other) = (keyring(&[(1, [1; 32])], [9; 32]), keyring(&[(1, [1; 32])], [8; 32]));
        let id = own.id_of_imported(&[b"ab", b"c"]).unwrap();
        assert_eq!(own.id_of_imported(&[b"ab", b"c"]).unwrap(), id);
        assert_ne!(own.id_of_imported(&[b"a", b"bc"]).unwrap(), id);
        assert_ne!(other.id_of_imported(&[b"ab", b"c"]).unwrap(), id);
    }

    #[test]
    fn audit_signatures_depend_on_all_they_say_and_on_the_key() {
        let own = keyring(&[(1, [1; 32])], [9; 32]);
        let base = own.audit_signature("store", 7, 100, &[3; 32]);
        assert_eq!(base, keyring(&[(2, [2; 32])], [9; 32]).audit_signature("store", 7, 100, &[3; 32]));
        let others = [
            own.audit_signature("stor", 7, 100, &[3; 32]),
            own.audit_signature("store", 8, 100, &[3; 32]),
            own.audit_signature("store", 7, 101, &[3; 32]),
            own.audit_signature("store", 7, 100, &[4; 32]),
            keyring(&[(1, [1; 32])], [8; 32]).audit_signature("store", 7, 100, &[3; 32]),
            own.check_value("store"),
        ];
        assert!(others.iter().all(|other| *other != base));
    }
}
