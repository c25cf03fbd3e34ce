//! Garbage collection of pods: what ended long ago, what is on nodes that are gone, what was told to
//! end and never will by itself (spec: kubernetes.md 2.8). Removed pods are marked failed and leave
//! at once, without grace.

use model::Text;
use model::workload::ObservedPhase;
use units::{Duration, Instant, SortedMap, SortedSet};

/// Time between two passes.
pub const PERIOD: Duration = Duration::from_secs(20);

/// Time for which a node must be missing before its pods are removed.
pub const QUARANTINE: Duration = Duration::from_secs(40);

/// Number of ended pods that are kept by default.
pub const DEFAULT_THRESHOLD: usize = 12_500;

/// The taint of nodes that are switched off for good.
pub const OUT_OF_SERVICE_TAINT: &str = "node.kubernetes.io/out-of-service";

/// A pod as the collector sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GcPod {
    /// The pod's name.
    pub name: Text,
    /// The pod's node.
    pub node: Option<Text>,
    /// The pod's phase.
    pub phase: ObservedPhase,
    /// Marks a pod that failed by eviction from its node.
    pub is_evicted: bool,
    /// Instant of the node's creation.
    pub created: Instant,
    /// Marks a pod that was asked to end.
    pub is_terminating: bool,
}

/// A node as the collector sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GcNode {
    /// `true` if the node is ready.
    pub is_ready: bool,
    /// Marks a node with the taint [`OUT_OF_SERVICE_TAINT`].
    pub is_out_of_service: bool,
}

/// The collector: nodes in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodGc {
    threshold: usize,
    /// Missing nodes, with the end of their quarantine.
    quarantine: SortedMap<Text, Instant>,
}

impl Default for PodGc {
    fn default() -> Self {
        Self::new(DEFAULT_THRESHOLD)
    }
}

impl PodGc {
    /// A collector that keeps `threshold` ended pods; 0 keeps all.
    pub const fn new(threshold: usize) -> Self {
        Self {
            threshold,
            quarantine: SortedMap::new(),
        }
    }

    /// Number of pods beyond the threshold, of so many that ended.
    pub const fn surplus(&self, ended: usize) -> usize {
        match self.threshold {
            0 => 0,
            threshold => ended.saturating_sub(threshold),
        }
    }

    /// One pass: the pods to be removed, each once, in order of the reasons.
    pub fn pass(
        &mut self,
        now: Instant,
        pods: &[GcPod],
        nodes: &SortedMap<Text, GcNode>,
    ) -> Vec<Text> {
        let mut removed = Vec::new();
        let mut ended: Vec<&GcPod> = pods.iter().filter(|pod| pod.phase.is_terminal()).collect();
        let surplus = self.surplus(ended.len());
        if surplus > 0 {
            ended.sort_by_key(|pod| oldest_first(pod));
            removed.extend(ended.into_iter().take(surplus));
        }
        let is_off = |pod: &&GcPod| {
            let node = pod.node.as_ref().and_then(|name| nodes.get(name));
            pod.is_terminating && node.is_some_and(|node| !node.is_ready && node.is_out_of_service)
        };
        removed.extend(sorted(pods.iter().filter(is_off)));
        let gone = self.gone(now, pods, nodes);
        let is_orphan = |pod: &&GcPod| pod.node.as_ref().is_some_and(|node| gone.contains(node));
        removed.extend(pods.iter().filter(is_orphan));
        let is_unplaced = |pod: &&GcPod| pod.is_terminating && pod.node.is_none();
        removed.extend(sorted(pods.iter().filter(is_unplaced)));
        let mut seen = SortedSet::new();
        removed.retain(|pod| seen.insert(&pod.name));
        removed.into_iter().map(|pod| pod.name.clone()).collect()
    }

    /// The nodes that were missing for as long as the quarantine and still are.
    fn gone(
        &mut self,
        now: Instant,
        pods: &[GcPod],
        nodes: &SortedMap<Text, GcNode>,
    ) -> SortedSet<Text> {
        let over = self.quarantine.iter().filter(|(_, until)| **until <= now);
        let mut gone: SortedSet<Text> = over.map(|(name, _)| name.clone()).collect();
        self.quarantine.retain(|_, until| *until > now);
        let missing = pods.iter().filter_map(|pod| pod.node.as_ref());
        for name in missing.filter(|name| !nodes.contains_key(*name)) {
            let until = now.saturating_add(QUARANTINE);
            self.quarantine.entry(name.clone()).or_insert(until);
        }
        gone.retain(|name| !nodes.contains_key(name));
        gone
    }
}

/// Evicted pods first, then the oldest, then by name.
fn oldest_first(pod: &GcPod) -> (bool, Instant, Text) {
    (!pod.is_evicted, pod.created, pod.name.clone())
}

fn sorted<'a>(pods: impl Iterator<Item = &'a GcPod>) -> Vec<&'a GcPod> {
    let mut pods: Vec<&GcPod> = pods.collect();
    pods.sort_by_key(|pod| oldest_first(pod));
    pods
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, node: Option<&str>, phase: ObservedPhase) -> GcPod {
        GcPod {
            name: name.into(),
            node: node.map(Into::into),
            phase,
            ..GcPod::default()
        }
    }

    #[test]
    fn pods_of_missing_nodes_go_after_the_quarantine() {
        let mut collector = PodGc::default();
        let pods = [pod("a", Some("lost"), ObservedPhase::Running)];
        let none = SortedMap::new();
        for (secs, expected) in [(0, 0), (20, 0), (39, 0), (40, 1)] {
            let removed = collector.pass(Instant::from_secs(secs), &pods, &none);
            assert_eq!(removed.len(), expected, "{secs}");
        }
    }

    #[test]
    fn evicted_pods_go_first() {
        let mut collector = PodGc::new(1);
        let mut pods = [
            pod("old", None, ObservedPhase::Failed),
            pod("evicted", None, ObservedPhase::Failed),
        ];
        pods[1].is_evicted = true;
        pods[1].created = Instant::from_secs(9);
        let removed = collector.pass(Instant::ZERO, &pods, &SortedMap::new());
        assert_eq!(removed, ["evicted".into()]);
    }
}
