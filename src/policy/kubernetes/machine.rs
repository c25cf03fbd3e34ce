//! Filter for the limits of a simulated machine, whatever a pod tolerates: it can't start pods
//! while it is down, nor share GPU devices that are taken. The original knows nothing of shared
//! devices; a scheduler of a cluster that has them runs a plugin such as this.

use std::sync::Arc;

use scheduler::kube::cacheable::{AnswerScope, CacheableFilter};
use scheduler::kube::{
    AttemptContext, EventKinds, FastPlugin, KubePlugin, KubePoints, NodeInfo, PodInfo,
    PreFilterResult, Rejection,
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

    fn fast(self: Arc<Self>) -> Option<Arc<dyn FastPlugin>> {
        Some(self)
    }

    fn events_to_register(&self) -> EventKinds {
        let kinds = EventKinds::NODE_ADD.and(EventKinds::NODE_TAINT);
        kinds.and(EventKinds::POD_DELETE)
    }

    fn pre_filter<'a>(&'a self, ctx: AttemptContext<'a>) -> PreFilterResult<'a> {
        if ctx.pod.spec().gpu.devices == 0 && ctx.cache.down_count() == 0 {
            return PreFilterResult::Skip;
        }
        PreFilterResult::RUN
    }

    fn filter(&self, pod: &PodInfo, node: &NodeInfo) -> Result<(), Rejection> {
        if self.admits(pod, node) {
            return Ok(());
        }
        if node.is_down {
            return Err(Rejection::unresolvable("node(s) were down"));
        }
        let request = &pod.spec().gpu;
        let gpu = node.object.gpu.as_ref().filter(|gpu| {
            gpu.devices >= request.devices
                && (request.models.is_empty() || request.models.contains(&gpu.model))
        });
        let reason = "node(s) didn't have free GPU devices";
        Err(match gpu {
            Some(_) => Rejection::unschedulable(reason),
            None => Rejection::unresolvable("node(s) didn't have the requested GPU devices"),
        })
    }
}

impl FastPlugin for Machine {
    fn admits(&self, pod: &PodInfo, node: &NodeInfo) -> bool {
        !node.is_down && node.devices_for(&pod.spec().gpu).is_some()
    }

    fn kept_filter(&self, ctx: AttemptContext<'_>) -> CacheableFilter {
        CacheableFilter::Node(if ctx.pod.spec().gpu.devices == 0 {
            AnswerScope::OnDeclaration
        } else {
            AnswerScope::OnNode
        })
    }
}
