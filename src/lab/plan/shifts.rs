//! Nodes in other zones than those that they are dealt to: where pods wait that zones alone take, one node after the
//! other moves to another zone, as long as fewer pods wait then.

use super::bench::{Bench, Unplaceable};
use super::buy::Buyer;
use crate::snapshot::SnapshotError;
use units::SortedSet;

/// A node of a type that lies in another zone than its turn gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shift {
    /// Place of the type.
    pub(super) kind: usize,
    /// The zone of its turn.
    pub(super) from: usize,
    /// Its zone.
    pub(super) to: usize,
}

/// Shares of the search's steps that shifts may take: one of so many.
const PART: u64 = 4;

/// Shifts that are tried from one deal of nodes at most.
const MOST_TRIED: usize = 36;

/// Waiting pods beyond which no shift is looked for, as more nodes are missing.
const MOST_WAITING: usize = 8;

/// A cluster of numbers of nodes with pods, and those that find no node.
type Placed<'b> = (Bench<'b>, Unplaceable);

impl<'b> Buyer<'b> {
    /// The cluster of numbers of nodes with pods placed in an order, and those that find no node.
    pub(super) fn placed(
        &mut self,
        counts: &[u64],
        order: &[usize],
    ) -> Result<Placed<'b>, SnapshotError> {
        if let Some(shifts) = self.shifts.get(counts).cloned() {
            return self.placed_with(counts, &shifts, order);
        }
        let mut shifts = Vec::new();
        let mut best = self.placed_with(counts, &shifts, order)?;
        let mut tried = SortedSet::new();
        while (1..=MOST_WAITING).contains(&best.1.len())
            && let Some((shift, placed)) = self.better(counts, &shifts, order, &best, &mut tried)?
        {
            shifts.push(shift);
            best = placed;
        }
        if best.1.is_empty() {
            self.shifts.insert(counts.to_vec(), shifts);
        }
        Ok(best)
    }

    /// The first further shift with which less waits.
    fn better(
        &mut self,
        counts: &[u64],
        shifts: &[Shift],
        order: &[usize],
        best: &Placed<'b>,
        tried: &mut SortedSet<Vec<u64>>,
    ) -> Result<Option<(Shift, Placed<'b>)>, SnapshotError> {
        let waiting = self.waiting(&best.1);
        for shift in self.market.shifts(counts, shifts) {
            let cost = order.len() as u64;
            let most = self.search.steps / PART;
            if tried.len() >= MOST_TRIED || self.shifted + cost > most {
                break;
            }
            let further = [shifts, &[shift]].concat();
            if !tried.insert(self.market.in_zones(counts, &further)) {
                continue;
            }
            self.shifted += cost;
            let placed = self.placed_with(counts, &further, order)?;
            if self.waiting(&placed.1) < waiting {
                return Ok(Some((shift, placed)));
            }
        }
        Ok(None)
    }

    /// Number of waiting pods, and the cpu and memory that they ask for.
    fn waiting(&self, unplaced: &Unplaceable) -> (usize, i128) {
        let sizes = { unplaced.iter() }.map(|(pod, _)| self.market.share(&pod.class.requests));
        (unplaced.len(), sizes.sum())
    }

    /// The cluster of numbers of nodes of which some are shifted, with pods placed in an order.
    fn placed_with(
        &mut self,
        counts: &[u64],
        shifts: &[Shift],
        order: &[usize],
    ) -> Result<Placed<'b>, SnapshotError> {
        let mut bench = self.base.clone();
        bench.mark();
        self.market
            .add(&mut bench, &self.market.nodes(counts, shifts))?;
        self.taken = if self.work.is_stopped() {
            u64::MAX / 2
        } else {
            self.taken + order.len() as u64
        };
        self.work.count(order.len() as u64);
        let pods = order.iter().map(|&place| &self.demand.pods[place].info);
        let unplaced = bench.place_all(pods);
        Ok((bench, unplaced))
    }
}
