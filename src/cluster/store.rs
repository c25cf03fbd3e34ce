//! The store: `apply` is the only way in, every change has a revision, and the state is a function
//! of the changes alone.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use model::behaviour::DEFAULT_GRACE;
use model::event::Hold;
use model::gpu::GPU_RESOURCES;
use model::{Event, ObjectChange, Pod, PodCreated, PodPhase, PodRef, PodSpec};
use units::{ClassId, ComponentId, Duration, Instant, NodeId, ResourceId, Revision, SortedMap};

use super::conflict::Conflict;
use super::nodes::Consumption;
use super::{Class, Interner, Log, NodeRing, Nodes, Objects, PodStates, Pods};

/// The party that keeps nodes from holding more than they have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Commitment {
    /// The store refuses a binding that a node has no room for.
    #[default]
    Checked,
    /// The system's own rule decides, and may promise more or look at no resources at all. GPU
    /// devices are never given twice.
    Decided,
    /// The store accepts every binding, and the node refuses a pod that it has no room for: schedulers may
    /// race for the same nodes, or not look at the room at all.
    Admitted,
}

impl Commitment {
    /// Returns whether nodes refuse pods that they have no room for.
    pub const fn is_by_nodes(self) -> bool {
        matches!(self, Self::Admitted)
    }
}

/// The state of a cluster as its control plane knows it: nodes, pods, classes of pods, objects, and
/// the log of all changes.
///
/// [`Store::apply`] is the only way to change a store, so a store is a function of its log.
///
/// ```
/// use std::sync::Arc;
///
/// use cluster::{Conflict, Store};
/// use model::{Event, Node};
/// use units::Instant;
///
/// let node = Arc::new(Node {
///     name: "n1".into(),
///     ..Node::default()
/// });
/// let mut store = Store::new();
/// let joined = store.node_added(node.clone());
/// store.apply(Instant::ZERO, joined)?;
/// assert_eq!(store.revision().0, 1);
/// assert!(store.nodes().by_name("n1").is_some());
/// // A second node of that name is refused, and the store stays as it was.
/// let again = store.node_added(node);
/// let refused = store.apply(Instant::ZERO, again);
/// assert_eq!(refused.err(), Some(Conflict::DuplicateNode("n1".to_owned())));
/// assert_eq!(store.revision().0, 1);
/// # Ok::<(), Conflict>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Store {
    pub(super) commitment: Commitment,
    now: Instant,
    log: Log,
    pub(super) ring: NodeRing,
    pub(super) classes: Vec<Class>,
    class_index: IndexMap<Arc<PodSpec>, ClassId, FxBuildHasher>,
    extended: Interner,
    /// Extended resources whose units are GPU devices.
    gpu_resources: Vec<ResourceId>,
    gpu_models: Interner,
    pub(super) nodes: Nodes,
    pub(super) pods: Pods,
    pub(super) holds: SortedMap<(ComponentId, u64), Arc<Hold>>,
    pub(super) objects: Objects,
    pub(super) pod_states: PodStates,
}

impl Store {
    /// An empty cluster.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty cluster whose nodes are filled by a rule.
    pub fn committed(commitment: Commitment) -> Self {
        Self {
            commitment,
            ..Self::default()
        }
    }

    /// Component that keeps nodes from being overcommitted.
    pub const fn commitment(&self) -> Commitment {
        self.commitment
    }

    /// Revision of the last change.
    #[inline]
    pub fn revision(&self) -> Revision {
        self.log.head()
    }

    /// Instant of the last change.
    #[inline]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The changes that some reader may still need.
    #[inline]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The nodes changed lately.
    #[inline]
    pub fn ring(&self) -> &NodeRing {
        &self.ring
    }

    /// The nodes.
    #[inline]
    pub fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    /// The living pods.
    #[inline]
    pub fn pods(&self) -> &Pods {
        &self.pods
    }

    /// The objects of the API.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// The states of pods beside their records.
    pub fn pod_states(&self) -> &PodStates {
        &self.pod_states
    }

