//! Best fit: the node that is left with the least, as a share of what it offers, averaged over cpu,
//! memory and GPU as far as the node offers them.
//!
//! Points = 10,000 − mean over resources of ⌊(free − request) × 10,000 / allocatable⌋, so points
//! are ten-thousandths. Differs from `most-allocated` in its finer steps, in counting GPUs, and in
//! counting a pod that states no request as asking for nothing.

use crate::score::scaled;
use crate::{Constructor, Entry, Point, PolicyInstance};
use scheduler::{ClassContext, Plugin, Points};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "best-fit",
    point: Point::Score,
    summary: "Prefers the node with the smallest share of cpu, memory and GPU left.",
    source: "windtunnel",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| Ok(PolicyInstance::Plugin(Box::new(BestFit)))),
};

/// The most points.
pub(super) const WHOLE: i64 = 10_000;

/// Share of a node left after placing a pod of the class, in ten-thousandths of the allocatable
/// amount.
pub(super) fn share_left(ctx: &ClassContext<'_>, node: NodeId) -> i64 {
    let (nodes, requests, row) = (ctx.store.nodes(), &ctx.class.requests, node.index());
    let (offered, free) = (nodes.allocatable(), nodes.free());
    let (mut sum, mut count) = (0, 0);
    for (offered, free, request) in [
        (
            offered.cpu_milli[row],
            free.cpu_milli[row],
            requests.cpu_milli,
        ),
        (
            offered.memory_bytes[row],
            free.memory_bytes[row],
            requests.memory_bytes,
        ),
        (
            offered.gpu_milli[row],
            free.gpu_milli[row],
            requests.gpu_milli,
        ),
    ] {
        if offered > 0 {
            sum += scaled(free - request, WHOLE, offered).clamp(0, WHOLE);
            count += 1;
        }
    }
    if count == 0 { WHOLE } else { sum / count }
}

/// The score.
#[derive(Clone, Copy, Debug)]
pub struct BestFit;

impl Plugin for BestFit {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn points(&self) -> Points {
        Points::SCORE
    }

    fn score(&self, ctx: &ClassContext<'_>, node: NodeId) -> i64 {
        WHOLE - share_left(ctx, node)
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
    fn points_grow_as_less_is_left() {
        let mut world = World::default();
        let empty = world.node(node("empty", 4_000, 1_000, (0, "")));
        let used = world.node(node("used", 4_000, 1_000, (0, "")));
        let gpus = world.node(node("gpus", 4_000, 1_000, (2, "T4")));
        let nothing = world.node(node("nothing", 0, 0, (0, "")));
        let half = world.spec(pod(2_000, 250, (0, 0)));
        world.bind(half, used, &[]);
        let shared = world.spec(pod(2_000, 250, (1, 500)));
        for (spec, node, expected) in [
            (half, empty, 3_750),
            (half, used, 7_500),
            (half, gpus, (5_000 + 2_500) / 3),
            (shared, gpus, (5_000 + 2_500 + 2_500) / 3 + 1),
            (half, nothing, 0),
        ] {
            assert_eq!(BestFit.score(&world.ctx(spec), node), expected, "{node}");
        }
    }
}
