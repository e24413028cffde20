//! Signing keys: make, list, revoke, remove, publish; and the keys made ready for use.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;

use crate::crypto::signing::SigningKeyMaterial;
use crate::crypto::{digest, random};
use crate::error::{Error, ErrorCode, Result};
use crate::format::jwt::{MintingKey, is_key_id};
use crate::model::{Algorithm, AuditSubject, NewAuditEvent, SigningKey, fold_name};
use crate::policy::Operation;
use crate::secret::Secret;
use crate::store::{KeyRecord, NewKey, Slot};

use super::{Engine, Session};

/// What a sealed signing key is sealed for; it opens as nothing else.
const SEAL_PURPOSE: &str = "signing-key";
/// The most bytes of a secret that another system signs with.
const MAXIMUM_SECRET_BYTES: usize = 4_096;
/// The characters of the id of a key that is brought: 131 random bits.
const KEY_ID_CHARACTERS: usize = 22;

/// How to write public keys down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyExport {
    /// A JWK set (RFC 7517 section 5).
    Jwks,
    /// SubjectPublicKeyInfo in PEM (RFC 7468 section 13), one after the other.
    Pem,
}

/// A signing key ready for use.
pub(super) struct ReadyKey {
    sequence: i64,
    pub(super) key: SigningKey,
    /// It signs and verifies.
    pub(super) minting: MintingKey,
}

/// The store's keys, opened once and kept for as long as none of them changes.
#[derive(Default)]
pub(super) struct KeySet {
    ready: ArcSwap<ReadyKeys>,
}

/// Keys ready for use, by key id.
#[derive(Default)]
pub(super) struct ReadyKeys {
    /// The number of the store's last change that they certainly include.
    number: u64,
    keys: HashMap<String, Arc<ReadyKey>, RandomState>,
}

impl ReadyKeys {
    /// The key with this id, revoked or not.
    pub(super) fn get(&self, key_id: &str) -> Option<&Arc<ReadyKey>> {
        self.keys.get(key_id)
    }

    /// The newest active key of a profile, or the one with `key_id` if it is one.
    pub(super) fn of_profile(&self, profile: &str, key_id: Option<&str>) -> Option<Arc<ReadyKey>> {
        let fits = |ready: &&Arc<ReadyKey>| {
            ready.key.profile.as_deref().is_some_and(|own| fold_name(own) == fold_name(profile))
                && ready.key.revoked_at.is_none()
                && key_id.is_none_or(|key_id| ready.key.key_id == key_id)
        };
        self.keys.values().filter(fits).max_by_key(|ready| ready.sequence).cloned()
    }
}

