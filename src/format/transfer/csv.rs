//! The rows of a CSV file, read and written by `csv-core`. (The crate `csv` above it would keep a whole row, and one whose
//! quote is never closed is as long as the rest of the file.)

use std::borrow::Cow;
use std::io::{self, BufRead, Read};

use csv_core::{ReadRecordResult, Reader, Writer};
use zeroize::Zeroizing;

use super::MAXIMUM_ROW_BYTES;
use super::reader::{Row, Source, TOO_LONG, bad_row};
use super::record::{Kind, MEMBERS};
use crate::error::{Error, Result};
use crate::format::json::{self, Integer, Object, Value};

/// The rows of a source, each in the same piece of memory, which is wiped at the end: there may be values in it.
pub(super) struct Rows<R> {
    pub(super) source: Source<R>,
    parser: Reader,
    text: Zeroizing<Vec<u8>>,
    /// Where each cell ends in the text. One more than there are columns, so that a row with too many is told.
    ends: [usize; MEMBERS.len() + 1],
    /// The number of the line that is read next.
    line: u64,
    /// Whether a last row without a line end is bad.
    pub(super) must_end: bool,
}

const OTHER_COUNT: &str = "The row has another number of cells than the row of column names.";

/// The texts of a row's cells, or what is wrong with the row.
type Cells<'a> = Result<Vec<&'a str>>;

/// The member that each column holds.
pub(super) type Columns = Vec<(&'static str, Kind)>;

impl<R: Read> Rows<R> {
    pub(super) fn new(source: Source<R>) -> Self {
        Self {
            source,
            parser: Reader::new(),
            // One byte more than a row may have, so that the text is full only when the row is too long.
            text: Zeroizing::new(vec![0; MAXIMUM_ROW_BYTES + 1]),
            ends: [0; MEMBERS.len() + 1],
            line: 1,
            must_end: false,
        }
    }

    /// The next row that is not blank as an object, with the number of the line that it begins on.
    pub(super) fn next(&mut self, columns: &Columns) -> io::Result<Option<(u64, Row<'_>)>> {
        let cells = self.next_cells()?;
        Ok(cells.map(|(line, cells)| (line, cells.and_then(|cells| object(columns, cells)))))
    }

    /// The cells of the next row that is not blank, with the number of the line that it begins on.
    pub(super) fn next_cells(&mut self) -> io::Result<Option<(u64, Cells<'_>)>> {
        if !self.skip_blank_lines()? {
            return Ok(None);
        }
        let line = self.line;
        let count = self.read_row()?;
        Ok(Some((line, count.and_then(|count| cells(&self.text, &self.ends[..count])))))
    }

    /// Whether there is anything after the line ends that are next.
    fn skip_blank_lines(&mut self) -> io::Result<bool> {
        loop {
            match self.source.fill_buf()?.first() {
                None => return Ok(false),
                Some(b'\n') => self.line += 1,
                Some(b'\r') => {}
                Some(_) => return Ok(true),
            }
            self.source.consume(1);
        }
    }

    /// Reads to the end of the row, whatever is wrong with it; gives the number of its cells.
    ///
    /// Where a row ends is the parser's word alone: a line break within quotes is part of a cell, and a quote that is
    /// never closed takes in the rest of the file. To go on at the next line instead would let a text with a line break
    /// in it pass for a row.
    fn read_row(&mut self) -> io::Result<Result<usize>> {
        let (mut row_bytes, mut text_bytes, mut count) = (0_usize, 0, 0);
        let mut problem = None;
        loop {
            let input = self.source.fill_buf()?;
            let is_end = input.is_empty();
            // The end of the file ends a row like a line end, but for one within quotes.
            let input = if is_end { b"\n" } else { input };
            let (result, consumed, written, ended) =
                self.parser.read_record(input, &mut self.text[text_bytes..], &mut self.ends[count..]);
            if !is_end {
                self.line += input[..consumed].iter().filter(|byte| **byte == b'\n').count() as u64;
                self.source.consume(consumed);
            }
            row_bytes = row_bytes.saturating_add(consumed);
            (text_bytes, count) = (text_bytes + written, count + ended);
            match result {
                ReadRecordResult::Record | ReadRecordResult::End => {
                    if is_end && self.must_end {
                        problem = Some("The row has no line end, so the file may have been cut off there.");
                    }
                    break;
                }
                ReadRecordResult::InputEmpty if is_end => {
                    self.parser.reset();
                    problem = Some("A quote is opened in this row and not closed before the end of the file.");
                    break;
                }
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => {
                    problem = Some(TOO_LONG);
                    text_bytes = 0;
                }
                ReadRecordResult::OutputEndsFull => {
                    problem = problem.or(Some(OTHER_COUNT));
                    count = 0;
                }
            }
        }
        // The byte that ended the row is not counted.
        let problem = if row_bytes > MAXIMUM_ROW_BYTES + 1 { Some(problem.unwrap_or(TOO_LONG)) } else { problem };
        Ok(problem.map_or(Ok(count), |problem| Err(bad_row(problem))))
    }
}

/// The columns that a row of names states; none when one is unknown or comes twice, or there are none.
pub(super) fn columns(names: &[&str]) -> Option<Columns> {
    let mut columns = Columns::new();
    for name in names {
        let member = MEMBERS.iter().find(|(member, _)| member.eq_ignore_ascii_case(name))?;
        if columns.contains(member) {
            return None;
        }
        columns.push(*member);
    }
    Some(columns)
}

/// Appends a row and its line end to `buffer`.
pub(super) fn append_row<'a>(writer: &mut Writer, buffer: &mut Vec<u8>, cells: impl Iterator<Item = Cow<'a, str>>) {
    for (index, cell) in cells.enumerate() {
        let cell = guard(cell);
        let start = buffer.len();
        // The most that it may come to: each byte twice, quotes around it, a quote that ends the cell before, a comma.
        buffer.resize(start + 2 * cell.len() + 4, 0);
        let separated = if index == 0 { 0 } else { writer.delimiter(&mut buffer[start..]).1 };
        let (_, _, written) = writer.field(cell.as_bytes(), &mut buffer[start + separated..]);
        buffer.truncate(start + separated + written);
    }
    let start = buffer.len();
    buffer.resize(start + 2, 0);
    let (_, written) = writer.terminator(&mut buffer[start..]);
    buffer.truncate(start + written);
}

