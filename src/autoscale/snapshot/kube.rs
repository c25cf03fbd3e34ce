//! The cluster as kube-scheduler's filters see it, to simulate in: every change can be taken back,
//! and what nodes were found not to take is remembered while it holds.
//!
//! Pods about which nothing but the node and what is on it matters ([`CacheableFilter`]) are asked
//! about one node at a time, and a node that refused one is not asked for its class again before it
//! has more room. Of all others an [`Attempt`] asks, as a scheduler would.

use std::ops::Range;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::{ClusterSnapshot, Fit};
use model::{Node, Taint, Text};
use scheduler::kube::cacheable::{CacheableFilter, NodeTest};
use scheduler::kube::fast_plugin::node_test;
use scheduler::kube::{Attempt, AttemptContext, Cache, CacheError, KubePoints, KubeProfile};
use scheduler::kube::{NodeInfo, NodeOrder, PodClass, PodInfo, RemovedNodes};

/// The plugin that spreads pods.
const SPREAD: &str = "PodTopologySpread";

/// A cluster whose scheduler is kube-scheduler under a profile.
#[derive(Clone)]
pub struct KubeSnapshot {
    cache: Cache,
    profile: Arc<KubeProfile>,
    nodes: Vec<Text>,
    /// By place: the node's slot in the cache.
    slots: Vec<usize>,
    /// By slot: the node's place.
    places: Vec<usize>,
    /// By place: whether the node takes nothing.
    hidden: Vec<bool>,
    /// By where the class lies in memory: the class that is held there keeps the place taken.
    known: IndexMap<usize, ClassCache, FxBuildHasher>,
    /// Classes that keep others away and had pods here.
    repelling: Vec<Arc<PodClass>>,
    /// As `known`, but whatever nodes there are: whether one of these keeps pods of the class away.
    repelled: IndexMap<usize, (Arc<PodClass>, bool), FxBuildHasher>,
    /// Places that got more room, in order, for those who remember refusals.
    freed: Vec<usize>,
    steps: Vec<Step>,
    /// Numbers of steps before changes that may be taken back.
    marks: Vec<usize>,
}

/// Knowledge of the pods of a class.
#[derive(Clone)]
struct ClassCache {
    class: Arc<PodClass>,
    /// The questions to a node; `None` if other nodes matter, too.
    tests: Option<Vec<NodeTest>>,
    /// A bit by place: whether the node is known to refuse them.
    refused: Vec<u64>,
    /// Position up to which [`KubeSnapshot::freed`] is taken in.
    seen: usize,
}

/// A change to take back.
#[derive(Clone)]
enum Step {
    Added(NodeOrder),
    Hidden(usize),
    /// A declaration that was replaced.
    Tainted(Arc<Node>),
    /// Nodes, with the place of each and whether it took nothing.
    TakenOut(RemovedNodes, Vec<(usize, bool)>),
    Placed {
        pod: Arc<PodInfo>,
        place: usize,
        /// The node before, where taking the pod off alone would not bring it back.
        before: Option<Box<NodeInfo>>,
    },
    Displaced {
        pod: Arc<PodInfo>,
        place: usize,
        before: Box<NodeInfo>,
    },
}

impl KubeSnapshot {
    /// The cluster as a scheduler knows it.
    pub fn new(cache: Cache, profile: Arc<KubeProfile>) -> Self {
        let mut cluster = Self {
            cache,
            profile,
            nodes: Vec::new(),
            slots: Vec::new(),
            places: Vec::new(),
            hidden: Vec::new(),
            known: IndexMap::default(),
            repelling: Vec::new(),
            repelled: IndexMap::default(),
            freed: Vec::new(),
            steps: Vec::new(),
            marks: Vec::new(),
        };
        let classes = cluster.cache.placements().iter();
        let repelling = classes.filter(|own| repels(&own.class));
        cluster.repelling = repelling.map(|own| own.class.clone()).collect();
        cluster.stand_anew();
        cluster
    }

    /// The scheduler's cache.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Nodes came or went for good.
    fn stand_anew(&mut self) {
        self.nodes.clear();
        self.slots.clear();
        self.places.clear();
        self.places.resize(self.cache.slot_count(), usize::MAX);
        for info in self.cache.nodes() {
            self.places[info.slot] = self.nodes.len();
            self.nodes.push(info.name().clone());
            self.slots.push(info.slot);
        }
        self.hidden.clear();
        self.hidden.resize(self.nodes.len(), false);
        self.known.clear();
        self.freed.clear();
    }

