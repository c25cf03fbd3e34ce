//! Groups of nodes, as a provider knows them, and what a node of a type that joins one is like.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::demand::{group_of, selected_keys, zone_of};
use crate::snapshot::CLUSTER_LABEL;
use k8s::ManifestPod;
use model::node::{
    HOSTNAME_LABEL, INSTANCE_TYPE_LABEL, OLD_ZONE_LABEL, ZONE_LABEL, is_spot, label_of,
};
use model::{Node, Text};
use scheduler::kube::NodeInfo;
use units::{SortedMap, SortedSet};

/// Labels that say where a node is.
const OF_PLACE: [&str; 3] = [HOSTNAME_LABEL, ZONE_LABEL, OLD_ZONE_LABEL];

/// Groups of nodes by their names: nodes of one pool with the same taints and the same labels that pods
/// select nodes by, paid for in the same way, and of one cluster.
pub(super) fn groups<'n>(
    nodes: &'n [NodeInfo],
    pods: &[ManifestPod],
) -> Vec<(Text, Vec<&'n NodeInfo>)> {
    let keys = selected_keys(pods.iter().map(|pod| &*pod.spec));
    let mut groups: IndexMap<_, Vec<&NodeInfo>, FxBuildHasher> = IndexMap::default();
    for node in nodes {
        let labels = keys.iter().map(|key| label_of(&node.object.labels, key));
        let labels: Vec<Option<&Text>> = labels.collect();
        let option = is_spot(&node.object.labels);
        let taints = format!("{:?}", node.object.taints);
        let cluster = node.object.labels.get(CLUSTER_LABEL);
        let key = (group_of(node), taints, labels, option, cluster);
        groups.entry(key).or_default().push(node);
    }
    let mut named: SortedMap<Text, usize> = SortedMap::new();
    let groups = groups
        .into_iter()
        .map(|((name, _, labels, _, cluster), nodes)| {
            let selected = labels.into_iter().flatten().next();
            let mut tainted = { nodes[0].object.taints.iter() }.map(|own| &own.key);
            let own = Some(&name).filter(|own| !own.is_empty());
            let own = own.or(selected).or(tainted.next_back());
            let own = own.map_or_else(|| "other".into(), |own| own.replace('/', "-"));
            let own = cluster.map_or(own.clone(), |cluster| format!("{cluster}-{own}"));
            let number = named.entry(own.as_str().into()).or_default();
            *number += 1;
            let name = match *number {
                1 => own.into(),
                number => format!("{own}-{number}").into(),
            };
            (name, nodes)
        });
    groups.collect()
}

/// A node of a type that joins a group: with the taints of its nodes and the labels that all of them share, those
/// of their type too if it is that of the node.
pub(super) fn as_joined(kind: &Node, group: &[&NodeInfo], is_of_type: bool) -> Node {
    let mut node = kind.clone();
    let Some((first, others)) = group.split_first() else {
        return node;
    };
    for (key, value) in &first.object.labels {
        let is_shared =
            { others.iter() }.all(|other| label_of(&other.object.labels, key) == Some(value));
        let is_own = key.contains("instance") && !is_of_type;
        let is_own = is_own || OF_PLACE.contains(&&**key);
        if is_shared && !is_own && (is_of_type || !node.labels.contains_key(key)) {
            node.labels.insert(key.clone(), value.clone());
        }
    }
    node.taints.clone_from(&first.object.taints);
    node
}

/// A node of a type, with the least amounts of those that are there.
pub(super) fn as_shown(listed: &Node, name: &str, seen: &[&NodeInfo]) -> Node {
    let mut node = listed.clone();
    if let Some(first) = seen.first() {
        node.gpu.clone_from(&first.object.gpu);
        node.allocatable.clone_from(&first.object.allocatable);
        for other in &seen[1..] {
            for (resource, amount) in other.object.allocatable.iter() {
                if amount < node.allocatable.get(resource) {
                    node.allocatable.set(resource, amount);
                }
            }
        }
    }
    node.labels.insert(INSTANCE_TYPE_LABEL.into(), name.into());
    node
}

/// The labels that all nodes of a zone share and no node of another zone has so, such as those of volume drivers.
pub(super) fn zone_labels(zone: &Text, nodes: &[NodeInfo]) -> Vec<(Text, Text)> {
    let (own, others): (Vec<&NodeInfo>, Vec<&NodeInfo>) =
        nodes.iter().partition(|node| zone_of(node) == *zone);
    let Some(first) = own.first().filter(|_| !others.is_empty()) else {
        return Vec::new();
    };
    let has =
        |node: &NodeInfo, label: &(&Text, &Text)| node.object.labels.get(label.0) == Some(label.1);
    let labels = first.object.labels.iter().filter(|label| {
        let is_shared = own.iter().all(|node| has(node, label));
        is_shared && !others.iter().any(|node| has(node, label))
    });
    let labels = labels.filter(|(key, _)| !key.contains("instance") && &***key != HOSTNAME_LABEL);
    labels
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// The values of a label that nodes have, in order.
pub(super) fn values<'n>(label: &str, nodes: impl Iterator<Item = &'n NodeInfo>) -> Vec<Text> {
    let values = nodes.filter_map(|node| label_of(&node.object.labels, label));
    let values: SortedSet<Text> = values.cloned().collect();
    values.into_iter().collect()
}
