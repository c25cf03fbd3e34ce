//! The plain form of a round: the network made anew from tasks, nodes and the cost model, and solved
//! from nothing. Cheapest flows are not unique, so the two forms agree on the cost; who goes where among
//! equally cheap placements is read from the kept network.

use std::fmt;

use units::{Instant, NodeId, SortedMap};

use super::super::cost_model::Goal;
use super::super::network::reference::{PlainArc, cheapest};
use super::super::network::{Cost, Flaw, MAX_COST};
use super::classes::Aggregator;
use super::{ENOUGH, Graph, Place, Task};

/// A difference between the kept solution of a round and one from nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The kept solution fails its own proof.
    Unproved(Flaw),
    /// One of them costs less.
    Costs {
        /// The cost of the kept flow, in millionths.
        kept: i128,
        /// The cost of the flow from nothing, in millionths; `None` if it finds no flow.
        plain: Option<i128>,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unproved(flaw) => write!(f, "the kept flow is not the cheapest: {flaw}"),
            Self::Costs { kept, plain } => match plain {
                Some(plain) => write!(
                    f,
                    "the kept flow costs {kept}, and one from nothing {plain}"
                ),
                None => write!(
                    f,
                    "the kept flow costs {kept}, and there is none from nothing"
                ),
            },
        }
    }
}

/// The nodes of a class in a network that is being made.
#[derive(Debug)]
struct PlainClass {
    anywhere: usize,
    racks: SortedMap<u32, usize>,
    /// Where ways end that lead to a node, by node.
    nodes: Vec<Option<usize>>,
}

/// A network that is being made.
#[derive(Debug)]
struct PlainNetwork {
    supplies: Vec<i64>,
    arcs: Vec<PlainArc>,
}

impl PlainNetwork {
    fn add_node(&mut self, supply: i64) -> usize {
        self.supplies.push(supply);
        self.supplies.len() - 1
    }

    fn add_arc(&mut self, from: usize, to: usize, capacity: i64, cost: Cost) {
        if capacity > 0 {
            self.arcs.push(PlainArc {
                from,
                to,
                capacity,
                cost: cost.clamp(-MAX_COST, MAX_COST),
            });
        }
    }
}

impl Graph {
    /// Solves a round again from nothing, right after [`solve`](Self::solve) at the same instant, and
    /// compares the costs. Takes time that grows with the square of the network.
    ///
    /// # Errors
    /// The kept solution is not the cheapest.
    pub fn check(&self, now: Instant) -> Result<(), Difference> {
        self.network.audit().map_err(Difference::Unproved)?;
        let PlainNetwork { supplies, arcs } = self.plain(now);
        let plain = cheapest(&supplies, &arcs).map(|flows| {
            let costs = arcs.iter().zip(flows);
            costs
                .map(|(arc, flow)| i128::from(arc.cost) * i128::from(flow))
                .sum()
        });
        let kept = self.network.cost();
        if plain == Some(kept) {
            Ok(())
        } else {
            Err(Difference::Costs { kept, plain })
        }
    }

    /// The network at an instant. A task's preferred ways are those that it had when it came.
    fn plain(&self, now: Instant) -> PlainNetwork {
        let mut plain = PlainNetwork {
            supplies: vec![0],
            arcs: Vec::new(),
        };
        let machines: Vec<Option<usize>> = { self.machines.iter() }
            .map(|machine| {
                let machine = machine.as_ref()?;
                let node = plain.add_node(0);
                self.plain_slots(machine.tasks..machine.slots, node, &mut plain);
                Some(node)
            })
            .collect();
        let classes: Vec<_> = { self.aggregators.iter() }
            .map(|own| Some(self.plain_class(own.as_ref()?, &machines, &mut plain)))
            .collect();
        let numbers = self.waiting.iter().chain(&self.running);
        for task in numbers.filter_map(|&number| self.task(number)) {
            if let Some(Some(class)) = classes.get(task.class.index()) {
                self.plain_task(task, class, now, &mut plain);
            }
        }
        plain
    }

    fn plain_class(
        &self,
        own: &Aggregator,
        machines: &[Option<usize>],
        plain: &mut PlainNetwork,
    ) -> PlainClass {
        let mut class = PlainClass {
            anywhere: plain.add_node(0),
            racks: SortedMap::new(),
            nodes: vec![None; machines.len()],
        };
        for (index, (way, machine)) in own.ways.iter().zip(machines).enumerate() {
            let node = NodeId::from_index(index);
            class.nodes[index] = *machine;
            let (Some(way), Some(mut to)) = (way, *machine) else {
                continue;
            };
            if way.door.is_some() {
                let door = plain.add_node(0);
                plain.add_arc(door, to, way.capacity(), 0);
                class.nodes[index] = Some(door);
                to = door;
            }
            let rack = *class.racks.entry(self.racks.of(node)).or_insert_with(|| {
                let rack = plain.add_node(0);
                plain.add_arc(class.anywhere, rack, ENOUGH, 0);
                rack
            });
            plain.add_arc(rack, to, way.capacity(), self.model.node(node));
        }
        class
    }

    fn plain_task(&self, task: &Task, class: &PlainClass, now: Instant, plain: &mut PlainNetwork) {
        let Some(ways) = task.place.ways() else {
            return;
        };
        let node = plain.add_node(1);
        let mut waits_until = now;
        if let Place::Running(_, stay) = &task.place {
            waits_until = stay.since;
            if let Some(to) = class.nodes[stay.node.index()] {
                plain.add_arc(node, to, 1, self.cost_of_stay(&task.facts, stay, now));
            }
        }
        let waiting = self.model.waiting(&task.facts, waits_until);
        plain.add_arc(node, 0, 1, waiting);
        let any = self.model.anywhere(&task.facts, &self.racks);
        plain.add_arc(node, class.anywhere, 1, any);
        for &(goal, arc) in &ways.preferred {
            let own = self.aggregators[task.class.index()].as_ref();
            let (to, capacity) = match goal {
                Goal::Node(goal) => (
                    class.nodes.get(goal.index()).copied().flatten(),
                    own.map_or(0, |own| own.admits(Goal::Node(goal))),
                ),
                Goal::Rack(rack) => (class.racks.get(&rack).copied(), 1),
            };
            if let Some(to) = to {
                plain.add_arc(node, to, capacity, self.network.cost_of(arc));
            }
        }
    }

    /// The free slots of a node, those of equal cost as one arc.
    fn plain_slots(&self, free: std::ops::Range<u32>, node: usize, plain: &mut PlainNetwork) {
        let mut free = free.map(|tasks| self.model.one_more(tasks)).peekable();
        while let Some(cost) = free.next() {
            let mut count = 1;
            while free.next_if_eq(&cost).is_some() {
                count += 1;
            }
            plain.add_arc(node, 0, count, cost);
        }
    }
}
