//! Anybody's table as the project's own: columns by other names and in other units, written again row by row, so that all
//! that is said of rows holds for it.

use std::io::{self, Read};

use arrivals::column_mapping::{ColumnMapping, ColumnUnit, MappingEntry};
use intake::calendar::{Zone, is_absent};
use intake::columns::separator_of_header;
use intake::table::{Column, Row, Table};
use intake::{Input, TraceError};

use super::amounts::amount;
use super::{ENTRY, NEVER_RAN};

/// Separators of fields that a header may have.
const SEPARATORS: &[u8] = b",;\t|";

/// Words of Slurm for a time without a limit of its own.
const ENDLESS: [&str; 3] = ["UNLIMITED", "Partition_Limit", "INVALID"];

/// The input as the own table. Lines keep their numbers.
///
/// # Errors
/// A column that isn't there, a unit that doesn't go with another, or a table in several files.
pub(super) fn rewritten(input: &Input, mapping: &ColumnMapping) -> Result<Input, TraceError> {
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
    let zero = match cells.iter().find(|cell| cell.own == "submit") {
        Some(cell) if submit == Some(true) => earliest(open(input, &entries)?, cell)?,
        _ => 0,
    };
    let text = add_others(&table, &entries, &mut cells);
    let rewriter = Rewriter {
        table,
        cells,
        zero,
        zone: Zone::named("UTC"),
        line: 2,
        text: text.into_bytes(),
        read: 0,
        failure: None,
    };
    rewriter.into_input(&input.name)
}

/// Adds the columns that are not mapped, of which those of the own names are read and the reader tells of others; the
/// header of all.
fn add_others(table: &Table, entries: &[MappingEntry], cells: &mut Vec<Cell>) -> String {
    let mut header: Vec<String> = cells.iter().map(Cell::header).collect();
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
        let is_shadow = cells
            .iter()
            .any(|cell| [&**other, stem].contains(&&*cell.own));
        header.push(if is_shadow {
            format!("{other} (of the file)")
        } else {
            other.to_string()
        });
        cells.extend(table.column(other).map(|column| Cell::plain(other, column)));
    }
    let mut text = String::new();
    for (place, name) in header.iter().enumerate() {
        append(&mut text, place, name);
    }
    text.push('\n');
    text
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

