//! The log of Los Alamos.

use jiff::civil::DateTime;

use super::{FailureLog, LogOptions, LoggedOutage, each_table, separator};
use crate::prelude::*;
use intake::table::{Column, Row, Table};
use units::{SortedMap, SortedSet};

const STARTED: &str = "Prob Started";
const FIXED: &str = "Prob Fixed";

/// Whether a column has the starts of outages.
pub(super) fn is_started(name: &str) -> bool {
    name.starts_with(STARTED)
}

/// Whether a file that begins with these bytes is the log.
pub(super) fn is_own(first: &[u8]) -> bool {
    separator(first, is_started).is_some()
}

/// A span of the log, in minutes of its calendar.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) node: usize,
    pub(super) down: i64,
    pub(super) up: i64,
}

/// The columns that are read.
pub(super) struct Columns {
    system: Column,
    node: Column,
    started: Column,
    fixed: Column,
    /// The minutes between the two times, as the log states them.
    length: Option<Column>,
}

impl Columns {
    pub(super) fn of(table: &Table) -> Result<Self, TraceError> {
        Ok(Self {
            system: table.required_column("System")?,
            node: table.required_column("nodenumz")?,
            started: beginning_with(table, STARTED)?,
            fixed: beginning_with(table, FIXED)?,
            length: table.column("Down Time"),
        })
    }

    /// The system of a row, and its outage if the system is wanted.
    pub(super) fn read(
        &self,
        row: &Row<'_>,
        is_wanted: impl FnOnce(i64) -> bool,
    ) -> Result<(i64, Option<Record>), BadRow> {
        let system = row.integer(&self.system, 0, 1_000_000)?;
        let read = is_wanted(system).then(|| self.outage(row)).transpose()?;
        Ok((system, read))
    }

    fn outage(&self, row: &Row<'_>) -> Result<Record, BadRow> {
        let line = row.line;
        if row.text(&self.node).is_empty() {
            return Ok(Record {
                line,
                ..Record::default()
            });
        }
        let node = row.integer(&self.node, 0, 1_000_000)? as usize;
        let minute = |column: &Column| {
            let minute = minute(row.text(column));
            minute.ok_or_else(|| row.bad(column, "a date such as `6/21/2005 10:54`"))
        };
        let (down, up) = (minute(&self.started)?, minute(&self.fixed)?);
        if up < down {
            return Err(row.bad(&self.fixed, "at or after `Prob Started`"));
        }
        let length = row.optional_text(self.length.as_ref());
        let has_other_length = !length.is_empty() && length.parse() != Ok(up - down);
        Ok(Record {
            line,
            span: Some(Span { node, down, up }),
            has_other_length,
        })
    }
}

/// A row.
#[derive(Default)]
pub(super) struct Record {
    line: u64,
    /// Its outage; none of a row that is about a system as a whole, or of an unknown node.
    span: Option<Span>,
    /// Whether the log states another length than that between the two times.
    has_other_length: bool,
}

impl Record {
    /// The outage, at least a minute long; what is odd about it is noted.
    pub(super) fn mended(self, journal: &mut Journal) -> Result<Option<Span>, TraceError> {
        let line = self.line;
        let Some(mut span) = self.span else {
            journal.dirt("outages without a node", Action::Drop, line)?;
            return Ok(None);
        };
        let kind = "outages whose stated length is not that between their times, which hold";
        journal.keep_if(self.has_other_length, kind, line)?;
        if span.up == span.down {
            let kind = "outages of zero length, counted as one minute";
            journal.dirt(kind, Action::Repair, line)?;
            span.up += 1;
        }
        Ok(Some(span))
    }
}

/// The outages of the nodes of a cluster, and the systems that the log has.
#[derive(Default)]
struct Known {
    spans: Vec<Span>,
    systems: SortedSet<i64>,
    /// The start of the last outage of each node.
    last: SortedMap<usize, i64>,
}

/// Adds the outages of a table.
fn add(
    known: &mut Known,
    table: &mut Table,
    journal: &mut Journal,
    options: &LogOptions,
    nodes: usize,
) -> Result<(), TraceError> {
    let columns = Columns::of(table)?;
    while let Some(row) = table.next_row()? {
        let read = row.and_then(|row| {
            columns.read(&row, |system| {
                known.systems.insert(system);
                options.system.is_none_or(|own| i64::from(own) == system)
            })
        });
        let read = match read {
            Ok((_, Some(read))) => read,
            Ok((_, None)) => continue,
            Err(bad) => {
                journal.bad_row(bad)?;
                continue;
            }
        };
        let line = read.line;
        if read.span.is_some_and(|span| span.node >= nodes) {
            let kind = "outages of nodes that are not in the cluster";
            journal.dirt(kind, Action::Drop, line)?;
            continue;
        }
        let Some(span) = read.mended(journal)? else {
            continue;
        };
        let last = known.last.insert(span.node, span.down);
        if last.is_some_and(|last| last > span.down) {
            journal.dirt("outages out of order", Action::Repair, line)?;
        }
        known.spans.push(span);
    }
    journal.end(table.open_end())
}

