//! Nodes that start: a machine has joined, but its node is not ready yet or has taints that go with
//! time. It counts as the node that it will be (the cluster autoscaler's `clusterstate` and
//! `utils/taints`; Karpenter's `controllers/state/statenode.go`).

use std::sync::Arc;

use cluster::Store;
use model::node::{NOT_READY_TAINT, UNREACHABLE_TAINT};
use model::{Node, Taint};
use units::{Duration, Instant, NodeId, SortedMap, SortedSet};

/// Taints that a node loses once its condition is known, beside those of its conditions.
const PASSING: [&str; 4] = [
    NOT_READY_TAINT,
    UNREACHABLE_TAINT,
    "node.cloudprovider.kubernetes.io/uninitialized",
    "karpenter.sh/unregistered",
];
/// Beginnings of the keys of taints that something takes off once the node is set up.
const PASSING_PREFIXES: [&str; 3] = [
    "startup-taint.cluster-autoscaler.kubernetes.io/",
    "ignore-taint.cluster-autoscaler.kubernetes.io/",
    "readiness.k8s.io/",
];

/// Whether a taint is one that a node has while it starts.
fn is_passing(taint: &Taint) -> bool {
    let mut prefixes = PASSING_PREFIXES.iter();
    PASSING.contains(&&*taint.key) || prefixes.any(|prefix| taint.key.starts_with(prefix))
}

/// Time after which a node that became ready stays so (the cluster autoscaler's `stabilizationDelay`).
const SETTLES_AFTER: Duration = Duration::from_secs(60);

/// Nodes that joined and have not started yet.
#[derive(Clone, Debug, Default)]
pub(super) struct StartUps {
    /// Nodes that joined while the run went on, by the instants at which they did.
    joined: SortedMap<NodeId, Instant>,
    starting: SortedSet<NodeId>,
    /// Instants at which nodes became ready or ceased to be so last, or joined.
    turned: SortedMap<NodeId, Instant>,
    /// Time after its joining for which a node that is not ready counts as one that starts; `None` is
    /// until it was ready once.
    pub(super) span: Option<Duration>,
}

impl StartUps {
    /// Whether a node starts.
    pub(super) fn has(&self, node: NodeId) -> bool {
        self.starting.contains(&node)
    }

    /// The nodes that start.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.starting.iter().copied()
    }

    /// A node joined. Those that are there from the start have started long ago.
    pub(super) fn joined(&mut self, store: &Store, at: Instant, node: NodeId) {
        if at > Instant::ZERO {
            self.joined.insert(node, at);
            self.turned(at, node);
            if !has_started(store, node) {
                self.starting.insert(node);
            }
        }
    }

    /// A node is gone.
    pub(super) fn left(&mut self, node: NodeId) {
        self.joined.remove(&node);
        self.turned.remove(&node);
        self.starting.remove(&node);
    }

    /// A node has become ready, or is so no longer.
    pub(super) fn turned(&mut self, at: Instant, node: NodeId) {
        self.turned.insert(node, at);
    }

    /// Whether a node takes pods and has been ready for more than a minute (the cluster autoscaler's
    /// `isNodeGoodTemplateCandidate`).
    pub(super) fn is_stable(&self, now: Instant, store: &Store, node: NodeId) -> bool {
        let turned = self.turned.get(&node);
        let is_settled = turned.is_none_or(|at| at.saturating_add(SETTLES_AFTER) < now);
        is_settled && has_started(store, node) && store.nodes().schedulable()[node.index()]
    }

    /// A node may have started, or be no longer what it was.
    pub(super) fn follow(&mut self, store: &Store, at: Instant, node: NodeId) {
        if has_started(store, node) {
            self.starting.remove(&node);
        } else if let (Some(span), Some(joined)) = (self.span, self.joined.get(&node))
            && at < joined.saturating_add(span)
        {
            self.starting.insert(node);
        }
    }

    /// Nodes that take longer than they may to start, which count as what they are from now on.
    pub(super) fn give_up(&mut self, now: Instant) -> Vec<NodeId> {
        let Some(span) = self.span else {
            return Vec::new();
        };
        let is_late = |node: &NodeId| {
            let joined = self.joined.get(node);
            joined.is_none_or(|joined| joined.saturating_add(span) <= now)
        };
        let late: Vec<NodeId> = self.starting.iter().copied().filter(is_late).collect();
        for node in &late {
            self.starting.remove(node);
        }
        late
    }
}

/// Whether a node is ready and has no taint of its start-up left.
pub fn has_started(store: &Store, node: NodeId) -> bool {
    let object = store.nodes().object(node);
    store.nodes().is_ready(node)
        && !object.is_some_and(|object| object.taints.iter().any(is_passing))
}

/// A node as it will be: without the taints that it has while it starts.
pub fn started(node: &Arc<Node>) -> Arc<Node> {
    if !node.taints.iter().any(is_passing) {
        return Arc::clone(node);
    }
    let mut started = Node::clone(node);
    started.taints.retain(|taint| !is_passing(taint));
    Arc::new(started)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::TaintEffect;

    #[test]
    fn taints_of_the_start_up_pass_and_others_stay() {
        let taint = |key: &str| Taint {
            key: key.into(),
            value: "".into(),
            effect: TaintEffect::NoSchedule,
        };
        let keys = [
            "node.kubernetes.io/not-ready",
            "team",
            "startup-taint.cluster-autoscaler.kubernetes.io/driver",
            "node.kubernetes.io/unschedulable",
        ];
        let node = Arc::new(Node {
            taints: keys.into_iter().map(taint).collect(),
            ..Node::default()
        });
        let left: Vec<Taint> = started(&node).taints.clone();
        assert_eq!(
            left,
            [taint("team"), taint("node.kubernetes.io/unschedulable")]
        );
    }
}
