//! Pods of daemon sets that a new node would have.

use std::sync::Arc;

use model::rules;
use model::{Node, PodSpec};
use scheduler::kube::PodInfo;

/// Templates of daemon sets, each with a pod of it.
#[derive(Clone, Debug, Default)]
pub struct Daemons(Vec<(Arc<PodSpec>, Arc<PodInfo>)>);

impl Daemons {
    /// Daemons of some templates.
    pub fn new(list: Vec<(Arc<PodSpec>, Arc<PodInfo>)>) -> Self {
        Self(list)
    }

    /// Pods of daemons that would run on a node.
    pub fn on(&self, node: &Node) -> Vec<Arc<PodInfo>> {
        let own = (self.0.iter()).filter(|(own, _)| rules::admits(own, node));
        own.map(|(_, pod)| pod.clone()).collect()
    }

    /// Whether one of them keeps other pods away.
    pub fn repel(&self) -> bool {
        let mut own = self.0.iter();
        own.any(|(own, _)| !own.affinity.required_pod_anti_affinity.is_empty())
    }
}
