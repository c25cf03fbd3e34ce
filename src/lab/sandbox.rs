//! A cluster in which changes are tried: nodes go and come, pods get and lose places, and all of it can
//! be taken back.

use std::sync::Arc;

use model::dra::DeviceObjects;
use model::{Node, Text};
use scheduler::kube::cache::StorageBefore;
use scheduler::kube::{Cache, CacheError, KubeProfile, NodeOrder, PodInfo, RemovedNodes};

/// A change to take back.
#[derive(Clone)]
enum Step {
    Placed {
        pod: Arc<PodInfo>,
        slot: usize,
    },
    Displaced {
        pod: Arc<PodInfo>,
        slot: usize,
    },
    Gone(RemovedNodes),
    Came {
        names: Vec<Text>,
        order: NodeOrder,
    },
    /// Claims had other devices before.
    Claims(Box<DeviceObjects>),
    /// Claims had other volumes before.
    Storage(StorageBefore),
}

/// A cluster with a log of the changes to it. A copy goes its own way.
#[derive(Clone)]
pub(crate) struct Sandbox {
    /// The scheduler's view of the cluster as it is now.
    pub(crate) cache: Cache,
    steps: Vec<Step>,
}

impl Sandbox {
    /// The cluster without a change.
    pub(crate) fn new(cache: Cache) -> Self {
        let steps = Vec::new();
        Self { cache, steps }
    }

    /// Number of changes so far, for [`Sandbox::roll_back`].
    pub(crate) fn mark(&self) -> usize {
        self.steps.len()
    }

    /// Takes back all changes since a mark.
    pub(crate) fn roll_back(&mut self, mark: usize) {
        while self.steps.len() > mark {
            match self.steps.pop() {
                Some(Step::Displaced { pod, slot }) => self.cache.add_pod_in(pod, slot),
                Some(Step::Placed { pod, slot }) => {
                    self.cache.remove_pod_in(&pod, slot);
                }
                Some(Step::Gone(nodes)) => self.cache.put_back(nodes),
                Some(Step::Came { names, order }) => self.cache.take_added(&names, order),
                Some(Step::Claims(before)) => self.cache.objects.devices = *before,
                Some(Step::Storage(before)) => self.cache.restore_storage(before),
                None => {}
            }
        }
    }

    /// Takes nodes out, and gives back the pods that were on them.
    pub(crate) fn take_nodes(&mut self, names: &[Text]) -> Vec<Arc<PodInfo>> {
        let nodes = self.cache.take_nodes(names);
        let pods = nodes.nodes().flat_map(|node| node.pods.iter().cloned());
        let pods: Vec<Arc<PodInfo>> = pods.collect();
        self.steps.push(Step::Gone(nodes));
        for pod in &pods {
            self.free_claims(pod);
        }
        pods
    }

    /// Adds empty nodes.
    ///
    /// # Errors
    /// If a node of one of the names is there, or an amount does not fit.
    pub(crate) fn add_nodes(&mut self, nodes: &[Arc<Node>]) -> Result<(), CacheError> {
        let order = self.cache.node_order();
        let names = nodes.iter().map(|node| node.name.clone()).collect();
        self.steps.push(Step::Came { names, order });
        self.cache.add_nodes(nodes.iter().cloned())
    }

    /// Makes the claims of a pod that looks for a node.
    pub(crate) fn make_claims(&mut self, pod: &PodInfo) {
        if self.keep_claims(pod) {
            self.cache.make_claims(pod);
        }
        let before = self.cache.make_volume_claims(pod);
        self.steps.extend(before.map(Step::Storage));
    }

    /// Puts a pod in a slot, with devices and volumes for its claims by the rules of a profile.
    pub(crate) fn put(&mut self, profile: &KubeProfile, pod: &Arc<PodInfo>, slot: usize) {
        let made = self.cache.make_volume_claims(pod);
        let given = self.cache.give_volumes(profile, pod, slot);
        let storage = [made, given].into_iter().flatten();
        self.steps.extend(storage.map(Step::Storage));
        if self.keep_claims(pod) {
            self.cache.give_devices(profile, pod, slot);
        }
        self.cache.add_pod_in(pod.clone(), slot);
        let pod = pod.clone();
        self.steps.push(Step::Placed { pod, slot });
    }

    /// Takes a pod out of its slot.
    pub(crate) fn displace(&mut self, pod: &Arc<PodInfo>, slot: usize) {
        let pod = self
            .cache
            .remove_pod_in(pod, slot)
            .unwrap_or_else(|| pod.clone());
        self.free_claims(&pod);
        self.steps.push(Step::Displaced { pod, slot });
    }

    /// Name of the node in a slot.
    pub(crate) fn name_of(&self, slot: usize) -> Text {
        let node = self.cache.node_in(slot);
        node.map(|node| node.name().clone()).unwrap_or_default()
    }

    /// Keeps the claims as they are for the way back, if a pod has any.
    fn keep_claims(&mut self, pod: &PodInfo) -> bool {
        let has_claims = pod.has_device_claims();
        if has_claims {
            let before = Box::new(self.cache.objects.devices.clone());
            self.steps.push(Step::Claims(before));
        }
        has_claims
    }

    /// The claims of a pod that leaves its node have no devices, and the volumes made for it alone go with it.
    fn free_claims(&mut self, pod: &PodInfo) {
        let before = self.cache.take_volumes_back(pod);
        self.steps.extend(before.map(Step::Storage));
        if self.keep_claims(pod) {
            self.cache.take_devices_back(pod);
        }
    }
}
