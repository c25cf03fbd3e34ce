//! Failure logs as observations of nodes by class: times between the failures of one node, from its return to
//! the next failure, and times of repair. Classes are the systems of Los Alamos and the platforms of Google's
//! machines; other logs have one.

use super::google::{self, EachEvent};
use super::lanl::{self, Columns, Span};
use super::{LogOptions, LoggedOutage, each_table, opendc, plain, uptime, without_lanl_options};
use crate::prelude::*;
use crate::readers::google_2011::machines::PLATFORM_LABEL;
use arrivals::failures::{CLASS_LABEL, FailureClass, ObservedFailures};
use intake::ledger::RowPolicy;
use intake::table::Table;
use units::{SortedMap, SortedSet};

/// Reads a failure log of any format, of one system of Los Alamos or of all.
///
/// # Errors
/// The file can't be read, is of no format, or a row breaks a rule.
pub fn observed(
    input: &Input,
    system: Option<u32>,
    rows: RowPolicy,
) -> Result<ObservedFailures, TraceError> {
    let journal = Journal::new(input.name.clone(), rows);
    let options = LogOptions {
        rows,
        system,
        ..LogOptions::default()
    };
    let first = super::beginning_of_log(input)?;
    for (entry, each_event) in google::LOGS {
        if (entry.sniff)(&first) == Confidence::Certain {
            without_lanl_options(input, &options)?;
            return machines(input, entry, *each_event, journal, rows);
        }
    }
    if opendc::is_own(&first) {
        without_lanl_options(input, &options)?;
        return shares(input, journal);
    }
    if uptime::is_own(&first) {
        without_lanl_options(input, &options)?;
        return services(input, journal);
    }
    if lanl::is_own(&first) {
        return los_alamos(input, system, journal);
    }
    without_lanl_options(input, &options)?;
    let names = plain::names(input, journal.clone())?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let log = plain::read(input, journal, &names)?;
    Ok(ObservedFailures {
        classes: classes(&log.outages, |_| None),
        left_out: Vec::new(),
        ledger: log.ledger,
    })
}

