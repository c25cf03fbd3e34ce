//! Next fit: the node chosen last as long as it is among the tied ones, then the next one in the
//! order of nodes; nodes before it are left behind until the end is reached (spec:
//! orchestrators-b.md section 9).

use crate::{Constructor, Entry, Point, PolicyInstance};
use scheduler::{ClassContext, Select, Ties};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "next-fit",
    point: Point::Select,
    summary: "Takes the node chosen last while it has room, then the next one.",
    source: "orchestrators-b.md 9",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| {
        Ok(PolicyInstance::Select(Box::new(NextFit { last: None })))
    }),
};

/// The choice, with the node chosen last.
#[derive(Clone, Copy, Debug)]
pub struct NextFit {
    last: Option<NodeId>,
}

impl Select for NextFit {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn select(&mut self, _ctx: &ClassContext<'_>, tied: Ties<'_>) -> NodeId {
        let before = self.last.and_then(|last| last.index().checked_sub(1));
        let next = before.map_or(0, |before| tied.up_to(NodeId::from_index(before)));
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
    fn stays_while_there_is_room() {
        let mut world = World::default();
        let spec = world.spec(pod(1, 1, (0, 0)));
        let mut select = NextFit { last: None };
        for (tied, expected) in [
            (&[0, 1, 2][..], 0),
            (&[0, 1, 2], 0),
            (&[1, 2], 1),
            (&[0, 2], 2),
            (&[0, 2], 2),
            (&[0, 1], 0),
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
