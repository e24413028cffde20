//! Statements over the audit log.

use rusqlite::{Connection, OptionalExtension, params};

use crate::crypto::chain;
use crate::error::Result;
use crate::model::NewAuditEvent;

use super::failure;

/// Appends an event in the transaction that is open. There is one writer at a time, so the last record is the one
/// before it.
pub(super) fn append(connection: &Connection, event: &NewAuditEvent) -> Result<()> {
    failure::context((|| {
        let last: Option<(i64, [u8; chain::HASH_BYTES])> = connection
            .prepare_cached("SELECT sequence, hash FROM audit_event ORDER BY sequence DESC LIMIT 1")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (last, previous) = last.unwrap_or((0, chain::BEGINNING));
        let sequence = last + 1;
        connection
            .prepare_cached("INSERT INTO audit_event VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?
            .execute(params![
                sequence,
                event.at,
                event.event,
                event.actor,
                event.actor_kind,
                event.subject_kind.name(),
                event.subject,
                event.outcome,
                event.detail,
                chain::link(&previous, sequence, event),
            ])
            .map(|_| ())
    })())
}
