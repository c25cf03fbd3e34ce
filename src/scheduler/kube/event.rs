//! Events in the cluster that may make a rejected pod schedulable (spec: kubernetes.md 1.2,
//! "Events").

use std::sync::Arc;

use super::volumes::ClaimKey;
use super::{NodeInfo, PodInfo};
use model::dra::ResourceClaim;

/// A set of kinds of event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventKinds(u16);

impl EventKinds {
    /// None.
    pub const NONE: Self = Self(0);
    /// A node joined.
    pub const NODE_ADD: Self = Self(1);
    /// A node left.
    pub const NODE_DELETE: Self = Self(1 << 1);
    /// A node's allocatable amounts changed.
    pub const NODE_ALLOCATABLE: Self = Self(1 << 2);
    /// A node's labels changed.
    pub const NODE_LABEL: Self = Self(1 << 3);
    /// A node's taints changed, or it was opened again.
    pub const NODE_TAINT: Self = Self(1 << 4);
    /// A pod has a node.
    pub const POD_ADD: Self = Self(1 << 5);
    /// A pod left its node, or gave up the one it awaited a place on.
    pub const POD_DELETE: Self = Self(1 << 6);
    /// A pod's labels changed.
    pub const POD_LABEL: Self = Self(1 << 7);
    /// A request of a pod fell or vanished.
    pub const POD_SCALE_DOWN: Self = Self(1 << 8);
    /// The last of a pod's gates went.
    pub const POD_GATES: Self = Self(1 << 9);
    /// The number of a pod's tolerations changed.
    pub const POD_TOLERATION: Self = Self(1 << 10);
    /// Something else of a pod changed.
    pub const POD_OTHER: Self = Self(1 << 11);
    /// A claim or its volume changed.
    pub const CLAIM: Self = Self(1 << 12);
    /// A claim on devices was made, or changed.
    pub const DEVICE_CLAIM: Self = Self(1 << 13);

    /// Every kind.
    pub const ALL: Self = Self((Self::DEVICE_CLAIM.0 << 1) - 1);

    /// All changes of a node that is there.
    pub const NODE_CHANGE: Self =
        Self(Self::NODE_ALLOCATABLE.0 | Self::NODE_LABEL.0 | Self::NODE_TAINT.0);

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all kinds of `other` are in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// An event in the cluster.
#[derive(Clone, Debug)]
pub enum ClusterEvent {
    /// Timeout or forced retry: every pod is to be tried again.
    Anything,
    /// A node joined; the node is as it is when empty.
    NodeAdded(Arc<NodeInfo>),
    /// A node left.
    NodeDeleted(Arc<NodeInfo>),
    /// A node's declaration changed.
    NodeChanged {
        /// Kind of the change, a single one.
        change: EventKinds,
        /// The empty node as it was.
        before: Arc<NodeInfo>,
        /// The empty node as it is.
        after: Arc<NodeInfo>,
    },
    /// A pod has a node.
    PodAdded(Arc<PodInfo>),
    /// A pod left its node, or gave up the one it awaited a place on.
    PodDeleted(Arc<PodInfo>),
    /// A pod's declaration changed.
    PodChanged {
        /// Kind of the change, a single one.
        change: EventKinds,
        /// The pod before the change.
        before: Arc<PodInfo>,
        /// The pod after the change.
        after: Arc<PodInfo>,
    },
    /// A claim got its volume.
    ClaimBound(ClaimKey),
    /// A claim on devices was made, or changed.
    DeviceClaim {
        /// The claim before the change; `None` of one that was made.
        before: Option<Arc<ResourceClaim>>,
        /// The claim after the change.
        after: Arc<ResourceClaim>,
    },
}

impl ClusterEvent {
    /// The cluster event's kind; `None` is every kind.
    pub const fn kind(&self) -> Option<EventKinds> {
        match self {
            Self::Anything => None,
            Self::NodeAdded(_) => Some(EventKinds::NODE_ADD),
            Self::NodeDeleted(_) => Some(EventKinds::NODE_DELETE),
            Self::PodAdded(_) => Some(EventKinds::POD_ADD),
            Self::PodDeleted(_) => Some(EventKinds::POD_DELETE),
            Self::ClaimBound(_) => Some(EventKinds::CLAIM),
            Self::DeviceClaim { .. } => Some(EventKinds::DEVICE_CLAIM),
            Self::NodeChanged { change, .. } | Self::PodChanged { change, .. } => Some(*change),
        }
    }

    /// The node before and after, where this is about a node.
    pub fn node(&self) -> Option<(Option<&NodeInfo>, Option<&NodeInfo>)> {
        match self {
            Self::NodeAdded(node) => Some((None, Some(node))),
            Self::NodeDeleted(node) => Some((Some(node), None)),
            Self::NodeChanged { before, after, .. } => Some((Some(before), Some(after))),
            _ => None,
        }
    }

