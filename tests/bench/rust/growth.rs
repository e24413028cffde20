//! What becomes of the hot and the cold check, of a page and of a grant when a store grows.

use std::time::Instant;

use rusqlite::{Connection, OpenFlags};
use tessera_native::format::opaque;
use tessera_native::model::{Outcome as Verdict, TokenFilter};
use tessera_native::service::Engine;

use crate::check;
use crate::measure::{Goal, Outcome, Report, Row, Side, Spread, quotients, require};
use crate::stores::{self, Prepared, shuffled};
use crate::{Extent, Scratch};

/// How many tokens of each store were granted for real.
const KNOWN: usize = 1_000;
/// How many of these make the store's pages warm before others are checked for the first time.
const WARMING: usize = 500;
const PAGE: u32 = 50;

/// What was measured of a thing on a store.
type Measured = fn(&Grown) -> &Vec<f64>;

/// A store of one size with what was measured on it, round by round.
struct Grown {
    count: i64,
    prepared: Prepared,
    /// By what the store finds the tokens that were granted, in the order in which they are checked.
    digests: Vec<Vec<u8>>,
    bytes_per_token: f64,
    hot: Vec<f64>,
    cold: Vec<f64>,
    least: Vec<f64>,
    least_left_open: Vec<f64>,
    first_page: Vec<f64>,
    any_page: Vec<f64>,
    grant: Vec<f64>,
}

impl Grown {
    fn measure(&mut self, extent: Extent) -> Outcome<()> {
        let engine = stores::open(&self.prepared.path())?;
        let values = shuffled(&self.prepared.values);
        let seconds = |values: &[&[u8]]| -> Outcome<f64> {
            let begun = Instant::now();
            let valid = values.iter().filter(|value| is_valid(&engine, value)).count();
            let seconds = begun.elapsed().as_secs_f64();
            require(valid == values.len(), "a granted token is refused")?;
            Ok(seconds * 1e9 / values.len() as f64)
        };
        seconds(&values[..WARMING])?;
        self.cold.push(seconds(&values[WARMING..])?);
        self.least.push(self.look_ups(false)?);
        self.least_left_open.push(self.look_ups(true)?);
        let turns: Vec<f64> = (0..extent.pick(50, 10)).map(|_| seconds(&values)).collect::<Outcome<_>>()?;
        self.hot.push(Spread::of(turns).median);

        let pages = extent.pick(100, 20);
        self.first_page.push(self.pages(&engine, &vec![0; pages])?);
        // Places all over the store, none of them asked for before.
        let round = self.any_page.len() as i64;
        let last = (self.count - i64::from(PAGE)).max(1);
        let places: Vec<i64> =
            (0..pages as i64).map(|page| (page * 7_919 + round * 104_729) * 15_485_863 % last).collect();
        self.any_page.push(self.pages(&engine, &places)?);

        let count = extent.pick(100, 20);
        let request = stores::request();
        let begun = Instant::now();
        for _ in 0..count {
            engine.owner().grant(&request)?;
        }
        self.grant.push(begun.elapsed().as_secs_f64() * 1e9 / f64::from(count));
        Ok(())
    }

    /// How long it takes SQLite alone to look up one column of a token by its digest for the first time, with
    /// `cell_size_check`, `mmap_size` and `cache_size` as the store's readers have them, in nanoseconds for one; in one
    /// transaction, or in one each.
    fn look_ups(&self, in_one: bool) -> Outcome<f64> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(self.prepared.path(), flags)?;
        connection.execute_batch("PRAGMA cell_size_check = TRUE; PRAGMA mmap_size = 0; PRAGMA cache_size = -16384")?;
        let mut statement = connection.prepare("SELECT expires_at FROM token WHERE digest = ?1")?;
        if in_one {
            connection.execute_batch("BEGIN")?;
        }
        let mut nanoseconds = |digests: &[Vec<u8>]| -> Outcome<f64> {
            let begun = Instant::now();
            let mut found = 0;
            for digest in digests {
                let expires_at: i64 = statement.query_row([digest], |row| row.get(0))?;
                found += usize::from(expires_at > 0);
            }
            require(found == digests.len(), "a token is not found")?;
            Ok(begun.elapsed().as_secs_f64() * 1e9 / digests.len() as f64)
        };
        nanoseconds(&self.digests[..WARMING])?;
        nanoseconds(&self.digests[WARMING..])
    }

    /// How long the pages after these places take, in nanoseconds for one.
    fn pages(&self, engine: &Engine, places: &[i64]) -> Outcome<f64> {
        let begun = Instant::now();
        let mut listed = 0;
        for place in places {
            let filter = TokenFilter { after: Some(*place), limit: PAGE, ..TokenFilter::default() };
            let page = engine.owner().tokens(&filter)?;
            require(page.first().is_some_and(|token| token.sequence > *place), "a page is another one")?;
            listed += page.len();
        }
        let nanoseconds = begun.elapsed().as_secs_f64() * 1e9 / places.len() as f64;
        require(listed == PAGE as usize * places.len(), "a page is not full")?;
        Ok(nanoseconds)
    }
}

/// By what the store finds these values.
fn digests(connection: &Connection, values: &[&[u8]]) -> Outcome<Vec<Vec<u8>>> {
    let mut statement = connection.prepare("SELECT digest FROM token WHERE id = ?1")?;
    values
        .iter()
        .map(|value| {
            let id = opaque::parse(value).ok_or("a value has another form")?.id;
            Ok(statement.query_row([id.as_str()], |row| row.get(0))?)
        })
        .collect()
}

fn is_valid(engine: &Engine, value: &[u8]) -> bool {
    check::outcome(engine, value) == Verdict::Valid
}

