//! GPU devices: the node's model is admissible, and one device has the part asked for, or enough
//! devices have what is asked of each (spec: published-results.md 1.5).

use crate::{Constructor, Entry, Point, PolicyInstance};
use cluster::nodes::NO_MODEL;
use scheduler::pipeline::plugin::PreFilter;
use scheduler::{ClassContext, Plugin, Points, Reason};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "gpu-fit",
    point: Point::Filter,
    summary: "Rejects nodes without an admissible GPU model or enough room on their devices.",
    source: "published-results.md 1.5",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| Ok(PolicyInstance::Plugin(Box::new(GpuFit)))),
};

/// The filter.
#[derive(Clone, Copy, Debug)]
pub struct GpuFit;

impl Plugin for GpuFit {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn points(&self) -> Points {
        Points::PRE_FILTER.and(Points::FILTER)
    }

    fn pre_filter(&mut self, ctx: &ClassContext<'_>) -> PreFilter {
        if ctx.class.gpu.devices == 0 {
            PreFilter::Skip
        } else {
            PreFilter::Run
        }
    }

    fn filter(&self, ctx: &ClassContext<'_>, node: NodeId) -> Result<(), Reason> {
        let (nodes, gpu) = (ctx.store.nodes(), ctx.class.gpu);
        if nodes.has_gpu_room(node, gpu) {
            return Ok(());
        }
        let model = nodes.gpu_model(node);
        Err(Reason::Text(if model != NO_MODEL && !gpu.admits(model) {
            "node(s) didn't have an admissible GPU model"
        } else {
            "Insufficient gpu"
        }))
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, node, pod};

    #[test]
    fn checks_model_and_room() {
        let mut world = World::default();
        let gpus = world.node(node("a", 64_000, 1024, (4, "T4")));
        let plain = world.node(node("b", 64_000, 1024, (0, "")));
        let half = world.spec(pod(1, 1, (1, 500)));
        world.bind(half, gpus, &[0]);
        world.bind(half, gpus, &[1]);
        for ((devices, milli), models, expected) in [
            ((0, 0), &[][..], Ok(())),
            ((1, 500), &[], Ok(())),
            ((2, 1000), &[], Ok(())),
            ((2, 1000), &["T4"], Ok(())),
            ((3, 1000), &[], Err("Insufficient gpu")),
            (
                (1, 500),
                &["V100"],
                Err("node(s) didn't have an admissible GPU model"),
            ),
        ] {
            let mut object = pod(1, 1, (devices, milli));
            object.gpu.models = models.iter().map(|&model| model.into()).collect();
            let spec = world.spec(object);
            let found = world.filter(&mut GpuFit, spec, gpus);
            assert_eq!(
                found,
                expected.map_err(str::to_owned),
                "{devices} {milli} {models:?}"
            );
            let on_plain = world.filter(&mut GpuFit, spec, plain);
            assert_eq!(on_plain.is_ok(), devices == 0);
        }
    }
}
