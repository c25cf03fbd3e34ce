//! The jobs that hold the devices of each node in a round.

use cluster::Store;
use units::NodeId;

/// The claim of a job on devices.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    /// Number of members.
    pub(super) members: usize,
    /// Milli-GPU of each member.
    pub(super) milli_each: i64,
    /// Nodes that the members hold; `None` of a job that waits.
    pub(super) nodes: Option<Vec<NodeId>>,
}

/// Milli-GPU of each node.
pub(super) struct Plan {
    /// Left by the claims that were granted.
    left: Vec<i64>,
    /// Free in the cluster as it is.
    free: Vec<i64>,
}

impl Plan {
    /// A plan without claims for the nodes that take pods.
    pub(super) fn of(store: &Store) -> Self {
        let nodes = store.nodes();
        let mut plan = Self {
            left: vec![0; nodes.len()],
            free: vec![0; nodes.len()],
        };
        for node in nodes
            .present()
            .filter(|node| nodes.schedulable()[node.index()])
        {
            plan.left[node.index()] = nodes.allocatable().row(node).gpu_milli;
            plan.free[node.index()] = nodes.free().row(node).gpu_milli;
        }
        plan
    }

    /// Grants a claim if there is room beside those before it: where its job runs, or of a job that
    /// waits on nodes that are free as they are, before others. Only nodes that a test admits count.
    /// Returns the node of each member.
    pub(super) fn grant(
        &mut self,
        claim: &Claim,
        admits: impl Fn(NodeId) -> bool,
    ) -> Option<Vec<NodeId>> {
        if claim.milli_each == 0 {
            return Some(claim.nodes.clone().unwrap_or_default());
        }
        let before = self.left.clone();
        let mut nodes = Vec::with_capacity(claim.members);
        for member in 0..claim.members {
            let node = match &claim.nodes {
                Some(nodes) => nodes.get(member).copied().filter(|&node| admits(node)),
                None => self.find(claim.milli_each, &admits),
            };
            let left = node.and_then(|node| self.left.get_mut(node.index()));
            let left = left.filter(|left| **left >= claim.milli_each);
            let (Some(left), Some(node)) = (left, node) else {
                self.left = before;
                return None;
            };
            *left -= claim.milli_each;
            nodes.push(node);
        }
        Some(nodes)
    }

    /// The node with room that has most free as it is; of equal ones the first.
    fn find(&self, milli: i64, admits: &impl Fn(NodeId) -> bool) -> Option<NodeId> {
        let with_room = (0..self.left.len())
            .filter(|&node| self.left[node] >= milli && admits(NodeId::from_index(node)));
        let best = with_room.reduce(|best, next| {
            if self.free[next] > self.free[best] {
                next
            } else {
                best
            }
        });
        best.map(NodeId::from_index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(members: usize, milli_each: i64, nodes: Option<&[u32]>) -> Claim {
        let nodes = nodes.map(|nodes| nodes.iter().copied().map(NodeId).collect());
        Claim {
            members,
            milli_each,
            nodes,
        }
    }

    #[test]
    fn a_waiting_job_takes_free_devices_before_those_of_jobs_behind_it() {
        let mut plan = Plan {
            left: vec![4_000, 4_000],
            free: vec![1_000, 4_000],
        };
        let mut grant = |members, milli, nodes: Option<&[u32]>| {
            let granted = plan.grant(&claim(members, milli, nodes), |_| true);
            granted.map(|nodes| nodes.iter().map(|node| node.0).collect::<Vec<u32>>())
        };
        assert_eq!(grant(1, 2_000, None), Some(vec![1]));
        // What runs on the other node keeps its place.
        assert_eq!(grant(3, 1_000, Some(&[0, 0, 0])), Some(vec![0, 0, 0]));
        assert_eq!(grant(1, 4_000, None), None);
        assert_eq!(grant(2, 2_000, Some(&[1, 1])), None);
        assert_eq!(grant(2, 1_000, Some(&[1, 1])), Some(vec![1, 1]));
        assert_eq!(grant(9, 0, None), Some(vec![]));
        assert_eq!(plan.left, [1_000, 0]);
        let one = claim(1, 500, None);
        assert_eq!(plan.grant(&one, |node| node == NodeId(1)), None);
        assert_eq!(
            plan.grant(&one, |node| node == NodeId(0)),
            Some(vec![NodeId(0)])
        );
    }
}
