//! Changes that a run shows, as lists: changes of pods and of objects, in the order in which they were made.

use cluster::{Observer, Store};
use model::{EndReason, Event, IndexFailures, Object, ObjectChange, Pod, PodChange, PodRef, Taint};
use units::{Instant, NodeId, ObjectId, PodId, SortedMap};

/// A change of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is there; on which node, if it was found on one, and the name of its owner.
    Created(Option<String>, Option<String>),
    /// It got this node.
    Bound(String),
    /// An attempt found no node.
    Unschedulable,
    /// It was told to end.
    Terminating,
    /// It is gone, or its processes ended.
    Ended(EndReason),
    /// The object of one that ended is gone.
    Forgotten,
}

/// A change of a pod, with its time.
#[derive(Clone, Debug)]
pub(crate) struct PodStep {
    pub(crate) at: Instant,
    /// `NAMESPACE/NAME`.
    pub(crate) pod: String,
    pub(crate) step: Step,
    /// The image of its first container.
    pub(crate) image: String,
    /// Earlier failures of its index, of a job's pod.
    pub(crate) failures: IndexFailures,
    /// Place among all changes of the run.
    pub(crate) place: usize,
}

impl PodStep {
    /// The name of the pod without its namespace.
    pub(crate) fn short_name(&self) -> &str {
        self.pod.rsplit('/').next().unwrap_or_default()
    }
}

/// A change of an object, with its time; deletions have no state.
#[derive(Clone, Debug)]
pub(crate) struct ObjectStep {
    pub(crate) at: Instant,
    pub(crate) name: String,
    pub(crate) before: Option<Object>,
    pub(crate) after: Option<Object>,
    /// Place among all changes of the run.
    pub(crate) place: usize,
}

/// A change of a node, with its time.
#[derive(Clone, Debug)]
pub(crate) struct NodeStep {
    pub(crate) at: Instant,
    pub(crate) node: String,
    pub(crate) change: NodeChange,
}

/// Change of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NodeChange {
    /// It is ready, or not.
    Ready(bool),
    /// It has these taints from now on.
    Taints(Vec<Taint>),
}

/// Watches a run.
#[derive(Default)]
pub(crate) struct Watch {
    pub(crate) pods: Vec<PodStep>,
    pub(crate) objects: Vec<ObjectStep>,
    /// Nodes that joined, with their times.
    pub(crate) joined: Vec<(Instant, String)>,
    /// Changes of nodes.
    pub(crate) nodes: Vec<NodeStep>,
    /// Place of the first change after what was there at the beginning.
    pub(crate) begun: Option<usize>,
    known: SortedMap<ObjectId, Object>,
    /// Names and images of pods that ended.
    ended: SortedMap<PodId, (String, String)>,
    place: usize,
}

impl Watch {
    /// When a pod was first told to end, or went without that.
    pub(crate) fn deleted_at(&self, pod: &str) -> Option<Instant> {
        let mut steps = self.pods.iter().filter(|own| own.pod == pod);
        let found = steps.find(|own| matches!(own.step, Step::Terminating | Step::Ended(_)));
        found.map(|own| own.at)
    }

    /// Names of pods without their namespace that were told to end until an instant, in order.
    pub(crate) fn deleted_until(&self, until: Instant) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for own in self.pods.iter().filter(|own| own.at <= until) {
            let name = own.short_name();
            let is_end = matches!(own.step, Step::Terminating | Step::Ended(_));
            if is_end && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn node(&mut self, at: Instant, node: NodeId, change: NodeChange, store: &Store) {
        let node = store.nodes().name(node).to_owned();
        self.nodes.push(NodeStep { at, node, change });
    }

    fn pod(&mut self, at: Instant, pod: PodRef, step: Step, store: &Store) {
        if let Some(record) = store.pods().get(pod) {
            let named = (name(record, store), image(record, store));
            self.push(at, named, step);
            let owner = store.pod_states().get(pod).and_then(|state| state.owner);
            if let (Some(own), Some(owner)) = (self.pods.last_mut(), owner) {
                own.failures = owner.failures;
            }
        }
    }

    fn push(&mut self, at: Instant, named: (String, String), step: Step) {
        let (pod, image) = named;
        let place = self.place;
        self.pods.push(PodStep {
            at,
            pod,
            step,
            image,
            failures: IndexFailures::default(),
            place,
        });
    }

    fn object(&mut self, at: Instant, change: &ObjectChange) {
        let (before, after) = match change {
            ObjectChange::Created { id, object, .. } | ObjectChange::Updated { id, object } => {
                (self.known.insert(*id, object.clone()), Some(object.clone()))
            }
            ObjectChange::Deleted { id } => (self.known.remove(id), None),
            ObjectChange::Terminating { .. } | ObjectChange::Orphaned { .. } => return,
        };
        let Some(any) = after.as_ref().or(before.as_ref()) else {
            return;
        };
        let name = format!("{}/{}/{}", any.kind(), any.namespace(), any.name());
        self.objects.push(ObjectStep {
            at,
            name,
            before,
            after,
            place: self.place,
        });
    }
}

fn name(record: &Pod, store: &Store) -> String {
    let namespace = &store.class(record.class).spec.namespace;
    format!("{namespace}/{}", record.name)
}

fn image(record: &Pod, store: &Store) -> String {
    let first = store.class(record.class).spec.containers.first();
    first.map_or_else(String::new, |own| own.image.to_string())
}

impl Observer for Watch {
    fn settled(&mut self, _at: Instant, _store: &Store) {
        self.begun.get_or_insert(self.place + 1);
    }

    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.place += 1;
        match event {
            Event::PodCreated(created) => {
                let found = created.found.as_ref();
                let found = found.map(|found| store.nodes().name(found.node).to_owned());
                let owner = created.owner.as_ref();
                let owner = owner.and_then(|owner| self.known.get(&owner.object));
                let owner = owner.map(|owner| format!("{}/{}", owner.kind(), owner.name()));
                self.pod(at, created.pod, Step::Created(found, owner), store);
            }
            Event::PodBound { pod, node, .. } => {
                let node = store.nodes().name(*node).to_owned();
                self.pod(at, *pod, Step::Bound(node), store);
            }
            Event::PodUnschedulable { pod } => self.pod(at, *pod, Step::Unschedulable, store),
            Event::PodChanged {
                pod,
                change: PodChange::Terminating { .. },
            } => self.pod(at, *pod, Step::Terminating, store),
            Event::PodChanged {
                pod,
                change: PodChange::Forgotten,
            } => {
                if let Some(named) = self.ended.remove(&pod.id) {
                    self.push(at, named, Step::Forgotten);
                }
            }
            Event::PodEnded { pod, reason } => {
                if let Some(record) = ended {
                    let named = (name(record, store), image(record, store));
                    self.ended.insert(pod.id, named.clone());
                    self.push(at, named, Step::Ended(*reason));
                }
            }
            Event::NodeAdded { node, object } => {
                self.joined.push((at, object.name.to_string()));
                let change = NodeChange::Taints(object.taints.clone());
                self.node(at, *node, change, store);
            }
            Event::NodeUpdated { node, object } => {
                let change = NodeChange::Taints(object.taints.clone());
                self.node(at, *node, change, store);
            }
            Event::NodeReadiness { node, ready } => {
                self.node(at, *node, NodeChange::Ready(*ready), store);
            }
            Event::Object(change) => self.object(at, change),
            _ => {}
        }
    }
}
