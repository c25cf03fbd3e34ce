//! Start skew: how far apart the pods of one job begin to run.

use crate::families::jobs::job_times::{JobTimes, ObservedTime};
use crate::record::entry::MetricEntry;
use crate::record::jobs::JobRecord;
use crate::record::presentation::{Group, Title};
use crate::statistics::distribution::{MAX, MEAN, P50, P90, P99, RMST};

/// `start_skew.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "start_skew",
    title: Title::new("start skew"),
    group: Group::Waiting.at(17),
    short_lists: &[],
    series: &[],
    summary: "Time between the first and the last start of the pods of a job.",
    statistics: &[
        MEAN.steady(),
        P50.steady(),
        P90.steady(),
        P99.steady(),
        MAX,
        RMST,
    ],
    formula: "last start minus first start of the job's pods; of a Job object those that were created by its \
              first start, so that neither later completions nor pods after a stop count",
    denominators: "jobs of several pods submitted in the measured window of which all have started, or some and \
                   the job is open",
    census: "jobs of one pod have no skew; `jobs.started_apart` counts those beyond 10 s",
    censoring: "partly started at the end: right-censored at the time since the first start; percentiles by \
                Kaplan-Meier, mean null above 1 % censored; rmst: the area under the Kaplan-Meier curve up \
                to the longest time seen",
    source: "metrics.md 5.5, percentiles of type 7",
    construct: |_| JobTimes::boxed(start_skew),
};

fn start_skew(job: &JobRecord) -> ObservedTime {
    let (Some(first), Some(last)) = (job.start, job.last_start) else {
        return ObservedTime::None;
    };
    match job.pods {
        0 | 1 => ObservedTime::None,
        _ if job.bound.is_some() => ObservedTime::Whole(last.since(first)),
        _ if job.outcome.is_open() => ObservedTime::AtLeast(job.end.since(first)),
        _ => ObservedTime::None,
    }
}
