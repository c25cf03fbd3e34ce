//! First wait: from submission to the first start (metrics.md 5.2).

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::jobs::{JobOutcome, JobRecord};
use crate::record::presentation::{Group, ShortList, Title};
use crate::statistics::distribution::{Distribution, MAX, MEAN, P50, P90, P99, RMST};
use crate::values::{Direction, Reading, Statistic, Values};

const FINISHED_ONLY: Statistic = Statistic::seconds("finished_only").toward(Direction::None);
const CAPPED: Statistic = Statistic::seconds("capped").toward(Direction::None);

/// `first_wait.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "first_wait",
    title: Title::new("first wait"),
    group: Group::Waiting.at(10),
    short_lists: &[ShortList::Headline.at(110, &["mean"])],
    series: &[],
    summary: "Time from a job's submission to its first start.",
    statistics: &[
        MEAN.steady(),
        P50.steady(),
        P90.steady(),
        P99.steady(),
        MAX,
        RMST,
        FINISHED_ONLY,
        CAPPED,
    ],
    formula: "s1 - a: first start of any pod of the job minus submission; two variants that other \
              tools print and that are too low while jobs are open: finished_only, the mean over \
              jobs that succeeded, and capped, the mean that takes the age of a job that has not \
              started as its wait",
    denominators: "jobs submitted in the measured window that started or are open",
    census: "jobs that ended without a start (rejected, cancelled) have no wait; `jobs.*` counts them",
    censoring: "not started at the end: right-censored at its age; percentiles by Kaplan-Meier, mean \
                null above 1 % censored; rmst: the area under the Kaplan-Meier curve up to the \
                longest time seen",
    source: "metrics.md 5.2, first wait; 5.5, percentiles of type 7",
    construct: |_| Box::new(FirstWait::default()),
};

#[derive(Clone, Debug, Default)]
struct FirstWait {
    waits: Distribution,
    finished: (i128, u64),
    capped: (i128, u64),
}

impl Collector for FirstWait {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Jobs]
    }

    fn job(&mut self, job: &JobRecord) {
        if !job.measured {
            return;
        }
        match job.first_wait() {
            Some(wait) => self.waits.add(wait),
            None if job.outcome.is_open() => self.waits.add_at_least(job.age()),
            None => return,
        }
        let wait = i128::from(job.first_wait().unwrap_or(job.age()).as_nanos());
        self.capped.0 += wait;
        self.capped.1 += 1;
        if job.outcome == JobOutcome::Succeeded {
            self.finished.0 += wait;
            self.finished.1 += 1;
        }
    }

    fn finish(&self, _end: &RunEnd<'_>, values: &mut Values) {
        self.waits.put(values);
        values.put(RMST, self.waits.restricted_mean());
        for (statistic, (sum, count)) in [(FINISHED_ONLY, self.finished), (CAPPED, self.capped)] {
            let value = match count {
                0 => Err("no job to measure".to_owned()),
                count => Ok(sum as f64 / count as f64 / 1e9),
            };
            values.put(statistic, Reading::new(value).over(count));
        }
    }
}