    /// The pod before and after, where this is about a pod.
    pub fn pod(&self) -> Option<(Option<&PodInfo>, Option<&PodInfo>)> {
        match self {
            Self::PodAdded(pod) => Some((None, Some(pod))),
            Self::PodDeleted(pod) => Some((Some(pod), None)),
            Self::PodChanged { before, after, .. } => Some((Some(before), Some(after))),
            _ => None,
        }
    }

    /// Whether this is about a claim of other pods alone.
    pub fn is_of_strange_claim(&self, pod: &PodInfo) -> bool {
        let Self::ClaimBound((namespace, name)) = self else {
            return false;
        };
        *namespace != pod.spec().namespace
            || pod.claim_names().all(|claim_name| claim_name != *name)
    }

    /// The new declaration of the pod itself, where this is a change of it.
    pub fn own_change<'e>(&'e self, pod: &PodInfo) -> Option<&'e PodInfo> {
        match self {
            Self::PodChanged { after, .. } if after.is(pod) => Some(after),
            _ => None,
        }
    }
}

/// The events of a node's new declaration, one for every respect, in the original's order.
pub fn node_changes(before: &Arc<NodeInfo>, after: &Arc<NodeInfo>) -> Vec<ClusterEvent> {
    let (old, new) = (&before.object, &after.object);
    let changes = [
        (
            EventKinds::NODE_TAINT,
            old.unschedulable && !new.unschedulable,
        ),
        (
            EventKinds::NODE_ALLOCATABLE,
            old.allocatable != new.allocatable,
        ),
        (EventKinds::NODE_LABEL, old.labels != new.labels),
        (EventKinds::NODE_TAINT, old.taints != new.taints),
    ];
    let changes = changes.into_iter().filter(|&(_, differs)| differs);
    changes
        .map(|(change, _)| ClusterEvent::NodeChanged {
            change,
            before: before.clone(),
            after: after.clone(),
        })
        .collect()
}

/// The events of a pod's new declaration, one for every respect, in the original's order.
pub fn pod_changes(before: &Arc<PodInfo>, after: &Arc<PodInfo>) -> Vec<ClusterEvent> {
    let (old, new) = (before.spec(), after.spec());
    let gates_went = new.scheduling_gates.is_empty() && !old.scheduling_gates.is_empty();
    let changes = [
        (EventKinds::POD_LABEL, old.labels != new.labels),
        (EventKinds::POD_SCALE_DOWN, asks_for_less(before, after)),
        (EventKinds::POD_GATES, gates_went),
        (
            EventKinds::POD_TOLERATION,
            old.tolerations.len() != new.tolerations.len(),
        ),
    ];
    let mut changes: Vec<EventKinds> = changes
        .into_iter()
        .filter(|&(_, differs)| differs)
        .map(|(change, _)| change)
        .collect();
    if changes.is_empty() {
        changes.push(EventKinds::POD_OTHER);
    }
    changes
        .into_iter()
        .map(|change| ClusterEvent::PodChanged {
            change,
            before: before.clone(),
            after: after.clone(),
        })
        .collect()
}

/// Whether a request fell or vanished.
fn asks_for_less(before: &PodInfo, after: &PodInfo) -> bool {
    let (old, new) = (before.counted_class(), after.counted_class());
    if Arc::ptr_eq(old, new) {
        return false;
    }
    // A sum that overflows was refused when the pod was declared.
    let (Ok(old), Ok(new)) = (old.spec.requests(), new.spec.requests()) else {
        return true;
    };
    old.iter()
        .any(|(name, amount)| new.stated(name).is_none_or(|left| left < amount))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Node, Taint, TaintEffect};

    fn kinds(before: &Node, after: &Node) -> Vec<EventKinds> {
        let info = |node: &Node| {
            let info = NodeInfo::new(Arc::new(node.clone()));
            Arc::new(info.expect("amounts that fit"))
        };
        let changes = node_changes(&info(before), &info(after));
        let kinds = changes.into_iter().map(|event| match event {
            ClusterEvent::NodeChanged { change, .. } => change,
            other => unreachable!("{other:?}"),
        });
        kinds.collect()
    }

    #[test]
    fn a_node_that_is_opened_is_an_event_and_one_that_is_closed_is_none() {
        let open = Node::default();
        let closed = Node {
            unschedulable: true,
            ..Node::default()
        };
        let tainted = Node {
            taints: vec![Taint {
                key: "spare".into(),
                value: "".into(),
                effect: TaintEffect::NoSchedule,
            }],
            ..Node::default()
        };
        assert_eq!(kinds(&closed, &open), [EventKinds::NODE_TAINT]);
        assert_eq!(kinds(&open, &closed), []);
        assert_eq!(kinds(&open, &tainted), [EventKinds::NODE_TAINT]);
        assert_eq!(kinds(&open, &open), []);
    }
}
