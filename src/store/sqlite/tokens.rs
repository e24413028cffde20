//! Statements over tokens.

use std::collections::HashMap;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use crate::error::{Error, ErrorCode, Result};
use crate::model::{
    Conditions, NewAuditEvent, Outcome, Revocation, RotationStage, Token, TokenFilter, TokenFormat, TokenId, fold_name,
};
use crate::policy;
use crate::store::{Member, NewToken, StoredDigest, TokenChange, TokenRecord};

use super::text::{like, split};
use super::writer::Care;
use super::{audit, batch, failure, rotation};

/// A token as one row: its lists are joined by characters that no member can hold (the name of a role or an
/// organisation has no comma, a tag no control character). Its revocation is its own, or else its key's, or else that
/// of the first epoch that it falls under.
const SELECT: &str = "
SELECT t.sequence, t.id, t.name, i.name, t.format,
       (SELECT group_concat(r.name, ',' ORDER BY r.name_key)
          FROM token_role tr JOIN role r USING (role_id) WHERE tr.sequence = t.sequence),
       (SELECT group_concat(g.tag, char(10) ORDER BY g.tag) FROM token_tag g WHERE g.sequence = t.sequence),
       t.remark, t.key_id, t.audiences, t.created_by, t.created_at, t.not_before, t.expires_at,
       coalesce(t.revoked_at, k.revoked_at, e.revoked_at),
       CASE WHEN t.revoked_at IS NOT NULL THEN t.revoked_by WHEN k.revoked_at IS NOT NULL THEN k.revoked_by
            ELSE e.revoked_by END,
       CASE WHEN t.revoked_at IS NOT NULL THEN t.revoked_reason WHEN k.revoked_at IS NOT NULL THEN k.revoked_reason
            ELSE e.revoked_reason END,
       p.name, p.expired_is_revoked, t.conditions, t.uses_left, t.has_organization_list,
       (SELECT group_concat(o.name, ',' ORDER BY o.name_key)
          FROM token_organization l JOIN organization o USING (organization_id) WHERE l.sequence = t.sequence),
       t.is_decoy, (SELECT g.id FROM token g WHERE g.sequence = t.parent), t.warn_after,
       (SELECT u.last_used_at FROM token_usage u WHERE u.sequence = t.sequence),
       t.disabled_at, t.disabled_by, t.disabled_reason,
       (SELECT g.id FROM token g WHERE g.sequence = t.predecessor),
       (SELECT g.id FROM token g WHERE g.predecessor = t.sequence AND g.rotation_stage IS NOT 'Prepared'),
       t.rotation_stage, t.retires_at, t.retired_by
";

/// What [`SELECT`] lacks for a check.
const SELECT_FOR_CHECK: &str = ",
       t.identity_id, i.removed_at IS NOT NULL,
       (SELECT group_concat(r.name, ',' ORDER BY r.name_key)
          FROM identity_role ir JOIN role r USING (role_id) WHERE ir.identity_id = t.identity_id),
       (SELECT group_concat(o.name, ',' ORDER BY o.name_key)
          FROM organization_member m JOIN organization o USING (organization_id) WHERE m.identity_id = t.identity_id),
       t.creator_id, (SELECT c.removed_at IS NOT NULL FROM identity c WHERE c.identity_id = t.creator_id),
       (SELECT group_concat(r.name, ',' ORDER BY r.name_key)
          FROM identity_role ir JOIN role r USING (role_id) WHERE ir.identity_id = t.creator_id),
       (SELECT group_concat(o.name, ',' ORDER BY o.name_key)
          FROM organization_member m JOIN organization o USING (organization_id) WHERE m.identity_id = t.creator_id),
       t.digest, t.pepper_id, t.salted_digest, t.value_sealed, t.awaits_first_use, t.alerted_at IS NOT NULL,
       t.public_part, t.profile_id
";

/// The tables of [`SELECT`]. Of the epochs that a token falls under, the one that was first.
pub(super) const FROM: &str = "
FROM token t JOIN identity i USING (identity_id) JOIN profile p USING (profile_id)
     LEFT JOIN signing_key k ON k.key_id = t.key_id
     LEFT JOIN epoch e ON (e.scope, e.subject, e.up_to_sequence) = (
         SELECT f.scope, f.subject, f.up_to_sequence FROM epoch f
         WHERE f.up_to_sequence >= t.sequence
           AND (f.scope, f.subject) IN (VALUES ('all', ''), ('identity', CAST(t.identity_id AS TEXT)),
                                               ('profile', CAST(t.profile_id AS TEXT)), ('key', t.key_id))
         ORDER BY f.revoked_at, f.scope LIMIT 1)
