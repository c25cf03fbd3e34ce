//! The registry's entry of the system that consolidates virtual machines.

use cluster::Commitment;
use control::Stepping;

use super::component::{ConsolidationOptions, Consolidator};
use crate::capability::{Capabilities, INIT_IN_START, rows};
use crate::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemFact, SystemParts, SystemRequest,
};
use crate::plain_agent::PlainAgent;

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "consolidation",
    summary: "Consolidation of virtual machines: live moves off overloaded and nearly idle nodes.",
    source: "Beloglazov and Buyya 2012, as in CloudSim 4.0",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::Never,
    facts: &[SystemFact::SizesNodesOnce],
    capabilities: CAPABILITIES,
    ends: crate::ends::jobs_alone,
    build,
};

const ANYWHERE: &str = "any node with room takes a machine";
const NO_GPUS: &str = "machines have no GPUs";
const PODS_ALONE: &str = "it supports only pods, each a virtual machine";

pub(super) const CAPABILITIES: Capabilities = &rows! {
    Requests: Yes("cpu by use once it runs, memory when it is created"),
    CpuFractions: Yes("thousandths of a core"),
    ExtendedResources: Without("only cpu and memory matter"),
    WholeGpus | GpuChoice | GpuShares: Refused(NO_GPUS),
    NodeSelector | NodeAffinityEqual | NodeAffinityChoice | NodeAffinityTerms |
        PreferredNodeAffinity | OnePerNode | PodAffinityNode | PodAffinityDomain |
        PreferredPodAffinity | SpreadPreferred | SpreadRequired | Taints: Without(ANYWHERE),
    PodSlots: Without("a node takes any number of machines"),
    HostPorts: Without(ANYWHERE),
    Volumes: Without("memory alone is moved"),
    DeviceClaims: Without("devices are not allotted"),
    Needs: Without("assumed to exist"),
    Priority: Without("first come, first served; no preemption"),
    Gangs | UnlikeGangs: Without("machines are placed one by one"),
    SchedulingGates: Without("machines are placed without delay"),
    SeveralContainers: Yes("they move together"),
    InitContainers: Without(INIT_IN_START),
    RestartInPlace: Without("ended containers are not restarted"),
    LivenessProbes: Without("not probed"),
    HealthChecks: Without("not read; what runs is healthy"),
    ReadinessProbes: Without("a machine is ready once it runs"),
    Replicas | RollingUpdate | StatefulSet | DaemonSet | Job | CronJob: Refused(PODS_ALONE),
    DisruptionBudget: Without("machines run on while they move"),
    Service: Without("machines have no clients"),
    OtherObjects: Without(PODS_ALONE),
    Placement: Yes("the node whose power rises least, of those that stay below the threshold"),
    Overcommit: Yes("machines share what they don't use"),
    FailureDetection: Yes("a node that is down takes no machine until it is back"),
    LostNode: Yes("lost, or resubmitted by `models.nodeLoss`"),
    ControlPlaneLoss: Yes("machines run on, none moves"),
};

#[expect(
    clippy::unnecessary_wraps,
    reason = "the registry's builders may refuse a request"
)]
fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    let options = ConsolidationOptions {
        seed: request.setup.seed,
        ..request.options.of()
    };
    Ok(SystemParts {
        components: vec![Box::new(Consolidator::new(options))],
        agent: Box::new(PlainAgent::new(request.time_limits)),
        stepping: Stepping::PerInstant,
        commitment: Commitment::Decided,
    })
}