/// The bytes of the pages that hold tokens and whatever belongs to them, indexes included. Neither the audit log, which
/// tells of more than tokens, nor usage, which a token has none of before it is used.
fn bytes_per_token(connection: &Connection) -> Outcome<f64> {
    let bytes: f64 = connection.query_row(
        "SELECT CAST(sum(pgsize) AS REAL) FROM dbstat
         WHERE aggregate = TRUE AND name IN (SELECT name FROM sqlite_schema
             WHERE tbl_name NOT LIKE 'audit_%' AND tbl_name NOT LIKE 'token_usage%')",
        [],
        |row| row.get(0),
    )?;
    let tokens: f64 = connection.query_row("SELECT CAST(count(*) AS REAL) FROM token", [], |row| row.get(0))?;
    Ok(bytes / tokens)
}

pub fn all(report: &mut Report, scratch: &Scratch, extent: Extent) -> Outcome<()> {
    let counts = extent.pick(vec![1_000, 100_000, 1_000_000, 10_000_000], vec![1_000, 20_000, 100_000]);
    let mut stores = Vec::new();
    for count in counts {
        let begun = Instant::now();
        let prepared = stores::prepare(&scratch.folder(&format!("growth-{count}"))?, count, KNOWN)?;
        println!("A store of {count} tokens was made in {:.1} s.", begun.elapsed().as_secs_f64());
        let connection = Connection::open(prepared.path())?;
        let bytes_per_token = bytes_per_token(&connection)?;
        let digests = digests(&connection, &shuffled(&prepared.values))?;
        let (hot, cold, first_page) = (Vec::new(), Vec::new(), Vec::new());
        let (any_page, grant, least, least_left_open) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        stores.push(Grown {
            count,
            prepared,
            digests,
            bytes_per_token,
            hot,
            cold,
            least,
            least_left_open,
            first_page,
            any_page,
            grant,
        });
    }
    for _ in 0..extent.pick(7, 3) {
        for store in &mut stores {
            store.measure(extent)?;
        }
    }
    let (smallest, largest) = (&stores[0], &stores[stores.len() - 1]);
    let named = |count: i64| match count {
        count if count >= 1_000_000 => format!("{} million", count / 1_000_000),
        count => format!("{} thousand", count / 1_000),
    };
    // What has no goal is the least that a cold check must do, and is not Tessera's.
    let rows: [(&'static str, &str, Measured, Option<f64>); 6] = [
        ("growth-hot", "Rust: hot check", |store| &store.hot, Some(1.1)),
        ("growth-cold", "Rust: cold check", |store| &store.cold, Some(2.0)),
        (
            "growth-least",
            "SQLite alone: one column of a token by its digest, a transaction each,",
            |store| &store.least,
            None,
        ),
        (
            "growth-least-open",
            "SQLite alone: one column of a token by its digest, all in one transaction,",
            |store| &store.least_left_open,
            None,
        ),
        ("growth-list", "Rust: first page of 50", |store| &store.first_page, Some(2.0)),
        ("growth-grant", "Rust: grant, durable, one at a time", |store| &store.grant, Some(1.5)),
    ];
    for (id, what, of, goal) in rows {
        let sizes = stores.iter().map(|store| {
            format!("{}: {:.2} µs", named(store.count), Spread::of(of(store).iter().copied()).median / 1e3)
        });
        report.add(&Row {
            id,
            what: format!("{what} at {} tokens on file", named(largest.count)),
            peer: format!("the same at {}", named(smallest.count)),
            figure: quotients(of(largest), of(smallest)),
            unit: "of the time",
            goal: goal.map(Goal::AtMost),
            ours: goal.and_then(|_| Side::of("ns", of(largest).iter().copied())),
            theirs: Side::of("ns", of(smallest).iter().copied()),
            notes: vec![sizes.collect::<Vec<_>>().join(", ")],
        })?;
    }
    report.add(&Row {
        id: "list-depth",
        what: format!("Rust: a page of 50 anywhere among {} tokens", named(largest.count)),
        peer: "the first page".to_owned(),
        figure: quotients(&largest.any_page, &largest.first_page),
        unit: "of the time",
        goal: Some(Goal::AtMost(2.0)),
        ours: Side::of("ns", largest.any_page.iter().copied()),
        theirs: Side::of("ns", largest.first_page.iter().copied()),
        notes: Vec::new(),
    })?;
    let granted = granted_one_by_one(scratch, extent)?;
    // Tokens that came in the order of chance fill the pages of the indexes by two thirds, those that were put in by SQL wholly.
    let most = largest.bytes_per_token.max(granted);
    report.add(&Row {
        id: "bytes-per-token",
        what: "Bytes a token takes on file, indexes included, audit and usage aside".to_owned(),
        peer: "none".to_owned(),
        figure: Spread { median: most, low: most, high: most },
        unit: "bytes",
        goal: Some(Goal::AtMost(300.0)),
        ours: None,
        theirs: None,
        notes: vec![format!(
            "{:.0} where {} were put in by SQL in the order of their digests, {granted:.0} where tokens were granted",
            largest.bytes_per_token,
            named(largest.count)
        )],
    })?;
    for store in stores {
        std::fs::remove_dir_all(store.prepared.folder())?;
    }
    Ok(())
}

/// The bytes of a token in a store in which each was granted for real.
fn granted_one_by_one(scratch: &Scratch, extent: Extent) -> Outcome<f64> {
    let folder = scratch.folder("granted")?;
    let path = folder.join("tokens.db");
    let engine = stores::create(&path)?;
    stores::grant(&engine, extent.pick(100_000, 5_000))?;
    drop(engine);
    let bytes = bytes_per_token(&Connection::open(path)?)?;
    std::fs::remove_dir_all(folder)?;
    Ok(bytes)
}
