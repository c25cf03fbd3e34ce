//! The rows of a text: lines that are neither blank nor remarks.
#![expect(
    clippy::inline_always,
    reason = "values of a row that go from one call to the next through memory cost more than their parsing"
)]

use std::ops::Range;
use std::sync::Arc;

use super::Row;
use super::fields::{Malformed, Splitter};
use crate::ledger::BadRow;
use crate::lines::Lines;
use crate::{Input, TraceError};
use units::plural;

/// The rows of a text.
pub(super) struct TextRows {
    pub(super) lines: Lines,
    pub(super) splitter: Splitter,
    /// Whether there is no header; then lines that begin with `#` are remarks.
    is_headless: bool,
}

impl TextRows {
    pub(super) fn open(
        input: &Input,
        separator: u8,
        is_headless: bool,
    ) -> Result<Self, TraceError> {
        Ok(Self::of(input.lines()?, separator, is_headless))
    }

    /// The rows of lines.
    pub(super) fn of(lines: Lines, separator: u8, is_headless: bool) -> Self {
        Self {
            lines,
            splitter: Splitter::new(separator),
            is_headless,
        }
    }

    /// The next row of a table of these columns.
    pub(super) fn next_row(
        &mut self,
        columns: &[Arc<str>],
    ) -> Result<Option<Result<Row<'_>, BadRow>>, TraceError> {
        let expected = columns.len();
        let Some((line, place)) = self.next_place()? else {
            return Ok(None);
        };
        // What stands behind the line lets its last field be loaded as words, too.
        let text = self.lines.from(place.start);
        let (rule, found, value) = match self.splitter.split(text, place.len()) {
            Ok(fields) if fields.ends.len() == expected => {
                return Ok(Some(Ok(Row { line, fields })));
            }
            Ok(fields) => {
                let found = fields.ends.len();
                let whole = if self.is_headless { "format" } else { "header" };
                let rule = format!(
                    "the row has {} where the {whole} has {expected}",
                    plural::count(found, "field")
                );
                (rule, found, fields.joined())
            }
            Err(malformed) => {
                let Malformed { rule, found, value } = malformed;
                (format!("a row {rule}"), found, value)
            }
        };
        let missing = columns.get(found);
        Ok(Some(Err(BadRow {
            line,
            column: missing.map_or_else(|| "beyond the last".to_owned(), ToString::to_string),
            value,
            rule,
        })))
    }

    /// Place of the next line that is neither blank nor a remark.
    #[inline(always)]
    pub(super) fn next_place(&mut self) -> Result<Option<(u64, Range<usize>)>, TraceError> {
        while let Some(found) = self.lines.next_place()? {
            let line = self.lines.at(found.1.clone());
            let may_be_blank = line.first().is_none_or(u8::is_ascii_whitespace);
            if self.is_headless && line.first() == Some(&b'#') {
                continue;
            }
            if !may_be_blank || !line.trim_ascii().is_empty() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}
