//! The largest hole: the share of what is free that lies on one node (metrics.md 5.1). Near 1 over
//! the number of nodes the free capacity is in crumbs.

use super::collector::{Collector, Heard, MetricValue, RunEnd, Span};
use super::integral::{Integral, ratio};
use super::registry::{Direction, MetricEntry, Statistic};
use super::state::{Amounts, ClusterState, NodeChange, Resource};
use super::tallest::Tallest;

/// `largest_hole.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "largest_hole",
    summary: "Share of the free capacity that lies on the node with the most of it.",
    statistics: &[
        Statistic::ratio("cpu.mean", Direction::Higher),
        Statistic::ratio("cpu.end", Direction::Higher),
        Statistic::ratio("memory.mean", Direction::Higher),
        Statistic::ratio("memory.end", Direction::Higher),
        Statistic::ratio("gpu.mean", Direction::Higher),
        Statistic::ratio("gpu.end", Direction::Higher),
    ],
    formula: "mean: integral of max over nodes of free(n, r), over integral of sum of free(n, r); \
              end: that ratio at W1",
    denominators: "free capacity of the nodes that take new pods; holds count as used",
    census: "nodes that take new pods",
    censoring: "none: nothing is censored",
    source: "metrics.md 5.1, largest hole",
    construct: |_| Box::new(LargestHole::default()),
};

const TAKEN: [Resource; 3] = [Resource::Cpu, Resource::Memory, Resource::Gpu];

#[derive(Clone, Debug, Default)]
struct LargestHole {
    holes: [Tallest; 3],
    free: Amounts,
    areas: [(Integral, Integral); 3],
    last: Option<[(i64, i128); 3]>,
}

impl LargestHole {
    fn now(&self) -> [(i64, i128); 3] {
        TAKEN.map(|resource| {
            let hole = self.holes[resource as usize].max();
            (hole, self.free.of(resource))
        })
    }
}

impl Collector for LargestHole {
    fn hears(&self) -> &'static [Heard] {
        &[Heard::Nodes, Heard::Spans]
    }

    fn node(&mut self, change: &NodeChange<'_>) {
        let (before, now) = (change.before.room(), change.now.room());
        self.free.add(&before, -1);
        self.free.add(&now, 1);
        for (index, holes) in self.holes.iter_mut().enumerate() {
            if before[index] != now[index] {
                holes.set(change.node.index(), now[index]);
            }
        }
    }

    fn held(&mut self, _state: &ClusterState, span: Span) {
        let now = self.now();
        for ((hole, free), (largest, all)) in now.into_iter().zip(&mut self.areas) {
            largest.add(i128::from(hole), span.nanos());
            all.add(free, span.nanos());
        }
        self.last = Some(now);
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let last = match self.last {
            Some(last) if end.window.to < end.at => last,
            _ => self.now(),
        };
        let mut values = Vec::new();
        for ((resource, (largest, all)), (hole, free)) in
            TAKEN.into_iter().zip(&self.areas).zip(last)
        {
            let name = resource.name();
            let under = format!("free {name}");
            let id = |statistic| format!("largest_hole.{name}.{statistic}");
            values.push(MetricValue::new(id("mean"), largest.ratio(all, &under)));
            let at_end = ratio(i128::from(hole), free, &under);
            values.push(MetricValue::new(id("end"), at_end));
        }
        values
    }
}

const _: () = assert!(Resource::Gpu as usize == 2, "the first three are taken");
