//! What ends tokens: one by one, many by one row, what falls with them, and what clean-up takes away.

use rusqlite::{Connection, OptionalExtension, ToSql, params};
use serde_json::json;

use crate::error::{Error, ErrorCode, Result};
use crate::model::{AuditSubject, NewAuditEvent, Revocation, Token, TokenId, TokenSet, fold_name};
use crate::store::{Idempotency, NewSuccessor};

use super::tokens::{FROM, IS_REVOKED, require};
use super::{SqliteStore, audit, failure};

/// The most tokens that one transaction of a long work ends or takes away.
const PAGE: usize = 200;

/// Why a token fell with the one that granted it.
const FELL_WITH: &str = "The token that granted it was revoked or removed.";
/// Why a token of some profiles fell with the identity that granted it.
const CREATOR_DELETED: &str = "CreatorDeleted";

/// The tokens that fall with `roots`, a statement that gives sequences: those that they granted, and so on. A token
/// has also granted what those granted from which it took over, and a successor that it made for itself.
pub(super) fn line_from(roots: &str) -> String {
    format!(
        "line (sequence) AS (
             {roots}
             UNION SELECT c.sequence FROM line l JOIN token c ON c.parent = l.sequence
             UNION SELECT s.sequence FROM line l JOIN token s ON s.predecessor = l.sequence WHERE s.is_self_rotated
             UNION SELECT p.sequence FROM line l JOIN token s ON s.sequence = l.sequence
                                             JOIN token p ON p.sequence = s.predecessor
                   WHERE p.retires_at <= :now)"
    )
}

/// Everything that granted a token, with itself and what took over from it: whoever is the last of these holds it now.
/// The first table goes through the index from one granting token to the next, so it costs what there are of those.
const HOLDERS: &str = "
grantor (sequence) AS (
    SELECT min(parent) FROM token WHERE parent IS NOT NULL
    UNION ALL SELECT (SELECT min(parent) FROM token WHERE parent > g.sequence) FROM grantor g
              WHERE g.sequence IS NOT NULL),
holder (grantor, sequence) AS (
    SELECT sequence, sequence FROM grantor WHERE sequence IS NOT NULL
    UNION SELECT h.grantor, s.sequence FROM holder h JOIN token p ON p.sequence = h.sequence
                                       JOIN token s ON s.predecessor = p.sequence
          WHERE p.retires_at <= :now)";

type Values<'a> = [(&'a str, &'a dyn ToSql)];

/// Revokes the tokens for which `condition`, in terms of [`FROM`], holds, unless they are revoked; gives their ids.
/// `tables` are what the condition names beside. The names `:now`, `:by` and `:reason` are the revocation's.
fn mark(
    connection: &Connection,
    tables: &str,
    condition: &str,
    values: &Values<'_>,
    revocation: &Revocation,
) -> rusqlite::Result<Vec<TokenId>> {
    let with = if tables.is_empty() { String::new() } else { format!("WITH RECURSIVE {tables}") };
    let sql = format!(
        "{with} UPDATE token SET revoked_at = :now, revoked_by = :by, revoked_reason = :reason
         WHERE sequence IN (SELECT t.sequence {FROM} WHERE {condition} AND t.rotation_stage IS NOT 'Prepared'
                               AND NOT {IS_REVOKED})
         RETURNING id"
    );
    let mut all: Vec<(&str, &dyn ToSql)> =
        vec![(":now", &revocation.at), (":by", &revocation.by), (":reason", &revocation.reason)];
    all.extend_from_slice(values);
    let mut statement = connection.prepare_cached(&sql)?;
    let marked = statement.query_map(all.as_slice(), |row| {
        let id: String = row.get(0)?;
        Ok(TokenId::parse(&id))
    })?;
    // An id in another form is one that this program did not write; that token is ended all the same.
    marked.filter_map(rusqlite::Result::transpose).collect()
}

/// As [`mark`] for what falls with `roots`, with an event for each that says with what.
fn mark_line(
    connection: &Connection,
    tables: &str,
    roots: &str,
    values: &Values<'_>,
    revocation: &Revocation,
    event: &NewAuditEvent,
) -> Result<u64> {
    let separator = if tables.is_empty() { "" } else { "," };
    let tables = format!("{tables}{separator} {}", line_from(roots));
    let fallen = Revocation { reason: Some(FELL_WITH.to_owned()), ..revocation.clone() };
    let condition = "t.sequence IN (SELECT sequence FROM line)";
    let ids = failure::context(mark(connection, &tables, condition, values, &fallen))?;
    append_each(connection, &ids, event)
}

