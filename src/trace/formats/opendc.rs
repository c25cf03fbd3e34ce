//! Workloads of `OpenDC`: a table of tasks and one of fragments, which say what a task uses one after the
//! other, as Parquet or CSV files in a folder or an archive. The tasks alone are a workload as well. A task
//! requests its capacity divided by the speed of a core of the hosts, which the trace does not say: without the option
//! `core-mhz` it requests its count of cores. Traces of every version are read, those before version 3 with a begin and
//! an end, and with times of the fragments.
//! Format: `traces.md`, section 10.

mod tables;

use std::sync::Arc;

use self::tables::{
    BEGIN, CAPACITY, CHILDREN, COLUMNS, CORES, DEADLINE, DEFERRABLE, DURATION, FRAGMENT_DURATION,
    Found, GPU_CAPACITY, GPU_USED, GPUS, ID, MEMORY, PARENTS, SUBMISSION, USED, cells,
    fragments_of, sniff, tables, tasks_of,
};
use crate::archive::beginning;
use crate::budget::MEMBERS;
use crate::error::TraceError;
use crate::format::{Constructor, FormatEntry};
use crate::gather::{Demand, Gather, requests, whole_gpus};
use crate::input::Input;
use crate::ledger::{Action, BadRow, Journal};
use crate::links::Links;
use crate::measured::{ByTask, Sample, Samples};
use crate::options::ReadOptions;
use crate::rows::{Fields, Refused, each_row_of};
use crate::samples::{Steps, hundredths};
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
    /// Milliseconds from the begin of the task to the end of its last fragment, and those of its fragments in sum;
    /// `None` without fragments.
    covered: Option<Covered>,
}

/// What the fragments of a task cover, in milliseconds.
#[derive(Clone, Copy, Default)]
struct Covered {
    end: i64,
    sum: i64,
}

