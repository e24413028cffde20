//! Rotation, the keys under which requests are repeated, and the first use of a value.

use rusqlite::{Connection, OptionalExtension, named_params, params};
use serde_json::json;

use crate::error::{Error, ErrorCode, Result};
use crate::model::{
    AuditSubject, NewAuditEvent, Outcome, Revocation, RotationMode, RotationStage, Token, TokenId, TokenState,
};
use crate::policy;
use crate::store::{Idempotency, NewSuccessor, NewValue, Repeated};

use super::tokens::{self, require};
use super::{SqliteStore, audit, failure, lifecycle};

/// Why a token was revoked whose family had a retired value presented.
const REUSED: &str = "A value of the same family was presented although it was retired.";

pub(super) fn repeated(store: &SqliteStore, idempotency: &Idempotency, now_seconds: i64) -> Result<Option<Repeated>> {
    let remembered: Option<(i64, [u8; 32])> = store.read(|connection| {
        connection
            .prepare_cached(
                "SELECT sequence, request_digest FROM idempotency WHERE actor = ?1 AND key = ?2 AND created_at > ?3",
            )?
            .query_row(params![idempotency.actor, idempotency.key, now_seconds - Idempotency::SECONDS], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()
    })?;
    let Some((sequence, request_digest)) = remembered else { return Ok(None) };
    let record = store.read(|connection| tokens::by_sequence(connection, sequence))?;
    Ok(record.map(|record| Repeated { request_digest, record }))
}

/// Remembers which token a key led to. A key that led to another, which is still there, is `AlreadyExists`.
pub(super) fn remember(
    connection: &Connection,
    idempotency: &Idempotency,
    sequence: i64,
    now_seconds: i64,
) -> Result<()> {
    let remembered = failure::context(
        connection
            .prepare_cached(
                "INSERT INTO idempotency (actor, key, request_digest, sequence, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (actor, key) DO UPDATE SET (request_digest, sequence, created_at) = (?3, ?4, ?5)
                 WHERE created_at <= ?5 - ?6
                    OR NOT EXISTS (SELECT 1 FROM token t WHERE t.sequence = idempotency.sequence)",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    idempotency.actor,
                    idempotency.key,
                    idempotency.request_digest,
                    sequence,
                    now_seconds,
                    Idempotency::SECONDS,
                ])
            }),
    )?;
    if remembered == 0 {
        return Err(overtaken());
    }
    Ok(())
}

fn overtaken() -> Error {
    Error::new(ErrorCode::AlreadyExists, "Another request came first with this key. Repeat it.").about("idempotencyKey")
}

pub(super) fn renew_value(connection: &Connection, id: &TokenId, value: &NewValue) -> Result<Option<Token>> {
    let renewed = failure::context(
        connection
            .prepare_cached(
                "UPDATE token SET digest = :digest, digest_kind = :kind, pepper_id = :pepper, value_sealed = :sealed,
                                  key_id = coalesce(:key, key_id)
                 WHERE id = :id AND awaits_first_use AND rotation_stage IS NOT 'Prepared' AND revoked_at IS NULL
                   AND alerted_at IS NULL",
            )
            .and_then(|mut statement| {
                statement.execute(named_params! {
                    ":id": id.as_str(),
                    ":digest": value.digest.map(|digest| digest.bytes),
                    ":kind": value.digest.map(|digest| digest.kind()),
                    ":pepper": value.digest.and_then(|digest| digest.pepper_id),
                    ":sealed": value.sealed,
                    ":key": value.key_id,
                })
            }),
    )?;
    if renewed == 0 { Ok(None) } else { require(connection, id).map(Some) }
}

pub(super) fn rotate(connection: &Connection, new: &NewSuccessor, event: &NewAuditEvent) -> Result<(Token, Token)> {
    let predecessor = require(connection, &new.predecessor)?;
    policy::rotatable(&predecessor, new.created_at)?;
    make_way(connection, &predecessor, new)?;
    let sequence = insert(connection, &predecessor, new)?;
    if let Some(idempotency) = &new.idempotency {
        remember(connection, idempotency, sequence, new.created_at)?;
    }
    if let Some(mode) = new.delivery {
        retire(connection, &predecessor, mode, new.created_at, &new.rotated_by)?;
    }
    audit::append(connection, &of_successor(event, &new.id, new.delivery))?;
    both(connection, &predecessor.id, sequence)
}

