//! The scheduling network: tasks, what they wait for, and the nodes of the cluster.
//!
//! A unit starts at every task. It reaches the sink past a node, directly or by way of the node's
//! rack, or it waits. Tasks of one class are alike to nodes, so each class has racks of its own, and
//! an arc from there to a node carries as many tasks as the node has room for
//! (spec: orchestrators-b.md section 6.4).
//!
//! The aggregator of tasks that wait, one for each job in the original, leads to the sink at no cost
//! and without a limit; here every task has an arc to the sink that costs the same.
//!
//! Where tasks may lose their nodes, they stay in the network once they have them, each with an arc to
//! its node that costs less than its other ways there (`running`).

mod classes;
mod machine;
mod places;
mod plain;
mod running;
#[cfg(test)]
mod tests;

use units::{ClassId, Instant, NodeId, SortedSet};

use self::classes::Aggregator;
use self::machine::Machine;
use super::cost_model::{CostModel, Goal, Racks, TaskFacts};
use super::network::{ArcId, Cost, Flaw, Network, Vertex};

pub use self::plain::Difference;

/// More units than there are tasks.
const ENOUGH: i64 = 1 << 32;

/// A task.
#[derive(Clone, Debug)]
struct Task {
    class: ClassId,
    facts: TaskFacts,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    /// The task waits.
    Waiting(TaskArcs),
    /// The task has a node, and may lose it.
    Running(TaskArcs, RunningArc),
    /// The task has a node for good, and is no part of the network.
    On(NodeId),
}

impl Place {
    /// A task's ways, if it is a part of the network.
    const fn ways(&self) -> Option<&TaskArcs> {
        match self {
            Self::Waiting(ways) | Self::Running(ways, _) => Some(ways),
            Self::On(_) => None,
        }
    }
}

/// A task's node in the network, and the arcs there.
#[derive(Clone, Debug)]
struct TaskArcs {
    vertex: Vertex,
    wait: ArcId,
    anywhere: ArcId,
    preferred: Vec<(Goal, ArcId)>,
}

/// The node of a task that may lose it.
#[derive(Clone, Copy, Debug)]
struct RunningArc {
    node: NodeId,
    arc: ArcId,
    /// Cost of staying at first.
    cost: Cost,
    /// Instant at which the task got the node.
    since: Instant,
}

/// Tasks and nodes as a network.
#[derive(Clone)]
pub struct Graph {
    model: Box<dyn CostModel>,
    /// `true` if tasks may lose their nodes.
    preempts: bool,
    network: Network,
    machines: Vec<Option<Machine>>,
    racks: Racks,
    /// By class.
    aggregators: Vec<Option<Aggregator>>,
    /// Tasks by their numbers.
    tasks: Vec<Option<Task>>,
    /// Numbers of the tasks that wait, in the order of the numbers.
    waiting: SortedSet<u64>,
    /// Numbers of the tasks that may lose their nodes.
    running: SortedSet<u64>,
}

impl Graph {
    /// A network without tasks and nodes, in which tasks keep the nodes that they have.
    pub fn new(model: Box<dyn CostModel>) -> Self {
        Self {
            model,
            preempts: false,
            network: Network::new(),
            machines: Vec::new(),
            racks: Racks::default(),
            aggregators: Vec::new(),
            tasks: Vec::new(),
            waiting: SortedSet::new(),
            running: SortedSet::new(),
        }
    }

    /// This network without tasks and nodes where tasks may lose their nodes.
    #[must_use]
    pub fn with_preemption(mut self, preempts: bool) -> Self {
        self.preempts = preempts;
        self
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

    /// Adds a task that waits, of a class that is open.
    pub fn add_task(&mut self, number: u64, class: ClassId, facts: TaskFacts, now: Instant) {
        let goals = self.model.preferred(&facts, &self.racks);
        if self.preempts {
            // The ways there are limited by the room behind their doors.
            for (goal, _) in &goals {
                if let Goal::Node(node) = *goal {
                    self.open_way(class, node);
                }
            }
        }
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
        for (goal, cost) in goals {
            let to = match goal {
                Goal::Node(node) => aggregator.door(node).or_else(|| {
                    let own = self.machines.get(node.index());
                    own.and_then(Option::as_ref).map(|own| own.vertex)
                }),
                Goal::Rack(rack) => aggregator.racks.get(&rack).map(|rack| rack.0),
            };
            if let Some(to) = to {
                let capacity = aggregator.admits(goal);
                preferred.push((goal, network.add_arc(vertex, to, capacity, cost)));
            }
        }
        aggregator.tasks += 1;
        self.waiting.insert(number);
        let task = Task {
            class,
            facts,
            place: Place::Waiting(TaskArcs {
                vertex,
                wait,
                anywhere,
                preferred,
            }),
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
        let Place::Waiting(ways) = &task.place else {
            return None;
        };
        let preferred = ways.preferred.iter().map(|(_, arc)| arc);
        let due = preferred.chain([&ways.anywhere]).filter_map(|&arc| {
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
            Place::Waiting(ways) => {
                self.waiting.remove(&number);
                self.leave(task.class, &ways);
            }
            Place::Running(ways, stay) => {
                self.running.remove(&number);
                self.leave(task.class, &ways);
                self.count_at_door(task.class, stay.node, |tasks| tasks - 1);
            }
            Place::On(node) => {
                if let Some(Some(machine)) = self.machines.get_mut(node.index()) {
                    machine.tasks -= 1;
                    machine.give_back(&mut self.network, &*self.model);
                }
            }
        }
    }

    /// A task is no part of the network any more.
    fn leave(&mut self, class: ClassId, ways: &TaskArcs) {
        self.network.remove_node(ways.vertex);
        if let Some(Some(own)) = self.aggregators.get_mut(class.index()) {
            own.tasks -= 1;
        }
    }

    /// The node that a task has.
    pub fn node_of(&self, number: u64) -> Option<NodeId> {
        match self.task(number)?.place {
            Place::On(node) => Some(node),
            Place::Running(_, stay) => Some(stay.node),
            Place::Waiting(_) => None,
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

    /// Finds the cheapest flow at an instant, and returns the nodes that it leads tasks to which are not
    /// there, in the order of their numbers. They are where they were until they are
    /// [put there](Self::put).
    ///
    /// # Errors
    /// Tasks have no way, not even to wait.
    pub fn solve(&mut self, now: Instant) -> Result<Vec<(u64, NodeId)>, Flaw> {
        let network = &mut self.network;
        for number in &self.waiting {
            let Some(Some(task)) = self.tasks.get(*number as usize) else {
                continue;
            };
            let Place::Waiting(ways) = &task.place else {
                continue;
            };
            network.set_cost(ways.wait, self.model.waiting(&task.facts, now));
            let class = self.aggregators.get(task.class.index());
            let Some(class) = class.and_then(Option::as_ref).filter(|own| own.is_changed) else {
                continue;
            };
            for &(goal, arc) in &ways.preferred {
                network.set_capacity(arc, class.admits(goal));
            }
        }
        for class in self.aggregators.iter_mut().flatten() {
            class.is_changed = false;
        }
        self.price_stays(now);
        self.network.solve()?;
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
}
