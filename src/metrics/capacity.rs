//! Capacity in four kinds, each within the one before: what machines have (nominal), what pods may
//! use of it (allocatable), of nodes that are up, of nodes that take new pods (metrics.md 5.1).

use super::collector::{Collector, Heard, MetricValue, RunEnd, Span};
use super::integral::Integral;
use super::registry::{Direction, MetricEntry, Statistic};
use super::state::{Amounts, ClusterState, RESOURCES, Resource};

/// `capacity.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "capacity",
    summary: "What the nodes offer; without another word, what those that are up let pods use.",
    statistics: &[
        of(Resource::Cpu, "cpu.mean"),
        of(Resource::Cpu, "cpu.end"),
        of(Resource::Cpu, "cpu.nominal.mean"),
        of(Resource::Cpu, "cpu.allocatable.mean"),
        of(Resource::Cpu, "cpu.schedulable.mean"),
        of(Resource::Memory, "memory.mean"),
        of(Resource::Memory, "memory.end"),
        of(Resource::Memory, "memory.nominal.mean"),
        of(Resource::Memory, "memory.allocatable.mean"),
        of(Resource::Memory, "memory.schedulable.mean"),
        of(Resource::Gpu, "gpu.mean"),
        of(Resource::Gpu, "gpu.end"),
        of(Resource::Gpu, "gpu.nominal.mean"),
        of(Resource::Gpu, "gpu.allocatable.mean"),
        of(Resource::Gpu, "gpu.schedulable.mean"),
        of(Resource::Pods, "pods.mean"),
        of(Resource::Pods, "pods.end"),
        of(Resource::Pods, "pods.nominal.mean"),
        of(Resource::Pods, "pods.allocatable.mean"),
        of(Resource::Pods, "pods.schedulable.mean"),
        Statistic::amount("nodes.mean", "nodes", Direction::None),
        Statistic::amount("nodes.end", "nodes", Direction::None),
    ],
    formula: "mean: integral of sum over nodes of C(n, r) dt, over W1 - W0; end: the sum at W1; \
              nominal: reserved parts included, nodes that are there; allocatable: nodes that are \
              there; mean and end: nodes that are up; schedulable: up and not cordoned",
    denominators: "length of the measured window W1 - W0",
    census: "nodes present and up; cordoned nodes are up, booting and down nodes are not",
    censoring: "none: nothing is censored",
    source: "metrics.md 5.1, capacity (4 kinds)",
    construct: |_| Box::new(Capacity::default()),
};

const fn of(resource: Resource, name: &'static str) -> Statistic {
    Statistic::amount(name, resource.unit(), Direction::None)
}

#[derive(Clone, Debug, Default)]
struct Capacity {
    up: Kind,
    nominal: Kind,
    allocatable: Kind,
    schedulable: Kind,
    nodes: Integral,
}

#[derive(Clone, Copy, Debug, Default)]
struct Kind([Integral; RESOURCES]);

impl Kind {
    fn add(&mut self, amounts: &Amounts, nanos: i64) {
        for (integral, &amount) in self.0.iter_mut().zip(&amounts.0) {
            integral.add(amount, nanos);
        }
    }

    fn mean(&self, resource: Resource, nanos: i64) -> Result<f64, String> {
        let mean = self.0[resource as usize].mean(nanos)?;
        Ok(mean / resource.scale())
    }
}

impl Collector for Capacity {
    fn hears(&self) -> &'static [Heard] {
        &[Heard::Spans]
    }

    fn held(&mut self, state: &ClusterState, span: Span) {
        let nanos = span.nanos();
        self.up.add(&state.capacity, nanos);
        self.nominal.add(&state.nominal, nanos);
        self.allocatable.add(&state.allocatable, nanos);
        self.schedulable.add(&state.schedulable, nanos);
        self.nodes.add(i128::from(state.nodes_up), nanos);
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let window = end.window_nanos();
        let mut values = Vec::new();
        for resource in Resource::ALL {
            let last = end.state.capacity.of(resource) as f64 / resource.scale();
            for (name, value) in [
                ("mean", self.up.mean(resource, window)),
                ("end", Ok(last)),
                ("nominal.mean", self.nominal.mean(resource, window)),
                ("allocatable.mean", self.allocatable.mean(resource, window)),
                ("schedulable.mean", self.schedulable.mean(resource, window)),
            ] {
                let id = format!("{}.{}.{name}", ENTRY.subject, resource.name());
                values.push(MetricValue::new(id, value));
            }
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
