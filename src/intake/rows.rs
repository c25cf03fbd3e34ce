//! Rows of a trace that consists of one table or several of the same columns: shards of a folder or
//! an archive, read one after the other. A reader states the columns and takes the fields by their
//! places among them. A table with a header may as well be a Parquet file.

use std::ops::RangeInclusive;

use crate::archive::parts;
use crate::columns::ColumnDoc;
use crate::headerless::{self, begins_with_names};
use crate::ledger::{Action, BadRow, Journal};
use crate::parquet::{Form, ListForm, Parquet, TimeForm, is_parquet};
use crate::quote::quoted_names;
pub use crate::row_fields::Fields;
pub use crate::table::{BETWEEN, LAST_SECOND, MAX_SECONDS};
use crate::table::{Column, Row, Table};
use crate::unknown_columns::unused;
use crate::{Input, TraceError};
use units::plural;

/// The arrangement of a format's tables.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// The columns; where there is no header, in this order.
    pub columns: &'static [ColumnDoc],
    /// Whether the first line names the columns.
    pub header: bool,
    /// The byte between two fields.
    pub separator: u8,
    /// The form in which the format's readers expect the times of a Parquet file.
    pub times: TimeForm,
    /// The publisher's columns that are not read.
    pub others: &'static [&'static str],
}

impl Layout {
    /// A comma-separated table without a header.
    pub const fn headless(columns: &'static [ColumnDoc]) -> Self {
        Self {
            columns,
            header: false,
            separator: b',',
            times: TimeForm::Seconds,
            others: &[],
        }
    }

    /// A table with a header.
    pub const fn headed(columns: &'static [ColumnDoc], separator: u8) -> Self {
        Self {
            columns,
            header: true,
            separator,
            times: TimeForm::Seconds,
            others: &[],
        }
    }

    /// A layout with the times of a Parquet file in another form.
    pub const fn with_times(self, times: TimeForm) -> Self {
        Self { times, ..self }
    }

    /// The table whose published files have other columns as well.
    pub const fn with_others(self, others: &'static [&'static str]) -> Self {
        Self { others, ..self }
    }

    /// Adjacent columns of a table without a header, by their places.
    pub fn between(&self, places: RangeInclusive<usize>) -> Vec<Column> {
        debug_assert!(!self.header, "columns stand where the layout says");
        places
            .map(|at| Column::at(at, self.columns[at].name))
            .collect()
    }

    /// The table before its first row.
    ///
    /// # Errors
    /// The file can't be read, or a required column is missing.
    pub fn open(&self, part: &Input) -> Result<Opened, TraceError> {
        if !self.header && is_empty(&part.first_bytes()?) {
            return Err(self.nothing_in(part));
        }
        let names = self.columns.iter().map(|column| column.name);
        let mut names_at = None;
        let table = if self.header {
            Table::separated(part, self.separator)?
        } else {
            let mut table = Table::headless(part, self.separator, names)?;
            if begins_with_names(part, self.columns, self.separator)?
                && let Some(Ok(row)) = table.next_row()?
            {
                names_at = Some(row.line);
            }
            table
        };
        let find = |column: &ColumnDoc| {
            let found = table.column(column.name);
            let found = found.or_else(|| table.column(&underscored(column.name)));
            if column.required && found.is_none() {
                table.required_column(column.name).map(Some)
            } else {
                Ok(found)
            }
        };
        let columns = self
            .columns
            .iter()
            .map(find)
            .collect::<Result<Vec<_>, _>>()?;
        let found = self.columns.iter().zip(&columns);
        let unheeded =
            found.filter(|(own, found)| own.meaning.ends_with(UNHEEDED) && found.is_some());
        let unheeded = unheeded.map(|(own, _)| own.name).collect();
        let names = table.columns().iter().map(|name| &**name);
        let unused = self.unused(names.filter(|_| self.header));
        Ok(Opened {
            table,
            columns,
            names_at,
            unused,
            unheeded,
        })
    }

    /// The note about those of a table's columns that the format does not know; `None` if it knows all.
    fn unused<'n>(&self, names: impl Iterator<Item = &'n str>) -> Option<String> {
        unused(names, |name| {
            let columns = self.columns.iter().map(|column| column.name);
            let mut known = columns.chain(self.others.iter().copied());
            known.any(|own| *own == *name || underscored(own) == name)
        })
    }

    /// The error that a table without a header has nothing.
    fn nothing_in(&self, part: &Input) -> TraceError {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name).collect();
        TraceError::Format {
            file: part.name.to_string(),
            reason: format!(
                "is empty; rows of {} without a header are expected: {}; copy or export it again",
                plural::count(names.len(), "column"),
                names.join(", ")
            ),
        }
    }
}