/// Appends an event for each of the tokens that fell with the subject of `event`; gives how many.
fn append_each(connection: &Connection, ids: &[TokenId], event: &NewAuditEvent) -> Result<u64> {
    for id in ids {
        let fallen = NewAuditEvent {
            event: "token.revoke".to_owned(),
            subject_kind: AuditSubject::Token,
            subject: Some(id.to_string()),
            detail: Some(json!({ "with": event.subject_kind.name(), "name": event.subject }).to_string()),
            ..event.clone()
        };
        audit::append(connection, &fallen)?;
    }
    Ok(ids.len() as u64)
}

pub(super) fn set_disabled(
    connection: &Connection,
    id: &TokenId,
    disabled: Option<&Revocation>,
) -> Result<(Token, bool)> {
    let token = require(connection, id)?;
    let (sql, values): (_, &Values<'_>) = match disabled {
        Some(by) => (
            "UPDATE token SET disabled_at = :at, disabled_by = :by, disabled_reason = :reason
             WHERE sequence = :sequence AND disabled_at IS NULL",
            &[(":sequence", &token.sequence), (":at", &by.at), (":by", &by.by), (":reason", &by.reason)],
        ),
        None => (
            "UPDATE token SET disabled_at = NULL, disabled_by = NULL, disabled_reason = NULL
             WHERE sequence = :sequence AND disabled_at IS NOT NULL",
            &[(":sequence", &token.sequence)],
        ),
    };
    let changed = failure::context(connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values)))?;
    Ok((require(connection, id)?, changed > 0))
}

pub(super) fn revoke(
    connection: &Connection,
    id: &TokenId,
    revocation: &Revocation,
    event: &NewAuditEvent,
) -> Result<(Token, bool)> {
    let token = require(connection, id)?;
    let revoked = revoke_with_line(connection, token.sequence, revocation, event)?;
    Ok((require(connection, id)?, revoked > 0))
}

/// Revokes a token and what falls with it, with their events; gives how many.
fn revoke_with_line(
    connection: &Connection,
    sequence: i64,
    revocation: &Revocation,
    event: &NewAuditEvent,
) -> Result<u64> {
    let root: &Values<'_> = &[(":root", &sequence)];
    let own = failure::context(mark(connection, "", "t.sequence = :root", root, revocation))?;
    if !own.is_empty() {
        audit::append(connection, event)?;
    }
    let fallen = mark_line(connection, "", "VALUES (:root)", root, revocation, event)?;
    Ok(own.len() as u64 + fallen)
}

/// Revokes every token of the same family as that of the number `sequence`, before it and after it; gives how many.
pub(super) fn revoke_family(
    connection: &Connection,
    sequence: i64,
    revocation: &Revocation,
    event: &NewAuditEvent,
) -> Result<u64> {
    let first: i64 = failure::context(
        connection
            .prepare_cached("SELECT coalesce(family, sequence) FROM token WHERE sequence = ?1")
            .and_then(|mut statement| statement.query_row([sequence], |row| row.get(0))),
    )?;
    let values: &Values<'_> = &[(":family", &first)];
    let own =
        failure::context(mark(connection, "", "(t.family = :family OR t.sequence = :family)", values, revocation))?;
    let own = append_each(connection, &own, event)?;
    let roots = "SELECT sequence FROM token WHERE family = :family UNION VALUES (:family)";
    Ok(own + mark_line(connection, "", roots, values, revocation, event)?)
}

pub(super) fn remove(connection: &Connection, id: &TokenId, event: &NewAuditEvent) -> Result<bool> {
    let token = match require(connection, id) {
        Ok(token) => token,
        Err(error) if error.code() == ErrorCode::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    audit::append(connection, event)?;
    let revocation = Revocation { at: event.at, by: event.actor.clone(), reason: None };
    let root: &Values<'_> = &[(":root", &token.sequence)];
    // Marked first, so that it is not among those that fall with it.
    failure::context(mark(connection, "", "t.sequence = :root", root, &revocation))?;
    mark_line(connection, "", "VALUES (:root)", root, &revocation, event)?;
    // A successor that was not delivered has no one to take over from any more.
    failure::context(
        connection
            .prepare_cached(
                "DELETE FROM token WHERE sequence = ?1 OR (predecessor = ?1 AND rotation_stage = 'Prepared')",
            )
            .and_then(|mut statement| statement.execute([token.sequence])),
    )?;
    Ok(true)
}

/// A fact by which one row revokes many tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fact {
    Identity(i64),
    Profile(i64),
    Key(String),
    All,
}

