//! Nodes of the openb GPU cluster trace (2023): one row per node. Format: `traces.md`, section 5.
//!
//! The trace has no number of pods per node; the published study allows 1,001, which is the
//! default of the option `pods-per-node`. A node's GPU model becomes the label
//! `alibabacloud.com/gpu-card-model`, as in the study's own manifests. Four columns are the project's own, for what
//! `trace convert` writes of machines of other formats: amounts, labels, taints and later events.

use crate::content_hash::cells_of_table;
use crate::parts::machine_course::in_order;
use crate::parts::node_cells::{self, COLUMNS};
use crate::readers::prelude::*;
use arrivals::format::NodeEvent;
use intake::number::MOST_OF_A_RESOURCE;
use intake::table::{Column, Row, Table};
use intake::unknown_columns::note_columns;
use model::resource_list::{CPU, MEMORY};
use model::{GpuInventory, Node};

pub use crate::parts::sorting::GPU_MODEL_LABEL;

/// Bytes of a MiB.
pub(super) const MIB: i64 = 1 << 20;
/// More than any machine has; keeps sums over a cluster within 2^62.
pub(super) const MAX_CPU_MILLI: i64 = 1_000_000_000;
/// The most that a run takes of a node or a pod, in MiB.
pub(super) const MAX_MEMORY_MIB: i64 = MOST_OF_A_RESOURCE / MIB;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "openb-nodes",
    summary: "nodes of the openb GPU cluster trace (CSV with header)",
    columns: columns! {
        required("sn", "name of the node"),
        required("cpu_milli", "CPU in 1/1000 core, at least 1; empty if not known, and then none"),
        required("memory_mib", "memory in MiB, at least 1; empty if not known, and then none"),
        required("gpu", "number of GPU devices, 0 to 64"),
        required("model", "GPU model of the devices; empty without devices"),
        optional("resources", "amounts in the place of those above and of the option, such as `pods=110 memory=4Gi`"),
        optional("labels", "such as `zone=a,disk=ssd`"),
        optional("taints", "such as `gpu=yes:NoSchedule,old:NoExecute`"),
        optional("events", "what happens later, such as `0s goes | 1h comes | 2h cpu=8 memory=4Gi`"),
    },
    relations: &[],
    names: &["sn"],
    cells: cells_of_table,
    options: &["pods-per-node"],
    sniff,
    open: Constructor::Nodes(read),
};

fn sniff(first: &[u8]) -> Confidence {
    header_has(first, &["sn", "cpu_milli", "memory_mib", "gpu", "model"])
}

/// Reads all nodes in the file's order.
pub fn read(input: &Input, options: &ReadOptions) -> Result<NodeList, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut table = Table::open(input)?;
    note_columns(&mut journal, &table, ENTRY.columns)?;
    let columns = Columns::find(&table)?;
    let (mut nodes, mut events) = (Vec::new(), Vec::new());
    while let Some(row) = table.next_row()? {
        let found = row.and_then(|row| {
            let mut node = columns.node(&row, options.pods_per_node)?;
            let own = columns.add_more(&row, &mut node, nodes.len())?;
            let unknown = columns.unknown(&row, &node);
            Ok((node, own, row.line, unknown))
        });
        match found {
            Ok((node, own, line, unknown)) => {
                nodes.push(node);
                events.extend(own);
                if let Some(kind) = unknown {
                    journal.dirt(kind, Action::Keep, line)?;
                }
            }
            Err(bad) => journal.bad_row(bad)?,
        }
    }
    journal.end(table.open_end())?;
    Ok(NodeList {
        nodes,
        ledger: journal.ledger,
        events: in_order(events),
    })
}

struct Columns {
    name: Column,
    cpu_milli: Column,
    memory_mib: Column,
    gpu: Column,
    model: Column,
    more: [Option<Column>; COLUMNS.len()],
}

impl Columns {
    fn find(table: &Table) -> Result<Self, TraceError> {
        Ok(Self {
            name: table.required_column("sn")?,
            cpu_milli: table.required_column("cpu_milli")?,
            memory_mib: table.required_column("memory_mib")?,
            gpu: table.required_column("gpu")?,
            model: table.required_column("model")?,
            more: COLUMNS.map(|column| table.column(column.name)),
        })
    }

