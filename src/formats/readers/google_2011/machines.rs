//! Machine events of Google's trace of 2011 as the nodes of a cluster: every machine that is ever
//! added, with the first capacity that it has. When it comes and goes and what it has later are events of
//! the nodes, and the same file is a failure log, too: `failures: [{kind: failure-log, path: …}]`. Attributes of machines are labels, if a folder or
//! an archive has their table beside the events.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use super::attributes::{Attributes, is_attributes};
use crate::parts::machine_course::{MachineCourse, in_order};
use crate::parts::timeline;
use crate::readers::prelude::*;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "google-2011-machines",
    summary: "machine events of Google's cluster trace of 2011 (CSV without header)",
    columns: COLUMNS,
    relations: &[],
    names: &["machine id"],
    cells: |format, input, show| tables(input)?.show(format, &LAYOUT, show),
    options: &["pods-per-node", "full-cpu", "full-memory"],
    sniff,
    open: Constructor::Nodes(read),
};

columns! { COLUMNS;
    TIME: required("time", "µs since 600 s before the trace; 0 is before it") => is_whole,
    MACHINE: required("machine id", "machine; becomes the node's name") => is_whole,
    EVENT: required("event", "0 add, 1 remove, 2 update") => |field| matches!(field, "0" | "1" | "2"),
    PLATFORM: required("platform id", "platform; becomes a label"),
    _: required("CPU capacity", "share of the largest machine") => is_number_or_empty,
    _: required("memory capacity", "share of the largest machine") => is_number_or_empty,
}

pub(super) const LAYOUT: Layout = Layout::headless(COLUMNS);

const CAPACITY: CapacityPlaces = CapacityPlaces { cpu: 4, memory: 5 };

/// The label that carries a machine's platform.
pub const PLATFORM_LABEL: &str = "google.com/platform";

fn sniff(first: &[u8]) -> Confidence {
    LAYOUT.confidence(first).max(is_attributes(first))
}

/// An event of a machine.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Event {
    /// The machine.
    pub(crate) machine: i64,
    /// 0 add, 1 remove, 2 update.
    pub(crate) kind: i64,
    /// The time; `None` behind the trace's window.
    pub(crate) time: Option<Instant>,
}

impl Event {
    fn of(fields: &Fields<'_, '_>) -> Result<Self, BadRow> {
        Ok(Self {
            time: super::time(fields, TIME)?,
            machine: fields.number(MACHINE, 0, i64::MAX)?,
            kind: fields.number(EVENT, 0, 2)?,
        })
    }
}

/// What takes an event with its line.
pub(crate) type TakeEvent<'t> = dyn FnMut(&mut Journal, u64, Event) -> Result<(), Refused> + 't;

/// Takes each event of a file with its line.
pub(crate) fn each_event(
    input: &Input,
    journal: &mut Journal,
    take: &mut TakeEvent<'_>,
) -> Result<(), TraceError> {
    let tables = tables(input)?;
    each_row_of_all(&tables.read[0], &LAYOUT, journal, |journal, fields| {
        take(journal, fields.line(), Event::of(fields)?)
    })
}

/// The tables of events and those of attributes.
fn tables(input: &Input) -> Result<Tables<2>, TraceError> {
    Tables::with_first(
        input,
        super::TABLES,
        ["machine_events", "machine_attributes"],
    )
}

/// Machines as their events describe them, in order of their first ones.
#[derive(Default)]
pub(crate) struct Machines {
    /// Events up to now, which may be out of order.
    events: Timed<Stated>,
    known: IndexMap<i64, Machine, FxBuildHasher>,
}

/// An event with what it states of its machine.
#[derive(Serialize, Deserialize)]
struct Stated {
    event: Event,
    capacity: Option<Capacity>,
    labels: Labels,
}

impl timeline::Event for Stated {
    type Object = i64;

    fn object(&self) -> i64 {
        self.event.machine
    }

    fn rank(&self) -> Rank {
        if self.event.kind == 1 {
            Rank::Goes
        } else {
            Rank::Comes
        }
    }
}

/// A machine as its events describe it.
struct Machine {
    line: u64,
    labels: Labels,
    capacity: Option<Capacity>,
    /// The last capacity that was stated.
    latest: Option<Capacity>,
    course: MachineCourse,
}

impl Machines {
    /// Takes an event with the capacity and the labels that it states.
    pub(crate) fn take(
        &mut self,
        journal: &mut Journal,
        line: u64,
        event: Event,
        capacity: Option<Capacity>,
        labels: Labels,
    ) -> Result<(), TraceError> {
        let time = event.time;
        let stated = Stated {
            event,
            capacity,
            labels,
        };
        self.events.push(journal, line, time, stated)
    }

    /// An event happens, after all that are earlier; the labels are those of a machine's first one.
    fn happen(
        &mut self,
        journal: &mut Journal,
        line: u64,
        stated: Stated,
    ) -> Result<(), TraceError> {
        let Stated {
            event,
            capacity,
            labels,
        } = stated;
        let machine = self.known.entry(event.machine);
        let machine = machine.or_insert_with(|| Machine {
            line,
            labels,
            capacity: None,
            latest: None,
            course: MachineCourse::default(),
        });
        let Some(time) = event.time else {
            return journal.dirt("event after the trace", Action::Drop, line);
        };
        let course = &mut machine.course;
        if event.kind == 1 {
            journal.keep_if(!course.goes(time), "machine removed while it is away", line)?;
            return Ok(());
        }
        if event.kind == 0 && !course.comes(time) {
            journal.dirt("machine added while it is there", Action::Keep, line)?;
        }
        if let (Some(now), Some(before)) = (capacity, machine.latest)
            && now != before
        {
            course.resized(time, now);
        }
        machine.latest = capacity.or(machine.latest);
        machine.capacity = machine.capacity.or(capacity);
        Ok(())
    }

