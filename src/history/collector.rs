//! The observer that collects what the report draws, in memory that does not grow with the run.

use std::sync::Arc;

use cluster::{Incident, Observer, Store, UsageNews};
use metrics::alerts::AlertLog;
use metrics::{ClusterState, Economics, Resource, gpus};
use model::{Event, Node, Pod, PodChange, PodPhase, TrafficNames, TrafficStretch};
use units::{ClassId, Instant, NodeId};

use super::alarms::Alarms;
use super::grid::Grid;
use super::incidents::Incidents;
use super::pods::{Bars, LongestPending, Waits};
use super::pulls::{Pull, Pulls};
use super::rounding::{percent, rounded};
use super::spending::Spending;
use super::traffic::TrafficCollector;
use super::workloads::WorkloadTracker;
use super::{
    EventList, HEAT_COLUMNS_MAX, HEAT_ROWS_MAX, HeatData, HeatRow, NODES_MAX, NodeEntry,
    NodeEventEntry, NodeList, SERIES_COLUMNS_MAX, SeriesData, VariantData, WaitingList,
};

/// Allocated and offered of three resources, pods pending and running, nodes up, what is used of
/// processors and memory, what the nodes cost.
const SERIES_VALUES: usize = 12;

/// Collects what the report draws of one run.
#[derive(Clone, Debug)]
pub struct Collector {
    resource: Resource,
    state: ClusterState,
    /// Instant from which the state holds.
    since: i64,
    series: Grid<SERIES_VALUES>,
    heat: Grid<2>,
    nodes_per_row: usize,
    nodes: Vec<NodeState>,
    events: EventList,
    incidents: Incidents,
    pulls: Pulls,
    /// The nodes as they were declared last.
    declared: Vec<Option<Arc<Node>>>,
    waits: Waits,
    bars: Bars,
    longest: LongestPending,
    followed: WorkloadTracker,
    traffic: TrafficCollector,
    alarms: Alarms,
    spending: Spending,
    /// Milli-cores and bytes that pods use; `None` before anything is known of it.
    used: Option<[i64; 2]>,
    /// The parts of it that are used on each node.
    used_on: Vec<[i64; 2]>,
}

/// Holdings and offers of one node since an instant.
#[derive(Clone, Debug, Default)]
struct NodeState {
    since: i64,
    allocated: i64,
    capacity: i64,
    pods: u64,
    allocated_integral: i128,
    capacity_integral: i128,
}

impl Collector {
    /// A collector that shows the allocation of `resource` in its heat map and lists at most so
    /// many pods.
    pub fn new(resource: Resource, pods_max: usize) -> Self {
        Self {
            resource,
            state: ClusterState::new(None),
            since: 0,
            series: Grid::new(SERIES_COLUMNS_MAX),
            heat: Grid::new(HEAT_COLUMNS_MAX),
            nodes_per_row: 1,
            nodes: Vec::new(),
            events: EventList::default(),
            incidents: Incidents::default(),
            pulls: Pulls::default(),
            declared: Vec::new(),
            waits: Waits::new(),
            bars: Bars::new(),
            longest: LongestPending::new(pods_max),
            followed: WorkloadTracker::new(),
            traffic: TrafficCollector::default(),
            alarms: Alarms::default(),
            spending: Spending::default(),
            used: None,
            used_on: Vec::new(),
        }
    }

    /// Returns the collector for nodes with prices.
    #[must_use]
    pub fn with_economics(mut self, economics: &Arc<Economics>) -> Self {
        self.spending = Spending::new(economics);
        self
    }

    /// Returns the collector for a run in which pods share the cores of a node.
    #[must_use]
    pub fn with_contention(mut self, is_modelled: bool) -> Self {
        self.alarms = self.alarms.with_contention(is_modelled);
        self
    }

    /// Returns the collector with the operations of users.
    #[must_use]
    pub fn with_operations(mut self, operations: Vec<(Instant, String)>) -> Self {
        self.followed.expect(operations);
        self
    }

    /// Ends the collection. The variant's name is left to the caller.
    pub fn finish(mut self, at: Instant, store: &Store, alerts: &AlertLog) -> VariantData {
        let end = at.as_nanos();
        self.hold_until(end);
        for node in 0..self.nodes.len() {
            self.node_held(node, end);
        }
        self.longest.take_living(at, store);
        let pods = u64::from(store.pods().created());
        let (workloads, marks) = self.followed.clone().finish(at);
        let incidents = std::mem::take(&mut self.incidents).finish();
        VariantData {
            name: String::new(),
            end_ns: end,
            series: self.series_data(end),
            heat: self.heat_data(end, store),
            nodes: self.node_list(store),
            pending: self.waits.finish(pods),
            timeline: self.bars.finish(),
            pods: self.longest.finish(pods),
            traffic: self.traffic.finish(end),
            alarms: self.alarms.finish(alerts, &incidents),
            waiting: WaitingList::default(),
            events: self.events,
            incidents,
            workloads,
            marks,
        }
    }

