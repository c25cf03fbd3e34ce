//! Capacity in four kinds, each within the one before: what machines have (nominal), what pods may
//! use of it (allocatable), of nodes that are up, of nodes that take new pods (metrics.md 5.1).

use crate::record::areas::Levels;
use crate::record::collector::{Collector, Heard, MetricValue, RunEnd};
use crate::record::presentation::{Group, Title};
use crate::record::registry::{Direction, MetricEntry, Statistic};
use crate::record::state::Resource;

/// `capacity.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "capacity",
    title: Title::new("capacity"),
    group: Group::Capacity.at(10),
    short_lists: &[],
    summary: "Capacity of the nodes; unless stated otherwise, the allocatable capacity of the \
        nodes that are up.",
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
              nominal: existing nodes, reserved parts included; allocatable: existing nodes; mean \
              and end: nodes that are up; schedulable: up and not cordoned",
    denominators: "length of the measured window W1 - W0",
    census: "nodes present and up; cordoned nodes are up, booting and down nodes are not",
    censoring: "none: nothing is censored",
    source: "metrics.md 5.1, capacity (4 kinds)",
    construct: |_| Box::new(Capacity),
};

const fn of(resource: Resource, name: &'static str) -> Statistic {
    Statistic::amount(name, resource.unit(), Direction::None)
}

#[derive(Clone, Copy, Debug)]
struct Capacity;

impl Collector for Capacity {
    fn hears(&self) -> &'static [Heard] {
        &[]
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let (window, areas) = (end.window_nanos(), &end.state.areas);
        let mean = |levels: &Levels, resource: Resource| {
            let mean = areas.of(&levels[resource as usize]).mean(window)?;
            Ok(mean / resource.scale())
        };
        let mut values = Vec::new();
        for resource in Resource::ALL {
            let last = end.state.capacity.of(resource) as f64 / resource.scale();
            for (name, value) in [
                ("mean", mean(&areas.capacity, resource)),
                ("end", Ok(last)),
                ("nominal.mean", mean(&areas.nominal, resource)),
                ("allocatable.mean", mean(&areas.allocatable, resource)),
                ("schedulable.mean", mean(&areas.schedulable, resource)),
            ] {
                let id = format!("{}.{}.{name}", ENTRY.subject, resource.name());
                values.push(MetricValue::new(id, value));
            }
        }
        let nodes = end.state.nodes_up as f64;
        values.push(MetricValue::new(
            "capacity.nodes.mean",
            areas.of(&areas.nodes_up).mean(window),
        ));
        values.push(MetricValue::new("capacity.nodes.end", Ok(nodes)));
        values
    }
}
