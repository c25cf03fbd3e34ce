//! A node as its agent knows it: its own capacity, labels and taints, and the pods that it has taken.
//! By this an agent judges whether to take one more (spec: kubernetes.md part 4).

use cluster::Store;
use model::{HostPort, Node, Object, Pod, PodPhase, PodRef};
use units::{NodeId, Resources};

/// A node as its own agent sees it: what it has, and the pods that it has taken.
#[derive(Clone, Copy, Debug)]
pub struct LocalNode<'a> {
    store: &'a Store,
    node: NodeId,
}

impl<'a> LocalNode<'a> {
    /// The view that the agent of `node` has.
    pub const fn new(store: &'a Store, node: NodeId) -> Self {
        Self { store, node }
    }

    /// The node as it is declared: its labels, and its taints.
    pub fn object(self) -> Option<&'a Node> {
        self.store.nodes().object(self.node).map(AsRef::as_ref)
    }

    /// Whether agents have the last word on what their nodes can hold.
    pub fn judges(self) -> bool {
        self.store.commitment().is_by_nodes()
    }

    /// The object that controls a pod.
    pub fn owner(self, pod: PodRef) -> Option<&'a Object> {
        let owner = self.store.pod_states().get(pod)?.owner?;
        let row = self.store.objects().get(owner.object)?;
        Some(&row.object)
    }

    /// Whether a pod was on the node before the run began, so that the node took it long ago.
    pub fn found(self, pod: PodRef) -> bool {
        let record = self.store.pods().get(pod);
        record.is_some_and(|record| self.was_found(record))
    }

    fn was_found(self, record: &Pod) -> bool {
        record.found().is_some_and(|found| found.node == self.node)
    }

    /// The pods bound to the node besides `pod`, each with whether the node has taken it.
    fn others(self, pod: PodRef) -> impl Iterator<Item = (&'a Pod, bool)> {
        let slots = self.store.nodes().pods(self.node).iter();
        let pods = slots.filter_map(move |&slot| self.store.pods().at(slot));
        pods.filter(move |other| other.pod != pod)
            .map(move |other| {
                let is_taken = other.phase != PodPhase::Bound || self.was_found(other);
                (other, is_taken)
            })
    }

    /// The pods that the node has taken besides `pod`.
    pub fn taken(self, pod: PodRef) -> impl Iterator<Item = &'a Pod> {
        let others = self.others(pod);
        others.filter_map(|(other, is_taken)| is_taken.then_some(other))
    }

    /// The ports of the node that the pods hold which it has taken besides `pod`.
    pub fn ports_taken(self, pod: PodRef) -> impl Iterator<Item = &'a HostPort> {
        let specs = self.taken(pod).map(move |other| {
            let class = self.store.class(other.class);
            class.spec.as_ref()
        });
        specs.flat_map(model::PodSpec::host_ports)
    }

    /// The amounts that a pod requests.
    pub fn requests(self, pod: PodRef) -> Option<&'a Resources> {
        let record = self.store.pods().get(pod)?;
        Some(&self.store.class(record.class).requests)
    }

    /// The amounts left of the node once it has taken `pod` beside those that it has taken, negative where
    /// that is more than it has; `None` if all that are bound to it fit.
    pub fn left_with(self, pod: PodRef) -> Option<Resources> {
        let nodes = self.store.nodes();
        if !nodes.is_overcommitted(self.node) {
            return None;
        }
        let mut left = nodes.free().row(self.node);
        // What schedulers hold for pods that they have not bound is no promise of the node.
        for hold in self.store.holds().filter(|hold| hold.node == self.node) {
            left.add(&hold.resources);
        }
        for (other, _) in self.others(pod).filter(|(_, is_taken)| !is_taken) {
            left.add(&self.store.class(other.class).requests);
        }
        Some(left)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::admission::{BarePod, Creation, admit};
    use cluster::Commitment;
    use model::event::Hold;
    use model::{Container, DeviceSet, Event, PodSpec, ResourceList};
    use units::{ComponentId, Instant, Quantity};

    fn cores(count: i64) -> ResourceList {
        let amounts = [("cpu", count), ("pods", 10)];
        ResourceList::from_pairs(amounts.map(|(name, own)| (name, Quantity::from_units(own))))
    }

    fn bound(store: &mut Store, name: &str, asked: i64) -> PodRef {
        let spec = PodSpec {
            containers: vec![Container {
                requests: cores(asked),
                ..Container::default()
            }],
            ..PodSpec::default()
        };
        let bare = Creation::BarePod(Arc::new(BarePod {
            name: name.into(),
            spec: Arc::new(spec),
        }));
        let (pod, node) = (store.pods().next(), NodeId::from_index(0));
        let mut events = admit(store, &bare).expect("a new name");
        let devices = DeviceSet::EMPTY;
        events.push(Event::PodBound { pod, node, devices });
        for event in events {
            store.apply(Instant::ZERO, event).expect("in order");
        }
        pod
    }

    #[test]
    fn what_a_scheduler_holds_is_no_promise_of_the_node() {
        let mut store = Store::committed(Commitment::Admitted);
        let joined = store.node_added(Arc::new(Node {
            name: "n".into(),
            allocatable: cores(8),
            ..Node::default()
        }));
        let node = NodeId::from_index(0);
        let held = Event::HoldPlaced(Arc::new(Hold {
            owner: ComponentId(1),
            number: 1,
            node,
            resources: Resources {
                cpu_milli: 6_000,
                ..Resources::default()
            },
            devices: DeviceSet::EMPTY,
            milli_per_device: 0,
            until: None,
        }));
        for event in [joined, held] {
            store.apply(Instant::ZERO, event).expect("in order");
        }
        // The node has taken none of the two so far, and each would fit alone.
        let pods = [("a", 4), ("b", 5)].map(|(name, asked)| bound(&mut store, name, asked));
        let left = pods.map(|pod| LocalNode::new(&store, node).left_with(pod));
        assert_eq!(
            left.map(|own| own.map(|own| own.cpu_milli)),
            [Some(4_000), Some(3_000)]
        );
    }
}