/// The end of the meaning of a column that bears on who starts when and that runs do not heed.
pub const UNHEEDED: &str = "; not heeded";

/// A table before its first row.
pub struct Opened {
    /// The table.
    pub table: Table,
    /// The columns in the order of the format; `None` for one that the table lacks.
    pub columns: Vec<Option<Column>>,
    /// The line with the names of columns, if it has one that the publisher's files don't have.
    names_at: Option<u64>,
    /// The note about columns that the format does not know.
    unused: Option<String>,
    /// The columns that bear on who starts when, and that runs do not heed.
    unheeded: Vec<&'static str>,
}

/// The reason why a row is not taken.
#[derive(Debug)]
pub enum Refused {
    /// The row breaks a rule.
    Row(BadRow),
    /// The reading ends.
    Trace(TraceError),
}

impl From<BadRow> for Refused {
    fn from(bad: BadRow) -> Self {
        Self::Row(bad)
    }
}

impl From<TraceError> for Refused {
    fn from(error: TraceError) -> Self {
        Self::Trace(error)
    }
}

/// Takes every row of every part of an input.
pub fn each_row(
    input: &Input,
    layout: &Layout,
    journal: &mut Journal,
    take: impl FnMut(&mut Journal, &Fields<'_, '_>) -> Result<(), Refused>,
) -> Result<(), TraceError> {
    each_row_of_all(&parts(input)?, layout, journal, take)
}

/// The note about a file without a byte in a folder or an archive: exports in shards have some. A trace of one file may
/// not be empty.
pub const EMPTY: &str = "file without a row";

/// Whether a file that begins with these bytes has no row.
pub fn is_empty(first: &[u8]) -> bool {
    first.trim_ascii().is_empty()
}

/// Takes every row of tables, one after the other.
pub fn each_row_of_all(
    tables: &[Input],
    layout: &Layout,
    journal: &mut Journal,
    mut take: impl FnMut(&mut Journal, &Fields<'_, '_>) -> Result<(), Refused>,
) -> Result<(), TraceError> {
    let is_alone = tables.len() == 1;
    for part in tables {
        journal.file = part.name.clone();
        if is_alone {
            each_row_of(part, layout, journal, &mut take)?;
            continue;
        }
        let first = part.first_bytes()?;
        if is_empty(&first) {
            journal.dirt(EMPTY, Action::Keep, 1)?;
        } else if layout.header && !is_parquet(&first) {
            let opened = layout.open(part).map_err(one_of_several)?;
            each_row_of_opened(opened, journal, &mut take)?;
        } else {
            each_row_of(part, layout, journal, &mut take)?;
        }
    }
    Ok(())
}

/// The error about the header of a file that lies beside others: there it may be no part of the trace at all.
pub fn one_of_several(error: TraceError) -> TraceError {
    match error {
        TraceError::Format { file, reason } => TraceError::Format {
            file,
            reason: format!(
                "{reason}; all files of a folder or an archive are read as parts of one table: keep this one elsewhere \
                 if it is none, or name the trace's own file"
            ),
        },
        other => other,
    }
}

