//! The ground truth of hosts: whether each is up and reaches the control plane. The control plane
//! learns of it by silence alone (spec: kubernetes.md 2.7, orchestrators-b.md 10.3).

mod initial;
#[cfg(test)]
mod tests;

use control::node::Report;
use model::PodRef;
use rng::Streams;
use units::{Duration, Identity, Instant, NodeId, PodId, SortedMap};

/// Time between two renewals of a node's lease (spec: kubernetes.md part 4).
pub const LEASE_PERIOD: Duration = Duration::from_secs(10);

/// Time for which an agent waits for its container runtime before it reports that the node is not
/// ready (`runtimeState.baseRuntimeSyncThreshold` of the kubelet).
const RUNTIME_PATIENCE: Duration = Duration::from_secs(30);

/// The trouble that a host can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is down: its processes are gone.
    Crash,
    /// Nothing passes between it and the control plane; its processes go on.
    Partition,
    /// Work on it takes longer.
    Slow(Pace),
    /// The disk is full: the node takes no new pods.
    DiskFull,
    /// The container runtime does not answer: what runs goes on, nothing is started or stopped, and
    /// its agent says that it is not ready.
    Runtime,
}

impl Trouble {
    /// The name of the trouble.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crash => "down",
            Self::Partition => "cut off",
            Self::Slow(_) => "slow",
            Self::DiskFull => "disk full",
            Self::Runtime => "runtime down",
        }
    }
}

/// Factor by which work takes longer, in billionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pace(u64);

/// The count of a [`Pace`] that makes one.
const BILLION: u64 = 1_000_000_000;

impl Pace {
    /// Pace at which work takes its plain time.
    pub const USUAL: Self = Self(BILLION);

    /// A slowdown by a factor, rounded to thousandths; at least one.
    pub fn of(factor: f64) -> Self {
        let thousandths = (factor * 1_000.0).clamp(1_000.0, f64::from(u32::MAX));
        Self(thousandths as u64 * (BILLION / 1_000))
    }

    /// The pace of work with one throughput, where that of another takes its plain time.
    pub fn of_rates(usual: u64, own: u64) -> Self {
        let factor = u128::from(usual) * u128::from(BILLION) / u128::from(own.max(1));
        Self(u64::try_from(factor).unwrap_or(u64::MAX).max(1))
    }

    /// The pace of work that two causes act on.
    pub(super) fn and(self, other: Self) -> Self {
        let product = u128::from(self.0) * u128::from(other.0) / u128::from(BILLION);
        Self(u64::try_from(product).unwrap_or(u64::MAX).max(1))
    }

    /// Amount of work for a host at this pace that equals an amount at another pace.
    pub(super) fn scale(self, work: i128, before: Self) -> i128 {
        // Paces of hosts are whole thousandths, and work is counted finely.
        let thousandths = |pace: Self| i128::from(pace.0 / (BILLION / 1_000));
        work * thousandths(self) / thousandths(before).max(1)
    }

    /// Time of work at this pace that would take a given time at another.
    pub fn stretch(self, span: Duration, before: Self) -> Duration {
        if self == before {
            return span;
        }
        let nanos = i128::from(span.as_nanos()) * i128::from(self.0) / i128::from(before.0.max(1));
        Duration::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
    }
}

/// A change of the pace at which a host gets on with its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PaceChange {
    /// The pace so far.
    pub(crate) before: Pace,
    /// The pace from now on.
    pub(crate) after: Pace,
}

impl PaceChange {
    /// The pace of a pod's work on the host, from that so far.
    pub(crate) fn of(self, pod: Pace) -> Pace {
        let factor =
            u128::from(pod.0) * u128::from(self.after.0) / u128::from(self.before.0.max(1));
        Pace(u64::try_from(factor).unwrap_or(u64::MAX).max(1))
    }

    /// The time that the rest of a work takes, from that at the pace so far.
    pub(crate) fn stretch(self, left: Duration) -> Duration {
        self.after.stretch(left, self.before)
    }

    /// The rest of a work, from that at the pace so far.
    pub(crate) fn scale(self, left: i128) -> i128 {
        self.after.scale(left, self.before)
    }
}

/// A host that is down or cut off.
#[derive(Clone, Debug, Default)]
pub(super) struct HostOutage {
    /// Number of causes that keep the host down, and the instant of the first.
    down: u16,
    down_since: Instant,
    /// Number of causes that keep the host cut off.
    cut: u16,
    /// Number of causes that keep its runtime from answering, and the instant of the first.
    stalled: u16,
    stalled_since: Instant,
    /// `true` if the host was down since its last contact.
    pub(super) crashed: bool,
    /// Pods bound to it that it has not been told of.
    pub(super) untold: Vec<PodRef>,
    /// Reports that it could not send.
    pub(super) unsent: Vec<Report>,
    /// Processes of pods that the control plane has given up, and since when.
    unseen: SortedMap<PodId, Instant>,
}

