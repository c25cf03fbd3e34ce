//! Places of volumes: the first pod gives a volume its place, later ones can only go where they reach it. A node
//! that attaches as many network volumes as it can has no other (spec: orchestrators-a.md section 9.6).

use std::sync::Arc;

use cluster::Store;
use model::storage::{VOLUME_LABEL_VALUE, attach_limit};
use model::{EndReason, Event, Node, PodChange, PodRef, Refusal};
use units::{Duration, NodeId};

use super::{VolumeClass, VolumeKeeper, VolumeRecord, workload_of_pod, zone_of};
use crate::Outbox;

impl VolumeKeeper {
    /// A pod got its node: a volume without a place has it there. A pod that came to a node before its
    /// system heard that the volume is elsewhere can't begin there. Whether a volume got its place.
    pub(super) fn bound(
        &mut self,
        pod: PodRef,
        node: NodeId,
        store: &Store,
        out: &mut Outbox,
    ) -> bool {
        let Some(workload) = workload_of_pod(store, pod) else {
            return false;
        };
        let is_of = |own: &&mut VolumeRecord| own.volume.plan().workload == workload;
        if !self.volumes.iter_mut().any(|volume| is_of(&volume)) {
            return false;
        }
        if self.is_misplaced(pod, node, store) {
            let change = PodChange::Terminating {
                grace: Duration::ZERO,
                reason: EndReason::Refused(Refusal::NodeAffinity),
            };
            out.write(store, Event::PodChanged { pod, change });
            return false;
        }
        let mut is_new = false;
        for own in self.volumes.iter_mut().filter(is_of) {
            own.pods.insert(pod.id, node);
            if own.home.is_none() {
                own.home = Some((node, zone_of(store, node)));
                is_new = true;
            }
        }
        self.labels.all |= is_new;
        self.labels.of.insert(node);
        is_new
    }

    /// A pod ended, and gives its volumes up.
    pub(super) fn ended(&mut self, pod: PodRef) {
        for own in &mut self.volumes {
            if let Some(node) = own.pods.remove(&pod.id) {
                self.labels.of.insert(node);
            }
        }
    }

    /// Whether a pod selects a volume that it can't have on its node.
    fn is_misplaced(&self, pod: PodRef, node: NodeId, store: &Store) -> bool {
        let Some(record) = store.pods().get(pod).filter(|_| self.binds_pods) else {
            return false;
        };
        let selector = &store.class(record.class).spec.node_selector;
        let selected = self.volumes.iter();
        let mut selected = selected.filter(|own| selector.contains_key(&own.label));
        let is_full = self.is_full(node, store);
        selected.any(|own| !own.can_be_on(node, is_full, store))
    }

    /// Whether a node attaches as many volumes as it can.
    fn is_full(&self, node: NodeId, store: &Store) -> bool {
        let limit = store.nodes().object(node).and_then(|own| attach_limit(own));
        limit.is_some_and(|limit| {
            let attached = self
                .volumes
                .iter()
                .filter(|volume| volume.is_attached(node));
            attached.count() as i64 >= limit
        })
    }

    /// Gives nodes the labels of the volumes that pods on them can have, and takes those of others.
    pub(super) fn relabel(&mut self, store: &Store, out: &mut Outbox) {
        let stale = std::mem::take(&mut self.labels);
        if !self.binds_pods {
            return;
        }
        let nodes = store.nodes();
        let concerned = nodes.present();
        for node in concerned.filter(|node| stale.all || stale.of.contains(node)) {
            let Some(object) = nodes.object(node) else {
                continue;
            };
            let is_full = self.is_full(node, store);
            let is_wrong = |own: &&VolumeRecord| {
                object.labels.contains_key(&own.label) != own.can_be_on(node, is_full, store)
            };
            let mut wrong = self.volumes.iter().filter(is_wrong).peekable();
            if wrong.peek().is_none() {
                continue;
            }
            let mut object = Node::clone(object);
            for own in wrong {
                if object.labels.remove(&own.label).is_none() {
                    let label = own.label.clone();
                    object.labels.insert(label, VOLUME_LABEL_VALUE.into());
                }
            }
            let object = Arc::new(object);
            out.write(store, Event::NodeUpdated { node, object });
        }
    }
}

impl VolumeRecord {
    /// Whether a pod that needs the volume can go to a node.
    fn can_be_on(&self, node: NodeId, is_full: bool, store: &Store) -> bool {
        let is_reached = match &self.volume.plan().class {
            VolumeClass::Local => self.home.as_ref().is_none_or(|(home, _)| *home == node),
            VolumeClass::Network(_) => {
                let zone = self.zone();
                zone.is_none() || zone_of(store, node).as_ref() == zone
            }
        };
        is_reached && (!is_full || self.is_local() || self.is_attached(node))
    }

    fn is_local(&self) -> bool {
        self.volume.plan().class == VolumeClass::Local
    }

    /// Whether it is a network volume of a pod on a node.
    fn is_attached(&self, node: NodeId) -> bool {
        !self.is_local() && self.pods.values().any(|pod| *pod == node)
    }
}
