//! Capacity that each tier of priority holds and uses, as the trace study of 2019 reports it (spec:
//! orchestrators-b.md section 5.5).

use cluster::Store;
use model::{Event, PodChange, PodPhase, Tier};
use units::ClassId;

use crate::families::waiting::tier_wait::TIERS;
use crate::record::collector::{Change, Collector, EventKind, RunEnd, UsageSample};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::record::state::{ClusterState, Resource};
use crate::statistics::integral::Integral;
use crate::statistics::span::Span;
use crate::values::{Direction, Range, Statistic, Values, of_each};

const KINDS: [Resource; 2] = [Resource::Cpu, Resource::Memory];
const ALLOCATION: [Statistic; 2] = [
    Statistic::ratio("cpu.allocation", Direction::None).within(Range::FROM_ZERO),
    Statistic::ratio("memory.allocation", Direction::None).within(Range::FROM_ZERO),
];
const UTILIZATION: [Statistic; 2] = [
    Statistic::ratio("cpu.utilization", Direction::None).within(Range::FROM_ZERO),
    Statistic::ratio("memory.utilization", Direction::None).within(Range::FROM_ZERO),
];
const ALL: [Statistic; 20] = of_each(
    TIERS,
    [ALLOCATION[0], ALLOCATION[1], UTILIZATION[0], UTILIZATION[1]],
);

/// `tiers.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "tiers",
    title: Title::new("capacity by tier"),
    group: Group::Others.at(0),
    short_lists: &[],
    series: &[],
    summary: "Share of the capacity that pods of each tier of priority reserve, and that they use; above \
              1 where a tier is over-committed.",
    statistics: &ALL,
    formula: "allocation: integral of the requests of the tier's pods that hold a node, over integral of \
              the capacity of nodes that exist; utilization: the same of what its running pods use",
    denominators: "allocatable amounts of the nodes that exist, as `allocation.*`",
    census: "pods that hold a node (allocation); running pods whose use is known (utilization)",
    censoring: "none: integrals, of use as for `usage.*`",
    source: "orchestrators-b.md 5.5",
    construct: |_| Box::new(Tiers::default()),
};

/// Amounts of a tier: of processors and memory.
type Pair = [i128; 2];

#[derive(Clone, Debug, Default)]
struct Tiers {
    held: [Pair; 5],
    used: [Pair; 5],
    /// The part of it of each node.
    used_on: Vec<[Pair; 5]>,
    is_known: bool,
    allocation: [[Integral; 2]; 5],
    utilization: [[Integral; 2]; 5],
}

fn tier_of(class: ClassId, store: &Store) -> usize {
    Tier::of(store.class(class).spec.priority) as usize
}

impl Tiers {
    /// Adds what a pod of a class requests, or takes it away.
    fn hold(&mut self, class: ClassId, sign: i128, store: &Store) {
        let requests = &store.class(class).requests;
        let amounts = [requests.cpu_milli, requests.memory_bytes];
        let held = &mut self.held[tier_of(class, store)];
        for (held, amount) in held.iter_mut().zip(amounts) {
            *held += sign * i128::from(amount);
        }
    }
}

impl Collector for Tiers {
    fn hears(&self) -> &'static [EventKind] {
        &[
            EventKind::Bound,
            EventKind::Resized,
            EventKind::Ended,
            EventKind::Usage,
            EventKind::Spans,
        ]
    }

    fn event(&mut self, change: &Change<'_>) {
        if let Event::PodChanged {
            change: PodChange::Resized { before, class },
            ..
        } = change.event
        {
            self.hold(*before, -1, change.store);
            self.hold(*class, 1, change.store);
            return;
        }
        let Some(pod) = change.pod else {
            return;
        };
        match change.event {
            Event::PodBound { .. } => self.hold(pod.class, 1, change.store),
            Event::PodEnded { .. } if pod.phase.holds_node() => {
                self.hold(pod.class, -1, change.store);
            }
            _ => {}
        }
    }

    fn usage(&mut self, sample: &UsageSample<'_>) {
        let store = sample.store;
        self.used_on
            .resize(store.nodes().len(), [Pair::default(); 5]);
        for &node in sample.nodes {
            let mut now = [Pair::default(); 5];
            let pods = store.nodes().pods(node).iter();
            let pods = pods.filter_map(|&slot| store.pods().at(slot));
            for pod in pods.filter(|pod| pod.phase == PodPhase::Running) {
                if let Some(used) = sample.usage.pod(pod.pod) {
                    self.is_known = true;
                    let own = &mut now[tier_of(pod.class, store)];
                    own[0] += i128::from(used.cpu_milli);
                    own[1] += i128::from(used.memory_bytes);
                }
            }
            let before = std::mem::replace(&mut self.used_on[node.index()], now);
            for (all, (before, now)) in self.used.iter_mut().zip(before.iter().zip(now)) {
                all[0] += now[0] - before[0];
                all[1] += now[1] - before[1];
            }
        }
    }

    fn held(&mut self, _state: &ClusterState, span: Span) {
        let nanos = span.nanos();
        for (amounts, integrals) in [
            (&self.held, &mut self.allocation),
            (&self.used, &mut self.utilization),
        ] {
            for (pair, integrals) in amounts.iter().zip(integrals) {
                if *pair != Pair::default() {
                    for (amount, integral) in pair.iter().zip(integrals) {
                        integral.add(*amount, nanos);
                    }
                }
            }
        }
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        for (tier, name) in TIERS.into_iter().enumerate() {
            for (kind, resource) in KINDS.into_iter().enumerate() {
                let capacity = end.state.areas.allocatable(resource);
                let under = format!("{} capacity", resource.name());
                let allocation = self.allocation[tier][kind].ratio(&capacity, &under);
                values.put(ALLOCATION[kind].of(name), allocation);
                let utilization = if self.is_known {
                    self.utilization[tier][kind].ratio(&capacity, &under)
                } else {
                    Err("no usage is known; `models.usage` states it".to_owned())
                };
                values.put(UTILIZATION[kind].of(name), utilization);
            }
        }
    }
}
