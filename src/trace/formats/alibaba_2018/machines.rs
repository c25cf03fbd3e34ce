//! Machines of Alibaba's trace of 2018: the first row of a machine is a node, those after it are
//! snapshots.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use super::usage;
use crate::error::TraceError;
use crate::format::{
    ColumnDoc, Confidence, Constructor, FieldTest, FormatEntry, NodeList, is_whole, row_has,
};
use crate::gather::{Capacity, node};
use crate::input::Input;
use crate::ledger::{Action, Journal};
use crate::machine_course::{MachineCourse, in_order};
use crate::options::ReadOptions;
use crate::rows::{Layout, each_row_of_all};
use crate::side_by_side::Tables;
use crate::timed::{Event, Rank, Timed};
use model::{Labels, Node, Text};
use units::Instant;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "alibaba-2018-machines",
    summary: "machines of Alibaba's cluster trace of 2018 (CSV without header)",
    columns: COLUMNS,
    names: &["machine_id", "status"],
    cells: |format, input, show| tables(input)?.show(format, &LAYOUT, show),
    options: &["pods-per-node", "full-memory"],
    sniff,
    open: Constructor::Nodes(read),
};

const COLUMNS: &[ColumnDoc] = &[
    ColumnDoc::required("machine_id", "machine; becomes the node's name"),
    ColumnDoc::required("time_stamp", "s from the trace's start"),
    ColumnDoc::required("failure_domain_1", "failure domain; becomes a label"),
    ColumnDoc::required("failure_domain_2", "finer failure domain; becomes a label"),
    ColumnDoc::required("cpu_num", "cores"),
    ColumnDoc::required("mem_size", "percent of the largest machine"),
    ColumnDoc::required("status", "state; read, not used"),
];

const LAYOUT: Layout = Layout::headless(COLUMNS);

const MACHINE: usize = 0;
const TIME: usize = 1;
const DOMAINS: [(usize, &str); 2] = [
    (2, "alibabacloud.com/failure-domain-1"),
    (3, "alibabacloud.com/failure-domain-2"),
];
const CPU: usize = 4;
const MEMORY: usize = 5;

fn sniff(first: &[u8]) -> Confidence {
    is_machines(first).max(usage::of_machines(first))
}

fn tables(input: &Input) -> Result<Tables<1>, TraceError> {
    let names = ["machine_meta"];
    Tables::of(input, super::TABLES, names)?.with_first(input, names[0])
}

/// Whether a table that begins with these bytes is one of machines.
pub(super) fn is_machines(first: &[u8]) -> Confidence {
    let tests: [FieldTest; 3] = [
        (MACHINE, |field| field.starts_with("m_")),
        (TIME, is_whole),
        (CPU, |field| field.is_empty() || is_whole(field)),
    ];
    row_has(first, b',', COLUMNS.len(), &tests)
}

/// A row of a machine.
#[derive(Serialize, Deserialize)]
struct Row {
    name: Text,
    time: Instant,
    capacity: Capacity,
    domains: [Text; DOMAINS.len()],
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

fn read(input: &Input, options: &ReadOptions) -> Result<NodeList, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut nodes: IndexMap<Text, (Capacity, Node, MachineCourse), FxBuildHasher> =
        IndexMap::default();
    let mut rows = Timed::default();
    let tables = tables(input)?;
    tables.note(&mut journal)?;
    each_row_of_all(&tables.read[0], &LAYOUT, &mut journal, |journal, fields| {
        let name: Text = fields.name(MACHINE, "the name of a machine")?.into();
        let time = fields.seconds(TIME)?;
        let time = time.ok_or_else(|| fields.bad(TIME, "seconds"))?;
        let cpu = fields.integer(CPU, 1, 1_000_000)?;
        let memory = super::percent_of(fields, MEMORY, options.full_memory_bytes)?;
        let line = fields.line();
        let Some((cores, memory)) = cpu.zip(memory) else {
            return Ok(journal.dirt("row without a capacity", Action::Drop, line)?);
        };
        let capacity = Capacity {
            cpu_milli: 1_000 * cores,
            memory,
        };
        let domains = DOMAINS.map(|(place, _)| Text::from(fields.text(place)));
        let row = Row {
            name,
            time,
            capacity,
            domains,
        };
        rows.push_any(journal, line, time, row);
        Ok(())
    })?;
    rows.each(&mut journal, |_, _, row| {
        let Row {
            name,
            time,
            capacity,
            domains,
        } = row;
        if let Some((before, _, course)) = nodes.get_mut(&name) {
            if std::mem::replace(before, capacity) != capacity {
                course.resized(time, capacity);
            }
            return Ok(());
        }
        let mut labels = Labels::new();
        for ((_, label), domain) in DOMAINS.iter().zip(domains) {
            if !domain.is_empty() {
                labels.insert((*label).into(), domain);
            }
        }
        let node = node(name.clone(), labels, capacity, options.pods_per_node);
        nodes.insert(name, (capacity, node, MachineCourse::default()));
        Ok(())
    })?;
    let mut events = Vec::new();
    let mut list = NodeList::default();
    for (_, node, course) in nodes.into_values() {
        course.finish(list.nodes.len(), options.pods_per_node, &mut events);
        list.nodes.push(node);
    }
    list.ledger = journal.ledger;
    list.events = in_order(events);
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::validate;

    #[test]
    fn the_first_row_of_a_machine_is_a_node() {
        let rows = "m_1,0,3,30,96,100,USING\nm_2,0,3,31,96,50,USING\nm_1,50,3,30,96,100,USING\n\
                    m_1,60,3,30,64,100,USING\nm_3,0,,,,101,OFF\n";
        let input = Input::bytes("m.csv", rows.as_bytes());
        let list = read(&input, &ReadOptions::default()).expect("good rows");
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
        let found = validate(
            &Input::bytes("m.csv", &b"m_1,0,3,30,x,100,USING\n"[..]),
            &ENTRY,
            &ReadOptions::default(),
            9,
        );
        assert_eq!(
            found.bad_rows[0].to_string(),
            "m.csv:1: column `cpu_num`: must be a whole number, found `x`"
        );
    }
}
