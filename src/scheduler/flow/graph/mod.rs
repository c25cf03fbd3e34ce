//! The scheduling network: tasks, what they wait for, and the nodes of the cluster.
//!
//! A unit starts at every task. It reaches the sink past a node, directly or by way of the node's
//! rack, or it waits. Tasks of one class are alike to nodes, so each class has racks of its own, and
//! an arc from there to a node carries as many tasks as the node has room for
//! (spec: orchestrators-b.md section 6.4).
//!
//! The aggregator of tasks that wait, one for each job in the original, leads to the sink at no cost
//! and without a limit; here every task has an arc to the sink that costs the same.

mod machine;
mod plain;
#[cfg(test)]
mod tests;

use units::{ClassId, Instant, NodeId, SortedMap, SortedSet};

use self::machine::Machine;
use super::cost_model::{CostModel, Goal, Racks, TaskFacts};
use super::network::{ArcId, Flaw, Network, Vertex};

pub use self::plain::Difference;

/// More units than there are tasks.
const ENOUGH: i64 = 1 << 32;

/// Arcs from classes to nodes that are kept for classes without waiting tasks.
const ARCS_KEPT: usize = 1 << 20;

/// The racks of a class.
#[derive(Clone, Debug)]
struct Aggregator {
    vertex: Vertex,
    /// Racks, with the arcs to them.
    racks: SortedMap<u32, (Vertex, ArcId)>,
    /// Arcs from racks to nodes, with the room there, by node.
    arcs: Vec<Option<(ArcId, u32)>>,
    waiting: usize,
    /// Whether a node got room for tasks of the class, or lost its last, since the last round.
    is_changed: bool,
}

impl Aggregator {
    /// Number of units that a task of the class may send to a goal directly.
    fn admits(&self, goal: Goal) -> i64 {
        let Goal::Node(node) = goal else {
            return 1;
        };
        let own = self.arcs.get(node.index()).copied().flatten();
        i64::from(own.is_some_and(|(_, room)| room > 0))
    }
}

/// A task.
#[derive(Clone, Debug)]
struct Task {
    class: ClassId,
    facts: TaskFacts,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    /// The task waits: its node in the network, and the arcs there.
    Waiting {
        vertex: Vertex,
        wait: ArcId,
        anywhere: ArcId,
        preferred: Vec<(Goal, ArcId)>,
    },
    /// The task has a node.
    On(NodeId),
}

/// Tasks and nodes as a network.
#[derive(Clone)]
pub struct Graph {
    model: Box<dyn CostModel>,
    network: Network,
    machines: Vec<Option<Machine>>,
    racks: Racks,
    /// By class.
    aggregators: Vec<Option<Aggregator>>,
    /// Tasks by their numbers.
    tasks: Vec<Option<Task>>,
    /// Numbers of the tasks that wait, in the order of the numbers.
    waiting: SortedSet<u64>,
}

impl Graph {
    /// A network without tasks and nodes.
    pub fn new(model: Box<dyn CostModel>) -> Self {
        Self {
            model,
            network: Network::new(),
            machines: Vec::new(),
            racks: Racks::default(),
            aggregators: Vec::new(),
            tasks: Vec::new(),
            waiting: SortedSet::new(),
        }
    }

    /// The cost model.
    pub fn model(&self) -> &dyn CostModel {
        &*self.model
    }

    /// The racks of all nodes.
    pub fn racks(&self) -> &Racks {
        &self.racks
    }

    /// The cost of the cheapest flow and of the slots of tasks with nodes, in millionths, once the flow
    /// is proved to be the cheapest.
    ///
    /// # Errors
    /// The flow is not the cheapest.
    pub fn cost(&self) -> Result<i128, Flaw> {
        self.network.audit()?;
        let loads = self
            .machines
            .iter()
            .flatten()
            .flat_map(|machine| 0..machine.tasks);
        let settled: i128 = loads
            .map(|tasks| i128::from(self.model.one_more(tasks)))
            .sum();
        Ok(self.network.cost() + settled)
    }

