//! `TaintToleration`: taints reject, those of effect `PreferNoSchedule` cost points
//! (spec: kubernetes.md 1.5).

use std::sync::Arc;

use super::ask::Ask;
use model::{ClusterObjects, Taint, TaintEffect};
use scheduler::kube::keep::{KeptFilter, KeptScore, NodePoints, NodeTest, Rests};
use scheduler::kube::{
    AttemptContext, Cache, ClusterEvent, EventKinds, KubePlugin, KubePoints, NodeInfo,
    Normalization, PodInfo, Prepared, Reach, Rejection, Release, Scores,
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
        build: |_, release| Arc::new(TaintToleration::new(release)),
    }),
};

/// Rejects nodes with taints that the pod does not tolerate, and prefers those with fewer.
pub struct TaintToleration {
    release: Release,
}

impl TaintToleration {
    /// In the words of a release.
    pub const fn new(release: Release) -> Self {
        Self { release }
    }
}

/// The first taint that keeps the pod off the node.
pub(super) fn untolerated<'n>(pod: &PodInfo, node: &'n NodeInfo) -> Option<&'n Taint> {
    let spec = pod.spec();
    node.object
        .taints
        .iter()
        .filter(|taint| taint.effect != TaintEffect::PreferNoSchedule)
        .find(|taint| !spec.tolerates(taint))
}

/// How many taints of the node the pod would rather avoid.
fn avoided(pod: &PodInfo, node: &NodeInfo) -> i64 {
    let tolerations = pod.spec().tolerations.iter();
    let tolerations =
        tolerations.filter(|own| matches!(own.effect, None | Some(TaintEffect::PreferNoSchedule)));
    let taints = node.object.taints.iter();
    let count = taints
        .filter(|taint| taint.effect == TaintEffect::PreferNoSchedule)
        .filter(|taint| !tolerations.clone().any(|own| own.tolerates(taint)))
        .count();
    count as i64
}

impl KubePlugin for TaintToleration {
    fn name(&self) -> &'static str {
        "TaintToleration"
    }

    fn points(&self) -> KubePoints {
        KubePoints::FILTER.and(KubePoints::SCORE)
    }

    fn listens(&self) -> EventKinds {
        let kinds = EventKinds::NODE_ADD.and(EventKinds::NODE_TAINT);
        kinds.and(EventKinds::POD_TOLERATION)
    }

    fn may_help(&self, pod: &PodInfo, event: &ClusterEvent, _: &ClusterObjects) -> bool {
        let Some((before, Some(after))) = event.node() else {
            return event.own_change(pod).is_some();
        };
        untolerated(pod, after).is_none()
            && before.is_none_or(|before| untolerated(pod, before).is_some())
    }

    fn reach(&self, _: AttemptContext<'_>) -> Reach {
        Reach::Nothing
    }

    fn normalization(&self) -> Normalization {
        Normalization::Proportion { reverse: true }
    }

    fn kept_filter(&self, _: AttemptContext<'_>) -> KeptFilter {
        KeptFilter::Node(Rests::OnDeclaration)
    }

    fn kept_score(&self, _: AttemptContext<'_>) -> KeptScore {
        KeptScore::Node(Rests::OnDeclaration, self.normalization())
    }

    fn node_test(&self, pod: &Arc<PodInfo>, _: &Cache) -> NodeTest {
        let pod = pod.clone();
        Arc::new(move |node| untolerated(&pod, node).is_none())
    }

    fn node_points(&self, pod: &Arc<PodInfo>, _: &Cache) -> NodePoints {
        let pod = pod.clone();
        Arc::new(move |node| avoided(&pod, node))
    }

    fn prepare<'a>(&'a self, ctx: AttemptContext<'a>) -> Prepared<'a> {
        Prepared::ask(Ask(move |node: &NodeInfo| {
            let Some(Taint { key, value, .. }) = untolerated(ctx.pod, node) else {
                return Ok(());
            };
            if self.release >= Release::V1_36 {
                return Err(Rejection::unresolvable("node(s) had untolerated taint(s)"));
            }
            Err(Rejection::unresolvable(format!(
                "node(s) had untolerated taint {{{key}: {value}}}"
            )))
        }))
    }

    fn score(&self, ctx: AttemptContext<'_>, feasible: &[&NodeInfo]) -> Option<Scores> {
        let counts = feasible.iter().map(|node| avoided(ctx.pod, node));
        Some(Scores::in_proportion(counts.collect(), true))
    }
}
