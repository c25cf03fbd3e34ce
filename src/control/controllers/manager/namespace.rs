//! The controller of namespaces: what is in one that is being deleted is deleted, and once nothing is
//! left in it, it goes itself (spec: kubernetes.md part 5).

use super::entry::ControllerEntry;
use super::{Change, Controller, Sync};
use cluster::Store;
use model::{Event, Object, ObjectChange, PodChange, PodRef, Text};
use units::{ObjectId, SortedSet};

/// The registry's entry.
pub(super) const ENTRY: ControllerEntry = ControllerEntry {
    name: "namespace",
    summary: "Deletes the content of a Namespace that is being deleted, then the Namespace.",
    build: |_| Box::new(Namespaces::default()),
};

/// The controller.
#[derive(Clone, Default)]
struct Namespaces {
    terminating: SortedSet<ObjectId>,
}

impl Controller for Namespaces {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn read(&mut self, change: &Change<'_>, _store: &Store, look_at: &mut Vec<ObjectId>) {
        match change.event {
            Event::Object(
                ObjectChange::Created { id, object, .. } | ObjectChange::Updated { id, object },
            ) => {
                if let Object::Namespace(namespace) = object
                    && namespace.is_terminating
                {
                    self.terminating.insert(*id);
                }
            }
            Event::Object(ObjectChange::Deleted { id }) => {
                self.terminating.remove(id);
            }
            Event::PodCreated(_)
            | Event::PodEnded { .. }
            | Event::PodChanged {
                change: PodChange::Forgotten,
                ..
            } => {}
            _ => return,
        }
        // What happened may have emptied any of them.
        look_at.extend(self.terminating.iter().copied());
    }

    fn sync(&mut self, step: &mut Sync<'_>) {
        let Some(Object::Namespace(namespace)) = step.object() else {
            return;
        };
        if !namespace.is_terminating {
            return;
        }
        let (objects, pods) = contents(step.store, &namespace.name);
        if objects.is_empty() && pods.is_empty() {
            return step.delete_object(step.key);
        }
        for id in objects {
            step.delete_object(id);
        }
        for pod in pods {
            step.delete_pod(pod);
        }
    }

    fn clone_controller(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}

/// The objects and pods in a namespace, those that ended and are kept included.
fn contents(store: &Store, namespace: &Text) -> (Vec<ObjectId>, Vec<PodRef>) {
    let objects = store.objects().iter();
    let objects = objects.filter(|(_, row)| row.object.namespace() == namespace);
    let living = store.pods().iter().map(|pod| (pod.pod, pod.class));
    let finished = store.pod_states().all_finished();
    let finished = finished.map(|own| (own.pod.pod, own.pod.class));
    let pods = living.chain(finished);
    let pods = pods.filter(|&(_, spec)| store.class(spec).spec.namespace == *namespace);
    (
        objects.map(|(id, _)| id).collect(),
        pods.map(|(pod, _)| pod).collect(),
    )
}
