//! Facts about pods that the policy compares nodes by: preferred affinity, taints to be avoided, and disks
//! (spec: orchestrators-a.md section 8.1).

use model::{Node, PodSpec, PodVolume, Text, rules};
use units::SortedSet;

/// Wishes of a class of pods that a node meets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wishes {
    /// Weights of the preferred node affinity that the node meets.
    pub(super) preferred: i64,
    /// Number of the node's taints that the pods avoid.
    pub(super) avoided: i64,
}

impl Wishes {
    /// The wishes that a node meets.
    pub(super) fn of(spec: &PodSpec, node: &Node) -> Self {
        let preferred = &spec.affinity.node.preferred;
        Self {
            preferred: rules::affinity::preference(preferred, node),
            avoided: rules::taints::avoided(spec, &node.taints) as i64,
        }
    }
}

/// Disks that a pod mounts for reading alone, or those that it writes.
pub(super) fn disks(spec: &PodSpec, are_read: bool) -> SortedSet<Text> {
    let disks = spec.volumes.iter().filter_map(|volume| {
        let (is_read, name) = match volume {
            PodVolume::GceDisk { disk, read_only } => (*read_only, format!("gce/{disk}")),
            PodVolume::EbsVolume(id) => (false, format!("ebs/{id}")),
            PodVolume::Iscsi { name, read_only } => (*read_only, format!("iscsi/{name}")),
            PodVolume::Rbd {
                pool,
                image,
                read_only,
                ..
            } => (*read_only, format!("rbd/{pool}/{image}")),
            PodVolume::Claim(_) | PodVolume::Ephemeral(_) | PodVolume::Kept(_) => return None,
        };
        (is_read == are_read).then(|| name.into())
    });
    disks.collect()
}
