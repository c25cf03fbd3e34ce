//! `NodeUnschedulable`: cordoned nodes (spec: kubernetes.md 1.5).

use super::ask::Ask;
use crate::control::scheduler::kube::{
    AttemptContext, KubePlugin, KubePoints, NodeInfo, Prepared, Reach, Rejection,
};
use crate::model::{Taint, TaintEffect};

/// The taint whose toleration opens cordoned nodes.
const TAINT: &str = "node.kubernetes.io/unschedulable";

/// Rejects cordoned nodes unless the pod tolerates their taint.
pub struct NodeUnschedulable;

impl KubePlugin for NodeUnschedulable {
    fn name(&self) -> &'static str {
        "NodeUnschedulable"
    }

    fn points(&self) -> KubePoints {
        KubePoints::FILTER
    }

    fn reach(&self, _: AttemptContext<'_>) -> Reach {
        Reach::Nothing
    }

    fn prepare<'a>(&'a self, ctx: AttemptContext<'a>) -> Prepared<'a> {
        let taint = Taint {
            key: TAINT.into(),
            value: "".into(),
            effect: TaintEffect::NoSchedule,
        };
        let mut tolerations = ctx.pod.spec().tolerations.iter();
        if tolerations.any(|toleration| toleration.tolerates(&taint)) {
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
