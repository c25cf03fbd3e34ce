//! Containers of services in Alibaba's trace of 2018: the first row of a container is its arrival,
//! those after it are snapshots. They have no end: a container runs to the end of the run. Where the table of usage lies
//! beside theirs, it is what they use, with the option `usage`.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use super::usage::{self, Measurements, Usage};
use crate::error::TraceError;
use crate::format::{
    ColumnDoc, Confidence, Constructor, FieldTest, FormatEntry, is_whole, row_has,
};
use crate::gather::{Demand, Gather, requests};
use crate::input::Input;
use crate::ledger::{Action, Journal};
use crate::options::ReadOptions;
use crate::origin::Origin;
use crate::resizes::{Changed, Resizes, Standing};
use crate::rows::{Fields, Layout, Refused, USAGE_NOT_READ, each_row_of};
use crate::side_by_side::Tables;
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
        "state; `stopped` without a request is no container",
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
    Ok(own.finish(journal))
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
    /// The request that stands of a container that asks for several.
    stands: Standing,
    usage: Usage,
    /// Number of containers whose usage is known.
    measured: usize,
}

impl Containers {
    /// Takes a row, after all that are earlier.
    fn take(&mut self, journal: &mut Journal, line: u64, row: Row) -> Result<(), Refused> {
        let spec = row.spec();
        let (name, submit) = (row.name, row.at);
        if let Some(known) = self.known.get_mut(&name) {
            let changed = Changed {
                before: &known.demand.spec,
                after: &spec,
                when: "later",
                stands: self.stands,
            };
            changed.note(journal, line)?;
            if self.stands == Standing::Latest {
                let after = submit.since(known.demand.submit);
                known.resizes.add(after, &known.demand.spec, &spec);
            }
            return Ok(());
        }
        let (has_cpu, has_memory) = (row.cpu.is_some(), row.memory.is_some());
        if row.is_stopped && !has_cpu && !has_memory {
            let kind = "stopped container without a request";
            return Ok(journal.dirt(kind, Action::Drop, line)?);
        }
        if !has_cpu || !has_memory {
            journal.dirt("no request; counted as 0", Action::Keep, line)?;
        }
        let behaviour = self.usage.of(&name, submit.as_nanos() / 1_000_000_000)?;
        self.measured += usize::from(behaviour.is_some());
        let demand = Demand {
            submit,
            name: PodName::Text(name.clone()),
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
            resizes: Resizes::default(),
        };
        self.known.insert(name, known);
        Ok(())
    }