/// The outages of a cluster with this number of nodes.
pub(super) fn read(
    input: &Input,
    mut journal: Journal,
    options: &LogOptions,
    nodes: usize,
) -> Result<FailureLog, TraceError> {
    let file = input.name.to_string();
    let wrong = |reason: String| TraceError::Format {
        file: file.clone(),
        reason,
    };
    let mut known = Known::default();
    each_table(input, &mut journal, is_started, |journal, mut table| {
        add(&mut known, &mut table, journal, options, nodes)
    })?;
    let Known { spans, systems, .. } = known;
    let known: Vec<String> = systems.iter().map(ToString::to_string).collect();
    match options.system {
        Some(own) if !systems.contains(&i64::from(own)) => {
            return Err(wrong(format!(
                "the log has no system {own}; its systems are {}",
                known.join(", ")
            )));
        }
        None if systems.len() > 1 => {
            return Err(wrong(format!(
                "the log has several systems; choose one with `system`: {}",
                known.join(", ")
            )));
        }
        _ => {}
    }
    let first = spans.iter().map(|span| span.down).min().unwrap_or_default();
    let zero = match &options.from {
        None => first,
        Some(text) => date(text).ok_or_else(|| {
            wrong(format!(
                "`from` is `{text}`, expected a date such as `2001-05-01` or `2001-05-01T06:00`"
            ))
        })?,
    };
    let outages = united(spans, zero, &mut journal)?;
    Ok(FailureLog {
        outages,
        ledger: journal.ledger,
    })
}

/// Spans since a minute, those of one node that overlap as one.
pub(super) fn united(
    mut spans: Vec<Span>,
    zero: i64,
    journal: &mut Journal,
) -> Result<Vec<LoggedOutage>, TraceError> {
    spans.retain(|span| span.up > zero);
    spans.sort_by_key(|span| (span.node, span.down, span.up));
    let mut apart: Vec<Span> = Vec::new();
    for span in spans {
        match apart.last_mut() {
            Some(last) if last.node == span.node && span.down <= last.up => {
                let kind = if span.down < last.up {
                    "overlapping outages, merged"
                } else {
                    "outages that begin as another of their node ends, merged"
                };
                journal.dirt(kind, Action::Repair, 0)?;
                last.up = last.up.max(span.up);
            }
            _ => apart.push(span),
        }
    }
    let at = |minute: i64| {
        let span = Duration::checked_from_secs((minute - zero).max(0).saturating_mul(60));
        Instant::ZERO.saturating_add(span.unwrap_or(Duration::MAX))
    };
    let mut outages: Vec<LoggedOutage> = { apart.into_iter() }
        .map(|span| LoggedOutage {
            node: span.node,
            down: at(span.down),
            up: Some(at(span.up)),
        })
        .collect();
    outages.sort_by_key(|outage| (outage.down, outage.node));
    Ok(outages)
}

/// The column whose name begins so: copies say how their dates are written behind it.
fn beginning_with(table: &Table, name: &str) -> Result<Column, TraceError> {
    let own = table.columns().iter().find(|own| own.starts_with(name));
    table.required_column(own.map_or(name, |own| own))
}

/// Minutes since 1970 of `m/d/yyyy h:mm`, also with seconds, or AM or PM, or of a date such as `2005-06-21 10:54`.
pub(super) fn minute(text: &str) -> Option<i64> {
    us_date(text).or_else(|| text.contains(':').then(|| date(text)).flatten())
}

fn us_date(text: &str) -> Option<i64> {
    let (day, time) = text.split_once(' ')?;
    let mut parts = day.split('/');
    let mut next = || parts.next()?.parse::<i16>().ok();
    let (month, day, year) = (next()?, next()?, next()?);
    let year = match year {
        // Spreadsheets write years of two digits.
        0..70 => 2_000 + year,
        70..100 => 1_900 + year,
        year => year,
    };
    let time = time.trim();
    let half = |ending: &str| time.strip_suffix(ending).map(str::trim_end);
    let (time, half) = match (half("AM"), half("PM")) {
        (Some(time), _) => (time, Some(0)),
        (_, Some(time)) => (time, Some(12)),
        _ => (time, None),
    };
    let (hour, rest) = time.split_once(':')?;
    let hour = hour.parse::<i8>().ok()?;
    let hour = match half {
        None => hour,
        Some(half) => (1..=12).contains(&hour).then_some(hour % 12 + half)?,
    };
    let minute = match rest.split_once(':') {
        Some((minute, second)) => {
            second.parse::<u8>().ok().filter(|&second| second < 60)?;
            minute
        }
        None => rest,
    };
    let month = i8::try_from(month).ok()?;
    let day = i8::try_from(day).ok()?;
    let date = DateTime::new(year, month, day, hour, minute.parse().ok()?, 0, 0);
    Some(minutes(date.ok()?))
}

/// Minutes since 1970 of a date, with or without a time.
fn date(text: &str) -> Option<i64> {
    text.parse::<DateTime>().ok().map(minutes)
}

fn minutes(date: DateTime) -> i64 {
    let zero = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    date.duration_since(zero).as_secs().div_euclid(60)
}
