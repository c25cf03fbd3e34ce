//! The tasks of an `OpenDC` workload with their fragments. Names are found on disk by their hashes, and what is known of tasks
//! lies there as well, so that memory has a part of a long trace alone.

use super::tables::{
    BEGIN, CAPACITY, CHILDREN, COLUMNS, CORES, DEADLINE, DEFERRABLE, DURATION, FRAGMENT_DURATION,
    GPU_CAPACITY, GPU_USED, GPUS, ID, MEMORY, PARENTS, SUBMISSION, USED,
};
use super::task::{Covered, Task};
use super::{LAST, MOST_MEBIBYTES, MOST_MHZ, MOST_SHARE, TYPICAL_KIBIBYTES};
use crate::parts::measurements::{ByTask, Sample, Samples};
use crate::parts::task_edges::{Joined, TaskEdges};
use crate::readers::prelude::*;
use arrivals::links::Links;
use arrivals::spill::{FixedSort, Slots, TextLog};

/// A millisecond in nanoseconds.
const MILLISECOND: i64 = 1_000_000;

/// The tasks in the order of the file, with what they use: hundredths of a percent of the capacity, from a millisecond after
/// their begin on.
#[derive(Default)]
pub(super) struct Workload {
    tasks: Slots<{ Task::WORDS }>,
    names: TextLog<1>,
    places: Places,
    edges: TaskEdges,
    memory: Memory,
    samples: Samples,
    files: Vec<Arc<str>>,
    /// The earliest submission, and that of the last row.
    first_submit: Option<i64>,
    last_submit: Option<i64>,
    /// The name and number of the task that was found last: fragments of one follow each other.
    found: Option<(String, u64)>,
}

/// The amounts of memory that tasks state, if they do.
#[derive(Default)]
struct Memory {
    sort: FixedSort<1>,
    count: u64,
    most: i64,
}

impl Memory {
    fn add(&mut self, amount: i64) {
        if amount > 0 {
            self.sort.push([amount as u64]);
            self.count += 1;
            self.most = self.most.max(amount);
        }
    }

    /// Whether the amounts are in KiB, by the lower one in the middle of them: one task with a wrong value changes no other.
    fn are_kibibytes(self) -> Result<bool, TraceError> {
        let has_more = self.most > MOST_MEBIBYTES;
        let mut sorted = self.sort.sorted();
        for _ in 0..self.count.saturating_sub(1) / 2 {
            sorted.next()?;
        }
        let typical = sorted.next()?.map(|[amount]| amount as i64);
        Ok(typical.is_some_and(|own| own >= TYPICAL_KIBIBYTES[usize::from(has_more)]))
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
fn listed<'f>(
    fields: &Fields<'f, '_>,
    place: usize,
    own: &str,
    journal: &mut Journal,
) -> Result<Vec<&'f str>, Refused> {
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
            listed.push(name);
        }
    }
    Ok(listed)
}

impl Workload {
    /// No tasks yet; what is known of a number of them is held in memory.
    #[cfg(test)]
    pub(super) fn holding(most_held: usize) -> Self {
        Self {
            tasks: Slots::holding(most_held),
            places: Places::holding(most_held),
            edges: TaskEdges::holding(most_held),
            samples: Samples::holding(most_held),
            ..Self::default()
        }
    }