impl HostOutage {
    /// Number of causes of a kind of trouble.
    const fn causes(&mut self, trouble: Trouble) -> &mut u16 {
        match trouble {
            Trouble::Partition => &mut self.cut,
            Trouble::Runtime => &mut self.stalled,
            Trouble::Crash | Trouble::Slow(_) | Trouble::DiskFull => &mut self.down,
        }
    }
}

/// Trouble of a host that began.
#[derive(Clone, Copy, Debug)]
pub(super) struct HostFault {
    /// Marks the first cause of its kind: the others overlap with it.
    pub(super) is_first: bool,
    /// Marks the crash of a host that was not down.
    pub(super) crashes: bool,
    /// True if the host was heard until then.
    pub(super) was_heard: bool,
}

/// The hosts of a cell.
#[derive(Clone, Debug)]
pub(super) struct Hosts {
    /// Draws of the time until a node first renews its lease, made when somebody asks for it: where
    /// nobody does, chance has no say.
    phases: Streams,
    /// Instant at which every node renews its lease first, if at one time.
    lease_offset: Option<Duration>,
    /// Identity of each node that joined.
    identities: Vec<Option<Identity>>,
    lost: SortedMap<NodeId, HostOutage>,
    /// Instants at which nodes last came back, or joined after the start: they renewed their lease
    /// then.
    since: SortedMap<NodeId, Instant>,
    /// Run time of processes of pods that were given up.
    unseen: Duration,
    /// Hosts that are slow, by every cause.
    slow: SortedMap<NodeId, Vec<Pace>>,
    /// Hosts whose disk is full, and by how many causes.
    full: SortedMap<NodeId, u16>,
    /// Nodes that joined and are not Ready yet, and when they will be.
    starting: SortedMap<NodeId, Instant>,
}

impl Hosts {
    pub(super) fn new(seed: u64, lease_offset: Option<Duration>) -> Self {
        Self {
            phases: Streams::new(seed, "heartbeat"),
            lease_offset,
            identities: Vec::new(),
            lost: SortedMap::new(),
            since: SortedMap::new(),
            unseen: Duration::ZERO,
            slow: SortedMap::new(),
            full: SortedMap::new(),
            starting: SortedMap::new(),
        }
    }

    /// Pace of work on a host: of several causes the worst counts.
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
    #[inline]
    pub(super) fn is_reached(&self, node: NodeId) -> bool {
        !self.lost.contains_key(&node)
    }

    /// Whether a host renews its lease.
    pub(super) fn is_heard(&self, node: NodeId) -> bool {
        let lost = self.lost.get(&node);
        lost.is_none_or(|lost| lost.down == 0 && lost.cut == 0)
    }

    /// Whether the agent of a host says that it is not ready, as its runtime has not answered for
    /// long enough.
    pub(super) fn is_unready(&self, now: Instant, node: NodeId) -> bool {
        let lost = self.lost.get(&node);
        let stalled = lost.filter(|lost| lost.stalled > 0);
        self.is_heard(node)
            && stalled.is_some_and(|lost| now.since(lost.stalled_since) >= RUNTIME_PATIENCE)
    }

    /// Instant at which the agent of a host whose runtime stops answering reports that it is not
    /// ready.
    pub(super) fn unready_at(&self, now: Instant, node: NodeId) -> Instant {
        let known = now.saturating_add(RUNTIME_PATIENCE);
        // Its status is posted with its lease.
        self.next_heartbeat(known, node)
    }

    /// Whether a host is up.
    pub(super) fn is_up(&self, node: NodeId) -> bool {
        self.lost.get(&node).is_none_or(|lost| lost.down == 0)
    }

    /// Keeps a report of a host that can't send it now, until it can; whether it did.
    #[inline]
    pub(super) fn withhold(&mut self, node: NodeId, report: Report) -> bool {
        if self.lost.is_empty() {
            return false;
        }
        let lost = self.lost.get_mut(&node);
        lost.map(|lost| lost.unsent.push(report)).is_some()
    }

    /// Queues a pod that can't be announced to its host now; whether it can't.
    #[inline]
    pub(super) fn leave_untold(&mut self, node: NodeId, pod: PodRef) -> bool {
        if self.lost.is_empty() {
            return false;
        }
        let lost = self.lost.get_mut(&node);
        lost.map(|lost| lost.untold.push(pod)).is_some()
    }

