//! Presentation of a run to people and programs: the table in the terminal, JSON, CSV, Markdown,
//! plots and the report.
//!
//! [`comparison`] turns a summary into rows and columns once; every format is written from it, so
//! no two of them can disagree. To add a plot, see [`plot`].

use std::io::{self, Write};

pub mod check;
mod clock;
pub mod compact;
pub mod comparison;
pub mod diff;
pub mod embedded;
pub mod explain;
mod export;
pub mod format;
pub mod formats;
mod grid;

pub mod compose;
pub mod html;
pub mod import;
mod latex;
pub mod losses;
pub mod lost;
pub mod mix;
pub mod place;
pub mod plan;
pub mod plot;
pub mod queue;
pub mod releases;
mod remedies;
pub mod result_files;
pub mod run;
pub mod runs;
mod sense;
pub mod study;
pub mod sweep;
pub mod table;
pub mod trace;
pub mod upgrade;
pub mod validate;
pub mod verdict;

#[cfg(test)]
mod example;

use comparison::Comparison;
use table::TableOptions;

/// Output format of the summary (`--format`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Table for the terminal.
    Table,
    /// JSON, indented.
    Json,
    /// CSV, one line per metric and variant.
    Csv,
    /// Markdown table.
    Markdown,
    /// LaTeX table, for papers.
    Latex,
}

/// Writes the comparison in the given format. Only the table uses the options.
/// # Examples
///
/// ```
/// use lab::summary::{SCHEMA_VERSION, Summary};
/// use report::comparison::{Comparison, Rows};
/// use report::table::TableOptions;
///
/// let summary = Summary {
///     schema_version: SCHEMA_VERSION,
///     windtunnel: "0.1.0".to_owned(),
///     build: String::new(),
///     name: "empty".to_owned(),
///     description: String::new(),
///     scenario_hash: String::new(),
///     inputs: Vec::new(),
///     variants: Vec::new(),
///     definitions: Default::default(),
/// };
/// let comparison = Comparison::new(&summary, Rows::Headline);
/// let mut json = Vec::new();
/// report::write(&mut json, &comparison, report::Format::Json, TableOptions::default())?;
/// assert!(json.starts_with(b"{"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn write(
    out: &mut dyn Write,
    comparison: &Comparison,
    format: Format,
    options: TableOptions<'_>,
) -> io::Result<()> {
    match format {
        Format::Table => table::write(out, comparison, options),
        Format::Json => export::write_json(out, comparison),
        Format::Csv => export::write_csv(out, comparison),
        Format::Markdown => export::write_markdown(out, comparison),
        Format::Latex => latex::write(out, comparison, options.label),
    }
}
