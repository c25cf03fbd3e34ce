//! Target of an autoscaler: a workload that states a number of replicas, and its pods.

use cluster::Store;
use model::workload::ObjectRef;
use model::{LabelSelector, Object, PodRef, Text};
use units::ObjectId;

/// A workload that can be scaled.
#[derive(Clone, Debug)]
pub(super) struct Target<'s> {
    pub(super) id: ObjectId,
    /// Replicas that it states.
    pub(super) replicas: i32,
    /// Replicas that its status counts.
    pub(super) counted: i32,
    /// The selector of its pods.
    pub(super) selector: Option<&'s LabelSelector>,
    /// The target's living pods, oldest first within each of its sets.
    pub(super) pods: Vec<PodRef>,
}

/// The object of a kind's name.
pub(super) fn object(store: &Store, kind: &str, namespace: &Text, name: &Text) -> Option<ObjectId> {
    let kind = Object::KINDS.iter().find(|known| **known == kind)?;
    store.objects().find(kind, namespace, name)
}

/// The workload that an autoscaler names.
pub(super) fn find<'s>(
    store: &'s Store,
    namespace: &Text,
    target: &ObjectRef,
) -> Option<Target<'s>> {
    let objects = store.objects();
    let id = object(store, &target.kind, namespace, &target.name)?;
    let row = objects.get(id)?;
    let (replicas, counted, selector) = match &row.object {
        Object::Deployment(own) => (own.replicas, own.status.replicas, Some(&own.selector)),
        Object::ReplicaSet(own) | Object::ReplicationController(own) => {
            (own.replicas, own.status.replicas, Some(&own.selector))
        }
        Object::StatefulSet(own) => (own.replicas, own.status.replicas, Some(&own.selector)),
        // Sized vertically, not scaled.
        Object::DaemonSet(own) => (0, 0, Some(&own.selector)),
        Object::Job(own) => (0, 0, own.selector.as_ref()),
        _ => return None,
    };
    let children = row.children.iter().filter_map(|&child| objects.get(child));
    let pods = children.flat_map(|child| &child.pods).chain(&row.pods);
    Some(Target {
        id,
        replicas,
        counted,
        selector,
        pods: pods.copied().collect(),
    })
}
