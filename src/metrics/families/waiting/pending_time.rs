//! Pending time: how long jobs were eligible and without a place (metrics.md 5.2).

use crate::families::jobs::job_times::{JobTimes, ObservedTime};
use crate::record::entry::MetricEntry;
use crate::record::jobs::{JobOutcome, JobRecord};
use crate::record::presentation::{Group, ShortList, Title};
use crate::statistics::distribution::{MAX, MEAN, P50, P90, P99, RMST};
use units::Duration;

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
    formula: "last binding of the job's pods minus submission; and the waits of the pod of a job of one that comes back",
    denominators: "jobs submitted in the measured window that were bound or are open",
    census: "jobs that ended unbound (rejected, cancelled) have no value; `jobs.*` counts them",
    censoring: "unbound at the end: right-censored at its age; percentiles by Kaplan-Meier, mean \
                null above 1 % censored; rmst: the area under the Kaplan-Meier curve up to the \
                longest time seen",
    source: "metrics.md 5.2, pending time; 5.5, percentiles of type 7",
    construct: |_| JobTimes::boxed(pending_time),
};

fn pending_time(job: &JobRecord) -> ObservedTime {
    match job.bound {
        Some(bound) => {
            let waited = bound.since(job.submit).saturating_add(job.requeued);
            let waits_again = job.requeued > Duration::ZERO && job.outcome == JobOutcome::Waiting;
            if waits_again {
                ObservedTime::AtLeast(waited)
            } else {
                ObservedTime::Whole(waited)
            }
        }
        None if job.outcome.is_open() => ObservedTime::AtLeast(job.age()),
        None => ObservedTime::None,
    }
}
