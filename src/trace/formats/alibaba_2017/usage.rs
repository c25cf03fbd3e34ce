//! Measured usage in Alibaba's trace of 2017. That of service instances is a share of what they requested.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::error::TraceError;
use crate::format::{ColumnDoc, Confidence, FieldTest, is_number_or_empty, is_whole, row_has};
use crate::input::Input;
use crate::ledger::Journal;
use crate::rows::{Layout, each_row_of};
use crate::samples::pattern;
use model::Behaviour;
use units::Instant;

const COLUMNS: &[ColumnDoc] = &[
    ColumnDoc::required("timestamp", "s from the trace's start"),
    ColumnDoc::required("instance id", "instance"),
    ColumnDoc::required("cpu used", "percent of the request"),
    ColumnDoc::required("memory used", "percent of the request"),
    ColumnDoc::required("disk space used", "percent of the request; read, not used"),
    ColumnDoc::required("load of 1 minute", "read, not used"),
    ColumnDoc::required("load of 5 minutes", "read, not used"),
    ColumnDoc::required("load of 15 minutes", "read, not used"),
    ColumnDoc::required("average CPI", "read, not used"),
    ColumnDoc::required("average MPKI", "read, not used"),
    ColumnDoc::required("maximum CPI", "read, not used"),
    ColumnDoc::required("maximum MPKI", "read, not used"),
];

const LAYOUT: Layout = Layout::headless(COLUMNS);

const TIME: usize = 0;
const INSTANCE: usize = 1;
const CPU: usize = 2;
const MEMORY: usize = 3;

/// Number of columns of the usage of machines.
const OF_MACHINES: usize = 8;

/// The most percent of a request: an instance may use idle processors besides.
const MOST: f64 = 1e5;

const TESTS: [FieldTest; 5] = [
    (TIME, is_whole),
    (INSTANCE, is_whole),
    (CPU, is_number_or_empty),
    (MEMORY, is_number_or_empty),
    (5, is_number_or_empty),
];

/// Whether a table that begins with these bytes is one of the usage of service instances.
pub(super) fn of_services(first: &[u8]) -> Confidence {
    row_has(first, b',', COLUMNS.len(), &TESTS)
}

/// Whether a table that begins with these bytes is one of the usage of machines.
pub(super) fn of_machines(first: &[u8]) -> Confidence {
    row_has(first, b',', OF_MACHINES, &TESTS)
}

/// Hundredths of a percent in use from a second on.
type Samples = Vec<(i64, i64)>;

/// Usage of instances: of processors and of memory.
#[derive(Default)]
pub(super) struct Usage(IndexMap<i64, [Samples; 2], FxBuildHasher>);

impl Usage {
    /// Adds the measurements of a table.
    pub(super) fn read(&mut self, part: &Input, journal: &mut Journal) -> Result<(), TraceError> {
        journal.file = part.name.clone();
        each_row_of(part, &LAYOUT, journal, &mut |journal, fields| {
            let instance = fields.number(INSTANCE, 0, i64::MAX)?;
            let used = [
                fields.scaled(CPU, 100, MOST)?,
                fields.scaled(MEMORY, 100, MOST)?,
            ];
            let at = super::time(journal, fields, TIME)?;
            let samples = self.0.entry(instance).or_default();
            for (samples, used) in samples.iter_mut().zip(used) {
                samples.extend(used.map(|used| (at.as_nanos() / 1_000_000_000, used)));
            }
            Ok(())
        })
    }

    /// The use of an instance that began at an instant; `None` if nothing of it was measured.
    pub(super) fn of(&self, instance: i64, began: Instant) -> Option<Behaviour> {
        let series = |samples: &Samples| {
            let mut sorted = samples.clone();
            sorted.sort_by_key(|&(second, _)| second);
            let start = began.as_nanos() / 1_000_000_000;
            pattern(start, sorted, |used| {
                format!("{}.{:02}%", used / 100, used % 100)
            })
        };
        let [cpu, memory] = self.0.get(&instance)?;
        Some(Behaviour {
            cpu_usage: series(cpu),
            memory_usage: series(memory),
            ..Behaviour::default()
        })
    }
}
