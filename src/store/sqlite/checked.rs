//! The row of a token, as a check that has not read it before needs it.
//!
//! Most of what a check wants to know beside the token's own row is the same for very many tokens: names, roles, profiles,
//! what its identity has. It is kept for as long as [`Changes`] says that it holds, so that one short statement is left: what
//! there is little of by each reading connection, the identities by all together.

use std::collections::HashMap;
use std::sync::Arc;

use quick_cache::sync::Cache;
use rusqlite::{Connection, OptionalExtension, Row};

use crate::model::Revocation;
use crate::store::{Changes, Member, Slot, TokenRecord};

use super::text::split;
use super::tokens;

/// The most identities that are kept. When there are more, those that are wanted least go.
const MAXIMUM_IDENTITIES: usize = 16_384;

/// As the statement of [`tokens::by_digest`], column for column. Empty is what [`Kept`] has; numbers stand for the names of
/// roles. Lists come in any order: for one that is ordered SQLite opens a table in memory, which takes as long as all the
/// rest.
///
/// A view of each reading connection's own, so that the text by which the statement is found each time is short.
pub(super) const VIEW: &str = "CREATE TEMP VIEW checked AS SELECT t.sequence,t.id,t.name,'',t.format,\
(SELECT group_concat(role_id) FROM token_role WHERE sequence=t.sequence),\
(SELECT group_concat(tag,char(10)) FROM token_tag WHERE sequence=t.sequence),\
t.remark,t.key_id,t.audiences,t.created_by,t.created_at,t.not_before,t.expires_at,\
t.revoked_at,t.revoked_by,t.revoked_reason,'',0,t.conditions,t.uses_left,t.has_organization_list,\
iif(t.has_organization_list,(SELECT group_concat(o.name,',' ORDER BY o.name_key) FROM token_organization l \
JOIN organization o USING(organization_id) WHERE l.sequence=t.sequence),NULL),\
t.is_decoy,iif(t.parent IS NULL,NULL,(SELECT id FROM token WHERE sequence=t.parent)),t.warn_after,\
(SELECT last_used_at FROM token_usage WHERE sequence=t.sequence),t.disabled_at,t.disabled_by,t.disabled_reason,\
iif(t.predecessor IS NULL,NULL,(SELECT id FROM token WHERE sequence=t.predecessor)),\
(SELECT id FROM token WHERE predecessor=t.sequence AND rotation_stage IS NOT 'Prepared'),\
t.rotation_stage,t.retires_at,t.retired_by,\
t.identity_id,0,NULL,NULL,t.creator_id,0,NULL,NULL,t.digest,t.pepper_id,t.salted_digest,t.value_sealed,\
t.awaits_first_use,t.alerted_at IS NOT NULL,t.public_part,t.profile_id FROM token t";

const SELECT: &str = "SELECT * FROM temp.checked WHERE digest=?1";

/// The identities that are kept, by their numbers, for all connections on a store.
pub(super) struct Identities(Cache<i64, (u64, Arc<KnownIdentity>)>);

impl Default for Identities {
    fn default() -> Self {
        Self(Cache::new(MAXIMUM_IDENTITIES))
    }
}

/// What a reading connection keeps. Each has the number of the change as of which it was read.
pub(super) struct Kept {
    names: (u64, Names),
    keys: (u64, HashMap<String, Revocation>),
    has_epochs: (u64, bool),
    identities: Arc<Identities>,
}

/// What every token may name.
#[derive(Default)]
struct Names {
    /// The roles by their numbers: the place of the name among all, and the name.
    roles: HashMap<i64, (usize, String)>,
    /// The profiles by their numbers: the name, and whether what is expired counts as revoked.
    profiles: HashMap<i64, (String, bool)>,
}

struct KnownIdentity {
    name: String,
    member: Member,
}

