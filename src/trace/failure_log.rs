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
use units::{Duration, Instant, SortedMap};

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
pub(crate) fn is_failure_log(input: &Input) -> bool {
    let Ok(first) = beginning_of_log(input) else {
        return false;
    };
    let has = |columns: &[&str]| header_has(&first, columns) == Confidence::Certain;
    opendc::is_own(&first) || has(&["Prob Started"]) || has(&["node", "down", "up"])
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

#[expect(clippy::too_many_lines, reason = "one row from its text to its span")]
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
    let columns = [
        table.required_column("System")?,
        table.required_column("nodenumz")?,
        table.required_column("Prob Started")?,
        table.required_column("Prob Fixed")?,
    ];
    let mut systems: SortedMap<i64, u64> = SortedMap::new();
    let mut spans: Vec<Span> = Vec::new();
    let mut last: SortedMap<usize, i64> = SortedMap::new();
    while let Some(row) = table.next_row()? {
        let read = row.and_then(|row| {
            let system = row.integer(&columns[0], 0, 1_000_000)?;
            *systems.entry(system).or_default() += 1;
            if options.system.is_some_and(|own| i64::from(own) != system) {
                return Ok(None);
            }
            Ok(Some((lanl_row(&row, &columns)?, row.line)))
        });
        let (span, line) = match read {
            Ok(Some(read)) => read,
            Ok(None) => continue,
            Err(bad) => {
                journal.bad_row(bad)?;
                continue;
            }
        };
        let Some(mut span) = span else {
            journal.dirt("outages without a node", Action::Drop, line)?;
            continue;
        };
        if span.node >= nodes {
            let kind = "outages of nodes that are not in the cluster";
            journal.dirt(kind, Action::Drop, line)?;
            continue;
        }
        if last
            .insert(span.node, span.down)
            .is_some_and(|last| last > span.down)
        {
            journal.dirt("outages out of order", Action::Repair, line)?;
        }
        if span.up == span.down {
            journal.dirt(
                "outages of zero length, counted as one minute",
                Action::Repair,
                line,
            )?;
            span.up += 1;
        }
        spans.push(span);
    }
    let known: Vec<String> = systems.keys().map(ToString::to_string).collect();
    match options.system {
        Some(own) if !systems.contains_key(&i64::from(own)) => {
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
                if span.down < last.up {
                    journal.dirt("overlapping outages, merged", Action::Repair, 0)?;
                }
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

/// The span of a row; `None` of one that is about a system as a whole, or of an unknown node.
fn lanl_row(row: &Row<'_>, columns: &[Column; 4]) -> Result<Option<Span>, BadRow> {
    let [_, node, started, fixed] = columns;
    if row.text(node).is_empty() {
        return Ok(None);
    }
    let node = row.integer(node, 0, 1_000_000)? as usize;
    let minute = |column: &Column| {
        let minute = us_date(row.text(column));
        minute.ok_or_else(|| row.bad(column, "a date such as `6/21/2005 10:54`"))
    };
    let (down, up) = (minute(started)?, minute(fixed)?);
    if up < down {
        return Err(row.bad(fixed, "at or after `Prob Started`"));
    }
    Ok(Some(Span { node, down, up }))
}

/// Minutes since 1970 of `m/d/yyyy h:mm`.
fn us_date(text: &str) -> Option<i64> {
    let (day, time) = text.split_once(' ')?;
    let mut parts = day.split('/');
    let mut next = || parts.next()?.parse::<i16>().ok();
    let (month, day, year) = (next()?, next()?, next()?);
    let (hour, minute) = time.trim().split_once(':')?;
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
