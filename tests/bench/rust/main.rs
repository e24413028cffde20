//! The benchmarks of the engine. `dotnet run tests/bench/run.cs` builds and runs these and those of the .NET library and
//! the module; by themselves: `cargo bench --bench speed -- [--quick] [hot | grant | imports | busy | growth]`.
//!
//! Every figure but two is a quotient of two measurements that were taken in turns in this one run; the memory of an import
//! and the bytes that a token takes on file are amounts. Whatever is measured is also looked at, and the run fails when it
//! is wrong.

mod busy;
mod check;
mod grant;
mod growth;
mod measure;
mod raw;
mod stores;

use std::path::PathBuf;

use measure::{Outcome, Report, require};

/// How much is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    All,
    Quick,
}

impl Extent {
    pub fn pick<T>(self, all: T, quick: T) -> T {
        match self {
            Self::All => all,
            Self::Quick => quick,
        }
    }
}

/// A folder for stores, on the disk that the project is on: what is durable in memory is no measure.
pub struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new(parent: Option<PathBuf>) -> Outcome<Self> {
        let parent = parent.unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into());
        std::fs::create_dir_all(&parent)?;
        Ok(Self(tempfile::tempdir_in(parent)?))
    }

    /// A new folder in it.
    pub fn folder(&self, name: &str) -> Outcome<PathBuf> {
        let folder = self.0.path().join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

fn main() -> Outcome<()> {
    let mut extent = Extent::All;
    let mut json = None;
    let mut parent = None;
    let mut command = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => extent = Extent::Quick,
            "--json" => json = arguments.next().map(PathBuf::from),
            "--folder" => parent = arguments.next().map(PathBuf::from),
            // Cargo's own.
            "--bench" => {}
            _ => command.push(argument),
        }
    }
    let scratch = Scratch::new(parent)?;
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    let mut report = Report::new(json.as_deref())?;
    match command.as_slice() {
        [] => {
            check::hot(&mut report, &scratch, extent)?;
            grant::all(&mut report, &scratch, extent)?;
            grant::import(&mut report, &scratch, extent)?;
            busy::all(&mut report, &scratch, extent)?;
            growth::all(&mut report, &scratch, extent)
        }
        ["hot"] => check::hot(&mut report, &scratch, extent),
        ["grant"] => grant::all(&mut report, &scratch, extent),
        ["imports"] => grant::import(&mut report, &scratch, extent),
        ["busy"] => busy::all(&mut report, &scratch, extent),
        ["growth"] => growth::all(&mut report, &scratch, extent),
        // For the benchmarks of .NET, which start this program.
        ["prepare", folder, count, known] => {
            let prepared = stores::prepare(folder.as_ref(), count.parse()?, known.parse()?)?;
            stores::prepare_peer(&prepared, count.parse()?)
        }
        ["insert-batches", count] => grant::insert_batches(&scratch, count.parse()?),
        ["hot-nanoseconds"] => {
            let engine = stores::create(&scratch.folder("hot")?.join("tokens.db"))?;
            let values = stores::grant(&engine, 1_024)?;
            println!("{}", check::nanoseconds(&engine, &values)?);
            Ok(())
        }
        // For a process that does nothing else.
        ["import", list, count] => grant::import_list(&scratch, list.as_ref(), count.parse()?),
        ["import-raw", list, count] => grant::import_raw(&scratch, list.as_ref(), count.parse()?, false),
        ["import-raw-batches", list, count] => grant::import_raw(&scratch, list.as_ref(), count.parse()?, true),
        // For instruments.
        ["repeat", what, count] => check::repeat(&scratch, what, count.parse()?),
        other => require(false, &format!("there is no command {other:?}")),
    }
}
