//! Measured usage in Alibaba's trace of 2018. That of containers is a share of what they requested.

use crate::parts::measurements::{ByTask, Sample, Samples};
use crate::readers::prelude::*;

columns! { COLUMNS;
    CONTAINER: required("container_id", "container") => |field| field.starts_with("c_"),
    _: required("machine_id", "machine; read, not used") => |field| field.starts_with("m_"),
    TIME: required("time_stamp", "s from the trace's start") => is_whole,
    CPU: required("cpu_util_percent", "percent of the request, -1 or 101 invalid") => is_number_or_empty,
    MEMORY: required("mem_util_percent", "percent of the request, -1 or 101 invalid"),
    _: required("cpi", "read, not used"),
    _: required("mem_gps", "read, not used"),
    _: required("mpki", "read, not used"),
    _: required("net_in", "read, not used"),
    _: required("net_out", "read, not used"),
    _: required("disk_io_percent", "read, not used"),
}

pub(super) const LAYOUT: Layout = Layout::headless(COLUMNS);

/// Number of columns of the usage of machines.
const OF_MACHINES: usize = 9;

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

/// Measurements of containers by their names: the second, and hundredths of a percent of processors and memory.
#[derive(Default)]
pub(super) struct Measurements {
    samples: Samples,
}

impl Measurements {
    /// Adds the measurements of a table.
    pub(super) fn read(&mut self, part: &Input, journal: &mut Journal) -> Result<(), TraceError> {
        journal.file = part.name.clone();
        each_row_of(part, &LAYOUT, journal, &mut |journal, fields| {
            let second = fields.number(TIME, 0, LAST_SECOND)?;
            let (cpu, memory) = (percent(fields, CPU)?, percent(fields, MEMORY)?);
            let name = fields.name(CONTAINER, "the name of a container")?;
            if cpu.is_none() && memory.is_none() {
                return Ok(journal.dirt("row without usage", Action::Drop, fields.line())?);
            }
            let sample = Sample::new(second, [cpu, memory, None]);
            self.samples.push(Places::key([name]), sample);
            Ok::<(), Refused>(())
        })
    }

    /// The usage of each container.
    pub(super) fn usage(self) -> Result<Usage, TraceError> {
        Ok(Usage {
            samples: self.samples.sorted()?,
        })
    }
}

/// Usage of containers by their names.
#[derive(Default)]
pub(super) struct Usage {
    samples: ByTask,
}

impl Usage {
    /// The use of a container that began at a second; `None` if nothing of it was measured.
    pub(super) fn of(
        &mut self,
        container: &str,
        start: i64,
    ) -> Result<Option<Behaviour>, TraceError> {
        self.samples.shares(Places::key([container]), start)
    }

    /// Number of containers.
    pub(super) fn len(&self) -> usize {
        self.samples.len()
    }
}

/// Hundredths of a percent; `None` if the field is absent or marked as invalid.
fn percent(fields: &Fields<'_, '_>, place: usize) -> Result<Option<i64>, BadRow> {
    if matches!(fields.text(place), "-1" | "-1.0" | "101" | "101.0") {
        return Ok(None);
    }
    fields.scaled(place, 100, 100.0)
}
