//! Opening a store: its file, its key, its facts.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::clock::{Clock, SystemClock};
use crate::crypto::digest;
use crate::crypto::keyring::Keyring;
use crate::error::{Error, ErrorCode, Result};
use crate::policy;
use crate::secret::Secret;
use crate::store::{SqliteStore, Store, StoreFacts, StoredPepper};

use super::cache::VerdictCache;
use super::identity::KeptIdentities;
use super::key::KeySet;
use super::pepper::ImportedPeppers;
use super::rate::Rates;
use super::rules::KeptRules;
use super::usage::Usage;
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
    /// How long uses and refusals are gathered before they are written down; none: 30 seconds. A crash loses at most
    /// those of one interval. See [`Engine::flush`].
    pub flush_interval: Option<Duration>,
}

impl Engine {
    /// Opens a store with the machine's clock. See [`Engine::open_with_clock`].
    pub fn open(options: OpenOptions) -> Result<Self> {
        Self::open_with_clock(options, Box::new(SystemClock))
    }

    /// Opens a store, by `clock`.
    ///
    /// Errors: the `Store…` codes; among them `StoreWrongKey` when the key belongs to another store,
    /// and `StoreKeyMissing` when there is a store and no key.
    pub fn open_with_clock(options: OpenOptions, clock: Box<dyn Clock>) -> Result<Self> {
        if let Some(issuer) = &options.issuer {
            policy::issuer(issuer)?;
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
        // A key that the caller brings is read before anything is made.
        let brought = key_file::brought(options.key.as_ref())?;
        // A store that exists is opened first, so that a file which is none is told from one without its key.
        let (store, keyring) = if new {
            let path = SqliteStore::locate(&options.path)?;
            let keyring = brought.map_or_else(|| key_file::find_or_make(&path), Ok)?;
            (SqliteStore::open(&path, true)?, keyring)
        } else {
            let store = open_when_made(&options.path, options.create)?;
            let keyring = brought.map_or_else(|| key_file::find(store.path()), Ok)?;
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
        store.complete_profiles(policy::profile::built_in().to_vec())?;
        recognise(&keyring, store.as_ref(), &facts, clock.now_seconds())?;
        if options.issuer.is_some_and(|issuer| issuer != facts.issuer) {
            return Err(Error::argument(
                "issuer",
                "The store has another issuer; it is chosen once, when the store is made.",
            ));
        }
        let (keyring, clock): (_, Arc<dyn Clock>) = (Arc::new(keyring), clock.into());
        let usage = Usage::start(
            Arc::clone(&store),
            Arc::clone(&keyring),
            Arc::clone(&clock),
            &facts.store_id,
            options.flush_interval,
        )?;
        Ok(Self {
            store,
            keyring,
            clock,
            facts,
            path,
            verdicts: VerdictCache::new()?,
            keys: KeySet::default(),
            imported_peppers: ImportedPeppers::default(),
            rules: KeptRules::default(),
            identities: KeptIdentities::default(),
            rates: Rates::default(),
            usage,
        })
    }
}

/// How long another process may take from a store's first page to its first commit.
const MAKING_TIME: Duration = Duration::from_secs(5);

/// Opens a store that exists. With `create`, one that another process is making at this moment is waited for: until its
/// first commit it cannot be told from an empty database of another program.
fn open_when_made(path: &Path, create: bool) -> Result<Arc<SqliteStore>> {
    let end = Instant::now() + MAKING_TIME;
    loop {
        match SqliteStore::open(path, false) {
            Err(error)
                if create
                    && error.code() == ErrorCode::StoreForeign
                    && SqliteStore::is_empty(path)
                    && Instant::now() < end =>
            {
                std::thread::sleep(Duration::from_millis(10));
            }
            opened => return opened,
        }
    }
}

/// Makes sure that the key is this store's: its wrapping key, and every pepper that the store has used. A pepper that
/// the key has and the store has not is a new one, for the digests to come.
fn recognise(keyring: &Keyring, store: &dyn Store, facts: &StoreFacts, now_seconds: i64) -> Result<()> {
    let wrong = |message| Error::new(ErrorCode::StoreWrongKey, message).about("key");
    if !digest::equal(&facts.key_check, &keyring.check_value(&facts.store_id)) {
        return Err(wrong(
            "The key does not belong to this store. Name the store's own key file, which was made beside it.",
        ));
    }
    let is_known = |known: &[StoredPepper], id| known.iter().any(|pepper| pepper.id == id);
    let mut known = store.peppers()?;
    for pepper in keyring.peppers().filter(|pepper| !is_known(&known, pepper.id())) {
        if let Some(check) = keyring.pepper_check_value(pepper.id(), &facts.store_id) {
            let stored = StoredPepper { id: pepper.id(), key_check: check.to_vec(), sealed: None };
            store.insert_pepper(stored, now_seconds)?;
        }
    }
    // Read again: another process may have been first, with another pepper of the same id.
    known = store.peppers()?;
    for pepper in &known {
        let own = match &pepper.sealed {
            None => keyring.pepper_check_value(pepper.id, &facts.store_id),
            Some(sealed) => Some(keyring.check_value_of(&keyring.open_pepper(pepper.id, sealed)?, &facts.store_id)),
        };
        match own {
            Some(own) if digest::equal(&pepper.key_check, &own) => {}
            _ => return Err(wrong("The key lacks a pepper that the store's tokens were digested with.")),
        }
    }
    Ok(())
}