    /// Adds to the node of a place what the columns of the project's own say; returns its events.
    fn add_more(
        &self,
        row: &Row<'_>,
        node: &mut Node,
        place: usize,
    ) -> Result<Vec<NodeEvent>, BadRow> {
        let cells = { self.more.each_ref() }.map(|column| row.optional_text(column.as_ref()));
        node_cells::read(cells, node, place).map_err(|refused| {
            let mut more = self.more.iter().flatten();
            let column = more.find(|column| column.name() == refused.name);
            row.bad(column.unwrap_or(&self.name), refused.notation)
        })
    }

    /// The amounts that a row leaves open, if it does.
    fn unknown(&self, row: &Row<'_>, node: &Node) -> Option<&'static str> {
        let is_open = |column: &Column, resource: &str| {
            row.bytes(column).is_empty() && node.allocatable.get(resource) == Quantity::ZERO
        };
        match (
            is_open(&self.cpu_milli, CPU),
            is_open(&self.memory_mib, MEMORY),
        ) {
            (true, true) => Some("cores and memory not known; the node offers none"),
            (true, false) => Some("cores not known; the node offers none"),
            (false, true) => Some("memory not known; the node offers none"),
            (false, false) => None,
        }
    }

    fn node(&self, row: &Row<'_>, pods: i64) -> Result<Node, BadRow> {
        let name = row.text(&self.name);
        if name.is_empty() {
            return Err(row.bad(&self.name, "the name of a node"));
        }
        let amount = |column: &Column, most: i64| match row.bytes(column) {
            b"" => Ok(0),
            _ => row.integer(column, 1, most),
        };
        let cpu_milli = amount(&self.cpu_milli, MAX_CPU_MILLI)?;
        let memory_mib = amount(&self.memory_mib, MAX_MEMORY_MIB)?;
        let devices = row.integer(&self.gpu, 0, MAX_DEVICES as i64)?;
        let capacity = Capacity {
            cpu_milli,
            memory: memory_mib * MIB,
            disk: None,
        };
        let gpus = GpuInventory {
            devices: devices as u8,
            model: row.text(&self.model).into(),
        };
        Ok(gpu_node(name.into(), capacity, gpus, pods))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;
    use model::TaintEffect;
    use model::node::{ARCH_LABEL, HOSTNAME_LABEL, OS_LABEL};
    use model::resource_list::PODS;

    fn check(rows: &str, options: &ReadOptions) -> Result<NodeList, TraceError> {
        let text = format!("sn,cpu_milli,memory_mib,gpu,model\n{rows}");
        read(&Input::bytes("nodes.csv", text.into_bytes()), options)
    }

    #[test]
    fn a_row_becomes_a_node() {
        let list = check(
            "n0,64000,262144,2,P100\nn1,32000,1,0,\n",
            &ReadOptions::default(),
        );
        let nodes = list.expect("good rows").nodes;
        assert_eq!(nodes[0].allocatable.get("cpu").milli_ceil(), Ok(64_000));
        assert_eq!(
            nodes[0].allocatable.get("memory").units_ceil(),
            Ok(262_144 << 20)
        );
        assert_eq!(nodes[0].allocatable.get("pods").units_ceil(), Ok(1_001));
        let gpu = nodes[0].gpu.as_ref().expect("two devices");
        assert_eq!((gpu.devices, &*gpu.model), (2, "P100"));
        assert_eq!(nodes[0].labels[HOSTNAME_LABEL], "n0".into());
        assert_eq!(nodes[0].labels[GPU_MODEL_LABEL], "P100".into());
        let keys: Vec<&str> = nodes[1].labels.keys().map(|key| &**key).collect();
        assert_eq!(
            (&nodes[1].gpu, &*keys),
            (&None, &[ARCH_LABEL, HOSTNAME_LABEL, OS_LABEL][..])
        );
    }

    #[test]
    fn a_last_line_without_an_end_is_told() {
        let kind = "last line without an end of line; it is cut off if the file is";
        for (rows, expected) in [("n0,1,1,0,\n", 0), ("n0,1,1,0,", 1)] {
            let list = check(rows, &ReadOptions::default()).expect("good rows");
            assert_eq!(list.ledger.count(kind), expected, "{rows}");
        }
    }

    #[test]
    fn further_columns_are_read_as_they_are_written_by_hand() {
        let text = "sn,cpu_milli,memory_mib,gpu,model,labels,taints,resources,events\n\
            n0,1000,,0,,\"zone=a, disk=\",\"gpu=yes:NoSchedule, old:NoExecute\",memory=4Gi pods=9,0s goes | 1h comes\n\
            n1,1000,1024,0,,\"\"\"a=b\"\"=c\",,,1h cpu=8 | 1h refuses\n";
        let list = read(&file("nodes.csv", text), &ReadOptions::default()).expect("good rows");
        let [first, second] = &list.nodes[..] else {
            panic!("two nodes");
        };
        assert_eq!(list.ledger.total(), 0);
        assert_eq!(first.labels["zone"], "a".into());
        assert_eq!(first.labels["disk"], "".into());
        assert_eq!(second.labels["a=b"], "c".into());
        let taints = { first.taints.iter() }.map(|own| (&*own.key, &*own.value, own.effect));
        taints.collect::<Vec<_>>().are([
            ("gpu", "yes", TaintEffect::NoSchedule),
            ("old", "", TaintEffect::NoExecute),
        ]);
        let amounts = [PODS, MEMORY].map(|name| first.allocatable.get(name).units_ceil());
        assert_eq!(amounts, [Ok(9), Ok(4 << 30)]);
        // Memory and pods stay.
        let mut cores = second.allocatable.clone();
        assert!(cores.get(PODS) > Quantity::ZERO);
        cores.set(CPU, Quantity::from_units(8));
        let seen = { list.events.iter() }.map(|own| (own.at.as_secs_f64(), own.node, &own.kind));
        seen.collect::<Vec<_>>().are([
            (0.0, 0, &NodeEventKind::Goes),
            (3_600.0, 0, &NodeEventKind::Comes),
            (3_600.0, 1, &NodeEventKind::Resized(cores)),
            (3_600.0, 1, &NodeEventKind::Refuses),
        ]);
    }

    #[test]
    fn cells_in_no_notation_are_named_by_their_column() {
        for (column, cells) in [
            (
                "resources",
                &["pods", "pods=-1", "pods=1 pods=2", "cpu=1e30"][..],
            ),
            (
                "labels",
                &["a", "a=b;c=d,", "a=b,a=c", "\"\"\"a=b", "\"\"\"a\"\"b=c"],
            ),
            (
                "taints",
                &["a", "a=b", "a:Never", "a:NoSchedule,", ":b:NoSchedule"],
            ),
            (
                "events",
                &[
                    "goes",
                    "1h",
                    "1h stops",
                    "1h comes",
                    "1h goes | 2h goes",
                    "2h goes | 1h comes",
                    "-1h goes",
                    "1h goes comes",
                    "1h cpu=x",
                    "1h goes |",
                ],
            ),
        ] {
            for cell in cells {
                let text =
                    format!("sn,cpu_milli,memory_mib,gpu,model,{column}\nn,1,1,0,,\"{cell}\"\n");
                let error =
                    read(&file("nodes.csv", text), &ReadOptions::default()).expect_err(cell);
                let expected = format!("nodes.csv:2: column `{column}`: must be ");
                assert!(error.to_string().starts_with(&expected), "{error}");
            }
        }
    }

    #[test]
    fn bad_rows_are_named_or_listed() {
        for (row, message) in [
            (
                "n0,0,1,0,",
                "nodes.csv:2: column `cpu_milli`: must be at least 1, found `0`",
            ),
            (
                "n0,1,1,65,X",
                "nodes.csv:2: column `gpu`: must be at most 64, found `65`",
            ),
            (
                ",1,1,0,",
                "nodes.csv:2: column `sn`: must be the name of a node, found ``",
            ),
            (
                "n0,1",
                "nodes.csv:2: column `memory_mib`: the row has 2 fields where the header has 5, \
                 found `n0,1`",
            ),
        ] {
            let error = check(row, &ReadOptions::default()).expect_err(row);
            assert_eq!(error.to_string(), message);
        }
        let options = options_with(|own| (own.rows, own.pods_per_node) = (RowPolicy::REPORT, 110));
        let list = check("n0,0,1,0,\nn1,1,1,0,\n", &options).expect("reported");
        assert_eq!(list.nodes.len(), 1);
        assert_eq!(list.nodes[0].allocatable.get("pods").units_ceil(), Ok(110));
        assert_eq!(list.ledger.bad_row_count(), 1);
    }
}
