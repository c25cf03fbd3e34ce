//! `NodePorts`: ports that pods take on their node (spec: kubernetes.md 1.5).

use std::sync::Arc;

use model::rules::ports;
use model::{ClusterObjects, HostPort};
use scheduler::kube::cacheable::{AnswerScope, CacheableFilter};
use scheduler::kube::{
    AttemptContext, ClusterEvent, EventKinds, FastPlugin, KubePlugin, KubePoints, NodeInfo,
    PodInfo, PreFilterResult, Reach, Rejection,
};

use crate::{Constructor, Entry, KubeConstructor, Point};

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "NodePorts",
    point: Point::KubePlugin,
    summary: "Rejects nodes on which a host port of the pod is taken.",
    source: "kubernetes.md 1.5",
    parameters: &[],
    constructor: Constructor::Kube(KubeConstructor {
        points: &["preFilter", "filter"],
        weight: Some(0),
        build: |_, _| Arc::new(NodePorts),
    }),
};

/// Rejects nodes where a port of the pod is taken.
pub struct NodePorts;

fn is_any_taken(wanted: &[HostPort], node: &NodeInfo) -> bool {
    ports::is_any_taken(&wanted.iter(), node.ports.iter())
}

impl KubePlugin for NodePorts {
    fn name(&self) -> &'static str {
        "NodePorts"
    }

    fn points(&self) -> KubePoints {
        KubePoints::PRE_FILTER.and(KubePoints::FILTER)
    }

    fn fast(self: Arc<Self>) -> Option<Arc<dyn FastPlugin>> {
        Some(self)
    }

    fn events_to_register(&self) -> EventKinds {
        EventKinds::NODE_ADD.and(EventKinds::POD_DELETE)
    }

    fn queueing_hint(&self, pod: &PodInfo, event: &ClusterEvent, _: &ClusterObjects) -> bool {
        let Some((Some(deleted), None)) = event.pod() else {
            return true;
        };
        let mut freed = deleted.class.host_ports.iter();
        deleted.has_node()
            && freed.any(|freed| {
                pod.class
                    .host_ports
                    .iter()
                    .any(|host_port| ports::conflicts(host_port, freed))
            })
    }

    fn pre_filter<'a>(&'a self, ctx: AttemptContext<'a>) -> PreFilterResult<'a> {
        if ctx.pod.class.host_ports.is_empty() {
            return PreFilterResult::Skip;
        }
        PreFilterResult::RUN
    }

    fn filter(&self, pod: &PodInfo, node: &NodeInfo) -> Result<(), Rejection> {
        if is_any_taken(&pod.class.host_ports, node) {
            return Err(Rejection::unschedulable(
                "node(s) didn't have free ports for the requested pod ports",
            ));
        }
        Ok(())
    }
}

impl FastPlugin for NodePorts {
    fn admits(&self, pod: &PodInfo, node: &NodeInfo) -> bool {
        !is_any_taken(&pod.class.host_ports, node)
    }

    fn reach(&self, _: AttemptContext<'_>) -> Reach {
        Reach::Node
    }

    fn kept_filter(&self, ctx: AttemptContext<'_>) -> CacheableFilter {
        if ctx.pod.class.host_ports.is_empty() {
            CacheableFilter::Open
        } else {
            CacheableFilter::Node(AnswerScope::OnNode)
        }
    }
}
