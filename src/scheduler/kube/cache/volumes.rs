//! Volumes of claims in a cache where no controller makes claims and nobody binds them: in questions about a cluster,
//! which place pods one after the other and take that back.

use std::sync::Arc;

use super::Cache;
use crate::kube::volumes::{ClaimKey, Reservations, VolumeChoice};
use crate::kube::{AttemptContext, KubeProfile, PodInfo};
use model::volume::{EphemeralVolume, PersistentVolume, PersistentVolumeClaim, StorageClass};
use model::volume_binding::{bind, bind_one};
use model::workload::ClaimTemplate;
use model::{ClusterObjects, Node, PodVolume, Text};

/// Claims and volumes as they were before a change; `None` of those that were not there.
#[derive(Clone, Debug, Default)]
pub struct StorageBefore {
    claims: Vec<(ClaimKey, Option<PersistentVolumeClaim>)>,
    volumes: Vec<(Text, Option<PersistentVolume>)>,
}

impl StorageBefore {
    /// Notes the volumes that claims have got since.
    fn note_bound(&mut self, objects: &ClusterObjects) {
        for (key, _) in &self.claims {
            let claim = objects.claims.get(key).filter(|own| own.is_bound);
            if let Some(name) = claim.map(|own| &own.volume)
                && self.volumes.iter().all(|(own, _)| own != name)
            {
                self.volumes.push((name.clone(), None));
            }
        }
    }
}

/// The claim by a template.
pub(in crate::kube) fn claim_by(
    namespace: &Text,
    name: Text,
    template: &ClaimTemplate,
) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        namespace: namespace.clone(),
        name,
        request: template.request,
        access_modes: template.access_modes.clone(),
        class: template.class.clone(),
        ..PersistentVolumeClaim::default()
    }
}

/// The storage class of an ephemeral volume.
fn class_of(objects: &ClusterObjects, own: &EphemeralVolume) -> Text {
    let mut classes = objects.storage_classes.values();
    if !own.class.is_empty() {
        return own.class.clone();
    }
    let default = classes.find(|class| class.is_default);
    default.map_or_else(Text::default, |class| class.name.clone())
}

/// Makes the claim of an ephemeral volume: it waits for its pod to find a node, or is bound at once. Nothing is known
/// of the volumes of a class that no file has: they are reached from everywhere.
pub(in crate::kube) fn make_ephemeral_claim(
    objects: &mut ClusterObjects,
    key: &ClaimKey,
    own: &EphemeralVolume,
    nodes: impl FnOnce() -> Vec<Arc<Node>>,
) {
    let template = ClaimTemplate {
        request: own.request,
        access_modes: vec!["ReadWriteOnce".into()],
        class: class_of(objects, own),
        ..ClaimTemplate::default()
    };
    let claim = claim_by(&key.0, key.1.clone(), &template);
    let volume = PersistentVolume::made_for(&claim, &StorageClass::default(), None);
    objects.claims.insert(key.clone(), claim);
    match objects.storage_classes.get(&template.class) {
        None => bind(objects, key, volume),
        Some(class) if class.waits_for_consumer => {}
        Some(_) => {
            bind_one(objects, key, &nodes());
        }
    }
}

impl Cache {
    /// Makes the claims of the ephemeral volumes of a pod that are not there yet, as their controller does; gives what
    /// was before.
    pub fn make_volume_claims(&mut self, pod: &PodInfo) -> Option<StorageBefore> {
        let namespace = &pod.spec().namespace;
        let mut lacking = Vec::new();
        for volume in &pod.spec().volumes {
            if let PodVolume::Ephemeral(own) = volume {
                let key = (namespace.clone(), own.claim_of(&pod.name.text()));
                if !self.objects.claims.contains_key(&key) {
                    lacking.push((key, own));
                }
            }
        }
        if lacking.is_empty() {
            return None;
        }
        let nodes: Vec<Arc<Node>> = self.nodes().map(|node| node.object.clone()).collect();
        let objects = &mut *self.objects;
        let mut before = StorageBefore::default();
        for (key, own) in lacking {
            let class = objects.storage_classes.get(&class_of(objects, own));
            if class.is_some_and(|class| !class.waits_for_consumer) {
                let may_get = |own: &&PersistentVolume| {
                    let of = own.claim.as_ref();
                    own.is_available
                        || of.is_some_and(|of| of.namespace == key.0 && of.name == key.1)
                };
                let free = objects.volumes.values().filter(may_get);
                let free = free.map(|own| (own.name.clone(), Some(own.clone())));
                before.volumes.extend(free);
            }
            make_ephemeral_claim(objects, &key, own, || nodes.clone());
            before.claims.push((key, None));
        }
        before.note_bound(objects);
        Some(before)
    }

    /// Gives the claims of a pod that wait for its place volumes on the node in a slot, for good, as the plugins of its
    /// profile choose them; gives what was before.
    pub fn give_volumes(
        &mut self,
        profile: &KubeProfile,
        pod: &PodInfo,
        slot: usize,
    ) -> Option<StorageBefore> {
        pod.claim_names().next()?;
        let node = self.node_in(slot)?;
        let ctx = AttemptContext { cache: self, pod };
        let plugins = profile.pre_filter.iter();
        let choices = plugins.flat_map(|&index| profile.plugins[index].reserve(ctx, node));
        let (choices, name): (Vec<VolumeChoice>, Text) = (choices.collect(), node.name().clone());
        if choices.is_empty() {
            return None;
        }
        let mut before = StorageBefore::default();
        for choice in &choices {
            let (VolumeChoice::Known { claim, .. } | VolumeChoice::New { claim, .. }) = choice;
            let known = self.objects.claims.get(claim).cloned();
            before.claims.push((claim.clone(), known));
            if let VolumeChoice::Known { volume, .. } = choice {
                let known = self.objects.volumes.get(volume).cloned();
                before.volumes.push((volume.clone(), known));
            }
        }
        let mut kept = Reservations::default();
        kept.take(&mut self.objects, pod.uid, &name, choices);
        kept.complete(self, pod.uid, slot);
        before.note_bound(&self.objects);
        Some(before)
    }

    /// Takes away the claims that were made for a pod alone, with their volumes; gives what was before.
    pub fn take_volumes_back(&mut self, pod: &PodInfo) -> Option<StorageBefore> {
        let namespace = &pod.spec().namespace;
        let made = pod.claims().filter(|(_, is_made)| *is_made);
        let keys: Vec<ClaimKey> = made.map(|(name, _)| (namespace.clone(), name)).collect();
        if keys.is_empty() {
            return None;
        }
        let objects = &mut *self.objects;
        let mut before = StorageBefore::default();
        for key in keys {
            if let Some(claim) = objects.claims.remove(&key) {
                let volume = objects.volumes.remove(&claim.volume);
                before.volumes.push((claim.volume.clone(), volume));
                before.claims.push((key, Some(claim)));
            }
        }
        Some(before)
    }

    /// Has claims and volumes as they were before a change.
    pub fn restore_storage(&mut self, before: StorageBefore) {
        let objects = &mut *self.objects;
        for (key, claim) in before.claims {
            match claim {
                Some(claim) => objects.claims.insert(key, claim),
                None => objects.claims.remove(&key),
            };
        }
        for (name, volume) in before.volumes {
            match volume {
                Some(volume) => objects.volumes.insert(name, volume),
                None => objects.volumes.remove(&name),
            };
        }
    }
}