fn machines(
    input: &Input,
    entry: &FormatEntry,
    each_event: EachEvent,
    journal: Journal,
    rows: RowPolicy,
) -> Result<ObservedFailures, TraceError> {
    let Constructor::Nodes(read) = entry.open else {
        return Ok(ObservedFailures::default());
    };
    let options = ReadOptions {
        rows,
        ..ReadOptions::default()
    };
    let nodes = read(input, &options)?.nodes;
    let names: Vec<String> = nodes.iter().map(|node| node.name.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut log = google::read(each_event, input, journal, &names)?;
    // A machine that is not there yet has not failed.
    log.outages.retain(|outage| outage.down > Instant::ZERO);
    let platform = |outage: &LoggedOutage| {
        let labels = &nodes[outage.node].labels;
        let platform = labels.get(PLATFORM_LABEL)?;
        Some((PLATFORM_LABEL, platform.to_string()))
    };
    Ok(ObservedFailures {
        classes: classes(&log.outages, platform),
        left_out: Vec::new(),
        ledger: log.ledger,
    })
}

/// Failures of shares of all nodes: a node is taken with the mean share as its probability.
fn shares(input: &Input, mut journal: Journal) -> Result<ObservedFailures, TraceError> {
    let mut class = FailureClass::default();
    let mut sum = 0.0;
    opendc::each(input, &mut journal, |_, failure| {
        if !failure.is_none() {
            class.failures += 1;
            sum += failure.share;
            class.repair.push(failure.duration);
            class.between.push(failure.interval);
        }
        Ok(())
    })?;
    class.between.retain(|own| *own > Duration::ZERO);
    thin(&mut class, sum);
    Ok(ObservedFailures {
        classes: vec![class],
        left_out: vec![ALONE],
        ledger: journal.ledger,
    })
}

/// The property that a fit leaves out of failures of shares of all nodes.
const ALONE: &str = "that a failure takes several nodes at once: each fails on its own";

/// Makes times between failures of shares of all nodes those of one node.
fn thin(class: &mut FailureClass, shares: f64) {
    let share = shares / class.failures.max(1) as f64;
    for own in &mut class.between {
        let nanos = own.as_nanos() as f64 / share.max(f64::MIN_POSITIVE);
        *own = Duration::from_nanos(nanos as i64);
    }
}

/// Outages of services, each of which is a class of nodes.
fn services(input: &Input, mut journal: Journal) -> Result<ObservedFailures, TraceError> {
    let log = uptime::ServiceLog::read(input, &mut journal)?;
    let is_one = log.services.len() < 2;
    let class = |(place, name): (usize, &String)| {
        let times = log.times(place);
        let mut class = FailureClass {
            label: (!is_one).then(|| (CLASS_LABEL, name.clone())),
            nodes: 0,
            failures: times.repair.len() as u64,
            between: times.between,
            repair: times.repair,
        };
        thin(&mut class, times.shares);
        class
    };
    Ok(ObservedFailures {
        classes: log.services.iter().enumerate().map(class).collect(),
        left_out: vec![ALONE],
        ledger: journal.ledger,
    })
}

/// The outages of the systems of Los Alamos up to a row.
#[derive(Default)]
struct Systems {
    all: SortedSet<i64>,
    nodes: SortedMap<(i64, usize), usize>,
    /// The system of each node.
    of_node: Vec<i64>,
    spans: Vec<Span>,
}

impl Systems {
    fn add(
        &mut self,
        journal: &mut Journal,
        mut table: Table,
        wanted: Option<u32>,
    ) -> Result<(), TraceError> {
        let columns = Columns::of(&table)?;
        while let Some(row) = table.next_row()? {
            let read = row.and_then(|row| {
                columns.read(&row, |own| {
                    self.all.insert(own);
                    wanted.is_none_or(|wanted| i64::from(wanted) == own)
                })
            });
            let (own, read) = match read {
                Ok((own, Some(read))) => (own, read),
                Ok((_, None)) => continue,
                Err(bad) => {
                    journal.bad_row(bad)?;
                    continue;
                }
            };
            let Some(mut span) = read.mended(journal)? else {
                continue;
            };
            let place = self.of_node.len();
            span.node = *self.nodes.entry((own, span.node)).or_insert(place);
            if span.node == place {
                self.of_node.push(own);
            }
            self.spans.push(span);
        }
        journal.end(table.open_end())
    }
}

fn los_alamos(
    input: &Input,
    wanted: Option<u32>,
    mut journal: Journal,
) -> Result<ObservedFailures, TraceError> {
    let mut systems = Systems::default();
    each_table(input, &mut journal, lanl::is_started, |journal, table| {
        systems.add(journal, table, wanted)
    })?;
    let Systems {
        all: systems,
        of_node,
        spans,
        ..
    } = systems;
    if let Some(wanted) = wanted.filter(|own| !systems.contains(&i64::from(*own))) {
        let known: Vec<String> = systems.iter().map(ToString::to_string).collect();
        return Err(TraceError::Format {
            file: input.name.to_string(),
            reason: format!(
                "the log has no system {wanted}; its systems are {}",
                known.join(", ")
            ),
        });
    }
    let first = spans.iter().map(|span| span.down).min().unwrap_or_default();
    let outages = lanl::united(spans, first, &mut journal)?;
    let is_one = wanted.is_some() || systems.len() < 2;
    let class = |outage: &LoggedOutage| {
        let label = format!("system-{}", of_node[outage.node]);
        (!is_one).then_some((CLASS_LABEL, label))
    };
    Ok(ObservedFailures {
        classes: classes(&outages, class),
        left_out: Vec::new(),
        ledger: journal.ledger,
    })
}

/// Outages by class.
fn classes(
    outages: &[LoggedOutage],
    class: impl Fn(&LoggedOutage) -> Option<(&'static str, String)>,
) -> Vec<FailureClass> {
    let mut classes: SortedMap<Option<(&'static str, String)>, FailureClass> = SortedMap::new();
    let mut ends: SortedMap<usize, Option<Instant>> = SortedMap::new();
    for outage in outages {
        let label = class(outage);
        let own = classes
            .entry(label.clone())
            .or_insert_with(|| FailureClass {
                label,
                ..FailureClass::default()
            });
        own.failures += 1;
        own.repair.extend(outage.up.map(|up| up.since(outage.down)));
        match ends.insert(outage.node, outage.up) {
            None => own.nodes += 1,
            Some(up) => {
                let between = up.map(|up| outage.down.since(up));
                let between = between.filter(|own| *own > Duration::ZERO);
                own.between.extend(between);
            }
        }
    }
    classes.into_values().collect()
}