/// Refuses a second successor, and takes one away that does not count: it was never delivered, it is revoked, or it
/// expired before anybody used it, so that nobody ever will.
fn make_way(connection: &Connection, predecessor: &Token, new: &NewSuccessor) -> Result<()> {
    let found: Option<(i64, i64)> = failure::context(
        connection.prepare_cached("SELECT sequence, created_at FROM token WHERE predecessor = ?1").and_then(
            |mut statement| {
                statement.query_row([predecessor.sequence], |row| Ok((row.get(0)?, row.get(1)?))).optional()
            },
        ),
    )?;
    let Some((sequence, prepared_at)) = found else { return Ok(()) };
    let existing = failure::context(tokens::by_sequence(connection, sequence))?.map(|record| record.token);
    let Some(existing) = existing else { return Ok(()) };
    let is_unused = existing.rotation_stage == Some(RotationStage::Waiting)
        && policy::standing_outcome(&existing, new.created_at) == Outcome::Expired;
    let conflict = |message: String| Err(Error::new(ErrorCode::Conflict, message).about("id"));
    let sql = if existing.rotation_stage == Some(RotationStage::Prepared) {
        let is_stale = prepared_at <= new.created_at - NewSuccessor::PREPARED_SECONDS;
        if !is_stale && !is_same_request(connection, sequence, new)? {
            return conflict(format!(
                "The token {} is being rotated: the new value is on its way to a vault. Wait for that, or try again in a \
                 quarter of an hour if it was broken off.",
                predecessor.id
            ));
        }
        "DELETE FROM token WHERE sequence = ?1"
    } else if is_unused || existing.state(new.created_at) == TokenState::Revoked {
        "UPDATE token SET predecessor = NULL WHERE sequence = ?1"
    } else if is_same_request(connection, sequence, new)? {
        return Err(overtaken());
    } else {
        return conflict(format!(
            "The token {} has been rotated: {} takes over from it. Rotate that one, or revoke it first if its value is \
             lost.",
            predecessor.id, existing.id
        ));
    };
    failure::context(connection.prepare_cached(sql).and_then(|mut statement| statement.execute([sequence])).map(|_| ()))
}

/// Whether the successor of that sequence came of the same request, which is now made again.
fn is_same_request(connection: &Connection, sequence: i64, new: &NewSuccessor) -> Result<bool> {
    let Some(idempotency) = &new.idempotency else { return Ok(false) };
    failure::context(
        connection
            .prepare_cached(
                "SELECT 1 FROM idempotency WHERE actor = ?1 AND key = ?2 AND request_digest = ?3 AND sequence = ?4
                                             AND created_at > ?5",
            )
            .and_then(|mut statement| {
                statement.exists(params![
                    idempotency.actor,
                    idempotency.key,
                    idempotency.request_digest,
                    sequence,
                    new.created_at - Idempotency::SECONDS
                ])
            }),
    )
}

/// Inserts the successor with all that its predecessor has; gives its sequence. Who granted the predecessor counts as
/// who granted it: what bounds the one bounds the other, and what ends the one ends the other.
fn insert(connection: &Connection, predecessor: &Token, new: &NewSuccessor) -> Result<i64> {
    let stage = match new.delivery {
        None => Some(RotationStage::Prepared),
        Some(mode) => stage_of(mode),
    };
    failure::context((|| {
        connection
            .prepare_cached(
                "INSERT INTO token (id, digest, digest_kind, pepper_id, value_sealed, key_id, created_at, expires_at,
                                    warn_after, rotation_stage, awaits_first_use, not_before, parent,
                                    is_self_rotated, family,
                                    format, profile_id, identity_id, name, name_key, remark, audiences, conditions,
                                    has_organization_list, created_by, creator_id, uses_left)
                 SELECT :id, :digest, :kind, :pepper, :sealed, :key, :now, :expires_at, :warn_after, :stage, :awaits,
                        iif(not_before > :now, not_before, NULL), parent, :is_self_rotated,
                        coalesce(family, sequence), format, profile_id, identity_id, name, name_key, remark, audiences,
                        conditions, has_organization_list, created_by, creator_id, uses_left
                 FROM token WHERE sequence = :predecessor",
            )?
            .execute(named_params! {
                ":predecessor": predecessor.sequence,
                ":id": new.id.as_str(),
                ":digest": new.value.digest.map(|digest| digest.bytes),
                ":kind": new.value.digest.map(|digest| digest.kind()),
                ":pepper": new.value.digest.and_then(|digest| digest.pepper_id),
                ":sealed": new.value.sealed,
                ":key": new.value.key_id,
                ":now": new.created_at,
                ":expires_at": new.expires_at,
                ":warn_after": new.warn_after,
                ":stage": stage.map(RotationStage::name),
                ":is_self_rotated": new.is_self_rotated,
                ":awaits": new.idempotency.is_some() || stage == Some(RotationStage::Waiting),
            })?;
        let sequence = connection.last_insert_rowid();
        // By itself: this, and not the insertion, is known as a change of both.
        connection
            .prepare_cached("UPDATE token SET predecessor = ?1 WHERE sequence = ?2")?
            .execute([predecessor.sequence, sequence])?;
        for copy in [
            "INSERT INTO token_role SELECT ?2, role_id FROM token_role WHERE sequence = ?1",
            "INSERT INTO token_tag SELECT ?2, tag FROM token_tag WHERE sequence = ?1",
            "INSERT INTO token_organization SELECT ?2, organization_id FROM token_organization WHERE sequence = ?1",
        ] {
            connection.prepare_cached(copy)?.execute([predecessor.sequence, sequence])?;
        }
        Ok(sequence)
    })())
}

