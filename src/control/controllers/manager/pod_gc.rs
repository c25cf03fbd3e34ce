//! The collector of ended pods at work, every 20 s (spec: kubernetes.md 2.8). It runs only while
//! there is something that it may collect: a pass that finds nothing is not stepped. Nodes leave
//! without pods that live, but for those that a user deletes; their pods, and those that ended on a
//! node before it left, stay until they are collected.

use super::entry::ControllerEntry;
use super::{Change, Controller, Sync};
use crate::controllers::pod_gc::{
    DEFAULT_THRESHOLD, GcNode, GcPod, OUT_OF_SERVICE_TAINT, PERIOD, PodGc,
};
use cluster::Store;
use model::workload::ObservedPhase;
use model::{EndReason, Event, Node, Pod, PodChange, PodRef, Text};
use units::{Duration, Instant, NodeId, ObjectId, SortedMap};

/// The registry's entry.
pub(super) const ENTRY: ControllerEntry = ControllerEntry {
    name: "pod-garbage-collector",
    summary: "Removes finished pods beyond a threshold, and terminating pods on out-of-service \
        nodes.",
    build: |options| {
        let threshold = options.terminated_pods.unwrap_or(DEFAULT_THRESHOLD);
        let core = PodGc::new(threshold);
        Box::new(Collector {
            core,
            unwatched: Vec::new(),
            passed: None,
        })
    },
};

/// Stands for the cluster as a whole; no object has this id.
const CLUSTER: ObjectId = ObjectId(u32::MAX);

/// The controller.
#[derive(Clone)]
struct Collector {
    core: PodGc,
    /// Pods that are deleted with a grace of 0 on nodes that don't answer. The API server removes the object of such a
    /// pod at once (`CheckGracefulDelete`); on a node that answers the kubelet is as quick.
    unwatched: Vec<PodRef>,
    /// Instant of the last pass. There is one in a period, whatever ends at its instant.
    passed: Option<Instant>,
}

impl Controller for Collector {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn read(&mut self, change: &Change<'_>, store: &Store, look_at: &mut Vec<ObjectId>) {
        let is_due = match change.event {
            Event::PodEnded { .. } => self.core.surplus(store.pod_states().finished_count()) > 0,
            Event::NodeUpdated { object, .. } => is_out_of_service(object),
            Event::NodeRemoved { node } => {
                let mut ended = store.pod_states().all_finished();
                !store.nodes().pods(*node).is_empty()
                    || ended.any(|ended| ended.pod.node() == Some(*node))
            }
            Event::NodeReadiness { node, .. } => {
                (store.nodes().object(*node)).is_some_and(|node| is_out_of_service(node))
            }
            Event::PodChanged {
                pod,
                change: PodChange::Terminating { grace, .. },
            } => {
                let node = store.pods().get(*pod).and_then(Pod::node);
                let is_unwatched = *grace == Duration::ZERO
                    && node.is_some_and(|own| !store.nodes().is_ready(own));
                if is_unwatched {
                    self.unwatched.push(*pod);
                }
                let node = node.and_then(|node| store.nodes().object(node));
                is_unwatched || node.is_some_and(|node| is_out_of_service(node))
            }
            _ => false,
        };
        if is_due {
            look_at.push(CLUSTER);
        }
    }

    fn sync(&mut self, step: &mut Sync<'_>) {
        for pod in std::mem::take(&mut self.unwatched) {
            if step.store.pods().get(pod).is_some() {
                step.remove_pod(pod);
            }
        }
        let since = step.now.since(Instant::ZERO).as_nanos() % PERIOD.as_nanos();
        if since != 0 || self.passed == Some(step.now) {
            let start = step.now.as_nanos() - since;
            step.look_again_at(Instant::from_nanos(start).saturating_add(PERIOD));
            return;
        }
        self.passed = Some(step.now);
        let store = step.store;
        let mut has_homeless = false;
        let mut places: SortedMap<Text, PodRef> = SortedMap::new();
        let mut pods = Vec::new();
        for finished in store.pod_states().all_finished() {
            let pod = gc_pod(store, &finished.pod, Some(finished.reason));
            let node = finished.pod.node();
            has_homeless |= node.is_some_and(|node| !has_name(store, node));
            places.insert(pod.name.clone(), finished.pod.pod);
            pods.push(pod);
        }
        let mut nodes = SortedMap::new();
        for node in store.nodes().present() {
            let Some(object) = store.nodes().object(node) else {
                continue;
            };
            let seen = GcNode {
                is_ready: store.nodes().is_ready(node),
                is_out_of_service: is_out_of_service(object),
            };
            nodes.insert(object.name.clone(), seen);
            let slots = store.nodes().pods(node).iter();
            let living = slots.filter_map(|&slot| store.pods().at(slot));
            for pod in living.filter(|_| seen.is_out_of_service) {
                let own = gc_pod(store, pod, None);
                places.insert(own.name.clone(), pod.pod);
                pods.push(own);
            }
        }
        has_homeless |= Self::add_homeless(store, &mut pods, &mut places);
        for name in self.core.pass(step.now, &pods, &nodes) {
            if let Some(&pod) = places.get(&name) {
                step.remove_pod(pod);
            }
        }
        if has_homeless {
            // They are in quarantine, or go now.
            step.look_again_at(step.now.saturating_add(PERIOD));
        }
    }

    fn clone_controller(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}

impl Collector {
    /// Adds the pods of nodes that are gone; whether there are any.
    fn add_homeless(
        store: &Store,
        pods: &mut Vec<GcPod>,
        places: &mut SortedMap<Text, PodRef>,
    ) -> bool {
        let nodes = store.nodes();
        let mut has_any = false;
        for node in nodes.ids().filter(|&node| nodes.object(node).is_none()) {
            let living = nodes.pods(node).iter();
            for pod in living.filter_map(|&slot| store.pods().at(slot)) {
                let own = gc_pod(store, pod, None);
                places.insert(own.name.clone(), pod.pod);
                pods.push(own);
                has_any = true;
            }
        }
        has_any
    }
}

/// Whether there is a node of the name of this one, itself or one that came in its place.
fn has_name(store: &Store, node: NodeId) -> bool {
    let nodes = store.nodes();
    nodes.by_name(nodes.name(node)).is_some()
}

fn is_out_of_service(node: &Node) -> bool {
    let mut taints = node.taints.iter();
    taints.any(|taint| *taint.key == *OUT_OF_SERVICE_TAINT)
}

fn gc_pod(store: &Store, pod: &Pod, ended: Option<EndReason>) -> GcPod {
    let namespace = &store.class(pod.class).spec.namespace;
    GcPod {
        name: format!("{namespace}/{}", pod.name).into(),
        node: pod.node().map(|node| store.nodes().name(node).into()),
        phase: match ended {
            None => ObservedPhase::Running,
            Some(EndReason::Completed) => ObservedPhase::Succeeded,
            Some(_) => ObservedPhase::Failed,
        },
        is_evicted: matches!(ended, Some(EndReason::Evicted(_))),
        created: pod.creation(),
        is_terminating: store.pod_states().is_terminating(pod.pod),
    }
}
