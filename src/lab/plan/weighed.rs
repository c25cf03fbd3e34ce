//! Purchases weighed by what is paid in the end: nodes that commitments pay for cost nothing more, and what is cheapest is
//! no dearer than the fewest nodes that are found.

use std::cmp::Reverse;

use super::Minimize;
use super::bill::{Priced, beside};
use super::buy::{Buyer, Purchase};
use super::choice::{Possible, Way};
use crate::snapshot::SnapshotError;
use model::node::{INSTANCE_TYPE_LABEL, is_spot, label_of};
use units::SortedMap;

/// Numbers of nodes by type.
type Counts = Vec<u64>;

impl Buyer<'_> {
    /// The cheapest numbers; other ones than the search reaches where the bill is smaller with them.
    ///
    /// # Errors
    /// If something does not go together.
    pub(super) fn weighed(&mut self, what: Option<Minimize>) -> Result<Purchase, SnapshotError> {
        let mut purchase = self.run()?;
        let weighs = what != Some(Minimize::Nodes) && !self.work.is_stopped();
        let Some(reached) = purchase.reached.clone().filter(|_| weighs) else {
            return Ok(purchase);
        };
        let mut best = (self.bill(&reached.counts), reached.counts.clone());
        let is_proved = reached.price <= purchase.bound;
        if !is_proved && self.costs.iter().any(|own| *own != self.costs[0]) {
            let mut other = Buyer {
                costs: vec![1; self.costs.len()],
                is_brief: true,
                taken: 0,
                shifted: 0,
                fatal: Vec::new(),
                shifts: SortedMap::new(),
                ..*self
            };
            if let Some(fewest) = other.run()?.reached {
                let shifts = other.shifts.remove(&fewest.counts);
                let price = self.bill(&fewest.counts);
                if price < best.0 {
                    self.shifts
                        .insert(fewest.counts.clone(), shifts.unwrap_or_default());
                    best = (price, fewest.counts);
                }
            }
        }
        for kind in 0..self.costs.len() {
            for commitment in 0..self.goal.committed.len() {
                if let Some(counts) = self.with_committed(&best.1, kind, commitment)? {
                    let price = self.bill(&counts);
                    if price < best.0 {
                        best = (price, counts);
                    }
                }
            }
        }
        if best.1 != reached.counts {
            let choice = self.choice(best.1);
            if { purchase.possible.as_ref() }.is_none_or(|own| own.choice.price > choice.price) {
                let (choice, way) = (choice.clone(), Way::Given);
                purchase.possible = Some(Possible { choice, way });
            }
            purchase.reached = Some(choice);
        }
        Ok(purchase)
    }

    /// Numbers with as many nodes of a type as a commitment pays for, and as few others as are enough with them.
    fn with_committed(
        &mut self,
        counts: &[u64],
        kind: usize,
        commitment: usize,
    ) -> Result<Option<Counts>, SnapshotError> {
        let committed = &self.goal.committed[commitment];
        let is_of = |other: usize| {
            let node = &self.market.types[other].node;
            let name = label_of(&node.labels, INSTANCE_TYPE_LABEL);
            !is_spot(&node.labels) && name.is_some_and(|own| **own == *committed.kind)
        };
        let there: u64 = { counts.iter().enumerate() }
            .filter(|(own, _)| is_of(*own))
            .map(|(_, count)| count)
            .sum();
        let mut others: Vec<usize> = (0..counts.len()).filter(|own| !is_of(*own)).collect();
        let more = committed.nodes.saturating_sub(there);
        if more == 0 || !is_of(kind) {
            return Ok(None);
        }
        let mut counts = counts.to_vec();
        counts[kind] += more;
        let order: Vec<usize> = (0..self.demand.pods.len()).collect();
        if !self.fits(&counts, &order)? {
            return Ok(None);
        }
        others.sort_by_key(|own| (Reverse(self.costs[*own]), *own));
        for other in others {
            while counts[other] > 0 && self.taken <= self.search.steps {
                counts[other] -= 1;
                if !self.fits(&counts, &order)? {
                    counts[other] += 1;
                    break;
                }
            }
        }
        Ok(Some(counts))
    }

    /// Cost of numbers of nodes beside commitments, with the nodes that are kept.
    fn bill(&self, counts: &[u64]) -> i64 {
        let choice = self.choice(counts.to_vec());
        let bought = self.nodes(&choice);
        let kept = self.base.cache().nodes();
        let kept = kept.map(|own| (&own.object, self.goal.price_of(own)));
        let bought = bought.iter().map(|own| (&own.node, self.costs[own.kind]));
        let nodes: Vec<Priced> = { kept.chain(bought) }
            .map(|(node, price)| Priced::of(node, price))
            .collect();
        beside(&self.goal.committed, &nodes)
    }
}
