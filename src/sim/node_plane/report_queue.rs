//! Reports of agents on their way to the API server: an agent sees what its processes do when it
//! looks at them (the kubelet's PLEG), and a rate limit with a burst holds back the requests of each
//! node's client (the kubelet's `kubeAPIQPS` and `kubeAPIBurst`).

use cluster::Store;
use control::MachineEvent;
use control::client_limit::{ClientLimit, TokenBucket};
use control::node::Report;
use model::{EndReason, PodRef};
use rng::Stream;
use units::{Duration, Identity, Instant, NodeId, PodId, SortedMap};

/// The agents of all nodes as far as they report late: their looks at processes, and their clients.
#[derive(Clone, Debug)]
pub(super) struct ReportQueue {
    seed: u64,
    limit: Option<ClientLimit>,
    /// Time between two looks at the processes of a node; zero sees all at once.
    relist: Duration,
    clients: SortedMap<NodeId, Client>,
}

/// The client of a node.
#[derive(Clone, Debug)]
struct Client {
    bucket: Option<TokenBucket>,
    /// Instant of the node's first look at its processes.
    phase: Duration,
    /// The pod and the instant of the last status that was sent, and when it was sent: what is
    /// reported of a pod at one instant is one status.
    last: Option<LastStatus>,
    /// Instant of the last token that was taken.
    token: Instant,
    /// Reports by the instants at which they are sent, and their number.
    waiting: SortedMap<(Instant, u64), Report>,
    /// Number of reports that ever waited.
    number: u64,
    /// Ends of processes that the next look will find.
    exits: Vec<(PodRef, MachineEvent)>,
}

#[derive(Clone, Copy, Debug)]
struct LastStatus {
    pod: PodId,
    reported: Instant,
    sent: Instant,
}

impl ReportQueue {
    /// Agents that have sent nothing yet; `None` if none of them reports late.
    pub(super) fn new(seed: u64, limit: Option<ClientLimit>, relist: Duration) -> Option<Self> {
        let is_late = limit.is_some() || relist > Duration::ZERO;
        is_late.then(|| Self {
            seed,
            limit,
            relist,
            clients: SortedMap::new(),
        })
    }

    /// Instant at which a report of a node is sent if that is later than now: it is kept until then.
    /// The end of a pod that was asked to terminate waits for no look: the agent stopped it by itself.
    pub(super) fn delay(
        &mut self,
        now: Instant,
        node: NodeId,
        store: &Store,
        report: Report,
    ) -> Option<Instant> {
        let relist = self.relist;
        let client = self.client(node, store);
        let pod = report.pod();
        let last = client
            .last
            .filter(|last| last.pod == pod.id && last.reported == now);
        if last.is_none()
            && is_status(report)
            && let Some(bucket) = &mut client.bucket
        {
            client.token = bucket.reserve(now);
        }
        let mut at = last.map_or(client.token.max(now), |last| last.sent);
        if is_seen_by_a_look(report, store) {
            at = at.max(next_look(now, client.phase, relist));
        }
        // Nothing overtakes what waits of the pod already.
        let ahead = client.waiting.iter().rev();
        let mut ahead = ahead.filter(|(_, waiting)| waiting.pod() == pod);
        at = ahead.next().map_or(at, |((ahead, _), _)| at.max(*ahead));
        if is_status(report) {
            client.last = Some(LastStatus {
                pod: pod.id,
                reported: now,
                sent: at,
            });
        }
        if at <= now {
            return None;
        }
        client.number += 1;
        client.waiting.insert((at, client.number), report);
        Some(at)
    }

    fn client(&mut self, node: NodeId, store: &Store) -> &mut Client {
        let (limit, relist, seed) = (self.limit, self.relist, self.seed);
        self.clients.entry(node).or_insert_with(|| Client {
            bucket: limit.map(TokenBucket::new),
            phase: phase(seed, relist, store, node),
            last: None,
            token: Instant::ZERO,
            waiting: SortedMap::new(),
            number: 0,
            exits: Vec::new(),
        })
    }

    /// Keeps the end of a process until its node looks, unless it does so now or stops the pod: when that is, and
    /// the node.
    pub(super) fn keep_exit(
        &mut self,
        now: Instant,
        store: &Store,
        pod: PodRef,
        event: MachineEvent,
    ) -> Option<(Instant, NodeId)> {
        let relist = self.relist;
        if relist <= Duration::ZERO || store.pod_states().is_terminating(pod) {
            return None;
        }
        let node = store.pods().get(pod)?.node()?;
        let client = self.client(node, store);
        let look = next_look(now, client.phase, relist);
        if look <= now {
            return None;
        }
        client.exits.push((pod, event));
        Some((look, node))
    }