    fn series_data(&mut self, end: i64) -> SeriesData {
        self.series.cover(end);
        let width = self.series.width();
        let cells = self.series.row(0);
        let share = |part: usize, whole: usize| -> Vec<Option<f64>> {
            let value = |cell: &[i128; SERIES_VALUES]| percent(cell[part], cell[whole]);
            cells.iter().map(value).collect()
        };
        let mean = |of: usize| {
            let value = move |(column, cell): (usize, &[i128; SERIES_VALUES])| {
                let length = width.min(end - column as i64 * width);
                cell[of] as f64 / length as f64
            };
            cells.iter().enumerate().map(value)
        };
        let used = |part: usize, whole: usize| match self.used {
            Some(_) => share(part, whole),
            None => Vec::new(),
        };
        let currency = self.spending.currency();
        let cost = mean(11).map(|micro| (micro / 100.0).round() / 1e4);
        SeriesData {
            column_ns: width,
            cpu_percent: share(0, 1),
            memory_percent: share(2, 3),
            gpu_percent: share(4, 5),
            pending: mean(6).map(rounded).collect(),
            running: mean(7).map(rounded).collect(),
            nodes_up: mean(8).map(rounded).collect(),
            cpu_used_percent: used(9, 1),
            memory_used_percent: used(10, 3),
            cost_an_hour: if currency.is_some() {
                cost.collect()
            } else {
                Vec::new()
            },
            currency: currency.map(ToString::to_string).unwrap_or_default(),
        }
    }

    fn hold_until(&mut self, at: i64) {
        if at <= self.since {
            return;
        }
        let narrow = |amount: i128| i64::try_from(amount).unwrap_or(i64::MAX);
        let state = &self.state;
        let [cpu, memory, gpu, _] = state.allocated.0.map(narrow);
        let [all_cpu, all_memory, all_gpu, _] = state.capacity.0.map(narrow);
        let counts = [state.pending, state.running, state.nodes_up].map(|count| count as i64);
        let [used_cpu, used_memory] = self.used.unwrap_or_default();
        let values = [
            cpu,
            all_cpu,
            memory,
            all_memory,
            gpu,
            all_gpu,
            counts[0],
            counts[1],
            counts[2],
            used_cpu,
            used_memory,
            self.spending.rate(),
        ];
        self.series.add(0, self.since, at, values);
        self.since = at;
    }

    /// The node's present state held until an instant.
    fn node_held(&mut self, node: usize, at: i64) {
        while node / self.nodes_per_row >= HEAT_ROWS_MAX {
            self.nodes_per_row *= 2;
            self.heat.pair_rows();
        }
        if self.nodes.len() <= node {
            self.nodes.resize(node + 1, NodeState::default());
        }
        let state = &mut self.nodes[node];
        let values = [state.allocated, state.capacity];
        let length = i128::from(at - state.since);
        state.allocated_integral += i128::from(state.allocated) * length;
        state.capacity_integral += i128::from(state.capacity) * length;
        let row = node / self.nodes_per_row;
        self.heat.add(row, state.since, at, values);
        state.since = at;
    }

    fn allocate(&mut self, at: i64, node: NodeId, amount: i64) {
        self.node_held(node.index(), at);
        self.nodes[node.index()].allocated += amount;
    }

    /// Whether a node is declared otherwise than before, but for the images that it reports.
    fn has_changed(&mut self, node: NodeId, object: &Arc<Node>) -> bool {
        if self.declared.len() <= node.index() {
            self.declared.resize(node.index() + 1, None);
        }
        let before = self.declared[node.index()].replace(object.clone());
        before.is_none_or(|before| {
            before.images == object.images
                || *before
                    != Node {
                        images: before.images.clone(),
                        ..(**object).clone()
                    }
        })
    }

    fn node_changed(&mut self, at: i64, node: NodeId, what: &str, store: &Store) {
        self.node_held(node.index(), at);
        let nodes = store.nodes();
        let up = nodes.object(node).is_some() && nodes.is_ready(node);
        let (offered, row) = (nodes.allocatable(), node.index());
        let capacity = match self.resource {
            Resource::Cpu => offered.cpu_milli[row],
            Resource::Memory => offered.memory_bytes[row],
            Resource::Gpu => gpus::allocatable(store, node),
            Resource::Pods => offered.pods[row],
        };
        self.nodes[row].capacity = if up { capacity } else { 0 };
        // The cluster as it is at the start is no event.
        if at == 0 && what == "joined" {
            return;
        }
        self.events.total += 1;
        if self.events.listed.len() < NODES_MAX {
            self.events.listed.push(NodeEventEntry {
                at_ns: at,
                node: nodes.name(node).to_owned(),
                what: what.to_owned(),
            });
        }
    }

    fn requested(&self, class: ClassId, store: &Store) -> i64 {
        let requests = &store.class(class).requests;
        match self.resource {
            Resource::Cpu => requests.cpu_milli,
            Resource::Memory => requests.memory_bytes,
            Resource::Gpu => gpus::requested(store, requests),
            Resource::Pods => requests.pods,
        }
    }

