//! Jobs as the batch planner sees them, and the order they are chosen in.

use smallvec::SmallVec;

use cluster::Store;
use model::PodRef;
use units::{ClassId, Duration, Instant, TenantId};

/// A job's place in the order of submission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobNumber(pub u64);

/// Facts about a job that job orders and backfilling rules may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobFacts {
    /// The job's place in the order of submission.
    pub number: JobNumber,
    /// Instant of submission.
    pub submitted: Instant,
    /// Run time that the job requests; [`Duration::MAX`] where it does not say.
    pub requested: Duration,
    /// Processors over all members, rounded up; the number of members where none are asked for.
    pub processors: i64,
    /// Number of members.
    pub members: u32,
    /// Tenant that the job is accounted to: the user of a job log.
    pub tenant: TenantId,
    /// Partition that the job runs in.
    pub partition: PartitionNumber,
    /// Bytes of memory over all members.
    pub memory: i64,
    /// Milli-GPU over all members.
    pub gpu_milli: i64,
}

/// A partition's place in the list of all; 0 where there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartitionNumber(pub u16);

/// Size of the cluster, for orders that weigh jobs by their share of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MachineFacts {
    /// Number of nodes.
    pub nodes: u64,
    /// Processors of all nodes.
    pub processors: i64,
    /// Bytes of memory of all nodes.
    pub memory: i64,
    /// Milli-GPU of all nodes.
    pub gpu_milli: i64,
}

/// Processors of so many members that ask for this many milli-cores each.
pub(super) fn processors(cpu_milli: i64, members: usize) -> i64 {
    let members = members as i64;
    if cpu_milli == 0 {
        return members;
    }
    let milli = i128::from(cpu_milli) * i128::from(members);
    i64::try_from((milli + 999) / 1_000).unwrap_or(i64::MAX)
}

/// Processors that members of several classes ask for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Processors {
    milli: i64,
    /// Members that ask for none.
    idle: i64,
}

impl Processors {
    /// Adds the processors of a member, in thousandths.
    pub(super) fn add(&mut self, cpu_milli: i64) {
        self.milli = self.milli.saturating_add(cpu_milli);
        self.idle += i64::from(cpu_milli == 0);
    }

    /// Subtracts those of a member that was added before.
    pub(super) fn subtract(&mut self, cpu_milli: i64) {
        self.milli = self.milli.saturating_sub(cpu_milli);
        self.idle -= i64::from(cpu_milli == 0);
    }

    /// All of them, rounded up, and one for each member that asks for none.
    pub(super) fn all(self) -> i64 {
        let busy = match self.milli {
            0 => 0,
            milli => processors(milli, 1),
        };
        busy.saturating_add(self.idle)
    }
}

/// A job's score: the smallest is chosen first, equal scores in the order of submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Score(i64, i64);

impl Score {
    /// Behind every other score.
    pub const LAST: Self = Self(i64::MAX, i64::MAX);

    /// A whole number.
    pub const fn whole(number: i64) -> Self {
        Self(number, 0)
    }

    /// Two whole numbers, the second for equal first ones.
    pub const fn pair(first: i64, second: i64) -> Self {
        Self(first, second)
    }

    /// A float, in the order of [`f64::total_cmp`] except that both zeros are equal.
    pub fn float(number: f64) -> Self {
        let bits = (number + 0.0).to_bits() as i64;
        Self(bits ^ (((bits >> 63) as u64) >> 1) as i64, 0)
    }
}

/// A rule that chooses the next waiting job.
///
/// An order that takes the widest job first:
///
/// ```
/// use scheduler::batch::{JobFacts, JobNumber, JobOrder, PartitionNumber, Score};
/// use units::{Duration, Instant, TenantId};
///
/// #[derive(Clone, Copy)]
/// struct WidestFirst;
///
/// impl JobOrder for WidestFirst {
///     fn name(&self) -> &'static str {
///         "widest-first"
///     }
///
///     fn score(&self, job: &JobFacts, _now: Instant) -> Score {
///         Score::whole(-job.processors)
///     }
///
///     fn clone_order(&self) -> Box<dyn JobOrder> {
///         Box::new(*self)
///     }
/// }
///
/// let job = |processors| JobFacts {
///     number: JobNumber::default(),
///     submitted: Instant::ZERO,
///     requested: Duration::from_secs(60),
///     processors,
///     members: 1,
///     tenant: TenantId(0),
///     partition: PartitionNumber::default(),
///     memory: 0,
///     gpu_milli: 0,
/// };
/// let score = |processors| WidestFirst.score(&job(processors), Instant::ZERO);
/// assert!(score(64) < score(8));
/// ```
pub trait JobOrder: Send {
    /// The order's name in the registry.
    fn name(&self) -> &'static str;

