//! Loss of nodes with their pods: those that a controller makes anew are decided one after the
//! other, by falling priority and then in order of the dump, and each counts for the next. Nodes of
//! equal points are taken by name. With preemption, evicted pods of controllers look for a node as
//! well.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use serde::Serialize;

use rayon::prelude::*;

use super::selection::Domain;
use super::trial::{Preemption, Trial};
use super::turns::{Range, Turn, range};
use crate::snapshot::{Snapshot, SnapshotError};
use k8s::{Maker, ManifestPod};
use model::{PodPhase, Text};
use scheduler::kube::{Cache, KubeProfile, PodInfo};
use units::SortedMap;

/// Fate of the pods of lost nodes; pods are given as `NAMESPACE/NAME`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// Pods with their new nodes, in the order of the decisions.
    pub placed: Vec<(String, Text)>,
    /// Pods that find no node, with what the scheduler says of each that it is asked about.
    pub waiting: Vec<(String, String)>,
    /// Pods that nothing replaces.
    pub gone: Vec<String>,
    /// Pods that belonged to their node: static ones, and those of a `DaemonSet`.
    pub of_node: Vec<String>,
    /// Pods that were evicted for others; each is also among those above.
    pub evicted: Vec<Evicted>,
    /// Numbers of waiting pods in this order and others, with other choices among equally good nodes.
    pub range: Range,
}

/// Pod that was evicted for another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evicted {
    /// The pod, as `NAMESPACE/NAME`.
    pub pod: String,
    /// Node that it had.
    pub node: Text,
    /// The pod that took its place.
    pub by: String,
}

impl Loss {
    /// Number of pods that look for a new node.
    pub fn requeued(&self) -> usize {
        self.placed.len() + self.waiting.len()
    }
}

/// Loss of a domain by itself.
#[derive(Clone, Debug)]
pub struct DomainLoss {
    /// The lost domain.
    pub domain: Domain,
    /// Fate of its pods.
    pub loss: Loss,
}

/// Pods of a snapshot as they are made anew.
struct Known {
    pods: Vec<KnownPod>,
    /// Pods that have a node and are not told to end, by the node.
    by_node: SortedMap<Text, Vec<usize>>,
    by_name: SortedMap<String, usize>,
}

struct KnownPod {
    info: Arc<PodInfo>,
    maker: Maker,
}

impl KnownPod {
    fn priority(&self) -> i32 {
        self.info.spec().priority
    }
}

/// A cluster in which nodes are lost and pods evicted for a question.
#[derive(Clone)]
pub struct Ground {
    known: Arc<Known>,
    pub(super) trial: Trial,
}

/// Rank of a pod: priority, place within it by the way, place in the dump.
type Rank = (Reverse<i32>, (i64, i64), usize);

/// Pods that look for a node, the most important first.
#[derive(Debug)]
struct Queue {
    pods: BinaryHeap<Reverse<Rank>>,
    way: Way,
}

/// Way in which lost pods look for nodes, and the number of those that wait which are told why.
#[derive(Clone, Copy, Debug)]
struct Way {
    turn: Turn,
    told: usize,
}

impl Way {
    /// The given way, in which each pod is told why it waits.
    const GIVEN: Self = Self {
        turn: Turn::GIVEN,
        told: usize::MAX,
    };
}

/// Pods that are told why they wait, of each of several losses.
const MOST_TOLD: usize = 64;

impl Queue {
    fn new(way: Way) -> Self {
        let pods = BinaryHeap::new();
        Self { pods, way }
    }
}

