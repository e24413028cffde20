//! Statements over roles.

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{Error, ErrorCode, Result};
use crate::model::{Role, fold_name};

use super::failure;
use super::text::split;

pub(super) fn list(connection: &Connection) -> rusqlite::Result<Vec<Role>> {
    connection
        .prepare_cached(
            "SELECT r.name, r.built_in,
                    (SELECT group_concat(i.name, ',' ORDER BY i.role_id)
                       FROM role_inclusion n JOIN role i ON i.role_id = n.included_role_id WHERE n.role_id = r.role_id)
             FROM role r ORDER BY r.role_id",
        )?
        .query_map([], |row| {
            Ok(Role {
                name: row.get(0)?,
                built_in: row.get(1)?,
                includes: split(row.get_ref(2)?.as_str_or_null()?, ','),
            })
        })?
        .collect()
}

pub(super) fn insert(connection: &Connection, new: &Role) -> Result<()> {
    let inserted = connection
        .prepare_cached("INSERT INTO role (name, name_key, built_in) VALUES (?1, ?2, 0)")
        .and_then(|mut statement| statement.execute(params![new.name, fold_name(&new.name)]));
    match inserted {
        Err(error) if failure::is_constraint(&error) => {
            return Err(Error::new(
                ErrorCode::AlreadyExists,
                format!("There is a role named {} already; names compare without regard to case.", new.name),
            )
            .about("name"));
        }
        other => failure::context(other)?,
    };
    set_inclusions(connection, connection.last_insert_rowid(), &new.includes)
}

/// Gives a role other inclusions, unless these would close a circle; `Conflict` then, decided by the rows as they are.
pub(super) fn update(connection: &Connection, name: &str, includes: &[String]) -> Result<()> {
    let role_id = number(connection, name)?.ok_or_else(|| failure::no_such_role(name))?;
    failure::context(
        connection
            .prepare_cached("DELETE FROM role_inclusion WHERE role_id = ?1")
            .and_then(|mut statement| statement.execute([role_id])),
    )?;
    set_inclusions(connection, role_id, includes)
}

/// Removes a role, from every identity, token and role that has it; whether there was one.
pub(super) fn remove(connection: &Connection, name: &str) -> Result<bool> {
    let Some(role_id) = number(connection, name)? else { return Ok(false) };
    failure::context((|| {
        connection.prepare_cached("DELETE FROM identity_role WHERE role_id = ?1")?.execute([role_id])?;
        connection.prepare_cached("DELETE FROM token_role WHERE role_id = ?1")?.execute([role_id])?;
        let removed =
            connection.prepare_cached("DELETE FROM role WHERE role_id = ?1 AND NOT built_in")?.execute([role_id])?;
        Ok(removed > 0)
    })())
}

pub(super) fn number(connection: &Connection, name: &str) -> Result<Option<i64>> {
    failure::context(
        connection
            .prepare_cached("SELECT role_id FROM role WHERE name_key = ?1")
            .and_then(|mut statement| statement.query_row([fold_name(name)], |row| row.get(0)).optional()),
    )
}

fn set_inclusions(connection: &Connection, role_id: i64, includes: &[String]) -> Result<()> {
    for included in includes {
        let included_id = number(connection, included)?.ok_or_else(|| failure::no_such_role(included))?;
        failure::context(
            connection
                .prepare_cached("INSERT OR IGNORE INTO role_inclusion VALUES (?1, ?2)")
                .and_then(|mut statement| statement.execute([role_id, included_id])),
        )?;
    }
    let closes_circle = failure::context(
        connection
            .prepare_cached(
                "WITH RECURSIVE reached (role_id) AS (
                     SELECT included_role_id FROM role_inclusion WHERE role_id = ?1
                     UNION SELECT n.included_role_id FROM role_inclusion n JOIN reached r ON n.role_id = r.role_id
                 ) SELECT 1 FROM reached WHERE role_id = ?1",
            )
            .and_then(|mut statement| statement.exists([role_id])),
    )?;
    if closes_circle {
        return Err(Error::new(ErrorCode::Conflict, "The role would include itself, through the roles it includes.")
            .about("includes"));
    }
    Ok(())
}
