//! `NodeUnschedulable`: cordoned nodes (spec: kubernetes.md 1.5).

use std::sync::Arc;

use model::ClusterObjects;
use model::rules::unschedulable::{self, tolerates_cordon};
use scheduler::kube::cacheable::{AnswerScope, CacheableFilter};
use scheduler::kube::{
    AttemptContext, ClusterEvent, EventKinds, FastPlugin, KubePlugin, KubePoints, NodeInfo,
    PodInfo, PreFilterResult, Reach, Rejection,
};

use crate::{Constructor, Entry, KubeConstructor, Point};

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "NodeUnschedulable",
    point: Point::KubePlugin,
    summary: "Rejects cordoned nodes unless the pod tolerates their taint.",
    source: "kubernetes.md 1.5",
    parameters: &[],
    constructor: Constructor::Kube(KubeConstructor {
        points: &["filter"],
        weight: Some(0),
        build: |_, _| Arc::new(NodeUnschedulable),
    }),
};

/// Rejects cordoned nodes unless the pod tolerates their taint.
pub struct NodeUnschedulable;

impl KubePlugin for NodeUnschedulable {
    fn name(&self) -> &'static str {
        "NodeUnschedulable"
    }

    fn points(&self) -> KubePoints {
        KubePoints::FILTER
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
            return event
                .own_change(pod)
                .is_some_and(|own| tolerates_cordon(own.spec()));
        };
        !after.object.unschedulable && before.is_none_or(|before| before.object.unschedulable)
    }

    fn pre_filter<'a>(&'a self, ctx: AttemptContext<'a>) -> PreFilterResult<'a> {
        if tolerates_cordon(ctx.pod.spec()) {
            return PreFilterResult::Skip;
        }
        PreFilterResult::RUN
    }

    fn filter(&self, pod: &PodInfo, node: &NodeInfo) -> Result<(), Rejection> {
        if unschedulable::admits(pod.spec(), &node.object) {
            return Ok(());
        }
        Err(Rejection::unresolvable("node(s) were unschedulable"))
    }
}

impl FastPlugin for NodeUnschedulable {
    fn reach(&self, _: AttemptContext<'_>) -> Reach {
        Reach::Nothing
    }

    fn kept_filter(&self, ctx: AttemptContext<'_>) -> CacheableFilter {
        if tolerates_cordon(ctx.pod.spec()) {
            CacheableFilter::Open
        } else {
            CacheableFilter::Node(AnswerScope::OnDeclaration)
        }
    }
}
