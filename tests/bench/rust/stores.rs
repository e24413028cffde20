//! Stores to measure on: some tokens granted for real, and as many others around them as wanted, put in by SQL.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tessera_native::crypto::digest;
use tessera_native::policy::Lifetime;
use tessera_native::service::{Engine, GrantRequest, OpenOptions};

use crate::measure::{Outcome, require};

/// The name of a store's file in its folder.
const STORE: &str = "tokens.db";
/// The values of the tokens that were granted for real, one a line.
const VALUES: &str = "values.txt";
/// A table of as many tokens as a program by hand would have it.
const PEER: &str = "peer.db";
/// Callers at once while a store is filled; the writer makes their grants durable together.
const GRANTERS: usize = 32;

/// A store with what is known of it.
pub struct Prepared {
    folder: PathBuf,
    /// The values of the tokens that were granted for real, in no order.
    pub values: Vec<Vec<u8>>,
}

impl Prepared {
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn path(&self) -> PathBuf {
        self.folder.join(STORE)
    }
}

pub fn open(path: &Path) -> Outcome<Engine> {
    Ok(Engine::open(OpenOptions { path: path.to_owned(), create: true, ..Default::default() })?)
}

/// A new store with the identity for which everything here is granted.
pub fn create(path: &Path) -> Outcome<Engine> {
    let engine = open(path)?;
    engine.owner().create_identity("Adam", &["Operator".to_owned()], None)?;
    Ok(engine)
}

pub fn request() -> GrantRequest {
    GrantRequest {
        identity: "Adam".to_owned(),
        name: Some("nightly".to_owned()),
        roles: Some(vec!["Reader".to_owned()]),
        lifetime: Lifetime::Seconds(30 * 86_400),
        ..Default::default()
    }
}

/// Grants `count` tokens, as many callers at once; gives their values.
pub fn grant(engine: &Engine, count: usize) -> Outcome<Vec<Vec<u8>>> {
    let request = request();
    let granted = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..GRANTERS)
            .map(|granter| {
                let request = &request;
                let count = count / GRANTERS + usize::from(granter < count % GRANTERS);
                scope.spawn(move || {
                    let grant = || engine.owner().grant(request).map(|grant| grant.value.as_bytes().to_vec());
                    (0..count).map(|_| grant()).collect::<Result<Vec<_>, _>>()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join()).collect::<Vec<_>>()
    });
    let mut values = Vec::with_capacity(count);
    for part in granted {
        values.extend(part.map_err(|_| "A thread that grants has panicked.")??);
    }
    Ok(values)
}

/// Makes a store of `count` tokens in `folder`, of which every `count / known`-th was granted for real.
pub fn prepare(folder: &Path, count: i64, known: usize) -> Outcome<Prepared> {
    std::fs::create_dir_all(folder)?;
    let prepared = Prepared { folder: folder.to_owned(), values: Vec::new() };
    let engine = create(&prepared.path())?;
    let values = grant(&engine, known)?;
    drop(engine);
    fill(&prepared.path(), count, count / known as i64)?;
    std::fs::write(folder.join(VALUES), values.join(&b'\n'))?;
    Ok(Prepared { values, ..prepared })
}

