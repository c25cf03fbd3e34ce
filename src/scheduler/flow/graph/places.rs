//! From the units of a flow to the nodes of tasks.

use units::{ClassId, Instant, NodeId, SortedMap};

use super::super::cost_model::Goal;
use super::super::network::ArcId;
use super::{Graph, Place, Task, TaskArcs};

/// Units that lead from the racks of a class to nodes, in order, last first.
type Ends = SortedMap<u32, Vec<NodeId>>;

impl Graph {
    /// Nodes at the ends of the ways of tasks, except for those that stay where they are. Units on one arc
    /// are equivalent: the task with the lowest number takes the lowest rack and node, tasks that
    /// wait before those that have nodes.
    pub(super) fn places(&self) -> Vec<(u64, NodeId)> {
        let mut found = Vec::new();
        let mut ends = self.ends();
        // Those that prefer a rack take from it first; the others take what is left of all racks.
        let mut late = Vec::new();
        for &number in self.waiting.iter().chain(&self.running) {
            let Some(task) = self.task(number) else {
                continue;
            };
            let Some(ways) = task.place.ways().filter(|_| !self.stays(task)) else {
                continue;
            };
            if self.network.flow(ways.wait) > 0 {
                continue;
            }
            if self.network.flow(ways.anywhere) > 0 {
                late.push((number, task.class));
                continue;
            }
            let mut preferred = ways.preferred.iter();
            let node = match preferred.find(|(_, arc)| self.network.flow(*arc) > 0) {
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
        found.retain(|&(number, node)| self.node_of(number) != Some(node));
        found.sort_unstable();
        found
    }

    fn ends(&self) -> SortedMap<ClassId, Ends> {
        let mut ends: SortedMap<ClassId, Ends> = SortedMap::new();
        for class in self.open_classes() {
            let Some(Some(own)) = self.aggregators.get(class.index()) else {
                continue;
            };
            if own.tasks == 0 {
                continue;
            }
            let ends = ends.entry(class).or_default();
            for (index, way) in own.ways.iter().enumerate().rev() {
                let Some(way) = way else { continue };
                let node = NodeId::from_index(index);
                for _ in 0..self.network.flow(way.arc) {
                    ends.entry(self.racks.of(node)).or_default().push(node);
                }
            }
        }
        ends
    }

    /// Whether a task's unit goes to the node that the task has.
    fn stays(&self, task: &Task) -> bool {
        match &task.place {
            Place::Running(_, stay) => self.network.flow(stay.arc) > 0,
            Place::Waiting(_) | Place::On(_) => false,
        }
    }

    /// Tasks that the flow leads from their nodes to waiting, in the order of their numbers.
    pub fn preempted(&self) -> Vec<u64> {
        let loses = |number: &u64| {
            let ways = self.task(*number).and_then(|task| task.place.ways());
            ways.is_some_and(|ways| self.network.flow(ways.wait) > 0)
        };
        self.running.iter().copied().filter(loses).collect()
    }

    /// Puts a waiting task on a node at an instant: for good, unless tasks may lose their nodes.
    pub fn put(&mut self, number: u64, node: NodeId, now: Instant) {
        let has_machine = self.machines.get(node.index()).is_some_and(Option::is_some);
        let task = self.tasks.get_mut(number as usize).and_then(Option::as_mut);
        let Some(task) = task.filter(|_| has_machine) else {
            return;
        };
        let class = task.class;
        let ways = match std::mem::replace(&mut task.place, Place::On(node)) {
            Place::Waiting(ways) => ways,
            other @ Place::Running(..) => {
                task.place = other;
                return;
            }
            Place::On(_) => return,
        };
        self.waiting.remove(&number);
        let way = self.way_of(class, &ways, node);
        if self.preempts {
            self.stay(number, ways, node, way, now);
            return;
        }
        let Some(Some(machine)) = self.machines.get_mut(node.index()) else {
            return;
        };
        let network = &mut self.network;
        // Without a way there, it was put there by others: then its unit goes as it came.
        if let Some(mut way) = way
            && let Some(slot) = machine.next_slot().filter(|&arc| network.flow(arc) > 0)
        {
            way.push(slot);
            network.finish(ways.vertex, &way);
        }
        self.leave(class, &ways);
        if let Some(Some(machine)) = self.machines.get_mut(node.index()) {
            machine.take(&mut self.network, &*self.model);
        }
    }

    /// The arcs by which a task's unit can be taken to go to a node, up to the node or its door.
    fn way_of(&self, class: ClassId, ways: &TaskArcs, node: NodeId) -> Option<Vec<ArcId>> {
        let carries = |arc: &ArcId| self.network.flow(*arc) > 0;
        let by = |wanted: Goal| {
            let mut goals = ways.preferred.iter().filter(|(goal, _)| *goal == wanted);
            goals.find(|(_, arc)| carries(arc)).map(|&(_, arc)| arc)
        };
        let rack = self.racks.of(node);
        let own = self.aggregators.get(class.index());
        let last = own.and_then(Option::as_ref).and_then(|own| {
            let last = own.ways.get(node.index()).copied().flatten()?.arc;
            let (_, to_rack) = *own.racks.get(&rack)?;
            carries(&last).then_some((to_rack, last))
        });
        match (by(Goal::Node(node)), by(Goal::Rack(rack)), last) {
            (Some(direct), _, _) => Some(vec![direct]),
            (None, Some(first), Some((_, last))) => Some(vec![first, last]),
            (None, None, Some((to_rack, last))) => {
                let is_way = carries(&ways.anywhere) && carries(&to_rack);
                is_way.then(|| vec![ways.anywhere, to_rack, last])
            }
            _ => None,
        }
    }
}
