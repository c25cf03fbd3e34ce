//! Tables as Arrow, by the interface of capsules that pandas, polars, `DuckDB` and pyarrow take without copying.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, RecordBatchIterator, StringArray,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, ffi::FFI_ArrowSchema};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use lab::columns::Kind;
use lab::parquet::{ColumnValues, ParquetRows};

use super::fault::Fault;

/// Columns of text, integers and floats.
#[pyclass(frozen, module = "windtunnel")]
pub(crate) struct Table {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

#[pymethods]
impl Table {
    /// The table as a stream of Arrow; the schema that is wished for may be left aside, as the interface allows.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        let batches: Vec<Result<RecordBatch, ArrowError>> =
            self.batches.iter().cloned().map(Ok).collect();
        let reader = RecordBatchIterator::new(batches, Arc::clone(&self.schema));
        let stream = FFI_ArrowArrayStream::new(Box::new(reader));
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }

    /// The columns' names and types as a schema of Arrow.
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(self.schema.as_ref())
            .map_err(|error| Fault::Incomplete(error.to_string()))?;
        PyCapsule::new_with_value(py, schema, c"arrow_schema")
    }

    /// Names of the columns.
    #[getter]
    fn column_names(&self) -> Vec<String> {
        let fields = self.schema.fields().iter();
        fields.map(|field| field.name().clone()).collect()
    }

    fn __len__(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

/// A column as the package gives it.
#[derive(FromPyObject)]
pub(crate) enum ColumnInput {
    Integer(Vec<Option<i64>>),
    Number(Vec<Option<f64>>),
    Text(Vec<Option<String>>),
}

fn field(name: &str, kind: Kind) -> Field {
    let kind = match kind {
        Kind::Text => DataType::Utf8,
        Kind::Integer => DataType::Int64,
        Kind::Number => DataType::Float64,
    };
    Field::new(name, kind, true)
}

fn of(schema: SchemaRef, batches: Vec<RecordBatch>) -> Table {
    Table { schema, batches }
}

/// A table of columns, each a name with its values: texts, integers or floats, `None` for no value.
#[pyfunction]
pub(crate) fn table(columns: Vec<(String, ColumnInput)>) -> PyResult<Table> {
    let (mut fields, mut arrays): (Vec<Field>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
    for (name, values) in columns {
        let (kind, array): (Kind, ArrayRef) = match values {
            ColumnInput::Integer(values) => (Kind::Integer, Arc::new(Int64Array::from(values))),
            ColumnInput::Number(values) => (Kind::Number, Arc::new(Float64Array::from(values))),
            ColumnInput::Text(values) => (Kind::Text, Arc::new(StringArray::from(values))),
        };
        fields.push(field(&name, kind));
        arrays.push(array);
    }
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)
        .map_err(|error| Fault::Input(error.to_string()))?;
    Ok(of(schema, vec![batch]))
}

/// The table of a Parquet file that windtunnel wrote.
#[pyfunction]
pub(crate) fn read_parquet(py: Python<'_>, path: PathBuf) -> PyResult<Table> {
    let read = py.detach(|| batches(&path));
    Ok(read.map_err(|why| Fault::Input(format!("{}: {why}", path.display())))?)
}

fn batches(path: &std::path::Path) -> Result<Table, String> {
    let mut rows = ParquetRows::open(path)?;
    let fields = rows.names().iter().zip(rows.kinds());
    let fields: Vec<Field> = fields.map(|(name, kind)| field(name, kind)).collect();
    let schema = Arc::new(Schema::new(fields));
    let mut batches = Vec::new();
    while let Some(columns) = rows.next_group()? {
        let arrays = columns.into_iter().map(array);
        let arrays: Vec<ArrayRef> = arrays.collect::<Result<_, _>>()?;
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays);
        batches.push(batch.map_err(|error| error.to_string())?);
    }
    Ok(of(schema, batches))
}

fn array(values: ColumnValues) -> Result<ArrayRef, String> {
    Ok(match values {
        ColumnValues::Integer(values) => Arc::new(Int64Array::from(values)),
        ColumnValues::Number(values) => Arc::new(Float64Array::from(values)),
        ColumnValues::Text(values) => {
            let texts = values.iter().map(|own| {
                let text = own.as_ref().map(|own| own.as_utf8()).transpose();
                text.map_err(|error| error.to_string())
            });
            let texts: Vec<Option<&str>> = texts.collect::<Result<_, String>>()?;
            Arc::new(StringArray::from(texts))
        }
    })
}
