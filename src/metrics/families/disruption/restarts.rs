//! Restarts of containers in place.

use crate::record::collector::{Collector, Heard, MetricValue, RunEnd};
use crate::record::presentation::{Group, Title};
use crate::record::registry::{Direction, MetricEntry, Statistic};
use crate::statistics::integral::Integral;

/// `restarts.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "restarts",
    title: Title::new("restarts"),
    group: Group::Service.at(80),
    short_lists: &[],
    summary: "Container restarts in place.",
    statistics: &[
        Statistic::amount("total", "restarts", Direction::Lower),
        Statistic::amount("per_1000_pod_hours", "1/1000 pod-hours", Direction::Lower),
    ],
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
    fn hears(&self) -> &'static [Heard] {
        &[]
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let total = end.workloads.totals().restarts;
        let areas = &end.state.areas;
        let mut counted = Integral::default();
        // Thousands of pod-hours in pod-nanoseconds.
        counted.add(i128::from(total), 3_600_000_000_000);
        let rate = counted
            .ratio(&areas.of(&areas.holding), "pod-hours on nodes")
            .map(|per_hour| per_hour * 1_000.0);
        let id = |name| format!("{}.{name}", ENTRY.subject);
        vec![
            MetricValue::count(id("total"), total),
            MetricValue::new(id("per_1000_pod_hours"), rate).over(total),
        ]
    }
}
