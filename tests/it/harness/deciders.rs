//! Two ways to come to a decision. To hold a faster form to the plain one, implement [`Decider`]
//! for it and run it against [`Fresh`].

use std::sync::Arc;

use windtunnel::model::node::{REGION_LABEL, ZONE_LABEL};
use windtunnel::model::{ClusterObjects, Node, Text};
use windtunnel::scheduler::kube::{Attempt, Cache, PodInfo, Search};

use super::decision::{Decision, Question, decide, finish};

/// A change of the cluster.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    NodeJoined(Arc<Node>),
    NodeChanged(Arc<Node>),
    NodeLeft(Text),
    PodBound(Arc<PodInfo>, Text),
    PodLeft(Arc<PodInfo>, Text),
    Nominated(Arc<PodInfo>),
    Withdrawn(Arc<PodInfo>),
    Objects(Box<ClusterObjects>),
}

/// What follows a cluster's changes and decides about pods.
pub(crate) trait Decider {
    fn change(&mut self, change: &Change);
    fn decide(&mut self, question: &Question<'_>) -> Decision;
    /// The nodes in the scheduler's order.
    fn order(&self) -> Vec<Text>;
}

/// Tells a cache of a change.
pub(crate) fn apply(cache: &mut Cache, change: Change) {
    match change {
        Change::NodeJoined(node) => cache.add_node(node).unwrap(),
        Change::NodeChanged(node) => cache.update_node(node).unwrap(),
        Change::NodeLeft(name) => cache.remove_node(&name),
        Change::PodBound(pod, node) => cache.add_pod(pod, &node).unwrap(),
        Change::PodLeft(pod, node) => cache.remove_pod(&pod, &node),
        Change::Nominated(pod) => cache.nominate(pod),
        Change::Withdrawn(pod) => cache.withdraw(&pod),
        Change::Objects(objects) => *cache.objects = *objects,
    }
}

/// The plain form on a cache that is kept by changes.
#[derive(Default)]
pub(crate) struct Kept(Cache);

impl Decider for Kept {
    fn change(&mut self, change: &Change) {
        apply(&mut self.0, change.clone());
    }

    fn decide(&mut self, question: &Question<'_>) -> Decision {
        decide(&self.0, question)
    }

    fn order(&self) -> Vec<Text> {
        let nodes = self.0.nodes();
        nodes.map(|node| node.name().clone()).collect()
    }
}

/// Region and zone of a node, where it has them.
type Zone = (Option<Text>, Option<Text>);

/// The plain form on a cache that is built anew for every decision, out of lists that are kept in
/// the simplest way. Nodes are asked one by one, in an order that is worked out here.
#[derive(Default)]
pub(crate) struct Fresh {
    nodes: Vec<Arc<Node>>,
    /// Pods in the order that their node has them.
    pods: Vec<(Arc<PodInfo>, Text)>,
    nominated: Vec<Arc<PodInfo>>,
    objects: ClusterObjects,
    /// Zones with their nodes, and the order as of the last time a node came or went.
    zones: Vec<(Zone, Vec<Text>)>,
    order: Vec<Text>,
}

fn zone_of(node: &Node) -> Zone {
    let label = |key: &str| node.labels.get(key).cloned();
    (label(REGION_LABEL), label(ZONE_LABEL))
}

impl Fresh {
    fn leave_zone(&mut self, name: &Text) {
        for (_, nodes) in &mut self.zones {
            nodes.retain(|own| own != name);
        }
        self.zones.retain(|(_, nodes)| !nodes.is_empty());
    }

    fn enter_zone(&mut self, node: &Node) {
        let zone = zone_of(node);
        match self.zones.iter_mut().find(|(own, _)| *own == zone) {
            Some((_, nodes)) => nodes.push(node.name.clone()),
            None => self.zones.push((zone, vec![node.name.clone()])),
        }
    }

    fn order_again(&mut self) {
        self.order.clear();
        for round in 0..self.nodes.len() {
            for (_, nodes) in &self.zones {
                self.order.extend(nodes.get(round).cloned());
            }
        }
    }

    fn cache(&self) -> Cache {
        let mut cache = Cache::default();
        for node in &self.nodes {
            cache.add_node(node.clone()).unwrap();
        }
        for (pod, node) in &self.pods {
            cache.add_pod(pod.clone(), node).unwrap();
        }
        for pod in &self.nominated {
            cache.nominate(pod.clone());
        }
        *cache.objects = self.objects.clone();
        cache
    }

    fn search(&self, attempt: &Attempt<'_>, question: &Question<'_>) -> Search {
        let mut search = Search::default();
        for place in 0..self.order.len() {
            let name = &self.order[(question.start + place) % self.order.len()];
            let node = attempt.ctx.cache.node(name).unwrap();
            if !attempt.is_looked_at(node) {
                continue;
            }
            match attempt.verdict(node) {
                None if search.feasible.len() == question.wanted => break,
                None => search.feasible.push(name.clone()),
                Some(status) => search.rejected.push((name.clone(), status)),
            }
        }
        search
    }
}

impl Decider for Fresh {
    fn change(&mut self, change: &Change) {
        match change.clone() {
            Change::NodeJoined(node) => {
                self.enter_zone(&node);
                self.nodes.push(node);
                self.order_again();
            }
            Change::NodeChanged(node) => {
                let known = self.nodes.iter().position(|own| own.name == node.name);
                let before = std::mem::replace(&mut self.nodes[known.unwrap()], node.clone());
                if zone_of(&before) != zone_of(&node) {
                    self.leave_zone(&node.name);
                    self.enter_zone(&node);
                }
            }
            Change::NodeLeft(name) => {
                self.nodes.retain(|own| own.name != name);
                self.pods.retain(|(_, node)| *node != name);
                self.leave_zone(&name);
                self.order_again();
            }
            Change::PodBound(pod, node) => self.pods.push((pod, node)),
            Change::PodLeft(pod, node) => {
                // The last pod of the node takes the place of the one that left.
                let is_there = |(_, own): &&(Arc<PodInfo>, Text)| *own == node;
                let last = self.pods.iter().rfind(is_there).cloned();
                let gone = self.pods.iter().position(|(own, _)| own.is(&pod));
                self.pods[gone.unwrap()] = last.clone().unwrap();
                let last = last.unwrap().0;
                let twice = self.pods.iter().rposition(|(own, _)| own.is(&last));
                self.pods.remove(twice.unwrap());
            }
            Change::Nominated(pod) => self.nominated.push(pod),
            Change::Withdrawn(pod) => self.nominated.retain(|own| !own.is(&pod)),
            Change::Objects(objects) => self.objects = *objects,
        }
    }

    fn decide(&mut self, question: &Question<'_>) -> Decision {
        let cache = self.cache();
        let mut decision = Decision::default();
        if let Err(status) = Attempt::gate(question.profile, question.pod, &cache.objects) {
            decision.gate = Some(status);
            return decision;
        }
        let attempt = Attempt::begin(question.profile, &cache, question.pod);
        decision.refusal.clone_from(&attempt.refusal);
        decision.outside.clone_from(&attempt.outside);
        let search = match &attempt.refusal {
            Some(_) => Search::default(),
            None => self.search(&attempt, question),
        };
        finish(&attempt, search, &mut decision);
        decision
    }

    fn order(&self) -> Vec<Text> {
        self.order.clone()
    }
}
