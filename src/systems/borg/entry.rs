//! Borg in the registry of systems.

use cluster::Commitment;
use control::Stepping;

use crate::capability::{Capabilities, INIT_IN_START, rows};
use crate::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemFact, SystemParts, SystemRequest,
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
    facts: &[SystemFact::HasPlainForm],
    capabilities: CAPABILITIES,
    ends: crate::ends::borg,
    build,
};

const BLIND: &str = "the score looks at no other tasks but those of the job";
const NO_GPUS: &str = "machines have no GPUs";

/// Capabilities of Borg.
pub(super) const CAPABILITIES: Capabilities = &rows! {
    Requests: Yes("limits; of tasks below production what is reserved counts"),
    CpuFractions: Yes("thousandths of a core"),
    ExtendedResources: Yes("limits"),
    WholeGpus | GpuChoice | GpuShares: Refused(NO_GPUS),
    NodeSelector | NodeAffinityEqual | NodeAffinityChoice | NodeAffinityTerms:
        Yes("hard constraints"),
    PreferredNodeAffinity: Yes("soft constraints, with a weight in `wishes`"),
    OnePerNode | PodAffinityNode | PodAffinityDomain | PreferredPodAffinity | SpreadPreferred |
        SpreadRequired: Without(BLIND),
    Taints: Yes("no tasks on machines with untolerated taints"),
    PodSlots: Yes("as many as the machine has slots"),
    HostPorts: Without("ports are given out by the machine"),
    Volumes: Without("taken to be reachable from every machine"),
    DeviceClaims: Without("devices are not allotted"),
    Needs: Without("taken to be there"),
    Priority: Yes("in bands; production spares production"),
    Gangs | UnlikeGangs: Without("admitted together, placed one by one"),
    SchedulingGates: Without("tasks are placed without delay"),
    SeveralContainers: Yes("they share the task's place, as an alloc does"),
    InitContainers: Without(INIT_IN_START),
    RestartInPlace: Without("a task that ends is placed again"),
    LivenessProbes: Without("not probed"),
    HealthChecks: Without("not read; what runs is healthy"),
    ReadinessProbes: Without("a task is ready once it runs"),
    Replicas: Yes("jobs of equal tasks"),
    RollingUpdate: Yes("at most `updateDisruptions` tasks away at a time"),
    StatefulSet: Without("a job, without order and without its own volumes"),
    DaemonSet: Refused("a job has a number of tasks"),
    Job:
        Yes("tasks that complete are not started again, nor those that fail more often than \
            it says"),
    CronJob: Refused("schedules are kept by another service"),
    DisruptionBudget: Without("`updateDisruptions` bounds updates alone"),
    Service: Without("clients find tasks themselves"),
    OtherObjects: Without("no such objects"),
    Placement: Yes("the machine that strands least, or another packing score"),
    Overcommit: Yes("tasks below production use what is reclaimed"),
    FailureDetection: Yes("15 s without an answer (`unreachableAfter`)"),
    LostNode: Yes("its tasks are placed elsewhere, 100 a second (`reschedule`)"),
    ControlPlaneLoss: Yes("tasks continue; nothing is placed or replaced"),
};

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
