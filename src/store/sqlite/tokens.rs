//! Statements over tokens.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use crate::error::{Error, ErrorCode, Result};
use crate::model::{Revocation, Token, TokenFilter, TokenFormat, TokenId, TokenState, fold_name};
use crate::store::{NewToken, TokenChange, TokenRecord};

use super::failure;
use super::text::{like, split};

/// A token as one row: its lists are joined by characters that no member can hold (a role's name has no
/// comma, a tag no control character), and its revocation is its key's where it has none of its own.
const SELECT: &str = "
SELECT t.sequence, t.id, t.name, i.name, t.format,
       (SELECT group_concat(r.name, ',' ORDER BY r.name_key)
          FROM token_role tr JOIN role r USING (role_id) WHERE tr.sequence = t.sequence),
       (SELECT group_concat(g.tag, char(10) ORDER BY g.tag) FROM token_tag g WHERE g.sequence = t.sequence),
       t.remark, t.key_id, t.audiences, t.created_by, t.created_at, t.not_before, t.expires_at,
       coalesce(t.revoked_at, k.revoked_at),
       iif(t.revoked_at IS NULL, k.revoked_by, t.revoked_by),
       iif(t.revoked_at IS NULL, k.revoked_reason, t.revoked_reason)
";

/// What [`SELECT`] lacks for a check.
const SELECT_FOR_CHECK: &str = ",
       (SELECT group_concat(r.name, ',' ORDER BY r.name_key)
          FROM identity_role ir JOIN role r USING (role_id) WHERE ir.identity_id = t.identity_id),
       t.digest
";

const FROM: &str = "
FROM token t JOIN identity i USING (identity_id) LEFT JOIN signing_key k ON k.key_id = t.key_id
";

pub(super) fn by_digest(connection: &Connection, digest: &[u8; 32]) -> rusqlite::Result<Option<TokenRecord>> {
    connection
        .prepare_cached(&format!("{SELECT}{SELECT_FOR_CHECK}{FROM} WHERE t.digest = ?1"))?
        .query_row([digest], record)
        .optional()
}

pub(super) fn by_id(connection: &Connection, id: &TokenId) -> rusqlite::Result<Option<TokenRecord>> {
    connection
        .prepare_cached(&format!("{SELECT}{SELECT_FOR_CHECK}{FROM} WHERE t.id = ?1"))?
        .query_row([id.as_str()], record)
        .optional()
}

pub(super) fn list(connection: &Connection, filter: &TokenFilter, now_seconds: i64) -> rusqlite::Result<Vec<Token>> {
    let mut conditions: Vec<&str> = Vec::new();
    let mut values: Vec<(&str, Box<dyn ToSql>)> = Vec::new();
    if let Some(identity) = &filter.identity {
        // The live identity and the removed ones of that name: all of their tokens are asked for.
        conditions.push("t.identity_id IN (SELECT identity_id FROM identity WHERE name_key = :identity)");
        values.push((":identity", Box::new(fold_name(identity))));
    }
    if let Some(name) = &filter.name {
        conditions.push("t.name_key LIKE :name ESCAPE '\\'");
        values.push((":name", Box::new(like(name))));
    }
    if let Some(tag) = &filter.tag {
        conditions.push("t.sequence IN (SELECT sequence FROM token_tag WHERE tag = :tag)");
        values.push((":tag", Box::new(tag.clone())));
    }
    if let Some(expires_after) = filter.expires_after {
        conditions.push("t.expires_at >= :expires_after");
        values.push((":expires_after", Box::new(expires_after)));
    }
    if let Some(expires_before) = filter.expires_before {
        conditions.push("t.expires_at < :expires_before");
        values.push((":expires_before", Box::new(expires_before)));
    }
    if let Some(state) = filter.state {
        // The same order as `Token::state`.
        conditions.push(match state {
            TokenState::Revoked => "coalesce(t.revoked_at, k.revoked_at) IS NOT NULL",
            TokenState::Pending => "coalesce(t.revoked_at, k.revoked_at) IS NULL AND t.not_before > :now",
            TokenState::Expired => {
                "coalesce(t.revoked_at, k.revoked_at) IS NULL AND coalesce(t.not_before <= :now, TRUE)
                 AND t.expires_at <= :now"
            }
            TokenState::Active => {
                "coalesce(t.revoked_at, k.revoked_at) IS NULL AND coalesce(t.not_before <= :now, TRUE)
                 AND coalesce(t.expires_at > :now, TRUE)"
            }
        });
        if state != TokenState::Revoked {
            values.push((":now", Box::new(now_seconds)));
        }
    }
    conditions.push("t.sequence > :after");
    values.push((":after", Box::new(filter.after.unwrap_or(0))));
    values.push((":limit", Box::new(filter.limit)));
    let sql = format!("{SELECT}{FROM} WHERE {} ORDER BY t.sequence LIMIT :limit", conditions.join(" AND "));
    let values: Vec<(&str, &dyn ToSql)> = values.iter().map(|(name, value)| (*name, value.as_ref())).collect();
    connection.prepare_cached(&sql)?.query_map(values.as_slice(), token)?.collect()
}