    /// The grace period of a pod.
    pub fn grace_of(&self, pod: PodRef) -> Duration {
        let record = self.pods.get(pod);
        record.map_or(DEFAULT_GRACE, |record| {
            self.class(record.class).spec.grace()
        })
    }

    /// A pod class.
    ///
    /// # Panics
    /// If the class was never added.
    #[inline]
    pub fn class(&self, class: ClassId) -> &Class {
        &self.classes[class.index()]
    }

    /// The number of classes.
    pub fn class_count(&self) -> usize {
        self.classes.len()
    }

    /// The class of a spec, if it was added.
    pub fn class_of(&self, spec: &PodSpec) -> Option<ClassId> {
        self.class_index.get(spec).copied()
    }

    /// Names of extended resources by [`units::ResourceId`].
    pub fn extended(&self) -> &Interner {
        &self.extended
    }

    /// Extended resources whose units are whole GPU devices, such as `nvidia.com/gpu`.
    #[inline]
    pub fn gpu_resources(&self) -> &[ResourceId] {
        &self.gpu_resources
    }

    /// Names of GPU models by index.
    pub fn gpu_models(&self) -> &Interner {
        &self.gpu_models
    }

    /// A copy with an empty log, for a view or a fork.
    pub fn fork(&self) -> Self {
        let mut copy = self.clone();
        copy.truncate(self.revision());
        copy
    }

    /// Forgets the log up to a revision that every watcher has read.
    pub fn truncate(&mut self, upto: Revision) {
        self.log.truncate(upto);
    }

    /// Applies a change. Returns the record of a pod that it ended, as it was before.
    ///
    /// # Errors
    /// The change is refused and nothing happened.
    pub fn apply(&mut self, now: Instant, event: Event) -> Result<Option<Pod>, Conflict> {
        let at = Revision(self.revision().0 + 1);
        let mut ended = None;
        match &event {
            Event::ClassAdded { .. } | Event::NodeAdded { .. } | Event::NodeUpdated { .. } => {
                self.declare(&event, at)?;
            }
            Event::NodeReadiness { node, ready } => {
                self.nodes.set_ready(*node, *ready, at)?;
                self.ring.push(at, *node);
            }
            Event::NodeContact { node, contact } => self.nodes.set_contact(*node, *contact)?,
            Event::NodeRemoved { node } => {
                self.nodes.remove(*node, at)?;
                self.ring.push(at, *node);
            }
            Event::PodCreated(created) => {
                if created.class.index() >= self.classes.len() {
                    return Err(Conflict::UnknownClass);
                }
                self.create(created, now)?;
            }
            Event::PodUnschedulable { pod } => {
                self.pod_in(*pod, |phase| phase == PodPhase::Pending)?;
            }
            Event::PodBound { pod, .. } => {
                self.pod_in(*pod, |phase| phase == PodPhase::Pending)?;
                self.bind(&event, at, now)?;
            }
            Event::PodStarting { pod } => {
                self.pod_in(*pod, |phase| phase == PodPhase::Bound)?.phase = PodPhase::Starting;
            }
            Event::PodRunning { pod } => {
                let pod = self.pod_in(*pod, |phase| {
                    matches!(phase, PodPhase::Bound | PodPhase::Starting)
                })?;
                pod.phase = PodPhase::Running;
                pod.started = now;
            }
            Event::PodEnded { pod, reason } => {
                let record = self.end(*pod, at)?;
                if let Some(owner) = self.pod_states.end(now, &record, *reason) {
                    self.objects.release(owner.object, *pod);
                }
                ended = Some(record);
            }
            Event::PodChanged { pod, change } => {
                self.change_pod(now, *pod, *change, at)?;
            }
            Event::Object(change) => {
                let orphans = self.orphaned_pods(change);
                self.objects.apply(now, at, change)?;
                for pod in orphans {
                    self.pod_states.disown(pod);
                }
            }
            Event::HoldPlaced(hold) => self.place_hold(hold, at)?,
            Event::HoldReleased { owner, number } => {
                self.release_hold(*owner, *number, at)?;
            }
            // Who needs prices keeps them.
            Event::PriceChanged(_)
            | Event::Decided(_)
            | Event::Delivery(_)
            | Event::Rollout { .. }
            | Event::Volume(_)
            | Event::ServiceLevels(_)
            | Event::MachineFailed(_) => {}
        }
        self.now = now;
        self.log.push(now, event);
        Ok(ended)
    }