";

/// Whether a token is revoked at `:now`, in terms of [`FROM`]; the same as `Token::revocation_at`.
pub(super) const IS_REVOKED: &str = "(coalesce(t.revoked_at, k.revoked_at, e.revoked_at) IS NOT NULL
     OR coalesce(t.retires_at <= :now, FALSE) OR (p.expired_is_revoked AND coalesce(t.expires_at <= :now, FALSE)))";

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

pub(super) fn by_sequence(connection: &Connection, sequence: i64) -> rusqlite::Result<Option<TokenRecord>> {
    connection
        .prepare_cached(&format!("{SELECT}{SELECT_FOR_CHECK}{FROM} WHERE t.sequence = ?1"))?
        .query_row([sequence], record)
        .optional()
}

pub(super) fn list(connection: &Connection, filter: &TokenFilter, now_seconds: i64) -> rusqlite::Result<Vec<Token>> {
    list_with(connection, "", token, filter, now_seconds)
}

pub(super) fn list_records(
    connection: &Connection,
    filter: &TokenFilter,
    now_seconds: i64,
) -> rusqlite::Result<Vec<TokenRecord>> {
    list_with(connection, SELECT_FOR_CHECK, record, filter, now_seconds)
}

fn list_with<T>(
    connection: &Connection,
    more_columns: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    filter: &TokenFilter,
    now_seconds: i64,
) -> rusqlite::Result<Vec<T>> {
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
    if let Some(profile) = &filter.profile {
        conditions.push("p.name_key = :profile");
        values.push((":profile", Box::new(fold_name(profile))));
    }
    if let Some(organization) = &filter.organization {
        conditions.push(
            "t.sequence IN (SELECT l.sequence FROM token_organization l JOIN organization o USING (organization_id)
                            WHERE o.name_key = :organization)",
        );
        values.push((":organization", Box::new(fold_name(organization))));
    }
    if let Some(key_id) = &filter.key_id {
        conditions.push("t.key_id = :key_id");
        values.push((":key_id", Box::new(key_id.clone())));
    }
    if let Some(viewer) = &filter.visible_to {
        conditions.push(IS_VISIBLE);
        values.push((":viewer", Box::new(viewer.identity_id)));
        let administers: Vec<String> = viewer.administers.iter().map(|name| fold_name(name)).collect();
        values.push((":administers", Box::new(serde_json::json!(administers).to_string())));
    }
    let in_state;
    if let Some(state) = filter.state {
        in_state = format!("{} = '{}'", state_of(), state.name());
        conditions.push(&in_state);
        values.push((":now", Box::new(now_seconds)));
    }
    conditions.push("t.rotation_stage IS NOT 'Prepared'");
    conditions.push("t.sequence > :after");
    values.push((":after", Box::new(filter.after.unwrap_or(0))));
    values.push((":limit", Box::new(filter.limit)));
    let conditions = conditions.join(" AND ");
    let sql = format!("{SELECT}{more_columns}{FROM} WHERE {conditions} ORDER BY t.sequence LIMIT :limit");
    let values: Vec<(&str, &dyn ToSql)> = values.iter().map(|(name, value)| (*name, value.as_ref())).collect();
    connection.prepare_cached(&sql)?.query_map(values.as_slice(), read)?.collect()
}

/// The name of a token's state at `:now`, in terms of [`FROM`]; the same as `Token::state`.
pub(super) fn state_of() -> String {
    format!(
        "CASE WHEN {IS_REVOKED} THEN 'Revoked' WHEN t.disabled_at IS NOT NULL THEN 'Disabled'
              WHEN t.rotation_stage IS NOT NULL AND coalesce(t.expires_at > :now, TRUE) THEN 'Pending'
              WHEN t.not_before > :now THEN 'Pending' WHEN t.expires_at <= :now THEN 'Expired' ELSE 'Active' END"
    )
}

/// Whether the identity `:viewer` may see a token: it speaks for it, was made by it, or has access to one of the
/// organisations `:administers`, an array of folded names.
const IS_VISIBLE: &str = "(t.identity_id = :viewer OR t.creator_id = :viewer OR EXISTS (
    SELECT 1 FROM json_each(:administers) a JOIN organization o ON o.name_key = a.value
       WHERE iif(t.has_organization_list,
                 EXISTS (SELECT 1 FROM token_organization l
                         WHERE l.sequence = t.sequence AND l.organization_id = o.organization_id),
                 EXISTS (SELECT 1 FROM organization_member d
                         WHERE d.identity_id IN (t.identity_id, t.creator_id)
                           AND d.organization_id = o.organization_id))))";

