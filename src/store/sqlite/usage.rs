//! Statements over the use of tokens.

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::Result;
use crate::model::{AddressUse, DayUses, TokenUsage};
use crate::store::TokenUses;

use super::lifecycle::line_from;
use super::tokens::{FROM, state_of};
use super::{audit, failure};

/// Adds to what is known of the use of a token, unless it is gone.
pub(super) fn add(connection: &Connection, sequence: i64, uses: &TokenUses) -> Result<()> {
    let is_there = failure::context((|| {
        let all: u64 = uses.days.iter().map(|(_, uses)| uses).sum();
        let added = connection
            .prepare_cached(
                "INSERT INTO token_usage (sequence, last_used_at, uses)
                 SELECT sequence, ?2, ?3 FROM token WHERE sequence = ?1
                 ON CONFLICT (sequence) DO UPDATE SET
                     last_used_at = max(last_used_at, excluded.last_used_at), uses = uses + excluded.uses",
            )?
            .execute(params![sequence, uses.last_used_at, all.cast_signed()])?;
        if added == 0 {
            return Ok(false);
        }
        for (day, uses) in &uses.days {
            connection
                .prepare_cached(
                    "INSERT INTO token_usage_day VALUES (?1, ?2, ?3)
                     ON CONFLICT (sequence, day) DO UPDATE SET uses = uses + excluded.uses",
                )?
                .execute(params![sequence, day, uses.cast_signed()])?;
        }
        let oldest = TokenUsage::day_of(uses.last_used_at) - TokenUsage::DAYS;
        connection
            .prepare_cached("DELETE FROM token_usage_day WHERE sequence = ?1 AND day <= ?2")?
            .execute([sequence, oldest])?;
        for (address, at) in &uses.addresses {
            connection
                .prepare_cached(
                    "INSERT INTO token_usage_address VALUES (?1, ?2, ?3)
                     ON CONFLICT (sequence, address) DO UPDATE SET last_used_at = max(last_used_at, excluded.last_used_at)",
                )?
                .execute(params![sequence, address.to_string(), at])?;
        }
        if !uses.addresses.is_empty() {
            connection
                .prepare_cached(
                    "DELETE FROM token_usage_address WHERE sequence = ?1 AND address NOT IN (
                         SELECT address FROM token_usage_address WHERE sequence = ?1
                         ORDER BY last_used_at DESC, address LIMIT ?2)",
                )?
                .execute(params![sequence, TokenUsage::ADDRESSES as i64])?;
        }
        Ok(true)
    })())?;
    if is_there {
        for (day, event) in &uses.warnings {
            let is_first = failure::context(
                connection
                    .prepare_cached(
                        "UPDATE token_usage SET warned_day = ?2
                         WHERE sequence = ?1 AND (warned_day IS NULL OR warned_day < ?2)",
                    )
                    .and_then(|mut statement| statement.execute([sequence, *day])),
            )? > 0;
            if is_first {
                audit::append(connection, event)?;
            }
        }
    }
    Ok(())
}

/// What is known of the use of a token, as of one state of the store.
pub(super) fn find(connection: &Connection, sequence: i64, after_day: i64) -> rusqlite::Result<TokenUsage> {
    // It reads only, on a connection that this call has to itself.
    let transaction = connection.unchecked_transaction()?;
    let total: Option<(i64, i64)> = transaction
        .prepare_cached("SELECT last_used_at, uses FROM token_usage WHERE sequence = ?1")?
        .query_row([sequence], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let days = transaction
        .prepare_cached("SELECT day, uses FROM token_usage_day WHERE sequence = ?1 AND day > ?2 ORDER BY day DESC")?
        .query_map([sequence, after_day], |row| Ok(DayUses { day: row.get(0)?, uses: unsigned(row.get(1)?) }))?
        .collect::<rusqlite::Result<_>>()?;
    let addresses = transaction
        .prepare_cached(
            "SELECT address, last_used_at FROM token_usage_address WHERE sequence = ?1
             ORDER BY last_used_at DESC, address",
        )?
        .query_map([sequence], |row| Ok(AddressUse { address: row.get(0)?, last_used_at: row.get(1)? }))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(TokenUsage {
        last_used_at: total.map(|(last_used_at, _)| last_used_at),
        uses: total.map_or(0, |(_, uses)| unsigned(uses)),
        days,
        addresses,
    })
}

pub(super) fn live_descendants(connection: &Connection, sequence: i64, now_seconds: i64) -> rusqlite::Result<u64> {
    connection
        .prepare_cached(&format!(
            "WITH RECURSIVE {}
             SELECT count(*) {FROM} WHERE t.sequence IN (SELECT sequence FROM line) AND t.sequence <> :sequence
                AND t.rotation_stage IS NOT 'Prepared' AND {} NOT IN ('Revoked', 'Expired')",
            line_from("VALUES (:sequence)"),
            state_of()
        ))?
        .query_row(&[(":sequence", &sequence), (":now", &now_seconds)], |row| row.get(0).map(unsigned))
}

/// A count, which no statement here makes negative.
fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
