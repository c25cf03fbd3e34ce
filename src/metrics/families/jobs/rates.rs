//! Rates of arrival and of placement, as the trace study of 2019 reports them (spec:
//! orchestrators-b.md section 5.5).

use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::jobs::JobRecord;
use crate::record::presentation::{Group, Title};
use crate::values::{Direction, Reading, Statistic, Values};
use model::Event;

const JOBS: Statistic = Statistic::amount("jobs", "1/h", Direction::None);
const PLACEMENTS: Statistic = Statistic::amount("placements", "1/h", Direction::None);

/// `rates.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "rates",
    title: Title::new("rates"),
    group: Group::Others.at(0),
    short_lists: &[],
    series: &[],
    summary: "Jobs that are submitted, and pods that get a node, per hour; a pod that is placed again \
              counts again.",
    statistics: &[JOBS, PLACEMENTS],
    formula: "jobs: jobs submitted in W, over W1 - W0 in hours; placements: bindings in W, over the same",
    denominators: "length of the measured window W1 - W0",
    census: "jobs submitted in the measured window; bindings within it, first and further ones",
    censoring: "none: counts",
    source: "orchestrators-b.md 5.5",
    construct: |_| Box::new(Rates::default()),
};

#[derive(Clone, Debug, Default)]
struct Rates {
    jobs: u64,
    placements: u64,
}

impl Collector for Rates {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Bound, EventKind::Jobs]
    }

    fn event(&mut self, change: &Change<'_>) {
        let counts = matches!(change.event, Event::PodBound { .. }) && change.in_window();
        self.placements += u64::from(counts);
    }

    fn job(&mut self, job: &JobRecord) {
        self.jobs += u64::from(job.measured);
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        for (statistic, count) in [(JOBS, self.jobs), (PLACEMENTS, self.placements)] {
            let value = end.window_hours().map(|hours| count as f64 / hours);
            values.put(statistic, Reading::new(value).over(count));
        }
    }
}
