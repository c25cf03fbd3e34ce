//! Nodes of the cluster in the scheduling network.

use std::collections::VecDeque;

use units::NodeId;

use super::super::cost_model::CostModel;
use super::super::network::{ArcId, Network, Vertex};
use super::Graph;

/// A node of the cluster. Tasks that it has for good take its cheapest slots and are no part of the
/// network.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) vertex: Vertex,
    pub(super) slots: u32,
    /// Number of tasks that the node has for good.
    pub(super) tasks: u32,
    /// Number of tasks that the node has and may lose: they are a part of the network.
    pub(super) running: u32,
    /// Arcs to the sink for the next slots, the cheapest first.
    units: VecDeque<Units>,
}

/// Slots of equal cost.
#[derive(Clone, Copy, Debug)]
struct Units {
    arc: ArcId,
    count: u32,
}

impl Machine {
    /// A node without slots.
    pub(super) fn new(vertex: Vertex) -> Self {
        Self {
            vertex,
            slots: 0,
            tasks: 0,
            running: 0,
            units: VecDeque::new(),
        }
    }

    /// The arc of the cheapest slot that is free for good.
    pub(super) fn next_slot(&self) -> Option<ArcId> {
        self.units.front().map(|units| units.arc)
    }

    /// Has the network know more slots if those that it knows are full; `false` if there are none.
    pub(super) fn offer_more(&mut self, network: &mut Network, model: &dyn CostModel) -> bool {
        let offered = self.offered();
        let is_full = |units: &Units| network.flow(units.arc) == i64::from(units.count);
        if self.tasks + offered >= self.slots || !self.units.iter().all(is_full) {
            return false;
        }
        self.offer(2 * offered.max(1), network, model);
        true
    }

    /// The number of slots that the network knows.
    fn offered(&self) -> u32 {
        self.units.iter().map(|units| units.count).sum()
    }

    /// Has the network know at least so many slots beside those that are taken for good.
    fn offer(&mut self, wanted: u32, network: &mut Network, model: &dyn CostModel) {
        let mut offered = self.offered();
        while offered < wanted && self.tasks + offered < self.slots {
            let first = self.tasks + offered;
            let cost = model.one_more(first);
            // It never falls, so equal ends have equal slots between them.
            let is_flat = model.one_more(self.slots - 1) == cost;
            let count = if is_flat { self.slots - first } else { 1 };
            let arc = network.add_arc(self.vertex, network.sink(), i64::from(count), cost);
            self.units.push_back(Units { arc, count });
            offered += count;
        }
    }

    /// A task that the node had is gone: the dearest slot that was taken for good is free.
    pub(super) fn give_back(&mut self, network: &mut Network, model: &dyn CostModel) {
        if self.tasks >= self.slots {
            return;
        }
        let cost = model.one_more(self.tasks);
        if let Some(units) = self.units.front_mut()
            && model.one_more(self.slots - 1) == cost
        {
            units.count += 1;
            network.set_capacity(units.arc, i64::from(units.count));
            return;
        }
        let arc = network.add_arc(self.vertex, network.sink(), 1, cost);
        self.units.push_front(Units { arc, count: 1 });
    }

    /// A task takes the cheapest slot for good; its unit is no part of the network any more.
    pub(super) fn take(&mut self, network: &mut Network, model: &dyn CostModel) {
        self.tasks += 1;
        if let Some(units) = self.units.front_mut() {
            units.count -= 1;
            network.set_capacity(units.arc, i64::from(units.count));
            if units.count == 0 {
                network.remove_arc(units.arc);
                self.units.pop_front();
            }
        }
        self.offer(FIRST_OFFER, network, model);
    }

    /// Offers all slots again.
    pub(super) fn reset(&mut self, network: &mut Network, model: &dyn CostModel) {
        for units in self.units.drain(..) {
            network.remove_arc(units.arc);
        }
        self.offer(FIRST_OFFER, network, model);
    }
}

/// Slots of a node that the network knows at first; it learns of more as these fill up.
const FIRST_OFFER: u32 = 2;

impl Graph {
    /// Adds a node with slots for tasks, or changes its slots.
    pub fn set_machine(&mut self, node: NodeId, rack: u32, slots: u32) {
        if self.machines.len() <= node.index() {
            self.machines.resize_with(node.index() + 1, || None);
        }
        let is_moved = self.machines[node.index()].is_some() && self.racks.of(node) != rack;
        self.racks.put(node, rack);
        if is_moved {
            self.lead_from_rack(node);
        }
        let network = &mut self.network;
        let vacant = &mut self.machines[node.index()];
        let machine = vacant.get_or_insert_with(|| Machine::new(network.add_node(0)));
        if machine.slots == slots {
            return;
        }
        machine.slots = slots;
        machine.reset(network, &*self.model);
    }
}
