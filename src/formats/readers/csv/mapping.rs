//! Anybody's table as the project's own: columns by other names and in other units, written again row by row, so that all
//! that is said of rows holds for it.

use std::io::{self, Read};

use arrivals::column_mapping::{ColumnMapping, ColumnUnit, MappingEntry};
use intake::calendar::{Zone, is_absent};
use intake::columns::separator_of_header;
use intake::table::{Column, Row, Table};
use intake::{Input, TraceError};

use super::amounts::{amount, expected, with_unit};
use super::refusals;
use super::whole::Zero;
use super::{ENTRY, NEVER_RAN};

/// Separators of fields that a header may have.
const SEPARATORS: &[u8] = b",;\t|";

/// Words of Slurm for a time without a limit of its own.
const ENDLESS: [&str; 3] = ["UNLIMITED", "Partition_Limit", "INVALID"];

/// Anybody's table, written again.
pub(super) struct Mapped {
    /// The own table, whose instants count from 1970 if those of the file do.
    pub(super) table: Input,
    /// Zero of its instants.
    pub(super) zero: Zero,
    /// Columns of the file that no entry names, read by their own names.
    pub(super) adopted: Vec<String>,
    /// Columns of the file by those of the own table that stand for them.
    pub(super) others: Vec<(String, String)>,
}

/// The input as the own table. Lines keep their numbers.
///
/// # Errors
/// A column that isn't there, a unit that doesn't go with another, or a table in several files.
pub(super) fn rewritten(input: &Input, mapping: &ColumnMapping) -> Result<Mapped, TraceError> {
    let refuse = |reason: String| TraceError::Format {
        file: input.name.to_string(),
        reason: format!("columns: {reason}"),
    };
    if input.files()?.is_some() {
        return Err(refuse(
            "a table in several files has no mapping; join them, one header above all rows"
                .to_owned(),
        ));
    }
    let own = ENTRY.columns.iter().map(|column| column.name);
    let first = input.first_bytes()?;
    let first = String::from_utf8_lossy(&first);
    let header = first.lines().next().unwrap_or_default();
    let header = header.trim_start_matches('\u{feff}');
    mapping.check_submit(header).map_err(refuse)?;
    let entries = mapping.entries(&own).map_err(refuse)?;
    let table = open(input, &entries)?;
    let mut cells = Vec::new();
    for entry in &entries {
        cells.push(Cell::find(&table, entry)?);
    }
    let is_absolute = |name: &str| {
        let found = cells.iter().find(|cell| cell.own == name);
        found.map(|cell| cell.unit.is_some_and(ColumnUnit::is_absolute))
    };
    let (submit, start) = (is_absolute("submit"), is_absolute("start"));
    if start.is_some() && start != submit {
        let words = "`submit` and `start` must both count from 1970 or be dates, or both count from the trace's zero";
        return Err(refuse(words.to_owned()));
    }
    let zero = match submit {
        Some(true) => Zero::First,
        _ => Zero::Own,
    };
    let mut header = Header::of(&cells);
    header.add_others(&table, &entries, &mut cells, zero);
    let rewriter = Rewriter {
        table,
        cells,
        zone: Zone::named("UTC"),
        line: 2,
        text: header.text().into_bytes(),
        read: 0,
        failure: None,
    };
    Ok(Mapped {
        table: rewriter.into_input(&input.name)?,
        zero,
        adopted: header.adopted,
        others: header.others,
    })
}

/// Header of the own table.
struct Header {
    names: Vec<String>,
    adopted: Vec<String>,
    others: Vec<(String, String)>,
}