pub(super) fn insert(connection: &Connection, new: &NewToken) -> Result<Token> {
    let identity_is_there = failure::context(
        connection
            .prepare_cached("SELECT 1 FROM identity WHERE identity_id = ?1 AND removed_at IS NULL")
            .and_then(|mut statement| statement.exists([new.identity_id])),
    )?;
    if !identity_is_there {
        return Err(Error::new(ErrorCode::NotFound, "The identity was removed meanwhile.").about("identity"));
    }
    let audiences = (!new.audiences.is_empty()).then(|| serde_json::json!(new.audiences).to_string());
    let inserted = connection
        .prepare_cached(
            "INSERT INTO token (id, digest, digest_kind, pepper_id, format, identity_id, name, name_key, remark,
                                key_id, audiences, created_by, created_at, not_before, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                new.id.as_str(),
                new.digest.map(|(digest, _)| digest),
                new.digest.map(|_| "hmac-sha-256"),
                new.digest.map(|(_, pepper_id)| pepper_id),
                new.format.name(),
                new.identity_id,
                new.name.as_ref().map(crate::model::Name::as_str),
                new.name.as_ref().map(crate::model::Name::folded),
                new.remark,
                new.key_id,
                audiences,
                new.created_by,
                new.created_at,
                new.not_before,
                new.expires_at,
            ])
        });
    match inserted {
        Err(error) if failure::is_constraint(&error) => {
            return Err(Error::new(ErrorCode::AlreadyExists, "A token with this id exists already.").about("id"));
        }
        other => failure::context(other)?,
    };
    let sequence = connection.last_insert_rowid();
    for role in &new.roles {
        let found = failure::context(
            connection
                .prepare_cached("INSERT INTO token_role SELECT ?1, role_id FROM role WHERE name_key = ?2")
                .and_then(|mut statement| statement.execute(params![sequence, fold_name(role)])),
        )?;
        if found == 0 {
            return Err(failure::no_such_role(role));
        }
    }
    insert_tags(connection, sequence, &new.tags)?;
    require(connection, &new.id)
}

pub(super) fn update(connection: &Connection, id: &TokenId, change: &TokenChange) -> Result<Token> {
    let token = require(connection, id)?;
    if let Some(remark) = &change.remark {
        failure::context(
            connection
                .prepare_cached("UPDATE token SET remark = ?2 WHERE sequence = ?1")
                .and_then(|mut statement| statement.execute(params![token.sequence, remark])),
        )?;
    }
    if let Some(tags) = &change.tags {
        failure::context(
            connection
                .prepare_cached("DELETE FROM token_tag WHERE sequence = ?1")
                .and_then(|mut statement| statement.execute([token.sequence])),
        )?;
        insert_tags(connection, token.sequence, tags)?;
    }
    require(connection, id)
}

