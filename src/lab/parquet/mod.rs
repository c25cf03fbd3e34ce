//! Tables as Parquet files: flat columns of text, integers and floats, written in row groups of a
//! fixed number of rows, so that memory does not grow with a run.
//!
//! The bytes depend on the rows and on the version of the program alone: fixed compression level,
//! fixed encodings, and a `created_by` without a build. They may change between versions; whoever
//! compares runs compares rows or digests, never these bytes.
//!
//! Variants write side by side into parts; `join` copies their row groups as they are.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::basic::{
    Compression, Encoding, LogicalType, Repetition, Type as Physical, ZstdLevel,
};
use ::parquet::column::writer::{ColumnCloseResult, ColumnWriter};
use ::parquet::data_type::ByteArray;
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use ::parquet::schema::types::{ColumnPath, Type, TypePtr};

use super::cells::Cell;
use super::columns::{Column, Kind, TableSchema};
use super::folder::{self, FolderError, OutputFile, ResultFolder};

mod checksum;
mod rows;

use checksum::Checked;
pub use rows::{ColumnValues, ParquetRows};

/// Rows of a row group: a few megabytes of values per variant that runs.
const GROUP_ROWS: usize = 1 << 16;

/// Level 3 is zstd's own default.
const ZSTD_LEVEL: i32 = 3;

/// The columns of a row group that is being gathered.
enum Gathered {
    /// The texts, one after the other, and where each ends.
    Text(Vec<u8>, Vec<usize>),
    Integer(Vec<i64>),
    Number(Vec<f64>),
}

struct ColumnBuffer {
    column: &'static Column,
    values: Gathered,
    /// 1 for a value and 0 for none, one per row; empty for columns without absent values.
    defined: Vec<i16>,
}

impl ColumnBuffer {
    fn new(column: &'static Column) -> Self {
        let values = match column.kind {
            Kind::Text => Gathered::Text(Vec::new(), Vec::new()),
            Kind::Integer => Gathered::Integer(Vec::new()),
            Kind::Number => Gathered::Number(Vec::new()),
        };
        Self {
            column,
            values,
            defined: Vec::new(),
        }
    }

    fn push(&mut self, cell: &Cell<'_>) -> Result<(), String> {
        let is_present = match (&mut self.values, cell) {
            (_, Cell::Absent) => false,
            (Gathered::Text(bytes, ends), Cell::Shown(value)) => {
                let before = bytes.len();
                write!(bytes, "{value}").map_err(|error| error.to_string())?;
                let is_present = bytes.len() > before || self.column.absent.is_none();
                if is_present {
                    ends.push(bytes.len());
                }
                is_present
            }
            (Gathered::Integer(values), Cell::Integer(value)) => {
                values.push(*value);
                true
            }
            (Gathered::Number(values), Cell::Number(value)) => {
                values.push(*value);
                true
            }
            _ => return Err(self.wrong("another type")),
        };
        match (self.column.absent, is_present) {
            (Some(_), _) => self.defined.push(i16::from(is_present)),
            (None, true) => {}
            (None, false) => return Err(self.wrong("no value")),
        }
        Ok(())
    }

    fn wrong(&self, found: &str) -> String {
        format!("column `{}` was given {found}", self.column.name)
    }

    /// Writes the column of a row group and empties the buffer.
    fn write(&mut self, mut column: SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let defined = self.column.absent.is_some().then_some(&self.defined[..]);
        match (&mut self.values, column.untyped()) {
            (Gathered::Text(bytes, ends), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                let whole = ByteArray::from(std::mem::take(bytes));
                let mut start = 0;
                let texts = ends.drain(..).map(|end| {
                    let text = whole.slice(start, end - start);
                    start = end;
                    text
                });
                let texts: Vec<ByteArray> = texts.collect();
                writer.write_batch(&texts, defined, None)?;
            }
            (Gathered::Integer(values), ColumnWriter::Int64ColumnWriter(writer)) => {
                writer.write_batch(values, defined, None)?;
                values.clear();
            }
            (Gathered::Number(values), ColumnWriter::DoubleColumnWriter(writer)) => {
                writer.write_batch(values, defined, None)?;
                values.clear();
            }
            _ => return Err(ParquetError::General(self.wrong("another writer"))),
        }
        self.defined.clear();
        column.close()
    }
}

/// A Parquet file being written row by row.
pub(super) struct ParquetWriter {
    writer: SerializedFileWriter<Checked>,
    path: PathBuf,
    columns: Vec<ColumnBuffer>,
    /// Rows gathered.
    rows: usize,
}

impl ParquetWriter {
    /// Starts a file.
    pub(super) fn start(file: OutputFile, schema: &TableSchema) -> Result<Self, FolderError> {
        let path = file.path().to_path_buf();
        let columns = schema.columns;
        let writer = file_type(columns)
            .and_then(|kind| {
                SerializedFileWriter::new(Checked::new(file), kind, properties(columns))
            })
            .map_err(|error| failed(&path, error))?;
        Ok(Self {
            writer,
            path,
            columns: columns.iter().map(ColumnBuffer::new).collect(),
            rows: 0,
        })
    }

