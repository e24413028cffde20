//! Tokens that come from elsewhere, and the digests by which they are found until their first use.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use serde_json::json;

use crate::error::{Error, ErrorCode, Result};
use crate::model::{AuditSubject, Name, NewAuditEvent, Revocation, fold_name};
use crate::store::imported::{OrdinaryToken, Packed};
use crate::store::{
    ImportBatch, ImportRules, Imported, ImportedToken, NewIdentity, NewToken, StoredDigest, TokenRecord,
};

use super::writer::Care;
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
    batch: &ImportBatch,
    first: usize,
    rules: ImportRules,
    event: &NewAuditEvent,
    care: Care,
) -> Result<Option<Imported>> {
    // What is left over for another transaction may only be what comes last in the file, so the order is that of the lines
    // when it comes to that, and for what was left over.
    let order = batch.order().filter(|_| care == Care::None && first == 0);
    let order = order.map(|order| in_order(connection, batch, order, rules)).transpose()?.flatten();
    let is_ordered = order.is_some();
    let places = order.unwrap_or_else(|| (first..batch.len()).collect());
    let inserts = RefCell::new(failure::context(Inserts::prepare(connection))?);
    let bring = |connection: &Connection, state: &mut ImportState, place: &usize| {
        let token = match batch.token(*place)? {
            Packed::Whole(token) => return import_one(connection, state, token, rules, event),
            Packed::Ordinary(token) => token,
        };
        if let Some(sequence) = inserts.borrow_mut().insert(connection, state, &token)? {
            return Ok(Some((sequence, false)));
        }
        import_one(connection, state, &batch.record(&token)?, rules, event)
    };
    let mut imported = Imported { next: first, ..Imported::default() };
    let mut sequences: Option<(i64, i64)> = None;
    for places in places.chunks(ImportBatch::PART) {
        let Some(done) = batch::each(connection, places, rules.stops_at_refusal, care, bring)? else {
            return Ok(None);
        };
        for (result, place) in done.into_iter().zip(places) {
            match result {
                Ok(None) => imported.unchanged += 1,
                Ok(Some((sequence, with_identity))) => {
                    imported.created += 1;
                    imported.identities += u64::from(with_identity);
                    sequences = Some((sequences.map_or(sequence, |(first, _)| first), sequence));
                }
                Err(refusal) => imported.refused.push((*place, refusal)),
            }
            imported.next += 1;
        }
        let ends = rules.stops_at_refusal && !imported.refused.is_empty();
        if ends || imported.refused.len() >= ImportBatch::PART {
            if is_ordered {
                return Ok(None);
            }
            break;
        }
        // Where there is an order, they are few.
        if !is_ordered && imported.identities >= ImportBatch::PART as u64 {
            break;
        }
        // Savepoints take so long that other writers would wait.
        if care == Care::Savepoints {
            break;
        }
    }
    imported.refused.sort_unstable_by_key(|(place, _)| *place);
    if let Some((first, last)) = sequences {
        let detail = json!({ "tokens": imported.created, "firstSequence": first, "lastSequence": last });
        audit::append(connection, &NewAuditEvent { detail: Some(detail.to_string()), ..event.clone() })?;
        // Their values were good elsewhere, so somebody may have presented one here before: what is remembered of unknown
        // values ends with any change, and this one is nobody's.
        failure::run(connection, "INSERT INTO change (scope, subject) VALUES ('token', 0)")?;
    }
    Ok(Some(imported))
}

