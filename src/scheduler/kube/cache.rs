//! The scheduler's cache: nodes with their pods, nominated pods, and the objects around them. Kept
//! by changes, read by attempts.

mod devices;
mod undo;
pub(in crate::kube) mod volumes;

use std::sync::Arc;

use undo::RemovedNode;
pub use undo::{NodeOrder, RemovedNodes};
pub use volumes::StorageBefore;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use thiserror::Error;

use super::change_log::{Change, ChangeLog, Identity, NO_CLASS, NodeChange, NodeLog, VersionCell};
use super::node_tree::NodeTree;
use super::{Amounts, Groups, NodeInfo, Placements, PodClass, PodInfo};
use model::{Changes, ClusterObjects, Node, PodSpec, Text};
use units::{QuantityError, SortedMap};

/// Reason a change can't be taken in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CacheError {
    /// A pod on a node that is not there.
    #[error("pod `{pod}` is on node `{node}`, which does not exist; declare the node")]
    UnknownNode {
        /// The pod.
        pod: String,
        /// The node.
        node: String,
    },
    /// A node of the name is there already.
    #[error("a node named `{0}` already exists; node names are unique")]
    DuplicateNode(String),
    /// An amount that does not fit.
    #[error(transparent)]
    Quantity(#[from] QuantityError),
}

/// The scheduler's view of its cluster.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    /// Allocatable amounts of the node that joined last.
    offered: Option<Arc<Amounts>>,
    /// Every node in a slot of its own; those of nodes that left are used again.
    slots: Vec<Option<NodeInfo>>,
    /// The slot of each node.
    places: IndexMap<Text, usize, FxBuildHasher>,
    tree: NodeTree<usize>,
    /// The slots in the scheduler's order; rebuilt when a node comes or goes, and only then.
    order: Vec<usize>,
    /// Whether a node's zone changed since the order was built.
    order_is_old: bool,
    /// Pods on nodes by class.
    placements: Placements,
    /// Pending pods that await a place, by node.
    nominated: SortedMap<Text, Vec<Arc<PodInfo>>>,
    /// The highest priority of these.
    most_awaiting: Option<i32>,
    /// Number of nodes on which each image is.
    images: SortedMap<Text, i64>,
    /// Number of machines that are down.
    down: usize,
    classes: IndexMap<Arc<PodSpec>, Arc<PodClass>, FxBuildHasher>,
    /// Switches of the release by which pods count.
    changes: Changes,
    /// Groups of pods.
    pub groups: Groups,
    /// Namespaces, budgets, services, owners, storage.
    pub objects: VersionCell<ClusterObjects>,
    /// Pods that came and left, for those who follow.
    log: ChangeLog,
    /// Nodes that came, left or changed themselves.
    node_log: NodeLog,
    identity: Identity,
}

impl Cache {
    /// An empty cache in which pods count as releases with these switches count them.
    pub fn of_release(changes: Changes) -> Self {
        Self {
            changes,
            ..Self::default()
        }
    }

    /// Switches of the release by which pods count.
    pub fn changes(&self) -> Changes {
        self.changes
    }

    /// The class of a spec, derived once.
    ///
    /// # Errors
    /// If an amount of the spec does not fit.
    pub fn class(&mut self, spec: &Arc<PodSpec>) -> Result<Arc<PodClass>, QuantityError> {
        if let Some(known) = self.classes.get(spec) {
            return Ok(known.clone());
        }
        let class = Arc::new(PodClass::derive(spec.clone(), self.changes)?);
        self.classes.insert(spec.clone(), class.clone());
        Ok(class)
    }

    /// A node joined.
    ///
    /// # Errors
    /// If a node of the name is there, or an amount does not fit.
    pub fn add_node(&mut self, object: Arc<Node>) -> Result<(), CacheError> {
        self.add_nodes([object])
    }

    /// Several nodes joined; the order is built once for all.
    ///
    /// # Errors
    /// If a node of one of the names is there, or an amount does not fit.
    pub fn add_nodes(
        &mut self,
        objects: impl IntoIterator<Item = Arc<Node>>,
    ) -> Result<(), CacheError> {
        let mut objects = objects.into_iter();
        self.node_log.push(NodeChange::Other);
        let outcome = objects.try_for_each(|object| self.insert_node(object));
        self.build_order();
        outcome
    }

