//! Blast radius: how much of one workload goes with nodes that are lost together (metrics.md 5.4).

use crate::record::collector::{Collector, Heard, MetricValue, RunEnd};
use crate::record::presentation::{Group, Title};
use crate::record::registry::{Direction, MetricEntry, Statistic};
use crate::record::workloads::largest_share;

/// `blast_radius.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "blast_radius",
    title: Title::new("blast radius"),
    group: Group::Service.at(60),
    short_lists: &[],
    summary: "Largest share of one workload lost with nodes at one instant.",
    statistics: &[
        Statistic::ratio("share", Direction::Lower).noise(0.0),
        Statistic::amount("pods", "pods", Direction::Lower),
        Statistic::amount("failures", "failures", Direction::None),
    ],
    formula: "maximum over workloads and failures of ready pods lost with nodes (at most the \
              desired number) over desired pods; pods: the maximum number of ready pods lost by \
              one workload; a failure: all nodes that go down, fall silent or are removed at one \
              instant, for whatever reason",
    denominators: "desired pods of the workload at the failure",
    census: "workloads as in `availability`; failures in W that cost a workload a ready pod; with \
             interruption notice, pods that left in time are not lost",
    censoring: "none: counts",
    source: "metrics.md 5.4, blast radius",
    construct: |_| Box::new(BlastRadius),
};

#[derive(Clone, Debug)]
struct BlastRadius;

impl Collector for BlastRadius {
    fn hears(&self) -> &'static [Heard] {
        &[]
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let workloads = end.workloads;
        let failures = workloads.totals().failures;
        let none = || "no failure took a ready pod".to_owned();
        let blasts = || workloads.rows().iter().filter_map(|row| row.sums.blast);
        let most = workloads.rows().iter().map(|row| row.sums.blast_pods);
        let pods = most.filter(|&pods| pods > 0).max();
        let id = |name| format!("{}.{name}", ENTRY.subject);
        workloads.without(vec![
            MetricValue::new(id("share"), largest_share(blasts()).ok_or_else(none)).over(failures),
            MetricValue::new(id("pods"), pods.map(|pods| pods as f64).ok_or_else(none))
                .over(failures),
            MetricValue::count(id("failures"), failures),
        ])
    }
}
