//! Usage of pods against their reservations, from change to change (metrics.md 5.1, utilisation and slack;
//! 5.4, VPA/HPA). What a node's pods use holds until its next change.

use super::granted::{self, CpuUse, PodUse};
use crate::record::collector::{self, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::state::{ClusterState, Resource};
use crate::statistics::integral::Integral;
use crate::statistics::span::Span;
use crate::values::{Direction, Range, Statistic, Values};

const CPU_UTILIZATION: Statistic =
    Statistic::ratio("cpu.utilization", Direction::None).within(Range::FROM_ZERO);
const MEMORY_UTILIZATION: Statistic =
    Statistic::ratio("memory.utilization", Direction::None).within(Range::FROM_ZERO);
const CPU_DEMAND: Statistic =
    Statistic::ratio("cpu.demand", Direction::None).within(Range::FROM_ZERO);
const CPU_SLACK: Statistic = Statistic::ratio("cpu.slack", Direction::Lower).within(Range::ANY);
const MEMORY_SLACK: Statistic =
    Statistic::ratio("memory.slack", Direction::Lower).within(Range::ANY);
const CPU_UNDER_CORE_HOURS: Statistic =
    Statistic::amount("cpu.under_core_hours", "core-hours", Direction::Lower).noise(0.01);
const CPU_OVER_CORE_HOURS: Statistic =
    Statistic::amount("cpu.over_core_hours", "core-hours", Direction::Lower).noise(0.01);
const THROTTLED_CORE_HOURS: Statistic =
    Statistic::amount("throttled_core_hours", "core-hours", Direction::Lower).noise(0.01);

/// `usage.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "usage",
    title: Title::new("usage"),
    group: Group::Others.at(0),
    short_lists: &[
        ShortList::Headline.at(187, &["cpu.utilization"]),
        ShortList::Headline.at(188, &["memory.utilization"]),
        ShortList::Headline.at(190, &["cpu.slack"]),
        ShortList::Headline.at(200, &["memory.slack"]),
    ],
    series: &[],
    summary: "Resource usage of pods, relative to node capacity and to their requests.",
    statistics: &[
        CPU_UTILIZATION,
        MEMORY_UTILIZATION,
        CPU_DEMAND,
        CPU_SLACK,
        MEMORY_SLACK,
        CPU_UNDER_CORE_HOURS,
        CPU_OVER_CORE_HOURS,
        THROTTLED_CORE_HOURS,
    ],
    formula: "utilization: integral of usage over integral of the capacity of nodes that exist, \
              where pods of a node use no more processors than it has; demand: the same with all that \
              pods want; slack: 1 - integral of usage over integral of the same pods' requests; under: usage \
              beyond the requests, over: requested and unused, each summed pod by pod; throttled: \
              usage prevented by limits and by full nodes",
    denominators: "capacity of nodes that exist (utilization, demand), requests of running pods whose use \
                   is known (slack)",
    census: "running pods whose use is known",
    censoring: "none: integrals over every change; what rises or swings all the time counts with its mean of \
                each minute",
    source: "metrics.md 5.1 (utilization, demand, slack), 5.4 (VPA/HPA)",
    construct: |_| Box::new(Usage::default()),
};

#[derive(Clone, Debug, Default)]
struct Usage {
    is_known: bool,
    /// Whether the memory of any pod is known; a pod whose use of processors is may have none.
    is_memory_known: bool,
    now: Sample,
    /// The part of it of each node.
    nodes: Vec<Sample>,
    used: [Integral; 2],
    reserved: [Integral; 2],
    under: Integral,
    over: Integral,
    throttled: Integral,
    wanted: Integral,
    /// Memory used beyond the requests, pod by pod.
    memory_under: Integral,
    /// Room for the pods of a node, kept for the next one.
    pods: Vec<PodUse>,
}

/// Sums over pods.
#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    used: [i128; 2],
    reserved: [i128; 2],
    under: i128,
    over: i128,
    throttled: i128,
    wanted: i128,
    memory_under: i128,
}

impl Sample {
    /// What is another part from now on.
    fn replace(&mut self, before: Self, after: Self) {
        for scale in 0..2 {
            self.used[scale] += after.used[scale] - before.used[scale];
            self.reserved[scale] += after.reserved[scale] - before.reserved[scale];
        }
        self.under += after.under - before.under;
        self.over += after.over - before.over;
        self.throttled += after.throttled - before.throttled;
        self.wanted += after.wanted - before.wanted;
        self.memory_under += after.memory_under - before.memory_under;
    }

