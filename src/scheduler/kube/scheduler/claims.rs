//! Claims that the controller of a stateful set makes with its pods (`createPersistentVolumeClaims`).

use super::KubeScheduler;
use cluster::Store;
use model::volume::PersistentVolumeClaim;
use model::{Object, PodCreated, PodSpec, PodVolume};

impl KubeScheduler {
    /// The claims of a new pod of a stateful set are there, unbound, unless they were before.
    pub(super) fn make_claims(&mut self, store: &Store, created: &PodCreated, spec: &PodSpec) {
        let owner = created
            .owner
            .and_then(|owner| store.objects().get(owner.object));
        let Some(Object::StatefulSet(set)) = owner.map(|row| &row.object) else {
            return;
        };
        let pod = created.name.text();
        for volume in &spec.volumes {
            let PodVolume::Claim(name) = volume else {
                continue;
            };
            let key = (spec.namespace.clone(), name.clone());
            let Some(template) = set.claims.of_claim(&pod, name) else {
                continue;
            };
            if template.is_made && !self.cache.objects.claims.contains_key(&key) {
                let claim = PersistentVolumeClaim {
                    namespace: key.0.clone(),
                    name: key.1.clone(),
                    request: template.request,
                    access_modes: template.access_modes.clone(),
                    class: template.class.clone(),
                    ..PersistentVolumeClaim::default()
                };
                self.cache.objects.claims.insert(key, claim);
            }
        }
    }
}
