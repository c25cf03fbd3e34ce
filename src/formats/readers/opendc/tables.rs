//! The tables of an `OpenDC` workload: tasks and fragments, with the names of their columns in every version of the
//! traces, and what lies beside them.

use crate::readers::prelude::*;
use intake::parquet::TimeForm;

/// The columns of tasks.
pub(super) const COLUMNS: &[ColumnDoc] = &tasks(
    ColumnDoc::required(
        "submission_time",
        "ms since 1970; `start_time` and `submissionTime` in older traces",
    ),
    ColumnDoc::required(
        "duration",
        "run time, ms; in fragments too; in older traces of tasks `stop_time` and `endTime`, ms since 1970",
    ),
    ColumnDoc::required(
        "cpu_count",
        "cores, requested without `core-mhz`; `maxCores` in older traces",
    ),
    ColumnDoc::required("cpu_capacity", CAPACITY_MEANING),
    ColumnDoc::required(
        "mem_capacity",
        "MiB; KiB if a task of the file would have above 16 TiB; `requiredMemory` in older traces",
    ),
);

/// The columns of tasks in the table `meta` of version 2.1.
const STOPPED: &[ColumnDoc] = &tasks(
    ColumnDoc::required("start_time", "ms since 1970"),
    ColumnDoc::required("stop_time", "ms since 1970"),
    ColumnDoc::required("cpu_count", "cores"),
    ColumnDoc::required("cpu_capacity", CAPACITY_MEANING),
    ColumnDoc::required("mem_capacity", "MiB or KiB"),
);

/// The columns of tasks in the table `meta` of the versions before.
const ENDED: &[ColumnDoc] = &tasks(
    ColumnDoc::required("submissionTime", "ms since 1970"),
    ColumnDoc::required("endTime", "ms since 1970"),
    ColumnDoc::required("maxCores", "cores"),
    ColumnDoc::optional("cpu_capacity", CAPACITY_MEANING),
    ColumnDoc::required("requiredMemory", "MiB or KiB"),
);

const CAPACITY_MEANING: &str =
    "MHz in all; what `cpu_usage` is a share of, and what is requested with `core-mhz`";

/// The columns of tasks, of which these have other names in other versions.
const fn tasks(
    submission: ColumnDoc,
    end: ColumnDoc,
    cores: ColumnDoc,
    capacity: ColumnDoc,
    memory: ColumnDoc,
) -> [ColumnDoc; 15] {
    [
        ColumnDoc::required("id", "task; becomes the name, as fragments refer to it"),
        submission,
        end,
        cores,
        capacity,
        memory,
        ColumnDoc::optional("gpu_count", "GPUs"),
        ColumnDoc::optional("gpu_capacity", "MHz in all; read, not used"),
        ColumnDoc::optional("parents", "tasks that it waits for"),
        ColumnDoc::optional("children", "tasks that wait for it"),
        ColumnDoc::optional("deferrable", "whether it may be put off, not heeded"),
        ColumnDoc::optional("deadline", "ms since 1970, not enforced"),
        ColumnDoc::optional("name", "read, not used"),
        ColumnDoc::optional(
            "cpu_usage",
            "MHz; fragments, with the option `usage`; `cpuUsage` in older traces",
        ),
        ColumnDoc::optional("gpu_usage", "MHz; fragments, read, not used"),
    ]
}

pub(super) const ID: usize = 0;
pub(super) const SUBMISSION: usize = 1;
/// The run time, or the end.
pub(super) const DURATION: usize = 2;
pub(super) const CORES: usize = 3;
pub(super) const CAPACITY: usize = 4;
pub(super) const MEMORY: usize = 5;
pub(super) const GPUS: usize = 6;
pub(super) const GPU_CAPACITY: usize = 7;
pub(super) const PARENTS: usize = 8;
pub(super) const CHILDREN: usize = 9;
pub(super) const DEFERRABLE: usize = 10;
pub(super) const DEADLINE: usize = 11;

columns! {
    /// The columns of fragments.
    pub(super) FRAGMENTS;
    _: required("id", "task"),
    FRAGMENT_DURATION: required("duration", "ms"),
    USED: required("cpu_usage", "MHz"),
    GPU_USED: optional("gpu_usage", "MHz; read, not used"),
    BEGIN: optional("timestamp", "begin, ms since 1970"),
}

