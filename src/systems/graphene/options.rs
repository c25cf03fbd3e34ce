//! Options of Graphene, and the plans of jobs.

use std::sync::Arc;

use model::PodName;
use units::SortedMap;

/// Options of the scheduler.
#[derive(Clone, Debug, PartialEq)]
pub struct GrapheneOptions {
    /// Weight of the work that jobs have left against packing (`m` of Tetris); 0 is packing alone.
    pub remaining_work: f64,
    /// The bound of unfairness.
    pub fairness: Fairness,
    /// Share of a stage's tasks that have to be done so that the rest goes first (`b` of Tetris).
    pub barrier: f64,
    /// Plans of tasks of jobs whose tasks depend on one another; empty where none are made.
    pub plans: Arc<Plans>,
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

impl Default for GrapheneOptions {
    /// The values of the papers.
    fn default() -> Self {
        Self {
            remaining_work: 1.0,
            fairness: Fairness::Deficit(0.1),
            barrier: 0.9,
            plans: Arc::default(),
        }
    }
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
