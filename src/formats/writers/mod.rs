//! Formats that arrivals are written in, one file each. To add one: write its file with an `ENTRY`, and add
//! one line here. A writer states what readers make of each record; what that lacks of the record is found and told
//! for all formats alike ([`lost`]).

mod conversion;
pub mod lost;
mod manifests;
mod nodes;
mod parquet;
mod swf;
mod table;

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use crate::prelude::*;
use arrivals::class_columns::ClassColumns;
use arrivals::header_record::HeaderRecord;

pub use conversion::{ConvertError, Converted, Lost};
pub use nodes::write_nodes;

/// A format that arrivals are written in.
#[derive(Clone, Copy, Debug)]
pub struct Writer {
    /// Name of the format.
    pub name: &'static str,
    /// Description of the format in one sentence.
    pub summary: &'static str,
    /// `true` if the format can say what pods use over time.
    pub has_usage: bool,
    /// `true` if the format can say that pods are resized while they run.
    pub has_resizes: bool,
    /// Begins a file.
    pub(crate) begin: Begin,
}

/// The function that begins a file of a format.
pub(crate) type Begin =
    for<'out> fn(&Settings, &'out mut dyn Write) -> io::Result<Box<dyn RecordWriter + 'out>>;

/// What is known of a file before its first record.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Whether usage is written.
    pub(crate) with_usage: bool,
    /// Whether arrivals may wait for others.
    pub(crate) has_links: bool,
    /// Whether arrivals may be members of gangs.
    pub(crate) has_gangs: bool,
    /// The columns that classes need beside those of their requests.
    pub(crate) columns: ClassColumns,
    /// The header of the source.
    pub(crate) header: HeaderRecord,
}

/// A file that is being written.
pub(crate) trait RecordWriter {
    /// Takes a class of the source by its number; returns the spec that readers make of its records. Each is taken in
    /// the order of their numbers, and again before a record of it if others took its place.
    fn class(&mut self, number: u32, spec: &PodSpec) -> PodSpec;

    /// Writes an arrival; returns what readers make of it.
    fn write(&mut self, record: &Record<'_>) -> io::Result<Reading>;

    /// The number of entries of the header that are written.
    fn entries(&self) -> u64 {
        0
    }

    /// Writes the end of the file.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// An arrival to be written.
pub(crate) struct Record<'r> {
    /// The arrival.
    pub(crate) arrival: &'r Arrival,
    /// The name of its tenant.
    pub(crate) tenant: &'r Text,
    /// The number of rows before it.
    pub(crate) number: u64,
}

/// What readers make of an arrival that was written.
#[derive(Default)]
pub(crate) struct Reading {
    /// The number of rows that it was written in.
    pub(crate) rows: u64,
    /// The arrival that they read; `None` is the arrival itself. Its class and tenant stand below.
    pub(crate) arrival: Option<Arrival>,
    /// The name of the tenant; `None` is that of the arrival, and empty is none.
    pub(crate) tenant: Option<Text>,
    /// The spec; `None` is that of the class.
    pub(crate) spec: Option<PodSpec>,
    /// Whether readers demand what the arrival doesn't say.
    pub(crate) is_unreadable: bool,
}

/// The fault of a record whose class was not taken before it.
fn not_taken() -> io::Error {
    io::Error::other("a record of a class that its writer has not taken")
}

impl Reading {
    /// A row that reads back as the arrival itself.
    pub(crate) fn of_row() -> Self {
        Self {
            rows: 1,
            ..Self::default()
        }
    }
}

/// Every format, in the order of the manual.
pub const WRITERS: &[Writer] = &[table::ENTRY, parquet::ENTRY, swf::ENTRY, manifests::ENTRY];

/// The format of a name.
pub fn find(name: &str) -> Option<&'static Writer> {
    WRITERS.iter().find(|entry| entry.name == name)
}
