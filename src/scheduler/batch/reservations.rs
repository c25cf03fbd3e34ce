//! Advance reservations: nodes that are kept for some users, or for maintenance, in a time that is known
//! from the beginning (SchedMD/slurm: `doc/html/reservations.shtml`). A job that could still run when
//! the reservation begins does not start on its nodes.

use fixedbitset::FixedBitSet;

use cluster::Store;
use model::{NodeSelectorTerm, Text};
use units::{Instant, NodeId, Revision, SortedSet, TenantId};

use super::job::JobFacts;

/// Reservation of nodes ahead of time.
#[derive(Clone, Debug, PartialEq)]
pub struct AdvanceReservation {
    /// Name of the reservation.
    pub name: Text,
    /// Instant from which on the nodes are kept.
    pub from: Instant,
    /// Instant at which they are free again.
    pub until: Instant,
    /// Condition that its nodes meet; `None` for all nodes.
    pub nodes: Option<NodeSelectorTerm>,
    /// Users whose jobs it does not keep off.
    pub users: SortedSet<TenantId>,
}

/// All advance reservations, with the nodes that they are of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reservations {
    all: Vec<AdvanceReservation>,
    /// The nodes of each one.
    nodes: Vec<FixedBitSet>,
    /// The declaration of nodes that they are of.
    declared: Option<Revision>,
    /// Number of reservations that are known to be over, in the order of their ends.
    over: usize,
    /// The ends in order.
    ends: Vec<Instant>,
}

impl Reservations {
    /// Reservations whose nodes are yet to be found.
    pub(crate) fn new(all: Vec<AdvanceReservation>) -> Self {
        let mut ends: Vec<Instant> = all.iter().map(|own| own.until).collect();
        ends.sort_unstable();
        Self {
            all,
            ends,
            ..Self::default()
        }
    }

    /// `true` if no node is ever reserved.
    pub(crate) const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Finds the nodes of each reservation, if nodes were declared since.
    pub(crate) fn look_at(&mut self, store: &Store) {
        let declared = store.nodes().declared();
        if self.all.is_empty() || self.declared == Some(declared) {
            return;
        }
        self.declared = Some(declared);
        let of = |own: &AdvanceReservation| {
            let is_meant = |node: &NodeId| {
                let Some(object) = store.nodes().object(*node) else {
                    return false;
                };
                let term = own.nodes.as_ref();
                term.is_none_or(|term| term.matches(&object.name, &object.labels))
            };
            let meant = store.nodes().ids().filter(is_meant);
            meant.map(NodeId::index).collect()
        };
        self.nodes = self.all.iter().map(of).collect();
    }

    /// `true` if a reservation came to its end since this was last asked.
    pub(crate) fn have_ended(&mut self, now: Instant) -> bool {
        let over = self.ends.partition_point(|&end| end <= now);
        over > std::mem::replace(&mut self.over, over)
    }

    /// The next end of a reservation.
    pub(crate) fn next_end(&self, now: Instant) -> Option<Instant> {
        self.ends().find(|&end| end > now)
    }

    /// The ends of all reservations, in order.
    pub(crate) fn ends(&self) -> impl Iterator<Item = Instant> {
        self.ends.iter().copied()
    }

    /// `true` if no reservation keeps a job off a node from an instant to another.
    pub(crate) fn admit(
        &self,
        job: &JobFacts,
        node: NodeId,
        from: Instant,
        until: Instant,
    ) -> bool {
        let mut pairs = self.all.iter().zip(&self.nodes);
        !pairs.any(|(own, nodes)| {
            from < own.until
                && own.from < until
                && nodes.contains(node.index())
                && !own.users.contains(&job.tenant)
        })
    }
}
