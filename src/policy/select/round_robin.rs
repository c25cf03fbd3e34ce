//! The first tied node after the one chosen last, in the order of nodes, starting over at the end.

use crate::{Constructor, Entry, Point, PolicyInstance};
use scheduler::{ClassContext, Select, Ties};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "round-robin",
    point: Point::Select,
    summary: "Takes the tied nodes in turn, starting after the one chosen last.",
    source: "windtunnel",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| {
        Ok(PolicyInstance::Select(Box::new(RoundRobin { last: None })))
    }),
};

/// The choice, with the node chosen last.
#[derive(Clone, Copy, Debug)]
pub struct RoundRobin {
    last: Option<NodeId>,
}

impl Select for RoundRobin {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn select(&mut self, _ctx: &ClassContext<'_>, tied: Ties<'_>) -> NodeId {
        let next = self.last.map_or(0, |last| tied.up_to(last));
        let chosen = tied.nth(next % tied.count());
        self.last = Some(chosen);
        chosen
    }

    fn clone_select(&self) -> Box<dyn Select> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, pod};

    #[test]
    fn goes_round() {
        let mut world = World::default();
        let spec = world.spec(pod(1, 1, (0, 0)));
        let mut select = RoundRobin { last: None };
        for (tied, expected) in [
            (&[0, 1, 2][..], 0),
            (&[0, 1, 2], 1),
            (&[0, 1], 0),
            (&[0, 2], 2),
            (&[1, 2], 1),
            (&[1], 1),
        ] {
            let tied: Vec<NodeId> = tied.iter().map(|&index| NodeId(index)).collect();
            assert_eq!(
                select.select(&world.ctx(spec), Ties::Listed(&tied)),
                NodeId(expected),
                "{tied:?}"
            );
        }
    }
}