    /// The containers as arrivals.
    fn finish(self, journal: Journal) -> Box<dyn ArrivalSource> {
        let mut gather = Gather::default();
        for known in self.known.into_values() {
            let mut demand = known.demand;
            if let Some(spec) = known.resizes.spec(&demand.spec, None) {
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
    demand: Demand,
    resizes: Resizes,
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
mod tests {
    use super::*;
    use crate::archive::packed::archive;
    use crate::inspect::validate;
    use crate::memory::Recorded;

    #[test]
    fn the_first_row_of_a_container_is_its_arrival() {
        let rows = "c_1,m_2,0,app_5,started,400,800,1.5\nc_2,m_2,100,app_5,started,400,400,1.5\n\
                    c_1,m_2,200,app_5,started,400,800,1.5\nc_1,m_2,300,app_5,started,800,800,1.5\n\
                    c_3,m_2,x,app_5,started,800,800,1.5\n";
        let input = Input::bytes("c.csv", rows.as_bytes());
        let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
        assert_eq!((found.accepted, found.bad_row_count), (2, 1));
        assert_eq!(
            found.bad_rows[0].to_string(),
            "c.csv:5: column `time_stamp`: must be a number, found `x`"
        );
        let good = &rows[..rows.find("c_3").expect("there")];
        let mut source = open(
            &Input::bytes("c.csv", good.as_bytes()),
            &ReadOptions::default(),
        )
        .expect("good rows");
        let recorded = Recorded::collect(&mut *source).expect("good rows");
        assert_eq!(recorded.arrivals[1].submit, Instant::from_secs(100));
        let limits = &recorded.classes[0].containers[0].limits;
        assert_eq!(limits.get("cpu").milli_ceil(), Ok(8_000));
        let kind = "more cores requested later; the first request stands";
        assert_eq!(recorded.ledger.count(kind), 1);
    }

    #[test]
    fn a_stopped_container_without_a_request_does_not_arrive() {
        let rows = "c_1,m_2,0,app_5,started,400,800,1.5\nc_2,m_2,0,app_5,stopped,,,\n\
                    c_3,m_2,0,app_5,started,400,800,\nc_4,m_2,0,app_5,stopped,400,800,1.5\n\
                    c_2,m_2,9,app_5,started,400,800,1.5\n";
        let input = Input::bytes("c.csv", rows.as_bytes());
        let mut source = open(&input, &ReadOptions::default()).expect("good rows");
        let recorded = Recorded::collect(&mut *source).expect("good rows");
        let arrivals = recorded.arrivals.iter();
        let arrivals: Vec<_> = arrivals
            .map(|own| (own.name.to_string(), own.submit))
            .collect();
        let (zero, later) = (Instant::ZERO, Instant::from_secs(9));
        let expected = [("c_1", zero), ("c_3", zero), ("c_4", zero), ("c_2", later)];
        assert_eq!(arrivals, expected.map(|(name, at)| (name.to_owned(), at)));
        for kind in [
            "stopped container without a request",
            "no request; counted as 0",
        ] {
            assert_eq!(recorded.ledger.count(kind), 1, "{kind}");
        }
    }

    #[test]
    fn the_earliest_row_is_the_arrival_wherever_it_stands() {
        let rows = "c_1,m_2,900,app_5,started,800,800,1.5\nc_1,m_2,0,app_5,started,400,800,1.5\n\
                    c_2,m_2,0,app_5,started,400,800,1.5\n";
        let input = Input::bytes("c.csv", rows.as_bytes());
        let mut source = open(&input, &ReadOptions::default()).expect("good rows");
        let recorded = Recorded::collect(&mut *source).expect("good rows");
        let submits: Vec<Instant> = recorded.arrivals.iter().map(|own| own.submit).collect();
        assert_eq!(submits, [Instant::ZERO; 2]);
        let requests = recorded.classes[0].requests().expect("small");
        assert_eq!(requests.get("cpu").milli_ceil(), Ok(4_000));
        for kind in [
            OUT_OF_ORDER,
            "more cores requested later; the first request stands",
        ] {
            assert_eq!(recorded.ledger.count(kind), 1, "{kind}");
        }
    }

    #[test]
    fn usage_beside_containers_is_what_they_use() {
        let containers =
            "c_1,m_2,0,app_5,started,400,800,1.5\nc_2,m_2,9,app_5,started,400,400,1.5\n";
        let usage = "c_1,m_2,600,12,80,,,,,,\nc_1,m_2,300,7.5,-1,,,,,,\nc_1,m_2,900,101,101,,,,,,\n\
                     c_9,m_2,300,1,1,,,,,,\nc_1,m_2,900,102,1,,,,,,\n";
        let machines = "m_1,0,3,30,96,100,USING\n";
        let bytes = archive(&[
            ("container_meta.csv", containers),
            ("container_usage.csv", usage),
            ("machine_meta.csv", machines),
        ]);
        let input = Input::bytes("t.tar", bytes);
        let entry = crate::registry::recognize(&input).expect("known");
        assert_eq!(entry.name, ENTRY.name);
        let read = |usage| {
            let options = ReadOptions {
                usage,
                rows: crate::ledger::RowPolicy::REPORT,
                ..ReadOptions::default()
            };
            Recorded::collect(&mut *open(&input, &options).expect("good")).expect("good")
        };
        let with = read(true);
        let used = |class: usize| with.classes[class].behaviour.clone();
        let first = used(0).expect("measured");
        assert_eq!(
            first.cpu_usage.as_deref(),
            Some("recorded(300s: 7.50%, 600s: 12.00%)")
        );
        assert_eq!(
            first.memory_usage.as_deref(),
            Some("recorded(600s: 80.00%)")
        );
        assert_eq!(used(1), None);
        for kind in [
            "row without usage",
            "usage of a container that is not listed",
            "machines, read by `alibaba-2018-machines`",
        ] {
            assert_eq!(with.ledger.count(kind), 1, "{kind}");
        }
        assert_eq!(
            with.ledger.bad_rows()[0].to_string(),
            "t.tar: container_usage.csv:5: column `cpu_util_percent`: must be at most 100, found `102`"
        );
        assert_eq!(read(false).ledger.count(USAGE_NOT_READ), 1);
        let alone = Input::bytes("u.csv", usage.as_bytes());
        let error = open(&alone, &ReadOptions::default())
            .err()
            .expect("no containers");
        assert!(
            error.to_string().contains("has no `container_meta`"),
            "{error}"
        );
    }
}
