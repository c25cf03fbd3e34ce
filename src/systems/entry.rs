//! What the registry knows of a system, what it is built from and what it is built into.

use thiserror::Error;

use cluster::Commitment;
use control::controllers::manager::ControllerOptions;
use control::{Component, NodeAgent, Stepping};
use policy::kubernetes::KubeProfileError;
use policy::{ProfileChoice, ProfileError, Setup};
use scheduler::pipeline::evaluate::Form;

use super::capability::Capabilities;
use super::kubelet::PullOptions;
use super::options::SystemOptions;
use super::parts::time_limits::TimeLimits;
use super::profile::ProfileConflict;

/// A system in the registry.
#[derive(Clone, Copy, Debug)]
pub struct SystemEntry {
    /// The system's name, unique in the registry.
    pub name: &'static str,
    /// Description of the system in one sentence.
    pub summary: &'static str,
    /// Original and version that the system follows.
    pub source: &'static str,
    /// How it places pods, and so what `system.scheduler` means to it.
    pub scheduler: SchedulerKind,
    /// When it acts on workloads (deployments, jobs …), and not on pods alone.
    pub workloads: RunsWorkloads,
    /// Capabilities of the system.
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

/// What an experiment says about the system of a cell.
#[derive(Clone, Debug)]
pub struct SystemRequest {
    /// Context in which policies are constructed.
    pub setup: Setup,
    /// The scheduler's profile.
    pub profile: ProfileChoice,
    /// The options that belong to single systems.
    pub options: SystemOptions,
    /// How nodes are evaluated; both forms decide alike.
    pub form: Form,
    /// Settings of the Kubernetes controllers, if they run.
    pub controllers: Option<ControllerOptions>,
    /// Whether nodes stop pods that run longer than their time limit.
    pub time_limits: TimeLimits,
    /// How nodes pull images; `None` has every image everywhere.
    pub images: Option<PullOptions>,
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
    /// A profile that is not of this system.
    #[error(transparent)]
    OtherProfile(#[from] ProfileConflict),
    /// The configuration of the exact scheduler of Kubernetes is wrong.
    #[error(transparent)]
    Kube(#[from] KubeProfileError),
    /// Its profile is wrong.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// An option of a system names an entry that its registry does not have.
    #[error("unknown {registry} `{name}`, expected one of {known}")]
    UnknownOption {
        /// The kind of entry, such as "job order".
        registry: &'static str,
        /// The name in the experiment.
        name: String,
        /// The names of the registry, each in backquotes.
        known: String,
    },
}
