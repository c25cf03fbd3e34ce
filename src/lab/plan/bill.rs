//! The price of a cluster, taken apart: what commitments pay for, and the parts of pools, options and
//! namespaces.

use super::picture::NodeShare;
use model::Text;
use scheduler::kube::{Cache, NodeInfo};
use units::SortedMap;
use world::Committed;

/// Whole share of a node, in millionths.
const WHOLE: i64 = 1_000_000;

/// Parts of a price, each in millionths an hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bill {
    /// By pool.
    pub pools: SortedMap<Text, i64>,
    /// By the way in which nodes are paid for.
    pub options: SortedMap<Text, i64>,
    /// By namespace: of each node as much as its pods request of cpu or memory, whichever is more.
    pub namespaces: SortedMap<Text, i64>,
    /// Price of what no pod requests.
    pub idle: i64,
    /// Commitments that no node uses, each with the number of nodes that are paid for all the same.
    pub unused: Vec<Committed>,
    /// Number of nodes that use commitments.
    pub used: u64,
}

impl Bill {
    /// The bill of some nodes, in the order of a cluster: the first on demand of a committed type use what is
    /// paid for.
    pub(super) fn of(cache: &Cache, shares: &mut [NodeShare], committed: &[Committed]) -> Self {
        let mut bill = Self::default();
        let mut is_used = vec![false; shares.len()];
        for own in committed {
            let takes = |share: &NodeShare| {
                let in_zone = own.zone.as_ref().is_none_or(|zone| **zone == *share.zone);
                share.option == "on demand" && *own.kind == *share.kind && in_zone
            };
            let mut left = own.nodes;
            for (share, is_used) in shares.iter_mut().zip(&mut is_used) {
                if left > 0 && !*is_used && takes(share) {
                    (share.option, share.price, *is_used) = (own.option, own.price, true);
                    left -= 1;
                    bill.used += 1;
                }
            }
            if left > 0 {
                bill.unused.push(Committed {
                    nodes: left,
                    ..own.clone()
                });
            }
        }
        for share in shares.iter() {
            add(&mut bill.pools, &share.pool, share.price);
            add(&mut bill.options, share.option, share.price);
            if let Some(node) = cache.node(&share.name) {
                bill.split(node, share.price);
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

    /// Splits the price of a node among the namespaces of its pods.
    fn split(&mut self, node: &NodeInfo, price: i64) {
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
            add(&mut self.namespaces, &pod.spec().namespace, own);
            left -= own;
        }
        self.idle = self.idle.saturating_add(left);
    }
}

fn add(sums: &mut SortedMap<Text, i64>, name: &str, price: i64) {
    let sum = sums.entry(name.into()).or_default();
    *sum = sum.saturating_add(price);
}