/// The token with this digest, by what was kept and still holds after `changes`, which are up to date. The connection sees
/// all of them up to `number`.
pub(super) fn by_digest(
    connection: &Connection,
    kept: &mut Kept,
    changes: &Changes,
    number: u64,
    digest: &[u8; 32],
) -> rusqlite::Result<Option<TokenRecord>> {
    let found = connection.prepare_cached(SELECT)?.query_row([digest], tokens::record).optional()?;
    let Some(mut record) = found else { return Ok(None) };
    if kept.complete(connection, changes, number, &mut record)? {
        return Ok(Some(record));
    }
    // It names what was not there yet when the names were read.
    tokens::by_digest(connection, digest)
}

impl Kept {
    /// Nothing yet, but what others keep of identities.
    pub(super) fn new(identities: Arc<Identities>) -> Self {
        Self { names: Default::default(), keys: Default::default(), has_epochs: Default::default(), identities }
    }

    #[cfg(test)]
    pub(super) fn identities(&self) -> Arc<Identities> {
        Arc::clone(&self.identities)
    }

    /// Fills in what a record lacks. None of it is older than what the changes are up to; what came since makes whatever is
    /// kept of the record old. What is read is kept with `number`, since the connection may see nothing that came after it.
    /// Whether everything was found.
    fn complete(
        &mut self,
        connection: &Connection,
        changes: &Changes,
        number: u64,
        record: &mut TokenRecord,
    ) -> rusqlite::Result<bool> {
        if !changes.is_current(&[], self.names.0) {
            self.names = (number, Names::read(connection)?);
        }
        let names = &self.names.1;
        let Some((profile, expired_is_revoked)) = names.profiles.get(&record.profile_id) else { return Ok(false) };
        let token = &mut record.token;
        token.tags.sort_unstable();
        (token.profile, token.expired_is_revoked) = (profile.clone(), *expired_is_revoked);
        let mut roles = Vec::with_capacity(token.roles.len());
        for role in &token.roles {
            let Some(found) = role.parse().ok().and_then(|role_id| names.roles.get(&role_id)) else { return Ok(false) };
            roles.push(found);
        }
        roles.sort_unstable_by_key(|role| role.0);
        token.roles = roles.into_iter().map(|role| role.1.clone()).collect();

        let Some(identity) = self.identity(connection, changes, number, record.identity_id)? else { return Ok(false) };
        record.token.identity.clone_from(&identity.name);
        record.identity = identity.member.clone();
        if let Some(creator_id) = record.creator_id {
            let Some(creator) = self.identity(connection, changes, number, creator_id)? else { return Ok(false) };
            record.creator = Some(creator.member.clone());
        }
        if record.token.revocation.is_none() {
            record.token.revocation = self.revocation(connection, changes, number, record)?;
        }
        Ok(true)
    }

    fn identity(
        &self,
        connection: &Connection,
        changes: &Changes,
        number: u64,
        identity_id: i64,
    ) -> rusqlite::Result<Option<Arc<KnownIdentity>>> {
        if let Some((as_of, identity)) = self.identities.0.get(&identity_id)
            && changes.is_current(&[Slot::identity(identity_id)], as_of)
        {
            return Ok(Some(identity));
        }
        let Some(identity) = KnownIdentity::read(connection, identity_id)?.map(Arc::new) else { return Ok(None) };
        self.identities.0.insert(identity_id, (number, Arc::clone(&identity)));
        Ok(Some(identity))
    }

