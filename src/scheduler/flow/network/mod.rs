//! A network with costs, whose cheapest flow is kept while the network changes: successive shortest
//! paths under node prices (spec: orchestrators-b.md section 6.4).
//!
//! Every unit of supply has to reach the sink. Prices make every arc with room left cost nothing or
//! more once the prices at its ends are counted in, which proves that the flow is the cheapest
//! ([`Network::audit`]). A change breaks that proof at the arcs it touches alone: the nodes there
//! get new prices if any will do, otherwise the units there look for another way. A round therefore
//! costs what changed since the last one, not the size of the network.
//!
//! Of equally cheap flows, the one that the order of changes leads to is kept: equal changes lead to
//! equal flows.

mod paths;
mod prices;
pub mod reference;
#[cfg(test)]
mod tests;

use thiserror::Error;

use self::paths::Search;

/// A cost of one unit of flow. Absolute values up to [`MAX_COST`] are kept as they are.
pub type Cost = i64;

/// The highest cost of an arc: sums along the longest paths that occur still fit an integer.
pub const MAX_COST: Cost = 1 << 47;

/// A node of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vertex(pub(super) u32);

/// An arc of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArcId(u32);

/// One direction of an arc: the arc itself has an even number, its way back the odd one after it.
#[derive(Clone, Copy, Debug, Default)]
struct HalfArc {
    head: u32,
    /// Position in the list of the tail's arcs.
    place: u32,
    /// Units that may still go this way.
    room: i64,
    cost: Cost,
}

/// A reason why a flow is not the cheapest one, or none at all.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Flaw {
    /// Units at a node found no way to the sink.
    #[error("{units} units at node {node} have no way to the sink")]
    Stuck {
        /// The node.
        node: u32,
        /// The units.
        units: i64,
    },
    /// An arc carries more than it may, or less than nothing.
    #[error("arc {arc} carries {flow} of at most {capacity} units")]
    Capacity {
        /// The arc.
        arc: u32,
        /// The units on it.
        flow: i64,
        /// The units that it may carry.
        capacity: i64,
    },
    /// A unit would be cheaper on another way, which leads through an arc.
    #[error("a unit through arc {arc} would save {saving}")]
    Saving {
        /// The arc, in the direction of the cheaper way: odd numbers lead back.
        arc: u32,
        /// The saving, as the prices at the arc's ends show it.
        saving: Cost,
    },
}

/// A network and its cheapest flow.
///
/// Two tasks and a machine with one slot; the task that would wait at the higher cost gets it:
///
/// ```
/// use scheduler::flow::network::{Flaw, Network};
///
/// let mut network = Network::new();
/// let sink = network.sink();
/// let machine = network.add_node(0);
/// network.add_arc(machine, sink, 1, 0);
/// let tasks: Vec<_> = [30, 20]
///     .map(|waiting| {
///         let task = network.add_node(1);
///         network.add_arc(task, sink, 1, waiting);
///         network.add_arc(task, machine, 1, 5)
///     })
///     .into();
/// network.solve()?;
/// assert_eq!(network.flow(tasks[0]), 1);
/// assert_eq!(network.flow(tasks[1]), 0);
/// assert_eq!(network.cost(), 5 + 20);
/// network.audit()?;
/// # Ok::<(), Flaw>(())
/// ```
#[derive(Clone, Debug)]
pub struct Network {
    halves: Vec<HalfArc>,
    capacities: Vec<i64>,
    unused_arcs: Vec<u32>,
    /// Directions of arcs that leave a node, by node: arcs with room, ways back with room, and those
    /// without room, which no search looks at.
    leaving: Vec<[Vec<u32>; 3]>,
    unused_nodes: Vec<u32>,
    prices: Vec<Cost>,
    supplies: Vec<i64>,
    /// Units that arrive or start at a node and don't leave it.
    excess: Vec<i64>,
    /// Nodes whose excess may differ from nothing.
    unbalanced: Vec<u32>,
    /// Arcs that changed since the last solution.
    changed: Vec<u32>,
    search: Search,
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

impl Network {
    /// A network of a sink alone.
    pub fn new() -> Self {
        let mut network = Self {
            halves: Vec::new(),
            capacities: Vec::new(),
            unused_arcs: Vec::new(),
            leaving: Vec::new(),
            unused_nodes: Vec::new(),
            prices: Vec::new(),
            supplies: Vec::new(),
            excess: Vec::new(),
            unbalanced: Vec::new(),
            changed: Vec::new(),
            search: Search::default(),
        };
        network.add_node(0);
        network
    }

    /// The node that all units go to.
    pub const fn sink(&self) -> Vertex {
        Vertex(0)
    }

