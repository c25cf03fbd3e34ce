//! Nodes of manifests that belong to a group of the provider: those of a dump carry the label of
//! their pool, and an autoscaler that finds them counts, grows and shrinks the group that they are in.

use std::sync::Arc;

use model::node::{GROUP_LABEL, INSTANCE_TYPE_LABEL, POOL_LABELS, ZONE_LABEL};
use model::{Node, Text};
use scenario::schema::{NodeGroup, Provider};
use units::SortedMap;

use super::ProviderPlan;

/// Puts nodes into the groups that their labels name, or whose labels they all have. Nodes that are
/// there stand for those that a group begins with by default.
pub fn join_groups(provider: &Provider, nodes: &mut [Arc<Node>], plan: &mut ProviderPlan) {
    let mut joined: SortedMap<Text, u32> = SortedMap::new();
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
            *joined.entry(name).or_default() += 1;
        }
    }
    let stated = |name: &str| {
        let mut groups = provider.groups.iter();
        groups.any(|group| group.name == name && group.initial.is_some())
    };
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
