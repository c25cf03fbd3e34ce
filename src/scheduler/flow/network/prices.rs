//! Prices of nodes: the proof that a flow is the cheapest, and how it is restored after changes.

use super::{Cost, MAX_COST, Network};

/// Number of arcs up to which a node's price is adapted before units are sent elsewhere.
const ARCS_LOOKED_AT: usize = 4_096;

impl Network {
    /// An arc's cost with the prices at its ends counted in.
    pub(super) fn reduced(&self, tail: u32, half: u32) -> Cost {
        let own = &self.halves[half as usize];
        own.cost + self.prices[tail as usize] - self.prices[own.head as usize]
    }

    /// Restores the proof at a direction of an arc that changed.
    pub(super) fn mend(&mut self, half: u32) {
        let tail = self.halves[half as usize ^ 1].head;
        let head = self.halves[half as usize].head;
        let is_broken = |network: &Self| {
            network.halves[half as usize].room > 0 && network.reduced(tail, half) < 0
        };
        if !is_broken(self) {
            return;
        }
        for node in [tail, head] {
            if self.reprice(node) {
                return;
            }
        }
        if half & 1 == 1 {
            // Units on the arc are too dear: each looks for a way from where the arc begins.
            while is_broken(self) {
                self.push_along(half);
                self.take_back_from(tail);
                self.add_excess(head, 1);
                self.add_excess(0, -1);
            }
        } else {
            let units = self.halves[half as usize].room;
            self.send_along(half, units);
            self.add_excess(tail, -units);
            self.add_excess(head, units);
        }
    }

    /// The lowest and highest price of a node at which no arc at it saves anything.
    fn price_range(&self, node: u32) -> (Cost, Cost) {
        let (mut lowest, mut highest) = (Cost::MIN, Cost::MAX);
        for &half in self.leaving[node as usize].iter().flatten() {
            let (own, back) = (&self.halves[half as usize], &self.halves[half as usize ^ 1]);
            let level = self.prices[own.head as usize] - own.cost;
            if own.room > 0 {
                lowest = lowest.max(level);
            }
            if back.room > 0 {
                highest = highest.min(level);
            }
        }
        (lowest, highest)
    }

    /// Gives a node a price at which no arc at it saves anything; `false` if there is none.
    pub(super) fn reprice(&mut self, node: u32) -> bool {
        if node == 0 || self.arcs_at(node) > ARCS_LOOKED_AT {
            return false;
        }
        let (lowest, highest) = self.price_range(node);
        if lowest > highest {
            return false;
        }
        let price = &mut self.prices[node as usize];
        *price = match (lowest, highest) {
            (Cost::MIN, highest) => (*price).min(highest),
            // No unit is there yet: its cheapest way costs nothing more.
            (lowest, Cost::MAX) => lowest,
            (lowest, highest) => (*price).clamp(lowest, highest),
        };
        true
    }

    /// Gives a node the lowest price that it may have, so that units which look for a way look at it
    /// only once its cheapest way on is worth it; `false` if it had that price.
    pub(super) fn price_low(&mut self, node: u32) -> bool {
        if node == 0 || self.arcs_at(node) > ARCS_LOOKED_AT {
            return false;
        }
        let (lowest, highest) = self.price_range(node);
        let price = match lowest {
            // Nothing goes on from here.
            Cost::MIN => self.prices[0] - 2 * MAX_COST,
            lowest => lowest,
        };
        let price = price.min(highest);
        std::mem::replace(&mut self.prices[node as usize], price) != price
    }

    /// The number of arcs at a node.
    fn arcs_at(&self, node: u32) -> usize {
        self.leaving[node as usize].iter().map(Vec::len).sum()
    }
}