    fn insert_node(&mut self, object: Arc<Node>) -> Result<(), CacheError> {
        if self.places.contains_key(&object.name) {
            return Err(CacheError::DuplicateNode(object.name.to_string()));
        }
        let mut info = NodeInfo::new(object)?;
        // Nodes that are alike share what they offer.
        match &self.offered {
            Some(offered) if *offered == info.allocatable => info.allocatable.clone_from(offered),
            _ => self.offered = Some(info.allocatable.clone()),
        }
        let object = info.object.clone();
        let has_empty = self.slots.len() > self.places.len();
        let mut slots = self.slots.iter();
        let empty = if has_empty {
            slots.position(Option::is_none)
        } else {
            None
        };
        let slot = empty.unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.tree.add_new(slot, &object.labels);
        self.count_images(&object, 1);
        self.places.insert(object.name.clone(), slot);
        info.slot = slot;
        self.slots[slot] = Some(info);
        Ok(())
    }

    /// A node's declaration changed; an unknown node joins.
    ///
    /// # Errors
    /// If an amount does not fit.
    pub fn update_node(&mut self, object: Arc<Node>) -> Result<(), CacheError> {
        let Some(&slot) = self.places.get(&object.name) else {
            return self.add_node(object);
        };
        let fresh = NodeInfo::new(object.clone())?;
        self.node_log.push(NodeChange::Other);
        let Some(known) = &mut self.slots[slot] else {
            return Ok(());
        };
        let before = std::mem::replace(&mut known.object, object.clone());
        known.allocatable = fresh.allocatable;
        self.order_is_old |= self.tree.update(slot, &before.labels, &object.labels);
        self.count_images(&before, -1);
        self.count_images(&object, 1);
        Ok(())
    }

    /// A node's machine went down or came up.
    pub fn set_down(&mut self, name: &str, is_down: bool) {
        let Some(slot) = self.places.get(name).copied() else {
            return;
        };
        if let Some(info) = &mut self.slots[slot] {
            if is_down != info.is_down {
                self.node_log.push(NodeChange::Other);
            }
            self.down += usize::from(is_down);
            self.down -= usize::from(info.is_down);
            info.is_down = is_down;
        }
    }

    /// Number of machines that are down.
    pub fn down_count(&self) -> usize {
        self.down
    }

    /// A node left, with its pods.
    pub fn remove_node(&mut self, name: &str) {
        if self.take_node(name).is_some() {
            self.build_order();
        }
    }

    fn build_order(&mut self) {
        self.order = self.tree.order();
        self.order_is_old = false;
    }

    /// Takes a node out, with its pods; the order is as before until it is built anew.
    fn take_node(&mut self, name: &str) -> Option<RemovedNode> {
        let slot = self.places.swap_remove(name)?;
        let info = self.slots[slot].take()?;
        let object = info.object.clone();
        self.node_log.push(if info.is_down {
            NodeChange::Other
        } else {
            NodeChange::Left { slot, object }
        });
        self.down -= usize::from(info.is_down);
        let place = self.tree.remove(slot, &info.object.labels)?;
        self.count_images(&info.object, -1);
        for pod in &info.pods {
            if let Some(class) = self.placements.remove(pod, slot) {
                self.log.push(change(pod, class, slot, -1));
            }
        }
        self.log.push(node_changed(slot));
        Some(RemovedNode { info, place })
    }

    fn count_images(&mut self, object: &Node, sign: i64) {
        let names: units::SortedSet<&Text> = object.images.iter().map(|(name, _)| name).collect();
        for name in names {
            *self.images.entry(name.clone()).or_insert(0) += sign;
        }
    }

    /// A pod took its place on a node.
    ///
    /// # Errors
    /// If the node is not there.
    pub fn add_pod(&mut self, pod: Arc<PodInfo>, node: &str) -> Result<(), CacheError> {
        let Some(slot) = self.slot_of(node) else {
            return Err(CacheError::UnknownNode {
                pod: pod.full_name(),
                node: node.to_owned(),
            });
        };
        self.add_pod_in(pod, slot);
        Ok(())
    }

    /// A pod took its place on the node in a slot.
    pub fn add_pod_in(&mut self, pod: Arc<PodInfo>, slot: usize) {
        if let Some(Some(info)) = self.slots.get_mut(slot) {
            let class = self.placements.add(&pod, slot);
            self.log.push(change(&pod, class, slot, 1));
            self.groups.assign(&pod, 1);
            info.add_pod(pod);
        }
    }

    /// A newer declaration of a pod that is on a node.
    pub fn replace_pod(&mut self, pod: &Arc<PodInfo>, node: &str) {
        if let Some(slot) = self.slot_of(node) {
            self.replace_pod_in(pod, slot);
        }
    }

    /// A newer declaration of a pod that is on the node in a slot.
    pub fn replace_pod_in(&mut self, pod: &Arc<PodInfo>, slot: usize) {
        let info = self.slots.get_mut(slot).and_then(Option::as_mut);
        if let Some(replaced) = info.and_then(|info| info.replace_pod(pod)) {
            if counts_alike(&replaced, pod) {
                return;
            }
            if let Some(class) = self.placements.remove(&replaced, slot) {
                self.log.push(change(&replaced, class, slot, -1));
            }
            let class = self.placements.add(pod, slot);
            self.log.push(change(pod, class, slot, 1));
        }
    }

