//! The scheduler's own fast form, replica by replica. It applies where that form takes the decisions.

use std::sync::Arc;

use super::filling::why_none;
use super::trial::Decisions;
use super::{Placed, Stop, replica};
use scheduler::kube::cycle::Outcome;
use scheduler::kube::{Attempt, Cache, KubeProfile, PodInfo};

/// Nodes of the replicas; `None` where a decision has to be taken plainly.
pub(super) fn place(
    cache: &Cache,
    profile: &KubeProfile,
    pod: &PodInfo,
    most: u64,
) -> Option<Placed> {
    let profile = Decisions::profile(profile);
    let (mut cache, mut decisions) = (cache.clone(), Decisions::new());
    let mut placed = Placed {
        nodes: Vec::new(),
        stop: Stop::Enough,
        rejected: Vec::new(),
        devices: Vec::new(),
    };
    Attempt::gate(&profile, pod, &cache.objects).ok()?;
    for number in 1..=most {
        let replica = replica(pod, number);
        let Outcome::Placed(slot) = decisions.decide(&profile, &cache, &replica) else {
            (placed.stop, placed.rejected) = why_none(&cache, &profile, &replica)?;
            break;
        };
        if !decisions.are_fast(number) {
            return None;
        }
        placed.nodes.push(cache.node_in(slot)?.name().clone());
        cache.add_pod_in(Arc::new(replica), slot);
    }
    Some(placed)
}
