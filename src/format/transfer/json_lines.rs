//! The lines of a file of JSON Lines.

use std::io::{self, BufRead, Read};

use zeroize::Zeroizing;

use super::MAXIMUM_ROW_BYTES;
use super::reader::{Row, Source, TOO_LONG, bad_row};
use crate::format::json::{self, Refusal};

/// The lines of a source, each in the same piece of memory, which is wiped at the end: there may be values in it.
pub(super) struct Lines<R> {
    pub(super) source: Source<R>,
    line: Zeroizing<Vec<u8>>,
    number: u64,
}

/// The longest line with its end.
const LINE_BYTES: usize = MAXIMUM_ROW_BYTES + b"\r\n".len();

impl<R: Read> Lines<R> {
    pub(super) fn new(source: Source<R>) -> Self {
        // As long as it will ever be, so that it never moves and leaves a copy behind.
        Self { source, line: Zeroizing::new(Vec::with_capacity(LINE_BYTES)), number: 0 }
    }

    /// The next line that is not blank, with its number.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Row<'_>)>> {
        let is_too_long = loop {
            self.line.clear();
            self.number += 1;
            if self.source.by_ref().take(LINE_BYTES as u64).read_until(b'\n', &mut self.line)? == 0 {
                return Ok(None);
            }
            let whole = self.line.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line));
            let is_too_long = whole.unwrap_or(&self.line).len() > MAXIMUM_ROW_BYTES;
            if whole.is_none() && is_too_long {
                self.source.skip_until(b'\n')?;
            }
            if is_too_long || !self.line.trim_ascii().is_empty() {
                break is_too_long;
            }
        };
        Ok(Some((self.number, if is_too_long { Err(bad_row(TOO_LONG)) } else { object(&self.line) })))
    }
}

fn object(line: &[u8]) -> Row<'_> {
    if std::str::from_utf8(line).is_err() {
        return Err(bad_row("The line is not UTF-8."));
    }
    json::parse_object(line.trim_ascii()).map_err(|refusal| {
        bad_row(match refusal {
            Refusal::DuplicateMember => "The line has a member twice.",
            Refusal::TooDeep => "The line nests arrays and objects more than 16 deep.",
            Refusal::TooManyMembers => "The line has more than 256 members.",
            Refusal::NotJson => "The line is not one JSON object in the strict form.",
        })
    })
}
