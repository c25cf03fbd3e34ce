//! Borg in the registry of systems.

use cluster::Commitment;
use control::Stepping;

use crate::capability::Support::{Refused, Without, Yes};
use crate::capability::{Capabilities, Capability};
use crate::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemParts, SystemRequest,
};
use crate::plain_agent::PlainAgent;

use super::component::Borgmaster;
use super::options::BorgOptions;

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "borg",
    summary: "Borg: quota, priorities with preemption, packing scores, reclaimed resources.",
    source: "Verma and others, EuroSys'15; tiers of the trace of 2019",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::Always,
    empties_nodes: false,
    capabilities: CAPABILITIES,
    ends: crate::ends::borg,
    build,
};

const BLIND: &str = "the score looks at no other tasks but those of the job";
const NO_GPUS: &str = "machines have no GPUs";

/// Capabilities of Borg.
pub(super) const CAPABILITIES: Capabilities = &[
    (
        Capability::Requests,
        Yes("limits; of tasks below production what is reserved counts"),
    ),
    (Capability::CpuFractions, Yes("thousandths of a core")),
    (Capability::ExtendedResources, Yes("limits")),
    (Capability::WholeGpus, Refused(NO_GPUS)),
    (Capability::GpuChoice, Refused(NO_GPUS)),
    (Capability::GpuShares, Refused(NO_GPUS)),
    (Capability::NodeSelector, Yes("hard constraints")),
    (Capability::NodeAffinityEqual, Yes("hard constraints")),
    (Capability::NodeAffinityChoice, Yes("hard constraints")),
    (Capability::NodeAffinityTerms, Yes("hard constraints")),
    (
        Capability::PreferredNodeAffinity,
        Yes("soft constraints, with a weight in `wishes`"),
    ),
    (Capability::OnePerNode, Without(BLIND)),
    (Capability::PodAffinityNode, Without(BLIND)),
    (Capability::PodAffinityDomain, Without(BLIND)),
    (Capability::PreferredPodAffinity, Without(BLIND)),
    (Capability::SpreadPreferred, Without(BLIND)),
    (Capability::SpreadRequired, Without(BLIND)),
    (
        Capability::Taints,
        Yes("no tasks on machines with untolerated taints"),
    ),
    (
        Capability::PodSlots,
        Yes("as many as the machine has slots"),
    ),
    (
        Capability::HostPorts,
        Without("ports are given out by the machine"),
    ),
    (
        Capability::Volumes,
        Without("taken to be reachable from every machine"),
    ),
    (
        Capability::DeviceClaims,
        Without("devices are not allotted"),
    ),
    (Capability::Needs, Without("taken to be there")),
    (
        Capability::Priority,
        Yes("in bands; production spares production"),
    ),
    (
        Capability::Gangs,
        Without("admitted together, placed one by one"),
    ),
    (
        Capability::UnlikeGangs,
        Without("admitted together, placed one by one"),
    ),
    (
        Capability::SchedulingGates,
        Without("tasks are placed without delay"),
    ),
    (
        Capability::SeveralContainers,
        Yes("they share the task's place, as an alloc does"),
    ),
    (
        Capability::InitContainers,
        Without("only their requests matter"),
    ),
    (
        Capability::RestartInPlace,
        Without("a task that ends is placed again"),
    ),
    (Capability::LivenessProbes, Without("not probed")),
    (
        Capability::ReadinessProbes,
        Without("a task is ready once it runs"),
    ),
    (Capability::Replicas, Yes("jobs of equal tasks")),
    (
        Capability::RollingUpdate,
        Yes("at most `updateDisruptions` tasks away at a time"),
    ),
    (
        Capability::StatefulSet,
        Without("a job, without order and without its own volumes"),
    ),
    (
        Capability::DaemonSet,
        Refused("a job has a number of tasks"),
    ),
    (
        Capability::Job,
        Yes(
            "tasks that complete are not started again, nor those that fail more often than it says",
        ),
    ),
    (
        Capability::CronJob,
        Refused("schedules are kept by another service"),
    ),
    (
        Capability::DisruptionBudget,
        Without("`updateDisruptions` bounds updates alone"),
    ),
    (
        Capability::Service,
        Without("clients find tasks themselves"),
    ),
    (Capability::OtherObjects, Without("no such objects")),
    (
        Capability::Placement,
        Yes("the machine that strands least, or another packing score"),
    ),
    (
        Capability::Overcommit,
        Yes("tasks below production use what is reclaimed"),
    ),
    (
        Capability::FailureDetection,
        Yes("15 s without an answer (`unreachableAfter`)"),
    ),
    (
        Capability::LostNode,
        Yes("its tasks are placed elsewhere, 100 a second (`reschedule`)"),
    ),
    (
        Capability::ControlPlaneLoss,
        Yes("tasks continue; nothing is placed or replaced"),
    ),
];

#[expect(clippy::unnecessary_wraps, reason = "required by the registry")]
fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    let options = request.options.of::<BorgOptions>();
    let master = Borgmaster::new(options, request.form, request.setup.seed);
    Ok(SystemParts {
        components: vec![Box::new(master)],
        agent: Box::new(PlainAgent::new(request.time_limits)),
        stepping: Stepping::PerInstant,
        commitment: Commitment::Decided,
    })
}
