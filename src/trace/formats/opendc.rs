//! Workloads of `OpenDC`: a table of tasks and one of fragments, which say what a task uses one after the
//! other, as Parquet or CSV files in a folder or an archive. The tasks alone are a workload as well. A task
//! requests its capacity divided by the speed of a core of the hosts, which the trace does not say: without the option
//! `core-mhz` it requests its count of cores.
//! Format: `traces.md`, section 10.

use std::sync::Arc;

use crate::archive::{beginning, parts};
use crate::budget::MEMBERS;
use crate::error::TraceError;
use crate::format::{ColumnDoc, Confidence, Constructor, FormatEntry, header_has};
use crate::gather::{Demand, Gather, requests, whole_gpus};
use crate::input::Input;
use crate::ledger::{Action, BadRow, Journal};
use crate::links::Links;
use crate::options::ReadOptions;
use crate::parquet::TimeForm;
use crate::rows::{Fields, Layout, Refused, each_row_of, show_rows};
use crate::samples::pattern;
use crate::stream::ArrivalSource;
use model::gpu::MAX_DEVICES;
use model::{Behaviour, PodName, PodSpec};
use units::{Duration, Instant, SortedMap};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "opendc",
    summary: "tasks and fragments of OpenDC (Parquet or CSV with header; folder or archive)",
    columns: COLUMNS,
    names: &["id", "name"],
    cells,
    options: &["usage", "core-mhz"],
    sniff,
    open: Constructor::Workload(open),
};

const COLUMNS: &[ColumnDoc] = &[
    ColumnDoc::required("id", "task; becomes the name, as fragments refer to it"),
    ColumnDoc::required("submission_time", "ms since 1970"),
    ColumnDoc::required("duration", "run time, ms; in fragments too"),
    ColumnDoc::required("cpu_count", "cores, requested without `core-mhz`"),
    ColumnDoc::required(
        "cpu_capacity",
        "MHz in all; what `cpu_usage` is a share of, and what is requested with `core-mhz`",
    ),
    ColumnDoc::required(
        "mem_capacity",
        "MiB; KiB if a task of the file would have above 16 TiB",
    ),
    ColumnDoc::optional("gpu_count", "GPUs"),
    ColumnDoc::optional("gpu_capacity", "MHz in all; read, not used"),
    ColumnDoc::optional("parents", "tasks that it waits for"),
    ColumnDoc::optional("children", "tasks that wait for it"),
    ColumnDoc::optional("deferrable", "whether it may be put off, not heeded"),
    ColumnDoc::optional("deadline", "ms since 1970, not enforced"),
    ColumnDoc::optional("name", "read, not used"),
    ColumnDoc::optional("cpu_usage", "MHz; fragments, with the option `usage`"),
    ColumnDoc::optional("gpu_usage", "MHz; fragments, read, not used"),
];

const FRAGMENT_COLUMNS: &[ColumnDoc] = &[
    ColumnDoc::required("id", "task"),
    ColumnDoc::required("duration", "ms"),
    ColumnDoc::required("cpu_usage", "MHz"),
    ColumnDoc::optional("gpu_usage", "MHz; read, not used"),
];

const TASKS: Layout = Layout::headed(COLUMNS, b',').with_times(TimeForm::Millis);
const FRAGMENTS: Layout = Layout::headed(FRAGMENT_COLUMNS, b',');

const ID: usize = 0;
const SUBMISSION: usize = 1;
const DURATION: usize = 2;
const CORES: usize = 3;
const CAPACITY: usize = 4;
const MEMORY: usize = 5;
const GPUS: usize = 6;
const GPU_CAPACITY: usize = 7;
const PARENTS: usize = 8;
const CHILDREN: usize = 9;
const DEFERRABLE: usize = 10;
const DEADLINE: usize = 11;

const FRAGMENT_DURATION: usize = 1;
const USED: usize = 2;
const GPU_USED: usize = 3;

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
/// A millisecond in nanoseconds.
const MILLISECOND: i64 = 1_000_000;

