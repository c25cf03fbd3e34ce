//! `NodeName`: a pod that names its node (spec: kubernetes.md 1.5).

use super::ask::Ask;
use scheduler::kube::keep::KeptFilter;
use scheduler::kube::{
    AttemptContext, EventKinds, KubePlugin, KubePoints, NodeInfo, Prepared, Reach, Rejection,
};

use std::sync::Arc;

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

    fn listens(&self) -> EventKinds {
        EventKinds::NODE_ADD
    }

    fn reach(&self, _: AttemptContext<'_>) -> Reach {
        Reach::Nothing
    }

    fn kept_filter(&self, ctx: AttemptContext<'_>) -> KeptFilter {
        if ctx.pod.node_name().is_none() {
            KeptFilter::Open
        } else {
            KeptFilter::Unknown
        }
    }

    fn prepare<'a>(&'a self, ctx: AttemptContext<'a>) -> Prepared<'a> {
        let Some(wanted) = ctx.pod.node_name() else {
            return Prepared::Skip;
        };
        Prepared::ask(Ask(move |node: &NodeInfo| {
            if node.name() == wanted {
                return Ok(());
            }
            Err(Rejection::unresolvable(
                "node(s) didn't match the requested node name",
            ))
        }))
    }
}
