//! Systems in the registry: the entry of a system, the request that it is built from, and the parts
//! that it is built into.

use std::fmt;

use thiserror::Error;
use units::Duration;

use cluster::Commitment;
use control::controllers::manager::ControllerOptions;
use control::{Component, Exchange, NodeAgent, Stepping};
use policy::kube_profiles::KubeProfileError;
use policy::{ProfileChoice, ProfileError, Setup};
use scheduler::external::ExternalPoints;
use scheduler::pipeline::evaluate::Form;

use super::capability::Capabilities;
use super::ends::Ends;
use super::kubelet::PullOptions;
use super::options::SystemOptions;
use super::parts::time_limits::TimeLimits;

/// A system in the registry.
#[derive(Clone, Copy, Debug)]
pub struct SystemEntry {
    /// The name, unique in the registry.
    pub name: &'static str,
    /// The description, in one sentence.
    pub summary: &'static str,
    /// The project and version whose rules the system follows.
    pub source: &'static str,
    /// The way in which the system places pods, and so the meaning of `system.scheduler`.
    pub scheduler: SchedulerKind,
    /// The condition under which the system acts on workloads (deployments, jobs …) and not on pods
    /// alone.
    pub workloads: RunsWorkloads,
    /// The facts about the system that others ask for, in alphabetical order.
    pub facts: &'static [SystemFact],
    /// The features that the system can express, and its behaviour.
    pub capabilities: Capabilities,
    /// The states and consequences that ends of pods have in the system.
    pub ends: Ends,
    /// The function that builds the control plane and the node agent of one cell.
    pub build: fn(&SystemRequest) -> Result<SystemParts, SystemError>,
}

impl SystemEntry {
    /// Whether a fact holds of the system.
    pub fn has(&self, fact: SystemFact) -> bool {
        self.facts.contains(&fact)
    }

    /// `true` if the system's nodes run kubelets, which pull images.
    pub const fn runs_kubelets(&self) -> bool {
        matches!(self.workloads, RunsWorkloads::WithControllers)
    }
}

/// A fact that sets a system apart from most others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemFact {
    /// The system takes off a node that drains ([`control::node_api::drains`]) what has to go itself: every task
    /// (swarmkit `manager/orchestrator/task.go`, `InvalidNode`), or those of services as their bounds allow
    /// (Amazon ECS Developer Guide, "Draining Amazon ECS container instances"). Otherwise whoever drains a node
    /// asks for the eviction of its pods.
    EmptiesNodes,
    /// The scheduler runs in its plain form, too, if that is asked for.
    HasPlainForm,
    /// A node can't be closed to new pods: all it knows is draining.
    IgnoresCordons,
    /// The version before an update is kept, and an operation goes back to it.
    KeepsFormerVersion,
    /// A node is taken for as large as it was when it joined.
    SizesNodesOnce,
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

impl SchedulerKind {
    /// Returns whether runs keep the filters and scores of each attempt to place a pod, so that one can be explained.
    pub const fn keeps_attempts(self) -> bool {
        matches!(self, Self::KubeScheduler | Self::Pipeline)
    }
}

/// The condition under which a system acts on workloads, and not on pods alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunsWorkloads {
    /// The system knows pods alone.
    Never,
    /// The controllers of Kubernetes act on workloads and watch over nodes if `system.controllers`
    /// is set.
    WithControllers,
    /// The system acts on workloads by itself, and detects lost nodes by itself.
    Always,
}

/// The settings that the system of a cell is built from.
#[derive(Clone, Debug)]
pub struct SystemRequest {
    /// The setup that policies are built from.
    pub setup: Setup,
    /// The scheduler's profile.
    pub profile: ProfileChoice,
    /// The options that belong to single systems.
    pub options: SystemOptions,
    /// The form in which nodes are evaluated; both forms decide alike.
    pub form: Form,
    /// The options of the controllers of Kubernetes, if they run.
    pub controllers: Option<ControllerOptions>,
    /// Whether nodes stop pods that run longer than their time limit.
    pub time_limits: TimeLimits,
    /// The options of image pulls; `None` has every image everywhere.
    pub images: Option<PullOptions>,
    /// A program outside that filters or scores nodes, beside the policies of a scheduler, or orders jobs.
    pub external: Option<ExternalPolicy>,
    /// The way to the extenders that kube-scheduler's configuration names.
    pub extenders: Option<ExtenderLine>,
}

/// The way to the extenders of kube-scheduler.
#[derive(Clone)]
pub struct ExtenderLine(pub Box<dyn Exchange>);

impl fmt::Debug for ExtenderLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ExtenderLine").finish_non_exhaustive()
    }
}

/// A program outside as one of the policies of a scheduler.
#[derive(Clone)]
pub struct ExternalPolicy {
    /// The program.
    pub exchange: Box<dyn Exchange>,
    /// Points at which it is asked.
    pub points: ExternalPoints,
    /// The factor on its points, at least 1.
    pub weight: i64,
    /// Delay of the view of a whole scheduler, in addition to that of all components.
    pub watch_delay: Duration,
}

impl fmt::Debug for ExternalPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalPolicy")
            .field("points", &self.points)
            .field("weight", &self.weight)
            .finish_non_exhaustive()
    }
}

impl SystemRequest {
    /// A request for a named profile, with the defaults of all other settings.
    pub fn of(profile: &str) -> Self {
        Self {
            setup: Setup::default(),
            profile: ProfileChoice::named(profile),
            options: SystemOptions::default(),
            form: Form::Incremental,
            controllers: None,
            time_limits: TimeLimits::Ignored,
            images: None,
            external: None,
            extenders: None,
        }
    }
}

/// The control plane and the node agent of one cell.
pub struct SystemParts {
    /// The components, in the order in which they take turns; a component's position is its id.
    pub components: Vec<Box<dyn Component>>,
    /// The agents of all nodes.
    pub agent: Box<dyn NodeAgent>,
    /// The moments within an instant at which the control plane acts.
    pub stepping: Stepping,
    /// The party that keeps nodes from holding more than they have.
    pub commitment: Commitment,
}

/// The reasons why a system can't be built.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SystemError {
    /// The registry has no system of the name.
    #[error("there is no system `{name}`; known are {known}")]
    Unknown {
        /// The name in the experiment.
        name: String,
        /// The names of the registry.
        known: String,
    },
    /// A profile that is not of this system.
    #[error(transparent)]
    OtherProfile(#[from] ProfileConflict),
    /// The configuration of the exact scheduler of Kubernetes is wrong.
    #[error(transparent)]
    Kube(#[from] KubeProfileError),
    /// The scheduler's profile is wrong.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A job order that accounts for use, under a rule that decides after every single event.
    #[error(
        "queue: `{order}` accounts for what jobs use, which the backfilling rule `{rule}` does not \
         tell it; write `backfill: easy`, or another one of the rules that plan once an instant"
    )]
    NeedsPasses {
        /// The order.
        order: String,
        /// The rule.
        rule: String,
    },
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

/// Profile of another system than the one it is asked of.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("profile: {what}; {fix}")]
pub struct ProfileConflict {
    /// The problem.
    pub what: String,
    /// The fix: the text to write instead.
    pub fix: String,
}