impl Fact {
    fn scope(&self) -> &'static str {
        match self {
            Self::Identity(_) => "identity",
            Self::Profile(_) => "profile",
            Self::Key(_) => "key",
            Self::All => "all",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Identity(number) | Self::Profile(number) => number.to_string(),
            Self::Key(key_id) => key_id.clone(),
            Self::All => String::new(),
        }
    }

    /// Whether a token `t` has the fact `:subject`.
    fn condition(&self) -> &'static str {
        match self {
            Self::Identity(_) => "t.identity_id = CAST(:subject AS INTEGER)",
            Self::Profile(_) => "t.profile_id = CAST(:subject AS INTEGER)",
            Self::Key(_) => "t.key_id = :subject",
            Self::All => ":subject = ''",
        }
    }
}

/// Revokes every token that has the fact, by one row, and what falls with them; gives how many.
pub(super) fn revoke_fact(
    connection: &Connection,
    fact: &Fact,
    revocation: &Revocation,
    event: &NewAuditEvent,
) -> Result<u64> {
    let subject = fact.subject();
    let condition = fact.condition();
    let revoked: i64 = failure::context(
        connection
            .prepare_cached(&format!(
                "SELECT count(*) {FROM} WHERE {condition} AND t.rotation_stage IS NOT 'Prepared' AND NOT {IS_REVOKED}"
            ))
            .and_then(|mut statement| {
                let values: &Values<'_> = &[(":subject", &subject), (":now", &revocation.at)];
                statement.query_row(values, |row| row.get(0))
            }),
    )?;
    if revoked == 0 {
        return Ok(0);
    }
    failure::context(
        connection.prepare_cached("INSERT INTO epoch SELECT ?1, ?2, max(sequence), ?3, ?4, ?5 FROM token").and_then(
            |mut statement| {
                statement.execute(params![fact.scope(), subject, revocation.at, revocation.by, revocation.reason])
            },
        ),
    )?;
    let fallen = revoke_fallen(connection, fact, revocation, event)?;
    Ok(revoked.unsigned_abs() + fallen)
}

/// Revokes what falls with the tokens that have the fact, which are revoked themselves by now; gives how many.
pub(super) fn revoke_fallen(
    connection: &Connection,
    fact: &Fact,
    revocation: &Revocation,
    event: &NewAuditEvent,
) -> Result<u64> {
    let roots =
        format!("SELECT h.grantor FROM holder h JOIN token t ON t.sequence = h.sequence WHERE {}", fact.condition());
    let subject = fact.subject();
    mark_line(connection, HOLDERS, &roots, &[(":subject", &subject)], revocation, event)
}

/// Revokes the tokens of an identity that is being removed: those that speak for it, those that it granted under
/// profiles that say so, and what falls with them; gives how many.
pub(super) fn revoke_identity(
    connection: &Connection,
    identity_id: i64,
    revocation: &Revocation,
    event: &NewAuditEvent,
) -> Result<u64> {
    let with_creator = Revocation { reason: Some(CREATOR_DELETED.to_owned()), ..revocation.clone() };
    let condition = "t.creator_id = :creator AND p.creator_removed = 'Revoke'";
    let values: &Values<'_> = &[(":creator", &identity_id)];
    let granted = failure::context(mark(connection, "", condition, values, &with_creator))?;
    let granted = append_each(connection, &granted, event)?;
    let roots = format!("SELECT t.sequence FROM token t JOIN profile p USING (profile_id) WHERE {condition}");
    let fallen = mark_line(connection, "", &roots, values, revocation, event)?;
    Ok(granted + fallen + revoke_fact(connection, &Fact::Identity(identity_id), revocation, event)?)
}