    /// Sets the number of tasks of a class that a node has room for.
    pub fn set_room(&mut self, class: ClassId, node: NodeId, room: u32) {
        let Some(own) = self.machines.get(node.index()).and_then(Option::as_ref) else {
            return;
        };
        let Some(Some(aggregator)) = self.aggregators.get_mut(class.index()) else {
            return;
        };
        if aggregator.arcs.len() <= node.index() {
            aggregator.arcs.resize(node.index() + 1, None);
        }
        if let Some((arc, known)) = &mut aggregator.arcs[node.index()] {
            if *known != room {
                aggregator.is_changed |= (*known == 0) != (room == 0);
                *known = room;
                self.network.set_capacity(*arc, i64::from(room));
            }
            return;
        }
        if room == 0 {
            return;
        }
        let rack = self.racks.of(node);
        let (network, from) = (&mut self.network, aggregator.vertex);
        let (rack, _) = *aggregator.racks.entry(rack).or_insert_with(|| {
            let vertex = network.add_node(0);
            (vertex, network.add_arc(from, vertex, ENOUGH, 0))
        });
        let arc = network.add_arc(rack, own.vertex, i64::from(room), self.model.node(node));
        aggregator.arcs[node.index()] = Some((arc, room));
        aggregator.is_changed = true;
    }

    /// Returns whether a class has its arcs, and adds it without any if not.
    pub fn open_class(&mut self, class: ClassId) -> bool {
        if self.aggregators.len() <= class.index() {
            self.aggregators.resize_with(class.index() + 1, || None);
        }
        if self.aggregators[class.index()].is_some() {
            return true;
        }
        if self.network.arc_count() > ARCS_KEPT {
            self.close_idle_classes();
        }
        self.aggregators[class.index()] = Some(Aggregator {
            vertex: self.network.add_node(0),
            racks: SortedMap::new(),
            arcs: Vec::new(),
            waiting: 0,
            is_changed: false,
        });
        false
    }

    fn close_idle_classes(&mut self) {
        for slot in &mut self.aggregators {
            if let Some(own) = slot.take_if(|own| own.waiting == 0) {
                for (rack, _) in own.racks.into_values() {
                    self.network.remove_node(rack);
                }
                self.network.remove_node(own.vertex);
            }
        }
    }

    /// The classes that have arcs.
    pub fn open_classes(&self) -> impl Iterator<Item = ClassId> {
        let classes = self.aggregators.iter().enumerate();
        classes
            .filter_map(|(index, own)| Some(ClassId::from_index(index)).filter(|_| own.is_some()))
    }

    /// Adds a task that waits, of a class that is open.
    pub fn add_task(&mut self, number: u64, class: ClassId, facts: TaskFacts, now: Instant) {
        let aggregator = self.aggregators.get_mut(class.index());
        let Some(aggregator) = aggregator.and_then(Option::as_mut) else {
            return;
        };
        let (network, model) = (&mut self.network, &*self.model);
        let vertex = network.add_node(1);
        let sink = network.sink();
        let wait = network.add_arc(vertex, sink, 1, model.waiting(&facts, now));
        let any = model.anywhere(&facts, &self.racks);
        let anywhere = network.add_arc(vertex, aggregator.vertex, 1, any);
        let mut preferred = Vec::new();
        for (goal, cost) in model.preferred(&facts, &self.racks) {
            let to = match goal {
                Goal::Node(node) => {
                    let own = self.machines.get(node.index());
                    own.and_then(Option::as_ref).map(|own| own.vertex)
                }
                Goal::Rack(rack) => aggregator.racks.get(&rack).map(|own| own.0),
            };
            if let Some(to) = to {
                let capacity = aggregator.admits(goal);
                preferred.push((goal, network.add_arc(vertex, to, capacity, cost)));
            }
        }
        aggregator.waiting += 1;
        let place = Place::Waiting {
            vertex,
            wait,
            anywhere,
            preferred,
        };
        self.waiting.insert(number);
        let task = Task {
            class,
            facts,
            place,
        };
        let index = number as usize;
        if self.tasks.len() <= index {
            self.tasks.resize(index + 1, None);
        }
        self.tasks[index] = Some(task);
    }

