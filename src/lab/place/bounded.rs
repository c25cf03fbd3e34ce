//! Placement within the limit ranges and quotas of namespaces: replicas are new pods, which the API server of the
//! cluster has to take before its scheduler sees them.

use super::{Placement, Stop, place};
use crate::snapshot::{NamespaceBounds, Snapshot};
use scheduler::kube::{CacheError, KubeProfile, PodInfo};

/// Placement of new replicas of a pod in the cluster of a snapshot, `most` at most and no more than its API server
/// takes.
///
/// # Errors
/// If a replica can't be taken in, which no valid cluster causes.
pub fn place_new(
    snapshot: &Snapshot,
    profile: &KubeProfile,
    pod: &PodInfo,
    most: u64,
) -> Result<Placement, CacheError> {
    let admitted = NamespaceBounds::of(snapshot).replicas(pod.spec(), most);
    let mut placement = place(&snapshot.cache, profile, pod, admitted.count)?;
    if let (Stop::Enough, Some(words)) = (&placement.stop, admitted.refusal) {
        placement.stop = Stop::Refused(words);
    }
    Ok(placement)
}