    /// What revokes a token that is not revoked by itself: its key, or else the first epoch that it falls under.
    fn revocation(
        &mut self,
        connection: &Connection,
        changes: &Changes,
        number: u64,
        record: &TokenRecord,
    ) -> rusqlite::Result<Option<Revocation>> {
        if let Some(key_id) = &record.token.key_id {
            if !changes.is_current(&[Slot::KEYS], self.keys.0) {
                self.keys = (number, revoked_keys(connection)?);
            }
            if let Some(revocation) = self.keys.1.get(key_id) {
                return Ok(Some(revocation.clone()));
            }
        }
        if !changes.is_current(&[Slot::EPOCHS], self.has_epochs.0) {
            let has_epochs = connection.prepare_cached("SELECT 1 FROM epoch LIMIT 1")?.exists([])?;
            self.has_epochs = (number, has_epochs);
        }
        if !self.has_epochs.1 {
            return Ok(None);
        }
        connection
            .prepare_cached(
                "SELECT revoked_at, revoked_by, revoked_reason FROM epoch WHERE up_to_sequence >= ?1
                    AND (scope, subject) IN (VALUES ('all', ''), ('identity', CAST(?2 AS TEXT)),
                                                    ('profile', CAST(?3 AS TEXT)), ('key', ?4))
                 ORDER BY revoked_at, scope LIMIT 1",
            )?
            .query_row((record.token.sequence, record.identity_id, record.profile_id, &record.token.key_id), |row| {
                revocation(row, 0)
            })
            .optional()
    }
}

fn revocation(row: &Row<'_>, first: usize) -> rusqlite::Result<Revocation> {
    let by: Option<String> = row.get(first + 1)?;
    Ok(Revocation { at: row.get(first)?, by: by.unwrap_or_default(), reason: row.get(first + 2)? })
}

fn revoked_keys(connection: &Connection) -> rusqlite::Result<HashMap<String, Revocation>> {
    connection
        .prepare_cached(
            "SELECT key_id, revoked_at, revoked_by, revoked_reason FROM signing_key WHERE revoked_at IS NOT NULL",
        )?
        .query_map([], |row| Ok((row.get(0)?, revocation(row, 1)?)))?
        .collect()
}

impl Names {
    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let roles = connection
            .prepare_cached("SELECT role_id, name FROM role ORDER BY name_key")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .enumerate()
            .map(|(place, role)| role.map(|(role_id, name): (i64, String)| (role_id, (place, name))))
            .collect::<rusqlite::Result<_>>()?;
        let profiles = connection
            .prepare_cached("SELECT profile_id, name, expired_is_revoked FROM profile")?
            .query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Self { roles, profiles })
    }
}

impl KnownIdentity {
    fn read(connection: &Connection, identity_id: i64) -> rusqlite::Result<Option<Self>> {
        connection
            .prepare_cached(
                "SELECT i.name, i.removed_at IS NOT NULL,
                        (SELECT group_concat(r.name, ',' ORDER BY r.name_key)
                           FROM identity_role JOIN role r USING (role_id) WHERE identity_id = i.identity_id),
                        (SELECT group_concat(o.name, ',' ORDER BY o.name_key)
                           FROM organization_member JOIN organization o USING (organization_id)
                           WHERE identity_id = i.identity_id)
                 FROM identity i WHERE i.identity_id = ?1",
            )?
            .query_row([identity_id], |row| {
                let is_removed = row.get(1)?;
                let organizations = if is_removed { Vec::new() } else { split(row.get_ref(3)?.as_str_or_null()?, ',') };
                Ok(Self {
                    name: row.get(0)?,
                    member: Member { roles: split(row.get_ref(2)?.as_str_or_null()?, ','), organizations, is_removed },
                })
            })
            .optional()
    }
}

#[cfg(test)]
mod tests {
    use super::super::SqliteStore;
    use super::*;
    use crate::store::Store;

