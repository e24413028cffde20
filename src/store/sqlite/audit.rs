//! Statements over the audit log.

use std::ops::ControlFlow;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use crate::crypto::chain;
use crate::error::Result;
use crate::model::{AuditEvent, AuditFilter, AuditSubject, NewAuditEvent, fold_name};
use crate::store::{AuditExtent, AuditHead, FoundRecord};

use super::failure;
use super::text::like;

/// How many records a walk reads at once: no longer does it keep the write-ahead log from being taken up.
const RECORDS_AT_ONCE: i64 = 1_000;

/// A record as one row.
const COLUMNS: &str =
    "e.sequence, e.at, e.event, e.actor, e.actor_kind, e.subject_kind, e.subject, e.outcome, e.detail, e.hash";

/// Appends an event in the transaction that is open. There is one writer at a time, so the last record is the one
/// before it.
///
/// Its number follows the highest that was ever given: where records were taken off the end, the gap stays.
pub(super) fn append(connection: &Connection, event: &NewAuditEvent) -> Result<()> {
    append_all(connection, std::iter::once(event))
}

/// As [`append`], for several events in their order.
pub(super) fn append_all<'a>(connection: &Connection, events: impl Iterator<Item = &'a NewAuditEvent>) -> Result<()> {
    failure::context((|| {
        let (mut highest, previous): (i64, Option<[u8; chain::HASH_BYTES]>) = connection
            .prepare_cached(
                "SELECT max(coalesce(last.sequence, 0),
                            coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit_event'), 0)), last.hash
                 FROM (SELECT 1) LEFT JOIN
                      (SELECT sequence, hash FROM audit_event ORDER BY sequence DESC LIMIT 1) AS last ON TRUE",
            )?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut previous = previous.unwrap_or(chain::BEGINNING);
        let mut insert =
            connection.prepare_cached("INSERT INTO audit_event VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?;
        for event in events {
            highest += 1;
            previous = chain::link(&previous, highest, event);
            insert.execute(params![
                highest,
                event.at,
                event.event,
                event.actor,
                event.actor_kind,
                event.subject_kind.name(),
                event.subject,
                event.outcome,
                event.detail,
                previous,
            ])?;
        }
        Ok(())
    })())
}

/// The newest record, as a head of `now_seconds`; none when it is one already, or there is no record.
pub(super) fn unsigned_head(connection: &Connection, now_seconds: i64) -> rusqlite::Result<Option<AuditHead>> {
    connection
        .prepare_cached(
            "SELECT sequence, hash FROM audit_event
             WHERE sequence = (SELECT max(sequence) FROM audit_event)
               AND sequence > coalesce((SELECT max(sequence) FROM audit_head), 0)",
        )?
        .query_row([], |row| Ok(AuditHead { sequence: row.get(0)?, at: now_seconds, hash: row.get(1)? }))
        .optional()
}

pub(super) fn insert_head(connection: &Connection, head: &AuditHead, signature: &[u8; 32]) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO audit_head VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![head.sequence, head.at, head.hash, signature])
        .map(|_| ())
}

pub(super) fn list(connection: &Connection, filter: &AuditFilter) -> rusqlite::Result<Vec<AuditEvent>> {
    let mut conditions: Vec<&str> = vec!["TRUE"];
    let mut values: Vec<(&str, Box<dyn ToSql>)> = Vec::new();
    let mut narrow = |condition, name, value: Box<dyn ToSql>| {
        conditions.push(condition);
        values.push((name, value));
    };
    if let Some(event) = &filter.event {
        narrow("fold_name(e.event) LIKE :event ESCAPE '\\'", ":event", Box::new(like(event)));
    }
    if let Some(actor) = &filter.actor {
        narrow("fold_name(e.actor) LIKE :actor ESCAPE '\\'", ":actor", Box::new(like(actor)));
    }
    if let Some(kind) = filter.subject_kind {
        narrow("e.subject_kind = :kind", ":kind", Box::new(kind.name()));
    }
    match (&filter.subject, filter.subject_kind) {
        (None, _) => {}
        (Some(id), Some(AuditSubject::Token)) => narrow("e.subject = :subject", ":subject", Box::new(id.clone())),
        (Some(name), _) => {
            narrow("fold_name(e.subject) LIKE :subject ESCAPE '\\'", ":subject", Box::new(like(name)));
        }
    }
    if let Some(outcome) = &filter.outcome {
        narrow("fold_name(e.outcome) = :outcome", ":outcome", Box::new(fold_name(outcome)));
    }
    if let Some(from) = filter.from {
        narrow("e.at >= :from", ":from", Box::new(from));
    }
    if let Some(until) = filter.until {
        narrow("e.at < :until", ":until", Box::new(until));
    }
    if let Some(after) = filter.after {
        narrow("e.sequence > :after", ":after", Box::new(after));
    }
    if let Some(before) = filter.before {
        narrow("e.sequence < :before", ":before", Box::new(before));
    }
    values.push((":limit", Box::new(filter.limit)));
    let order = if filter.newest_first { "DESC" } else { "ASC" };
    let sql = format!(
        "SELECT {COLUMNS} FROM audit_event e WHERE {} ORDER BY e.sequence {order} LIMIT :limit",
        conditions.join(" AND ")
    );
    let values: Vec<(&str, &dyn ToSql)> = values.iter().map(|(name, value)| (*name, value.as_ref())).collect();
    connection.prepare_cached(&sql)?.query_map(values.as_slice(), event)?.collect()
}

