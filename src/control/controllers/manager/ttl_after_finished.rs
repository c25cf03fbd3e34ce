//! Jobs that ended are deleted once the time that they state has passed (spec: kubernetes.md 2.5).

use super::entry::ControllerEntry;
use super::{Change, Controller, Sync};
use crate::controllers::job::expiry;
use cluster::Store;
use model::Object;
use units::ObjectId;

/// The registry's entry.
pub(super) const ENTRY: ControllerEntry = ControllerEntry {
    name: "ttl-after-finished",
    summary: "Deletes finished Jobs once their ttlSecondsAfterFinished has passed.",
    build: |_| Box::new(TtlAfterFinished),
};

/// The controller; it remembers nothing.
#[derive(Clone)]
struct TtlAfterFinished;

impl Controller for TtlAfterFinished {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn read(&mut self, change: &Change<'_>, _store: &Store, look_at: &mut Vec<ObjectId>) {
        let of_object = matches!(change.event, model::Event::Object(_));
        look_at.extend(change.concerns(&["Job"]).filter(|_| of_object));
    }

    fn sync(&mut self, step: &mut Sync<'_>) {
        let Some(Object::Job(job)) = step.object() else {
            return;
        };
        match expiry(job, &job.status) {
            // Its pods go first (propagation `Foreground`).
            Some(at) if at <= step.now => step.terminate_object(step.key),
            Some(at) => step.look_again_at(at),
            None => {}
        }
    }

    fn clone_controller(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}
