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
    /// The system's name, unique in the registry.
    pub name: &'static str,
    /// Description of the system in one sentence.
    pub summary: &'static str,
    /// Original and version that the system follows.
    pub source: &'static str,
    /// Whether its scheduler plans jobs under an order of jobs, rather than pods in a queue.
    pub plans_jobs: bool,
    /// When it acts on workloads (deployments, jobs …), and not on pods alone.
    pub workloads: RunsWorkloads,
    /// Capabilities of the system.
    pub capabilities: Capabilities,
    /// Builds its control plane and node agent for one cell.
    pub build: fn(&SystemRequest) -> Result<SystemParts, SystemError>,
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

/// An experiment's settings for the system of a cell.
#[derive(Clone, Debug)]
pub struct SystemRequest {
    /// Context in which policies are constructed.
    pub setup: Setup,
    /// The scheduler's profile.
    pub profile: ProfileChoice,
    /// Settings of the exact Kubernetes scheduler.
    pub kube: KubeRequest,
    /// Options of the system of its own.
    pub options: SystemOptions,
    /// The order of jobs and the backfilling rule, for systems that plan jobs.
    pub jobs: BatchOptions,
    /// How nodes are evaluated; both forms decide alike.
    pub form: Form,
    /// Settings of the Kubernetes controllers, if they run.
    pub controllers: Option<ControllerOptions>,
    /// Whether nodes stop pods that run longer than their time limit.
    pub time_limits: TimeLimits,
    /// How nodes pull images; `None` has every image everywhere.
    pub images: Option<PullOptions>,
}

/// An experiment's settings for the exact Kubernetes scheduler.
#[derive(Clone, Debug, Default)]
pub struct KubeRequest {
    /// The request's configuration.
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
    /// Witness that sees every attempt.
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
    /// Component that keeps nodes from being overcommitted.
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
