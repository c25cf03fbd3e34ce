//! Energy from the power models of the nodes, and what it and the making of the machines emitted
//! (metrics.md 5.4, orchestrators-b.md 10.7).

use std::sync::Arc;

use cluster::Store;
use model::node::ORDERED_LABEL;
use model::{Event, PodPhase};
use units::{Instant, NodeId, plural};

use crate::record::collector::{Change, Collector, EventKind, RunEnd, UsageSample};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::record::setup::Setup;
use crate::record::setup::economics::Economics;
use crate::record::setup::power::Power;
use crate::record::state::{ClusterState, NodeChange, NodeRow, Resource};
use crate::statistics::integral::Integral;
use crate::statistics::span::Span;
use crate::values::{Direction, Reading, Statistic, Values};

const TOTAL: Statistic = Statistic::amount("total", "kWh", Direction::Lower).noise(0.01);
const IDLE: Statistic = Statistic::amount("idle", "kWh", Direction::Lower).noise(0.01);
const POWER_MEAN: Statistic = Statistic::amount("power.mean", "W", Direction::Lower).noise(0.01);
const POWER_PEAK: Statistic = Statistic::amount("power.peak", "W", Direction::Lower).noise(0.01);
const PER_CORE_HOUR: Statistic =
    Statistic::amount("per_core_hour", "Wh", Direction::Lower).noise(0.01);
const CARBON: Statistic = Statistic::amount("carbon", "kgCO2", Direction::Lower).noise(0.01);
const BOOT: Statistic = Statistic::amount("boot", "kWh", Direction::Lower).noise(0.01);
const FACILITY: Statistic = Statistic::amount("facility", "kWh", Direction::Lower).noise(0.01);
const EMBODIED: Statistic = Statistic::amount("embodied", "kgCO2", Direction::Lower).noise(0.01);
const FOOTPRINT: Statistic = Statistic::amount("footprint", "kgCO2", Direction::Lower).noise(0.01);
const PER_MILLION_REQUESTS: Statistic =
    Statistic::amount("per_million_requests", "Wh", Direction::Lower).noise(0.01);

/// `energy.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "energy",
    title: Title::new("energy"),
    group: Group::Money.at(10),
    short_lists: &[],
    series: &[],
    summary: "Energy that the nodes consumed by their power models, and its emissions; without \
              usage data, reserved resources count as used.",
    statistics: &[
        TOTAL,
        IDLE,
        POWER_MEAN,
        POWER_PEAK,
        PER_CORE_HOUR,
        CARBON,
        BOOT,
        FACILITY,
        EMBODIED,
        FOOTPRINT,
        PER_MILLION_REQUESTS,
    ],
    formula: "total: integral of sum over nodes of P(n) dt; P of a node that is up: idle + (max - \
              idle) x u^exponent, or the table of its power model, linear in between; of one that \
              is down: off; of one that boots: boot; u: the share of C(n, cpu) that its pods use, \
              between 0 and 1, or allocated(n, cpu) where usage is unknown; idle: the part \
              consumed by idle power; boot: the part consumed by booting; facility: total x \
              `metrics.powerUsageEffectiveness`; per_core_hour: total over integral of allocated \
              cpu; carbon: integral of power x effectiveness x the grid's intensity from \
              `metrics.carbonIntensity`; embodied: sum over nodes of their manufacturing \
              emissions x on-time over lifetime; footprint: carbon + embodied; \
              per_million_requests: facility over requests of clients served in W, x 10^6",
    denominators: "length of the measured window (mean); allocated core-hours (per_core_hour); requests \
                   served (per_million_requests)",
    census: "existing nodes with a power model",
    censoring: "none: nothing is censored",
    source: "metrics.md 5.4, energy; orchestrators-b.md 10.7",
    construct: |setup| Box::new(Energy::new(setup)),
};

/// Parts of a milligram a nanosecond that rates of emission are kept in.
const PARTS: i128 = 1_000_000_000_000_000_000;

/// A millionth.
const MILLION: i64 = 1_000_000;

#[derive(Clone, Debug)]
struct Energy {
    economics: Option<Arc<Economics>>,
    nodes: Vec<Node>,
    drawn_micro_watt: i128,
    idle_micro_watt: i128,
    /// Parts of a milligram a nanosecond.
    embodied_rate: i128,
    /// Nodes that are up and have no power model.
    unknown: i64,
    /// `true` if the usage of pods is known.
    is_by_use: bool,
    drawn: Integral,
    idle: Integral,
    boot: Integral,
    embodied: Integral,
    peak: i128,
    unknown_at_most: i64,
    cpu: Integral,
    /// Microwatts x milligrams per kilowatt-hour.
    carbon: Integral,
    served: u64,
}

/// A node as far as its power goes.
#[derive(Clone, Debug, Default)]
struct Node {
    power: Option<Arc<Power>>,
    is_there: bool,
    is_up: bool,
    allocated: i64,
    allocatable: i64,
    /// Usage of the node's pods beyond their requests, in milli-cores.
    beyond: i64,
    drawn: i64,
    idle: i64,
}

