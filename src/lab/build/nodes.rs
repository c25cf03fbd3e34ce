//! The nodes of a scenario.

use std::sync::Arc;

use crate::model::node::{HOSTNAME_LABEL, ZONE_LABEL};
use crate::model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY, PODS};
use crate::model::{GpuInventory, Node, ResourceList, Taint, TaintEffect};
use crate::scenario::Scenario;
use crate::scenario::schema::{NodeSource, NodeTemplate, TaintEffect as SchemaEffect, Template};
use crate::trace::ReadOptions;
use crate::trace::registry::{Constructor, find};

use super::{BuildError, FileSource, ManifestFiles, Remarks, read_options, row_policy};

/// The nodes of a scenario, in order.
pub fn nodes(
    scenario: &Scenario,
    files: &FileSource<'_>,
    manifests: &mut ManifestFiles,
    remarks: &mut Remarks,
) -> Result<Vec<Arc<Node>>, BuildError> {
    let mut nodes = Vec::new();
    for source in &scenario.cluster.nodes {
        match source {
            NodeSource::Trace(trace) => {
                let entry = find(&trace.format).map(|entry| entry.open);
                let Some(Constructor::Nodes(open)) = entry else {
                    let format = &trace.format;
                    return Err(BuildError::Experiment(format!("`{format}` has no nodes")));
                };
                let rows = row_policy(trace.on_bad_row);
                let mut options = ReadOptions {
                    rows,
                    ..ReadOptions::default()
                };
                read_options(&mut options, &trace.options)?;
                let read = open(&files.open(&trace.path), &options)?;
                remarks.ledger(&read.ledger);
                nodes.extend(read.nodes.into_iter().map(Arc::new));
            }
            NodeSource::Template(template) => {
                for index in 0..template.count {
                    nodes.push(Arc::new(from_template(template, u64::from(index))));
                }
            }
            NodeSource::Manifests(path) => {
                let read = manifests.read(path, files, remarks)?;
                nodes.extend(read.nodes.iter().cloned().map(Arc::new));
            }
        }
    }
    Ok(nodes)
}

fn from_template(template: &Template, index: u64) -> Node {
    let name = template.name.render(index);
    let mut node = of_template(&template.template, index);
    node.name = name.as_str().into();
    node.labels
        .entry(HOSTNAME_LABEL.into())
        .or_insert_with(|| name.as_str().into());
    if let Some(zone) = &template.zone {
        node.labels
            .entry(ZONE_LABEL.into())
            .or_insert_with(|| zone.render(index).into());
    }
    node
}

/// A node of a template, without a name.
pub(super) fn of_template(template: &NodeTemplate, index: u64) -> Node {
    let allocatable = &template.allocatable;
    let mut list = ResourceList::from_pairs([
        (CPU, allocatable.cpu),
        (MEMORY, allocatable.memory),
        (PODS, allocatable.pods),
        (EPHEMERAL_STORAGE, allocatable.ephemeral_storage),
    ]);
    for (resource, &amount) in &allocatable.extended {
        list.set(resource, amount);
    }
    let labels = template.labels.iter();
    let labels = labels.map(|(key, value)| (key.as_str().into(), value.render(index).into()));
    let gpu = template.gpu.as_ref().map(|gpu| GpuInventory {
        devices: gpu.devices as u8,
        model: gpu.model.as_str().into(),
    });
    Node {
        allocatable: list,
        labels: labels.collect(),
        taints: template.taints.iter().map(taint).collect(),
        gpu,
        ..Node::default()
    }
}

/// A taint as it is written.
pub(super) fn taint(taint: &crate::scenario::schema::Taint) -> Taint {
    Taint {
        key: taint.key.as_str().into(),
        value: taint.value.as_str().into(),
        effect: match taint.effect {
            SchemaEffect::NoSchedule => TaintEffect::NoSchedule,
            SchemaEffect::PreferNoSchedule => TaintEffect::PreferNoSchedule,
            SchemaEffect::NoExecute => TaintEffect::NoExecute,
        },
    }
}
