//! Quotas of namespaces: further pods that no number of nodes helps, because their namespace may not
//! have them.

use std::sync::Arc;

use crate::snapshot::Snapshot;
use model::workload::ResourceQuota;
use model::{PodSpec, ResourceList};

/// Quotas with what the pods of a cluster use of them.
#[derive(Clone, Debug, Default)]
pub struct Quotas {
    of: Vec<Charged>,
}

#[derive(Clone, Debug)]
struct Charged {
    quota: Arc<ResourceQuota>,
    used: ResourceList,
}

impl Quotas {
    /// The quotas of a cluster.
    pub fn of(snapshot: &Snapshot) -> Self {
        let declared = snapshot.declared.quotas.iter();
        let of = declared.map(|quota| {
            let mut used = ResourceList::default();
            for pod in snapshot.pods.iter().filter(|pod| !pod.phase.is_final()) {
                if *pod.namespace() == quota.namespace && quota.takes(&pod.spec) {
                    charge(quota, &pod.spec, &mut used);
                }
            }
            Charged {
                quota: quota.clone(),
                used,
            }
        });
        Self { of: of.collect() }
    }

    /// Charges a further pod.
    ///
    /// # Errors
    /// A quota has not so much left; its words say of what.
    pub fn admit(&mut self, spec: &PodSpec) -> Result<(), String> {
        let covers = |own: &Charged| own.quota.namespace == spec.namespace && own.quota.takes(spec);
        for own in self.of.iter().filter(|own| covers(own)) {
            let Ok(asked) = own.quota.usage(spec, false) else {
                continue;
            };
            let mut now = own.used.clone();
            if now.add(&asked).is_ok()
                && let Some(words) = own.quota.exceeded(&asked, &own.used, &now)
            {
                return Err(words);
            }
        }
        for own in self.of.iter_mut().filter(|own| covers(own)) {
            charge(&own.quota, spec, &mut own.used);
        }
        Ok(())
    }
}

/// Adds the usage of a pod; amounts beyond all bounds count for nothing.
fn charge(quota: &ResourceQuota, spec: &PodSpec, used: &mut ResourceList) {
    if let Ok(asked) = quota.usage(spec, false) {
        let before = used.clone();
        if used.add(&asked).is_err() {
            *used = before;
        }
    }
}
