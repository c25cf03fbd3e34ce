//! Tables of machines of which each row adds nodes.

use crate::parts::sorting::{Capacity, gpu_node};
use crate::prelude::*;
use model::{GpuInventory, Node};

/// The nodes that the rows of tables add.
pub(crate) fn machines(
    tables: &[Input],
    layout: &Layout,
    mut journal: Journal,
    mut take: impl FnMut(&mut Journal, &Fields<'_, '_>, &mut Vec<Node>) -> Result<(), Refused>,
) -> Result<NodeList, TraceError> {
    let mut list = NodeList::default();
    each_row_of_all(tables, layout, &mut journal, |journal, fields| {
        take(journal, fields, &mut list.nodes)
    })?;
    list.ledger = journal.ledger;
    Ok(list)
}

/// Creates the node of a GPU machine, from its numbers of cores, GiB of memory and GPUs.
pub(crate) fn gpu_machine(
    name: Text,
    [cores, gib, devices]: [i64; 3],
    model: &str,
    options: &ReadOptions,
) -> Node {
    let capacity = Capacity {
        cpu_milli: 1_000 * cores,
        memory: gib << 30,
        disk: None,
    };
    let gpus = GpuInventory {
        devices: devices as u8,
        model: model.into(),
    };
    gpu_node(name, capacity, gpus, options.pods_per_node)
}
