//! Lists of operations.

use crate::error::{Error, Result};
use crate::policy::Operation;

/// The most operations of a list.
pub const MAXIMUM_OPERATIONS: usize = 64;

/// `names` of operations, Tessera's own or an application's, sorted, each once.
///
/// Refuses more than [`MAXIMUM_OPERATIONS`], and what [`Operation::parse`] refuses; `subject` names the list in errors.
pub fn operations(names: &[String], subject: &'static str) -> Result<Vec<String>> {
    if names.len() > MAXIMUM_OPERATIONS {
        return Err(Error::argument(subject, "There may be at most 64 operations."));
    }
    for name in names {
        Operation::parse(name).map_err(|error| error.about(subject))?;
    }
    let mut names = names.to_vec();
    names.sort();
    names.dedup();
    Ok(names)
}
