//! Garbage collection by owner: what a deleted object controlled is deleted after it, or, where that
//! was asked for, before it (spec: kubernetes.md part 2; propagation `Background` and `Foreground`).

use super::entry::ControllerEntry;
use super::{Change, Controller, Sync};
use cluster::Store;
use cluster::objects::ObjectRow;
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

    fn read(&mut self, change: &Change<'_>, store: &Store, look_at: &mut Vec<ObjectId>) {
        if let Event::Object(ObjectChange::Deleted { id } | ObjectChange::Terminating { id }) =
            change.event
        {
            look_at.push(*id);
        }
        // The last of its dependents may have gone.
        let is_gone = matches!(
            change.event,
            Event::PodEnded { .. } | Event::Object(ObjectChange::Deleted { .. })
        );
        if is_gone {
            let above = [change.object, change.owner].into_iter().flatten();
            let waits =
                |id: &ObjectId| (store.objects().get(*id)).is_some_and(|row| row.is_terminating);
            look_at.extend(above.map(|(id, _)| id).filter(waits));
        }
    }

    fn sees_terminating(&self) -> bool {
        true
    }

    fn sync(&mut self, step: &mut Sync<'_>) {
        let row = step.store.objects().get(step.key);
        if row.is_some_and(|row| !row.is_terminating) {
            return;
        }
        let finished = step.store.pod_states().finished(step.key);
        let finished: Vec<PodRef> = finished.map(|finished| finished.pod.pod).collect();
        for pod in finished {
            step.delete_pod(pod);
        }
        if let Some(row) = step.store.objects().get(step.key) {
            if row.is_terminating {
                delete_after_dependents(step, row);
            }
            return;
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

/// Deletes the dependents of an object that goes after them, and then the object.
fn delete_after_dependents(step: &mut Sync<'_>, row: &ObjectRow) {
    if row.children.is_empty() && row.pods.is_empty() {
        return step.delete_object(step.key);
    }
    for &child in &row.children {
        let known = step.store.objects().get(child);
        if known.is_some_and(|child| !child.is_terminating) {
            step.terminate_object(child);
        }
    }
    for &pod in &row.pods {
        step.delete_pod(pod);
    }
}
