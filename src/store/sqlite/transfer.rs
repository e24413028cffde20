//! Tokens that come from elsewhere, and the digests by which they are found until their first use.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;

use crate::error::{Error, ErrorCode, Result};
use crate::model::{AuditSubject, Name, NewAuditEvent, Revocation, fold_name};
use crate::store::{ImportOutcome, ImportRules, ImportedToken, NewIdentity, NewToken, StoredDigest, TokenRecord};

use super::batch::Care;
use super::{audit, batch, failure, identities, maintenance, tokens};

/// The beginnings of `?2`, up to the longest public part there may be. One statement looks them all up in the index.
const BEGINNINGS: &str = "WITH RECURSIVE beginning (length) AS (
    SELECT 1 UNION ALL SELECT length + 1 FROM beginning WHERE length < min(length(?2), 256))";

pub(super) fn by_public_part(
    connection: &Connection,
    profile: &str,
    text: &str,
) -> rusqlite::Result<Option<TokenRecord>> {
    let sequence: Option<i64> = connection
        .prepare_cached(&format!(
            "{BEGINNINGS} SELECT t.sequence FROM beginning JOIN token t
                          ON t.profile_id = (SELECT profile_id FROM profile WHERE name_key = ?1)
                         AND t.public_part = substr(?2, 1, length)
             WHERE t.salted_digest IS NOT NULL ORDER BY length DESC LIMIT 1"
        ))?
        .query_row(params![fold_name(profile), text], |row| row.get(0))
        .optional()?;
    sequence.map_or(Ok(None), |sequence| tokens::by_sequence(connection, sequence))
}

pub(super) fn any_salted_digest(connection: &Connection, profile: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached(
            "SELECT salted_digest FROM token
             WHERE profile_id = (SELECT profile_id FROM profile WHERE name_key = ?1) AND public_part IS NOT NULL
               AND salted_digest IS NOT NULL LIMIT 1",
        )?
        .query_row([fold_name(profile)], |row| row.get(0))
        .optional()
}

pub(super) fn upgrade_digest(
    connection: &Connection,
    sequence: i64,
    (digest, salted): &(Option<StoredDigest>, Option<String>),
    to: StoredDigest,
) -> Result<bool> {
    let upgraded = connection
        .prepare_cached(
            "UPDATE token SET (digest, digest_kind, pepper_id, salted_digest) = (?2, ?3, ?4, NULL)
             WHERE sequence = ?1 AND digest IS ?5 AND salted_digest IS ?6",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                sequence,
                to.bytes,
                to.kind(),
                to.pepper_id,
                digest.map(|digest| digest.bytes),
                salted
            ])
        });
    match upgraded {
        // Another token has that very value, and is the one that a check finds.
        Err(error) if failure::is_constraint(&error) => Ok(false),
        other => failure::context(other).map(|changed| changed > 0),
    }
}

pub(super) fn import(
    connection: &Connection,
    tokens: &[ImportedToken],
    rules: ImportRules,
    event: &NewAuditEvent,
    care: Care,
) -> Result<Option<Vec<ImportOutcome>>> {
    let import_one = |connection: &Connection, state: &mut ImportState, imported: &ImportedToken| {
        import_one(connection, state, imported, rules, event)
    };
    let Some(done) = batch::each(connection, tokens, rules.stops_at_refusal, care, import_one)? else {
        return Ok(None);
    };
    let mut sequences = done.iter().flatten().flatten().map(|(sequence, _)| *sequence);
    if let Some(first) = sequences.next() {
        let (others, last) = sequences.fold((0_u64, first), |(count, _), sequence| (count + 1, sequence));
        let detail = json!({ "tokens": others + 1, "firstSequence": first, "lastSequence": last });
        audit::append(connection, &NewAuditEvent { detail: Some(detail.to_string()), ..event.clone() })?;
        // Their values were good elsewhere, so somebody may have presented one here before: what is remembered of unknown
        // values ends with any change, and this one is nobody's.
        failure::run(connection, "INSERT INTO change (scope, subject) VALUES ('token', 0)")?;
    }
    let outcomes = done.into_iter().map(|result| match result {
        Ok(None) => ImportOutcome::Unchanged,
        Ok(Some((_, with_identity))) => ImportOutcome::Created { with_identity },
        Err(refusal) => ImportOutcome::Refused(refusal),
    });
    Ok(Some(outcomes.collect()))
}

/// What an import has found or put into the store so far.
#[derive(Default)]
struct ImportState {
    rows: tokens::LookedUp,
    identities: HashMap<String, i64>,
    peppers: HashSet<i64>,
}

