//! The plain form of a cluster that autoscalers simulate: copied, not taken back.

use std::ops::Range;
use std::sync::Arc;

use windtunnel::autoscale::snapshot::{ClusterSnapshot, Fit};
use windtunnel::model::{Node, Taint, Text};
use windtunnel::scheduler::kube::{Attempt, Cache, CacheError, KubeProfile, PodInfo};

/// The plain form: copies instead of undoing, an attempt for every question.
#[derive(Clone)]
pub(super) struct Plain {
    cache: Cache,
    profile: Arc<KubeProfile>,
    nodes: Vec<Text>,
    closed: Vec<bool>,
    marks: Vec<Plain>,
}

impl Plain {
    pub(super) fn new(cache: Cache, profile: Arc<KubeProfile>) -> Self {
        let nodes: Vec<Text> = cache.nodes().map(|node| node.name().clone()).collect();
        Self {
            closed: vec![false; nodes.len()],
            cache,
            profile,
            nodes,
            marks: Vec::new(),
        }
    }
}

impl ClusterSnapshot for Plain {
    fn nodes(&self) -> &[Text] {
        &self.nodes
    }

    fn place_of(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|own| **own == *name)
    }

    fn pods_at(&self, place: usize) -> Vec<Arc<PodInfo>> {
        let node = self.cache.node(&self.nodes[place]);
        node.map(|node| node.pods.clone()).unwrap_or_default()
    }

    fn first(&mut self, pod: &Arc<PodInfo>, mut places: Range<usize>) -> Option<usize> {
        places.find(|&place| self.fit(pod, place) == Fit::Yes)
    }

    fn fit(&mut self, pod: &Arc<PodInfo>, place: usize) -> Fit {
        let attempt = Attempt::begin(&self.profile, &self.cache, pod);
        let node = self.cache.node(&self.nodes[place]);
        let Some(node) = node.filter(|_| !self.closed[place]) else {
            return Fit::No;
        };
        if attempt.refusal.is_some() || !attempt.is_looked_at(node) {
            return Fit::No;
        }
        match attempt.verdict(node) {
            None => Fit::Yes,
            Some(status) if status.plugin == "PodTopologySpread" => Fit::NoSpread,
            Some(_) => Fit::No,
        }
    }

    fn add_node(&mut self, node: Arc<Node>, pods: &[Arc<PodInfo>]) -> Result<usize, CacheError> {
        let name = node.name.clone();
        self.cache.add_node(node)?;
        self.nodes.push(name);
        self.closed.push(false);
        let place = self.nodes.len() - 1;
        for pod in pods {
            self.place(pod, place);
        }
        Ok(place)
    }

    fn hide(&mut self, place: usize) {
        self.closed[place] = true;
    }

    fn taint(&mut self, place: usize, taint: Taint) {
        let node = self.cache.node(&self.nodes[place]).expect("a node");
        let mut node = (*node.object).clone();
        node.taints.push(taint);
        self.cache.update_node(Arc::new(node)).unwrap();
    }

    fn take_out(&mut self, places: &[usize]) {
        for &place in places {
            self.cache.remove_node(&self.nodes[place]);
            self.closed[place] = true;
        }
    }

    fn place(&mut self, pod: &Arc<PodInfo>, place: usize) {
        self.cache.add_pod(pod.clone(), &self.nodes[place]).unwrap();
    }

    fn displace(&mut self, pod: &Arc<PodInfo>, place: usize) {
        self.cache.remove_pod(pod, &self.nodes[place]);
    }

    fn mark(&mut self) {
        let mut copy = self.clone();
        copy.marks.clear();
        self.marks.push(copy);
    }

    fn commit(&mut self) {
        self.marks.pop();
    }

    fn undo(&mut self) {
        let mut marks = std::mem::take(&mut self.marks);
        if let Some(before) = marks.pop() {
            *self = before;
        }
        self.marks = marks;
    }
}

/// What of a cache bears on decisions.
pub(super) fn state(cache: &Cache) -> Vec<String> {
    let nodes = cache.nodes().map(|node| {
        let mut pods: Vec<&str> = node
            .pods
            .iter()
            .map(|pod| pod.spec().namespace.as_ref())
            .collect();
        pods.sort_unstable();
        let mut uids: Vec<u64> = node.pods.iter().map(|pod| pod.uid).collect();
        uids.sort_unstable();
        let used = &node.requested;
        format!(
            "{} {:?} {pods:?} {uids:?} {} {} {} {:?} {:?}",
            node.name(),
            node.is_down,
            used.cpu_milli,
            used.memory,
            used.storage,
            node.ports,
            node.gpu_room,
        )
    });
    nodes.collect()
}
