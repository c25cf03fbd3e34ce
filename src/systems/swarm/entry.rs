//! Swarm in the registry: what it can express, and how a run's control plane is made of it.

use crate::capability::Support::{Refused, Without, Yes};
use crate::capability::{Capabilities, Capability};
use crate::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemParts, SystemRequest,
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
    empties_nodes: false,
    capabilities: CAPABILITIES,
    ends: crate::ends::swarm,
    build,
};

const NO_CONTROLLER: &str = "workloads have no controllers: only containers exist";
const ALL_OR_NONE: &str = "expressions are required, or soft and then all dropped together";

/// Capabilities of Swarm.
pub(super) const CAPABILITIES: Capabilities = &[
    (
        Capability::Requests,
        Yes("reserved, also by stopped containers"),
    ),
    (
        Capability::CpuFractions,
        Without("rounded up to whole cores; `cpu: millicores` counts thousandths"),
    ),
    (
        Capability::ExtendedResources,
        Refused("engines account only for cpu and memory"),
    ),
    (
        Capability::WholeGpus,
        Refused("engines account only for cpu and memory"),
    ),
    (
        Capability::GpuChoice,
        Refused("engines account only for cpu and memory"),
    ),
    (
        Capability::GpuShares,
        Refused("engines account only for cpu and memory"),
    ),
    (
        Capability::NodeSelector,
        Yes("constraints `key==value` over engine labels"),
    ),
    (
        Capability::NodeAffinityEqual,
        Yes("constraints `==` and `!=`"),
    ),
    (
        Capability::NodeAffinityChoice,
        Yes("constraints with regular expressions"),
    ),
    (
        Capability::NodeAffinityTerms,
        Refused("all constraints are required, and compare only text"),
    ),
    (Capability::PreferredNodeAffinity, Without(ALL_OR_NONE)),
    (
        Capability::OnePerNode,
        Yes("an affinity `label!=value` over the engine's containers"),
    ),
    (
        Capability::PodAffinityNode,
        Yes("affinities over labels of the engine's containers, the first requirement of several"),
    ),
    (
        Capability::PodAffinityDomain,
        Refused("affinities apply to one engine"),
    ),
    (Capability::PreferredPodAffinity, Without(ALL_OR_NONE)),
    (
        Capability::SpreadPreferred,
        Without("the strategy spreads over engines, not over zones"),
    ),
    (
        Capability::SpreadRequired,
        Refused("the strategy spreads over engines, not over zones"),
    ),
    (Capability::Taints, Without("engines accept any container")),
    (
        Capability::PodSlots,
        Without("engines take any number of containers"),
    ),
    (Capability::HostPorts, Yes("the port filter")),
    (
        Capability::Volumes,
        Without("volumes stay on their engine and are ignored"),
    ),
    (
        Capability::DeviceClaims,
        Without("devices are not allotted"),
    ),
    (Capability::Needs, Without("assumed to exist")),
    (
        Capability::Priority,
        Without("containers have no priorities; none is preempted"),
    ),
    (
        Capability::Gangs,
        Without("containers are created one by one"),
    ),
    (
        Capability::UnlikeGangs,
        Without("containers are created one by one"),
    ),
    (
        Capability::SchedulingGates,
        Without("a request is handled at once"),
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
        Without("ended containers are not restarted: engine restart policies are not modelled"),
    ),
    (
        Capability::LivenessProbes,
        Without("health checks have no effect"),
    ),
    (
        Capability::ReadinessProbes,
        Without("a container receives requests as soon as it runs"),
    ),
    (
        Capability::Replicas,
        Without("created once by a client; ended containers are not replaced"),
    ),
    (
        Capability::RollingUpdate,
        Without("containers stay as they were created"),
    ),
    (
        Capability::StatefulSet,
        Without("containers without order and without their own volumes"),
    ),
    (Capability::DaemonSet, Refused(NO_CONTROLLER)),
    (Capability::Job, Refused(NO_CONTROLLER)),
    (Capability::CronJob, Refused(NO_CONTROLLER)),
    (Capability::DisruptionBudget, Without(NO_CONTROLLER)),
    (
        Capability::Service,
        Without("clients find containers themselves"),
    ),
    (Capability::OtherObjects, Without(NO_CONTROLLER)),
    (
        Capability::Placement,
        Yes("filters, then `spread`, `binpack` or `random` over reserved shares and health"),
    ),
    (
        Capability::Overcommit,
        Yes("5 % of cpu and memory; `random` ignores resources"),
    ),
    (
        Capability::FailureDetection,
        Yes("the third refresh in a row that fails, 30 to 60 s apart; or discovery's TTL"),
    ),
    (
        Capability::LostNode,
        Yes("left in place, or recreated one at a time with the policy on-node-failure"),
    ),
    (
        Capability::ControlPlaneLoss,
        Yes("no new containers until a standby holds the lock (20 s); containers continue"),
    ),
];

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
