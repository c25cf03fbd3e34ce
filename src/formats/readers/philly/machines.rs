//! Machines of Philly's clusters (`cluster_machine_list`). The list states GPUs and how much memory each has, and neither
//! processors nor memory of the machine, so nodes offer none.

use crate::parts::machine_list::{gpu_machine, machines};
use crate::readers::prelude::*;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "philly-machines",
    summary: "machines of Microsoft's Philly clusters (`cluster_machine_list`, CSV with header)",
    columns: COLUMNS,
    relations: &[],
    names: &["machineId"],
    cells: |format, input, show| tables(input)?.show(format, &LAYOUT, show),
    options: &["pods-per-node"],
    sniff: |first| LAYOUT.confidence(first),
    open: Constructor::Nodes(read),
};

columns! { COLUMNS;
    MACHINE: required("machineId", "machine; becomes the node's name"),
    GPUS: required("number of GPUs", "GPU devices"),
    MEMORY: required("single GPU mem", "memory of a GPU, such as `24GB`; becomes a label"),
}

pub(super) const LAYOUT: Layout = Layout::headed(COLUMNS, b',');

/// The label that carries the memory of a machine's GPUs.
pub const GPU_MEMORY_LABEL: &str = "philly.microsoft/gpu-memory";

fn tables(input: &Input) -> Result<Tables<1>, TraceError> {
    Tables::with_first(input, super::TABLES, ["cluster_machine_list"])
}

fn read(input: &Input, options: &ReadOptions) -> Result<NodeList, TraceError> {
    let tables = tables(input)?;
    let (list, journal) = (&tables.read[0], tables.journal(input, options)?);
    machines(list, &LAYOUT, journal, |journal, fields, nodes| {
        let name = fields.name(MACHINE, "the name of a machine")?;
        let devices = fields.number(GPUS, 0, MAX_DEVICES as i64)?;
        let memory = fields.text(MEMORY);
        let gigabytes = memory.strip_suffix("GB").unwrap_or(memory).trim();
        if !memory.is_empty() && gigabytes.parse::<u32>().is_err() {
            return Err(fields.bad(MEMORY, "an amount such as `24GB`").into());
        }
        let kind = "cores and memory not known; the node offers none";
        journal.dirt(kind, Action::Keep, fields.line())?;
        let mut node = gpu_machine(name.into(), [0, 0, devices], "", options);
        if !memory.is_empty() {
            node.labels.insert(GPU_MEMORY_LABEL.into(), memory.into());
        }
        nodes.push(node);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;

    const ROWS: &str = "machineId, number of GPUs, single GPU mem\nm0, 2, 24GB\nm1, 8, 12GB\n";

    #[test]
    fn machines_have_their_gpus() {
        let files = [
            (
                "cluster_cpu_util",
                "time,machine_id,cpu_util\n2017-11-27 00:04:00 PST,m1,NA\n",
            ),
            (
                "cluster_gpu_util",
                "time,machineId,gpu0_util,gpu1_util,\n2017-10-03 00:00:00 PDT,m1,1,NA,\n",
            ),
            ("cluster_machine_list", ROWS),
            (
                "cluster_mem_util",
                "time,machine_id,mem_total,mem_free\n2017-11-27 00:04:00 PST,m1,5,3\n",
            ),
        ];
        let list = read(
            &file("philly.tar", archive(&files)),
            &ReadOptions::default(),
        )
        .expect("good rows");
        let seen: Vec<_> = { list.nodes.iter() }
            .map(|node| (&*node.name, node.gpu.as_ref().map_or(0, |gpu| gpu.devices)))
            .collect();
        assert_eq!(seen, [("m0", 2), ("m1", 8)]);
        assert_eq!(list.nodes[0].labels[GPU_MEMORY_LABEL], "24GB".into());
        assert_eq!(list.ledger.entries().len(), 4);
        list.ledger
            .has_counts([("cores and memory not known; the node offers none", 2)]);
    }

    #[test]
    fn dirty_rows_are_named() {
        let rows = format!("{ROWS}m2, 65, 12GB\nm3, 8, large\n,8,12GB\n");
        faults(&ENTRY, "m.csv", rows).has_bad_rows([
            "m.csv:4: column `number of GPUs`: must be at most 64, found `65`",
            "m.csv:5: column `single GPU mem`: must be an amount such as `24GB`, found `large`",
            "m.csv:6: column `machineId`: must be the name of a machine, found ``",
        ]);
    }
}
