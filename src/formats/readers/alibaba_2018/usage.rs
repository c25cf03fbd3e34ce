//! Measured usage in Alibaba's trace of 2018. That of containers is a share of what they requested.

use crate::parts::measurements::{Sample, Samples};
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

/// Adds the measurements of containers in a table by their names: the second, and hundredths of a percent of processors and
/// memory.
pub(super) fn read(
    samples: &mut Samples,
    part: &Input,
    journal: &mut Journal,
) -> Result<(), TraceError> {
    each_row_of(part, &LAYOUT, journal, &mut |journal, fields| {
        let second = fields.number(TIME, 0, LAST_SECOND)?;
        let (cpu, memory) = (percent(fields, CPU)?, percent(fields, MEMORY)?);
        let name = fields.name(CONTAINER, "the name of a container")?;
        if cpu.is_none() && memory.is_none() {
            return Ok(journal.dirt("row without usage", Action::Drop, fields.line())?);
        }
        let sample = Sample::new(second, [cpu, memory, None]);
        samples.push(Places::key([name]), sample);
        Ok::<(), Refused>(())
    })
}

/// Hundredths of a percent; `None` if the field is absent or marked as invalid.
fn percent(fields: &Fields<'_, '_>, place: usize) -> Result<Option<i64>, BadRow> {
    if matches!(fields.text(place), "-1" | "-1.0" | "101" | "101.0") {
        return Ok(None);
    }
    fields.scaled(place, 100, 100.0)
}
