//! Events that can lie ahead in a cell, and its event queue: at one instant kinds go in the order
//! of their rank, and equal kinds first in, first out.

use model::PodRef;
use units::{ComponentId, NodeId};

use super::wheel::{Wheel, WheelEvent};

/// A future event of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum QueueEvent {
    /// A node comes up.
    NodeUp(NodeId),
    /// A node renews its lease, where that is stepped.
    Heartbeat(NodeId),
    /// Something that failed is whole again: the next of a time line of failures.
    Relief(u32),
    /// A pod's processes end by themselves.
    Exit(PodRef),
    /// Processes of containers end, or ones that share their nodes.
    Ends,
    /// A node goes down.
    NodeDown(NodeId),
    /// Something fails: the next of a time line of failures.
    Strike(u32),
    /// Something fails if anything else happens at all.
    IdleStrike(u32),
    /// A user does something: its number among the cell's operations.
    Operation(u32),
    /// A user declares a rule that pods which arrive at the same instant are admitted by.
    Rule(u32),
    /// A node that is being drained is looked at again.
    Eviction(NodeId),
    /// A control plane that was killed at a change has a leader again.
    Election,
    /// An upgrade goes on: its number among the cell's upgrades.
    Upgrade(u32),
    /// A node's agent says whether it is ready.
    Status(NodeId),
    /// A node that went down may have been down for as long as it may not answer.
    Unanswered(NodeId),
    /// A node's client has a token for a report.
    Report(NodeId),
    /// A pod that runs is to have other requests, if anything else happens at all.
    Resize(PodRef),
    /// A pod's job may have come to another stage of its progress.
    Stage(PodRef),
    /// A pod's processes are up.
    Started(PodRef),
    /// A pod's agent asked to be woken.
    AgentTimer(PodRef),
    /// Something else is due of containers or images.
    Tick,
    /// A node's agent asked to be woken, if anything else happens at all.
    NodeTimer(NodeId),
    /// Next event of a machine that was ordered: the number of its order.
    Machine(u32),
    /// Machines cost something else: the number of the first change.
    Price(u32),
    /// As above, if anything else happens at all.
    IdlePrice(u32),
    /// A component asked to be woken, or a delivery to it is due.
    Wake(ComponentId),
    /// A component asked to be woken if anything else happens at all.
    IdleWake(ComponentId),
    /// A component has finished deciding.
    Decided(ComponentId),
    /// Client traffic is followed up to now.
    Traffic,
    /// A hold lapses unless its owner released it: its number in [`Lapses`].
    Lapse(u32),
}

/// Ranks at one instant: node up, ends, node down, resizes, arrivals, timers.
pub mod rank {
    /// Nodes come up first.
    pub const NODE_UP: u8 = 0;
    /// Then pods end.
    pub const END: u8 = 1;
    /// Then nodes go down.
    pub const NODE_DOWN: u8 = 2;
    /// Then pods that run are resized.
    pub const RESIZE: u8 = 3;
    /// Then pods arrive.
    pub const ARRIVAL: u8 = 4;
    /// Then timers fire.
    pub const TIMER: u8 = 5;
}

impl QueueEvent {
    /// Pairs the event with its cell.
    #[inline]
    pub const fn of(self, cell: u16) -> QueueEntry {
        QueueEntry { cell, event: self }
    }

    /// Whether the scenario brings it, a bounded number of times.
    #[inline]
    pub const fn is_from_outside(self) -> bool {
        matches!(
            self,
            Self::Operation(_)
                | Self::Rule(_)
                | Self::Upgrade(_)
                | Self::Strike(_)
                | Self::NodeDown(_)
                | Self::NodeUp(_)
                | Self::Price(_)
        )
    }

