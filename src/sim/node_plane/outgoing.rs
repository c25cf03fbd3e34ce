//! Reports of agents on their way to the API server: the client of each node sends so many a second
//! (kubelet, `kubeAPIQPS` and `kubeAPIBurst`).

use std::collections::{BTreeMap, VecDeque};

use control::client_limit::{ClientLimit, TokenBucket};
use control::node::Report;
use units::{Instant, NodeId, PodId};

/// The clients of all nodes.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    limit: ClientLimit,
    clients: BTreeMap<NodeId, Client>,
}

/// The client of a node.
#[derive(Clone, Debug)]
struct Client {
    bucket: TokenBucket,
    /// The pod and the instant of the last status that was sent, and when it was sent: what is
    /// reported of a pod at one instant is one status.
    last: Option<LastStatus>,
    waiting: VecDeque<Waiting>,
}

#[derive(Clone, Copy, Debug)]
struct LastStatus {
    pod: PodId,
    reported: Instant,
    sent: Instant,
}

/// A report that waits for a token.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    at: Instant,
    report: Report,
}

impl Outgoing {
    /// Clients that have sent nothing yet.
    pub(super) const fn new(limit: ClientLimit) -> Self {
        Self {
            limit,
            clients: BTreeMap::new(),
        }
    }

    /// When a report of a node is sent if that is later than now: it is kept until then.
    pub(super) fn delay(&mut self, now: Instant, node: NodeId, report: Report) -> Option<Instant> {
        let client = self.clients.entry(node).or_insert_with(|| Client {
            bucket: TokenBucket::new(self.limit),
            last: None,
            waiting: VecDeque::new(),
        });
        let pod = report.pod().id;
        let last = client
            .last
            .filter(|last| last.pod == pod && last.reported == now);
        let at = match last {
            Some(last) => last.sent,
            None if !is_status(report) => now,
            None => client.bucket.reserve(now),
        };
        if is_status(report) {
            client.last = Some(LastStatus {
                pod,
                reported: now,
                sent: at,
            });
        }
        // Nothing overtakes what waits already.
        let at = client.waiting.back().map_or(at, |ahead| ahead.at.max(at));
        if at <= now && client.waiting.is_empty() {
            return None;
        }
        client.waiting.push_back(Waiting { at, report });
        Some(at)
    }

    /// The next report of a node that is due by now.
    pub(super) fn due(&mut self, now: Instant, node: NodeId) -> Option<Report> {
        let waiting = &mut self.clients.get_mut(&node)?.waiting;
        let is_due = waiting.front().is_some_and(|first| first.at <= now);
        let due = if is_due { waiting.pop_front() } else { None };
        due.map(|due| due.report)
    }
}

/// Whether a report is a status of a pod; the others stand in Events or in nothing at all.
const fn is_status(report: Report) -> bool {
    matches!(
        report,
        Report::Running(_) | Report::Ready(..) | Report::Ended(..) | Report::Restarted(..)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::PodRef;
    use units::{Duration, PodSlot};

    #[test]
    fn what_is_reported_of_a_pod_at_one_instant_takes_one_token() {
        let limit = ClientLimit {
            per_second: 10,
            burst: 2,
        };
        let mut outgoing = Outgoing::new(limit);
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
            assert_eq!(outgoing.delay(now, node, report), expected, "{report:?}");
        }
        assert_eq!(outgoing.due(now, node), None);
        let sent: Vec<Report> = std::iter::from_fn(|| outgoing.due(later, node)).collect();
        assert_eq!(sent.len(), 3);
    }
}
