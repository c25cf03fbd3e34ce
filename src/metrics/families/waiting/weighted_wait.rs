//! Waits weighted by the size of the job: what a core-second of work waited (metrics.md 5.8).

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::jobs::{JobOutcome, JobRecord};
use crate::record::presentation::{Group, Title};
use crate::statistics::integral::ratio;
use crate::values::{Direction, Reading, Statistic, Values};
use units::plural;

const MEAN: Statistic = Statistic::seconds("mean").steady();
const AREA: Statistic = Statistic::amount("area", "core-hours", Direction::None);

/// `weighted_wait.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "weighted_wait",
    title: Title::new("weighted wait"),
    group: Group::Waiting.at(30),
    short_lists: &[],
    series: &[],
    summary: "Wait until the first start, each job weighted by its computing work.",
    statistics: &[MEAN, AREA],
    formula: "mean: sum of (s - a) x cores x (f - s) over sum of cores x (f - s); area: that sum",
    denominators: "core-seconds of the jobs submitted in the measured window that succeeded",
    census: "failed, rejected, evicted and cancelled jobs are excluded; `jobs.*` counts them",
    censoring: "open jobs have no value (their run time is unknown): above 1 % open the mean is null",
    source: "metrics.md 5.8, mean wait weighted by core-seconds",
    construct: |_| Box::new(WeightedWait::default()),
};

#[derive(Clone, Debug, Default)]
struct WeightedWait {
    /// Seconds² × milli-cores in nanoseconds × milliseconds: a long run of a large cluster stays
    /// within 128 bits.
    waited: i128,
    area: i128,
    jobs: u64,
    open: u64,
}

/// Nanoseconds in a millisecond.
const MILLISECOND: i64 = 1_000_000;

impl Collector for WeightedWait {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Jobs]
    }

    fn job(&mut self, job: &JobRecord) {
        if !job.measured {
            return;
        }
        if job.outcome.is_open() {
            self.open += 1;
        } else if let (JobOutcome::Succeeded, Some(wait), Some(run)) =
            (job.outcome, job.first_wait(), job.run_time())
        {
            let run = i128::from(run.as_nanos() / MILLISECOND);
            let area = run * i128::from(job.cpu_milli);
            self.area = self.area.saturating_add(area);
            let waited = area.saturating_mul(i128::from(wait.as_nanos() / MILLISECOND));
            self.waited = self.waited.saturating_add(waited);
            self.jobs += 1;
        }
    }

    fn finish(&self, _end: &RunEnd<'_>, values: &mut Values) {
        let (jobs, open) = (self.jobs, self.open);
        let all = jobs + open;
        let mean = if open * 100 > all {
            Err(format!(
                "{open} of {} {} open",
                plural::count(all, "job"),
                plural::either(open, "is", "are")
            ))
        } else {
            ratio(self.waited, self.area, "work of succeeded jobs").map(|millis| millis / 1_000.0)
        };
        let remark = (open > 0).then(|| format!("{open} open jobs are left out"));
        // Milli-core-milliseconds.
        let hours = self.area as f64 / 3.6e9;
        values.put(MEAN, Reading::new(mean).remark(remark).over(jobs));
        values.put(AREA, Reading::new(Ok(hours)).over(jobs));
    }
}
