//! Devices of the claims of pods: kept for a pod with its place (`Reserve`), written before the pod is
//! bound (`PreBind`), given back where it is not (`Unreserve`). Claims are objects of the API: what the
//! store accepts is theirs, and it gives no device to two of them.

use std::sync::Arc;

use super::KubeScheduler;
use super::pod_record::PodRecord;
use crate::kube::ClusterEvent;
use cluster::{Conflict, Store};
use control::Outbox;
use model::dra::{Allocation, ClaimKey, Consumer, InFlight, ResourceClaim};
use model::{Change, Event, Object, ObjectChange, PodRef};
use units::{Instant, ObjectId, SortedMap, SortedSet};

/// Claims of pods that are about to be bound.
#[derive(Clone, Debug, Default)]
pub(super) struct ClaimWrites {
    /// Pods that are bound once their claims are theirs.
    waiting: SortedSet<PodRef>,
    /// Claims whose change was written and not seen yet, with the pod.
    written: SortedMap<ObjectId, PodRef>,
    /// Pods that are not bound after all, whose reservations go.
    unreserved: Vec<PodRef>,
}

const KIND: &str = "ResourceClaim";

fn key_of(claim: &ResourceClaim) -> ClaimKey {
    (claim.namespace.clone(), claim.name.clone())
}

impl KubeScheduler {
    /// A claim came, changed or went.
    pub(super) fn claim_changed(&mut self, now: Instant, change: &ObjectChange) {
        match change {
            ObjectChange::Created { id, object, .. } | ObjectChange::Updated { id, object } => {
                let Object::ResourceClaim(after) = object else {
                    return;
                };
                let key = key_of(after);
                self.claims.written.remove(id);
                self.named.insert(*id, (KIND, key.0.clone(), key.1.clone()));
                let devices = &mut self.cache.objects.devices;
                let before = devices.claim(&key).cloned();
                devices.put(Arc::clone(after));
                if after.allocation.is_some() {
                    devices.end(&key);
                }
                let is_new = matches!(change, ObjectChange::Created { .. });
                let event = ClusterEvent::DeviceClaim {
                    before: before.filter(|_| !is_new),
                    after: Arc::clone(after),
                };
                self.happened(now, event);
            }
            ObjectChange::Deleted { id } => {
                let is_claim = { self.named.get(id) }.is_some_and(|own| own.0 == KIND);
                if is_claim && let Some((_, namespace, name)) = self.named.remove(id) {
                    let key = (namespace, name);
                    let devices = &mut self.cache.objects.devices;
                    devices.end(&key);
                    let gone = devices.remove(&key);
                    self.changes += 1;
                    // Deletions wake nobody in the original, which takes the devices back before.
                    if let Some(before) = gone.filter(|own| own.allocation.is_some()) {
                        let after = Arc::new(ResourceClaim {
                            allocation: None,
                            ..(*before).clone()
                        });
                        let before = Some(before);
                        self.happened(now, ClusterEvent::DeviceClaim { before, after });
                    }
                }
            }
            ObjectChange::Terminating { .. } | ObjectChange::Orphaned { .. } => {}
        }
    }

    /// Whether a pod claims devices and the release allots them: earlier ones place and bind it as if it
    /// claimed none.
    fn allots_devices(&self, seen: &PodRecord) -> bool {
        let profile = seen.profile().map(|own| &self.options.profiles[own]);
        let allots =
            profile.is_some_and(|profile| profile.changes.has(Change::DynamicResourceAllocation));
        allots && seen.info.has_device_claims()
    }

    /// Keeps the devices that the claims of a pod get on its node.
    pub(super) fn reserve_devices(&mut self, pod: PodRef, slot: usize) {
        let seen = self.pods.get(pod);
        let Some(seen) = seen.filter(|own| self.allots_devices(own)) else {
            return;
        };
        let Some(profile) = seen.profile() else {
            return;
        };
        let profile = &self.options.profiles[profile];
        let chosen = self.cache.devices_for(profile, &seen.info, slot);
        let devices = &mut self.cache.objects.devices;
        for (key, allocation) in chosen {
            let pod = pod.id;
            devices.begin(key, InFlight { allocation, pod });
        }
    }

    /// Writes what the claims of a pod get; whether all of them are the pod's already.
    pub(super) fn writes_claims(&mut self, pod: PodRef, view: &Store, out: &mut Outbox) -> bool {
        let seen = self.pods.get(pod);
        let Some(seen) = seen.filter(|own| self.allots_devices(own)) else {
            return true;
        };
        let Some(changes) = self.claims_to_write(pod, seen) else {
            self.claims.waiting.remove(&pod);
            self.refused.push(pod);
            return false;
        };
        if changes.is_empty() {
            self.claims.waiting.remove(&pod);
            return true;
        }
        for claim in changes {
            let id = view.objects().find(KIND, &claim.namespace, &claim.name);
            let Some(id) = id else {
                // Gone: the log will say so.
                continue;
            };
            let object = Object::ResourceClaim(Arc::new(claim));
            out.write(view, Event::Object(ObjectChange::Updated { id, object }));
            self.claims.written.insert(id, pod);
        }
        self.claims.waiting.insert(pod);
        false
    }

