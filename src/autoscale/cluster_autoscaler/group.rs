//! Node groups: their bounds and templates, which are alike, and how new nodes are spread over those
//! (spec: kubernetes.md 3.3).

use super::super::finding::{Finding, Findings, Problem};
use super::estimator::Template;
use model::node::{GROUP_LABEL, HOSTNAME_LABEL, ORDERED_LABEL, ZONE_LABEL};
use model::{Node, Text};

/// A node group.
#[derive(Clone, Debug)]
pub struct NodeGroup {
    /// The node group's name.
    pub id: Text,
    /// The fewest nodes.
    pub min: usize,
    /// The most nodes.
    pub max: usize,
    /// Nodes that there are or that are ordered.
    pub target: usize,
    /// Template of the group's nodes, from an existing node or declared.
    pub template: Option<Template>,
    /// The instance type of its nodes, where the provider has a list of them.
    pub instance_type: Option<Text>,
    /// Number of nodes that the provider lets start; `None` is no limit.
    pub quota: Option<usize>,
}

impl NodeGroup {
    /// Returns the problems of the node group.
    pub fn findings(&self, instance_types: &[Text]) -> Vec<Finding> {
        let mut found = Findings::new(format!("node group {}", self.id));
        found.expect_order("min", self.min as i64, self.max as i64, "max");
        found.expect(self.max > 0, "max", self.max, "1 or more");
        if self.target == 0 && self.template.is_none() {
            let expected = "a node template, as the group has no node to copy";
            found.add("template", Problem::Missing { expected });
        }
        if let Some(name) = self.instance_type.as_ref()
            && !instance_types.contains(name)
        {
            let problem = Problem::Unknown {
                kind: "instance type",
                name: name.clone(),
                known: instance_types.iter().take(5).cloned().collect(),
            };
            found.add("instanceType", problem);
        }
        if self.quota == Some(0) {
            found.expect(false, "quota", 0, "1 or more, or none for no limit");
        }
        found.list
    }

    /// Number of nodes that the group may still get.
    pub(super) fn room(&self) -> usize {
        let most = self.quota.map_or(self.max, |quota| quota.min(self.max));
        most.saturating_sub(self.target)
    }
}

/// Labels in which similar nodes may differ.
const OWN_LABELS: [&str; 4] = [ZONE_LABEL, HOSTNAME_LABEL, GROUP_LABEL, ORDERED_LABEL];

/// Whether two nodes are alike but for their zone and their group.
pub(super) fn are_similar(one: &Node, other: &Node) -> bool {
    let labels = |node: &Node| -> Vec<(Text, Text)> {
        let all = node.labels.iter();
        let own = all.filter(|(key, _)| !OWN_LABELS.contains(&&***key));
        own.map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    one.allocatable == other.allocatable
        && one.capacity == other.capacity
        && one.taints == other.taints
        && labels(one) == labels(other)
}

/// Spreads new nodes over similar groups: one at a time to the smallest that has room. Sizes are
/// nodes and most nodes; the result is how many each gets.
pub fn balance(sizes: &[(usize, usize)], new: usize) -> Vec<usize> {
    let mut added = vec![0; sizes.len()];
    for _ in 0..new {
        let open = (0..sizes.len()).filter(|&place| sizes[place].0 + added[place] < sizes[place].1);
        let Some(smallest) = open.min_by_key(|&place| sizes[place].0 + added[place]) else {
            break;
        };
        added[smallest] += 1;
    }
    added
}
