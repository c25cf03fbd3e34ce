//! Stranding: free capacity that nothing can use, because another resource of its node is used up
//! (metrics.md 5.1): free GPUs on nodes whose processors are taken, and so on.

use std::sync::Arc;

use crate::record::areas::{self, Levels};
use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::record::setup::Setup;
use crate::record::setup::mix::WorkloadMix;
use crate::record::state::{Amounts, NodeChange, NodeRow, RESOURCES, Resource, Row};
use crate::statistics::integral::ratio;
use crate::values::{Direction, Reading, Statistic, Values, of_each};

const MEAN: Statistic = Statistic::ratio("mean", Direction::Lower);
const END: Statistic = Statistic::ratio("end", Direction::Lower);
const CORDONED_FREE: Statistic = Statistic::ratio("cordoned_free.mean", Direction::None);

/// `stranding.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "stranding",
    title: Title::new("stranding"),
    group: Group::Capacity.at(40),
    short_lists: &[],
    series: &[],
    summary: "Share of the capacity that is free on nodes where another resource is used up.",
    statistics: &of_each::<3, 3, 9>(["cpu", "memory", "gpu"], [MEAN, END, CORDONED_FREE]),
    formula: "integral of sum over nodes of free(n, r) where some other resource r' (cpu, memory, \
              gpu, pod slots) has free(n, r') < e(r'), over integral of sum of C(n, r); e(r'): \
              the 5th percentile of the requests of all pods of the workload, including pods that \
              request none; cordoned_free: free capacity of nodes that are up and cordoned, over \
              the same integral",
    denominators: "capacity of nodes that are up (allocatable), as in `capacity`",
    census: "nodes that are up; capacity is stranded only on nodes that accept new pods; holds \
        count as used",
    censoring: "none: nothing is censored",
    source: "metrics.md 5.1, stranding",
    construct: |setup| Box::new(Stranding::new(setup)),
};

/// The resources that stranding is taken of; every resource can be what is used up.
const TAKEN: [Resource; 3] = [Resource::Cpu, Resource::Memory, Resource::Gpu];

#[derive(Clone, Debug)]
struct Stranding {
    mix: Option<Arc<WorkloadMix>>,
    stranded: Amounts,
    cordoned: Amounts,
    /// Both over the measured time.
    levels: (Levels, Levels),
}

impl Stranding {
    fn new(setup: &Setup) -> Self {
        Self {
            mix: setup.mix.clone(),
            stranded: Amounts::default(),
            cordoned: Amounts::default(),
            levels: Default::default(),
        }
    }

    fn count(&mut self, row: &NodeRow, smallest: &Row, times: i64) {
        if !row.up {
            return;
        }
        let free = row.free.map(|free| free.max(0));
        if !row.schedulable {
            self.cordoned.add(&free, times);
            return;
        }
        let used_up: [bool; RESOURCES] = std::array::from_fn(|index| free[index] < smallest[index]);
        let count = used_up.map(usize::from).iter().sum::<usize>();
        let mut stranded = Row::default();
        for index in 0..RESOURCES {
            if count > usize::from(used_up[index]) {
                stranded[index] = free[index];
            }
        }
        self.stranded.add(&stranded, times);
    }
}

impl Collector for Stranding {
    fn hears(&self) -> &'static [EventKind] {
        if self.mix.is_some() {
            &[EventKind::Nodes]
        } else {
            &[]
        }
    }

    fn node(&mut self, change: &NodeChange<'_>) {
        let Some(smallest) = self.mix.as_ref().map(|mix| mix.smallest) else {
            return;
        };
        self.count(change.before, &smallest, -change.times());
        self.count(change.now, &smallest, change.times());
        areas::set(&mut self.levels.0, &self.stranded, change.clock);
        areas::set(&mut self.levels.1, &self.cordoned, change.clock);
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let Some(mix) = self.mix.as_ref().filter(|mix| mix.pods > 0) else {
            values.put_undefined(UNKNOWN);
            return;
        };
        // A window that ends before the run ended with the state of its last span.
        let (clock, areas) = (end.clock(), &end.state.areas);
        let at_end = |index: usize| match self.levels.0[index].last(clock) {
            Some(stranded) if end.is_clipped() => (stranded, areas.capacity[index].amount()),
            _ => (self.stranded.0[index], end.state.capacity.0[index]),
        };
        for resource in TAKEN {
            let (name, index) = (resource.name(), resource as usize);
            let under = format!("{name} capacity");
            let area = |levels: &Levels| {
                let capacity = areas.capacity(resource);
                levels[index].area(clock).ratio(&capacity, &under)
            };
            let (stranded, capacity) = at_end(index);
            let at_end = ratio(stranded, capacity, &under);
            for (statistic, value) in [
                (MEAN, area(&self.levels.0)),
                (END, at_end),
                (CORDONED_FREE, area(&self.levels.1)),
            ] {
                values.put(statistic.of(name), Reading::new(value).over(mix.pods));
            }
        }
    }
}

/// The reason why a family that is measured against a workload is undefined without one.
pub(crate) const UNKNOWN: &str = "the shapes of the workload are not known, or it has no pods";
