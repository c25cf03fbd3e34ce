//! Mix-relative fragmentation: how much of what is free lies on nodes where the pods of the workload
//! do not fit (metrics.md 5.1). Full is not fragmented: without anything free it is undefined.
//!
//! "Fit" looks at resources and GPU devices alone, which the name says; taints and affinity are
//! left out.

use std::sync::Arc;

use super::collector::{Collector, Heard, MetricValue, RunEnd, Span};
use super::integral::{Integral, ratio};
use super::mix::{WorkloadMix, fits};
use super::recorder::Setup;
use super::registry::{Direction, MetricEntry, Statistic};
use super::state::{Amounts, ClusterState, NodeChange, RESOURCES, Resource, Row};
use super::stranding::unknown;

/// `mix_fragmentation.resource_only.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "mix_fragmentation.resource_only",
    summary: "Share of the free capacity that lies on nodes where pods of the workload don't fit.",
    statistics: &[
        Statistic::ratio("cpu.mean", Direction::Lower),
        Statistic::ratio("cpu.end", Direction::Lower),
        Statistic::ratio("memory.mean", Direction::Lower),
        Statistic::ratio("memory.end", Direction::Lower),
        Statistic::ratio("gpu.mean", Direction::Lower),
        Statistic::ratio("gpu.end", Direction::Lower),
    ],
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
    /// Pods of the mix that do not fit, by node.
    misfits: Vec<i64>,
    /// Sum over nodes of misfits x free.
    stuck: Amounts,
    free: Amounts,
    stuck_area: [Integral; RESOURCES],
    free_area: [Integral; RESOURCES],
    last: Option<(Amounts, Amounts)>,
}

impl MixFragmentation {
    fn new(setup: &Setup) -> Self {
        Self {
            mix: setup.mix.clone(),
            misfits: Vec::new(),
            stuck: Amounts::default(),
            free: Amounts::default(),
            stuck_area: [Integral::default(); RESOURCES],
            free_area: [Integral::default(); RESOURCES],
            last: None,
        }
    }

    fn add(&mut self, room: &Row, misfits: i64, sign: i128) {
        self.free.add(room, sign);
        for (stuck, &room) in self.stuck.0.iter_mut().zip(room) {
            *stuck += sign * i128::from(misfits) * i128::from(room);
        }
    }
}

impl Collector for MixFragmentation {
    fn hears(&self) -> &'static [Heard] {
        if self.mix.is_some() {
            &[Heard::Nodes, Heard::Spans]
        } else {
            &[]
        }
    }

    fn node(&mut self, change: &NodeChange<'_>) {
        let Some(mix) = self.mix.clone() else { return };
        let index = change.node.index();
        if self.misfits.len() <= index {
            self.misfits.resize(index + 1, 0);
        }
        let misfit = |shape: &&_| !fits(change.node, change.now, shape, change.store);
        let misfits = mix.shapes.iter().filter(misfit).map(|shape| shape.count);
        let misfits = misfits.sum::<u64>() as i64;
        let before = std::mem::replace(&mut self.misfits[index], misfits);
        self.add(&change.before.room(), before, -1);
        self.add(&change.now.room(), misfits, 1);
    }

    fn held(&mut self, _state: &ClusterState, span: Span) {
        let nanos = span.nanos();
        for resource in TAKEN {
            let index = resource as usize;
            self.stuck_area[index].add(self.stuck.0[index], nanos);
            self.free_area[index].add(self.free.0[index], nanos);
        }
        self.last = Some((self.stuck, self.free));
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let Some(mix) = self.mix.as_ref().filter(|mix| mix.kept > 0) else {
            return unknown(&ENTRY);
        };
        let (stuck, free) = match self.last {
            Some(last) if end.window.to < end.at => last,
            _ => (self.stuck, self.free),
        };
        let kept = mix.kept as f64;
        let mut values = Vec::new();
        for resource in TAKEN {
            let (name, index) = (resource.name(), resource as usize);
            let under = format!("free {name}");
            let mean = self.stuck_area[index].ratio(&self.free_area[index], &under);
            let at_end = ratio(stuck.0[index], free.0[index], &under);
            for (statistic, value) in [("mean", mean), ("end", at_end)] {
                let id = format!("{}.{name}.{statistic}", ENTRY.subject);
                values.push(
                    MetricValue::new(id, value.map(|weighted| weighted / kept))
                        .remark(Some(mix.remark()))
                        .over(mix.pods),
                );
            }
        }
        values
    }
}