/// Tokens that differ from one that was granted in nothing but their number, id and digest. Both go up with the number,
/// which fills indexes much faster than the order of chance, and the tokens that were granted lie evenly among them.
fn fill(path: &Path, count: i64, stride: i64) -> Outcome<()> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;
         PRAGMA foreign_keys = OFF; PRAGMA cache_size = -262144; PRAGMA temp_store = MEMORY;
         PRAGMA threads = 2;",
    )?;
    // What can be built afterwards is, and nothing runs for each row; neither is named here, so that both may change.
    let later: Vec<(String, String, String)> = connection
        .prepare(
            "SELECT type, name, sql FROM sqlite_schema
             WHERE sql IS NOT NULL AND tbl_name IN ('token', 'token_role') AND type IN ('index', 'trigger')",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (kind, name, _) in &later {
        connection.execute_batch(&format!("DROP {kind} {name}"))?;
    }
    connection.execute_batch(&format!(
        "BEGIN;
         CREATE TEMP TABLE template AS SELECT * FROM token ORDER BY sequence LIMIT 1;
         CREATE TEMP TABLE template_role AS SELECT * FROM token_role WHERE sequence = (SELECT sequence FROM template);
         UPDATE token SET sequence = -sequence * {stride};
         UPDATE token SET sequence = -sequence;
         UPDATE token_role SET sequence = -sequence * {stride};
         UPDATE token_role SET sequence = -sequence;"
    ))?;
    let columns = |table: &str| -> Outcome<Vec<String>> {
        // 0: an ordinary column, not a generated one.
        let mut statement = connection.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0")?;
        Ok(statement.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?)
    };
    let numbers = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         SELECT {{}} FROM n, temp.{{}} t WHERE i % {stride} <> 0"
    );
    for (table, template) in [("token", "template"), ("token_role", "template_role")] {
        let columns = columns(table)?;
        let values: Vec<String> = columns
            .iter()
            .map(|column| match column.as_str() {
                "sequence" => "i".to_owned(),
                "id" => "printf('%012X', i)".to_owned(),
                "digest" => {
                    format!(
                        "CAST(unhex(printf('%012X', i * {})) || randomblob(26) AS BLOB)",
                        (1_i64 << 48) / (count + 1)
                    )
                }
                other => format!("t.{other}"),
            })
            .collect();
        let select = numbers.replacen("{}", &values.join(", "), 1).replacen("{}", template, 1);
        connection.execute_batch(&format!("INSERT INTO {table} ({}) {select};", columns.join(", ")))?;
    }
    for (_, _, sql) in &later {
        connection.execute_batch(sql)?;
    }
    connection.execute_batch(
        "UPDATE sqlite_sequence SET seq = (SELECT max(sequence) FROM token) WHERE name = 'token';
         DROP TABLE temp.template; DROP TABLE temp.template_role; COMMIT;",
    )?;
    let filled: i64 = connection.query_row("SELECT count(*) FROM token", [], |row| row.get(0))?;
    require(filled == count, "the store has another number of tokens")
}

/// Makes a table of `count` tokens by the SHA-256 of their values, those of the store among them.
pub fn prepare_peer(prepared: &Prepared, count: i64) -> Outcome<()> {
    let mut connection = Connection::open(prepared.folder.join(PEER))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144;
         CREATE TABLE token (token_id INTEGER PRIMARY KEY, digest BLOB NOT NULL, identity TEXT NOT NULL,
                             roles TEXT NOT NULL, expires_at INTEGER, revoked_at INTEGER) STRICT;",
    )?;
    let stride = count / prepared.values.len() as i64;
    let transaction = connection.transaction()?;
    transaction.execute_batch(&format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         INSERT INTO token SELECT i, randomblob(32), 'Adam', 'Reader', 4102444800, NULL FROM n WHERE i % {stride} <> 0;"
    ))?;
    for (number, value) in prepared.values.iter().enumerate() {
        transaction
            .prepare_cached("INSERT INTO token VALUES (?1, ?2, 'Adam', 'Reader', 4102444800, NULL)")?
            .execute((stride * (number as i64 + 1), digest::sha256(value)))?;
    }
    transaction.execute_batch("CREATE UNIQUE INDEX token_by_digest ON token (digest);")?;
    transaction.commit()?;
    Ok(())
}

/// Values to check in an order in which neighbours are no neighbours on file.
pub fn shuffled(values: &[Vec<u8>]) -> Vec<&[u8]> {
    let mut shuffled: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
    shuffled.sort_by_key(|value| digest::sha256(value));
    shuffled
}