impl Header {
    fn of(cells: &[Cell]) -> Self {
        let names = || cells.iter().map(Cell::header);
        let others = cells.iter().map(|cell| cell.other.clone());
        Self {
            names: names().collect(),
            adopted: Vec::new(),
            others: names().zip(others).collect(),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (place, name) in self.names.iter().enumerate() {
            append(&mut text, place, name);
        }
        text.push('\n');
        text
    }

    /// Adds the columns that are not mapped, of which those of the own names are read, and the reader tells of all.
    fn add_others(
        &mut self,
        table: &Table,
        entries: &[MappingEntry],
        cells: &mut Vec<Cell>,
        zero: Zero,
    ) {
        for other in table.columns() {
            let is_named = entries.iter().any(|entry| {
                let both = entry.difference();
                entry.other == **other
                    || both.is_some_and(|(end, start)| [end, start].contains(&&**other))
            });
            if is_named {
                continue;
            }
            let units = ["_ns", "_milli", "_bytes"].into_iter();
            let stem = { units }
                .find_map(|unit| other.strip_suffix(unit))
                .unwrap_or(other);
            let is_mapped = cells
                .iter()
                .any(|cell| [&**other, stem].contains(&&*cell.own));
            // Its zero is not that of the submissions.
            let is_apart = stem == "start" && zero == Zero::First;
            let is_own = ENTRY.columns.iter().any(|own| own.name == &**other);
            if is_mapped || is_apart {
                self.names.push(format!("{other} (of the file)"));
            } else {
                self.names.push(other.to_string());
                self.adopted.extend(is_own.then(|| other.to_string()));
            }
            cells.extend(table.column(other).map(|column| Cell::plain(other, column)));
        }
    }
}

/// The table by the separator whose header has most of the columns.
fn open(input: &Input, entries: &[MappingEntry]) -> Result<Table, TraceError> {
    let first = input.first_bytes()?;
    let has_all = |names: &[&str]| {
        let has = |name: &str| names.contains(&name);
        entries.iter().all(|entry| {
            let both = entry.difference();
            has(&entry.other) || both.is_some_and(|(end, start)| has(end) && has(start))
        })
    };
    Table::separated(
        input,
        separator_of_header(&first, SEPARATORS, has_all).unwrap_or(b','),
    )
}

/// A column of the table that is written, and what it is made of.
struct Cell {
    own: String,
    /// Name of the column in the file.
    other: String,
    column: Column,
    /// The column that is taken away from it.
    less: Option<Column>,
    unit: Option<ColumnUnit>,
    /// Whether its values are spans, which may say their unit themselves.
    is_span: bool,
}

impl Cell {
    fn find(table: &Table, entry: &MappingEntry) -> Result<Self, TraceError> {
        let (column, less) = match (table.column(&entry.other), entry.difference()) {
            (Some(column), _) => (column, None),
            (None, Some((end, start))) => {
                let (end, start) = (table.required_column(end)?, table.required_column(start)?);
                (end, Some(start))
            }
            (None, None) => return Err(table.without(&entry.other)),
        };
        // Times without a unit are seconds, as the own table has them.
        let seconds = || less.is_some().then_some(ColumnUnit::Time(1_000_000_000));
        Ok(Self {
            own: entry.own.clone(),
            other: entry.other.clone(),
            unit: entry.unit.or_else(seconds),
            is_span: entry.is_span() && less.is_none(),
            column,
            less,
        })
    }

    fn plain(own: &str, column: Column) -> Self {
        Self {
            own: own.to_owned(),
            other: own.to_owned(),
            column,
            less: None,
            unit: None,
            is_span: false,
        }
    }

    /// The name of the own column with these values.
    fn header(&self) -> String {
        let unit = match self.unit {
            None => "",
            Some(ColumnUnit::Cores(_)) => "_milli",
            Some(ColumnUnit::Bytes(_)) => "_bytes",
            Some(_) => "_ns",
        };
        format!("{}{unit}", self.own)
    }

