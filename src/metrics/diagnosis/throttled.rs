//! Pods that get less of the processors than they would use: held back by their own limits, or, where
//! cores are shared, by what others do on their node. What is short for less than a minute may be a start.

use cluster::{Store, UsageNews};
use model::{PodPhase, PodRef};
use units::{Duration, Instant, NodeId, SortedMap, SortedSet};

use super::Cause;

/// A pod is held back if it gets less than this share of what it would use.
const ENOUGH: f64 = 0.8;

/// Time for which a pod is held back before that counts.
const LONG: Duration = Duration::from_secs(60);

/// Throttled pods.
#[derive(Clone, Debug, Default)]
pub(super) struct Throttling {
    /// Whether cores of a node are shared, so that pods slow each other down.
    pub shares_cores: bool,
    /// The pods that are held back, by node.
    nodes: SortedMap<NodeId, SortedMap<PodRef, ThrottledPod>>,
    /// Those for whom it does not count yet, by the instant from which it will.
    pending: SortedSet<(Instant, PodRef, NodeId)>,
}

/// A pod that is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ThrottledPod {
    /// The pod.
    pub pod: PodRef,
    /// Node of the pod.
    pub node: NodeId,
    /// Cause that holds the pod back.
    pub cause: Cause,
    /// The instant from which that counts.
    pub from: Instant,
}

impl Throttling {
    /// Looks at the nodes whose pods use something else; the pods that are no longer throttled.
    pub(super) fn look(&mut self, now: Instant, store: &Store, news: UsageNews<'_>) -> Vec<PodRef> {
        let mut free = Vec::new();
        for &node in news.nodes {
            let found = self.on_node(node, store, news);
            let before = self.nodes.remove(&node).unwrap_or_default();
            let mut held = SortedMap::new();
            for (pod, cause) in found {
                let from = now.saturating_add(LONG);
                let mut own = ThrottledPod {
                    pod,
                    node,
                    cause,
                    from,
                };
                match before.get(&pod) {
                    // The cause that was seen last counts.
                    Some(known) => own.from = known.from,
                    None => self.pending.extend([(from, pod, node)]),
                }
                held.insert(pod, own);
            }
            for (pod, own) in before {
                if held.contains_key(&pod) {
                    continue;
                }
                if !self.pending.remove(&(own.from, pod, node)) {
                    free.push(pod);
                }
            }
            if !held.is_empty() {
                self.nodes.insert(node, held);
            }
        }
        free
    }

    /// Takes out the next pod for which it counts by now.
    #[inline]
    pub(super) fn next(&mut self, now: Instant) -> Option<ThrottledPod> {
        let &(from, pod, node) = self.pending.first().filter(|&&(from, ..)| from <= now)?;
        self.pending.remove(&(from, pod, node));
        self.nodes.get(&node)?.get(&pod).copied()
    }

    /// The pods of a node that are held back now, and by what.
    fn on_node(&self, node: NodeId, store: &Store, news: UsageNews<'_>) -> Vec<(PodRef, Cause)> {
        let mut used = 0_i64;
        let mut pods: Vec<(PodRef, i64, i64, i64)> = Vec::new();
        let all = store.nodes().pods(node).iter();
        let all = all.filter_map(|&slot| store.pods().at(slot));
        for pod in all.filter(|pod| pod.phase == PodPhase::Running) {
            let Some(own) = news.usage.pod(pod.pod) else {
                continue;
            };
            let wanted = (news.usage.wanted(pod.pod)).map_or(own.cpu_milli, |own| own.cpu_milli);
            let asked = store.class(pod.class).requests.cpu_milli;
            used = used.saturating_add(own.cpu_milli);
            pods.push((pod.pod, own.cpu_milli, wanted, asked));
        }
        // On a node that has too little for all, a pod within its requests is not to blame.
        let offered = store.nodes().allocatable().row(node).cpu_milli;
        let part = offered as f64 / used.max(1) as f64;
        let held = pods.into_iter().filter_map(|(pod, own, wanted, asked)| {
            let is_crowded = self.shares_cores && part < ENOUGH && own <= asked;
            let is_limited = (own as f64) < ENOUGH * wanted as f64;
            let cause = if is_crowded {
                Cause::NoisyNeighbor
            } else if is_limited {
                Cause::Throttled
            } else {
                return None;
            };
            Some((pod, cause))
        });
        held.collect()
    }
}
