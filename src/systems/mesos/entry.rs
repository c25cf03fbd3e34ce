//! Mesos in the registry of systems.

use crate::capability::{Capabilities, INIT_IN_START, rows};
use crate::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemFact, SystemParts, SystemRequest,
};
use cluster::Commitment;
use control::{Component, Stepping};

use crate::kubelet::KubeletOptions;

use super::agent::MesosAgent;
use super::component::MesosMaster;
use super::component::drf_tasks::DrfTasks;
use super::drf_tasks::Blocked;
use super::options::MesosOptions;
use super::section::MesosStrategy;

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "mesos",
    summary: "Apache Mesos: one master offers agents' free resources to Marathon, Chronos and batch \
              frameworks.",
    source: "apache/mesos 1.10 (allocator, observer), mesosphere/marathon 1.9, mesos/chronos 3",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::Always,
    facts: &[SystemFact::KeepsFormerVersion],
    capabilities: CAPABILITIES,
    ends: crate::ends::mesos,
    build,
};

const BY_FRAMEWORK: &str = "by the framework, on each offer";
const NO_OTHERS: &str = "constraints cover fields of agents and the instances of one application";

/// Capabilities of Mesos and its frameworks.
pub(super) const CAPABILITIES: Capabilities = &rows! {
    Requests: Yes("cpus and mem of a task"),
    CpuFractions: Yes("thousandths of a cpu"),
    ExtendedResources: Yes("custom scalar resources"),
    WholeGpus: Yes("gpus; agents with GPUs are reserved for GPU-capable frameworks"),
    GpuChoice: Yes("by the framework, over an attribute of the agent"),
    GpuShares: Without("a share takes a whole device: gpus are whole numbers"),
    NodeSelector: Yes("attributes of agents, by the framework"),
    NodeAffinityEqual | NodeAffinityChoice | NodeAffinityTerms: Yes(BY_FRAMEWORK),
    PreferredNodeAffinity: Without("the first fitting offer is accepted"),
    OnePerNode: Yes("the constraint `hostname UNIQUE` of Marathon"),
    PodAffinityNode | PodAffinityDomain: Refused(NO_OTHERS),
    PreferredPodAffinity: Without(NO_OTHERS),
    SpreadPreferred:
        Without("constraints are all required; `constraints` of the framework can state GROUP_BY"),
    SpreadRequired: Yes("the constraint GROUP_BY of Marathon over the field"),
    Taints: Without("agents accept any task; roles and reservations dedicate agents"),
    PodSlots: Yes("as many as `allocatable.pods`, beside what agents offer"),
    HostPorts: Yes("a fixed port is had once on an agent, whose offer is taken to have it"),
    Volumes: Without("volumes are ignored"),
    DeviceClaims: Without("devices are not allotted"),
    Needs: Without("assumed to exist"),
    Priority: Without("roles have weights and quotas; tasks have no priorities"),
    Gangs | UnlikeGangs: Without("tasks are launched one by one, as offers arrive"),
    SchedulingGates: Without("a task waits for offers as soon as it is submitted"),
    SeveralContainers: Yes("a task group in one executor"),
    InitContainers: Without(INIT_IN_START),
    RestartInPlace:
        Without("an ended task is not restarted; its framework launches another with back-off"),
    LivenessProbes:
        Yes("health checks; an instance that fails them is killed and replaced, and one that \
            never passed them is not ready"),
    HealthChecks: Without("not read; a probe decides"),
    ReadinessProbes: Yes("upgrades wait for readiness"),
    Replicas: Yes("instances of an application of Marathon"),
    RollingUpdate: Yes("minimumHealthCapacity and maximumOverCapacity, from unavailable and surge"),
    StatefulSet:
        Without("a resident application: upgrades may take down half, without order, and its tasks come back \
                 on the agent that has their volumes, or wait for it"),
    DaemonSet: Refused("Marathon can't run an application on every agent"),
    Job: Yes("a Chronos job that runs once"),
    CronJob: Yes("a repeating job of Chronos; times must be evenly apart"),
    DisruptionBudget: Without("maintenance ignores them"),
    Service: Yes("a load balancer that polls Marathon"),
    OtherObjects: Without("frameworks support only applications and jobs"),
    Placement: Yes("offers by dominant-resource fairness; the first fitting one is accepted"),
    Overcommit: Yes("revocable resources, for frameworks that accept them; otherwise never"),
    FailureDetection:
        Yes("pings of 15 s; unreachable after 5 without an answer, 75 to 90 s after the \
            failure (DC/OS: 20, 300 to 315 s)"),
    LostNode:
        Yes("replaced by Marathon at once, or by its unreachable strategy; lost with Chronos \
            and batch frameworks, unless nodes are declared lost and `models.nodeLoss` resubmits"),
    ControlPlaneLoss: Yes("tasks continue; no offers for 10 s and until agents have re-registered"),
};

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
    let commitment = if options.stated.oversubscription.is_some() {
        Commitment::Decided
    } else {
        Commitment::Checked
    };
    let tasks = |blocked| {
        let tenants = options.stated.tenants().into_iter();
        let weights = tenants.map(|(_, weight)| weight).collect();
        Box::new(DrfTasks::new(blocked, weights))
    };
    let component: Box<dyn Component> = match options.stated.strategy {
        MesosStrategy::DrfTasks => tasks(Blocked::Skip),
        MesosStrategy::DrfTasksStop => tasks(Blocked::Stop),
        MesosStrategy::Offers => Box::new(MesosMaster::new(options)),
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
