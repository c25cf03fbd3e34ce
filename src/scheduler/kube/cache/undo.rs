//! Taking changes back, for those who simulate in a cache instead of in a copy of it.

use super::super::node_tree::TreePlace;
use super::{Cache, NodeChange, NodeInfo, change, node_changed};
use model::Text;

/// Order of the nodes before some came.
#[derive(Clone, Debug)]
pub struct NodeOrder {
    slots: usize,
    /// An order that is not that of the zones as they are: it was old.
    old: Option<Vec<usize>>,
}

/// Node that was taken out, and its place in the order.
#[derive(Clone, Debug)]
pub(super) struct RemovedNode {
    pub(super) info: NodeInfo,
    pub(super) place: TreePlace,
}

/// Nodes that were taken out, with their pods and places.
#[derive(Clone, Debug)]
pub struct RemovedNodes {
    taken: Vec<RemovedNode>,
    order: NodeOrder,
}

impl RemovedNodes {
    /// The nodes as they were, in the order in which they were taken.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeInfo> {
        self.taken.iter().map(|own| &own.info)
    }
}

impl Cache {
    /// Order of the nodes before others come, for [`Cache::take_added`].
    pub fn node_order(&self) -> NodeOrder {
        NodeOrder {
            slots: self.slots.len(),
            old: self.order_is_old.then(|| self.order.clone()),
        }
    }

    /// Takes nodes out, with their pods, in one go.
    pub fn take_nodes(&mut self, names: &[Text]) -> RemovedNodes {
        let order = self.node_order();
        let names = names.iter();
        let taken = names.filter_map(|name| self.take_node(name)).collect();
        self.build_order();
        RemovedNodes { taken, order }
    }

    /// Takes out again the nodes that came after the cache had an order.
    pub fn take_added(&mut self, names: &[Text], before: NodeOrder) {
        for name in names {
            self.take_node(name);
        }
        self.slots.truncate(before.slots);
        self.stand_as(before);
    }

    /// Puts nodes back where they were; everything since they were taken out is taken back already.
    pub fn put_back(&mut self, nodes: RemovedNodes) {
        let mut places = Vec::with_capacity(nodes.taken.len());
        for RemovedNode { info, place } in nodes.taken {
            places.push((info.slot, place));
            self.put_node_back(info);
        }
        for (slot, place) in places.into_iter().rev() {
            self.tree.put_back(slot, place);
        }
        self.stand_as(nodes.order);
    }

    fn stand_as(&mut self, known: NodeOrder) {
        self.node_log.push(NodeChange::Order);
        self.build_order();
        if let Some(old) = known.old {
            self.order = old;
            self.order_is_old = true;
        }
    }

    fn put_node_back(&mut self, info: NodeInfo) {
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

    /// The node in a slot is as it was, to the order of its pods. Counters of pods were notified of each.
    pub fn restore_node(&mut self, info: NodeInfo) {
        let slot = info.slot;
        self.slots[slot] = Some(info);
    }
}
