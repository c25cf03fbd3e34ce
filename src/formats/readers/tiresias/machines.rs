//! The cluster of Tiresias' simulator: switches with equal machines below each.

use crate::parts::machine_list::{gpu_machine, machines};
use crate::readers::prelude::*;
use intake::archive::parts;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "tiresias-machines",
    summary: "clusters of the simulator of Tiresias (CSV with header)",
    columns: COLUMNS,
    relations: &[],
    names: &["num_switch"],
    cells: |format, input, show| show_rows(format, &LAYOUT, input, show),
    options: &["pods-per-node"],
    sniff: |first| LAYOUT.confidence(first),
    open: Constructor::Nodes(read),
};

columns! { COLUMNS;
    SWITCHES: required("num_switch", "switches"),
    MACHINES: required("num_node_p_switch", "machines below each switch"),
    GPU: required("num_gpu_p_node", "GPU devices of a machine"),
    CPU: required("num_cpu_p_node", "cores of a machine"),
    MEMORY: required("mem_p_node", "GiB of a machine"),
}

const LAYOUT: Layout = Layout::headed(COLUMNS, b',');

/// The label that carries the switch of a machine.
pub const SWITCH_LABEL: &str = "topology.tiresias/switch";

fn read(input: &Input, options: &ReadOptions) -> Result<NodeList, TraceError> {
    let journal = Journal::new(input.name.clone(), options.rows);
    let mut last_switch = 0;
    machines(&parts(input)?, &LAYOUT, journal, |_, fields, nodes| {
        let switches = fields.number(SWITCHES, 1, 1_000)?;
        let machines = fields.number(MACHINES, 1, 1_000)?;
        let devices = fields.number(GPU, 0, MAX_DEVICES as i64)?;
        let cores = fields.number(CPU, 1, 1_000_000)?;
        let amounts = [cores, fields.number(MEMORY, 1, 1_000_000)?, devices];
        for _ in 0..switches {
            let switch = format!("switch{last_switch}");
            for machine in 0..machines {
                let name = format!("{switch}-machine{machine}").into();
                let mut node = gpu_machine(name, amounts, "", options);
                node.labels
                    .insert(SWITCH_LABEL.into(), switch.as_str().into());
                nodes.push(node);
            }
            last_switch += 1;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;

    const HEADER: &str = "num_switch,num_node_p_switch,num_gpu_p_node,num_cpu_p_node,mem_p_node\n";

    #[test]
    fn machines_stand_below_switches() {
        let rows = format!("{HEADER}2,3,4,128,254\n");
        let nodes = read(&file("c.csv", rows), &ReadOptions::default()).expect("good rows");
        let nodes = nodes.nodes;
        assert_eq!(nodes.len(), 6);
        assert_eq!(&*nodes[5].name, "switch1-machine2");
        assert_eq!(nodes[5].labels[SWITCH_LABEL], "switch1".into());
        let memory = nodes[0].allocatable.get("memory").units_ceil();
        assert_eq!(memory, Ok(254 << 30));
        assert_eq!(nodes[0].gpu.as_ref().map(|gpu| gpu.devices), Some(4));
        faults(&ENTRY, "c.csv", format!("{HEADER}0,3,4,128,254\n"))
            .has_bad_rows(["c.csv:2: column `num_switch`: must be at least 1, found `0`"]);
    }
}