    /// The processes on a host are gone with it. How a pod ended before is on the disk and outlives
    /// the crash; nothing else does.
    pub(super) fn crashed(&mut self, now: Instant, node: NodeId) {
        let Some(lost) = self.lost.get_mut(&node) else {
            return;
        };
        lost.unsent
            .retain(|report| matches!(report, Report::Ended(..)));
        for since in std::mem::take(&mut lost.unseen).into_values() {
            self.stopped_unseen(now, since);
        }
    }

    /// Trouble began.
    pub(super) fn strike(&mut self, now: Instant, node: NodeId, trouble: Trouble) -> HostFault {
        let was_heard = self.is_heard(node);
        let lost = self.lost.entry(node).or_default();
        let causes = lost.causes(trouble);
        *causes += 1;
        let is_first = *causes == 1;
        lost.crashed |= trouble == Trouble::Crash;
        match trouble {
            Trouble::Runtime if is_first => lost.stalled_since = now,
            Trouble::Crash if is_first => lost.down_since = now,
            _ => {}
        }
        HostFault {
            is_first,
            crashes: is_first && trouble == Trouble::Crash,
            was_heard,
        }
    }

    /// Trouble is over; returns what became of the host meanwhile once nothing is left of it.
    pub(super) fn relieve(
        &mut self,
        now: Instant,
        node: NodeId,
        trouble: Trouble,
    ) -> Option<HostOutage> {
        let was_heard = self.is_heard(node);
        let lost = self.lost.get_mut(&node)?;
        let causes = lost.causes(trouble);
        *causes = causes.saturating_sub(1);
        let (is_heard, is_stalled) = (lost.down == 0 && lost.cut == 0, lost.stalled > 0);
        if is_heard && !was_heard {
            self.since.insert(node, now);
        }
        if !is_heard || is_stalled {
            return None;
        }
        self.lost.remove(&node)
    }

    /// Whether a host went down at an instant, and has not come back since.
    pub(super) fn is_down_since(&self, node: NodeId, at: Instant) -> bool {
        (self.lost.get(&node)).is_some_and(|lost| lost.down > 0 && lost.down_since == at)
    }

    /// A pod was given up whose processes run on, on an unreachable host.
    pub(super) fn give_up(&mut self, now: Instant, node: NodeId, pod: PodRef) {
        if let Some(lost) = self.lost.get_mut(&node) {
            lost.unseen.insert(pod.id, now);
        }
    }

    /// Unobserved processes have stopped.
    fn stopped_unseen(&mut self, now: Instant, since: Instant) {
        self.unseen = (self.unseen.checked_add(now.since(since))).unwrap_or(Duration::MAX);
    }

    /// A host is heard again: unobserved processes on it are stopped.
    pub(super) fn stop_unseen(&mut self, now: Instant, lost: &mut HostOutage) {
        for since in std::mem::take(&mut lost.unseen).into_values() {
            self.stopped_unseen(now, since);
        }
    }

    /// Run time of processes of pods that were given up, over all pods.
    pub(super) const fn unseen(&self) -> Duration {
        self.unseen
    }

    /// A node of a name joined, at the start or while the run went on.
    pub(super) fn joined(&mut self, now: Instant, node: NodeId, name: &str) {
        if self.identities.len() <= node.index() {
            self.identities.resize(node.index() + 1, None);
        }
        self.identities[node.index()] = Some(Identity::of(name));
        if now > Instant::ZERO {
            self.since.insert(node, now);
        }
    }

    /// A node that joined is not Ready before an instant.
    pub(super) fn starts_until(&mut self, node: NodeId, until: Instant) {
        self.starting.insert(node, until);
    }

    /// True for a node that joined and is not Ready yet.
    pub(super) fn is_starting(&mut self, now: Instant, node: NodeId) -> bool {
        if self.starting.get(&node).is_some_and(|until| *until <= now) {
            self.starting.remove(&node);
        }
        self.starting.contains_key(&node)
    }

    /// Time from the start until a node first renews its lease.
    fn phase(&self, node: NodeId) -> Duration {
        if let Some(offset) = self.lease_offset {
            let nanos = offset.as_nanos().rem_euclid(LEASE_PERIOD.as_nanos());
            return Duration::from_nanos(nanos);
        }
        let Some(who) = self.identities.get(node.index()).copied().flatten() else {
            return Duration::ZERO;
        };
        let millis = LEASE_PERIOD.as_nanos() / 1_000_000;
        Duration::from_millis(self.phases.of(who).below(millis as u64) as i64)
    }

    /// Instant at which a node that is heard last renewed its lease, up to now.
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

    /// Instant at which a node renews its lease next, if nothing hinders it.
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