/// The places of a batch in the order in which its tokens are put into the store, given that of their digests. Each token
/// comes to the same in any, but for one that names an identity which is not there: who is made has the name that the
/// first line has, and is nobody's creator before. None where so many are made that another transaction has the rest.
fn in_order<'a>(
    connection: &Connection,
    batch: &'a ImportBatch,
    order: &[usize],
    rules: ImportRules,
) -> Result<Option<Vec<usize>>> {
    if !rules.creates_identities {
        return Ok(Some(order.to_vec()));
    }
    let mut missing: HashMap<&str, bool> = HashMap::new();
    let mut is_missing = |name: &'a str| -> Result<bool> {
        if let Some(is_missing) = missing.get(name) {
            return Ok(*is_missing);
        }
        let parsed = Name::parse(name, "identity")?;
        let is_missing = number_of(connection, &mut ImportState::default(), &parsed)?.is_none();
        missing.insert(name, is_missing);
        Ok(is_missing)
    };
    let (mut first, mut others) = (Vec::new(), Vec::new());
    for &place in order {
        let (identity, creator) = match batch.token(place)? {
            Packed::Ordinary(token) => (token.identity, token.creator),
            Packed::Whole(token) => (token.identity.as_str(), token.creator.as_ref().map(Name::as_str)),
        };
        if is_missing(identity)? || creator.map_or(Ok(false), &mut is_missing)? {
            first.push(place);
        } else {
            others.push(place);
        }
    }
    if missing.into_values().filter(|is_missing| *is_missing).count() >= ImportBatch::PART {
        return Ok(None);
    }
    first.sort_unstable();
    first.extend(others);
    Ok(Some(first))
}

/// What an import has found or put into the store so far.
#[derive(Default)]
struct ImportState {
    rows: tokens::LookedUp,
    identities: HashMap<String, i64>,
    peppers: HashSet<i64>,
    /// The numbers of roles by the names of all that a token has.
    roles: HashMap<String, Vec<i64>>,
}

/// The statements that put an ordinary token into the store, prepared once.
struct Inserts<'a> {
    token: CachedStatement<'a>,
    role: CachedStatement<'a>,
}

impl<'a> Inserts<'a> {
    fn prepare(connection: &'a Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            // What is taken by another token shows in the indexes, which are walked for the insert in any case.
            token: connection.prepare_cached(
                "INSERT INTO token (id, digest, digest_kind, pepper_id, format, profile_id, identity_id, name, name_key,
                                    key_id, created_by, creator_id, created_at, not_before, expires_at, warn_after)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) ON CONFLICT DO NOTHING",
            )?,
            role: connection.prepare_cached("INSERT INTO token_role VALUES (?1, ?2)")?,
        })
    }

    /// Gives the number of the token that was put there. None where anything is not as it mostly is: then nothing was
    /// done, and [`import_one`] does what is to be done.
    fn insert(
        &mut self,
        connection: &Connection,
        state: &mut ImportState,
        token: &OrdinaryToken<'_>,
    ) -> Result<Option<i64>> {
        let Some(identity_id) = state.identities.get(token.identity) else { return Ok(None) };
        let creator_id = match token.creator.map(|creator| state.identities.get(creator)) {
            None => token.creator_id,
            Some(Some(creator)) => Some(*creator),
            Some(None) => return Ok(None),
        };
        if token.digest.pepper_id.is_some_and(|pepper_id| !state.peppers.contains(&pepper_id)) {
            return Ok(None);
        }
        let Ok(profile_id) = state.rows.profile_number(connection, token.profile) else { return Ok(None) };
        if !state.roles.contains_key(token.roles) {
            let numbers = token.role_names().map(|name| state.rows.role_number(connection, name));
            let Ok(numbers) = numbers.collect::<Result<_>>() else { return Ok(None) };
            state.roles.insert(token.roles.to_owned(), numbers);
        }
        let inserted = self.token.execute(params![
            token.id,
            token.digest.bytes,
            token.digest.kind(),
            token.digest.pepper_id,
            token.format.name(),
            profile_id,
            identity_id,
            token.name,
            token.name.map(fold_name),
            token.key_id,
            token.created_by,
            creator_id,
            token.created_at,
            token.not_before,
            token.expires_at,
            token.warn_after,
        ]);
        // What the tables do not take is found out by what looks at each part of it.
        let is_refused = inserted.as_ref().is_err_and(failure::is_constraint);
        if is_refused || failure::context(inserted)? == 0 {
            return Ok(None);
        }
        let sequence = connection.last_insert_rowid();
        for role in state.roles.get(token.roles).into_iter().flatten() {
            failure::context(self.role.execute([sequence, *role]))?;
        }
        Ok(Some(sequence))
    }
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
    // The table of peppers has it, or there would be no token with it.
    state.peppers.extend(token.digest.and_then(|digest| digest.pepper_id));
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
