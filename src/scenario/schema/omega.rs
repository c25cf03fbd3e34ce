//! `system.omega:` of the experiment file: schedulers over shared state, with the defaults of the
//! paper.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::Duration;

/// Options of Omega, and of the designs that it was compared with; used with `name: omega`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Omega {
    /// Design of the scheduling; default `shared-state`.
    pub architecture: OmegaArchitecture,
    /// Kinds of jobs, each with schedulers of its own; a job is of the first kind that it meets the
    /// conditions of. Default `long`, for jobs that request an hour or more, and `short`.
    #[schemars(length(min = 1, max = 32))]
    pub kinds: Vec<OmegaKind>,
    /// Rule by which a claim conflicts with those of others; default `fine`.
    pub conflicts: OmegaConflicts,
    /// Fate of a transaction of which a claim fails; default `incremental`.
    pub transactions: OmegaTransactions,
    /// Number of decisions on a job after which it is given up, 1 to 1000000; default 1000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub attempts: u32,
    /// Nodes that tasks are tried on; default `random`.
    pub search: OmegaSearch,
}

impl Default for Omega {
    fn default() -> Self {
        let long = OmegaKind {
            name: "long".to_owned(),
            requested: Some(Duration::from_secs(3_600)),
            ..OmegaKind::default()
        };
        let short = OmegaKind {
            name: "short".to_owned(),
            ..OmegaKind::default()
        };
        Self {
            architecture: OmegaArchitecture::default(),
            kinds: vec![long, short],
            conflicts: OmegaConflicts::default(),
            transactions: OmegaTransactions::default(),
            attempts: 1_000,
            search: OmegaSearch::default(),
        }
    }
}

/// Design of the scheduling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OmegaArchitecture {
    /// One scheduler, which takes the time of the slowest kind for every job.
    MonolithicSinglePath,
    /// One scheduler, which takes the time of each job's kind.
    MonolithicMultiPath,
    /// Schedulers for each kind, of which one at a time is offered all that is free.
    TwoLevel,
    /// Schedulers for each kind, in parallel over shared state.
    #[default]
    SharedState,
}

/// Kind of jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OmegaKind {
    /// Name of the kind, and of its scheduler; default `all`.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Condition: lowest priority of the jobs; default any.
    pub priority: Option<i32>,
    /// Condition: shortest run time that the jobs request; jobs that request none meet it. Default
    /// any.
    pub requested: Option<Duration>,
    /// Condition: smallest number of tasks of the jobs; default any.
    pub tasks: Option<u32>,
    /// Time of a decision on a job (`t_job`); default `100ms`.
    pub per_job: Duration,
    /// Time of a decision on each of the job's tasks, in addition (`t_task`); default `5ms`.
    pub per_task: Duration,
    /// Number of schedulers that share such jobs in turns, 1 to 64; default 1.
    #[schemars(range(min = 1, max = 64))]
    pub schedulers: u32,
}

impl Default for OmegaKind {
    fn default() -> Self {
        Self {
            name: "all".to_owned(),
            priority: None,
            requested: None,
            tasks: None,
            per_job: Duration::from_millis(100),
            per_task: Duration::from_millis(5),
            schedulers: 1,
        }
    }
}

/// Rule of conflicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OmegaConflicts {
    /// A claim fails only if it would over-commit its node.
    #[default]
    Fine,
    /// A claim fails, too, if another one on its node was accepted since the scheduler's copy was
    /// made.
    Coarse,
}

/// Fate of a transaction of which a claim fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OmegaTransactions {
    /// The other claims are kept, and the rest is decided on again.
    #[default]
    Incremental,
    /// No claim is kept.
    AllOrNothing,
}

/// Nodes that tasks are tried on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OmegaSearch {
    /// The first node with room from a random one on, for every task.
    #[default]
    Random,
    /// The first node with room.
    First,
}
