//! Failure logs: when which node was down. Formats, told by their first lines (spec: traces.md
//! sections 2, 10 and 13):
//!
//! - machine events of Google's trace of 2011: down from REMOVE to ADD, and before the first ADD;
//! - failures of `OpenDC`: intervals, durations and shares of the nodes;
//! - outages of services of the Cloud Uptime Archive: from when to when, and the share of the nodes;
//! - our table `node,down,up`: nodes by name, times since the run's start in seconds or with a unit,
//!   `up` empty if the node stays down; rows in order of `down`, spans of one node apart;
//! - the log of Los Alamos: nodes of one system by their zero-based number, dates as local times
//!   without daylight saving; out of order and overlapping as it is.
//!
//! Each may be in several files of a folder or an archive. Copies of the last two from spreadsheets may have `;` or
//! tabs between their fields.

mod google;
mod lanl;
pub mod observed;
mod opendc;
mod plain;
mod uptime;

use crate::prelude::*;
use intake::archive::{beginning, first_bytes, is_about, parts};
use intake::columns::separator_of_header;
use intake::ledger::{Ledger, RowPolicy};
use intake::rows::is_empty;
use intake::table::Table;
use rng::Stream;
use units::SortedMap;

/// Options for the reading of a log.
#[derive(Clone, Debug, Default)]
pub struct LogOptions {
    /// Policy for bad rows and documented irregularities.
    pub rows: RowPolicy,
    /// System number, for the Los Alamos log.
    pub system: Option<u32>,
    /// Date of the run's start, for the Los Alamos log.
    pub from: Option<String>,
    /// Name of the service, for a log of the outages of several.
    pub service: Option<String>,
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
    let log = read_any(input, options, nodes)?;
    if log.outages.is_empty() && log.ledger.is_empty() {
        return Err(TraceError::Format {
            file: input.name.to_string(),
            reason: "has no outage of a node; name the whole log, or leave the failures out"
                .to_owned(),
        });
    }
    Ok(log)
}

/// Reads a log of any format.
fn read_any(input: &Input, options: &LogOptions, nodes: &[&str]) -> Result<FailureLog, TraceError> {
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
    if uptime::is_own(&first) {
        without_lanl_options(
            input,
            &LogOptions {
                service: None,
                ..options.clone()
            },
        )?;
        return uptime::read(input, journal, options.service.as_deref(), nodes.len());
    }
    if lanl::is_own(&first) {
        without_service(input, options)?;
        return lanl::read(input, journal, options, nodes.len());
    }
    without_lanl_options(input, options)?;
    plain::read(input, journal, nodes)
}

/// Whether an input begins as a failure log that is no table of machines besides.
///
/// # Errors
/// The file can't be read.
pub fn is_log(input: &Input) -> Result<bool, TraceError> {
    let first = beginning_of_log(input)?;
    Ok(is_own(&first))
}

/// Whether a file that begins with these bytes is a failure log that is no table of machines besides.
fn is_own(first: &[u8]) -> bool {
    opendc::is_own(first) || uptime::is_own(first) || lanl::is_own(first) || plain::is_own(first)
}

/// The first bytes of the file that is a log, of several in a folder or an archive.
fn beginning_of_log(input: &Input) -> Result<Vec<u8>, TraceError> {
    for part in parts(input)? {
        let first = beginning(&part)?;
        let mut logs = google::LOGS.iter();
        let is_google = logs.any(|(entry, _)| (entry.sniff)(&first) == Confidence::Certain);
        if is_google || is_own(&first) {
            return Ok(first);
        }
    }
    first_bytes(input)
}

/// The places of nodes by their names.
fn places_of<'n>(nodes: &[&'n str]) -> SortedMap<&'n str, usize> {
    let places = nodes.iter().enumerate();
    places.map(|(place, &name)| (name, place)).collect()
}

/// The separators of copies of a table with a header.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// The separator by which a header has a column of such a name.
fn separator(first: &[u8], is_own: impl Fn(&str) -> bool) -> Option<u8> {
    separator_of_header(first, &SEPARATORS, |names| {
        names.iter().any(|name| is_own(name))
    })
}

/// Takes each table of a log that has a column of such a name, in order of the files' names.
fn each_table(
    input: &Input,
    journal: &mut Journal,
    is_own: fn(&str) -> bool,
    mut take: impl FnMut(&mut Journal, Table) -> Result<(), TraceError>,
) -> Result<(), TraceError> {
    let parts = parts(input)?;
    let is_alone = parts.len() == 1;
    for part in parts {
        let first = part.first_bytes()?;
        journal.file = part.name.clone();
        if !is_alone && (is_about(&part.name) || is_empty(&first)) {
            let kind = "file of a failure log without a row of it, not read";
            journal.dirt(kind, Action::Keep, 1)?;
            continue;
        }
        let separator = separator(&first, is_own).unwrap_or(b',');
        take(journal, Table::separated(&part, separator)?)?;
    }
    Ok(())
}

/// The nodes that a failure of a line takes, by the share of all that fail, in their order: they are drawn for a purpose.
fn drawn(purpose: &str, line: u64, share: f64, nodes: usize) -> Vec<usize> {
    let count = libm::rint(share * nodes as f64) as usize;
    let mut chosen: Vec<usize> = (0..nodes).collect();
    Stream::new(0, purpose, line).shuffle(&mut chosen);
    chosen.truncate(count);
    chosen.sort_unstable();
    chosen
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
    without_service(input, options)
}

/// Refuses the name of a service, which only a log of outages of services has.
fn without_service(input: &Input, options: &LogOptions) -> Result<(), TraceError> {
    match options.service {
        None => Ok(()),
        Some(_) => Err(TraceError::Format {
            file: input.name.to_string(),
            reason:
                "`service` applies only to outages of services (Cloud Uptime Archive); leave it out"
                    .to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests;
