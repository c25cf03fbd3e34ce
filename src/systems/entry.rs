//! What the registry knows of a system, what it is built from and what it is built into.

use thiserror::Error;

use crate::control::scheduler::evaluate::Form;
use crate::control::{Component, NodeAgent, Stepping};
use crate::policy::{ProfileChoice, ProfileError, Setup};

use super::batch::{BatchError, BatchOptions};

/// A system in the registry.
#[derive(Clone, Copy, Debug)]
pub struct SystemEntry {
    /// Its name, unique in the registry.
    pub name: &'static str,
    /// What it is, in one sentence.
    pub summary: &'static str,
    /// Whose rules it follows, and of which version.
    pub source: &'static str,
    /// Whether its scheduler plans jobs under an order of jobs, rather than pods in a queue.
    pub plans_jobs: bool,
    /// Builds its control plane and node agent for one cell.
    pub build: fn(&SystemRequest) -> Result<SystemParts, SystemError>,
}

/// What an experiment says about the system of a cell.
#[derive(Clone, Debug)]
pub struct SystemRequest {
    /// What policies are made from.
    pub setup: Setup,
    /// The scheduler's profile.
    pub profile: ProfileChoice,
    /// The order of jobs and the backfilling rule, for systems that plan jobs.
    pub jobs: BatchOptions,
    /// How nodes are evaluated; both forms decide alike.
    pub form: Form,
    /// Whether nodes stop pods that run longer than their time limit.
    pub time_limits: TimeLimits,
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
    /// Its profile is wrong.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// Its order of jobs or its backfilling rule is wrong.
    #[error(transparent)]
    Batch(#[from] BatchError),
}
