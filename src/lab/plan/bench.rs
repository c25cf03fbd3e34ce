//! A cluster to try plans in: nodes go and come, pods find new places one by one by the decisions of
//! the very scheduler that runs use, and every change can be taken back. Where the profiles preempt,
//! the pods that are displaced look for places after those that displaced them.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::snapshot::profile::profile_or_default;
use model::dra::DeviceObjects;
use model::{Node, Text};
use scheduler::kube::cycle::{Nomination, Outcome, Round};
use scheduler::kube::{
    Attempt, Cache, CacheError, KubeProfile, NodeOrder, PodInfo, RemovedNodes, TieBreak,
};
use scheduler::pipeline::evaluate::Form;

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
}

/// A cluster under trial. A copy goes its own way.
#[derive(Clone)]
pub struct Bench<'p> {
    cache: Cache,
    round: Round,
    profiles: &'p [KubeProfile],
    steps: Vec<Step>,
    /// Pods that preemption displaced and that were not placed since.
    displaced: Vec<Arc<PodInfo>>,
}

/// Pods without a node, each with the scheduler's message.
pub type Unplaceable = Vec<(Arc<PodInfo>, Text)>;

impl<'p> Bench<'p> {
    /// A cluster whose pods the profiles decide about; of equally good nodes they take the first in
    /// the scheduler's order.
    pub fn new(cache: Cache, profiles: &'p [KubeProfile]) -> Self {
        Self {
            cache,
            round: Round::new(TieBreak::First, Form::Incremental),
            profiles,
            steps: Vec::new(),
            displaced: Vec::new(),
        }
    }

    /// The profiles that decide.
    pub fn profiles(&self) -> &'p [KubeProfile] {
        self.profiles
    }

    /// The scheduler's view of the cluster as it is now.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The scheduler's view of the cluster, without what decisions were kept for.
    pub fn into_cache(self) -> Cache {
        self.cache
    }

    /// Begins a trial whose outcome does not depend on those before: the search for nodes starts at
    /// the first one. The trial ends with [`Bench::roll_back`] to the mark.
    pub fn mark(&mut self) -> usize {
        self.round.start = 0;
        self.steps.len()
    }

    /// Takes back everything since a mark.
    pub fn roll_back(&mut self, mark: usize) {
        self.displaced.clear();
        while self.steps.len() > mark {
            match self.steps.pop() {
                Some(Step::Displaced { pod, slot }) => self.cache.add_pod_in(pod, slot),
                Some(Step::Placed { pod, slot }) => self.cache.remove_pod_in(&pod, slot),
                Some(Step::Gone(nodes)) => self.cache.put_back(nodes),
                Some(Step::Came { names, order }) => self.cache.take_added(&names, order),
                Some(Step::Claims(before)) => self.cache.objects.devices = *before,
                None => {}
            }
        }
    }

    /// Takes nodes out, and gives back the pods that were on them.
    pub fn take_nodes(&mut self, names: &[Text]) -> Vec<Arc<PodInfo>> {
        self.round.look(&self.cache);
        let nodes = self.cache.take_nodes(names);
        let pods = nodes.nodes().flat_map(|node| node.pods.iter().cloned());
        let pods: Vec<Arc<PodInfo>> = pods.collect();
        self.steps.push(Step::Gone(nodes));
        for pod in &pods {
            self.free_devices(pod);
        }
        pods
    }

    /// Adds empty nodes.
    ///
    /// # Errors
    /// If a node of one of the names is there, or an amount does not fit.
    pub fn add_nodes(&mut self, nodes: &[Arc<Node>]) -> Result<(), CacheError> {
        let order = self.cache.node_order();
        let names = nodes.iter().map(|node| node.name.clone()).collect();
        self.steps.push(Step::Came { names, order });
        self.cache.add_nodes(nodes.iter().cloned())
    }

    /// Puts a pod on a node without asking anybody.
    pub fn put(&mut self, pod: &Arc<PodInfo>, node: &str) {
        if let Some(slot) = self.cache.slot_of(node) {
            self.put_in(pod, slot);
        }
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

    /// The claims of a pod that leaves its node have no devices.
    fn free_devices(&mut self, pod: &PodInfo) {
        if self.keep_claims(pod) {
            self.cache.take_devices_back(pod);
        }
    }

    fn put_in(&mut self, pod: &Arc<PodInfo>, slot: usize) {
        if self.keep_claims(pod) {
            let profile = profile_or_default(self.profiles, pod);
            self.cache.give_devices(profile, pod, slot);
        }
        self.cache.add_pod_in(pod.clone(), slot);
        let pod = pod.clone();
        self.steps.push(Step::Placed { pod, slot });
    }

    /// Takes a pod off its node.
    pub fn displace(&mut self, pod: &Arc<PodInfo>, node: &str) {
        if let Some(slot) = self.cache.slot_of(node) {
            self.cache.remove_pod_in(pod, slot);
            self.free_devices(pod);
            let pod = pod.clone();
            self.steps.push(Step::Displaced { pod, slot });
        }
    }

    /// Has the scheduler place a pod. Pods that it displaces wait for [`Bench::place_all`].
    ///
    /// # Errors
    /// It finds no node; the scheduler's message says why.
    pub fn place(&mut self, pod: &Arc<PodInfo>) -> Result<Text, Text> {
        let profile = profile_or_default(self.profiles, pod);
        if self.keep_claims(pod) {
            self.cache.make_claims(pod);
        }
        if let Err(status) = Attempt::gate(profile, pod, &self.cache.objects) {
            return Err(status.text().into());
        }
        match self.round.decide(profile, &self.cache, pod) {
            Outcome::Placed(slot) => {
                self.put_in(pod, slot);
                let node = self.cache.node_in(slot);
                Ok(node.map(|node| node.name().clone()).unwrap_or_default())
            }
            Outcome::Failed(failure) => match failure.nomination {
                Nomination::Make(candidate) => {
                    for victim in &candidate.victims {
                        self.displace(victim, &candidate.node);
                    }
                    self.displaced.extend(candidate.victims);
                    self.put(pod, &candidate.node);
                    Ok(candidate.node)
                }
                _ => Err(failure.message),
            },
        }
    }

    /// Has the scheduler place pods in this order, and those that they displace after them, by
    /// falling priority; gives those that find no node.
    pub fn place_all<'a>(
        &mut self,
        pods: impl IntoIterator<Item = &'a Arc<PodInfo>>,
    ) -> Unplaceable {
        let mut unplaced = Unplaceable::new();
        for pod in pods {
            if let Err(message) = self.place(pod) {
                unplaced.push((pod.clone(), message));
            }
        }
        while !self.displaced.is_empty() {
            let mut next = std::mem::take(&mut self.displaced);
            next.sort_by_key(|pod| (Reverse(pod.priority()), pod.uid));
            for pod in next {
                if let Err(message) = self.place(&pod) {
                    unplaced.push((pod, message));
                }
            }
        }
        unplaced
    }
}
