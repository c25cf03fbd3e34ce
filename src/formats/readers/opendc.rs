//! Workloads of `OpenDC`: a table of tasks and one of fragments, which say what a task uses one after the
//! other, as Parquet or CSV files in a folder or an archive. The tasks alone are a workload as well. A task
//! requests its capacity divided by the speed of a core of the hosts, which the trace does not say: without the option
//! `core-mhz` it requests its count of cores. Traces of every version are read, those before version 3 with a begin and
//! an end, and with times of the fragments.
//! Format: `traces.md`, section 10.

mod tables;
mod task;
mod workload;

use self::tables::{COLUMNS, Found, cells, fragments_of, sniff, tables, tasks_of};
use self::workload::Workload;
use crate::readers::prelude::*;
use intake::archive::beginning;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "opendc",
    summary: "tasks and fragments of OpenDC (Parquet or CSV with header; folder or archive)",
    columns: COLUMNS,
    relations: &[],
    names: &["id", "name"],
    cells,
    options: &["usage", "core-mhz"],
    sniff,
    open: Constructor::Workload(open),
};

/// The last millisecond that is read: of the year 2239.
const LAST: i64 = 8_500_000_000_000;
/// The most MHz of a task.
const MOST_MHZ: f64 = 1e12;
/// The most MiB of a task, as no machine has more than 16 TiB.
const MOST_MEBIBYTES: i64 = 1 << 24;
/// The MiB of a typical task from which on the memory of its file is in KiB: 1 TiB, or 256 GiB where another task has
/// more than the most. (Machines of clouds have 1 GiB or more, which are as many KiB.)
const TYPICAL_KIBIBYTES: [i64; 2] = [1 << 20, 1 << 18];
/// The most that a pattern of usage states, in hundredths of a percent: a thousand times the request.
const MOST_SHARE: f64 = 1e7;

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    read(input, options, Workload::default())
}

/// Reads a trace into a workload that has no tasks yet.
fn read(
    input: &Input,
    options: &ReadOptions,
    mut workload: Workload,
) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let tables = tables(input)?;
    let mut journal = tables.journal(input, options)?;
    let [tasks, fragments] = &tables.read;
    for part in tasks {
        journal.file = part.name.clone();
        let Found { layout, has_ends } = tasks_of(&beginning(part)?);
        each_row_of(part, &layout, &mut journal, &mut |journal, fields| {
            workload.add(journal, fields, options, has_ends)
        })?;
    }
    for part in fragments {
        journal.file = part.name.clone();
        let layout = fragments_of(&beginning(part)?);
        each_row_of(part, &layout, &mut journal, &mut |journal, fields| {
            workload.add_fragment(journal, fields, options)
        })?;
    }
    workload.finish(journal, !fragments.is_empty())
}

#[cfg(test)]
mod tests;
