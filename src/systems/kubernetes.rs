//! Kubernetes: kube-scheduler itself, decision for decision, with its queue, its plugins and its
//! preemption, over kubelets and the controllers. Policies of the registry run in it beside its own
//! plugins; [`super::pipeline`] runs them alone.
//!
//! A scheduler and the controllers, as a caller builds them from the registry:
//!
//! ```
//! use control::controllers::manager::ControllerOptions;
//! use systems::{SystemRequest, registry};
//!
//! let request = SystemRequest {
//!     controllers: Some(ControllerOptions::default()),
//!     ..SystemRequest::of("default")
//! };
//! let parts = (registry::find("kubernetes")?.build)(&request)?;
//! let names: Vec<&str> = parts.components.iter().map(|part| part.name()).collect();
//! assert_eq!(names, ["default", "controller-manager"]);
//! # Ok::<(), systems::SystemError>(())
//! ```

use std::sync::Arc;

use super::capability::{Capabilities, rows};
use super::entry::{
    ExtenderLine, RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemFact, SystemParts,
    SystemRequest,
};
use super::kubelet::{Kubelet, KubeletOptions};
use super::mesos::component::MesosMaster;
use super::mesos::options::{FrameworkKind, MasterPlace, MesosOptions};
use super::profile::check_profile;
use super::queueing::Queueing;
use cluster::Commitment;
use control::client_limit::ClientLimit;
use control::controllers::manager::{ControllerManager, ControllerOptions, ControllerScope};
use control::devices::ClaimController;
use control::federation::{CellOptions, Federation, FederationOptions};
use control::volumes::AttachDetach;
use control::{Component, Stepping};
use model::{Change, Changes, ClusterObjects, Labels, SchedulerConfig, Text};
use policy::kube_profiles::{add_machine, build_kube_profiles};
use policy::registered::{Registration, add_registered};
use scheduler::external::{Extenders, ExternalKubePlugin};
use scheduler::kube::queue::Backoff;
use scheduler::kube::{
    KubeOptions, KubeScheduler, PreemptionState, SchedulerPlace, TieBreak, Witness,
};
use units::{ComponentId, Duration, SortedMap};

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "kubernetes",
    summary: "Kubernetes: kube-scheduler itself, decision for decision, with kubelets and controllers.",
    source: "kube-scheduler 1.34 (1.30 to 1.36 by `release`): all default plugins, queue, preemption",
    scheduler: SchedulerKind::KubeScheduler,
    workloads: RunsWorkloads::WithControllers,
    facts: &[SystemFact::HasPlainForm],
    capabilities: CAPABILITIES,
    ends: crate::ends::kubernetes,
    build,
};

const AS_ORIGINAL: &str = "by the plugin of kube-scheduler";
const CONTROLLERS: &str = "with `system.controllers`";

const CAPABILITIES: Capabilities = &rows! {
    Requests: Yes("reserved"),
    CpuFractions: Yes("thousandths of a core"),
    ExtendedResources: Yes("reserved"),
    WholeGpus: Yes("devices, by GPU model"),
    GpuChoice: Yes("devices of any of the models"),
    GpuShares: Yes("a part of one device"),
    NodeSelector: Yes("labels of nodes"),
    NodeAffinityEqual | NodeAffinityChoice | NodeAffinityTerms: Yes("all operators"),
    PreferredNodeAffinity | OnePerNode | PodAffinityNode | PodAffinityDomain |
        PreferredPodAffinity | SpreadPreferred | SpreadRequired: Yes(AS_ORIGINAL),
    Taints: Yes("nodes with untolerated taints are excluded"),
    PodSlots | HostPorts | Volumes | DeviceClaims: Yes(AS_ORIGINAL),
    Needs: Without("assumed to exist"),
    Priority: Yes("a queue by priority; pods of lower priority are evicted"),
    Gangs | UnlikeGangs: Yes("one by one; together with the plugin Coscheduling"),
    SchedulingGates: Yes(AS_ORIGINAL),
    SeveralContainers: Yes("they share the pod's node"),
    InitContainers: Yes("run before the other containers"),
    RestartInPlace: Yes("with a back-off that grows from 10 s to 5 min"),
    LivenessProbes: Yes("the container is restarted"),
    HealthChecks: Without("not read; a probe decides"),
    ReadinessProbes: Yes("decide whether the pod receives requests"),
    Replicas: Yes(CONTROLLERS),
    RollingUpdate: Yes("by surge and unavailable, paused and rolled back by users"),
    StatefulSet | DaemonSet | Job | CronJob | DisruptionBudget: Yes(CONTROLLERS),
    Service: Yes("its endpoints follow readiness"),
    OtherObjects: Yes(CONTROLLERS),
    Placement: Yes("filters, then the highest weighted sum of scores"),
    Overcommit: Without("requests are never overcommitted"),
    FailureDetection:
        Yes("leases of 10 s; not ready after 50 s of silence (models.nodeLife: observed)"),
    LostNode: Yes("evicted 300 s after the node becomes not ready; controllers recreate them"),
    ControlPlaneLoss: Yes("running pods continue; nothing is placed, replaced or evicted"),
};

