//! Opening a store: its file, its key, its facts.

use std::path::PathBuf;
use std::sync::Arc;

use uuid::Uuid;

use crate::clock::{Clock, SystemClock};
use crate::crypto::digest;
use crate::error::{Error, ErrorCode, Result};
use crate::secret::Secret;
use crate::store::{SqliteStore, Store, StoreFacts};

use super::cache::VerdictCache;
use super::key::KeySet;
use super::{Engine, key_file};

/// How to open a store.
#[derive(Debug, Default)]
pub struct OpenOptions {
    /// The path of the SQLite file. Its folder must exist.
    pub path: PathBuf,
    /// Whether to create the store when there is none.
    pub create: bool,
    /// The issuer of the JWTs of a new store, 1 to 256 characters; `urn:uuid:<store id>` when nothing is said.
    /// An existing store must have just this one, when it is given.
    pub issuer: Option<String>,
    /// The text of the key file, from a caller who keeps it elsewhere.
    pub key: Option<Secret>,
}

impl Engine {
    /// Opens a store with the machine's clock. See [`Engine::open_with_clock`].
    pub fn open(options: OpenOptions) -> Result<Self> {
        Self::open_with_clock(options, Box::<SystemClock>::default())
    }

    /// Opens a store, by `clock`.
    ///
    /// Errors: the `Store…` codes; among them `StoreWrongKey` when the key belongs to another store,
    /// and `StoreKeyMissing` when there is a store and no key.
    pub fn open_with_clock(options: OpenOptions, clock: Box<dyn Clock>) -> Result<Self> {
        if let Some(issuer) = &options.issuer
            && (issuer.is_empty() || issuer.chars().count() > 256 || issuer.chars().any(char::is_control))
        {
            return Err(Error::argument("issuer", "An issuer has 1 to 256 characters and no control characters."));
        }
        // Asked before SQLite makes the file: only a store that is not there yet may have a new key.
        let new = std::fs::metadata(&options.path).map_or(true, |found| found.is_file() && found.len() == 0);
        if new && !options.create {
            return Err(Error::new(
                ErrorCode::StorePath,
                "There is no store at this path, and none was to be created.",
            )
            .about("path"));
        }
        let given = options.key.as_ref().map(Secret::as_bytes);
        // A store that exists is opened first, so that a file which is none is told from one without its key.
        let (store, keyring) = if new {
            let path = SqliteStore::locate(&options.path)?;
            let keyring = key_file::keyring(&path, given, true)?;
            (SqliteStore::open(&path, true)?, keyring)
        } else {
            let store = SqliteStore::open(&options.path, false)?;
            let keyring = key_file::keyring(store.path(), given, false)?;
            (store, keyring)
        };
        let path = store.path().to_owned();
        let store: Arc<dyn Store> = store;

        let store_id = Uuid::new_v4().to_string();
        let facts = store.facts(&StoreFacts {
            issuer: options.issuer.clone().unwrap_or_else(|| format!("urn:uuid:{store_id}")),
            key_check: keyring.check_value(&store_id).to_vec(),
            created_at: clock.now_seconds(),
            store_id,
        })?;
        if !digest::equal(&facts.key_check, &keyring.check_value(&facts.store_id)) {
            return Err(Error::new(
                ErrorCode::StoreWrongKey,
                "The key does not belong to this store. Name the store's own key file, which was made beside it.",
            )
            .about("key"));
        }
        if options.issuer.is_some_and(|issuer| issuer != facts.issuer) {
            return Err(Error::argument(
                "issuer",
                "The store has another issuer; it is chosen once, when the store is made.",
            ));
        }
        Ok(Self { store, keyring, clock, facts, path, verdicts: VerdictCache::default(), keys: KeySet::default() })
    }
}
