//! Options of schedulers that share a cluster.

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Search {
    /// The first node with room from a random one on, for every task.
    #[default]
    Random,
    /// The first node with room.
    First,
}

/// Jobs that a scheduler decides on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobKind {
    /// Name of the kind.
    pub name: Text,
    /// Lowest priority of such jobs.
    pub priority: Option<i32>,
    /// Shortest run time that such jobs request.
    pub requested: Option<Duration>,
    /// Smallest number of tasks of such jobs.
    pub tasks: Option<u32>,
    /// Time of a decision on such a job.
    pub per_job: Duration,
    /// Time of a decision on each of its tasks, in addition.
    pub per_task: Duration,
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
