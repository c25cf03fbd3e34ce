//! Machines of Alibaba's trace of 2018: a machine comes with its first row, and those after it are snapshots. One that is
//! in another state than USING takes no new work until it is, as a machine with an error in the trace of 2017.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use super::usage;
use crate::parts::machine_course::{MachineCourse, in_order};
use crate::parts::timeline::Event;
use crate::readers::prelude::*;
use model::Node;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "alibaba-2018-machines",
    summary: "machines of Alibaba's cluster trace of 2018 (CSV without header)",
    columns: COLUMNS,
    relations: &[],
    names: &["machine_id", "status"],
    cells: |format, input, show| tables(input)?.show(format, &LAYOUT, show),
    options: &["pods-per-node", "full-memory"],
    sniff,
    open: Constructor::Nodes(read),
};

columns! { COLUMNS;
    MACHINE: required("machine_id", "machine; becomes the node's name") => |field| field.starts_with("m_"),
    TIME: required("time_stamp", "s from the trace's start; a machine comes with its first row") => is_whole,
    _: required("failure_domain_1", "failure domain; becomes a label"),
    _: required("failure_domain_2", "finer failure domain; becomes a label"),
    CPU: required("cpu_num", "cores") => |field| field.is_empty() || is_whole(field),
    MEMORY: required("mem_size", "percent of the largest machine"),
    STATUS: required("status", "state; a machine in another one than USING takes no new pods"),
}

pub(super) const LAYOUT: Layout = Layout::headless(COLUMNS);

const DOMAINS: [(usize, &str); 2] = [
    (2, "alibabacloud.com/failure-domain-1"),
    (3, "alibabacloud.com/failure-domain-2"),
];

/// The state of a machine that takes work.
const IN_USE: &str = "USING";
/// The state of a machine that is being brought into the cluster.
const BEING_IMPORTED: &str = "IMPORT";

fn sniff(first: &[u8]) -> Confidence {
    LAYOUT.confidence(first).max(usage::of_machines(first))
}

fn tables(input: &Input) -> Result<Tables<1>, TraceError> {
    Tables::with_first(input, super::TABLES, ["machine_meta"])
}

/// A row of a machine.
#[derive(Serialize, Deserialize)]
struct Row {
    name: Text,
    time: Instant,
    capacity: Option<Capacity>,
    domains: [Text; DOMAINS.len()],
    is_in_use: bool,
}

impl Event for Row {
    type Object = Text;

    fn object(&self) -> Text {
        self.name.clone()
    }

    fn rank(&self) -> Rank {
        Rank::Comes
    }
}

impl Row {
    fn of(
        journal: &mut Journal,
        fields: &Fields<'_, '_>,
        options: &ReadOptions,
    ) -> Result<Self, Refused> {
        let name: Text = fields.name(MACHINE, "the name of a machine")?.into();
        let time = fields.seconds(TIME)?;
        let time = time.ok_or_else(|| fields.bad(TIME, "seconds"))?;
        let cpu = fields.integer(CPU, 1, 1_000_000)?;
        let memory = super::percent_of(fields, MEMORY, options.full_memory_bytes)?;
        Ok(Self {
            name,
            time,
            capacity: cpu.zip(memory).map(|(cores, memory)| Capacity {
                cpu_milli: 1_000 * cores,
                memory,
                disk: None,
            }),
            domains: DOMAINS.map(|(place, _)| Text::from(fields.text(place))),
            is_in_use: is_in_use(journal, fields)?,
        })
    }

    /// The node of a machine whose first row this is.
    fn node(self, capacity: Capacity, options: &ReadOptions) -> Node {
        let mut labels = Labels::new();
        for ((_, label), domain) in DOMAINS.iter().zip(self.domains) {
            if !domain.is_empty() {
                labels.insert((*label).into(), domain);
            }
        }
        node(self.name, labels, capacity, options.pods_per_node)
    }
}

/// Whether a row says that its machine takes work; any other state is told.
fn is_in_use(journal: &mut Journal, fields: &Fields<'_, '_>) -> Result<bool, TraceError> {
    let kind = match fields.text(STATUS) {
        IN_USE => return Ok(true),
        BEING_IMPORTED => "machine that is imported; takes no new pods until it is USING",
        "" => {
            let kind = "row without a status; counted as USING";
            journal.dirt(kind, Action::Keep, fields.line())?;
            return Ok(true);
        }
        _ => {
            "status that is neither USING nor IMPORT; the machine takes no new pods until it is USING"
        }
    };
    journal.dirt(kind, Action::Keep, fields.line())?;
    Ok(false)
}

/// A machine up to its present row.
struct Machine {
    node: Node,
    capacity: Capacity,
    is_in_use: bool,
    course: MachineCourse,
}

