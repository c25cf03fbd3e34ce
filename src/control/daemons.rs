//! Pods that stay on a node that is drained: those of daemon sets, and those of the node itself.

use cluster::Store;
use model::{Object, PodRef};
use units::NodeId;

/// Whether a pod is one of a daemon set, or one that its node runs by itself: a drain leaves both.
pub(super) fn is_of_node(store: &Store, pod: PodRef) -> bool {
    let owner = store.pod_states().get(pod).and_then(|state| state.owner);
    let owner = owner.and_then(|owner| store.objects().get(owner.object));
    // The set of a pod of a dump may not be among its objects.
    let record = store.pods().get(pod);
    let stated = record.and_then(|record| store.class(record.class).spec.owner.as_ref());
    owner.is_some_and(|row| matches!(row.object, Object::DaemonSet(_)))
        || stated.is_some_and(|owner| matches!(&*owner.kind, "DaemonSet" | "Node"))
}

/// Returns whether no pods but those that a drain leaves are on a node.
pub(super) fn is_vacant(store: &Store, node: NodeId) -> bool {
    let mut pods = store.nodes().pods(node).iter();
    pods.all(|&slot| {
        let pod = store.pods().at(slot);
        pod.is_none_or(|pod| is_of_node(store, pod.pod))
    })
}
