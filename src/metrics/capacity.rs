//! Capacity: what the nodes that are up offer (metrics.md 5.1, the kind `up`).

use super::collector::{Collector, MetricValue, RunEnd, Span};
use super::integral::Integral;
use super::registry::{Direction, MetricEntry, Statistic};
use super::state::{ClusterState, Resource};

/// `capacity.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "capacity",
    summary: "What the nodes that are up let pods use.",
    statistics: &[
        Statistic::amount("cpu.mean", "cores", Direction::None),
        Statistic::amount("cpu.end", "cores", Direction::None),
        Statistic::amount("memory.mean", "bytes", Direction::None),
        Statistic::amount("memory.end", "bytes", Direction::None),
        Statistic::amount("gpu.mean", "gpus", Direction::None),
        Statistic::amount("gpu.end", "gpus", Direction::None),
        Statistic::amount("nodes.mean", "nodes", Direction::None),
        Statistic::amount("nodes.end", "nodes", Direction::None),
    ],
    formula: "integral of sum over nodes that are up of C(n, r) dt, over W1 - W0; end: the sum at W1",
    denominators: "length of the measured window W1 - W0",
    census: "nodes present and up; cordoned nodes are up, booting and down nodes are not",
    censoring: "none: nothing is censored",
    source: "metrics.md 5.1, capacity (kind `up`)",
    construct: |_| Box::new(Capacity::default()),
};

#[derive(Clone, Debug, Default)]
struct Capacity {
    amounts: [Integral; 3],
    nodes: Integral,
}

impl Collector for Capacity {
    fn held(&mut self, state: &ClusterState, span: Span) {
        let nanos = span.nanos();
        for (integral, &amount) in self.amounts.iter_mut().zip(&state.capacity.0) {
            integral.add(amount, nanos);
        }
        self.nodes.add(i128::from(state.nodes_up), nanos);
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let window = end.window_nanos();
        let mut values = Vec::new();
        for (resource, integral) in Resource::ALL.into_iter().zip(&self.amounts) {
            let name = resource.name();
            let scale = resource.scale();
            let mean = integral.mean(window).map(|mean| mean / scale);
            let last = end.state.capacity.of(resource) as f64 / scale;
            values.push(MetricValue::new(format!("capacity.{name}.mean"), mean));
            values.push(MetricValue::new(format!("capacity.{name}.end"), Ok(last)));
        }
        let nodes = end.state.nodes_up as f64;
        values.push(MetricValue::new(
            "capacity.nodes.mean",
            self.nodes.mean(window),
        ));
        values.push(MetricValue::new("capacity.nodes.end", Ok(nodes)));
        values
    }
}