    /// A job's score at an instant.
    fn score(&self, job: &JobFacts, now: Instant) -> Score;

    /// Whether scores change while jobs wait. Then every waiting job is scored again whenever one
    /// is chosen; otherwise once, when it is submitted.
    fn ages(&self) -> bool {
        false
    }

    /// Takes note of the cluster's present size, before jobs are scored.
    fn machine(&mut self, machine: &MachineFacts) {
        let _ = machine;
    }

    /// Takes note that a job, or the rest of it, holds its nodes from now on; the facts are those of the
    /// members that do.
    fn started(&mut self, now: Instant, job: &JobFacts) {
        let _ = (now, job);
    }

    /// Takes note that members of a job gave up their nodes; the facts are those of these members.
    fn ended(&mut self, now: Instant, job: &JobFacts) {
        let _ = (now, job);
    }

    /// Time between two scorings of the waiting jobs, in the planner of passes; zero scores them in
    /// every pass.
    fn period(&self) -> Duration {
        Duration::ZERO
    }

    /// Whether every arrival, start and end changes scores, so that the planner of passes scores the
    /// waiting jobs again before it decides on.
    fn follows_changes(&self) -> bool {
        false
    }

    /// Takes note of the jobs that wait, before [`JobOrder::refresh`].
    fn waiting(&mut self, jobs: &mut dyn Iterator<Item = &JobFacts>) {
        let _ = jobs;
    }

    /// Whether a waiting job may not start until the order allows it, as of the last scoring; no
    /// backfilling rule sees it until then. The planner of passes alone asks.
    fn holds_back(&self, job: &JobFacts) -> bool {
        let _ = job;
        false
    }

    /// Prepares a scoring of all waiting jobs.
    fn refresh(&mut self, now: Instant) {
        let _ = now;
    }

    /// Whether the order accounts for what jobs use, which the planner of passes alone tells it.
    fn needs_passes(&self) -> bool {
        false
    }

    /// Whether waiting jobs may have the room of running ones, which the planner of passes alone asks
    /// about.
    fn reclaims(&self) -> bool {
        false
    }

    /// Whether a running job may be ended now to make room for a waiting one.
    fn may_reclaim(&self, waiting: &JobFacts, running: &JobFacts) -> bool {
        let _ = (waiting, running);
        false
    }

    /// Reason why the order can't go on, as a program outside has failed.
    fn failure(&self) -> Option<&str> {
        None
    }

    /// An equal order.
    fn clone_order(&self) -> Box<dyn JobOrder>;
}

impl Clone for Box<dyn JobOrder> {
    fn clone(&self) -> Self {
        self.clone_order()
    }
}

/// A job that waits: its members start together or not at all.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) facts: JobFacts,
    /// The class of its first member.
    pub(crate) class: ClassId,
    /// Whether members are of other classes.
    pub(crate) is_mixed: bool,
    pub(crate) members: SmallVec<[PodRef; 2]>,
}

impl Job {
    /// Takes further members.
    pub(crate) fn extend(&mut self, other: Self) {
        self.is_mixed |= other.is_mixed || other.class != self.class;
        self.members.extend(other.members);
    }

    /// Takes further members, whose amounts are not among those of the job yet.
    pub(super) fn extend_with_facts(&mut self, other: Self) {
        let (facts, more) = (&mut self.facts, &other.facts);
        facts.members = facts.members.saturating_add(more.members);
        facts.processors = facts.processors.saturating_add(more.processors);
        facts.memory = facts.memory.saturating_add(more.memory);
        facts.gpu_milli = facts.gpu_milli.saturating_add(more.gpu_milli);
        self.extend(other);
    }

    /// The class of a member, by its position.
    pub(crate) fn class_of(&self, store: &Store, position: usize) -> ClassId {
        let pod = self.members.get(position).filter(|_| self.is_mixed);
        let pod = pod.and_then(|&pod| store.pods().get(pod));
        pod.map_or(self.class, |pod| pod.class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn float_scores_keep_the_order_of_numbers() {
        let numbers = [
            f64::NEG_INFINITY,
            -2.5,
            -1e-300,
            0.0,
            1e-300,
            3.0,
            f64::INFINITY,
            f64::NAN,
        ];
        for pair in numbers.windows(2) {
            assert!(Score::float(pair[0]) < Score::float(pair[1]), "{pair:?}");
        }
        assert_eq!(Score::float(-0.0), Score::float(0.0));
        assert!(Score::pair(1, 9) < Score::pair(2, 0));
        assert!(Score::whole(-1) < Score::whole(0));
    }
}
