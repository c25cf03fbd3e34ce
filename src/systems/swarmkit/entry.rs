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

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "swarmkit",
    summary: "SwarmKit (Docker's swarm mode): services kept at their size, rolling updates, Raft.",
    source: "moby/swarmkit 3e72cb6",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::Always,
    capabilities: CAPABILITIES,
    build,
};

const HARD: &str = "constraints are `==` and `!=`, all required";
const NO_AFFINITY: &str = "services know nothing of each other's tasks";

/// What `SwarmKit` can express.
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
        Refused("generic resources are whole"),
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
        Refused("preferences bind nobody"),
    ),
    (
        Capability::Taints,
        Without("nodes are active, paused or drained"),
    ),
    (Capability::HostPorts, Yes("ports published in host mode")),
    (Capability::Volumes, Without("volumes are not looked at")),
    (
        Capability::Needs,
        Yes("a task starts once all secrets and configs it needs are declared"),
    ),
    (
        Capability::Priority,
        Without("tasks are alike, none is evicted for another"),
    ),
    (
        Capability::Gangs,
        Without("tasks are placed as far as there is room"),
    ),
    (
        Capability::SchedulingGates,
        Without("tasks are placed at once"),
    ),
    (
        Capability::SeveralContainers,
        Without("one container with their sum"),
    ),
    (
        Capability::InitContainers,
        Without("only their requests count"),
    ),
    (
        Capability::RestartInPlace,
        Without("another task takes the place of one that ended, 5 s later"),
    ),
    (
        Capability::LivenessProbes,
        Without("a task's health is checked by the annotation `windtunnel.dev/health-check`"),
    ),
    (
        Capability::ReadinessProbes,
        Without("a task serves once it runs"),
    ),
    (Capability::Replicas, Yes("replicated services")),
    (
        Capability::RollingUpdate,
        Yes("parallelism, delay, monitor, failure action with rollback, order"),
    ),
    (
        Capability::StatefulSet,
        Without("slots without order and without volumes of their own"),
    ),
    (Capability::DaemonSet, Yes("global services")),
    (
        Capability::Job,
        Yes("so many tasks that complete, so many at once"),
    ),
    (Capability::CronJob, Refused("nothing goes by the clock")),
    (
        Capability::DisruptionBudget,
        Without("a drain moves all tasks at once"),
    ),
    (
        Capability::Service,
        Yes(
            "a virtual address over tasks in turns (IPVS `rr`), or all addresses (`clusterIP: None`)",
        ),
    ),
    (Capability::OtherObjects, Without("nobody acts on them")),
    (
        Capability::Placement,
        Yes("groups of tasks over a tree of labels, then the fewest tasks of the service"),
    ),
    (Capability::Overcommit, Without("never of reservations")),
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
        Yes("without a majority nothing is placed, replaced or updated; tasks run on"),
    ),
];

#[expect(clippy::unnecessary_wraps, reason = "the registry asks for it")]
fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    let options = request.options.swarmkit.clone();
    let agent = SwarmKitAgent::new(options.times);
    Ok(SystemParts {
        components: vec![Box::new(SwarmKitManager::new(options, request.setup.seed))],
        agent: Box::new(agent),
        stepping: Stepping::PerInstant,
        commitment: Commitment::Decided,
    })
}