    /// The claims of a pod as they are to be, of those that are not the pod's yet; `None` if one cannot
    /// become the pod's any more.
    fn claims_to_write(&self, pod: PodRef, seen: &PodRecord) -> Option<Vec<ResourceClaim>> {
        let (info, objects) = (&seen.info, &self.cache.objects);
        let name = info.name.text();
        let node = &self.seen_node(seen.node()?)?.object;
        let is_near = |own: &Allocation| {
            let nodes = own.nodes.as_ref();
            nodes.is_none_or(|nodes| nodes.matches(&node.name, &node.labels))
        };
        let mut changes = Vec::new();
        for claim in info.device_claims(objects).ok()? {
            if claim.is_reserved_for(&name, pod.id) {
                continue;
            }
            let in_flight = objects.devices.in_flight(&key_of(claim));
            let in_flight = in_flight.filter(|own| own.pod == pod.id);
            let mut after = ResourceClaim::clone(claim);
            match (in_flight, &claim.allocation) {
                (Some(own), None) => after.allocation = Some(own.allocation.clone()),
                // Another scheduler may have been faster, on another node.
                (None, Some(own)) if is_near(own) => {}
                _ => return None,
            }
            if !after.can_be_reserved() {
                return None;
            }
            after.reserved_for.push(Consumer {
                name: name.clone(),
                id: Some(pod.id),
            });
            after.reserved_for.sort();
            changes.push(after);
        }
        Some(changes)
    }

    /// Goes on with pods whose claims were written, and takes reservations of others back.
    pub(super) fn claims_due(&mut self, view: &Store, out: &mut Outbox) {
        for pod in std::mem::take(&mut self.claims.unreserved) {
            self.unreserve(pod, view, out);
        }
        let is_open = |pod: &PodRef| !self.claims.written.values().any(|own| own == pod);
        let open: Vec<PodRef> = self
            .claims
            .waiting
            .iter()
            .copied()
            .filter(is_open)
            .collect();
        for pod in open {
            self.write_binding(pod, view, out);
        }
    }

    fn unreserve(&mut self, pod: PodRef, view: &Store, out: &mut Outbox) {
        let Some(seen) = self.pods.get(pod) else {
            // Its controller takes the reservations of a pod that is gone.
            return;
        };
        let name = seen.info.name.text();
        let found = seen.info.device_claims(&self.cache.objects);
        for claim in found.into_iter().flatten() {
            let id = view.objects().find(KIND, &claim.namespace, &claim.name);
            let Some(id) = id.filter(|_| claim.is_reserved_for(&name, pod.id)) else {
                continue;
            };
            let mut after = ResourceClaim::clone(claim);
            after.reserved_for.retain(|own| !own.is(&name, pod.id));
            let object = Object::ResourceClaim(Arc::new(after));
            out.write(view, Event::Object(ObjectChange::Updated { id, object }));
        }
    }

    /// A pod lost its place, or is gone: its claims get nothing by it.
    pub(super) fn give_devices_back(&mut self, pod: PodRef) {
        let known = self.pods.get(pod);
        if known.is_some_and(|known| !known.info.has_device_claims()) {
            return;
        }
        if self.cache.objects.devices.is_empty() {
            return;
        }
        self.cache.objects.devices.end_for(pod.id);
        self.claims.waiting.remove(&pod);
        self.claims.written.retain(|_, own| *own != pod);
        self.claims.unreserved.push(pod);
    }

    /// The change of a claim was refused. One that changed meanwhile is written anew once that is seen;
    /// any other refusal costs the pod its place.
    pub(super) fn claim_write_refused(&mut self, id: ObjectId, conflict: &Conflict) {
        let Some(pod) = self.claims.written.remove(&id) else {
            return;
        };
        if *conflict != Conflict::Stale {
            self.claims.waiting.remove(&pod);
            self.refused.push(pod);
        }
    }

    /// A claim that is in the way of its pod has its devices no longer.
    pub(super) fn deallocate(&mut self, key: &ClaimKey, view: &Store, out: &mut Outbox) {
        let id = view.objects().find(KIND, &key.0, &key.1);
        let claim = self.cache.objects.devices.claim(key);
        let (Some(id), Some(claim)) = (id, claim) else {
            return;
        };
        let after = ResourceClaim {
            allocation: None,
            reserved_for: Vec::new(),
            ..(**claim).clone()
        };
        let object = Object::ResourceClaim(Arc::new(after));
        out.write(view, Event::Object(ObjectChange::Updated { id, object }));
    }

    /// Whether a change of claims waits to be written.
    pub(super) fn has_claims_due(&self) -> bool {
        !self.claims.unreserved.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::pod_record::uid_of;
    use super::*;

    #[test]
    fn identities_of_pods_are_those_of_their_claims() {
        let pod = PodRef {
            id: units::PodId(7),
            slot: units::PodSlot(3),
        };
        let info = crate::kube::PodInfo {
            uid: uid_of(pod),
            ..crate::kube::PodInfo::default()
        };
        assert_eq!(info.id(), pod.id);
    }
}