    /// The next instant after `now` from which on waiting costs a task more than one of its places;
    /// `None` where it never will. Until then only what happens can help the task.
    pub fn next_due(&self, number: u64, now: Instant) -> Option<Instant> {
        let task = self.task(number)?;
        let Place::Waiting {
            anywhere,
            preferred,
            ..
        } = &task.place
        else {
            return None;
        };
        let arcs = preferred.iter().map(|(_, arc)| arc).chain([anywhere]);
        let due = arcs.filter_map(|&arc| {
            let cost = self.network.cost_of(arc);
            self.model.dearer_than(&task.facts, cost)
        });
        due.filter(|&at| at > now).min()
    }

    /// Removes a task.
    pub fn remove_task(&mut self, number: u64) {
        let known = self.tasks.get_mut(number as usize);
        let Some(task) = known.and_then(Option::take) else {
            return;
        };
        match task.place {
            Place::Waiting { vertex, .. } => {
                self.waiting.remove(&number);
                self.network.remove_node(vertex);
                if let Some(Some(own)) = self.aggregators.get_mut(task.class.index()) {
                    own.waiting -= 1;
                }
            }
            Place::On(node) => {
                if let Some(Some(machine)) = self.machines.get_mut(node.index()) {
                    machine.tasks -= 1;
                    machine.give_back(&mut self.network, &*self.model);
                }
            }
        }
    }

    /// The node that a task has for good.
    pub fn node_of(&self, number: u64) -> Option<NodeId> {
        match self.task(number)?.place {
            Place::On(node) => Some(node),
            Place::Waiting { .. } => None,
        }
    }

    fn task(&self, number: u64) -> Option<&Task> {
        self.tasks.get(number as usize)?.as_ref()
    }

    /// Returns whether a node has a slot that no task has for good: without one, a round places nothing.
    pub fn has_slot(&self) -> bool {
        let mut machines = self.machines.iter().flatten();
        machines.any(|machine| machine.tasks < machine.slots)
    }

    /// The number of tasks that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Finds the cheapest flow at an instant, and returns the nodes that it leads waiting tasks to, in
    /// the order of their numbers. They still wait until they are [put there](Self::put).
    ///
    /// # Errors
    /// Tasks have no way, not even to wait.
    pub fn solve(&mut self, now: Instant) -> Result<Vec<(u64, NodeId)>, Flaw> {
        let network = &mut self.network;
        for number in &self.waiting {
            let Some(Some(task)) = self.tasks.get(*number as usize) else {
                continue;
            };
            let Place::Waiting {
                wait, preferred, ..
            } = &task.place
            else {
                continue;
            };
            network.set_cost(*wait, self.model.waiting(&task.facts, now));
            let class = self.aggregators.get(task.class.index());
            let Some(class) = class.and_then(Option::as_ref).filter(|own| own.is_changed) else {
                continue;
            };
            for &(goal, arc) in preferred {
                network.set_capacity(arc, class.admits(goal));
            }
        }
        for class in self.aggregators.iter_mut().flatten() {
            class.is_changed = false;
        }
        network.solve()?;
        while self.offer_more() {
            self.network.solve()?;
        }
        Ok(self.places())
    }

    /// Has the network know more slots of nodes whose known ones are full; `false` if there are none.
    fn offer_more(&mut self) -> bool {
        let (network, model) = (&mut self.network, &*self.model);
        let mut is_more = false;
        for machine in self.machines.iter_mut().flatten() {
            is_more |= machine.offer_more(network, model);
        }
        is_more
    }

