//! Energy from the power models of the nodes (metrics.md 5.4).

use std::sync::Arc;

use crate::model::Event;

use super::collector::{Change, Collector, Heard, MetricValue, RunEnd, Span};
use super::economics::{Economics, Power};
use super::integral::Integral;
use super::recorder::Setup;
use super::registry::{Direction, MetricEntry, Statistic};
use super::state::{ClusterState, NodeChange, NodeRow, Resource};

/// `energy.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "energy",
    summary: "What the nodes drew, by their power models; without usage, what pods reserve counts \
              as used.",
    statistics: &[
        Statistic::amount("total", "kWh", Direction::Lower).noise(0.01),
        Statistic::amount("idle", "kWh", Direction::Lower).noise(0.01),
        Statistic::amount("power.mean", "W", Direction::Lower).noise(0.01),
        Statistic::amount("power.peak", "W", Direction::Lower).noise(0.01),
        Statistic::amount("per_core_hour", "Wh", Direction::Lower).noise(0.01),
        Statistic::amount("carbon", "kgCO2", Direction::Lower).noise(0.01),
    ],
    formula: "total: integral of sum over nodes that are up of idle + (max - idle) x u^exponent dt; \
              u: allocated(n, cpu) / C(n, cpu), between 0 and 1; idle: the part of nodes doing \
              nothing; per_core_hour: total over integral of allocated cpu; no cooling, no boot; carbon: integral of power x the grid's intensity as \
              `metrics.carbonIntensity` has it",
    denominators: "length of the measured window (mean); allocated core-hours (per_core_hour)",
    census: "nodes that are up and have a power model; nodes that are down draw nothing",
    censoring: "none: nothing is censored",
    source: "metrics.md 5.4, energy",
    construct: |setup| Box::new(Energy::new(setup)),
};

#[derive(Clone, Debug)]
struct Energy {
    economics: Option<Arc<Economics>>,
    /// By node.
    powers: Vec<Option<Power>>,
    drawn_micro_watt: i128,
    idle_micro_watt: i128,
    /// Nodes that are up and have no power model.
    unknown: i64,
    drawn: Integral,
    idle: Integral,
    peak: i128,
    unknown_at_most: i64,
    cpu: Integral,
    /// Microwatts x milligrams per kilowatt-hour.
    carbon: Integral,
}

impl Energy {
    fn new(setup: &Setup) -> Self {
        let has_power = |economics: &&Arc<Economics>| economics.has_power();
        Self {
            economics: setup.economics.as_ref().filter(has_power).cloned(),
            powers: Vec::new(),
            drawn_micro_watt: 0,
            idle_micro_watt: 0,
            unknown: 0,
            drawn: Integral::default(),
            idle: Integral::default(),
            peak: 0,
            unknown_at_most: 0,
            cpu: Integral::default(),
            carbon: Integral::default(),
        }
    }

    /// What the grid emitted for the power that was drawn in a span.
    fn emit(&mut self, span: Span) {
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
            self.carbon.add(self.drawn_micro_watt * intensity, nanos);
            from = to;
        }
    }

    fn count(&mut self, power: Option<Power>, row: &NodeRow, sign: i64) {
        if !row.up {
            return;
        }
        let Some(power) = power else {
            self.unknown += sign;
            return;
        };
        let drawn = sign * power.drawn_micro_watt(row);
        self.drawn_micro_watt += i128::from(drawn);
        self.idle_micro_watt += i128::from(sign * power.idle_micro_watt);
    }
}

impl Collector for Energy {
    fn hears(&self) -> &'static [Heard] {
        if self.economics.is_some() {
            &[Heard::Declared, Heard::Nodes, Heard::Spans]
        } else {
            &[]
        }
    }

    fn event(&mut self, change: &Change<'_>) {
        if let (Event::NodeAdded { node, .. }, Some(economics)) = (change.event, &self.economics) {
            let power = economics.of(*node, change.store).power;
            if self.powers.len() <= node.index() {
                self.powers.resize(node.index() + 1, None);
            }
            self.powers[node.index()] = power;
        }
    }

    fn node(&mut self, change: &NodeChange<'_>) {
        if self.economics.is_none() {
            return;
        }
        for &node in change.nodes {
            let power = self.powers.get(node.index()).copied().flatten();
            self.count(power, change.before, -1);
            self.count(power, change.now, 1);
        }
    }

    fn held(&mut self, state: &ClusterState, span: Span) {
        let nanos = span.nanos();
        self.drawn.add(self.drawn_micro_watt, nanos);
        self.idle.add(self.idle_micro_watt, nanos);
        self.emit(span);
        self.cpu.add(state.allocated.of(Resource::Cpu), nanos);
        self.peak = self.peak.max(self.drawn_micro_watt);
        self.unknown_at_most = self.unknown_at_most.max(self.unknown);
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        if self.economics.is_none() {
            let reason = "no node has a power model";
            let values = ENTRY.ids();
            return values
                .map(|(id, _)| MetricValue::new(id, Err(reason.to_owned())))
                .collect();
        }
        // Microwatt-nanoseconds in a kilowatt-hour.
        let kilowatt_hours = |area: &Integral| area.mean(1).map(|area| area / 3.6e21);
        let mean = self.drawn.mean(end.window_nanos()).map(|micro| micro / 1e6);
        let per_core = self
            .drawn
            .ratio(&self.cpu, "allocated cpu")
            // Microwatts over milli-cores.
            .map(|ratio| ratio / 1_000.0);
        let has_intensity = (self.economics.as_ref()).is_some_and(|own| !own.carbon.is_empty());
        let carbon = if has_intensity {
            kilowatt_hours(&self.carbon).map(|milligrams| milligrams / 1e6)
        } else {
            Err("nothing is said of what the grid emits".to_owned())
        };
        let mut remark = "u is the allocation: usage is not modelled".to_owned();
        if self.unknown_at_most > 0 {
            let unknown = self.unknown_at_most;
            remark =
                format!("{remark}; up to {unknown} nodes have no power model and are left out");
        }
        let found = [
            ("total", kilowatt_hours(&self.drawn)),
            ("idle", kilowatt_hours(&self.idle)),
            ("power.mean", mean),
            ("power.peak", Ok(self.peak as f64 / 1e6)),
            ("per_core_hour", per_core),
            ("carbon", carbon),
        ];
        found
            .into_iter()
            .map(|(name, value)| {
                MetricValue::new(format!("energy.{name}"), value).remark(Some(remark.clone()))
            })
            .collect()
    }
}
