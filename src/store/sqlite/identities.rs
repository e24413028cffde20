//! Statements over identities and roles.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::{Error, ErrorCode, Result};
use crate::model::{Identity, IdentityFilter, Name, NewAuditEvent, Revocation, fold_name};
use crate::store::{IdentityChange, NewIdentity};

use super::text::{like, split};
use super::{failure, lifecycle, roles};

/// An identity as one row. A role's name holds no comma.
const SELECT: &str = "
SELECT i.identity_id, i.name,
       (SELECT group_concat(r.name, ',' ORDER BY r.name_key)
          FROM identity_role ir JOIN role r USING (role_id) WHERE ir.identity_id = i.identity_id),
       i.password_hash, i.created_at, i.source,
       (SELECT group_concat(o.name, ',' ORDER BY o.name_key)
          FROM organization_member m JOIN organization o USING (organization_id) WHERE m.identity_id = i.identity_id)
FROM identity i
";

pub(super) fn by_name(connection: &Connection, name: &Name) -> rusqlite::Result<Option<(Identity, Option<String>)>> {
    connection
        .prepare_cached(&format!("{SELECT} WHERE i.name_key = ?1 AND i.removed_at IS NULL"))?
        .query_row([name.folded()], |row| Ok((identity(row)?, row.get(3)?)))
        .optional()
}

pub(super) fn by_id(connection: &Connection, identity_id: i64) -> rusqlite::Result<Option<Identity>> {
    connection
        .prepare_cached(&format!("{SELECT} WHERE i.identity_id = ?1 AND i.removed_at IS NULL"))?
        .query_row([identity_id], identity)
        .optional()
}

pub(super) fn list(connection: &Connection, filter: &IdentityFilter) -> rusqlite::Result<Vec<Identity>> {
    let pattern = like(filter.name.as_deref().unwrap_or("*"));
    let after = filter.after_name.as_deref().map(fold_name).unwrap_or_default();
    connection
        .prepare_cached(&format!(
            "{SELECT} WHERE i.removed_at IS NULL AND i.name_key LIKE ?1 ESCAPE '\\' AND i.name_key > ?2
             ORDER BY i.name_key LIMIT ?3"
        ))?
        .query_map(params![pattern, after, filter.limit], identity)?
        .collect()
}

pub(super) fn insert(connection: &Connection, new: &NewIdentity) -> Result<Identity> {
    let inserted = connection
        .prepare_cached(
            "INSERT INTO identity (name, name_key, password_hash, created_at, source) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                new.name.as_str(),
                new.name.folded(),
                new.password_hash,
                new.created_at,
                new.source
            ])
        });
    match inserted {
        Err(error) if failure::is_constraint(&error) => {
            return Err(Error::new(
                ErrorCode::AlreadyExists,
                format!(
                    "There is an identity named {} already; names compare without regard to case.",
                    new.name.as_str()
                ),
            )
            .about("name"));
        }
        other => failure::context(other)?,
    };
    set_roles(connection, connection.last_insert_rowid(), &new.roles)?;
    require(connection, &new.name)
}

pub(super) fn update(connection: &Connection, name: &Name, change: &IdentityChange) -> Result<Identity> {
    let found = require(connection, name)?;
    if let Some(roles) = &change.roles {
        set_roles(connection, found.id, roles)?;
    }
    if let Some(password_hash) = &change.password_hash {
        failure::context(
            connection
                .prepare_cached("UPDATE identity SET password_hash = ?2 WHERE identity_id = ?1")
                .and_then(|mut statement| statement.execute(params![found.id, password_hash])),
        )?;
    }
    require(connection, name)
}

pub(super) fn replace_password_hash(
    connection: &Connection,
    identity_id: i64,
    from: &str,
    to: &str,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE identity SET password_hash = ?3 WHERE identity_id = ?1 AND password_hash = ?2")?
        .execute(params![identity_id, from, to])
        .map(|_| ())
}

pub(super) fn remove(
    connection: &Connection,
    name: &Name,
    revocation: &Revocation,
    event: &NewAuditEvent,
) -> Result<Option<u64>> {
    let Some((found, _)) = failure::context(by_name(connection, name))? else { return Ok(None) };
    let revoked = lifecycle::revoke_identity(connection, found.id, revocation, event)?;
    failure::context((|| {
        connection
            .prepare_cached("UPDATE identity SET removed_at = ?2, password_hash = NULL WHERE identity_id = ?1")?
            .execute(params![found.id, revocation.at])?;
        connection.prepare_cached("DELETE FROM identity_role WHERE identity_id = ?1")?.execute([found.id])?;
        connection.prepare_cached("DELETE FROM organization_member WHERE identity_id = ?1")?.execute([found.id])?;
        Ok(Some(revoked))
    })())
}

fn set_roles(connection: &Connection, identity_id: i64, held: &[String]) -> Result<()> {
    failure::context(
        connection
            .prepare_cached("DELETE FROM identity_role WHERE identity_id = ?1")
            .and_then(|mut statement| statement.execute([identity_id])),
    )?;
    for role in held {
        let role_id = roles::number(connection, role)?.ok_or_else(|| failure::no_such_role(role))?;
        failure::context(
            connection
                .prepare_cached("INSERT OR IGNORE INTO identity_role VALUES (?1, ?2)")
                .and_then(|mut statement| statement.execute([identity_id, role_id])),
        )?;
    }
    Ok(())
}

fn require(connection: &Connection, name: &Name) -> Result<Identity> {
    let found = failure::context(by_name(connection, name))?;
    found.map(|(identity, _)| identity).ok_or_else(|| {
        Error::new(ErrorCode::NotFound, format!("There is no identity named {}.", name.as_str())).about("name")
    })
}

fn identity(row: &Row<'_>) -> rusqlite::Result<Identity> {
    Ok(Identity {
        id: row.get(0)?,
        name: row.get(1)?,
        roles: split(row.get_ref(2)?.as_str_or_null()?, ','),
        has_password: row.get::<_, Option<String>>(3)?.is_some(),
        created_at: row.get(4)?,
        source: row.get(5)?,
        organizations: split(row.get_ref(6)?.as_str_or_null()?, ','),
    })
}
