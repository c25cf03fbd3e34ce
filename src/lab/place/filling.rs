//! The loop that the forms with answers of their own share: replicas go where the form says until
//! there are enough, or no node takes the next one.

use std::sync::Arc;

use super::{Placed, Stop, final_message, replica};
use model::Text;
use scheduler::kube::{Attempt, Cache, KubeProfile, NodeInfo, PodInfo, Search, Status};

/// State of a fast form while replicas are placed.
pub(super) trait Filling {
    /// The nodes, with the replicas that they took.
    fn nodes(&self) -> &[NodeInfo];

    /// The node that the next replica goes to: of the highest totals the first by name.
    fn next(&mut self) -> Option<usize>;

    /// A replica takes its place; `None` if a plugin has no points any more, which none that
    /// keeps its word does.
    fn take(&mut self, node: usize, replica: &Arc<PodInfo>) -> Option<()>;
}

/// The place of each node in the order of names.
pub(super) fn ranks(nodes: &[NodeInfo]) -> Vec<usize> {
    let mut by_name: Vec<usize> = (0..nodes.len()).collect();
    by_name.sort_unstable_by_key(|&node| nodes[node].name());
    let mut ranks = vec![0; nodes.len()];
    for (rank, &node) in by_name.iter().enumerate() {
        ranks[node] = rank;
    }
    ranks
}

/// Nodes of a pod's replicas; `None` where a plugin did not keep its word.
pub(super) fn fill(
    filling: &mut impl Filling,
    cache: &Cache,
    profile: &KubeProfile,
    pod: &PodInfo,
    most: u64,
) -> Option<Placed> {
    let mut placed = Placed {
        nodes: Vec::new(),
        stop: Stop::Enough,
        rejected: Vec::new(),
        devices: Vec::new(),
    };
    let replicas = Arc::new(replica(pod, 1));
    while (placed.nodes.len() as u64) < most {
        let Some(node) = filling.next() else {
            break;
        };
        placed.nodes.push(filling.nodes()[node].name().clone());
        filling.take(node, &replicas)?;
    }
    if (placed.nodes.len() as u64) < most {
        (placed.stop, placed.rejected) = end(cache, profile, pod, &placed)?;
    }
    Some(placed)
}

/// The decision about the replica that finds no node, the plain way.
fn end(
    cache: &Cache,
    profile: &KubeProfile,
    pod: &PodInfo,
    placed: &Placed,
) -> Option<(Stop, Vec<(Text, Status)>)> {
    let mut cache = cache.clone();
    for (number, node) in (1..).zip(&placed.nodes) {
        cache.add_pod(Arc::new(replica(pod, number)), node).ok()?;
    }
    why_none(
        &cache,
        profile,
        &replica(pod, placed.nodes.len() as u64 + 1),
    )
}

/// The plain decision about a replica that finds no node; `None` if it finds one.
pub(super) fn why_none(
    cache: &Cache,
    profile: &KubeProfile,
    last: &PodInfo,
) -> Option<(Stop, Vec<(Text, Status)>)> {
    let attempt = Attempt::begin(profile, cache, last);
    let search: Search = attempt.search_all();
    let is_end = search.feasible.is_empty();
    is_end.then(|| {
        (
            Stop::NoNode(final_message(&attempt, &search)),
            search.rejected,
        )
    })
}
