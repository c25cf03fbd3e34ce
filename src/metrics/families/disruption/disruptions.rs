//! Disruptions: pods that lost their place before they were done, by cause, and the work that was
//! lost with them (metrics.md 5.4).

use std::collections::BTreeSet;

use model::{EndReason, Event, EvictionCause, Pod, PodChange, PodRef};
use units::PodId;

use crate::record::collector::{Change, Collector, Heard, MetricValue, RunEnd};
use crate::record::presentation::{Group, Title};
use crate::record::registry::{Direction, MetricEntry, Statistic};
use crate::record::state::Resource;
use crate::statistics::integral::Integral;

/// `disruptions.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "disruptions",
    title: Title::new("disruptions"),
    group: Group::Service.at(70),
    short_lists: &[],
    summary: "Pods that lost their node before completion, by cause, and the work lost.",
    statistics: &[
        pods("total"),
        pods("node_lost"),
        pods("evicted"),
        pods("evicted.preemption"),
        pods("evicted.taint"),
        pods("evicted.drain"),
        pods("evicted.descheduling"),
        pods("evicted.consolidation"),
        pods("evicted.spot"),
        pods("evicted.node_pressure"),
        pods("evicted.resizing"),
        Statistic::amount("per_1000_pod_hours", "1/1000 pod-hours", Direction::Lower),
        Statistic::amount("lost.cpu", "core-hours", Direction::Lower),
        Statistic::amount("lost.gpu", "gpu-hours", Direction::Lower),
    ],
    formula: "counts in W; evicted: deliberately removed from the node, counted by cause when the \
              order is given; per_1000_pod_hours: total over integral of the pods that hold a \
              node, in thousands of hours; lost: sum of q(i, r) x time on the node",
    denominators: "pod-hours on nodes in the measured window",
    census: "pods that held a node and lost it in the measured window, whenever submitted; there \
             is no checkpointing, so all of their work is lost",
    censoring: "none: counts",
    source: "metrics.md 5.4, preemptions and evictions",
    construct: |_| Box::new(Disruptions::default()),
};

const fn pods(name: &'static str) -> Statistic {
    Statistic::amount(name, "pods", Direction::Lower)
}

#[derive(Clone, Debug, Default)]
struct Disruptions {
    node_lost: u64,
    /// By cause.
    evicted: [u64; EvictionCause::ALL.len()],
    /// Pods whose eviction was ordered and counted, and that have not ended.
    told: BTreeSet<PodId>,
    lost_cpu: Integral,
    lost_gpu: Integral,
}

impl Disruptions {
    /// A pod is told to go; a second order is none.
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
        let amounts = change.requests;
        let nanos = change.at.since(pod.bound).as_nanos();
        self.lost_cpu
            .add(i128::from(amounts[Resource::Cpu as usize]), nanos);
        self.lost_gpu
            .add(i128::from(amounts[Resource::Gpu as usize]), nanos);
    }
}

impl Collector for Disruptions {
    fn hears(&self) -> &'static [Heard] {
        &[Heard::Lost, Heard::Changed]
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

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
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
        let id = |name| format!("{}.{name}", ENTRY.subject);
        let mut values = vec![
            MetricValue::count(id("total"), total),
            MetricValue::count(id("node_lost"), self.node_lost),
            MetricValue::count(id("evicted"), evicted),
        ];
        for cause in EvictionCause::ALL {
            let id = format!("{}.evicted.{}", ENTRY.subject, cause.name());
            values.push(MetricValue::count(id, self.evicted[cause as usize]));
        }
        values.extend([
            MetricValue::new(id("per_1000_pod_hours"), rate).over(total),
            MetricValue::new(id("lost.cpu"), hours(&self.lost_cpu)).over(total),
            MetricValue::new(id("lost.gpu"), hours(&self.lost_gpu)).over(total),
        ]);
        values
    }
}