/// Whether a file has fragments (or tasks); `None` if neither.
fn is_fragments(first: &[u8]) -> Option<bool> {
    let has = |names: &[&str]| header_has(first, names) == Confidence::Certain;
    if has(&["id", "submission_time", "cpu_count", "cpu_capacity"]) {
        return Some(false);
    }
    has(&["id", "duration", "cpu_usage"]).then_some(true)
}

fn sniff(first: &[u8]) -> Confidence {
    match is_fragments(first) {
        Some(_) => Confidence::Certain,
        None => Confidence::No,
    }
}

/// The tables of tasks, and those of fragments.
fn tables(input: &Input) -> Result<(Vec<Input>, Vec<Input>), TraceError> {
    let (mut tasks, mut fragments) = (Vec::new(), Vec::new());
    let refuse = |name: &str, reason: &str| TraceError::Format {
        file: name.to_owned(),
        reason: reason.to_owned(),
    };
    for part in parts(input)? {
        match is_fragments(&beginning(&part)?) {
            Some(true) => fragments.push(part),
            Some(false) => tasks.push(part),
            None => {
                let reason = "is no table of OpenDC; expected the columns of tasks (id, \
                              submission_time, duration, cpu_count, cpu_capacity, mem_capacity) or \
                              of fragments (id, duration, cpu_usage)";
                return Err(refuse(&part.name, reason));
            }
        }
    }
    if tasks.is_empty() {
        let reason = "has fragments and no tasks; name the folder or archive that has both";
        return Err(refuse(&input.name, reason));
    }
    Ok((tasks, fragments))
}

fn cells(
    format: &FormatEntry,
    input: &Input,
    show: &mut dyn FnMut(&[u8]),
) -> Result<(), TraceError> {
    let (tasks, fragments) = tables(input)?;
    for part in tasks {
        show_rows(format, &TASKS, &part, show)?;
    }
    for part in fragments {
        show_rows(format, &FRAGMENTS, &part, show)?;
    }
    Ok(())
}

/// A task with its fragments.
struct Task {
    line: u64,
    file: Arc<str>,
    submit: i64,
    parents: Vec<PodName>,
    children: Vec<PodName>,
    duration: i64,
    cores_milli: i64,
    capacity: f64,
    memory: i64,
    gpus: i64,
    /// The sum of the fragments' durations in milliseconds; `None` without fragments.
    covered: Option<i64>,
    /// Durations in milliseconds, and hundredths of a percent of the capacity from then on.
    fragments: Vec<(i64, i64)>,
}

/// The tasks by their names, in the order of the file.
#[derive(Default)]
struct Workload {
    tasks: Vec<(String, Task)>,
    places: SortedMap<String, usize>,
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let (tasks, fragments) = tables(input)?;
    let mut workload = Workload::default();
    for part in tasks {
        journal.file = part.name.clone();
        each_row_of(&part, &TASKS, &mut journal, &mut |journal, fields| {
            workload.add(journal, fields, options)
        })?;
    }
    for part in &fragments {
        journal.file = part.name.clone();
        each_row_of(part, &FRAGMENTS, &mut journal, &mut |journal, fields| {
            workload.add_fragment(journal, fields, options.usage)
        })?;
    }
    workload.unite(&mut journal)?;
    let Workload { tasks, places } = workload;
    let is_kibibytes = is_in_kibibytes(tasks.iter().map(|(_, task)| task.memory).collect());
    let zero = tasks.iter().map(|(_, task)| task.submit).min();
    let mut gather = Gather::default();
    for (name, task) in tasks {
        journal.file = task.file.clone();
        if is_kibibytes {
            let kind = "memory in KiB, as half of the tasks would have hundreds of GiB, or TiB";
            journal.dirt(kind, Action::Repair, task.line)?;
        } else if task.memory > MOST_MEBIBYTES {
            journal.bad_row(BadRow {
                line: task.line,
                column: COLUMNS[MEMORY].name.to_owned(),
                value: task.memory.to_string(),
                rule: format!("must be at most {MOST_MEBIBYTES} MiB"),
            })?;
            continue;
        }
        match task.covered {
            None if !fragments.is_empty() => {
                journal.dirt("task without fragments", Action::Keep, task.line)?;
            }
            Some(covered) if covered != task.duration => {
                let kind =
                    "fragments don't add up to the duration of their task; that of the task holds";
                journal.dirt(kind, Action::Keep, task.line)?;
            }
            _ => {}
        }
        let unit = if is_kibibytes { 10 } else { 20 };
        let after = task.submit - zero.unwrap_or_default();
        let (parents, unknown): (Vec<_>, Vec<_>) = { task.parents.iter().cloned() }
            .partition(|parent| places.contains_key(&*parent.text()));
        if !unknown.is_empty() {
            let kind = "waits for a task that is not in the trace; not waited for";
            journal.dirt(kind, Action::Repair, task.line)?;
        }
        gather.push(
            journal.origin(task.line),
            Demand {
                submit: Instant::from_nanos(after * MILLISECOND),
                name: PodName::Text(name.into()),
                spec: task.spec(task.memory << unit),
                run_time: Some(Duration::from_nanos(task.duration * MILLISECOND)),
                links: Links::of(None, parents),
                ..Demand::default()
            },
        );
    }
    gather.finish(journal)
}

