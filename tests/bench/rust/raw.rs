//! SQLite alone: the rows that a grant writes, by prepared statements, on a connection with the settings of the store's
//! writer, with nothing checked and nobody asked.

use std::path::Path;
use std::time::Instant;

use rusqlite::types::Value;
use rusqlite::{CachedStatement, Connection};

use crate::measure::Outcome;
use crate::stores;

/// The rows of one grant, into the tables of a store that is open nowhere else.
pub struct Raw {
    connection: Connection,
    /// That of the token first.
    rows: Vec<Row>,
    random: u64,
}

/// A row after the example of one that a real grant has written. Places are those of the statement, from 1.
struct Row {
    insert: String,
    same: Vec<(usize, Value)>,
    own: Vec<(usize, Own)>,
}

/// What no two tokens have in common.
#[derive(Clone, Copy)]
enum Own {
    /// The number that the token's row was given.
    Sequence,
    Id,
    Digest,
}

impl Raw {
    /// After the example of the first token in a store at `path`. `audited`: with the record of its grant.
    pub fn open(path: &Path, audited: bool) -> Outcome<Self> {
        let connection = Connection::open(path)?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = TRUE;
             PRAGMA checkpoint_fullfsync = TRUE; PRAGMA foreign_keys = TRUE; PRAGMA temp_store = MEMORY;
             PRAGMA cache_size = -65536; PRAGMA cell_size_check = TRUE; PRAGMA mmap_size = 0;
             PRAGMA journal_size_limit = 67108864;",
        )?;
        let first = "(SELECT min(sequence) FROM token)";
        let mut examples = vec![
            ("token", format!("sequence = {first}")),
            ("token_role", format!("sequence = {first}")),
            (
                "audit_event",
                format!("event = 'token.grant' AND subject = (SELECT id FROM token WHERE sequence = {first})"),
            ),
        ];
        examples.truncate(if audited { 3 } else { 2 });
        let mut rows = Vec::new();
        for (table, condition) in examples {
            rows.extend(Row::after(&connection, table, &condition)?);
        }
        Ok(Self { connection, rows, random: 0x9e37_79b9_7f4a_7c15 })
    }

    /// A store of its own in `folder` with one token, and SQLite alone on it.
    pub fn create(folder: &Path) -> Outcome<Self> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join("raw.db");
        let engine = stores::create(&path)?;
        stores::grant(&engine, 1)?;
        drop(engine);
        Self::open(&path, true)
    }

    /// Inserts `count` tokens, `batch` a transaction, each of which is durable; gives the seconds that this took.
    pub fn insert(&mut self, count: usize, batch: usize) -> Outcome<f64> {
        let mut begin = self.connection.prepare_cached("BEGIN IMMEDIATE")?;
        let mut commit = self.connection.prepare_cached("COMMIT")?;
        let mut inserts = Inserts::prepare(&self.connection, &self.rows)?;
        let begun = Instant::now();
        let mut left = count;
        while left > 0 {
            begin.execute([])?;
            for _ in 0..batch.min(left) {
                let mut digest = [0; 32];
                for part in digest.chunks_exact_mut(8) {
                    part.copy_from_slice(&next(&mut self.random).to_le_bytes());
                }
                inserts.insert(&format!("{:012X}", next(&mut self.random) >> 16), &digest)?;
            }
            commit.execute([])?;
            left -= batch.min(left);
        }
        Ok(begun.elapsed().as_secs_f64())
    }

    /// Inserts tokens of these digests in their order in one transaction, and builds the indexes afterwards. Their ids lie in
    /// the order of the digests, which costs the least.
    pub fn insert_all(&mut self, digests: &[[u8; 32]]) -> Outcome<()> {
        let indexes: Vec<(String, String)> = self
            .connection
            .prepare(
                "SELECT name, sql FROM sqlite_schema
                 WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ('token', 'token_role')",
            )?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        for (name, _) in &indexes {
            self.connection.execute_batch(&format!("DROP INDEX {name}"))?;
        }
        let mut inserts = Inserts::prepare(&self.connection, &self.rows)?;
        for digest in digests {
            inserts.insert(&hex::encode_upper(&digest[..6]), digest)?;
        }
        drop(inserts);
        for (_, sql) in &indexes {
            self.connection.execute_batch(sql)?;
        }
        self.connection.execute_batch("COMMIT")?;
        Ok(())
    }

    /// Inserts tokens of these digests, `batch` a transaction, each of which is durable and leaves the store as usable as it
    /// was: with the indexes in use. Each transaction's are sorted; their ids lie in no order, as an import's do.
    pub fn insert_in_batches(&mut self, digests: &mut [[u8; 32]], batch: usize) -> Outcome<()> {
        let mut inserts = Inserts::prepare(&self.connection, &self.rows)?;
        for batch in digests.chunks_mut(batch) {
            batch.sort_unstable();
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            for digest in &*batch {
                inserts.insert(&hex::encode_upper(&digest[6..12]), digest)?;
            }
            self.connection.execute_batch("COMMIT")?;
        }
        Ok(())
    }

    /// How many rows the tables have.
    pub fn rows(&self) -> Outcome<Vec<i64>> {
        rows(&self.connection)
    }
}

