//! Faults of a trace file, as `trace validate` prints them.

use crate::error::TraceError;
use crate::format::{Constructor, FormatEntry};
use crate::input::Input;
use crate::ledger::{Ledger, RowPolicy};
use crate::options::ReadOptions;
use crate::stream::ArrivalSource;
use crate::waits::told;

/// Problems of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validation {
    /// The file as the user named it.
    pub file: String,
    /// The name of its format.
    pub format: &'static str,
    /// Number of nodes or arrivals accepted.
    pub accepted: u64,
    /// Number of bad rows.
    pub bad_row_count: u64,
    /// The first of them, at most as many as asked for.
    pub bad_rows: Vec<TraceError>,
    /// Error that stopped the reading before the end, if any.
    pub stopped: Option<TraceError>,
    /// Documented dirt, and the bad rows' count.
    pub ledger: Ledger,
}

impl Validation {
    /// Whether nothing but documented dirt was found.
    pub fn is_valid(&self) -> bool {
        self.bad_row_count == 0 && self.stopped.is_none()
    }
}

/// Reads a file to its end and lists what is wrong, at most `limit` bad rows word for word.
pub fn validate(
    input: &Input,
    entry: &FormatEntry,
    options: &ReadOptions,
    limit: usize,
) -> Validation {
    let options = ReadOptions {
        rows: RowPolicy::REPORT,
        ..options.clone()
    };
    let mut accepted = 0;
    let (stopped, ledger) = match entry.open {
        Constructor::Nodes(read) => match read(input, &options) {
            Ok(list) => {
                accepted = list.nodes.len() as u64;
                (None, list.ledger)
            }
            Err(error) => (Some(error), Ledger::EMPTY),
        },
        Constructor::Workload(open) => match open(input, &options) {
            Ok(source) => {
                let mut source = told(source, &input.name);
                let stopped = drain(&mut *source, &mut accepted).err();
                (stopped, source.ledger().clone())
            }
            Err(error) => (Some(error), Ledger::EMPTY),
        },
    };
    Validation {
        file: input.name.to_string(),
        format: entry.name,
        accepted,
        bad_row_count: ledger.bad_row_count(),
        bad_rows: ledger.bad_rows().iter().take(limit).cloned().collect(),
        stopped,
        ledger,
    }
}

fn drain(source: &mut dyn ArrivalSource, accepted: &mut u64) -> Result<(), TraceError> {
    while source.next()?.is_some() {
        *accepted += 1;
    }
    Ok(())
}
