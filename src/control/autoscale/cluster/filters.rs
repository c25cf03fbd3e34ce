//! What the cluster autoscaler asks of a scheduler: whether a pod would fit a node that is there
//! or might be. [`KubeCluster`] asks the filters of kube-scheduler themselves.

use std::sync::Arc;

use crate::control::scheduler::kube::{Attempt, Cache, CacheError, KubeProfile, PodInfo};
use crate::model::{Node, Text};

/// Whether a pod fits a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It does not because of a rule that spreads pods.
    NoSpread,
}

/// A cluster to simulate in: what is placed stays placed until the copy is dropped.
pub trait Cluster: Clone {
    /// The nodes, in the order in which they are searched: a new one comes last.
    fn nodes(&self) -> &[Text];

    /// Whether a pod fits each of the nodes named, asked one by one until `until` is satisfied;
    /// the place of the node that satisfied it.
    fn find(
        &self,
        pod: &PodInfo,
        nodes: &mut dyn Iterator<Item = &Text>,
        until: &mut dyn FnMut(Fit) -> bool,
    ) -> Option<usize>;

    /// Adds a node with pods on it.
    fn add_node(&mut self, node: Arc<Node>, pods: &[Arc<PodInfo>]) -> Result<(), CacheError>;

    /// Takes a node away, with its pods.
    fn remove_node(&mut self, name: &str);

    /// Places a pod.
    fn place(&mut self, pod: Arc<PodInfo>, node: &str) -> Result<(), CacheError>;

    /// Takes a pod away.
    fn displace(&mut self, pod: &PodInfo, node: &str);

    /// Whether a pod fits one node.
    fn fit(&self, pod: &PodInfo, node: &Text) -> Fit {
        let mut answer = Fit::No;
        let mut asked = std::iter::once(node);
        self.find(pod, &mut asked, &mut |fit| {
            answer = fit;
            true
        });
        answer
    }
}

/// The plugin that spreads pods.
const SPREAD: &str = "PodTopologySpread";

/// A cluster whose scheduler is kube-scheduler under a profile.
#[derive(Clone)]
pub struct KubeCluster<'p> {
    cache: Cache,
    profile: &'p KubeProfile,
    nodes: Vec<Text>,
}

impl<'p> KubeCluster<'p> {
    /// The cluster as a scheduler knows it.
    pub fn new(cache: Cache, profile: &'p KubeProfile) -> Self {
        let nodes = cache.nodes().map(|node| node.name().clone()).collect();
        Self {
            cache,
            profile,
            nodes,
        }
    }

    /// What the scheduler knows.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }
}

impl Cluster for KubeCluster<'_> {
    fn nodes(&self) -> &[Text] {
        &self.nodes
    }

    fn find(
        &self,
        pod: &PodInfo,
        nodes: &mut dyn Iterator<Item = &Text>,
        until: &mut dyn FnMut(Fit) -> bool,
    ) -> Option<usize> {
        let attempt = Attempt::begin(self.profile, &self.cache, pod);
        let mut nodes = nodes;
        Iterator::position(&mut nodes, |name| {
            let Some(node) = self.cache.node(name) else {
                return until(Fit::No);
            };
            if attempt.refusal.is_some() || !attempt.is_looked_at(node) {
                return until(Fit::No);
            }
            until(match attempt.verdict(node) {
                None => Fit::Yes,
                Some(status) if status.plugin == SPREAD => Fit::NoSpread,
                Some(_) => Fit::No,
            })
        })
    }

    fn add_node(&mut self, node: Arc<Node>, pods: &[Arc<PodInfo>]) -> Result<(), CacheError> {
        let name = node.name.clone();
        self.cache.add_node(node)?;
        for pod in pods {
            self.cache.add_pod(pod.clone(), &name)?;
        }
        self.nodes.push(name);
        Ok(())
    }

    fn remove_node(&mut self, name: &str) {
        self.cache.remove_node(name);
        self.nodes.retain(|own| **own != *name);
    }

    fn place(&mut self, pod: Arc<PodInfo>, node: &str) -> Result<(), CacheError> {
        self.cache.add_pod(pod, node)
    }

    fn displace(&mut self, pod: &PodInfo, node: &str) {
        self.cache.remove_pod(pod, node);
    }
}