/// The stage in which a mode leaves a successor that is delivered.
fn stage_of(mode: RotationMode) -> Option<RotationStage> {
    matches!(mode, RotationMode::Confirm { .. }).then_some(RotationStage::Waiting)
}

/// Writes down when the predecessor gives way.
fn retire(connection: &Connection, predecessor: &Token, mode: RotationMode, now_seconds: i64, by: &str) -> Result<()> {
    let retires_at = policy::retires_at(mode, predecessor, now_seconds)?;
    failure::context(
        connection
            .prepare_cached("UPDATE token SET retires_at = ?2, retired_by = ?3 WHERE sequence = ?1")
            .and_then(|mut statement| statement.execute(params![predecessor.sequence, retires_at, by]))
            .map(|_| ()),
    )
}

pub(super) fn deliver(
    connection: &Connection,
    id: &TokenId,
    mode: RotationMode,
    event: &NewAuditEvent,
) -> Result<(Token, Token, bool)> {
    let successor = failure::context(tokens::by_id(connection, id))?.map(|record| record.token);
    let successor = successor.ok_or_else(|| {
        let message = format!("There is no successor {id} to deliver: it was abandoned, or another took its place.");
        Error::new(ErrorCode::NotFound, message).about("id")
    })?;
    let gone = || {
        Error::new(ErrorCode::Conflict, "The token that it was to take over from was removed meanwhile.").about("id")
    };
    let predecessor = require(connection, successor.predecessor.as_ref().ok_or_else(gone)?)
        .map_err(|error| if error.code() == ErrorCode::NotFound { gone() } else { error })?;
    if successor.rotation_stage != Some(RotationStage::Prepared) {
        return Ok((predecessor, successor, false));
    }
    policy::rotatable(&predecessor, event.at)?;
    let stage = stage_of(mode);
    failure::context(
        connection
            .prepare_cached(
                "UPDATE token SET rotation_stage = ?2, awaits_first_use = awaits_first_use OR ?2 IS NOT NULL,
                                  uses_left = (SELECT p.uses_left FROM token p WHERE p.sequence = token.predecessor)
                 WHERE sequence = ?1",
            )
            .and_then(|mut statement| statement.execute(params![successor.sequence, stage.map(RotationStage::name)])),
    )?;
    retire(connection, &predecessor, mode, event.at, &event.actor)?;
    let event = NewAuditEvent { subject: Some(predecessor.id.to_string()), ..event.clone() };
    audit::append(connection, &of_successor(&event, id, Some(mode)))?;
    both(connection, &predecessor.id, successor.sequence).map(|(predecessor, successor)| (predecessor, successor, true))
}