/// Keeps the tokens of a key revoked that is about to be removed, and revokes what falls with them. Gives how many were
/// not revoked before.
pub(super) fn revoke_key_for_good(
    connection: &Connection,
    key_id: &str,
    revocation: &Revocation,
    event: &NewAuditEvent,
) -> Result<u64> {
    let fact = Fact::Key(key_id.to_owned());
    let revoked = revoke_fact(connection, &fact, revocation, event)?;
    // The tokens of a key that was revoked before are so by its row, which is about to go.
    failure::context(
        connection
            .prepare_cached(
                "INSERT OR IGNORE INTO epoch
                 SELECT 'key', k.key_id, (SELECT max(sequence) FROM token), k.revoked_at, k.revoked_by, k.revoked_reason
                 FROM signing_key k
                 WHERE k.key_id = ?1 AND k.revoked_at IS NOT NULL AND EXISTS (SELECT 1 FROM token WHERE key_id = ?1)",
            )
            .and_then(|mut statement| statement.execute([key_id])),
    )?;
    Ok(revoked)
}

pub(super) fn revoke_set(
    store: &SqliteStore,
    set: &TokenSet,
    revocation: Revocation,
    event: NewAuditEvent,
) -> Result<u64> {
    let (condition, label) = match set {
        TokenSet::Tag(tag) => ("t.sequence IN (SELECT sequence FROM token_tag WHERE tag = :label)", tag.clone()),
        TokenSet::Organization(name) => (
            "t.sequence IN (SELECT sequence FROM token_organization JOIN organization USING (organization_id)
                            WHERE name_key = :label)",
            fold_name(name),
        ),
        _ => {
            let set = set.clone();
            return store.write(move |connection| {
                let fact = fact_of(connection, &set)?;
                let mut event = event.clone();
                let revoked = revoke_fact(connection, &fact, &revocation, &event)?;
                if revoked > 0 {
                    event.detail = Some(json!({ "tokens": revoked }).to_string());
                    audit::append(connection, &event)?;
                }
                Ok(revoked)
            });
        }
    };
    if let TokenSet::Organization(name) = set {
        let is_there = store.read(|connection| {
            connection.prepare_cached("SELECT 1 FROM organization WHERE name_key = ?1")?.exists([&label])
        })?;
        if !is_there {
            return Err(failure::no_such_organization(name));
        }
    }
    let at = revocation.at;
    let wanted: Vec<i64> = store.read(|connection| {
        let sql = format!(
            "SELECT t.sequence {FROM} WHERE {condition} AND t.rotation_stage IS NOT 'Prepared' AND NOT {IS_REVOKED}
             ORDER BY t.sequence"
        );
        let values: &Values<'_> = &[(":label", &label), (":now", &at)];
        connection.prepare_cached(&sql)?.query_map(values, |row| row.get(0))?.collect()
    })?;
    let mut revoked = 0;
    for page in wanted.chunks(PAGE) {
        let (page, revocation, event) = (page.to_vec(), revocation.clone(), event.clone());
        revoked += store.write(move |connection| -> Result<u64> {
            page.iter().map(|sequence| revoke_listed(connection, *sequence, &revocation, &event)).sum()
        })?;
    }
    Ok(revoked)
}

/// Revokes one of many with an event of its own, unless it is gone by now, and what has taken over from it meanwhile;
/// gives how many.
fn revoke_listed(
    connection: &Connection,
    sequence: i64,
    revocation: &Revocation,
    event: &NewAuditEvent,
) -> Result<u64> {
    let id: Option<String> = failure::context(
        connection
            .prepare_cached("SELECT id FROM token WHERE sequence = ?1")
            .and_then(|mut statement| statement.query_row([sequence], |row| row.get(0)).optional()),
    )?;
    let Some(id) = id else { return Ok(0) };
    let own = NewAuditEvent { subject_kind: AuditSubject::Token, subject: Some(id), ..event.clone() };
    let revoked = revoke_with_line(connection, sequence, revocation, &own)?;
    let successor: Option<i64> = failure::context(
        connection
            .prepare_cached("SELECT sequence FROM token WHERE predecessor = ?1 AND rotation_stage IS NOT 'Prepared'")
            .and_then(|mut statement| statement.query_row([sequence], |row| row.get(0)).optional()),
    )?;
    let further = successor.map(|successor| revoke_listed(connection, successor, revocation, event)).transpose()?;
    Ok(revoked + further.unwrap_or_default())
}

