//! Pods that are alive when a run ends and do not do what their phase says: they are to end and are still there,
//! or start over and over.

use cluster::Store;
use model::{Pod, PodPhase};
use units::{Instant, plural};

use super::jobs_without_pods::jobs_without_pods;

/// Restarts after which a pod that is not ready counts as one that does not come up.
const RESTARTS: u32 = 3;

/// Lines about jobs without pods and pods that are stuck, at the instant at which a run ends.
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
    let mut lines = jobs_without_pods(store);
    if let Some(first) = lingering.first() {
        let on = first.node().map(|node| store.nodes().name(node));
        lines.push(format!(
            "{} {} still ending beyond the grace when the run ended (first `{}`{})",
            plural::count(lingering.len(), "pod"),
            plural::either(lingering.len(), "was", "were"),
            name(first, store),
            on.map_or_else(String::new, |node| format!(" on `{node}`"))
        ));
    }
    if let Some(first) = failing.first() {
        lines.push(format!(
            "{} {} not ready after {RESTARTS} restarts or more when the run ended (first `{}`, {} restarts)",
            plural::count(failing.len(), "pod"),
            plural::either(failing.len(), "was", "were"),
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
