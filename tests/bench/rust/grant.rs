//! Granting and importing, each durable before it returns, against SQLite alone with the same rows.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use rusqlite::Connection;
use tessera_native::crypto::digest;
use tessera_native::format::transfer::TransferForm;
use tessera_native::service::{Engine, ImportEvent, ImportOptions};
use tessera_native::store::ImportBatch;

use crate::measure::{Goal, Outcome, Report, Row, Side, Spread, quotients, require};
use crate::raw::{self, Raw};
use crate::stores;
use crate::{Extent, Scratch};

const RAW: &str = "SQLite alone: the same rows, audit included, prepared statements, the same settings";
const BATCH: usize = 100;
const THREADS: usize = 8;

/// Grants `count` tokens one after the other; gives the seconds that this took.
fn grant(engine: &Engine, count: usize) -> Outcome<f64> {
    let request = stores::request();
    let begun = Instant::now();
    for _ in 0..count {
        engine.owner().grant(&request)?;
    }
    Ok(begun.elapsed().as_secs_f64())
}

/// The same by threads that each wait for their own, `count` in all.
fn grant_at_once(engine: &Engine, count: usize) -> Outcome<f64> {
    let begun = Instant::now();
    let results = std::thread::scope(|scope| {
        let grant = || grant(engine, count / THREADS).map_err(|error| error.to_string());
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(grant)).collect();
        threads.into_iter().map(|thread| thread.join()).collect::<Vec<_>>()
    });
    for result in results {
        result.map_err(|_| "A thread that grants has panicked.")??;
    }
    Ok(begun.elapsed().as_secs_f64())
}

/// The same in batches, each of which is one call and one transaction.
fn grant_in_batches(engine: &Engine, count: usize) -> Outcome<f64> {
    let requests = vec![(stores::request(), None); BATCH];
    let begun = Instant::now();
    for _ in 0..count / BATCH {
        for grant in engine.owner().grant_many(&requests)? {
            require(grant?.value.is_some(), "a grant has no value")?;
        }
    }
    Ok(begun.elapsed().as_secs_f64())
}

/// All rows about grants. One after the other, by threads, and in batches.
pub fn all(report: &mut Report, scratch: &Scratch, extent: Extent) -> Outcome<()> {
    let folder = scratch.folder("grant")?;
    let path = folder.join("tokens.db");
    let engine = stores::create(&path)?;
    stores::grant(&engine, 1)?;
    let mut raw = Raw::create(&folder)?;

    let single = extent.pick(400, 80);
    let rounds = extent.pick(9, 3);
    let (mut one, mut plain, mut threads) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        one.push(single as f64 / grant(&engine, single)?);
        plain.push(single as f64 / raw.insert(single, 1)?);
        threads.push(single as f64 / grant_at_once(&engine, single)?);
    }
    report.add(&Row {
        id: "grant-one",
        what: "Rust: grant, durable, one at a time".to_owned(),
        peer: RAW.to_owned(),
        figure: quotients(&one, &plain),
        unit: "of the rate",
        goal: Some(Goal::AtLeast(0.8)),
        ours: Side::of("a second", one.clone()),
        theirs: Side::of("a second", plain),
        notes: Vec::new(),
    })?;
    report.add(&Row {
        id: "grant-threads",
        what: format!("Rust: grant, durable, {THREADS} threads at once"),
        peer: "the same on one thread".to_owned(),
        figure: quotients(&threads, &one),
        unit: "times the rate",
        goal: Some(Goal::AtLeast(3.0)),
        ours: Side::of("a second", threads),
        theirs: Side::of("a second", one),
        notes: Vec::new(),
    })?;
    let count = extent.pick(4_000, 400);
    let (mut batches, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        batches.push(count as f64 / grant_in_batches(&engine, count)?);
        plain.push(count as f64 / raw.insert(count, BATCH)?);
    }
    report.add(&Row {
        id: "grant-batches",
        what: format!("Rust: grant in batches of {BATCH}, durable"),
        peer: format!("{RAW}, in batches of {BATCH}"),
        figure: quotients(&batches, &plain),
        unit: "of the rate",
        goal: Some(Goal::AtLeast(0.6)),
        ours: Side::of("a second", batches),
        theirs: Side::of("a second", plain),
        notes: Vec::new(),
    })?;
    // Both have written the same, or one of them has been measured at something else.
    drop(engine);
    let (ours, theirs) = (raw::rows(&Connection::open(&path)?)?, raw.rows()?);
    let (single, batched) = ((single * rounds) as i64, (count * rounds) as i64);
    require(
        ours[0] == 1 + 2 * single + batched
            && theirs[0] == 1 + single + batched
            && ours[1] == ours[0]
            && theirs[1] == theirs[0],
        "the grants have written other rows than SQLite alone",
    )?;
    require(ours[2] - ours[0] == theirs[2] - theirs[0], "the grants have written other records than SQLite alone")
}

