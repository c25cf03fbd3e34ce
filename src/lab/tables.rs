//! The tables of a result folder: one row a time and one row a pod, with the variant as a column;
//! as Parquet, as CSV, or both. Variants run side by side, each into a part of its own; the parts
//! are joined in written order, so that the number of threads does not show in the bytes.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use metrics::{Demand, Resource, SeriesRow, SeriesSink};

use super::cells::Cell;
use super::columns::{SERIES, TableSchema};
use super::folder::{CsvWriter, FolderError, ResultFolder};
use super::parquet::{self, ParquetWriter};

/// Formats in which tables are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableFormats {
    /// `true` writes Parquet.
    pub parquet: bool,
    /// `true` writes CSV.
    pub csv: bool,
}

impl TableFormats {
    /// Neither.
    pub const NONE: Self = Self {
        parquet: false,
        csv: false,
    };
    /// Tables as Parquet alone.
    pub const PARQUET: Self = Self {
        parquet: true,
        csv: false,
    };
    /// Tables as CSV alone.
    pub const CSV: Self = Self {
        parquet: false,
        csv: true,
    };
    /// Both.
    pub const BOTH: Self = Self {
        parquet: true,
        csv: true,
    };
}

/// A row of [`SERIES`].
#[expect(clippy::ptr_arg, reason = "a cell shows a sized value")]
fn series_cells<'a>(variant: &'a String, row: &SeriesRow) -> [Cell<'a>; SERIES.columns.len()] {
    let (allocated, capacity) = (&row.allocated, &row.capacity);
    [
        Cell::Shown(variant),
        Cell::of_time(Some(row.at)),
        Cell::of_amount(allocated.of(Resource::Cpu)),
        Cell::of_amount(allocated.of(Resource::Memory)),
        Cell::of_amount(allocated.of(Resource::Gpu)),
        Cell::of_amount(capacity.of(Resource::Cpu)),
        Cell::of_amount(capacity.of(Resource::Memory)),
        Cell::of_amount(capacity.of(Resource::Gpu)),
        Cell::of_amount(row.pending),
        Cell::of_amount(row.holding),
        Cell::of_amount(row.running),
        Cell::of_amount(row.nodes_up),
        Cell::of_number(row.gpu_fragmented_milli),
    ]
}

/// The cells of a demand, as the tables of pods and of classes have them.
pub(super) fn demand_cells<'a>(demand: &'a Demand<'_>) -> [Cell<'a>; 6] {
    [
        Cell::Shown(&demand.namespace),
        Cell::Shown(&demand.queue),
        Cell::of_amount(demand.priority),
        Cell::of_amount(demand.cpu_milli),
        Cell::of_amount(demand.memory_bytes),
        Cell::of_amount(demand.gpu_milli),
    ]
}

/// A table being written, in every format that was asked for.
pub struct TableWriter {
    csv: Option<CsvWriter>,
    parquet: Option<ParquetWriter>,
}

impl TableWriter {
    /// Starts what a variant writes of a table; `None` where no format was asked for.
    pub fn start(
        folder: &ResultFolder,
        schema: &TableSchema,
        formats: TableFormats,
        place: Place,
    ) -> Result<Option<Self>, FolderError> {
        let start_csv = || folder.csv(&place.file(schema.csv), &schema.names());
        let csv = formats.csv.then(start_csv).transpose()?;
        let start_parquet = || {
            let file = folder.file(&place.file(schema.parquet))?;
            ParquetWriter::start(file, schema)
        };
        let parquet = formats.parquet.then(start_parquet).transpose()?;
        let writer = Self { csv, parquet };
        Ok((formats.csv || formats.parquet).then_some(writer))
    }

    /// Writes a row.
    pub(super) fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), FolderError> {
        if let Some(csv) = &mut self.csv {
            csv.cells(cells)?;
        }
        if let Some(parquet) = &mut self.parquet {
            parquet.row(cells)?;
        }
        Ok(())
    }

    /// Completes the files.
    pub fn finish(self) -> Result<(), FolderError> {
        if let Some(parquet) = self.parquet {
            parquet.finish()?;
        }
        self.csv.map_or(Ok(()), CsvWriter::finish)
    }
}

/// Place at which a variant writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The place's position.
    pub variant: usize,
    /// Number of variants.
    pub variants: usize,
}

impl Place {
    /// The parts that all variants write of a file.
    pub(super) fn parts(whole: &str, variants: usize) -> Vec<String> {
        let places = (0..variants).map(|variant| Self { variant, variants });
        places.map(|place| place.file(whole)).collect()
    }

    /// The file that stands for `whole`: a part, or the whole where it is the only one.
    pub(super) fn file(self, whole: &str) -> String {
        match self.variants {
            1 => whole.to_owned(),
            _ => format!("{PARTS}/{}-{whole}", self.variant),
        }
    }
}

/// A table that a run writes; the run holds one handle and its owner the other.
pub type SharedTable = Rc<RefCell<TableWriter>>;

/// Writes the time series of a variant.
pub struct SeriesTable {
    /// The variant's name.
    pub variant: String,
    /// Table that rows go to.
    pub table: SharedTable,
}

impl SeriesSink for SeriesTable {
    fn row(&mut self, row: &SeriesRow) -> io::Result<()> {
        let cells = series_cells(&self.variant, row);
        self.table
            .borrow_mut()
            .row(&cells)
            .map_err(io::Error::other)
    }
}

/// The folder of parts, gone once the result folder is complete.
pub(super) const PARTS: &str = ".parts";

/// Joins what the variants wrote of a table, in their order.
pub(super) fn join(
    folder: &ResultFolder,
    schema: &TableSchema,
    formats: TableFormats,
    variants: usize,
) -> Result<(), FolderError> {
    if formats.csv {
        folder.join_text(schema.csv, 1, &Place::parts(schema.csv, variants))?;
    }
    if formats.parquet {
        parquet::join(folder, schema, &Place::parts(schema.parquet, variants))?;
    }
    Ok(())
}
