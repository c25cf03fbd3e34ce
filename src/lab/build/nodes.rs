//! The nodes of a scenario.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::node::{HOSTNAME_LABEL, ZONE_LABEL};
use crate::model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY, PODS};
use crate::model::{GpuInventory, Node, ResourceList, Taint, TaintEffect};
use crate::scenario::Scenario;
use crate::scenario::schema::{FailureKind, NodeSource, TaintEffect as SchemaEffect, Template};
use crate::trace::ReadOptions;
use crate::trace::registry::{Constructor, find};
use crate::units::{Instant, NodeId};

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
    let allocatable = &template.template.allocatable;
    let mut list = ResourceList::from_pairs([
        (CPU, allocatable.cpu),
        (MEMORY, allocatable.memory),
        (PODS, allocatable.pods),
        (EPHEMERAL_STORAGE, allocatable.ephemeral_storage),
    ]);
    for (resource, &amount) in &allocatable.extended {
        list.set(resource, amount);
    }
    let mut node = Node {
        name: name.as_str().into(),
        allocatable: list,
        ..Node::default()
    };
    node.labels
        .insert(HOSTNAME_LABEL.into(), name.as_str().into());
    if let Some(zone) = &template.zone {
        node.labels
            .insert(ZONE_LABEL.into(), zone.render(index).into());
    }
    for (key, value) in &template.template.labels {
        node.labels
            .insert(key.as_str().into(), value.render(index).into());
    }
    node.taints = template
        .template
        .taints
        .iter()
        .map(|taint| Taint {
            key: taint.key.as_str().into(),
            value: taint.value.as_str().into(),
            effect: match taint.effect {
                SchemaEffect::NoSchedule => TaintEffect::NoSchedule,
                SchemaEffect::PreferNoSchedule => TaintEffect::PreferNoSchedule,
                SchemaEffect::NoExecute => TaintEffect::NoExecute,
            },
        })
        .collect();
    node.gpu = template.template.gpu.as_ref().map(|gpu| GpuInventory {
        devices: gpu.devices as u8,
        model: gpu.model.as_str().into(),
    });
    node
}

/// When nodes go down and come up again: when, which, whether up. Outages of one node that overlap
/// or follow each other at once are one: it comes up when the last of them is over.
pub fn outages(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
) -> Result<Vec<(Instant, NodeId, bool)>, BuildError> {
    let mut spans: BTreeMap<NodeId, Vec<(Instant, Option<Instant>)>> = BTreeMap::new();
    for failure in &scenario.failures {
        let found = nodes.iter().position(|node| *node.name == *failure.node);
        let Some(node) = found.map(NodeId::from_index) else {
            let name = &failure.node;
            let some: Vec<&str> = nodes.iter().take(3).map(|node| &*node.name).collect();
            return Err(BuildError::Experiment(format!(
                "failures: the cluster has no node `{name}`; its nodes are {} …",
                some.join(", ")
            )));
        };
        let FailureKind::NodeOutage = failure.kind;
        let down = Instant::ZERO.saturating_add(failure.at);
        let up = failure.lasts.map(|lasts| down.saturating_add(lasts));
        spans.entry(node).or_default().push((down, up));
    }
    let mut outages = Vec::new();
    for (node, spans) in &mut spans {
        for (down, up) in united(spans) {
            outages.push((down, *node, false));
            outages.extend(up.map(|up| (up, *node, true)));
        }
    }
    Ok(outages)
}

/// The spans as few that don't touch each other; one without an end goes on for good.
fn united(spans: &mut [(Instant, Option<Instant>)]) -> Vec<(Instant, Option<Instant>)> {
    spans.sort_unstable_by_key(|&(down, _)| down);
    let mut united: Vec<(Instant, Option<Instant>)> = Vec::new();
    for &mut (down, up) in spans {
        match united.last_mut() {
            Some((_, last)) if last.is_none_or(|last| down <= last) => {
                *last = last.zip(up).map(|(last, up)| last.max(up));
            }
            _ => united.push((down, up)),
        }
    }
    united
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outages_that_overlap_are_one() {
        let secs = Instant::from_secs;
        let span = |(down, up): (i64, i64)| (secs(down), (up > 0).then(|| secs(up)));
        for (given, expected) in [
            (&[(1, 2), (4, 5)][..], &[(1, 2), (4, 5)][..]),
            (&[(4, 5), (1, 2)], &[(1, 2), (4, 5)]),
            (&[(1, 3), (2, 9)], &[(1, 9)]),
            (&[(1, 9), (2, 3), (9, 10)], &[(1, 10)]),
            // One that is for good outlasts the others.
            (&[(1, 3), (2, 0), (5, 6)], &[(1, 0)]),
            (&[], &[]),
        ] {
            let mut spans: Vec<_> = given.iter().copied().map(span).collect();
            let expected: Vec<_> = expected.iter().copied().map(span).collect();
            assert_eq!(united(&mut spans), expected, "{given:?}");
        }
    }
}