    /// Adds or changes what is declared. Names that a refused declaration brought are forgotten:
    /// a view, which never sees it, would number those that follow otherwise.
    fn declare(&mut self, event: &Event, at: Revision) -> Result<(), Conflict> {
        let known = (self.extended.len(), self.gpu_models.len());
        let (extended, models) = (&mut self.extended, &mut self.gpu_models);
        let outcome = match event {
            Event::ClassAdded { class, object } => self.add_class(*class, object),
            Event::NodeAdded { node, object } => self
                .nodes
                .add(*node, object.clone(), extended, models, at)
                .map(|()| self.ring.push(at, *node)),
            Event::NodeUpdated { node, object } => self
                .nodes
                .update(*node, object.clone(), extended, models, at)
                .map(|()| self.ring.push(at, *node)),
            _ => Ok(()),
        };
        if outcome.is_err() {
            self.extended.truncate(known.0);
            self.gpu_models.truncate(known.1);
        }
        for index in known.0..self.extended.len() {
            if GPU_RESOURCES.contains(&self.extended.text(index)) {
                self.gpu_resources.push(ResourceId::from_index(index));
            }
        }
        outcome
    }

    fn add_class(&mut self, class: ClassId, object: &Arc<PodSpec>) -> Result<(), Conflict> {
        if class.index() != self.classes.len() || self.class_index.contains_key(object) {
            return Err(Conflict::UnknownClass);
        }
        let columns = Class::derive(object.clone(), &mut self.extended, &mut self.gpu_models)?;
        self.classes.push(columns);
        self.class_index.insert(object.clone(), class);
        Ok(())
    }

    #[inline]
    pub(super) fn pod_in(
        &mut self,
        pod: PodRef,
        allowed: impl Fn(PodPhase) -> bool,
    ) -> Result<&mut Pod, Conflict> {
        let Some(pod) = self.pods.get_mut(pod) else {
            return Err(Conflict::UnknownPod);
        };
        if allowed(pod.phase) {
            Ok(pod)
        } else {
            Err(Conflict::Phase(pod.phase))
        }
    }

    fn create(&mut self, created: &PodCreated, now: Instant) -> Result<(), Conflict> {
        let owner = created.owner;
        if owner.is_some_and(|owner| self.objects.get(owner.object).is_none()) {
            return Err(Conflict::UnknownObject);
        }
        self.pods.create(created, now)?;
        if let Some(owner) = owner {
            let turn = self.objects.adopt(owner, created.pod)?;
            self.pod_states.own(created.pod, owner, turn, now);
        }
        if let Some(found) = created.found.as_ref().filter(|found| found.says_more()) {
            let spec = &self.classes[created.class.index()].spec;
            self.pod_states.find(created.pod, spec, found, now);
        }
        Ok(())
    }

    /// The living pods that a change leaves without an owner.
    fn orphaned_pods(&self, change: &ObjectChange) -> Vec<PodRef> {
        let ObjectChange::Orphaned { id } = change else {
            return Vec::new();
        };
        let row = self.objects.get(*id);
        row.map_or_else(Vec::new, |row| row.pods.clone())
    }

