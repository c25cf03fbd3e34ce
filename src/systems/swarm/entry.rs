//! Swarm in the registry: what it can express, and how a run's control plane is made of it.

use crate::capability::{Capabilities, INIT_IN_START, rows};
use crate::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemFact, SystemParts, SystemRequest,
};
use crate::parts::time_limits::TimeLimits;
use crate::plain_agent::PlainAgent;
use cluster::Commitment;
use control::Stepping;

use super::component::SwarmManager;
use super::options::SwarmOptions;

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "swarm",
    summary: "Docker Swarm (classic): one manager that picks an engine for every container.",
    source: "docker-archive/classicswarm 3cc018d (1.2.9)",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::Always,
    facts: &[SystemFact::SizesNodesOnce],
    capabilities: CAPABILITIES,
    ends: crate::ends::swarm,
    build,
};

const NO_CONTROLLER: &str = "workloads have no controllers: only containers exist";
const ALL_OR_NONE: &str = "expressions are required, or soft and then all dropped together";

/// Capabilities of Swarm.
pub(super) const CAPABILITIES: Capabilities = &rows! {
    Requests: Yes("reserved, also by stopped containers"),
    CpuFractions: Without("rounded up to whole cores; `cpu: millicores` counts thousandths"),
    ExtendedResources | WholeGpus | GpuChoice | GpuShares:
        Refused("engines account only for cpu and memory"),
    NodeSelector: Yes("constraints `key==value` over engine labels"),
    NodeAffinityEqual: Yes("constraints `==` and `!=`"),
    NodeAffinityChoice: Yes("constraints with regular expressions"),
    NodeAffinityTerms: Refused("all constraints are required, and compare only text"),
    PreferredNodeAffinity: Without(ALL_OR_NONE),
    OnePerNode: Yes("an affinity `label!=value` over the engine's containers"),
    PodAffinityNode:
        Yes("affinities over labels of the engine's containers, the first requirement of several"),
    PodAffinityDomain: Refused("affinities apply to one engine"),
    PreferredPodAffinity: Without(ALL_OR_NONE),
    SpreadPreferred: Without("the strategy spreads over engines, not over zones"),
    SpreadRequired: Refused("the strategy spreads over engines, not over zones"),
    Taints: Without("engines accept any container"),
    PodSlots: Without("engines take any number of containers"),
    HostPorts: Yes("the port filter"),
    Volumes: Without("volumes stay on their engine and are ignored"),
    DeviceClaims: Without("devices are not allotted"),
    Needs: Without("assumed to exist"),
    Priority: Without("containers have no priorities; none is preempted"),
    Gangs | UnlikeGangs: Without("containers are created one by one"),
    SchedulingGates: Without("a request is handled at once"),
    SeveralContainers: Without("one container with the sum of their requests"),
    InitContainers: Without(INIT_IN_START),
    RestartInPlace:
        Without("ended containers are not restarted: engine restart policies are not modelled"),
    LivenessProbes: Without("health checks have no effect"),
    HealthChecks: Without("the engine shows them, and nothing acts on them"),
    ReadinessProbes: Without("a container receives requests as soon as it runs"),
    Replicas: Without("created once by a client; ended containers are not replaced"),
    RollingUpdate: Without("containers stay as they were created"),
    StatefulSet: Without("containers without order and without their own volumes"),
    DaemonSet | Job | CronJob: Refused(NO_CONTROLLER),
    DisruptionBudget: Without(NO_CONTROLLER),
    Service: Without("clients find containers themselves"),
    OtherObjects: Without(NO_CONTROLLER),
    Placement: Yes("filters, then `spread`, `binpack` or `random` over reserved shares and health"),
    Overcommit: Yes("5 % of cpu and memory; `random` ignores resources"),
    FailureDetection:
        Yes("the third refresh in a row that fails, 30 to 60 s apart; or discovery's TTL"),
    LostNode: Yes("left in place, or recreated one at a time with the policy on-node-failure"),
    ControlPlaneLoss:
        Yes("no new containers until a standby holds the lock (20 s); containers continue"),
};

#[expect(clippy::unnecessary_wraps, reason = "required by the registry")]
fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    let options = request.options.of::<SwarmOptions>();
    Ok(SystemParts {
        components: vec![Box::new(SwarmManager::new(options, request.setup.seed))],
        agent: Box::new(PlainAgent::new(TimeLimits::Ignored)),
        stepping: Stepping::PerInstant,
        commitment: Commitment::Decided,
    })
}
