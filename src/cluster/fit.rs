//! Questions about fit, as metrics ask them; the scheduler answers with its own filters.

use units::{ClassId, NodeId};

use super::Store;

/// Answers whether a pod of a class could be placed on a node as the store is now.
pub trait Fit {
    /// Whether every filter lets a pod of the class on the node.
    fn fits(&mut self, store: &Store, class: ClassId, node: NodeId) -> bool;
}

/// Fit by resources and GPU devices alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResourceFit;

impl Fit for ResourceFit {
    fn fits(&mut self, store: &Store, class: ClassId, node: NodeId) -> bool {
        let columns = store.class(class);
        store.nodes().schedulable()[node.index()]
            && store.nodes().has_room(node, &columns.requests)
            && store.nodes().has_gpu_room(node, columns.gpu)
    }
}
