//! Writes of a controller that it has not read yet: since Kubernetes 1.36 a sync of an object waits until
//! the controller's view holds its own writes (the gates `StaleControllerConsistency…` of `ReplicaSet`, Job,
//! `StatefulSet` and `DaemonSet`; `pkg/controller/util/consistency`).
//!
//! The original compares resource versions of whole kinds; here every change stands in one log, so that the
//! view has come so far exactly when it shows the write itself. Deletions are not recorded, there or here.

use super::Creation;
use crate::Outbox;
use cluster::Store;
use model::{Event, Object, ObjectChange};
use units::{ObjectId, SortedMap};

/// Kinds whose controllers wait for their own writes.
const KINDS: [&str; 4] = ["ReplicaSet", "Job", "StatefulSet", "DaemonSet"];

/// Writes for one object.
#[derive(Clone, Debug, Default)]
struct InFlightWrites {
    /// Number of its pods that were asked for.
    pods: usize,
    /// The object as it was written, each time.
    states: Vec<Object>,
}

impl InFlightWrites {
    fn is_empty(&self) -> bool {
        self.pods == 0 && self.states.is_empty()
    }
}

/// Own writes that have not been seen yet, by the object that they were for.
#[derive(Clone, Debug, Default)]
pub(super) struct Guard(SortedMap<ObjectId, InFlightWrites>);

impl Guard {
    /// Takes in a change that is seen now.
    pub(super) fn read(&mut self, event: &Event) {
        if self.0.is_empty() {
            return;
        }
        match event {
            Event::PodCreated(created) => {
                if let Some(owner) = created.owner {
                    self.creation_seen(owner.object);
                }
            }
            Event::Object(ObjectChange::Updated { id, object }) => {
                let Some(own) = self.0.get_mut(id) else {
                    return;
                };
                if let Some(place) = own.states.iter().position(|state| state == object) {
                    own.states.drain(..=place);
                }
                self.clean(*id);
            }
            Event::Object(ObjectChange::Deleted { id }) => self.forget(*id),
            _ => {}
        }
    }

    fn clean(&mut self, object: ObjectId) {
        if self.0.get(&object).is_some_and(InFlightWrites::is_empty) {
            self.0.remove(&object);
        }
    }

    /// Whether something that was written for an object has not been seen yet.
    pub(super) fn is_stale(&self, object: ObjectId) -> bool {
        self.0.contains_key(&object)
    }

    /// Records what a sync of an object asks for.
    pub(super) fn wrote(&mut self, object: ObjectId, store: &Store, out: &Outbox) {
        let kind = store.objects().get(object).map(|row| row.object.kind());
        if !kind.is_some_and(|kind| KINDS.contains(&kind)) {
            return;
        }
        let pods = out.creations.iter();
        let pods =
            pods.filter(|own| matches!(own, Creation::Pod(pod) if pod.owner.object == object));
        let states = out.writes.iter().filter_map(|write| match &write.event {
            Event::Object(ObjectChange::Updated { id, object: state }) if *id == object => {
                Some(state.clone())
            }
            _ => None,
        });
        let unseen = InFlightWrites {
            pods: pods.count(),
            states: states.collect(),
        };
        if !unseen.is_empty() {
            let known = self.0.entry(object).or_default();
            known.pods += unseen.pods;
            known.states.extend(unseen.states);
        }
    }

    /// A pod that was asked for is there, or was refused.
    pub(super) fn creation_seen(&mut self, object: ObjectId) {
        if let Some(own) = self.0.get_mut(&object) {
            own.pods = own.pods.saturating_sub(1);
            self.clean(object);
        }
    }

    /// Nothing is waited for any more.
    pub(super) fn forget(&mut self, object: ObjectId) {
        self.0.remove(&object);
    }
}
