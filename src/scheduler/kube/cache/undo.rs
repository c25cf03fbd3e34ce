//! Taking changes back, for those who simulate in a cache instead of in a copy of it.

use super::{Cache, NodeChange, NodeInfo, NodeTree, change, node_changed};
use model::Text;

/// Order of the nodes at a time.
#[derive(Clone, Debug)]
pub struct NodeOrder {
    tree: NodeTree<usize>,
    order: Vec<usize>,
    slots: usize,
}

impl Cache {
    /// Order of the nodes.
    pub fn node_order(&self) -> NodeOrder {
        NodeOrder {
            tree: self.tree.clone(),
            order: self.order.clone(),
            slots: self.slots.len(),
        }
    }

    /// Nodes stand as they did, once those that came since are taken out and those that went are put
    /// back.
    pub fn restore_order(&mut self, known: NodeOrder) {
        self.node_log.push(NodeChange::Order);
        self.tree = known.tree;
        self.order = known.order;
        self.slots.truncate(known.slots);
    }

    /// Takes nodes out, with their pods, in one go.
    pub fn take_nodes(&mut self, names: &[Text]) -> Vec<NodeInfo> {
        let taken: Vec<NodeInfo> = names
            .iter()
            .filter_map(|name| self.take_node(name))
            .collect();
        self.order = self.tree.order();
        taken
    }

    /// Puts a node back where it was; its place in the order comes by [`Cache::restore_order`].
    pub fn put_back(&mut self, info: NodeInfo) {
        let slot = info.slot;
        self.node_log.push(if info.is_down {
            NodeChange::Other
        } else {
            NodeChange::Back(slot)
        });
        self.down += usize::from(info.is_down);
        self.count_images(&info.object, 1);
        for pod in &info.pods {
            let class = self.placements.add(pod, slot);
            self.log.push(change(pod, class, slot, 1));
        }
        self.log.push(node_changed(slot));
        self.places.insert(info.object.name.clone(), slot);
        self.slots[slot] = Some(info);
    }

    /// The node in a slot is as it was, to the order of its pods. Who counts pods was told of each.
    pub fn restore_node(&mut self, info: NodeInfo) {
        let slot = info.slot;
        self.slots[slot] = Some(info);
    }
}
