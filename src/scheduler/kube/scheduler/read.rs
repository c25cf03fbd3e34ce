//! Reading of the log: each entry is carried to the cache and to the queue.

use std::sync::Arc;

use super::pod_record::{PodRecord, Stage, uid_of};
use super::{KubeScheduler, NodeRecord, PreemptionState};
use crate::kube::event::{node_changes, pod_changes};
use crate::kube::{ClusterEvent, NodeInfo, PodClass, PodInfo, RareFacts, Start};
use cluster::Store;
use model::{DeviceSet, Event, Node, PodChange, PodCreated, PodRef, Taint, TaintEffect, Text};
use units::time::NANOS_PER_SECOND;
use units::{ClassId, Instant, NodeId};

/// The taint of a node that is down.
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

impl KubeScheduler {
    /// Reads what is new.
    pub(super) fn read(&mut self, now: Instant, store: &Store) {
        if self.cursor == store.revision() {
            return;
        }
        let mut joined = Vec::new();
        for entry in store.log().since(self.cursor) {
            if let Event::NodeAdded { node, object } = &entry.event {
                if self.options.place.holds(object) {
                    joined.push((*node, object.clone()));
                }
                continue;
            }
            self.nodes_joined(now, &mut joined);
            match &entry.event {
                Event::NodeUpdated { node, object } => self.node_changed(now, *node, object, None),
                Event::NodeReadiness { node, ready } => {
                    if let Some(object) = store.nodes().object(*node) {
                        self.node_changed(now, *node, object, Some(*ready));
                    }
                }
                Event::NodeRemoved { node } => self.node_left(now, *node),
                Event::PodCreated(created) => self.pod_created(now, store, created),
                Event::PodBound { pod, node, devices } => {
                    self.pod_bound(now, *pod, *node, *devices);
                }
                Event::Object(change) => {
                    self.claim_changed(now, change);
                    self.set_changed(change);
                    self.object_changed(change);
                }
                Event::PodEnded { pod, .. } => self.pod_ended(now, *pod),
                Event::PodChanged {
                    pod,
                    change: PodChange::Terminating { .. },
                } => self.pod_told_to_end(*pod),
                Event::PodChanged {
                    pod,
                    change: PodChange::Declared { class },
                } => self.pod_declared(now, store, *pod, *class),
                Event::PodChanged {
                    pod,
                    change: PodChange::Resized { class, .. },
                } => self.pod_resized(now, store, *pod, *class),
                _ => {}
            }
        }
        self.nodes_joined(now, &mut joined);
        self.cursor = store.revision();
    }

    pub(super) fn happened(&mut self, now: Instant, event: ClusterEvent) {
        self.changes += 1;
        self.cache.groups.new_epoch();
        self.with_queue(now, |queue, ctx| queue.happened(ctx, event));
    }

    fn nodes_joined(&mut self, now: Instant, joined: &mut Vec<(NodeId, Arc<Node>)>) {
        if joined.is_empty() {
            return;
        }
        // The store refused what the cache would: names are unique, amounts fit.
        let objects = joined.iter().map(|(_, object)| object.clone());
        let added = self.cache.add_nodes(objects);
        debug_assert!(added.is_ok(), "invariant: {added:?}");
        for (node, object) in joined.drain(..) {
            let Ok(info) = NodeInfo::new(object) else {
                continue;
            };
            let Some(slot) = self.cache.slot_of(&info.object.name) else {
                continue;
            };
            let seen = NodeRecord {
                object: info.object.clone(),
                slot: slot as u32,
                is_ready: true,
                is_down: false,
            };
            if self.nodes.len() <= node.index() {
                self.nodes.resize(node.index() + 1, None);
            }
            self.nodes[node.index()] = Some(seen);
            if self.by_slot.len() <= slot {
                self.by_slot.resize(slot + 1, node);
            }
            self.by_slot[slot] = node;
            self.happened(now, ClusterEvent::NodeAdded(Arc::new(info)));
        }
    }

    /// A node's declaration or, if `ready` is given, its readiness changed.
    fn node_changed(
        &mut self,
        now: Instant,
        node: NodeId,
        object: &Arc<Node>,
        ready: Option<bool>,
    ) {
        let Some(Some(before)) = self.nodes.get(node.index()).cloned() else {
            return;
        };
        let is_ready = ready.unwrap_or(before.is_ready);
        // One that is marked is open to those who tolerate that.
        let is_down = !is_ready && !object.is_marked_away();
        let object = if is_down {
            Arc::new(with_taint(object))
        } else {
            object.clone()
        };
        let seen = NodeRecord {
            object: object.clone(),
            is_ready,
            is_down,
            ..before
        };
        let (Some(old), Some(after)) = (before.empty(), seen.empty()) else {
            return;
        };
        let updated = self.cache.update_node(object);
        debug_assert!(updated.is_ok(), "invariant: {updated:?}");
        self.cache.set_down(after.name(), is_down);
        self.nodes[node.index()] = Some(seen);
        for event in node_changes(&old, &after) {
            self.happened(now, event);
        }
    }