    /// Nodes went and came for good.
    ///
    /// # Errors
    /// If an amount does not fit.
    pub fn follow_nodes(
        &mut self,
        gone: &[Text],
        new: impl IntoIterator<Item = Arc<Node>>,
    ) -> Result<(), CacheError> {
        self.cache.take_nodes(gone);
        let outcome = self.cache.add_nodes(new);
        self.stand_anew();
        outcome
    }

    /// A node is declared anew, or its machine went down or came up.
    ///
    /// # Errors
    /// If an amount does not fit.
    pub fn follow_node(&mut self, node: &Arc<Node>, is_down: bool) -> Result<(), CacheError> {
        self.cache.update_node(node.clone())?;
        self.cache.set_down(&node.name, is_down);
        if let Some(place) = self.place_of(&node.name) {
            self.free(place);
        }
        Ok(())
    }

    fn info(&self, place: usize) -> Option<&NodeInfo> {
        self.cache.node_in(*self.slots.get(place)?)
    }

    /// A node may take what it refused.
    fn free(&mut self, place: usize) {
        // No class has more to catch up on than there are nodes.
        if self.freed.len() > 4 * self.nodes.len() + 64 {
            for number in 0..self.known.len() {
                self.catch_up(number);
                self.known[number].seen = 0;
            }
            self.freed.clear();
        }
        self.freed.push(place);
    }

    fn catch_up(&mut self, number: usize) {
        let (own, words) = (&mut self.known[number], self.nodes.len().div_ceil(64));
        let news = &self.freed[own.seen..];
        if news.len() > self.nodes.len() {
            own.refused.fill(0);
        } else {
            for &place in news {
                if let Some(word) = own.refused.get_mut(place / 64) {
                    *word &= !(1 << (place % 64));
                }
            }
        }
        own.seen = self.freed.len();
        own.refused.resize(words.max(own.refused.len()), 0);
    }

    /// The number of what is known of a pod's class, if nothing but single nodes matters to it.
    fn local(&mut self, pod: &Arc<PodInfo>) -> Option<usize> {
        let is_special =
            pod.node_name().is_some() || pod.nominated_node().is_some() || pod.group().is_some();
        if is_special {
            return None;
        }
        let key = Arc::as_ptr(&pod.class).addr();
        let number = if let Some(number) = self.known.get_index_of(&key) {
            number
        } else {
            let is_repelled = self.is_repelled(pod);
            let own = ClassCache {
                class: pod.class.clone(),
                tests: (!is_repelled).then(|| self.tests(pod)).flatten(),
                refused: Vec::new(),
                seen: self.freed.len(),
            };
            self.known.insert_full(key, own).0
        };
        debug_assert!(Arc::ptr_eq(&self.known[number].class, &pod.class));
        self.known[number].tests.as_ref()?;
        self.catch_up(number);
        Some(number)
    }

    /// Whether a class that has pods here keeps a pod away from some of them.
    fn is_repelled(&mut self, pod: &Arc<PodInfo>) -> bool {
        let key = Arc::as_ptr(&pod.class).addr();
        if let Some((_, is_repelled)) = self.repelled.get(&key) {
            return *is_repelled;
        }
        let ctx = AttemptContext {
            cache: &self.cache,
            pod,
        };
        let plugins = self.profile.fast_plugins();
        let meant = |other: &Arc<PodClass>| {
            let mut known = plugins.iter().flatten();
            known.any(|plugin| plugin.is_meant_by(ctx, other))
        };
        let is_repelled = self.repelling.iter().any(meant);
        let own = (pod.class.clone(), is_repelled);
        self.repelled.insert(key, own);
        is_repelled
    }

    /// The questions to single nodes about a pod, if there are no others.
    fn tests(&self, pod: &Arc<PodInfo>) -> Option<Vec<NodeTest>> {
        let ctx = AttemptContext {
            cache: &self.cache,
            pod,
        };
        let plugins = self.profile.fast_plugins();
        for &index in &self.profile.pre_filter {
            let plugin = plugins[index].as_ref()?;
            if matches!(plugin.kept_filter(ctx), CacheableFilter::Unknown) {
                return None;
            }
        }
        let mut tests = Vec::new();
        for &index in &self.profile.filter {
            let plugin = plugins[index].as_ref()?;
            let is_asked = self.profile.pre_filter.contains(&index)
                || !plugin.points().contains(KubePoints::PRE_FILTER);
            match plugin.kept_filter(ctx) {
                CacheableFilter::Node(_) if is_asked => tests.push(node_test(plugin, pod)),
                CacheableFilter::Open | CacheableFilter::Node(_) => {}
                CacheableFilter::Unknown | CacheableFilter::Rules(_) => return None,
            }
        }
        Some(tests)
    }

