//! The census of jobs: what became of every job that was submitted, and how many had to wait.

use units::Duration;

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::jobs::{JobOutcome, JobRecord};
use crate::record::presentation::{Group, Title};
use crate::record::tables::Tables;
use crate::values::{Direction, Reading, Statistic, Values};

const MEASURED: Statistic = jobs("measured", Direction::None);
const WAITED: Statistic = jobs("waited", Direction::Lower);
const STARTED_APART: Statistic = jobs("started_apart", Direction::None);

/// The outcomes, in the order in which they are counted.
const OUTCOMES: [Statistic; 7] = [
    jobs("succeeded", Direction::None),
    jobs("failed", Direction::Lower),
    jobs("rejected", Direction::Lower),
    jobs("evicted", Direction::Lower),
    jobs("cancelled", Direction::None),
    jobs("running_at_end", Direction::None),
    jobs("waiting_at_end", Direction::Lower),
];

const EXCLUDED: Statistic = jobs("excluded", Direction::None);

/// `jobs.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "jobs",
    title: Title::continued("jobs"),
    group: Group::Census.at(20),
    short_lists: &[],
    series: &[],
    summary: "Outcomes of the submitted jobs.",
    statistics: &[
        MEASURED,
        WAITED,
        STARTED_APART,
        OUTCOMES[0],
        OUTCOMES[1],
        OUTCOMES[2],
        OUTCOMES[3],
        OUTCOMES[4],
        OUTCOMES[5],
        OUTCOMES[6],
        EXCLUDED,
    ],
    formula: "counts; measured = succeeded + failed + rejected + evicted + cancelled + \
              running_at_end + waiting_at_end; waited: jobs that started later than submitted; \
              started_apart: jobs of several pods of which some began to run more than 10 s after \
              the first",
    denominators: "none: counts",
    census: "jobs (`Job` objects, gangs, or other pods) submitted in the measured window; excluded: those \
             submitted before it",
    censoring: "none: open jobs have categories of their own",
    source: "metrics.md 5.0, census",
    construct: |_| Box::new(JobCensus::default()),
};

const fn jobs(name: &'static str, direction: Direction) -> Statistic {
    Statistic::amount(name, "jobs", direction)
}

/// The measured jobs that ended and left work undone for good, where there are any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnfinishedJobs {
    /// Jobs that were evicted or lost their node, and that nothing made again.
    pub lost: u64,
    /// Jobs that failed, or were killed at their time limit, without the pods of controllers.
    pub failed: u64,
    /// All measured jobs.
    pub jobs: u64,
}

#[derive(Clone, Debug, Default)]
struct JobCensus {
    measured: u64,
    waited: u64,
    started_apart: u64,
    excluded: u64,
    /// Jobs that were evicted, without the pods of controllers.
    lost: u64,
    /// Jobs that failed, without the pods of controllers.
    failed: u64,
    /// By outcome, in the order of the statistics.
    outcomes: [u64; 7],
}

impl Collector for JobCensus {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Jobs]
    }

    fn job(&mut self, job: &JobRecord) {
        if !job.measured {
            self.excluded += 1;
            return;
        }
        self.measured += 1;
        self.waited += u64::from(job.first_wait().is_some_and(|wait| wait > Duration::ZERO));
        self.started_apart += u64::from(job.started_apart());
        let class = match job.outcome {
            JobOutcome::Succeeded => 0,
            JobOutcome::Failed => 1,
            JobOutcome::Rejected => 2,
            JobOutcome::Evicted => 3,
            JobOutcome::Cancelled => 4,
            JobOutcome::Running => 5,
            JobOutcome::Waiting => 6,
        };
        self.outcomes[class] += 1;
        self.lost += u64::from(job.outcome == JobOutcome::Evicted && !job.is_replaced);
        self.failed += u64::from(job.outcome == JobOutcome::Failed && !job.is_replaced);
    }

    fn tables(&self, _end: &RunEnd<'_>, tables: &mut Tables) {
        let unfinished = UnfinishedJobs {
            lost: self.lost,
            failed: self.failed,
            jobs: self.measured,
        };
        if unfinished.lost + unfinished.failed > 0 {
            tables.put(unfinished);
        }
    }

    fn finish(&self, _end: &RunEnd<'_>, values: &mut Values) {
        let mut put = |statistic, count| {
            values.put(statistic, Reading::count(count).over(self.measured));
        };
        put(MEASURED, self.measured);
        put(WAITED, self.waited);
        put(STARTED_APART, self.started_apart);
        for (outcome, count) in OUTCOMES.into_iter().zip(self.outcomes) {
            put(outcome, count);
        }
        put(EXCLUDED, self.excluded);
    }
}
