//! Nodes that come back: pods whose containers start over because their node was down are part of that fault,
//! which ends once they serve again, and not before.

use cluster::Store;
use model::PodRef;
use units::{Duration, Instant, NodeId, ObjectId};

use super::faults::title;
use super::{Cause, Diagnostician, Member};

/// Time within which a node that is back tells what became of its pods.
const TELLS_WITHIN: Duration = Duration::from_secs(10);

/// Time within which containers start over once their node is back: the cap of the kubelet's back-off later.
const STARTS_WITHIN: Duration = Duration::from_secs(310);

/// State of a pod since its node came back: nothing told yet, or its containers started over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeReturn {
    /// The node was heard of, and has told of no container that starts over.
    Heard(Instant),
    /// The pod's last container started over, as all did at the node's start.
    StartedOver(Instant),
}

impl NodeReturn {
    /// Whether a pod is not ready at an instant because its node was down.
    fn explains_unready(self, at: Instant) -> bool {
        match self {
            Self::Heard(since) => at.since(since) <= TELLS_WITHIN,
            Self::StartedOver(since) => at == since,
        }
    }

    /// Whether a container that starts over at an instant does so because its node was down.
    fn explains_restart(self, at: Instant) -> bool {
        match self {
            Self::Heard(since) => at.since(since) <= STARTS_WITHIN,
            Self::StartedOver(since) => at == since,
        }
    }
}

impl Diagnostician {
    /// Remembers that the node of pods is back.
    pub(super) fn returned(&mut self, at: Instant, node: NodeId) {
        let members = self.members.iter_mut().flatten();
        for member in members.filter(|own| own.node == Some(node)) {
            member.returned = Some(NodeReturn::Heard(at));
        }
    }

    /// Cause of what becomes of a pod's readiness.
    pub(super) fn of_readiness(
        &mut self,
        at: Instant,
        member: &mut Member,
        store: &Store,
    ) -> Cause {
        match member.returned {
            Some(_) if member.is_ready => {
                member.returned = None;
                Cause::NodeLost
            }
            Some(returned) if returned.explains_unready(at) => {
                self.reopen(member.owner, returned, store);
                Cause::NodeLost
            }
            _ => Cause::ProbeFailed,
        }
    }

    /// Whether a pod's container that starts over ended with its node: none has told of another end.
    pub(super) fn started_over(&mut self, at: Instant, pod: PodRef, store: &Store) -> bool {
        let member = self.member(pod).filter(|own| own.ended.is_none());
        let Some(member) = member else {
            return false;
        };
        let explains = |own: &NodeReturn| own.explains_restart(at);
        let Some(returned) = member.returned.filter(explains) else {
            return false;
        };
        member.returned = Some(NodeReturn::StartedOver(at));
        let owner = member.owner;
        self.reopen(owner, returned, store);
        true
    }

    /// Opens the fault of a workload's lost node again that seemed to be over when the node was heard of.
    fn reopen(&mut self, owner: ObjectId, returned: NodeReturn, store: &Store) {
        let (NodeReturn::Heard(since) | NodeReturn::StartedOver(since)) = returned;
        if self.workload(owner).fault.is_some() {
            return;
        }
        let object = title(owner, store);
        let mut recent = self.healed.iter().rev();
        let last = recent.position(|own| {
            own.object == object && own.cause == Cause::NodeLost && own.healed >= Some(since)
        });
        let Some(last) = last else {
            return;
        };
        let mut fault = self.healed.remove(self.healed.len() - 1 - last);
        fault.healed = None;
        fault.joined = self.joined - fault.joined;
        let own = self.workload(owner);
        own.floor = own.strength;
        own.fault = Some(fault);
    }
}
