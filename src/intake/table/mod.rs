//! Comma-separated tables with a header: columns are found by name, never by position, and every
//! complaint carries line and column. Used by every format that is such a table. A table with a header may
//! as well be a Parquet file; its line is the number of the row, and only the columns that were found by
//! their names before the first row are read.
//!
//! A row is a line: fields may stand in double quotes (with `""` for a quote), but a line break in
//! quotes is refused, so that line numbers are exact and a lost quote can't swallow a file. Blank
//! lines are passed over.
#![expect(
    clippy::inline_always,
    reason = "values of a row that go from one call to the next through memory cost more than their parsing"
)]

use std::cell::Cell;
use std::sync::Arc;

mod fields;
mod piece;
mod text_rows;

use crate::budget::COLUMNS;
use crate::ledger::BadRow;
use crate::number::without_exponent;
use crate::parquet::{self, Form, ListForm, Parquet, TimeForm, is_parquet};
use crate::quote::{quoted_name, quoted_names};
use crate::{Input, TraceError};
use fields::{Fields, text};
pub(crate) use piece::FOUR_WORDS;
pub use piece::Piece;
use text_rows::TextRows;
use units::plural;

/// A table being read.
pub struct Table {
    name: Arc<str>,
    columns: Vec<Arc<str>>,
    /// Whether each column was found by its name.
    found: Vec<Cell<bool>>,
    rows: Rows,
}

/// The rows of a table, by how they are stored.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each file, and every row of a text would follow the pointer"
)]
enum Rows {
    Text(TextRows),
    Parquet(Box<parquet::Rows>),
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
    /// The part of the table that is read so far, and all of it: stored bytes, or rows of a Parquet file.
    pub fn progress(&self) -> (u64, u64) {
        match &self.rows {
            Rows::Text(text) => text.lines.progress(),
            Rows::Parquet(rows) => rows.progress(),
        }
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
        let text = TextRows::open(input, separator, true)?;
        let columns = columns.into_iter().map(Arc::from).collect();
        Ok(Self::of(input, columns, Rows::Text(text)))
    }

    /// Opens a table whose fields are separated by a byte, and reads its header.
    pub fn separated(input: &Input, separator: u8) -> Result<Self, TraceError> {
        if is_parquet(&input.first_bytes()?) {
            let file = Parquet::open(input)?;
            let columns: Vec<Arc<str>> = file.columns().map(Arc::from).collect();
            let form = Form {
                separator: BETWEEN,
                times: TimeForm::Seconds,
                lists: ListForm::Bars,
            };
            let rows = file.rows((0..columns.len()).map(Some).collect(), form);
            return Self::of(input, columns, Rows::Parquet(Box::new(rows))).checked();
        }
        let mut rows = TextRows::open(input, separator, false)?;
        let refuse = |reason: String| TraceError::Format {
            file: input.name.to_string(),
            reason,
        };
        let Some((_, place, is_plain)) = rows.next_place()? else {
            let reason = "is empty; a header with column names is expected";
            return Err(refuse(reason.to_owned()));
        };
        let header = rows.splitter.split(rows.lines.at(place), is_plain);
        let header = header.map_err(|wrong| refuse(format!("the header {}", wrong.rule)))?;
        let columns = header.iter().map(|field| text(field).into()).collect();
        Self::of(input, columns, Rows::Text(rows)).checked()
    }

    fn of(input: &Input, columns: Vec<Arc<str>>, rows: Rows) -> Self {
        Self {
            name: input.name.clone(),
            found: columns.iter().map(|_| Cell::new(false)).collect(),
            columns,
            rows,
        }
    }

