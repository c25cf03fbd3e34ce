//! The rows of a Parquet file, one row group in memory at a time.

use std::fs::File;
use std::path::Path;

use ::parquet::basic::Type as Physical;
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::data_type::{ByteArray, DataType};
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{FileReader, SerializedFileReader};

use super::super::cells::Value;
use super::super::columns::Kind;
use super::super::folder;
use super::checksum;
use units::plural;

/// Rows that are read from a column at once.
const BATCH_ROWS: usize = 1 << 13;

/// The rows of a Parquet file that a run left. Errors are in words, for whoever knows the file to tell.
pub struct ParquetRows {
    reader: SerializedFileReader<File>,
    names: Vec<String>,
    /// The row group that is read next.
    group: usize,
    /// The columns of the present row group.
    columns: Vec<ColumnValues>,
    /// The next row of it.
    row: usize,
    /// Number of rows.
    rows: usize,
}

impl ParquetRows {
    /// Opens a file, checks that it is as it was written, and reads its footer.
    pub fn open(path: &Path) -> Result<Self, String> {
        let mut file = folder::open_for_reading(path).map_err(|error| error.to_string())?;
        checksum::verify(&mut file)?;
        let reader = SerializedFileReader::new(file).map_err(|error| in_words(&error))?;
        let schema = reader.metadata().file_metadata().schema_descr();
        let mut names = Vec::new();
        for column in schema.columns() {
            let known = matches!(
                column.physical_type(),
                Physical::INT64 | Physical::DOUBLE | Physical::BYTE_ARRAY
            );
            if column.max_rep_level() > 0 || column.max_def_level() > 1 || !known {
                return Err(format!(
                    "column `{}` is not a flat column of text, 64-bit integers or 64-bit floats",
                    column.path().string()
                ));
            }
            names.push(column.name().to_owned());
        }
        Ok(Self {
            reader,
            names,
            group: 0,
            columns: Vec::new(),
            row: 0,
            rows: 0,
        })
    }

    /// The names of the columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Reads the next row; false at the end.
    pub(in super::super) fn next(&mut self, row: &mut Vec<Value>) -> Result<bool, String> {
        while self.row == self.rows {
            if self.group == self.reader.num_row_groups() {
                return Ok(false);
            }
            self.read_group().map_err(|error| in_words(&error))?;
        }
        for column in &self.columns {
            row.push(column.value(self.row).map_err(|error| in_words(&error))?);
        }
        self.row += 1;
        Ok(true)
    }

    /// Columns of the next row group, in the order of their names; none at the end. Rows that the row reader would
    /// give are skipped.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn next_group(&mut self) -> Result<Option<Vec<ColumnValues>>, String> {
        if self.group == self.reader.num_row_groups() {
            return Ok(None);
        }
        self.read_group().map_err(|error| in_words(&error))?;
        self.row = self.rows;
        Ok(Some(std::mem::take(&mut self.columns)))
    }

    /// Types of the columns.
    pub fn kinds(&self) -> Vec<Kind> {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        let kinds = schema
            .columns()
            .iter()
            .map(|column| match column.physical_type() {
                Physical::INT64 => Kind::Integer,
                Physical::DOUBLE => Kind::Number,
                _ => Kind::Text,
            });
        kinds.collect()
    }

    fn read_group(&mut self) -> Result<(), ParquetError> {
        let group = self.reader.get_row_group(self.group)?;
        let rows = usize::try_from(group.metadata().num_rows()).unwrap_or_default();
        self.columns.clear();
        let schema = group.metadata().schema_descr();
        for index in 0..self.names.len() {
            let levels = Levels {
                rows,
                is_optional: schema.column(index).max_def_level() > 0,
            };
            let column = match group.get_column_reader(index)? {
                ColumnReader::Int64ColumnReader(reader) => {
                    ColumnValues::Integer(read(reader, levels)?)
                }
                ColumnReader::DoubleColumnReader(reader) => {
                    ColumnValues::Number(read(reader, levels)?)
                }
                ColumnReader::ByteArrayColumnReader(reader) => {
                    ColumnValues::Text(read(reader, levels)?)
                }
                _ => return Err(ParquetError::General("an unexpected type".to_owned())),
            };
            self.columns.push(column);
        }
        (self.row, self.rows) = (0, rows);
        self.group += 1;
        Ok(())
    }
}

/// The values of a column of a row group, one per row.
pub enum ColumnValues {
    /// Texts.
    Text(Vec<Option<ByteArray>>),
    /// Integers.
    Integer(Vec<Option<i64>>),
    /// Floats.
    Number(Vec<Option<f64>>),
}

impl ColumnValues {
    fn value(&self, row: usize) -> Result<Value, ParquetError> {
        Ok(match self {
            Self::Integer(values) => values[row].map_or(Value::Absent, Value::Integer),
            Self::Number(values) => values[row].map_or(Value::Absent, Value::Number),
            Self::Text(values) => match &values[row] {
                None => Value::Absent,
                Some(text) => Value::Text(text.as_utf8()?.to_owned()),
            },
        })
    }
}

/// Levels of a column of a row group.
#[derive(Clone, Copy)]
struct Levels {
    rows: usize,
    is_optional: bool,
}

/// Reads a column of a row group to its end.
fn read<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    levels: Levels,
) -> Result<Vec<Option<T::T>>, ParquetError> {
    let Levels { rows, is_optional } = levels;
    let mut column = Vec::new();
    let (mut defined, mut values) = (Vec::new(), Vec::new());
    while column.len() < rows {
        defined.clear();
        values.clear();
        let batch = BATCH_ROWS.min(rows - column.len());
        let (read, _, _) = reader.read_records(batch, Some(&mut defined), None, &mut values)?;
        if read == 0 {
            let reason = format!(
                "a column ends after {} of {}",
                column.len(),
                plural::count(rows, "row")
            );
            return Err(ParquetError::General(reason));
        }
        let mut values = values.drain(..);
        if is_optional {
            column.extend(defined.iter().map(
                |&level| {
                    if level > 0 { values.next() } else { None }
                },
            ));
        } else {
            column.extend(values.map(Some));
        }
    }
    Ok(column)
}

/// Error of the library, without its own prefix.
fn in_words(error: &ParquetError) -> String {
    match error {
        ParquetError::General(reason) | ParquetError::EOF(reason) => reason.clone(),
        other => other.to_string(),
    }
}
