//! Machines of Alibaba's GPU trace of 2020.

use crate::parts::machine_list::{gpu_machine, machines};
use crate::readers::prelude::*;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "alibaba-gpu-2020-machines",
    summary: "machines of Alibaba's GPU trace of 2020 (`pai_machine_spec`, CSV without header)",
    columns: COLUMNS,
    relations: &[],
    names: &["machine"],
    cells: |format, input, show| tables(input)?.show(format, &LAYOUT, show),
    options: &["pods-per-node"],
    sniff,
    open: Constructor::Nodes(read),
};

columns! { COLUMNS;
    MACHINE: required("machine", "machine; becomes the node's name") => super::is_word,
    MODEL: required("gpu_type", "GPU model; CPU without devices") => super::is_word,
    CPU: required("cap_cpu", "cores") => is_whole,
    MEMORY: required("cap_mem", "GiB") => is_whole,
    GPU: required("cap_gpu", "GPU devices") => is_whole,
}

pub(super) const LAYOUT: Layout = Layout::headless(COLUMNS);

fn sniff(first: &[u8]) -> Confidence {
    LAYOUT.confidence(first).max(super::is_metrics(first))
}

fn tables(input: &Input) -> Result<Tables<1>, TraceError> {
    Tables::with_first(input, super::TABLES, ["pai_machine_spec"])
}

fn read(input: &Input, options: &ReadOptions) -> Result<NodeList, TraceError> {
    let tables = tables(input)?;
    let (list, journal) = (&tables.read[0], tables.journal(input, options)?);
    machines(list, &LAYOUT, journal, |_, fields, nodes| {
        let name = fields.name(MACHINE, "the name of a machine")?;
        let cores = fields.number(CPU, 1, 1_000_000)?;
        let gib = fields.number(MEMORY, 1, 1_000_000)?;
        let devices = fields.number(GPU, 0, MAX_DEVICES as i64)?;
        let model = fields.text(MODEL);
        let amounts = [cores, gib, devices];
        nodes.push(gpu_machine(name.into(), amounts, model, options));
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;

    #[test]
    fn machines_are_nodes_with_devices() {
        let rows = "m1,T4,96,512,2\nm2,CPU,96,512,0\n";
        let list = read(
            &Input::bytes("m.csv", rows.as_bytes()),
            &ReadOptions::default(),
        );
        let nodes = list.expect("good rows").nodes;
        assert_eq!(
            nodes[0].gpu.as_ref().map(|gpu| (gpu.devices, &*gpu.model)),
            Some((2, "T4"))
        );
        assert_eq!(nodes[1].gpu, None);
        assert_eq!(
            nodes[1].allocatable.get("memory").units_ceil(),
            Ok(512 << 30)
        );
        faults(&ENTRY, "m.csv", "m1,T4,96,512,65\n")
            .has_bad_rows(["m.csv:1: column `cap_gpu`: must be at most 64, found `65`"]);
    }
}
