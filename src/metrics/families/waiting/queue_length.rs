//! Queue length: how many pods are without a place (metrics.md 5.2).

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::live_series::LiveSeries;
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::state::ClusterState;
use crate::statistics::samples::Percentile;
use crate::statistics::span::Span;
use crate::statistics::weighted::WeightedCounts;
use crate::values::{Direction, Reading, Statistic, Values};

/// The smallest relevant difference of a queue's length: a tenth of a pod.
const FLOOR: f64 = 0.1;

const MEAN: Statistic = Statistic::amount("mean", "pods", Direction::Lower)
    .noise(0.02)
    .relevant_from(FLOOR)
    .steady();
const MAX: Statistic = Statistic::amount("max", "pods", Direction::Lower).noise(0.02);
const TW_P99: Statistic = Statistic::amount("tw_p99", "pods", Direction::Lower)
    .noise(0.02)
    .relevant_from(FLOOR)
    .steady();

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
    series: &[LiveSeries::of_cluster("pods.pending", |state| {
        Some(state.pending as f64)
    })],
    summary: "Number of pending pods.",
    statistics: &[MEAN, MAX, TW_P99],
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
    lengths: WeightedCounts,
}

impl Collector for QueueLength {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Spans]
    }

    fn held(&mut self, state: &ClusterState, span: Span) {
        self.lengths.add(state.pending, span.nanos());
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let areas = &end.state.areas;
        let mean = areas.of(&areas.pending).mean(end.window_nanos());
        let most = self.lengths.most().max(end.state.pending) as f64;
        let p99 = self.lengths.percentile(Percentile::P99);
        let p99 = p99.map(|length| length as f64);
        let no_time = || "the measured window has no length".to_owned();
        values.put(MEAN, mean);
        values.put(MAX, Ok(most));
        let p99 = Reading::new(p99.ok_or_else(no_time));
        values.put(TW_P99, p99.approximate(self.lengths.is_approx()));
    }
}
