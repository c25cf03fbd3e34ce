//! The ground truth of hosts: whether each is up and reaches the control plane. The control plane
//! learns of it by silence alone (spec: kubernetes.md 2.7, orchestrators-b.md 10.3).

use std::collections::BTreeMap;

use crate::control::node::Report;
use crate::model::PodRef;
use crate::rng::Stream;
use crate::units::{Duration, Instant, NodeId, PodId};

/// How often a node renews its lease (spec: kubernetes.md part 4).
pub const LEASE_PERIOD: Duration = Duration::from_secs(10);

/// What is wrong with a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is down: its processes are gone.
    Crash,
    /// Nothing passes between it and the control plane; its processes go on.
    Partition,
    /// Work on it takes longer.
    Slow(Pace),
    /// Its disk is full: it takes no new pods.
    DiskFull,
}

impl Trouble {
    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crash => "down",
            Self::Partition => "cut off",
            Self::Slow(_) => "slow",
            Self::DiskFull => "disk full",
        }
    }
}

/// How many times as long work takes, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pace(u32);

impl Pace {
    /// As long as it takes.
    pub const USUAL: Self = Self(1_000);

    /// A factor, rounded to thousandths; at least one.
    pub fn of(factor: f64) -> Self {
        let thousandths = (factor * 1_000.0).clamp(1_000.0, f64::from(u32::MAX));
        Self(thousandths as u32)
    }

    /// How much work there is for a host at this pace that would be so much for one at another.
    pub(super) fn scale(self, work: i128, before: Self) -> i128 {
        work * i128::from(self.0) / i128::from(before.0.max(1))
    }

    /// How long work takes that would take so long at another pace.
    pub fn stretch(self, span: Duration, before: Self) -> Duration {
        let nanos = i128::from(span.as_nanos()) * i128::from(self.0) / i128::from(before.0.max(1));
        Duration::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
    }
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
    /// Hosts that are slow, by every cause.
    slow: BTreeMap<NodeId, Vec<Pace>>,
    /// Hosts whose disk is full, and by how many causes.
    full: BTreeMap<NodeId, u16>,
}

impl Hosts {
    pub(super) const fn new(seed: u64, cell: u16) -> Self {
        Self {
            seed,
            cell,
            lost: BTreeMap::new(),
            since: BTreeMap::new(),
            unseen: Duration::ZERO,
            slow: BTreeMap::new(),
            full: BTreeMap::new(),
        }
    }

    /// How fast work gets on on a host: of several causes the worst counts.
    pub(super) fn pace(&self, node: NodeId) -> Pace {
        let causes = self.slow.get(&node).and_then(|causes| causes.iter().max());
        causes.copied().unwrap_or(Pace::USUAL)
    }

    /// A cause makes a host slow, or is gone.
    pub(super) fn set_slow(&mut self, node: NodeId, pace: Pace, is_slow: bool) {
        let causes = self.slow.entry(node).or_default();
        if is_slow {
            causes.push(pace);
        } else if let Some(place) = causes.iter().position(|known| *known == pace) {
            causes.swap_remove(place);
        }
        if causes.is_empty() {
            self.slow.remove(&node);
        }
    }

    /// A cause fills a host's disk, or is gone; returns whether it is full.
    pub(super) fn set_full(&mut self, node: NodeId, is_full: bool) -> bool {
        let causes = self.full.entry(node).or_default();
        *causes = if is_full {
            *causes + 1
        } else {
            causes.saturating_sub(1)
        };
        let is_full = *causes > 0;
        if !is_full {
            self.full.remove(&node);
        }
        is_full
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
            Trouble::Partition => &mut lost.cut,
            _ => &mut lost.down,
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
            Trouble::Partition => &mut lost.cut,
            _ => &mut lost.down,
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
