//! Statements over profiles.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Map, Value};

use crate::error::{Error, ErrorCode, Result};
use crate::model::{Profile, fold_name};
use crate::policy;

use super::failure;

const SELECT: &str = "SELECT name, built_in, settings FROM profile";

pub(super) fn list(connection: &Connection) -> rusqlite::Result<Vec<Profile>> {
    connection.prepare_cached(&format!("{SELECT} ORDER BY profile_id"))?.query_map([], profile)?.collect()
}

/// Whether every built-in profile has its settings.
pub(super) fn are_complete(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(!connection.prepare_cached("SELECT 1 FROM profile WHERE built_in AND settings = '{}'")?.exists([])?)
}

pub(super) fn complete(connection: &Connection, built_in: &[Profile]) -> Result<()> {
    for profile in built_in {
        let settings = serde_json::to_string(&profile.settings).map_err(|_| failure::unwritable())?;
        failure::context(
            connection
                .prepare_cached("UPDATE profile SET settings = ?2 WHERE name_key = ?1 AND built_in AND settings = '{}'")
                .and_then(|mut statement| statement.execute(params![fold_name(&profile.name), settings])),
        )?;
    }
    Ok(())
}

pub(super) fn insert(connection: &Connection, new: &Profile, created_at: i64) -> Result<()> {
    let settings = serde_json::to_string(&new.settings).map_err(|_| failure::unwritable())?;
    let inserted = connection
        .prepare_cached(
            "INSERT INTO profile (name, name_key, built_in, settings, created_at) VALUES (?1, ?2, 0, ?3, ?4)",
        )
        .and_then(|mut statement| statement.execute(params![new.name, fold_name(&new.name), settings, created_at]));
    match inserted {
        Err(error) if failure::is_constraint(&error) => Err(Error::new(
            ErrorCode::AlreadyExists,
            format!("There is a profile named {} already; names compare without regard to case.", new.name),
        )
        .about("name")),
        other => failure::context(other).map(|_| ()),
    }
}

pub(super) fn update(connection: &Connection, name: &str, changes: Map<String, Value>) -> Result<Profile> {
    let found = failure::context(
        connection
            .prepare_cached(&format!("{SELECT} WHERE name_key = ?1"))
            .and_then(|mut statement| statement.query_row([fold_name(name)], profile).optional()),
    )?;
    let found = found
        .ok_or_else(|| Error::new(ErrorCode::NotFound, format!("There is no profile named {name}.")).about("name"))?;
    let changed = policy::profile::check(&found.name, &policy::profile::changed(&found.settings, changes)?)?;
    let settings = serde_json::to_string(&changed.settings).map_err(|_| failure::unwritable())?;
    failure::context(
        connection
            .prepare_cached("UPDATE profile SET settings = ?2 WHERE name_key = ?1 AND NOT built_in")
            .and_then(|mut statement| statement.execute(params![fold_name(name), settings])),
    )?;
    Ok(changed)
}

/// Removes a profile that no token and no key follows; whether there was one.
pub(super) fn remove(connection: &Connection, name: &str) -> Result<bool> {
    let removed = connection
        .prepare_cached("DELETE FROM profile WHERE name_key = ?1 AND NOT built_in")
        .and_then(|mut statement| statement.execute([fold_name(name)]));
    match removed {
        Err(error) if failure::is_constraint(&error) => Err(Error::new(
            ErrorCode::Conflict,
            "Tokens or signing keys still follow this profile. Remove them first; until then it states their rules.",
        )
        .about("name")),
        other => failure::context(other).map(|removed| removed > 0),
    }
}

fn profile(row: &Row<'_>) -> rusqlite::Result<Profile> {
    let settings: String = row.get(2)?;
    Ok(Profile {
        name: row.get(0)?,
        built_in: row.get(1)?,
        settings: serde_json::from_str(&settings)
            .map_err(|_| rusqlite::Error::InvalidColumnType(2, "settings".to_owned(), Type::Text))?,
    })
}
