//! Pods that a Mesos master places beside kube-schedulers: wishes of theirs that it does not know.

use crate::capability::{Capabilities, rows};

const NO_OTHERS: &str = "offers to a Mesos framework say nothing of other pods";

/// Gaps of a Mesos master on a cluster of Kubernetes; kubelets and controllers see to all the rest.
pub const GAPS: Capabilities = &rows! {
    GpuShares: Without("a share takes a whole device: gpus are whole numbers to Mesos"),
    PreferredNodeAffinity: Without("the first fitting offer is accepted"),
    OnePerNode | PodAffinityNode | PodAffinityDomain | PreferredPodAffinity | SpreadPreferred |
        SpreadRequired: Without(NO_OTHERS),
    Taints: Without("offers to a Mesos framework say nothing of taints"),
    DeviceClaims: Without("devices are not allotted"),
    Priority: Without("roles have weights and quotas; tasks have no priorities"),
    Gangs | UnlikeGangs: Without("tasks are launched one by one, as offers arrive"),
    SchedulingGates: Without("a task waits for offers as soon as it is submitted"),
};
