//! Comma-separated tables with a header: columns are found by name, never by position, and every
//! complaint carries line and column. Used by every format that is such a table.
//!
//! A row is a line: fields may stand in double quotes (with `""` for a quote), but a line break in
//! quotes is refused, so that line numbers are exact and a lost quote can't swallow a file. Blank
//! lines are passed over.

use std::sync::Arc;

use super::error::TraceError;
use super::input::{Input, Lines};
use super::ledger::BadRow;

/// A table being read.
pub struct Table {
    lines: Lines,
    columns: Vec<Arc<str>>,
    fields: Fields,
}

/// Where a column is, once its name was found in the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    position: usize,
    name: Arc<str>,
}

/// One row of a table.
pub struct Row<'table> {
    /// Its line, counted from 1.
    pub line: u64,
    fields: &'table Fields,
}

impl Table {
    /// Stored bytes read so far, and all of them.
    pub fn progress(&self) -> (u64, u64) {
        self.lines.progress()
    }

    /// Opens a table and reads its header.
    pub fn open(input: &Input) -> Result<Self, TraceError> {
        let mut table = Self {
            lines: input.lines()?,
            columns: Vec::new(),
            fields: Fields::default(),
        };
        match table.next_fields()? {
            None => return Err(table.refuse("is empty; a header with column names is expected")),
            Some((_, Err(rule))) => return Err(table.refuse(&format!("the header {rule}"))),
            Some((_, Ok(()))) => {}
        }
        table.columns = table.fields.iter().map(Arc::from).collect();
        for (position, column) in table.columns.iter().enumerate() {
            if table.columns[..position].contains(column) {
                let reason = format!("the header names column `{column}` twice; rename one");
                return Err(table.refuse(&reason));
            }
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
        let (line, rule) = match self.next_fields()? {
            None => return Ok(None),
            Some((line, Ok(()))) if self.fields.ends.len() == self.columns.len() => {
                return Ok(Some(Ok(Row {
                    line,
                    fields: &self.fields,
                })));
            }
            Some((line, Ok(()))) => (
                line,
                format!(
                    "the row has {} fields where the header has {}",
                    self.fields.ends.len(),
                    self.columns.len()
                ),
            ),
            Some((line, Err(rule))) => (line, format!("a row {rule}")),
        };
        let missing = self.columns.get(self.fields.ends.len());
        Ok(Some(Err(BadRow {
            line,
            column: missing.map_or_else(|| "beyond the last".to_owned(), ToString::to_string),
            value: self.fields.iter().collect::<Vec<_>>().join(","),
            rule,
        })))
    }

    /// Splits the next line that isn't blank; the inner error is what a line may not have.
    #[expect(
        clippy::type_complexity,
        reason = "line and outcome of one private step"
    )]
    fn next_fields(&mut self) -> Result<Option<(u64, Result<(), &'static str>)>, TraceError> {
        while let Some((line, text)) = self.lines.next_line()? {
            if !text.trim_ascii().is_empty() {
                return Ok(Some((line, self.fields.split(text))));
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

/// The fields of one line, without blanks around them; the buffers are used again for the next.
#[derive(Debug, Default)]
struct Fields {
    text: String,
    ends: Vec<usize>,
}

impl Fields {
    fn get(&self, position: usize) -> &str {
        let start = position
            .checked_sub(1)
            .and_then(|before| self.ends.get(before).copied())
            .unwrap_or(0);
        self.ends
            .get(position)
            .map_or("", |&end| self.text[start..end].trim())
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).map(|position| self.get(position))
    }

    /// Takes a line apart; what is wrong with it as the error.
    fn split(&mut self, line: &[u8]) -> Result<(), &'static str> {
        self.text.clear();
        self.ends.clear();
        let line = str::from_utf8(line).map_err(|_| "must be UTF-8 text")?;
        let mut quoted = false;
        let mut rest = line.chars().peekable();
        while let Some(char) = rest.next() {
            match (char, quoted) {
                ('"', true) if rest.peek() == Some(&'"') => {
                    rest.next();
                    self.text.push('"');
                }
                ('"', _) => quoted = !quoted,
                (',', false) => self.ends.push(self.text.len()),
                (char, _) => self.text.push(char),
            }
        }
        self.ends.push(self.text.len());
        if quoted {
            return Err("must close its quotes on the same line");
        }
        Ok(())
    }
}

impl Row<'_> {
    /// What stands in a column, without blanks around it.
    pub fn text(&self, column: &Column) -> &str {
        self.fields.get(column.position)
    }

    /// What stands in a column that may be missing; empty if it is.
    pub fn optional_text(&self, column: Option<&Column>) -> &str {
        column.map_or("", |column| self.text(column))
    }

    /// A whole number between two bounds, both included.
    pub fn integer(&self, column: &Column, least: i64, most: i64) -> Result<i64, BadRow> {
        let text = self.text(column);
        match text.parse::<i64>() {
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
mod tests {
    use super::*;

    fn table(text: &str) -> Result<Table, TraceError> {
        Table::open(&Input::bytes("table.csv", text.as_bytes().to_vec()))
    }

    #[test]
    fn columns_are_found_by_name() {
        let mut table = table("\u{feff}b,a\r\n1, 2 \r\n\r\n3,4\r\n").expect("a table");
        let column = table.required_column("a").expect("is there");
        let mut seen = Vec::new();
        while let Some(row) = table.next_row().expect("readable") {
            let row = row.expect("of right length");
            seen.push((row.line, row.integer(&column, 0, 9).expect("in range")));
        }
        assert_eq!(seen, [(2, 2), (4, 4)]);
        assert_eq!(
            table
                .required_column("c")
                .expect_err("is not there")
                .to_string(),
            "table.csv: the header has no column `c`; it has: b, a"
        );
    }

    #[test]
    fn wrong_rows_and_headers_are_named() {
        assert_eq!(
            table("a,a\n").err().expect("twice").to_string(),
            "table.csv: the header names column `a` twice; rename one"
        );
        let mut short = table("a,b\n1\n").expect("a table");
        let bad = short.next_row().expect("readable").expect("a row").err();
        let bad = bad.expect("too short");
        assert_eq!(
            (bad.line, bad.column.as_str(), bad.value.as_str()),
            (2, "b", "1")
        );
        let mut quotes = table("a,b\n\"x,\"\"y\", z\n\"1,2\n3,4\n").expect("a table");
        let column = quotes.required_column("a").expect("is there");
        let row = quotes
            .next_row()
            .expect("readable")
            .expect("a row")
            .expect("quoted");
        assert_eq!(row.text(&column), "x,\"y");
        let bad = quotes.next_row().expect("readable").expect("a row").err();
        assert_eq!(
            bad.expect("open").rule,
            "a row must close its quotes on the same line"
        );
        assert!(quotes.next_row().expect("readable").expect("a row").is_ok());
        let mut numbers = table("a\n-5\n12\nx\n").expect("a table");
        let column = numbers.required_column("a").expect("is there");
        for rule in [
            "must be at least 0",
            "must be at most 9",
            "must be a whole number",
        ] {
            let row = numbers.next_row().expect("readable").expect("a row");
            let bad = row.expect("right length").integer(&column, 0, 9);
            assert_eq!(bad.expect_err(rule).rule, rule);
        }
    }
}
