//! Reports that are written in several formats.

use serde_json::Value;

/// A report with a table.
pub trait Formats {
    /// Table for people.
    fn table(&self) -> String;

    /// Markdown for pull requests.
    fn markdown(&self) -> String;

    /// CSV, with a head.
    fn csv(&self) -> String;

    /// JSON for programs.
    fn json(&self) -> Value;
}