impl Ground {
    /// The cluster of a snapshot, about whose pods the profiles decide.
    ///
    /// # Errors
    /// If an amount can't be expressed.
    pub fn new(
        snapshot: &mut Snapshot,
        profiles: &[KubeProfile],
        preemption: Preemption,
    ) -> Result<Self, SnapshotError> {
        let mut known = Known {
            pods: Vec::with_capacity(snapshot.pods.len()),
            by_node: SortedMap::new(),
            by_name: SortedMap::new(),
        };
        for index in 0..snapshot.pods.len() {
            let pod = &snapshot.pods[index];
            let fresh = anew(pod);
            let (maker, node) = (pod.maker, pod.node_name.clone());
            let stays = !pod.phase.is_final() && !pod.is_terminating;
            let info = Arc::new(snapshot.pod_info(&fresh)?);
            if let Some(node) = node.filter(|_| stays) {
                known.by_node.entry(node).or_default().push(index);
                known.by_name.insert(info.full_name(), index);
            }
            known.pods.push(KnownPod { info, maker });
        }
        Ok(Self {
            known: Arc::new(known),
            trial: Trial::new(snapshot.cache.clone(), profiles, preemption),
        })
    }

    /// Loses nodes, all at once, and has the scheduler find new ones for their pods. The cluster is
    /// then as before.
    pub fn lose(&mut self, nodes: &[Text]) -> Loss {
        self.lose_and_tell(nodes, usize::MAX)
    }

    /// As [`Self::lose`], with no more than a number of waiting pods that are told why.
    fn lose_and_tell(&mut self, nodes: &[Text], told: usize) -> Loss {
        let turn = Turn::GIVEN;
        let mut loss = self.lose_by(nodes, Way { turn, told });
        let (requeued, waiting) = (loss.requeued() as u64, loss.waiting.len() as u64);
        loss.range = range(requeued, waiting, |turn| {
            let loss = self.lose_by(nodes, Way { turn, told: 0 });
            loss.waiting.len() as u64
        });
        loss
    }

    /// As [`Self::lose`], in one way.
    fn lose_by(&mut self, nodes: &[Text], way: Way) -> Loss {
        let mark = self.trial.mark();
        self.trial.take_nodes(nodes);
        self.trial.turn(way.turn);
        let loss = self.replace(nodes, way);
        self.trial.turn(Turn::GIVEN);
        self.trial.roll_back(mark);
        loss
    }

    /// Has the scheduler find new nodes for the pods of some.
    fn replace(&mut self, nodes: &[Text], way: Way) -> Loss {
        let known = Arc::clone(&self.known);
        let (mut loss, mut queue) = (Loss::default(), Queue::new(way));
        let mut lost: Vec<usize> = { nodes.iter() }
            .filter_map(|node| known.by_node.get(node))
            .flatten()
            .copied()
            .collect();
        lost.sort_by_key(|&index| (Reverse(known.pods[index].priority()), index));
        for index in lost {
            known.dismiss(index, &mut queue, &mut loss);
        }
        self.settle(queue, &mut loss);
        loss
    }

    /// Takes the pods off nodes that are not ready, which the cluster evicts after a while, and finds others for them.
    /// Gives the nodes with their fate, and the cluster as it is then.
    pub(super) fn abandoned(mut self, nodes: &[Text]) -> (Loss, Cache) {
        let known = Arc::clone(&self.known);
        for node in nodes {
            for &index in known.by_node.get(node).into_iter().flatten() {
                let pod = &known.pods[index];
                if pod.maker == Maker::Controller {
                    self.trial.displace(&pod.info, node);
                }
            }
        }
        let way = Way {
            told: 0,
            ..Way::GIVEN
        };
        let loss = self.replace(nodes, way);
        (loss, self.trial.into_cache())
    }