    /// Adds a task.
    pub(super) fn add(
        &mut self,
        journal: &mut Journal,
        fields: &Fields<'_, '_>,
        options: &ReadOptions,
        has_ends: bool,
    ) -> Result<(), Refused> {
        let line = fields.line();
        let name = fields.name(ID, "the number of a task")?;
        let key = Places::key([name]);
        if self.places.get(key)?.is_some() {
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
        self.note(journal, fields, submit)?;
        let task = Task {
            line,
            file: self.file(journal),
            name: self.names.push([name]),
            submit,
            duration,
            cores_milli: requested(cores, capacity, options),
            capacity,
            memory,
            gpus,
            covered: None,
        };
        let own = self.tasks.push(task.words())?;
        self.places.put(key, own)?;
        self.edges.add(own, &parents, &children);
        self.memory.add(memory);
        self.first_submit = Some(self.first_submit.map_or(submit, |first| first.min(submit)));
        self.last_submit = Some(submit);
        Ok(())
    }

    /// Notes what of a task is not heeded, and whether it stands in order.
    fn note(
        &self,
        journal: &mut Journal,
        fields: &Fields<'_, '_>,
        submit: i64,
    ) -> Result<(), Refused> {
        let line = fields.line();
        match fields.text(DEFERRABLE) {
            "" | "false" | "0" => {}
            "true" | "1" => journal.dirt("task may be put off, not heeded", Action::Keep, line)?,
            _ => return Err(fields.bad(DEFERRABLE, "true or false").into()),
        }
        let deadline = fields.integer(DEADLINE, -1, i64::MAX)?;
        if deadline.is_some_and(|at| at >= 0) {
            journal.dirt("deadline of a task, not enforced", Action::Waive, line)?;
        }
        if self.last_submit.is_some_and(|last| submit < last) {
            let kind = "submitted before the row above; sorted";
            journal.dirt(kind, Action::Repair, line)?;
        }
        Ok(())
    }

    /// The number of the file that is read.
    fn file(&mut self, journal: &Journal) -> u64 {
        if self.files.last() != Some(&journal.file) {
            self.files.push(journal.file.clone());
        }
        self.files.len() as u64 - 1
    }

    /// The number of the task of a name.
    fn find(&mut self, name: &str) -> Result<Option<u64>, TraceError> {
        if let Some((known, task)) = &self.found
            && known == name
        {
            return Ok(Some(*task));
        }
        let found = self.places.get(Places::key([name]))?;
        self.found = found.map(|task| (name.to_owned(), task));
        Ok(found)
    }

    /// Adds a fragment of a task.
    pub(super) fn add_fragment(
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
        let of_gpus = fields.decimal(GPU_USED, MOST_MHZ)?;
        if of_gpus.is_some_and(|used| used > 0.0) {
            journal.dirt("use of GPUs, not read", Action::Keep, line)?;
        }
        let begin = fields.integer(BEGIN, 0, LAST)?;
        let Some(place) = self.find(name)? else {
            return Ok(journal.dirt("fragment of a task that is not there", Action::Drop, line)?);
        };
        let mut task = Task::of_words(self.tasks.get(place)?);
        if used > task.capacity && task.capacity > 0.0 {
            journal.dirt("use above the capacity of the task", Action::Keep, line)?;
        }
        let covered = task.covered.unwrap_or_default();
        let from = begin.map_or(covered.end, |begin| begin - task.submit);
        let kind = "fragment before the begin of its task; used from the begin on";
        journal.repair_if(from < 0, kind, line)?;
        let from = from.max(0);
        task.covered = Some(Covered {
            end: from.saturating_add(duration).max(covered.end),
            sum: covered.sum.saturating_add(duration),
        });
        self.tasks.put(place, task.words())?;
        let kind = "fragment below a second; the last one of a second stands";
        journal.keep_if(duration < 1_000, kind, line)?;
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
            let sample = Sample::new(at, [Some(share), None, None]);
            self.samples.push([place, 0], sample);
        }
        Ok(())
    }

    /// The tasks by submission, with the parents that only a list of children states.
    pub(super) fn finish(
        mut self,
        mut journal: Journal,
        has_fragments: bool,
    ) -> Result<Box<dyn ArrivalSource>, TraceError> {
        let mut edges = std::mem::take(&mut self.edges).joined(&self.places)?;
        while let Some((task, kind)) = edges.next_note()? {
            let task = Task::of_words(self.tasks.get(task)?);
            journal.file = self.files[task.file as usize].clone();
            journal.dirt(kind, Action::Repair, task.line)?;
        }
        let is_kibibytes = std::mem::take(&mut self.memory).are_kibibytes()?;
        let mut rest = Rest {
            samples: std::mem::take(&mut self.samples).sorted()?,
            edges,
            zero: self.first_submit.unwrap_or_default(),
            is_kibibytes,
            has_fragments,
        };
        let mut gather = Gather::default();
        for number in 0..self.tasks.count() {
            self.take(number, &mut rest, &mut gather, &mut journal)?;
        }
        gather.finish(journal)
    }

    /// Takes the task of a number, after that of the number before.
    fn take(
        &mut self,
        number: u64,
        rest: &mut Rest,
        gather: &mut Gather,
        journal: &mut Journal,
    ) -> Result<(), TraceError> {
        let task = Task::of_words(self.tasks.get(number)?);
        let parents = rest.edges.parents_of(number)?;
        journal.file = self.files[task.file as usize].clone();
        if rest.is_kibibytes {
            let kind = "memory in KiB, as half of the tasks would have hundreds of GiB, or TiB";
            journal.dirt(kind, Action::Repair, task.line)?;
        } else if task.memory > MOST_MEBIBYTES {
            return journal.bad_row(BadRow {
                line: task.line,
                column: COLUMNS[MEMORY].name.to_owned(),
                value: task.memory.to_string(),
                rule: format!("must be at most {MOST_MEBIBYTES} MiB"),
            });
        }
        task.check_fragments(journal, rest.has_fragments)?;
        let unit = if rest.is_kibibytes { 10 } else { 20 };
        let after = task.submit - rest.zero;
        let kind = "waits for a task that is not in the trace; not waited for";
        journal.repair_if(parents.has_unknown, kind, task.line)?;
        let mut names = Vec::with_capacity(parents.known.len());
        for parent in parents.known {
            let own = Task::of_words(self.tasks.get(parent)?);
            names.push(self.name(&own)?);
        }
        gather.push(
            journal.origin(task.line),
            Demand {
                submit: Instant::from_nanos(after * MILLISECOND),
                name: self.name(&task)?,
                spec: task.spec(task.memory << unit, number, &mut rest.samples)?,
                run_time: Some(Duration::from_nanos(task.duration * MILLISECOND)),
                links: Links::of(None, names),
                ..Demand::default()
            },
        );
        Ok(())
    }

    fn name(&self, task: &Task) -> Result<PodName, TraceError> {
        let [name] = self.names.get(task.name)?;
        Ok(name.into())
    }
}

/// The facts that are known once all tasks and fragments are read.
struct Rest {
    samples: ByTask,
    edges: Joined,
    /// The earliest submission.
    zero: i64,
    is_kibibytes: bool,
    has_fragments: bool,
}