/// Whether the memory of a file's tasks is in KiB, by the lower one in the middle of those that state any: one task
/// with a wrong value changes no other.
fn is_in_kibibytes(mut memory: Vec<i64>) -> bool {
    memory.retain(|&own| own > 0);
    memory.sort_unstable();
    let typical = memory.get(memory.len().saturating_sub(1) / 2);
    let has_more = memory.last().is_some_and(|&most| most > MOST_MEBIBYTES);
    typical.is_some_and(|&typical| typical >= TYPICAL_KIBIBYTES[usize::from(has_more)])
}

impl Task {
    /// The spec of a task with so many bytes.
    fn spec(&self, memory: i64) -> PodSpec {
        let mut from = 0_i64;
        let samples = self.fragments.iter().map_while(|(duration, used)| {
            let sample = (from / 1_000, *used);
            let is_within = from <= self.duration;
            from = from.saturating_add(*duration);
            is_within.then_some(sample)
        });
        let cpu_usage = pattern(0, samples, |used| {
            format!("{}.{:02}%", used / 100, used % 100)
        });
        let behaviour = cpu_usage.map(|usage| Behaviour {
            cpu_usage: Some(usage),
            ..Behaviour::default()
        });
        PodSpec {
            gpu: whole_gpus(self.gpus, ""),
            behaviour: behaviour.map(Into::into),
            ..PodSpec::with_requests(requests(Some(self.cores_milli), Some(memory)))
        }
    }
}

/// The 1/1000 cores that a task requests: its capacity in MHz by the speed of a core, if both are stated, else its cores.
fn requested(cores: i64, capacity: f64, options: &ReadOptions) -> i64 {
    match options.core_mhz {
        Some(speed) if capacity > 0.0 => libm::rint(1e3 * capacity / speed as f64) as i64,
        _ => 1_000 * cores,
    }
}

/// The tasks in a list of one: numbers. None of them is itself.
fn listed(
    fields: &Fields<'_, '_>,
    place: usize,
    own: &str,
    journal: &mut Journal,
) -> Result<Vec<PodName>, Refused> {
    let text = fields.text(place);
    let list = text.trim_start_matches('[').trim_end_matches(']');
    let mut listed = Vec::new();
    for name in list.split([',', ';', ' ']).filter(|name| !name.is_empty()) {
        if name.parse::<i64>().is_err() {
            return Err(fields.bad(place, "numbers of tasks in a list").into());
        }
        if name == own {
            journal.dirt("task that waits for itself", Action::Repair, fields.line())?;
        } else {
            listed.push(name.into());
        }
    }
    Ok(listed)
}

