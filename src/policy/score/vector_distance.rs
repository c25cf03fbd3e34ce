//! Vector packing by distance (Panigrahy and others 2011; spec: orchestrators-b.md section 9): the node whose
//! free cpu, memory and storage are closest to the demand. Points are millionths of the squared
//! distance, all resources of weight 1.

use crate::{Constructor, Entry, Point, PolicyInstance};
use scheduler::{ClassContext, Plugin, Points};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "vector-distance",
    point: Point::Score,
    summary: "Vector packing: prefers the node whose free resources are closest to the demand.",
    source: "orchestrators-b.md 9",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| Ok(PolicyInstance::Plugin(Box::new(VectorDistance)))),
};

/// The score.
#[derive(Clone, Copy, Debug)]
pub struct VectorDistance;

impl Plugin for VectorDistance {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn points(&self) -> Points {
        Points::SCORE
    }

    fn score(&self, ctx: &ClassContext<'_>, node: NodeId) -> i64 {
        let square: f64 = shares(ctx, node)
            .map(|share| (share.demand - share.free) * (share.demand - share.free))
            .sum();
        -(square * 1e6).round() as i64
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(*self)
    }
}

/// Shares of what a node offers of a resource.
pub(super) struct Share {
    /// Share that is free.
    pub(super) free: f64,
    /// Share that a pod asks for.
    pub(super) demand: f64,
}

/// Shares of cpu, memory and storage, where the node offers any.
pub(super) fn shares(ctx: &ClassContext<'_>, node: NodeId) -> impl Iterator<Item = Share> {
    let (nodes, requests, row) = (ctx.store.nodes(), &ctx.class.requests, node.index());
    let (offered, unused) = (nodes.allocatable(), nodes.free());
    let amounts = [
        [
            offered.cpu_milli[row],
            unused.cpu_milli[row],
            requests.cpu_milli,
        ],
        [
            offered.memory_bytes[row],
            unused.memory_bytes[row],
            requests.memory_bytes,
        ],
        [
            offered.storage_bytes[row],
            unused.storage_bytes[row],
            requests.storage_bytes,
        ],
    ];
    let offers = amounts.into_iter().filter(|[offered, ..]| *offered > 0);
    offers.map(|[offered, unused, request]| Share {
        free: unused as f64 / offered as f64,
        demand: request as f64 / offered as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, node, pod};

    #[test]
    fn a_demand_goes_where_it_fills_up() {
        let mut world = World::default();
        let empty = world.node(node("empty", 10_000, 10_000, (0, "")));
        let full = world.node(node("full", 10_000, 10_000, (0, "")));
        let taken = world.spec(pod(7_000, 7_000, (0, 0)));
        world.bind(taken, full, &[]);
        let task = world.spec(pod(2_000, 2_000, (0, 0)));
        let ctx = world.ctx(task);
        // (0.2 − 0.3)² twice against (0.2 − 1)² twice.
        assert_eq!(VectorDistance.score(&ctx, full), -20_000);
        assert_eq!(VectorDistance.score(&ctx, empty), -1_280_000);
    }
}