pub(super) fn revoke(connection: &Connection, id: &TokenId, revocation: &Revocation) -> Result<(Token, bool)> {
    let changed = failure::context(
        connection
            .prepare_cached(
                "UPDATE token SET revoked_at = ?2, revoked_by = ?3, revoked_reason = ?4
                 WHERE id = ?1 AND revoked_at IS NULL",
            )
            .and_then(|mut statement| {
                statement.execute(params![id.as_str(), revocation.at, revocation.by, revocation.reason])
            }),
    )?;
    Ok((require(connection, id)?, changed > 0))
}

/// Revokes every token that `condition` names by `value` and that is not revoked; gives how many.
pub(super) fn revoke_where(
    connection: &Connection,
    condition: &'static str,
    value: &dyn ToSql,
    revocation: &Revocation,
) -> rusqlite::Result<u64> {
    let sql = format!(
        "UPDATE token SET revoked_at = ?2, revoked_by = ?3, revoked_reason = ?4 WHERE {condition} = ?1 AND revoked_at IS NULL"
    );
    let changed =
        connection.prepare_cached(&sql)?.execute(params![value, revocation.at, revocation.by, revocation.reason])?;
    Ok(changed as u64)
}

pub(super) fn remove(connection: &Connection, id: &TokenId) -> rusqlite::Result<bool> {
    let removed = connection.prepare_cached("DELETE FROM token WHERE id = ?1")?.execute([id.as_str()])?;
    Ok(removed > 0)
}

fn insert_tags(connection: &Connection, sequence: i64, tags: &[String]) -> Result<()> {
    failure::context(tags.iter().try_for_each(|tag| {
        connection
            .prepare_cached("INSERT OR IGNORE INTO token_tag VALUES (?1, ?2)")?
            .execute(params![sequence, tag])
            .map(|_| ())
    }))
}

fn require(connection: &Connection, id: &TokenId) -> Result<Token> {
    let found = connection
        .prepare_cached(&format!("{SELECT}{FROM} WHERE t.id = ?1"))
        .and_then(|mut statement| statement.query_row([id.as_str()], token).optional());
    failure::context(found)?
        .ok_or_else(|| Error::new(ErrorCode::NotFound, format!("There is no token with the id {id}.")).about("id"))
}

fn record(row: &Row<'_>) -> rusqlite::Result<TokenRecord> {
    Ok(TokenRecord { token: token(row)?, identity_roles: split(row.get(17)?, ','), digest: row.get(18)? })
}

fn token(row: &Row<'_>) -> rusqlite::Result<Token> {
    let id: String = row.get(1)?;
    let format: String = row.get(4)?;
    let audiences: Option<String> = row.get(9)?;
    let revoked_at: Option<i64> = row.get(14)?;
    let revocation = match revoked_at {
        None => None,
        Some(at) => {
            Some(Revocation { at, by: row.get::<_, Option<String>>(15)?.unwrap_or_default(), reason: row.get(16)? })
        }
    };
    Ok(Token {
        sequence: row.get(0)?,
        id: TokenId::parse(&id).ok_or_else(|| unexpected(1))?,
        name: row.get(2)?,
        identity: row.get(3)?,
        format: TokenFormat::parse(&format).ok_or_else(|| unexpected(4))?,
        roles: split(row.get(5)?, ','),
        tags: split(row.get(6)?, '\n'),
        remark: row.get(7)?,
        key_id: row.get(8)?,
        audiences: match audiences {
            None => Vec::new(),
            Some(text) => serde_json::from_str(&text).map_err(|_| unexpected(9))?,
        },
        created_by: row.get(10)?,
        created_at: row.get(11)?,
        not_before: row.get(12)?,
        expires_at: row.get(13)?,
        revocation,
    })
}

/// A value that this program would not have written: the file was changed by something else.
fn unexpected(column: usize) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(column, "token".to_owned(), Type::Text)
}
