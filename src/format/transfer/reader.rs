//! Reading a file of tokens, row by row.

use std::io::{self, BufRead, ErrorKind, Read};
use std::ops::Range;

use zeroize::Zeroizing;

use super::csv::{self, Columns};
use super::json_lines::Lines;
use super::{FORMAT_NAME, MAXIMUM_STORE_ID_BYTES, TransferForm, TransferHeader, TransferRecord, VERSION, record};
use crate::error::{Error, ErrorCode, Result};
use crate::format::json::{Integer, Object, Value};

/// Reads a file of tokens in bounded memory: one row, and a piece of the source, which need not be buffered.
///
/// ```
/// use tessera_native::format::transfer::{TransferForm, TransferReader};
///
/// # fn main() -> Result<(), tessera_native::error::Error> {
/// let file = "identity,value\nAdam,old-value-1\nEva\nMia,old-value-3\n";
/// let mut reader = TransferReader::open(file.as_bytes(), TransferForm::Csv)?;
/// let mut rows = Vec::new();
/// while let Some((line, record)) = reader.read()? {
///     rows.push((line, record.map(|record| record.identity).map_err(|error| error.message().to_owned())));
/// }
/// assert_eq!(rows[0], (2, Ok("Adam".to_owned())));
/// assert_eq!(rows[1].0, 3);
/// assert!(rows[1].1.is_err());
/// assert_eq!(rows[2], (4, Ok("Mia".to_owned())));
/// # Ok(())
/// # }
/// ```
pub struct TransferReader<R> {
    rows: Rows<R>,
    header: Option<TransferHeader>,
    /// The first row, where it was read and was no header.
    first: Option<(u64, Result<TransferRecord>)>,
}

enum Rows<R> {
    JsonLines(Lines<R>),
    Csv(Box<csv::Rows<R>>, Columns),
}

impl<R: Read> TransferReader<R> {
    /// Begins to read `source`: its header, where it has one, and its column names. A byte order mark of UTF-8 at the
    /// beginning is passed over.
    ///
    /// Fails with [`ErrorCode::TransferFile`] when the source cannot be read, is UTF-16, has a header of another version
    /// or form, or is CSV whose column names are missing, unknown or come twice.
    pub fn open(source: R, form: TransferForm) -> Result<Self> {
        let source = Source::begin(source)?;
        match form {
            TransferForm::JsonLines => Self::open_json_lines(Lines::new(source)),
            TransferForm::Csv => Self::open_csv(Box::new(csv::Rows::new(source))),
        }
    }

    /// The file's header; a list that another system wrote has none.
    pub fn header(&self) -> Option<&TransferHeader> {
        self.header.as_ref()
    }

    /// How many bytes of the source were read by now.
    pub fn bytes_read(&self) -> u64 {
        match &self.rows {
            Rows::JsonLines(lines) => lines.source.bytes_read,
            Rows::Csv(rows, _) => rows.source.bytes_read,
        }
    }

    /// The next row: the number of the line that it begins on, from 1, and the token in it or what is wrong with it. None
    /// at the end. Blank lines are passed over.
    ///
    /// A bad row is [`ErrorCode::InvalidArgument`] about the member that is bad, or about `row`; the rows after it are
    /// read all the same. A row over [`super::MAXIMUM_ROW_BYTES`] is passed over to its end, and is bad.
    ///
    /// Fails with [`ErrorCode::TransferFile`] when the source cannot be read further.
    pub fn read(&mut self) -> Result<Option<(u64, Result<TransferRecord>)>> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let row = match &mut self.rows {
            Rows::JsonLines(lines) => lines.next(),
            Rows::Csv(rows, columns) => rows.next(columns),
        };
        let row = row.map_err(unreadable)?;
        Ok(row.map(|(line, row)| (line, row.and_then(record::read))))
    }

    fn open_json_lines(mut lines: Lines<R>) -> Result<Self> {
        let (mut header, mut first) = (None, None);
        match lines.next().map_err(unreadable)? {
            Some((_, Ok(object))) if object.contains("version") => header = Some(json_header(object)?),
            Some((line, row)) => first = Some((line, row.and_then(record::read))),
            None => {}
        }
        Ok(Self { rows: Rows::JsonLines(lines), header, first })
    }

    fn open_csv(mut rows: Box<csv::Rows<R>>) -> Result<Self> {
        let other_form = |error: Error| refused(format!("The row of column names cannot be read. {}", error.message()));
        let mut header = None;
        if let Some((_, cells)) = rows.next_cells().map_err(unreadable)? {
            let cells = cells.map_err(other_form)?;
            if cells.first() != Some(&FORMAT_NAME) {
                let columns = csv::columns(&cells).ok_or_else(unknown_columns)?;
                return Ok(Self { rows: Rows::Csv(rows, columns), header, first: None });
            }
            header = Some(csv_header(&cells)?);
            rows.must_end = true;
        }
        match rows.next_cells().map_err(unreadable)? {
            None => Err(refused("The file has no row of column names.")),
            Some((_, cells)) => {
                let columns = csv::columns(&cells.map_err(other_form)?).ok_or_else(unknown_columns)?;
                Ok(Self { rows: Rows::Csv(rows, columns), header, first: None })
            }
        }
    }
}

