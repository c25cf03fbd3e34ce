//! Volumes of a scenario that are attached to one node at a time.

use control::volumes::{AttachOptions, ManagedAttachment};
use model::ClusterObjects;
use model::Text;
use model::volume::PersistentVolumeClaim;
use scenario::Scenario;
use scenario::schema::StorageMode;
use units::SortedMap;

use super::kube::is_exact;
use super::production::{storage_delays, volume_delays};
use super::volume_places::attached;

/// Settings of the attach/detach controller, if a scenario has it: for the claims of the system `kubernetes`
/// where they have delays, and for the network volumes of `storage` under every system.
pub fn attach_options(scenario: &Scenario, objects: &ClusterObjects) -> Option<AttachOptions> {
    let claims = volume_delays(scenario).filter(|_| is_exact(scenario));
    let kept = kept(scenario);
    if claims.is_none() && kept.is_empty() {
        return None;
    }
    let stated = objects.claims.iter();
    let unattached = stated.filter(|(_, claim)| is_shared(claim) || is_local(objects, claim));
    Some(AttachOptions {
        claims,
        kept,
        unattached: unattached.map(|(key, _)| key.clone()).collect(),
    })
}

/// The volumes of `storage` that nodes attach.
fn kept(scenario: &Scenario) -> SortedMap<Text, ManagedAttachment> {
    let attached = attached(scenario).map(|own| {
        let attachment = ManagedAttachment {
            delays: storage_delays(scenario).unwrap_or_default(),
            is_shared: own.mode == Some(StorageMode::Many),
        };
        (Text::from(own.volume.as_str()), attachment)
    });
    attached.collect()
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