    /// A pod left its node.
    pub fn remove_pod(&mut self, pod: &PodInfo, node: &str) {
        if let Some(slot) = self.slot_of(node) {
            self.remove_pod_in(pod, slot);
        }
    }

    /// A pod left the node in a slot; as the node had it, if it did.
    pub fn remove_pod_in(&mut self, pod: &PodInfo, slot: usize) -> Option<Arc<PodInfo>> {
        let info = self.slots.get_mut(slot).and_then(Option::as_mut);
        let removed = info.and_then(|info| info.remove_pod(pod))?;
        if let Some(class) = self.placements.remove(&removed, slot) {
            self.log.push(change(&removed, class, slot, -1));
        }
        self.groups.assign(&removed, -1);
        Some(removed)
    }

    /// A pending pod awaits a place on its nominated node.
    pub fn nominate(&mut self, pod: Arc<PodInfo>) {
        if let Some(node) = pod.nominated_node().cloned() {
            self.most_awaiting = self.most_awaiting.max(Some(pod.priority()));
            self.nominated.entry(node).or_default().push(pod);
        }
    }

    /// A pod awaits no place any more.
    pub fn withdraw(&mut self, pod: &PodInfo) {
        for pods in self.nominated.values_mut() {
            pods.retain(|known| !known.is(pod));
        }
        self.nominated.retain(|_, pods| !pods.is_empty());
        let awaiting = self.nominated.values().flatten();
        self.most_awaiting = awaiting.map(|pod| pod.priority()).max();
    }

    /// The highest priority of pods that await a place.
    pub fn most_awaiting(&self) -> Option<i32> {
        self.most_awaiting
    }

    /// The pods that came and left.
    pub fn log(&self) -> &ChangeLog {
        &self.log
    }

    /// The nodes that came, left or changed themselves.
    pub fn node_log(&self) -> &NodeLog {
        &self.node_log
    }

    /// Identity of this cache; copies have their own.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The slots of all nodes in the scheduler's order.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// Number of nodes.
    pub fn node_count(&self) -> usize {
        self.order.len()
    }

    /// The slot of a node.
    pub fn slot_of(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// The slot at a place of the scheduler's order, counted round.
    pub fn slot_at(&self, place: usize) -> Option<usize> {
        let place = place.checked_rem(self.order.len())?;
        self.order.get(place).copied()
    }

    /// A node.
    pub fn node(&self, name: &str) -> Option<&NodeInfo> {
        let slot = *self.places.get(name)?;
        self.slots[slot].as_ref()
    }

    /// The node at a place of the scheduler's order, counted round.
    pub fn node_at(&self, place: usize) -> Option<&NodeInfo> {
        self.slots[self.slot_at(place)?].as_ref()
    }

    /// The nodes in the scheduler's order.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeInfo> {
        let slots = self.order.iter();
        slots.filter_map(|&slot| self.slots[slot].as_ref())
    }

    /// Length that tables over all nodes must have, by their slots.
    pub fn slot_count(&self) -> usize {
        self.slots.len()
    }

    /// The node in a slot.
    pub fn node_in(&self, slot: usize) -> Option<&NodeInfo> {
        self.slots.get(slot)?.as_ref()
    }

    /// The classes that have pods on nodes, with where these are.
    pub fn placements(&self) -> &Placements {
        &self.placements
    }

    /// The pods that await a place on a node.
    pub fn nominated(&self, node: &str) -> &[Arc<PodInfo>] {
        self.nominated.get(node).map_or(&[], Vec::as_slice)
    }

    /// Number of nodes on which an image of exactly this name is.
    pub fn nodes_with_image(&self, name: &str) -> i64 {
        self.images.get(name).copied().unwrap_or(0)
    }
}

fn change(pod: &PodInfo, class: usize, slot: usize, sign: i32) -> Change {
    Change {
        slot: slot as u32,
        class: class as u32,
        all: sign,
        staying: if pod.is_terminating { 0 } else { sign },
    }
}

/// The change of a node that left or came back, for those who keep answers about it.
fn node_changed(slot: usize) -> Change {
    Change {
        slot: slot as u32,
        class: NO_CLASS,
        all: 0,
        staying: 0,
    }
}

/// Whether no decision can tell which of two records of a pod on a node is there, other than by
/// its start or its name.
fn counts_alike(one: &PodInfo, other: &PodInfo) -> bool {
    Arc::ptr_eq(&one.class, &other.class)
        && Arc::ptr_eq(one.counted_class(), other.counted_class())
        && one.is_terminating == other.is_terminating
        && one.devices() == other.devices()
}
