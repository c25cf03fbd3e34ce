//! The pods that the scheduler has been told of.

use std::sync::Arc;

use crate::kube::queue::PodUid;
use crate::kube::{PodClass, PodInfo};
use model::PodRef;
use units::{NodeId, PodId, PodSlot};

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

/// Stage of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has no node.
    Pending,
    /// It has a place, counts there, and is not bound yet.
    Assumed,
    /// It is bound.
    Bound,
}

/// A pod: half a cache line, as there are as many as pods live.
#[derive(Clone, Debug)]
pub(super) struct PodRecord {
    /// The pod as stored in queue and cache.
    pub(super) info: Arc<PodInfo>,
    /// [`NEVER`] before it failed.
    tried_at: u64,
    id: PodId,
    /// [`NOWHERE`] without a node.
    node: NodeId,
    /// [`NOBODY`] of one that is scheduled by another scheduler.
    profile: u16,
    pub(super) stage: Stage,
    /// Marks a pod that was on its node before the run began.
    pub(super) was_found: bool,
    /// Whether a hold of the store stands for its place.
    pub(super) is_held: bool,
}

const NEVER: u64 = u64::MAX;
const NOWHERE: NodeId = NodeId(u32::MAX);
const NOBODY: u16 = u16::MAX;

impl PodRecord {
    /// A pod without a node.
    pub(super) fn new(pod: PodRef, info: Arc<PodInfo>, profile: Option<usize>) -> Self {
        let profile = profile.and_then(|profile| u16::try_from(profile).ok());
        Self {
            info,
            tried_at: NEVER,
            id: pod.id,
            node: NOWHERE,
            profile: profile.unwrap_or(NOBODY),
            stage: Stage::Pending,
            was_found: false,
            is_held: false,
        }
    }

    /// Gives the pod another class; returns what was known of it before and what is now.
    pub(super) fn declare(&mut self, class: Arc<PodClass>) -> (Arc<PodInfo>, Arc<PodInfo>) {
        let info = Arc::new(PodInfo {
            class,
            ..(*self.info).clone()
        });
        (std::mem::replace(&mut self.info, info.clone()), info)
    }

    /// The pod's node, once it has one.
    pub(super) fn node(&self) -> Option<NodeId> {
        (self.node != NOWHERE).then_some(self.node)
    }

    /// Sets the pod's node; returns the one that it had.
    pub(super) fn set_node(&mut self, node: Option<NodeId>) -> Option<NodeId> {
        let before = self.node();
        self.node = node.unwrap_or(NOWHERE);
        before
    }

    /// The pod's profile; `None` if another scheduler is responsible.
    pub(super) fn profile(&self) -> Option<usize> {
        (self.profile != NOBODY).then_some(usize::from(self.profile))
    }

    /// Number of changes of the cluster at the time when the pod failed last.
    pub(super) fn tried_at(&self) -> Option<u64> {
        (self.tried_at != NEVER).then_some(self.tried_at)
    }

    /// Sets the number of changes of the cluster at which the pod is tried; returns the number
    /// before.
    pub(super) fn try_at(&mut self, changes: u64) -> Option<u64> {
        let before = self.tried_at();
        self.tried_at = changes;
        before
    }
}

/// The living pods, by slot.
#[derive(Clone, Debug, Default)]
pub(super) struct Pods(Vec<Option<PodRecord>>);

impl Pods {
    pub(super) fn get(&self, pod: PodRef) -> Option<&PodRecord> {
        let seen = self.0.get(pod.slot.index())?.as_ref()?;
        (seen.id == pod.id).then_some(seen)
    }

    pub(super) fn get_mut(&mut self, pod: PodRef) -> Option<&mut PodRecord> {
        let seen = self.0.get_mut(pod.slot.index())?.as_mut()?;
        (seen.id == pod.id).then_some(seen)
    }

    pub(super) fn by_uid(&self, uid: PodUid) -> Option<PodRef> {
        let pod = pod_of(uid);
        self.get(pod).map(|_| pod)
    }

    pub(super) fn insert(&mut self, pod: PodRef, seen: PodRecord) {
        let slot = pod.slot.index();
        if self.0.len() <= slot {
            self.0.resize(slot + 1, None);
        }
        self.0[slot] = Some(seen);
    }

    pub(super) fn remove(&mut self, pod: PodRef) -> Option<PodRecord> {
        self.get(pod)?;
        self.0[pod.slot.index()].take()
    }
}
