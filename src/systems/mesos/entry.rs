//! Mesos in the registry of systems.

use crate::capability::Support::{Refused, Without, Yes};
use crate::capability::{Capabilities, Capability};
use crate::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemParts, SystemRequest,
};
use cluster::Commitment;
use control::{Component, Stepping};

use crate::kubelet::KubeletOptions;

use super::agent::MesosAgent;
use super::component::MesosMaster;
use super::component::drf_tasks::DrfTasks;
use super::options::{MesosOptions, Strategy};

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "mesos",
    summary: "Apache Mesos: one master offers agents' free resources to Marathon, Chronos and batch \
              frameworks.",
    source: "apache/mesos 1.10 (allocator, observer), mesosphere/marathon 1.9, mesos/chronos 3",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::Always,
    empties_nodes: false,
    capabilities: CAPABILITIES,
    ends: crate::ends::mesos,
    build,
};

const BY_FRAMEWORK: &str = "by the framework, on each offer";
const NO_OTHERS: &str = "constraints cover fields of agents and the instances of one application";

/// Capabilities of Mesos and its frameworks.
pub(super) const CAPABILITIES: Capabilities = &[
    (Capability::Requests, Yes("cpus and mem of a task")),
    (Capability::CpuFractions, Yes("thousandths of a cpu")),
    (
        Capability::ExtendedResources,
        Yes("custom scalar resources"),
    ),
    (
        Capability::WholeGpus,
        Yes("gpus; agents with GPUs are reserved for GPU-capable frameworks"),
    ),
    (
        Capability::GpuChoice,
        Yes("by the framework, over an attribute of the agent"),
    ),
    (
        Capability::GpuShares,
        Without("a share takes a whole device: gpus are whole numbers"),
    ),
    (
        Capability::NodeSelector,
        Yes("attributes of agents, by the framework"),
    ),
    (Capability::NodeAffinityEqual, Yes(BY_FRAMEWORK)),
    (Capability::NodeAffinityChoice, Yes(BY_FRAMEWORK)),
    (Capability::NodeAffinityTerms, Yes(BY_FRAMEWORK)),
    (
        Capability::PreferredNodeAffinity,
        Without("the first fitting offer is accepted"),
    ),
    (
        Capability::OnePerNode,
        Yes("the constraint `hostname UNIQUE` of Marathon"),
    ),
    (Capability::PodAffinityNode, Refused(NO_OTHERS)),
    (Capability::PodAffinityDomain, Refused(NO_OTHERS)),
    (Capability::PreferredPodAffinity, Without(NO_OTHERS)),
    (
        Capability::SpreadPreferred,
        Without("constraints are all required; `constraints` of the framework can state GROUP_BY"),
    ),
    (
        Capability::SpreadRequired,
        Yes("the constraint GROUP_BY of Marathon over the field"),
    ),
    (
        Capability::Taints,
        Without("agents accept any task; roles and reservations dedicate agents"),
    ),
    (
        Capability::PodSlots,
        Yes("as many as `allocatable.pods`, beside what agents offer"),
    ),
    (
        Capability::HostPorts,
        Yes("a fixed port is had once on an agent, whose offer is taken to have it"),
    ),
    (Capability::Volumes, Without("volumes are ignored")),
    (
        Capability::DeviceClaims,
        Without("devices are not allotted"),
    ),
    (Capability::Needs, Without("assumed to exist")),
    (
        Capability::Priority,
        Without("roles have weights and quotas; tasks have no priorities"),
    ),
    (
        Capability::Gangs,
        Without("tasks are launched one by one, as offers arrive"),
    ),
    (
        Capability::UnlikeGangs,
        Without("tasks are launched one by one, as offers arrive"),
    ),
    (
        Capability::SchedulingGates,
        Without("a task waits for offers as soon as it is submitted"),
    ),
    (
        Capability::SeveralContainers,
        Yes("a task group in one executor"),
    ),
    (
        Capability::InitContainers,
        Without("only their requests matter"),
    ),
    (
        Capability::RestartInPlace,
        Without("an ended task is not restarted; its framework launches another with back-off"),
    ),
    (
        Capability::LivenessProbes,
        Yes(
            "health checks; an instance that fails them is killed and replaced, and one that never passed them is \
             not ready",
        ),
    ),
    (
        Capability::ReadinessProbes,
        Yes("upgrades wait for readiness"),
    ),
    (
        Capability::Replicas,
        Yes("instances of an application of Marathon"),
    ),
    (
        Capability::RollingUpdate,
        Yes("minimumHealthCapacity and maximumOverCapacity, from unavailable and surge"),
    ),
    (
        Capability::StatefulSet,
        Yes("a resident application: upgrades may take down half, none is moved; no order"),
    ),
    (
        Capability::DaemonSet,
        Refused("Marathon can't run an application on every agent"),
    ),
    (Capability::Job, Yes("a Chronos job that runs once")),
    (
        Capability::CronJob,
        Yes("a repeating job of Chronos; times must be evenly apart"),
    ),
    (
        Capability::DisruptionBudget,
        Without("maintenance ignores them"),
    ),
    (
        Capability::Service,
        Yes("a load balancer that polls Marathon"),
    ),
    (
        Capability::OtherObjects,
        Without("frameworks support only applications and jobs"),
    ),
    (
        Capability::Placement,
        Yes("offers by dominant-resource fairness; the first fitting one is accepted"),
    ),
    (
        Capability::Overcommit,
        Yes("revocable resources, for frameworks that accept them; otherwise never"),
    ),
    (
        Capability::FailureDetection,
        Yes(
            "pings of 15 s; unreachable after 5 without an answer, 75 to 90 s after the failure \
             (DC/OS: 20, 300 to 315 s)",
        ),
    ),
    (
        Capability::LostNode,
        Yes(
            "replaced by Marathon at once, or by its unreachable strategy; lost with Chronos and \
             batch frameworks, unless nodes are declared lost and `models.nodeLoss` resubmits",
        ),
    ),
    (
        Capability::ControlPlaneLoss,
        Yes("tasks continue; no offers for 10 s and until agents have re-registered"),
    ),
];

#[expect(clippy::unnecessary_wraps, reason = "required by the registry")]
fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    Ok(parts(request.options.of(), request))
}

/// A master with these options, and its agents.
pub(super) fn parts(options: MesosOptions, request: &SystemRequest) -> SystemParts {
    let options = MesosOptions {
        seed: request.setup.seed,
        ..options
    };
    let commitment = if options.oversubscription.is_some() {
        Commitment::Decided
    } else {
        Commitment::Checked
    };
    let component: Box<dyn Component> = match options.strategy {
        Strategy::Offers => Box::new(MesosMaster::new(options)),
        Strategy::DrfTasks(blocked) => Box::new(DrfTasks::new(blocked)),
    };
    SystemParts {
        components: vec![component],
        agent: Box::new(MesosAgent::new(KubeletOptions {
            time_limits: request.time_limits,
            images: request.images.clone(),
            awaits_volumes: false,
        })),
        stepping: Stepping::PerInstant,
        commitment,
    }
}