    fn node_left(&mut self, now: Instant, node: NodeId) {
        let Some(Some(gone)) = self.nodes.get_mut(node.index()).map(Option::take) else {
            return;
        };
        self.cache.remove_node(&gone.object.name);
        if let Some(info) = gone.empty() {
            self.happened(now, ClusterEvent::NodeDeleted(info));
        }
    }

    fn class(&mut self, store: &Store, wanted: ClassId) -> Arc<PodClass> {
        while self.classes.len() <= wanted.index() {
            let class = ClassId::from_index(self.classes.len());
            let object = &store.class(class).spec;
            // The store derived its own columns from the same amounts.
            let known = self.cache.class(object).unwrap_or_default();
            self.classes.push(known);
        }
        self.classes[wanted.index()].clone()
    }

    fn pod_created(&mut self, now: Instant, store: &Store, created: &PodCreated) {
        let pod = created.pod;
        let class = self.class(store, created.class);
        self.make_claims(store, created, &class.spec.clone());
        let profile = self.profile_of(class.spec.scheduler());
        let is_grouping = |&profile: &usize| !self.options.profiles[profile].permit.is_empty();
        let group = profile.filter(is_grouping).and_then(|_| {
            let (groups, objects) = (&mut self.cache.groups, &self.cache.objects);
            groups.join(objects, uid_of(pod), &class.spec, created.gang, now)
        });
        let found = created.found.as_deref();
        let preemption = if self.preemptions.is_empty() {
            PreemptionState::default()
        } else {
            let key = (class.spec.namespace.clone(), created.name.text());
            self.preemptions.remove(&key).unwrap_or_default()
        };
        let mut info = PodInfo {
            uid: uid_of(pod),
            class,
            name: created.name.clone(),
            few: RareFacts::default(),
            start: Start::default(),
            is_assigned: false,
            is_terminating: found.is_some_and(|found| found.is_terminating),
            is_preempted: preemption.is_preempted,
        };
        info.set_group(group);
        info.set_started_secs(found.and_then(|found| found.started).map(whole_secs));
        info.set_nominated_node(preemption.nominated_node.filter(|_| found.is_none()));
        let info = Arc::new(info);
        let mut seen = PodRecord::new(pod, info.clone(), profile);
        seen.was_found = found.is_some();
        self.pods.insert(pod, seen);
        if found.is_some() {
            return;
        }
        self.cache.nominate(info.clone());
        if let Some(profile) = profile {
            self.with_queue(now, |queue, ctx| queue.add(ctx, uid_of(pod), profile, info));
        }
    }

    fn profile_of(&self, scheduler_name: &str) -> Option<usize> {
        let mut profiles = self.options.profiles.iter();
        profiles.position(|profile| profile.scheduler_name == scheduler_name)
    }

    fn pod_bound(&mut self, now: Instant, pod: PodRef, node: NodeId, devices: DeviceSet) {
        let Some(slot) = self.slot_of(node) else {
            return;
        };
        let Some(seen) = self.pods.get_mut(pod) else {
            return;
        };
        let was = seen.stage;
        let before = seen.set_node(Some(node));
        if seen.info.nominated_node().is_some() {
            self.cache.withdraw(&seen.info);
        }
        let started_secs = if seen.was_found {
            seen.info.started_secs()
        } else {
            Some(whole_secs(now))
        };
        let assumed = &seen.info;
        let is_as_assumed = assumed.started_secs() == started_secs
            && assumed.devices() == devices
            && assumed.nominated_node().is_none()
            && assumed.is_assigned
            && before == Some(node);
        if !is_as_assumed {
            let mut info = PodInfo {
                is_assigned: true,
                ..(*seen.info).clone()
            };
            info.set_started_secs(started_secs);
            info.set_nominated_node(None);
            info.set_devices(devices);
            seen.info = Arc::new(info);
        }
        let info = seen.info.clone();
        seen.stage = Stage::Bound;
        let mut claims = Vec::new();
        match (was, before) {
            (Stage::Assumed, Some(before)) if before == node => {
                if !is_as_assumed {
                    self.cache.replace_pod_in(&info, slot);
                }
                claims = self
                    .reservations
                    .complete(&mut self.cache, uid_of(pod), slot);
            }
            (_, before) => {
                let objects = &mut self.cache.objects;
                self.reservations.give_back(objects, uid_of(pod));
                if let Some(before) = before.and_then(|before| self.slot_of(before)) {
                    self.cache.remove_pod_in(&info, before);
                }
                // A node that is gone has no pods in the store.
                self.cache.add_pod_in(info.clone(), slot);
            }
        }
        self.leave_queue(pod);
        // The original binds volumes before it binds the pod.
        for claim in claims {
            self.happened(now, ClusterEvent::ClaimBound(claim));
        }
        self.happened(now, ClusterEvent::PodAdded(info));
    }

