//! The registry's entry of the system that consolidates virtual machines.

use cluster::Commitment;
use control::Stepping;

use super::component::{ConsolidationOptions, Consolidator};
use crate::capability::Support::{Refused, Without, Yes};
use crate::capability::{Capabilities, Capability};
use crate::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemParts, SystemRequest,
};
use crate::plain_agent::PlainAgent;

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "consolidation",
    summary: "Consolidation of virtual machines: live moves off overloaded and nearly idle nodes.",
    source: "Beloglazov and Buyya 2012, as in CloudSim 4.0",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::Never,
    empties_nodes: false,
    capabilities: CAPABILITIES,
    ends: crate::ends::jobs_alone,
    build,
};

const ANYWHERE: &str = "any node with room takes a machine";
const NO_GPUS: &str = "machines have no GPUs";
const PODS_ALONE: &str = "it supports only pods, each a virtual machine";

pub(super) const CAPABILITIES: Capabilities = &[
    (
        Capability::Requests,
        Yes("cpu by use once it runs, memory when it is created"),
    ),
    (Capability::CpuFractions, Yes("thousandths of a core")),
    (
        Capability::ExtendedResources,
        Without("only cpu and memory matter"),
    ),
    (Capability::WholeGpus, Refused(NO_GPUS)),
    (Capability::GpuChoice, Refused(NO_GPUS)),
    (Capability::GpuShares, Refused(NO_GPUS)),
    (Capability::NodeSelector, Without(ANYWHERE)),
    (Capability::NodeAffinityEqual, Without(ANYWHERE)),
    (Capability::NodeAffinityChoice, Without(ANYWHERE)),
    (Capability::NodeAffinityTerms, Without(ANYWHERE)),
    (Capability::PreferredNodeAffinity, Without(ANYWHERE)),
    (Capability::OnePerNode, Without(ANYWHERE)),
    (Capability::PodAffinityNode, Without(ANYWHERE)),
    (Capability::PodAffinityDomain, Without(ANYWHERE)),
    (Capability::PreferredPodAffinity, Without(ANYWHERE)),
    (Capability::SpreadPreferred, Without(ANYWHERE)),
    (Capability::SpreadRequired, Without(ANYWHERE)),
    (Capability::Taints, Without(ANYWHERE)),
    (
        Capability::PodSlots,
        Without("a node takes any number of machines"),
    ),
    (Capability::HostPorts, Without(ANYWHERE)),
    (Capability::Volumes, Without("memory alone is moved")),
    (
        Capability::DeviceClaims,
        Without("devices are not allotted"),
    ),
    (Capability::Needs, Without("assumed to exist")),
    (
        Capability::Priority,
        Without("first come, first served; no preemption"),
    ),
    (Capability::Gangs, Without("machines are placed one by one")),
    (
        Capability::UnlikeGangs,
        Without("machines are placed one by one"),
    ),
    (
        Capability::SchedulingGates,
        Without("machines are placed without delay"),
    ),
    (Capability::SeveralContainers, Yes("they move together")),
    (
        Capability::InitContainers,
        Without("only their requests matter"),
    ),
    (
        Capability::RestartInPlace,
        Without("ended containers are not restarted"),
    ),
    (Capability::LivenessProbes, Without("not probed")),
    (
        Capability::ReadinessProbes,
        Without("a machine is ready once it runs"),
    ),
    (Capability::Replicas, Refused(PODS_ALONE)),
    (Capability::RollingUpdate, Refused(PODS_ALONE)),
    (Capability::StatefulSet, Refused(PODS_ALONE)),
    (Capability::DaemonSet, Refused(PODS_ALONE)),
    (Capability::Job, Refused(PODS_ALONE)),
    (Capability::CronJob, Refused(PODS_ALONE)),
    (
        Capability::DisruptionBudget,
        Without("machines run on while they move"),
    ),
    (Capability::Service, Without("machines have no clients")),
    (Capability::OtherObjects, Without(PODS_ALONE)),
    (
        Capability::Placement,
        Yes("the node whose power rises least, of those that stay below the threshold"),
    ),
    (
        Capability::Overcommit,
        Yes("machines share what they don't use"),
    ),
    (
        Capability::FailureDetection,
        Yes("a node that is down takes no machine until it is back"),
    ),
    (
        Capability::LostNode,
        Yes("lost, or resubmitted by `models.nodeLoss`"),
    ),
    (
        Capability::ControlPlaneLoss,
        Yes("machines run on, none moves"),
    ),
];

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