/// What was looked up for tokens that are put into the store, in the transaction that is open.
#[derive(Default)]
pub(super) struct LookedUp {
    identities: HashMap<i64, String>,
    profiles: HashMap<String, FoundProfile>,
    roles: HashMap<String, FoundName>,
}

/// A profile, as its tokens need it.
#[derive(Clone)]
struct FoundProfile {
    number: i64,
    name: String,
    expired_is_revoked: bool,
}

/// A role or an organisation, as the store writes its name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct FoundName {
    folded: String,
    name: String,
    number: i64,
}

/// A token that was put into the store, with what the store knows of it better than who asked for it.
pub(super) struct Inserted {
    pub(super) sequence: i64,
    identity: String,
    profile: FoundProfile,
    roles: Vec<FoundName>,
    organizations: Option<Vec<FoundName>>,
}

pub(super) fn insert(connection: &Connection, looked_up: &mut LookedUp, new: &NewToken) -> Result<Token> {
    refuse_ended_grantor(connection, new)?;
    let inserted = insert_row(connection, looked_up, new)?;
    // Its key may have been revoked since it was signed.
    if new.key_id.is_some() { require(connection, &new.id) } else { Ok(inserted.into_token(new)) }
}

/// Puts the tokens into the store, each with its event where it is put there, as [`batch::each`] does.
pub(super) fn insert_all(
    connection: &Connection,
    tokens: &[(NewToken, NewAuditEvent)],
    care: Care,
) -> Result<Option<Vec<Result<Token>>>> {
    let inserted = batch::each(connection, tokens, false, care, |connection, looked_up, (new, _)| {
        insert(connection, looked_up, new)
    })?;
    let Some(inserted) = inserted else { return Ok(None) };
    let events = tokens.iter().zip(&inserted).filter(|(_, result)| result.is_ok()).map(|((_, event), _)| event);
    audit::append_all(connection, events)?;
    Ok(Some(inserted))
}

impl Inserted {
    /// The token as [`require`] would read it.
    fn into_token(self, new: &NewToken) -> Token {
        let names = |mut found: Vec<FoundName>| {
            found.sort_unstable();
            found.into_iter().map(|found| found.name).collect()
        };
        let mut tags = new.tags.clone();
        tags.sort_unstable();
        tags.dedup();
        Token {
            sequence: self.sequence,
            id: new.id.clone(),
            name: new.name.as_ref().map(|name| name.as_str().to_owned()),
            identity: self.identity,
            format: new.format,
            roles: names(self.roles),
            tags,
            remark: new.remark.clone(),
            profile: self.profile.name,
            key_id: new.key_id.clone(),
            audiences: new.audiences.clone(),
            organizations: self.organizations.map(names),
            conditions: Conditions { referrer: None, ..new.conditions.clone() },
            has_referrer: new.conditions.referrer.is_some(),
            uses_left: new.conditions.uses.map(u64::cast_signed),
            is_decoy: new.is_decoy,
            created_by: new.created_by.clone(),
            parent: new.parent.clone(),
            created_at: new.created_at,
            not_before: new.not_before,
            expires_at: new.expires_at,
            warn_after: new.warn_after,
            last_used_at: None,
            disabled: None,
            revocation: None,
            predecessor: None,
            successor: None,
            rotation_stage: None,
            retires_at: None,
            retired_by: None,
            expired_is_revoked: self.profile.expired_is_revoked,
        }
    }
}

/// Asks again, where nothing can come between, whether who grants is still there: what is revoked grants nothing from
/// that moment on, so that nothing is left of it.
fn refuse_ended_grantor(connection: &Connection, new: &NewToken) -> Result<()> {
    let ended = |what: &str| {
        let message = format!("The {what} for which this session acts has ended meanwhile, so it grants nothing.");
        Err(Error::new(ErrorCode::NotPermitted, message).about(what.to_owned()))
    };
    if let Some(parent) = &new.parent {
        let record = failure::context(by_id(connection, parent))?;
        let outcome = record.map(|record| policy::standing_outcome(&record.token, new.created_at));
        if outcome != Some(Outcome::Valid) {
            return ended("token");
        }
    }
    if let Some(creator) = new.creator_id {
        let is_there = failure::context(
            connection
                .prepare_cached("SELECT 1 FROM identity WHERE identity_id = ?1 AND removed_at IS NULL")
                .and_then(|mut statement| statement.exists([creator])),
        )?;
        if !is_there {
            return ended("identity");
        }
    }
    Ok(())
}