    /// The table, unless its header has too many columns or one twice.
    fn checked(self) -> Result<Self, TraceError> {
        if self.columns.len() > COLUMNS {
            let columns = plural::count(self.columns.len(), "column");
            return Err(self.refuse(&format!(
                "the header has {columns}, and {COLUMNS} are the most that are read"
            )));
        }
        if self.columns.iter().any(|name| name.contains('\r')) {
            let reason = "lines end with a carriage return alone; convert them (`tr '\\r' '\\n'`)";
            return Err(self.refuse(reason));
        }
        if let Some(name) = self.columns.iter().find(|name| name.contains('\0')) {
            let name = quoted_name(name.trim_matches('\0'));
            let reason = format!(
                "the header has a zero byte in column `{name}`; remove such bytes (`tr -d '\\0'`)"
            );
            return Err(self.refuse(&reason));
        }
        let mut sorted: Vec<&Arc<str>> = self.columns.iter().collect();
        sorted.sort_unstable();
        let is_twice = |pair: &&[&Arc<str>]| matches!(pair, [one, other] if one == other);
        if let Some([twice, _]) = sorted.windows(2).find(is_twice) {
            let twice = quoted_name(twice);
            let reason = format!("the header names column `{twice}` twice; rename one");
            return Err(self.refuse(&reason));
        }
        Ok(self)
    }

    /// The last row, once it was read, if its line has no end.
    pub fn open_end(&self) -> Option<u64> {
        match &self.rows {
            Rows::Text(text) => text.lines.open_end().filter(|&line| line > 1),
            Rows::Parquet(_) => None,
        }
    }

    /// The names of the columns in the file's order.
    pub fn columns(&self) -> &[Arc<str>] {
        &self.columns
    }

    /// A column that may be missing.
    pub fn column(&self, name: &str) -> Option<Column> {
        let position = self.columns.iter().position(|column| **column == *name)?;
        self.found[position].set(true);
        Some(Column {
            position,
            name: self.columns[position].clone(),
        })
    }

    /// A column that must be there.
    pub fn required_column(&self, name: &str) -> Result<Column, TraceError> {
        self.column(name).ok_or_else(|| self.without(name))
    }

    /// The error that a column is missing.
    pub fn without(&self, name: &str) -> TraceError {
        let mut columns = quoted_names(self.columns.iter().map(|name| &**name));
        if let Some((found, expected)) = self.other_separator() {
            columns = format!(
                "{columns}; {found} seems to stand between its fields, where this format has {expected}"
            );
        }
        if { self.columns.first() }.is_some_and(|name| name.parse::<f64>().is_ok()) {
            columns.push_str(
                "; these are values: put a line with the names of the columns above them",
            );
        }
        let reason = format!("the header has no column `{name}`; it has: {columns}");
        self.refuse(&reason)
    }

    /// The separator of a header that is a single name with one in it, and that of the format.
    fn other_separator(&self) -> Option<(&'static str, &'static str)> {
        const SEPARATORS: [(u8, &str); 5] = [
            (b';', "`;`"),
            (b'\t', "a tab"),
            (b'|', "`|`"),
            (b',', "`,`"),
            (b' ', "a blank"),
        ];
        let ([header], Rows::Text(rows)) = (&*self.columns, &self.rows) else {
            return None;
        };
        let mut all = SEPARATORS.into_iter();
        let (_, found) = all.find(|(byte, _)| header.as_bytes().contains(byte))?;
        let mut all = SEPARATORS.into_iter();
        let (_, expected) = all.find(|&(byte, _)| byte == rows.splitter.separator)?;
        Some((found, expected))
    }

    /// The next row, if it is a line in ASCII without blanks and quotes, of as many fields as there are columns, and
    /// read already; else [`Self::next_row`] has it. By itself, such a row never goes through memory.
    #[inline(always)]
    pub fn next_plain_row(&mut self) -> Option<Row<'_>> {
        match &mut self.rows {
            Rows::Text(text) => text.next_plain_row(self.columns.len()),
            Rows::Parquet(_) => None,
        }
    }

    /// The next row; the inner error is a malformed row, after which reading can go on.
    pub fn next_row(&mut self) -> Result<Option<Result<Row<'_>, BadRow>>, TraceError> {
        match &mut self.rows {
            Rows::Text(text) => text.next_row(&self.columns),
            Rows::Parquet(rows) => {
                if rows.line() == 0 {
                    rows.read_only(|place| self.found[place].get());
                }
                let has_row = rows.advance()?;
                Ok(has_row.then(|| match rows.bad() {
                    Some(bad) => Err(bad),
                    None => Ok(Row::of(rows.line(), rows.text(), rows.ends())),
                }))
            }
        }
    }

    /// An error of the file.
    pub fn refuse(&self, reason: &str) -> TraceError {
        TraceError::Format {
            file: self.name.to_string(),
            reason: reason.to_owned(),
        }
    }
}

