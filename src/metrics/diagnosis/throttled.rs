//! Pods that get less of the processors than they would use: held back by their own limits, or, where
//! cores are shared, by what others do on their node. Two samples in a row count; what is short once
//! may be a start.

use cluster::{Store, UsageSamples};
use model::{PodPhase, PodRef};
use units::{NodeId, SortedMap};

use super::Cause;

/// A pod is held back if it gets less than this share of what it would use.
const ENOUGH: f64 = 0.8;

/// Samples in a row that count.
const SAMPLES: u32 = 2;

/// Throttled pods.
#[derive(Clone, Debug, Default)]
pub(super) struct Throttling {
    /// Whether cores of a node are shared, so that pods slow each other down.
    pub shares_cores: bool,
    /// Samples in a row in which a pod was held back.
    samples: SortedMap<PodRef, u32>,
}

/// Newly throttled pods with cause and node, and pods no longer throttled.
type Found = (Vec<(PodRef, Cause, NodeId)>, Vec<PodRef>);

impl Throttling {
    /// Looks at a sample.
    pub(super) fn look(&mut self, store: &Store, usage: &dyn UsageSamples) -> Found {
        let mut used: Vec<i64> = Vec::new();
        let mut pods: Vec<(PodRef, NodeId, i64, i64, i64)> = Vec::new();
        let running = store.pods().iter();
        for pod in running.filter(|pod| pod.phase == PodPhase::Running) {
            let (Some(node), Some(own)) = (pod.node(), usage.pod(pod.pod)) else {
                continue;
            };
            let wanted = usage
                .wanted(pod.pod)
                .map_or(own.cpu_milli, |own| own.cpu_milli);
            let asked = store.class(pod.class).requests.cpu_milli;
            if used.len() <= node.index() {
                used.resize(node.index() + 1, 0);
            }
            used[node.index()] += own.cpu_milli;
            pods.push((pod.pod, node, own.cpu_milli, wanted, asked));
        }
        let offered = &store.nodes().allocatable().cpu_milli;
        let mut before = std::mem::take(&mut self.samples);
        let (mut held_back, mut free) = (Vec::new(), Vec::new());
        for (pod, node, own, wanted, asked) in pods {
            let index = node.index();
            // On a node that has too little for all, whoever keeps to what it asked for is not to blame.
            let part = offered[index] as f64 / used[index].max(1) as f64;
            let is_crowded = self.shares_cores && part < ENOUGH && own <= asked;
            let is_limited = (own as f64) < ENOUGH * wanted as f64;
            let count = before.remove(&pod).unwrap_or(0);
            if !is_crowded && !is_limited {
                if count >= SAMPLES {
                    free.push(pod);
                }
                continue;
            }
            self.samples.insert(pod, count + 1);
            if count + 1 == SAMPLES {
                let cause = if is_crowded {
                    Cause::NoisyNeighbor
                } else {
                    Cause::Throttled
                };
                held_back.push((pod, cause, node));
            }
        }
        (held_back, free)
    }
}
