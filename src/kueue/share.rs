//! Shares of fair sharing: what a node borrows, by what its cohort could lend (spec:
//! batch-on-kubernetes.md 1.8.1).

use std::cmp::Ordering;

use super::names::Names;
use super::tree::{NodeId, Tree};

/// Share of a node.
#[derive(Clone, Copy, Debug, Default)]
pub struct Share {
    ratio: f64,
    weight: f64,
    /// Whether the node uses more than it owns of anything.
    pub borrows: bool,
}

impl Share {
    /// The share of a node as it is.
    pub fn of(tree: &Tree, names: &Names, id: NodeId) -> Self {
        let weight = tree.node(id).weight;
        let Some(parent) = tree.parent(id) else {
            return Self {
                weight,
                ..Self::default()
            };
        };
        let mut borrowed = vec![0i64; names.resource_count()];
        for (pair, _, resource) in names.pairs() {
            let beyond = tree.usage(id, pair).saturating_sub(tree.subtree(id, pair));
            borrowed[resource.0] = borrowed[resource.0].saturating_add(beyond.max(0));
        }
        if borrowed.iter().all(|amount| *amount == 0) {
            return Self {
                weight,
                ..Self::default()
            };
        }
        let mut lendable = vec![0i64; names.resource_count()];
        for (pair, _, resource) in names.pairs() {
            if borrowed[resource.0] > 0 {
                let amount = tree.potential(parent, pair);
                lendable[resource.0] = lendable[resource.0].saturating_add(amount);
            }
        }
        let ratios = borrowed.iter().zip(&lendable);
        let ratios = ratios.filter(|(amount, lendable)| **amount > 0 && **lendable > 0);
        #[expect(
            clippy::cast_precision_loss,
            reason = "the original computes shares in binary64"
        )]
        let ratios = ratios.map(|(amount, lendable)| *amount as f64 * 1000.0 / *lendable as f64);
        Self {
            ratio: ratios.fold(0.0, f64::max),
            weight,
            borrows: true,
        }
    }

    /// The share by weight; a node of weight 0 that borrows has an infinite one.
    pub fn precise(self) -> f64 {
        if self.ratio == 0.0 {
            0.0
        } else {
            self.ratio / self.weight
        }
    }

    /// Whether the share is infinite.
    pub fn is_infinite(self) -> bool {
        self.precise().is_infinite()
    }

    /// The order of shares: those of weight 0 are the largest, by their ratio.
    pub fn compare(self, other: Self) -> Ordering {
        match (self.is_infinite(), other.is_infinite()) {
            (true, true) => self.ratio.total_cmp(&other.ratio),
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => self.precise().total_cmp(&other.precise()),
        }
    }
}