columns! {
    /// The columns of fragments in the table `trace` of the versions before 2.1.
    STATES;
    _: required("id", "task"),
    _: required("duration", "ms"),
    _: required("cpuUsage", "MHz"),
    _: optional("gpu_usage", "MHz; read, not used"),
    _: optional("time", "begin, ms since 1970"),
}

trace_tables! { TABLES;
    "tasks": |first| Confidence::certain_if(task_columns(first).is_some()), "tasks";
    "fragments": |first| Confidence::certain_if(fragment_columns(first).is_some()), "fragments";
    "interference-model": |first| Confidence::certain_if(is_interference(first)),
        "interference of machines with each other, not read; none slows another down beyond its share of cores";
    "failures": |first| header_has(first, &["failure_interval", "failure_duration"]),
        "failures of machines, which a `failure-log` of the same file brings into a run";
}

/// The columns of the first lists of which a header has the required ones.
fn columns_of(first: &[u8], lists: &[&'static [ColumnDoc]]) -> Option<&'static [ColumnDoc]> {
    let has_all = |list: &&&'static [ColumnDoc]| {
        let required = list.iter().filter(|own| own.required);
        // One column that is missing is named as such by the rows' reader.
        let names: Vec<&str> = required.map(|own| own.name).take(4).collect();
        header_has(first, &names) == Confidence::Certain
    };
    lists.iter().find(has_all).copied()
}

/// The columns of a table of tasks that begins with these bytes.
fn task_columns(first: &[u8]) -> Option<&'static [ColumnDoc]> {
    columns_of(first, &[COLUMNS, STOPPED, ENDED])
}

/// The columns of a table of fragments that begins with these bytes.
fn fragment_columns(first: &[u8]) -> Option<&'static [ColumnDoc]> {
    if task_columns(first).is_some() {
        return None;
    }
    columns_of(first, &[FRAGMENTS, STATES])
}

/// Whether a text is a model of interference: a JSON list of groups of machines.
fn is_interference(first: &[u8]) -> bool {
    let text = String::from_utf8_lossy(first);
    text.trim_start().starts_with('[') && text.contains("\"performanceScore\"")
}

/// The layout of a table, and whether tasks state their end and not their run time.
pub(super) struct Found {
    pub(super) layout: Layout,
    pub(super) has_ends: bool,
}

/// The layout of a table of tasks that begins with these bytes.
pub(super) fn tasks_of(first: &[u8]) -> Found {
    let columns = task_columns(first).unwrap_or(COLUMNS);
    Found {
        layout: Layout::headed(columns, b',').with_times(TimeForm::Millis),
        has_ends: columns[DURATION].name != COLUMNS[DURATION].name,
    }
}

/// The layout of a table of fragments that begins with these bytes.
pub(super) fn fragments_of(first: &[u8]) -> Layout {
    let columns = fragment_columns(first).unwrap_or(FRAGMENTS);
    let layout = Layout::headed(columns, b',').with_times(TimeForm::Millis);
    // Those of older traces repeat the cores of their task.
    layout.with_others(&["cpu_count", "cores"])
}

/// Returns `Certain` if a text begins with tasks or fragments.
pub(super) fn sniff(first: &[u8]) -> Confidence {
    Confidence::certain_if(task_columns(first).is_some() || fragment_columns(first).is_some())
}

/// The tables of tasks and those of fragments.
pub(super) fn tables(input: &Input) -> Result<Tables<2>, TraceError> {
    let tables = Tables::of(input, TABLES, ["tasks", "fragments"])?;
    if tables.read[0].is_empty() {
        return Err(TraceError::Format {
            file: input.name.to_string(),
            reason: "has fragments and no tasks; name the folder or archive that has both"
                .to_owned(),
        });
    }
    Ok(tables)
}

/// Shows the cells of tasks and of fragments.
pub(super) fn cells(
    format: &FormatEntry,
    input: &Input,
    show: &mut dyn FnMut(&[u8]),
) -> Result<(), TraceError> {
    let [tasks, fragments] = tables(input)?.read;
    for part in tasks {
        let found = tasks_of(&intake::archive::beginning(&part)?);
        show_rows(format, &found.layout, &part, show)?;
    }
    for part in fragments {
        let layout = fragments_of(&intake::archive::beginning(&part)?);
        show_rows(format, &layout, &part, show)?;
    }
    Ok(())
}
