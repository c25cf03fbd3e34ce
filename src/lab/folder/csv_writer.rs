//! A CSV file being written row by row.

use std::io::Write;
use std::path::PathBuf;

use super::super::cells::Cell;
use super::{At, FolderError, OutputFile};

/// Whether a program for tables would take a text for a formula, which may run what its author likes.
fn is_formula(text: &[u8]) -> bool {
    match text {
        [b'=' | b'@' | b'\t' | b'\r', ..] => true,
        [b'+' | b'-', rest, ..] => !rest.is_ascii_digit() && *rest != b'.',
        _ => false,
    }
}

/// A table being written row by row, such as `timeseries.csv` and `pods.csv.zst`.
pub struct CsvWriter {
    writer: csv::Writer<OutputFile>,
    path: PathBuf,
    field: Vec<u8>,
}

impl CsvWriter {
    pub(super) fn start(file: OutputFile, header: &[&str]) -> Result<Self, FolderError> {
        let path = file.path().to_path_buf();
        let mut table = Self {
            writer: csv::Writer::from_writer(file),
            path,
            field: Vec::new(),
        };
        table.row(header)?;
        Ok(table)
    }

    /// Appends a row; every row has as many fields as the header.
    pub fn row<I, T>(&mut self, fields: I) -> Result<(), FolderError>
    where
        I: IntoIterator<Item = T>,
        T: AsRef<[u8]>,
    {
        let written = self.writer.write_record(fields);
        written.map_err(|error| self.error(error))
    }

    /// Appends a row of a table.
    pub(in super::super) fn cells(&mut self, cells: &[Cell<'_>]) -> Result<(), FolderError> {
        for cell in cells {
            self.field.clear();
            match cell {
                Cell::Absent => Ok(()),
                Cell::Shown(value) => write!(self.field, "{value}").map(|()| {
                    if is_formula(&self.field) {
                        self.field.insert(0, b'\'');
                    }
                }),
                Cell::Integer(value) => write!(self.field, "{value}"),
                Cell::Number(value) => write!(self.field, "{value}"),
            }
            .at(&self.path)?;
            let written = self.writer.write_field(&self.field);
            written.map_err(|error| self.error(error))?;
        }
        let ended = self.writer.write_record(None::<&[u8]>);
        ended.map_err(|error| self.error(error))
    }

    /// Completes the file.
    pub fn finish(self) -> Result<(), FolderError> {
        let file = self
            .writer
            .into_inner()
            .map_err(csv::IntoInnerError::into_error)
            .at(&self.path)?;
        file.finish()
    }

    fn error(&self, error: csv::Error) -> FolderError {
        let reason = error.to_string();
        match error.into_kind() {
            csv::ErrorKind::Io(source) => FolderError::from_io(&self.path, source),
            _ => FolderError::Encode(self.path.clone(), reason),
        }
    }
}
