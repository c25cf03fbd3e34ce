//! Containers of services in Alibaba's trace of 2018: the first row of a container is its arrival,
//! those after it are snapshots. A container runs until a row says that it is stopped, or to the end of the run; one that
//! is there again after that arrives again. Where the table of usage lies beside theirs, it is what they use, with the
//! option `usage`.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use super::usage::{self, Measurements, Usage};
use crate::amounts::requests;
use crate::error::TraceError;
use crate::format::{
    ColumnDoc, Confidence, Constructor, FieldTest, FormatEntry, is_whole, row_has,
};
use crate::gather::{Demand, Gather};
use crate::input::Input;
use crate::ledger::{Action, Journal};
use crate::options::ReadOptions;
use crate::origin::Origin;
use crate::resizes::{Changed, Resizes, Standing};
use crate::rows::{Fields, Layout, Refused, USAGE_NOT_READ, each_row_of};
use crate::side_by_side::Tables;
use crate::spill::Order;
use crate::stream::ArrivalSource;
use crate::timed::{Event, OUT_OF_ORDER, Rank, Timed};
use model::{PodName, PodSpec, Text};
use units::Instant;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "alibaba-2018-containers",
    summary: "containers of Alibaba's cluster trace of 2018 (CSV without header)",
    columns: COLUMNS,
    names: &["container_id", "machine_id", "app_du", "status"],
    cells: |format, input, show| tables(input)?.show(format, &LAYOUT, show),
    options: &["full-memory", "usage"],
    sniff,
    open: Constructor::Workload(open),
};

const COLUMNS: &[ColumnDoc] = &[
    ColumnDoc::required("container_id", "container; becomes the name"),
    ColumnDoc::required("machine_id", "machine; read, not used"),
    ColumnDoc::required("time_stamp", "s from the trace's start"),
    ColumnDoc::required("app_du", "application; becomes the tenant"),
    ColumnDoc::required(
        "status",
        "state; `stopped` ends a container that was there, and is none without a request",
    ),
    ColumnDoc::required("cpu_request", "1/100 core"),
    ColumnDoc::required("cpu_limit", "1/100 core"),
    ColumnDoc::required("mem_size", "percent of the largest machine"),
];

const LAYOUT: Layout = Layout::headless(COLUMNS);

const CONTAINER: usize = 0;
const TIME: usize = 2;
const APPLICATION: usize = 3;
const STATUS: usize = 4;
const CPU: usize = 5;
const LIMIT: usize = 6;
const MEMORY: usize = 7;

fn sniff(first: &[u8]) -> Confidence {
    is_containers(first).max(usage::of_containers(first))
}

/// Whether a table that begins with these bytes is one of containers.
pub(super) fn is_containers(first: &[u8]) -> Confidence {
    let tests: [FieldTest; 3] = [
        (CONTAINER, |field| field.starts_with("c_")),
        (1, |field| field.starts_with("m_")),
        (TIME, is_whole),
    ];
    row_has(first, b',', COLUMNS.len(), &tests)
}

