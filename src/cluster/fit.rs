//! Questions about fit, as metrics ask them; the scheduler answers with its own filters.

use units::{ClassId, NodeId};

use super::Store;

/// Answers whether a pod of a class could be placed on a node as the store is now.
///
/// Fit on nodes without pods alone:
///
/// ```
/// use std::sync::Arc;
///
/// use cluster::fit::{Fit, ResourceFit};
/// use cluster::{Conflict, Store};
/// use model::{Node, PodSpec, ResourceList};
/// use units::{ClassId, Instant, NodeId, Quantity};
///
/// struct EmptyNodes;
///
/// impl Fit for EmptyNodes {
///     fn fits(&mut self, store: &Store, class: ClassId, node: NodeId) -> bool {
///         store.nodes().pods(node).is_empty() && ResourceFit.fits(store, class, node)
///     }
/// }
///
/// let mut store = Store::new();
/// let joined = store.node_added(Arc::new(Node {
///     name: "n1".into(),
///     allocatable: ResourceList::from_pairs([("pods", Quantity::from_units(10))]),
///     ..Node::default()
/// }));
/// store.apply(Instant::ZERO, joined)?;
/// if let Some(added) = store.class_added(&Arc::new(PodSpec::default())) {
///     store.apply(Instant::ZERO, added)?;
/// }
/// assert!(EmptyNodes.fits(&store, ClassId(0), NodeId(0)));
/// # Ok::<(), Conflict>(())
/// ```
pub trait Fit {
    /// Whether every filter lets a pod of the class on the node.
    fn fits(&mut self, store: &Store, class: ClassId, node: NodeId) -> bool;
}

/// Fit by resources and GPU devices alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResourceFit;

impl Fit for ResourceFit {
    fn fits(&mut self, store: &Store, class: ClassId, node: NodeId) -> bool {
        let columns = store.class(class);
        store.nodes().schedulable()[node.index()]
            && store.nodes().has_room(node, &columns.requests)
            && store.nodes().has_gpu_room(node, columns.gpu)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use model::{GpuInventory, GpuRequest, Node, PodSpec, ResourceList};
    use units::{Instant, Quantity};

    #[test]
    fn a_pod_fits_only_where_there_is_room_on_devices() {
        let mut store = Store::new();
        for (name, devices) in [("none", 0), ("one", 1), ("two", 2)] {
            let gpu = (devices > 0).then(|| GpuInventory {
                devices,
                model: "T4".into(),
            });
            let node = Node {
                name: name.into(),
                allocatable: ResourceList::from_pairs([("pods", Quantity::from_units(10))]),
                gpu,
                ..Node::default()
            };
            let joined = store.node_added(Arc::new(node));
            store.apply(Instant::ZERO, joined).expect("a new node");
        }
        let spec = PodSpec {
            gpu: GpuRequest {
                devices: 2,
                milli_per_device: 1_000,
                models: Vec::new(),
            },
            ..PodSpec::default()
        };
        let added = store.class_added(&Arc::new(spec)).expect("a new class");
        store.apply(Instant::ZERO, added).expect("a new class");
        let fits = [0, 1, 2].map(|node| ResourceFit.fits(&store, ClassId(0), NodeId(node)));
        assert_eq!(fits, [false, false, true]);
    }
}