    /// The value of a row; where it can't be had, what the own table refuses.
    fn value(&self, row: &Row<'_>, zone: &Zone) -> String {
        let text = row.text(&self.column);
        let Some(unit) = self.unit else {
            return text.to_owned();
        };
        let refused = |column: &Column| {
            let rule = format!("must be {}", expected(unit, self.is_span));
            refusals::written(column.name(), row.text(column), &rule)
        };
        let Ok(found) = self.known(text, unit, zone) else {
            return refused(&self.column);
        };
        let Some(less) = &self.less else {
            return found.map_or_else(String::new, |found| found.to_string());
        };
        let Ok(start) = self.known(row.text(less), unit, zone) else {
            return refused(less);
        };
        match (found, start) {
            (Some(end), Some(start)) if end < start => {
                let rule = format!("must be no earlier than `{}`", less.name());
                refusals::written(self.column.name(), text, &rule)
            }
            (Some(end), Some(start)) => (end - start).to_string(),
            // What never started has no run time, and what has no end an unknown one.
            (_, None) => NEVER_RAN.to_owned(),
            (None, Some(_)) => String::new(),
        }
    }

    /// An amount of the column; `None` if the text says that there is none. Databases have 0 and -1 for instants that
    /// aren't known.
    fn known(&self, text: &str, unit: ColumnUnit, zone: &Zone) -> Result<Option<i128>, ()> {
        let is_endless = unit == ColumnUnit::Clock && ENDLESS.contains(&text);
        if is_absent(text) || is_endless {
            return Ok(None);
        }
        let own = || self.is_span.then(|| with_unit(text)).flatten();
        let found = amount(text, unit, zone).or_else(own).ok_or(())?;
        let is_none = unit.is_absolute() && found <= 0 || self.less.is_some() && found < 0;
        Ok((!is_none).then_some(found))
    }
}

/// Appends a field to a row.
fn append(text: &mut String, place: usize, field: &str) {
    if place > 0 {
        text.push(',');
    }
    let is_plain = !field.contains([',', '"', '\n', '\r']) && field.trim() == field;
    if is_plain {
        text.push_str(field);
    } else {
        text.push('"');
        text.push_str(&field.replace('"', "\"\"").replace(['\n', '\r'], " "));
        text.push('"');
    }
}

/// Stream of the rows as they are written.
struct Rewriter {
    table: Table,
    cells: Vec<Cell>,
    zone: Zone,
    /// Line that is written next.
    line: u64,
    text: Vec<u8>,
    read: usize,
    failure: Option<TraceError>,
}

impl Rewriter {
    fn into_input(mut self, name: &str) -> Result<Input, TraceError> {
        let input = Input::spooled(name, &mut self)?;
        self.failure.map_or(Ok(input), Err)
    }

    /// Writes the next row; nothing at the end.
    fn write(&mut self) -> Result<(), TraceError> {
        self.text.clear();
        self.read = 0;
        let Some(row) = self.table.next_row()? else {
            return Ok(());
        };
        let mut text = String::new();
        let line = match row {
            Ok(row) => {
                for (place, cell) in self.cells.iter().enumerate() {
                    append(&mut text, place, &cell.value(&row, &self.zone));
                }
                row.line
            }
            Err(bad) => {
                // A row without its fields has nothing but the words about it, where a time is expected.
                let words = refusals::written(&bad.column, &bad.value, &bad.rule);
                for (place, cell) in self.cells.iter().enumerate() {
                    let is_first = cell.own.starts_with("submit");
                    append(&mut text, place, if is_first { &words } else { "" });
                }
                bad.line
            }
        };
        let above = usize::try_from(line.saturating_sub(self.line)).unwrap_or(0);
        self.text.resize(above, b'\n');
        self.text.extend_from_slice(text.as_bytes());
        self.text.push(b'\n');
        self.line = line.max(self.line) + 1;
        Ok(())
    }
}

impl Read for Rewriter {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.text.len()
            && self.failure.is_none()
            && let Err(error) = self.write()
        {
            self.text.clear();
            self.failure = Some(error);
        }
        let left = &self.text[self.read.min(self.text.len())..];
        let count = left.len().min(buffer.len());
        buffer[..count].copy_from_slice(&left[..count]);
        self.read += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
