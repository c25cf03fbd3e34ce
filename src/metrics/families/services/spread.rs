//! Spread of workloads over zones and nodes.

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::record::workloads::{DomainSums, PlacementSums, worst};
use crate::values::{Direction, Statistic, Values, of_each};

/// Sums of a workload over domains of one kind.
type DomainsOf = fn(&PlacementSums) -> &DomainSums;

const KINDS: [(&str, DomainsOf); 2] = [("zone", |sums| &sums.zone), ("node", |sums| &sums.node)];

const WORST_SKEW: Statistic = Statistic::amount("worst_skew", "pods", Direction::Lower);
const SKEW: Statistic = Statistic::amount("mean_skew", "pods", Direction::Lower).noise(0.01);
const SHARE: Statistic = Statistic::ratio("domain_share", Direction::Lower);
const WORST_SHARE: Statistic = Statistic::ratio("worst_domain_share", Direction::Lower);

const STATISTICS: [Statistic; 8] =
    of_each(["zone", "node"], [WORST_SKEW, SKEW, SHARE, WORST_SHARE]);

/// `spread.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "spread",
    title: Title::new("spread"),
    group: Group::Service.at(62),
    short_lists: &[],
    series: &[],
    summary: "Evenness of the pods of a workload over zones and over nodes, of the worst workload: \
              the skew of bound pods, and the share of ready pods in the fullest domain.",
    statistics: &STATISTICS,
    formula: "skew of a workload at an instant: its pods in the domain with most of them less those \
              in the domain with fewest, over all zones (nodes) of the cluster, those without a pod \
              included; worst_skew: the largest skew that lasted for some time; mean_skew: integral \
              of the skew over the time with a bound pod; domain_share: integral of the ready pods \
              in the fullest domain over the integral of all ready pods; worst_domain_share: the \
              largest ratio of the two that lasted for some time; of each the maximum over workloads",
    denominators: "time in W with a bound pod (skews); ready pods x time in W in which as many are \
                   ready as the workload requires (shares)",
    census: "workloads as in `availability` that want at least two pods, without daemon sets; pods \
             that are bound and not asked to terminate, and of these the ready ones; nodes from joining to \
             leaving, zones by the label `topology.kubernetes.io/zone` of such nodes; time with at \
             least two domains",
    censoring: "none: integrals over W",
    source: "kubernetes.md, PodTopologySpread: maxSkew, measured rather than asked for",
    construct: |_| Box::new(Spread),
};

#[derive(Clone, Debug)]
struct Spread;

impl Collector for Spread {
    fn hears(&self) -> &'static [EventKind] {
        &[]
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        for (kind, of) in KINDS {
            let mut put = |statistic: Statistic, value: fn(&DomainSums) -> Option<f64>| {
                let reading = worst(
                    end.workloads,
                    |sums| value(of(sums)),
                    || {
                        format!(
                            "no workload of two or more pods had them where there are two {kind}s"
                        )
                    },
                );
                values.put(statistic.of(kind), reading);
            };
            put(WORST_SKEW, |sums| sums.worst_skew.map(|skew| skew as f64));
            put(SKEW, |sums| sums.skew.ratio(&sums.bound, "time").ok());
            put(SHARE, |sums| sums.fullest.ratio(&sums.ready, "pods").ok());
            put(WORST_SHARE, |sums| {
                let share = sums.share?;
                Some(share.0 as f64 / share.1 as f64)
            });
        }
    }
}
