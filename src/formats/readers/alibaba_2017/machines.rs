//! Machines of Alibaba's trace of 2017: those that are added. A machine with a soft or hard error
//! keeps its instances and takes no other in the origin; the trace doesn't say when it is back.

use serde::{Deserialize, Serialize};

use super::usage;
use crate::parts::machine_course::{MachineCourse, in_order};
use crate::parts::timeline::Event;
use crate::readers::prelude::*;
use units::SortedMap;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "alibaba-2017-machines",
    summary: "machines of Alibaba's cluster trace of 2017 (CSV without header)",
    columns: COLUMNS,
    relations: &[],
    names: &["machine id", "event detail"],
    cells: |format, input, show| tables(input)?.show(format, &LAYOUT, show),
    options: &["pods-per-node", "full-memory"],
    sniff,
    open: Constructor::Nodes(read),
};

columns! { COLUMNS;
    TIME: required("timestamp", "s from the trace's start") => is_whole,
    MACHINE: required("machine id", "machine; becomes the node's name"),
    EVENT: required("event type",
        "add, softerror or harderror; a machine with an error takes no new pods until it is added again")
        => |field| EVENTS.contains(&field),
    _: required("event detail", "cause of an error; read, not used"),
    CPU: required("cpus", "cores"),
    MEMORY: required("memory", "share of the largest machine"),
    DISK: required("disk space", "share of the largest machine; ephemeral storage, 1 TiB of which is the largest"),
}

pub(super) const LAYOUT: Layout = Layout::headless(COLUMNS);

/// The events of a machine.
const EVENTS: [&str; 3] = ["add", "softerror", "harderror"];

fn sniff(first: &[u8]) -> Confidence {
    LAYOUT.confidence(first).max(usage::of_machines(first))
}

fn tables(input: &Input) -> Result<Tables<1>, TraceError> {
    Tables::with_first(input, super::TABLES, ["server_event"])
}

/// An event of a machine.
#[derive(Serialize, Deserialize)]
struct Row {
    time: Instant,
    id: i64,
    /// Whether the machine is added, else it has an error.
    is_added: bool,
    capacity: Option<Capacity>,
}

impl Event for Row {
    type Object = i64;

    fn object(&self) -> i64 {
        self.id
    }

    fn rank(&self) -> Rank {
        if self.is_added {
            Rank::Comes
        } else {
            Rank::Goes
        }
    }
}

impl Row {
    fn of(
        journal: &mut Journal,
        fields: &Fields<'_, '_>,
        options: &ReadOptions,
    ) -> Result<Self, Refused> {
        let id = fields.number(MACHINE, 0, i64::MAX)?;
        let event = fields.text(EVENT);
        if !EVENTS.contains(&event) {
            return Err(fields.bad(EVENT, "add, softerror or harderror").into());
        }
        let cpu = fields.integer(CPU, 1, 1_000_000)?;
        let memory = super::share_of(fields, MEMORY, options.full_memory_bytes)?;
        let disk = super::share_of(fields, DISK, super::FULL_DISK)?;
        Ok(Self {
            time: super::time(journal, fields, TIME)?,
            id,
            is_added: event == "add",
            capacity: cpu.zip(memory).map(|(cores, memory)| Capacity {
                cpu_milli: 1_000 * cores,
                memory,
                disk,
            }),
        })
    }
}

