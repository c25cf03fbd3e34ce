//! Machines of Alibaba's trace of 2017: those that are added. A machine with a soft or hard error
//! keeps its instances and takes no other in the origin; the trace doesn't say when it is back.

use crate::error::TraceError;
use crate::format::{
    ColumnDoc, Confidence, Constructor, FieldTest, FormatEntry, NodeList, is_whole, row_has,
};
use crate::gather::node;
use crate::input::Input;
use crate::ledger::{Action, Journal};
use crate::options::ReadOptions;
use crate::rows::{Layout, each_row, show_rows};
use model::Labels;
use units::SortedSet;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "alibaba-2017-machines",
    summary: "machines of Alibaba's cluster trace of 2017 (CSV without header)",
    columns: COLUMNS,
    names: &["machine id", "event detail"],
    cells: |format, input, show| show_rows(format, &LAYOUT, input, show),
    options: &["pods-per-node", "full-memory"],
    sniff,
    open: Constructor::Nodes(read),
};

const COLUMNS: &[ColumnDoc] = &[
    ColumnDoc::required("timestamp", "s from the trace's start"),
    ColumnDoc::required("machine id", "machine; becomes the node's name"),
    ColumnDoc::required(
        "event type",
        "add, softerror or harderror; errors are not enforced",
    ),
    ColumnDoc::required("event detail", "cause of an error; read, not used"),
    ColumnDoc::required("cpus", "cores"),
    ColumnDoc::required("memory", "share of the largest machine"),
    ColumnDoc::required("disk space", "share of the largest machine; read, not used"),
];

const LAYOUT: Layout = Layout::headless(COLUMNS);

const TIME: usize = 0;
const MACHINE: usize = 1;
const EVENT: usize = 2;
const CPU: usize = 4;
const MEMORY: usize = 5;

/// The events of a machine.
const EVENTS: [&str; 3] = ["add", "softerror", "harderror"];

fn sniff(first: &[u8]) -> Confidence {
    let tests: [FieldTest; 2] = [(TIME, is_whole), (EVENT, |field| EVENTS.contains(&field))];
    row_has(first, b',', COLUMNS.len(), &tests)
}

fn read(input: &Input, options: &ReadOptions) -> Result<NodeList, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut nodes = Vec::new();
    let mut known: SortedSet<i64> = SortedSet::new();
    each_row(input, &LAYOUT, &mut journal, |journal, fields| {
        let line = fields.line();
        let id = fields.number(MACHINE, 0, i64::MAX)?;
        let event = fields.text(EVENT);
        if !EVENTS.contains(&event) {
            return Err(fields.bad(EVENT, "add, softerror or harderror").into());
        }
        let cpu = fields.integer(CPU, 1, 1_000_000)?;
        let memory = super::share_of(fields, MEMORY, options.full_memory_bytes)?;
        super::time(journal, fields, TIME)?;
        if event != "add" {
            return Ok(journal.dirt("error of a machine, not enforced", Action::Keep, line)?);
        }
        let Some((cpu, memory)) = cpu.zip(memory) else {
            return Ok(journal.dirt("machine without a capacity", Action::Drop, line)?);
        };
        if !known.insert(id) {
            return Ok(journal.dirt("machine added twice", Action::Drop, line)?);
        }
        let (name, capacity) = (id.to_string().into(), (1_000 * cpu, memory));
        nodes.push(node(name, Labels::new(), capacity, options.pods_per_node));
        Ok(())
    })?;
    Ok(NodeList {
        nodes,
        ledger: journal.ledger,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::validate;

    #[test]
    fn added_machines_are_nodes() {
        let rows = "0,1,add,,64,0.69,0.4\n0,2,add,,64,0.69,0.4\n0,2,add,,64,0.69,0.4\n\
                    0,3,add,,,,\n500,1,softerror,disk_full,,,\n";
        let input = Input::bytes("m.csv", rows.as_bytes());
        let list = read(&input, &ReadOptions::default()).expect("good rows");
        assert_eq!(list.nodes.len(), 2);
        assert_eq!(
            list.nodes[0].allocatable.get("cpu").milli_floor(),
            Ok(64_000)
        );
        for kind in [
            "machine added twice",
            "machine without a capacity",
            "error of a machine, not enforced",
        ] {
            assert_eq!(list.ledger.count(kind), 1, "{kind}");
        }
        let found = validate(
            &Input::bytes("m.csv", &b"0,1,gone,,64,0.69,0.4\n"[..]),
            &ENTRY,
            &ReadOptions::default(),
            9,
        );
        assert_eq!(
            found.bad_rows[0].to_string(),
            "m.csv:1: column `event type`: must be add, softerror or harderror, found `gone`"
        );
    }
}
