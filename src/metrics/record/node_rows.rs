//! Nodes as metrics see them: what each has, offers, holds and has left.

use cluster::Store;
use cluster::nodes::{Columns, NO_MODEL};
use model::resource_list::{CPU, MEMORY, PODS};
use units::NodeId;

use crate::record::gpus;
use crate::record::state::{Amounts, Row};

/// A node as metrics see it once everything of an instant has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeRow {
    /// `true` if the node exists.
    pub present: bool,
    /// `true` if the node is up.
    pub up: bool,
    /// `true` if the node takes new pods: up and not cordoned.
    pub schedulable: bool,
    /// Capacity of the machine, reserved parts included.
    pub nominal: Row,
    /// Capacity that pods may use.
    pub allocatable: Row,
    /// Total requests of the node's pods.
    pub allocated: Row,
    /// Free capacity for new pods: `allocatable` less pods and holds; negative where overcommitted.
    pub free: Row,
}

impl NodeRow {
    /// Present capacity: nothing unless the node is up.
    pub fn capacity(&self) -> Row {
        if self.up {
            self.allocatable
        } else {
            Row::default()
        }
    }

    /// `true` if the node offers the amounts of another one.
    pub(crate) fn offers_as(&self, other: &Self) -> bool {
        self.present == other.present
            && self.up == other.up
            && self.schedulable == other.schedulable
            && self.nominal == other.nominal
            && self.allocatable == other.allocatable
    }

    /// Free capacity for a changed allocation.
    #[inline]
    pub(crate) fn free_with(&self, allocated: &Row) -> Row {
        let mut free = self.free;
        for (index, free) in free.iter_mut().enumerate() {
            *free -= allocated[index] - self.allocated[index];
        }
        free
    }

    /// The row with other amounts allocated and free, where there are any.
    pub(crate) fn as_told(&self, told: Option<[Row; 2]>) -> Self {
        let [allocated, free] = told.unwrap_or([self.allocated, self.free]);
        Self {
            allocated,
            free,
            ..*self
        }
    }

    /// Room for new pods: nothing unless the node is schedulable, never below zero.
    #[inline]
    pub fn room(&self) -> Row {
        let mut room = Row::default();
        if self.schedulable {
            for (index, room) in room.iter_mut().enumerate() {
                *room = self.free[index].max(0);
            }
        }
        room
    }
}

/// The GPU devices of a node as they are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Devices<'a> {
    /// Their model; [`NO_MODEL`] without any.
    pub model: u8,
    /// Milli-GPU left on each.
    pub rooms: &'a [u16],
}

impl<'a> Devices<'a> {
    /// No devices.
    pub const NONE: Self = Self {
        model: NO_MODEL,
        rooms: &[],
    };

    /// The devices of a node now.
    pub fn of(store: &'a Store, node: NodeId) -> Self {
        let nodes = store.nodes();
        Self {
            model: nodes.gpu_model(node),
            rooms: nodes.gpu_room(node),
        }
    }
}

/// Nodes that are not as they were. Several are reported together only where they were alike, are
/// alike, and have no GPU devices.
#[derive(Clone, Copy, Debug)]
pub struct NodeChange<'a> {
    /// The changed nodes: at least one.
    pub nodes: &'a [NodeId],
    /// Row of each node when last reported; all zero for a new node.
    pub before: &'a NodeRow,
    /// Present row of each node.
    pub now: &'a NodeRow,
    /// Room for new pods on each node, before and now.
    pub rooms: [Row; 2],
    /// The GPU devices of each.
    pub devices: Devices<'a>,
    /// Room for new pods on all nodes, with the changed nodes in their present state.
    pub room: &'a Amounts,
    /// Measured time that had passed before, in nanoseconds.
    pub clock: i64,
}

impl NodeChange<'_> {
    /// The first of the nodes, to which all others are alike.
    #[inline]
    pub fn node(&self) -> NodeId {
        self.nodes[0]
    }

    /// The number of rows that a list of one entry for each node needs to have.
    #[inline]
    pub fn rows(&self) -> usize {
        let last = self.nodes.iter().map(|node| node.index()).max();
        last.map_or(0, |last| last + 1)
    }

    /// Number of nodes.
    #[inline]
    pub fn times(&self) -> i64 {
        self.nodes.len() as i64
    }
}

/// Amounts that a node lets pods use, by [`Resource`].
#[inline]
pub(crate) fn allocatable_at(store: &Store, node: NodeId) -> Row {
    let gpu_milli = gpus::allocatable(store, node);
    amounts_at(store.nodes().allocatable(), node, gpu_milli)
}

/// Amounts that a node has left, by [`Resource`].
#[inline]
pub(crate) fn free_at(store: &Store, node: NodeId) -> Row {
    let gpu_milli = gpus::free(store, node);
    amounts_at(store.nodes().free(), node, gpu_milli)
}

#[inline]
fn amounts_at(columns: &Columns, node: NodeId, gpu_milli: i64) -> Row {
    let row = node.index();
    [
        columns.cpu_milli[row],
        columns.memory_bytes[row],
        gpu_milli,
        columns.pods[row],
    ]
}

/// A node's row, what it offers included.
pub(crate) fn offered(store: &Store, node: NodeId, allocated: Row) -> NodeRow {
    let nodes = store.nodes();
    let Some(object) = nodes.object(node) else {
        return NodeRow {
            allocated,
            ..NodeRow::default()
        };
    };
    let allocatable = allocatable_at(store, node);
    let mut nominal = allocatable;
    for (name, index) in [(CPU, 0), (MEMORY, 1), (PODS, 3)] {
        let amount = object.capacity.get(name);
        let amount = if index == 0 {
            amount.milli_floor()
        } else {
            amount.units_ceil()
        };
        // A machine has at least what it lets pods use.
        nominal[index] = nominal[index].max(amount.unwrap_or(0));
    }
    NodeRow {
        present: true,
        up: nodes.is_ready(node),
        schedulable: nodes.schedulable()[node.index()],
        nominal,
        allocatable,
        allocated,
        free: free_at(store, node),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_cordoned_offers_something_else() {
        let open = NodeRow {
            present: true,
            up: true,
            schedulable: true,
            ..NodeRow::default()
        };
        let cordoned = NodeRow {
            schedulable: false,
            ..open
        };
        assert!(open.offers_as(&open) && cordoned.offers_as(&cordoned));
        assert!(!open.offers_as(&cordoned) && !cordoned.offers_as(&open));
    }
}