/// The options of the exact scheduler of Kubernetes.
#[derive(Clone, Debug, Default)]
pub struct KubeRequest {
    /// Configuration of the scheduler.
    pub config: SchedulerConfig,
    /// Policies of the registry that run beside its own plugins.
    pub registered: Vec<Registration>,
    /// Switches of the release that is followed.
    pub changes: Changes,
    /// Whether the first of equally good nodes is taken, rather than the release's choice.
    pub takes_first: bool,
    /// Time from the end of a decision to the binding.
    pub binding_time: Duration,
    /// Time from the order to evict a pod to its end.
    pub eviction_time: Duration,
    /// The limit of the scheduler's client; `None` has none.
    pub client: Option<ClientLimit>,
    /// The objects around nodes and pods.
    pub objects: ClusterObjects,
    /// The witness that sees every attempt.
    pub witness: Option<Arc<dyn Witness>>,
    /// Pods, by namespace and name, that take part in preemptions before the run begins.
    pub preemptions: SortedMap<(Text, Text), PreemptionState>,
    /// Schedulers that race on the cluster, which pods choose by name; none is one for all.
    pub schedulers: Vec<NamedScheduler>,
    /// Cells that the nodes are divided into, and the federation above them.
    pub federation: Option<FederationOptions>,
}

/// A scheduler among several.
#[derive(Clone, Debug, Default)]
pub struct NamedScheduler {
    /// Name by which pods choose it.
    pub name: Text,
    /// Labels of the nodes that it places pods on; none is every node.
    pub nodes: Labels,
    /// Delay with which it sees changes, in addition to that of all components.
    pub watch_delay: Duration,
    /// Time that it takes to decide on a pod, in addition to that of all components.
    pub decision_time: Duration,
    /// `true` if it is a Mesos master with batch frameworks, and not a kube-scheduler.
    pub is_mesos: bool,
}

fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    check_profile(&ENTRY, &request.profile.name)?;
    let kube = request.options.of::<KubeRequest>();
    let mut parts = cell(request, schedulers(request, &kube)?);
    if let Some(options) = &kube.federation {
        parts
            .components
            .push(Box::new(Federation::new(options.clone())));
    }
    if request.controllers.is_some()
        && let Some(queues) = Queueing::new(&kube.objects, request.setup.seed)
    {
        parts.components.push(Box::new(queues));
    }
    Ok(parts)
}

/// The schedulers of the cluster: one, those that race on it, or one for each cell.
fn schedulers(
    request: &SystemRequest,
    kube: &KubeRequest,
) -> Result<Vec<Box<dyn Component>>, SystemError> {
    let named = match &kube.federation {
        Some(federation) => federation.cells.iter().map(of_cell).collect(),
        None => kube.schedulers.clone(),
    };
    if named.is_empty() {
        return Ok(vec![Box::new(exact(request)?)]);
    }
    let mut schedulers: Vec<Box<dyn Component>> = Vec::new();
    for (index, own) in named.iter().enumerate() {
        if own.is_mesos {
            schedulers.push(master(request, own, named.len()));
            continue;
        }
        let mut options = exact_options(request)?;
        options.owner = ComponentId::from_index(index);
        options.name = own.name.to_string();
        for profile in &mut options.profiles {
            profile.scheduler_name = own.name.to_string();
        }
        if let TieBreak::Random { .. } = options.ties {
            options.ties = TieBreak::random(request.setup.seed, index as u64);
        }
        let others = named.iter().map(|other| other.name.clone());
        options.place = SchedulerPlace {
            nodes: own.nodes.clone(),
            others: others.filter(|other| *other != own.name).collect(),
            watch_delay: own.watch_delay,
            decision_time: own.decision_time,
        };
        schedulers.push(Box::new(KubeScheduler::new(options)));
    }
    Ok(schedulers)
}

/// A Mesos master among schedulers.
fn master(request: &SystemRequest, own: &NamedScheduler, schedulers: usize) -> Box<dyn Component> {
    let mut options = request.options.of::<MesosOptions>();
    // The controllers of the cluster make the pods of workloads.
    options
        .frameworks
        .retain(|framework| matches!(framework.kind, FrameworkKind::Batch(_)));
    Box::new(MesosMaster::new(MesosOptions {
        seed: request.setup.seed,
        place: Some(MasterPlace {
            name: own.name.clone(),
            schedulers: schedulers as u32,
            watch_delay: own.watch_delay,
            decision_time: own.decision_time,
        }),
        ..options
    }))
}

