//! Allocation: how much of the capacity is reserved by pods (metrics.md 5.1).

use crate::record::collector::{Collector, Heard, MetricValue, RunEnd, Span};
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::registry::{Direction, MetricEntry, Statistic};
use crate::record::state::{ClusterState, RESOURCES, Resource};
use crate::statistics::integral::{Peak, ratio};

/// `allocation.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "allocation",
    title: Title::new("allocation"),
    group: Group::Capacity.at(20),
    short_lists: &[
        ShortList::Headline.at(50, &["gpu"]),
        ShortList::Headline.at(150, &["cpu"]),
        ShortList::Headline.at(160, &["memory"]),
        ShortList::Gated.at(10, &["gpu.mean"]),
        ShortList::Gated.at(100, &["cpu.mean"]),
        ShortList::Gated.at(110, &["memory.mean"]),
        ShortList::GatedOfFillUp.at(10, &["gpu.end"]),
        ShortList::GatedOfFillUp.at(40, &["cpu.end"]),
        ShortList::GatedOfFillUp.at(50, &["memory.end"]),
        ShortList::Sweep.at(10, &["gpu.end"]),
        ShortList::Sweep.at(90, &["cpu.mean"]),
        ShortList::Sweep.at(100, &["memory.mean"]),
    ],
    summary: "Share of the capacity that pods reserve, regardless of their usage. Pods without \
              requests still take a pod slot.",
    statistics: &[
        Statistic::ratio("cpu.mean", Direction::Higher),
        Statistic::ratio("cpu.peak", Direction::Higher),
        Statistic::ratio("cpu.end", Direction::Higher),
        zero("cpu.zero_capacity_time"),
        Statistic::ratio("memory.mean", Direction::Higher),
        Statistic::ratio("memory.peak", Direction::Higher),
        Statistic::ratio("memory.end", Direction::Higher),
        zero("memory.zero_capacity_time"),
        Statistic::ratio("gpu.mean", Direction::Higher),
        Statistic::ratio("gpu.peak", Direction::Higher),
        Statistic::ratio("gpu.end", Direction::Higher),
        zero("gpu.zero_capacity_time"),
        Statistic::ratio("pods.mean", Direction::Higher),
        Statistic::ratio("pods.peak", Direction::Higher),
        Statistic::ratio("pods.end", Direction::Higher),
        zero("pods.zero_capacity_time"),
    ],
    formula: "mean: integral of sum of q(i, r) over bound pods, over integral of sum of C(n, r) \
              over nodes that are up; peak: the largest ratio of the sums that lasted for some \
              time or held at the end; end: the ratio at the end; zero_capacity_time: time during \
              which resources were reserved while the capacity was zero",
    denominators: "capacity of nodes that are up (allocatable), as in `capacity`",
    census: "pods that hold a node: bound, starting, running; holds are not allocation",
    censoring: "none: nothing is censored",
    source: "metrics.md 5.1, allocation ratio",
    construct: |_| Box::new(Allocation::default()),
};

const fn zero(name: &'static str) -> Statistic {
    Statistic::amount(name, "s", Direction::None)
}

#[derive(Clone, Debug, Default)]
struct Allocation {
    by_resource: [Share; RESOURCES],
}

#[derive(Clone, Copy, Debug, Default)]
struct Share {
    peak: Peak,
    zero_capacity_nanos: i64,
}

impl Collector for Allocation {
    fn hears(&self) -> &'static [Heard] {
        &[Heard::Spans]
    }

    fn held(&mut self, state: &ClusterState, span: Span) {
        for (resource, share) in Resource::ALL.into_iter().zip(&mut self.by_resource) {
            let (allocated, capacity) = (state.allocated.of(resource), state.capacity.of(resource));
            share.peak.offer(allocated, capacity);
            if capacity == 0 && allocated > 0 {
                share.zero_capacity_nanos += span.nanos();
            }
        }
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let mut values = Vec::new();
        for (resource, share) in Resource::ALL.into_iter().zip(&self.by_resource) {
            let name = resource.name();
            let under = format!("{name} capacity");
            let (allocated, capacity) = (
                end.state.allocated.of(resource),
                end.state.capacity.of(resource),
            );
            let mut peak = share.peak;
            peak.offer(allocated, capacity);
            let mean = if end.window_nanos() == 0 {
                Err("the measured window has no length".to_owned())
            } else {
                let areas = &end.state.areas;
                let allocated = areas.allocated(resource);
                allocated.ratio(&areas.capacity(resource), &under)
            };
            let mut push = |statistic, value| {
                let id = format!("allocation.{name}.{statistic}");
                values.push(MetricValue::new(id, value));
            };
            push("mean", mean);
            push("peak", peak.value(&under));
            push("end", ratio(allocated, capacity, &under));
            push(
                "zero_capacity_time",
                Ok(share.zero_capacity_nanos as f64 / 1e9),
            );
        }
        values
    }
}
