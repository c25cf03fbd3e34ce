//! Numbers of nodes that keep every rule and cost less than what was reached: the candidates of a
//! search, and the proof that there are no others.

use super::choice::Choice;
use super::duals;
use super::least::Counting;

/// Numbers of nodes that are listed before the search gives up; the bound stands all the same.
const MOST_LISTED: usize = 200_000;

/// Lists all numbers of nodes that keep the rules and cost less than a price.
pub(super) struct Listed<'r> {
    counting: Counting<'r>,
    prices: Vec<f64>,
    below: i64,
    /// The numbers.
    pub(super) found: Vec<Choice>,
    /// Whether the list is not complete.
    pub(super) is_cut: bool,
    visited: usize,
}

impl<'r> Listed<'r> {
    /// Nothing is listed yet.
    pub(super) fn new(counting: Counting<'r>, below: i64) -> Self {
        Self {
            prices: duals::prices(counting.rules, counting.costs),
            counting,
            below,
            found: Vec::new(),
            is_cut: false,
            visited: 0,
        }
    }

    /// Makes the list.
    pub(super) fn list(&mut self) {
        let given = vec![0; self.counting.rules.len()];
        let mut counts = vec![0; self.counting.costs.len()];
        self.visit(0, &mut counts, &given, 0);
    }

    fn visit(&mut self, kind: usize, counts: &mut Vec<u64>, given: &[i64], cost: i64) {
        self.visited += 1;
        if self.visited > MOST_LISTED || self.is_cut {
            self.is_cut = true;
            return;
        }
        let Counting { rules, costs, .. } = self.counting;
        let left = duals::worth(rules, &self.prices, given);
        if cost.saturating_add(left.max(0)) >= self.below {
            return;
        }
        if kind == costs.len() {
            if self.counting.is_enough(counts) {
                self.found.push(Choice {
                    price: cost,
                    counts: counts.clone(),
                });
            }
            return;
        }
        let mut given = given.to_vec();
        let mut cost = cost;
        let price = costs[kind].max(0);
        for count in 0.. {
            counts[kind] = count;
            self.visit(kind + 1, counts, &given, cost);
            cost = cost.saturating_add(price);
            if self.is_cut || cost >= self.below || (price == 0 && count > 0) {
                break;
            }
            for (sum, rule) in given.iter_mut().zip(rules) {
                *sum = sum.saturating_add(rule.gives[kind]);
            }
        }
        counts[kind] = 0;
    }
}
