//! What is kept of the answers about single nodes. Classes that these answers can't tell apart, most
//! often because they differ in labels alone, share them.

use std::sync::Arc;

use super::bits::{self, Chunk, Set, WORD};
use super::plan::Draft;
use crate::control::scheduler::kube::keep::{NodePoints, NodeTest, Rests};
use crate::control::scheduler::kube::{Cache, KubeProfile, NodeInfo, Normalization, PodInfo};
use crate::model::{Affinity, Container, PodSpec};

/// When a larger part of the nodes has changed, all are asked again.
const STALE: usize = 4;

/// Points in proportion to the largest among the feasible nodes.
pub(super) struct Scaled {
    pub(super) weight: i64,
    pub(super) reverse: bool,
    /// By place, before normalisation.
    pub(super) raw: Vec<i64>,
}

/// Answers by place.
pub(super) struct Shape {
    /// Nodes that can take the pod as far as single nodes go.
    pub(super) open: Set,
    /// One more than the points of single nodes; 0 is not open.
    pub(super) rank: Vec<Chunk>,
    /// Points that don't change with pods, where they differ between nodes.
    pub(super) scaled: Vec<Scaled>,
    /// When it was used last.
    pub(super) used: u64,
    /// Points were not on the scale.
    pub(super) is_broken: bool,
    /// Points by declaration; negative where the declaration keeps the pod off.
    fixed: Vec<i16>,
    tests: Vec<NodeTest>,
    points: Vec<(i64, NodePoints)>,
    /// Up to where the log is taken in.
    position: u64,
}

/// What the answers about single nodes may look at.
pub(super) fn bare(spec: &PodSpec) -> PodSpec {
    let bare = |own: &Container| Container {
        image: own.image.clone(),
        requests: own.requests.clone(),
        host_ports: own.host_ports.clone(),
        restartable: own.restartable,
        ..Container::default()
    };
    PodSpec {
        containers: spec.containers.iter().map(bare).collect(),
        init_containers: spec.init_containers.iter().map(bare).collect(),
        overhead: spec.overhead.clone(),
        pod_requests: spec.pod_requests.clone(),
        node_selector: spec.node_selector.clone(),
        affinity: Affinity {
            node: spec.affinity.node.clone(),
            ..Affinity::default()
        },
        tolerations: spec.tolerations.clone(),
        gpu: spec.gpu.clone(),
        ..PodSpec::default()
    }
}

impl Shape {
    /// Asks every node.
    pub(super) fn new(
        profile: &KubeProfile,
        cache: &Cache,
        pod: &Arc<PodInfo>,
        draft: &Draft,
    ) -> Self {
        let nodes = cache.node_count();
        let mut shape = Self {
            open: bits::empty(nodes),
            rank: vec![[0; WORD]; nodes.div_ceil(WORD)],
            scaled: Vec::new(),
            used: 0,
            is_broken: false,
            fixed: vec![0; nodes],
            tests: Vec::new(),
            points: Vec::new(),
            position: 0,
        };
        shape.declare(profile, cache, pod, draft);
        for &(index, rests) in &draft.tests {
            if rests == Rests::OnNode {
                shape
                    .tests
                    .push(profile.plugins[index].node_test(pod, cache));
            }
        }
        for own in &draft.points {
            if own.rests == Rests::OnNode {
                let points = profile.plugins[own.plugin].node_points(pod, cache);
                shape.points.push((own.weight, points));
            }
        }
        shape.refresh_all(cache);
        shape
    }

    /// What the declarations of nodes say, for as long as they stay.
    fn declare(&mut self, profile: &KubeProfile, cache: &Cache, pod: &Arc<PodInfo>, draft: &Draft) {
        for &(index, rests) in &draft.tests {
            if rests == Rests::OnDeclaration {
                let test = profile.plugins[index].node_test(pod, cache);
                for (fixed, node) in self.fixed.iter_mut().zip(cache.nodes()) {
                    if *fixed >= 0 && !test(node) {
                        *fixed = -1;
                    }
                }
            }
        }
        for own in &draft.points {
            if own.rests != Rests::OnDeclaration {
                continue;
            }
            let points = profile.plugins[own.plugin].node_points(pod, cache);
            let places = self.fixed.iter().zip(cache.nodes());
            let raw = places.map(|(&fixed, node)| if fixed >= 0 { points(node) } else { 0 });
            let raw: Vec<i64> = raw.collect();
            if let Normalization::Proportion { reverse } = own.normalization {
                self.add_scaled(raw, own.weight, reverse);
            } else {
                for (fixed, points) in self.fixed.iter_mut().zip(raw) {
                    if *fixed >= 0 {
                        self.is_broken |= !(0..=100).contains(&points);
                        *fixed += (own.weight * points.clamp(0, 100)) as i16;
                    }
                }
            }
        }
    }

    /// Points that are the same everywhere rank nobody.
    fn add_scaled(&mut self, raw: Vec<i64>, weight: i64, reverse: bool) {
        let places = raw.iter().zip(&self.fixed);
        let mut open = places.filter(|&(_, &fixed)| fixed >= 0).map(|(raw, _)| raw);
        let Some(first) = open.next() else {
            return;
        };
        if open.any(|raw| raw != first) {
            self.scaled.push(Scaled {
                weight,
                reverse,
                raw,
            });
        }
    }

    /// Takes in what happened since.
    pub(super) fn refresh(&mut self, cache: &Cache, places: &[u32]) {
        let log = cache.log();
        match log.since(self.position) {
            Some(changes) if changes.len() * STALE <= cache.node_count() => {
                for change in changes {
                    let slot = change.slot as usize;
                    if let Some(node) = cache.node_in(slot) {
                        self.ask(places[slot] as usize, node);
                    }
                }
                self.position = log.end();
            }
            _ => self.refresh_all(cache),
        }
    }

    fn refresh_all(&mut self, cache: &Cache) {
        for (place, node) in cache.nodes().enumerate() {
            self.ask(place, node);
        }
        self.position = cache.log().end();
    }

    fn ask(&mut self, place: usize, node: &NodeInfo) {
        let fixed = self.fixed[place];
        let is_open = fixed >= 0 && self.tests.iter().all(|test| test(node));
        let mut rank = 0;
        if is_open {
            rank = fixed + 1;
            for (weight, points) in &self.points {
                let points = points(node);
                self.is_broken |= !(0..=100).contains(&points);
                rank += (weight * points.clamp(0, 100)) as i16;
            }
        }
        bits::put(&mut self.open, place, is_open);
        self.rank[place / WORD][place % WORD] = rank;
    }

    /// What it takes.
    pub(super) fn bytes(&self) -> usize {
        let by_place = 2 + 2 + 8 * self.scaled.len();
        self.fixed.len() * by_place + self.fixed.len() / 8 + size_of::<Self>()
    }
}