impl LookedUp {
    /// The name of an identity that is there.
    fn identity(&mut self, connection: &Connection, number: i64) -> Result<String> {
        if let Some(name) = self.identities.get(&number) {
            return Ok(name.clone());
        }
        let found: Option<String> = failure::context(
            connection
                .prepare_cached("SELECT name FROM identity WHERE identity_id = ?1 AND removed_at IS NULL")
                .and_then(|mut statement| statement.query_row([number], |row| row.get(0)).optional()),
        )?;
        let name = found
            .ok_or_else(|| Error::new(ErrorCode::NotFound, "The identity was removed meanwhile.").about("identity"))?;
        self.identities.insert(number, name.clone());
        Ok(name)
    }

    fn profile(&mut self, connection: &Connection, name: &str) -> Result<FoundProfile> {
        if let Some(profile) = self.profiles.get(name) {
            return Ok(profile.clone());
        }
        let found = failure::context(
            connection
                .prepare_cached("SELECT profile_id, name, expired_is_revoked FROM profile WHERE name_key = ?1")
                .and_then(|mut statement| {
                    let row = |row: &Row<'_>| {
                        Ok(FoundProfile { number: row.get(0)?, name: row.get(1)?, expired_is_revoked: row.get(2)? })
                    };
                    statement.query_row([fold_name(name)], row).optional()
                }),
        )?;
        let profile = found
            .ok_or_else(|| Error::new(ErrorCode::NotFound, "The profile was removed meanwhile.").about("profile"))?;
        self.profiles.insert(name.to_owned(), profile.clone());
        Ok(profile)
    }

    /// The number of a profile.
    pub(super) fn profile_number(&mut self, connection: &Connection, name: &str) -> Result<i64> {
        match self.profiles.get(name) {
            Some(profile) => Ok(profile.number),
            None => self.profile(connection, name).map(|profile| profile.number),
        }
    }

    /// The number of a role.
    pub(super) fn role_number(&mut self, connection: &Connection, name: &str) -> Result<i64> {
        self.role(connection, name).map(|role| role.number)
    }

    fn role(&mut self, connection: &Connection, name: &str) -> Result<FoundName> {
        if let Some(role) = self.roles.get(name) {
            return Ok(role.clone());
        }
        let found = find_name(connection, "SELECT role_id, name FROM role WHERE name_key = ?1", name)?;
        let role = found.ok_or_else(|| failure::no_such_role(name))?;
        self.roles.insert(name.to_owned(), role.clone());
        Ok(role)
    }
}

