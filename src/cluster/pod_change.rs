//! Changes of pods apart from the steps of their lives, and resizes in place: a pod that runs holds other
//! amounts from then on, as in Kubernetes since 1.33.

use model::{PodChange, PodPhase, PodRef, Relocation};
use units::{ClassId, Instant, NodeId, Resources, Revision};

use super::conflict::Conflict;
use super::store::taken_by_pod;
use super::{Class, Store};

impl Store {
    /// Returns whether a pod that runs can be resized to a class: its node has room for what the class asks for
    /// beyond what the pod holds, and less of anything always fits.
    pub fn can_resize(&self, pod: PodRef, class: ClassId) -> bool {
        self.resizing(pod, class).is_ok()
    }

    pub(super) fn change_pod(
        &mut self,
        now: Instant,
        pod: PodRef,
        change: PodChange,
        at: Revision,
    ) -> Result<(), Conflict> {
        match change {
            PodChange::Forgotten => return self.pod_states.forget(pod),
            PodChange::Declared { class } => {
                let known = self.pods.get(pod).ok_or(Conflict::UnknownPod)?.class;
                let (Some(old), Some(new)) = (
                    self.classes.get(known.index()),
                    self.classes.get(class.index()),
                ) else {
                    return Err(Conflict::UnknownClass);
                };
                // What a node gives a pod is not declared anew.
                let is_alike = old.requests == new.requests && old.gpu == new.gpu;
                let is_open = |phase| phase == PodPhase::Pending || is_alike;
                self.pod_in(pod, is_open)?.class = class;
                return Ok(());
            }
            PodChange::Resized { class, .. } => return self.resize(pod, class, at),
            PodChange::Relocated(Relocation::Asked { class, .. })
                if class.index() >= self.class_count() =>
            {
                return Err(Conflict::UnknownClass);
            }
            _ => {}
        }
        let Some(record) = self.pods.get(pod) else {
            return Err(Conflict::UnknownPod);
        };
        self.pod_states.change(now, record, change);
        Ok(())
    }

    /// The node on which a pod can be resized to a class.
    fn resizing(&self, pod: PodRef, class: ClassId) -> Result<NodeId, Conflict> {
        let record = self.pods.get(pod).ok_or(Conflict::UnknownPod)?;
        let runs_on = record.node().filter(|_| record.phase == PodPhase::Running);
        let node = runs_on.ok_or(Conflict::Phase(record.phase))?;
        let (old, new) = (
            self.classes.get(record.class.index()),
            self.classes.get(class.index()),
        );
        let (Some(old), Some(new)) = (old, new) else {
            return Err(Conflict::UnknownClass);
        };
        // Devices are not dealt out anew.
        if old.gpu != new.gpu {
            return Err(Conflict::UnknownClass);
        }
        let has_room = self.nodes.has_room(node, &growth(old, new));
        has_room.then_some(node).ok_or(Conflict::NoRoom)
    }

    fn resize(&mut self, pod: PodRef, class: ClassId, at: Revision) -> Result<(), Conflict> {
        let node = self.resizing(pod, class)?;
        let Some(record) = self.pods.get_mut(pod) else {
            return Err(Conflict::UnknownPod);
        };
        let before = std::mem::replace(&mut record.class, class);
        let devices = record.devices();
        let [old, new] = [before, class].map(|class| &self.classes[class.index()]);
        self.nodes.give_back(node, &taken_by_pod(old, devices), at);
        self.nodes.take(node, &taken_by_pod(new, devices), at);
        self.ring.push(at, node);
        Ok(())
    }
}

/// The requests of a class beyond those of another.
fn growth(old: &Class, new: &Class) -> Resources {
    let (old, new) = (&old.requests, &new.requests);
    let more = |old: i64, new: i64| (new - old).max(0);
    let extended = new.extended.iter();
    Resources {
        cpu_milli: more(old.cpu_milli, new.cpu_milli),
        memory_bytes: more(old.memory_bytes, new.memory_bytes),
        storage_bytes: more(old.storage_bytes, new.storage_bytes),
        extended: extended
            .map(|&(id, amount)| (id, more(old.extended_amount(id), amount)))
            .collect(),
        ..Resources::default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::check::conservation;
    use model::{DeviceSet, Event, Node, PodCreated, PodName, PodSpec, ResourceList};
    use units::{Quantity, TenantId};

    fn cores(count: i64) -> ResourceList {
        let amounts = [("cpu", count), ("pods", 9)];
        ResourceList::from_pairs(amounts.map(|(name, own)| (name, Quantity::from_units(own))))
    }

    fn asking(count: i64) -> Arc<PodSpec> {
        let cores = [("cpu", Quantity::from_units(count))];
        Arc::new(PodSpec::with_requests(ResourceList::from_pairs(cores)))
    }

    fn running(store: &mut Store, class: ClassId) -> PodRef {
        let (pod, node) = (store.pods().next(), NodeId(0));
        let devices = DeviceSet::EMPTY;
        for event in [
            Event::PodCreated(PodCreated {
                pod,
                class,
                name: PodName::Job(0),
                tenant: TenantId(0),
                gang: None,
                time_limit: None,
                estimate: None,
                found: None,
                owner: None,
            }),
            Event::PodBound { pod, node, devices },
            Event::PodRunning { pod },
        ] {
            store.apply(Instant::ZERO, event).expect("in order");
        }
        pod
    }

    #[test]
    fn a_pod_is_resized_as_far_as_its_node_has_room() {
        let mut store = Store::new();
        let joined = store.node_added(Arc::new(Node {
            allocatable: cores(8),
            ..Node::default()
        }));
        store.apply(Instant::ZERO, joined).expect("a node");
        for count in [2, 4, 6, 1] {
            let added = store.class_added(&asking(count)).expect("a new class");
            store.apply(Instant::ZERO, added).expect("a class");
        }
        let pods = [0, 1].map(|class| running(&mut store, ClassId(class)));
        // Two cores are left.
        for (pod, class, left) in [(0, 2, Some(2)), (0, 1, None), (1, 3, None), (0, 2, None)] {
            let (pod, class) = (pods[pod], ClassId(class));
            let before = store.pods().get(pod).expect("it runs").class;
            let resized = Event::PodChanged {
                pod,
                change: PodChange::Resized { before, class },
            };
            assert_eq!(store.can_resize(pod, class), left.is_none());
            let made = store.apply(Instant::ZERO, resized);
            let expected = if left.is_some() {
                Err(Conflict::NoRoom)
            } else {
                Ok(None)
            };
            assert_eq!(made, expected);
            conservation(&store).expect("what is left follows");
        }
        assert_eq!(store.nodes().free().cpu_milli[0], 1_000);
        for pod in pods {
            let reason = model::EndReason::Completed;
            store
                .apply(Instant::ZERO, Event::PodEnded { pod, reason })
                .expect("it runs");
        }
        assert_eq!(store.nodes().free().cpu_milli[0], 8_000);
    }
}
