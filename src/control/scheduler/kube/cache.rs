//! The scheduler's cache: nodes with their pods, nominated pods, and the objects around them. Kept
//! by changes, read by attempts.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use thiserror::Error;

use super::node_tree::NodeTree;
use super::{Groups, NodeInfo, PodClass, PodInfo};
use crate::model::{ClusterObjects, Node, PodSpec, Text};
use crate::units::QuantityError;

/// Why a change can't be taken in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CacheError {
    /// A pod on a node that is not there.
    #[error("pod `{pod}` is on node `{node}`, which is not there; declare the node")]
    UnknownNode {
        /// The pod.
        pod: String,
        /// The node.
        node: String,
    },
    /// A node of the name is there already.
    #[error("a node named `{0}` is there already; names of nodes are unique")]
    DuplicateNode(String),
    /// An amount that does not fit.
    #[error(transparent)]
    Quantity(#[from] QuantityError),
}

/// What the scheduler knows about its cluster.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    nodes: BTreeMap<Text, NodeInfo>,
    tree: NodeTree,
    /// The names in the scheduler's order; rebuilt when a node comes or goes, and only then.
    order: Vec<Text>,
    /// Pending pods that await a place, by node.
    nominated: BTreeMap<Text, Vec<Arc<PodInfo>>>,
    /// On how many nodes each image is.
    images: BTreeMap<Text, i64>,
    /// How many machines are down.
    down: usize,
    classes: IndexMap<Arc<PodSpec>, Arc<PodClass>, FxBuildHasher>,
    /// Groups of pods.
    pub groups: Groups,
    /// Namespaces, budgets, services, owners, storage.
    pub objects: ClusterObjects,
}

impl Cache {
    /// The class of a spec, derived once.
    ///
    /// # Errors
    /// If an amount of the spec does not fit.
    pub fn class(&mut self, spec: &Arc<PodSpec>) -> Result<Arc<PodClass>, QuantityError> {
        if let Some(known) = self.classes.get(spec) {
            return Ok(known.clone());
        }
        let class = Arc::new(PodClass::derive(spec.clone())?);
        self.classes.insert(spec.clone(), class.clone());
        Ok(class)
    }

    /// A node joined.
    ///
    /// # Errors
    /// If a node of the name is there, or an amount does not fit.
    pub fn add_node(&mut self, object: Arc<Node>) -> Result<(), CacheError> {
        self.insert_node(object)?;
        self.order = self.tree.order();
        Ok(())
    }

    /// Several nodes joined; the order is built once for all.
    ///
    /// # Errors
    /// If a node of one of the names is there, or an amount does not fit.
    pub fn add_nodes(
        &mut self,
        objects: impl IntoIterator<Item = Arc<Node>>,
    ) -> Result<(), CacheError> {
        let outcome = objects
            .into_iter()
            .try_for_each(|object| self.insert_node(object));
        self.order = self.tree.order();
        outcome
    }

    fn insert_node(&mut self, object: Arc<Node>) -> Result<(), CacheError> {
        if self.nodes.contains_key(&object.name) {
            return Err(CacheError::DuplicateNode(object.name.to_string()));
        }
        self.tree.add(&object.name, &object.labels);
        self.count_images(&object, 1);
        let info = NodeInfo::new(object)?;
        self.nodes.insert(info.name().clone(), info);
        Ok(())
    }

    /// A node's declaration changed; an unknown node joins.
    ///
    /// # Errors
    /// If an amount does not fit.
    pub fn update_node(&mut self, object: Arc<Node>) -> Result<(), CacheError> {
        let Some(known) = self.nodes.get_mut(&object.name) else {
            return self.add_node(object);
        };
        let fresh = NodeInfo::new(object.clone())?;
        let before = std::mem::replace(&mut known.object, object.clone());
        known.allocatable = fresh.allocatable;
        self.tree
            .update(&object.name, &before.labels, &object.labels);
        self.count_images(&before, -1);
        self.count_images(&object, 1);
        Ok(())
    }

    /// A node's machine went down or came up.
    pub fn set_down(&mut self, name: &str, is_down: bool) {
        if let Some(info) = self.nodes.get_mut(name) {
            self.down += usize::from(is_down);
            self.down -= usize::from(info.is_down);
            info.is_down = is_down;
        }
    }

    /// How many machines are down.
    pub fn down_count(&self) -> usize {
        self.down
    }

    /// A node left, with its pods.
    pub fn remove_node(&mut self, name: &str) {
        if let Some(info) = self.nodes.remove(name) {
            self.down -= usize::from(info.is_down);
            self.tree.remove(info.name(), &info.object.labels);
            self.count_images(&info.object, -1);
            self.order = self.tree.order();
        }
    }

    fn count_images(&mut self, object: &Node, sign: i64) {
        let names: std::collections::BTreeSet<&Text> =
            object.images.iter().map(|(name, _)| name).collect();
        for name in names {
            *self.images.entry(name.clone()).or_insert(0) += sign;
        }
    }

    /// A pod took its place on a node.
    ///
    /// # Errors
    /// If the node is not there.
    pub fn add_pod(&mut self, pod: Arc<PodInfo>, node: &str) -> Result<(), CacheError> {
        let Some(info) = self.nodes.get_mut(node) else {
            return Err(CacheError::UnknownNode {
                pod: pod.full_name(),
                node: node.to_owned(),
            });
        };
        self.groups.assign(&pod, 1);
        info.add_pod(pod);
        Ok(())
    }

    /// A newer declaration of a pod that is on a node.
    pub fn replace_pod(&mut self, pod: &Arc<PodInfo>, node: &str) {
        if let Some(info) = self.nodes.get_mut(node) {
            info.replace_pod(pod);
        }
    }

    /// A pod left its node.
    pub fn remove_pod(&mut self, pod: &PodInfo, node: &str) {
        let removed = self
            .nodes
            .get_mut(node)
            .and_then(|info| info.remove_pod(pod));
        if let Some(removed) = removed {
            self.groups.assign(&removed, -1);
        }
    }

    /// A pending pod awaits a place on its nominated node.
    pub fn nominate(&mut self, pod: Arc<PodInfo>) {
        if let Some(node) = pod.nominated_node.clone() {
            self.nominated.entry(node).or_default().push(pod);
        }
    }

    /// A pod awaits no place any more.
    pub fn withdraw(&mut self, pod: &PodInfo) {
        for pods in self.nominated.values_mut() {
            pods.retain(|known| !known.is(pod));
        }
    }

    /// How many nodes there are.
    pub fn node_count(&self) -> usize {
        self.order.len()
    }

    /// A node.
    pub fn node(&self, name: &str) -> Option<&NodeInfo> {
        self.nodes.get(name)
    }

    /// The node at a place of the scheduler's order, counted round.
    pub fn node_at(&self, place: usize) -> Option<&NodeInfo> {
        let name = self.order.get(place.checked_rem(self.order.len())?)?;
        self.nodes.get(name)
    }

    /// The nodes in the scheduler's order.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeInfo> {
        self.order.iter().filter_map(|name| self.nodes.get(name))
    }

    /// The pods that await a place on a node.
    pub fn nominated(&self, node: &str) -> &[Arc<PodInfo>] {
        self.nominated.get(node).map_or(&[], Vec::as_slice)
    }

    /// On how many nodes an image of exactly this name is.
    pub fn nodes_with_image(&self, name: &str) -> i64 {
        self.images.get(name).copied().unwrap_or(0)
    }
}
