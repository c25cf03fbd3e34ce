//! Volumes of a scenario that are attached to one node at a time.

use control::volumes::AttachOptions;
use model::ClusterObjects;
use model::volume::PersistentVolumeClaim;
use scenario::Scenario;

use super::kube::is_exact;
use super::production::volume_delays;

/// Settings of the attach/detach controller, if a scenario has it; the pods of other systems are not
/// held to their volumes.
pub fn attach_options(scenario: &Scenario, objects: &ClusterObjects) -> Option<AttachOptions> {
    let delays = volume_delays(scenario).filter(|_| is_exact(scenario))?;
    let claims = objects.claims.iter();
    let unattached = claims.filter(|(_, claim)| is_shared(claim) || is_local(objects, claim));
    Some(AttachOptions {
        delays,
        unattached: unattached.map(|(key, _)| key.clone()).collect(),
    })
}

/// True if several nodes may have the volume of a claim.
fn is_shared(claim: &PersistentVolumeClaim) -> bool {
    let mut modes = claim.access_modes.iter();
    modes.any(|mode| matches!(&**mode, "ReadWriteMany" | "ReadOnlyMany"))
}

/// True if the volume of a claim is a part of a node: no driver attaches it, and few nodes reach it.
fn is_local(objects: &ClusterObjects, claim: &PersistentVolumeClaim) -> bool {
    let volume = objects.volumes.get(&claim.volume);
    volume.is_some_and(|own| own.csi.is_none() && own.node_affinity.is_some())
}
