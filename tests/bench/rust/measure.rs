//! What a benchmark measured: rows of a table, each with a figure, its spread and its goal.

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use serde::Serialize;

/// What a benchmark ends with.
pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// Several measurements of one thing: the middle one, and between which the middle half of them lies.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Spread {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

impl Spread {
    /// Of measurements in any order; there is at least one.
    pub fn of(measured: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = measured.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = (sorted.len() - 1) as f64 * share;
            let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
            below + (above - below) * place.fract()
        };
        Self { median: at(0.5), low: at(0.25), high: at(0.75) }
    }
}

/// What one side of a comparison took.
#[derive(Debug, Clone, Serialize)]
pub struct Side {
    #[serde(flatten)]
    pub spread: Spread,
    pub unit: &'static str,
}

impl Side {
    pub fn of(unit: &'static str, measured: impl IntoIterator<Item = f64>) -> Option<Self> {
        Some(Self { spread: Spread::of(measured), unit })
    }
}

/// What a figure is to be.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

/// A row of the table. The program for .NET has the same members.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// By which the reasons for a missed goal find it.
    pub id: &'static str,
    /// What was measured.
    pub what: String,
    /// Against what.
    pub peer: String,
    /// The figure to be judged, each round by itself.
    pub figure: Spread,
    /// What the figure counts: `times as fast`, `of the rate`, `of the time`, `ns`, `bytes`, ...
    pub unit: &'static str,
    /// None: only told.
    pub goal: Option<Goal>,
    /// What the measured took.
    pub ours: Option<Side>,
    /// What its peer took.
    pub theirs: Option<Side>,
    /// What else there is to say.
    pub notes: Vec<String>,
}

/// Where the rows go: each is shown and written down as soon as it is there.
pub struct Report {
    file: Option<File>,
}

impl Report {
    pub fn new(path: Option<&Path>) -> Outcome<Self> {
        Ok(Self { file: path.map(File::create).transpose()? })
    }

    pub fn add(&mut self, row: &Row) -> Outcome<()> {
        let told = match row.goal {
            None => String::new(),
            Some(Goal::AtLeast(goal)) => format!("; goal: at least {goal}"),
            Some(Goal::AtMost(goal)) => format!("; goal: at most {goal}"),
        };
        let Spread { median, low, high } = row.figure;
        println!("{}: {median:.3} {} ({low:.3} to {high:.3}) against {}{told}", row.what, row.unit, row.peer);
        for note in &row.notes {
            println!("    {note}");
        }
        match &mut self.file {
            None => Ok(()),
            Some(file) => Ok(writeln!(file, "{}", serde_json::to_string(row)?)?),
        }
    }
}

/// The quotients of measurements that were taken side by side.
pub fn quotients(above: &[f64], below: &[f64]) -> Spread {
    Spread::of(above.iter().zip(below).map(|(above, below)| above / below))
}

/// Fails the run: what was measured did not do what it is measured for.
pub fn require(is_right: bool, what: &str) -> Outcome<()> {
    if is_right { Ok(()) } else { Err(format!("What was measured is wrong: {what}").into()) }
}