/// Gives the token's sequence and whether its identity was made, or none when the token is there already.
fn import_one(
    connection: &Connection,
    state: &mut ImportState,
    imported: &ImportedToken,
    rules: ImportRules,
    event: &NewAuditEvent,
) -> Result<Option<(i64, bool)>> {
    if is_there(connection, imported)? {
        return Ok(None);
    }
    refuse_taken(connection, imported)?;
    let (identity_id, with_identity) = match number_of(connection, state, &imported.identity)? {
        Some(identity_id) => (identity_id, false),
        None if rules.creates_identities => (make_identity(connection, &imported.identity, event)?, true),
        None => return Err(no_such_identity(&imported.identity, "identity")),
    };
    let mut token = NewToken { identity_id, ..imported.token.clone() };
    if let Some(creator) = &imported.creator {
        token.creator_id = number_of(connection, state, creator)?;
        if token.creator_id.is_none() && imported.needs_creator {
            return Err(no_such_identity(creator, "createdBy"));
        }
    }
    if let Some(pepper) = imported.pepper.as_ref().filter(|pepper| !state.peppers.contains(&pepper.id)) {
        failure::context(maintenance::insert_pepper(connection, pepper, event.at))?;
    }
    let sequence = tokens::insert_row(connection, &mut state.rows, &token)?.sequence;
    if imported.disabled.is_some() || imported.revocation.is_some() {
        let parts = |ending: &Option<Revocation>| match ending {
            Some(ending) => (Some(ending.at), Some(ending.by.clone()), ending.reason.clone()),
            None => (None, None, None),
        };
        let (disabled_at, disabled_by, disabled_reason) = parts(&imported.disabled);
        let (revoked_at, revoked_by, revoked_reason) = parts(&imported.revocation);
        failure::context(
            connection
                .prepare_cached(
                    "UPDATE token SET (disabled_at, disabled_by, disabled_reason, revoked_at, revoked_by, revoked_reason)
                                    = (?2, ?3, ?4, ?5, ?6, ?7) WHERE sequence = ?1",
                )
                .and_then(|mut statement| {
                    statement.execute(params![
                        sequence,
                        disabled_at,
                        disabled_by,
                        disabled_reason,
                        revoked_at,
                        revoked_by,
                        revoked_reason
                    ])
                }),
        )?;
    }
    state.peppers.extend(imported.pepper.as_ref().map(|pepper| pepper.id));
    Ok(Some((sequence, with_identity)))
}

/// Whether a token with this id is there. One with another digest under the same pepper is another token.
fn is_there(connection: &Connection, imported: &ImportedToken) -> Result<bool> {
    let found: Option<(Option<[u8; 32]>, Option<i64>)> = failure::context(
        connection.prepare_cached("SELECT digest, pepper_id FROM token WHERE id = ?1").and_then(|mut statement| {
            statement.query_row([imported.token.id.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        }),
    )?;
    match (found, imported.token.digest) {
        (None, _) => Ok(false),
        (Some((Some(bytes), pepper_id)), Some(digest)) if pepper_id == digest.pepper_id && bytes != digest.bytes => {
            Err(Error::new(ErrorCode::AlreadyExists, "Another token has this id, with another digest.").about("id"))
        }
        (Some(_), _) => Ok(true),
    }
}

/// Refuses a token whose value, or the public part of whose value, is another's.
fn refuse_taken(connection: &Connection, imported: &ImportedToken) -> Result<()> {
    if let Some(digest) = imported.token.digest {
        let taken: Option<String> = failure::context(
            connection
                .prepare_cached("SELECT id FROM token WHERE digest = ?1")
                .and_then(|mut statement| statement.query_row([digest.bytes], |row| row.get(0)).optional()),
        )?;
        if let Some(id) = taken {
            let message = format!("The store has a token with this value already, of which the id is {id}.");
            return Err(Error::new(ErrorCode::AlreadyExists, message).about("digest"));
        }
    }
    if let Some((public_part, _)) = &imported.token.salted {
        // What a value is found by must be one token's alone, so neither may be the beginning of the other.
        let is_taken: bool = failure::context(
            connection
                .prepare_cached(&format!(
                    "{BEGINNINGS} SELECT EXISTS (
                         SELECT 1 FROM token t WHERE t.profile_id = (SELECT profile_id FROM profile WHERE name_key = ?1)
                            AND t.public_part >= ?2 AND t.public_part < ?2 || char(1114111))
                      OR EXISTS (
                         SELECT 1 FROM beginning JOIN token t
                             ON t.profile_id = (SELECT profile_id FROM profile WHERE name_key = ?1)
                            AND t.public_part = substr(?2, 1, length))"
                ))
                .and_then(|mut statement| {
                    statement.query_row(params![fold_name(&imported.token.profile), public_part], |row| row.get(0))
                }),
        )?;
        if is_taken {
            let message = "Another token of the profile has this public part, or one that begins like it.";
            return Err(Error::new(ErrorCode::AlreadyExists, message).about("publicPart"));
        }
    }
    Ok(())
}

fn number_of(connection: &Connection, state: &mut ImportState, name: &Name) -> Result<Option<i64>> {
    if let Some(number) = state.identities.get(name.as_str()) {
        return Ok(Some(*number));
    }
    let found: Option<i64> = failure::context(
        connection
            .prepare_cached("SELECT identity_id FROM identity WHERE name_key = ?1 AND removed_at IS NULL")
            .and_then(|mut statement| statement.query_row([name.folded()], |row| row.get(0)).optional()),
    )?;
    state.identities.extend(found.map(|number| (name.as_str().to_owned(), number)));
    Ok(found)
}

fn make_identity(connection: &Connection, name: &Name, event: &NewAuditEvent) -> Result<i64> {
    let new = NewIdentity {
        name: name.clone(),
        roles: Vec::new(),
        password_hash: None,
        source: Some(ImportRules::SOURCE.to_owned()),
        created_at: event.at,
    };
    let identity = identities::insert(connection, &new)?;
    audit::append(
        connection,
        &NewAuditEvent {
            event: "identity.create".to_owned(),
            subject_kind: AuditSubject::Identity,
            subject: Some(identity.name),
            detail: Some(json!({ "source": ImportRules::SOURCE }).to_string()),
            ..event.clone()
        },
    )?;
    Ok(identity.id)
}

fn no_such_identity(name: &Name, subject: &'static str) -> Error {
    let message =
        format!("There is no identity named {}. Create it, or have the import create identities.", name.as_str());
    Error::new(ErrorCode::NotFound, message).about(subject)
}
