//! `NodeName`: a pod that names its node (spec: kubernetes.md 1.5).

use std::sync::Arc;

use scheduler::kube::cacheable::CacheableFilter;
use scheduler::kube::{
    AttemptContext, EventKinds, FastPlugin, KubePlugin, KubePoints, NodeInfo, PodInfo,
    PreFilterResult, Reach, Rejection,
};

use crate::{Constructor, Entry, KubeConstructor, Point};

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "NodeName",
    point: Point::KubePlugin,
    summary: "Rejects every node but the one that the pod names.",
    source: "kubernetes.md 1.5",
    parameters: &[],
    constructor: Constructor::Kube(KubeConstructor {
        points: &["filter"],
        weight: Some(0),
        build: |_, _| Arc::new(NodeName),
    }),
};

/// Rejects every node but the one the pod names.
pub struct NodeName;

impl KubePlugin for NodeName {
    fn name(&self) -> &'static str {
        "NodeName"
    }

    fn points(&self) -> KubePoints {
        KubePoints::FILTER
    }

    fn fast(self: Arc<Self>) -> Option<Arc<dyn FastPlugin>> {
        Some(self)
    }

    fn events_to_register(&self) -> EventKinds {
        EventKinds::NODE_ADD
    }

    fn pre_filter<'a>(&'a self, ctx: AttemptContext<'a>) -> PreFilterResult<'a> {
        if ctx.pod.node_name().is_none() {
            return PreFilterResult::Skip;
        }
        PreFilterResult::RUN
    }

    fn filter(&self, pod: &PodInfo, node: &NodeInfo) -> Result<(), Rejection> {
        if pod.node_name().is_none_or(|wanted| node.name() == wanted) {
            return Ok(());
        }
        Err(Rejection::unresolvable(
            "node(s) didn't match the requested node name",
        ))
    }
}

impl FastPlugin for NodeName {
    fn reach(&self, _: AttemptContext<'_>) -> Reach {
        Reach::Nothing
    }

    fn kept_filter(&self, ctx: AttemptContext<'_>) -> CacheableFilter {
        if ctx.pod.node_name().is_none() {
            CacheableFilter::Open
        } else {
            CacheableFilter::Unknown
        }
    }
}
