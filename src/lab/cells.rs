//! Cells of tables: values that are written, and values that are read.

use std::fmt;

use units::Instant;

/// Value that is written to a row and a column.
#[derive(Clone, Copy)]
pub enum Cell<'a> {
    /// Nothing.
    Absent,
    /// Text; an empty one is nothing where the column knows absent values.
    Shown(&'a dyn fmt::Display),
    /// A whole number.
    Integer(i64),
    /// A float.
    Number(f64),
}

impl Cell<'_> {
    pub(super) fn of_time(at: Option<Instant>) -> Self {
        at.map_or(Cell::Absent, |at| Cell::Integer(at.as_nanos()))
    }

    /// An amount or a count; what is beyond 64 bits shows as the largest number.
    pub(super) fn of_amount(amount: impl TryInto<i64>) -> Self {
        Cell::Integer(amount.try_into().unwrap_or(i64::MAX))
    }

    pub(super) fn of_number(value: Option<f64>) -> Self {
        let known = value.filter(|value| value.is_finite());
        known.map_or(Cell::Absent, Cell::Number)
    }
}

/// Value that was read from a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// None.
    #[default]
    Absent,
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A float.
    Number(f64),
}

impl Value {
    /// Returns the cell's text, if it is one.
    pub fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the cell's whole number, if it is one.
    pub const fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// Returns the cell's number, rounded to the nearest binary64 beyond 2^53.
    pub const fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Number(value) => Some(*value),
            Self::Absent | Self::Text(_) => None,
        }
    }
}
