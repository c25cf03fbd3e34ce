//! Capacity in four kinds, each within the one before: what machines have (nominal), what pods may
//! use of it (allocatable), of nodes that are up, of nodes that take new pods (metrics.md 5.1).

use crate::record::areas::Levels;
use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::live_series::LiveSeries;
use crate::record::presentation::{Group, Title};
use crate::record::state::Resource;
use crate::values::{Direction, Statistic, Values};

const MEAN: &str = "mean";
const END: &str = "end";
const NOMINAL: &str = "nominal.mean";
const ALLOCATABLE: &str = "allocatable.mean";
const SCHEDULABLE: &str = "schedulable.mean";
const NODES_MEAN: Statistic = Statistic::amount("nodes.mean", "nodes", Direction::None);
const NODES_END: Statistic = Statistic::amount("nodes.end", "nodes", Direction::None);

/// The statistics of each resource, in its unit, and those of nodes.
const STATISTICS: [Statistic; 22] = {
    let mut all = [NODES_END; 22];
    let mut place = 0;
    while place < Resource::ALL.len() {
        let resource = Resource::ALL[place];
        all[5 * place] = of(resource, MEAN);
        all[5 * place + 1] = of(resource, END);
        all[5 * place + 2] = of(resource, NOMINAL);
        all[5 * place + 3] = of(resource, ALLOCATABLE);
        all[5 * place + 4] = of(resource, SCHEDULABLE);
        place += 1;
    }
    all[20] = NODES_MEAN;
    all
};

/// `capacity.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "capacity",
    title: Title::new("capacity"),
    group: Group::Capacity.at(10),
    short_lists: &[],
    series: &[LiveSeries::of_cluster("nodes.up", |state| {
        Some(state.nodes_up as f64)
    })],
    summary: "Capacity of the nodes; unless stated otherwise, the allocatable capacity of the \
        nodes that are up.",
    statistics: &STATISTICS,
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
    Statistic::amount(name, resource.unit(), Direction::None).of(resource.name())
}

#[derive(Clone, Copy, Debug)]
struct Capacity;

impl Collector for Capacity {
    fn hears(&self) -> &'static [EventKind] {
        &[]
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let (window, areas) = (end.window_nanos(), &end.state.areas);
        let mean = |levels: &Levels, resource: Resource| {
            let mean = areas.of(&levels[resource as usize]).mean(window)?;
            Ok(mean / resource.scale())
        };
        for resource in Resource::ALL {
            let last = end.state.capacity.of(resource) as f64 / resource.scale();
            for (name, value) in [
                (MEAN, mean(&areas.capacity, resource)),
                (END, Ok(last)),
                (NOMINAL, mean(&areas.nominal, resource)),
                (ALLOCATABLE, mean(&areas.allocatable, resource)),
                (SCHEDULABLE, mean(&areas.schedulable, resource)),
            ] {
                values.put(of(resource, name), value);
            }
        }
        values.put(NODES_MEAN, areas.of(&areas.nodes_up).mean(window));
        values.put(NODES_END, Ok(end.state.nodes_up as f64));
    }
}
