//! A node with what is on it, as the scheduler keeps it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Amounts, PodInfo};
use crate::model::{HostPort, Node, Text};
use crate::units::QuantityError;

/// A node and its pods.
#[derive(Clone, Debug)]
pub struct NodeInfo {
    /// As declared.
    pub object: Arc<Node>,
    /// Its place in tables over all nodes, below [`super::Cache::slot_count`].
    pub slot: usize,
    /// What pods may use.
    pub allocatable: Arc<Amounts>,
    /// Its pods in order of addition; a removal moves the last one into the gap.
    pub pods: Vec<Arc<PodInfo>>,
    /// What its pods ask for.
    pub requested: Amounts,
    /// What its pods count as in scores (cpu and memory).
    pub non_zero: Amounts,
    /// The ports taken. A set, as in the original: of two pods with one port the first to leave
    /// frees it.
    pub ports: BTreeSet<HostPort>,
}

impl NodeInfo {
    /// An empty node.
    ///
    /// # Errors
    /// If an amount does not fit.
    pub fn new(object: Arc<Node>) -> Result<Self, QuantityError> {
        Ok(Self {
            allocatable: Arc::new(Amounts::of(&object.allocatable)?),
            object,
            slot: 0,
            pods: Vec::new(),
            requested: Amounts::default(),
            non_zero: Amounts::default(),
            ports: BTreeSet::new(),
        })
    }

    /// Its name.
    pub fn name(&self) -> &Text {
        &self.object.name
    }

    /// The value of a label.
    pub fn label(&self, key: &str) -> Option<&Text> {
        self.object.labels.get(key)
    }

    /// Adds a pod.
    pub fn add_pod(&mut self, pod: Arc<PodInfo>) {
        self.account(&pod, 1);
        self.ports.extend(pod.class.host_ports.iter().cloned());
        self.pods.push(pod);
    }

    /// Removes a pod, if it is there.
    pub fn remove_pod(&mut self, pod: &PodInfo) -> Option<Arc<PodInfo>> {
        let position = self.pods.iter().position(|known| known.is(pod))?;
        let removed = self.pods.swap_remove(position);
        self.account(&removed, -1);
        for port in &removed.class.host_ports {
            self.ports.remove(port);
        }
        Some(removed)
    }

    fn account(&mut self, pod: &PodInfo, sign: i64) {
        let class = pod.accounted.as_ref().unwrap_or(&pod.class);
        self.requested.change(&class.requests, sign);
        let non_zero = &class.non_zero;
        self.non_zero.cpu_milli += sign * non_zero.cpu_milli;
        self.non_zero.memory += sign * non_zero.memory;
    }
}
