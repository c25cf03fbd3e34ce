//! Failure logs: when which node was down. Formats, told by their first lines (spec: traces.md
//! sections 2, 10 and 13):
//!
//! - machine events of Google's trace of 2011: down from REMOVE to ADD, and before the first ADD;
//! - failures of `OpenDC`: intervals, durations and shares of the nodes;
//! - our table `node,down,up`: nodes by name, times since the run's start in seconds or with a unit,
//!   `up` empty if the node stays down; rows in order of `down`, spans of one node apart;
//! - the log of Los Alamos: nodes of one system by their zero-based number, dates as local times
//!   without daylight saving; out of order and overlapping as it is.

mod google;
pub mod observed;
mod opendc;

use jiff::civil::DateTime;

use super::archive::{beginning, first_bytes, parts};
use super::error::TraceError;
use super::format::{Confidence, header_has};
use super::input::Input;
use super::ledger::{Action, BadRow, Journal, Ledger, RowPolicy};
use super::table::{Column, Row, Table};
use units::{Duration, Instant, SortedMap, SortedSet};

/// Options for the reading of a log.
#[derive(Clone, Debug, Default)]
pub struct LogOptions {
    /// Policy for bad rows and documented irregularities.
    pub rows: RowPolicy,
    /// System number, for the Los Alamos log.
    pub system: Option<u32>,
    /// Date of the run's start, for the Los Alamos log.
    pub from: Option<String>,
}

/// A node that was down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedOutage {
    /// The node, by its place in the cluster.
    pub node: usize,
    /// Instant at which the node went down; what was down before the start is so at the start.
    pub down: Instant,
    /// Instant at which the node was up again.
    pub up: Option<Instant>,
}

/// A failure log as read.
#[derive(Clone, Debug)]
pub struct FailureLog {
    /// Outages in order of time, spans of one node apart.
    pub outages: Vec<LoggedOutage>,
    /// Ledger of the input's irregularities.
    pub ledger: Ledger,
}

/// Reads the log of a cluster whose nodes have these names, in order.
///
/// # Errors
/// The file can't be read, has neither header, or a row breaks a rule.
pub fn read(input: &Input, options: &LogOptions, nodes: &[&str]) -> Result<FailureLog, TraceError> {
    let journal = Journal::new(input.name.clone(), options.rows);
    let first = beginning_of_log(input)?;
    for (entry, each_event) in google::LOGS {
        if (entry.sniff)(&first) == Confidence::Certain {
            without_lanl_options(input, options)?;
            return google::read(*each_event, input, journal, nodes);
        }
    }
    if opendc::is_own(&first) {
        without_lanl_options(input, options)?;
        return opendc::read(input, journal, nodes.len());
    }
    let table = Table::open(input)?;
    if table.column("Prob Started").is_some() {
        return lanl(table, journal, options, nodes.len());
    }
    without_lanl_options(input, options)?;
    plain(table, journal, nodes)
}

/// Whether an input begins as a failure log that is no table of machines besides.
///
/// # Errors
/// The file can't be read.
pub fn is_log(input: &Input) -> Result<bool, TraceError> {
    let first = beginning_of_log(input)?;
    let has = |columns: &[&str]| header_has(&first, columns) == Confidence::Certain;
    Ok(opendc::is_own(&first) || has(&["Prob Started"]) || has(&["node", "down", "up"]))
}

/// The first bytes of the file that is a log, of several in a folder or an archive.
fn beginning_of_log(input: &Input) -> Result<Vec<u8>, TraceError> {
    for part in parts(input)? {
        let first = beginning(&part)?;
        let mut logs = google::LOGS.iter();
        if logs.any(|(entry, _)| (entry.sniff)(&first) == Confidence::Certain) {
            return Ok(first);
        }
    }
    first_bytes(input)
}

