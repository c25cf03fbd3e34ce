//! The largest hole: the share of what is free that lies on one node (metrics.md 5.1). Near 1 over
//! the number of nodes the free capacity is in crumbs.

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::record::state::{Amounts, NodeChange, Resource};
use crate::statistics::integral::{Level, ratio};
use crate::statistics::max_tree::MaxTree;
use crate::values::{Direction, Statistic, Values, of_each};

const MEAN: Statistic = Statistic::ratio("mean", Direction::Higher);
const END: Statistic = Statistic::ratio("end", Direction::Higher);

/// `largest_hole.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "largest_hole",
    title: Title::new("largest hole"),
    group: Group::Capacity.at(80),
    short_lists: &[],
    series: &[],
    summary: "Share of the free capacity that is on the node with the most free capacity.",
    statistics: &of_each::<3, 2, 6>(["cpu", "memory", "gpu"], [MEAN, END]),
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
    holes: [MaxTree; 3],
    free: Amounts,
    largest: [Level; 3],
}

impl Collector for LargestHole {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Nodes]
    }

    fn node(&mut self, change: &NodeChange<'_>) {
        let [before, now] = &change.rooms;
        self.free = *change.room;
        for (index, holes) in self.holes.iter_mut().enumerate() {
            if before[index] == now[index] {
                continue;
            }
            for node in change.nodes {
                holes.set(node.index(), now[index]);
            }
            self.largest[index].set(i128::from(holes.max()), change.clock);
        }
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let (clock, areas) = (end.clock(), &end.state.areas);
        for (resource, largest) in TAKEN.into_iter().zip(&self.largest) {
            let (name, index) = (resource.name(), resource as usize);
            let under = format!("free {name}");
            let mean = largest.area(clock).ratio(&areas.room(resource), &under);
            let (hole, free) = match largest.last(clock) {
                Some(hole) if end.is_clipped() => (hole, areas.room[index].amount()),
                _ => (largest.amount(), self.free.of(resource)),
            };
            values.put(MEAN.of(name), mean);
            values.put(END.of(name), ratio(hole, free, &under));
        }
    }
}

const _: () = assert!(Resource::Gpu as usize == 2, "only the first three are used");
