//! Pending time: how long jobs were eligible and without a place (metrics.md 5.2).

use super::collector::{Collector, MetricValue, RunEnd};
use super::distribution::Distribution;
use super::jobs::JobRecord;
use super::registry::{MetricEntry, Statistic};

/// `pending_time.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "pending_time",
    summary: "How long jobs were without a place, from submission until all their pods were bound.",
    statistics: &[
        Statistic::seconds("mean"),
        Statistic::seconds("p50"),
        Statistic::seconds("p90"),
        Statistic::seconds("p99"),
        Statistic::seconds("max"),
    ],
    formula: "last bind of the job's pods less submission; a pod is bound once in its life",
    denominators: "jobs submitted in the measured window that were bound or are open",
    census: "jobs that ended unbound (rejected, cancelled) have no value; `jobs.*` counts them",
    censoring: "unbound at the end: right-censored at its age; percentiles by Kaplan-Meier, mean \
                null above 1 % censored",
    source: "metrics.md 5.2, pending time; 5.5, percentiles of type 7",
    construct: |_| Box::new(PendingTime::default()),
};

#[derive(Clone, Debug, Default)]
struct PendingTime {
    times: Distribution,
}

impl Collector for PendingTime {
    fn job(&mut self, job: &JobRecord) {
        if !job.measured {
            return;
        }
        match job.bound {
            Some(bound) => self.times.add(bound.since(job.submit)),
            None if job.outcome.is_open() => self.times.add_at_least(job.age()),
            None => {}
        }
    }

    fn finish(&self, _end: &RunEnd<'_>) -> Vec<MetricValue> {
        self.times.values(ENTRY.subject)
    }
}