    fn add(&mut self, pod: &PodUse) {
        let CpuUse {
            asked,
            wanted,
            used,
        } = pod.cpu;
        self.used[0] += used;
        self.reserved[0] += asked;
        if let Some([asked, used]) = pod.memory {
            self.used[1] += used;
            self.reserved[1] += asked;
            self.memory_under += (used - asked).max(0);
        }
        self.under += (used - asked).max(0);
        self.over += (asked - used).max(0);
        self.wanted += wanted;
        self.throttled += wanted - used;
    }
}

impl Collector for Usage {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Usage, EventKind::Spans]
    }

    fn usage(&mut self, seen: &collector::UsageSample<'_>) {
        let (store, measured) = (seen.store, seen.usage);
        let mut pods = std::mem::take(&mut self.pods);
        self.nodes.resize(store.nodes().len(), Sample::default());
        for &node in seen.nodes {
            let mut sample = Sample::default();
            granted::on_node(store, node, measured, &mut pods);
            self.is_known |= !pods.is_empty();
            for pod in &pods {
                self.is_memory_known |= pod.memory.is_some();
                sample.add(pod);
            }
            let before = std::mem::replace(&mut self.nodes[node.index()], sample);
            self.now.replace(before, sample);
        }
        self.pods = pods;
    }

    fn held(&mut self, _state: &ClusterState, span: Span) {
        if !self.is_known {
            return;
        }
        let nanos = span.nanos();
        for resource in 0..2 {
            self.used[resource].add(self.now.used[resource], nanos);
            self.reserved[resource].add(self.now.reserved[resource], nanos);
        }
        self.under.add(self.now.under, nanos);
        self.over.add(self.now.over, nanos);
        self.throttled.add(self.now.throttled, nanos);
        self.wanted.add(self.now.wanted, nanos);
        self.memory_under.add(self.now.memory_under, nanos);
    }

    /// What pods use, but for what is beyond their requests, is no more than what is allocated.
    fn check(&self, end: &RunEnd<'_>) -> Result<(), String> {
        let parts = [
            (Resource::Cpu, &self.under),
            (Resource::Memory, &self.memory_under),
        ];
        for (place, (resource, beyond)) in parts.into_iter().enumerate() {
            let allocated = end.state.areas.allocated(resource).value();
            let (used, beyond) = (self.used[place].value(), beyond.value());
            if let (Some(used), Some(beyond), Some(allocated)) = (used, beyond, allocated)
                && used - beyond > allocated
            {
                let name = resource.name();
                return Err(format!(
                    "{name} x time used is {used}, {beyond} of it beyond requests, and {allocated} is allocated"
                ));
            }
        }
        Ok(())
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let known = |value: Result<f64, String>| {
            if self.is_known {
                value
            } else {
                Err("the usage of pods is unknown".to_owned())
            }
        };
        let areas = &end.state.areas;
        let utilization = |index: usize, resource: Resource| {
            known(self.used[index].ratio(&areas.allocatable(resource), "capacity"))
        };
        let demand = self
            .wanted
            .ratio(&areas.allocatable(Resource::Cpu), "capacity");
        let slack = |index: usize| {
            let ratio = self.used[index].ratio(&self.reserved[index], "requests of pods");
            known(ratio.map(|ratio| 1.0 - ratio))
        };
        let core_hours = |area: &Integral| {
            let value = area.value().ok_or_else(|| "beyond 2^127".to_owned());
            known(value.map(|value| value as f64 / 3.6e15))
        };
        values.put(CPU_UTILIZATION, utilization(0, Resource::Cpu));
        let memory = utilization(1, Resource::Memory);
        let memory = memory.and_then(|value| {
            let unknown = || "the memory that pods use is unknown".to_owned();
            self.is_memory_known.then_some(value).ok_or_else(unknown)
        });
        values.put(MEMORY_UTILIZATION, memory);
        values.put(CPU_DEMAND, known(demand));
        values.put(CPU_SLACK, slack(0));
        values.put(MEMORY_SLACK, slack(1));
        values.put(CPU_UNDER_CORE_HOURS, core_hours(&self.under));
        values.put(CPU_OVER_CORE_HOURS, core_hours(&self.over));
        values.put(THROTTLED_CORE_HOURS, core_hours(&self.throttled));
    }
}
