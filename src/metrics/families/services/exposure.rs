//! Exposure of workloads to evictions and to the loss of one zone or node.

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::record::workloads::{DomainSums, worst};
use crate::values::{Direction, Statistic, Values};

const EVICTABLE: Statistic = Statistic::ratio("evictable", Direction::Lower);
const ONE_ZONE: Statistic = Statistic::ratio("one_zone", Direction::Lower);
const ONE_NODE: Statistic = Statistic::ratio("one_node", Direction::Lower);

/// `exposure.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "exposure",
    title: Title::new("exposure"),
    group: Group::Service.at(64),
    short_lists: &[],
    series: &[],
    summary: "Share of a workload that its budget lets go at once, and share of time in which the \
              loss of one zone or node would take all of its ready pods, of the worst workload.",
    statistics: &[EVICTABLE, ONE_ZONE, ONE_NODE],
    formula: "evictable: the largest min(desired, allowed) over desired that lasted for some time; \
              allowed by the one PodDisruptionBudget that selects the pods of the template, while \
              all are ready: total - minAvailable or maxUnavailable, percentages of the total \
              rounded up, total being the desired pods of all workloads that the budget selects; \
              without a budget all, with several none, as the eviction API refuses; one_zone, \
              one_node: time in which all ready pods are in one zone (on one node) over time; of \
              each the maximum over workloads",
    denominators: "desired pods; time in W in which as many pods are ready as the workload requires",
    census: "workloads as in `spread`; time with at least two zones (nodes)",
    censoring: "none: integrals over W",
    source: "kubernetes.md 2.9, eviction API",
    construct: |_| Box::new(Exposure),
};

#[derive(Clone, Debug)]
struct Exposure;

fn whole(sums: &DomainSums) -> Option<f64> {
    sums.whole.ratio(&sums.available, "time").ok()
}

impl Collector for Exposure {
    fn hears(&self) -> &'static [EventKind] {
        &[]
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let workloads = end.workloads;
        let none = || "no workload wanted two or more pods".to_owned();
        let evictable = worst(
            workloads,
            |sums| {
                let share = sums.evictable?;
                Some(share.0 as f64 / share.1 as f64)
            },
            none,
        );
        values.put(EVICTABLE, evictable);
        let none =
            || "no workload of two or more pods was ready where it could be spread".to_owned();
        values.put(ONE_ZONE, worst(workloads, |sums| whole(&sums.zone), none));
        values.put(ONE_NODE, worst(workloads, |sums| whole(&sums.node), none));
    }
}
