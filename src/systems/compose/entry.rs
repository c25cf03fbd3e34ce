//! Docker Compose in the registry of systems.

use crate::capability::Support::{Refused, Without, Yes};
use crate::capability::{Capabilities, Capability};
use crate::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemParts, SystemRequest,
};
use cluster::Commitment;
use control::Stepping;

use super::engine::Engine;
use super::host::Host;
use super::options::ComposeOptions;

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "compose",
    summary: "Docker Compose: the services of a project on one host, in order of their dependencies.",
    source: "compose-spec/compose-spec 170098b, docker/compose f729794, moby restart manager",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::Always,
    empties_nodes: false,
    capabilities: CAPABILITIES,
    ends: crate::ends::compose,
    build,
};

const ONE_HOST: &str = "there is one host, the first node";
const NO_DEVICES: &str = "devices of the host are not shared out";
const ONE_CONTAINER: &str = "a service's container is the only one of its pod";

/// Capabilities of Compose.
pub(super) const CAPABILITIES: Capabilities = &[
    (
        Capability::Requests,
        Without("one host takes whatever its project has"),
    ),
    (Capability::CpuFractions, Yes("as stated")),
    (
        Capability::ExtendedResources,
        Without("one host takes whatever its project has"),
    ),
    (Capability::WholeGpus, Refused(NO_DEVICES)),
    (Capability::GpuChoice, Refused(NO_DEVICES)),
    (Capability::GpuShares, Refused(NO_DEVICES)),
    (Capability::NodeSelector, Without(ONE_HOST)),
    (Capability::NodeAffinityEqual, Without(ONE_HOST)),
    (Capability::NodeAffinityChoice, Without(ONE_HOST)),
    (Capability::NodeAffinityTerms, Without(ONE_HOST)),
    (Capability::PreferredNodeAffinity, Without(ONE_HOST)),
    (Capability::OnePerNode, Without(ONE_HOST)),
    (Capability::PodAffinityNode, Without(ONE_HOST)),
    (Capability::PodAffinityDomain, Without(ONE_HOST)),
    (Capability::PreferredPodAffinity, Without(ONE_HOST)),
    (Capability::SpreadPreferred, Without(ONE_HOST)),
    (Capability::SpreadRequired, Without(ONE_HOST)),
    (Capability::Taints, Without(ONE_HOST)),
    (
        Capability::PodSlots,
        Without("the host takes any number of containers"),
    ),
    (
        Capability::HostPorts,
        Without("`import compose` refuses a port that is published twice"),
    ),
    (
        Capability::Volumes,
        Without("kept on the host, where all containers are"),
    ),
    (
        Capability::DeviceClaims,
        Without("devices are not allotted"),
    ),
    (Capability::Needs, Without("taken to be there")),
    (
        Capability::Priority,
        Without("containers have no priorities"),
    ),
    (
        Capability::Gangs,
        Without("containers are started one by one"),
    ),
    (
        Capability::UnlikeGangs,
        Without("containers are started one by one"),
    ),
    (
        Capability::SchedulingGates,
        Without("services start when their dependencies allow it"),
    ),
    (
        Capability::SeveralContainers,
        Without("one container with the sum of their requests"),
    ),
    (Capability::InitContainers, Without(ONE_CONTAINER)),
    (
        Capability::RestartInPlace,
        Yes("by `restart`: 100 ms, doubled up to 60 s, 100 ms again after a run of 10 s"),
    ),
    (
        Capability::LivenessProbes,
        Without("an unhealthy container runs on"),
    ),
    (
        Capability::ReadinessProbes,
        Without(
            "a container receives requests as soon as it runs, or once its health check is passed",
        ),
    ),
    (Capability::Replicas, Yes("containers of a service")),
    (
        Capability::RollingUpdate,
        Without("all containers of a service are stopped, then created from the new template"),
    ),
    (
        Capability::StatefulSet,
        Without("containers without order and without their own volumes"),
    ),
    (Capability::DaemonSet, Yes("one container on the one host")),
    (
        Capability::Job,
        Yes("containers that run once, or again by `restart`, or as often as it says"),
    ),
    (Capability::CronJob, Refused("there are no schedules")),
    (Capability::DisruptionBudget, Without("nothing is evicted")),
    (
        Capability::Service,
        Without("clients find containers by the names of their services"),
    ),
    (Capability::OtherObjects, Without("no such objects")),
    (
        Capability::Placement,
        Yes("the one host; services start in order of `depends_on`"),
    ),
    (
        Capability::Overcommit,
        Yes("without bounds: the host looks at no reservation"),
    ),
    (
        Capability::FailureDetection,
        Yes("none of the host itself; containers that end, and health checks"),
    ),
    (
        Capability::LostNode,
        Yes("containers come back with their host, by `restart`"),
    ),
    (
        Capability::ControlPlaneLoss,
        Yes("containers continue, and the engine starts them again"),
    ),
];

#[expect(clippy::unnecessary_wraps, reason = "required by the registry")]
fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    let options = request.options.of::<ComposeOptions>();
    Ok(SystemParts {
        components: vec![Box::new(Host::new(options.clone()))],
        agent: Box::new(Engine::new(options)),
        stepping: Stepping::PerInstant,
        commitment: Commitment::Decided,
    })
}