/// Reads the log in parts, so that none of its statements lasts. See [`crate::store::Store::walk_audit`].
pub(super) fn walk(
    connection: &Connection,
    visit: &mut dyn FnMut(FoundRecord) -> ControlFlow<()>,
) -> rusqlite::Result<AuditExtent> {
    let extent = connection.query_row(
        "SELECT coalesce((SELECT max(sequence) FROM audit_event), 0),
                coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit_event'), 0),
                coalesce((SELECT max(sequence) FROM audit_head), 0),
                coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit_head'), 0),
                (SELECT min(sequence) FROM audit_head h
                 WHERE NOT EXISTS (SELECT 1 FROM audit_event e WHERE e.sequence = h.sequence))",
        [],
        |row| {
            Ok(AuditExtent {
                last: row.get(0)?,
                highest: row.get(1)?,
                last_head: row.get(2)?,
                highest_head: row.get(3)?,
                missing_head: row.get(4)?,
            })
        },
    )?;
    let mut statement = connection.prepare(&format!(
        "SELECT {COLUMNS}, h.at, h.hash, h.signature FROM audit_event e LEFT JOIN audit_head h USING (sequence)
         WHERE e.sequence >= ?1 AND e.sequence <= ?2 ORDER BY e.sequence LIMIT ?3"
    ))?;
    let mut next = Some(i64::MIN);
    while let Some(from) = next.take() {
        let part: Vec<FoundRecord> =
            statement.query_map([from, extent.last, RECORDS_AT_ONCE], found)?.collect::<rusqlite::Result<_>>()?;
        for record in part {
            next = record.sequence.checked_add(1);
            if visit(record).is_break() {
                return Ok(extent);
            }
        }
    }
    Ok(extent)
}

fn event(row: &Row<'_>) -> rusqlite::Result<AuditEvent> {
    let subject_kind: String = row.get(5)?;
    Ok(AuditEvent {
        sequence: row.get(0)?,
        event: NewAuditEvent {
            at: row.get(1)?,
            event: row.get(2)?,
            actor: row.get(3)?,
            actor_kind: row.get(4)?,
            subject_kind: AuditSubject::parse(&subject_kind)
                .ok_or_else(|| rusqlite::Error::InvalidColumnType(5, "subject_kind".to_owned(), Type::Text))?,
            subject: row.get(6)?,
            outcome: row.get(7)?,
            detail: row.get(8)?,
        },
        hash: row.get(9)?,
    })
}

fn found(row: &Row<'_>) -> rusqlite::Result<FoundRecord> {
    let sequence = row.get(0)?;
    let head = || -> rusqlite::Result<Option<(AuditHead, Vec<u8>)>> {
        let Some(at) = row.get(10)? else { return Ok(None) };
        // A hash of another length fits no record, and so does none at all.
        let hash = row.get(11).unwrap_or_default();
        Ok(Some((AuditHead { sequence, at, hash }, row.get(12)?)))
    };
    // The row is there; what cannot be taken out of it is not what was put in.
    Ok(FoundRecord { sequence, record: event(row).ok(), head: head()? })
}
