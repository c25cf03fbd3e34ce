//! What nodes cost and how much power they draw, as the scenario declares it (metrics.md 5.4).

use std::collections::BTreeMap;

use crate::cluster::Store;
use crate::model::node::{CAPACITY_LABEL, GROUP_LABEL, INSTANCE_TYPE_LABEL, ON_DEMAND};
use crate::model::{Labels, Text};
use crate::rng::math;
use crate::units::{Instant, NodeId};

use super::state::{NodeRow, Resource};

/// One node.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NodeEconomics {
    /// Its power model.
    pub power: Option<Power>,
    /// Its price per hour, in millionths of the currency.
    pub price_micro_per_hour: Option<i64>,
}

/// A power model: `idle + (max - idle) x u^exponent` while the node is up, nothing else.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Power {
    /// Drawn by a node that does nothing, in microwatts.
    pub idle_micro_watt: i64,
    /// Drawn by a node that is used in full, in microwatts.
    pub max_micro_watt: i64,
    /// How the rest follows from the use: 1 is linear.
    pub exponent: f64,
}

/// How on-time is rounded before it is billed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Billing {
    /// Not at all.
    Exact,
    /// Up to whole seconds, 60 at least.
    #[default]
    PerSecond,
    /// Up to whole hours.
    PerHour,
}

/// What all nodes cost and draw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Economics {
    /// By [`NodeId`]; nodes beyond have neither price nor power model.
    pub nodes: Vec<NodeEconomics>,
    /// Of nodes that join while the run goes on: by group, or by instance type and how it is bought
    /// (`m5.large/spot`).
    pub kinds: BTreeMap<Text, NodeEconomics>,
    /// How on-time is rounded.
    pub billing: Billing,
    /// What the grid emits, in milligrams of CO2 per kilowatt-hour, from each time on.
    pub carbon: Vec<(Instant, i64)>,
}

const SECOND: i64 = 1_000_000_000;
const LEAST_SECONDS: i64 = 60;

impl Billing {
    /// The time that is billed for so much on-time, in nanoseconds.
    pub fn billed(self, on_time_nanos: i64) -> i64 {
        let round_up = |unit: i64| {
            let units = on_time_nanos / unit + i64::from(on_time_nanos % unit > 0);
            units.saturating_mul(unit)
        };
        match self {
            _ if on_time_nanos <= 0 => 0,
            Self::Exact => on_time_nanos,
            Self::PerSecond => {
                let rounded = round_up(SECOND);
                if rounded < LEAST_SECONDS * SECOND {
                    LEAST_SECONDS * SECOND
                } else {
                    rounded
                }
            }
            Self::PerHour => round_up(3_600 * SECOND),
        }
    }

    /// In words.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Exact => "billed exactly",
            Self::PerSecond => "billed by the second, 60 s at least",
            Self::PerHour => "billed by the started hour",
        }
    }
}

impl Economics {
    /// A node's economics.
    pub fn of(&self, node: NodeId, store: &Store) -> NodeEconomics {
        let known = self.nodes.get(node.index()).copied();
        known.unwrap_or_else(|| {
            let object = store.nodes().object(node);
            object.map_or_else(NodeEconomics::default, |object| {
                self.of_labels(&object.labels)
            })
        })
    }

    /// The economics of nodes with these labels.
    pub fn of_labels(&self, labels: &Labels) -> NodeEconomics {
        let group = labels
            .get(GROUP_LABEL)
            .and_then(|group| self.kinds.get(group));
        let kind = || {
            let (own, bought) = (labels.get(INSTANCE_TYPE_LABEL)?, labels.get(CAPACITY_LABEL));
            let bought = bought.map_or(ON_DEMAND, |bought| bought);
            self.kinds.get(&*format!("{own}/{bought}"))
        };
        group.or_else(kind).copied().unwrap_or_default()
    }

    /// Whether any node has a price.
    pub fn has_prices(&self) -> bool {
        let mut all = self.nodes.iter().chain(self.kinds.values());
        all.any(|node| node.price_micro_per_hour.is_some())
    }

    /// Whether any node has a power model.
    pub fn has_power(&self) -> bool {
        let mut all = self.nodes.iter().chain(self.kinds.values());
        all.any(|node| node.power.is_some())
    }
}

impl Power {
    /// What a node draws, in microwatts: nothing unless it is up. Without usage, what is used is
    /// the share of its processors that its pods reserve.
    pub fn drawn_micro_watt(&self, row: &NodeRow) -> i64 {
        if !row.up {
            return 0;
        }
        let cpu = Resource::Cpu as usize;
        let (allocated, capacity) = (row.allocated[cpu], row.allocatable[cpu]);
        if capacity <= 0 {
            return self.idle_micro_watt;
        }
        let used = (allocated as f64 / capacity as f64).clamp(0.0, 1.0);
        let span = (self.max_micro_watt - self.idle_micro_watt) as f64;
        let above = span * math::pow(used, self.exponent);
        self.idle_micro_watt + math::round_half_even(above) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_time_is_rounded_by_rule() {
        for (billing, secs, expected) in [
            (Billing::Exact, 10, 10),
            (Billing::PerSecond, 0, 0),
            (Billing::PerSecond, 10, 60),
            (Billing::PerSecond, 3_601, 3_601),
            (Billing::PerHour, 1, 3_600),
            (Billing::PerHour, 3_600, 3_600),
            (Billing::PerHour, 3_601, 7_200),
        ] {
            assert_eq!(billing.billed(secs * SECOND), expected * SECOND);
        }
        assert_eq!(Billing::PerSecond.billed(60 * SECOND + 1), 61 * SECOND);
    }

    #[test]
    fn power_follows_the_allocation() {
        let row = |up, allocated| NodeRow {
            present: true,
            up,
            allocatable: [4_000, 0, 0, 0],
            allocated: [allocated, 0, 0, 0],
            ..NodeRow::default()
        };
        for (exponent, up, allocated, expected) in [
            (1.0, true, 0, 100),
            (1.0, true, 2_000, 200),
            (1.0, true, 4_000, 300),
            (1.0, true, 9_000, 300),
            (2.0, true, 2_000, 150),
            (1.0, false, 4_000, 0),
        ] {
            let power = Power {
                idle_micro_watt: 100,
                max_micro_watt: 300,
                exponent,
            };
            assert_eq!(power.drawn_micro_watt(&row(up, allocated)), expected);
        }
    }
}
