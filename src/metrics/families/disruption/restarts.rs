//! Restarts of containers in place.

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::statistics::integral::Integral;
use crate::values::{Direction, Reading, Statistic, Values};

const TOTAL: Statistic = Statistic::amount("total", "restarts", Direction::Lower);
const PER_1000_POD_HOURS: Statistic =
    Statistic::amount("per_1000_pod_hours", "1/1000 pod-hours", Direction::Lower);

/// `restarts.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "restarts",
    title: Title::new("restarts"),
    group: Group::Service.at(80),
    short_lists: &[],
    series: &[],
    summary: "Container restarts in place.",
    statistics: &[TOTAL, PER_1000_POD_HOURS],
    formula: "growth in W of the restart counts that nodes report, taking the highest of a pod's \
              containers; per_1000_pod_hours: restarts over the integral of pods that hold a \
              node, in thousands of hours",
    denominators: "pod-hours on nodes in the measured window",
    census: "all pods whose node reports restarts",
    censoring: "none: counts",
    source: "metrics.md 5.4; kubernetes.md part 4, restart back-off",
    construct: |_| Box::new(Restarts),
};

#[derive(Clone, Debug)]
struct Restarts;

impl Collector for Restarts {
    fn hears(&self) -> &'static [EventKind] {
        &[]
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let total = end.workloads.totals().restarts;
        let areas = &end.state.areas;
        let mut counted = Integral::default();
        // Thousands of pod-hours in pod-nanoseconds.
        counted.add(i128::from(total), 3_600_000_000_000);
        let rate = counted
            .ratio(&areas.of(&areas.holding), "pod-hours on nodes")
            .map(|per_hour| per_hour * 1_000.0);
        values.put(TOTAL, Reading::count(total));
        values.put(PER_1000_POD_HOURS, Reading::new(rate).over(total));
    }
}
