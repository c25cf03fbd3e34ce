//! A cluster to try plans in: nodes go and come, pods find new places one by one by the decisions of
//! the very scheduler that runs use, and every change can be taken back. Where the profiles preempt,
//! the pods that are displaced look for places after those that displaced them.

use std::cmp::Reverse;
use std::sync::Arc;

use super::demand::is_fixed;
use crate::place::Decisions;
use crate::place::turns::Turn;
use crate::sandbox::Sandbox;
use crate::snapshot::profile::profile_or_default;
use model::volume::CsiNode;
use model::{Node, Text};
use scheduler::kube::cycle::{Nomination, Outcome};
use scheduler::kube::{Amounts, Attempt, Cache, CacheError, KubeProfile, PodClass, PodInfo};

/// A cluster under trial. A copy goes its own way.
#[derive(Clone)]
pub struct Bench<'p> {
    sandbox: Sandbox,
    decisions: Decisions,
    profiles: &'p [KubeProfile],
    /// Pods that preemption displaced and that were not placed since.
    displaced: Vec<Arc<PodInfo>>,
    /// Whether no pod without a node is told why.
    is_terse: bool,
}

/// Pods without a node, the first of them with the scheduler's message.
pub type Unplaceable = Vec<(Arc<PodInfo>, Text)>;

impl<'p> Bench<'p> {
    /// A cluster whose pods the profiles decide about; of equally good nodes they take the first in
    /// the scheduler's order.
    pub fn new(cache: Cache, profiles: &'p [KubeProfile]) -> Self {
        let mut decisions = Decisions::new();
        decisions.break_ties(None);
        Self {
            sandbox: Sandbox::new(cache),
            decisions,
            profiles,
            displaced: Vec::new(),
            is_terse: false,
        }
    }

    /// A cluster without the nodes that are bought anew: what runs the control plane stays, and what is no machine,
    /// each with its pods.
    pub fn without_workers(cache: &Cache, profiles: &'p [KubeProfile]) -> Self {
        let mut cache = cache.clone();
        let workers = cache.nodes().filter(|node| !is_fixed(node));
        let workers: Vec<Text> = workers.map(|node| node.name().clone()).collect();
        cache.take_nodes(&workers);
        Self::new(cache, profiles)
    }

    /// The profiles that decide.
    pub fn profiles(&self) -> &'p [KubeProfile] {
        self.profiles
    }

    /// Has other profiles decide from now on; gives those that did.
    pub(super) fn decide_by(&mut self, profiles: &'p [KubeProfile]) -> &'p [KubeProfile] {
        std::mem::replace(&mut self.profiles, profiles)
    }

    /// Takes equally good nodes as a way has it from now on, or in the scheduler's order.
    pub(super) fn break_ties(&mut self, turn: Option<Turn>) {
        self.decisions.break_ties(turn);
    }

    /// Has pods without a node be told why from now on or not; gives whether they were.
    pub(super) fn tell_why(&mut self, tells: bool) -> bool {
        self.decisions.round.tell_why(tells);
        !std::mem::replace(&mut self.is_terse, !tells)
    }

    /// The scheduler's view of the cluster as it is now.
    pub fn cache(&self) -> &Cache {
        &self.sandbox.cache
    }

    /// The scheduler's view of the cluster, without what decisions were kept for.
    pub fn into_cache(self) -> Cache {
        self.sandbox.cache
    }

    /// Begins a trial whose outcome does not depend on those before: the search for nodes starts at
    /// the first one. The trial ends with [`Bench::roll_back`] to the mark.
    pub fn mark(&mut self) -> usize {
        self.decisions.round.start = 0;
        self.sandbox.mark()
    }

    /// Takes back everything since a mark.
    pub fn roll_back(&mut self, mark: usize) {
        self.displaced.clear();
        self.sandbox.roll_back(mark);
    }

    /// Takes nodes out, and gives back the pods that were on them.
    pub fn take_nodes(&mut self, names: &[Text]) -> Vec<Arc<PodInfo>> {
        self.decisions.round.look(&self.sandbox.cache);
        self.sandbox.take_nodes(names)
    }

    /// Adds empty nodes.
    ///
    /// # Errors
    /// If a node of one of the names is there, or an amount does not fit.
    pub fn add_nodes(&mut self, nodes: &[Arc<Node>]) -> Result<(), CacheError> {
        self.sandbox.add_nodes(nodes)
    }

    /// States how many volumes can be attached to a node that was added.
    pub(super) fn limit_volumes(&mut self, node: &Text, limits: &CsiNode) {
        if !self.sandbox.cache.objects.csi_nodes.contains_key(node) {
            let limits = CsiNode {
                name: node.clone(),
                ..limits.clone()
            };
            let objects = &mut *self.sandbox.cache.objects;
            objects.csi_nodes.insert(node.clone(), limits);
        }
    }

    /// Puts a pod on a node without asking anybody.
    pub fn put(&mut self, pod: &Arc<PodInfo>, node: &str) {
        if let Some(slot) = self.sandbox.cache.slot_of(node) {
            let profile = profile_or_default(self.profiles, pod);
            self.sandbox.put(profile, pod, slot);
        }
    }

    /// Fills up a node, so that pods which ask for something find no room on it; gives what does so, to be
    /// displaced again.
    pub(super) fn fill(&mut self, node: &str) -> Option<Arc<PodInfo>> {
        let slot = self.sandbox.cache.slot_of(node)?;
        let requests = Amounts::clone(&self.sandbox.cache.node_in(slot)?.allocatable);
        let filler = Arc::new(PodInfo {
            class: Arc::new(PodClass {
                requests,
                ..PodClass::default()
            }),
            name: "filler".into(),
            ..PodInfo::default()
        });
        self.put(&filler, node);
        Some(filler)
    }

    /// Takes a pod off its node.
    pub fn displace(&mut self, pod: &Arc<PodInfo>, node: &str) {
        if let Some(slot) = self.sandbox.cache.slot_of(node) {
            self.sandbox.displace(pod, slot);
        }
    }

    /// Has the scheduler place a pod. Pods that it displaces wait for [`Bench::place_all`].
    ///
    /// # Errors
    /// It finds no node; the scheduler's message says why.
    pub fn place(&mut self, pod: &Arc<PodInfo>) -> Result<Text, Text> {
        let profile = profile_or_default(self.profiles, pod);
        self.sandbox.make_claims(pod);
        if let Err(status) = Attempt::gate(profile, pod, &self.sandbox.cache.objects) {
            return Err(status.text().into());
        }
        match self.decisions.decide(profile, &self.sandbox.cache, pod) {
            Outcome::Placed(slot) => {
                self.sandbox.put(profile, pod, slot);
                Ok(self.sandbox.name_of(slot))
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
    /// falling priority; gives those that find no node, of which the first alone is told why.
    pub fn place_all<'a>(
        &mut self,
        pods: impl IntoIterator<Item = &'a Arc<PodInfo>>,
    ) -> Unplaceable {
        let mut unplaced = Unplaceable::new();
        for pod in pods {
            if let Err(message) = self.place(pod) {
                unplaced.push((pod.clone(), message));
                self.decisions.round.tell_why(false);
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
        self.decisions.round.tell_why(!self.is_terse);
        unplaced
    }
}
