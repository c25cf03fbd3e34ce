//! The rows of a text: most are found by the marks of their bytes alone, and any other is taken apart with care.
#![expect(
    clippy::inline_always,
    reason = "values of a row that go from one call to the next through memory cost more than their parsing"
)]

use std::ops::Range;
use std::sync::Arc;

use super::Row;
use super::fields::{Fields, Malformed, Splitter};
use crate::ledger::BadRow;
use crate::lines::Lines;
use crate::{Input, Marked, TraceError};
use units::plural;

/// The rows of a text.
pub(super) struct TextRows {
    pub(super) lines: Lines,
    pub(super) splitter: Splitter,
    /// Whether there is no header; then lines that begin with `#` are remarks.
    is_headless: bool,
    /// Rows that were not plain because of their blanks alone.
    pub(super) with_blanks: u32,
}

/// Rows with blanks after which others are expected to have some.
pub(super) const FEW: u32 = 8;

impl TextRows {
    pub(super) fn open(
        input: &Input,
        separator: u8,
        is_headless: bool,
    ) -> Result<Self, TraceError> {
        Ok(Self::of(input.lines()?, separator, is_headless))
    }

    /// The rows of lines.
    pub(super) fn of(mut lines: Lines, separator: u8, is_headless: bool) -> Self {
        if separator != b',' {
            lines.mark(Marked::Exactly(separator));
        }
        Self {
            lines,
            splitter: Splitter::new(separator),
            is_headless,
            with_blanks: 0,
        }
    }

    /// The next row of a table with this number of columns, if it is plain and read already.
    #[inline(always)]
    pub(super) fn next_plain_row(&mut self, columns: usize) -> Option<Row<'_>> {
        let line = self.lines.next_plain(columns, self.splitter.separator)?;
        let is_bare = self.lines.marked() == Marked::AtAGlance;
        if !is_bare && !self.is_surely_a_row(columns) {
            self.lines.put_back();
            return None;
        }
        let (text, start, ends) = self.lines.plain(columns);
        let fields = Fields {
            text,
            start,
            ends,
            is_line: true,
            is_bare,
        };
        Some(Row { line, fields })
    }

    /// Whether a plain line that may have blanks is neither a remark nor blank, at a glance.
    #[inline(always)]
    fn is_surely_a_row(&self, columns: usize) -> bool {
        let (text, start, _) = self.lines.plain(columns);
        let first = text[start];
        let is_remark = self.is_headless && first == b'#';
        !is_remark && !first.is_ascii_whitespace()
    }

    /// Counts a row that is not plain if that is because of its blanks alone; where there are several, those to come are
    /// looked through for what separates fields alone.
    fn count_blanks(&mut self, place: Range<usize>) {
        let is_blank = |byte: &u8| *byte < b',' && *byte != b'"';
        self.with_blanks += u32::from(self.lines.at(place).iter().any(is_blank));
        if self.with_blanks == FEW {
            self.lines.mark(Marked::Exactly(b','));
        }
    }

    /// The next row of a table of these columns.
    pub(super) fn next_row(
        &mut self,
        columns: &[Arc<str>],
    ) -> Result<Option<Result<Row<'_>, BadRow>>, TraceError> {
        let expected = columns.len();
        let Some((line, place, is_plain)) = self.next_place()? else {
            return Ok(None);
        };
        if is_plain && self.lines.marked() == Marked::AtAGlance {
            self.count_blanks(place.clone());
        }
        let (rule, found, value) = match self.splitter.split(self.lines.at(place), is_plain) {
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

    /// Place of the next line that isn't blank, and whether it is plain; the splitter knows its
    /// commas.
    #[inline(always)]
    pub(super) fn next_place(&mut self) -> Result<Option<(u64, Range<usize>, bool)>, TraceError> {
        while let Some(found) = self.lines.next_scanned(&mut self.splitter.ends)? {
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
