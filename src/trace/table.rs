//! Comma-separated tables with a header: columns are found by name, never by position, and every
//! complaint carries line and column. Used by every format that is such a table.
//!
//! A row is a line: fields may stand in double quotes (with `""` for a quote), but a line break in
//! quotes is refused, so that line numbers are exact and a lost quote can't swallow a file. Blank
//! lines are passed over.

use std::ops::Range;
use std::sync::Arc;

use memchr::{memchr, memchr_iter};

use super::budget::COLUMNS;
use super::error::TraceError;
use super::input::Input;
use super::ledger::BadRow;
use super::lines::Lines;
use super::number::digits;
use units::plural;

/// A table being read.
pub struct Table {
    lines: Lines,
    columns: Vec<Arc<str>>,
    splitter: Splitter,
    /// Whether lines that begin with `#` are remarks.
    remarks: bool,
}

/// Position of a column, once its name was found in the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    position: usize,
    name: Arc<str>,
}

/// Columns side by side in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adjacent {
    first: usize,
    last: usize,
}

impl Adjacent {
    /// The columns, if there are any and no other stands between them.
    pub fn of<'c>(columns: impl IntoIterator<Item = &'c Column>) -> Option<Self> {
        let mut places: Vec<usize> = columns.into_iter().map(|column| column.position).collect();
        places.sort_unstable();
        let (first, last) = (*places.first()?, *places.last()?);
        (last - first + 1 == places.len()).then_some(Self { first, last })
    }
}

/// One row of a table.
pub struct Row<'table> {
    /// The row's line, counted from 1.
    pub line: u64,
    fields: Fields<'table>,
}

impl Table {
    /// Stored bytes read so far, and all of them.
    pub fn progress(&self) -> (u64, u64) {
        self.lines.progress()
    }

    /// Opens a table and reads its header.
    pub fn open(input: &Input) -> Result<Self, TraceError> {
        Self::separated(input, b',')
    }

    /// Opens a table without a header, whose columns are these in this order; lines that begin with
    /// `#` are remarks.
    pub fn headless(
        input: &Input,
        separator: u8,
        columns: impl IntoIterator<Item = &'static str>,
    ) -> Result<Self, TraceError> {
        Ok(Self {
            lines: input.lines()?,
            columns: columns.into_iter().map(Arc::from).collect(),
            splitter: Splitter {
                separator,
                ..Splitter::default()
            },
            remarks: true,
        })
    }

    /// Opens a table whose fields are separated by a byte, and reads its header.
    pub fn separated(input: &Input, separator: u8) -> Result<Self, TraceError> {
        let mut table = Self {
            lines: input.lines()?,
            columns: Vec::new(),
            splitter: Splitter::default(),
            remarks: false,
        };
        table.splitter.separator = separator;
        let Some((_, place, is_plain)) = table.next_place()? else {
            return Err(table.refuse("is empty; a header with column names is expected"));
        };
        let header = table.splitter.split(table.lines.at(place), is_plain);
        let columns = header.map(|fields| fields.iter().map(|field| text(field).into()).collect());
        table.columns =
            columns.map_err(|wrong| table.refuse(&format!("the header {}", wrong.rule)))?;
        if table.columns.len() > COLUMNS {
            let columns = plural::count(table.columns.len(), "column");
            return Err(table.refuse(&format!(
                "the header has {columns}, and {COLUMNS} are the most that are read"
            )));
        }
        let mut sorted: Vec<&Arc<str>> = table.columns.iter().collect();
        sorted.sort_unstable();
        let is_twice = |pair: &&[&Arc<str>]| matches!(pair, [one, other] if one == other);
        if let Some([twice, _]) = sorted.windows(2).find(is_twice) {
            let reason = format!("the header names column `{twice}` twice; rename one");
            return Err(table.refuse(&reason));
        }
        Ok(table)
    }

    /// The names of the columns in the file's order.
    pub fn columns(&self) -> &[Arc<str>] {
        &self.columns
    }

    /// A column that may be missing.
    pub fn column(&self, name: &str) -> Option<Column> {
        let position = self.columns.iter().position(|column| **column == *name)?;
        Some(Column {
            position,
            name: self.columns[position].clone(),
        })
    }

    /// A column that must be there.
    pub fn required_column(&self, name: &str) -> Result<Column, TraceError> {
        self.column(name).ok_or_else(|| {
            self.refuse(&format!(
                "the header has no column `{name}`; it has: {}",
                self.columns.join(", ")
            ))
        })
    }

