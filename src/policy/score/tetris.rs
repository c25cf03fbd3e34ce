//! Tetris's packing score (spec: orchestrators-b.md section 6.3): the node whose free cpu, memory and
//! storage align best with the demand. Points are millionths of the alignment.
//!
//! The pipeline takes one pod at a time, so the weight of remaining work, which chooses between tasks
//! for one machine, plays no part.

use smallvec::SmallVec;

use super::vector_distance::shares;
use crate::tetris::alignment;
use crate::{Constructor, Entry, Point, PolicyInstance};
use scheduler::{ClassContext, Plugin, Points};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "tetris",
    point: Point::Score,
    summary: "Tetris: prefers the node whose free resources align best with the demand.",
    source: "orchestrators-b.md 6.3",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| Ok(PolicyInstance::Plugin(Box::new(Tetris)))),
};

/// The score.
#[derive(Clone, Copy, Debug)]
pub struct Tetris;

impl Plugin for Tetris {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn points(&self) -> Points {
        Points::SCORE
    }

    fn score(&self, ctx: &ClassContext<'_>, node: NodeId) -> i64 {
        let (mut free, mut demand) = (SmallVec::<[f64; 4]>::new(), SmallVec::<[f64; 4]>::new());
        for share in shares(ctx, node) {
            free.push(share.free);
            demand.push(share.demand);
        }
        let aligned = alignment(&demand, &free, false).unwrap_or(0.0);
        (aligned * 1e6).round() as i64
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
    fn a_demand_goes_where_it_aligns() {
        let mut world = World::default();
        let cpu = world.node(node("cpu", 10_000, 10_000, (0, "")));
        let memory = world.node(node("memory", 10_000, 10_000, (0, "")));
        let taken = world.spec(pod(1_000, 8_000, (0, 0)));
        world.bind(taken, cpu, &[]);
        let taken = world.spec(pod(8_000, 1_000, (0, 0)));
        world.bind(taken, memory, &[]);
        let task = world.spec(pod(2_000, 500, (0, 0)));
        let ctx = world.ctx(task);
        assert!(Tetris.score(&ctx, cpu) > Tetris.score(&ctx, memory));
    }
}
