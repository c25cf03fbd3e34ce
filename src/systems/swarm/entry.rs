//! Swarm in the registry: what it can express, and how a run's control plane is made of it.

use crate::capability::Support::{Refused, Without, Yes};
use crate::capability::{Capabilities, Capability};
use crate::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemParts, SystemRequest, TimeLimits,
};
use crate::plain_agent::PlainAgent;
use cluster::Commitment;
use control::Stepping;

use super::component::SwarmManager;

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "swarm",
    summary: "Docker Swarm (classic): one manager that picks an engine for every container.",
    source: "docker-archive/classicswarm 3cc018d (1.2.9)",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::Always,
    capabilities: CAPABILITIES,
    build,
};

const NO_CONTROLLER: &str = "nobody keeps workloads: there are containers alone";
const ALL_OR_NONE: &str = "expressions are required, or soft and all given up together";

/// What Swarm can express.
pub(super) const CAPABILITIES: Capabilities = &[
    (
        Capability::Requests,
        Yes("reserved, stopped containers included"),
    ),
    (
        Capability::CpuFractions,
        Without("rounded up to whole cores; `cpu: millicores` counts thousandths"),
    ),
    (
        Capability::ExtendedResources,
        Refused("engines count cpu and memory alone"),
    ),
    (
        Capability::WholeGpus,
        Refused("engines count cpu and memory alone"),
    ),
    (
        Capability::GpuChoice,
        Refused("engines count cpu and memory alone"),
    ),
    (
        Capability::GpuShares,
        Refused("engines count cpu and memory alone"),
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
        Refused("constraints are all required, and texts alone"),
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
        Refused("affinities are about one engine"),
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
    (Capability::Taints, Without("engines take any container")),
    (Capability::HostPorts, Yes("the port filter")),
    (
        Capability::Volumes,
        Without("volumes stay on their engine and are not looked at"),
    ),
    (Capability::Needs, Without("taken to be there")),
    (
        Capability::Priority,
        Without("containers are alike, none is evicted for another"),
    ),
    (
        Capability::Gangs,
        Without("containers are created one by one"),
    ),
    (
        Capability::SchedulingGates,
        Without("a request is taken at once"),
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
        Without("what ends has ended: engines' own restart policies are not modelled"),
    ),
    (
        Capability::LivenessProbes,
        Without("nobody acts on health checks"),
    ),
    (
        Capability::ReadinessProbes,
        Without("a container serves once it runs"),
    ),
    (
        Capability::Replicas,
        Without("created once by a client; nobody replaces a container that ends"),
    ),
    (
        Capability::RollingUpdate,
        Without("containers stay as they were created"),
    ),
    (
        Capability::StatefulSet,
        Without("containers without order and without volumes of their own"),
    ),
    (Capability::DaemonSet, Refused(NO_CONTROLLER)),
    (Capability::Job, Refused(NO_CONTROLLER)),
    (Capability::CronJob, Refused(NO_CONTROLLER)),
    (Capability::DisruptionBudget, Without(NO_CONTROLLER)),
    (
        Capability::Service,
        Without("clients find containers by themselves"),
    ),
    (Capability::OtherObjects, Without(NO_CONTROLLER)),
    (
        Capability::Placement,
        Yes("filters, then `spread`, `binpack` or `random` over reserved shares and health"),
    ),
    (
        Capability::Overcommit,
        Yes("5 % of cpu and memory; `random` looks at no resources"),
    ),
    (
        Capability::FailureDetection,
        Yes("the third refresh in a row that fails, 30 to 60 s apart; or discovery's TTL"),
    ),
    (
        Capability::LostNode,
        Yes("left as they are, or created anew with the policy on-node-failure, one at a time"),
    ),
    (
        Capability::ControlPlaneLoss,
        Yes("nothing new until a standby holds the lock (20 s); containers run on"),
    ),
];

#[expect(clippy::unnecessary_wraps, reason = "the registry asks for it")]
fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    let options = request.options.swarm.clone();
    Ok(SystemParts {
        components: vec![Box::new(SwarmManager::new(options, request.setup.seed))],
        agent: Box::new(PlainAgent::new(TimeLimits::Ignored)),
        stepping: Stepping::PerInstant,
        commitment: Commitment::Decided,
    })
}
