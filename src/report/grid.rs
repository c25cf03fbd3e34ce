//! Cells in rows as the text of a terminal, as Markdown and as CSV, and lists of pairs as JSON.

use std::fmt::{Display, Write};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::format;

/// Table of cells under a head.
pub(crate) struct Grid {
    /// Alignment of each column: `l` or `r`.
    columns: &'static str,
    /// The head and the rows below it.
    rows: Vec<Vec<String>>,
}

impl Grid {
    /// A table without rows. Columns behind those of the pattern are aligned as its last one.
    pub(crate) fn new<S: Into<String>>(
        columns: &'static str,
        head: impl IntoIterator<Item = S>,
    ) -> Self {
        let head = head.into_iter().map(Into::into).collect();
        let rows = vec![head];
        Self { columns, rows }
    }

    /// The table with these rows.
    pub(crate) fn with(mut self, rows: impl IntoIterator<Item: Into<Vec<String>>>) -> Self {
        self.rows.extend(rows.into_iter().map(Into::into));
        self
    }

    fn is_right(&self, column: usize) -> bool {
        let columns = self.columns.as_bytes();
        columns.get(column).or(columns.last()) == Some(&b'r')
    }

    /// Lines of text; each cell is as wide as the widest of its column.
    pub(crate) fn text(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            format::column_width(cells)
        };
        let widths: Vec<usize> = (0..self.rows[0].len()).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let cells = row.iter().zip(&widths).enumerate();
            let cells = cells.map(|(column, (cell, width))| {
                if self.is_right(column) {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:width$}")
                }
            });
            let line = cells.collect::<Vec<String>>().join("  ");
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text
    }

    /// Lines of Markdown.
    pub(crate) fn markdown(&self) -> String {
        let columns = 0..self.rows[0].len();
        let rules = columns.map(|column| if self.is_right(column) { "---:" } else { "---" });
        let rules = rules.collect::<Vec<&str>>().join(" | ");
        let mut lines = self.rows.iter().map(|row| row.join(" | "));
        let head = lines.next();
        let mut text = String::new();
        for line in head.into_iter().chain([rules]).chain(lines) {
            let _ = writeln!(text, "| {line} |");
        }
        text
    }
}

/// CSV of rows, the first of which is the head.
pub(crate) fn csv<R>(rows: impl IntoIterator<Item = R>) -> String
where
    R: IntoIterator<Item: AsRef<[u8]>>,
{
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        // Writing to memory does not fail.
        let _ = writer.write_record(row);
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A JSON object for each pair, with these keys.
pub(crate) fn pairs<'a, A, B>(keys: [&str; 2], list: impl IntoIterator<Item = &'a (A, B)>) -> Value
where
    A: Serialize + 'a,
    B: Serialize + 'a,
{
    let [one, other] = keys;
    let list = list.into_iter();
    list.map(|(first, second)| json!({one: first, other: second}))
        .collect()
}

/// A JSON object of named values.
pub(crate) fn object<N: ToString, V: Serialize>(fields: impl IntoIterator<Item = (N, V)>) -> Value {
    let fields = fields.into_iter();
    let fields = fields.map(|(name, value)| (name.to_string(), json!(value)));
    Value::Object(fields.collect::<Map<String, Value>>())
}

/// Lines that are indented under a title; nothing without lines.
pub(crate) fn section(title: &str, lines: impl IntoIterator<Item: Display>) -> String {
    let mut text = String::new();
    for line in lines {
        if text.is_empty() {
            let _ = writeln!(text, "\n{title}");
        }
        let _ = writeln!(text, "  {line}");
    }
    text
}
