//! Formats of answers that are tables.

use clap::ValueEnum;
use report::formats::Formats;

use super::{Failure, output};

/// Output format of an answer that is a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum TableFormat {
    /// Table for the terminal.
    Table,
    /// JSON, one object.
    Json,
    /// CSV, one line per row.
    Csv,
    /// Markdown tables, for pull requests.
    Markdown,
}

/// Prints a report in a format.
pub(super) fn print(report: &dyn Formats, format: TableFormat) -> Result<(), Failure> {
    let text = match format {
        TableFormat::Table => report.table(),
        TableFormat::Json => format!("{:#}\n", report.json()),
        TableFormat::Csv => report.csv(),
        TableFormat::Markdown => report.markdown(),
    };
    output::print(text.as_bytes())
}
