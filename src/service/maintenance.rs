//! The store as a whole: its status, its health, its copies.

use std::path::Path;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::model::{Actor, AuditSubject, NewAuditEvent};
use crate::policy::Operation;
use crate::store::{Restoration, SqliteStore, StoreCounts};

use super::{Engine, FlushCounts, Session};

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
    /// What writing down uses and refusals has come to since this engine opened it.
    pub flushes: FlushCounts,
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
            flushes: self.flush_counts(),
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
    /// It is written down who did so before it is made.
    ///
    /// The key file is never copied: keep it apart, or the copy is a leak. `AlreadyExists` when there is a file.
    pub fn backup(&self, path: &Path) -> Result<u64> {
        self.permit(&Operation::STORE_BACKUP)?;
        if path.as_os_str().is_empty() {
            return Err(Error::argument("path", "Name the file to write the backup to."));
        }
        // Before the copy, so that it holds the event too.
        self.store.note_event(self.event(&Operation::STORE_BACKUP, AuditSubject::Store, None))?;
        self.store.backup(path)
    }
}

impl Engine {
    /// Puts a backup in the place of a store that nobody has open, and brings over what was ended in that store since the
    /// backup was made: revocations, disables, removals, rotations, uses that were spent, passwords that were replaced,
    /// roles and memberships that were taken away. What else was granted or changed since is lost. The key file is neither read nor written: the store's own goes on.
    ///
    /// The store at `destination` is as it was until the new file takes its place at one stroke.
    ///
    /// `Conflict` about `force`, unless `force` is on, where that cannot be read from the destination, because it is
    /// missing, damaged, another store or no continuation of the backup: then tokens that were revoked since may be good
    /// again. `StoreBusy` when anybody, in this process or another, has the store open; the other `Store…` codes for
    /// files that cannot be used.
    pub fn restore(backup: &Path, destination: &Path, force: bool, clock: &dyn Clock) -> Result<Restoration> {
        for (path, subject) in [(backup, "path"), (destination, "destination")] {
            if path.as_os_str().is_empty() {
                return Err(Error::argument(subject, "Name the backup, and the store that it is to replace."));
            }
        }
        let owner = Actor::LocalOwner;
        let event = NewAuditEvent {
            at: clock.now_seconds(),
            event: Operation::STORE_RESTORE.as_str().to_owned(),
            actor: owner.name().to_owned(),
            actor_kind: owner.kind(),
            subject_kind: AuditSubject::Store,
            subject: None,
            outcome: NewAuditEvent::SUCCESS.to_owned(),
            detail: None,
        };
        SqliteStore::restore(backup, destination, force, event)
    }
}