/// What `sql` finds by the folded `name`.
fn find_name(connection: &Connection, sql: &str, name: &str) -> Result<Option<FoundName>> {
    let folded = fold_name(name);
    let found: Option<(i64, String)> =
        failure::context(connection.prepare_cached(sql).and_then(|mut statement| {
            statement.query_row([&folded], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        }))?;
    Ok(found.map(|(number, name)| FoundName { folded, name, number }))
}

/// As [`insert`], for a token that somebody granted elsewhere.
pub(super) fn insert_row(connection: &Connection, looked_up: &mut LookedUp, new: &NewToken) -> Result<Inserted> {
    let identity = looked_up.identity(connection, new.identity_id)?;
    let profile = looked_up.profile(connection, &new.profile)?;
    let parent = new.parent.as_ref().map(|id| require(connection, id).map(|token| token.sequence)).transpose()?;
    let json = |value: serde_json::Result<String>| value.map_err(|_| failure::unwritable());
    let audiences = (!new.audiences.is_empty()).then(|| json(serde_json::to_string(&new.audiences))).transpose()?;
    let conditions = (!new.conditions.is_none()).then(|| json(serde_json::to_string(&new.conditions))).transpose()?;
    let inserted = connection
        .prepare_cached(
            "INSERT INTO token (id, digest, digest_kind, pepper_id, public_part, salted_digest, value_sealed, format,
                                profile_id, identity_id, name, name_key, remark, key_id, audiences, conditions,
                                has_organization_list, is_decoy, created_by, creator_id, parent, created_at,
                                not_before, expires_at, warn_after, uses_left, awaits_first_use)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
                     ?22, ?23, ?24, ?25, ?26, ?27)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                new.id.as_str(),
                new.digest.map(|digest| digest.bytes),
                new.digest.map(StoredDigest::kind),
                new.digest.and_then(|digest| digest.pepper_id),
                new.salted.as_ref().map(|(public_part, _)| public_part),
                new.salted.as_ref().map(|(_, digest)| digest),
                new.value_sealed,
                new.format.name(),
                profile.number,
                new.identity_id,
                new.name.as_ref().map(crate::model::Name::as_str),
                new.name.as_ref().map(crate::model::Name::folded),
                new.remark,
                new.key_id,
                audiences,
                conditions,
                new.organizations.is_some(),
                new.is_decoy,
                new.created_by,
                new.creator_id,
                parent,
                new.created_at,
                new.not_before,
                new.expires_at,
                new.warn_after,
                new.conditions.uses.map(u64::cast_signed),
                new.idempotency.is_some(),
            ])
        });
    match inserted {
        Err(error) if failure::is_constraint(&error) => {
            return Err(Error::new(ErrorCode::AlreadyExists, "A token with this id exists already.").about("id"));
        }
        other => failure::context(other)?,
    };
    let sequence = connection.last_insert_rowid();
    // Looked up first and then put in by number: a statement that does both may come to more rows than one, so SQLite
    // keeps the pages from before it, and looks through all that it keeps when the statement ends.
    let mut roles = Vec::with_capacity(new.roles.len());
    for name in &new.roles {
        let role = looked_up.role(connection, name)?;
        failure::context(
            connection
                .prepare_cached("INSERT INTO token_role VALUES (?1, ?2)")
                .and_then(|mut statement| statement.execute([sequence, role.number])),
        )?;
        roles.push(role);
    }
    insert_tags(connection, sequence, &new.tags)?;
    let mut organizations = new.organizations.as_ref().map(|_| Vec::new());
    for name in new.organizations.iter().flatten() {
        let sql = "SELECT organization_id, name FROM organization WHERE name_key = ?1";
        let organization = find_name(connection, sql, name)?.ok_or_else(|| failure::no_such_organization(name))?;
        failure::context(
            connection
                .prepare_cached("INSERT INTO token_organization VALUES (?1, ?2)")
                .and_then(|mut statement| statement.execute([sequence, organization.number])),
        )?;
        organizations.get_or_insert_default().push(organization);
    }
    if let Some(idempotency) = &new.idempotency {
        rotation::remember(connection, idempotency, sequence, new.created_at)?;
    }
    Ok(Inserted { sequence, identity, profile, roles, organizations })
}