/// The character between the fields of a row that is put together: no text of an export has it.
pub const BETWEEN: char = '\u{1f}';

impl Column {
    /// The name of the column.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A column of rows that are put together by [`Row::of`].
    pub fn at(position: usize, name: &str) -> Self {
        Self {
            position,
            name: name.into(),
        }
    }
}

impl<'table> Row<'table> {
    /// The row of a text whose fields end there, with a byte behind each but the last.
    pub fn of(line: u64, text: &'table str, ends: &'table [usize]) -> Self {
        Self {
            line,
            fields: Fields {
                text: text.as_bytes(),
                start: 0,
                ends,
                is_line: true,
                is_bare: false,
            },
        }
    }

    /// Text of a column, trimmed.
    #[inline(always)]
    pub fn text(&self, column: &Column) -> &'table str {
        text(self.bytes(column))
    }

    /// Bytes of a column, for parsing numbers.
    #[inline(always)]
    pub fn bytes(&self, column: &Column) -> &'table [u8] {
        self.fields.get(column.position)
    }

    /// A column of a text in which it stands.
    #[inline(always)]
    pub fn piece(&self, column: &Column) -> Piece<'table> {
        self.fields.piece(column.position)
    }

    /// Text of an optional column; empty if missing.
    #[inline(always)]
    pub fn optional_text(&self, column: Option<&Column>) -> &'table str {
        column.map_or("", |column| self.text(column))
    }

    /// Raw text of adjacent columns; `None` if quotes were removed, so that equal texts are equal
    /// fields.
    #[inline(always)]
    pub fn between(&self, columns: Adjacent) -> Option<Piece<'table>> {
        let Adjacent { first, last } = columns;
        self.fields
            .is_line
            .then(|| self.fields.between(first, last))
    }

    /// A whole number between two bounds, both included; zeros may stand behind a point.
    #[inline(always)]
    pub fn integer(&self, column: &Column, least: i64, most: i64) -> Result<i64, BadRow> {
        match self.piece(column).digits() {
            Some(number) if (least..=most).contains(&number) => Ok(number),
            _ => self.odd_integer(column, least, most),
        }
    }

    /// A whole number that is not of digits alone, or is out of bounds.
    #[cold]
    fn odd_integer(&self, column: &Column, least: i64, most: i64) -> Result<i64, BadRow> {
        let digits = self.piece(column).digits();
        match digits.or_else(|| whole(self.text(column))) {
            Some(number) if (least..=most).contains(&number) => Ok(number),
            Some(number) if number < least => Err(self.bad(column, &format!("at least {least}"))),
            Some(_) => Err(self.bad(column, &at_most(most))),
            None if is_digits(self.text(column)) => Err(self.bad(column, &at_most(most))),
            None => Err(self.bad(column, "a whole number")),
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

/// The last second that is read: a hundred years.
pub const LAST_SECOND: i64 = 3_200_000_000;

/// [`LAST_SECOND`] as a number with a fraction.
pub const MAX_SECONDS: f64 = LAST_SECOND as f64;

/// The rule that a value above the most breaks. Times in a unit too small are the usual case of one.
#[cold]
pub fn at_most(most: i64) -> String {
    if most == LAST_SECOND {
        return format!("at most {most} s, and not in milliseconds");
    }
    format!("at most {most}")
}

/// Whether a text is of digits alone: a number that is too large if it is none.
#[cold]
fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit())
}

/// The whole number of a text. Programs that know no absent whole numbers write others as `4.0`, and some large ones
/// as `1e+05`.
#[cold]
fn whole(text: &str) -> Option<i64> {
    let plain = without_exponent(text);
    let text = plain.as_deref().unwrap_or(text);
    let zeros = text.split_once('.').filter(|(whole, zeros)| {
        let is_zeros = !zeros.is_empty() && zeros.bytes().all(|digit| digit == b'0');
        is_zeros && !whole.is_empty()
    });
    zeros.map_or(text, |(whole, _)| whole).parse().ok()
}

#[cfg(test)]
mod tests;
