//! Fullness of the hypervisors below a cluster: the part of their processors and memory that the machines of
//! its nodes hold, and the part of the hypervisors that have any.

use model::node::HYPERVISOR_LABEL;
use model::resource_list::{CPU, MEMORY};
use model::{Event, Node, Text};
use units::{NodeId, SortedMap};

use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::setup::HypervisorRoom;
use crate::record::state::ClusterState;
use crate::statistics::integral::Integral;
use crate::statistics::span::Span;
use crate::values::{Direction, Statistic, Values};

const CPU_MEAN: Statistic = Statistic::ratio("cpu.mean", Direction::Higher);
const CPU_PEAK: Statistic = Statistic::ratio("cpu.peak", Direction::None);
const MEMORY_MEAN: Statistic = Statistic::ratio("memory.mean", Direction::Higher);
const MEMORY_PEAK: Statistic = Statistic::ratio("memory.peak", Direction::None);
const IN_USE_MEAN: Statistic = Statistic::ratio("in_use.mean", Direction::None);

/// `hypervisors.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "hypervisors",
    title: Title::new("fullness of hypervisors"),
    group: Group::Capacity.at(75),
    short_lists: &[ShortList::Headline.at(185, &["cpu.mean", "memory.mean"])],
    series: &[],
    summary: "Part of the hypervisors below a cluster that the machines of its nodes hold.",
    statistics: &[CPU_MEAN, CPU_PEAK, MEMORY_MEAN, MEMORY_PEAK, IN_USE_MEAN],
    formula: "cpu: virtual processors of the machines over those that hypervisors give by their ratio; memory: \
              of the machines with their guest systems, over that of the hypervisors by their ratio; in_use: \
              hypervisors with a machine over all; each as a mean over time and as the highest value",
    denominators: "all hypervisors, whatever they hold for themselves taken off",
    census: "machines whose nodes are in the cluster; those that boot are not",
    censoring: "none: integrals",
    source: "orchestrators-a.md 6.1",
    construct: |setup| {
        Box::new(Hypervisors {
            room: setup.hypervisors,
            ..Hypervisors::default()
        })
    },
};

/// A machine, by its node.
#[derive(Clone, Debug)]
struct Machine {
    host: Text,
    vcpus: i64,
    memory: i64,
}

#[derive(Clone, Debug, Default)]
struct Hypervisors {
    room: Option<HypervisorRoom>,
    machines: SortedMap<NodeId, Machine>,
    /// Machines of each hypervisor that has some.
    hosts: SortedMap<Text, u64>,
    /// Virtual processors, MiB and hypervisors in use now.
    now: [i64; 3],
    peak: [i64; 2],
    areas: [Integral; 3],
}

impl Hypervisors {
    fn joined(&mut self, node: NodeId, object: &Node) {
        const MIB: i64 = 1 << 20;
        let (Some(host), Some(room)) = (object.labels.get(HYPERVISOR_LABEL), self.room) else {
            return;
        };
        if self.machines.contains_key(&node) {
            return;
        }
        let list = if object.capacity.is_empty() {
            &object.allocatable
        } else {
            &object.capacity
        };
        let bytes = list.get(MEMORY).units_ceil().unwrap_or(0);
        let machine = Machine {
            host: host.clone(),
            vcpus: list.get(CPU).units_ceil().unwrap_or(0).max(1),
            memory: bytes / MIB + i64::from(bytes % MIB != 0) + room.guest_memory,
        };
        self.count(&machine, 1);
        *self.hosts.entry(machine.host.clone()).or_default() += 1;
        self.machines.insert(node, machine);
        self.now[2] = self.hosts.len() as i64;
    }

    fn left(&mut self, node: NodeId) {
        let Some(machine) = self.machines.remove(&node) else {
            return;
        };
        self.count(&machine, -1);
        let left = self.hosts.get_mut(&machine.host).map(|count| {
            *count -= 1;
            *count
        });
        if left == Some(0) {
            self.hosts.remove(&machine.host);
        }
        self.now[2] = self.hosts.len() as i64;
    }

    fn count(&mut self, machine: &Machine, sign: i64) {
        for (own, amount) in self.now.iter_mut().zip([machine.vcpus, machine.memory]) {
            *own = own.saturating_add(sign.saturating_mul(amount));
        }
    }
}

impl Collector for Hypervisors {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Declared, EventKind::Spans]
    }

    fn event(&mut self, change: &Change<'_>) {
        match change.event {
            Event::NodeAdded { node, object } => self.joined(*node, object),
            Event::NodeRemoved { node } => self.left(*node),
            _ => {}
        }
    }

    fn held(&mut self, _state: &ClusterState, span: Span) {
        for (area, now) in self.areas.iter_mut().zip(self.now) {
            area.add_product(now, span.nanos());
        }
        for (peak, now) in self.peak.iter_mut().zip(self.now) {
            *peak = now.max(*peak);
        }
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let Some(room) = self.room else {
            values.put_undefined("the nodes are no machines on hypervisors");
            return;
        };
        let wholes = [room.vcpus, room.memory, room.hosts];
        let part = |value: f64, whole: i64| {
            if whole > 0 {
                Ok(value / whole as f64)
            } else {
                Err("0/0: the hypervisors have none".to_owned())
            }
        };
        let mean = |place: usize| {
            let mean = self.areas[place].mean(end.window_nanos())?;
            part(mean, wholes[place])
        };
        values.put(CPU_MEAN, mean(0));
        values.put(CPU_PEAK, part(self.peak[0] as f64, room.vcpus));
        values.put(MEMORY_MEAN, mean(1));
        values.put(MEMORY_PEAK, part(self.peak[1] as f64, room.memory));
        values.put(IN_USE_MEAN, mean(2));
    }
}