/// Takes every row of a table.
pub fn each_row_of(
    part: &Input,
    layout: &Layout,
    journal: &mut Journal,
    take: &mut impl FnMut(&mut Journal, &Fields<'_, '_>) -> Result<(), Refused>,
) -> Result<(), TraceError> {
    if layout.header && is_parquet(&part.first_bytes()?) {
        let file = Parquet::open(part)?;
        if let Some(unused) = layout.unused(file.columns()) {
            journal.dirt(&unused, Action::Keep, 1)?;
        }
        return each_parquet_row(file, part, layout, |fields| {
            heed(journal, |journal| take(journal, fields?))
        });
    }
    each_row_of_opened(layout.open(part)?, journal, take)
}

fn each_row_of_opened(
    opened: Opened,
    journal: &mut Journal,
    take: &mut impl FnMut(&mut Journal, &Fields<'_, '_>) -> Result<(), Refused>,
) -> Result<(), TraceError> {
    let Opened {
        mut table,
        columns,
        names_at,
        unused,
        unheeded,
    } = opened;
    if let Some(unused) = unused {
        journal.dirt(&unused, Action::Keep, 1)?;
    }
    for name in unheeded {
        let kind = format!("column `{name}`, which bears on who starts when, not heeded");
        journal.dirt(&kind, Action::Waive, 1)?;
    }
    if let Some(line) = names_at {
        journal.dirt(headerless::NOTE, Action::Keep, line)?;
    }
    let mut take_row = |journal: &mut Journal, row: &Row<'_>| {
        heed(journal, |journal| take(journal, &Fields::of(row, &columns)))
    };
    loop {
        if let Some(row) = table.next_plain_row() {
            take_row(journal, &row)?;
            continue;
        }
        match table.next_row()? {
            Some(Ok(row)) => take_row(journal, &row)?,
            Some(Err(bad)) => journal.bad_row(bad)?,
            None => return journal.end(table.open_end()),
        }
    }
}

/// Deals with a row that is refused as the policy says.
pub fn heed(
    journal: &mut Journal,
    take: impl FnOnce(&mut Journal) -> Result<(), Refused>,
) -> Result<(), TraceError> {
    match take(journal) {
        Ok(()) => Ok(()),
        Err(Refused::Row(bad)) => journal.bad_row(bad),
        Err(Refused::Trace(error)) => Err(error),
    }
}

/// Takes every row of a Parquet file; its line is its number, counted from 1.
pub fn each_parquet_row(
    file: Parquet,
    part: &Input,
    layout: &Layout,
    mut take: impl FnMut(Result<&Fields<'_, '_>, BadRow>) -> Result<(), TraceError>,
) -> Result<(), TraceError> {
    let columns = layout.columns;
    let names: Vec<&str> = file.columns().collect();
    let find = |column: &ColumnDoc| {
        let is_own = |name: &&str| **name == *column.name || **name == *underscored(column.name);
        let place = names.iter().position(is_own);
        if column.required && place.is_none() {
            return Err(TraceError::Format {
                file: part.name.to_string(),
                reason: format!(
                    "the file has no column `{}`; it has: {}",
                    column.name,
                    quoted_names(names.iter().copied())
                ),
            });
        }
        Ok(place)
    };
    let places = columns.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let found = (0..).zip(columns).zip(&places);
    let found: Vec<Option<Column>> = found
        .map(|((at, column), place)| place.map(|_| Column::at(at, column.name)))
        .collect();
    let mut rows = file.rows(
        places,
        Form {
            separator: BETWEEN,
            times: layout.times,
            lists: ListForm::Brackets,
        },
    );
    while rows.advance()? {
        if let Some(bad) = rows.bad() {
            take(Err(bad))?;
            continue;
        }
        let row = Row::of(rows.line(), rows.text(), rows.ends());
        take(Ok(&Fields::of(&row, &found)))?;
    }
    Ok(())
}

/// The name of a nested member as tables also write it: `capacity.cpus` as `capacity_cpus`.
pub(crate) fn underscored(name: &str) -> String {
    name.replace('.', "_")
}

/// The kind under which a table of usage is noted that stands beside another and is not read.
pub const USAGE_NOT_READ: &str =
    "table of usage, not read without `models.usage: trace` or `--usage`";
