//! `TaintToleration`: taints reject, those of effect `PreferNoSchedule` cost points
//! (spec: kubernetes.md 1.5).

use std::sync::Arc;

use model::rules::taints;
use model::{Change, Changes, ClusterObjects, Taint};
use scheduler::kube::cacheable::{AnswerScope, CacheableFilter, CacheableScore};
use scheduler::kube::{
    AttemptContext, ClusterEvent, EventKinds, FastPlugin, KubePlugin, KubePoints, NodeInfo,
    Normalization, PodInfo, Reach, Rejection,
};

use crate::{Constructor, Entry, KubeConstructor, Point};

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "TaintToleration",
    point: Point::KubePlugin,
    summary: "Rejects nodes with taints that the pod does not tolerate, and prefers those with fewer.",
    source: "kubernetes.md 1.5",
    parameters: &[],
    constructor: Constructor::Kube(KubeConstructor {
        points: &["filter", "score"],
        weight: Some(3),
        build: |_, changes| Arc::new(TaintToleration::new(changes)),
    }),
};

/// Rejects nodes with taints that the pod does not tolerate, and prefers those with fewer.
pub struct TaintToleration {
    /// Whether a taint is reported without key and value (spec: kubernetes-releases.md A11).
    tells_no_key: bool,
}

impl TaintToleration {
    /// Plugin with the switches of a release.
    pub const fn new(changes: Changes) -> Self {
        Self {
            tells_no_key: changes.has(Change::TaintText),
        }
    }
}

impl KubePlugin for TaintToleration {
    fn name(&self) -> &'static str {
        "TaintToleration"
    }

    fn points(&self) -> KubePoints {
        KubePoints::FILTER.and(KubePoints::SCORE)
    }

    fn fast(self: Arc<Self>) -> Option<Arc<dyn FastPlugin>> {
        Some(self)
    }

    fn events_to_register(&self) -> EventKinds {
        let kinds = EventKinds::NODE_ADD.and(EventKinds::NODE_TAINT);
        kinds.and(EventKinds::POD_TOLERATION)
    }

    fn queueing_hint(&self, pod: &PodInfo, event: &ClusterEvent, _: &ClusterObjects) -> bool {
        let Some((before, Some(after))) = event.node() else {
            return event.own_change(pod).is_some();
        };
        self.admits(pod, after) && before.is_none_or(|before| !self.admits(pod, before))
    }

    fn normalize_score(&self) -> Normalization {
        Normalization::Proportion { reverse: true }
    }

    fn filter(&self, pod: &PodInfo, node: &NodeInfo) -> Result<(), Rejection> {
        let Some(taint) = taints::first_repelling(pod.spec(), &node.object.taints) else {
            return Ok(());
        };
        if self.tells_no_key {
            return Err(Rejection::unresolvable("node(s) had untolerated taint(s)"));
        }
        let Taint { key, value, .. } = taint;
        Err(Rejection::unresolvable(format!(
            "node(s) had untolerated taint {{{key}: {value}}}"
        )))
    }

    fn score(&self, pod: &PodInfo, node: &NodeInfo) -> i64 {
        taints::avoided(pod.spec(), &node.object.taints) as i64
    }
}

impl FastPlugin for TaintToleration {
    fn admits(&self, pod: &PodInfo, node: &NodeInfo) -> bool {
        taints::admits(pod.spec(), &node.object.taints)
    }

    fn reach(&self, _: AttemptContext<'_>) -> Reach {
        Reach::Nothing
    }

    fn kept_filter(&self, _: AttemptContext<'_>) -> CacheableFilter {
        CacheableFilter::Node(AnswerScope::OnDeclaration)
    }

    fn kept_score(&self, _: AttemptContext<'_>) -> CacheableScore {
        CacheableScore::Node(AnswerScope::OnDeclaration, self.normalize_score())
    }
}
