//! Formats that arrivals are written in, one file each. To add one: write its file with an `ENTRY`, and add
//! one line here.

mod manifests;
mod parquet;
mod swf;
mod table;

use std::io::Write;

use super::convert::{ConvertError, Converted};
use super::stream::ArrivalSource;

/// A format that arrivals are written in.
#[derive(Clone, Copy, Debug)]
pub struct Writer {
    /// Name of the format.
    pub name: &'static str,
    /// Description of the format in one sentence.
    pub summary: &'static str,
    /// `true` if the format can say what pods use over time.
    pub has_usage: bool,
    /// Writes the arrivals of a source, with the usage of their classes or without it.
    pub write: fn(&mut dyn ArrivalSource, bool, &mut dyn Write) -> Result<Converted, ConvertError>,
}

/// Every format, in the order of the manual.
pub const WRITERS: &[Writer] = &[table::ENTRY, parquet::ENTRY, swf::ENTRY, manifests::ENTRY];

/// The format of a name.
pub fn find(name: &str) -> Option<&'static Writer> {
    WRITERS.iter().find(|entry| entry.name == name)
}