/// The earliest instant of a column, in nanoseconds since 1970.
fn earliest(mut table: Table, submit: &Cell) -> Result<i128, TraceError> {
    let zone = Zone::named("UTC");
    let mut earliest = None;
    while let Some(row) = table.next_row()? {
        let Ok(row) = row else { continue };
        let at = submit
            .unit
            .and_then(|unit| amount(row.text(&submit.column), unit, &zone))
            .filter(|at| *at > 0);
        earliest = [earliest, at].into_iter().flatten().min();
    }
    Ok(earliest.unwrap_or(0))
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
    fn value(&self, row: &Row<'_>, zero: i128, zone: &Zone) -> String {
        let text = row.text(&self.column);
        let Some(unit) = self.unit else {
            return text.to_owned();
        };
        let refused = |text: &str| format!("{text} (not {unit}, in column `{}`)", self.other);
        let found = match self.known(text, unit, zone) {
            Ok(found) => found,
            Err(text) => return refused(text),
        };
        let Some(less) = &self.less else {
            let zero = if unit.is_absolute() { zero } else { 0 };
            return found.map_or_else(String::new, |found| (found - zero).to_string());
        };
        let start = match self.known(row.text(less), unit, zone) {
            Ok(start) => start,
            Err(text) => return refused(text),
        };
        match (found, start) {
            (Some(end), Some(start)) if end < start => format!(
                "{text} (before {}, in column `{}`)",
                row.text(less),
                self.other
            ),
            (Some(end), Some(start)) => (end - start).to_string(),
            // What never started has no run time, and what has no end an unknown one.
            (_, None) => NEVER_RAN.to_owned(),
            (None, Some(_)) => String::new(),
        }
    }

    /// An amount of the column; `None` if the text says that there is none. Databases have 0 and -1 for instants that
    /// aren't known.
    fn known<'t>(
        &self,
        text: &'t str,
        unit: ColumnUnit,
        zone: &Zone,
    ) -> Result<Option<i128>, &'t str> {
        let is_endless = unit == ColumnUnit::Clock && ENDLESS.contains(&text);
        if is_absent(text) || is_endless {
            return Ok(None);
        }
        let found = amount(text, unit, zone).ok_or(text)?;
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
    /// The trace's zero, in nanoseconds since 1970.
    zero: i128,
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
                    append(&mut text, place, &cell.value(&row, self.zero, &self.zone));
                }
                row.line
            }
            Err(bad) => {
                // A row without its fields has nothing but the words about it, where a time is expected.
                for (place, cell) in self.cells.iter().enumerate() {
                    let words = if cell.own.starts_with("submit") {
                        &*bad.rule
                    } else {
                        ""
                    };
                    append(&mut text, place, words);
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
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::readers::prelude::*;
    use units::{Duration, Instant};

    fn read(text: &str, columns: &[&str]) -> Result<Vec<Arrival>, TraceError> {
        let columns: Vec<String> = columns.iter().map(|&own| own.to_owned()).collect();
        let columns = ColumnMapping::of_arguments(&columns).expect("a mapping");
        let options = ReadOptions {
            columns: Arc::new(columns),
            ..ReadOptions::default()
        };
        let Constructor::Workload(open) = ENTRY.open else {
            unreachable!("a workload")
        };
        let mut source = open(&Input::bytes("their.csv", text.as_bytes()), &options)?;
        let mut arrivals = Vec::new();
        while let Some(arrival) = source.next()? {
            arrivals.push(arrival);
        }
        Ok(arrivals)
    }

    #[test]
    fn instants_count_from_the_earliest() {
        let text = "id;when;took\na;1700000060;1.5\nb;1700000000.25;2\n";
        let found = read(
            text,
            &[
                "submit=when as unix-seconds",
                "run_time=took as minutes",
                "name=id",
            ],
        );
        let found = found.expect("arrivals");
        assert_eq!(found[0].submit, Instant::ZERO);
        assert_eq!(found[1].submit, Instant::from_nanos(59_750_000_000));
        assert_eq!(found[1].run_time, Some(Duration::from_secs(90)));
    }

    #[test]
    fn a_run_time_may_be_a_difference() {
        let text = "submitted\tstarted\tended\n2024-03-01T10:00:00Z\t2024-03-01 10:01:00\t2024-03-01 11:01:00\n\
                    2024-03-01T10:00:30Z\tNone\tNone\n2024-03-01T10:00:40Z\t2024-03-01 10:02:00\t\n";
        let columns = [
            "submit=submitted as date-time",
            "run_time=ended - started as date-time",
        ];
        let found = read(text, &columns).expect("arrivals");
        assert_eq!(found[0].run_time, Some(Duration::from_secs(3_600)));
        // What never started is left out, and what has no end runs on.
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[1].submit, found[1].run_time),
            (Instant::from_secs(40), None)
        );
    }

    #[test]
    fn what_is_wrong_has_its_line_and_its_words() {
        let text = "t,c\n0,1\n\n5,x\n";
        let error = read(text, &["submit=t", "cpu=c as percent"]).expect_err("a bad cell");
        let words = error.to_string();
        assert!(
            words.contains('4') && words.contains("x (not percent, in column `c`)"),
            "{words}"
        );
        let error = read("a,b\n1,2\n", &["submit=c"]).expect_err("no such column");
        assert!(
            error.to_string().contains("no column `c`; it has: a, b"),
            "{error}"
        );
        let error = read("a,b\n1\n", &["submit=a"]).expect_err("a short row");
        assert!(error.to_string().contains("field"), "{error}");
        let error = read(
            "a,b\n1,2\n",
            &["submit=a as unix-seconds", "start=b as seconds"],
        );
        let error = error.expect_err("two zeros");
        assert!(error.to_string().contains("must both count"), "{error}");
    }
}
