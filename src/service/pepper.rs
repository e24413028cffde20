//! The peppers that came with imported tokens.

use std::sync::{Arc, PoisonError, RwLock};

use crate::crypto::digest::Pepper;
use crate::error::Result;
use crate::store::StoredPepper;

use super::Engine;

/// The imported peppers as of a change of the store, whose number is [`crate::store::Store::change_number`].
#[derive(Default)]
pub(super) struct ImportedPeppers {
    kept: RwLock<(u64, Arc<Vec<Pepper>>)>,
}

impl Engine {
    /// The peppers that came with imported tokens, as of now. Asked only for a value that is found under none of the
    /// keyring's own.
    pub(super) fn imported_peppers(&self) -> Result<Arc<Vec<Pepper>>> {
        // Read before the peppers are, so that what is kept is at least as new as its number. Zero is never one.
        let number = self.store.change_number()?;
        {
            let kept = self.imported_peppers.kept.read().unwrap_or_else(PoisonError::into_inner);
            if self.store.changes().is_current(&[], kept.0) {
                return Ok(Arc::clone(&kept.1));
            }
        }
        let stored = self.store.peppers()?;
        let sealed = stored.iter().filter_map(|pepper| pepper.sealed.as_ref().map(|sealed| (pepper.id, sealed)));
        let peppers = sealed.map(|(id, sealed)| self.keyring.open_pepper(id, sealed)).collect::<Result<Vec<_>>>()?;
        let peppers = Arc::new(peppers);
        *self.imported_peppers.kept.write().unwrap_or_else(PoisonError::into_inner) = (number, Arc::clone(&peppers));
        Ok(peppers)
    }

    /// The pepper of that id, the keyring's own or an imported one.
    pub(super) fn pepper(&self, id: i64) -> Result<Option<Pepper>> {
        match self.keyring.pepper(id) {
            Some(own) => Ok(Some(own.clone())),
            None => Ok(self.imported_peppers()?.iter().find(|pepper| pepper.id() == id).cloned()),
        }
    }

    /// An imported pepper as the store keeps it; none for one of the keyring's own.
    pub(super) fn stored_pepper(&self, pepper: &Pepper) -> Result<Option<StoredPepper>> {
        if self.keyring.pepper(pepper.id()).is_some() {
            return Ok(None);
        }
        Ok(Some(StoredPepper {
            id: pepper.id(),
            key_check: self.keyring.check_value_of(pepper, &self.facts.store_id).to_vec(),
            sealed: Some(self.keyring.seal_pepper(pepper)?),
        }))
    }
}