/// The tasks by their names, in the order of the file, with what they use: hundredths of a percent of the capacity,
/// from a millisecond after their begin on.
#[derive(Default)]
struct Workload {
    tasks: Vec<(String, Task)>,
    places: SortedMap<String, usize>,
    samples: Samples,
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let tables = tables(input)?;
    tables.note(&mut journal)?;
    let [tasks, fragments] = &tables.read;
    let mut workload = Workload::default();
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
    workload.unite(&mut journal)?;
    let Workload {
        tasks,
        places,
        samples,
    } = workload;
    let samples = samples.sorted()?;
    let is_kibibytes = is_in_kibibytes(tasks.iter().map(|(_, task)| task.memory).collect());
    let zero = tasks.iter().map(|(_, task)| task.submit).min();
    let mut gather = Gather::default();
    for (number, (name, task)) in tasks.into_iter().enumerate() {
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
        task.check_fragments(&mut journal, !fragments.is_empty())?;
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
                spec: task.spec(task.memory << unit, number, &samples)?,
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
    /// Notes a task whose fragments, of which the trace has some, are not there or don't cover it.
    fn check_fragments(
        &self,
        journal: &mut Journal,
        has_fragments: bool,
    ) -> Result<(), TraceError> {
        match self.covered {
            None if has_fragments => {
                journal.dirt("task without fragments", Action::Keep, self.line)?;
            }
            Some(covered) if covered.sum != self.duration => {
                let kind =
                    "fragments don't add up to the duration of their task; that of the task holds";
                journal.dirt(kind, Action::Keep, self.line)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The spec of the task with a number and with so many bytes.
    fn spec(&self, memory: i64, number: usize, samples: &ByTask) -> Result<PodSpec, TraceError> {
        let mut steps = Steps::new(0, |used: &i64| hundredths(*used));
        samples.each(number, |own| {
            if let Some(used) = own.value(0).filter(|_| own.at <= self.duration) {
                steps.push(own.at / 1_000, used);
            }
        })?;
        let behaviour = steps.finish().map(|usage| Behaviour {
            cpu_usage: Some(usage),
            ..Behaviour::default()
        });
        Ok(PodSpec {
            gpu: whole_gpus(self.gpus, ""),
            behaviour: behaviour.map(Into::into),
            ..PodSpec::with_requests(requests(Some(self.cores_milli), Some(memory)))
        })
    }
}

/// The 1/1000 cores that a task requests: its capacity in MHz by the speed of a core, if both are stated, else its cores.
fn requested(cores: i64, capacity: f64, options: &ReadOptions) -> i64 {
    match options.core_mhz {
        Some(speed) if capacity > 0.0 => libm::rint(1e3 * capacity / speed as f64) as i64,
        _ => 1_000 * cores,
    }
}

/// The tasks in a list of one. None of them is itself.
fn listed(
    fields: &Fields<'_, '_>,
    place: usize,
    own: &str,
    journal: &mut Journal,
) -> Result<Vec<PodName>, Refused> {
    let text = fields.text(place);
    let list = text.trim_start_matches('[').trim_end_matches(']');
    let mut listed = Vec::new();
    // Versions 1 to 3 of the traces have texts where later ones have numbers.
    let names = list
        .split([',', ';', ' '])
        .map(|name| name.trim_matches('"'));
    for name in names.filter(|name| !name.is_empty()) {
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
        has_ends: bool,
    ) -> Result<(), Refused> {
        let line = fields.line();
        let name = fields.name(ID, "the number of a task")?;
        if self.places.contains_key(name) {
            return Err(fields.bad(ID, "the only task of its number").into());
        }
        let submit = fields.number(SUBMISSION, 0, LAST)?;
        let mut duration = fields.number(DURATION, 0, LAST)?;
        if has_ends {
            duration -= submit;
            if duration < 0 {
                return Err(fields.bad(DURATION, "no earlier than the begin").into());
            }
        }
        let cores = fields.number(CORES, 1, MEMBERS)?;
        // The first versions of the traces don't state it.
        let capacity = match fields.decimal(CAPACITY, MOST_MHZ)? {
            None if has_ends => options.core_mhz.unwrap_or_default() as f64 * cores as f64,
            capacity => capacity.ok_or_else(|| fields.bad(CAPACITY, "a number of MHz"))?,
        };
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
        options: &ReadOptions,
    ) -> Result<(), Refused> {
        let line = fields.line();
        let name = fields.name(ID, "the number of a task")?;
        let duration = fields.number(FRAGMENT_DURATION, 0, LAST)?;
        let used = fields.decimal(USED, MOST_MHZ)?;
        let used = used.ok_or_else(|| fields.bad(USED, "a number of MHz"))?;
        fields.decimal(GPU_USED, MOST_MHZ)?;
        let begin = fields.integer(BEGIN, 0, LAST)?;
        let Some(&place) = self.places.get(name) else {
            return Ok(journal.dirt("fragment of a task that is not there", Action::Drop, line)?);
        };
        let (_, task) = &mut self.tasks[place];
        if used > task.capacity && task.capacity > 0.0 {
            journal.dirt("use above the capacity of the task", Action::Keep, line)?;
        }
        let covered = task.covered.unwrap_or_default();
        let from = begin.map_or(covered.end, |begin| begin - task.submit);
        if from < 0 {
            let kind = "fragment before the begin of its task; used from the begin on";
            journal.dirt(kind, Action::Repair, line)?;
        }
        let from = from.max(0);
        task.covered = Some(Covered {
            end: from.saturating_add(duration).max(covered.end),
            sum: covered.sum.saturating_add(duration),
        });
        if duration < 1_000 {
            let kind = "fragment below a second; the last one of a second stands";
            journal.dirt(kind, Action::Keep, line)?;
        }
        if !options.usage || duration == 0 {
            return Ok(());
        }
        if task.capacity <= 0.0 {
            let kind = "use of a task whose capacity is not stated, not used without `core-mhz`";
            return Ok(journal.dirt(kind, Action::Keep, line)?);
        }
        let share = libm::rint(1e4 * used / task.capacity).min(MOST_SHARE) as i64;
        // Between two fragments nothing is used.
        let gap = (from > covered.end && covered.sum > 0).then_some((covered.end, 0));
        for (at, share) in gap.into_iter().chain([(from, share)]) {
            self.samples
                .push(place, Sample::new(at, [Some(share), None, None]));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
