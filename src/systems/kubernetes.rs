//! Kubernetes: the profile `default` is kube-scheduler itself, decision for decision. Other profiles
//! are what a scheduler built on its framework would do: one pipeline with extension points.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::capability::Support::{Without, Yes};
use super::capability::{Capabilities, Capability};
use super::entry::{RunsWorkloads, SystemEntry, SystemError, SystemParts, SystemRequest};
use super::kubelet::{Kubelet, KubeletOptions};
use cluster::Commitment;
use control::controllers::manager::ControllerManager;
use control::{Component, Stepping};
use model::{ClusterObjects, SchedulerConfig, Text};
use policy::build_profile;
use policy::kubernetes::registered::{Registration, add_registered};
use policy::kubernetes::{add_machine, build_kube_profiles};
use policy::profiles::KUBE_PROFILE;
use scheduler::Pipeline;
use scheduler::kube::queue::Backoff;
use scheduler::kube::{KubeOptions, KubeScheduler, PreemptionState, Release, TieBreak, Witness};
use units::{ComponentId, Duration};

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "kubernetes",
    summary: "A scheduler with extension points that places one pod at a time.",
    source: "kube-scheduler 1.34 (1.36 by `release`): all default plugins, queue, preemption",
    plans_jobs: false,
    workloads: RunsWorkloads::WithControllers,
    capabilities: CAPABILITIES,
    build,
};

const BY_PROFILE: &str = "by the profile `default`; the pipelines of other profiles pass over it";
const CONTROLLERS: &str = "with `system.controllers`";

const CAPABILITIES: Capabilities = &[
    (Capability::Requests, Yes("reserved")),
    (Capability::CpuFractions, Yes("thousandths of a core")),
    (Capability::ExtendedResources, Yes("reserved")),
    (Capability::WholeGpus, Yes("devices, by model")),
    (Capability::GpuChoice, Yes("devices of any of them")),
    (Capability::GpuShares, Yes("a part of one device")),
    (Capability::NodeSelector, Yes("labels of nodes")),
    (Capability::NodeAffinityEqual, Yes("all operators")),
    (Capability::NodeAffinityChoice, Yes("all operators")),
    (Capability::NodeAffinityTerms, Yes("all operators")),
    (Capability::PreferredNodeAffinity, Yes(BY_PROFILE)),
    (Capability::OnePerNode, Yes(BY_PROFILE)),
    (Capability::PodAffinityNode, Yes(BY_PROFILE)),
    (Capability::PodAffinityDomain, Yes(BY_PROFILE)),
    (Capability::PreferredPodAffinity, Yes(BY_PROFILE)),
    (Capability::SpreadPreferred, Yes(BY_PROFILE)),
    (Capability::SpreadRequired, Yes(BY_PROFILE)),
    (Capability::Taints, Yes("pods tolerate them or stay away")),
    (Capability::HostPorts, Yes(BY_PROFILE)),
    (Capability::Volumes, Yes(BY_PROFILE)),
    (Capability::Needs, Without("taken to be there")),
    (
        Capability::Priority,
        Yes("a queue by priority; with the profile `default`, pods of lower priority are evicted"),
    ),
    (
        Capability::Gangs,
        Yes("one by one; together with the plugin Coscheduling"),
    ),
    (Capability::SchedulingGates, Yes(BY_PROFILE)),
    (
        Capability::SeveralContainers,
        Yes("they share the pod's node"),
    ),
    (Capability::InitContainers, Yes("before the others")),
    (
        Capability::RestartInPlace,
        Yes("with a back-off that grows from 10 s to 5 min"),
    ),
    (
        Capability::LivenessProbes,
        Yes("the container is started again"),
    ),
    (
        Capability::ReadinessProbes,
        Yes("the pod is in service or not"),
    ),
    (Capability::Replicas, Yes(CONTROLLERS)),
    (
        Capability::RollingUpdate,
        Yes("by surge and unavailable, halted and rolled back by users"),
    ),
    (Capability::StatefulSet, Yes(CONTROLLERS)),
    (Capability::DaemonSet, Yes(CONTROLLERS)),
    (Capability::Job, Yes(CONTROLLERS)),
    (Capability::CronJob, Yes(CONTROLLERS)),
    (Capability::DisruptionBudget, Yes(CONTROLLERS)),
    (Capability::Service, Yes("its endpoints follow readiness")),
    (Capability::OtherObjects, Yes(CONTROLLERS)),
    (
        Capability::Placement,
        Yes("filters, then the best weighted sum of scores"),
    ),
    (Capability::Overcommit, Without("never of requests")),
    (
        Capability::FailureDetection,
        Yes("leases of 10 s; not ready after 50 s of silence (models.nodeLife: observed)"),
    ),
    (
        Capability::LostNode,
        Yes("evicted 300 s after the node is not ready; controllers make others"),
    ),
    (
        Capability::ControlPlaneLoss,
        Yes("pods run on; nothing is placed, replaced or evicted"),
    ),
];

