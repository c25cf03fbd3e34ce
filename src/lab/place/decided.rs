//! Placement by the scheduler's fast form, replica by replica.

use std::sync::Arc;

use super::trial::Decisions;
use super::{Placed, Stop, final_message, replica};
use scheduler::kube::cycle::Outcome;
use scheduler::kube::{Attempt, Cache, KubeProfile, PodInfo};

/// Nodes of the replicas; `None` where a decision has to be taken plainly.
pub(super) fn place(
    cache: &Cache,
    profile: &KubeProfile,
    pod: &PodInfo,
    most: u64,
) -> Option<Placed> {
    if pod.has_device_claims() {
        return None;
    }
    let profile = Decisions::profile(profile);
    let (mut cache, mut decisions) = (cache.clone(), Decisions::new());
    let mut placed = Placed::default();
    Attempt::gate(&profile, pod, &cache.objects).ok()?;
    for number in 1..=most {
        let replica = replica(pod, number);
        let Outcome::Placed(slot) = decisions.decide(&profile, &cache, &replica) else {
            let attempt = Attempt::begin(&profile, &cache, &replica);
            let search = attempt.search_all();
            if !search.feasible.is_empty() {
                return None;
            }
            placed.stop = Stop::NoNode(final_message(&attempt, &search));
            placed.rejected = search.rejected;
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
