//! Most allocated: mean over the weighted resources of
//! min(requested, allocatable) × 100 / allocatable,
//! in integers, with the pod counted in (spec: kubernetes.md 1.7).

use crate::allocation::{Allocation, RESOURCES};
use crate::score::scaled;
use crate::{Built, Constructor, Entry, Point};
use scheduler::pipeline::plugin::PreFilter;
use scheduler::{ClassContext, Plugin, Points};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "most-allocated",
    point: Point::Score,
    summary: "Prefers nodes with the largest share of their resources allocated, as Kubernetes counts.",
    source: "kubernetes.md 1.7",
    parameters: &[RESOURCES],
    constructor: Constructor::Policy(|_, arguments| {
        let allocation = Allocation::new(RESOURCES.weights(arguments)?);
        Ok(Built::Plugin(Box::new(MostAllocated { allocation })))
    }),
};

/// The score, with what it knows of the classes.
#[derive(Clone, Debug)]
pub struct MostAllocated {
    allocation: Allocation,
}

fn points(requested: i64, allocatable: i64) -> i64 {
    scaled(requested.min(allocatable), 100, allocatable)
}

impl Plugin for MostAllocated {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn points(&self) -> Points {
        Points::PRE_FILTER.and(Points::SCORE)
    }

    fn pre_filter(&mut self, ctx: &ClassContext<'_>) -> PreFilter {
        self.allocation.learn(ctx.store);
        PreFilter::Run
    }

    fn score(&self, ctx: &ClassContext<'_>, node: NodeId) -> i64 {
        self.allocation.points(ctx, node, points)
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, node, pod};
    use crate::{Arguments, Setup};

    #[test]
    fn examples_of_the_specification() {
        let mut world = World::default();
        let used = world.node(node("used", 4_000, 10 << 10, (0, "")));
        let empty = world.node(node("empty", 4_000, 8 << 10, (0, "")));
        let there = world.spec(pod(1_000, 2 << 10, (0, 0)));
        world.bind(there, used, &[]);
        let coming = world.spec(pod(500, 1 << 10, (0, 0)));
        let mut silent = pod(0, 0, (0, 0));
        silent.containers[0].requests.clear();
        let silent = world.spec(silent);
        let Ok(Built::Plugin(mut plugin)) = ENTRY.build(&Setup::default(), &Arguments::new())
        else {
            panic!("a plugin without arguments");
        };
        for (spec, node, expected) in [(coming, used, 33), (silent, empty, 2)] {
            let ctx = world.ctx(spec);
            plugin.pre_filter(&ctx);
            assert_eq!(plugin.score(&ctx, node), expected, "{node}");
        }
        assert_eq!(points(5, 4), 100);
    }
}