/// Refuses options that only the log of Los Alamos has.
fn without_lanl_options(input: &Input, options: &LogOptions) -> Result<(), TraceError> {
    if let Some(field) = match options {
        LogOptions {
            system: Some(_), ..
        } => Some("system"),
        LogOptions { from: Some(_), .. } => Some("from"),
        _ => None,
    } {
        return Err(TraceError::Format {
            file: input.name.to_string(),
            reason: format!("`{field}` applies only to the Los Alamos log; leave it out"),
        });
    }
    Ok(())
}

/// Our own table.
fn plain(mut table: Table, mut journal: Journal, nodes: &[&str]) -> Result<FailureLog, TraceError> {
    let columns = [
        table.required_column("node")?,
        table.required_column("down")?,
        table.required_column("up")?,
    ];
    let places: SortedMap<&str, usize> = { nodes.iter().enumerate() }
        .map(|(place, &name)| (name, place))
        .collect();
    let mut outages: Vec<LoggedOutage> = Vec::new();
    let mut last: SortedMap<usize, (u64, Option<Instant>)> = SortedMap::new();
    let mut latest = Instant::ZERO;
    while let Some(row) = table.next_row()? {
        let read = row.and_then(|row| {
            let own = plain_row(&row, &columns, &places)?;
            let [node, down, _] = &columns;
            if own.down < latest {
                let rule = format!("at or after {latest}, because rows are ordered by `down`");
                return Err(row.bad(down, &rule));
            }
            match last.get(&own.node) {
                Some((line, up)) if up.is_none_or(|up| own.down < up) => {
                    let rule =
                        format!("up before it goes down again: in line {line} it is still down");
                    Err(row.bad(node, &rule))
                }
                _ => Ok((own, row.line)),
            }
        });
        match read {
            Ok((own, line)) => {
                latest = own.down;
                last.insert(own.node, (line, own.up));
                outages.push(own);
            }
            Err(bad) => journal.bad_row(bad)?,
        }
    }
    journal.end(table.open_end())?;
    Ok(FailureLog {
        outages,
        ledger: journal.ledger,
    })
}

fn plain_row(
    row: &Row<'_>,
    [node, down, up]: &[Column; 3],
    places: &SortedMap<&str, usize>,
) -> Result<LoggedOutage, BadRow> {
    let name = row.text(node);
    let place = places.get(name).copied();
    let place = place.ok_or_else(|| row.bad(node, "the name of a node of the cluster"))?;
    let began = instant(row, down)?;
    let ended = match row.text(up) {
        "" => None,
        _ => Some(instant(row, up)?),
    };
    if ended.is_some_and(|ended| ended <= began) {
        return Err(row.bad(up, &format!("after {began}, when it went down")));
    }
    Ok(LoggedOutage {
        node: place,
        down: began,
        up: ended,
    })
}

fn instant(row: &Row<'_>, column: &Column) -> Result<Instant, BadRow> {
    let text = row.text(column);
    let seconds = || Duration::checked_from_secs_f64(text.parse::<f64>().ok()?);
    let span = text.parse::<Duration>().ok().or_else(seconds);
    let span = span.filter(|span| *span >= Duration::ZERO);
    let span = span.ok_or_else(|| row.bad(column, "a time such as `90`, `90s` or `2h30m`"))?;
    Ok(Instant::ZERO.saturating_add(span))
}

/// A span of the log of Los Alamos, in minutes of its calendar.
#[derive(Clone, Copy, Debug)]
struct Span {
    node: usize,
    down: i64,
    up: i64,
}

/// The columns of the log of Los Alamos that are read.
struct LanlColumns {
    system: Column,
    node: Column,
    started: Column,
    fixed: Column,
    /// The minutes between the two times, as the log states them.
    length: Option<Column>,
}

impl LanlColumns {
    fn of(table: &Table) -> Result<Self, TraceError> {
        Ok(Self {
            system: table.required_column("System")?,
            node: table.required_column("nodenumz")?,
            started: table.required_column("Prob Started")?,
            fixed: table.required_column("Prob Fixed")?,
            length: table.column("Down Time"),
        })
    }

