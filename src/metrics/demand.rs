//! Demand: what pods want to have, running and pending, over what there is (metrics.md 5.1).

use super::collector::{Collector, Heard, MetricValue, RunEnd, Span};
use super::integral::{Integral, Peak};
use super::registry::{Direction, MetricEntry, Statistic};
use super::state::{ClusterState, RESOURCES, Resource};

/// `demand.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "demand",
    summary: "What all pods want to have, those without a place included, over the capacity; above \
              1 for long no scheduler can keep up.",
    statistics: &[
        Statistic::ratio("cpu.mean", Direction::None),
        Statistic::ratio("cpu.peak", Direction::None),
        Statistic::ratio("memory.mean", Direction::None),
        Statistic::ratio("memory.peak", Direction::None),
        Statistic::ratio("gpu.mean", Direction::None),
        Statistic::ratio("gpu.peak", Direction::None),
        Statistic::ratio("pods.mean", Direction::None),
        Statistic::ratio("pods.peak", Direction::None),
    ],
    formula: "mean: integral of sum of q(i, r) over bound and pending pods, over integral of sum of \
              C(n, r) over nodes that are up; peak: the largest ratio of the sums that held for a \
              time",
    denominators: "capacity of nodes that are up (allocatable), as in `capacity`",
    census: "all pods that live in the measured window, whenever submitted",
    censoring: "none: a state, not a life",
    source: "metrics.md 5.1, demand ratio",
    construct: |_| Box::new(Demand::default()),
};

#[derive(Clone, Debug, Default)]
struct Demand {
    wanted: [Integral; RESOURCES],
    capacity: [Integral; RESOURCES],
    peak: [Peak; RESOURCES],
}

impl Collector for Demand {
    fn hears(&self) -> &'static [Heard] {
        &[Heard::Spans]
    }

    fn held(&mut self, state: &ClusterState, span: Span) {
        let nanos = span.nanos();
        for index in 0..RESOURCES {
            let wanted = state.allocated.0[index] + state.wanted.0[index];
            let capacity = state.capacity.0[index];
            self.wanted[index].add(wanted, nanos);
            self.capacity[index].add(capacity, nanos);
            self.peak[index].offer(wanted, capacity);
        }
    }

    fn finish(&self, _end: &RunEnd<'_>) -> Vec<MetricValue> {
        let mut values = Vec::new();
        for resource in Resource::ALL {
            let (name, index) = (resource.name(), resource as usize);
            let under = format!("{name} capacity");
            let mean = self.wanted[index].ratio(&self.capacity[index], &under);
            let peak = self.peak[index].value(&under);
            values.push(MetricValue::new(format!("demand.{name}.mean"), mean));
            values.push(MetricValue::new(format!("demand.{name}.peak"), peak));
        }
        values
    }
}
