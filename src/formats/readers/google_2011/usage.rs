//! Measured usage of tasks in Google's trace of 2011, window by window. Beside the task events, in one
//! folder or archive, it is what the tasks use; alone it is a workload of its own, in which a task is
//! there from its first window to its last and requests nothing.

use super::events::{Key, Tasks};
use crate::parts::measurements::{self, ByTask, Placed, Sample, Samples, Spans};
use crate::readers::prelude::*;
use arrivals::spill::FixedSort;
use arrivals::usage_samples::Steps;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "google-2011-usage",
    summary: "usage of tasks in Google's cluster trace of 2011, alone (CSV without header)",
    columns: COLUMNS,
    relations: &[Relation::recorded(
        &["start time", "end time"],
        "no earlier than the start",
    )],
    names: &["job id", "task index", "machine id"],
    cells: |format, input, show| tables(input)?.show(format, &LAYOUT, show),
    options: &["usage", "full-cpu", "full-memory"],
    sniff: |first| LAYOUT.confidence(first),
    open: Constructor::Workload(open),
};

columns! { COLUMNS;
    START: required("start time", "µs since 600 s before the trace") => is_whole,
    END: required("end time", "µs") => is_whole,
    JOB: required("job id", "job") => is_whole,
    INDEX: required("task index", "task within its job") => is_whole,
    _: required("machine id", "machine; read, not used"),
    CPU: required("mean CPU rate", "share of the largest machine") => is_number_or_empty,
    MEMORY: required("canonical memory", "share of the largest machine"),
    _: required("assigned memory", "read, not used"),
    _: required("unmapped page cache", "read, not used"),
    _: required("total page cache", "read, not used"),
    _: required("max memory", "read, not used"),
    _: required("mean disk I/O time", "read, not used"),
    _: required("mean local disk space", "read, not used"),
    _: required("max CPU rate", "read, not used"),
    _: required("max disk I/O time", "read, not used"),
    _: required("CPI", "read, not used"),
    _: required("MAI", "read, not used"),
    _: required("sample portion", "read, not used"),
    AGGREGATION: required("aggregation type", "0 or 1; read, not used"),
    _: required("sampled CPU usage", "read, not used"),
}

pub(super) const LAYOUT: Layout = Layout::headless(COLUMNS);

/// The places of the columns of a window of usage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WindowPlaces {
    /// The start.
    pub(crate) start: usize,
    /// The end.
    pub(crate) end: usize,
    /// The job.
    pub(crate) job: usize,
    /// The task within its job.
    pub(crate) index: usize,
    /// The share of processors.
    pub(crate) cpu: usize,
    /// The share of memory.
    pub(crate) memory: usize,
}

const PLACES: WindowPlaces = WindowPlaces {
    start: START,
    end: END,
    job: JOB,
    index: INDEX,
    cpu: CPU,
    memory: MEMORY,
};

/// The most that a task may use, in largest machines.
const MOST: f64 = 100.0;

/// Windows of tasks up to now.
#[derive(Default)]
pub(crate) struct Windows {
    samples: Samples,
    /// The end of the latest one.
    latest: Instant,
}

impl Windows {
    /// Adds the windows of a table.
    pub(super) fn add(
        &mut self,
        part: &Input,
        journal: &mut Journal,
        options: &ReadOptions,
    ) -> Result<(), TraceError> {
        journal.file = part.name.clone();
        each_row_of(part, &LAYOUT, journal, &mut |journal, fields| {
            self.take(journal, fields, options)
        })
    }

    fn take(
        &mut self,
        journal: &mut Journal,
        fields: &Fields<'_, '_>,
        options: &ReadOptions,
    ) -> Result<(), Refused> {
        fields.integer(AGGREGATION, 0, 1)?;
        self.take_window(journal, fields, options, PLACES)
    }

