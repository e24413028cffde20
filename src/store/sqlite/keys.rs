//! Statements over signing keys.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::{Error, ErrorCode, Result};
use crate::model::{Algorithm, NewAuditEvent, Revocation, SigningKey};
use crate::store::{KeyRecord, NewKey};

use super::failure;
use super::lifecycle::{self, Fact};

const SELECT: &str =
    "SELECT key_id, algorithm, created_at, revoked_at, revoked_reason, private_sealed, key_sequence, revoked_by,
            (SELECT name FROM profile p WHERE p.profile_id = signing_key.profile_id)
     FROM signing_key";

pub(super) fn list(connection: &Connection) -> rusqlite::Result<Vec<KeyRecord>> {
    connection.prepare_cached(&format!("{SELECT} ORDER BY key_sequence"))?.query_map([], record)?.collect()
}

pub(super) fn insert(connection: &Connection, new: NewKey) -> Result<SigningKey> {
    failure::context(
        connection
            .prepare_cached(
                "INSERT INTO signing_key (key_id, algorithm, private_sealed, created_at, profile_id)
                 VALUES (?1, ?2, ?3, ?4, (SELECT profile_id FROM profile WHERE name_key = ?5))",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    new.key_id,
                    new.algorithm.as_str(),
                    new.private_sealed,
                    new.created_at,
                    new.profile.as_deref().map(crate::model::fold_name),
                ])
            }),
    )?;
    Ok(SigningKey {
        key_id: new.key_id,
        algorithm: new.algorithm,
        created_at: new.created_at,
        revoked_at: None,
        revoked_by: None,
        revoked_reason: None,
        profile: new.profile,
    })
}

pub(super) fn revoke(
    connection: &Connection,
    key_id: &str,
    revocation: &Revocation,
    event: &NewAuditEvent,
) -> Result<(SigningKey, bool)> {
    let (key, changed) = failure::context((|| {
        let changed = connection
            .prepare_cached(
                "UPDATE signing_key SET revoked_at = ?2, revoked_by = ?3, revoked_reason = ?4
                 WHERE key_id = ?1 AND revoked_at IS NULL",
            )?
            .execute(params![key_id, revocation.at, revocation.by, revocation.reason])?;
        let found = connection
            .prepare_cached(&format!("{SELECT} WHERE key_id = ?1"))?
            .query_row([key_id], record)
            .optional()?;
        Ok(found.map(|found| (found.key, changed > 0)))
    })())?
    .ok_or_else(|| Error::new(ErrorCode::NotFound, "There is no signing key with this key id.").about("keyId"))?;
    if changed {
        lifecycle::revoke_fallen(connection, &Fact::Key(key_id.to_owned()), revocation, event)?;
    }
    Ok((key, changed))
}

pub(super) fn remove(
    connection: &Connection,
    key_id: &str,
    revocation: &Revocation,
    event: &NewAuditEvent,
) -> Result<Option<u64>> {
    let is_there = failure::context(
        connection
            .prepare_cached("SELECT 1 FROM signing_key WHERE key_id = ?1")
            .and_then(|mut statement| statement.exists([key_id])),
    )?;
    if !is_there {
        return Ok(None);
    }
    let revoked = lifecycle::revoke_key_for_good(connection, key_id, revocation, event)?;
    failure::context(
        connection
            .prepare_cached("DELETE FROM signing_key WHERE key_id = ?1")
            .and_then(|mut statement| statement.execute([key_id])),
    )?;
    Ok(Some(revoked))
}

fn record(row: &Row<'_>) -> rusqlite::Result<KeyRecord> {
    let algorithm: String = row.get(1)?;
    Ok(KeyRecord {
        key: SigningKey {
            key_id: row.get(0)?,
            algorithm: Algorithm::parse(&algorithm)
                .ok_or_else(|| rusqlite::Error::InvalidColumnType(1, "algorithm".to_owned(), Type::Text))?,
            created_at: row.get(2)?,
            revoked_at: row.get(3)?,
            revoked_by: row.get(7)?,
            revoked_reason: row.get(4)?,
            profile: row.get(8)?,
        },
        private_sealed: row.get(5)?,
        sequence: row.get(6)?,
    })
}
