//! Missing replicas: wanted pods that were not ready (metrics.md 5.4).

use crate::record::collector::{Collector, Heard, MetricValue, RunEnd};
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::registry::{Direction, MetricEntry, Statistic};
use crate::statistics::integral::Integral;

/// `missing_replicas.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "missing_replicas",
    title: Title::new("missing replicas"),
    group: Group::Service.at(20),
    short_lists: &[ShortList::Headline.at(20, &["max"])],
    summary: "Desired pods that were not ready: on average, in total, and at the worst instant.",
    statistics: &[
        Statistic::amount("mean", "pods", Direction::Lower).noise(0.01),
        Statistic::amount("pod_hours", "pod-hours", Direction::Lower).noise(0.01),
        Statistic::amount("max", "pods", Direction::Lower),
    ],
    formula: "integral over W of the sum over workloads of max(0, desired - ready), over |W|; in \
              pod-hours; max: the largest sum over all workloads at one instant",
    denominators: "the length of W",
    census: "workloads as in `availability`; max counts a workload from the first instant at \
             which it was at full strength; before that it is starting",
    censoring: "none: integrals over W",
    source: "metrics.md 5.4, availability, replica-weighted",
    construct: |_| Box::new(MissingReplicas),
};

#[derive(Clone, Debug)]
struct MissingReplicas;

impl Collector for MissingReplicas {
    fn hears(&self) -> &'static [Heard] {
        &[]
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let workloads = end.workloads;
        let mut missing: Integral = workloads.total(|sums| &sums.desired);
        missing.take(&workloads.total(|sums| &sums.ready));
        let present = workloads.present();
        let found = [
            ("mean", missing.mean(end.window_nanos())),
            ("pod_hours", missing.mean(3_600_000_000_000)),
            ("max", Ok(workloads.totals().worst_missing as f64)),
        ];
        let values = found.into_iter();
        values
            .map(|(name, value)| {
                let id = format!("{}.{name}", ENTRY.subject);
                MetricValue::new(id, present.clone().and(value))
            })
            .collect()
    }
}
