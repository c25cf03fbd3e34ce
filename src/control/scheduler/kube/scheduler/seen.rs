//! The pods that the scheduler has been told of.

use std::sync::Arc;

use crate::control::scheduler::kube::PodInfo;
use crate::control::scheduler::kube::queue::PodUid;
use crate::model::PodRef;
use crate::units::{NodeId, PodId, PodSlot};

/// The identity of a pod in queue and cache: never reused, in order of creation, never 0.
pub(super) fn uid_of(pod: PodRef) -> PodUid {
    (u64::from(pod.id.0) + 1) << 32 | u64::from(pod.slot.0)
}

/// The pod of an identity.
pub(super) fn pod_of(uid: PodUid) -> PodRef {
    PodRef {
        id: PodId(((uid >> 32) - 1) as u32),
        slot: PodSlot(uid as u32),
    }
}

/// Where a pod is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has no node.
    Pending,
    /// It has a place, counts there, and is not bound yet.
    Assumed,
    /// It is bound.
    Bound,
}

/// A pod.
#[derive(Clone, Debug)]
pub(super) struct SeenPod {
    pub(super) pod: PodRef,
    pub(super) stage: Stage,
    /// Its node, once it has one.
    pub(super) node: Option<NodeId>,
    /// As it stands in queue and cache.
    pub(super) info: Arc<PodInfo>,
    /// Whether it was on its node before the run began.
    pub(super) was_found: bool,
    /// Whether a hold of the store stands for its place.
    pub(super) is_held: bool,
    /// Its profile; `None` is scheduled by somebody else.
    pub(super) profile: Option<usize>,
    /// How often the cluster had changed when it failed last.
    pub(super) tried_at: Option<u64>,
}

/// The living pods, by slot.
#[derive(Clone, Debug, Default)]
pub(super) struct Pods(Vec<Option<SeenPod>>);

impl Pods {
    pub(super) fn get(&self, pod: PodRef) -> Option<&SeenPod> {
        let seen = self.0.get(pod.slot.index())?.as_ref()?;
        (seen.pod == pod).then_some(seen)
    }

    pub(super) fn get_mut(&mut self, pod: PodRef) -> Option<&mut SeenPod> {
        let seen = self.0.get_mut(pod.slot.index())?.as_mut()?;
        (seen.pod == pod).then_some(seen)
    }

    pub(super) fn by_uid(&self, uid: PodUid) -> Option<PodRef> {
        self.get(pod_of(uid)).map(|seen| seen.pod)
    }

    pub(super) fn insert(&mut self, seen: SeenPod) {
        let slot = seen.pod.slot.index();
        if self.0.len() <= slot {
            self.0.resize(slot + 1, None);
        }
        self.0[slot] = Some(seen);
    }

    pub(super) fn remove(&mut self, pod: PodRef) -> Option<SeenPod> {
        self.get(pod)?;
        self.0[pod.slot.index()].take()
    }
}