    /// The first of some places by what is known of a class.
    fn first_known(&mut self, number: usize, places: Range<usize>) -> Option<usize> {
        let (own, cache) = (&mut self.known[number], &self.cache);
        let tests = own.tests.as_deref().unwrap_or_default();
        let mut place = places.start;
        while place < places.end {
            let open = !own.refused[place / 64] & (u64::MAX << (place % 64));
            if open == 0 {
                place = (place / 64 + 1) * 64;
                continue;
            }
            place = place / 64 * 64 + open.trailing_zeros() as usize;
            if place >= places.end {
                break;
            }
            if !self.hidden[place]
                && let Some(info) = cache.node_in(self.slots[place])
            {
                if tests.iter().all(|test| test(info)) {
                    return Some(place);
                }
                own.refused[place / 64] |= 1 << (place % 64);
            }
            place += 1;
        }
        None
    }

    /// The first of some places whose node an attempt says yes to.
    fn first_asked(&self, pod: &Arc<PodInfo>, mut places: Range<usize>) -> Option<usize> {
        let attempt = Attempt::begin(&self.profile, &self.cache, pod);
        places.find(|&place| self.answer(&attempt, place) == Fit::Yes)
    }

    fn answer(&self, attempt: &Attempt<'_>, place: usize) -> Fit {
        let Some(info) = self.info(place).filter(|_| !self.hidden[place]) else {
            return Fit::No;
        };
        if attempt.refusal.is_some() || !attempt.is_looked_at(info) {
            return Fit::No;
        }
        match attempt.verdict(info) {
            None => Fit::Yes,
            Some(status) if status.plugin == SPREAD => Fit::NoSpread,
            Some(_) => Fit::No,
        }
    }

    fn note(&mut self, step: impl FnOnce() -> Step) {
        if !self.marks.is_empty() {
            self.steps.push(step());
        }
    }

    fn take_back(&mut self, step: Step) {
        match step {
            Step::Added(order) => {
                if let (Some(name), Some(slot)) = (self.nodes.pop(), self.slots.pop()) {
                    self.cache.take_added(&[name], order);
                    self.places[slot] = usize::MAX;
                }
                self.hidden.pop();
            }
            Step::Hidden(place) => self.hidden[place] = false,
            Step::Tainted(before) => {
                let outcome = self.cache.update_node(before);
                debug_assert!(outcome.is_ok(), "its amounts fitted before");
            }
            Step::TakenOut(nodes, places) => {
                for (info, (place, was_hidden)) in nodes.nodes().zip(places) {
                    self.places[info.slot] = place;
                    self.hidden[place] = was_hidden;
                }
                self.cache.put_back(nodes);
            }
            Step::Placed { pod, place, before } => {
                self.cache.remove_pod_in(&pod, self.slots[place]);
                if let Some(before) = before {
                    self.cache.restore_node(*before);
                }
                self.free(place);
            }
            Step::Displaced { pod, place, before } => {
                self.cache.add_pod_in(pod, self.slots[place]);
                self.cache.restore_node(*before);
            }
        }
    }
}

impl ClusterSnapshot for KubeSnapshot {
    fn nodes(&self) -> &[Text] {
        &self.nodes
    }

    fn place_of(&self, name: &str) -> Option<usize> {
        let slot = self.cache.slot_of(name)?;
        self.places.get(slot).copied()
    }

    fn pods_at(&self, place: usize) -> Vec<Arc<PodInfo>> {
        let info = self.info(place);
        info.map(|info| info.pods.clone()).unwrap_or_default()
    }

    fn first(&mut self, pod: &Arc<PodInfo>, places: Range<usize>) -> Option<usize> {
        if places.is_empty() {
            return None;
        }
        match self.local(pod) {
            Some(number) => self.first_known(number, places),
            None => self.first_asked(pod, places),
        }
    }

    fn fit(&mut self, pod: &Arc<PodInfo>, place: usize) -> Fit {
        if let Some(number) = self.local(pod) {
            let found = self.first_known(number, place..place + 1);
            return if found.is_some() { Fit::Yes } else { Fit::No };
        }
        let attempt = Attempt::begin(&self.profile, &self.cache, pod);
        self.answer(&attempt, place)
    }

