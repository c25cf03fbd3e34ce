//! ECS in the registry of systems.

use crate::capability::Support::{Refused, Without, Yes};
use crate::capability::{Capabilities, Capability};
use crate::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemParts, SystemRequest,
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
    empties_nodes: true,
    capabilities: CAPABILITIES,
    ends: crate::ends::ecs,
    build,
};

const QUERIES: &str = "pods state none to ECS; `system.ecs.placement` states queries of attributes";
const ONE_TASK: &str = "the task's containers start together";

/// Capabilities of ECS.
pub(super) const CAPABILITIES: Capabilities = &[
    (
        Capability::Requests,
        Yes("cpu units of 1/1024 and MiB of memory, reserved"),
    ),
    (Capability::CpuFractions, Yes("1/1024 of a core")),
    (
        Capability::ExtendedResources,
        Without("tasks reserve cpu, memory and whole GPUs"),
    ),
    (
        Capability::WholeGpus,
        Yes("pinned to a task; none on Fargate"),
    ),
    (
        Capability::GpuChoice,
        Refused("tasks name no models; node selectors name attributes of instances"),
    ),
    (
        Capability::GpuShares,
        Refused("tasks are pinned to whole devices"),
    ),
    (
        Capability::NodeSelector,
        Yes("memberOf: `==` on attributes"),
    ),
    (
        Capability::NodeAffinityEqual,
        Yes("memberOf: `==` and `!=`"),
    ),
    (
        Capability::NodeAffinityChoice,
        Yes("memberOf: `in`, `exists` and their opposites"),
    ),
    (Capability::NodeAffinityTerms, Yes("memberOf: `or`")),
    (Capability::PreferredNodeAffinity, Without(QUERIES)),
    (Capability::OnePerNode, Yes("distinctInstance")),
    (
        Capability::PodAffinityNode,
        Without("constraints are about instances, not about other services"),
    ),
    (
        Capability::PodAffinityDomain,
        Without("constraints are about instances, not about other services"),
    ),
    (
        Capability::PreferredPodAffinity,
        Without("constraints are about instances, not about other services"),
    ),
    (
        Capability::SpreadPreferred,
        Without("the strategy `spread` of `system.ecs.placement` spreads, over zones by default"),
    ),
    (
        Capability::SpreadRequired,
        Without("the strategy `spread` of `system.ecs.placement` spreads, over zones by default"),
    ),
    (Capability::Taints, Without("instances take any task")),
    (
        Capability::PodSlots,
        Without("instances take any number of tasks"),
    ),
    (
        Capability::HostPorts,
        Without(
            "every task has a network interface of its own (`networkMode: awsvpc`), unless it is `bridge` \
             or `host`",
        ),
    ),
    (
        Capability::Volumes,
        Without("taken to be reachable from every instance"),
    ),
    (
        Capability::DeviceClaims,
        Without("devices are not allotted"),
    ),
    (Capability::Needs, Without("taken to be there")),
    (Capability::Priority, Without("tasks have no priorities")),
    (Capability::Gangs, Without("tasks are placed one by one")),
    (
        Capability::UnlikeGangs,
        Without("tasks are placed one by one"),
    ),
    (
        Capability::SchedulingGates,
        Without("tasks are placed at once"),
    ),
    (
        Capability::SeveralContainers,
        Without("one task with the sum of their requests"),
    ),
    (Capability::InitContainers, Without(ONE_TASK)),
    (
        Capability::RestartInPlace,
        Without("a task that ends is replaced by its service"),
    ),
    (
        Capability::LivenessProbes,
        Without("a task counts as healthy by its health check, or once it ran for 40 s"),
    ),
    (
        Capability::ReadinessProbes,
        Without("a task receives requests as soon as it runs"),
    ),
    (Capability::Replicas, Yes("services")),
    (
        Capability::RollingUpdate,
        Yes("within minimumHealthyPercent and maximumPercent, with a circuit breaker"),
    ),
    (
        Capability::StatefulSet,
        Without("a service, without order and without its own volumes"),
    ),
    (Capability::DaemonSet, Yes("daemon services")),
    (
        Capability::Job,
        Without("tasks that are run once; a failed one is not retried"),
    ),
    (
        Capability::CronJob,
        Refused("schedules are kept by another service"),
    ),
    (
        Capability::DisruptionBudget,
        Without("a drain keeps to minimumHealthyPercent"),
    ),
    (
        Capability::Service,
        Without("clients find tasks themselves"),
    ),
    (
        Capability::OtherObjects,
        Without("no such objects; services are scaled by operations (`scale`)"),
    ),
    (
        Capability::Placement,
        Yes("constraints, then strategies in order: spread, binpack, random"),
    ),
    (Capability::Overcommit, Without("never of reservations")),
    (
        Capability::FailureDetection,
        Yes("60 s without word of the agent (`agentTimeout`)"),
    ),
    (
        Capability::LostNode,
        Yes("given up after 300 s (`replaceAfter`); services start other tasks"),
    ),
    (
        Capability::ControlPlaneLoss,
        Yes("tasks continue; nothing is placed or replaced"),
    ),
];

/// Answers of an ECS whose tasks take ports of their instances.
pub const WITH_PORTS: Capabilities = &[(
    Capability::HostPorts,
    Yes("instances on which they are free"),
)];

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
