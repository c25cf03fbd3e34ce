//! Pending time: how long jobs were eligible and without a place (metrics.md 5.2).

use crate::record::collector::{Collector, Heard, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::jobs::JobRecord;
use crate::record::presentation::{Group, ShortList, Title};
use crate::statistics::distribution::{Distribution, MAX, MEAN, P50, P90, P99, RMST};
use crate::values::Values;

/// `pending_time.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "pending_time",
    title: Title::new("pending time"),
    group: Group::Waiting.at(20),
    short_lists: &[
        ShortList::Headline.at(90, &["mean"]),
        ShortList::Headline.at(100, &["p99"]),
        ShortList::Gated.at(50, &["mean", "rmst"]),
        ShortList::Gated.at(60, &["p99"]),
        ShortList::Sweep.at(50, &["mean"]),
        ShortList::Sweep.at(60, &["p99"]),
    ],
    series: &[],
    summary: "Time from a job's submission until all its pods are bound.",
    statistics: &[
        MEAN.steady(),
        P50.steady(),
        P90.steady(),
        P99.steady(),
        MAX,
        RMST,
    ],
    formula: "last binding of the job's pods minus submission; a pod is bound once in its life",
    denominators: "jobs submitted in the measured window that were bound or are open",
    census: "jobs that ended unbound (rejected, cancelled) have no value; `jobs.*` counts them",
    censoring: "unbound at the end: right-censored at its age; percentiles by Kaplan-Meier, mean \
                null above 1 % censored; rmst: the area under the Kaplan-Meier curve up to the \
                longest time seen",
    source: "metrics.md 5.2, pending time; 5.5, percentiles of type 7",
    construct: |_| Box::new(PendingTime::default()),
};

#[derive(Clone, Debug, Default)]
struct PendingTime {
    times: Distribution,
}

impl Collector for PendingTime {
    fn hears(&self) -> &'static [Heard] {
        &[Heard::Jobs]
    }

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

    fn finish(&self, _end: &RunEnd<'_>, values: &mut Values) {
        self.times.put(values);
        values.put(RMST, self.times.restricted_mean());
    }
}
