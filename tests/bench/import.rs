//! How fast tokens are imported and in how much memory, beside what SQLite alone does with the same rows:
//! `cargo run --release --example measure-import [tokens]`.

use std::error::Error;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use rusqlite::{Connection, params};
use tessera_native::crypto::digest;
use tessera_native::format::transfer::TransferForm;
use tessera_native::service::{Engine, ImportEvent, ImportOptions, OpenOptions};

/// A list of tokens by the SHA-256 of their values, of which one line is in memory at a time.
struct Lines {
    next: u64,
    count: u64,
    line: Vec<u8>,
    position: usize,
}

impl Lines {
    fn new(count: u64) -> Self {
        Self { next: 0, count, line: Vec::new(), position: 0 }
    }
}

fn digest_of(number: u64) -> [u8; 32] {
    digest::sha256(format!("old_{number}").as_bytes())
}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position == self.line.len() {
            if self.next == self.count {
                return Ok(0);
            }
            let digest = hex::encode(digest_of(self.next));
            let number = self.next;
            self.line = format!(
                "{{\"identity\":\"Adam\",\"name\":\"token {number}\",\"roles\":[\"Reader\"],\"foreignDigest\":\"{digest}\",\"expiresAt\":4102444800}}\n"
            )
            .into_bytes();
            (self.position, self.next) = (0, number + 1);
        }
        let read = (&self.line[self.position..]).read(buffer)?;
        self.position += read;
        Ok(read)
    }
}

/// The most memory that this process has had in real pages so far, in kilobytes, where the system says so.
fn peak_kilobytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

fn open(path: &Path) -> Result<Engine, Box<dyn Error>> {
    let engine = Engine::open(OpenOptions { path: path.to_owned(), create: true, ..Default::default() })?;
    engine.owner().create_identity("Adam", &["Reader".to_owned()], None)?;
    engine.owner().create_profile("Legacy", None, r#"{"foreignPrefix":"old_"}"#)?;
    Ok(engine)
}

fn import(engine: &Engine, count: u64) -> Result<f64, Box<dyn Error>> {
    let options = ImportOptions {
        form: TransferForm::JsonLines,
        profile: Some("Legacy".to_owned()),
        passphrase: None,
        creates_identities: false,
        stops_at_bad_line: false,
    };
    let begun = Instant::now();
    let report = engine.owner().import(Lines::new(count), &options, &mut |event| {
        if let ImportEvent::BadLine(line) = event {
            eprintln!("line {}: {}", line.line, line.error);
        }
        ControlFlow::Continue(())
    })?;
    assert_eq!(report.counts.created + report.counts.unchanged, count);
    Ok(begun.elapsed().as_secs_f64())
}

/// The same rows into the same tables with the same indexes and as durably, a thousand a transaction, with nothing
/// checked and nobody asked.
fn insert_plainly(path: &Path, count: u64) -> Result<f64, Box<dyn Error>> {
    let mut connection = Connection::open(path)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    let begun = Instant::now();
    for batch in 0..count.div_ceil(1_000) {
        let transaction = connection.transaction()?;
        for number in batch * 1_000..((batch + 1) * 1_000).min(count) {
            let bytes = digest_of(number);
            let id = hex::encode(&bytes[..6]);
            transaction
                .prepare_cached(
                    "INSERT INTO token (id, digest, digest_kind, format, profile_id, identity_id, name, name_key,
                                        created_by, created_at, expires_at)
                     VALUES (?1, ?2, 'sha-256', 'Opaque', 7, 1, ?3, ?4, 'local owner', 1700000000, 4102444800)",
                )?
                .execute(params![id, bytes, format!("token {number}"), format!("TOKEN {number}")])?;
            transaction
                .prepare_cached("INSERT INTO token_role VALUES (?1, 3)")?
                .execute([transaction.last_insert_rowid()])?;
        }
        transaction.commit()?;
    }
    Ok(begun.elapsed().as_secs_f64())
}

fn main() -> Result<(), Box<dyn Error>> {
    let count = std::env::args().nth(1).map_or(Ok(1_000_000), |count| count.parse())?;
    let folder = tempfile::tempdir()?;
    let told = |what: &str, seconds: f64| {
        println!("{what}: {count} tokens in {seconds:.1} s, {:.0} a second", count as f64 / seconds);
    };
    let engine = open(&folder.path().join("imported.db"))?;
    let before = peak_kilobytes();
    told("import", import(&engine, count)?);
    if let (Some(before), Some(after)) = (before, peak_kilobytes()) {
        println!("memory: at most {} MB in the process, {} MB before", after / 1_024, before / 1_024);
    }
    told("the same again, which changes nothing", import(&engine, count)?);
    drop(engine);

    let path = folder.path().join("plain.db");
    drop(open(&path)?);
    told("SQLite alone", insert_plainly(&path, count)?);
    Ok(())
}