/// The statements of the rows, prepared, with what is the same in all tokens bound once.
struct Inserts<'a> {
    connection: &'a Connection,
    rows: Vec<(CachedStatement<'a>, &'a [(usize, Own)])>,
}

impl<'a> Inserts<'a> {
    fn prepare(connection: &'a Connection, rows: &'a [Row]) -> Outcome<Self> {
        let mut prepared = Vec::new();
        for row in rows {
            let mut statement = connection.prepare_cached(&row.insert)?;
            for (place, value) in &row.same {
                statement.raw_bind_parameter(*place, value)?;
            }
            prepared.push((statement, row.own.as_slice()));
        }
        Ok(Self { connection, rows: prepared })
    }

    /// Inserts the rows of one token.
    fn insert(&mut self, id: &str, digest: &[u8; 32]) -> Outcome<()> {
        let mut sequence = None;
        for (statement, own) in &mut self.rows {
            for (place, what) in *own {
                match what {
                    Own::Sequence => statement.raw_bind_parameter(*place, sequence)?,
                    Own::Id => statement.raw_bind_parameter(*place, id)?,
                    Own::Digest => statement.raw_bind_parameter(*place, digest)?,
                }
            }
            statement.raw_execute()?;
            sequence = sequence.or_else(|| Some(self.connection.last_insert_rowid()));
        }
        Ok(())
    }
}

impl Row {
    /// After the example of each row of the table for which the condition holds.
    fn after(connection: &Connection, table: &str, condition: &str) -> Outcome<Vec<Self>> {
        let columns: Vec<String> = connection
            .prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0")?
            .query_map([table], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let names = columns.join(", ");
        let places = vec!["?"; columns.len()].join(", ");
        // As many texts as rows, or the connection would keep one statement for several of them.
        let insert = |number| format!("INSERT INTO {table} ({names}) VALUES ({places}) -- {number}");
        let mut select = connection.prepare(&format!("SELECT {names} FROM {table} WHERE {condition}"))?;
        let mut examples = select.query([])?;
        let mut rows = Vec::new();
        while let Some(example) = examples.next()? {
            let mut row = Self { insert: insert(rows.len()), same: Vec::new(), own: Vec::new() };
            for (index, column) in columns.iter().enumerate() {
                let place = index + 1;
                match column.as_str() {
                    "sequence" if table == "token_role" => row.own.push((place, Own::Sequence)),
                    // Given by the table itself.
                    "sequence" => row.same.push((place, Value::Null)),
                    "id" | "subject" => row.own.push((place, Own::Id)),
                    "digest" | "hash" => row.own.push((place, Own::Digest)),
                    _ => row.same.push((place, example.get(index)?)),
                }
            }
            rows.push(row);
        }
        Ok(rows)
    }
}

fn next(random: &mut u64) -> u64 {
    // SplitMix64: what is random here need only lie anywhere.
    *random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*random ^ (*random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// How many rows the tables have that a grant writes to.
pub fn rows(connection: &Connection) -> Outcome<Vec<i64>> {
    ["token", "token_role", "audit_event"]
        .iter()
        .map(|table| Ok(connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?))
        .collect()
}
