//! The fields of a row of a table, as readers take them.
#![expect(
    clippy::inline_always,
    reason = "values of a row that go from one call to the next through memory cost more than their parsing"
)]

use crate::ledger::BadRow;
use crate::table::{Column, LAST_SECOND, MAX_SECONDS, Row, at_most};
use units::{Duration, Instant};

/// The fields of a row, by the places of their columns in the layout. A field that is empty, or whose
/// column is not there, is absent.
pub struct Fields<'row, 'table> {
    row: &'row Row<'table>,
    columns: &'row [Option<Column>],
}

impl<'row, 'table> Fields<'row, 'table> {
    /// The fields of a row, with its columns by their places in the layout.
    pub fn of(row: &'row Row<'table>, columns: &'row [Option<Column>]) -> Self {
        Self { row, columns }
    }

    /// The row, whose columns have the places of the layout if it has no header.
    pub fn row(&self) -> &'row Row<'table> {
        self.row
    }

    /// The line, counted from 1.
    pub fn line(&self) -> u64 {
        self.row.line
    }

    /// Whether the table has a column.
    pub fn has(&self, place: usize) -> bool {
        self.columns[place].is_some()
    }

    /// The text of a field; empty if it is absent.
    pub fn text(&self, place: usize) -> &'table str {
        self.row.optional_text(self.columns[place].as_ref())
    }

    /// The bytes of a field; none if it is absent.
    #[inline(always)]
    pub fn bytes(&self, place: usize) -> &'table [u8] {
        let column = self.columns[place].as_ref();
        column.map_or(b"", |column| self.row.bytes(column))
    }

    /// A text that must be there.
    pub fn name(&self, place: usize, expected: &str) -> Result<&'table str, BadRow> {
        match self.text(place) {
            "" => Err(self.bad(place, expected)),
            name => Ok(name),
        }
    }

    /// A whole number between two bounds, both included.
    #[inline(always)]
    pub fn integer(&self, place: usize, least: i64, most: i64) -> Result<Option<i64>, BadRow> {
        let Some(column) = &self.columns[place] else {
            return Ok(None);
        };
        let piece = self.row.piece(column);
        if piece.is_empty() {
            return Ok(None);
        }
        match piece.digits() {
            Some(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => self.row.integer(column, least, most).map(Some),
        }
    }

    /// A whole number that must be there.
    #[inline(always)]
    pub fn number(&self, place: usize, least: i64, most: i64) -> Result<i64, BadRow> {
        let number = self.integer(place, least, most)?;
        number.ok_or_else(|| self.bad(place, "a whole number"))
    }

    /// A decimal number of at least 0.
    #[inline(always)]
    pub fn decimal(&self, place: usize, most: f64) -> Result<Option<f64>, BadRow> {
        let Some(column) = &self.columns[place] else {
            return Ok(None);
        };
        let piece = self.row.piece(column);
        if piece.is_empty() {
            return Ok(None);
        }
        match piece.decimal() {
            Some(number) if (0.0..=most).contains(&number) => Ok(Some(number)),
            _ => self.odd_decimal(place, most),
        }
    }

    /// A decimal number that is none of digits and a point alone, or is out of bounds.
    #[cold]
    fn odd_decimal(&self, place: usize, most: f64) -> Result<Option<f64>, BadRow> {
        match self.text(place).parse::<f64>() {
            Ok(number) if (0.0..=most).contains(&number) => Ok(Some(number)),
            Ok(number) if number < 0.0 => Err(self.bad(place, "at least 0")),
            Ok(number) if number > most && most.total_cmp(&MAX_SECONDS).is_eq() => {
                Err(self.bad(place, &at_most(LAST_SECOND)))
            }
            Ok(number) if number > most => Err(self.bad(place, &format!("at most {most}"))),
            _ => Err(self.bad(place, "a number")),
        }
    }

    /// A decimal number of at least 0 in units of which `scale` make one, rounded.
    #[inline(always)]
    pub fn scaled(&self, place: usize, scale: i64, most: f64) -> Result<Option<i64>, BadRow> {
        let number = self.decimal(place, most)?;
        Ok(number.map(|number| (number * scale as f64).round_ties_even() as i64))
    }

    /// Seconds from the trace's zero, whole or with a fraction, as an instant.
    #[inline(always)]
    pub fn seconds(&self, place: usize) -> Result<Option<Instant>, BadRow> {
        if let Some(column) = &self.columns[place]
            && let Some(seconds) = self.row.piece(column).digits()
            && seconds <= LAST_SECOND
        {
            return Ok(Some(Instant::from_secs(seconds)));
        }
        let number = self.decimal(place, MAX_SECONDS)?;
        let span = number.and_then(Duration::checked_from_secs_f64);
        Ok(span.map(|span| Instant::ZERO + span))
    }

    /// A complaint about a field, saying what was expected there.
    pub fn bad(&self, place: usize, expected: &str) -> BadRow {
        match &self.columns[place] {
            Some(column) => self.row.bad(column, expected),
            None => BadRow {
                line: self.row.line,
                column: "missing".to_owned(),
                value: String::new(),
                rule: format!("must be {expected}"),
            },
        }
    }
}