    /// The rank of this kind of event at one instant.
    #[inline]
    pub const fn rank(self) -> u8 {
        match self {
            Self::NodeUp(_)
            | Self::Heartbeat(_)
            | Self::Status(_)
            | Self::Relief(_)
            | Self::Machine(_)
            | Self::Price(_)
            | Self::IdlePrice(_)
            | Self::Election => rank::NODE_UP,
            Self::Exit(_) | Self::Ends => rank::END,
            Self::NodeDown(_) | Self::Unanswered(_) | Self::Strike(_) | Self::IdleStrike(_) => {
                rank::NODE_DOWN
            }
            Self::Resize(_) | Self::Rule(_) | Self::Stage(_) => rank::RESIZE,
            Self::Operation(_) | Self::Eviction(_) | Self::Upgrade(_) => rank::ARRIVAL,
            Self::Started(_)
            | Self::Report(_)
            | Self::AgentTimer(_)
            | Self::Tick
            | Self::NodeTimer(_)
            | Self::Wake(_)
            | Self::IdleWake(_)
            | Self::Decided(_)
            | Self::Traffic
            | Self::Lapse(_) => rank::TIMER,
        }
    }
}

/// An event of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueEntry {
    /// Cell of the event.
    pub cell: u16,
    /// The event.
    pub event: QueueEvent,
}

impl WheelEvent for QueueEntry {
    #[inline]
    fn rank(self) -> u8 {
        self.event.rank()
    }

    #[inline]
    fn keeps_going(self) -> bool {
        !matches!(
            self.event,
            QueueEvent::IdleWake(_)
                | QueueEvent::IdleStrike(_)
                | QueueEvent::NodeTimer(_)
                | QueueEvent::Resize(_)
                | QueueEvent::IdlePrice(_)
                | QueueEvent::Traffic
        )
    }
}

/// The holds that may lapse in a cell: events are small, and few of them are about holds.
#[derive(Clone, Debug, Default)]
pub struct Lapses {
    /// Owners and their numbers for the holds.
    holds: Vec<(ComponentId, u64)>,
    vacant: Vec<u32>,
}

impl Lapses {
    /// The event of a hold's lapse, which is to be taken out once.
    pub fn add(&mut self, owner: ComponentId, number: u64) -> QueueEvent {
        if let Some(row) = self.vacant.pop() {
            self.holds[row as usize] = (owner, number);
            return QueueEvent::Lapse(row);
        }
        self.holds.push((owner, number));
        QueueEvent::Lapse(self.holds.len() as u32 - 1)
    }

    /// The hold of an event.
    pub fn take(&mut self, row: u32) -> (ComponentId, u64) {
        self.vacant.push(row);
        self.holds[row as usize]
    }
}

/// Events that lie ahead in all cells.
pub type EventQueue = Wheel<QueueEntry>;

#[cfg(test)]
mod tests {
    use super::*;
    use units::{Instant, PodId, PodSlot};

    #[test]
    fn equal_instants_go_by_rank_and_equal_ranks_first_in_first_out() {
        let pod = |id| PodRef {
            id: PodId(id),
            slot: PodSlot(id),
        };
        let at = Instant::from_secs(5);
        let mut queue = EventQueue::default();
        queue.push(at, QueueEvent::Wake(ComponentId(0)).of(0));
        queue.push(at, QueueEvent::NodeDown(NodeId(1)).of(0));
        queue.push(at, QueueEvent::Exit(pod(9)).of(0));
        queue.push(at, QueueEvent::Exit(pod(3)).of(0));
        queue.push(at, QueueEvent::NodeUp(NodeId(2)).of(0));
        queue.push(
            Instant::from_secs(1),
            QueueEvent::Decided(ComponentId(0)).of(0),
        );
        let order: Vec<_> = std::iter::from_fn(|| queue.pop())
            .map(|(_, queued)| queued.event)
            .collect();
        assert_eq!(
            order,
            [
                QueueEvent::Decided(ComponentId(0)),
                QueueEvent::NodeUp(NodeId(2)),
                QueueEvent::Exit(pod(9)),
                QueueEvent::Exit(pod(3)),
                QueueEvent::NodeDown(NodeId(1)),
                QueueEvent::Wake(ComponentId(0)),
            ]
        );
    }
}
