//! The first of the tied nodes in snapshot order.

use crate::{Constructor, Entry, Point, PolicyInstance};
use scheduler::{ClassContext, Select, Ties};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "first",
    point: Point::Select,
    summary: "Takes the first of the tied nodes in the order of nodes.",
    source: "windtunnel",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| Ok(PolicyInstance::Select(Box::new(First)))),
};

/// The choice.
#[derive(Clone, Copy, Debug)]
pub struct First;

impl Select for First {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn takes_first(&self) -> bool {
        true
    }

    fn select(&mut self, _ctx: &ClassContext<'_>, tied: Ties<'_>) -> NodeId {
        tied.nth(0)
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
    fn takes_the_first() {
        let mut world = World::default();
        let spec = world.spec(pod(1, 1, (0, 0)));
        for tied in [&[NodeId(3), NodeId(7)][..], &[NodeId(0)]] {
            assert_eq!(First.select(&world.ctx(spec), Ties::Listed(tied)), tied[0]);
        }
    }
}
