//! Marathon's constraints, as `Constraints.scala` has them (1.9.109).

use windtunnel::units::{NodeId, SortedSet};

/// A rule of `constraints`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Free,
    HostnameUnique,
    RackGroupBy(u64),
    RackMaxPer(u64),
    RackCluster,
    RackUnlike(&'static str),
}

/// An agent: its rack and the number of instances that it has room for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agent {
    pub(super) rack: &'static str,
    pub(super) slots: usize,
}

impl Rule {
    /// `meetsConstraint`, given the agents of the instances that are placed.
    pub(super) fn meets(self, node: NodeId, placed: &[NodeId], agents: &[Agent]) -> bool {
        let rack = |node: NodeId| agents[node.index()].rack;
        let count = |name: &str| placed.iter().filter(|own| rack(**own) == name).count() as u64;
        let same = count(rack(node));
        match self {
            Self::Free => true,
            Self::HostnameUnique => !placed.contains(&node),
            Self::RackMaxPer(most) => same < most,
            Self::RackCluster => placed
                .first()
                .is_none_or(|first| rack(*first) == rack(node)),
            Self::RackUnlike(word) => rack(node) != word,
            Self::RackGroupBy(groups) => {
                let names: SortedSet<&str> = placed.iter().map(|own| rack(*own)).collect();
                let least = names.iter().map(|name| count(name)).min();
                same == 0 || (least == Some(same) && names.len() as u64 >= groups)
            }
        }
    }
}
