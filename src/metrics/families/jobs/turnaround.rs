//! Turnaround, also called job completion time: from submission to the end (metrics.md 5.2).

use crate::record::collector::{Collector, Heard, MetricValue, RunEnd};
use crate::record::jobs::{JobOutcome, JobRecord};
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::registry::{MetricEntry, Statistic};
use crate::statistics::distribution::Distribution;

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
    summary: "Time from a job's submission to its successful end (JCT).",
    statistics: &[
        Statistic::seconds("mean").steady(),
        Statistic::seconds("p50").steady(),
        Statistic::seconds("p90").steady(),
        Statistic::seconds("p99").steady(),
        Statistic::seconds("max"),
        Statistic::seconds("rmst"),
    ],
    formula: "f - a: end of the job's last pod minus submission",
    denominators: "jobs submitted in the measured window that succeeded or are open",
    census: "failed, rejected, evicted and cancelled jobs are excluded; `jobs.*` counts them",
    censoring: "open at the end: right-censored at its age; percentiles by Kaplan-Meier, mean null \
                above 1 % censored; rmst: the area under the Kaplan-Meier curve up to the longest \
                time seen",
    source: "metrics.md 5.2, JCT / turnaround; 5.5, percentiles of type 7",
    construct: |_| Box::new(Turnaround::default()),
};

#[derive(Clone, Debug, Default)]
struct Turnaround {
    times: Distribution,
}

impl Collector for Turnaround {
    fn hears(&self) -> &'static [Heard] {
        &[Heard::Jobs]
    }

    fn job(&mut self, job: &JobRecord) {
        if !job.measured {
            return;
        }
        if job.outcome == JobOutcome::Succeeded {
            self.times.add(job.age());
        } else if job.outcome.is_open() {
            self.times.add_at_least(job.age());
        }
    }

    fn finish(&self, _end: &RunEnd<'_>) -> Vec<MetricValue> {
        let mut values = self.times.values(ENTRY.subject);
        values.push(self.times.restricted_mean(ENTRY.subject));
        values
    }
}