/// The scheduler of a cell, which has the cell's name and nodes.
fn of_cell(cell: &CellOptions) -> NamedScheduler {
    NamedScheduler {
        name: cell.name.clone(),
        nodes: cell.nodes.clone(),
        ..NamedScheduler::default()
    }
}

/// A cell with kubelets, the controllers that are asked for, and schedulers.
pub(super) fn cell(request: &SystemRequest, schedulers: Vec<Box<dyn Component>>) -> SystemParts {
    let mut components = schedulers;
    let kube = request.options.of::<KubeRequest>();
    if kube.changes.has(Change::DynamicResourceAllocation)
        && let Some(claims) = ClaimController::new(&kube.objects.devices)
    {
        components.push(Box::new(claims));
    }
    let mut awaits_volumes = false;
    if let Some(options) = &request.controllers {
        components.extend(managers(request, options));
        if let Some(volumes) = &options.volumes {
            components.push(Box::new(AttachDetach::new(volumes.clone())));
            awaits_volumes = true;
        }
    }
    SystemParts {
        components,
        agent: Box::new(Kubelet::new(KubeletOptions {
            time_limits: request.time_limits,
            images: request.images.clone(),
            awaits_volumes,
        })),
        stepping: Stepping::PerInstant,
        commitment: Commitment::Admitted,
    }
}

/// The controller manager of the cluster, or one for each cell and one for what belongs to none.
fn managers(request: &SystemRequest, options: &ControllerOptions) -> Vec<Box<dyn Component>> {
    let kube = request.options.of::<KubeRequest>();
    let cells = kube.federation.iter().flat_map(|own| &own.cells);
    let cells: Arc<[Text]> = cells.map(|cell| cell.name.clone()).collect();
    let of_cells = cells.iter().cloned().map(ControllerScope::Cell);
    let rest = ControllerScope::Outside(Arc::clone(&cells));
    let scopes = of_cells.chain([rest]);
    let managers = scopes.map(|scope| -> Box<dyn Component> {
        Box::new(ControllerManager::new(&ControllerOptions {
            scope,
            ..options.clone()
        }))
    });
    managers.collect()
}

/// The exact scheduler.
///
/// # Errors
/// Its configuration names what does not exist, or a name twice.
pub fn exact(request: &SystemRequest) -> Result<KubeScheduler, SystemError> {
    Ok(KubeScheduler::new(exact_options(request)?))
}

/// Options of the exact scheduler.
fn exact_options(request: &SystemRequest) -> Result<KubeOptions, SystemError> {
    let kube = request.options.of::<KubeRequest>();
    let mut profiles = build_kube_profiles(&kube.config, kube.changes)?;
    for profile in &mut profiles {
        add_registered(profile, &kube.registered, &request.setup)?;
        add_machine(profile);
        if let Some(ExtenderLine(exchange)) = &request.extenders {
            let extenders = Extenders::new(kube.config.extenders.clone().into(), exchange.clone());
            profile.add_outside(Arc::new(extenders), 0);
        }
        if let Some(own) = &request.external {
            let exchange = own.exchange.clone();
            let plugin = ExternalKubePlugin::new(exchange, own.points, request.setup.seed);
            profile.add_outside(Arc::new(plugin), own.weight);
        }
    }
    let ties = if kube.takes_first {
        TieBreak::First
    } else if kube.changes.has(Change::HeapRoot) {
        TieBreak::HeapRoot
    } else {
        TieBreak::random(request.setup.seed, request.setup.scheduler)
    };
    Ok(KubeOptions {
        owner: ComponentId(0),
        name: request.profile.name.clone(),
        profiles,
        backoff: backoff(&kube.config),
        ties,
        form: request.form,
        binding_time: kube.binding_time,
        eviction_time: kube.eviction_time,
        client: kube.client,
        objects: kube.objects.clone(),
        witness: kube.witness.clone(),
        preemptions: kube.preemptions.clone(),
        place: SchedulerPlace::default(),
    })
}

fn backoff(config: &SchedulerConfig) -> Backoff {
    let plain = Backoff::default();
    let stated = |seconds: Option<i64>, default| {
        let stated = seconds.and_then(Duration::checked_from_secs);
        stated.unwrap_or(default)
    };
    Backoff {
        initial: stated(config.initial_backoff_secs, plain.initial),
        most: stated(config.max_backoff_secs, plain.most),
    }
}
