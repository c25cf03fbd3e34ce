//! Disruptions: pods that lost their place before they were done, by cause, and the work that was
//! lost with them (metrics.md 5.4).

use crate::model::{EndReason, Event};

use super::collector::{Change, Collector, Heard, MetricValue, RunEnd};
use super::integral::Integral;
use super::registry::{Direction, MetricEntry, Statistic};
use super::state::Resource;

/// `disruptions.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "disruptions",
    summary: "Pods that lost their node before they were done, by cause, and what work was lost.",
    statistics: &[
        pods("total"),
        pods("node_lost"),
        pods("evicted"),
        Statistic::amount("per_1000_pod_hours", "1/1000 pod-hours", Direction::Lower),
        Statistic::amount("lost.cpu", "core-hours", Direction::Lower),
        Statistic::amount("lost.gpu", "gpu-hours", Direction::Lower),
    ],
    formula: "counts in W; evicted: taken off the node on purpose; per_1000_pod_hours: total over \
              integral of the pods that hold a node, in thousands of hours; lost: sum of q(i, r) x \
              time on the node",
    denominators: "pod-hours on nodes in the measured window",
    census: "pods that held a node and lost it in the measured window, whenever submitted; nothing \
             is checkpointed, so all of their work is lost",
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
    evicted: u64,
    lost_cpu: Integral,
    lost_gpu: Integral,
}

impl Collector for Disruptions {
    fn hears(&self) -> &'static [Heard] {
        &[Heard::Lost]
    }

    fn event(&mut self, change: &Change<'_>) {
        let (Event::PodEnded { reason, .. }, Some(pod)) = (change.event, change.pod) else {
            return;
        };
        let count = match reason {
            EndReason::NodeLost => &mut self.node_lost,
            EndReason::Evicted(_) => &mut self.evicted,
            _ => return,
        };
        if !change.in_window() {
            return;
        }
        *count += 1;
        let amounts = change.requests;
        let nanos = change.at.since(pod.bound).as_nanos();
        self.lost_cpu
            .add(i128::from(amounts[Resource::Cpu as usize]), nanos);
        self.lost_gpu
            .add(i128::from(amounts[Resource::Gpu as usize]), nanos);
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let total = self.node_lost + self.evicted;
        let areas = &end.state.areas;
        let mut disrupted = Integral::default();
        // Thousands of pod-hours in pod-nanoseconds.
        disrupted.add(i128::from(total), 3_600_000_000_000);
        let rate = disrupted
            .ratio(&areas.of(&areas.holding), "pod-hours on nodes")
            .map(|per_hour| per_hour * 1_000.0);
        let hours = |area: &Integral| area.mean(3_600_000_000_000).map(|milli| milli / 1_000.0);
        let id = |name| format!("{}.{name}", ENTRY.subject);
        vec![
            MetricValue::count(id("total"), total),
            MetricValue::count(id("node_lost"), self.node_lost),
            MetricValue::count(id("evicted"), self.evicted),
            MetricValue::new(id("per_1000_pod_hours"), rate).over(total),
            MetricValue::new(id("lost.cpu"), hours(&self.lost_cpu)).over(total),
            MetricValue::new(id("lost.gpu"), hours(&self.lost_gpu)).over(total),
        ]
    }
}
