//! Measured usage in Alibaba's trace of 2018. That of containers is a share of what they requested.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::error::TraceError;
use crate::format::{ColumnDoc, Confidence, FieldTest, is_number_or_empty, is_whole, row_has};
use crate::input::Input;
use crate::ledger::{Action, BadRow, Journal};
use crate::rows::{Fields, LAST_SECOND, Layout, Refused, each_row_of};
use crate::samples::pattern;
use model::{Behaviour, Text};

const COLUMNS: &[ColumnDoc] = &[
    ColumnDoc::required("container_id", "container"),
    ColumnDoc::required("machine_id", "machine; read, not used"),
    ColumnDoc::required("time_stamp", "s from the trace's start"),
    ColumnDoc::required(
        "cpu_util_percent",
        "percent of the request, -1 or 101 invalid",
    ),
    ColumnDoc::required(
        "mem_util_percent",
        "percent of the request, -1 or 101 invalid",
    ),
    ColumnDoc::required("cpi", "read, not used"),
    ColumnDoc::required("mem_gps", "read, not used"),
    ColumnDoc::required("mpki", "read, not used"),
    ColumnDoc::required("net_in", "read, not used"),
    ColumnDoc::required("net_out", "read, not used"),
    ColumnDoc::required("disk_io_percent", "read, not used"),
];

const LAYOUT: Layout = Layout::headless(COLUMNS);

const CONTAINER: usize = 0;
const TIME: usize = 2;
const CPU: usize = 3;
const MEMORY: usize = 4;

/// Number of columns of the usage of machines.
const OF_MACHINES: usize = 9;

/// Whether a table that begins with these bytes is one of the usage of containers.
pub(super) fn of_containers(first: &[u8]) -> Confidence {
    let tests: [FieldTest; 4] = [
        (CONTAINER, |field| field.starts_with("c_")),
        (1, |field| field.starts_with("m_")),
        (TIME, is_whole),
        (CPU, is_number_or_empty),
    ];
    row_has(first, b',', COLUMNS.len(), &tests)
}

/// Whether a table that begins with these bytes is one of the usage of machines.
pub(super) fn of_machines(first: &[u8]) -> Confidence {
    let tests: [FieldTest; 4] = [
        (0, |field| field.starts_with("m_")),
        (1, is_whole),
        (2, is_number_or_empty),
        (3, is_number_or_empty),
    ];
    row_has(first, b',', OF_MACHINES, &tests)
}

/// A measurement: the second, and hundredths of a percent of processors and memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sample {
    second: i64,
    cpu: Option<u32>,
    memory: Option<u32>,
}

/// Usage of containers by their names.
#[derive(Default)]
pub(super) struct Usage(IndexMap<Text, Vec<Sample>, FxBuildHasher>);

impl Usage {
    /// Adds the measurements of a table.
    pub(super) fn read(&mut self, part: &Input, journal: &mut Journal) -> Result<(), TraceError> {
        journal.file = part.name.clone();
        each_row_of(part, &LAYOUT, journal, &mut |journal, fields| {
            let sample = Sample {
                second: fields.number(TIME, 0, LAST_SECOND)?,
                cpu: percent(fields, CPU)?,
                memory: percent(fields, MEMORY)?,
            };
            let name = fields.name(CONTAINER, "the name of a container")?;
            if sample.cpu.is_none() && sample.memory.is_none() {
                return Ok(journal.dirt("row without usage", Action::Drop, fields.line())?);
            }
            match self.0.get_mut(name) {
                Some(samples) => samples.push(sample),
                None => drop(self.0.insert(name.into(), vec![sample])),
            }
            Ok::<(), Refused>(())
        })
    }

    /// The use of a container that began at a second; `None` if nothing of it was measured.
    pub(super) fn of(&self, container: &str, start: i64) -> Option<Behaviour> {
        let mut samples = self.0.get(container)?.clone();
        samples.sort_by_key(|own| own.second);
        let series = |part: fn(&Sample) -> Option<u32>| {
            let own = samples
                .iter()
                .filter_map(|own| Some((own.second, part(own)?)));
            pattern(start, own, |used| {
                format!("{}.{:02}%", used / 100, used % 100)
            })
        };
        Some(Behaviour {
            cpu_usage: series(|own| own.cpu),
            memory_usage: series(|own| own.memory),
            ..Behaviour::default()
        })
    }

    /// Number of containers.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Hundredths of a percent; `None` if the field is absent or marked as invalid.
fn percent(fields: &Fields<'_, '_>, place: usize) -> Result<Option<u32>, BadRow> {
    if matches!(fields.text(place), "-1" | "-1.0" | "101" | "101.0") {
        return Ok(None);
    }
    Ok(fields.scaled(place, 100, 100.0)?.map(|own| own as u32))
}
