//! How a process learns what changed, by whichever process.
//!
//! The rows of the table `change` say what changed; SQLite's `data_version`, which is another number after another
//! connection's commit, says when it is time to read them.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};

use crate::store::{Changes, Slot};

use super::counter::{self, FileId};

/// The most changes that are taken in one by one. After more of them all counts as changed.
const MAXIMUM_CHANGES: i64 = 4_096;

/// Takes in what changed.
pub(super) struct Probe {
    connection: Connection,
    data_version: i64,
    last: Option<Mark>,
    counter_file: Option<FileId>,
}

/// The last change that was taken in, by its number and what tells it from another of that number.
type Mark = (i64, i64);

impl Probe {
    /// A probe that has taken in nothing yet. `connection` is its own: it does not notice its own commits.
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, data_version: 0, last: None, counter_file: None }
    }

    /// Takes every change into `changes` that was committed before this call. Gives the file for the counter of changes
    /// that the store names.
    pub(super) fn catch_up(&mut self, changes: &Changes) -> rusqlite::Result<Option<FileId>> {
        // Read before the rows are: what is committed between the two makes it another number once more.
        let data_version = self
            .connection
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))?;
        if data_version == self.data_version {
            return Ok(self.counter_file);
        }
        match self.changes_since()? {
            Some((_, slots)) if slots.is_empty() => {}
            Some((last, slots)) => {
                self.last = Some(last);
                changes.take_in(slots);
            }
            None => {
                self.last = Some(newest(&self.connection)?);
                changes.take_in([Slot::ALL]);
            }
        }
        self.counter_file = counter::named_file(&self.connection)?;
        self.data_version = data_version;
        Ok(self.counter_file)
    }

    /// The slots of all that changed since the last change that was taken in, and the last one now. None when the rows
    /// do not tell: there are too many, some are gone, or they are others than they were.
    fn changes_since(&self) -> rusqlite::Result<Option<(Mark, Vec<Slot>)>> {
        let Some(mut last) = self.last else { return Ok(None) };
        let mut statement = self.connection.prepare_cached(
            "SELECT change_number, mark, scope, subject FROM change
             WHERE change_number >= ?1 ORDER BY change_number LIMIT ?2",
        )?;
        // One statement sees one state of the store. It begins with the row that was the last.
        let mut rows = statement.query([last.0, MAXIMUM_CHANGES + 2])?;
        if last != NONE && rows.next()?.map(mark).transpose()? != Some(last) {
            return Ok(None);
        }
        let begin = last.0;
        let mut slots = Vec::new();
        while let Some(row) = rows.next()? {
            let next = mark(row)?;
            if next.0 != last.0 + 1 || next.0 > begin + MAXIMUM_CHANGES {
                return Ok(None);
            }
            slots_of(row, &mut slots)?;
            last = next;
        }
        Ok(Some((last, slots)))
    }
}

/// Where there is no change yet.
const NONE: Mark = (0, 0);

fn mark(row: &Row<'_>) -> rusqlite::Result<Mark> {
    Ok((row.get(0)?, row.get(1)?))
}

fn newest(connection: &Connection) -> rusqlite::Result<Mark> {
    connection
        .prepare_cached("SELECT change_number, mark FROM change ORDER BY change_number DESC LIMIT 1")?
        .query_row([], mark)
        .optional()
        .map(|found| found.unwrap_or(NONE))
}

