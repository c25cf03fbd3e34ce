//! Worst fit: the node that is left with the most, as a share of what it offers, averaged over cpu,
//! memory and GPU as far as the node offers them. Points, in ten-thousandths, are what
//! [`super::best_fit`] takes off.

use super::best_fit::share_left;
use crate::{Constructor, Entry, Point, PolicyInstance};
use scheduler::{ClassContext, Plugin, Points};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "worst-fit",
    point: Point::Score,
    summary: "Prefers the node with the largest share of cpu, memory and GPU left.",
    source: "windtunnel",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| Ok(PolicyInstance::Plugin(Box::new(WorstFit)))),
};

/// The score.
#[derive(Clone, Copy, Debug)]
pub struct WorstFit;

impl Plugin for WorstFit {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn points(&self) -> Points {
        Points::SCORE
    }

    fn score(&self, ctx: &ClassContext<'_>, node: NodeId) -> i64 {
        share_left(ctx, node)
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
    fn points_are_the_share_left() {
        let mut world = World::default();
        let empty = world.node(node("empty", 4_000, 1_000, (0, "")));
        let used = world.node(node("used", 4_000, 1_000, (0, "")));
        let half = world.spec(pod(2_000, 250, (0, 0)));
        world.bind(half, used, &[]);
        for (node, expected) in [(empty, 6_250), (used, 2_500)] {
            assert_eq!(WorstFit.score(&world.ctx(half), node), expected, "{node}");
        }
    }
}
