//! What the registry knows of a system, what it is built from and what it is built into.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use cluster::Commitment;
use control::controllers::manager::ControllerOptions;
use control::{Component, NodeAgent, Stepping};
use model::{ClusterObjects, SchedulerConfig, Text};
use policy::kubernetes::KubeProfileError;
use policy::kubernetes::registered::Registration;
use policy::{ProfileChoice, ProfileError, Setup};
use scheduler::kube::{PreemptionState, Release, Witness};
use scheduler::pipeline::evaluate::Form;
use units::Duration;

use super::batch::{BatchError, BatchOptions};
use super::capability::Capabilities;
use super::fleet::options::FleetSetup;
use super::kubelet::PullOptions;
use super::mesos::options::MesosOptions;
use super::swarm::SwarmOptions;
use super::swarmkit::SwarmKitOptions;

/// A system in the registry.
#[derive(Clone, Copy, Debug)]
pub struct SystemEntry {
    /// Its name, unique in the registry.
    pub name: &'static str,
    /// What it is, in one sentence.
    pub summary: &'static str,
    /// Whose rules it follows, and of which version.
    pub source: &'static str,
    /// How it places pods, and so what `system.scheduler` means to it.
    pub scheduler: SchedulerKind,
    /// When it acts on workloads (deployments, jobs …), and not on pods alone.
    pub workloads: RunsWorkloads,
    /// What it can express and how it behaves.
    pub capabilities: Capabilities,
    /// Builds its control plane and node agent for one cell.
    pub build: fn(&SystemRequest) -> Result<SystemParts, SystemError>,
}

impl SystemEntry {
    /// Whether its nodes run kubelets, which pull images.
    pub const fn runs_kubelets(&self) -> bool {
        matches!(
            self.scheduler,
            SchedulerKind::KubeScheduler | SchedulerKind::Pipeline
        )
    }
}

/// Scheduler of a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchedulerKind {
    /// kube-scheduler itself: its own plugins, and policies of the registry beside them.
    KubeScheduler,
    /// Pipeline of a named profile, whose policies place one pod at a time.
    Pipeline,
    /// Planner of jobs, by an order of jobs and a backfilling rule.
    Planner,
    /// Rules of the system itself, under options of its own.
    Own,
}

/// When a system acts on workloads, and not on pods alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunsWorkloads {
    /// Never: it knows pods alone.
    Never,
    /// With `system.controllers`; nodes are watched over by the controllers of Kubernetes.
    WithControllers,
    /// Always, by itself; it also finds out by itself which nodes are lost.
    Always,
}

/// Options of systems of their own, each system's by itself; those of others are not looked at.
#[derive(Clone, Debug, Default)]
pub struct SystemOptions {
    /// Of Docker Swarm (classic).
    pub swarm: SwarmOptions,
    /// Of `SwarmKit`.
    pub swarmkit: SwarmKitOptions,
    /// Of Fleet.
    pub fleet: FleetSetup,
    /// Of Mesos and its frameworks.
    pub mesos: MesosOptions,
}

/// What an experiment says about the system of a cell.
#[derive(Clone, Debug)]
pub struct SystemRequest {
    /// What policies are made from.
    pub setup: Setup,
    /// The scheduler's profile.
    pub profile: ProfileChoice,
    /// What the exact scheduler of Kubernetes is made from.
    pub kube: KubeRequest,
    /// Options of the system of its own.
    pub options: SystemOptions,
    /// The order of jobs and the backfilling rule, for systems that plan jobs.
    pub jobs: BatchOptions,
    /// How nodes are evaluated; both forms decide alike.
    pub form: Form,
    /// What the controllers of Kubernetes are made from, if they run.
    pub controllers: Option<ControllerOptions>,
    /// Whether nodes stop pods that run longer than their time limit.
    pub time_limits: TimeLimits,
    /// How nodes pull images; `None` has every image everywhere.
    pub images: Option<PullOptions>,
}

/// What an experiment says about the exact scheduler of Kubernetes.
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
    /// Who is shown every attempt.
    pub witness: Option<Arc<dyn Witness>>,
    /// Pods, by namespace and name, that take part in preemptions before the run begins.
    pub preemptions: BTreeMap<(Text, Text), PreemptionState>,
}

/// Whether nodes stop pods that run longer than they said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeLimits {
    /// A pod runs as long as it runs.
    Ignored,
    /// A pod is stopped once it has run for its time limit.
    Enforced,
}

/// The control plane and the node agent of one cell.
pub struct SystemParts {
    /// The components, in the order in which they take turns; a component's position is its id.
    pub components: Vec<Box<dyn Component>>,
    /// The agents of all nodes.
    pub agent: Box<dyn NodeAgent>,
    /// When the control plane acts within an instant.
    pub stepping: Stepping,
    /// Who sees to it that nodes don't hold more than they have.
    pub commitment: Commitment,
}

/// Why a system can't be built.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SystemError {
    /// No such system.
    #[error("there is no system `{name}`; known are {known}")]
    Unknown {
        /// What was written.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A profile that is not of this system.
    #[error(transparent)]
    OtherProfile(#[from] ProfileConflict),
    /// The configuration of the exact scheduler of Kubernetes is wrong.
    #[error(transparent)]
    Kube(#[from] KubeProfileError),
    /// Its profile is wrong.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// Its order of jobs or its backfilling rule is wrong.
    #[error(transparent)]
    Batch(#[from] BatchError),
}

/// Profile of another system than the one it is asked of.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("profile: {what}; {fix}")]
pub struct ProfileConflict {
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub fix: String,
}
