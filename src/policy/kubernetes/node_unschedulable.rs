//! `NodeUnschedulable`: cordoned nodes (spec: kubernetes.md 1.5).

use std::sync::Arc;

use super::ask::Ask;
use model::{ClusterObjects, Taint, TaintEffect};
use scheduler::kube::keep::{KeptFilter, NodeTest, Rests};
use scheduler::kube::{
    AttemptContext, Cache, ClusterEvent, EventKinds, KubePlugin, KubePoints, NodeInfo, PodInfo,
    Prepared, Reach, Rejection,
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

/// The taint whose toleration opens cordoned nodes.
const TAINT: &str = "node.kubernetes.io/unschedulable";

/// Rejects cordoned nodes unless the pod tolerates their taint.
pub struct NodeUnschedulable;

fn tolerates_cordon(pod: &PodInfo) -> bool {
    let mut tolerations = pod.spec().tolerations.iter().peekable();
    if tolerations.peek().is_none() {
        return false;
    }
    let taint = Taint {
        key: TAINT.into(),
        value: "".into(),
        effect: TaintEffect::NoSchedule,
    };
    tolerations.any(|toleration| toleration.tolerates(&taint))
}

impl KubePlugin for NodeUnschedulable {
    fn name(&self) -> &'static str {
        "NodeUnschedulable"
    }

    fn points(&self) -> KubePoints {
        KubePoints::FILTER
    }

    fn listens(&self) -> EventKinds {
        let kinds = EventKinds::NODE_ADD.and(EventKinds::NODE_TAINT);
        kinds.and(EventKinds::POD_TOLERATION)
    }

    fn may_help(&self, pod: &PodInfo, event: &ClusterEvent, _: &ClusterObjects) -> bool {
        let Some((before, Some(after))) = event.node() else {
            return event.own_change(pod).is_some_and(tolerates_cordon);
        };
        !after.object.unschedulable && before.is_none_or(|before| before.object.unschedulable)
    }

    fn reach(&self, _: AttemptContext<'_>) -> Reach {
        Reach::Nothing
    }

    fn kept_filter(&self, ctx: AttemptContext<'_>) -> KeptFilter {
        if tolerates_cordon(ctx.pod) {
            KeptFilter::Open
        } else {
            KeptFilter::Node(Rests::OnDeclaration)
        }
    }

    fn node_test(&self, _: &Arc<PodInfo>, _: &Cache) -> NodeTest {
        Arc::new(|node| !node.object.unschedulable)
    }

    fn prepare<'a>(&'a self, ctx: AttemptContext<'a>) -> Prepared<'a> {
        if tolerates_cordon(ctx.pod) {
            return Prepared::Skip;
        }
        Prepared::ask(Ask(|node: &NodeInfo| {
            if node.object.unschedulable {
                return Err(Rejection::unresolvable("node(s) were unschedulable"));
            }
            Ok(())
        }))
    }
}
