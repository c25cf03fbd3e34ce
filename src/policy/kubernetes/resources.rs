//! What of a resource counts as used in scores (spec: kubernetes.md 1.6).

use crate::control::scheduler::kube::pod_info::is_scalar;
use crate::control::scheduler::kube::{NodeInfo, PodInfo};

/// How cpu and memory of pods are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// With defaults for containers that don't mention them.
    NonZero,
    /// As asked for.
    Plain,
}

/// One resource of a node as it would be with the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    /// Asked for by the pods there.
    pub(super) used: i64,
    /// Asked for by the pod.
    pub(super) asked: i64,
    /// What the node offers, not 0.
    pub(super) offered: i64,
}

impl Counted {
    /// A resource by name; `None` if the node offers none of it, or if it is a scalar one that the
    /// pod doesn't ask for.
    pub(super) fn of(name: &str, scale: Scale, pod: &PodInfo, node: &NodeInfo) -> Option<Self> {
        let own = asked(name, scale, pod);
        if own == 0 && is_scalar(name) {
            return None;
        }
        let counted = match scale {
            Scale::NonZero => &node.non_zero,
            Scale::Plain => &node.requested,
        };
        let offers = &node.allocatable;
        let (used, offered) = match name {
            "cpu" => (counted.cpu_milli, offers.cpu_milli),
            "memory" => (counted.memory, offers.memory),
            "ephemeral-storage" => (node.requested.storage, offers.storage),
            scalar => (node.requested.scalar(scalar), offers.scalar(scalar)),
        };
        (offered != 0).then_some(Self {
            used,
            asked: own,
            offered,
        })
    }

    /// Asked for by the pods there and the pod.
    pub(super) fn requested(&self) -> i64 {
        self.used + self.asked
    }
}

/// What the pod asks for of a resource.
pub(super) fn asked(name: &str, scale: Scale, pod: &PodInfo) -> i64 {
    let amounts = match scale {
        Scale::NonZero => &pod.class.scored,
        Scale::Plain => &pod.class.requests,
    };
    match name {
        "cpu" => amounts.cpu_milli,
        "memory" => amounts.memory,
        "ephemeral-storage" => amounts.storage,
        scalar => amounts.scalar(scalar),
    }
}