/// The profile that is kube-scheduler itself.
pub const EXACT_PROFILE: &str = KUBE_PROFILE.0;

/// The options of the exact scheduler of Kubernetes.
#[derive(Clone, Debug, Default)]
pub struct KubeRequest {
    /// Its configuration.
    pub config: SchedulerConfig,
    /// Policies of the registry that run beside its own plugins.
    pub registered: Vec<Registration>,
    /// The release that is followed.
    pub release: Release,
    /// Whether the first of equally good nodes is taken, rather than the release's choice.
    pub takes_first: bool,
    /// From the end of a decision to the binding.
    pub binding_time: Duration,
    /// From the order to evict a pod to its end.
    pub eviction_time: Duration,
    /// The objects around nodes and pods.
    pub objects: ClusterObjects,
    /// The witness that sees every attempt.
    pub witness: Option<Arc<dyn Witness>>,
    /// Pods, by namespace and name, that take part in preemptions before the run begins.
    pub preemptions: BTreeMap<(Text, Text), PreemptionState>,
}

fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    let scheduler: Box<dyn Component> = if request.profile.name == EXACT_PROFILE {
        Box::new(exact(request)?)
    } else {
        let profile = build_profile(&request.profile, &request.setup)?;
        Box::new(Pipeline::new(ComponentId(0), profile, request.form))
    };
    let mut components = vec![scheduler];
    if let Some(options) = &request.controllers {
        components.push(Box::new(ControllerManager::new(options)));
    }
    Ok(SystemParts {
        components,
        agent: Box::new(Kubelet::new(KubeletOptions {
            time_limits: request.time_limits,
            images: request.images.clone(),
        })),
        stepping: Stepping::PerInstant,
        commitment: Commitment::Admitted,
    })
}

/// The exact scheduler.
///
/// # Errors
/// Its configuration names what does not exist, or a name twice.
pub fn exact(request: &SystemRequest) -> Result<KubeScheduler, SystemError> {
    let kube = request.options.of::<KubeRequest>();
    let mut profiles = build_kube_profiles(&kube.config, kube.release)?;
    for profile in &mut profiles {
        add_registered(profile, &kube.registered, &request.setup)?;
        add_machine(profile);
    }
    let ties = match kube.release {
        _ if kube.takes_first => TieBreak::First,
        Release::V1_36 => TieBreak::HeapRoot,
        Release::V1_34 => TieBreak::random(request.setup.seed, request.setup.scheduler),
    };
    Ok(KubeScheduler::new(KubeOptions {
        owner: ComponentId(0),
        name: request.profile.name.clone(),
        profiles,
        backoff: backoff(&kube.config),
        ties,
        form: request.form,
        binding_time: kube.binding_time,
        eviction_time: kube.eviction_time,
        objects: kube.objects.clone(),
        witness: kube.witness.clone(),
        preemptions: kube.preemptions.clone(),
    }))
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
