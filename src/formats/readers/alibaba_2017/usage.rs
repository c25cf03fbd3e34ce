//! Measured usage in Alibaba's trace of 2017. That of service instances is a share of what they requested.

use crate::parts::measurements::{Key, Sample, Samples};
use crate::readers::prelude::*;

columns! { COLUMNS;
    TIME: required("timestamp", "s from the trace's start"),
    INSTANCE: required("instance id", "instance"),
    CPU: required("cpu used", "percent of the request"),
    MEMORY: required("memory used", "percent of the request"),
    _: required("disk space used", "percent of the request; read, not used"),
    _: required("load of 1 minute", "read, not used"),
    _: required("load of 5 minutes", "read, not used"),
    _: required("load of 15 minutes", "read, not used"),
    _: required("average CPI", "read, not used"),
    _: required("average MPKI", "read, not used"),
    _: required("maximum CPI", "read, not used"),
    _: required("maximum MPKI", "read, not used"),
}

const LAYOUT: Layout = Layout::headless(COLUMNS);

/// Number of columns of the usage of machines.
const OF_MACHINES: usize = 8;

/// The most percent of a request: an instance may use idle processors besides.
const MOST: f64 = 1e5;

/// The tests of the fields of a table with this number of columns.
fn tests(columns: usize) -> Vec<FieldTest> {
    let numbers = (CPU..columns).map(|place| -> FieldTest { (place, is_number_or_empty) });
    let first: [FieldTest; 2] = [(TIME, is_whole), (INSTANCE, is_whole)];
    first.into_iter().chain(numbers).collect()
}

/// Whether a table that begins with these bytes is one of the usage of service instances.
pub(super) fn of_services(first: &[u8]) -> Confidence {
    row_has(first, b',', COLUMNS.len(), &tests(COLUMNS.len()))
}

/// Whether a table that begins with these bytes is one of the usage of machines.
pub(super) fn of_machines(first: &[u8]) -> Confidence {
    row_has(first, b',', OF_MACHINES, &tests(OF_MACHINES))
}

/// Adds the measurements of instances in a table: hundredths of a percent of processors and of memory, each from a second
/// on.
pub(super) fn read(
    samples: &mut Samples,
    part: &Input,
    journal: &mut Journal,
) -> Result<(), TraceError> {
    each_row_of(part, &LAYOUT, journal, &mut |journal, fields| {
        let instance = fields.number(INSTANCE, 0, i64::MAX)?;
        let cpu = fields.scaled(CPU, 100, MOST)?;
        let memory = fields.scaled(MEMORY, 100, MOST)?;
        let at = super::time(journal, fields, TIME)?;
        let sample = Sample::new(at.as_nanos() / 1_000_000_000, [cpu, memory, None]);
        samples.push(key(instance), sample);
        Ok(())
    })
}

/// The key of an instance.
pub(super) const fn key(instance: i64) -> Key {
    [instance as u64, 0]
}