    /// Loses each domain by itself, beside nodes that are lost in any case. Answers are in the order of
    /// the domains, however many threads work; of each, the first pods that wait are told why.
    pub fn lose_each(&self, always: &[Text], domains: &[Domain]) -> Vec<DomainLoss> {
        // Each thread has one copy of the cluster, whose scheduler keeps its answers from trial to trial.
        let share = domains.len().div_ceil(rayon::current_num_threads());
        let parts = domains.par_chunks(share.max(1));
        let losses = parts.flat_map_iter(|part| {
            let mut own = self.clone();
            let losses = part.iter().map(move |domain| {
                let mut nodes = always.to_vec();
                nodes.extend(
                    domain
                        .nodes
                        .iter()
                        .filter(|node| !always.contains(node))
                        .cloned(),
                );
                DomainLoss {
                    domain: domain.clone(),
                    loss: own.lose_and_tell(&nodes, MOST_TOLD),
                }
            });
            losses.collect::<Vec<DomainLoss>>()
        });
        losses.collect()
    }

    /// Places a pod that is not of the snapshot; pods that are evicted for it look for new nodes.
    ///
    /// # Errors
    /// It finds no node; in words.
    pub(super) fn place(&mut self, pod: &Arc<PodInfo>, loss: &mut Loss) -> Result<Text, String> {
        let landed = self.trial.place(pod, true)?;
        let mut queue = Queue::new(Way::GIVEN);
        self.evict(&landed.victims, &landed.node, pod, loss, &mut queue);
        self.settle(queue, loss);
        Ok(landed.node)
    }

    /// Places the pods of a queue and of those that they evict.
    fn settle(&mut self, mut queue: Queue, loss: &mut Loss) {
        let known = Arc::clone(&self.known);
        while let Some(Reverse((_, _, index))) = queue.pods.pop() {
            let info = &known.pods[index].info;
            let tells = loss.waiting.len() < queue.way.told;
            match self.trial.place(info, tells) {
                Ok(landed) => {
                    loss.placed.push((info.full_name(), landed.node.clone()));
                    self.evict(&landed.victims, &landed.node, info, loss, &mut queue);
                }
                Err(words) => loss.waiting.push((info.full_name(), words)),
            }
        }
    }

    fn evict(
        &self,
        victims: &[Arc<PodInfo>],
        node: &Text,
        by: &PodInfo,
        loss: &mut Loss,
        queue: &mut Queue,
    ) {
        for victim in victims {
            let pod = victim.full_name();
            loss.placed.retain(|(placed, _)| *placed != pod);
            if let Some(&index) = self.known.by_name.get(&pod) {
                self.known.dismiss(index, queue, loss);
            }
            loss.evicted.push(Evicted {
                pod,
                node: node.clone(),
                by: by.full_name(),
            });
        }
    }
}

impl Known {
    /// Sends a pod that lost its node on its way.
    fn dismiss(&self, index: usize, queue: &mut Queue, loss: &mut Loss) {
        let pod = &self.pods[index];
        match pod.maker {
            Maker::Nobody => loss.gone.push(pod.info.full_name()),
            Maker::Node => loss.of_node.push(pod.info.full_name()),
            Maker::Controller => {
                let place = queue.way.turn.place_of(&pod.info);
                queue
                    .pods
                    .push(Reverse((Reverse(pod.priority()), place, index)));
            }
        }
    }
}

/// A pod as its controller makes it anew.
fn anew(pod: &ManifestPod) -> ManifestPod {
    ManifestPod {
        node_name: None,
        nominated_node: None,
        accounted: None,
        started_unix_secs: None,
        phase: PodPhase::Pending,
        is_terminating: false,
        ..pod.clone()
    }
}

/// Takes nodes out of a snapshot, all at once, and finds new places for their pods, without evictions.
///
/// # Errors
/// If a node is not there, or an amount can't be expressed.
pub fn lose(
    snapshot: &mut Snapshot,
    profiles: &[KubeProfile],
    nodes: &[String],
) -> Result<Loss, SnapshotError> {
    let names = nodes.iter().map(|node| snapshot.node_name(node));
    let names: Vec<Text> = names.collect::<Result<_, _>>()?;
    let loss = Ground::new(snapshot, profiles, Preemption::Off)?.lose(&names);
    for name in &names {
        snapshot.lose_node(name)?;
    }
    Ok(loss)
}