/// A row as an object, or what is wrong with it.
pub(super) type Row<'a> = Result<Object<'a>>;

pub(super) const TOO_LONG: &str = "The row has more than 64 KiB. It was passed over to its end.";

/// What is wrong with a row as a whole.
pub(super) fn bad_row(message: &'static str) -> Error {
    Error::argument("row", message)
}

/// A source without its byte order mark, of which the bytes are counted. It keeps what it reads in memory of its own,
/// which is wiped at the end: there may be values in it.
pub(super) struct Source<R> {
    inner: R,
    buffer: Zeroizing<Vec<u8>>,
    /// What of the buffer was read and not consumed yet.
    unread: Range<usize>,
    bytes_read: u64,
}

/// Between a page and what costs memory for nothing.
const BUFFER_BYTES: usize = 16_384;

impl<R: Read> Source<R> {
    fn begin(inner: R) -> Result<Self> {
        let mut source = Self { inner, buffer: Zeroizing::new(vec![0; BUFFER_BYTES]), unread: 0..0, bytes_read: 0 };
        // The mark may come in pieces.
        while source.unread.len() < 3 && source.read_more().map_err(unreadable)? > 0 {}
        match source.buffer[source.unread.clone()] {
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Err(refused("The file is UTF-16. Write it as UTF-8.")),
            [0xEF, 0xBB, 0xBF, ..] => {
                source.consume(3);
                Ok(source)
            }
            _ => Ok(source),
        }
    }

    /// Reads once behind what is unread; gives how many bytes. There must be room.
    fn read_more(&mut self) -> io::Result<usize> {
        loop {
            match self.inner.read(&mut self.buffer[self.unread.end..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(read) => {
                    self.unread.end += read;
                    return Ok(read);
                }
            }
        }
    }
}

impl<R: Read> BufRead for Source<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.unread.is_empty() {
            self.unread = 0..0;
            self.read_more()?;
        }
        Ok(&self.buffer[self.unread.clone()])
    }

    fn consume(&mut self, bytes: usize) {
        self.bytes_read += bytes as u64;
        self.unread.start += bytes;
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

fn json_header(mut object: Object<'_>) -> Result<TransferHeader> {
    let mut text = |name| match object.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.into_owned())),
        Some(_) => Err(refused("The header has a member that is not text.")),
    };
    let (format, store_id, peppers) = (text("format")?, text("storeId")?, text("peppers")?);
    let version = match object.remove("version") {
        Some(Value::Integer(Integer::NonNegative(version))) => Some(version),
        _ => None,
    };
    if !object.is_empty() {
        return Err(refused("The header has a member of an unknown name."));
    }
    header(format.as_deref(), version, store_id.unwrap_or_default(), peppers)
}

fn csv_header(cells: &[&str]) -> Result<TransferHeader> {
    let cell = |index: usize| cells.get(index).filter(|cell| !cell.is_empty()).map(|cell| (*cell).to_owned());
    // A spreadsheet makes all rows as wide as the widest.
    if (4..cells.len()).any(|index| cell(index).is_some()) {
        return Err(refused("The header has more cells than format, version, store id and peppers."));
    }
    let version = cell(1).and_then(|version| version.parse().ok());
    header(cells.first().copied(), version, cell(2).unwrap_or_default(), cell(3))
}

fn header(
    format: Option<&str>,
    version: Option<u64>,
    store_id: String,
    peppers: Option<String>,
) -> Result<TransferHeader> {
    if format != Some(FORMAT_NAME) || version != Some(VERSION) {
        return Err(refused(
            "The file is not one of tessera-tokens, version 1: a newer Tessera wrote it, or another program.",
        ));
    }
    if store_id.is_empty() || store_id.len() > MAXIMUM_STORE_ID_BYTES {
        return Err(refused("The header lacks the id of the store that wrote the file, or has one over 64 bytes."));
    }
    Ok(TransferHeader { store_id, peppers })
}

fn unknown_columns() -> Error {
    let names: Vec<&str> = record::MEMBERS.iter().map(|(name, _)| *name).collect();
    // What stands there is not shown: in a file without column names it is a token.
    refused(format!(
        "The first row must be column names, each once, of these: {}. There is another or one twice.",
        names.join(", ")
    ))
}

fn unreadable(error: io::Error) -> Error {
    refused(format!("The file of tokens could not be read: {error}"))
}

fn refused(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorCode::TransferFile, message).about("file")
}
