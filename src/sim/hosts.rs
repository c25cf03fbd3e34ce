//! The ground truth of hosts: whether each is up and reaches the control plane. The control plane
//! learns of it by silence alone (spec: kubernetes.md 2.7, orchestrators-b.md 10.3).

use std::collections::BTreeMap;

use crate::control::node::Report;
use crate::model::PodRef;
use crate::rng::Stream;
use crate::units::{Duration, Instant, NodeId, PodId};

/// How often a node renews its lease (spec: kubernetes.md part 4).
pub const LEASE_PERIOD: Duration = Duration::from_secs(10);

/// What keeps a host from the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is down: its processes are gone.
    Crash,
    /// Nothing passes between it and the control plane; its processes go on.
    Partition,
}

/// A host that is down or cut off.
#[derive(Clone, Debug, Default)]
pub(super) struct Lost {
    /// How many causes keep it down.
    down: u16,
    /// How many causes keep it cut off.
    cut: u16,
    /// Whether it was down since it was last heard of.
    pub(super) crashed: bool,
    /// Pods bound to it that it has not been told of.
    pub(super) untold: Vec<PodRef>,
    /// Reports that it could not send.
    pub(super) unsent: Vec<Report>,
    /// Processes of pods that the control plane has given up, and since when.
    pub(super) unseen: BTreeMap<PodId, Instant>,
}

/// The hosts of a cell.
#[derive(Clone, Debug)]
pub(super) struct Hosts {
    seed: u64,
    cell: u16,
    lost: BTreeMap<NodeId, Lost>,
    /// When nodes last came back, or joined after the start: they renewed their lease then.
    since: BTreeMap<NodeId, Instant>,
    /// How long processes ran of pods that were given up.
    unseen: Duration,
}

impl Hosts {
    pub(super) const fn new(seed: u64, cell: u16) -> Self {
        Self {
            seed,
            cell,
            lost: BTreeMap::new(),
            since: BTreeMap::new(),
            unseen: Duration::ZERO,
        }
    }

    /// Whether a host is up and reached.
    pub(super) fn is_reached(&self, node: NodeId) -> bool {
        !self.lost.contains_key(&node)
    }

    /// Whether a host is up.
    pub(super) fn is_up(&self, node: NodeId) -> bool {
        self.lost.get(&node).is_none_or(|lost| lost.down == 0)
    }

    pub(super) fn lost_mut(&mut self, node: NodeId) -> Option<&mut Lost> {
        self.lost.get_mut(&node)
    }

    /// Trouble began; returns whether it is the first of its kind, and whether it is the first.
    pub(super) fn strike(&mut self, node: NodeId, trouble: Trouble) -> (bool, bool) {
        let was_reached = self.is_reached(node);
        let lost = self.lost.entry(node).or_default();
        let causes = match trouble {
            Trouble::Crash => &mut lost.down,
            Trouble::Partition => &mut lost.cut,
        };
        *causes += 1;
        let is_first = *causes == 1;
        lost.crashed |= trouble == Trouble::Crash;
        (is_first, was_reached)
    }

    /// Trouble is over; returns what became of the host meanwhile once it is reached again.
    pub(super) fn relieve(&mut self, now: Instant, node: NodeId, trouble: Trouble) -> Option<Lost> {
        let lost = self.lost.get_mut(&node)?;
        let causes = match trouble {
            Trouble::Crash => &mut lost.down,
            Trouble::Partition => &mut lost.cut,
        };
        *causes = causes.saturating_sub(1);
        if lost.down > 0 || lost.cut > 0 {
            return None;
        }
        self.since.insert(node, now);
        self.lost.remove(&node)
    }

    /// A pod was given up whose processes run on, on a host that can't be told.
    pub(super) fn give_up(&mut self, now: Instant, node: NodeId, pod: PodRef) {
        if let Some(lost) = self.lost.get_mut(&node) {
            lost.unseen.insert(pod.id, now);
        }
    }

    /// Processes that nobody saw have stopped.
    pub(super) fn stopped_unseen(&mut self, now: Instant, since: Instant) {
        let span = now.since(since);
        self.unseen = self.unseen.checked_add(span).unwrap_or(Duration::MAX);
    }

    /// For how long processes ran of pods that were given up, over all pods.
    pub(super) const fn unseen(&self) -> Duration {
        self.unseen
    }

    /// A node joined while the run went on.
    pub(super) fn joined(&mut self, now: Instant, node: NodeId) {
        if now > Instant::ZERO {
            self.since.insert(node, now);
        }
    }

    /// How far after the start a node first renews its lease.
    fn phase(&self, node: NodeId) -> Duration {
        let entity = u64::from(self.cell) << 32 | u64::from(node.0);
        let mut stream = Stream::new(self.seed, "heartbeat", entity);
        let millis = LEASE_PERIOD.as_nanos() / 1_000_000;
        Duration::from_millis(stream.below(millis as u64) as i64)
    }

    /// When a node that is heard last renewed its lease, up to now.
    pub(super) fn last_heartbeat(&self, now: Instant, node: NodeId) -> Instant {
        let since = self.since.get(&node).copied().unwrap_or(Instant::ZERO);
        let first = Instant::ZERO.saturating_add(self.phase(node));
        let passed = now.since(first).as_nanos();
        if passed < 0 {
            return since;
        }
        let whole = passed - passed % LEASE_PERIOD.as_nanos();
        first.saturating_add(Duration::from_nanos(whole)).max(since)
    }

    /// When a node renews its lease next, if nothing hinders it.
    pub(super) fn next_heartbeat(&self, now: Instant, node: NodeId) -> Instant {
        let first = Instant::ZERO.saturating_add(self.phase(node));
        let passed = now.since(first).as_nanos();
        if passed < 0 {
            return first;
        }
        let whole = passed - passed % LEASE_PERIOD.as_nanos() + LEASE_PERIOD.as_nanos();
        first.saturating_add(Duration::from_nanos(whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId(3);

    #[test]
    fn a_host_is_back_when_every_cause_is_gone() {
        let mut hosts = Hosts::new(7, 0);
        assert_eq!(hosts.strike(NODE, Trouble::Partition), (true, true));
        assert_eq!(hosts.strike(NODE, Trouble::Crash), (true, false));
        assert_eq!(hosts.strike(NODE, Trouble::Crash), (false, false));
        let now = Instant::from_secs(60);
        assert!(hosts.relieve(now, NODE, Trouble::Crash).is_none() && !hosts.is_up(NODE));
        assert!(hosts.relieve(now, NODE, Trouble::Crash).is_none() && hosts.is_up(NODE));
        let lost = hosts.relieve(now, NODE, Trouble::Partition);
        assert!(lost.is_some_and(|lost| lost.crashed) && hosts.is_reached(NODE));
        assert_eq!(hosts.last_heartbeat(now, NODE), now);
    }

    #[test]
    fn leases_are_renewed_every_ten_seconds() {
        let hosts = Hosts::new(7, 0);
        for secs in [0, 4, 10, 99, 100] {
            let now = Instant::from_secs(secs);
            let (last, next) = (
                hosts.last_heartbeat(now, NODE),
                hosts.next_heartbeat(now, NODE),
            );
            assert!(last <= now && now < next && next.since(now) <= LEASE_PERIOD);
            assert!(last == Instant::ZERO || next.since(last) == LEASE_PERIOD);
        }
    }
}
