//! Starting: the part of the capacity that is reserved by pods that do not run yet
//! (metrics.md 5.1: bound but not running counts as allocated, and apart as `starting`).

use crate::record::collector::{Collector, Heard, MetricValue, RunEnd};
use crate::record::presentation::{Group, Title};
use crate::record::registry::{Direction, MetricEntry, Statistic};
use crate::record::state::Resource;

/// `starting.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "starting",
    title: Title::new("starting"),
    group: Group::Waiting.at(50),
    short_lists: &[],
    summary: "Share of the capacity that pods reserve while they start; part of `allocation`.",
    statistics: &[
        Statistic::ratio("cpu.mean", Direction::Lower),
        Statistic::ratio("memory.mean", Direction::Lower),
        Statistic::ratio("gpu.mean", Direction::Lower),
        Statistic::ratio("pods.mean", Direction::Lower),
    ],
    formula: "integral of sum of q(i, r) over pods that are bound and do not run, over integral of \
              sum of C(n, r) over nodes that are up",
    denominators: "capacity of nodes that are up (allocatable), as in `capacity`",
    census: "pods between their binding and their first running instant, whenever submitted",
    censoring: "none: a state, not a duration",
    source: "metrics.md 5.1, allocation ratio (`starting`)",
    construct: |_| Box::new(Starting),
};

#[derive(Clone, Copy, Debug)]
struct Starting;

impl Collector for Starting {
    fn hears(&self) -> &'static [Heard] {
        &[]
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let areas = &end.state.areas;
        let value = |resource: Resource| {
            let (name, index) = (resource.name(), resource as usize);
            let under = format!("{name} capacity");
            let starting = areas.of(&areas.starting[index]);
            let mean = starting.ratio(&areas.capacity(resource), &under);
            MetricValue::new(format!("starting.{name}.mean"), mean)
        };
        Resource::ALL.into_iter().map(value).collect()
    }
}
