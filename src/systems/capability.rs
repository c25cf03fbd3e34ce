//! Capabilities of systems, and their behaviour: one vocabulary, one table a system, printed by
//! `windtunnel systems` and read by the mapping of workloads ([`super::mapping`]), so that what is
//! printed is what happens.

use std::fmt;

/// Writes the enumeration of capabilities with their names.
macro_rules! capabilities {
    ($($(#[$doc:meta])* $variant:ident: $name:literal,)*) => {
        /// A feature that a workload may need, or a property of a system.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Capability {
            $($(#[$doc])* $variant,)*
        }

        impl Capability {
            /// Every capability, in the order of tables.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The capability's name in tables and messages.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

capabilities! {
    /// CPU and memory that a pod reserves.
    Requests: "cpu and memory requests",
    /// CPU in parts of a core.
    CpuFractions: "fractions of a core",
    /// Countable resources beside them.
    ExtendedResources: "extended resources",
    /// Whole GPU devices.
    WholeGpus: "whole GPUs",
    /// Whole GPU devices of one of several models.
    GpuChoice: "a choice of GPU models",
    /// Parts of a GPU device.
    GpuShares: "shares of a GPU",
    /// Labels that a node must have.
    NodeSelector: "node selector",
    /// Required node affinity by one value of a label, or by values that it must not have.
    NodeAffinityEqual: "node affinity, one value",
    /// Required node affinity by several values, or by a label's presence.
    NodeAffinityChoice: "node affinity, several values",
    /// Required node affinity by alternatives, numbers or names of nodes.
    NodeAffinityTerms: "node affinity, alternatives",
    /// Node affinity that is preferred.
    PreferredNodeAffinity: "preferred node affinity",
    /// At most one pod of its kind on a node.
    OnePerNode: "one pod of a kind per node",
    /// Required affinity to other pods, or against them, on one node.
    PodAffinityNode: "pod affinity on a node",
    /// Required pod affinity within a domain of several nodes.
    PodAffinityDomain: "pod affinity in a domain",
    /// Affinity to other pods that is preferred.
    PreferredPodAffinity: "preferred pod affinity",
    /// Spreading over domains as well as it goes.
    SpreadPreferred: "spread, preferred",
    /// Spreading over domains that must be kept.
    SpreadRequired: "spread, required",
    /// Taints of nodes.
    Taints: "taints of nodes",
    /// Largest numbers of pods that nodes take.
    PodSlots: "pods per node",
    /// Ports of nodes.
    HostPorts: "host ports",
    /// Volumes that bear on a pod's place.
    Volumes: "volumes",
    /// Claims on devices that drivers offer.
    DeviceClaims: "claims on devices",
    /// Secrets and configs without which containers don't start.
    Needs: "secrets and configs",
    /// Priorities, and preemption by them.
    Priority: "priorities, preemption",
    /// Pods that start together or not at all.
    Gangs: "gangs",
    /// Gangs of pods with different requests.
    UnlikeGangs: "gangs of unlike pods",
    /// Gates before a pod is placed.
    SchedulingGates: "scheduling gates",
    /// Several containers in one pod.
    SeveralContainers: "several containers per pod",
    /// Containers that run before the others.
    InitContainers: "init containers",
    /// Containers that are started again where they are.
    RestartInPlace: "restarts in place",
    /// Probes by which containers are killed.
    LivenessProbes: "liveness probes",
    /// Probes that take a pod out of service, or hold up a rollout.
    ReadinessProbes: "readiness probes",
    /// Checks that images bring (`HEALTHCHECK`).
    HealthChecks: "health checks of images",
    /// Number of equal pods, kept.
    Replicas: "replicas maintained",
    /// A new template rolled out step by step.
    RollingUpdate: "rolling update",
    /// Pods with identities, in order.
    StatefulSet: "stateful sets",
    /// A pod on every eligible node.
    DaemonSet: "daemon sets",
    /// Pods that run until enough of them succeeded.
    Job: "jobs",
    /// Jobs by the clock.
    CronJob: "cron jobs",
    /// Number of pods of a selection that must stay healthy.
    DisruptionBudget: "disruption budgets",
    /// Pods behind one address.
    Service: "services",
    /// Any other object that controllers of Kubernetes act on.
    OtherObjects: "other objects",
    /// Choice of the node.
    Placement: "placement",
    /// Promises beyond the amounts that nodes have.
    Overcommit: "over-commit",
    /// Detection of a lost node.
    FailureDetection: "failure detection",
    /// Fate of the pods of a lost node.
    LostNode: "pods of a lost node",
    /// Behaviour while the control plane is gone.
    ControlPlaneLoss: "control plane lost",
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Support of a capability by a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It has it; how.
    Yes(&'static str),
    /// It does not have it, and runs the pod without; what that means.
    Without(&'static str),
    /// It does not have it, and what asks for it is not run; why.
    Refused(&'static str),
}

impl Support {
    /// Word for tables.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Yes(_) => "yes",
            Self::Without(_) => "ignored",
            Self::Refused(_) => "refused",
        }
    }

    /// Sentence about the support.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Yes(text) | Self::Without(text) | Self::Refused(text) => text,
        }
    }
}

/// Behaviour of init containers in systems whose tasks have none.
pub(crate) const INIT_IN_START: &str = "they run as a part of the start, one after the other; one that fails ends the \
    task before it runs";

/// Support of each capability by a system, in any order.
pub type Capabilities = &'static [Row];

/// Row of a table of capabilities.
pub type Row = (Capability, Support);

/// Writes the rows of a table of capabilities, those with the same support together:
/// `WholeGpus | GpuShares: Refused("no devices"),`.
macro_rules! rows {
    ($($($capability:ident)|+: $support:ident($text:expr),)*) => {
        [$($((
            $crate::capability::Capability::$capability,
            $crate::capability::rows!(@ $support $text),
        ),)+)*]
    };
    (@ Yes $text:expr) => { $crate::capability::Support::Yes($text) };
    (@ Without $text:expr) => { $crate::capability::Support::Without($text) };
    (@ Refused $text:expr) => { $crate::capability::Support::Refused($text) };
}
pub(crate) use rows;

/// Number of all capabilities.
const COUNT: usize = Capability::ALL.len();

/// Table of a system: its own rows, and rows that it shares with others.
pub(crate) const fn table(own: &[Row], shared: &[Row]) -> [Row; COUNT] {
    let mut all = [shared[0]; COUNT];
    let mut next = 0;
    while next < COUNT {
        all[next] = if next < own.len() {
            own[next]
        } else {
            shared[next - own.len()]
        };
        next += 1;
    }
    all
}

/// Support of a capability by a system.
pub fn support(table: Capabilities, capability: Capability) -> Option<Support> {
    let mut found = table.iter().filter(|(known, _)| *known == capability);
    found.next().map(|&(_, support)| support)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::SYSTEMS;

    #[test]
    fn every_system_says_something_of_every_capability_once() {
        for system in SYSTEMS {
            for &capability in Capability::ALL {
                let known = system.capabilities.iter();
                let count = known.filter(|(known, _)| *known == capability).count();
                assert_eq!(count, 1, "{} says of `{capability}`", system.name);
            }
        }
    }
}