    /// Adds a node where so many units start; the sink takes as many more.
    pub fn add_node(&mut self, supply: i64) -> Vertex {
        let node = self.unused_nodes.pop().unwrap_or_else(|| {
            self.leaving.push(<[Vec<u32>; 3]>::default());
            self.prices.push(0);
            self.supplies.push(0);
            self.excess.push(0);
            (self.leaving.len() - 1) as u32
        });
        self.prices[node as usize] = self.prices[0];
        self.set_supply(Vertex(node), supply);
        Vertex(node)
    }

    /// Sets the number of units that start at a node; units that no longer do give up their ways.
    pub fn set_supply(&mut self, node: Vertex, supply: i64) {
        let more = supply - self.supplies[node.0 as usize];
        self.supplies[node.0 as usize] = supply;
        if more > 0 {
            self.add_excess(node.0, more);
            self.add_excess(0, -more);
        }
        for _ in more..0 {
            if self.excess[node.0 as usize] > 0 {
                self.add_excess(node.0, -1);
                self.add_excess(0, 1);
            } else {
                self.take_back_from(node.0);
            }
        }
    }

    /// Removes a node with its arcs and its supply.
    pub fn remove_node(&mut self, node: Vertex) {
        self.set_supply(node, 0);
        for list in 0..3 {
            while let Some(&half) = self.leaving[node.0 as usize][list].last() {
                self.remove_arc(ArcId(half & !1));
            }
        }
        self.unused_nodes.push(node.0);
    }

    /// Adds an arc for up to `capacity` units at a cost of `cost` each.
    pub fn add_arc(&mut self, from: Vertex, to: Vertex, capacity: i64, cost: Cost) -> ArcId {
        let arc = self.unused_arcs.pop().unwrap_or_else(|| {
            self.halves.push(HalfArc::default());
            self.halves.push(HalfArc::default());
            self.capacities.push(0);
            self.halves.len() as u32 - 2
        });
        let cost = cost.clamp(-MAX_COST, MAX_COST);
        self.capacities[arc as usize / 2] = capacity;
        for (half, head, room, cost) in [(arc, to, capacity, cost), (arc + 1, from, 0, -cost)] {
            self.halves[half as usize] = HalfArc {
                head: head.0,
                place: 0,
                room,
                cost,
            };
        }
        self.enlist(arc);
        self.enlist(arc + 1);
        self.changed.push(arc);
        ArcId(arc)
    }

    /// Removes an arc; units on it have to look for another way.
    pub fn remove_arc(&mut self, arc: ArcId) {
        self.set_capacity(arc, 0);
        self.strike(arc.0);
        self.strike(arc.0 + 1);
        self.unused_arcs.push(arc.0);
    }

    /// Sets the number of units that an arc may carry; units beyond have to look for another way.
    pub fn set_capacity(&mut self, arc: ArcId, capacity: i64) {
        if self.capacities[arc.0 as usize / 2] == capacity {
            return;
        }
        let flow = self.flow(arc);
        for _ in capacity..flow {
            let tail = self.halves[arc.0 as usize ^ 1].head;
            self.push_back(arc.0);
            self.take_back_from(self.halves[arc.0 as usize].head);
            self.add_excess(tail, 1);
            self.add_excess(0, -1);
        }
        self.capacities[arc.0 as usize / 2] = capacity;
        self.set_room(arc.0, capacity - flow.min(capacity));
        self.changed.push(arc.0);
    }

    /// Sets the cost of a unit on an arc.
    pub fn set_cost(&mut self, arc: ArcId, cost: Cost) {
        let cost = cost.clamp(-MAX_COST, MAX_COST);
        if self.halves[arc.0 as usize].cost != cost {
            self.halves[arc.0 as usize].cost = cost;
            self.halves[arc.0 as usize + 1].cost = -cost;
            self.changed.push(arc.0);
        }
    }

    /// Takes a unit out of the network that starts at a node, with its whole way to the sink.
    pub fn finish(&mut self, from: Vertex, way: &[ArcId]) {
        for arc in way {
            self.push_back(arc.0);
            self.changed.push(arc.0);
        }
        self.supplies[from.0 as usize] -= 1;
    }

    /// Has a unit go by an arc that went by other ones between the same nodes.
    pub fn reroute(&mut self, from: &[ArcId], to: ArcId) {
        for arc in from {
            self.push_back(arc.0);
            self.changed.push(arc.0);
        }
        self.push_along(to.0);
        self.changed.push(to.0);
    }

    /// The cost of a unit on an arc.
    pub fn cost_of(&self, arc: ArcId) -> Cost {
        self.halves[arc.0 as usize].cost
    }

    /// The number of units on an arc.
    pub fn flow(&self, arc: ArcId) -> i64 {
        self.halves[arc.0 as usize + 1].room
    }

    /// The number of nodes, the sink included.
    pub fn node_count(&self) -> usize {
        self.leaving.len() - self.unused_nodes.len()
    }

    /// The number of arcs.
    pub fn arc_count(&self) -> usize {
        self.capacities.len() - self.unused_arcs.len()
    }

