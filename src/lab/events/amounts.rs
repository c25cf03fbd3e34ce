//! Amounts of resources as the log tells them: what nodes have and what pods ask for.

use cluster::Store;
use model::{Node, ResourceList};
use units::{ClassId, Quantity};

/// Name of GPU devices among the amounts.
const GPU: &str = "gpu";
/// Thousandths of a whole device.
const MILLI_PER_DEVICE: i64 = 1_000;

/// Amounts that the pods of each class ask for, computed once a class.
#[derive(Default)]
pub(super) struct ClassAmounts(Vec<Option<ResourceList>>);

impl ClassAmounts {
    /// Amounts that a pod of a class asks for.
    pub(super) fn of(&mut self, class: ClassId, store: &Store) -> ResourceList {
        if self.0.len() <= class.index() {
            self.0.resize(class.index() + 1, None);
        }
        let known = &mut self.0[class.index()];
        known
            .get_or_insert_with(|| {
                let own = store.class(class);
                // A sum that overflows was refused when the pod was read.
                let mut amounts = own.spec.requests().unwrap_or_default();
                if own.requests.gpu_milli > 0 {
                    amounts.set(GPU, Quantity::from_milli(own.requests.gpu_milli));
                }
                amounts
            })
            .clone()
    }
}

/// Amounts that a node has for pods.
pub(super) fn of_node(node: &Node) -> ResourceList {
    let mut amounts = node.allocatable.clone();
    if let Some(gpu) = node.gpu.as_ref().filter(|gpu| gpu.devices > 0) {
        let milli = i64::from(gpu.devices) * MILLI_PER_DEVICE;
        amounts.set(GPU, Quantity::from_milli(milli));
    }
    amounts
}