    /// The system of a row, and its outage if the system is wanted.
    fn read(
        &self,
        row: &Row<'_>,
        is_wanted: impl FnOnce(i64) -> bool,
    ) -> Result<(i64, Option<LanlRow>), BadRow> {
        let system = row.integer(&self.system, 0, 1_000_000)?;
        let read = is_wanted(system).then(|| self.outage(row)).transpose()?;
        Ok((system, read))
    }

    fn outage(&self, row: &Row<'_>) -> Result<LanlRow, BadRow> {
        let line = row.line;
        if row.text(&self.node).is_empty() {
            return Ok(LanlRow {
                line,
                ..LanlRow::default()
            });
        }
        let node = row.integer(&self.node, 0, 1_000_000)? as usize;
        let minute = |column: &Column| {
            let minute = us_date(row.text(column));
            minute.ok_or_else(|| row.bad(column, "a date such as `6/21/2005 10:54`"))
        };
        let (down, up) = (minute(&self.started)?, minute(&self.fixed)?);
        if up < down {
            return Err(row.bad(&self.fixed, "at or after `Prob Started`"));
        }
        let length = row.optional_text(self.length.as_ref());
        let has_other_length = !length.is_empty() && length.parse() != Ok(up - down);
        Ok(LanlRow {
            line,
            span: Some(Span { node, down, up }),
            has_other_length,
        })
    }
}

/// A row of the log of Los Alamos.
#[derive(Default)]
struct LanlRow {
    line: u64,
    /// Its outage; none of a row that is about a system as a whole, or of an unknown node.
    span: Option<Span>,
    /// Whether the log states another length than that between the two times.
    has_other_length: bool,
}

impl LanlRow {
    /// The outage, at least a minute long; what is odd about it is noted.
    fn mended(self, journal: &mut Journal) -> Result<Option<Span>, TraceError> {
        let line = self.line;
        let Some(mut span) = self.span else {
            journal.dirt("outages without a node", Action::Drop, line)?;
            return Ok(None);
        };
        if self.has_other_length {
            let kind = "outages whose stated length is not that between their times, which hold";
            journal.dirt(kind, Action::Keep, line)?;
        }
        if span.up == span.down {
            let kind = "outages of zero length, counted as one minute";
            journal.dirt(kind, Action::Repair, line)?;
            span.up += 1;
        }
        Ok(Some(span))
    }
}

/// The outages of the nodes of a cluster in the log of Los Alamos, and the systems that it has.
fn lanl_spans(
    table: &mut Table,
    journal: &mut Journal,
    options: &LogOptions,
    nodes: usize,
) -> Result<(Vec<Span>, SortedSet<i64>), TraceError> {
    let columns = LanlColumns::of(table)?;
    let mut systems: SortedSet<i64> = SortedSet::new();
    let mut spans: Vec<Span> = Vec::new();
    let mut last: SortedMap<usize, i64> = SortedMap::new();
    while let Some(row) = table.next_row()? {
        let read = row.and_then(|row| {
            columns.read(&row, |system| {
                systems.insert(system);
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
        if last
            .insert(span.node, span.down)
            .is_some_and(|last| last > span.down)
        {
            journal.dirt("outages out of order", Action::Repair, line)?;
        }
        spans.push(span);
    }
    journal.end(table.open_end())?;
    Ok((spans, systems))
}

fn lanl(
    mut table: Table,
    mut journal: Journal,
    options: &LogOptions,
    nodes: usize,
) -> Result<FailureLog, TraceError> {
    let file = journal.file.to_string();
    let wrong = |reason: String| TraceError::Format {
        file: file.clone(),
        reason,
    };
    let (spans, systems) = lanl_spans(&mut table, &mut journal, options, nodes)?;
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
fn united(
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

/// Minutes since 1970 of `m/d/yyyy h:mm`.
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
    let (hour, rest) = time.trim().split_once(':')?;
    let minute = match rest.split_once(':') {
        Some((minute, second)) => {
            second.parse::<u8>().ok().filter(|&second| second < 60)?;
            minute
        }
        None => rest,
    };
    let date = DateTime::new(
        year,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
        hour.parse().ok()?,
        minute.parse().ok()?,
        0,
        0,
    );
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

#[cfg(test)]
mod tests;