    fn refusals(&mut self, pod: &Arc<PodInfo>, place: usize) -> Vec<String> {
        let attempt = Attempt::begin(&self.profile, &self.cache, pod);
        let status = match (&attempt.refusal, self.info(place)) {
            (Some(refusal), _) => Some(refusal.clone()),
            (None, Some(info)) if attempt.is_looked_at(info) => attempt.verdict(info),
            (None, _) => attempt.outside.clone(),
        };
        let reasons = status.map(|own| own.reasons).unwrap_or_default();
        reasons.into_iter().map(String::from).collect()
    }

    fn is_local(&mut self, pod: &Arc<PodInfo>) -> bool {
        self.local(pod).is_some()
    }

    fn add_node(&mut self, node: Arc<Node>, pods: &[Arc<PodInfo>]) -> Result<usize, CacheError> {
        let order = self.cache.node_order();
        let name = node.name.clone();
        self.cache.add_node(node)?;
        let slot = self.cache.slot_of(&name).unwrap_or_default();
        let place = self.nodes.len();
        self.nodes.push(name);
        self.slots.push(slot);
        self.hidden.push(false);
        if self.places.len() <= slot {
            self.places.resize(slot + 1, usize::MAX);
        }
        self.places[slot] = place;
        self.free(place);
        self.note(|| Step::Added(order));
        for pod in pods {
            self.place(pod, place);
        }
        Ok(place)
    }

    fn hide(&mut self, place: usize) {
        if !std::mem::replace(&mut self.hidden[place], true) {
            self.note(|| Step::Hidden(place));
        }
    }

    fn taint(&mut self, place: usize, taint: Taint) {
        let Some(before) = self.info(place).map(|info| info.object.clone()) else {
            return;
        };
        let mut node = (*before).clone();
        node.taints.push(taint);
        if self.cache.update_node(Arc::new(node)).is_ok() {
            self.note(|| Step::Tainted(before));
        }
    }

    fn take_out(&mut self, places: &[usize]) {
        let names = places.iter().map(|&place| self.nodes[place].clone());
        let names: Vec<Text> = names.collect();
        let taken = self.cache.take_nodes(&names);
        let places = taken.nodes().map(|info| {
            let place = self.places[info.slot];
            let was_hidden = std::mem::replace(&mut self.hidden[place], true);
            (place, was_hidden)
        });
        let places = places.collect();
        self.note(|| Step::TakenOut(taken, places));
    }

    fn place(&mut self, pod: &Arc<PodInfo>, place: usize) {
        if repels(&pod.class)
            && !self
                .repelling
                .iter()
                .any(|own| Arc::ptr_eq(own, &pod.class))
        {
            self.repelling.push(pod.class.clone());
            self.known.clear();
            self.repelled.clear();
        }
        let slot = self.slots[place];
        if !self.marks.is_empty() {
            let is_plain = pod.class.host_ports.is_empty() && pod.devices().is_empty();
            let before = self.cache.node_in(slot).filter(|_| !is_plain);
            self.steps.push(Step::Placed {
                pod: pod.clone(),
                place,
                before: before.map(|info| Box::new(info.clone())),
            });
        }
        self.cache.add_pod_in(pod.clone(), slot);
    }

    fn displace(&mut self, pod: &Arc<PodInfo>, place: usize) {
        let slot = self.slots[place];
        if !self.marks.is_empty()
            && let Some(before) = self.cache.node_in(slot)
        {
            self.steps.push(Step::Displaced {
                pod: pod.clone(),
                place,
                before: Box::new(before.clone()),
            });
        }
        self.cache.remove_pod_in(pod, slot);
        self.free(place);
    }

    fn mark(&mut self) {
        self.marks.push(self.steps.len());
    }

    fn commit(&mut self) {
        self.marks.pop();
        if self.marks.is_empty() {
            self.steps.clear();
        }
    }

    fn undo(&mut self) {
        let Some(mark) = self.marks.pop() else {
            return;
        };
        while self.steps.len() > mark {
            if let Some(step) = self.steps.pop() {
                self.take_back(step);
            }
        }
    }
}

/// Whether pods of a class keep others away.
fn repels(class: &PodClass) -> bool {
    !class.spec.affinity.required_pod_anti_affinity.is_empty()
}