    /// Appends a row, one cell per column.
    pub(super) fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), FolderError> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column
                .push(cell)
                .map_err(|reason| FolderError::Encode(self.path.clone(), reason))?;
        }
        self.rows += 1;
        if self.rows == GROUP_ROWS {
            self.write_group()?;
        }
        Ok(())
    }

    fn write_group(&mut self) -> Result<(), FolderError> {
        self.rows = 0;
        let mut write = || {
            let mut group = self.writer.next_row_group()?;
            for column in &mut self.columns {
                let Some(writer) = group.next_column()? else {
                    return Err(ParquetError::General(column.wrong("no writer")));
                };
                column.write(writer)?;
            }
            group.close().map(|_| ())
        };
        write().map_err(|error| failed(&self.path, error))
    }

    /// Completes the file.
    pub(super) fn finish(mut self) -> Result<(), FolderError> {
        if self.rows > 0 {
            self.write_group()?;
        }
        finish(self.writer, &self.path)
    }
}

fn finish(mut writer: SerializedFileWriter<Checked>, path: &Path) -> Result<(), FolderError> {
    let refused = |source: io::Error| FolderError::from_io(path, source);
    writer.flush().map_err(refused)?;
    writer.inner_mut().begin_footer();
    let checksum = KeyValue::new(checksum::KEY.to_owned(), checksum::placeholder());
    writer.append_key_value_metadata(checksum);
    writer.finish().map_err(|error| failed(path, error))?;
    let file = writer.inner_mut().end_footer().map_err(refused)?;
    file.map_or(Ok(()), OutputFile::finish)
}

/// Joins parts into a file: their row groups, in order, as they are.
pub(super) fn join(
    folder: &ResultFolder,
    schema: &TableSchema,
    parts: &[String],
) -> Result<(), FolderError> {
    let file = folder.file(schema.parquet)?;
    let path = file.path().to_path_buf();
    let join = || {
        let kind = file_type(schema.columns)?;
        let properties = properties(schema.columns);
        let mut writer = SerializedFileWriter::new(Checked::new(file), kind, properties)?;
        for part in parts {
            append(
                &mut writer,
                folder::open_for_reading(&folder.partial().join(part))?,
            )?;
        }
        Ok(writer)
    };
    let writer = join().map_err(|error| failed(&path, error))?;
    finish(writer, &path)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the part is read here and closed"
)]
fn append(writer: &mut SerializedFileWriter<Checked>, part: File) -> Result<(), ParquetError> {
    let reader = SerializedFileReader::new(part.try_clone()?)?;
    for group in reader.metadata().row_groups() {
        let mut whole = writer.next_row_group()?;
        for column in group.columns() {
            let close = ColumnCloseResult {
                bytes_written: column.compressed_size() as u64,
                rows_written: group.num_rows() as u64,
                metadata: column.clone(),
                bloom_filter: None,
                column_index: None,
                offset_index: None,
            };
            whole.append_column(&part, close)?;
        }
        whole.close()?;
    }
    Ok(())
}

fn file_type(columns: &[Column]) -> Result<TypePtr, ParquetError> {
    let fields = columns.iter().map(|column| {
        let (physical, logical) = match column.kind {
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Integer => (Physical::INT64, None),
            Kind::Number => (Physical::DOUBLE, None),
        };
        let repetition = match column.absent {
            Some(_) => Repetition::OPTIONAL,
            None => Repetition::REQUIRED,
        };
        Type::primitive_type_builder(column.name, physical)
            .with_logical_type(logical)
            .with_repetition(repetition)
            .build()
            .map(Arc::new)
    });
    let fields = fields.collect::<Result<_, _>>()?;
    Type::group_type_builder("schema")
        .with_fields(fields)
        .build()
        .map(Arc::new)
}

fn properties(columns: &[Column]) -> WriterPropertiesPtr {
    let level = ZstdLevel::try_new(ZSTD_LEVEL).expect("invariant: 3 is a level of zstd");
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("windtunnel version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_dictionary_enabled(false);
    for column in columns {
        let path = ColumnPath::from(column.name);
        properties = match column.kind {
            Kind::Text => properties.set_column_dictionary_enabled(path, true),
            // Times grow and counts stay near their last value.
            Kind::Integer => properties.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
            Kind::Number => properties,
        };
    }
    Arc::new(properties.build())
}

/// Error of the library about a file that is being written.
fn failed(path: &Path, error: ParquetError) -> FolderError {
    let reason = error.to_string();
    let ParquetError::External(source) = error else {
        return FolderError::Encode(path.to_path_buf(), reason);
    };
    match source.downcast::<io::Error>() {
        Ok(source) => FolderError::from_io(path, *source),
        Err(_) => FolderError::Encode(path.to_path_buf(), reason),
    }
}

#[cfg(test)]
mod tests;
