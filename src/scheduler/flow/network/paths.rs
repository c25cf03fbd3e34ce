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
    /// Nodes at the present distance that are being looked at, each with the number of its arcs that
    /// were: what costs nothing more is followed at once.
    near: Vec<(u32, usize)>,
    /// Distance of the nearest goal that was seen: nothing beyond it is looked at.
    bound: Cost,
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
        self.near.push((source, 0));
        self.bound = Cost::MAX;
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

/// Direction of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SearchDirection {
    /// From a node with too many units to one that lacks some.
    Lack,
    /// Against the arcs, from a node that lacks units to one with too many.
    Surplus,
}

impl Network {
    /// Finds ways for all units that have none.
    pub(super) fn route_all(&mut self) -> Result<(), Flaw> {
        let mut waiting = std::mem::take(&mut self.unbalanced);
        waiting.sort_unstable();
        waiting.dedup();
        let mut outcome = Ok(());
        for &source in waiting.iter().filter(|&&node| node != 0) {
            while self.excess[source as usize] > 0 {
                // A node without units on their way is priced by its cheapest arc.
                self.reprice(source);
                let Some(target) = self.search(source, SearchDirection::Lack) else {
                    let units = self.excess[source as usize];
                    let node = source;
                    outcome = outcome.and(Err(Flaw::Stuck { node, units }));
                    break;
                };
                self.send(source, target, SearchDirection::Lack);
                self.price_way(source, target);
            }
        }
        // What nodes lack now, the sink has too much of.
        for &node in waiting.iter().filter(|&&node| node != 0) {
            while self.excess[node as usize] < 0 {
                let Some(other) = self.search(node, SearchDirection::Surplus) else {
                    break;
                };
                self.send(node, other, SearchDirection::Surplus);
            }
        }
        waiting.retain(|&node| self.excess[node as usize] != 0);
        self.unbalanced = waiting;
        outcome
    }

    /// Finds the nearest node that lacks units, or has too many, and sets prices so that the way
    /// there costs nothing.
    fn search(&mut self, start: u32, toward: SearchDirection) -> Option<u32> {
        let mut search = std::mem::take(&mut self.search);
        search.begin(self.leaving.len(), start);
        let found = self.look(&mut search, toward);
        if let Some(target) = found {
            let length = search.distances[target as usize];
            for &node in &search.reached {
                let nearer = (length - search.distances[node as usize]).max(0);
                self.prices[node as usize] += match toward {
                    SearchDirection::Lack => -nearer,
                    SearchDirection::Surplus => nearer,
                };
            }
        }
        self.search = search;
        found
    }

    fn look(&self, search: &mut Search, toward: SearchDirection) -> Option<u32> {
        let is_goal = |node: u32| match toward {
            SearchDirection::Lack => self.excess[node as usize] < 0,
            SearchDirection::Surplus => self.excess[node as usize] > 0,
        };
        loop {
            let Some((node, seen)) = search.near.pop() else {
                let Reverse((distance, node)) = search.heap.pop()?;
                if search.distances[node as usize] == distance {
                    if is_goal(node) {
                        return Some(node);
                    }
                    search.near.push((node, 0));
                }
                continue;
            };
            let distance = search.distances[node as usize];
            // Against the arcs, those without room from here may have room toward here.
            let lists = match toward {
                SearchDirection::Lack => &self.leaving[node as usize][..2],
                SearchDirection::Surplus => &self.leaving[node as usize][..],
            };
            for (number, &half) in lists.iter().flatten().enumerate().skip(seen) {
                let other = self.halves[half as usize].head;
                let (half, tail) = match toward {
                    SearchDirection::Lack => (half, node),
                    SearchDirection::Surplus => (half ^ 1, other),
                };
                if self.halves[half as usize].room <= 0 {
                    continue;
                }
                let step = self.reduced(tail, half);
                if distance + step > search.bound || !search.reach(other, distance + step, half) {
                    continue;
                }
                if step > 0 {
                    if is_goal(other) {
                        search.bound = distance + step;
                    }
                    search.heap.push(Reverse((distance + step, other)));
                } else if is_goal(other) {
                    return Some(other);
                } else {
                    search.near.push((node, number + 1));
                    search.near.push((other, 0));
                    break;
                }
            }
        }
    }

    /// Lowers the prices along a way that was just taken, from its end: what is used up by now is not
    /// looked at again.
    fn price_way(&mut self, source: u32, target: u32) {
        self.price_low(source);
        let mut node = target;
        while node != source {
            let half = self.search.by[node as usize] as usize;
            node = self.halves[half ^ 1].head;
            if !self.price_low(node) {
                return;
            }
        }
    }

    /// Sends as many units as the way that was found takes.
    fn send(&mut self, start: u32, end: u32, toward: SearchDirection) {
        let sign = match toward {
            SearchDirection::Lack => 1,
            SearchDirection::Surplus => -1,
        };
        let mut units = (sign * self.excess[start as usize]).min(-sign * self.excess[end as usize]);
        let back = |network: &Self, half: usize| match toward {
            SearchDirection::Lack => network.halves[half ^ 1].head,
            SearchDirection::Surplus => network.halves[half].head,
        };
        let mut node = end;
        while node != start {
            let half = self.search.by[node as usize] as usize;
            units = units.min(self.halves[half].room);
            node = back(self, half);
        }
        node = end;
        while node != start {
            let half = self.search.by[node as usize];
            self.send_along(half, units);
            node = back(self, half as usize);
        }
        self.excess[start as usize] -= sign * units;
        self.excess[end as usize] += sign * units;
    }
}
