//! Faults of a trace file or a failure log, as `trace validate` prints them.

use crate::duplicate_names::{DuplicateNames, TWICE};
use crate::failures::ObservedFailures;
use crate::format::{Constructor, FormatEntry};
use crate::implausible::doubted;
use crate::precedence::told;
use crate::read_options::ReadOptions;
use crate::relation::Relation;
use crate::stream::ArrivalSource;
use intake::ledger::{Action, Ledger, RowPolicy};
use intake::origin::Origin;
use intake::{Input, TraceError};
use model::Node;

/// Problems of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validation {
    /// The file as the user named it.
    pub file: String,
    /// The name of its format.
    pub format: &'static str,
    /// Number of nodes, arrivals or outages accepted.
    pub accepted: u64,
    /// Number of bad rows.
    pub bad_row_count: u64,
    /// The first of them, at most as many as asked for.
    pub bad_rows: Vec<TraceError>,
    /// Error that stopped the reading before the end, if any.
    pub stopped: Option<TraceError>,
    /// Documented dirt, and the bad rows' count.
    pub ledger: Ledger,
    /// The relations between fields that the format's records keep.
    pub relations: &'static [Relation],
    /// Whether documented dirt is a fault as well.
    pub is_strict: bool,
}

impl Validation {
    /// The relations between fields that records break.
    pub fn broken(&self) -> Vec<&'static Relation> {
        let bad: Vec<String> = self.bad_rows.iter().map(ToString::to_string).collect();
        let kinds = || self.ledger.entries().iter().map(|entry| &*entry.kind);
        let is_told = |words: &str| {
            kinds().any(|kind| kind.contains(words)) || bad.iter().any(|bad| bad.contains(words))
        };
        let all = self.relations.iter();
        all.filter(|own| is_told(own.breach)).collect()
    }

    /// Whether nothing was found but documented dirt, and none of that where the reading is strict.
    pub fn is_valid(&self) -> bool {
        let is_clean = self.ledger.is_empty() || !self.is_strict;
        self.bad_row_count == 0 && self.stopped.is_none() && is_clean
    }

    /// Whether the file has no row of its format, good or bad.
    pub fn is_empty(&self) -> bool {
        self.accepted == 0 && self.ledger.is_empty() && self.stopped.is_none()
    }

    fn of(
        input: &Input,
        format: &'static str,
        read: (u64, Option<TraceError>, Ledger),
        options: &ReadOptions,
        limit: usize,
    ) -> Self {
        let (accepted, stopped, ledger) = read;
        Self {
            file: input.name.to_string(),
            format,
            accepted,
            bad_row_count: ledger.bad_row_count(),
            bad_rows: ledger.bad_rows().iter().take(limit).cloned().collect(),
            stopped,
            ledger,
            relations: &[],
            is_strict: options.rows.strict,
        }
    }
}

/// The name of the formats of failure logs in a validation.
const FAILURE_LOG: &str = "failure-log";

/// Lists what is wrong with a failure log, which was read to its end, of all its nodes and systems.
pub fn validate_log(
    input: &Input,
    failures: Result<ObservedFailures, TraceError>,
    options: &ReadOptions,
    limit: usize,
) -> Validation {
    let read = match failures {
        Ok(log) => {
            let failures = log.classes.iter().map(|class| class.failures).sum();
            (failures, None, log.ledger)
        }
        Err(error) => (0, Some(error), Ledger::EMPTY),
    };
    Validation::of(input, FAILURE_LOG, read, options, limit)
}

/// Reads a file to its end and lists what is wrong, at most `limit` bad rows word for word. Whether the reading is strict
/// decides about what is found, not where the reading ends.
pub fn validate(
    input: &Input,
    entry: &FormatEntry,
    options: &ReadOptions,
    limit: usize,
) -> Validation {
    let reporting = ReadOptions {
        rows: RowPolicy::REPORT,
        ..options.clone()
    };
    let mut accepted = 0;
    let (stopped, ledger) = match entry.open {
        Constructor::Nodes(read) => match read(input, &reporting) {
            Ok(list) => {
                accepted = list.nodes.len() as u64;
                (name_twice(&list.nodes, &input.name), list.ledger)
            }
            Err(error) => (Some(error), Ledger::EMPTY),
        },
        Constructor::Workload(open) => match open(input, &reporting) {
            Ok(source) => {
                let mut source = doubted(told(source, &input.name), &input.name);
                let mut met = UNCOMPARED
                    .contains(&entry.name)
                    .then(DuplicateNames::default);
                let stopped = drain(&mut *source, &mut accepted, &mut met).err();
                let mut ledger = source.ledger().clone();
                let tell = |place: Origin| {
                    let (file, line) = place.place(source.files(), &input.name);
                    ledger.note(TWICE, Action::Keep, &file, line);
                    Ok(())
                };
                let told = met.map_or(Ok(()), |met| met.each_twice(tell));
                (stopped.or(told.err()), ledger)
            }
            Err(error) => (Some(error), Ledger::EMPTY),
        },
    };
    let read = (accepted, stopped, ledger);
    Validation {
        relations: entry.relations,
        ..Validation::of(input, entry.name, read, options, limit)
    }
}

/// The error that two nodes have one name, under which a run could not tell them apart.
fn name_twice(nodes: &[Node], file: &str) -> Option<TraceError> {
    let mut names: Vec<&str> = nodes.iter().map(|node| &*node.name).collect();
    names.sort_unstable();
    let twice = names.windows(2).find(|pair| pair[0] == pair[1])?;
    Some(TraceError::Format {
        file: file.to_owned(),
        reason: format!(
            "two nodes have the name `{}`; rename or remove one",
            twice[0]
        ),
    })
}

/// Formats of which each row has a name of its own that is not compared with those above it where the trace is read, which
/// would take a tenth of that time: it is compared here alone.
const UNCOMPARED: [&str; 3] = ["azure-vm", "csv", "openb-pods"];

fn drain(
    source: &mut dyn ArrivalSource,
    accepted: &mut u64,
    met: &mut Option<DuplicateNames>,
) -> Result<(), TraceError> {
    while let Some(arrival) = source.next()? {
        *accepted += 1;
        if let Some(met) = met {
            met.meet_at(arrival.origin, arrival.name.text().as_bytes());
        }
    }
    Ok(())
}
