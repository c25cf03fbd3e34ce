//! Garbage collection by owner: what a deleted object controlled is deleted after it
//! (spec: kubernetes.md part 2; the propagation policy is `Background`).

use super::entry::ControllerEntry;
use super::{Change, Controller, Sync};
use cluster::Store;
use model::{Event, ObjectChange, PodRef};
use units::ObjectId;

/// The registry's entry.
pub(super) const ENTRY: ControllerEntry = ControllerEntry {
    name: "garbage-collector",
    summary: "Deletes objects and pods whose owner is gone.",
    build: |_| Box::new(Garbage),
};

/// The controller; it remembers nothing.
#[derive(Clone)]
struct Garbage;

impl Controller for Garbage {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn read(&mut self, change: &Change<'_>, _store: &Store, look_at: &mut Vec<ObjectId>) {
        if let Event::Object(ObjectChange::Deleted { id }) = change.event {
            look_at.push(*id);
        }
    }

    fn sync(&mut self, step: &mut Sync<'_>) {
        let finished = step.store.pod_states().finished(step.key);
        let finished: Vec<PodRef> = finished.map(|finished| finished.pod.pod).collect();
        for pod in finished {
            step.delete_pod(pod);
        }
        let Some(left) = step.store.objects().orphans(step.key) else {
            return;
        };
        for &child in &left.children {
            step.delete_object(child);
        }
        for &pod in &left.pods {
            step.delete_pod(pod);
        }
    }

    fn clone_controller(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}
