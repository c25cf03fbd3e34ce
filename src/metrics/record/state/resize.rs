//! Pods that are resized in place while they run.

use cluster::Store;
use model::{Pod, PodRef};
use units::ClassId;

use super::{ClusterState, class_requests};

impl ClusterState {
    /// A pod holds what its new class requests in place of what the old one did.
    pub(super) fn resize(&mut self, pod: PodRef, [old, new]: [ClassId; 2], store: &Store) {
        self.note_class(pod.slot.index(), new);
        let node = store.pods().get(pod).and_then(Pod::node);
        for (class, sign) in [(old, -1), (new, 1)] {
            let amounts = class_requests(store, class);
            self.allocated.add(&amounts, sign);
            if let Some(node) = node {
                self.take(node, &amounts, sign);
            }
        }
        self.moved.allocated = true;
    }
}
