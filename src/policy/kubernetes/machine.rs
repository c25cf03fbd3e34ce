//! What a simulated machine can't do, whatever a pod tolerates: start pods while it is down, or
//! share GPU devices that are taken. The original knows nothing of shared devices; a scheduler of
//! a cluster that has them runs a plugin such as this.

use std::sync::Arc;

use super::ask::Ask;
use scheduler::kube::keep::{KeptFilter, NodeTest, Rests};
use scheduler::kube::{
    AttemptContext, Cache, EventKinds, KubePlugin, KubePoints, NodeInfo, PodInfo, Prepared,
    Rejection,
};

/// Rejects machines that are down or short of GPU devices.
pub struct Machine;

impl KubePlugin for Machine {
    fn name(&self) -> &'static str {
        "Machine"
    }

    fn points(&self) -> KubePoints {
        KubePoints::FILTER
    }

    fn listens(&self) -> EventKinds {
        let kinds = EventKinds::NODE_ADD.and(EventKinds::NODE_TAINT);
        kinds.and(EventKinds::POD_DELETE)
    }

    fn kept_filter(&self, ctx: AttemptContext<'_>) -> KeptFilter {
        KeptFilter::Node(if ctx.pod.spec().gpu.devices == 0 {
            Rests::OnDeclaration
        } else {
            Rests::OnNode
        })
    }

    fn node_test(&self, pod: &Arc<PodInfo>, _: &Cache) -> NodeTest {
        let class = pod.class.clone();
        Arc::new(move |node| !node.is_down && node.devices_for(&class.spec.gpu).is_some())
    }

    fn prepare<'a>(&'a self, ctx: AttemptContext<'a>) -> Prepared<'a> {
        let request = &ctx.pod.spec().gpu;
        if request.devices == 0 && ctx.cache.down_count() == 0 {
            return Prepared::Skip;
        }
        Prepared::ask(Ask(move |node: &NodeInfo| {
            if node.is_down {
                return Err(Rejection::unresolvable("node(s) were down"));
            }
            if node.devices_for(request).is_some() {
                return Ok(());
            }
            let gpu = node.object.gpu.as_ref().filter(|gpu| {
                gpu.devices >= request.devices
                    && (request.models.is_empty() || request.models.contains(&gpu.model))
            });
            let reason = "node(s) didn't have free GPU devices";
            Err(match gpu {
                Some(_) => Rejection::unschedulable(reason),
                None => Rejection::unresolvable("node(s) didn't have the requested GPU devices"),
            })
        }))
    }
}