fn slots_of(row: &Row<'_>, slots: &mut Vec<Slot>) -> rusqlite::Result<()> {
    let scope = row.get_ref(2)?.as_str()?;
    match (scope, row.get_ref(3)?) {
        ("token", ValueRef::Integer(sequence)) => slots.push(Slot::token(sequence)),
        ("identity", ValueRef::Integer(number)) => slots.extend([Slot::identity(number), Slot::EPOCHS]),
        ("profile", ValueRef::Integer(number)) => slots.extend([Slot::profile(number), Slot::EPOCHS]),
        ("key", subject @ ValueRef::Text(_)) => slots.extend([Slot::key(subject.as_str()?), Slot::KEYS, Slot::EPOCHS]),
        // Also what this program would not have written.
        _ => slots.push(Slot::ALL),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::schema;

    struct Fixture {
        _folder: tempfile::TempDir,
        writing: Connection,
        probe: Probe,
        changes: Changes,
    }

    fn fixture() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.db");
        let mut writing = Connection::open(&path).unwrap();
        schema::migrate(&mut writing).unwrap();
        super::super::configure(&writing).unwrap();
        writing
            .execute_batch(
                "INSERT INTO identity (identity_id, name, name_key, created_at) VALUES (1, 'a', 'A', 0), (2, 'b', 'B', 0);
                 INSERT INTO store VALUES (1, 'id', 'issuer', x'00', 0);
                 INSERT INTO organization VALUES (1, 'o', 'O', 0), (3, 'p', 'P', 0);
                 INSERT INTO signing_key (key_sequence, key_id, algorithm, private_sealed, created_at)
                     VALUES (1, 'k', 'HS256', x'00', 0);
                 INSERT INTO pepper (pepper_id, key_check, created_at) VALUES (1, x'00', 0);",
            )
            .unwrap();
        for sequence in 1..=4 {
            grant(&writing, sequence);
        }
        writing
            .execute_batch(
                "INSERT INTO token_role VALUES (1, 3); INSERT INTO token_tag VALUES (1, 'x');
                 INSERT INTO token_organization VALUES (1, 1);",
            )
            .unwrap();
        let mut probe = Probe::new(Connection::open(&path).unwrap());
        let changes = Changes::default();
        probe.catch_up(&changes).unwrap();
        Fixture { _folder: folder, writing, probe, changes }
    }

    fn grant(connection: &Connection, sequence: i64) {
        connection
            .execute(
                "INSERT INTO token (sequence, id, salted_digest, public_part, format, profile_id, identity_id, created_by,
                                    created_at)
                 VALUES (?1, ?2, 'x', ?2, 'Opaque', 1, 1, 'a', 0)",
                rusqlite::params![sequence, format!("t{sequence}")],
            )
            .unwrap();
    }

    impl Fixture {
        /// What of all that there is `sql` makes old, by any connection.
        fn made_old(&mut self, sql: &str) -> Vec<&'static str> {
            let before = self.number();
            self.writing.execute_batch(sql).unwrap();
            let after = self.number();
            let all = [
                ("all", Slot::ALL),
                ("token 1", Slot::token(1)),
                ("token 2", Slot::token(2)),
                ("token 3", Slot::token(3)),
                ("identity 1", Slot::identity(1)),
                ("identity 2", Slot::identity(2)),
                ("profile 1", Slot::profile(1)),
                ("key k", Slot::key("k")),
                ("key l", Slot::key("l")),
                ("keys", Slot::KEYS),
            ];
            let old: Vec<_> = match self.changes.is_current(&[], before) {
                false => vec!["all"],
                true => {
                    let old = |slot: &Slot| !self.changes.is_current(&[*slot], before);
                    all.into_iter().filter(|(_, slot)| old(slot)).map(|(name, _)| name).collect()
                }
            };
            assert!(after > before || old.is_empty(), "{sql}");
            assert!(all.iter().all(|(_, slot)| self.changes.is_current(&[*slot], after)), "{sql}");
            old
        }

        fn number(&mut self) -> u64 {
            self.probe.catch_up(&self.changes).unwrap();
            self.changes.number()
        }
    }

    #[test]
    fn each_change_makes_old_what_rests_on_it_and_no_more() {
        const CASES: &[(&str, &str)] = &[
            ("UPDATE token SET revoked_at = 1 WHERE sequence = 1", "token 1"),
            ("UPDATE token SET disabled_at = 1 WHERE sequence = 2", "token 2"),
            ("UPDATE token SET conditions = '{}' WHERE sequence = 2", "token 2"),
            ("UPDATE token_role SET role_id = 2 WHERE sequence = 1", "token 1"),
            ("UPDATE token_role SET sequence = 3 WHERE sequence = 1", "token 1,token 3"),
            ("UPDATE token_role SET sequence = 1 WHERE sequence = 3", "token 1,token 3"),
            ("UPDATE token_tag SET tag = 'y' WHERE sequence = 1", "token 1"),
            ("UPDATE token_organization SET organization_id = 3 WHERE sequence = 1", "token 1"),
            ("DELETE FROM token_role WHERE sequence = 1", "token 1"),
            ("DELETE FROM token_tag WHERE sequence = 1", "token 1"),
            ("DELETE FROM token_organization WHERE sequence = 1", "token 1"),
            ("UPDATE token SET predecessor = 1 WHERE sequence = 2", "token 1,token 2"),
            ("UPDATE token SET rotation_stage = 'Waiting' WHERE sequence = 2", "token 1,token 2"),
            ("UPDATE token SET predecessor = 3 WHERE sequence = 2", "token 1,token 2,token 3"),
            ("DELETE FROM token WHERE sequence = 3", "token 2,token 3"),
            ("DELETE FROM token WHERE sequence = 2", "token 2,token 3"),
            ("INSERT INTO epoch VALUES ('identity', '2', 9, 1, 'a', NULL)", "identity 2"),
            ("INSERT INTO epoch VALUES ('profile', '1', 9, 1, 'a', NULL)", "profile 1"),
            ("INSERT INTO epoch VALUES ('key', 'k', 9, 1, 'a', NULL)", "key k,keys"),
            ("INSERT INTO epoch VALUES ('all', '', 9, 1, 'a', NULL)", "all"),
            ("DELETE FROM epoch WHERE scope = 'profile'", "all"),
            ("UPDATE identity SET removed_at = 1 WHERE identity_id = 2", "identity 2"),
            ("UPDATE identity SET name = 'x' WHERE identity_id = 2", "identity 2"),
            ("INSERT INTO identity_role VALUES (2, 1)", "identity 2"),
            ("DELETE FROM identity_role WHERE identity_id = 2", "identity 2"),
            ("INSERT INTO organization_member VALUES (1, 2, 0)", "identity 2"),
            ("UPDATE organization_member SET is_administrator = 1", "identity 2"),
            ("DELETE FROM organization_member", "identity 2"),
            ("UPDATE signing_key SET revoked_at = 1", "key k,keys"),
            (
                "INSERT INTO signing_key (key_id, algorithm, private_sealed, created_at) VALUES ('l', 'HS256', x'00', 0)",
                "key l,keys",
            ),
            ("DELETE FROM signing_key WHERE key_id = 'k'", "key k,keys"),
            ("UPDATE profile SET settings = '{}' WHERE profile_id = 2", "all"),
            ("INSERT INTO profile VALUES (9, 'p', 'P', 0, '{}', 0)", "all"),
            ("DELETE FROM profile WHERE profile_id = 9", "all"),
            ("INSERT INTO role VALUES (9, 'r', 'R', 0)", "all"),
            ("INSERT INTO role_inclusion VALUES (9, 3)", "all"),
            ("DELETE FROM role_inclusion WHERE role_id = 9", "all"),
            ("DELETE FROM role WHERE role_id = 9", "all"),
            ("UPDATE organization SET name = 'n'", "all"),
            ("DELETE FROM organization", "all"),
            ("INSERT INTO pepper (pepper_id, key_check, created_at) VALUES (2, x'00', 0)", "all"),
            ("UPDATE store SET issuer = 'other'", "all"),
            // What no check rests on.
            ("UPDATE identity SET password_hash = 'x'", ""),
            ("INSERT INTO identity (name, name_key, created_at) VALUES ('c', 'C', 0)", ""),
            ("INSERT INTO organization VALUES (2, 'q', 'Q', 0)", ""),
            ("INSERT INTO token_usage VALUES (1, 1, 1, NULL)", ""),
            ("UPDATE token_usage SET uses = 2", ""),
            ("INSERT INTO idempotency VALUES ('a', 'k', x'00', 1, 0)", ""),
        ];
        let mut fixture = fixture();
        for (sql, expected) in CASES {
            assert_eq!(fixture.made_old(sql).join(","), *expected, "{sql}");
        }
        let before = fixture.number();
        grant(&fixture.writing, 10);
        assert_eq!(fixture.number(), before, "a grant is news to nobody who has asked before");
        fixture.writing.execute("UPDATE token SET predecessor = 1 WHERE sequence = 10", []).unwrap();
        assert_eq!(fixture.number(), before + 1);
        assert!(!fixture.changes.is_current(&[Slot::token(1)], before));
    }

    #[test]
    fn when_the_rows_do_not_tell_all_counts_as_changed() {
        let mut fixture = fixture();
        // Very many.
        let many = |count: i64| {
            format!(
                "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {count})
                 INSERT INTO change (scope, subject) SELECT 'token', 2 FROM n"
            )
        };
        assert_eq!(fixture.made_old(&many(MAXIMUM_CHANGES)), ["token 2"]);
        assert_eq!(fixture.made_old(&many(MAXIMUM_CHANGES + 1)), ["all"]);
        // So many that some are gone.
        assert_eq!(fixture.made_old(&many(30_000)), ["all"]);
        let kept: i64 = fixture.writing.query_row("SELECT count(*) FROM change", [], |row| row.get(0)).unwrap();
        assert!((10_000..12_000).contains(&kept), "{kept}");
        assert_eq!(fixture.made_old("UPDATE token SET revoked_at = 1 WHERE sequence = 1"), ["token 1"]);
        // Others than they were: the file's past is another.
        assert_eq!(
            fixture.made_old(
                "UPDATE change SET mark = mark + 1 WHERE change_number = (SELECT max(change_number) FROM change)"
            ),
            ["all"]
        );
        assert_eq!(fixture.made_old("DELETE FROM change"), ["all"]);
        assert_eq!(fixture.made_old("UPDATE token SET revoked_at = 1 WHERE sequence = 2"), ["token 2"]);
        assert_eq!(fixture.made_old("INSERT INTO change (scope, subject) VALUES ('token', 'x')"), ["all"]);
    }
}