impl Session<'_> {
    /// Makes a signing key for `algorithm`. RSA keys take a second or so.
    pub fn create_key(&self, algorithm: Algorithm) -> Result<SigningKey> {
        self.permit(&Operation::KEY_CREATE)?;
        self.keep_key(SigningKeyMaterial::generate(algorithm)?, None)
    }

    /// Gives the profile of this name a signing key that another system has too, so that its tokens are good in both:
    /// `secret`, 1 to 4,096 bytes. The newest key of a profile signs its tokens.
    ///
    /// Gives the key that the profile has already, where it is over the same secret. Errors: `NotPermitted` for who is no
    /// Administrator, and for a profile whose JWTs name their key, which is then the store's own; `NotFound` for the
    /// profile; `KeyRefused` for an empty secret; `InvalidArgument` for one that is too long.
    pub fn import_key(&self, profile: &str, secret: &Secret) -> Result<SigningKey> {
        let (rules, _) = self.permit(&Operation::KEY_IMPORT)?;
        let profile = rules.profile(profile, "profile")?;
        if profile.settings.jwt_kind.names_keys() {
            let message = format!("The tokens of the profile {} are signed with the store's own keys.", profile.name);
            return Err(Error::new(ErrorCode::NotPermitted, message).about("profile"));
        }
        if secret.as_bytes().len() > MAXIMUM_SECRET_BYTES {
            return Err(Error::argument("secret", "A signing key's secret has at most 4,096 bytes."));
        }
        if let Some(known) = self.ready_keys()?.of_profile(&profile.name, None)
            && digest::equal(known.minting.signing_key().private().as_bytes(), secret.as_bytes())
        {
            return Ok(known.key.clone());
        }
        let key_id = random::base62(KEY_ID_CHARACTERS)?.to_string();
        let event = self.event(&Operation::KEY_IMPORT, AuditSubject::Key, key_id.clone());
        self.put_key(SigningKeyMaterial::hmac(secret.clone(), Some(key_id))?, Some(&profile.name), event)
    }

    /// Puts a new key into the store. `profile`: whose tokens alone it is to sign.
    pub(super) fn keep_key(&self, material: SigningKeyMaterial, profile: Option<&str>) -> Result<SigningKey> {
        let key_id = material
            .key_id()
            .ok_or_else(|| Error::new(ErrorCode::Internal, "A new signing key has no key id."))?
            .to_owned();
        let event = self.event(&Operation::KEY_CREATE, AuditSubject::Key, key_id);
        self.put_key(material, profile, event)
    }

    fn put_key(&self, material: SigningKeyMaterial, profile: Option<&str>, event: NewAuditEvent) -> Result<SigningKey> {
        let key_id = material.key_id().unwrap_or_default().to_owned();
        let new = NewKey {
            algorithm: material.algorithm(),
            profile: profile.map(str::to_owned),
            private_sealed: self.keyring.wrap(material.private(), &key_id, SEAL_PURPOSE)?,
            created_at: self.now_seconds(),
            key_id,
        };
        self.store.insert_key(new, event)
    }

    /// Every signing key, in the order of their making.
    pub fn keys(&self) -> Result<Vec<SigningKey>> {
        self.permit(&Operation::KEY_READ)?;
        Ok(self.store.keys()?.into_iter().map(|record| record.key).collect())
    }

    /// Revokes a key: it signs no more, and every token that it signed is revoked with it, durably before this
    /// returns. Gives the key, and whether this call changed it.
    pub fn revoke_key(&self, key_id: &str, reason: Option<&str>) -> Result<(SigningKey, bool)> {
        self.permit(&Operation::KEY_REVOKE)?;
        let reason = self.reason(reason)?.unwrap_or_else(|| "The signing key was revoked.".to_owned());
        let key_id = known_form(key_id)?;
        let event = self.event(&Operation::KEY_REVOKE, AuditSubject::Key, key_id.to_owned());
        self.store.revoke_key(key_id, self.revocation(Some(reason)), event)
    }

    /// Removes a key and revokes the tokens that it signed. Gives how many, or none when there is no such key.
    pub fn remove_key(&self, key_id: &str) -> Result<Option<u64>> {
        self.permit(&Operation::KEY_REMOVE)?;
        let revocation = self.revocation(Some("The signing key was removed.".to_owned()));
        let key_id = known_form(key_id)?;
        let event = self.event(&Operation::KEY_REMOVE, AuditSubject::Key, key_id.to_owned());
        self.store.remove_key(key_id, revocation, event)
    }

    /// The public halves of the active keys, or of the one key with `key_id`. A secret has none to give:
    /// asking for one by name is `NotPermitted`.
    pub fn export_keys(&self, key_id: Option<&str>, kind: KeyExport) -> Result<String> {
        self.permit(&Operation::KEY_READ)?;
        let key_id = key_id.map(known_form).transpose()?;
        let ready = self.ready_keys()?;
        let mut chosen: Vec<&ReadyKey> = match key_id {
            Some(key_id) => vec![ready.get(key_id).ok_or_else(no_such_key)?],
            None => ready.keys.values().map(AsRef::as_ref).filter(|ready| ready.key.revoked_at.is_none()).collect(),
        };
        if key_id.is_some() && chosen.iter().any(|ready| ready.key.algorithm.is_symmetric()) {
            return Err(Error::new(
                ErrorCode::NotPermitted,
                "An HS256 key has no public half: who can check with it can sign with it. Use ES256 to publish keys.",
            )
            .about("keyId"));
        }
        chosen.sort_by_key(|ready| ready.sequence);
        let verifying = chosen.iter().map(|ready| ready.minting.verifying_key());
        Ok(match kind {
            KeyExport::Jwks => {
                let keys: Vec<String> = verifying.filter_map(|key| key.public_jwk()).collect();
                format!("{{\"keys\":[{}]}}", keys.join(","))
            }
            KeyExport::Pem => verifying.filter_map(|key| key.public_pem()).collect(),
        })
    }

    /// The one key of a profile whose tokens do not name theirs; it is made when it is needed.
    pub(super) fn key_of_profile(&self, profile: &str, key_id: Option<&str>) -> Result<Arc<ReadyKey>> {
        if let Some(found) = self.ready_keys()?.of_profile(profile, key_id) {
            return Ok(found);
        }
        if key_id.is_some() {
            return Err(no_such_key());
        }
        self.keep_key(SigningKeyMaterial::generate(Algorithm::HS256)?, Some(profile))?;
        self.ready_keys()?.of_profile(profile, None).ok_or_else(no_such_key)
    }

    /// The key for a grant; the store's first one is made when it is needed.
    pub(super) fn key_to_grant(&self, key_id: Option<&str>) -> Result<Arc<ReadyKey>> {
        match self.key_to_sign(key_id, None) {
            Err(error) if key_id.is_none() && error.code() == ErrorCode::NotFound => {
                // Whoever may grant may have the store's first key made: without one there is nothing to sign with.
                let key = self.keep_key(SigningKeyMaterial::generate(Algorithm::ES256)?, None)?;
                self.key_to_sign(Some(&key.key_id), None)
            }
            found => found,
        }
    }
}