    /// A pod was declared anew.
    fn pod_declared(&mut self, now: Instant, store: &Store, pod: PodRef, class: ClassId) {
        let stage = self.pods.get(pod).map(|seen| seen.stage);
        if stage == Some(Stage::Bound) {
            return self.pod_resized(now, store, pod, class);
        }
        let class = self.class(store, class);
        let Some(seen) = self
            .pods
            .get_mut(pod)
            .filter(|seen| seen.stage == Stage::Pending)
        else {
            return;
        };
        let (before, info) = seen.declare(class);
        let profile = seen.profile();
        if before.nominated_node().is_some() {
            self.cache.withdraw(&before);
            self.cache.nominate(info.clone());
        }
        self.changes += 1;
        if let Some(profile) = profile {
            let uid = uid_of(pod);
            self.with_queue(now, |queue, ctx| queue.update(ctx, uid, profile, info));
        }
    }

    /// A pod on a node was resized in place, or has other labels.
    fn pod_resized(&mut self, now: Instant, store: &Store, pod: PodRef, class: ClassId) {
        let class = self.class(store, class);
        let Some(seen) = self.pods.get_mut(pod) else {
            return;
        };
        let (before, info) = seen.declare(class);
        if let Some(slot) = seen.node().and_then(|node| self.slot_of(node)) {
            self.cache.replace_pod_in(&info, slot);
        }
        for event in pod_changes(&before, &info) {
            self.happened(now, event);
        }
    }

    /// A pod was asked to terminate; what it holds it holds until it has gone.
    fn pod_told_to_end(&mut self, pod: PodRef) {
        let Some(seen) = self.pods.get_mut(pod) else {
            return;
        };
        if seen.info.is_terminating || seen.stage != Stage::Bound {
            return;
        }
        let info = Arc::new(PodInfo {
            is_terminating: true,
            ..(*seen.info).clone()
        });
        seen.info = info.clone();
        if let Some(slot) = seen.node().and_then(|node| self.slot_of(node)) {
            self.cache.replace_pod_in(&info, slot);
        }
    }

    fn pod_ended(&mut self, now: Instant, pod: PodRef) {
        let Some(seen) = self.pods.remove(pod) else {
            return;
        };
        self.remove_claims(&seen.info);
        if seen.stage != Stage::Bound {
            self.waiting.lose(pod);
            self.leave_queue(pod);
        }
        if let Some(tried_at) = seen.tried_at() {
            self.tried_at.remove(&(tried_at, uid_of(pod)));
        }
        self.cache.groups.leave(&seen.info);
        if seen.info.nominated_node().is_some() {
            self.cache.withdraw(&seen.info);
        }
        if seen.is_held {
            self.releases.push(uid_of(pod));
        }
        if seen.stage == Stage::Assumed {
            let objects = &mut self.cache.objects;
            self.reservations.give_back(objects, uid_of(pod));
            self.give_devices_back(pod);
        }
        match seen.node() {
            Some(node) => {
                if let Some(slot) = self.slot_of(node) {
                    self.cache.remove_pod_in(&seen.info, slot);
                }
                self.happened(now, ClusterEvent::PodDeleted(seen.info));
            }
            None if seen.info.nominated_node().is_some() => {
                self.changes += 1;
                let most = seen.info.priority();
                let event = ClusterEvent::PodDeleted(seen.info);
                self.with_queue(now, |queue, ctx| {
                    queue.happened_to(ctx, event, |_, other| other.info.priority() <= most);
                });
            }
            None => {}
        }
    }

    /// A pod needs no place any more, or has one.
    fn leave_queue(&mut self, pod: PodRef) {
        let uid = uid_of(pod);
        if !self.queue.done(uid) {
            self.queue.delete(uid);
        }
        if !self.messages.is_empty() {
            self.messages.remove(&uid);
        }
        self.waiting.remove(pod);
    }
}

pub(super) fn whole_secs(at: Instant) -> i64 {
    at.as_nanos().div_euclid(NANOS_PER_SECOND)
}

fn with_taint(node: &Node) -> Node {
    let mut node = node.clone();
    node.taints.push(Taint {
        key: UNREACHABLE.into(),
        value: Text::default(),
        effect: TaintEffect::NoSchedule,
    });
    node
}
