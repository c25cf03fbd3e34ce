//! The tied node of smallest rank, where every node has a rank for the whole run
//! (spec: published-results.md 1.4). Ranks are given, as for the published runs, or drawn: one
//! number per node row, in order of rows.

use std::sync::Arc;

use crate::{Constructor, Entry, Point, PolicyInstance};
use rng::Stream;
use scheduler::{ClassContext, Select, Ties};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "rank",
    point: Point::Select,
    summary: "Takes the tied node with the lowest rank; ranks are fixed for the run.",
    source: "published-results.md 1.4",
    parameters: &[],
    constructor: Constructor::Policy(|setup, _| {
        Ok(PolicyInstance::Select(Box::new(Rank {
            given: setup.node_ranks.clone(),
            drawn: Vec::new(),
            stream: setup.stream(ENTRY.name),
        })))
    }),
};

/// The choice, with the ranks.
#[derive(Clone, Debug)]
pub struct Rank {
    given: Option<Arc<[u32]>>,
    drawn: Vec<u64>,
    stream: Stream,
}

impl Rank {
    /// Given ranks come first, so a node without one loses against any that has one.
    fn rank(&self, node: NodeId) -> (bool, u64) {
        let given = self
            .given
            .as_ref()
            .and_then(|ranks| ranks.get(node.index()));
        given.map_or_else(
            || (true, self.drawn[node.index()]),
            |&rank| (false, u64::from(rank)),
        )
    }
}

impl Select for Rank {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn select(&mut self, ctx: &ClassContext<'_>, tied: Ties<'_>) -> NodeId {
        let rows = ctx.store.nodes().len();
        if self.given.as_ref().is_none_or(|ranks| ranks.len() < rows) {
            while self.drawn.len() < rows {
                self.drawn.push(self.stream.next_u64());
            }
        }
        let first = tied.nth(0);
        let least = tied.iter().min_by_key(|&node| self.rank(node));
        least.unwrap_or(first)
    }

    fn clone_select(&self) -> Box<dyn Select> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Setup;
    use crate::testing::{World, node, pod};

    fn rank(given: Option<&[u32]>) -> Rank {
        Rank {
            given: given.map(Into::into),
            drawn: Vec::new(),
            stream: Setup::default().stream(ENTRY.name),
        }
    }

    #[test]
    fn the_smallest_rank_wins() {
        let mut world = World::default();
        for index in 0..4 {
            world.node(node(&format!("n{index}"), 1_000, 1, (0, "")));
        }
        let spec = world.spec(pod(1, 1, (0, 0)));
        let ids = |indexes: &[u32]| {
            indexes
                .iter()
                .map(|&index| NodeId(index))
                .collect::<Vec<_>>()
        };
        for (given, tied, expected) in [
            (&[3, 0, 2, 1][..], &[0, 1, 2, 3][..], 1),
            (&[3, 0, 2, 1], &[0, 2, 3], 3),
            (&[3, 0, 2, 1], &[0], 0),
            (&[9], &[0, 1], 0),
        ] {
            let chosen = rank(Some(given)).select(&world.ctx(spec), Ties::Listed(&ids(tied)));
            assert_eq!(chosen, NodeId(expected), "{given:?} {tied:?}");
        }
    }

    #[test]
    fn a_node_without_a_given_rank_loses_whatever_is_drawn_for_it() {
        let mut world = World::default();
        let spec = world.spec(pod(1, 1, (0, 0)));
        let nodes = [0, 1].map(|index| world.node(node(&format!("n{index}"), 1_000, 1, (0, ""))));
        let mut rank = Rank {
            drawn: vec![0; 2],
            ..rank(Some(&[9]))
        };
        let chosen = rank.select(&world.ctx(spec), Ties::Listed(&nodes));
        assert_eq!(chosen, nodes[0]);
    }

    #[test]
    fn drawn_ranks_hold_for_the_run() {
        let mut world = World::default();
        let spec = world.spec(pod(1, 1, (0, 0)));
        let mut early = rank(None);
        let mut tied = Vec::new();
        for index in 0..50 {
            tied.push(world.node(node(&format!("n{index}"), 1_000, 1, (0, ""))));
            early.select(&world.ctx(spec), Ties::Listed(&tied));
        }
        let mut late = rank(None);
        while tied.len() > 1 {
            let chosen = early.select(&world.ctx(spec), Ties::Listed(&tied));
            assert_eq!(chosen, late.select(&world.ctx(spec), Ties::Listed(&tied)));
            tied.retain(|&node| node != chosen);
        }
    }
}
