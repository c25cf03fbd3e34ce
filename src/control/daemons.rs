//! Pods of daemon sets, which operations and upgrades leave on their nodes.

use cluster::Store;
use model::{Object, PodRef};
use units::NodeId;

/// Returns whether a daemon set owns a pod.
pub(super) fn is_daemon(store: &Store, pod: PodRef) -> bool {
    let owner = store.pod_states().get(pod).and_then(|state| state.owner);
    let owner = owner.and_then(|owner| store.objects().get(owner.object));
    owner.is_some_and(|row| matches!(row.object, Object::DaemonSet(_)))
}

/// Returns whether no pods but those of daemon sets are on a node.
pub(super) fn is_vacant(store: &Store, node: NodeId) -> bool {
    let mut pods = store.nodes().pods(node).iter();
    pods.all(|&slot| {
        let pod = store.pods().at(slot);
        pod.is_none_or(|pod| is_daemon(store, pod.pod))
    })
}
