//! One sync of a controller: what it sees, and what it asks for.

use crate::Outbox;
use crate::admission::{Creation, NewPod};
use cluster::Store;
use model::{EndReason, Event, Object, ObjectChange, PodChange, PodRef, RolloutStep};
use units::{Instant, ObjectId, PodId, SortedMap, SortedSet};

/// A sync under way.
pub struct Sync<'a> {
    /// Present instant.
    pub now: Instant,
    /// The cluster as the control plane sees it.
    pub store: &'a Store,
    /// The object that is looked at.
    pub key: ObjectId,
    /// Whether pods ordered for it before have not been seen yet.
    pub is_waiting: bool,
    out: &'a mut Outbox,
    /// Objects as they become, one write for each.
    updates: SortedMap<ObjectId, Object>,
    pub(super) ordered: SyncRequests,
}

/// Requests of a sync in addition to its writes.
#[derive(Debug, Default)]
pub(super) struct SyncRequests {
    pub(super) creations: usize,
    pub(super) deletions: SortedSet<PodId>,
    pub(super) look_again: Option<Instant>,
    pub(super) has_failed: bool,
}

impl<'a> Sync<'a> {
    pub(super) fn new(
        now: Instant,
        store: &'a Store,
        key: ObjectId,
        is_waiting: bool,
        out: &'a mut Outbox,
    ) -> Self {
        Self {
            now,
            store,
            key,
            is_waiting,
            out,
            updates: SortedMap::new(),
            ordered: SyncRequests::default(),
        }
    }

    /// The object that is looked at, if it is still there.
    pub fn object(&self) -> Option<&'a Object> {
        self.store.objects().get(self.key).map(|row| &row.object)
    }

    /// Asks for a pod of the object.
    pub fn create_pod(&mut self, pod: NewPod) {
        self.ordered.creations += 1;
        self.out.creations.push(Creation::Pod(pod));
    }

    /// Deletes a pod: one that lives is asked to terminate within its grace, one that ended is forgotten.
    pub fn delete_pod(&mut self, pod: PodRef) {
        self.end_pod(pod, EndReason::Cancelled);
    }

    /// Ends a pod for a given reason.
    pub fn end_pod(&mut self, pod: PodRef, reason: EndReason) {
        if self.store.pods().get(pod).is_none() {
            self.write(Event::PodChanged {
                pod,
                change: PodChange::Forgotten,
            });
            return;
        }
        if self.store.pod_states().is_terminating(pod) {
            return;
        }
        let grace = self.store.grace_of(pod);
        self.ordered.deletions.insert(pod.id);
        self.write(Event::PodChanged {
            pod,
            change: PodChange::Terminating { grace, reason },
        });
    }

    /// Removes a pod at once, whether its node knows or not.
    pub fn remove_pod(&mut self, pod: PodRef) {
        if self.store.pods().get(pod).is_none() {
            return self.delete_pod(pod);
        }
        let reason = EndReason::NodeLost;
        self.write(Event::PodEnded { pod, reason });
    }

    /// Asks for an object that the present one controls.
    pub fn create_child(&mut self, object: Object) {
        let owner = Some(self.key);
        self.out.creations.push(Creation::Object { owner, object });
    }

    /// Changes an object; of several changes in a sync the last counts.
    pub fn update(&mut self, id: ObjectId, object: Object) {
        self.updates.insert(id, object);
    }

    /// Updates an object before all later requests, so that the update persists if the sync is
    /// interrupted; if it is refused, so are they.
    pub fn update_first(&mut self, id: ObjectId, object: Object) {
        let event = Event::Object(ObjectChange::Updated { id, object });
        self.out.write_required(self.store, event);
    }

    /// Reports a step of the rollout of the object that is looked at.
    pub fn note_rollout(&mut self, step: RolloutStep) {
        let workload = self.key;
        self.write(Event::Rollout { workload, step });
    }

    /// Deletes an object.
    pub fn delete_object(&mut self, id: ObjectId) {
        self.updates.remove(&id);
        self.write(Event::Object(ObjectChange::Deleted { id }));
    }

    /// Tells an object to go once its dependents are gone.
    pub fn terminate_object(&mut self, id: ObjectId) {
        self.write(Event::Object(ObjectChange::Terminating { id }));
    }

    /// Looks at the object again at an instant, whether anything changes or not.
    pub fn look_again_at(&mut self, at: Instant) {
        let known = self.ordered.look_again;
        self.ordered.look_again = Some(known.map_or(at, |known| known.min(at)));
    }

    /// Breaks off: the object is looked at again after a pause.
    pub fn fail(&mut self) {
        self.ordered.has_failed = true;
    }

    /// Hands out the changes of objects; what was asked for beside.
    pub(super) fn finish(mut self) -> SyncRequests {
        for (id, object) in std::mem::take(&mut self.updates) {
            self.write(Event::Object(ObjectChange::Updated { id, object }));
        }
        self.ordered
    }

    fn write(&mut self, event: Event) {
        self.out.write(self.store, event);
    }
}
