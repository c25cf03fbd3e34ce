//! Machines of Philly's clusters (`cluster_machine_list`). The list states GPUs and how much memory each has, and neither
//! processors nor memory of the machine, so nodes offer none.

use super::used::{Gpus, used};
use crate::parts::machine_list::{gpu_machine, machines};
use crate::readers::prelude::*;
use intake::ledger::RowPolicy;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "philly-machines",
    summary: "machines of Microsoft's Philly clusters (`cluster_machine_list`, CSV with header)",
    columns: COLUMNS,
    relations: &[],
    names: &["machineId"],
    cells: |format, input, show| {
        let [lists, _] = tables(input)?.read;
        { lists.iter() }.try_for_each(|part| show_rows(format, &LAYOUT, part, show))
    },
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

fn tables(input: &Input) -> Result<Tables<2>, TraceError> {
    let names = ["cluster_machine_list", "cluster_job_log"];
    Tables::with_first(input, super::TABLES, names)
}

/// The GPUs of machines by their lists. Faults of these are told by who reads them.
pub(super) fn listed(lists: &[Input]) -> Result<Gpus, TraceError> {
    let mut listed = Gpus::new();
    for list in lists {
        let mut unheard = Journal::new(list.name.clone(), RowPolicy::REPORT);
        each_row(list, &LAYOUT, &mut unheard, |_, fields| {
            let gpus = fields.number(GPUS, 0, MAX_DEVICES as i64)?;
            listed.insert(fields.text(MACHINE).to_owned(), gpus);
            Ok(())
        })?;
    }
    Ok(listed)
}

fn read(input: &Input, options: &ReadOptions) -> Result<NodeList, TraceError> {
    let tables = tables(input)?;
    let journal = tables.journal(input, options)?;
    let [lists, logs] = &tables.read;
    let used = used(logs)?;
    machines(lists, &LAYOUT, journal, |journal, fields, nodes| {
        let name = fields.name(MACHINE, "the name of a machine")?;
        let devices = fields.number(GPUS, 0, MAX_DEVICES as i64)?;
        let memory = fields.text(MEMORY);
        let gigabytes = memory.strip_suffix("GB").unwrap_or(memory).trim();
        if !memory.is_empty() && gigabytes.parse::<u32>().is_err() {
            return Err(fields.bad(MEMORY, "an amount such as `24GB`").into());
        }
        let most = used
            .get(name)
            .map_or(0, |&most| most.min(MAX_DEVICES as i64));
        let kind = "machine of which a job used more GPUs than the list states; has as many";
        journal.repair_if(most > devices, kind, fields.line())?;
        let devices = devices.max(most);
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
