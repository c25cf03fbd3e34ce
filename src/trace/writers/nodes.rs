//! Nodes as a table of openb. Amounts that a node doesn't state stay empty.

use std::io::Write;

use super::conversion::{ConvertError, Converted, Tally};
use super::lost::{Fate, LostField};
use super::table::{cell, quoted};
use crate::format::NodeList;
use crate::formats::openb_nodes::GPU_MODEL_LABEL;
use crate::options::ReadOptions;
use model::node::HOSTNAME_LABEL;
use model::resource_list::{CPU, MEMORY, PODS};
use model::{GpuInventory, Labels, Node, ResourceList, Text};
use units::Quantity;

/// Writes nodes as a table of openb, as they are at the beginning; what happens to them later is counted.
///
/// # Errors
/// The output can't be written.
pub fn write_nodes(list: &NodeList, out: &mut dyn Write) -> Result<Converted, ConvertError> {
    writeln!(out, "sn,cpu_milli,memory_mib,gpu,model")?;
    let mut converted = Converted::default();
    let mut tally = Tally::default();
    for node in &list.nodes {
        let said = said(node);
        let amount = |resource: &str, of: fn(Quantity) -> i64| {
            let stated = said.allocatable.stated(resource).map(of);
            stated.map_or(String::new(), |amount| amount.to_string())
        };
        let cpu_milli = amount(CPU, |own| own.milli_floor().unwrap_or(i64::MAX));
        let memory_mib = amount(MEMORY, |own| own.units_ceil().unwrap_or(i64::MAX) >> 20);
        let (gpus, model) = match &said.gpu {
            Some(GpuInventory { devices, model }) => (*devices, &**model),
            None => (0, ""),
        };
        let (name, model) = (quoted(&said.name), quoted(model));
        writeln!(out, "{name},{cpu_milli},{memory_mib},{gpus},{model}")?;
        converted.rows += 1;
        tally.record(&lost(node, &said));
    }
    let events = LostField {
        field: "events after the beginning".into(),
        fate: Fate::LeftOut,
    };
    tally.add(&events, list.events.len() as u64);
    converted.reduced = tally.reduced;
    converted.lost = tally.lost();
    Ok(converted)
}

/// The node that readers make of its row.
fn said(node: &Node) -> Node {
    let list = &node.allocatable;
    let mut said = ResourceList::default();
    let milli = list.get(CPU).milli_floor().unwrap_or(i64::MAX);
    let memory_mib = list.get(MEMORY).units_ceil().unwrap_or(i64::MAX) >> 20;
    if milli > 0 {
        said.set(CPU, Quantity::from_milli(milli));
    }
    if memory_mib > 0 {
        said.set(MEMORY, Quantity::from_units(memory_mib << 20));
    }
    let pods = ReadOptions::default().pods_per_node;
    said.set(PODS, Quantity::from_units(pods));
    let name: Text = cell(&node.name).as_ref().into();
    let gpu = node.gpu.as_ref().filter(|gpu| gpu.devices > 0);
    let gpu = gpu.map(|gpu| GpuInventory {
        devices: gpu.devices,
        model: cell(&gpu.model).as_ref().into(),
    });
    let mut labels = Labels::new();
    labels.insert(HOSTNAME_LABEL.into(), name.clone());
    if let Some(gpu) = gpu.as_ref().filter(|gpu| !gpu.model.is_empty()) {
        labels.insert(GPU_MODEL_LABEL.into(), gpu.model.clone());
    }
    Node {
        name,
        labels,
        allocatable: said,
        gpu,
        ..Node::default()
    }
}

/// The fields of a node that are read as something else.
fn lost(node: &Node, said: &Node) -> Vec<LostField> {
    let mut lost = Vec::new();
    let mut push = |field: &str, differs: bool, is_none: bool| {
        if differs {
            lost.push(LostField {
                field: field.into(),
                fate: if is_none {
                    Fate::LeftOut
                } else {
                    Fate::Changed
                },
            });
        }
    };
    push("name", node.name != said.name, false);
    let all = node.allocatable.iter().chain(said.allocatable.iter());
    let mut names: Vec<&str> = all.map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let [own, read] = [node, said].map(|node| node.allocatable.get(name));
        let field = match name {
            PODS => "pods (read with the option `pods-per-node`)",
            other => other,
        };
        push(field, own != read, read == Quantity::ZERO);
    }
    let labels = |node: &Node| {
        let mut labels = node.labels.clone();
        labels.remove(HOSTNAME_LABEL);
        labels
    };
    let (own, read) = (labels(node), labels(said));
    push("labels", own != read, true);
    push("taints", node.taints != said.taints, true);
    let is_cordoned = node.unschedulable;
    push("cordon", is_cordoned != said.unschedulable, true);
    push("capacity", node.capacity != said.capacity, true);
    push("gpus", node.gpu != said.gpu, said.gpu.is_none());
    push("images", node.images != said.images, true);
    lost
}
