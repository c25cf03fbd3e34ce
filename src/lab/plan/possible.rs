//! Cheaper numbers of nodes than those that the scheduler reaches in the given order: for another order
//! of the pods, or for profiles that fill nodes.

use std::cmp::Reverse;

use super::bench::Bench;
use super::buy::{Buyer, Purchase};
use super::choice::{Choice, Possible, Way};
use super::demand::{Demand, largest};
use super::least::Counting;
use super::listed::Listed;
use super::orders;
use super::packing::most_allocated;
use super::rules::{Rule, RuleSort, classes};
use crate::snapshot::SnapshotError;
use units::SortedMap;

impl<'b> Buyer<'b> {
    /// Tries other orders and other ways to choose nodes: whether the reached numbers are enough in the
    /// orders, and whether fewer are.
    pub(super) fn try_orders(
        &mut self,
        counting: &Counting<'_>,
        starts: &[Vec<u64>],
        given: &[usize],
        purchase: &mut Purchase,
    ) -> Result<(), SnapshotError> {
        let Some(reached) = purchase.reached.clone() else {
            return Ok(());
        };
        let kinds = self.market.kinds();
        let largest = largest(kinds.iter().map(|kind| &kind.free));
        let large = orders::large_first(self.demand, largest, given);
        let worthy = by_worth(self.demand, counting.rules).unwrap_or_else(|| large.clone());
        let shuffled = (0..self.search.orders).map(|number| orders::shuffled(self.demand, number));
        let shuffled: Vec<Vec<usize>> = shuffled.collect();
        let packing = most_allocated(self.base.profiles())?;
        let mut possible = Possible {
            choice: reached.clone(),
            way: Way::Given,
        };
        let seeded = shuffled.iter().map(|order| (Way::Seeded, order));
        let ways = [
            (Way::Large, &large),
            (Way::Packed, &large),
            (Way::Packed, &worthy),
        ];
        for (way, order) in ways.into_iter().chain(seeded) {
            let left = self.search.steps.saturating_sub(self.taken) / 2;
            if possible.choice.price <= purchase.bound || left == 0 {
                break;
            }
            let best = possible.choice.clone();
            let found = if way == Way::Packed {
                let base = Bench::new(self.base.cache().clone(), &packing);
                let mut own = self.on(&base);
                let found = own.cheapest(best, starts, order, counting, left);
                self.taken = own.taken;
                found?
            } else {
                self.cheapest(best, starts, order, counting, left)?
            };
            if found < possible.choice {
                possible = Possible { choice: found, way };
            }
        }
        let base = Bench::new(self.base.cache().clone(), &packing);
        let mut own = self.on(&base);
        let found = own.first_below(&possible.choice, &worthy, counting);
        self.taken = own.taken;
        if let Some(choice) = found? {
            let way = Way::Packed;
            possible = Possible { choice, way };
        }
        purchase.possible = Some(possible);
        purchase.orders = (1, 1);
        for order in &shuffled {
            purchase.orders.1 += 1;
            purchase.orders.0 += u64::from(self.fits(&reached.counts, order)?);
        }
        Ok(())
    }

    /// The same search in another cluster.
    fn on<'o>(&self, base: &'o Bench<'o>) -> Buyer<'o>
    where
        'b: 'o,
    {
        Buyer {
            base,
            costs: self.costs.clone(),
            fatal: Vec::new(),
            shifts: SortedMap::new(),
            ..*self
        }
    }

    /// The cheapest numbers below others that keep the rules and are enough, as far as the steps go.
    fn first_below(
        &mut self,
        best: &Choice,
        order: &[usize],
        counting: &Counting<'_>,
    ) -> Result<Option<Choice>, SnapshotError> {
        let mut listed = Listed::new(*counting, best.price);
        listed.list();
        listed.found.sort();
        for choice in listed.found {
            if self.taken > self.search.steps {
                break;
            }
            if self.fits(&choice.counts, order)? {
                return Ok(Some(choice));
            }
        }
        Ok(None)
    }
}

/// Pods by falling worth, as the rule of packing patterns has it; `None` if there is no such rule.
fn by_worth(demand: &Demand, rules: &[Rule]) -> Option<Vec<usize>> {
    let mut worths = rules.iter().filter_map(|rule| match &rule.sort {
        RuleSort::Worth(worths) => Some(worths),
        _ => None,
    });
    let worths: SortedMap<usize, i64> = worths.next()?.iter().copied().collect();
    let mut order: Vec<(Reverse<i64>, usize)> = Vec::new();
    for (place, pods) in classes(demand).into_iter().enumerate() {
        let worth = worths.get(&place).copied().unwrap_or(0);
        order.extend(pods.into_iter().map(|pod| (Reverse(worth), pod)));
    }
    order.sort_unstable();
    Some(order.into_iter().map(|(_, pod)| pod).collect())
}
