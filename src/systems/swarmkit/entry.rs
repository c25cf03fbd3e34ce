//! `SwarmKit` in the registry: what it can express, and how a run's control plane is made of it.

use crate::capability::Support::{Refused, Without, Yes};
use crate::capability::{Capabilities, Capability};
use crate::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemParts, SystemRequest,
};
use cluster::Commitment;
use control::Stepping;

use super::agent::SwarmKitAgent;
use super::component::SwarmKitManager;
use super::options::SwarmKitOptions;

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "swarmkit",
    summary: "SwarmKit (Docker's swarm mode): services maintained at their size, rolling updates, \
        Raft.",
    source: "moby/swarmkit 3e72cb6",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::Always,
    empties_nodes: true,
    capabilities: CAPABILITIES,
    ends: crate::ends::swarmkit,
    build,
};

const HARD: &str = "constraints are `==` and `!=`, all required";
const NO_AFFINITY: &str = "services can't refer to each other's tasks";

/// Capabilities of `SwarmKit`.
pub(super) const CAPABILITIES: Capabilities = &[
    (Capability::Requests, Yes("reservations")),
    (Capability::CpuFractions, Yes("nano-CPUs")),
    (Capability::ExtendedResources, Yes("generic resources")),
    (
        Capability::WholeGpus,
        Yes("generic resources; the first free devices"),
    ),
    (
        Capability::GpuChoice,
        Refused("a constraint names one model"),
    ),
    (
        Capability::GpuShares,
        Refused("generic resources are whole numbers"),
    ),
    (
        Capability::NodeSelector,
        Yes("constraints `node.labels.KEY==VALUE`"),
    ),
    (
        Capability::NodeAffinityEqual,
        Yes("constraints `==` and `!=`"),
    ),
    (Capability::NodeAffinityChoice, Refused(HARD)),
    (Capability::NodeAffinityTerms, Refused(HARD)),
    (Capability::PreferredNodeAffinity, Without(HARD)),
    (
        Capability::OnePerNode,
        Yes("at most one task of the service on a node"),
    ),
    (Capability::PodAffinityNode, Refused(NO_AFFINITY)),
    (Capability::PodAffinityDomain, Refused(NO_AFFINITY)),
    (Capability::PreferredPodAffinity, Without(NO_AFFINITY)),
    (
        Capability::SpreadPreferred,
        Yes("preferences `spread=node.labels.KEY`"),
    ),
    (
        Capability::SpreadRequired,
        Refused("preferences never block a task"),
    ),
    (
        Capability::Taints,
        Without("nodes are active, paused or drained"),
    ),
    (
        Capability::PodSlots,
        Without("nodes take any number of tasks"),
    ),
    (Capability::HostPorts, Yes("ports published in host mode")),
    (Capability::Volumes, Without("volumes are ignored")),
    (
        Capability::DeviceClaims,
        Without("devices are not allotted"),
    ),
    (
        Capability::Needs,
        Yes("a task starts once all its secrets and configs are declared"),
    ),
    (
        Capability::Priority,
        Without("tasks have no priorities; none is preempted"),
    ),
    (
        Capability::Gangs,
        Without("as many tasks are placed as there is room for"),
    ),
    (
        Capability::UnlikeGangs,
        Without("as many tasks are placed as there is room for"),
    ),
    (
        Capability::SchedulingGates,
        Without("tasks are placed without delay"),
    ),
    (
        Capability::SeveralContainers,
        Without("one container with the sum of their requests"),
    ),
    (
        Capability::InitContainers,
        Without("only their requests matter"),
    ),
    (
        Capability::RestartInPlace,
        Without(
            "an ended task is replaced by its restart policy, 5 s later unless that says otherwise",
        ),
    ),
    (
        Capability::LivenessProbes,
        Without("a task's health is checked by the annotation `windtunnel.dev/health-check`"),
    ),
    (
        Capability::ReadinessProbes,
        Without("a task receives requests as soon as it runs"),
    ),
    (Capability::Replicas, Yes("replicated services")),
    (
        Capability::RollingUpdate,
        Yes("parallelism, delay, monitor, failure action with rollback, order"),
    ),
    (
        Capability::StatefulSet,
        Without("slots without order and without their own volumes"),
    ),
    (Capability::DaemonSet, Yes("global services")),
    (
        Capability::Job,
        Yes("a number of completions and a number of concurrent tasks"),
    ),
    (Capability::CronJob, Refused("no scheduled jobs")),
    (
        Capability::DisruptionBudget,
        Without("a drain moves all tasks at once"),
    ),
    (
        Capability::Service,
        Yes(
            "a virtual address over tasks in round-robin order (IPVS `rr`), or all addresses \
             (`clusterIP: None`)",
        ),
    ),
    (Capability::OtherObjects, Without("ignored")),
    (
        Capability::Placement,
        Yes("spread over a tree of labels, then the fewest tasks of the service"),
    ),
    (
        Capability::Overcommit,
        Without("reservations are never overcommitted"),
    ),
    (
        Capability::FailureDetection,
        Yes("three heartbeats of 5 s missed: 13.5 to 16.5 s after the last"),
    ),
    (
        Capability::LostNode,
        Yes("replaced at once, started after the restart delay of 5 s"),
    ),
    (
        Capability::ControlPlaneLoss,
        Yes("without a majority nothing is placed, replaced or updated; tasks continue"),
    ),
];

#[expect(clippy::unnecessary_wraps, reason = "required by the registry")]
fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    let options = request.options.of::<SwarmKitOptions>();
    let agent = SwarmKitAgent::new(options.times);
    Ok(SystemParts {
        components: vec![Box::new(SwarmKitManager::new(options, request.setup.seed))],
        agent: Box::new(agent),
        stepping: Stepping::PerInstant,
        commitment: Commitment::Decided,
    })
}
