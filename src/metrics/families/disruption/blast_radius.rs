//! Blast radius: how much of one workload goes with nodes that are lost together (metrics.md 5.4).

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::record::workloads::largest_share;
use crate::values::{Direction, Reading, Statistic, Values};

const SHARE: Statistic = Statistic::ratio("share", Direction::Lower).noise(0.0);
const PODS: Statistic = Statistic::amount("pods", "pods", Direction::Lower);
const FAILURES: Statistic = Statistic::amount("failures", "failures", Direction::None);

/// Reason that a run has no blast radius: whatever failed took nothing, which is no loss of the metric.
pub const NO_LOSS: &str = "no failure took a ready pod";

/// `blast_radius.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "blast_radius",
    title: Title::new("blast radius"),
    group: Group::Service.at(60),
    short_lists: &[],
    series: &[],
    summary: "Largest share of one workload lost with nodes at one instant.",
    statistics: &[SHARE, PODS, FAILURES],
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
    fn hears(&self) -> &'static [EventKind] {
        &[]
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let workloads = end.workloads;
        if let Err(why) = workloads.present() {
            values.put_undefined(&why);
            return;
        }
        let failures = workloads.totals().failures;
        let none = || NO_LOSS.to_owned();
        let blasts = || workloads.rows().iter().filter_map(|row| row.sums.blast);
        let most = workloads.rows().iter().map(|row| row.sums.blast_pods);
        let pods = most.filter(|&pods| pods > 0).max();
        values.put(
            SHARE,
            Reading::new(largest_share(blasts()).ok_or_else(none)).over(failures),
        );
        values.put(
            PODS,
            Reading::new(pods.map(|pods| pods as f64).ok_or_else(none)).over(failures),
        );
        values.put(FAILURES, Reading::count(failures));
    }
}