    /// Takes out the first end of a process of a node that is kept and meets a condition.
    pub(super) fn take_exit(
        &mut self,
        node: NodeId,
        is_meant: impl Fn(&PodRef, &MachineEvent) -> bool,
    ) -> Option<MachineEvent> {
        let exits = &mut self.clients.get_mut(&node)?.exits;
        let place = exits.iter().position(|(pod, event)| is_meant(pod, event))?;
        Some(exits.remove(place).1)
    }

    /// Takes out the ends of processes that a node finds if it looks now.
    pub(super) fn seen_exits(&mut self, now: Instant, node: NodeId) -> Vec<(PodRef, MachineEvent)> {
        let relist = self.relist;
        let client = self.clients.get_mut(&node);
        let looking = client.filter(|own| next_look(now, own.phase, relist) <= now);
        looking.map_or_else(Vec::new, |own| std::mem::take(&mut own.exits))
    }

    /// Forgets the ends of processes of a node that went down with them.
    pub(super) fn forget_exits(&mut self, node: NodeId) {
        if let Some(client) = self.clients.get_mut(&node) {
            client.exits.clear();
        }
    }

    /// The next report of a node that is due by now.
    pub(super) fn due(&mut self, now: Instant, node: NodeId) -> Option<Report> {
        let waiting = &mut self.clients.get_mut(&node)?.waiting;
        let first = waiting.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}

/// Instant of the first look of a node at its processes.
fn phase(seed: u64, relist: Duration, store: &Store, node: NodeId) -> Duration {
    let Ok(below @ 1..) = u64::try_from(relist.as_nanos()) else {
        return Duration::ZERO;
    };
    let who = Identity::of(store.nodes().name(node));
    let mut stream = Stream::of(seed, "relist", who);
    Duration::from_nanos(i64::try_from(stream.below(below)).unwrap_or(0))
}

/// The first look at or after an instant.
fn next_look(now: Instant, phase: Duration, relist: Duration) -> Instant {
    if relist <= Duration::ZERO {
        return now;
    }
    let past = (now.as_nanos() - phase.as_nanos()).rem_euclid(relist.as_nanos());
    match past {
        0 => now,
        past => now.saturating_add(Duration::from_nanos(relist.as_nanos() - past)),
    }
}

/// Whether an agent learns of something by a look at its processes: that one started or ended by
/// itself.
fn is_seen_by_a_look(report: Report, store: &Store) -> bool {
    match report {
        Report::Running(_) | Report::Restarted(..) => true,
        Report::Exited(pod, ..) => !store.pod_states().is_terminating(pod),
        Report::Ended(pod, reason) => {
            let is_by_itself = matches!(reason, EndReason::Completed | EndReason::Error);
            is_by_itself && !store.pod_states().is_terminating(pod)
        }
        Report::Starting(_) | Report::Ready(..) | Report::Unhealthy(_) | Report::Pull(..) => false,
    }
}

/// Whether a report is a status of a pod; the others stand in Events or in nothing at all.
const fn is_status(report: Report) -> bool {
    matches!(
        report,
        Report::Running(_)
            | Report::Ready(..)
            | Report::Unhealthy(_)
            | Report::Ended(..)
            | Report::Restarted(..)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::PodSlot;

    #[test]
    fn what_is_reported_of_a_pod_at_one_instant_takes_one_token() {
        let limit = ClientLimit {
            per_second: 10,
            burst: 2,
        };
        let store = Store::default();
        let mut outgoing = ReportQueue::new(1, Some(limit), Duration::ZERO).expect("a limit");
        let pod = |id: u32| PodRef {
            id: PodId(id),
            slot: PodSlot(id),
        };
        let (now, node) = (Instant::from_secs(3), NodeId(0));
        let later = now.saturating_add(Duration::from_millis(100));
        for (report, expected) in [
            (Report::Running(pod(1)), None),
            (Report::Ready(pod(1), true), None),
            (Report::Running(pod(2)), None),
            (Report::Running(pod(3)), Some(later)),
            (Report::Ready(pod(3), true), Some(later)),
            (Report::Starting(pod(4)), Some(later)),
        ] {
            assert_eq!(
                outgoing.delay(now, node, &store, report),
                expected,
                "{report:?}"
            );
        }
        assert_eq!(outgoing.due(now, node), None);
        let sent: Vec<Report> = std::iter::from_fn(|| outgoing.due(later, node)).collect();
        assert_eq!(sent.len(), 3);
    }

    #[test]
    fn what_processes_do_is_reported_at_the_next_look() {
        let relist = Duration::from_secs(1);
        let (phase, at) = (Duration::from_millis(300), Instant::from_nanos);
        for (now, look) in [(0, 300), (300, 300), (301, 1_300), (5_000, 5_300)] {
            let (now, look) = (at(now * 1_000_000), at(look * 1_000_000));
            assert_eq!(next_look(now, phase, relist), look);
            assert_eq!(next_look(now, phase, Duration::ZERO), now);
        }
    }
}