    /// The next row; the inner error is a malformed row, after which reading can go on.
    pub fn next_row(&mut self) -> Result<Option<Result<Row<'_>, BadRow>>, TraceError> {
        let Some((line, place, is_plain)) = self.next_place()? else {
            return Ok(None);
        };
        let expected = self.columns.len();
        let (rule, found, value) = match self.splitter.split(self.lines.at(place), is_plain) {
            Ok(fields) if fields.ends.len() == expected => {
                return Ok(Some(Ok(Row { line, fields })));
            }
            Ok(fields) => {
                let found = fields.ends.len();
                let rule = format!(
                    "the row has {} where the header has {expected}",
                    plural::count(found, "field")
                );
                (rule, found, fields.joined())
            }
            Err(malformed) => {
                let Malformed { rule, found, value } = malformed;
                (format!("a row {rule}"), found, value)
            }
        };
        let missing = self.columns.get(found);
        Ok(Some(Err(BadRow {
            line,
            column: missing.map_or_else(|| "beyond the last".to_owned(), ToString::to_string),
            value,
            rule,
        })))
    }

    /// Place of the next line that isn't blank, and whether it is plain; the splitter knows its
    /// commas.
    fn next_place(&mut self) -> Result<Option<(u64, Range<usize>, bool)>, TraceError> {
        while let Some(found) = self.lines.next_scanned(&mut self.splitter.ends)? {
            let line = self.lines.at(found.1.clone());
            let may_be_blank = line.first().is_none_or(u8::is_ascii_whitespace);
            if self.remarks && line.first() == Some(&b'#') {
                continue;
            }
            if !may_be_blank || !line.trim_ascii().is_empty() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn refuse(&self, reason: &str) -> TraceError {
        TraceError::Format {
            file: self.lines.name().to_string(),
            reason: reason.to_owned(),
        }
    }
}

/// The fields of one line: where each ends, and a comma behind each but the last.
#[derive(Clone, Copy, Debug)]
struct Fields<'text> {
    /// UTF-8.
    text: &'text [u8],
    ends: &'text [usize],
    /// Whether the text is the line itself, as there is nothing quoted in it.
    is_line: bool,
}

impl<'text> Fields<'text> {
    /// From the beginning of a field to the end of another, as it stands.
    #[inline]
    fn between(&self, first: usize, last: usize) -> &'text [u8] {
        let start = match first {
            0 => 0,
            _ => self.ends[first - 1] + 1,
        };
        &self.text[start..self.ends[last]]
    }

    /// A field without blanks around it.
    #[inline]
    fn get(&self, position: usize) -> &'text [u8] {
        let field = self.between(position, position);
        match field {
            [] => field,
            [first, .., last] | [first @ last] if is_visible(*first) && is_visible(*last) => field,
            _ => text(field).trim().as_bytes(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = &'text [u8]> {
        (0..self.ends.len()).map(|position| self.get(position))
    }

    fn joined(&self) -> String {
        self.iter().map(text).collect::<Vec<_>>().join(",")
    }
}

/// The text of a field: lines were found to be UTF-8, and commas part no character.
fn text(field: &[u8]) -> &str {
    str::from_utf8(field).unwrap_or_default()
}

/// A line that can't be taken apart.
struct Malformed {
    /// Rule that the value must meet.
    rule: &'static str,
    /// Number of fields found in the row up to there.
    found: usize,
    /// The fields.
    value: String,
}

/// Whether a byte is a character that no blank is part of.
#[inline]
fn is_visible(byte: u8) -> bool {
    (b'!'..0x7f).contains(&byte)
}

/// Takes lines apart; its memory is used again for the next.
#[derive(Debug)]
struct Splitter {
    /// The byte between two fields.
    separator: u8,
    /// The text of a line with quotes, without them.
    unquoted: String,
    /// The commas of the line; then where its fields end.
    ends: Vec<usize>,
}

impl Default for Splitter {
    fn default() -> Self {
        Self {
            separator: b',',
            unquoted: String::new(),
            ends: Vec::new(),
        }
    }
}

