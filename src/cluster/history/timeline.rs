//! The changes of a short history, collected by what they are about and put in order of time.

use std::sync::Arc;

use model::gpu::GpuInventory;
use model::{Event, Node, NodeContact, ObjectChange, Pod, PodChange, PodCreated, PodPhase, PodRef};
use units::{ClassId, Instant, NodeId, ObjectId, PodId, PodSlot, SortedMap, SortedSet};

use super::super::nodes::NO_MODEL;
use super::super::{FinishedPod, LogEntry, PodState, Store};
use super::placeholder;

/// Order of changes at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Class,
    Node,
    Object,
    /// A change of a pod; they come in order of pods.
    Pod,
    /// The present state of what was declared above.
    State,
}

/// A change with its place.
struct DatedChange {
    at: Instant,
    rank: Rank,
    /// Number of what it is about.
    number: u32,
    event: Event,
}

/// The changes that lead to the present state of a store.
pub(super) struct ChangeTimeline<'s> {
    store: &'s Store,
    now: Instant,
    placed: Vec<DatedChange>,
    /// New numbers of the classes that pods have.
    classes: SortedMap<ClassId, ClassId>,
}

impl<'s> ChangeTimeline<'s> {
    pub(super) fn of(store: &'s Store, now: Instant) -> Self {
        let mut course = Self {
            store,
            now,
            placed: Vec::new(),
            classes: SortedMap::new(),
        };
        course.classes();
        course.nodes();
        course.objects();
        for pod in store.pods().iter() {
            course.pod(pod, store.pod_states().get(pod.pod));
        }
        for finished in store.pod_states().all_finished() {
            course.finished(finished);
        }
        course
    }

    /// The changes in order. Rows of pods are given as the store gives them.
    pub(super) fn into_entries(mut self) -> Vec<LogEntry> {
        // A stable sort keeps the changes of one thing as they were collected.
        self.placed
            .sort_by_key(|placed| (placed.at, placed.rank, placed.number));
        let mut rows = Rows::default();
        let placed = self.placed.into_iter().map(|placed| LogEntry {
            at: placed.at,
            event: rows.placed(placed.event),
        });
        placed.collect()
    }

    fn place(&mut self, at: Instant, rank: Rank, number: u32, event: Event) {
        self.placed.push(DatedChange {
            at,
            rank,
            number,
            event,
        });
    }

    /// The classes that a pod has.
    fn classes(&mut self) {
        let living = self.store.pods().iter().map(|pod| pod.class);
        let finished = self.store.pod_states().all_finished();
        let used = living.chain(finished.map(|finished| finished.pod.class));
        let used: SortedSet<ClassId> = used.collect();
        for (number, class) in (0..).zip(used) {
            let object = self.store.class(class).spec.clone();
            let new = ClassId(number);
            self.classes.insert(class, new);
            let event = Event::ClassAdded { class: new, object };
            self.place(Instant::ZERO, Rank::Class, number, event);
        }
    }

    /// All nodes in order, with their states at the end. One that is gone has no more than a name.
    fn nodes(&mut self) {
        let nodes = self.store.nodes();
        for node in nodes.ids() {
            let object = nodes.object(node).cloned();
            let is_gone = object.is_none();
            let object = object.unwrap_or_else(|| self.gone(node));
            let added = Event::NodeAdded { node, object };
            self.place(Instant::ZERO, Rank::Node, node.0, added);
            if is_gone {
                let removed = Event::NodeRemoved { node };
                self.place(self.now, Rank::State, node.0, removed);
                continue;
            }
            if let Some(last_heartbeat) = nodes.silent_since(node) {
                let contact = NodeContact::Silent { last_heartbeat };
                let silent = Event::NodeContact { node, contact };
                self.place(self.now, Rank::State, node.0, silent);
            }
            if !nodes.is_ready(node) {
                let ready = false;
                let unready = Event::NodeReadiness { node, ready };
                self.place(self.now, Rank::State, node.0, unready);
            }
        }
    }

    /// A node in place of one that is gone.
    fn gone(&self, node: NodeId) -> Arc<Node> {
        let nodes = self.store.nodes();
        let devices = nodes.gpu_room(node).len();
        let model = nodes.gpu_model(node);
        let gpu = (model != NO_MODEL).then(|| GpuInventory {
            model: self.store.gpu_models().text(usize::from(model)).into(),
            devices: u8::try_from(devices).unwrap_or(u8::MAX),
        });
        // Another node may have the name by now.
        let mark = format!(" #{} (gone)", node.0);
        let name = nodes.name(node);
        let name = name.strip_suffix(&mark).unwrap_or(name);
        let name = format!("{name}{mark}");
        Arc::new(Node {
            name: name.into(),
            gpu,
            ..Node::default()
        })
    }

