//! Containers of services in Alibaba's trace of 2018: the first row of a container is its arrival,
//! those after it are snapshots. A container runs until a row says that it is stopped, or to the end of the run; one that
//! is there again after that arrives again. Where the table of usage lies beside theirs, it is what they use, with the
//! option `usage`.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use super::usage;
use crate::parts::measurements::{ByTask, Samples, each_usage_table};
use crate::parts::resizes::{Changed, Resizes, Standing};
use crate::parts::timeline::{Event, OUT_OF_ORDER};
use crate::readers::prelude::*;
use arrivals::intern::ClassTable;
use arrivals::spill::{Alive, Key, NONE, Order, Stored, TextLog};
use units::time::NANOS_PER_SECOND;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "alibaba-2018-containers",
    summary: "containers of Alibaba's cluster trace of 2018 (CSV without header)",
    columns: COLUMNS,
    relations: &[],
    names: &["container_id", "machine_id", "app_du", "status"],
    cells: |format, input, show| tables(input)?.show(format, &LAYOUT, show),
    options: &["full-memory", "usage"],
    sniff,
    open: Constructor::Workload(open),
};

columns! { COLUMNS;
    CONTAINER: required("container_id", "container; becomes the name") => |field| field.starts_with("c_"),
    _: required("machine_id", "machine; read, not used") => |field| field.starts_with("m_"),
    TIME: required("time_stamp", "s from the trace's start") => is_whole,
    APPLICATION: required("app_du", "application; becomes the tenant"),
    STATUS: required("status", "state; `stopped` ends a container that was there, and is none without a request"),
    CPU: required("cpu_request", "1/100 core"),
    LIMIT: required("cpu_limit", "1/100 core"),
    MEMORY: required("mem_size", "percent of the largest machine"),
}

pub(super) const LAYOUT: Layout = Layout::headless(COLUMNS);

fn sniff(first: &[u8]) -> Confidence {
    LAYOUT
        .confidence(first)
        .max(usage::LAYOUT.confidence(first))
}

fn tables(input: &Input) -> Result<Tables<2>, TraceError> {
    Tables::with_first(input, super::TABLES, ["container_meta", "container_usage"])
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let tables = tables(input)?;
    let mut journal = tables.journal(input, options)?;
    let [containers, measured] = &tables.read;
    let mut samples = Samples::default();
    each_usage_table(measured, options, &mut journal, |part, journal| {
        usage::read(&mut samples, part, journal)
    })?;
    let mut own = Containers {
        stands: if options.resizes {
            Standing::Latest
        } else {
            Standing::First
        },
        usage: samples.sorted()?,
        ..Containers::default()
    };
    let mut rows = Rows::default();
    each_row_of_all(containers, &LAYOUT, &mut journal, |journal, fields| {
        rows.take(journal, fields, options)
    })?;
    rows.timed.each(&mut journal, |journal, line, row| {
        own.take(journal, line, &row)
    })?;
    if let (Some(part), true) = (measured.first(), own.measured < own.usage.len()) {
        journal.file = part.name.clone();
        journal.dirt("usage of a container that is not listed", Action::Drop, 1)?;
    }
    own.finish(journal)
}

/// A row of a container.
#[derive(Serialize, Deserialize)]
struct Row {
    name: Text,
    at: Instant,
    tenant: Text,
    is_stopped: bool,
    cpu: Option<i64>,
    limit: Option<i64>,
    memory: Option<i64>,
}

impl Event for Row {
    type Object = Text;

    fn object(&self) -> Text {
        self.name.clone()
    }

    fn rank(&self) -> Rank {
        // The first row of a container is its arrival, and the reader alone knows which that is.
        Rank::Arrives
    }
}

/// The sign of a number of nanoseconds.
const SIGN: u64 = 1 << 63;

/// Rows up to now: those of a container stand together, in order of time.
#[derive(Default)]
struct Rows {
    timed: Timed<Row>,
    /// The latest row of each container, by the hash of its name.
    latest: Places,
}

