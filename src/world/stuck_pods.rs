//! Pods that are alive when a run ends and do not do what their phase says: told to end and still there, or
//! started over and over.

use cluster::Store;
use model::{Pod, PodPhase};
use units::{Instant, plural};

/// Restarts after which a pod that is not ready counts as one that does not come up.
const RESTARTS: u32 = 3;

/// Lines about pods that are stuck at an instant.
pub fn stuck_pods(store: &Store, at: Instant) -> Vec<String> {
    let mut pods: Vec<&Pod> = store.pods().iter().collect();
    pods.sort_unstable_by_key(|pod| pod.pod.id);
    let states = store.pod_states();
    let lingers = |pod: &&&Pod| {
        let state = states.get(pod.pod);
        let order = state.and_then(|own| own.terminating);
        order.is_some_and(|own| own.since.saturating_add(own.grace) < at)
    };
    let lingering: Vec<&&Pod> = pods.iter().filter(lingers).collect();
    let restarts = |pod: &Pod| {
        let state = states.get(pod.pod).filter(|own| !own.is_ready);
        let state = state.filter(|_| pod.phase == PodPhase::Running);
        state.map_or(0, |own| own.restarts.apps + own.restarts.inits)
    };
    let failing: Vec<&&Pod> = { pods.iter() }
        .filter(|pod| restarts(pod) >= RESTARTS && !lingers(pod))
        .collect();
    let mut lines = Vec::new();
    if let Some(first) = lingering.first() {
        let on = first.node().map(|node| store.nodes().name(node));
        lines.push(format!(
            "{} told to end {} still there beyond the grace when the run ended (first `{}`{})",
            plural::count(lingering.len(), "pod"),
            plural::either(lingering.len(), "is", "are"),
            name(first, store),
            on.map_or_else(String::new, |node| format!(" on `{node}`"))
        ));
    }
    if let Some(first) = failing.first() {
        lines.push(format!(
            "{} not ready after {RESTARTS} restarts or more when the run ended (first `{}`, {} restarts)",
            plural::count(failing.len(), "pod"),
            name(first, store),
            restarts(first)
        ));
    }
    lines
}

fn name(pod: &Pod, store: &Store) -> String {
    let spec = &store.class(pod.class).spec;
    format!("{}/{}", spec.namespace, pod.name)
}