impl Engine {
    /// The key to sign with: the one with `key_id`, or the newest active one; of `algorithm`, where it is given.
    pub(super) fn key_to_sign(&self, key_id: Option<&str>, algorithm: Option<Algorithm>) -> Result<Arc<ReadyKey>> {
        let ready = self.ready_keys()?;
        // A key of a profile signs for that alone.
        let fits = |ready: &ReadyKey| {
            ready.key.profile.is_none() && algorithm.is_none_or(|algorithm| ready.key.algorithm == algorithm)
        };
        match key_id {
            Some(key_id) => {
                let ready = ready.get(known_form(key_id)?).ok_or_else(no_such_key)?;
                if ready.key.revoked_at.is_some() {
                    return Err(Error::new(ErrorCode::Conflict, "The signing key is revoked.").about("keyId"));
                }
                if ready.key.profile.is_some() {
                    let message = "The signing key signs the tokens of one profile alone.";
                    return Err(Error::new(ErrorCode::NotPermitted, message).about("keyId"));
                }
                if !fits(ready) {
                    return Err(Error::argument("algorithm", "The signing key is for another algorithm."));
                }
                Ok(Arc::clone(ready))
            }
            None => {
                let newest = ready
                    .keys
                    .values()
                    .filter(|ready| ready.key.revoked_at.is_none() && fits(ready))
                    .max_by_key(|ready| ready.sequence);
                newest.cloned().ok_or_else(|| {
                    let message = "The store has no active signing key to use. Make one first.";
                    Error::new(ErrorCode::NotFound, message).about("keyId")
                })
            }
        }
    }

    /// The store's keys as of now, ready for use.
    pub(super) fn ready_keys(&self) -> Result<Arc<ReadyKeys>> {
        // Read before the keys are, so that what is kept is at least as new as its number.
        let number = self.store.change_number()?;
        let kept = self.keys.ready.load_full();
        if self.store.changes().is_current(&[Slot::KEYS], kept.number) {
            return Ok(kept);
        }
        let mut ready = ReadyKeys { number, ..ReadyKeys::default() };
        for record in self.store.keys()? {
            let key_id = record.key.key_id.clone();
            // A key's material never changes, so it is opened once; only its state is new.
            let same = kept.get(&key_id).filter(|known| known.key == record.key);
            let entry = match same {
                Some(known) => Arc::clone(known),
                // A damaged key is as good as none, and keeps no other from its work; `problems` names it.
                None => match self.unseal(&record) {
                    Ok(material) => {
                        Arc::new(ReadyKey { sequence: record.sequence, minting: material.into(), key: record.key })
                    }
                    Err(_) => continue,
                },
            };
            ready.keys.insert(key_id, entry);
        }
        let ready = Arc::new(ready);
        self.keys.ready.store(Arc::clone(&ready));
        Ok(ready)
    }

    /// The key, opened with the store's wrapping key.
    pub(super) fn unseal(&self, record: &KeyRecord) -> Result<SigningKeyMaterial> {
        let key_id = &record.key.key_id;
        let private = self.keyring.unwrap(&record.private_sealed, key_id, SEAL_PURPOSE)?;
        SigningKeyMaterial::from_stored(record.key.algorithm, key_id, &private)
    }
}

/// Refuses text that is not in the form of a key id, without repeating it.
pub(super) fn known_form(key_id: &str) -> Result<&str> {
    if is_key_id(key_id) { Ok(key_id) } else { Err(no_such_key()) }
}

fn no_such_key() -> Error {
    Error::new(ErrorCode::NotFound, "There is no signing key with this key id.").about("keyId")
}