impl Splitter {
    /// Takes a line apart whose commas are known, and whether it is ASCII without quotes.
    #[inline]
    fn split<'text>(
        &'text mut self,
        line: &'text [u8],
        is_plain: bool,
    ) -> Result<Fields<'text>, Malformed> {
        if is_plain && self.separator == b',' {
            return Ok(self.fields_of(line));
        }
        self.split_with_care(line)
    }

    /// The fields of a line of which all ends but the last are known.
    #[inline]
    fn fields_of<'text>(&'text mut self, line: &'text [u8]) -> Fields<'text> {
        self.ends.push(line.len());
        Fields {
            text: line,
            ends: &self.ends,
            is_line: true,
        }
    }

    fn split_with_care<'text>(
        &'text mut self,
        line: &'text [u8],
    ) -> Result<Fields<'text>, Malformed> {
        let Ok(text) = str::from_utf8(line) else {
            return Err(Malformed {
                rule: "must be UTF-8 text",
                found: 0,
                value: String::new(),
            });
        };
        if memchr(b'"', line).is_none() {
            if self.separator != b',' {
                self.ends.clear();
                self.ends.extend(memchr_iter(self.separator, line));
            }
            return Ok(self.fields_of(line));
        }
        self.ends.clear();
        let is_closed = self.unquote(text);
        let fields = Fields {
            text: self.unquoted.as_bytes(),
            ends: &self.ends,
            is_line: false,
        };
        if is_closed {
            return Ok(fields);
        }
        Err(Malformed {
            rule: "must close its quotes on the same line",
            found: fields.ends.len(),
            value: fields.joined(),
        })
    }

    /// Takes a line apart that has quotes; whether they are closed.
    fn unquote(&mut self, line: &str) -> bool {
        self.unquoted.clear();
        let mut quoted = false;
        let mut rest = line.chars().peekable();
        while let Some(char) = rest.next() {
            match (char, quoted) {
                ('"', true) if rest.peek() == Some(&'"') => {
                    rest.next();
                    self.unquoted.push('"');
                }
                ('"', _) => quoted = !quoted,
                (char, false) if char == char::from(self.separator) => {
                    self.ends.push(self.unquoted.len());
                    self.unquoted.push(char);
                }
                (char, _) => self.unquoted.push(char),
            }
        }
        self.ends.push(self.unquoted.len());
        !quoted
    }
}

impl Column {
    /// A column of rows that are put together by [`Row::of`].
    pub(crate) fn at(position: usize, name: &str) -> Self {
        Self {
            position,
            name: name.into(),
        }
    }
}

impl<'table> Row<'table> {
    /// The row of a text whose fields end there, with a byte behind each but the last.
    pub(crate) fn of(line: u64, text: &'table str, ends: &'table [usize]) -> Self {
        let (text, is_line) = (text.as_bytes(), true);
        Self {
            line,
            fields: Fields {
                text,
                ends,
                is_line,
            },
        }
    }

    /// Text of a column, trimmed.
    pub fn text(&self, column: &Column) -> &'table str {
        text(self.bytes(column))
    }

    /// Bytes of a column, for parsing numbers.
    #[inline]
    pub fn bytes(&self, column: &Column) -> &'table [u8] {
        self.fields.get(column.position)
    }

    /// Text of an optional column; empty if missing.
    pub fn optional_text(&self, column: Option<&Column>) -> &'table str {
        column.map_or("", |column| self.text(column))
    }

    /// Raw text of adjacent columns; `None` if quotes were removed, so that equal texts are equal
    /// fields.
    #[inline]
    pub fn between(&self, columns: Adjacent) -> Option<&'table [u8]> {
        let Adjacent { first, last } = columns;
        self.fields
            .is_line
            .then(|| self.fields.between(first, last))
    }

    /// A whole number between two bounds, both included.
    pub fn integer(&self, column: &Column, least: i64, most: i64) -> Result<i64, BadRow> {
        match digits(self.bytes(column)).map_or_else(|| self.text(column).parse::<i64>(), Ok) {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            Ok(number) if number < least => Err(self.bad(column, &format!("at least {least}"))),
            Ok(_) => Err(self.bad(column, &format!("at most {most}"))),
            Err(_) => Err(self.bad(column, "a whole number")),
        }
    }

    /// A complaint about a column, saying what was expected there.
    pub fn bad(&self, column: &Column, expected: &str) -> BadRow {
        BadRow {
            line: self.line,
            column: column.name.to_string(),
            value: self.text(column).to_owned(),
            rule: format!("must be {expected}"),
        }
    }
}

#[cfg(test)]
mod tests;
