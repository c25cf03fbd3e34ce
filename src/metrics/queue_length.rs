//! Queue length: how many pods are without a place (metrics.md 5.2).

use super::collector::{Collector, MetricValue, RunEnd, Span};
use super::integral::Integral;
use super::registry::{Direction, MetricEntry, Statistic};
use super::state::ClusterState;

/// `queue_length.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "queue_length",
    summary: "How many pods were waiting for a place.",
    statistics: &[
        Statistic::amount("mean", "pods", Direction::Lower).noise(0.02),
        Statistic::amount("max", "pods", Direction::Lower).noise(0.02),
    ],
    formula: "mean: integral of pending pods dt over W1 - W0; max: the largest number that held for a \
              time, or at the end",
    denominators: "length of the measured window W1 - W0",
    census: "pods created and not bound, whenever submitted",
    censoring: "none: a state, not a life",
    source: "metrics.md 5.2, queue length",
    construct: |_| Box::new(QueueLength::default()),
};

#[derive(Clone, Debug, Default)]
struct QueueLength {
    pending: Integral,
    most: u64,
}

impl Collector for QueueLength {
    fn held(&mut self, state: &ClusterState, span: Span) {
        self.pending.add(i128::from(state.pending), span.nanos());
        self.most = self.most.max(state.pending);
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let most = self.most.max(end.state.pending) as f64;
        vec![
            MetricValue::new("queue_length.mean", self.pending.mean(end.window_nanos())),
            MetricValue::new("queue_length.max", Ok(most)),
        ]
    }
}
