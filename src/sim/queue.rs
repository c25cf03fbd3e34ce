//! The event queue, keyed by (instant, rank, sequence): at one instant kinds go in the order of
//! their rank, and equal kinds first in, first out.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::model::PodRef;
use crate::units::{ComponentId, Instant, NodeId};

/// What lies ahead in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Upcoming {
    /// A node comes up.
    NodeUp(NodeId),
    /// A pod's processes end by themselves.
    Exit(PodRef),
    /// A node goes down.
    NodeDown(NodeId),
    /// A pod's processes are up.
    Started(PodRef),
    /// A pod's agent asked to be woken.
    AgentTimer(PodRef),
    /// A component asked to be woken, or a delivery to it is due.
    Wake(ComponentId),
    /// A component asked to be woken if anything else happens at all.
    IdleWake(ComponentId),
    /// A component has finished deciding.
    Decided(ComponentId),
    /// A hold lapses unless its owner released it: the owner, and its number for the hold.
    Lapse(ComponentId, u64),
}

/// Ranks at one instant: node up, ends, node down, resizes, arrivals, timers.
pub mod rank {
    /// Nodes come up first.
    pub const NODE_UP: u8 = 0;
    /// Then pods end.
    pub const END: u8 = 1;
    /// Then nodes go down.
    pub const NODE_DOWN: u8 = 2;
    /// Then requests change.
    pub const RESIZE: u8 = 3;
    /// Then pods arrive.
    pub const ARRIVAL: u8 = 4;
    /// Then timers fire.
    pub const TIMER: u8 = 5;
}

impl Upcoming {
    /// The rank of this kind of event at one instant.
    pub const fn rank(self) -> u8 {
        match self {
            Self::NodeUp(_) => rank::NODE_UP,
            Self::Exit(_) => rank::END,
            Self::NodeDown(_) => rank::NODE_DOWN,
            Self::Started(_)
            | Self::AgentTimer(_)
            | Self::Wake(_)
            | Self::IdleWake(_)
            | Self::Decided(_)
            | Self::Lapse(..) => rank::TIMER,
        }
    }
}

/// The key of an event.
pub type Key = (Instant, u8, u64);

/// Events that lie ahead.
#[derive(Clone, Debug, Default)]
pub struct EventQueue {
    heap: BinaryHeap<Reverse<(Key, u16, Upcoming)>>,
    sequence: u64,
    /// How many of them a run need not go on for.
    idle: usize,
}

impl EventQueue {
    /// Adds an event of a cell.
    pub fn push(&mut self, at: Instant, cell: u16, event: Upcoming) {
        self.heap
            .push(Reverse(((at, event.rank(), self.sequence), cell, event)));
        self.sequence += 1;
        self.idle += usize::from(matches!(event, Upcoming::IdleWake(_)));
    }

    /// When the next event is, and its rank.
    pub fn peek(&self) -> Option<(Instant, u8)> {
        self.heap
            .peek()
            .map(|Reverse(((at, rank, _), _, _))| (*at, *rank))
    }

    /// Takes the next event out.
    pub fn pop(&mut self) -> Option<(Instant, u16, Upcoming)> {
        let Reverse(((at, _, _), cell, event)) = self.heap.pop()?;
        self.idle -= usize::from(matches!(event, Upcoming::IdleWake(_)));
        Some((at, cell, event))
    }

    /// Whether what lies ahead is nothing that a run need go on for.
    pub fn is_idle(&self) -> bool {
        self.heap.len() == self.idle
    }

    /// How many events lie ahead.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing lies ahead.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{PodId, PodSlot};

    #[test]
    fn equal_instants_go_by_rank_and_equal_ranks_first_in_first_out() {
        let pod = |id| PodRef {
            id: PodId(id),
            slot: PodSlot(id),
        };
        let at = Instant::from_secs(5);
        let mut queue = EventQueue::default();
        queue.push(at, 0, Upcoming::Wake(ComponentId(0)));
        queue.push(at, 0, Upcoming::NodeDown(NodeId(1)));
        queue.push(at, 0, Upcoming::Exit(pod(9)));
        queue.push(at, 0, Upcoming::Exit(pod(3)));
        queue.push(at, 0, Upcoming::NodeUp(NodeId(2)));
        queue.push(Instant::from_secs(1), 0, Upcoming::Decided(ComponentId(0)));
        let order: Vec<_> = std::iter::from_fn(|| queue.pop())
            .map(|(_, _, event)| event)
            .collect();
        assert_eq!(
            order,
            [
                Upcoming::Decided(ComponentId(0)),
                Upcoming::NodeUp(NodeId(2)),
                Upcoming::Exit(pod(9)),
                Upcoming::Exit(pod(3)),
                Upcoming::NodeDown(NodeId(1)),
                Upcoming::Wake(ComponentId(0)),
            ]
        );
    }
}