    /// Nodes at the ends of the ways of waiting tasks. Units on one arc can't be told apart: the task
    /// with the lowest number takes the lowest rack and node.
    fn places(&self) -> Vec<(u64, NodeId)> {
        let mut found = Vec::new();
        // Units that lead from the racks of a class to nodes, in order, last first.
        let mut ends: SortedMap<ClassId, SortedMap<u32, Vec<NodeId>>> = SortedMap::new();
        for class in self.open_classes() {
            let Some(Some(own)) = self.aggregators.get(class.index()) else {
                continue;
            };
            if own.waiting == 0 {
                continue;
            }
            let ends = ends.entry(class).or_default();
            for (index, arc) in own.arcs.iter().enumerate().rev() {
                let Some((arc, _)) = arc else { continue };
                let node = NodeId::from_index(index);
                for _ in 0..self.network.flow(*arc) {
                    ends.entry(self.racks.of(node)).or_default().push(node);
                }
            }
        }
        // Those that prefer a rack take from it first; the others take what is left of all racks.
        let mut late = Vec::new();
        for &number in &self.waiting {
            let Some(task) = self.task(number) else {
                continue;
            };
            let Place::Waiting {
                wait,
                anywhere,
                preferred,
                ..
            } = &task.place
            else {
                continue;
            };
            if self.network.flow(*wait) > 0 {
                continue;
            }
            if self.network.flow(*anywhere) > 0 {
                late.push((number, task.class));
                continue;
            }
            let taken = preferred
                .iter()
                .find(|(_, arc)| self.network.flow(*arc) > 0);
            let node = match taken {
                Some((Goal::Node(node), _)) => Some(*node),
                Some((Goal::Rack(rack), _)) => {
                    let racks = ends.get_mut(&task.class);
                    racks.and_then(|racks| racks.get_mut(rack)?.pop())
                }
                None => None,
            };
            found.extend(node.map(|node| (number, node)));
        }
        for (number, class) in late {
            let racks = ends.get_mut(&class);
            let node = racks.and_then(|racks| racks.values_mut().find_map(Vec::pop));
            found.extend(node.map(|node| (number, node)));
        }
        found.sort_unstable();
        found
    }

    /// Puts a waiting task on a node for good.
    pub fn put(&mut self, number: u64, node: NodeId) {
        let machine = self.machines.get_mut(node.index()).and_then(Option::as_mut);
        let task = self.tasks.get_mut(number as usize).and_then(Option::as_mut);
        let (Some(task), Some(machine)) = (task, machine) else {
            return;
        };
        let Place::Waiting {
            vertex,
            anywhere,
            preferred,
            ..
        } = std::mem::replace(&mut task.place, Place::On(node))
        else {
            task.place = Place::On(node);
            return;
        };
        self.waiting.remove(&number);
        let aggregator = self.aggregators.get_mut(task.class.index());
        let aggregator = aggregator.and_then(Option::as_mut);
        let network = &mut self.network;
        let carries = |arc: &ArcId| network.flow(*arc) > 0;
        let by = |wanted: Goal| {
            let mut goals = preferred.iter().filter(|(goal, _)| *goal == wanted);
            goals.find(|(_, arc)| carries(arc)).map(|&(_, arc)| arc)
        };
        let rack = self.racks.of(node);
        let last = aggregator.as_ref().and_then(|own| {
            let (last, _) = (*own.arcs.get(node.index())?)?;
            let (_, to_rack) = *own.racks.get(&rack)?;
            carries(&last).then_some((to_rack, last))
        });
        let way = match (by(Goal::Node(node)), by(Goal::Rack(rack)), last) {
            (Some(direct), _, _) => Some(vec![direct]),
            (None, Some(first), Some((_, last))) => Some(vec![first, last]),
            (None, None, Some((to_rack, last))) => {
                let is_way = carries(&anywhere) && carries(&to_rack);
                is_way.then(|| vec![anywhere, to_rack, last])
            }
            _ => None,
        };
        // Without a way there, it was put there by others: then its unit goes as it came.
        if let Some(mut way) = way
            && let Some(slot) = machine.next_slot().filter(carries)
        {
            way.push(slot);
            network.finish(vertex, &way);
        }
        network.remove_node(vertex);
        machine.take(network, &*self.model);
        if let Some(own) = aggregator {
            own.waiting -= 1;
        }
    }
}
