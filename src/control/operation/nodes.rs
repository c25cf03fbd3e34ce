//! Operations of users on nodes: cordon, taint, join, remove.

use std::sync::Arc;

use super::{OperationError, Steps};
use crate::node_api;
use cluster::Store;
use model::{Event, Node, Taint, TaintEffect, Text};
use units::NodeId;

/// Taints to take off a node: those of a key, of one effect or of every effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaintChoice {
    /// The key.
    pub key: Text,
    /// The effect; `None` is every effect.
    pub effect: Option<TaintEffect>,
}

impl Steps {
    pub(super) fn cordon(
        &mut self,
        store: &Store,
        name: &Text,
        unschedulable: bool,
    ) -> Result<NodeId, OperationError> {
        let node = store.nodes().by_name(name);
        let node = node.ok_or_else(|| OperationError::NoNode(name.clone()))?;
        self.events
            .extend(node_api::cordon(store, node, unschedulable));
        Ok(node)
    }

    /// Puts a taint on a node, in the place of one of the same key and effect.
    pub(super) fn taint(
        &mut self,
        store: &Store,
        name: &Text,
        taint: &Taint,
    ) -> Result<(), OperationError> {
        self.retaint(store, name, |taints| {
            taints.retain(|known| known.key != taint.key || known.effect != taint.effect);
            taints.push(taint.clone());
        })
    }

    /// Takes taints off a node.
    pub(super) fn untaint(
        &mut self,
        store: &Store,
        name: &Text,
        choice: &TaintChoice,
    ) -> Result<(), OperationError> {
        self.retaint(store, name, |taints| {
            taints.retain(|known| {
                known.key != choice.key
                    || choice.effect.is_some_and(|effect| effect != known.effect)
            });
        })
    }

    fn retaint(
        &mut self,
        store: &Store,
        name: &Text,
        change: impl FnOnce(&mut Vec<Taint>),
    ) -> Result<(), OperationError> {
        let node = store.nodes().by_name(name);
        let node = node.ok_or_else(|| OperationError::NoNode(name.clone()))?;
        self.events.extend(node_api::retaint(store, node, change));
        Ok(())
    }

    /// A node joins; one that is there is declared anew, and keeps the taints that follow from its
    /// conditions.
    pub(super) fn apply_node(&mut self, store: &Store, declared: &Arc<Node>) {
        let nodes = store.nodes();
        let known = nodes.by_name(&declared.name);
        let known = known.and_then(|node| Some((node, nodes.object(node)?)));
        let Some((node, before)) = known else {
            self.events.push(store.node_added(Arc::clone(declared)));
            return;
        };
        let mut object = (**declared).clone();
        let of_conditions = |taint: &Taint| taint.key.starts_with("node.kubernetes.io/");
        object.taints.retain(|taint| !of_conditions(taint));
        object.taints.extend(
            before
                .taints
                .iter()
                .filter(|taint| of_conditions(taint))
                .cloned(),
        );
        if object != **before {
            let object = Arc::new(object);
            self.events.push(Event::NodeUpdated { node, object });
        }
    }

    /// A node's object is deleted; its pods stay until they are collected.
    pub(super) fn remove_node(&mut self, store: &Store, name: &Text) -> Result<(), OperationError> {
        let node = store.nodes().by_name(name);
        let node = node.ok_or_else(|| OperationError::NoNode(name.clone()))?;
        self.events.push(Event::NodeRemoved { node });
        Ok(())
    }
}
