//! The pods that an autoscaler looks at: those that its target's selector matches, whichever object controls them
//! (`GetResourceReplicas` of the horizontal autoscaler's `replica_calculator.go`, `AddOrUpdateVpa` of the
//! vertical one's `model/cluster.go`).

use super::target::{Target, object};
use cluster::Store;
use model::{LabelSelector, Object, Owner, PodRef, Text};
use units::{ClassId, SortedSet};

/// The pods of a selector beside those that its owner controls. They are looked for by their classes, so
/// that a cluster in which there are none costs nothing.
#[derive(Clone, Default)]
pub(super) struct PodSelection {
    selector: Option<LabelSelector>,
    /// Number of classes that were held against the selector.
    classes: usize,
    /// Those of pods that it matches and that the target does not control.
    others: SortedSet<ClassId>,
}

impl PodSelection {
    /// The pods that a target's selector matches: the target's own, then others in the order of their rows.
    pub(super) fn pods(
        &mut self,
        store: &Store,
        namespace: &Text,
        target: Target<'_>,
    ) -> Vec<PodRef> {
        if self.selector.as_ref() != target.selector {
            *self = Self {
                selector: target.selector.cloned(),
                ..Self::default()
            };
        }
        let Some(selector) = &self.selector else {
            return target.pods;
        };
        for number in self.classes..store.class_count() {
            let class = ClassId(number as u32);
            let spec = &store.class(class).spec;
            let is_matched = spec.namespace == *namespace && selector.matches(&spec.labels);
            if is_matched && !controls(store, &target, namespace, spec.owner.as_ref()) {
                self.others.insert(class);
            }
        }
        self.classes = store.class_count();
        let mut pods = target.pods;
        if self.others.is_empty() {
            return pods;
        }
        // An orphan pod may have been adopted.
        let own: SortedSet<PodRef> = pods.iter().copied().collect();
        let living = store.pods().iter();
        let others = living.filter(|pod| self.others.contains(&pod.class));
        pods.extend(others.map(|pod| pod.pod).filter(|pod| !own.contains(pod)));
        pods
    }
}

/// Whether a target, or a set of its, is an owner.
fn controls(store: &Store, target: &Target<'_>, namespace: &Text, owner: Option<&Owner>) -> bool {
    let Some(owner) = owner else { return false };
    let Some(id) = object(store, &owner.kind, namespace, &owner.name) else {
        // Pods of what is gone go, too.
        return Object::KINDS.iter().any(|kind| **kind == *owner.kind);
    };
    let row = store.objects().get(id);
    id == target.id || row.is_some_and(|row| row.owner == Some(target.id))
}
