//! The classes of tasks in the scheduling network, with their ways to nodes.

use units::{ClassId, NodeId, SortedMap};

use super::super::cost_model::Goal;
use super::super::network::{ArcId, Network, Vertex};
use super::{ENOUGH, Graph};

/// Arcs from classes to nodes that are kept for classes without tasks in the network.
const ARCS_KEPT: usize = 1 << 20;

/// The racks of a class.
#[derive(Clone, Debug)]
pub(super) struct Aggregator {
    pub(super) vertex: Vertex,
    /// Racks, with the arcs to them.
    pub(super) racks: SortedMap<u32, (Vertex, ArcId)>,
    /// Ways from racks to nodes, by node.
    pub(super) ways: Vec<Option<NodeArc>>,
    /// Number of tasks of the class in the network.
    pub(super) tasks: usize,
    /// Whether a node got room for tasks of the class, or lost its last, since the last round.
    pub(super) is_changed: bool,
}

/// The way of a class from a rack to a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeArc {
    /// The arc that leaves the rack.
    pub(super) arc: ArcId,
    /// Number of further tasks that the node has room for.
    pub(super) room: u32,
    /// Where tasks may lose their nodes: all ways of the class to the node lead through its door.
    pub(super) door: Option<NodeEntrance>,
}

/// The one entrance of a class to a node: as many tasks pass it as have the node or find room beside them.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeEntrance {
    pub(super) vertex: Vertex,
    /// The arc to the node.
    arc: ArcId,
    /// Number of tasks of the class that have the node.
    pub(super) tasks: u32,
}

impl NodeArc {
    /// The number of tasks that may go this way.
    pub(super) fn capacity(&self) -> i64 {
        i64::from(self.room) + self.door.map_or(0, |door| i64::from(door.tasks))
    }
}

impl Aggregator {
    /// The number of units that a task of the class may send to a goal directly.
    pub(super) fn admits(&self, goal: Goal) -> i64 {
        let Goal::Node(node) = goal else {
            return 1;
        };
        let own = self.ways.get(node.index()).copied().flatten();
        i64::from(own.is_some_and(|way| way.room > 0 || way.door.is_some()))
    }

    /// The node of a rack in the network, which is added if it is not there.
    fn rack(&mut self, rack: u32, network: &mut Network) -> Vertex {
        let from = self.vertex;
        let (vertex, _) = *self.racks.entry(rack).or_insert_with(|| {
            let vertex = network.add_node(0);
            (vertex, network.add_arc(from, vertex, ENOUGH, 0))
        });
        vertex
    }

    /// The door of a node, if it has one.
    pub(super) fn door(&self, node: NodeId) -> Option<Vertex> {
        let way = self.ways.get(node.index()).copied().flatten()?;
        way.door.map(|door| door.vertex)
    }
}

impl Graph {
    /// Sets the number of tasks of a class that a node has room for.
    pub fn set_room(&mut self, class: ClassId, node: NodeId, room: u32) {
        if room > 0 {
            self.open_way(class, node);
        }
        let Some(Some(aggregator)) = self.aggregators.get_mut(class.index()) else {
            return;
        };
        let Some(Some(way)) = aggregator.ways.get_mut(node.index()) else {
            return;
        };
        if way.room != room {
            aggregator.is_changed |= (way.room == 0) != (room == 0);
            way.room = room;
            self.limit(class, node);
        }
    }

    /// Changes the number of tasks of a class that have a node.
    pub(super) fn count_at_door(&mut self, class: ClassId, node: NodeId, count: fn(u32) -> u32) {
        if let Some(Some(machine)) = self.machines.get_mut(node.index()) {
            machine.running = count(machine.running);
        }
        let own = self.aggregators.get_mut(class.index());
        let own = own.and_then(Option::as_mut);
        let way = own.and_then(|own| own.ways.get_mut(node.index())?.as_mut());
        if let Some(door) = way.and_then(|way| way.door.as_mut()) {
            door.tasks = count(door.tasks);
            self.limit(class, node);
        }
    }

    /// Limits a way to a node to what may go there.
    fn limit(&mut self, class: ClassId, node: NodeId) {
        let own = self.aggregators.get(class.index());
        let own = own.and_then(Option::as_ref);
        let way = own.and_then(|own| own.ways.get(node.index()).copied().flatten());
        if let Some(way) = way {
            self.network.set_capacity(way.arc, way.capacity());
            if let Some(door) = way.door {
                self.network.set_capacity(door.arc, way.capacity());
            }
        }
    }

    /// Adds the way of a class that is open to a node that is there, unless there is one.
    pub(super) fn open_way(&mut self, class: ClassId, node: NodeId) {
        let Some(Some(machine)) = self.machines.get(node.index()) else {
            return;
        };
        let Some(Some(aggregator)) = self.aggregators.get_mut(class.index()) else {
            return;
        };
        if aggregator.ways.len() <= node.index() {
            aggregator.ways.resize(node.index() + 1, None);
        }
        if aggregator.ways[node.index()].is_some() {
            return;
        }
        let network = &mut self.network;
        let mut to = machine.vertex;
        let door = self.preempts.then(|| {
            let vertex = network.add_node(0);
            let arc = network.add_arc(vertex, to, 0, 0);
            to = vertex;
            NodeEntrance {
                vertex,
                arc,
                tasks: 0,
            }
        });
        let rack = aggregator.rack(self.racks.of(node), network);
        let arc = network.add_arc(rack, to, 0, self.model.node(node));
        aggregator.ways[node.index()] = Some(NodeArc { arc, room: 0, door });
    }

    /// Has the ways to a node leave the rack that it is in now.
    pub(super) fn lead_from_rack(&mut self, node: NodeId) {
        let rack = self.racks.of(node);
        for class in 0..self.aggregators.len() {
            let Some(aggregator) = self.aggregators[class].as_mut() else {
                continue;
            };
            let way = aggregator.ways.get_mut(node.index()).and_then(Option::take);
            let Some(way) = way else { continue };
            self.network.remove_arc(way.arc);
            let class = ClassId::from_index(class);
            let Some(door) = way.door else {
                self.set_room(class, node, way.room);
                continue;
            };
            let rack = aggregator.rack(rack, &mut self.network);
            let cost = self.model.node(node);
            let arc = self
                .network
                .add_arc(rack, door.vertex, way.capacity(), cost);
            aggregator.ways[node.index()] = Some(NodeArc { arc, ..way });
        }
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
            ways: Vec::new(),
            tasks: 0,
            is_changed: false,
        });
        false
    }

    fn close_idle_classes(&mut self) {
        for slot in &mut self.aggregators {
            if let Some(own) = slot.take_if(|own| own.tasks == 0) {
                for door in own.ways.iter().flatten().filter_map(|way| way.door) {
                    self.network.remove_node(door.vertex);
                }
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
}
