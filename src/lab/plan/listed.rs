//! Numbers of nodes that keep every rule and cost less than what was reached: the candidates of a
//! search, and the proof that there are no others.

use super::buy::{Buyer, Choice};
use super::duals;
use super::rules::Rule;

/// Numbers of nodes that are listed before the search gives up; the bound stands all the same.
const MOST_LISTED: usize = 200_000;

/// Lists all numbers of nodes that keep the rules and cost less than a price.
pub(super) struct Listed<'r> {
    rules: &'r [Rule],
    costs: &'r [i64],
    prices: Vec<f64>,
    below: i64,
    /// Whether the loss of any node has to be borne.
    survives_node: bool,
    /// The numbers.
    pub(super) found: Vec<Choice>,
    /// The least price of any numbers that keep the rules.
    pub(super) bound: i64,
    /// Whether the list is not complete.
    pub(super) is_cut: bool,
    visited: usize,
}

impl<'r> Listed<'r> {
    /// Nothing is listed yet.
    pub(super) fn new(buyer: &'r Buyer<'_>, rules: &'r [Rule], below: i64) -> Self {
        Self {
            rules,
            costs: &buyer.costs,
            prices: duals::prices(rules, &buyer.costs),
            below,
            survives_node: buyer.goal.survives_node(),
            found: Vec::new(),
            bound: below,
            is_cut: false,
            visited: 0,
        }
    }

    /// Makes the list.
    pub(super) fn list(&mut self) {
        let given = vec![0; self.rules.len()];
        let least = duals::worth(self.rules, &self.prices, &given);
        let mut counts = vec![0; self.costs.len()];
        self.visit(0, &mut counts, &given, 0);
        self.bound = if self.is_cut {
            least
        } else {
            let found = self.found.iter().map(|own| own.price).min();
            found.unwrap_or(self.below)
        };
    }

    /// Whether what is given is enough, also after the loss of the largest node.
    fn is_enough(&self, counts: &[u64], given: &[i64]) -> bool {
        self.rules.iter().zip(given).all(|(rule, given)| {
            let there = rule
                .gives
                .iter()
                .zip(counts)
                .filter(|(_, count)| **count > 0);
            let largest = there.map(|(gives, _)| *gives).max().unwrap_or(0);
            let lost = if self.survives_node { largest } else { 0 };
            given.saturating_sub(lost) >= rule.need
        })
    }

    fn visit(&mut self, kind: usize, counts: &mut Vec<u64>, given: &[i64], cost: i64) {
        self.visited += 1;
        if self.visited > MOST_LISTED || self.is_cut {
            self.is_cut = true;
            return;
        }
        let left = duals::worth(self.rules, &self.prices, given);
        if cost.saturating_add(left.max(0)) >= self.below {
            return;
        }
        if kind == self.costs.len() {
            if self.is_enough(counts, given) {
                self.found.push(Choice {
                    price: cost,
                    counts: counts.clone(),
                });
            }
            return;
        }
        let mut given = given.to_vec();
        let mut cost = cost;
        let price = self.costs[kind].max(0);
        for count in 0.. {
            counts[kind] = count;
            self.visit(kind + 1, counts, &given, cost);
            cost = cost.saturating_add(price);
            if self.is_cut || cost >= self.below || (price == 0 && count > 0) {
                break;
            }
            for (sum, rule) in given.iter_mut().zip(self.rules) {
                *sum = sum.saturating_add(rule.gives[kind]);
            }
        }
        counts[kind] = 0;
    }
}
