//! The tables of a result folder: one row a time and one row a pod, with the variant as a column.
//! Variants run side by side, each into a part of its own; the parts are joined in written order,
//! so that the number of threads does not show in the bytes.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use crate::metrics::{PodRow, PodSink, Resource, SeriesRow, SeriesSink};
use crate::trace::Input;
use crate::units::Instant;

use super::folder::{CsvWriter, FolderError, ResultFolder};

/// Columns of `timeseries.csv`.
pub const SERIES_COLUMNS: [&str; 13] = [
    "variant",
    "time_ns",
    "allocated_cpu_milli",
    "allocated_memory_bytes",
    "allocated_gpu_milli",
    "capacity_cpu_milli",
    "capacity_memory_bytes",
    "capacity_gpu_milli",
    "pods_pending",
    "pods_bound",
    "pods_running",
    "nodes_up",
    "gpu_fragmented_milli",
];

/// Columns of `pods.csv.zst`.
pub const POD_COLUMNS: [&str; 11] = [
    "variant",
    "pod",
    "tenant",
    "class",
    "submit_ns",
    "bound_ns",
    "started_ns",
    "ended_ns",
    "node",
    "gpus",
    "outcome",
];

/// The name of the time series.
pub const SERIES_FILE: &str = "timeseries.csv";
/// The name of the table of pods.
pub const PODS_FILE: &str = "pods.csv.zst";

/// A table that a run writes; the run holds one handle and its owner the other.
pub type SharedTable = Rc<RefCell<CsvWriter>>;

/// Writes the time series of a variant.
pub struct SeriesTable {
    /// The variant's name.
    pub variant: String,
    /// Where rows go.
    pub table: SharedTable,
}

impl SeriesSink for SeriesTable {
    fn row(&mut self, row: &SeriesRow) -> io::Result<()> {
        let amounts = [row.allocated, row.capacity]
            .into_iter()
            .flat_map(|amounts| {
                [Resource::Cpu, Resource::Memory, Resource::Gpu]
                    .map(|kind| amounts.of(kind).to_string())
            });
        let counts = [row.pending, row.holding, row.running, row.nodes_up];
        let fields = [self.variant.clone(), row.at.as_nanos().to_string()]
            .into_iter()
            .chain(amounts)
            .chain(counts.map(|count| count.to_string()))
            .chain([row
                .gpu_fragmented_milli
                .map_or_else(String::new, |amount| format!("{amount:.2}"))]);
        write(&self.table, fields)
    }
}

/// Writes the table of pods of a variant.
pub struct PodTable {
    /// The variant's name.
    pub variant: String,
    /// Where rows go.
    pub table: SharedTable,
}

impl PodSink for PodTable {
    fn row(&mut self, row: &PodRow<'_>) -> io::Result<()> {
        let time =
            |at: Option<Instant>| at.map_or_else(String::new, |at| at.as_nanos().to_string());
        let fields = [
            self.variant.clone(),
            row.name.to_string(),
            row.tenant.0.to_string(),
            row.class.0.to_string(),
            time(Some(row.submit)),
            time(row.bound),
            time(row.started),
            time(row.ended),
            row.node.unwrap_or_default().to_owned(),
            row.gpus.to_string(),
            row.outcome.to_owned(),
        ];
        write(&self.table, fields)
    }
}

fn write(table: &SharedTable, fields: impl IntoIterator<Item = String>) -> io::Result<()> {
    table.borrow_mut().row(fields).map_err(io::Error::other)
}

/// The part of a table that one variant writes.
pub fn part(kind: &str, variant: usize) -> String {
    format!("{PARTS}/{kind}-{variant}.csv.zst")
}

/// The folder of parts, gone once the result folder is complete.
pub const PARTS: &str = ".parts";

/// Joins the parts of a table in the order of variants.
pub fn join(
    folder: &ResultFolder,
    kind: &str,
    columns: &[&str],
    variants: usize,
) -> Result<(), FolderError> {
    let mut whole = match kind {
        "series" => folder.csv(SERIES_FILE, columns)?,
        _ => folder.csv_zst(PODS_FILE, columns)?,
    };
    for variant in 0..variants {
        let path = folder.partial().join(part(kind, variant));
        let read = |reason: String| FolderError::Encode {
            path: path.clone(),
            reason,
        };
        let input = Input::path(&path)
            .open()
            .map_err(|error| read(error.to_string()))?;
        let mut rows = csv::ReaderBuilder::new().from_reader(input);
        let mut row = csv::ByteRecord::new();
        while rows
            .read_byte_record(&mut row)
            .map_err(|error| read(error.to_string()))?
        {
            whole.row(&row)?;
        }
    }
    whole.finish()
}
