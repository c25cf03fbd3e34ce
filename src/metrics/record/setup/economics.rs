//! Costs of nodes and their power, as the scenario declares them (metrics.md 5.4).

use std::sync::Arc;

use cluster::Store;
use model::node::{
    CAPACITY_LABEL, GROUP_LABEL, INSTANCE_TYPE_LABEL, ON_DEMAND, SPOT, ZONE_LABEL, is_spot,
    label_of,
};
use model::{Labels, Text};
use units::{Instant, NodeId, SortedMap};

use crate::record::setup::power::Power;

/// One node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeEconomics {
    /// The node's power model.
    pub power: Option<Arc<Power>>,
    /// The node's price per hour, in millionths of the currency.
    pub price_micro_per_hour: Option<i64>,
    /// Key of a price that changes in the run, as used by [`NewPrice`].
    ///
    /// [`NewPrice`]: model::NewPrice
    pub changes_as: Option<Text>,
}

/// Rounding of on-time before it is billed.
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

/// Prices of container tasks billed by the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskPrices {
    /// A core an hour, in thousandths of a millionth of the currency.
    pub core_nano_per_hour: i64,
    /// A GiB of memory an hour, likewise.
    pub gibibyte_nano_per_hour: i64,
    /// The least time that is billed, in seconds.
    pub least_secs: i64,
}

/// Prices of functions paid by use, in billionths of a thousandth of the currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionPrices {
    /// A GiB of memory for a second of work.
    pub gib_second_pico: u64,
    /// A request.
    pub request_pico: u64,
    /// A GiB of memory of a provisioned instance for a second, whether it works or not.
    pub provisioned_gib_second_pico: u64,
    /// Free GiB x seconds a month.
    pub free_gib_seconds: u64,
    /// Free requests a month.
    pub free_requests: u64,
}

/// Machines that are paid for whether or not they are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitment {
    /// Their instance type or group.
    pub of: Text,
    /// Number of machines.
    pub machines: u32,
    /// Price per hour, in millionths of the currency.
    pub price_micro_per_hour: i64,
}

/// Prices and power models of all nodes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Economics {
    /// Economics by [`NodeId`]; nodes beyond have neither price nor power model.
    pub nodes: Vec<NodeEconomics>,
    /// Economics of nodes that join during the run: by group, or by instance type and purchase
    /// option (`m5.large/spot`), and also by zone if prices are per zone (`m5.large/spot/zone-a`).
    pub kinds: SortedMap<Text, NodeEconomics>,
    /// Rounding of on-time.
    pub billing: Billing,
    /// The currency of all prices.
    pub currency: Text,
    /// Machines that are paid for whether or not they are there.
    pub commitments: Vec<Commitment>,
    /// Prices of container tasks paid by use.
    pub tasks: Option<TaskPrices>,
    /// Prices of functions paid by use.
    pub functions: Option<FunctionPrices>,
    /// The label of pods whose value is who pays for them; `None` is their namespace.
    pub tenant_label: Option<Text>,
    /// Power usage effectiveness: total power of the site per unit of machine power, in millionths;
    /// `None` if not given.
    pub overhead_ppm: Option<i64>,
    /// Carbon intensity of the grid, in milligrams of CO2 per kilowatt-hour, from each time on.
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

    /// Rule of the rounding in words.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Exact => "billed exactly",
            Self::PerSecond => "billed by the second, at least 60 s",
            Self::PerHour => "billed by the started hour",
        }
    }
}

/// Key of a price: instance type, purchase option and zone.
pub fn priced_as(instance_type: &str, bought: &str, zone: Option<&str>) -> String {
    match zone {
        Some(zone) => format!("{instance_type}/{bought}/{zone}"),
        None => format!("{instance_type}/{bought}"),
    }
}

impl Economics {
    /// A node's economics.
    pub fn of(&self, node: NodeId, store: &Store) -> NodeEconomics {
        let known = self.nodes.get(node.index()).cloned();
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
            let own = label_of(labels, INSTANCE_TYPE_LABEL)?;
            let bought = labels.get(CAPACITY_LABEL).map(|own| &**own);
            let usual = if is_spot(labels) { SPOT } else { ON_DEMAND };
            let bought = bought.unwrap_or(usual);
            let zone = label_of(labels, ZONE_LABEL);
            let in_zone =
                zone.and_then(|zone| self.kinds.get(&*priced_as(own, bought, Some(zone))));
            in_zone.or_else(|| self.kinds.get(&*priced_as(own, bought, None)))
        };
        group.or_else(kind).cloned().unwrap_or_default()
    }

    /// Whether any node has a price.
    pub fn has_prices(&self) -> bool {
        let mut all = self.nodes.iter().chain(self.kinds.values());
        all.any(|node| node.price_micro_per_hour.is_some())
    }

    /// `true` if the emissions of the making of any node are known.
    pub fn has_embodied(&self) -> bool {
        let mut all = self.nodes.iter().chain(self.kinds.values());
        all.any(|node| {
            node.power
                .as_ref()
                .is_some_and(|power| power.embodied.is_some())
        })
    }

    /// Whether any node has a power model.
    pub fn has_power(&self) -> bool {
        let mut all = self.nodes.iter().chain(self.kinds.values());
        all.any(|node| node.power.is_some())
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
}
