//! Volumes of pods, which are attached to one node at a time: the attach/detach controller as a
//! component ([`AttachDetach`]) around a state machine without clock or store ([`Attachments`]). A
//! pod whose volumes are not on its node yet is held there; its node starts it once it is released
//! (spec: orchestrators-a.md 9.6; attachdetach `reconciler`). And volumes whose data is kept: backed up by
//! the clock, lost with their disks, and restored ([`VolumeKeeper`] around [`ManagedVolume`]).

mod attachment;
pub mod backup;
mod component;
mod keeper;
mod managed_volume;
mod snapshot;

pub use attachment::{Attachments, Host, NeededVolume, VolumeDelays};
pub use component::AttachDetach;
pub use keeper::{VolumeKeeper, workload_of_pod};
pub use managed_volume::{BackupPlan, ManagedVolume, VolumeClass, VolumePlan};
pub use snapshot::{SnapshotPlan, Snapshots};

use cluster::Store;
use model::{Object, Pod, PodRef, PodVolume, Text};
use units::{NodeId, SortedMap, SortedSet};

/// The controller's settings.
#[derive(Clone, Debug, Default)]
pub struct AttachOptions {
    /// Delays of the volumes of claims and of disks; `None` has them on every node.
    pub claims: Option<VolumeDelays>,
    /// Volumes whose data is kept and that are attached, by name.
    pub kept: SortedMap<Text, ManagedAttachment>,
    /// Claims, by namespace and name, whose volumes several nodes may have, or that are a part of a
    /// node: they need no attaching.
    pub unattached: SortedSet<(Text, Text)>,
}

/// Attachment of a kept volume to nodes: its delays, and whether nodes share it (spec: orchestrators-a.md section 9.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManagedAttachment {
    /// Delays of the volume.
    pub delays: VolumeDelays,
    /// Whether several nodes may have it at a time.
    pub is_shared: bool,
}

/// True for a pod with volumes: its node waits until it is released.
pub(crate) fn has_volumes(store: &Store, record: &Pod) -> bool {
    let own = &store.class(record.class).spec.volumes;
    !own.is_empty() || !claim_templates(store, record.pod).is_empty()
}

/// Names of the claims that the stateful set of a pod makes for each of its pods.
fn claim_templates(store: &Store, pod: PodRef) -> &[Text] {
    let owner = store.pod_states().get(pod).and_then(|state| state.owner);
    let row = owner.and_then(|owner| store.objects().get(owner.object));
    match row.map(|row| &row.object) {
        Some(Object::StatefulSet(set)) => &set.claim_templates,
        _ => &[],
    }
}

/// The volumes of a pod that are attached to its node, each by a name of its own. One that several nodes may
/// have is another one on each.
fn volumes_of(
    store: &Store,
    record: &Pod,
    node: NodeId,
    options: &AttachOptions,
) -> Vec<NeededVolume> {
    let spec = &store.class(record.class).spec;
    let kept = spec.volumes.iter().filter_map(|volume| match volume {
        PodVolume::Kept(name) => {
            let own = options.kept.get(name)?;
            let name = if own.is_shared {
                format!("kept {name} on {}", node.0)
            } else {
                format!("kept {name}")
            };
            Some((name.into(), own.delays))
        }
        _ => None,
    });
    let mut all: SortedMap<Text, VolumeDelays> = kept.collect();
    if let Some(delays) = options.claims {
        let claims = claimed(store, record, options).into_iter();
        all.extend(claims.map(|name| (name, delays)));
    }
    let needed = all.into_iter();
    needed
        .map(|(name, delays)| NeededVolume { name, delays })
        .collect()
}

/// The volumes of claims and the disks of a pod that are attached to one node at a time.
fn claimed(store: &Store, record: &Pod, options: &AttachOptions) -> SortedSet<Text> {
    let spec = &store.class(record.class).spec;
    let (namespace, pod) = (&spec.namespace, &record.name);
    let claim = |name: &str| Text::from(format!("claim {namespace}/{name}"));
    let stated = spec.volumes.iter().filter_map(|volume| match volume {
        PodVolume::Claim(name) => {
            let key = (namespace.clone(), name.clone());
            (!options.unattached.contains(&key)).then(|| claim(name))
        }
        PodVolume::Ephemeral(own) => Some(claim(&own.claim_of(&pod.text()))),
        PodVolume::GceDisk { disk, read_only } => {
            (!read_only).then(|| format!("disk {disk}").into())
        }
        PodVolume::EbsVolume(id) => Some(format!("disk {id}").into()),
        PodVolume::Iscsi { .. } | PodVolume::Rbd { .. } | PodVolume::Kept(_) => None,
    });
    let templates = claim_templates(store, record.pod).iter();
    let templates = templates.map(|name| claim(&format!("{name}-{pod}")));
    stated.chain(templates).collect()
}
