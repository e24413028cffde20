//! Writing a file of tokens, row by row.

use std::borrow::Cow;
use std::io::{self, Write};

use csv_core::Writer;

use super::record::MEMBERS;
use super::{FORMAT_NAME, MAXIMUM_ROW_BYTES, TransferForm, TransferHeader, TransferRecord, VERSION, csv, record};
use crate::error::{Error, ErrorCode, Result};
use crate::format::json::{Integer, Object, Value};

/// Writes a file of tokens that [`super::TransferReader`] reads, in bounded memory: one row.
pub struct TransferWriter<W> {
    sink: W,
    form: TransferForm,
    csv: Writer,
    row: Vec<u8>,
}

impl<W: Write> TransferWriter<W> {
    /// Begins a file with its header.
    ///
    /// Fails with [`ErrorCode::TransferFile`] when the sink cannot be written, and with [`ErrorCode::InvalidArgument`]
    /// when the header is longer than a row may be.
    pub fn begin(sink: W, form: TransferForm, header: &TransferHeader) -> Result<Self> {
        let mut writer = Self { sink, form, csv: Writer::new(), row: Vec::new() };
        match form {
            TransferForm::JsonLines => {
                let mut object = Object::default();
                object.set("format", Value::String(FORMAT_NAME.into()));
                object.set("version", Value::Integer(Integer::NonNegative(VERSION)));
                object.set("storeId", Value::String(header.store_id.as_str().into()));
                if let Some(peppers) = &header.peppers {
                    object.set("peppers", Value::String(peppers.as_str().into()));
                }
                writer.put_object(&object)?;
            }
            TransferForm::Csv => {
                let version = VERSION.to_string();
                let peppers = header.peppers.as_deref().unwrap_or_default();
                writer.put_cells([FORMAT_NAME, &version, &header.store_id, peppers].map(Cow::Borrowed).into_iter())?;
                writer.put_cells(MEMBERS.iter().map(|(name, _)| Cow::Borrowed(*name)))?;
            }
        }
        Ok(writer)
    }

    /// Writes a token.
    ///
    /// Fails with [`ErrorCode::NotPermitted`] for one with a value, which is never written, and with
    /// [`ErrorCode::InvalidArgument`] for one that takes more than [`MAXIMUM_ROW_BYTES`]: nothing of it is written, and
    /// others still may be. Fails with [`ErrorCode::TransferFile`] when the sink cannot be written.
    pub fn write(&mut self, record: &TransferRecord) -> Result<()> {
        let conditions = if record.conditions.is_none() {
            None
        } else {
            let unwritable = |_| Error::new(ErrorCode::Internal, "The conditions of a token could not be written.");
            Some(serde_json::to_string(&record.conditions).map_err(unwritable)?)
        };
        let object = record::write(record, conditions.as_deref())?;
        match self.form {
            TransferForm::JsonLines => self.put_object(&object),
            TransferForm::Csv => self.put_cells(MEMBERS.iter().map(|(name, _)| csv::cell(object.get(name)))),
        }
    }

    /// Where it writes to.
    pub fn sink(&mut self) -> &mut W {
        &mut self.sink
    }

    /// Writes out what the sink has buffered, and gives it back.
    ///
    /// Fails with [`ErrorCode::TransferFile`] when it cannot be written.
    pub fn finish(mut self) -> Result<W> {
        self.sink.flush().map_err(unwritable)?;
        Ok(self.sink)
    }

    fn put_object(&mut self, object: &Object<'_>) -> Result<()> {
        self.row.clear();
        self.row.extend_from_slice(object.to_text().as_bytes());
        self.row.push(b'\n');
        self.put_row()
    }

    fn put_cells<'a>(&mut self, cells: impl Iterator<Item = Cow<'a, str>>) -> Result<()> {
        self.row.clear();
        csv::append_row(&mut self.csv, &mut self.row, cells);
        self.put_row()
    }

    fn put_row(&mut self) -> Result<()> {
        if self.row.len() > MAXIMUM_ROW_BYTES + b"\n".len() {
            return Err(Error::argument("row", "The token takes more than 64 KiB, so no file of tokens may hold it."));
        }
        self.sink.write_all(&self.row).map_err(unwritable)
    }
}

fn unwritable(error: io::Error) -> Error {
    Error::new(ErrorCode::TransferFile, format!("The file of tokens could not be written: {error}")).about("file")
}