impl Node {
    /// The share of its processors that is used.
    fn used(&self) -> f64 {
        if self.allocatable <= 0 {
            return 0.0;
        }
        (self.allocated + self.beyond) as f64 / self.allocatable as f64
    }

    /// Current power, and the idle part of it.
    fn draws(&self) -> (i64, i64) {
        match &self.power {
            Some(power) if self.is_up => (power.curve.drawn(self.used()), power.curve.idle()),
            Some(power) if self.is_there => (power.off_micro_watt, power.off_micro_watt),
            _ => (0, 0),
        }
    }

    /// Takes a row over.
    fn follow(&mut self, row: &NodeRow) {
        let cpu = Resource::Cpu as usize;
        (self.is_there, self.is_up) = (row.present, row.up);
        (self.allocated, self.allocatable) = (row.allocated[cpu], row.allocatable[cpu]);
    }
}

/// Embodied emissions of a machine per nanosecond, in parts of a milligram.
fn embodied_rate(power: &Power) -> i128 {
    power.embodied.map_or(0, |embodied| {
        i128::from(embodied.milligrams) * PARTS / i128::from(embodied.lifetime.as_nanos().max(1))
    })
}

impl Energy {
    fn new(setup: &Setup) -> Self {
        let has_power = |economics: &&Arc<Economics>| economics.has_power();
        Self {
            economics: setup.economics.as_ref().filter(has_power).cloned(),
            nodes: Vec::new(),
            drawn_micro_watt: 0,
            idle_micro_watt: 0,
            embodied_rate: 0,
            unknown: 0,
            is_by_use: false,
            drawn: Integral::default(),
            idle: Integral::default(),
            boot: Integral::default(),
            embodied: Integral::default(),
            peak: 0,
            unknown_at_most: 0,
            cpu: Integral::default(),
            carbon: Integral::default(),
            served: 0,
        }
    }

    /// Adds the grid's emissions for the power used in a span.
    fn emit(&mut self, micro_watt: i128, span: Span) {
        let Some(economics) = &self.economics else {
            return;
        };
        let series = &economics.carbon;
        let mut from = span.from;
        while from < span.to {
            let next = series.partition_point(|&(at, _)| at <= from);
            let to = series.get(next).map_or(span.to, |&(at, _)| at.min(span.to));
            // Before the first value that one holds.
            let known = series.get(next.saturating_sub(1));
            let intensity = known.map_or(0, |&(_, milligrams)| i128::from(milligrams));
            let nanos = to.since(from).as_nanos();
            self.carbon.add(micro_watt * intensity, nanos);
            from = to;
        }
    }

    fn join(&mut self, id: NodeId, change: &Change<'_>, economics: &Economics) {
        let power = economics.of(id, change.store).power;
        if self.nodes.len() <= id.index() {
            self.nodes.resize(id.index() + 1, Node::default());
        }
        if let Some(power) = &power {
            let rate = embodied_rate(power);
            self.embodied_rate += rate;
            let object = change.store.nodes().object(id);
            let ordered = object.and_then(|object| object.labels.get(ORDERED_LABEL)?.parse().ok());
            let booting = ordered.map(|nanos| Span {
                from: Instant::from_nanos(nanos).min(change.at),
                to: change.at,
            });
            if let Some(span) = booting.and_then(|span| change.measured.clip(span)) {
                let drawn = i128::from(power.boot_micro_watt);
                self.drawn.add(drawn, span.nanos());
                self.boot.add(drawn, span.nanos());
                self.embodied.add(rate, span.nanos());
                self.emit(drawn, span);
            }
        }
        self.nodes[id.index()].power = power;
        self.nodes[id.index()].beyond = 0;
    }

    fn leave(&mut self, id: NodeId) {
        if let Some(power) = self
            .nodes
            .get(id.index())
            .and_then(|node| node.power.as_ref())
        {
            self.embodied_rate -= embodied_rate(power);
        }
    }

    /// Brings what a node draws up to date.
    fn draw(&mut self, place: usize) {
        let node = &mut self.nodes[place];
        let (drawn, idle) = node.draws();
        self.drawn_micro_watt += i128::from(drawn - node.drawn);
        self.idle_micro_watt += i128::from(idle - node.idle);
        (node.drawn, node.idle) = (drawn, idle);
    }

    /// Usage of pods beyond their requests, by node; `None` if unknown.
    fn beyond(store: &Store, sample: &UsageSample<'_>, place: usize) -> Option<i64> {
        let mut beyond = None;
        for &slot in store.nodes().pods(NodeId::from_index(place)) {
            let pod = store.pods().at(slot);
            let Some(pod) = pod.filter(|pod| pod.phase == PodPhase::Running) else {
                continue;
            };
            if let Some(used) = sample.usage.pod(pod.pod) {
                let more = used.cpu_milli - store.class(pod.class).requests.cpu_milli;
                beyond = Some(beyond.unwrap_or(0) + more);
            }
        }
        beyond
    }
}