pub(super) fn abandon(connection: &Connection, id: &TokenId) -> Result<bool> {
    let stage: Option<Option<String>> = failure::context(
        connection
            .prepare_cached("SELECT rotation_stage FROM token WHERE id = ?1")
            .and_then(|mut statement| statement.query_row([id.as_str()], |row| row.get(0)).optional()),
    )?;
    match stage {
        None => Ok(false),
        Some(Some(stage)) if stage == RotationStage::Prepared.name() => failure::context(
            connection
                .prepare_cached("DELETE FROM token WHERE id = ?1")
                .and_then(|mut statement| statement.execute([id.as_str()]))
                .map(|_| true),
        ),
        Some(_) => Err(Error::new(
            ErrorCode::Conflict,
            format!(
                "The token {id} is not waiting for its delivery, so there is nothing to abandon. Revoke it instead."
            ),
        )
        .about("id")),
    }
}

pub(super) fn confirm_first_use(
    connection: &Connection,
    sequence: i64,
    digest: Option<&[u8; 32]>,
    now_seconds: i64,
) -> Result<bool> {
    failure::context((|| {
        // The old token's uses count on until this moment, so the new one takes over what is left of them now.
        let confirmed: Option<Option<i64>> = connection
            .prepare_cached(
                "UPDATE token
                 SET awaits_first_use = 0, rotation_stage = NULL,
                     uses_left = CASE WHEN rotation_stage IS NULL THEN uses_left
                                      ELSE coalesce((SELECT p.uses_left FROM token p WHERE p.sequence = token.predecessor),
                                                    uses_left) END
                 WHERE sequence = ?1 AND awaits_first_use AND digest IS ?2 AND rotation_stage IS NOT 'Prepared'
                   AND revoked_at IS NULL
                 RETURNING predecessor",
            )?
            .query_row(params![sequence, digest], |row| row.get(0))
            .optional()?;
        let Some(predecessor) = confirmed else { return Ok(false) };
        connection
            .prepare_cached("UPDATE token SET retires_at = ?2 WHERE sequence = ?1 AND coalesce(retires_at > ?2, TRUE)")?
            .execute(params![predecessor, now_seconds])?;
        Ok(true)
    })())
}

pub(super) fn report_presented(connection: &Connection, sequence: i64, event: &NewAuditEvent) -> Result<bool> {
    let found: Option<bool> = failure::context(
        connection
            .prepare_cached(
                "UPDATE token SET alerted_at = ?2 WHERE sequence = ?1 AND alerted_at IS NULL
                 RETURNING retires_at <= ?2 AND (SELECT coalesce(p.settings ->> '$.reuseRevokesFamily', 0)
                                                 FROM profile p WHERE p.profile_id = token.profile_id)",
            )
            .and_then(|mut statement| {
                statement.query_row(params![sequence, event.at], |row| row.get::<_, Option<bool>>(0)).optional()
            }),
    )?
    .map(Option::unwrap_or_default);
    let Some(revokes_family) = found else { return Ok(false) };
    let mut event = event.clone();
    if revokes_family {
        let revocation = Revocation { at: event.at, by: event.actor.clone(), reason: Some(REUSED.to_owned()) };
        let revoked = lifecycle::revoke_family(connection, sequence, &revocation, &event)?;
        event.detail = Some(json!({ "revokedTokens": revoked }).to_string());
    }
    audit::append(connection, &event)?;
    Ok(true)
}

/// The event of a rotation, with the successor and how it takes over; without `delivery` it is handed to a vault.
fn of_successor(event: &NewAuditEvent, successor: &TokenId, delivery: Option<RotationMode>) -> NewAuditEvent {
    let detail = match delivery {
        None => json!({ "successor": successor.as_str(), "mode": "Prepared" }),
        Some(RotationMode::Confirm { deadline }) => {
            json!({ "successor": successor.as_str(), "mode": "Confirm", "deadline": deadline })
        }
        Some(RotationMode::Grace { seconds }) => {
            json!({ "successor": successor.as_str(), "mode": "Grace", "graceSeconds": seconds })
        }
        Some(RotationMode::Immediate) => json!({ "successor": successor.as_str(), "mode": "Immediate" }),
    };
    NewAuditEvent { subject_kind: AuditSubject::Token, detail: Some(detail.to_string()), ..event.clone() }
}

/// A token and its successor as they are now.
fn both(connection: &Connection, predecessor: &TokenId, successor: i64) -> Result<(Token, Token)> {
    let successor = failure::context(tokens::by_sequence(connection, successor))?
        .ok_or_else(|| Error::new(ErrorCode::Internal, "A defect in Tessera: a successor was not kept."))?;
    Ok((require(connection, predecessor)?, successor.token))
}
