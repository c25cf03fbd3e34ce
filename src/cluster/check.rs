//! Conservation: everything that is derived incrementally, computed anew and compared.

use units::Resources;

use super::Store;

/// Recomputes what is left on every node from its pods and the holds. Returns the first
/// disagreement in words.
pub fn conservation(store: &Store) -> Result<(), String> {
    let nodes = store.nodes();
    let mut free: Vec<Resources> = nodes
        .ids()
        .map(|node| nodes.allocatable().row(node))
        .collect();
    let mut rooms: Vec<Vec<i64>> = nodes
        .ids()
        .map(|node| vec![1_000; nodes.gpu_room(node).len()])
        .collect();
    let mut pods_on = vec![0_usize; nodes.len()];
    for pod in store.pods().iter() {
        let Some(node) = pod.node() else { continue };
        if !pod.phase.holds_node() {
            return Err(format!("{} is {} and holds {node}", pod.pod.id, pod.phase));
        }
        let class = store.class(pod.class);
        free[node.index()].subtract(&class.requests);
        for device in pod.devices().iter() {
            rooms[node.index()][device] -= i64::from(class.gpu.milli_per_device);
        }
        pods_on[node.index()] += 1;
        if !nodes.pods(node).contains(&pod.pod.slot) {
            return Err(format!(
                "{} is bound to {node}, which does not list it",
                pod.pod.id
            ));
        }
    }
    for hold in store.holds() {
        free[hold.node.index()].subtract(&hold.resources);
        for device in hold.devices.iter() {
            rooms[hold.node.index()][device] -= i64::from(hold.milli_per_device);
        }
    }
    for node in nodes.ids() {
        let row = node.index();
        if free[row] != nodes.free().row(node) {
            let (counted, kept) = (&free[row], nodes.free().row(node));
            return Err(format!(
                "{node} has {counted:?} left by count and {kept:?} by column"
            ));
        }
        let kept: Vec<i64> = nodes
            .gpu_room(node)
            .iter()
            .map(|&room| i64::from(room))
            .collect();
        if rooms[row] != kept {
            return Err(format!(
                "{node} has device rooms {:?} by count, {kept:?}",
                rooms[row]
            ));
        }
        if pods_on[row] != nodes.pods(node).len() {
            return Err(format!("{node} lists pods that are not bound to it"));
        }
    }
    Ok(())
}