/// Inserts tokens in batches as durably, by SQLite alone, in a process that does nothing else; prints the seconds.
pub fn insert_batches(scratch: &Scratch, count: usize) -> Outcome<()> {
    let mut raw = Raw::create(&scratch.folder("raw")?)?;
    // So that it is warm, as what it is compared with.
    raw.insert(BATCH, BATCH)?;
    println!("{}", raw.insert(count, BATCH)?);
    Ok(())
}

fn digest_of(number: usize) -> [u8; 32] {
    digest::sha256(format!("old_{number}").as_bytes())
}

/// Imports tokens by the SHA-256 of their values. Each measurement is a process of its own, because memory is
/// measured too.
pub fn import(report: &mut Report, scratch: &Scratch, extent: Extent) -> Outcome<()> {
    let count: usize = extent.pick(1_000_000, 20_000);
    let folder = scratch.folder("import")?;
    let list = folder.join("list.jsonl");
    let mut file = BufWriter::new(File::create(&list)?);
    for number in 0..count {
        let digest = hex::encode(digest_of(number));
        writeln!(
            file,
            "{{\"identity\":\"Adam\",\"name\":\"token {number}\",\"roles\":[\"Reader\"],\
             \"foreignDigest\":\"{digest}\",\"expiresAt\":4102444800}}"
        )?;
    }
    file.into_inner().map_err(|error| error.into_error())?.sync_all()?;

    let (mut ours, mut theirs, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    let mut batches = Vec::new();
    for _ in 0..extent.pick(2, 2) {
        let measure = |what: &str| -> Outcome<Vec<f64>> {
            let output = Command::new(std::env::current_exe()?)
                .args(["--folder".as_ref(), folder.as_os_str(), what.as_ref(), list.as_os_str()])
                .arg(count.to_string())
                .output()?;
            eprint!("{}", String::from_utf8_lossy(&output.stderr));
            require(output.status.success(), "an import failed")?;
            let printed = String::from_utf8(output.stdout)?;
            Ok(printed.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
        };
        let imported = measure("import")?;
        ours.push(count as f64 / imported[0]);
        memory.extend(imported.get(1));
        theirs.push(count as f64 / measure("import-raw")?[0]);
        batches.push(count as f64 / measure("import-raw-batches")?[0]);
    }
    std::fs::remove_dir_all(&folder)?;
    let peer = "SQLite alone: the same digests, sorted as their ids are, in one transaction, the indexes built after";
    report.add(&Row {
        id: "import",
        what: format!("Rust: import of {count} digests, durable"),
        peer: peer.to_owned(),
        figure: quotients(&ours, &theirs),
        unit: "of the rate",
        goal: Some(Goal::AtLeast(0.7)),
        ours: Side::of("a second", ours),
        theirs: Side::of("a second", theirs.clone()),
        notes: vec![
            "beside the peer's rows: the file is read, the rules are asked, and each batch has its audit record"
                .to_owned(),
        ],
    })?;
    report.add(&Row {
        id: "import-batches",
        what: format!(
            "SQLite alone: the same digests in transactions of {}, sorted within each, their ids in no order as an \
             import's are, with the indexes in use",
            ImportBatch::MAXIMUM_TOKENS
        ),
        peer: peer.to_owned(),
        figure: quotients(&batches, &theirs),
        unit: "of the rate",
        goal: None,
        // Not Tessera's.
        ours: None,
        theirs: Side::of("a second", theirs),
        notes: vec![format!(
            "{:.0} a second; it leaves the store to others between the transactions, as an import does",
            Spread::of(batches).median
        )],
    })?;
    if memory.is_empty() {
        return Ok(());
    }
    report.add(&Row {
        id: "import-memory",
        what: format!("Rust: import of {count} digests: the most memory of the whole process"),
        peer: "none".to_owned(),
        figure: Spread::of(memory),
        unit: "MB",
        goal: Some(Goal::AtMost(300.0)),
        ours: None,
        theirs: None,
        notes: Vec::new(),
    })
}

/// A new store into which tokens can be imported.
fn importable(path: &Path) -> Outcome<Engine> {
    let engine = stores::create(path)?;
    engine.owner().create_profile("Legacy", None, r#"{"foreignPrefix":"old_"}"#)?;
    Ok(engine)
}

fn read(engine: &Engine, list: &Path) -> Outcome<u64> {
    let options = ImportOptions {
        form: TransferForm::JsonLines,
        profile: Some("Legacy".to_owned()),
        passphrase: None,
        creates_identities: false,
        stops_at_bad_line: true,
    };
    let mut bad = None;
    let report = engine.owner().import(BufReader::new(File::open(list)?), &options, &mut |event| {
        if let ImportEvent::BadLine(line) = event {
            bad = Some(line.error);
        }
        ControlFlow::Continue(())
    })?;
    bad.map_or(Ok(report.counts.created), |error| Err(error.into()))
}

/// Imports a list; prints the seconds, and the most memory in megabytes where the system tells it.
pub fn import_list(scratch: &Scratch, list: &Path, count: usize) -> Outcome<()> {
    let engine = importable(&scratch.folder("imported")?.join("tokens.db"))?;
    let begun = Instant::now();
    let created = read(&engine, list)?;
    let seconds = begun.elapsed().as_secs_f64();
    require(created == count as u64, "the import has brought over another number of tokens")?;
    let value = format!("old_{}", count / 2);
    let verdict = engine.validate(value.as_bytes(), tessera_native::policy::AccessContext::default());
    require(verdict.outcome == tessera_native::model::Outcome::Valid, "a token that was imported is refused")?;
    println!("{seconds} {}", peak_megabytes().map_or_else(String::new, |megabytes| megabytes.to_string()));
    Ok(())
}

/// Inserts tokens of the same digests by SQLite alone, all at once or in batches as large as those of an import; prints the
/// seconds.
pub fn import_raw(scratch: &Scratch, list: &Path, count: usize, in_batches: bool) -> Outcome<()> {
    let folder = scratch.folder("raw-import")?;
    let path = folder.join("raw.db");
    let engine = importable(&path)?;
    // The example: the first token of the list, whose digest no other may have.
    let first = std::fs::read_to_string(list)?.lines().next().unwrap_or_default().to_owned();
    let one = folder.join("one.jsonl");
    std::fs::write(&one, first)?;
    require(read(&engine, &one)? == 1, "the first token of the list could not be imported")?;
    drop(engine);
    let mut raw = Raw::open(&path, false)?;
    let mut digests: Vec<[u8; 32]> = (1..count).map(digest_of).collect();
    let begun = Instant::now();
    if in_batches {
        raw.insert_in_batches(&mut digests, ImportBatch::MAXIMUM_TOKENS)?;
    } else {
        digests.sort_unstable();
        raw.insert_all(&digests)?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    require(raw.rows()?[..2] == [count as i64, count as i64], "SQLite alone has inserted another number of rows")?;
    println!("{seconds}");
    Ok(())
}

/// The most memory that this process has had in real pages so far, where the system says so.
fn peak_megabytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse::<f64>().ok().map(|kilobytes| kilobytes * 1_024.0 / 1e6)
}
