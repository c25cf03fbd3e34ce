//! Pods as controllers see them, from what the store knows.

use cluster::Store;
use cluster::pod_states::{FinishedPod, PodState};
use model::canonical::unique_id;
use model::workload::{ObservedPhase, ObservedPod, Readiness};
use model::{EndReason, Pod, PodPhase, PodRef};
use units::{ClassId, Identity, Instant, ObjectId};

/// A pod with what is seen of it.
#[derive(Clone, Debug)]
pub struct PodObservation {
    /// The pod.
    pub pod: PodRef,
    /// Class of the pod.
    pub class: ClassId,
    /// Position of the pod in its owner.
    pub index: i32,
    /// The observed pod. [`identify`] fills in its unique identifier where it matters.
    pub observed: ObservedPod,
}

/// The living pods of an object, oldest first.
pub fn living(store: &Store, owner: ObjectId) -> Vec<PodObservation> {
    let pods = store.objects().get(owner).map(|row| &row.pods);
    let pods = pods.into_iter().flatten();
    pods.filter_map(|&pod| seen(store, pod)).collect()
}

/// The pods of an object that ended and are kept, oldest first.
pub fn finished(store: &Store, owner: ObjectId) -> impl Iterator<Item = PodObservation> {
    let finished = store.pod_states().finished(owner);
    finished.map(move |finished| seen_finished(store, finished))
}

/// A living pod.
pub fn seen(store: &Store, pod: PodRef) -> Option<PodObservation> {
    let record = store.pods().get(pod)?;
    let state = store.pod_states().get(pod);
    Some(PodObservation {
        pod,
        class: record.class,
        index: index(state),
        observed: observed(store, record, state),
    })
}

fn seen_finished(store: &Store, finished: &FinishedPod) -> PodObservation {
    let mut observed = observed(store, &finished.pod, Some(&finished.state));
    observed.phase = match finished.reason {
        EndReason::Completed => ObservedPhase::Succeeded,
        _ => ObservedPhase::Failed,
    };
    observed.readiness = Some(Readiness {
        is_ready: false,
        since: Some(finished.at.whole_second()),
    });
    PodObservation {
        pod: finished.pod.pod,
        class: finished.pod.class,
        index: index(Some(&finished.state)),
        observed,
    }
}

fn index(state: Option<&PodState>) -> i32 {
    let owner = state.and_then(|state| state.owner);
    owner.map_or(0, |owner| owner.index)
}

fn observed(store: &Store, pod: &Pod, state: Option<&PodState>) -> ObservedPod {
    let node = pod.node().and_then(|node| store.nodes().object(node));
    let behaviour = store.class(pod.class).spec.behaviour.as_ref();
    // Until its node says more of it.
    let is_unknown = pod.found().is_some_and(|found| found.is_unknown)
        && state.is_none_or(|state| state.ready_changed <= Instant::ZERO);
    ObservedPod {
        name: pod.name.text(),
        node: node.map(|node| node.name.clone()),
        uid: pod
            .found()
            .and_then(|found| found.uid.clone())
            .unwrap_or_default(),
        phase: match pod.phase {
            PodPhase::Running if is_unknown => ObservedPhase::Unknown,
            PodPhase::Pending | PodPhase::Bound | PodPhase::Starting => ObservedPhase::Pending,
            PodPhase::Running => ObservedPhase::Running,
            PodPhase::Succeeded => ObservedPhase::Succeeded,
            PodPhase::Failed | PodPhase::Evicted => ObservedPhase::Failed,
        },
        readiness: state.map(|state| Readiness {
            is_ready: state.is_ready,
            // A timestamp of the API: what counts from it counts from a whole second.
            since: Some(state.ready_changed.whole_second()),
        }),
        restarts: state.map(|state| state.restarts).unwrap_or_default(),
        created: Some(pod.creation()),
        deletion_cost: behaviour.map_or(0, |behaviour| behaviour.deletion_cost),
        is_terminating: state.is_some_and(|state| state.terminating.is_some()),
    }
}

/// Fills in the unique identifiers that no dump states.
pub fn identify(store: &Store, pods: &mut [PodObservation]) {
    for seen in pods.iter_mut().filter(|seen| seen.observed.uid.is_empty()) {
        let who = store.identity_of(seen.pod);
        let who = who.unwrap_or_else(|| Identity::of(&seen.observed.name));
        seen.observed.uid = unique_id(who).into();
    }
}