impl Collector for Energy {
    fn hears(&self) -> &'static [EventKind] {
        if self.economics.is_some() {
            &[
                EventKind::Declared,
                EventKind::Nodes,
                EventKind::Spans,
                EventKind::Usage,
                EventKind::Traffic,
            ]
        } else {
            &[]
        }
    }

    fn event(&mut self, change: &Change<'_>) {
        let Some(economics) = self.economics.clone() else {
            return;
        };
        match change.event {
            Event::NodeAdded { node, .. } => self.join(*node, change, &economics),
            Event::NodeRemoved { node } => self.leave(*node),
            _ => {}
        }
    }

    fn node(&mut self, change: &NodeChange<'_>) {
        if self.economics.is_none() {
            return;
        }
        for &id in change.nodes {
            let place = id.index();
            if self.nodes.len() <= place {
                self.nodes.resize(place + 1, Node::default());
            }
            let node = &mut self.nodes[place];
            if node.power.is_none() {
                self.unknown += i64::from(change.now.up) - i64::from(node.is_up);
            }
            node.follow(change.now);
            self.draw(place);
        }
    }

    fn usage(&mut self, sample: &UsageSample<'_>) {
        for place in sample.nodes.iter().map(|node| node.index()) {
            if self
                .nodes
                .get(place)
                .is_none_or(|node| node.power.is_none())
            {
                continue;
            }
            let beyond = Self::beyond(sample.store, sample, place);
            self.is_by_use |= beyond.is_some();
            let beyond = beyond.unwrap_or(0);
            if self.nodes[place].beyond != beyond {
                self.nodes[place].beyond = beyond;
                self.draw(place);
            }
        }
    }

    fn traffic(&mut self, stretch: &model::TrafficStretch, _names: &model::TrafficNames) {
        // Functions run elsewhere.
        if stretch.function.is_some() {
            return;
        }
        self.served += stretch.flows.iter().map(|flow| flow.succeeded).sum::<u64>();
    }

    fn held(&mut self, state: &ClusterState, span: Span) {
        let nanos = span.nanos();
        self.drawn.add(self.drawn_micro_watt, nanos);
        self.idle.add(self.idle_micro_watt, nanos);
        self.embodied.add(self.embodied_rate, nanos);
        self.emit(self.drawn_micro_watt, span);
        self.cpu.add(state.allocated.of(Resource::Cpu), nanos);
        self.peak = self.peak.max(self.drawn_micro_watt);
        self.unknown_at_most = self.unknown_at_most.max(self.unknown);
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let Some(economics) = &self.economics else {
            let reason = "no node has a power model";
            values.put_undefined(reason);
            return;
        };
        // Microwatt-nanoseconds in a kilowatt-hour.
        let kilowatt_hours = |area: &Integral| area.mean(1).map(|area| area / 3.6e21);
        let mean = self.drawn.mean(end.window_nanos()).map(|micro| micro / 1e6);
        let per_core = self
            .drawn
            .ratio(&self.cpu, "allocated cpu")
            // Microwatts over milli-cores.
            .map(|ratio| ratio / 1_000.0);
        let effectiveness = economics.overhead_ppm.unwrap_or(MILLION) as f64 / MILLION as f64;
        let facility = kilowatt_hours(&self.drawn).map(|own| own * effectiveness);
        let carbon = if economics.carbon.is_empty() {
            Err("no carbon intensity of the grid is given".to_owned())
        } else {
            kilowatt_hours(&self.carbon).map(|milligrams| milligrams / 1e6 * effectiveness)
        };
        let has_embodied = economics.has_embodied();
        let embodied = if has_embodied {
            let parts = self.embodied.mean(1);
            parts.map(|parts| parts / PARTS as f64 / 1e6)
        } else {
            Err("no embodied emissions of machines are given".to_owned())
        };
        let footprint = match (&carbon, &embodied) {
            (Ok(carbon), Ok(embodied)) => Ok(carbon + embodied),
            (Err(why), _) | (_, Err(why)) => Err(why.clone()),
        };
        let per_million = match self.served {
            0 => Err(crate::families::traffic::traffic_totals::NO_REQUESTS.to_owned()),
            served => facility
                .clone()
                .map(|facility| facility * 1e3 / (served as f64 / 1e6)),
        };
        let mut remark = if self.is_by_use {
            "u is the usage of pods, where known".to_owned()
        } else {
            "u is the allocation: usage is not modelled".to_owned()
        };
        if self.unknown_at_most > 0 {
            let unknown = self.unknown_at_most;
            let have = plural::either(
                unknown,
                "node has no power model and is",
                "nodes have no power model and are",
            );
            remark = format!("{remark}; up to {unknown} {have} left out");
        }
        let mut put = |statistic, value| {
            values.put(statistic, Reading::new(value).remark(Some(remark.clone())));
        };
        put(TOTAL, kilowatt_hours(&self.drawn));
        put(IDLE, kilowatt_hours(&self.idle));
        put(POWER_MEAN, mean);
        put(POWER_PEAK, Ok(self.peak as f64 / 1e6));
        put(PER_CORE_HOUR, per_core);
        put(CARBON, carbon);
        put(BOOT, kilowatt_hours(&self.boot));
        put(FACILITY, facility);
        put(EMBODIED, embodied);
        put(FOOTPRINT, footprint);
        put(PER_MILLION_REQUESTS, per_million);
    }
}
