//! Goals beside room for every pod: losses to survive, shares that stay free.

use super::bench::Bench;
use super::demand::{Demand, zone_of};
use super::loss::{Survive, Unplaced, first_fatal};
use model::Text;
use model::node::INSTANCE_TYPE_LABEL;
use scheduler::kube::NodeInfo;
use units::SortedMap;

/// Goals of a plan, and the prices of nodes.
#[derive(Clone, Debug, Default)]
pub struct Goal {
    /// Losses after each of which every pod still finds a node.
    pub survive: Vec<Survive>,
    /// Share of cpu and memory that stays free in every zone, in parts per million.
    pub free_ppm: i64,
    /// Prices of types in millionths an hour.
    pub prices: SortedMap<Text, i64>,
}

impl Goal {
    /// Price of a node in millionths an hour; 0 if it is not known.
    pub fn price_of(&self, node: &NodeInfo) -> i64 {
        let kind = node.label(INSTANCE_TYPE_LABEL);
        let price = kind.and_then(|kind| self.prices.get(kind));
        price.copied().unwrap_or(0)
    }

    /// Whether anything beside room is asked for.
    pub fn is_stated(&self) -> bool {
        !self.survive.is_empty() || self.free_ppm > 0
    }

    /// Whether any zone may be lost.
    pub fn survives_zone(&self) -> bool {
        self.survive.contains(&Survive::zone())
    }

    /// The first pod that a goal leaves without a place in a cluster; `None` if all goals are met.
    pub fn missed(&self, bench: &Bench<'_>, demand: &Demand) -> Option<Unplaced> {
        if let Some(short) = self.short_zone(bench) {
            return Some(short);
        }
        self.survive.iter().find_map(|survive| {
            let loss = first_fatal(bench, demand, &survive.domains(bench))?;
            let Unplaced { pod, message } = loss.first?;
            let message = format!("after the loss of {}: {message}", loss.domain);
            Some(Unplaced { pod, message })
        })
    }

    /// A zone with too little left.
    fn short_zone(&self, bench: &Bench<'_>) -> Option<Unplaced> {
        if self.free_ppm <= 0 {
            return None;
        }
        let mut zones: SortedMap<Text, [(i128, i128); 2]> = SortedMap::new();
        for node in bench.cache().nodes() {
            let zone = zones.entry(zone_of(node)).or_default();
            let (used, of) = (&node.requested, &node.allocatable);
            for (sum, (used, of)) in zone
                .iter_mut()
                .zip([(used.cpu_milli, of.cpu_milli), (used.memory, of.memory)])
            {
                sum.0 += i128::from(used);
                sum.1 += i128::from(of);
            }
        }
        zones.iter().find_map(|(zone, sums)| {
            let is_short = |(used, of): &(i128, i128)| {
                (of - used) * 1_000_000 < of * i128::from(self.free_ppm)
            };
            let place = sums.iter().position(is_short)?;
            let resource = ["cpu", "memory"][place];
            let place = if zone.is_empty() {
                "the cluster".to_owned()
            } else {
                format!("zone {zone}")
            };
            Some(Unplaced {
                pod: place,
                message: format!("less {resource} would be free than `--headroom` asks for"),
            })
        })
    }
}
