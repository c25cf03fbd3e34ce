//! Throughput: how many jobs finish per hour (metrics.md 5.2).

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::jobs::{JobOutcome, JobRecord};
use crate::record::presentation::{Group, ShortList, Title};
use crate::values::{Direction, Reading, Statistic, Values};

const JOBS: Statistic = Statistic::amount("jobs", "1/h", Direction::Higher)
    .noise(0.02)
    .steady();

/// `throughput.jobs`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "throughput",
    title: Title::new("throughput"),
    group: Group::Work.at(30),
    short_lists: &[ShortList::Headline.at(170, &["jobs"])],
    series: &[],
    summary: "Jobs finished per hour.",
    statistics: &[JOBS],
    formula: "jobs that succeeded in W, over W1 - W0 in hours",
    denominators: "length of the measured window W1 - W0",
    census: "jobs that succeeded within the measured window, whenever submitted",
    censoring: "none: open jobs have not finished",
    source: "metrics.md 5.2, throughput",
    construct: |_| Box::new(Throughput::default()),
};

#[derive(Clone, Debug, Default)]
struct Throughput {
    finished: u64,
}

impl Collector for Throughput {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Jobs]
    }

    fn job(&mut self, job: &JobRecord) {
        let counts = job.outcome == JobOutcome::Succeeded && job.ended_in_window;
        self.finished += u64::from(counts);
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let value = end.window_hours().map(|hours| self.finished as f64 / hours);
        values.put(JOBS, Reading::new(value).over(self.finished));
    }
}