    fn heat_data(&mut self, end: i64, store: &Store) -> HeatData {
        self.heat.cover(end);
        let columns = self.heat.columns(end);
        let count = self.nodes.len();
        let row = |index: usize| {
            let first = index * self.nodes_per_row;
            let last = (first + self.nodes_per_row).min(count) - 1;
            let cells = self.heat.row(index);
            let name = |node: usize| store.nodes().name(NodeId::from_index(node)).to_owned();
            HeatRow {
                first: name(first),
                last: name(last),
                percent: (0..columns)
                    .map(|column| {
                        let [allocated, capacity] = *cells.get(column)?;
                        percent(allocated, capacity).map(|value| value.round() as u8)
                    })
                    .collect(),
            }
        };
        HeatData {
            resource: self.resource.name().to_owned(),
            column_ns: self.heat.width(),
            columns,
            nodes_per_row: self.nodes_per_row,
            rows: (0..count.div_ceil(self.nodes_per_row)).map(row).collect(),
        }
    }

    fn node_list(&self, store: &Store) -> NodeList {
        let listed = self.nodes.iter().enumerate().take(NODES_MAX);
        NodeList {
            total: self.nodes.len() as u64,
            listed: listed
                .map(|(index, node)| NodeEntry {
                    name: store.nodes().name(NodeId::from_index(index)).to_owned(),
                    pods: node.pods,
                    mean_percent: percent(node.allocated_integral, node.capacity_integral),
                    end_percent: percent(i128::from(node.allocated), i128::from(node.capacity)),
                })
                .collect(),
        }
    }
}

impl Observer for Collector {
    fn incident(&mut self, at: Instant, incident: Incident, store: &Store) {
        self.incidents.apply(at.as_nanos(), incident, store);
    }

    fn usage(&mut self, at: Instant, store: &Store, news: UsageNews<'_>) {
        self.hold_until(at.as_nanos());
        self.used_on.resize(store.nodes().len(), [0; 2]);
        for &node in news.nodes {
            let pods = store.nodes().pods(node).iter();
            let pods = pods.filter_map(|&slot| store.pods().at(slot));
            let running = pods.filter(|pod| pod.phase == PodPhase::Running);
            let used = running.filter_map(|pod| news.usage.pod(pod.pod));
            let used = used.map(|own| [own.cpu_milli, own.memory_bytes]);
            let used = used.reduce(|one, own| [one[0] + own[0], one[1] + own[1]]);
            let before = &mut self.used_on[node.index()];
            if used.is_some() || self.used.is_some() {
                let now = used.unwrap_or_default();
                let all = self.used.get_or_insert_default();
                for scale in 0..2 {
                    all[scale] += now[scale] - before[scale];
                }
                *before = now;
            }
        }
        self.alarms.usage(at, store, news);
    }

    fn traffic(&mut self, stretch: &TrafficStretch, names: &TrafficNames) {
        self.traffic.add(stretch, names);
    }

    fn settled(&mut self, _at: Instant, store: &Store) {
        self.state.refresh(store, |_| {});
    }

    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        let now = at.as_nanos();
        self.hold_until(now);
        self.state.apply(event, ended, store);
        self.spending.apply(event, store);
        self.bars.apply(now, event, ended);
        self.followed.apply(at, event, ended, store);
        self.alarms.observe(at, event, ended, store);
        match event {
            Event::NodeAdded { node, object } => {
                self.has_changed(*node, object);
                self.node_changed(now, *node, "joined", store);
            }
            Event::NodeUpdated { node, object } if self.has_changed(*node, object) => {
                self.node_changed(now, *node, "changed", store);
            }
            Event::PodChanged {
                pod,
                change: PodChange::Pull { container, step },
            } => {
                let pull = Pull {
                    pod: *pod,
                    container: *container,
                    step: *step,
                };
                self.pulls.step(now, pull, store, &mut self.incidents);
            }
            Event::NodeRemoved { node } => self.node_changed(now, *node, "left", store),
            Event::NodeReadiness { node, ready } => {
                let what = if *ready { "up" } else { "down" };
                self.node_changed(now, *node, what, store);
            }
            Event::PodBound { pod, node, .. } => {
                let Some(pod) = store.pods().get(*pod) else {
                    return;
                };
                self.waits.placed(at.since(pod.created).as_nanos());
                let amount = self.requested(pod.class, store);
                self.allocate(now, *node, amount);
                self.nodes[node.index()].pods += 1;
            }
            Event::PodChanged {
                pod,
                change: PodChange::Resized { before, class },
            } => {
                let node = store.pods().get(*pod).and_then(Pod::node);
                let [old, new] = [*before, *class].map(|class| self.requested(class, store));
                if let Some(node) = node {
                    self.allocate(now, node, new - old);
                }
            }
            Event::PodEnded { reason, .. } => {
                let Some(pod) = ended else { return };
                let incidents = &mut self.incidents;
                self.pulls.ended(now, pod.pod.id, store, incidents);
                if let Some(node) = pod.node().filter(|_| pod.phase.holds_node()) {
                    let amount = self.requested(pod.class, store);
                    self.allocate(now, node, -amount);
                }
                self.longest.take(pod, Some((at, *reason)), store);
            }
            _ => {}
        }
    }
}
