//! Sealing: what must be kept where others can read it, encrypted and bound to its place.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorCode, Result};
use crate::secret::Secret;

/// A key that seals and opens, and does nothing else (AES-256-GCM, NIST SP 800-38D).
pub(super) struct SealingKey(RandomizedNonceKey);

impl SealingKey {
    /// The length of a key in bytes.
    pub(super) const BYTES: usize = 32;

    pub(super) fn new(key: &[u8; Self::BYTES]) -> Result<Self> {
        RandomizedNonceKey::new(&AES_256_GCM, key)
            .map(Self)
            .map_err(|_| Error::new(ErrorCode::Internal, "A key for encryption could not be prepared."))
    }

    /// Encrypts `plaintext`. `place` says what it is and where it belongs; only the same place opens it again.
    ///
    /// The result is a version byte, the random 96-bit nonce, the ciphertext and the tag.
    pub(super) fn seal(&self, plaintext: &Secret, place: &[&[u8]]) -> Result<Vec<u8>> {
        // With room for the tag from the start, so that no unwiped copy is left behind when it is appended.
        let mut in_out = Zeroizing::new(Vec::with_capacity(plaintext.as_bytes().len() + AES_256_GCM.tag_len()));
        in_out.extend_from_slice(plaintext.as_bytes());
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(associated_data(place)), &mut *in_out)
            .map_err(|_| Error::new(ErrorCode::Internal, "A secret could not be encrypted."))?;
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + in_out.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&in_out);
        Ok(sealed)
    }

    /// Decrypts what [`SealingKey::seal`] made for the same place; none when anything is not the same.
    pub(super) fn open(&self, sealed: &[u8], place: &[&[u8]]) -> Option<Secret> {
        let (&VERSION, rest) = sealed.split_first()? else { return None };
        let (nonce, ciphertext) = rest.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut in_out = Zeroizing::new(ciphertext.to_vec());
        let opened = self.0.open_in_place(nonce, Aad::from(associated_data(place)), &mut in_out);
        opened.map(|plaintext| Secret::from(&*plaintext)).ok()
    }
}

/// Each field has its length before it, so that no two lists of fields look alike.
pub(super) fn append_field(buffer: &mut Vec<u8>, field: &[u8]) {
    // A 64-bit length holds every length there is.
    buffer.extend_from_slice(&(field.len() as u64).to_be_bytes());
    buffer.extend_from_slice(field);
}

const VERSION: u8 = 1;

fn associated_data(place: &[&[u8]]) -> Vec<u8> {
    let mut data = vec![VERSION];
    place.iter().for_each(|field| append_field(&mut data, field));
    data
}
