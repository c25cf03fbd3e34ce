//! Pods that a Mesos master places beside kube-schedulers: wishes of theirs that it does not know.

use crate::capability::{Capabilities, Capability, Support::Without};

const NO_OTHERS: &str = "offers to a Mesos framework say nothing of other pods";

/// Gaps of a Mesos master on a cluster of Kubernetes; kubelets and controllers see to all the rest.
pub const GAPS: Capabilities = &[
    (
        Capability::GpuShares,
        Without("a share takes a whole device: gpus are whole numbers to Mesos"),
    ),
    (
        Capability::PreferredNodeAffinity,
        Without("the first fitting offer is accepted"),
    ),
    (Capability::OnePerNode, Without(NO_OTHERS)),
    (Capability::PodAffinityNode, Without(NO_OTHERS)),
    (Capability::PodAffinityDomain, Without(NO_OTHERS)),
    (Capability::PreferredPodAffinity, Without(NO_OTHERS)),
    (Capability::SpreadPreferred, Without(NO_OTHERS)),
    (Capability::SpreadRequired, Without(NO_OTHERS)),
    (
        Capability::Taints,
        Without("offers to a Mesos framework say nothing of taints"),
    ),
    (
        Capability::DeviceClaims,
        Without("devices are not allotted"),
    ),
    (
        Capability::Priority,
        Without("roles have weights and quotas; tasks have no priorities"),
    ),
    (
        Capability::Gangs,
        Without("tasks are launched one by one, as offers arrive"),
    ),
    (
        Capability::UnlikeGangs,
        Without("tasks are launched one by one, as offers arrive"),
    ),
    (
        Capability::SchedulingGates,
        Without("a task waits for offers as soon as it is submitted"),
    ),
];