    /// The objects in order, each with its owner before it.
    fn objects(&mut self) {
        let objects = self.store.objects();
        let gone = self.gone_owners();
        let present = objects.iter().map(|(id, _)| id);
        let all: SortedSet<ObjectId> = present.chain(gone).collect();
        let mut at = Instant::ZERO;
        for id in all {
            let row = objects.get(id);
            at = row.map_or(at, |row| at.max(row.created));
            let created = ObjectChange::Created {
                id,
                owner: row.and_then(|row| row.owner),
                object: row.map_or_else(|| placeholder(id), |row| row.object.clone()),
            };
            self.place(at, Rank::Object, id.0, Event::Object(created));
            let change = match row {
                None => ObjectChange::Deleted { id },
                Some(row) if row.is_terminating => ObjectChange::Terminating { id },
                Some(_) => continue,
            };
            self.place(self.now, Rank::State, id.0, Event::Object(change));
        }
    }

    /// Objects that are gone while something of theirs is there.
    fn gone_owners(&self) -> SortedSet<ObjectId> {
        let objects = self.store.objects();
        let of_objects = objects.iter().filter_map(|(_, row)| row.owner);
        let states = self.store.pod_states();
        let living = self.store.pods().iter();
        let living = living.filter_map(|pod| states.get(pod.pod)?.owner);
        let finished = states.all_finished().filter_map(|one| one.state.owner);
        let of_pods = living.chain(finished).map(|owner| owner.object);
        let owners = of_objects.chain(of_pods);
        owners
            .filter(|&owner| objects.get(owner).is_none())
            .collect()
    }

    /// The changes of a living pod; returns the instant of the last one.
    fn pod(&mut self, pod: &Pod, state: Option<&PodState>) -> Instant {
        let mut at = pod.created;
        let mut events = vec![(at, self.creation(pod, state))];
        let reference = pod.pod;
        if let Some(node) = pod.node() {
            let devices = pod.devices();
            at = at.max(pod.bound);
            events.push((
                at,
                Event::PodBound {
                    pod: reference,
                    node,
                    devices,
                },
            ));
        }
        match pod.phase {
            PodPhase::Starting => events.push((at, Event::PodStarting { pod: reference })),
            PodPhase::Running => {
                at = at.max(pod.started);
                events.push((at, Event::PodRunning { pod: reference }));
            }
            _ => {}
        }
        if let Some(state) = state {
            for (instant, change) in changes(pod, state) {
                at = at.max(instant);
                let pod = reference;
                events.push((at, Event::PodChanged { pod, change }));
            }
        }
        for (at, event) in events {
            self.place(at, Rank::Pod, reference.id.0, event);
        }
        at
    }

    fn finished(&mut self, finished: &FinishedPod) {
        let last = self.pod(&finished.pod, Some(&finished.state));
        let pod = finished.pod.pod;
        let reason = finished.reason;
        let at = last.max(finished.at);
        self.place(at, Rank::Pod, pod.id.0, Event::PodEnded { pod, reason });
    }

    fn creation(&self, pod: &Pod, state: Option<&PodState>) -> Event {
        Event::PodCreated(PodCreated {
            pod: pod.pod,
            class: self.classes.get(&pod.class).copied().unwrap_or(pod.class),
            name: pod.name.clone(),
            tenant: pod.tenant,
            gang: pod.gang(),
            time_limit: pod.time_limit(),
            estimate: None,
            found: pod.found().cloned(),
            owner: state.and_then(|state| state.owner),
        })
    }
}

/// The messages about a pod, in order of time as far as that is known.
fn changes(pod: &Pod, state: &PodState) -> Vec<(Instant, PodChange)> {
    let mut changes = Vec::new();
    for _ in 0..state.holds {
        changes.push((pod.created, PodChange::Held));
    }
    if state.restarts.total() > 0 {
        changes.push((pod.created, PodChange::Restarted(state.restarts)));
    }
    if state.is_ready || state.ready_changed > pod.created {
        changes.push((state.ready_changed, PodChange::Ready(state.is_ready)));
    }
    if let Some(order) = state.terminating {
        let change = PodChange::Terminating {
            grace: order.grace,
            reason: order.reason,
        };
        changes.push((order.since, change));
        // A pod may change after it was asked to terminate; its state has the newest instant of each.
        changes.sort_by_key(|&(at, _)| at);
    }
    changes
}

/// Rows of pods, given as the store gives them: that which became free last goes first.
#[derive(Default)]
struct Rows {
    vacant: Vec<PodSlot>,
    used: usize,
    of: SortedMap<PodId, PodSlot>,
}

impl Rows {
    fn placed(&mut self, mut event: Event) -> Event {
        match &mut event {
            Event::PodCreated(created) => {
                let slot = self.vacant.pop().unwrap_or_else(|| {
                    self.used += 1;
                    PodSlot::from_index(self.used - 1)
                });
                self.of.insert(created.pod.id, slot);
                created.pod.slot = slot;
            }
            Event::PodEnded { pod, .. } => {
                self.find(pod);
                self.of.remove(&pod.id);
                self.vacant.push(pod.slot);
            }
            Event::PodBound { pod, .. }
            | Event::PodStarting { pod }
            | Event::PodRunning { pod }
            | Event::PodChanged { pod, .. } => self.find(pod),
            _ => {}
        }
        event
    }

    fn find(&self, pod: &mut PodRef) {
        if let Some(&slot) = self.of.get(&pod.id) {
            pod.slot = slot;
        }
    }
}
