//! The price of a cluster, taken apart: what commitments pay for, and the parts of pools, options and
//! namespaces.

use super::goal::Goal;
use super::picture::NodeShare;
use model::node::{INSTANCE_TYPE_LABEL, ZONE_LABEL, is_spot, label_of};
use model::{Node, Text};
use scheduler::kube::{Cache, NodeInfo};
use units::SortedMap;
use world::Committed;

/// Whole share of a node, in millionths.
const WHOLE: i64 = 1_000_000;

/// Name of the team of pods without its label.
const NOBODY: &str = "without the label";

/// Parts of a price, each in millionths an hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bill {
    /// By pool.
    pub pools: SortedMap<Text, i64>,
    /// By the way in which nodes are paid for.
    pub options: SortedMap<Text, i64>,
    /// By namespace: of each node as much as its pods request of cpu or memory, whichever is more.
    pub namespaces: SortedMap<Text, i64>,
    /// By team, where a label of pods or namespaces names it: as by namespace.
    pub teams: SortedMap<Text, i64>,
    /// Price of what no pod requests.
    pub idle: i64,
    /// Commitments that no node uses, each with the number of nodes that are paid for all the same.
    pub unused: Vec<Committed>,
    /// Number of nodes that use commitments.
    pub used: u64,
}

/// Node as commitments see it.
#[derive(Clone, Debug)]
pub(super) struct Priced {
    kind: Text,
    zone: Text,
    is_on_demand: bool,
    /// Price in millionths an hour.
    price: i64,
}

impl Priced {
    pub(super) fn of(node: &Node, price: i64) -> Self {
        let label = |key| label_of(&node.labels, key).cloned().unwrap_or_default();
        Self {
            kind: label(INSTANCE_TYPE_LABEL),
            zone: label(ZONE_LABEL),
            is_on_demand: !is_spot(&node.labels),
            price,
        }
    }
}

/// For each node the place of the commitment that pays for it: for the first ones on demand of its type.
fn payers(committed: &[Committed], nodes: &[Priced]) -> Vec<Option<usize>> {
    let mut payers = vec![None; nodes.len()];
    for (place, own) in committed.iter().enumerate() {
        let takes = |node: &Priced| {
            let in_zone = own.zone.as_ref().is_none_or(|zone| **zone == *node.zone);
            node.is_on_demand && *own.kind == *node.kind && in_zone
        };
        let free = nodes.iter().zip(&mut payers);
        let free = free.filter(|(node, payer)| payer.is_none() && takes(node));
        for (_, payer) in free.take(usize::try_from(own.nodes).unwrap_or(usize::MAX)) {
            *payer = Some(place);
        }
    }
    payers
}

/// Cost of nodes beside commitments, which are paid in any case.
pub(super) fn beside(committed: &[Committed], nodes: &[Priced]) -> i64 {
    let payers = payers(committed, nodes);
    let unpaid = nodes.iter().zip(payers).filter(|own| own.1.is_none());
    unpaid.map(|own| own.0.price).fold(0, i64::saturating_add)
}

impl Bill {
    /// The bill of some nodes, in the order of a cluster: the first on demand of a committed type use what is
    /// paid for.
    pub(super) fn of(cache: &Cache, shares: &mut [NodeShare], goal: &Goal) -> Self {
        let mut bill = Self::default();
        let nodes = shares.iter().map(|own| Priced {
            kind: own.kind.clone(),
            zone: own.zone.clone(),
            is_on_demand: own.option == "on demand",
            price: own.price,
        });
        let nodes: Vec<Priced> = nodes.collect();
        let payers = payers(&goal.committed, &nodes);
        for (share, payer) in shares.iter_mut().zip(&payers) {
            if let Some(own) = payer.map(|place| &goal.committed[place]) {
                (share.option, share.price) = (own.option, own.price);
                bill.used += 1;
            }
        }
        for (place, own) in goal.committed.iter().enumerate() {
            let used = payers.iter().filter(|own| **own == Some(place)).count() as u64;
            if own.nodes > used {
                bill.unused.push(Committed {
                    nodes: own.nodes - used,
                    ..own.clone()
                });
            }
        }
        for share in shares.iter() {
            add(&mut bill.pools, &share.pool, share.price);
            add(&mut bill.options, share.option, share.price);
            if let Some(node) = cache.node(&share.name) {
                bill.split(node, share.price, goal.team_label.as_ref(), cache);
            }
        }
        bill
    }

    /// The whole price, unused commitments with it.
    pub fn total(&self) -> i64 {
        let unused = { self.unused.iter() }.map(|own| {
            own.price
                .saturating_mul(i64::try_from(own.nodes).unwrap_or(i64::MAX))
        });
        let nodes = self.pools.values().copied();
        nodes.chain(unused).fold(0, i64::saturating_add)
    }

    /// Splits the price of a node among the namespaces and teams of its pods.
    fn split(&mut self, node: &NodeInfo, price: i64, team: Option<&Text>, cache: &Cache) {
        let part = |own: i64, of: i64| {
            let ppm = i128::from(own) * i128::from(WHOLE) / i128::from(of.max(1));
            i64::try_from(ppm).unwrap_or(i64::MAX)
        };
        let parts = node.pods.iter().map(|pod| {
            let asked = &pod.counted_class().requests;
            let of = &node.allocatable;
            let cpu = part(asked.cpu_milli, of.cpu_milli);
            (pod, cpu.max(part(asked.memory, of.memory)))
        });
        let parts: Vec<_> = parts.collect();
        let all = parts.iter().map(|own| own.1).fold(0, i64::saturating_add);
        let mut left = price;
        for (pod, part) in parts {
            let own = i128::from(price) * i128::from(part) / i128::from(all.max(WHOLE));
            let own = i64::try_from(own).unwrap_or(0);
            let spec = pod.spec();
            add(&mut self.namespaces, &spec.namespace, own);
            if let Some(label) = team {
                let of_namespace = || cache.objects.namespaces.get(&spec.namespace)?.get(label);
                let name = spec.labels.get(label).or_else(of_namespace);
                add(&mut self.teams, name.map_or(NOBODY, |own| &**own), own);
            }
            left -= own;
        }
        self.idle = self.idle.saturating_add(left);
    }
}

fn add(sums: &mut SortedMap<Text, i64>, name: &str, price: i64) {
    let sum = sums.entry(name.into()).or_default();
    *sum = sum.saturating_add(price);
}