impl Machine {
    /// The machine comes, with its first row.
    fn comes(row: Row, capacity: Capacity, options: &ReadOptions) -> Self {
        let (time, is_in_use) = (row.time, row.is_in_use);
        let mut course = MachineCourse::default();
        course.comes(time);
        if !is_in_use {
            course.takes(time, false);
        }
        Self {
            node: row.node(capacity, options),
            capacity,
            is_in_use,
            course,
        }
    }

    /// A later row of the machine; one that states no capacity leaves it as it is.
    fn goes_on(&mut self, row: &Row) {
        let capacity = row.capacity.unwrap_or(self.capacity);
        if std::mem::replace(&mut self.capacity, capacity) != capacity {
            self.course.resized(row.time, capacity);
        }
        if std::mem::replace(&mut self.is_in_use, row.is_in_use) != row.is_in_use {
            self.course.takes(row.time, row.is_in_use);
        }
    }
}

fn read(input: &Input, options: &ReadOptions) -> Result<NodeList, TraceError> {
    let mut machines: IndexMap<Text, Machine, FxBuildHasher> = IndexMap::default();
    let mut rows = Timed::default();
    let tables = tables(input)?;
    let mut journal = tables.journal(input, options)?;
    each_row_of_all(&tables.read[0], &LAYOUT, &mut journal, |journal, fields| {
        let row = Row::of(journal, fields, options)?;
        rows.push_any(journal, fields.line(), row.time, row);
        Ok(())
    })?;
    rows.each(&mut journal, |journal, line, row| {
        if let Some(machine) = machines.get_mut(&row.name) {
            let kind = "row without a capacity; the machine keeps what it had";
            journal.keep_if(row.capacity.is_none(), kind, line)?;
            machine.goes_on(&row);
            return Ok(());
        }
        let Some(capacity) = row.capacity else {
            return Ok(journal.dirt("row without a capacity", Action::Drop, line)?);
        };
        let name = row.name.clone();
        machines.insert(name, Machine::comes(row, capacity, options));
        Ok(())
    })?;
    let mut events = Vec::new();
    let mut list = NodeList::default();
    for machine in machines.into_values() {
        let place = list.nodes.len();
        { machine.course }.finish(place, options.pods_per_node, &mut events);
        list.nodes.push(machine.node);
    }
    list.ledger = journal.ledger;
    list.events = in_order(events);
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;

    #[test]
    fn machines_come_with_their_first_row_and_take_work_while_in_use() {
        let rows = "m_1,0,3,30,96,100,USING\nm_2,5000,3,31,96,50,USING\nm_3,0,3,31,96,50,IMPORT\n\
                    m_1,6000,,,,,REMOVED\nm_3,6500,3,31,96,50,USING\nm_1,7000,3,30,96,100,USING\n\
                    m_4,0,3,30,96,100,\n";
        let list = read(&file("m.csv", rows), &ReadOptions::default()).expect("good rows");
        let seen = events(&list, 1_000_000_000);
        // The nodes stand in the order of the first rows by time.
        assert_eq!(&*list.nodes[3].name, "m_2");
        seen.are([
            (0, 1, &NodeEventKind::Refuses),
            (0, 3, &NodeEventKind::Goes),
            (5_000, 3, &NodeEventKind::Comes),
            (6_000, 0, &NodeEventKind::Refuses),
            (6_500, 1, &NodeEventKind::Accepts),
            (7_000, 0, &NodeEventKind::Accepts),
        ]);
        list.ledger.has_once([
            "machine that is imported; takes no new pods until it is USING",
            "status that is neither USING nor IMPORT; the machine takes no new pods until it is USING",
            "row without a status; counted as USING",
            "row without a capacity; the machine keeps what it had",
        ]);
    }

    #[test]
    fn the_first_row_of_a_machine_is_a_node() {
        let rows = "m_1,0,3,30,96,100,USING\nm_2,0,3,31,96,50,USING\nm_1,50,3,30,96,100,USING\n\
                    m_1,60,3,30,64,100,USING\nm_3,0,,,,101,OFF\n";
        let list = read(&file("m.csv", rows), &ReadOptions::default()).expect("good rows");
        assert_eq!(list.nodes.len(), 2);
        assert_eq!(
            list.nodes[0].allocatable.get("cpu").milli_floor(),
            Ok(96_000)
        );
        assert_eq!(
            list.nodes[1].allocatable.get("memory").units_ceil(),
            Ok(128 << 30)
        );
        assert_eq!(list.ledger.count("row without a capacity"), 1);
        let [change] = &list.events[..] else {
            panic!("one change: {:?}", list.events);
        };
        assert_eq!((change.at, change.node), (Instant::from_secs(60), 0));
        faults(&ENTRY, "m.csv", "m_1,0,3,30,x,100,USING\n")
            .has_bad_rows(["m.csv:1: column `cpu_num`: must be a whole number, found `x`"]);
    }
}
