//! Machines of Alibaba's trace of spot GPUs. The table doesn't state memory, so nodes offer none.

use crate::parts::machine_list::{gpu_machine, machines};
use crate::readers::prelude::*;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "alibaba-spot-gpu-2026-machines",
    summary: "machines of Alibaba's trace of spot GPUs of 2026 (`node_info_df`, CSV with header)",
    columns: COLUMNS,
    relations: &[],
    names: &["node_name"],
    cells: |format, input, show| tables(input)?.show(format, &LAYOUT, show),
    options: &["pods-per-node"],
    sniff: |first| LAYOUT.confidence(first),
    open: Constructor::Nodes(read),
};

columns! { COLUMNS;
    MODEL: required("gpu_model", "GPU model"),
    GPU: required("gpu_capacity_num", "GPU devices"),
    CPU: required("cpu_num", "cores"),
    MACHINE: required("node_name", "machine; becomes the node's name"),
}

pub(super) const LAYOUT: Layout = Layout::headed(COLUMNS, b',');

fn tables(input: &Input) -> Result<Tables<1>, TraceError> {
    Tables::with_first(input, super::TABLES, ["node_info_df"])
}

fn read(input: &Input, options: &ReadOptions) -> Result<NodeList, TraceError> {
    let tables = tables(input)?;
    let (list, journal) = (&tables.read[0], tables.journal(input, options)?);
    machines(list, &LAYOUT, journal, |journal, fields, nodes| {
        let name = fields.name(MACHINE, "the name of a machine")?;
        let devices = fields.number(GPU, 0, MAX_DEVICES as i64)?;
        let cores = fields.number(CPU, 1, 1_000_000)?;
        let kind = "memory not known; the node offers none";
        journal.dirt(kind, Action::Keep, fields.line())?;
        let model = fields.text(MODEL);
        let amounts = [cores, 0, devices];
        nodes.push(gpu_machine(name.into(), amounts, model, options));
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;

    const HEADER: &str = "gpu_model,gpu_capacity_num,cpu_num,node_name\n";

    #[test]
    fn machines_are_nodes_with_devices() {
        let rows = format!("{HEADER}A10,1,128,2\nH800,8,192,3\n");
        let list = read(&file("n.csv", rows), &ReadOptions::default()).expect("good rows");
        let seen: Vec<_> = { list.nodes.iter() }
            .map(|node| (&*node.name, node.gpu.as_ref().map_or(0, |gpu| gpu.devices)))
            .collect();
        assert_eq!(seen, [("2", 1), ("3", 8)]);
        list.ledger
            .has_counts([("memory not known; the node offers none", 2)]);
        faults(&ENTRY, "n.csv", format!("{HEADER}A10,65,128,2\n"))
            .has_bad_rows(["n.csv:2: column `gpu_capacity_num`: must be at most 64, found `65`"]);
    }
}