    /// Everything that a token can name and that can end it, in as many ways as one statement can vary.
    const TOKENS: &str = "
        INSERT INTO identity (identity_id, name, name_key, created_at, removed_at)
            VALUES (1, 'Adam', 'ADAM', 0, NULL), (2, 'Eve', 'EVE', 0, NULL), (3, 'Gone', 'GONE', 0, 5);
        INSERT INTO role (role_id, name, name_key, built_in) VALUES (11, 'b', 'B', 0), (12, 'a', 'A', 0);
        INSERT INTO identity_role VALUES (1, 11), (1, 12), (2, 3);
        INSERT INTO organization VALUES (1, 'o', 'O', 0), (2, 'n', 'N', 0);
        INSERT INTO organization_member VALUES (1, 1, 0), (2, 1, 0), (1, 3, 1);
        INSERT INTO profile VALUES (20, 'short', 'SHORT', 0, '{\"expiredIsRevoked\":1}', 0);
        INSERT INTO signing_key (key_id, algorithm, private_sealed, created_at, revoked_at, revoked_by, revoked_reason)
            VALUES ('good', 'HS256', x'00', 0, NULL, NULL, NULL), ('bad', 'HS256', x'00', 0, 3, 'x', 'leaked');
        INSERT INTO pepper (pepper_id, key_check, created_at) VALUES (1, x'00', 0);
        WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 48)
        INSERT INTO token (sequence, id, digest, digest_kind, pepper_id, format, profile_id, identity_id, name, name_key,
                           remark, key_id, audiences, conditions, has_organization_list, is_decoy, created_by, creator_id,
                           parent, created_at, not_before, expires_at, uses_left, disabled_at, revoked_at, revoked_by,
                           predecessor, rotation_stage, retires_at, awaits_first_use, alerted_at)
        SELECT i, printf('%012d', i), CAST(zeroblob(31) || char(i) AS BLOB), 'hmac-sha-256', 1, 'Opaque', iif(i % 5, 1, 20),
               1 + i % 3, 'name', 'NAME', iif(i % 2, 'remark', NULL), CASE i % 7 WHEN 1 THEN 'good' WHEN 2 THEN 'bad' END,
               iif(i % 4, NULL, '[\"x\"]'), iif(i % 3, NULL, '{\"methods\":[\"GET\"]}'), i % 4 = 1, i = 9, 'someone',
               CASE i % 4 WHEN 0 THEN NULL ELSE 1 + (i + 1) % 3 END, iif(i % 6, NULL, i - 1), i, iif(i % 8, NULL, i), 100 + i,
               iif(i % 9, NULL, 3), iif(i % 10, NULL, 4), iif(i % 11, NULL, 7), iif(i % 11, NULL, 'y'),
               iif(i % 12, NULL, i - 2), iif(i % 24, NULL, 'Prepared'), iif(i % 13, NULL, 50), i % 2, iif(i % 14, NULL, 1)
        FROM n;
        INSERT INTO token_role SELECT sequence, 11 FROM token WHERE sequence % 2;
        INSERT INTO token_role SELECT sequence, 12 FROM token WHERE sequence % 3;
        INSERT INTO token_tag SELECT sequence, 'tag' FROM token WHERE sequence % 4;
        INSERT INTO token_tag SELECT sequence, 'also' FROM token WHERE sequence % 5;
        INSERT INTO token_organization SELECT sequence, 1 FROM token WHERE sequence % 8 = 1;
        INSERT INTO token_organization SELECT sequence, 2 FROM token WHERE sequence % 3 = 1;
        INSERT INTO token_usage SELECT sequence, 77, 1, NULL FROM token WHERE sequence % 2;";

    /// What changes some of it, beside what only the token's own row says.
    const CHANGES: &[&str] = &[
        "UPDATE identity SET name = 'Adam II', name_key = 'ADAM II' WHERE identity_id = 1",
        "DELETE FROM identity_role WHERE identity_id = 1 AND role_id = 11",
        "DELETE FROM organization_member WHERE identity_id = 1 AND organization_id = 2",
        "UPDATE identity SET removed_at = 9 WHERE identity_id = 2",
        "UPDATE role SET name = 'z', name_key = 'Z' WHERE role_id = 12",
        "UPDATE organization SET name = 'p', name_key = 'P' WHERE organization_id = 2",
        "UPDATE profile SET settings = '{}' WHERE profile_id = 20",
        "INSERT INTO epoch VALUES ('identity', '1', 20, 30, 'e1', 'why')",
        "INSERT INTO epoch VALUES ('profile', '20', 30, 20, 'e2', NULL)",
        "INSERT INTO epoch VALUES ('key', 'good', 40, 25, 'e3', NULL)",
        "UPDATE signing_key SET revoked_at = 8, revoked_by = 'k' WHERE key_id = 'good'",
        "DELETE FROM signing_key WHERE key_id = 'bad'",
        "INSERT INTO epoch VALUES ('all', '', 45, 60, 'e4', NULL)",
        "INSERT INTO role VALUES (13, 'c', 'C', 0); INSERT INTO token_role VALUES (1, 13)",
        "DELETE FROM token_role WHERE role_id = 11; DELETE FROM identity_role WHERE role_id = 11;
         DELETE FROM role WHERE role_id = 11",
        "DELETE FROM epoch",
    ];

    fn digest(sequence: u8) -> [u8; 32] {
        let mut digest = [0; 32];
        digest[31] = sequence;
        digest
    }

    /// All of a record, as text.
    fn shown(record: Option<TokenRecord>) -> String {
        let Some(record) = record else { return "none".to_owned() };
        let digest = record.digest.map(|digest| (digest.bytes, digest.pepper_id));
        format!(
            "{:?} {} {} {:?} {:?} {:?} {:?} {digest:?} {:?} {:?} {:?} {} {}",
            record.token,
            record.profile_id,
            record.identity_id,
            record.identity,
            record.creator,
            record.creator_id,
            record.conditions,
            record.salted_digest,
            record.public_part,
            record.value_sealed,
            record.awaits_first_use,
            record.is_alerted
        )
    }

    #[test]
    fn it_is_what_one_statement_over_all_tables_gives() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("tokens.db"), true).unwrap();
        let write = |sql: &'static str| {
            store.write(move |connection| super::super::failure::context(connection.execute_batch(sql))).unwrap();
        };
        let assert_same = |after: &str| {
            let mut found = 0;
            for sequence in 0..=50 {
                let whole = store.read(|connection| tokens::by_digest(connection, &digest(sequence))).unwrap();
                found += usize::from(whole.is_some());
                // Twice: as it is read, and by what was kept.
                for _ in 0..2 {
                    let lean = store.token_by_digest(&digest(sequence)).unwrap();
                    assert_eq!(shown(lean), shown(whole.clone()), "{sequence} after {after}");
                }
            }
            assert_eq!(found, 48);
        };
        write(TOKENS);
        assert_same("the tokens");
        for change in CHANGES {
            write(change);
            assert_same(change);
        }
    }

    #[test]
    fn what_is_kept_of_identities_has_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("tokens.db"), true).unwrap();
        let sql = format!(
            "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {})
             INSERT INTO identity (identity_id, name, name_key, created_at) SELECT i, i, i, 0 FROM n",
            MAXIMUM_IDENTITIES + 10
        );
        store.write(move |connection| super::super::failure::context(connection.execute_batch(&sql))).unwrap();
        store.change_number().unwrap();
        // All connections have the same ones.
        let identities = store.readers().unwrap().identities();
        assert!(identities.iter().all(|other| Arc::ptr_eq(other, &identities[0])));
        let identities = &identities[0];
        let number = store.changes.number();
        let kept = Kept::new(Arc::clone(identities));
        for identity_id in 1..=MAXIMUM_IDENTITIES as i64 + 10 {
            let read = |connection: &Connection| kept.identity(connection, &store.changes, number, identity_id);
            assert_eq!(store.read(read).unwrap().unwrap().name, identity_id.to_string());
            assert!(identities.0.len() <= MAXIMUM_IDENTITIES);
        }
        assert!(identities.0.len() > MAXIMUM_IDENTITIES / 2);
    }
}
