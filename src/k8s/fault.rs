//! Fault that a parser found, with the place in the text shown.

use units::line::{QUOTED_MAX as SHOWN, brief_found};

/// A parser's complaint.
pub(super) struct Fault {
    pub(super) message: String,
    /// Line and column in the text, from 1; 0 if the parser knows none.
    pub(super) line: u64,
    pub(super) column: u64,
}

impl From<&serde_json::Error> for Fault {
    fn from(error: &serde_json::Error) -> Self {
        let (line, column) = (error.line() as u64, error.column() as u64);
        let message = error.to_string();
        let place = format!(" at line {line} column {column}");
        Self {
            message: in_plain_words(message.strip_suffix(&place).unwrap_or(&message)),
            line,
            column,
        }
    }
}

impl Fault {
    /// The complaint, its place and what stands there; `lines_before` precede `text` in the file.
    pub(super) fn in_text(&self, text: &str, lines_before: u64) -> String {
        self.in_text_after(text, lines_before, 0)
    }

    /// As [`Fault::in_text`], where `before` columns of the first line precede `text`.
    pub(super) fn in_text_after(&self, text: &str, lines_before: u64, before: u64) -> String {
        let message = brief_found(&self.message);
        if self.line == 0 {
            return message;
        }
        let line = text.lines().nth(self.line as usize - 1).unwrap_or_default();
        let number = self.line + lines_before;
        let shown = around(line, self.column as usize);
        let column = self.column + if self.line == 1 { before } else { 0 };
        format!("{message} at line {number} column {column}, in `{shown}`")
    }
}

/// The parser's terms for a value of a wrong type in those of a manifest's writer.
pub(super) fn in_plain_words(message: &str) -> String {
    let types = message.strip_prefix("invalid type: ");
    let Some((found, expected)) = types.and_then(|types| types.split_once(", expected ")) else {
        return message.to_owned();
    };
    let is_bare = ["integer ", "floating point ", "boolean "];
    let is_bare = is_bare.iter().any(|kind| found.starts_with(kind));
    let (expected, fix) = match expected {
        "a string" if is_bare => ("a text", "; write it in quotes"),
        "a string" => ("a text", ""),
        "i32" | "i64" | "u32" | "u64" => ("a whole number", ""),
        "a boolean" => ("`true` or `false`", ""),
        "a sequence" => ("a list", ""),
        "a map" => ("fields with values", ""),
        _ if expected.starts_with("struct ") => ("fields with values", ""),
        _ => (expected, ""),
    };
    let found = match found {
        "map" => "fields with values".to_owned(),
        "sequence" => "a list".to_owned(),
        _ => found
            .replacen("string ", "the text ", 1)
            .replacen("floating point ", "the number ", 1)
            .replacen("integer ", "the number ", 1)
            .replacen("boolean ", "", 1),
    };
    brief_found(&format!("expected {expected}, found {found}{fix}"))
}

/// The part of a line around a column.
fn around(line: &str, column: usize) -> String {
    let line = line.trim_end();
    if line.len() <= SHOWN {
        return line.trim_start().to_owned();
    }
    let shown = line.chars().skip(column.saturating_sub(SHOWN / 2));
    shown.take(SHOWN).collect()
}
