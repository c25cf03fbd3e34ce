//! Options of Graphene, and the plans of jobs.

use std::sync::Arc;

use options::{Rules, SystemSection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use model::PodName;
use units::SortedMap;

/// Options of Graphene and Tetris; used with `name: graphene`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(rename = "Graphene")]
pub struct GrapheneOptions {
    /// Order of the tasks of a job; default `graphene`.
    pub order: GrapheneOrder,
    /// Weight of the work that jobs have left against packing, 0 to 1000; 0 is packing alone. Default 1.
    #[schemars(range(min = 0.0, max = 1_000.0))]
    pub remaining_work: f64,
    /// With `graphene`: part of the cluster by which a job may fall behind its fair share before its tasks
    /// alone count, 0 to 1000; default 0.1.
    #[schemars(range(min = 0.0, max = 1_000.0))]
    pub unfairness: f64,
    /// With `tetris`: share of the jobs that do not count, those that have most, 0 to 1; default 0.25.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub fairness: f64,
    /// Share of a gang's tasks that have to be done so that the rest goes first, 0 to 1; default 0.9.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub barrier: f64,
    /// Stages of jobs, which wait for one another: the arrivals `NAME-STAGE` of all stages are a job. Default
    /// none, and no task waits for another one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1_000))]
    pub stages: Vec<GrapheneStage>,
    /// Plans of tasks of jobs whose tasks depend on one another; empty where none are made.
    #[serde(skip)]
    pub plans: Arc<Plans>,
}

/// Stage of jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrapheneStage {
    /// End of the names of the stage's arrivals, behind a hyphen.
    #[schemars(length(min = 1))]
    pub stage: String,
    /// Stages all of whose tasks have to complete before; default none.
    #[serde(default)]
    pub after: Vec<String>,
}

impl Default for GrapheneOptions {
    fn default() -> Self {
        Self {
            order: GrapheneOrder::default(),
            remaining_work: 1.0,
            unfairness: 0.1,
            fairness: 0.25,
            barrier: 0.9,
            stages: Vec::new(),
            plans: Arc::default(),
        }
    }
}

/// Order of the tasks of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GrapheneOrder {
    /// Tasks go in an order that is found before the run: long tasks and those that are hard to pack first.
    #[default]
    Graphene,
    /// Tasks have no order.
    Tetris,
}

impl SystemSection for GrapheneOptions {
    const SYSTEM: &'static str = "graphene";
    const MEANING: &'static str = "Options of Graphene and Tetris, for `name: graphene`.";

    fn check(&self, rules: &mut Rules<'_>) {
        match self.order {
            GrapheneOrder::Graphene => rules.only_with("order: tetris", &["fairness"]),
            GrapheneOrder::Tetris => rules.only_with("order: graphene", &["unfairness"]),
        }
    }
}

impl GrapheneOptions {
    /// Bound of unfairness under the order of tasks.
    pub(super) const fn bound(&self) -> Fairness {
        match self.order {
            GrapheneOrder::Graphene => Fairness::Deficit(self.unfairness),
            GrapheneOrder::Tetris => Fairness::Knob(self.fairness),
        }
    }
}

/// Bound of unfairness: the extent to which packing may go against fair shares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fairness {
    /// Graphene: once a job has fallen behind by more than this part of the cluster, its tasks alone
    /// count (kappa).
    Deficit(f64),
    /// Tetris: this share of the jobs, those nearest to their fair share or above, does not count (f).
    Knob(f64),
}

/// The plan of a task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TaskPlan {
    /// The job that the task is a part of.
    pub job: u32,
    /// The stage that the task is a part of: a place in [`Plans::stages`].
    pub stage: u32,
    /// Preference by the order of the job's tasks: 1 for the first, close to 0 for the last.
    pub preference: f64,
    /// Run time times parts of a mean node, added over resources.
    pub work: f64,
}

/// Equal tasks of a job that wait for the same stages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StagePlan {
    /// Number of tasks.
    pub tasks: u32,
    /// Stages all of whose tasks have to complete before.
    pub after: Vec<u32>,
}

/// Plans of jobs, found before the run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plans {
    /// Plans by the names of pods.
    pub tasks: SortedMap<PodName, TaskPlan>,
    /// Stages of all jobs.
    pub stages: Vec<StagePlan>,
    /// Work of all tasks of each job: run times times parts of a node, added over resources.
    pub work: Vec<f64>,
}
