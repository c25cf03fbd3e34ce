//! Shortest ways for the units that have none.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Cost, Flaw, Network};

/// Memory of searches, which later ones reuse.
#[derive(Clone, Debug, Default)]
pub(super) struct Search {
    /// Number of the search that saw a node last, by node.
    seen: Vec<u32>,
    number: u32,
    distances: Vec<Cost>,
    /// The direction of an arc by which a node was reached.
    by: Vec<u32>,
    /// Nodes that were looked at, in order.
    reached: Vec<u32>,
    heap: BinaryHeap<Reverse<(Cost, u32)>>,
    /// Nodes at the present distance that are yet to be looked at.
    near: Vec<u32>,
}

impl Search {
    fn begin(&mut self, nodes: usize, source: u32) {
        self.seen.resize(nodes, 0);
        self.distances.resize(nodes, 0);
        self.by.resize(nodes, 0);
        self.number = self.number.checked_add(1).unwrap_or_else(|| {
            self.seen.fill(0);
            1
        });
        self.reached.clear();
        self.heap.clear();
        self.near.clear();
        self.near.push(source);
        self.reach(source, 0, 0);
    }

    /// Notes a way to a node, if it is the shortest so far.
    fn reach(&mut self, node: u32, distance: Cost, by: u32) -> bool {
        let index = node as usize;
        let is_new = self.seen[index] != self.number;
        if is_new {
            self.seen[index] = self.number;
            self.reached.push(node);
        } else if self.distances[index] <= distance {
            return false;
        }
        self.distances[index] = distance;
        self.by[index] = by;
        true
    }
}

impl Network {
    /// Finds ways for all units that have none.
    pub(super) fn route_all(&mut self) -> Result<(), Flaw> {
        let mut waiting = std::mem::take(&mut self.unbalanced);
        waiting.sort_unstable();
        waiting.dedup();
        let mut outcome = Ok(());
        for &source in &waiting {
            while self.excess[source as usize] > 0 {
                // A node without units on their way is priced by its cheapest arc.
                self.reprice(source);
                let Some(target) = self.search(source) else {
                    let units = self.excess[source as usize];
                    let node = source;
                    outcome = outcome.and(Err(Flaw::Stuck { node, units }));
                    self.unbalanced.push(source);
                    break;
                };
                self.send(source, target);
            }
        }
        let missing = |&node: &u32| self.excess[node as usize] != 0;
        let rest = waiting.iter().copied().filter(missing);
        let rest: Vec<u32> = rest.collect();
        self.unbalanced.extend(rest);
        outcome
    }

    /// Finds the nearest node that lacks units, and sets prices so that the way there costs nothing.
    fn search(&mut self, source: u32) -> Option<u32> {
        let mut search = std::mem::take(&mut self.search);
        search.begin(self.leaving.len(), source);
        let found = self.look(&mut search);
        if let Some(target) = found {
            let length = search.distances[target as usize];
            for &node in &search.reached {
                let nearer = search.distances[node as usize] - length;
                self.prices[node as usize] += nearer.min(0);
            }
        }
        self.search = search;
        found
    }

    fn look(&self, search: &mut Search) -> Option<u32> {
        loop {
            let node = match search.near.pop() {
                Some(node) => node,
                None => loop {
                    let Reverse((distance, node)) = search.heap.pop()?;
                    if search.distances[node as usize] == distance {
                        break node;
                    }
                },
            };
            if self.excess[node as usize] < 0 {
                return Some(node);
            }
            let distance = search.distances[node as usize];
            for &half in &self.leaving[node as usize] {
                let own = &self.halves[half as usize];
                if own.room <= 0 {
                    continue;
                }
                let step = self.reduced(node, half);
                if !search.reach(own.head, distance + step, half) {
                    continue;
                }
                if step > 0 {
                    search.heap.push(Reverse((distance + step, own.head)));
                } else if self.excess[own.head as usize] < 0 {
                    return Some(own.head);
                } else {
                    search.near.push(own.head);
                }
            }
        }
    }

    /// Sends as many units as the way that was found takes.
    fn send(&mut self, source: u32, target: u32) {
        let mut units = self.excess[source as usize].min(-self.excess[target as usize]);
        let mut node = target;
        while node != source {
            let half = self.search.by[node as usize] as usize;
            units = units.min(self.halves[half].room);
            node = self.halves[half ^ 1].head;
        }
        node = target;
        while node != source {
            let half = self.search.by[node as usize] as usize;
            self.halves[half].room -= units;
            self.halves[half ^ 1].room += units;
            node = self.halves[half ^ 1].head;
        }
        self.excess[source as usize] -= units;
        self.excess[target as usize] += units;
    }
}
