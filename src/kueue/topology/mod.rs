//! Places in topologies (spec: batch-on-kubernetes.md 1.9).

use model::Text;
use model::queueing::{ResourceFlavor, TopologyAssignment};

use super::assign::Assignment;
use super::snapshot::Snapshot;
use super::workload::{DomainUse, Pending};

/// Topologies and what of them is used.
#[derive(Clone, Debug, Default)]
pub struct Topologies {}

impl Topologies {
    pub fn new(_names: &mut crate::Names, _objects: &crate::snapshot::Objects) -> Self {
        Self {}
    }
    pub fn add_node(&mut self, _names: &mut crate::Names, _node: &model::Node) -> Result<(), units::QuantityError> {
        Ok(())
    }
    pub fn add_foreign_pod(&mut self, _names: &mut crate::Names, _node: &str, _requests: &model::ResourceList) {}
    pub fn add(&mut self, _domain: &DomainUse) {}
    pub fn remove(&mut self, _domain: &DomainUse) {}
}

pub enum Usage {
    Present,
    Nothing,
}
#[derive(Debug)]
pub struct Failure {
    pub set: Text,
    pub reason: String,
}
#[derive(Debug)]
pub struct PlaceRequests {}
impl PlaceRequests {
    pub fn new(_snapshot: &Snapshot, _pending: &Pending, _assignment: &Assignment) -> Self {
        Self {}
    }
    pub fn is_empty(&self) -> bool {
        true
    }
    pub fn sets(&self) -> Vec<&Text> {
        Vec::new()
    }
    pub fn place(
        &self,
        _snapshot: &Snapshot,
        _usage: Usage,
    ) -> Result<Vec<(Text, TopologyAssignment)>, Failure> {
        Ok(Vec::new())
    }
    pub fn fit(&self, _snapshot: &Snapshot) -> bool {
        true
    }
}
pub fn refusal(
    _snapshot: &Snapshot,
    _pending: &Pending,
    _member: usize,
    _flavor: &ResourceFlavor,
) -> Option<String> {
    None
}
