//! First wait: from submission to the first start (metrics.md 5.2).

use super::collector::{Collector, MetricValue, RunEnd};
use super::distribution::Distribution;
use super::jobs::JobRecord;
use super::registry::{MetricEntry, Statistic};

/// `first_wait.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "first_wait",
    summary: "How long jobs waited from submission to their first start.",
    statistics: &[
        Statistic::seconds("mean"),
        Statistic::seconds("p50"),
        Statistic::seconds("p90"),
        Statistic::seconds("p99"),
        Statistic::seconds("max"),
    ],
    formula: "s1 - a: first start of any pod of the job, less submission",
    denominators: "jobs submitted in the measured window that started or are open",
    census: "jobs that ended without a start (rejected, cancelled) have no wait; `jobs.*` counts them",
    censoring: "not started at the end: right-censored at its age; percentiles by Kaplan-Meier, mean \
                null above 1 % censored",
    source: "metrics.md 5.2, first wait; 5.5, percentiles of type 7",
    construct: |_| Box::new(FirstWait::default()),
};

#[derive(Clone, Debug, Default)]
struct FirstWait {
    waits: Distribution,
}

impl Collector for FirstWait {
    fn job(&mut self, job: &JobRecord) {
        if !job.measured {
            return;
        }
        match job.first_wait() {
            Some(wait) => self.waits.add(wait),
            None if job.outcome.is_open() => self.waits.add_at_least(job.age()),
            None => {}
        }
    }

    fn finish(&self, _end: &RunEnd<'_>) -> Vec<MetricValue> {
        self.waits.values(ENTRY.subject)
    }
}