    /// The cost of all units on all arcs.
    pub fn cost(&self) -> i128 {
        let arcs = self.halves.chunks_exact(2);
        arcs.map(|arc| i128::from(arc[1].room) * i128::from(arc[0].cost))
            .sum()
    }

    /// Finds the cheapest flow again after changes.
    ///
    /// # Errors
    /// Units have no way to the sink; the others have theirs.
    pub fn solve(&mut self) -> Result<(), Flaw> {
        let mut changed = std::mem::take(&mut self.changed);
        for &arc in &changed {
            for half in [arc, arc + 1] {
                self.mend(half);
            }
        }
        changed.clear();
        self.changed = changed;
        self.route_all()
    }

    /// Checks that the flow is one, and the cheapest: no unit is stuck, no arc over-full, and no arc
    /// with room left, in either direction, costs less than nothing under the nodes' prices.
    ///
    /// # Errors
    /// The flow is none, or not the cheapest.
    pub fn audit(&self) -> Result<(), Flaw> {
        let mut stuck = self.supplies.clone();
        stuck[0] = -self.supplies.iter().sum::<i64>();
        for arc in self.halves.chunks_exact(2) {
            stuck[arc[0].head as usize] += arc[1].room;
            stuck[arc[1].head as usize] -= arc[1].room;
        }
        if let Some(node) = stuck.iter().position(|&units| units > 0) {
            let (node, units) = (node as u32, stuck[node]);
            return Err(Flaw::Stuck { node, units });
        }
        for (node, leaving) in self.leaving.iter().enumerate() {
            for &half in leaving.iter().flatten() {
                let (arc, flow) = (half & !1, self.halves[half as usize | 1].room);
                let capacity = self.capacities[half as usize / 2];
                if flow < 0 || flow > capacity {
                    return Err(Flaw::Capacity {
                        arc,
                        flow,
                        capacity,
                    });
                }
                let saving = -self.reduced(node as u32, half);
                if self.halves[half as usize].room > 0 && saving > 0 {
                    return Err(Flaw::Saving { arc: half, saving });
                }
            }
        }
        Ok(())
    }

    fn add_excess(&mut self, node: u32, units: i64) {
        if units != 0 {
            self.excess[node as usize] += units;
            self.unbalanced.push(node);
        }
    }

    /// Sends a unit along a direction of an arc.
    fn push_along(&mut self, half: u32) {
        self.send_along(half, 1);
    }

    /// Sends units along a direction of an arc.
    fn send_along(&mut self, half: u32, units: i64) {
        let (there, back) = (half as usize, half as usize ^ 1);
        self.set_room(half, self.halves[there].room - units);
        self.set_room(half ^ 1, self.halves[back].room + units);
    }

    /// Sets the room of a direction of an arc.
    fn set_room(&mut self, half: u32, room: i64) {
        let own = &mut self.halves[half as usize];
        if (own.room > 0) == (room > 0) {
            own.room = room;
            return;
        }
        self.strike(half);
        self.halves[half as usize].room = room;
        self.enlist(half);
    }

    /// The list that a direction of an arc is in.
    fn list_of(&self, half: u32) -> usize {
        if self.halves[half as usize].room > 0 {
            half as usize & 1
        } else {
            2
        }
    }

    /// Adds a direction of an arc to the list of its tail that it belongs to.
    fn enlist(&mut self, half: u32) {
        let tail = self.halves[half as usize ^ 1].head as usize;
        let list = self.list_of(half);
        let list = &mut self.leaving[tail][list];
        self.halves[half as usize].place = list.len() as u32;
        list.push(half);
    }

    /// Takes a direction of an arc off the list that it is in.
    fn strike(&mut self, half: u32) {
        let tail = self.halves[half as usize ^ 1].head as usize;
        let list = self.list_of(half);
        let list = &mut self.leaving[tail][list];
        let place = self.halves[half as usize].place;
        list.swap_remove(place as usize);
        if let Some(&moved) = list.get(place as usize) {
            self.halves[moved as usize].place = place;
        }
    }

    /// Takes a unit back from an arc.
    fn push_back(&mut self, arc: u32) {
        self.push_along(arc + 1);
    }

    /// Takes a unit back from the ways between a node and the sink, the dearest arcs first.
    fn take_back_from(&mut self, from: u32) {
        let mut node = from;
        while node != 0 {
            let [open, _, full] = &self.leaving[node as usize];
            let carrying = open.iter().chain(full).filter(|&&half| {
                let is_arc = half & 1 == 0;
                is_arc && self.halves[half as usize + 1].room > 0
            });
            let Some(&half) = carrying.max_by_key(|&&half| (self.halves[half as usize].cost, half))
            else {
                // The unit was stuck here.
                self.add_excess(node, -1);
                self.add_excess(0, 1);
                return;
            };
            self.push_back(half);
            self.changed.push(half);
            node = self.halves[half as usize].head;
        }
    }
}
