//! Claims that controllers make with pods and take away with them: those of stateful sets
//! (`createPersistentVolumeClaims`, `persistentVolumeClaimRetentionPolicy`), and those of ephemeral volumes.

use std::sync::Arc;

use super::KubeScheduler;
use crate::kube::PodInfo;
use crate::kube::cache::volumes::{claim_by, make_ephemeral_claim};
use crate::kube::volumes::ClaimKey;
use cluster::Store;
use model::object::ObjectChange;
use model::workload::{ClaimRetention, StatefulSet};
use model::{Object, PodCreated, PodSpec, PodVolume};

impl KubeScheduler {
    /// The claims of a new pod are there, unless they were before.
    pub(super) fn make_claims(&mut self, store: &Store, created: &PodCreated, spec: &PodSpec) {
        if spec.volumes.is_empty() {
            return;
        }
        let owner = created
            .owner
            .and_then(|owner| store.objects().get(owner.object));
        let set = match owner.map(|row| &row.object) {
            Some(Object::StatefulSet(set)) => Some(set),
            _ => None,
        };
        let pod = created.name.text();
        for volume in &spec.volumes {
            match volume {
                PodVolume::Claim(name) => {
                    let template = set.and_then(|set| set.claims.of_claim(&pod, name));
                    if let Some(template) = template.filter(|own| own.is_made) {
                        let claim = claim_by(&spec.namespace, name.clone(), template);
                        let key = (claim.namespace.clone(), claim.name.clone());
                        if !self.cache.objects.claims.contains_key(&key) {
                            self.cache.objects.claims.insert(key, claim);
                        }
                    }
                }
                PodVolume::Ephemeral(own) => {
                    let key = (spec.namespace.clone(), own.claim_of(&pod));
                    if !self.cache.objects.claims.contains_key(&key) {
                        let nodes = self.nodes.iter().flatten();
                        let nodes = || nodes.map(|node| Arc::clone(&node.object)).collect();
                        make_ephemeral_claim(&mut self.cache.objects, &key, own, nodes);
                    }
                }
                _ => {}
            }
        }
    }

    /// A stateful set came, changed or went: with it go its claims, if it says so.
    pub(super) fn set_changed(&mut self, change: &ObjectChange) {
        match change {
            ObjectChange::Created { id, object, .. } | ObjectChange::Updated { id, object } => {
                let Object::StatefulSet(set) = object else {
                    return;
                };
                if set.claim_retention == ClaimRetention::default() {
                    self.claim_owners.remove(id);
                } else {
                    self.claim_owners.insert(*id, Arc::clone(set));
                }
            }
            ObjectChange::Orphaned { id } => {
                self.claim_owners.remove(id);
            }
            ObjectChange::Deleted { id } => {
                let set = self.claim_owners.remove(id);
                if let Some(set) = set.filter(|set| set.claim_retention.goes_with_set) {
                    let claims = self.cache.objects.claims.keys();
                    let own = claims.filter(|(namespace, name)| {
                        set.ordinal_of_claim(namespace, name).is_some()
                    });
                    for key in own.cloned().collect::<Vec<ClaimKey>>() {
                        self.remove_claim(&key);
                    }
                }
            }
            ObjectChange::Terminating { .. } => {}
        }
    }

    /// A pod is gone: so are the claims of its ephemeral volumes, and those of an ordinal that its set has no
    /// more, if the set says so (`updateClaimOwnerRefForSetAndPod`).
    pub(super) fn remove_claims(&mut self, pod: &PodInfo) {
        let spec = pod.spec();
        if spec.volumes.is_empty() {
            return;
        }
        for (name, is_made) in pod.claims().collect::<Vec<_>>() {
            let is_condemned = |set: &Arc<StatefulSet>| {
                let ordinal = set.ordinal_of_claim(&spec.namespace, &name);
                let is_gone = ordinal.is_some_and(|own| !set.has_ordinal(own));
                set.claim_retention.goes_with_ordinal && is_gone
            };
            if is_made || self.claim_owners.values().any(is_condemned) {
                self.remove_claim(&(spec.namespace.clone(), name));
            }
        }
    }

    /// A claim goes, and its volume: one that is kept is nobody's.
    fn remove_claim(&mut self, key: &ClaimKey) {
        let objects = &mut self.cache.objects;
        if let Some(claim) = objects.claims.remove(key) {
            objects.volumes.remove(&claim.volume);
        }
    }
}
