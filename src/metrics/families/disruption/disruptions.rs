//! Disruptions: pods that lost their place before they were done, by cause, and the work that was
//! lost with them (metrics.md 5.4).

use model::{EndReason, Event, EvictionCause, Pod, PodChange, PodRef};
use units::{PodId, SortedSet};

use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::record::state::Resource;
use crate::statistics::integral::Integral;
use crate::values::{Direction, Reading, Statistic, Values};

const TOTAL: Statistic = pods("total");
const NODE_LOST: Statistic = pods("node_lost");
const EVICTED: Statistic = pods("evicted");
const PER_1000_POD_HOURS: Statistic =
    Statistic::amount("per_1000_pod_hours", "1/1000 pod-hours", Direction::Lower);
const LOST_CPU: Statistic = Statistic::amount("lost.cpu", "core-hours", Direction::Lower);
const LOST_GPU: Statistic = Statistic::amount("lost.gpu", "gpu-hours", Direction::Lower);

const fn pods(name: &'static str) -> Statistic {
    Statistic::amount(name, "pods", Direction::Lower)
}

/// Evictions for one cause.
const fn evicted_by(cause: EvictionCause) -> Statistic {
    pods(cause.name()).of("evicted")
}

const STATISTICS: [Statistic; 6 + EvictionCause::ALL.len()] = {
    let mut all = [TOTAL; 6 + EvictionCause::ALL.len()];
    (all[1], all[2]) = (NODE_LOST, EVICTED);
    let mut place = 0;
    while place < EvictionCause::ALL.len() {
        all[3 + place] = evicted_by(EvictionCause::ALL[place]);
        place += 1;
    }
    all[3 + place] = PER_1000_POD_HOURS;
    (all[4 + place], all[5 + place]) = (LOST_CPU, LOST_GPU);
    all
};

/// `disruptions.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "disruptions",
    title: Title::new("disruptions"),
    group: Group::Service.at(70),
    short_lists: &[],
    series: &[],
    summary: "Pods that lost their node before completion, by cause, and the work lost.",
    statistics: &STATISTICS,
    formula: "counts in W; evicted: deliberately removed from the node, counted by cause when the \
              order is given; per_1000_pod_hours: total over integral of the pods that hold a \
              node, in thousands of hours; lost: sum of q(i, r) x time on the node",
    denominators: "pod-hours on nodes in the measured window",
    census: "pods that held a node and lost it in the measured window, whenever submitted; all \
             of their work is lost, unless the system continues it later or elsewhere",
    censoring: "none: counts",
    source: "metrics.md 5.4, preemptions and evictions",
    construct: |setup| {
        Box::new(Disruptions {
            keeps_work: setup.keeps_work,
            ..Disruptions::default()
        })
    },
};

#[derive(Clone, Debug, Default)]
struct Disruptions {
    /// Whether evicted pods come back with the rest of their work.
    keeps_work: bool,
    node_lost: u64,
    /// By cause.
    evicted: [u64; EvictionCause::ALL.len()],
    /// Pods whose eviction was ordered and counted, and that have not ended.
    told: SortedSet<PodId>,
    lost_cpu: Integral,
    lost_gpu: Integral,
}

impl Disruptions {
    /// A pod is asked to terminate; a second request does not count.
    fn ordered(&mut self, pod: PodRef, cause: EvictionCause, change: &Change<'_>) {
        let record = change.store.pods().get(pod);
        let holds = record.is_some_and(|record| record.phase.holds_node());
        if holds && self.told.insert(pod.id) && change.in_window() {
            self.evicted[cause as usize] += 1;
        }
    }

    fn ended(&mut self, pod: &Pod, reason: EndReason, change: &Change<'_>) {
        let was_told = !self.told.is_empty() && self.told.remove(&pod.pod.id);
        if !change.in_window() {
            return;
        }
        match reason {
            EndReason::NodeLost => self.node_lost += u64::from(!was_told),
            EndReason::Evicted(cause) if !was_told => self.evicted[cause as usize] += 1,
            EndReason::Evicted(_) => {}
            _ => return,
        }
        if self.keeps_work && reason != EndReason::NodeLost {
            return;
        }
        let amounts = change.requests;
        let nanos = change.at.since(pod.bound).as_nanos();
        self.lost_cpu
            .add(i128::from(amounts[Resource::Cpu as usize]), nanos);
        self.lost_gpu
            .add(i128::from(amounts[Resource::Gpu as usize]), nanos);
    }
}

impl Collector for Disruptions {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Lost, EventKind::Changed]
    }

    fn event(&mut self, change: &Change<'_>) {
        match change.event {
            Event::PodChanged {
                pod,
                change:
                    PodChange::Terminating {
                        reason: EndReason::Evicted(cause),
                        ..
                    },
            } => self.ordered(*pod, *cause, change),
            Event::PodEnded { reason, .. } => {
                if let Some(pod) = change.pod {
                    self.ended(pod, *reason, change);
                }
            }
            _ => {}
        }
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let evicted = self.evicted.iter().sum::<u64>();
        let total = self.node_lost + evicted;
        let areas = &end.state.areas;
        let mut disrupted = Integral::default();
        // Thousands of pod-hours in pod-nanoseconds.
        disrupted.add(i128::from(total), 3_600_000_000_000);
        let rate = disrupted
            .ratio(&areas.of(&areas.holding), "pod-hours on nodes")
            .map(|per_hour| per_hour * 1_000.0);
        let hours = |area: &Integral| area.mean(3_600_000_000_000).map(|milli| milli / 1_000.0);
        values.put(TOTAL, Reading::count(total));
        values.put(NODE_LOST, Reading::count(self.node_lost));
        values.put(EVICTED, Reading::count(evicted));
        for cause in EvictionCause::ALL {
            let count = self.evicted[cause as usize];
            values.put(evicted_by(cause), Reading::count(count));
        }
        values.put(PER_1000_POD_HOURS, Reading::new(rate).over(total));
        values.put(LOST_CPU, Reading::new(hours(&self.lost_cpu)).over(total));
        values.put(LOST_GPU, Reading::new(hours(&self.lost_gpu)).over(total));
    }
}
