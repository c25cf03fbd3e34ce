//! Options of schedulers that share a cluster.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use model::Text;
use units::Duration;

use super::commit::{Conflicts, Transactions};

/// Way in which schedulers share a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SharingMode {
    /// All schedulers see the cluster as it is and claim what they like; conflicts show at the commit.
    #[default]
    Optimistic,
    /// A scheduler holds all that is free from its copy to its commit; the others see nothing free.
    Offers,
}

/// Nodes that tasks are tried on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "OmegaSearch")]
pub enum Search {
    /// The first node with room from a random one on, for every task.
    #[default]
    Random,
    /// The first node with room.
    First,
}

/// Kind of jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(rename = "OmegaKind")]
pub struct JobKind {
    /// Name of the kind, and of its scheduler; default `all`.
    #[schemars(length(min = 1))]
    pub name: Text,
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

impl Default for JobKind {
    fn default() -> Self {
        Self {
            name: "all".into(),
            priority: None,
            requested: None,
            tasks: None,
            per_job: Duration::from_millis(100),
            per_task: Duration::from_millis(5),
            schedulers: 1,
        }
    }
}

impl JobKind {
    /// Time that a decision on so many tasks takes (spec: orchestrators-b.md section 6.1).
    ///
    /// ```
    /// use scheduler::omega::JobKind;
    /// use units::Duration;
    ///
    /// let kind = JobKind {
    ///     per_job: Duration::from_millis(100),
    ///     per_task: Duration::from_millis(5),
    ///     ..JobKind::default()
    /// };
    /// assert_eq!(kind.decision_time(10), Duration::from_millis(150));
    /// ```
    pub fn decision_time(&self, tasks: usize) -> Duration {
        let tasks = self.per_task.checked_mul(tasks as i64);
        let both = tasks.and_then(|tasks| tasks.checked_add(self.per_job));
        both.unwrap_or(Duration::MAX)
    }
}

/// Options of one of the schedulers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchedulerOptions {
    /// Name of the scheduler.
    pub name: Text,
    /// Kinds of jobs; a job is of the first kind that it meets the conditions of.
    pub kinds: Vec<JobKind>,
    /// Numbers of the kinds that this scheduler decides on.
    pub serves: Vec<usize>,
    /// This scheduler's turn among those of the same kinds, and their number: jobs go round.
    pub turn: (u64, u64),
    /// Number of schedulers that share the cluster.
    pub schedulers: u32,
    /// The way in which they share it.
    pub sharing: SharingMode,
    /// Rule of conflicts.
    pub conflicts: Conflicts,
    /// Fate of a transaction of which a claim fails.
    pub transactions: Transactions,
    /// Number of decisions on a job after which it is given up.
    pub attempts: u32,
    /// Nodes that tasks are tried on.
    pub search: Search,
    /// Whether the scheduler may see changes late, so that the store may refuse what it sees as free:
    /// then a transaction places holds for all its claims before it binds any.
    pub holds_first: bool,
    /// The run's seed.
    pub seed: u64,
}
