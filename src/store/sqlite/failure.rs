//! SQLite's errors as ours.

use rusqlite::{Connection, ErrorCode as Sqlite};

use crate::error::{Error, ErrorCode, Result};

/// Translates the error, if there is one.
pub(super) fn context<T>(result: rusqlite::Result<T>) -> Result<T> {
    result.map_err(|error| translate(&error))
}

/// Runs a statement that gives no rows, which is prepared once.
pub(super) fn run(connection: &Connection, statement: &str) -> Result<()> {
    context(connection.prepare_cached(statement).and_then(|mut statement| statement.execute([]).map(|_| ())))
}

/// Whether the error is a broken constraint, which means what the caller's statement makes of it.
pub(super) fn is_constraint(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(Sqlite::ConstraintViolation)
}

/// SQLite's error as ours. Its own text is kept where it speaks of the file, never of values.
pub(super) fn translate(error: &rusqlite::Error) -> Error {
    let (code, message) = match error.sqlite_error_code() {
        Some(Sqlite::DatabaseBusy | Sqlite::DatabaseLocked) => (
            ErrorCode::StoreBusy,
            "Another process has been writing to the store for too long. Try again; if it lasts, find that process.",
        ),
        Some(Sqlite::DiskFull) => {
            (ErrorCode::StoreFull, "There is no space left for the store. Free some and try again; nothing is lost.")
        }
        Some(Sqlite::ReadOnly | Sqlite::PermissionDenied) => return read_only(),
        Some(Sqlite::DatabaseCorrupt) => (
            ErrorCode::StoreCorrupt,
            "The database file is damaged. Restore a backup; a check of the store says what was found.",
        ),
        Some(Sqlite::NotADatabase) => {
            (ErrorCode::StoreForeign, "The file is not a database. It was left untouched; name another path.")
        }
        Some(Sqlite::CannotOpen) => (
            ErrorCode::StorePath,
            "The store's file cannot be opened. Look at the path, and at the rights to the file and its folder.",
        ),
        _ => {
            return Error::new(
                ErrorCode::StoreUnavailable,
                format!("The store cannot be used: SQLite says \"{}\".", extended(error)),
            );
        }
    };
    Error::new(code, message).about("path")
}

/// The error for a store that cannot be written.
pub(super) fn read_only() -> Error {
    Error::new(
        ErrorCode::StoreReadOnly,
        "The store may only be read. Allow writing to the file and to the folder it lies in.",
    )
    .about("path")
}

/// The error for a role that is not there.
pub(super) fn no_such_role(name: &str) -> Error {
    Error::new(ErrorCode::NotFound, format!("There is no role named {name}.")).about("role")
}

/// SQLite's own name for the kind of error, which holds no value of any statement.
fn extended(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => failure.to_string(),
        rusqlite::Error::SqlInputError { error, .. } => error.to_string(),
        _ => "a value of an unexpected type".to_owned(),
    }
}

/// A name that is no organisation of the store.
pub(super) fn no_such_organization(name: &str) -> Error {
    Error::new(ErrorCode::NotFound, format!("There is no organization named {name}.")).about("organization")
}

/// Data that cannot be written as JSON; there is none.
pub(super) fn unwritable() -> Error {
    Error::new(ErrorCode::Internal, "A defect in Tessera: a record cannot be written as JSON. Nothing was written.")
}
