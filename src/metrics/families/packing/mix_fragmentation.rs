//! Mix-relative fragmentation: how much of what is free lies on nodes where the pods of the workload
//! do not fit (metrics.md 5.1). Full is not fragmented: without anything free it is undefined.
//!
//! "Fit" looks at resources and GPU devices alone, which the name says; taints and affinity are
//! left out.

use std::sync::Arc;

use crate::families::packing::fitting::FitTable;
use crate::families::packing::stranding::UNKNOWN;
use crate::record::areas::{self, Levels};
use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::record::setup::Setup;
use crate::record::setup::mix::WorkloadMix;
use crate::record::state::{Amounts, NodeChange, Resource, Row};
use crate::statistics::integral::{product, ratio};
use crate::values::{Direction, Reading, Statistic, Values, of_each};

const MEAN: Statistic = Statistic::ratio("mean", Direction::Lower);
const END: Statistic = Statistic::ratio("end", Direction::Lower);

/// `mix_fragmentation.resource_only.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "mix_fragmentation.resource_only",
    title: Title::continued("mix fragmentation, resource only"),
    group: Group::Capacity.at(60),
    short_lists: &[],
    series: &[],
    summary: "Share of the free capacity on nodes where pods of the workload do not fit.",
    statistics: &of_each::<3, 2, 6>(["cpu", "memory", "gpu"], [MEAN, END]),
    formula: "integral of sum over shapes m of p(m) x sum over nodes of free(n, r) where one pod of \
              shape m does not fit n, over integral of sum of free(n, r); p(m): share of the pods \
              of the workload; fit by cpu, memory, pod slots and GPU devices",
    denominators: "free capacity of the nodes that take new pods; holds count as used",
    census: "nodes that take new pods; at most 64 shapes, the most frequent ones of the workload",
    censoring: "none: nothing is censored",
    source: "metrics.md 5.1, fragmentation, mix-relative, variant `resource-only`",
    construct: |setup| Box::new(MixFragmentation::new(setup)),
};

const TAKEN: [Resource; 3] = [Resource::Cpu, Resource::Memory, Resource::Gpu];

#[derive(Clone, Debug)]
struct MixFragmentation {
    mix: Option<Arc<WorkloadMix>>,
    shapes: FitTable,
    /// Pods of the mix that do not fit, by node.
    misfits: Vec<i64>,
    /// Sum over nodes of misfits x free.
    stuck: Amounts,
    free: Amounts,
    stuck_levels: Levels,
}

impl MixFragmentation {
    fn new(setup: &Setup) -> Self {
        Self {
            mix: setup.mix.clone(),
            shapes: FitTable::new(setup.mix.iter().flat_map(|mix| &mix.shapes)),
            misfits: Vec::new(),
            stuck: Amounts::default(),
            free: Amounts::default(),
            stuck_levels: Levels::default(),
        }
    }

    fn add(&mut self, room: &Row, misfits: i64, times: i64) {
        for (stuck, &room) in self.stuck.0.iter_mut().zip(room) {
            let one = product(misfits, room);
            *stuck += match times {
                1 => one,
                -1 => -one,
                times => one * i128::from(times),
            };
        }
    }
}

impl Collector for MixFragmentation {
    fn hears(&self) -> &'static [EventKind] {
        if self.mix.is_some() {
            &[EventKind::Nodes]
        } else {
            &[]
        }
    }

    fn node(&mut self, change: &NodeChange<'_>) {
        let rows = change.rows();
        if self.misfits.len() < rows {
            self.misfits.resize(rows, 0);
        }
        let before = self.misfits[change.node().index()];
        let now = self.shapes.misfits(change.now, change.devices);
        self.add(&change.rooms[0], before, -change.times());
        self.add(&change.rooms[1], now, change.times());
        for node in change.nodes {
            self.misfits[node.index()] = now;
        }
        self.free = *change.room;
        areas::set(&mut self.stuck_levels, &self.stuck, change.clock);
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let Some(mix) = self.mix.as_ref().filter(|mix| mix.kept > 0) else {
            values.put_undefined(UNKNOWN);
            return;
        };
        let (clock, areas) = (end.clock(), &end.state.areas);
        let kept = mix.kept as f64;
        for resource in TAKEN {
            let (name, index) = (resource.name(), resource as usize);
            let under = format!("free {name}");
            let level = &self.stuck_levels[index];
            let mean = level.area(clock).ratio(&areas.room(resource), &under);
            let (stuck, free) = match level.last(clock) {
                Some(stuck) if end.is_clipped() => (stuck, areas.room[index].amount()),
                _ => (self.stuck.0[index], self.free.0[index]),
            };
            let at_end = ratio(stuck, free, &under);
            for (statistic, value) in [(MEAN, mean), (END, at_end)] {
                let reading = Reading::new(value.map(|weighted| weighted / kept));
                let reading = reading.remark(Some(mix.remark())).over(mix.pods);
                values.put(statistic.of(name), reading);
            }
        }
    }
}