fn fact_of(connection: &Connection, set: &TokenSet) -> Result<Fact> {
    let number = |sql: &str, name: &str| -> Result<Option<i64>> {
        failure::context(
            connection
                .prepare_cached(sql)
                .and_then(|mut statement| statement.query_row([fold_name(name)], |row| row.get(0)).optional()),
        )
    };
    let missing = |kind: &'static str, name: &str| {
        Error::new(ErrorCode::NotFound, format!("There is no {kind} named {name}.")).about(kind)
    };
    match set {
        TokenSet::Identity(name) => {
            number("SELECT identity_id FROM identity WHERE name_key = ?1 AND removed_at IS NULL", name)?
                .map(Fact::Identity)
                .ok_or_else(|| missing("identity", name))
        }
        TokenSet::Profile(name) => number("SELECT profile_id FROM profile WHERE name_key = ?1", name)?
            .map(Fact::Profile)
            .ok_or_else(|| missing("profile", name)),
        TokenSet::Key(key_id) => Ok(Fact::Key(key_id.clone())),
        TokenSet::All => Ok(Fact::All),
        TokenSet::Tag(_) | TokenSet::Organization(_) => {
            Err(Error::new(ErrorCode::Internal, "A defect in Tessera: tokens with a label are no one row's."))
        }
    }
}

pub(super) fn clean_up(store: &SqliteStore, event: &NewAuditEvent) -> Result<u64> {
    let now_seconds = event.at;
    let of_undelivered = event.clone();
    let mut taken = store.write(move |connection| {
        failure::context(
            connection
                .prepare_cached("DELETE FROM idempotency WHERE created_at <= ?1")
                .and_then(|mut statement| statement.execute([now_seconds - Idempotency::SECONDS])),
        )?;
        let undelivered = "rotation_stage = 'Prepared' AND created_at <= ?1";
        take(connection, undelivered, &(now_seconds - NewSuccessor::PREPARED_SECONDS), &of_undelivered)
    })?;
    // Read from beginning to end on a connection of its own: neither checks nor writers wait for it.
    let over: Vec<i64> = failure::context(removable(&super::connect_reader(&store.path)?, now_seconds))?;
    for page in over.chunks(PAGE) {
        let (sequences, event) = (json!(page).to_string(), event.clone());
        taken += store.write(move |connection| {
            take(connection, "sequence IN (SELECT value FROM json_each(?1))", &sequences, &event)
        })?;
    }
    Ok(taken)
}

/// Deletes the tokens that `condition` names by `value`, with one event for all; gives how many.
fn take(connection: &Connection, condition: &str, value: &dyn ToSql, event: &NewAuditEvent) -> Result<u64> {
    let ids: Vec<String> = failure::context((|| {
        connection
            .prepare_cached(&format!("DELETE FROM token WHERE {condition} RETURNING id"))?
            .query_map([value], |row| row.get(0))?
            .collect()
    })())?;
    if !ids.is_empty() {
        let detail = Some(json!({ "tokens": ids }).to_string());
        audit::append(connection, &NewAuditEvent { detail, ..event.clone() })?;
    }
    Ok(ids.len() as u64)
}

/// The sequences of the tokens that are no longer to be kept. None of them comes back: what ended them stays, and as long
/// as a file with one could be brought over as a good token, its row is what says that it was revoked.
fn removable(connection: &Connection, now_seconds: i64) -> rusqlite::Result<Vec<i64>> {
    let ended_at = "coalesce(t.revoked_at, k.revoked_at, e.revoked_at, iif(t.retires_at <= :now, t.retires_at, NULL),
                             iif(p.expired_is_revoked, t.expires_at, NULL))";
    let sql = format!(
        "SELECT t.sequence {FROM}
         WHERE t.rotation_stage IS NOT 'Prepared'
           -- What granted a token that is still there bounds it, and ends it.
           AND NOT EXISTS (SELECT 1 FROM token c WHERE c.parent = t.sequence)
           AND (t.expires_at <= :now - p.remove_expired_after_seconds
                OR {ended_at} <= :now - p.remove_revoked_after_seconds AND t.expires_at <= :now)
         ORDER BY t.sequence"
    );
    let values: &Values<'_> = &[(":now", &now_seconds)];
    connection.prepare(&sql)?.query_map(values, |row| row.get(0))?.collect()
}

pub(super) fn compact(store: &SqliteStore, rewrites: bool) -> Result<()> {
    // A connection of its own, since none of this goes into a transaction. It waits for writers as they wait for it.
    let connection = super::connect_one(&store.path)?;
    failure::context((|| {
        if rewrites {
            connection.execute_batch("VACUUM")?;
        }
        connection.execute_batch("PRAGMA analysis_limit = 1000; PRAGMA optimize = 0x10002")?;
        // What somebody is still reading stays in the log, and goes into the file with a later write.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    })())
}
