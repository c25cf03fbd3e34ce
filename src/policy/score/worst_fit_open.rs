//! Worst fit among open bins: of the nodes in use, the one that is left with the most; a node that is
//! not in use only where no other has room (spec: orchestrators-b.md section 9).

use super::best_fit::{WHOLE, share_left};
use crate::{Constructor, Entry, Point, PolicyInstance};
use scheduler::{ClassContext, Plugin, Points};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "worst-fit-open",
    point: Point::Score,
    summary: "Prefers, among nodes in use, the one with the largest share left; empty nodes last.",
    source: "orchestrators-b.md 9",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| Ok(PolicyInstance::Plugin(Box::new(WorstFitOpen)))),
};

/// The score.
#[derive(Clone, Copy, Debug)]
pub struct WorstFitOpen;

impl Plugin for WorstFitOpen {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn points(&self) -> Points {
        Points::SCORE
    }

    fn score(&self, ctx: &ClassContext<'_>, node: NodeId) -> i64 {
        if ctx.store.nodes().pods(node).is_empty() {
            return 0;
        }
        (WHOLE / 100) + share_left(ctx, node)
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
    fn an_empty_node_is_last() {
        let mut world = World::default();
        let empty = world.node(node("empty", 4_000, 1_000, (0, "")));
        let used = world.node(node("used", 4_000, 1_000, (0, "")));
        let task = world.spec(pod(2_000, 500, (0, 0)));
        world.bind(task, used, &[]);
        let ctx = world.ctx(task);
        assert!(WorstFitOpen.score(&ctx, used) > WorstFitOpen.score(&ctx, empty));
    }
}