impl Rows {
    fn take(
        &mut self,
        journal: &mut Journal,
        fields: &Fields<'_, '_>,
        options: &ReadOptions,
    ) -> Result<(), Refused> {
        let cpu = super::centi_cores(fields, CPU)?;
        let limit = super::centi_cores(fields, LIMIT)?;
        let memory = super::percent_of(fields, MEMORY, options.full_memory_bytes)?;
        let name: Text = fields.name(CONTAINER, "the name of a container")?.into();
        let at = fields.seconds(TIME)?;
        let at = at.ok_or_else(|| fields.bad(TIME, "seconds"))?;
        // Earlier instants are smaller numbers.
        let (key, own) = (Places::key([&*name]), at.as_nanos() as u64 ^ SIGN);
        match self.latest.get(key)? {
            Some(latest) if own < latest => {
                journal.dirt(OUT_OF_ORDER, Action::Repair, fields.line())?;
            }
            Some(latest) if own == latest => {}
            _ => self.latest.put(key, own)?,
        }
        let row = Row {
            name,
            at,
            tenant: fields.text(APPLICATION).into(),
            is_stopped: fields.text(STATUS) == "stopped",
            cpu,
            limit,
            memory,
        };
        self.timed.push_any(journal, fields.line(), at, row);
        Ok(())
    }
}

/// The containers up to now.
struct Containers {
    /// The last life of each container, by the hash of its name.
    known: Alive<Key, Known, WORDS>,
    /// The name and the application of each life.
    names: TextLog<2>,
    /// The specs of lives.
    specs: ClassTable,
    /// The resizes of lives that have some.
    resizes: IndexMap<Key, Resizes, FxBuildHasher>,
    /// Lives of which nothing more is told.
    gather: Gather,
    /// The request that stands of a container that asks for several.
    stands: Standing,
    usage: ByTask,
    /// Number of containers whose usage is known.
    measured: usize,
}

impl Default for Containers {
    fn default() -> Self {
        Self {
            known: Alive::default(),
            names: TextLog::default(),
            specs: ClassTable::default(),
            resizes: IndexMap::default(),
            gather: Gather::default().in_order(Order::Place),
            stands: Standing::First,
            usage: ByTask::default(),
            measured: 0,
        }
    }
}

impl Containers {
    /// Takes a row, after all that are earlier.
    fn take(&mut self, journal: &mut Journal, line: u64, row: &Row) -> Result<(), Refused> {
        let Some(at) = self.known.find(Places::key([&*row.name]))? else {
            return self.arrive(journal, line, row, 1);
        };
        if !self.known[at].has_stopped() {
            return Ok(self.change(journal, line, at, row)?);
        }
        if row.is_stopped {
            return Ok(());
        }
        let kind = "container that is there again after it was stopped; arrives again";
        journal.dirt(kind, Action::Keep, line)?;
        let number = self.known[at].number + 1;
        if let Some(over) = self.known.remove(at) {
            self.deliver(&over)?;
        }
        self.arrive(journal, line, row, number)
    }

    /// A container arrives, for the first time or a later one by its number.
    fn arrive(
        &mut self,
        journal: &mut Journal,
        line: u64,
        row: &Row,
        number: u32,
    ) -> Result<(), Refused> {
        let (has_cpu, has_memory) = (row.cpu.is_some(), row.memory.is_some());
        if row.is_stopped && !has_cpu && !has_memory {
            let kind = "stopped container without a request";
            return Ok(journal.dirt(kind, Action::Drop, line)?);
        }
        let kind = "container whose first row says that it is stopped; arrives all the same";
        journal.keep_if(row.is_stopped, kind, line)?;
        journal.keep_if(!has_cpu || !has_memory, "no request; counted as 0", line)?;
        let second = row.at.as_nanos() / NANOS_PER_SECOND;
        let key = Places::key([&*row.name]);
        let behaviour = self.usage.shares(key, second)?;
        self.measured += usize::from(behaviour.is_some() && number == 1);
        let spec = PodSpec {
            behaviour: behaviour.map(Into::into),
            ..row.spec()
        };
        let known = Known {
            key,
            names: self.names.push([&row.name, &row.tenant]),
            origin: journal.origin(line),
            submit: row.at,
            run_time: None,
            spec: self.specs.class_of(spec),
            number,
            is_stopped: row.is_stopped,
        };
        self.known.add(key, known)?;
        Ok(())
    }

