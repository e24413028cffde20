//! SQLite alone: the rows that a grant writes, by prepared statements, on a connection with the settings of the store's
//! writer, with nothing checked and nobody asked.

use std::path::Path;
use std::time::Instant;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::measure::Outcome;
use crate::stores;

/// The rows of one grant, into the tables of a store that is open nowhere else.
pub struct Raw {
    connection: Connection,
    tables: Vec<Table>,
    random: u64,
}

/// One table, with rows that a real grant has written as the example.
struct Table {
    insert: String,
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
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
        let tables = examples
            .into_iter()
            .map(|(table, condition)| Table::after(&connection, table, &condition))
            .collect::<Outcome<_>>()?;
        Ok(Self { connection, tables, random: 0x9e37_79b9_7f4a_7c15 })
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
        let begun = Instant::now();
        let mut left = count;
        while left > 0 {
            self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            for _ in 0..batch.min(left) {
                self.insert_one()?;
            }
            self.connection.prepare_cached("COMMIT")?.execute([])?;
            left -= batch.min(left);
        }
        Ok(begun.elapsed().as_secs_f64())
    }

    fn insert_one(&mut self) -> Outcome<()> {
        let mut digest = [0; 32];
        for part in digest.chunks_exact_mut(8) {
            part.copy_from_slice(&self.next().to_le_bytes());
        }
        let id = format!("{:012X}", self.next() >> 16);
        self.insert_as(id, digest)
    }

    fn insert_as(&self, id: String, digest: [u8; 32]) -> Outcome<()> {
        let mut sequence = Value::Null;
        let (id, digest) = (Value::Text(id), Value::Blob(digest.to_vec()));
        for table in &self.tables {
            let mut statement = self.connection.prepare_cached(&table.insert)?;
            for row in &table.rows {
                let values = table.columns.iter().zip(row).map(|(column, example)| match column.as_str() {
                    "sequence" => &sequence,
                    "id" | "subject" => &id,
                    "digest" | "hash" => &digest,
                    _ => example,
                });
                statement.execute(params_from_iter(values))?;
            }
            // The number of the token is in what belongs to it; the record of the log has its own.
            sequence = match sequence {
                Value::Null => Value::Integer(self.connection.last_insert_rowid()),
                _ => Value::Null,
            };
        }
        Ok(())
    }

    /// Inserts tokens of these digests in their order in one transaction, and builds the indexes afterwards.
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
        for digest in digests {
            self.insert_as(hex::encode_upper(&digest[..6]), *digest)?;
        }
        for (_, sql) in &indexes {
            self.connection.execute_batch(sql)?;
        }
        self.connection.execute_batch("COMMIT")?;
        Ok(())
    }

    fn next(&mut self) -> u64 {
        // SplitMix64: what is random here need only lie anywhere.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// How many rows the tables have.
    pub fn rows(&self) -> Outcome<Vec<i64>> {
        rows(&self.connection)
    }
}

impl Table {
    fn after(connection: &Connection, table: &str, condition: &str) -> Outcome<Self> {
        let columns: Vec<String> = connection
            .prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0")?
            .query_map([table], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let names = columns.join(", ");
        let places = vec!["?"; columns.len()].join(", ");
        let rows = connection
            .prepare(&format!("SELECT {names} FROM {table} WHERE {condition}"))?
            .query_map([], |row| (0..columns.len()).map(|column| row.get(column)).collect())?
            .collect::<Result<_, _>>()?;
        Ok(Self { insert: format!("INSERT INTO {table} ({names}) VALUES ({places})"), columns, rows })
    }
}

/// How many rows the tables have that a grant writes to.
pub fn rows(connection: &Connection) -> Outcome<Vec<i64>> {
    ["token", "token_role", "audit_event"]
        .iter()
        .map(|table| Ok(connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?))
        .collect()
}