pub(super) fn update(connection: &Connection, id: &TokenId, change: &TokenChange) -> Result<Token> {
    let token = require(connection, id)?;
    // Also when only tags change, which are rows of their own: the change of a token is that of its row.
    failure::context(connection.prepare_cached("UPDATE token SET remark = ?2 WHERE sequence = ?1").and_then(
        |mut statement| statement.execute(params![token.sequence, change.remark.as_ref().unwrap_or(&token.remark)]),
    ))?;
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

pub(super) fn charge_use(connection: &Connection, sequence: i64) -> rusqlite::Result<bool> {
    let charged = connection
        .prepare_cached(
            "UPDATE token SET uses_left = uses_left - 1
             WHERE sequence = ?1 AND uses_left > 0 AND revoked_at IS NULL AND disabled_at IS NULL",
        )?
        .execute([sequence])?;
    Ok(charged > 0)
}

fn insert_tags(connection: &Connection, sequence: i64, tags: &[String]) -> Result<()> {
    failure::context(tags.iter().try_for_each(|tag| {
        connection
            .prepare_cached("INSERT OR IGNORE INTO token_tag VALUES (?1, ?2)")?
            .execute(params![sequence, tag])
            .map(|_| ())
    }))
}

/// The token with this id. One that is handed to a vault is nobody's to see yet.
pub(super) fn require(connection: &Connection, id: &TokenId) -> Result<Token> {
    let found = connection
        .prepare_cached(&format!("{SELECT}{FROM} WHERE t.id = ?1 AND t.rotation_stage IS NOT 'Prepared'"))
        .and_then(|mut statement| statement.query_row([id.as_str()], token).optional());
    failure::context(found)?
        .ok_or_else(|| Error::new(ErrorCode::NotFound, format!("There is no token with the id {id}.")).about("id"))
}

pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<TokenRecord> {
    // The columns of SELECT_FOR_CHECK follow those of SELECT.
    const FIRST: usize = 35;
    let member = |removed: usize, roles: usize, organizations: usize| -> rusqlite::Result<Member> {
        let is_removed: bool = row.get(removed)?;
        Ok(Member {
            roles: split(text(row, roles)?, ','),
            organizations: if is_removed { Vec::new() } else { split(text(row, organizations)?, ',') },
            is_removed,
        })
    };
    let creator_id: Option<i64> = row.get(FIRST + 4)?;
    let digest: Option<[u8; 32]> = row.get(FIRST + 8)?;
    let pepper_id: Option<i64> = row.get(FIRST + 9)?;
    let conditions = conditions(row)?;
    Ok(TokenRecord {
        token: token_with(row, &conditions)?,
        profile_id: row.get(FIRST + 15)?,
        identity_id: row.get(FIRST)?,
        identity: member(FIRST + 1, FIRST + 2, FIRST + 3)?,
        creator: creator_id.map(|_| member(FIRST + 5, FIRST + 6, FIRST + 7)).transpose()?,
        creator_id,
        conditions,
        digest: digest.map(|bytes| StoredDigest { bytes, pepper_id }),
        salted_digest: row.get(FIRST + 10)?,
        public_part: row.get(FIRST + 14)?,
        value_sealed: row.get(FIRST + 11)?,
        awaits_first_use: row.get(FIRST + 12)?,
        is_alerted: row.get(FIRST + 13)?,
    })
}

/// The text in a column, where it is, which need not be kept to be read.
fn text<'a>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<Option<&'a str>> {
    Ok(row.get_ref(column)?.as_str_or_null()?)
}

fn conditions(row: &Row<'_>) -> rusqlite::Result<Conditions> {
    text(row, 19)?.map_or(Ok(Conditions::default()), |text| serde_json::from_str(text).map_err(|_| unexpected(19)))
}

fn token(row: &Row<'_>) -> rusqlite::Result<Token> {
    token_with(row, &conditions(row)?)
}

fn token_with(row: &Row<'_>, conditions: &Conditions) -> rusqlite::Result<Token> {
    let id = |column: usize| -> rusqlite::Result<Option<TokenId>> {
        text(row, column)?.map(|text| TokenId::parse(text).ok_or_else(|| unexpected(column))).transpose()
    };
    // Who, when and why, in three columns of which the first is the time.
    let intervention = |column: usize| -> rusqlite::Result<Option<Revocation>> {
        let at: Option<i64> = row.get(column)?;
        let Some(at) = at else { return Ok(None) };
        let by: Option<String> = row.get(column + 1)?;
        Ok(Some(Revocation { at, by: by.unwrap_or_default(), reason: row.get(column + 2)? }))
    };
    let has_organization_list: bool = row.get(21)?;
    Ok(Token {
        sequence: row.get(0)?,
        id: id(1)?.ok_or_else(|| unexpected(1))?,
        name: row.get(2)?,
        identity: row.get(3)?,
        format: text(row, 4)?.and_then(TokenFormat::parse).ok_or_else(|| unexpected(4))?,
        roles: split(text(row, 5)?, ','),
        tags: split(text(row, 6)?, '\n'),
        remark: row.get(7)?,
        profile: row.get(17)?,
        key_id: row.get(8)?,
        audiences: match text(row, 9)? {
            None => Vec::new(),
            Some(text) => serde_json::from_str(text).map_err(|_| unexpected(9))?,
        },
        organizations: has_organization_list.then(|| text(row, 22).map(|list| split(list, ','))).transpose()?,
        conditions: Conditions { referrer: None, ..conditions.clone() },
        has_referrer: conditions.referrer.is_some(),
        uses_left: row.get(20)?,
        is_decoy: row.get(23)?,
        created_by: row.get(10)?,
        parent: id(24)?,
        created_at: row.get(11)?,
        not_before: row.get(12)?,
        expires_at: row.get(13)?,
        warn_after: row.get(25)?,
        last_used_at: row.get(26)?,
        disabled: intervention(27)?,
        revocation: intervention(14)?,
        predecessor: id(30)?,
        successor: id(31)?,
        rotation_stage: match text(row, 32)? {
            None => None,
            Some(name) => Some(RotationStage::parse(name).ok_or_else(|| unexpected(32))?),
        },
        retires_at: row.get(33)?,
        retired_by: row.get(34)?,
        expired_is_revoked: row.get(18)?,
    })
}

/// A value that this program would not have written: the file was changed by something else.
fn unexpected(column: usize) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(column, "token".to_owned(), Type::Text)
}
