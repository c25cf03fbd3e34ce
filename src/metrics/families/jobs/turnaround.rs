//! Turnaround, also called job completion time: from submission to the end (metrics.md 5.2).

use crate::families::jobs::job_times::{JobTimes, ObservedTime};
use crate::record::entry::MetricEntry;
use crate::record::jobs::{JobOutcome, JobRecord};
use crate::record::presentation::{Group, ShortList, Title};
use crate::statistics::distribution::{MAX, MEAN, P50, P90, P99, RMST};

/// `turnaround.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "turnaround",
    title: Title::new("turnaround"),
    group: Group::Work.at(10),
    short_lists: &[
        ShortList::Headline.at(120, &["mean"]),
        ShortList::Gated.at(70, &["mean", "rmst"]),
        ShortList::Sweep.at(70, &["mean"]),
    ],
    series: &[],
    summary: "Time from a job's submission to its successful end (JCT).",
    statistics: &[
        MEAN.steady(),
        P50.steady(),
        P90.steady(),
        P99.steady(),
        MAX,
        RMST,
    ],
    formula: "f - a: end of the job's last pod minus submission",
    denominators: "jobs submitted in the measured window that succeeded or are open",
    census: "failed, rejected, evicted and cancelled jobs are excluded; `jobs.*` counts them",
    censoring: "open at the end: right-censored at its age; percentiles by Kaplan-Meier, mean null \
                above 1 % censored; rmst: the area under the Kaplan-Meier curve up to the longest \
                time seen",
    source: "metrics.md 5.2, JCT / turnaround; 5.5, percentiles of type 7",
    construct: |_| JobTimes::boxed(turnaround),
};

fn turnaround(job: &JobRecord) -> ObservedTime {
    if job.outcome == JobOutcome::Succeeded {
        ObservedTime::Whole(job.age())
    } else if job.outcome.is_open() {
        ObservedTime::AtLeast(job.age())
    } else {
        ObservedTime::None
    }
}
