//! Queue length: how many pods are without a place (metrics.md 5.2).

use crate::record::collector::{Collector, Heard, MetricValue, RunEnd, Span};
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::registry::{Direction, MetricEntry, Statistic};
use crate::record::state::ClusterState;
use crate::statistics::samples::Percentile;
use crate::statistics::weighted::Weighted;

/// `queue_length.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "queue_length",
    title: Title::new("queue length"),
    group: Group::Waiting.at(70),
    short_lists: &[
        ShortList::Headline.at(140, &["mean"]),
        ShortList::Gated.at(90, &["mean"]),
        ShortList::GatedOfFillUp.at(60, &["mean"]),
    ],
    summary: "Number of pending pods.",
    statistics: &[
        Statistic::amount("mean", "pods", Direction::Lower)
            .noise(0.02)
            .steady(),
        Statistic::amount("max", "pods", Direction::Lower).noise(0.02),
        Statistic::amount("tw_p99", "pods", Direction::Lower)
            .noise(0.02)
            .steady(),
    ],
    formula: "mean: integral of pending pods dt over W1 - W0; max: the largest number that lasted \
              for some time or held at the end; tw_p99: the smallest number that was not exceeded \
              for at least 99 % of the time (weighted by time, type 1)",
    denominators: "length of the measured window W1 - W0",
    census: "pods created and not bound, whenever submitted",
    censoring: "none: a state, not a duration",
    source: "metrics.md 5.2, queue length",
    construct: |_| Box::new(QueueLength::default()),
};

#[derive(Clone, Debug, Default)]
struct QueueLength {
    lengths: Weighted,
}

impl Collector for QueueLength {
    fn hears(&self) -> &'static [Heard] {
        &[Heard::Spans]
    }

    fn held(&mut self, state: &ClusterState, span: Span) {
        self.lengths.add(state.pending, span.nanos());
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let areas = &end.state.areas;
        let mean = areas.of(&areas.pending).mean(end.window_nanos());
        let most = self.lengths.most().max(end.state.pending) as f64;
        let p99 = self.lengths.percentile(Percentile::P99);
        let p99 = p99.map(|length| length as f64);
        let no_time = || "the measured window has no length".to_owned();
        vec![
            MetricValue::new("queue_length.mean", mean),
            MetricValue::new("queue_length.max", Ok(most)),
            MetricValue {
                approx: self.lengths.is_approx(),
                ..MetricValue::new("queue_length.tw_p99", p99.ok_or_else(no_time))
            },
        ]
    }
}
