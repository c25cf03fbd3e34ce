//! Dot product (spec: published-results.md 1.6, 02-DotProd): the node whose room, as a vector of
//! cpu and GPU, is least aligned with the pod's demand.
//!
//! points = trunc(100 × (1 − (c/C × pc/C + g/G × pg/G) / 2)) with cpu c and GPU g left on the node,
//! demands pc and pg, and the largest node's cpu C and GPU G as the measure.

use super::gpu_best_fit::{CPU_SCALE, GPU_SCALE, Scale};
use crate::{Constructor, Entry, Point, PolicyInstance};
use scheduler::{ClassContext, Plugin, Points};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "dot-product",
    point: Point::Score,
    summary: "Prefers nodes whose free cpu and GPU align least with the pod's demand.",
    source: "published-results.md 1.6",
    parameters: &[CPU_SCALE, GPU_SCALE],
    constructor: Constructor::Policy(|_, arguments| {
        let scale = Scale::new(arguments)?;
        Ok(PolicyInstance::Plugin(Box::new(DotProduct { scale })))
    }),
};

/// The score.
#[derive(Clone, Copy, Debug)]
pub struct DotProduct {
    scale: Scale,
}

impl Plugin for DotProduct {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn points(&self) -> Points {
        Points::SCORE
    }

    fn score(&self, ctx: &ClassContext<'_>, node: NodeId) -> i64 {
        let (free, requests, row) = (ctx.store.nodes().free(), &ctx.class.requests, node.index());
        let cpu = self.scale.cpu(free.cpu_milli[row]) * self.scale.cpu(requests.cpu_milli);
        let gpu = self.scale.gpu(free.gpu_milli[row]) * self.scale.gpu(requests.gpu_milli);
        (100.0 * (1.0 - f64::midpoint(cpu, gpu))) as i64
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, node, pod};
    use crate::{Arguments, Setup};

    #[test]
    fn by_hand() {
        let mut world = World::default();
        let large = world.node(node("large", 128_000, 1_024, (8, "G2")));
        let small = world.node(node("small", 64_000, 1_024, (2, "T4")));
        let Ok(PolicyInstance::Plugin(plugin)) = ENTRY.build(&Setup::default(), &Arguments::new())
        else {
            panic!("a plugin without arguments");
        };
        for ((cpu, gpu), node, expected) in [
            ((0, (0, 0)), large, 100),
            ((64_000, (4, 1000)), large, 50),
            ((64_000, (1, 500)), small, 86),
            ((128_000, (8, 1000)), large, 0),
        ] {
            let spec = world.spec(pod(cpu, 1, gpu));
            assert_eq!(
                plugin.score(&world.ctx(spec), node),
                expected,
                "{cpu} {gpu:?}"
            );
        }
    }
}