impl Workload {
    fn add(
        &mut self,
        journal: &mut Journal,
        fields: &Fields<'_, '_>,
        options: &ReadOptions,
    ) -> Result<(), Refused> {
        let line = fields.line();
        let name = fields.name(ID, "the number of a task")?;
        if self.places.contains_key(name) {
            return Err(fields.bad(ID, "the only task of its number").into());
        }
        let submit = fields.number(SUBMISSION, 0, LAST)?;
        let duration = fields.number(DURATION, 0, LAST)?;
        let cores = fields.number(CORES, 1, MEMBERS)?;
        let capacity = fields.decimal(CAPACITY, MOST_MHZ)?;
        let capacity = capacity.ok_or_else(|| fields.bad(CAPACITY, "a number of MHz"))?;
        let memory = fields.scaled(MEMORY, 1, 1e12)?;
        let memory = memory.ok_or_else(|| fields.bad(MEMORY, "a number of MiB"))?;
        let gpus = fields.integer(GPUS, 0, MAX_DEVICES as i64)?.unwrap_or(0);
        fields.decimal(GPU_CAPACITY, MOST_MHZ)?;
        let parents = listed(fields, PARENTS, name, journal)?;
        let children = listed(fields, CHILDREN, name, journal)?;
        match fields.text(DEFERRABLE) {
            "" | "false" | "0" => {}
            "true" | "1" => journal.dirt("task may be put off, not heeded", Action::Keep, line)?,
            _ => return Err(fields.bad(DEFERRABLE, "true or false").into()),
        }
        if fields
            .integer(DEADLINE, -1, i64::MAX)?
            .is_some_and(|at| at >= 0)
        {
            journal.dirt("deadline of a task, not enforced", Action::Waive, line)?;
        }
        if self
            .tasks
            .last()
            .is_some_and(|(_, last)| submit < last.submit)
        {
            let kind = "submitted before the row above; sorted";
            journal.dirt(kind, Action::Repair, line)?;
        }
        self.places.insert(name.to_owned(), self.tasks.len());
        let task = Task {
            line,
            file: journal.file.clone(),
            submit,
            parents,
            children,
            duration,
            cores_milli: requested(cores, capacity, options),
            capacity,
            memory,
            gpus,
            covered: None,
            fragments: Vec::new(),
        };
        self.tasks.push((name.to_owned(), task));
        Ok(())
    }

    /// Adds the parents that only a list of children states.
    fn unite(&mut self, journal: &mut Journal) -> Result<(), TraceError> {
        for place in 0..self.tasks.len() {
            let (name, task) = &mut self.tasks[place];
            let (own, line) = (PodName::Text(name.as_str().into()), task.line);
            journal.file = task.file.clone();
            for child in std::mem::take(&mut task.children) {
                let Some(&child) = self.places.get(&*child.text()) else {
                    let kind = "names a child that is not there; ignored";
                    journal.dirt(kind, Action::Repair, line)?;
                    continue;
                };
                let parents = &mut self.tasks[child].1.parents;
                if parents.contains(&own) {
                    continue;
                }
                if !parents.is_empty() {
                    let kind =
                        "`children` names a task whose `parents` don't; it waits all the same";
                    journal.dirt(kind, Action::Repair, line)?;
                }
                parents.push(own.clone());
            }
        }
        Ok(())
    }

    fn add_fragment(
        &mut self,
        journal: &mut Journal,
        fields: &Fields<'_, '_>,
        keeps_usage: bool,
    ) -> Result<(), Refused> {
        let line = fields.line();
        let name = fields.name(ID, "the number of a task")?;
        let duration = fields.number(FRAGMENT_DURATION, 0, LAST)?;
        let used = fields.decimal(USED, MOST_MHZ)?;
        let used = used.ok_or_else(|| fields.bad(USED, "a number of MHz"))?;
        fields.decimal(GPU_USED, MOST_MHZ)?;
        let Some(&place) = self.places.get(name) else {
            return Ok(journal.dirt("fragment of a task that is not there", Action::Drop, line)?);
        };
        let (_, task) = &mut self.tasks[place];
        if used > task.capacity {
            journal.dirt("use above the capacity of the task", Action::Keep, line)?;
        }
        task.covered = Some(task.covered.unwrap_or(0).saturating_add(duration));
        if duration < 1_000 {
            let kind = "fragment below a second; the last one of a second stands";
            journal.dirt(kind, Action::Keep, line)?;
        }
        if keeps_usage && task.capacity > 0.0 && duration > 0 {
            let share = libm::rint(1e4 * used / task.capacity);
            task.fragments
                .push((duration, share.min(MOST_SHARE) as i64));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
