//! `system.graphene:` of the experiment file: options of Graphene and Tetris, with the papers' defaults.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Options of Graphene and Tetris; used with `name: graphene`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Graphene {
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

impl Default for Graphene {
    fn default() -> Self {
        Self {
            order: GrapheneOrder::default(),
            remaining_work: 1.0,
            unfairness: 0.1,
            fairness: 0.25,
            barrier: 0.9,
            stages: Vec::new(),
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
