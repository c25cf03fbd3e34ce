//! Target of an autoscaler: a workload that states a number of replicas, and its pods.

use cluster::Store;
use model::workload::ObjectRef;
use model::{Object, PodRef, Text};
use units::ObjectId;

/// A workload that can be scaled.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) id: ObjectId,
    /// Replicas that it states.
    pub(super) replicas: i32,
    /// Replicas that its status counts.
    pub(super) counted: i32,
    /// The target's living pods, oldest first within each of its sets.
    pub(super) pods: Vec<PodRef>,
}

/// The workload that an autoscaler names.
pub(super) fn find(store: &Store, namespace: &Text, target: &ObjectRef) -> Option<Target> {
    let kind = Object::KINDS
        .iter()
        .find(|kind| kind[..] == target.kind[..])?;
    let objects = store.objects();
    let id = objects.find(kind, namespace, &target.name)?;
    let row = objects.get(id)?;
    let (replicas, counted) = match &row.object {
        Object::Deployment(object) => (object.replicas, object.status.replicas),
        Object::ReplicaSet(object) | Object::ReplicationController(object) => {
            (object.replicas, object.status.replicas)
        }
        Object::StatefulSet(object) => (object.replicas, object.status.replicas),
        // Sized vertically, not scaled.
        Object::DaemonSet(_) | Object::Job(_) => (0, 0),
        _ => return None,
    };
    let children = row.children.iter().filter_map(|&child| objects.get(child));
    let pods = children.flat_map(|child| &child.pods).chain(&row.pods);
    Some(Target {
        id,
        replicas,
        counted,
        pods: pods.copied().collect(),
    })
}