fn tables(input: &Input) -> Result<Tables<2>, TraceError> {
    let names = ["container_meta", "container_usage"];
    Tables::of(input, super::TABLES, names)?.with_first(input, names[0])
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let tables = tables(input)?;
    tables.note(&mut journal)?;
    let [containers, measured] = &tables.read;
    let mut measurements = Measurements::default();
    for part in measured {
        if options.usage {
            measurements.read(part, &mut journal)?;
            continue;
        }
        journal.file = part.name.clone();
        journal.dirt(USAGE_NOT_READ, Action::Keep, 1)?;
    }
    let mut own = Containers {
        known: IndexMap::default(),
        over: Vec::new(),
        stands: if options.resizes {
            Standing::Latest
        } else {
            Standing::First
        },
        measured: 0,
        usage: measurements.usage()?,
    };
    let mut rows = Rows::default();
    for part in containers {
        journal.file = part.name.clone();
        each_row_of(part, &LAYOUT, &mut journal, &mut |journal, fields| {
            rows.take(journal, fields, options)
        })?;
    }
    rows.timed.each(&mut journal, |journal, line, row| {
        own.take(journal, line, row)
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

/// Rows up to now: those of a container stand together, in order of time.
#[derive(Default)]
struct Rows {
    timed: Timed<Row>,
    /// The latest row of each container.
    latest: IndexMap<Text, Instant, FxBuildHasher>,
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
        let latest = self.latest.entry(name.clone()).or_insert(at);
        if at < *latest {
            journal.dirt(OUT_OF_ORDER, Action::Repair, fields.line())?;
        }
        *latest = at.max(*latest);
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
    known: IndexMap<Text, Known, FxBuildHasher>,
    /// Lives of containers that arrived again after them.
    over: Vec<Known>,
    /// The request that stands of a container that asks for several.
    stands: Standing,
    usage: Usage,
    /// Number of containers whose usage is known.
    measured: usize,
}

impl Containers {
    /// Takes a row, after all that are earlier.
    fn take(&mut self, journal: &mut Journal, line: u64, row: Row) -> Result<(), Refused> {
        let Some(known) = self.known.get_mut(&row.name) else {
            return self.arrive(journal, line, row, 1);
        };
        if !known.has_stopped() {
            return Ok(known.take(journal, line, &row, self.stands)?);
        }
        if row.is_stopped {
            return Ok(());
        }
        let kind = "container that is there again after it was stopped; arrives again";
        journal.dirt(kind, Action::Keep, line)?;
        let number = known.number + 1;
        self.over.extend(self.known.swap_remove(&row.name));
        self.arrive(journal, line, row, number)
    }

    /// A container arrives, for the first time or a later one by its number.
    fn arrive(
        &mut self,
        journal: &mut Journal,
        line: u64,
        row: Row,
        number: u32,
    ) -> Result<(), Refused> {
        let spec = row.spec();
        let (name, submit) = (row.name, row.at);
        let (has_cpu, has_memory) = (row.cpu.is_some(), row.memory.is_some());
        if row.is_stopped && !has_cpu && !has_memory {
            let kind = "stopped container without a request";
            return Ok(journal.dirt(kind, Action::Drop, line)?);
        }
        if row.is_stopped {
            let kind = "container whose first row says that it is stopped; arrives all the same";
            journal.dirt(kind, Action::Keep, line)?;
        }
        if !has_cpu || !has_memory {
            journal.dirt("no request; counted as 0", Action::Keep, line)?;
        }
        let behaviour = self.usage.of(&name, submit.as_nanos() / 1_000_000_000)?;
        self.measured += usize::from(behaviour.is_some() && number == 1);
        let own_name = match number {
            1 => name.clone(),
            _ => format!("{name}-{number}").into(),
        };
        let demand = Demand {
            submit,
            name: PodName::Text(own_name),
            tenant: row.tenant,
            spec: PodSpec {
                behaviour: behaviour.map(Into::into),
                ..spec
            },
            historic_start: (submit > Instant::ZERO).then_some(submit),
            ..Demand::default()
        };
        let known = Known {
            origin: journal.origin(line),
            demand,
            number,
            is_stopped: row.is_stopped,
            resizes: Resizes::default(),
        };
        self.known.insert(name, known);
        Ok(())
    }

    /// The containers as arrivals.
    fn finish(self, journal: Journal) -> Result<Box<dyn ArrivalSource>, TraceError> {
        let mut gather = Gather::default().in_order(Order::Place);
        for known in self.over.into_iter().chain(self.known.into_values()) {
            let mut demand = known.demand;
            if let Some(spec) = known.resizes.spec(&demand.spec, demand.run_time) {
                demand.spec = spec;
            }
            gather.push(known.origin, demand);
        }
        gather.finish(journal)
    }
}

/// A container that was met.
struct Known {
    origin: Origin,
    /// Its demand; it has a run time once it has stopped.
    demand: Demand,
    /// The number of its life.
    number: u32,
    /// Whether no row yet says anything but that it is stopped.
    is_stopped: bool,
    resizes: Resizes,
}

impl Known {
    fn has_stopped(&self) -> bool {
        self.demand.run_time.is_some()
    }

    /// Takes a later row of the container.
    fn take(
        &mut self,
        journal: &mut Journal,
        line: u64,
        row: &Row,
        stands: Standing,
    ) -> Result<(), TraceError> {
        let after = row.at.since(self.demand.submit);
        if row.is_stopped {
            self.demand.run_time = (!self.is_stopped).then_some(after);
            return Ok(());
        }
        self.is_stopped = false;
        let spec = row.spec();
        let changed = Changed {
            before: &self.demand.spec,
            after: &spec,
            when: "later",
            stands,
        };
        changed.note(journal, line)?;
        if stands == Standing::Latest {
            self.resizes.add(after, &self.demand.spec, &spec);
        }
        Ok(())
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
