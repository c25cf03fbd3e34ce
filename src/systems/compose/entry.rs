//! Docker Compose in the registry of systems.

use crate::capability::{Capabilities, INIT_IN_START, rows};
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
    facts: &[],
    capabilities: CAPABILITIES,
    ends: crate::ends::compose,
    build,
};

const ONE_HOST: &str = "there is one host, the first node";
const NO_DEVICES: &str = "devices of the host are not shared out";

/// Capabilities of Compose.
pub(super) const CAPABILITIES: Capabilities = &rows! {
    Requests: Without("one host takes whatever its project has"),
    CpuFractions: Yes("as stated"),
    ExtendedResources: Without("one host takes whatever its project has"),
    WholeGpus | GpuChoice | GpuShares: Refused(NO_DEVICES),
    NodeSelector | NodeAffinityEqual | NodeAffinityChoice | NodeAffinityTerms |
        PreferredNodeAffinity | OnePerNode | PodAffinityNode | PodAffinityDomain |
        PreferredPodAffinity | SpreadPreferred | SpreadRequired | Taints: Without(ONE_HOST),
    PodSlots: Without("the host takes any number of containers"),
    HostPorts: Without("`import compose` refuses a port that is published twice"),
    Volumes: Without("kept on the host, where all containers are"),
    DeviceClaims: Without("devices are not allotted"),
    Needs: Without("taken to be there"),
    Priority: Without("containers have no priorities"),
    Gangs | UnlikeGangs: Without("containers are started one by one"),
    SchedulingGates: Without("services start when their dependencies allow it"),
    SeveralContainers: Without("one container with the sum of their requests"),
    InitContainers: Without(INIT_IN_START),
    RestartInPlace:
        Yes("by `restart`: 100 ms, doubled up to 60 s, 100 ms again after a run of 10 s"),
    LivenessProbes: Without("an unhealthy container runs on"),
    HealthChecks: Yes("dependents wait for them"),
    ReadinessProbes:
        Without("a container receives requests as soon as it runs, or once its health check is \
            passed"),
    Replicas: Yes("containers of a service"),
    RollingUpdate:
        Without("all containers of a service are stopped, then created from the new template"),
    StatefulSet: Without("containers without order and without their own volumes"),
    DaemonSet: Yes("one container on the one host"),
    Job: Yes("containers that run once, or again by `restart`, or as often as it says"),
    CronJob: Refused("there are no schedules"),
    DisruptionBudget: Without("nothing is evicted"),
    Service: Without("clients find containers by the names of their services"),
    OtherObjects: Without("no such objects"),
    Placement: Yes("the one host; services start in order of `depends_on`"),
    Overcommit: Yes("without bounds: the host looks at no reservation"),
    FailureDetection: Yes("none of the host itself; containers that end, and health checks"),
    LostNode: Yes("containers come back with their host, by `restart`"),
    ControlPlaneLoss: Yes("containers continue, and the engine starts them again"),
};

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