    fn bind(&mut self, event: &Event, at: Revision, now: Instant) -> Result<(), Conflict> {
        let Event::PodBound { pod, node, devices } = *event else {
            return Ok(());
        };
        // `ok_or` would make an error each time, to be dropped.
        let Some(record) = self.pods.get_mut(pod) else {
            return Err(Conflict::UnknownPod);
        };
        let class = &self.classes[record.class.index()];
        let Some(object) = self.nodes.object(node) else {
            return Err(Conflict::UnknownNode);
        };
        // The API binds to any node; one that is down without being marked is not to be had at all.
        if !self.nodes.is_ready(node) && !object.is_marked_away() {
            return Err(Conflict::NodeClosed);
        }
        // What was found on a node is there, and may be more than the node has; devices are never
        // overcommitted.
        let was_there = record.found().is_some_and(|found| found.node == node);
        let is_decided = was_there || self.commitment != Commitment::Checked;
        let has_room = if is_decided {
            self.nodes.is_countable(node, &class.requests)
        } else {
            self.nodes.has_room(node, &class.requests)
        };
        let fits = has_room
            && devices.len() == usize::from(class.gpu.devices)
            && self
                .nodes
                .devices_have_room(node, devices, class.gpu.milli_per_device);
        if !fits {
            return Err(Conflict::NoRoom);
        }
        record.bind(node, devices, now);
        self.nodes.take(node, &taken_by_pod(class, devices), at);
        self.nodes.push_pod(node, pod.slot);
        self.ring.push(at, node);
        Ok(())
    }

    fn end(&mut self, pod: PodRef, at: Revision) -> Result<Pod, Conflict> {
        let Some(record) = self.pods.end(pod) else {
            return Err(Conflict::UnknownPod);
        };
        if let Some(node) = record.node() {
            let class = &self.classes[record.class.index()];
            self.nodes
                .give_back(node, &taken_by_pod(class, record.devices()), at);
            self.nodes.drop_pod(node, pod.slot);
            self.ring.push(at, node);
        }
        Ok(record)
    }

    fn place_hold(&mut self, hold: &Arc<Hold>, at: Revision) -> Result<(), Conflict> {
        if self.holds.contains_key(&(hold.owner, hold.number)) {
            return Err(Conflict::UnknownHold);
        }
        if self.nodes.object(hold.node).is_none() {
            return Err(Conflict::UnknownNode);
        }
        let fits = self.nodes.has_room(hold.node, &hold.resources)
            && self
                .nodes
                .devices_have_room(hold.node, hold.devices, hold.milli_per_device);
        if !fits {
            return Err(Conflict::NoRoom);
        }
        self.nodes.take(hold.node, &taken_by_hold(hold), at);
        self.ring.push(at, hold.node);
        self.holds.insert((hold.owner, hold.number), hold.clone());
        Ok(())
    }

    fn release_hold(
        &mut self,
        owner: ComponentId,
        number: u64,
        at: Revision,
    ) -> Result<(), Conflict> {
        let hold = self.holds.remove(&(owner, number));
        let hold = hold.ok_or(Conflict::UnknownHold)?;
        self.nodes.give_back(hold.node, &taken_by_hold(&hold), at);
        self.ring.push(at, hold.node);
        Ok(())
    }

    /// Whether a change of an object was decided on what has changed since; the API refuses it.
    pub fn is_stale(&self, event: &Event, decided_on: Revision) -> bool {
        let Event::Object(ObjectChange::Updated { id, .. }) = event else {
            return false;
        };
        let row = self.objects.get(*id);
        row.is_some_and(|row| row.changed > decided_on)
    }

    /// The event that adds a node.
    pub fn node_added(&self, object: Arc<model::Node>) -> Event {
        Event::NodeAdded {
            node: NodeId::from_index(self.nodes.len()),
            object,
        }
    }

    /// The event that adds a class; `None` if it is known.
    pub fn class_added(&self, object: &Arc<PodSpec>) -> Option<Event> {
        let class = ClassId::from_index(self.classes.len());
        (!self.class_index.contains_key(object)).then(|| Event::ClassAdded {
            class,
            object: object.clone(),
        })
    }
}

#[inline]
pub(super) fn taken_by_pod(class: &Class, devices: model::DeviceSet) -> Consumption<'_> {
    Consumption {
        resources: &class.requests,
        devices,
        milli_per_device: class.gpu.milli_per_device,
    }
}

fn taken_by_hold(hold: &Hold) -> Consumption<'_> {
    Consumption {
        resources: &hold.resources,
        devices: hold.devices,
        milli_per_device: hold.milli_per_device,
    }
}
