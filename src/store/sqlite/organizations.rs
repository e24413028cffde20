//! Statements over organisations.

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{Error, ErrorCode, Result};
use crate::model::{Name, Organization, OrganizationMember, fold_name};
use crate::store::OrganizationFilter;

use super::failure;
use super::text::like;

pub(super) fn list(connection: &Connection, filter: &OrganizationFilter) -> rusqlite::Result<Vec<Organization>> {
    let pattern = like(filter.name.as_deref().unwrap_or("*"));
    let after = filter.after_name.as_deref().map(fold_name).unwrap_or_default();
    let found: Vec<(i64, String, i64)> = connection
        .prepare_cached(
            "SELECT organization_id, name, created_at FROM organization
             WHERE name_key LIKE ?1 ESCAPE '\\' AND name_key > ?2 ORDER BY name_key LIMIT ?3",
        )?
        .query_map(params![pattern, after, filter.limit], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    found
        .into_iter()
        .map(|(id, name, created_at)| Ok(Organization { id, name, members: members(connection, id)?, created_at }))
        .collect()
}

pub(super) fn by_name(connection: &Connection, name: &str) -> rusqlite::Result<Option<Organization>> {
    let found: Option<(i64, String, i64)> = connection
        .prepare_cached("SELECT organization_id, name, created_at FROM organization WHERE name_key = ?1")?
        .query_row([fold_name(name)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    found
        .map(|(id, name, created_at)| Ok(Organization { id, name, members: members(connection, id)?, created_at }))
        .transpose()
}

/// The names of the organisations that an identity administers, sorted.
pub(super) fn administered_by(connection: &Connection, identity_id: i64) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached(
            "SELECT o.name FROM organization_member m JOIN organization o USING (organization_id)
             WHERE m.identity_id = ?1 AND m.is_administrator ORDER BY o.name_key",
        )?
        .query_map([identity_id], |row| row.get(0))?
        .collect()
}

pub(super) fn insert(
    connection: &Connection,
    name: &Name,
    new: &[OrganizationMember],
    created_at: i64,
) -> Result<Organization> {
    let inserted = connection
        .prepare_cached("INSERT INTO organization (name, name_key, created_at) VALUES (?1, ?2, ?3)")
        .and_then(|mut statement| statement.execute(params![name.as_str(), name.folded(), created_at]));
    match inserted {
        Err(error) if failure::is_constraint(&error) => {
            return Err(Error::new(
                ErrorCode::AlreadyExists,
                format!(
                    "There is an organization named {} already; names compare without regard to case.",
                    name.as_str()
                ),
            )
            .about("name"));
        }
        other => failure::context(other)?,
    };
    set_members(connection, connection.last_insert_rowid(), new)?;
    require(connection, name.as_str())
}

/// Replaces the members of an organisation.
pub(super) fn update(connection: &Connection, name: &str, new: &[OrganizationMember]) -> Result<Organization> {
    let found = require(connection, name)?;
    failure::context(
        connection
            .prepare_cached("DELETE FROM organization_member WHERE organization_id = ?1")
            .and_then(|mut statement| statement.execute([found.id])),
    )?;
    set_members(connection, found.id, new)?;
    require(connection, name)
}

/// Removes an organisation, and with it the access that tokens have to it; whether there was one.
pub(super) fn remove(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let removed =
        connection.prepare_cached("DELETE FROM organization WHERE name_key = ?1")?.execute([fold_name(name)])?;
    Ok(removed > 0)
}

fn require(connection: &Connection, name: &str) -> Result<Organization> {
    failure::context(by_name(connection, name))?.ok_or_else(|| failure::no_such_organization(name))
}

fn members(connection: &Connection, organization_id: i64) -> rusqlite::Result<Vec<OrganizationMember>> {
    connection
        .prepare_cached(
            "SELECT i.name, m.is_administrator FROM organization_member m JOIN identity i USING (identity_id)
             WHERE m.organization_id = ?1 ORDER BY i.name_key",
        )?
        .query_map([organization_id], |row| {
            Ok(OrganizationMember { identity: row.get(0)?, is_administrator: row.get(1)? })
        })?
        .collect()
}

fn set_members(connection: &Connection, organization_id: i64, new: &[OrganizationMember]) -> Result<()> {
    for member in new {
        let added = failure::context(
            connection
                .prepare_cached(
                    "INSERT INTO organization_member
                     SELECT ?1, identity_id, ?3 FROM identity WHERE name_key = ?2 AND removed_at IS NULL
                     ON CONFLICT DO UPDATE SET is_administrator = excluded.is_administrator",
                )
                .and_then(|mut statement| {
                    statement.execute(params![organization_id, fold_name(&member.identity), member.is_administrator])
                }),
        )?;
        if added == 0 {
            return Err(Error::new(ErrorCode::NotFound, format!("There is no identity named {}.", member.identity))
                .about("members"));
        }
    }
    Ok(())
}
