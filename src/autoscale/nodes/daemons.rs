//! Pods of daemon sets that a new node would have.

use std::sync::Arc;

use super::ClusterView;
use super::pods::pods_on;
use cluster::Store;
use model::rules;
use model::{Node, PodSpec};
use scheduler::kube::PodInfo;
use units::NodeId;

/// Priority of the class `system-node-critical`.
const NODE_CRITICAL: i32 = 2_000_001_000;

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

    /// Pods of daemons that a new node like an example would have: of the sets with a pod on the example,
    /// and of those whose pods make room there for themselves (the cluster autoscaler's
    /// `podsExpectedOnFreshNode` without `--force-ds`).
    pub fn like(&self, store: &Store, example: NodeId, node: &Node) -> Vec<Arc<PodInfo>> {
        let mut running = Vec::new();
        for pod in pods_on(store, example) {
            let record = store.pods().get(pod);
            let spec = record.map(|record| &store.class(record.class).spec);
            if let Some((spec, owner)) = spec.and_then(|spec| Some((spec, spec.owner.as_ref()?)))
                && *owner.kind == *"DaemonSet"
                && !store.pod_states().is_terminating(pod)
            {
                running.push((&*spec.namespace, &*owner.name));
            }
        }
        let own = self.0.iter().filter(|(own, pod)| {
            let set = (&*pod.spec().namespace, &*pod.name.text());
            let makes_room = own.priority == NODE_CRITICAL && own.preempts;
            running.contains(&set) || (makes_room && rules::admits(own, node))
        });
        own.map(|(_, pod)| pod.clone()).collect()
    }

    /// Whether one of them keeps other pods away.
    pub fn repel(&self) -> bool {
        let mut own = self.0.iter();
        own.any(|(own, _)| !own.affinity.required_pod_anti_affinity.is_empty())
    }
}

impl ClusterView {
    /// Mirrors of the static pods of a node, as those of another one.
    pub fn mirrors(&mut self, store: &Store, node: NodeId) -> Vec<Arc<PodInfo>> {
        let mut mirrors = pods_on(store, node);
        mirrors.retain(|&pod| {
            let spec = store
                .pods()
                .get(pod)
                .map(|own| &store.class(own.class).spec);
            let owner = spec.and_then(|spec| spec.owner.as_ref());
            owner.is_some_and(|owner| *owner.kind == *"Node")
        });
        let infos = mirrors.into_iter().filter_map(|pod| self.info(store, pod));
        let infos = infos.map(|info| PodInfo {
            uid: 0,
            ..PodInfo::clone(&info)
        });
        infos.map(Arc::new).collect()
    }
}
