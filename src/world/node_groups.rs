//! Nodes of manifests that belong to a group of the provider: those of a dump carry the label of
//! their pool, and an autoscaler that finds them counts, grows and shrinks the group that they are in.

use std::sync::Arc;

use autoscale::nodes::started;
use model::node::{GROUP_LABEL, HOSTNAME_LABEL, INSTANCE_TYPE_LABEL, POOL_LABELS, ZONE_LABEL};
use model::{Node, Text};
use scenario::schema::{NodeGroup, Provider, Reserved};
use units::{SortedMap, SortedSet};

use super::ProviderPlan;

/// Puts nodes into the groups that their labels name, or whose labels they all have, and returns notes. Nodes
/// that are there stand for those that a group begins with by default, and new ones are like them.
pub fn join_groups(
    provider: &Provider,
    nodes: &mut [Arc<Node>],
    plan: &mut ProviderPlan,
) -> Vec<String> {
    let mut samples: SortedMap<Text, Vec<Arc<Node>>> = SortedMap::new();
    for node in nodes.iter_mut() {
        if node.labels.contains_key(GROUP_LABEL) {
            continue;
        }
        let group = provider.groups.iter().find(|group| is_of(node, group));
        if let Some(group) = group {
            let name: Text = group.name.as_str().into();
            Arc::make_mut(node)
                .labels
                .insert(GROUP_LABEL.into(), name.clone());
            samples.entry(name).or_default().push(node.clone());
        }
    }
    let stated = |name: &str| {
        let mut groups = provider.groups.iter();
        groups.any(|group| group.name == name && group.initial.is_some())
    };
    let counts = samples
        .iter()
        .map(|(name, there)| (name.clone(), there.len()));
    let mut joined: SortedMap<Text, usize> = counts.collect();
    plan.initial.retain(|node| {
        let Some(name) = node.labels.get(GROUP_LABEL) else {
            return true;
        };
        match joined.get_mut(name) {
            Some(left) if *left > 0 && !stated(name) => {
                *left -= 1;
                false
            }
            _ => true,
        }
    });
    let mut notes = Vec::new();
    for group in &provider.groups {
        if let Some(there) = samples.get(&*group.name) {
            let sample = there.iter().find(|node| is_open(node)).unwrap_or(&there[0]);
            notes.extend(note_zones(group, there, sample));
            let own = plan
                .groups
                .iter_mut()
                .filter(|own| *own.name == *group.name);
            let own = own.map(|own| &mut own.node);
            let begun = plan.initial.iter_mut();
            let begun = begun.filter(|own| {
                let name = own.labels.get(GROUP_LABEL);
                name.is_some_and(|name| **name == *group.name)
            });
            for node in own.chain(begun) {
                let is_reserved = provider.reserved != Reserved::default();
                liken(Arc::make_mut(node), sample, group, is_reserved);
            }
        }
    }
    notes
}

/// Whether new pods can go to a node as it is.
fn is_open(node: &Node) -> bool {
    !node.unschedulable && !node.is_marked_away()
}

/// Gives a new node of a group what its present nodes have and the experiment doesn't state: their labels,
/// their taints but for those of conditions, and the room that they offer to pods. An autoscaler that has a node
/// of a group takes it for the template of new ones (the cluster autoscaler's
/// `mixed_nodeinfos_processor.go`), and the provider makes them alike.
fn liken(node: &mut Node, sample: &Arc<Node>, group: &NodeGroup, is_reserved: bool) {
    if group.template.is_some() {
        return;
    }
    let sample = started(sample);
    let kind = |node: &Node| node.labels.get(INSTANCE_TYPE_LABEL).cloned();
    let is_of_type = kind(&sample).is_none_or(|own| Some(own) == kind(node));
    for (key, value) in &sample.labels {
        if **key != *HOSTNAME_LABEL {
            node.labels.insert_if_absent(key, || value.clone());
        }
    }
    if group.taints.is_empty() {
        node.taints.clone_from(&sample.taints);
    }
    if is_of_type && !is_reserved {
        node.allocatable = sample.allocatable.clone();
        node.capacity = sample.capacity.clone();
        node.gpu.clone_from(&sample.gpu);
    }
}

/// Notes the zone of new nodes where those of a group are in several.
fn note_zones(group: &NodeGroup, there: &[Arc<Node>], sample: &Node) -> Option<String> {
    let zones = there.iter().filter_map(|node| node.labels.get(ZONE_LABEL));
    let zones: SortedSet<&Text> = zones.collect();
    let zone = sample.labels.get(ZONE_LABEL);
    let zone = zone.filter(|_| zones.len() > 1 && group.zone.is_none())?;
    Some(format!(
        "nodes of the group `{}` are in {} zones, and new ones are all in `{zone}`, as is `{}`; declare a \
         group for each zone, with `zone`, if others are to grow",
        group.name,
        zones.len(),
        sample.name
    ))
}

/// Whether a node is one of a group.
fn is_of(node: &Node, group: &NodeGroup) -> bool {
    let label = |key: &str| node.labels.get(key).map(|value| &**value);
    let mut pools = POOL_LABELS.iter().filter_map(|key| label(key));
    if pools.any(|pool| pool == group.name) {
        return true;
    }
    let agrees = |wanted: &Option<String>, key: &str| {
        wanted.as_ref().is_none_or(|own| label(key) == Some(own))
    };
    let mut labels = group.labels.iter();
    !group.labels.is_empty()
        && labels.all(|(key, value)| label(key) == Some(value))
        && agrees(&group.instance_type, INSTANCE_TYPE_LABEL)
        && agrees(&group.zone, ZONE_LABEL)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(labels: &[(&str, &str)]) -> Arc<Node> {
        let labels = labels
            .iter()
            .map(|&(key, value)| (key.into(), value.into()));
        Arc::new(Node {
            labels: labels.collect(),
            ..Node::default()
        })
    }

    #[test]
    fn nodes_join_the_groups_that_their_labels_name() {
        let group = |name: &str, labels: &[(&str, &str)]| {
            let labels = labels
                .iter()
                .map(|&(key, value)| (key.to_owned(), value.to_owned()));
            let text = serde_json::json!({
                "name": name, "max": 9, "min": 2, "labels": labels.collect::<SortedMap<_, _>>(),
            });
            serde_json::from_value::<NodeGroup>(text).expect("a group")
        };
        let groups = vec![group("web", &[]), group("data", &[("disk", "ssd")])];
        let provider = serde_json::json!({"groups": groups});
        let provider: Provider = serde_json::from_value(provider).expect("a provider");
        let mut nodes = vec![
            node(&[("eks.amazonaws.com/nodegroup", "web")]),
            node(&[("disk", "ssd")]),
            node(&[("disk", "hdd")]),
            node(&[(GROUP_LABEL, "data"), ("agentpool", "web")]),
        ];
        let mut plan = ProviderPlan::default();
        let web = || node(&[(GROUP_LABEL, "web")]);
        plan.initial.extend([web(), web()]);
        join_groups(&provider, &mut nodes, &mut plan);
        let groups: Vec<Option<&str>> = { nodes.iter() }
            .map(|node| node.labels.get(GROUP_LABEL).map(|own| &**own))
            .collect();
        assert_eq!(groups, [Some("web"), Some("data"), None, Some("data")]);
        // One of the two that the group begins with is there already.
        assert_eq!(plan.initial.len(), 1);
    }
}
