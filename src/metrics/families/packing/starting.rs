//! Starting: the part of the capacity that is reserved by pods that do not run yet
//! (metrics.md 5.1: bound but not running counts as allocated, and apart as `starting`).

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::record::state::Resource;
use crate::values::{Direction, Range, Statistic, Values, of_each};

const MEAN: Statistic = Statistic::ratio("mean", Direction::Lower).within(Range::FROM_ZERO);

/// `starting.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "starting",
    title: Title::new("starting"),
    group: Group::Waiting.at(50),
    short_lists: &[],
    series: &[],
    summary: "Share of the capacity that pods reserve while they start; part of `allocation`.",
    statistics: &of_each::<4, 1, 4>(Resource::NAMES, [MEAN]),
    formula: "integral of sum of q(i, r) over pods that are bound and do not run, over integral of \
              sum of C(n, r) over nodes that exist",
    denominators: "allocatable amounts of the nodes that exist, as in `allocation`",
    census: "pods between their binding and their first running instant, whenever submitted",
    censoring: "none: a state, not a duration",
    source: "metrics.md 5.1, allocation ratio (`starting`)",
    construct: |_| Box::new(Starting),
};

#[derive(Clone, Copy, Debug)]
struct Starting;

impl Collector for Starting {
    fn hears(&self) -> &'static [EventKind] {
        &[]
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let areas = &end.state.areas;
        for resource in Resource::ALL {
            let (name, index) = (resource.name(), resource as usize);
            let under = format!("{name} capacity");
            let starting = areas.of(&areas.starting[index]);
            let mean = starting.ratio(&areas.allocatable(resource), &under);
            values.put(MEAN.of(name), mean);
        }
    }
}
