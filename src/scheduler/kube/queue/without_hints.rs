//! Selection of pods to wake where plugins are not asked about events, as releases before 1.32 have
//! it (spec: kubernetes-releases.md B): every event that a rejecting plugin listens to wakes a pod,
//! but a node only one that it could take if it were empty.

use crate::kube::{ClusterEvent, NodeInfo, PodInfo};
use model::TaintEffect;
use model::rules::room::fits;
use model::rules::{affinity, taints};

/// Whether an event is offered to a pod at all.
pub(super) fn is_offered(event: &ClusterEvent, pod: &PodInfo) -> bool {
    match event.node() {
        Some((_, Some(after))) => could_take(after, pod),
        _ => true,
    }
}

/// Whether an empty node could take a pod.
fn could_take(node: &NodeInfo, pod: &PodInfo) -> bool {
    let (wanted, offered) = (&pod.class.requests, &node.allocatable);
    let mut scalars = wanted.scalars.iter();
    let repelling = taints::first_repelling(pod.spec(), &node.object.taints);
    fits(1, offered.pods)
        && fits(wanted.cpu_milli, offered.cpu_milli)
        && fits(wanted.memory, offered.memory)
        && fits(wanted.storage, offered.storage)
        && scalars.all(|(name, &amount)| fits(amount, offered.scalar(name)))
        && affinity::admits(pod.spec(), &node.object)
        && repelling.is_none_or(|taint| taint.effect != TaintEffect::NoSchedule)
}
