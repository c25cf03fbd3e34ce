//! Devices that claims of pods get in a cache, where no controller makes claims and no store keeps them:
//! in questions about a cluster, which place pods one after the other.

use std::sync::Arc;

use super::Cache;
use crate::kube::{AttemptContext, KubeProfile, PodInfo};
use model::dra::{Allocation, ClaimKey, Consumer};

impl Cache {
    /// Makes the claims for which a pod names templates, as their controller does.
    pub fn make_claims(&mut self, pod: &PodInfo) {
        let claims = &pod.spec().device_claims;
        if claims.0.is_empty() {
            return;
        }
        let (namespace, name, id) = (&pod.spec().namespace, pod.name.text(), pod.id());
        for entry in &claims.0 {
            let devices = &self.objects.devices;
            if devices
                .made_for(namespace, &name, id, &entry.name)
                .is_some()
            {
                continue;
            }
            if let Some(claim) = devices.to_be_made(namespace, &name, id, entry) {
                self.objects.devices.put(Arc::new(claim));
            }
        }
    }

    /// The devices that claims of a pod get on the node in a slot, as the plugins of its profile choose
    /// them.
    pub fn devices_for(
        &self,
        profile: &KubeProfile,
        pod: &PodInfo,
        slot: usize,
    ) -> Vec<(ClaimKey, Allocation)> {
        let Some(node) = self.node_in(slot).filter(|_| pod.has_device_claims()) else {
            return Vec::new();
        };
        let ctx = AttemptContext { cache: self, pod };
        let plugins = profile.pre_filter.iter();
        let chosen = plugins.flat_map(|&index| profile.plugins[index].reserve_devices(ctx, node));
        chosen.collect()
    }

    /// Gives a pod the devices that its claims get on the node in a slot, for good.
    pub fn give_devices(&mut self, profile: &KubeProfile, pod: &PodInfo, slot: usize) {
        if !pod.has_device_claims() {
            return;
        }
        for (key, allocation) in self.devices_for(profile, pod, slot) {
            if let Some(claim) = self.objects.devices.claim(&key).cloned() {
                let mut claim = Arc::unwrap_or_clone(claim);
                claim.allocation = Some(allocation);
                self.objects.devices.put(Arc::new(claim));
            }
        }
        let consumer = Consumer {
            name: pod.name.text(),
            id: Some(pod.id()),
        };
        for key in self.claims_of(pod) {
            if let Some(claim) = self.objects.devices.claim(&key).cloned() {
                let mut claim = Arc::unwrap_or_clone(claim);
                if !claim.is_reserved_for(&consumer.name, pod.id()) {
                    claim.reserved_for.push(consumer.clone());
                    self.objects.devices.put(Arc::new(claim));
                }
            }
        }
    }

    /// Takes the devices of a pod that goes: claims that no other pod uses have none any more.
    pub fn take_devices_back(&mut self, pod: &PodInfo) {
        if !pod.has_device_claims() {
            return;
        }
        let name = pod.name.text();
        for key in self.claims_of(pod) {
            if let Some(claim) = self.objects.devices.claim(&key).cloned() {
                let mut claim = Arc::unwrap_or_clone(claim);
                claim.reserved_for.retain(|own| !own.is(&name, pod.id()));
                if claim.reserved_for.is_empty() {
                    claim.allocation = None;
                }
                self.objects.devices.put(Arc::new(claim));
            }
        }
    }

    /// The claims of a pod that are there.
    fn claims_of(&self, pod: &PodInfo) -> Vec<ClaimKey> {
        let found = pod.device_claims(&self.objects);
        let found = found.into_iter().flatten();
        found
            .map(|own| (own.namespace.clone(), own.name.clone()))
            .collect()
    }
}
