//! `SwarmKit` in the registry: what it can express, and how a run's control plane is made of it.

use crate::capability::{Capabilities, INIT_IN_START, rows};
use crate::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemFact, SystemParts, SystemRequest,
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
    facts: &[
        SystemFact::EmptiesNodes,
        SystemFact::KeepsFormerVersion,
        SystemFact::SizesNodesOnce,
    ],
    capabilities: CAPABILITIES,
    ends: crate::ends::swarmkit,
    build,
};

const HARD: &str = "constraints are `==` and `!=`, all required";
const NO_AFFINITY: &str = "services can't refer to each other's tasks";

/// Capabilities of `SwarmKit`.
pub(super) const CAPABILITIES: Capabilities = &rows! {
    Requests: Yes("reservations"),
    CpuFractions: Yes("nano-CPUs"),
    ExtendedResources: Yes("generic resources"),
    WholeGpus: Yes("generic resources; the first free devices"),
    GpuChoice: Refused("a constraint names one model"),
    GpuShares: Refused("generic resources are whole numbers"),
    NodeSelector: Yes("constraints `node.labels.KEY==VALUE`"),
    NodeAffinityEqual: Yes("constraints `==` and `!=`"),
    NodeAffinityChoice | NodeAffinityTerms: Refused(HARD),
    PreferredNodeAffinity: Without(HARD),
    OnePerNode: Yes("at most one task of the service on a node"),
    PodAffinityNode | PodAffinityDomain: Refused(NO_AFFINITY),
    PreferredPodAffinity: Without(NO_AFFINITY),
    SpreadPreferred: Yes("preferences `spread=node.labels.KEY`"),
    SpreadRequired: Refused("preferences never block a task"),
    Taints: Without("nodes are active, paused or drained"),
    PodSlots: Without("nodes take any number of tasks"),
    HostPorts: Yes("ports published in host mode"),
    Volumes: Without("volumes are ignored"),
    DeviceClaims: Without("devices are not allotted"),
    Needs: Yes("a task starts once all its secrets and configs are declared"),
    Priority: Without("tasks have no priorities; none is preempted"),
    Gangs | UnlikeGangs: Without("as many tasks are placed as there is room for"),
    SchedulingGates: Without("tasks are placed without delay"),
    SeveralContainers: Without("one container with the sum of their requests"),
    InitContainers: Without(INIT_IN_START),
    RestartInPlace:
        Without("an ended task is replaced by its restart policy, 5 s later unless that says \
            otherwise"),
    LivenessProbes:
        Without("a task's health is checked by the annotation `windtunnel.dev/health-check`"),
    HealthChecks: Yes("a task runs once it is healthy, and an unhealthy one is replaced"),
    ReadinessProbes: Without("a task receives requests as soon as it runs"),
    Replicas: Yes("replicated services"),
    RollingUpdate: Yes("parallelism, delay, monitor, failure action with rollback, order"),
    StatefulSet: Without("slots without order and without their own volumes"),
    DaemonSet: Yes("global services"),
    Job: Yes("a number of completions and a number of concurrent tasks"),
    CronJob: Refused("no scheduled jobs"),
    DisruptionBudget: Without("a drain moves all tasks at once"),
    Service:
        Yes("a virtual address over tasks in round-robin order (IPVS `rr`), or all addresses \
            (`clusterIP: None`)"),
    OtherObjects: Without("ignored"),
    Placement: Yes("spread over a tree of labels, then the fewest tasks of the service"),
    Overcommit: Without("reservations are never overcommitted"),
    FailureDetection: Yes("three heartbeats of 5 s missed: 13.5 to 16.5 s after the last"),
    LostNode: Yes("replaced at once, started after the restart delay of 5 s"),
    ControlPlaneLoss:
        Yes("without a majority nothing is placed, replaced or updated; tasks continue"),
};

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