    /// The nodes of the machines that have a capacity.
    pub(crate) fn finish(
        mut self,
        mut journal: Journal,
        pods: i64,
    ) -> Result<NodeList, TraceError> {
        let read = std::mem::take(&mut self.events);
        let mut latest = Instant::ZERO;
        read.each(&mut journal, |journal, line, row| {
            latest = row.event.time.unwrap_or(latest);
            Ok(self.happen(journal, line, row)?)
        })?;
        super::tell_unit(latest, &mut journal)?;
        let (mut nodes, mut events) = (Vec::new(), Vec::new());
        for (id, machine) in self.known {
            let Some(capacity) = machine.capacity else {
                journal.dirt("machine without a capacity", Action::Drop, machine.line)?;
                continue;
            };
            machine.course.finish(nodes.len(), pods, &mut events);
            nodes.push(node(id.to_string().into(), machine.labels, capacity, pods));
        }
        Ok(NodeList {
            nodes,
            ledger: journal.ledger,
            events: in_order(events),
        })
    }
}

/// The labels of those values that a record states.
pub(crate) fn stated_labels<'v>(pairs: impl IntoIterator<Item = (&'v str, &'v str)>) -> Labels {
    let mut labels = Labels::new();
    for (name, value) in pairs {
        if !value.is_empty() {
            labels.insert(name.into(), value.into());
        }
    }
    labels
}

fn read(input: &Input, options: &ReadOptions) -> Result<NodeList, TraceError> {
    let mut machines = Machines::default();
    let mut stated = Attributes::default();
    let tables = tables(input)?;
    let mut journal = tables.journal(input, options)?;
    let [events, attributes] = &tables.read;
    for part in attributes {
        stated.add(part, &mut journal)?;
    }
    each_row_of_all(events, &LAYOUT, &mut journal, |journal, fields| {
        let event = Event::of(fields)?;
        let capacity = capacity(fields, CAPACITY, options)?;
        let mut labels = stated_labels([(PLATFORM_LABEL, fields.text(PLATFORM))]);
        let more = stated.of(event.machine).into_iter().flat_map(Labels::iter);
        labels.extend(more.map(|(name, value)| (name.clone(), value.clone())));
        Ok(machines.take(journal, fields.line(), event, capacity, labels)?)
    })?;
    machines.finish(journal, options.pods_per_node)
}

/// The places of the columns of a capacity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CapacityPlaces {
    /// The share of processors.
    pub(crate) cpu: usize,
    /// The share of memory.
    pub(crate) memory: usize,
}

/// The capacity that a record states in two places, in 1/1000 core and bytes, if it states one.
pub(crate) fn capacity(
    fields: &Fields<'_, '_>,
    places: CapacityPlaces,
    options: &ReadOptions,
) -> Result<Option<Capacity>, BadRow> {
    let cpu = fields.scaled(places.cpu, options.full_cpu_milli, 1.0)?;
    let memory = fields.scaled(places.memory, options.full_memory_bytes, 1.0)?;
    let both = cpu.zip(memory);
    Ok(both.map(|(cpu_milli, memory)| Capacity {
        cpu_milli,
        memory,
        disk: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::timeline::OUT_OF_ORDER;
    use crate::tests::prelude::*;

    #[test]
    fn events_happen_in_order_of_time() {
        let rows = "0,5,0,p,0.5,0.25\n20,5,0,p,1,0.25\n30,6,0,q,0.5,0.25\n10,5,1,p,,\n";
        let list = read(&file("machines.csv", rows), &ReadOptions::default()).expect("readable");
        let events = events(&list, 1_000);
        let [
            (0, 1, NodeEventKind::Goes),
            (10, 0, NodeEventKind::Goes),
            (20, 0, NodeEventKind::Comes),
            (20, 0, NodeEventKind::Resized(_)),
            (30, 1, NodeEventKind::Comes),
        ] = events[..]
        else {
            panic!("the machine goes at 10 and comes again at 20: {events:?}");
        };
        assert_eq!(list.ledger.count(OUT_OF_ORDER), 1);
        assert_eq!(list.ledger.count("machine added while it is there"), 0);
    }

    #[test]
    fn machines_have_their_first_capacity() {
        let rows = "0,5,0,p,0.5,0.25\n0,6,0,p,,\n0,8,0,p,,\n9,5,1,p,,\n10,5,0,p,0.5,0.25\n\
                    11,6,2,p,1,0.5\n12,6,2,p,1,1\n13,7,0,p,2,1\n14,x,0,p,1,1\n";
        let input = Input::bytes("machines.csv", rows.as_bytes());
        let options = options_with(|own| own.rows = intake::ledger::RowPolicy::REPORT);
        let list = read(&input, &options).expect("readable");
        let seen: Vec<_> = { list.nodes.iter() }
            .map(|node| (&*node.name, node.allocatable.get("cpu").milli_floor()))
            .collect();
        assert_eq!(seen, [("5", Ok(32_000)), ("6", Ok(64_000))]);
        assert_eq!(list.ledger.count("machine without a capacity"), 1);
        let events = events(&list, 1_000);
        assert!(matches!(
            events[..],
            [
                (9, 0, NodeEventKind::Goes),
                (10, 0, NodeEventKind::Comes),
                (12, 1, NodeEventKind::Resized(_)),
            ]
        ));
        validate(&input, &ENTRY, &ReadOptions::default(), 9).has_bad_rows([
            "machines.csv:8: column `CPU capacity`: must be at most 1, found `2`",
            "machines.csv:9: column `machine id`: must be a whole number, found `x`",
        ]);
    }
}
