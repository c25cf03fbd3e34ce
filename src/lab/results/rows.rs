//! The rows of a table in a result folder, whichever form the run left it in.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use super::super::cells::Value;
use super::super::columns::{Kind, TableSchema};
use super::super::parquet::ParquetRows;
use super::ResultsError;
use intake::Input;

/// The rows of a table.
pub(super) struct Rows {
    path: PathBuf,
    names: Vec<String>,
    source: Source,
}

enum Source {
    Csv {
        reader: csv::Reader<Box<dyn BufRead + Send>>,
        record: csv::StringRecord,
        kinds: Vec<Kind>,
    },
    Parquet(Box<ParquetRows>),
}

impl Rows {
    /// Opens a table; Parquet is preferred where both forms are there, `None` where neither is.
    pub(super) fn open(folder: &Path, schema: &TableSchema) -> Result<Option<Self>, ResultsError> {
        let (parquet, csv) = (folder.join(schema.parquet), folder.join(schema.csv));
        if parquet.exists() {
            return Self::open_parquet(parquet).map(Some);
        }
        if csv.exists() {
            return Self::open_csv(csv, schema).map(Some);
        }
        Ok(None)
    }

    fn open_parquet(path: PathBuf) -> Result<Self, ResultsError> {
        match ParquetRows::open(&path) {
            Ok(rows) => Ok(Self {
                path,
                names: rows.names().to_vec(),
                source: Source::Parquet(Box::new(rows)),
            }),
            Err(reason) => Err(ResultsError::Table(path, reason)),
        }
    }

    fn open_csv(path: PathBuf, schema: &TableSchema) -> Result<Self, ResultsError> {
        let damaged = |reason: String| ResultsError::Table(path.clone(), reason);
        let input = Input::path(&path)
            .open()
            .map_err(|error| damaged(error.to_string()))?;
        let mut reader = csv::ReaderBuilder::new().from_reader(input);
        let header = reader
            .headers()
            .map_err(|error| damaged(error.to_string()))?;
        let names: Vec<String> = header.iter().map(str::to_owned).collect();
        let kinds = names.iter().map(|name| {
            let known = schema.columns.iter().find(|column| column.name == name);
            known.map_or(Kind::Text, |column| column.kind)
        });
        let source = Source::Csv {
            kinds: kinds.collect(),
            reader,
            record: csv::StringRecord::new(),
        };
        Ok(Self {
            path,
            names,
            source,
        })
    }

    /// The names of the columns.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Position of a column.
    pub(super) fn position(&self, name: &str) -> Result<usize, ResultsError> {
        let found = self.names.iter().position(|known| known == name);
        found.ok_or_else(|| self.damaged(&format!("it has no column `{name}`")))
    }

    /// An error about this table.
    pub(super) fn damaged(&self, reason: &str) -> ResultsError {
        ResultsError::Table(self.path.clone(), reason.to_owned())
    }

    /// Reads the next row, one value per name; false at the end.
    pub(super) fn next(&mut self, row: &mut Vec<Value>) -> Result<bool, ResultsError> {
        row.clear();
        let read = match &mut self.source {
            Source::Csv {
                reader,
                record,
                kinds,
            } => read_csv(reader, record, kinds, row),
            Source::Parquet(rows) => rows.next(row),
        };
        read.map_err(|reason| self.damaged(&reason))
    }
}

fn read_csv(
    reader: &mut csv::Reader<Box<dyn BufRead + Send>>,
    record: &mut csv::StringRecord,
    kinds: &[Kind],
    row: &mut Vec<Value>,
) -> Result<bool, String> {
    if !reader
        .read_record(record)
        .map_err(|error| error.to_string())?
    {
        return Ok(false);
    }
    for (field, kind) in record.iter().zip(kinds) {
        let value = match kind {
            _ if field.is_empty() => Some(Value::Absent),
            Kind::Text => Some(Value::Text(field.to_owned())),
            Kind::Integer => field.parse().ok().map(Value::Integer),
            Kind::Number => field.parse().ok().map(Value::Number),
        };
        let line = record.position().map_or(0, csv::Position::line);
        row.push(
            value.ok_or_else(|| {
                format!("line {line}: `{field}` where {} was expected", kind.name())
            })?,
        );
    }
    Ok(true)
}
