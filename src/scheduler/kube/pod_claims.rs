//! Claims of pods on devices, as the scheduler sees them.

use std::sync::Arc;

use super::PodInfo;
use model::ClusterObjects;
use model::dra::{MissingClaim, ResourceClaim};
use units::PodId;

impl PodInfo {
    /// The pod's identity in its cell.
    pub const fn id(&self) -> PodId {
        PodId(((self.uid >> 32) as u32).saturating_sub(1))
    }

    /// Whether the pod claims devices.
    pub fn has_device_claims(&self) -> bool {
        !self.spec().device_claims.0.is_empty()
    }

    /// Claims of the pod on devices, in order.
    ///
    /// # Errors
    /// One of them is not there; the words are those of the original.
    pub fn device_claims<'a>(
        &'a self,
        objects: &'a ClusterObjects,
    ) -> Result<Vec<&'a Arc<ResourceClaim>>, String> {
        let spec = self.spec();
        let found = objects.devices.of_pod(
            &spec.namespace,
            &self.name.text(),
            self.id(),
            &spec.device_claims,
        );
        found.map_err(|missing| match missing {
            MissingClaim::Named(name) => {
                format!("resourceclaim.resource.k8s.io {:?} not found", &**name)
            }
            MissingClaim::Unmade(entry) => format!(
                "pod \"{}/{}\": ResourceClaim not created yet: {:?}",
                spec.namespace, self.name, &*entry.name
            ),
        })
    }
}
