//! Node groups: their bounds and templates, and how new nodes are spread over similar ones (spec:
//! kubernetes.md 3.3).

use super::super::finding::{Finding, Findings, Problem};
use super::estimator::Template;
use model::Text;

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
    /// Nodes that there are and that are not ready.
    pub unready: usize,
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

/// Spreads new nodes over similar groups, given as nodes and most nodes of each: one at a time to the
/// smallest that has room; the result is how many each gets. Those that are equally small take turns
/// in the order of their sizes before, and one that is full leaves its turn to the first
/// (the original's `BalanceScaleUpBetweenGroups`).
pub fn balance(sizes: &[(usize, usize)], new: usize) -> Vec<usize> {
    let mut added = vec![0; sizes.len()];
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.retain(|&group| sizes[group].0 < sizes[group].1);
    order.sort_by_key(|&group| sizes[group].0);
    let room: usize = order.iter().map(|&own| sizes[own].1 - sizes[own].0).sum();
    let mut left = new.min(room);
    let (mut first, mut turn) = (0, 0);
    while left > 0 {
        let group = order[turn];
        if sizes[group].0 + added[group] < sizes[group].1 {
            added[group] += 1;
            left -= 1;
        } else {
            order.swap(first, turn);
            first += 1;
        }
        let size = |place: usize| sizes[order[place]].0 + added[order[place]];
        turn = if turn + 1 < order.len() && size(turn) > size(turn + 1) {
            turn + 1
        } else {
            first
        };
    }
    added
}