/// The text of a cell that holds `value`.
pub(super) fn cell<'a>(value: Option<&'a Value<'_>>) -> Cow<'a, str> {
    match value {
        None | Some(Value::Null) => "".into(),
        Some(Value::Boolean(value)) => value.to_string().into(),
        Some(Value::String(text)) => (&**text).into(),
        Some(Value::Array(entries)) => list(entries).unwrap_or_else(|| value_text(entries)).into(),
        Some(other) => value_text(other).into(),
    }
}

/// The entries with `;` between them, if that is read as the same entries.
fn list(entries: &[Value<'_>]) -> Option<String> {
    let texts = entries.iter().map(|entry| match entry {
        Value::String(text) => Some(&**text).filter(|text| is_plain_entry(text)),
        _ => None,
    });
    let texts = texts.collect::<Option<Vec<&str>>>()?;
    let begins_plainly = texts.first().is_some_and(|first| !first.starts_with('['));
    begins_plainly.then(|| texts.join(";"))
}

fn is_plain_entry(text: &str) -> bool {
    !text.is_empty() && !text.contains(';') && text.trim() == text
}

fn value_text<T: serde::Serialize>(value: T) -> String {
    // Writing to memory fails only for values that cannot be JSON.
    serde_json::to_string(&value).unwrap_or_default()
}

fn cells<'a>(text: &'a [u8], ends: &[usize]) -> Cells<'a> {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let cells = starts.zip(ends).map(|(start, end)| {
        // Each on its own: two halves of a character in two cells are none.
        let cell = std::str::from_utf8(&text[start..*end]).map_err(|_| bad_row("The row is not UTF-8."))?;
        if cell.contains('\0') { Err(bad_row("The row has a NUL in it.")) } else { Ok(unguard(cell)) }
    });
    cells.collect()
}

fn object<'a>(columns: &Columns, cells: Vec<&'a str>) -> Result<Object<'a>> {
    if cells.len() != columns.len() {
        return Err(bad_row(OTHER_COUNT));
    }
    let mut object = Object::default();
    for ((name, kind), cell) in columns.iter().zip(cells).filter(|(_, cell)| !cell.is_empty()) {
        let value = value(*kind, cell).ok_or_else(|| {
            Error::argument(name, format!("The cell under {name} is not in the form that the column has."))
        })?;
        object.set(*name, value);
    }
    Ok(object)
}

/// What a cell that is not empty holds.
fn value(kind: Kind, cell: &str) -> Option<Value<'_>> {
    let number = || cell.parse().ok().map(|number| Value::Integer(Integer::NonNegative(number)));
    match kind {
        Kind::Text => Some(Value::String(cell.into())),
        Kind::Time if cell.bytes().all(|byte| byte.is_ascii_digit()) => number(),
        Kind::Time => Some(Value::String(cell.into())),
        Kind::Number => number(),
        Kind::Truth if cell.eq_ignore_ascii_case("true") => Some(Value::Boolean(true)),
        Kind::Truth if cell.eq_ignore_ascii_case("false") => Some(Value::Boolean(false)),
        Kind::Truth => None,
        Kind::List if !cell.starts_with('[') => {
            Some(Value::Array(cell.split(';').map(|entry| Value::String(entry.trim().into())).collect()))
        }
        Kind::List | Kind::Object => json::parse(cell.trim().as_bytes()).ok(),
    }
}

/// Whether a spreadsheet would take a cell with this text for a formula, were it not for `'` before it.
fn looks_like_formula(text: &str) -> bool {
    // The last four are the full-width forms of the first, which some input methods turn into them.
    const SIGNS: [char; 8] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
    let bare = text.trim_start_matches('\'');
    bare.starts_with(['\t', '\r', '\n']) || bare.trim_start().starts_with(SIGNS)
}

fn guard(text: Cow<'_, str>) -> Cow<'_, str> {
    if looks_like_formula(&text) { format!("'{text}").into() } else { text }
}

fn unguard(text: &str) -> &str {
    text.strip_prefix('\'').filter(|_| looks_like_formula(text)).unwrap_or(text)
}