fn read(input: &Input, options: &ReadOptions) -> Result<NodeList, TraceError> {
    let mut nodes = Vec::new();
    let mut known: SortedMap<i64, (usize, Capacity, MachineCourse)> = SortedMap::new();
    let tables = tables(input)?;
    let mut journal = tables.journal(input, options)?;
    let mut rows = Timed::default();
    each_row_of_all(&tables.read[0], &LAYOUT, &mut journal, |journal, fields| {
        let row = Row::of(journal, fields, options)?;
        Ok(rows.push(journal, fields.line(), Some(row.time), row)?)
    })?;
    rows.each(&mut journal, |journal, line, row| {
        let Row {
            time,
            id,
            is_added,
            capacity,
        } = row;
        if !is_added {
            let Some((_, _, course)) = known.get_mut(&id) else {
                let kind = "error of a machine that is not there";
                return Ok(journal.dirt(kind, Action::Drop, line)?);
            };
            course.takes(time, false);
            return Ok(());
        }
        if let Some((_, before, course)) = known.get_mut(&id) {
            journal.dirt("machine added again", Action::Keep, line)?;
            // One that states nothing has what it had.
            let capacity = capacity.unwrap_or(*before);
            if std::mem::replace(before, capacity) != capacity {
                course.resized(time, capacity);
            }
            course.takes(time, true);
            return Ok(());
        }
        let Some(capacity) = capacity else {
            return Ok(journal.dirt("machine without a capacity", Action::Drop, line)?);
        };
        let mut course = MachineCourse::default();
        course.comes(time);
        known.insert(id, (nodes.len(), capacity, course));
        let name = id.to_string().into();
        nodes.push(node(name, Labels::new(), capacity, options.pods_per_node));
        Ok(())
    })?;
    let mut events = Vec::new();
    for (place, _, course) in known.into_values() {
        course.finish(place, options.pods_per_node, &mut events);
    }
    Ok(NodeList {
        nodes,
        ledger: journal.ledger,
        events: in_order(events),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;
    use model::resource_list::EPHEMERAL_STORAGE;

    #[test]
    fn events_happen_in_order_of_time() {
        let rows = "500,1,softerror,disk_full,,,\n0,1,add,,64,0.69,0.4\n";
        let list = read(&file("m.csv", rows), &ReadOptions::default()).expect("good rows");
        let kinds: Vec<_> = list.events.iter().map(|own| &own.kind).collect();
        assert_eq!(kinds, [&NodeEventKind::Refuses]);
        assert_eq!(list.ledger.count(crate::parts::timeline::OUT_OF_ORDER), 1);
    }

    #[test]
    fn disks_are_ephemeral_storage() {
        let rows = "0,1,add,,64,0.69,0.5\n0,2,add,,64,0.69,\n60,1,add,,64,0.69,0.25\n";
        let list = read(&file("m.csv", rows), &ReadOptions::default()).expect("good rows");
        let disk = |list: &ResourceList| list.get(EPHEMERAL_STORAGE).units_ceil();
        let of_nodes = list.nodes.iter().map(|own| disk(&own.allocatable));
        let half = Ok(512 << 30);
        assert_eq!(of_nodes.collect::<Vec<_>>(), [half, Ok(0)]);
        let NodeEventKind::Resized(later) = &list.events[0].kind else {
            panic!("{:?}", list.events);
        };
        assert_eq!(disk(later), Ok(256 << 30));
    }

    #[test]
    fn added_machines_are_nodes() {
        let rows = "0,1,add,,64,0.69,0.4\n0,2,add,,64,0.69,0.4\n0,2,add,,64,0.69,0.4\n\
                    0,3,add,,,,\n500,1,softerror,disk_full,,,\n\
                    600,1,add,,,,\n";
        let list = read(&file("m.csv", rows), &ReadOptions::default()).expect("good rows");
        assert_eq!(list.nodes.len(), 2);
        assert_eq!(
            list.nodes[0].allocatable.get("cpu").milli_floor(),
            Ok(64_000)
        );
        list.ledger.has_counts([
            ("machine added again", 2),
            ("machine without a capacity", 1),
        ]);
        // The machine that was added again takes work; the first machine has an error, and is added again as it was.
        let seen = events(&list, 1_000_000_000);
        seen.are([
            (0, 1, &NodeEventKind::Accepts),
            (500, 0, &NodeEventKind::Refuses),
            (600, 0, &NodeEventKind::Accepts),
        ]);
        faults(&ENTRY, "m.csv", "0,1,gone,,64,0.69,0.4\n").has_bad_rows([
            "m.csv:1: column `event type`: must be add, softerror or harderror, found `gone`",
        ]);
    }
}
