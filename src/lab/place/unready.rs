//! Nodes that are not ready: the cluster evicts their pods after a while, so that these look for others before anything
//! else is asked.

use super::lost::Ground;
use super::trial::Preemption;
use crate::snapshot::{Snapshot, SnapshotError};
use k8s::{Maker, ManifestPod};
use model::Text;
use scheduler::kube::{KubeProfile, NodeInfo};
use units::{SortedMap, plural};

/// Whether a node is out of order.
pub(crate) fn is_unready(node: &NodeInfo) -> bool {
    node.is_down || node.object.is_marked_away()
}

/// Moves pods off the nodes of a snapshot that are not ready, some nodes left out, and says so; those that find no other
/// node wait then.
pub(super) fn leave_unready(
    snapshot: &mut Snapshot,
    profiles: &[KubeProfile],
    except: &[Text],
) -> Result<Option<String>, SnapshotError> {
    let moves = |pod: &ManifestPod| {
        pod.maker == Maker::Controller && !pod.phase.is_final() && !pod.is_terminating
    };
    let nodes = snapshot.cache.nodes().filter(|node| is_unready(node));
    let nodes = nodes.map(|node| node.name().clone());
    let nodes = nodes.filter(|name| {
        let mut pods = snapshot.pods.iter();
        !except.contains(name) && pods.any(|pod| moves(pod) && pod.node_name.as_ref() == Some(name))
    });
    let nodes: Vec<Text> = nodes.collect();
    let Some(first) = nodes.first() else {
        return Ok(None);
    };
    let ground = Ground::new(snapshot, profiles, Preemption::Off)?;
    let (loss, cache) = ground.abandoned(&nodes);
    snapshot.cache = cache;
    let placed: SortedMap<&str, &Text> = { loss.placed.iter() }
        .map(|(pod, node)| (pod.as_str(), node))
        .collect();
    for pod in snapshot.pods.iter_mut().filter(|pod| moves(pod)) {
        if pod
            .node_name
            .as_ref()
            .is_some_and(|own| nodes.contains(own))
        {
            let name = format!("{}/{}", pod.namespace(), pod.name);
            pod.node_name = placed.get(name.as_str()).map(|node| (*node).clone());
        }
    }
    let count = nodes.len();
    Ok(Some(format!(
        "{} not ready ({first}{}): of {} {} there {} others before anything is asked, as in `plan`",
        plural::count(count, "node") + plural::either(count, " is", " are"),
        plural::either(count, "", ", …"),
        plural::count(loss.requeued(), "pod"),
        loss.placed.len(),
        plural::either(loss.placed.len(), "finds", "find"),
    )))
}
