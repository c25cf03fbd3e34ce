//! Moves that gather free devices on one node for a job that finds them scattered (Gandiva, OSDI'18;
//! spec: orchestrators-b.md section 8.2).

use units::NodeId;

use super::plan::Plan;

/// A job of one member that keeps its node, and may be moved to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Movable {
    /// The job.
    pub(super) number: u64,
    /// Its node.
    pub(super) node: NodeId,
    /// Milli-GPU that it holds.
    pub(super) milli: i64,
}

/// Moves, and the node that they make room on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gathered {
    /// The node.
    pub(super) node: NodeId,
    /// Jobs that move, each with its new node.
    pub(super) moves: Vec<(u64, NodeId)>,
}

impl Plan {
    /// Makes room for one member on a node that a test admits: by moves of as few devices as possible,
    /// the smallest jobs first, each to the node with the least room that is enough for it among those
    /// alike its own. Of equal nodes the first. `None` if no node can be cleared so.
    pub(super) fn gather(
        &mut self,
        milli: i64,
        movable: &[Movable],
        admits: impl Fn(NodeId) -> bool,
        are_alike: impl Fn(NodeId, NodeId) -> bool,
    ) -> Option<Gathered> {
        let mut sorted = movable.to_vec();
        sorted.sort_unstable_by_key(|job| (job.milli, job.number));
        let mut best: Option<(i64, Gathered, Vec<i64>)> = None;
        for node in (0..self.left.len()).map(NodeId::from_index) {
            let own = sorted.iter().filter(|job| job.node == node);
            let held: i64 = own.clone().map(|job| job.milli).sum();
            if !admits(node) || self.left[node.index()] + held < milli {
                continue;
            }
            let mut left = self.left.clone();
            let mut moves = Vec::new();
            let mut cost = 0;
            for job in own {
                if left[node.index()] >= milli {
                    break;
                }
                let others = (0..left.len()).map(NodeId::from_index).filter(|&other| {
                    other != node && left[other.index()] >= job.milli && are_alike(node, other)
                });
                if let Some(target) = others.min_by_key(|other| (left[other.index()], *other)) {
                    left[target.index()] -= job.milli;
                    left[node.index()] += job.milli;
                    cost += job.milli;
                    moves.push((job.number, target));
                }
            }
            let is_better = best.as_ref().is_none_or(|(least, _, _)| cost < *least);
            if left[node.index()] >= milli && is_better {
                left[node.index()] -= milli;
                best = Some((cost, Gathered { node, moves }, left));
            }
        }
        let (_, gathered, left) = best?;
        self.left = left;
        Some(gathered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_devices_move_to_the_fullest_nodes() {
        let movable = |number, node, milli| Movable {
            number,
            node: NodeId(node),
            milli,
        };
        let jobs = [
            movable(1, 0, 2_000),
            movable(2, 1, 1_000),
            movable(3, 2, 1_000),
        ];
        let plan = |left: &[i64]| Plan {
            left: left.to_vec(),
            free: left.to_vec(),
        };
        let any = |_: NodeId| true;
        let alike = |_: NodeId, _: NodeId| true;
        let mut own = plan(&[2_000, 3_000, 3_000, 1_000]);
        let found = own.gather(4_000, &jobs, any, alike);
        // Node 1 is cleared of one device, which goes where one is left.
        let gathered = |node, moves: &[(u64, u32)]| Gathered {
            node: NodeId(node),
            moves: moves.iter().map(|&(job, to)| (job, NodeId(to))).collect(),
        };
        assert_eq!(found, Some(gathered(1, &[(2, 3)])));
        assert_eq!(own.left, [2_000, 0, 3_000, 0]);
        // Not admitted, without a node alike, or with too much room wanted.
        let mut own = plan(&[2_000, 3_000, 3_000, 1_000]);
        let found = own.gather(4_000, &jobs, |node| node == NodeId(0), alike);
        assert_eq!(found, Some(gathered(0, &[(1, 1)])));
        let mut own = plan(&[2_000, 3_000, 3_000, 1_000]);
        assert_eq!(own.gather(4_000, &jobs, any, |_, _| false), None);
        assert_eq!(own.gather(5_000, &jobs, any, alike), None);
        assert_eq!(own.left, [2_000, 3_000, 3_000, 1_000]);
    }
}