    /// Takes a row with the columns of a window at these places.
    pub(crate) fn take_window(
        &mut self,
        journal: &mut Journal,
        fields: &Fields<'_, '_>,
        options: &ReadOptions,
        places: WindowPlaces,
    ) -> Result<(), Refused> {
        let line = fields.line();
        let start = super::time(fields, places.start)?;
        let end = super::time(fields, places.end)?;
        let key = (
            fields.number(places.job, 0, i64::MAX)?,
            fields.number(places.index, 0, i64::MAX)?,
        );
        let cpu = fields.scaled(places.cpu, options.full_cpu_milli, MOST)?;
        let memory = fields.scaled(places.memory, options.full_memory_bytes, MOST)?;
        let Some((start, end)) = start.zip(end) else {
            return Ok(journal.dirt("usage after the trace", Action::Drop, line)?);
        };
        if end < start {
            return Err(fields.bad(places.end, "no earlier than the start").into());
        }
        if cpu.is_none() && memory.is_none() {
            return Ok(journal.dirt("window without usage", Action::Drop, line)?);
        }
        self.latest = self.latest.max(end);
        let sample = Sample::new(start.as_nanos(), [Some(end.as_nanos()), cpu, memory]);
        let place = journal.origin(line).number();
        self.samples.push_at(words(key), place, sample);
        Ok(())
    }

    /// The usage of each task.
    pub(crate) fn usage(self, journal: &mut Journal) -> Result<Usage, TraceError> {
        self.usage_with(journal, |_| {})
    }

    /// The usage of each task; each window is taken task by task, those of one in order of time.
    fn usage_with(
        self,
        journal: &mut Journal,
        mut take: impl FnMut(&Placed),
    ) -> Result<Usage, TraceError> {
        let mut cut: FixedSort<1> = FixedSort::default();
        let mut last: Option<Placed> = None;
        let samples = self.samples.sorted_with(|window| {
            let before = last.replace(*window).filter(|own| own.key == window.key);
            if before.is_some_and(|own| window.sample.at < end(own.sample)) {
                cut.push([window.place]);
            }
            take(window);
        })?;
        let mut cut = cut.sorted();
        while let Some([place]) = cut.next()? {
            let kind = "window that begins before the end of the task's last; cuts it";
            journal.dirt_at(kind, Action::Keep, Origin::of_number(place))?;
        }
        Ok(Usage { samples })
    }
}

/// The key of a task as words.
fn words(task: Key) -> measurements::Key {
    [task.0, task.1].map(|own| own as u64)
}

/// The end of a window, in nanoseconds.
fn end(window: Sample) -> i64 {
    window.value(0).unwrap_or(window.at)
}

/// The usage of tasks.
#[derive(Default)]
pub(crate) struct Usage {
    samples: ByTask,
}

impl Usage {
    /// Whether nothing was measured.
    pub(crate) fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// The usage of a task from a start up to an end; `None` if nothing of it was measured then.
    pub(crate) fn of(
        &mut self,
        key: Key,
        start: Instant,
        end: Instant,
    ) -> Result<Option<Behaviour>, TraceError> {
        let whole = |nanos: i64| nanos / 1_000_000_000;
        let second = whole(start.as_nanos());
        let written: [fn(&i64) -> String; 2] = [|milli| format!("{milli}m"), i64::to_string];
        let [mut cpu, mut memory] = written.map(|own| Steps::new(second, own));
        self.samples.each(words(key), |window| {
            let [from, until] = [Some(window.at), window.value(0)]
                .map(|own| Instant::from_nanos(own.unwrap_or_default()));
            if until <= from || until <= start || from >= end {
                return;
            }
            let second = whole(window.at);
            for (steps, used) in [(&mut cpu, window.value(1)), (&mut memory, window.value(2))] {
                if let Some(used) = used {
                    steps.push(second, used);
                }
            }
        })?;
        let (cpu_usage, memory_usage) = (cpu.finish(), memory.finish());
        let is_measured = cpu_usage.is_some() || memory_usage.is_some();
        Ok(is_measured.then(|| Behaviour {
            cpu_usage,
            memory_usage,
            ..Behaviour::default()
        }))
    }

    /// The spec of a demand with what was measured of its task from a start on.
    pub(super) fn measured(
        &mut self,
        mut spec: PodSpec,
        key: Key,
        start: Instant,
        run_time: Option<Duration>,
    ) -> Result<PodSpec, TraceError> {
        let end = run_time.map(|run| start.saturating_add(run));
        if let Some(used) = self.of(key, start, end.unwrap_or(Instant::MAX))? {
            let resized = spec.behaviour.as_ref();
            let resizes = resized.map(|own| own.resizes.clone()).unwrap_or_default();
            spec.behaviour = Some(Arc::new(Behaviour { resizes, ..used }));
        }
        Ok(spec)
    }
}

impl Tasks {
    /// The same, with what tasks used.
    pub(crate) fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }
}

