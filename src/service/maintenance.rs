//! The store as a whole: its status, its health, its copies.

use std::path::Path;

use crate::error::{Error, Result};
use crate::policy::Operation;
use crate::store::StoreCounts;

use super::Session;

/// What a store is and holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreStatus {
    /// The full path of its file.
    pub path: std::path::PathBuf,
    /// Its UUID.
    pub store_id: String,
    /// The issuer of its JWTs.
    pub issuer: String,
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
    /// How much it holds now.
    pub counts: StoreCounts,
}

impl Session<'_> {
    /// What the store is and holds now.
    pub fn status(&self) -> Result<StoreStatus> {
        self.permit(&Operation::STORE_READ)?;
        Ok(StoreStatus {
            path: self.path.clone(),
            store_id: self.facts.store_id.clone(),
            issuer: self.facts.issuer.clone(),
            created_at: self.facts.created_at,
            counts: self.store.counts(self.now_seconds())?,
        })
    }

    /// Reads the whole store for damage; one sentence for each that was found.
    ///
    /// Damage so great that it cannot be read through is the error `StoreCorrupt`.
    pub fn problems(&self) -> Result<Vec<String>> {
        self.permit(&Operation::STORE_CHECK)?;
        let mut found = self.store.problems()?;
        for record in self.store.keys()? {
            if self.unseal(&record).is_err() {
                found.push(format!("the signing key {} cannot be opened with the store's key", record.key.key_id));
            }
        }
        Ok(found)
    }

    /// Copies the store to a new file at `path` while it is in use, checks the copy, and says its size in bytes.
    ///
    /// The key file is never copied: keep it apart, or the copy is a leak. `AlreadyExists` when there is a file.
    pub fn backup(&self, path: &Path) -> Result<u64> {
        self.permit(&Operation::STORE_BACKUP)?;
        if path.as_os_str().is_empty() {
            return Err(Error::argument("path", "Name the file to write the backup to."));
        }
        self.store.backup(path)
    }
}