    /// Takes a later row of a container that has not stopped.
    fn change(
        &mut self,
        journal: &mut Journal,
        line: u64,
        at: usize,
        row: &Row,
    ) -> Result<(), TraceError> {
        let known = &mut self.known[at];
        let after = row.at.since(known.submit);
        if row.is_stopped {
            known.run_time = (!known.is_stopped).then_some(after);
            return Ok(());
        }
        known.is_stopped = false;
        let (before, spec) = (self.specs.classes().get(known.spec)?, row.spec());
        let changed = Changed {
            before: &before,
            after: &spec,
            when: "later",
            stands: self.stands,
        };
        changed.note(journal, line)?;
        if self.stands == Standing::Latest {
            let resizes = self.resizes.entry(known.key).or_default();
            resizes.add(after, &before, &spec);
        }
        Ok(())
    }

    /// Adds the arrival of a life of which nothing more is told.
    fn deliver(&mut self, known: &Known) -> Result<(), TraceError> {
        let [name, tenant] = self.names.get(known.names)?;
        let first = self.specs.classes().get(known.spec)?;
        let resizes = self.resizes.swap_remove(&known.key).unwrap_or_default();
        let class = match resizes.spec(&first, known.run_time) {
            Some(spec) => self.gather.class_of(spec),
            None => self.gather.class_of_shared(&first),
        };
        let name = match known.number {
            1 => name,
            number => format!("{name}-{number}"),
        };
        let arrival = Arrival {
            class,
            tenant: self.gather.tenant(&tenant),
            run_time: known.run_time,
            historic_start: (known.submit > Instant::ZERO).then_some(known.submit),
            origin: known.origin,
            ..Arrival::new(known.submit, PodName::Text(name.into()))
        };
        self.gather.add(&arrival);
        Ok(())
    }

    /// The containers as arrivals.
    fn finish(mut self, journal: Journal) -> Result<Box<dyn ArrivalSource>, TraceError> {
        let known = std::mem::take(&mut self.known);
        known.each(|known| self.deliver(&known))?;
        self.gather.finish(journal)
    }
}

/// The number of words of a container that was met.
const WORDS: usize = 9;

/// A container that was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    /// The hash of its name.
    key: Key,
    /// The place of its name and its application.
    names: u64,
    origin: Origin,
    submit: Instant,
    /// The time after which it stopped.
    run_time: Option<Duration>,
    /// The place of its spec.
    spec: u32,
    /// The number of its life.
    number: u32,
    /// Whether no row yet says anything but that it is stopped.
    is_stopped: bool,
}

impl Known {
    const fn has_stopped(&self) -> bool {
        self.run_time.is_some()
    }
}

impl Stored<WORDS> for Known {
    fn words(&self) -> [u64; WORDS] {
        [
            self.key[0],
            self.key[1],
            self.names,
            self.origin.number(),
            self.submit.as_nanos() as u64,
            self.run_time.map_or(NONE, Duration::as_nanos) as u64,
            self.spec.into(),
            self.number.into(),
            self.is_stopped.into(),
        ]
    }

    fn of_words(words: [u64; WORDS]) -> Self {
        let [
            first,
            second,
            names,
            origin,
            submit,
            run,
            spec,
            number,
            is_stopped,
        ] = words;
        let run = run as i64;
        Self {
            key: [first, second],
            names,
            origin: Origin::of_number(origin),
            submit: Instant::from_nanos(submit as i64),
            run_time: (run != NONE).then(|| Duration::from_nanos(run)),
            spec: spec as u32,
            number: number as u32,
            is_stopped: is_stopped != 0,
        }
    }
}

impl Row {
    fn spec(&self) -> PodSpec {
        let mut spec = PodSpec::with_requests(requests(self.cpu, self.memory));
        if let Some(container) = spec.containers.first_mut() {
            container.limits = requests(self.limit, None);
        }
        spec
    }
}

#[cfg(test)]
mod tests;