fn tables(input: &Input) -> Result<Tables<1>, TraceError> {
    Tables::with_first(input, super::TABLES, ["task_usage"])
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut windows = Windows::default();
    let tables = tables(input)?;
    let mut journal = tables.journal(input, options)?;
    each_row_of_all(&tables.read[0], &LAYOUT, &mut journal, |journal, fields| {
        windows.take(journal, fields, options)
    })?;
    let latest = windows.latest;
    let mut spans = Spans::default();
    let mut usage = windows.usage_with(&mut journal, |window| {
        spans.add(window, end(window.sample));
    })?;
    super::tell_unit(latest, &mut journal)?;
    let mut spans = spans.sorted();
    let mut gather = Gather::default();
    while let Some(span) = spans.next()? {
        let [job, index] = span.key.map(|own| own as i64);
        let [first, last] = [span.from, span.until].map(Instant::from_nanos);
        let behaviour = if options.usage {
            usage.of((job, index), first, last)?
        } else {
            None
        };
        gather.push(
            Origin::of_number(span.place),
            Demand {
                submit: first,
                name: PodName::Text(format!("{job}-{index}").into()),
                spec: PodSpec {
                    behaviour: behaviour.map(Into::into),
                    ..PodSpec::with_requests(ResourceList::default())
                },
                run_time: Some(last.since(first)).filter(|run| *run > Duration::ZERO),
                historic_start: Some(first),
                ..Demand::default()
            },
        );
    }
    gather.finish(journal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;

    fn row(from: i64, to: i64, index: i64, cpu: &str) -> String {
        let [from, to] = [from, to].map(|seconds| 1_000_000 * seconds);
        format!("{from},{to},7,{index},5,{cpu},0.25,0,0,0,0,0,0,0,0,0,0,0,1,0\n")
    }

    #[test]
    fn windows_out_of_order_are_cut_by_none_but_those_over_them() {
        let rows = [row(900, 950, 0, "1"), row(600, 900, 0, "1")];
        let over = row(920, 930, 0, "1");
        for (last, cut) in [("", 0), (&*over, 1)] {
            let text = [rows.concat(), last.to_owned()].concat();
            let input = Input::bytes("part-0.csv", text.into_bytes());
            let source = open(&input, &ReadOptions::default()).expect("good rows");
            let kind = "window that begins before the end of the task's last; cuts it";
            assert_eq!(source.ledger().count(kind), cut);
        }
    }

    #[test]
    fn windows_are_steps_of_usage() {
        let rows = [
            row(600, 900, 0, "0.5"),
            row(600, 700, 1, "0.125"),
            row(900, 950, 0, "0.25"),
            row(940, 960, 0, "0.25"),
            row(700, 710, 1, "").replace("0.25", ""),
            row(700, 710, 1, "").replace("0.25", "0.5"),
        ];
        let input = file_of(&ENTRY, "part-0.csv", rows.concat());
        let options = options_with(|own| own.usage = true);
        let recorded = collected(open(&input, &options));
        let first = &recorded.arrivals[0];
        assert_eq!(first.run_time, Some(Duration::from_secs(360)));
        let usage = recorded.classes[0].behaviour.as_ref().expect("usage");
        let steps = "recorded(0s: 32000m, 300s: 16000m)";
        assert_eq!(usage.cpu_usage.as_deref(), Some(steps));
        assert_eq!(
            usage.memory_usage.as_deref(),
            Some("recorded(0s: 68719476736)")
        );
        let other = recorded.classes[1].behaviour.as_ref().expect("usage");
        let [cpu, memory] = [&other.cpu_usage, &other.memory_usage].map(Option::as_deref);
        assert_eq!(cpu, Some("recorded(0s: 8000m)"));
        let steps = "recorded(0s: 68719476736, 100s: 137438953472)";
        assert_eq!(memory, Some(steps), "what a window leaves open is not 0");
        recorded.ledger.has_once([
            "window that begins before the end of the task's last; cuts it",
            "window without usage",
        ]);
        let bad = [
            row(900, 600, 0, "1"),
            row(600, 900, 0, "-1"),
            row(0, 1, -1, "1"),
        ];
        faults(&ENTRY, "part-0.csv", bad.concat()).has_bad_rows([
            "part-0.csv:1: column `end time`: must be no earlier than the start, found \
                 `600000000`",
            "part-0.csv:2: column `mean CPU rate`: must be at least 0, found `-1`",
            "part-0.csv:3: column `task index`: must be at least 0, found `-1`",
        ]);
    }
}
