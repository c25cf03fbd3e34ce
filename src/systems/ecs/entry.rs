//! ECS in the registry of systems.

use crate::capability::{Capabilities, INIT_IN_START, rows};
use crate::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemFact, SystemParts, SystemRequest,
};
use cluster::Commitment;
use control::Stepping;

use super::agent::EcsAgent;
use super::component::Ecs;
use super::options::EcsOptions;

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "ecs",
    summary: "Amazon ECS: services of tasks on container instances, by constraints and strategies.",
    source: "awsdocs/amazon-ecs-developer-guide 49232cf, and rules of this project where it is silent",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::Always,
    facts: &[
        SystemFact::EmptiesNodes,
        SystemFact::HasPlainForm,
        SystemFact::KeepsFormerVersion,
        SystemFact::SizesNodesOnce,
    ],
    capabilities: CAPABILITIES,
    ends: crate::ends::ecs,
    build,
};

const QUERIES: &str = "pods state none to ECS; `system.ecs.placement` states queries of attributes";

/// Capabilities of ECS.
pub(super) const CAPABILITIES: Capabilities = &rows! {
    Requests: Yes("cpu units of 1/1024 and MiB of memory, reserved"),
    CpuFractions: Yes("1/1024 of a core"),
    ExtendedResources: Without("tasks reserve cpu, memory and whole GPUs"),
    WholeGpus: Yes("pinned to a task; none on Fargate"),
    GpuChoice: Refused("tasks name no models; node selectors name attributes of instances"),
    GpuShares: Refused("tasks are pinned to whole devices"),
    NodeSelector: Yes("memberOf: `==` on attributes"),
    NodeAffinityEqual: Yes("memberOf: `==` and `!=`"),
    NodeAffinityChoice: Yes("memberOf: `in`, `exists` and their opposites"),
    NodeAffinityTerms: Yes("memberOf: `or`"),
    PreferredNodeAffinity: Without(QUERIES),
    OnePerNode: Yes("distinctInstance"),
    PodAffinityNode | PodAffinityDomain | PreferredPodAffinity:
        Without("constraints are about instances, not about other services"),
    SpreadPreferred | SpreadRequired:
        Without("the strategy `spread` of `system.ecs.placement` spreads, over zones by default"),
    Taints: Without("instances take any task"),
    PodSlots: Without("instances take any number of tasks"),
    HostPorts:
        Without("every task has a network interface of its own (`networkMode: awsvpc`), unless \
            it is `bridge` or `host`"),
    Volumes: Without("taken to be reachable from every instance"),
    DeviceClaims: Without("devices are not allotted"),
    Needs: Without("taken to be there"),
    Priority: Without("tasks have no priorities"),
    Gangs | UnlikeGangs: Without("tasks are placed one by one"),
    SchedulingGates: Without("tasks are placed at once"),
    SeveralContainers: Without("one task with the sum of their requests"),
    InitContainers: Without(INIT_IN_START),
    RestartInPlace: Without("a task that ends is replaced by its service"),
    LivenessProbes:
        Without("a task counts as healthy by its health check, or once it ran for 40 s"),
    HealthChecks: Yes("a task counts once it is healthy, and an unhealthy one is replaced"),
    ReadinessProbes: Without("a task receives requests as soon as it runs"),
    Replicas: Yes("services"),
    RollingUpdate: Yes("within minimumHealthyPercent and maximumPercent, with a circuit breaker"),
    StatefulSet: Without("a service, without order and without its own volumes"),
    DaemonSet: Yes("daemon services"),
    Job: Without("tasks that are run once; a failed one is not retried"),
    CronJob: Refused("schedules are kept by another service"),
    DisruptionBudget: Without("a drain keeps to minimumHealthyPercent"),
    Service: Without("clients find tasks themselves"),
    OtherObjects: Without("no such objects; services are scaled by operations (`scale`)"),
    Placement: Yes("constraints, then strategies in order: spread, binpack, random"),
    Overcommit: Without("never of reservations"),
    FailureDetection: Yes("60 s without word of the agent (`agentTimeout`)"),
    LostNode: Yes("given up after 300 s (`replaceAfter`); services start other tasks"),
    ControlPlaneLoss: Yes("tasks continue; nothing is placed or replaced"),
};

/// Answers of an ECS whose tasks take ports of their instances.
pub(crate) const WITH_PORTS: Capabilities = &rows! {
    HostPorts: Yes("instances on which they are free"),
};

#[expect(clippy::unnecessary_wraps, reason = "required by the registry")]
fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    let options = request.options.of::<EcsOptions>();
    let control = Ecs::new(options, request.form, request.setup.seed);
    Ok(SystemParts {
        components: vec![Box::new(control)],
        agent: Box::new(EcsAgent::new(request.time_limits)),
        stepping: Stepping::PerInstant,
        commitment: Commitment::Decided,
    })
}
