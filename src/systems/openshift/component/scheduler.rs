//! The scheduler at work: pods in the order of their creation, each on the node that the policy names
//! (spec: orchestrators-a.md section 8.1). A pod that fits nowhere is tried again after its back-off, once something
//! about the cluster has changed.

use std::collections::VecDeque;

use cluster::{Conflict, Store};
use control::{Component, Outbox, Progress, Write};
use fixedbitset::FixedBitSet;
use model::resource_list::{CPU, MEMORY};
use model::{DeviceSet, EndReason, Event, Node, PodChange, PodCreated, PodRef, PodSpec, Text};
use units::{ClassId, Instant, NodeId, ObjectId, Revision, SortedMap, SortedSet};

use super::super::entry::CAPABILITIES;
use super::super::options::OpenShiftOptions;
use super::super::policy::{self, Amounts, Asked, Candidate};
use super::super::rules::Priority;
use super::affinity::Neighbours;
use super::backoff::BackOff;
use super::obstacles::Obstacles;
use super::spread::Spread;
use super::wishes::{Wishes, admits, candidate, controller, disks, pair, project_selector};
use crate::mapping::refusal;
use crate::parts::turn::Turn;

/// Facts that the scheduler keeps about a class of pods.
#[derive(Clone, Debug)]
struct Template {
    asked: Asked,
    /// `true` if the system can't express what the pods ask for.
    is_refused: bool,
    /// Nodes whose labels, taints and cordons admit the pods.
    admitted: FixedBitSet,
    /// What the pods prefer and avoid of each node; empty where the policy does not look at it.
    wishes: Vec<Wishes>,
}

/// A pod.
#[derive(Clone, Copy, Debug)]
struct Seat {
    pod: PodRef,
    class: ClassId,
    /// Position in the order of creation.
    number: u64,
    node: Option<usize>,
    /// `true` once it was asked to end.
    is_ending: bool,
}

/// The scheduler.
#[derive(Clone, Default)]
pub(in super::super) struct Scheduler {
    options: OpenShiftOptions,
    cursor: Revision,
    nodes: Vec<Candidate>,
    is_ready: Vec<bool>,
    /// By class.
    templates: Vec<Template>,
    /// By slot.
    seats: Vec<Option<Seat>>,
    /// Number of pods that there were.
    created: u64,
    /// Pods of services and controllers by node.
    spread: Spread,
    queue: VecDeque<PodRef>,
    /// Pods that fit nowhere, by their numbers, and when each is tried again.
    resting: SortedMap<u64, PodRef>,
    back_off: BackOff,
    /// Pods by class and node, where the policy looks at them.
    neighbours: Neighbours,
    /// `true` if a node asks pods of some controller to stay away.
    has_avoiding: bool,
    /// The instant of the last step.
    now: Instant,
    /// Classes that fit nowhere until something changes.
    refused: SortedSet<ClassId>,
    /// Obstacles that classes met at the last attempt that failed.
    obstacles: SortedMap<ClassId, Obstacles>,
}

impl Scheduler {
    /// A scheduler that knows nothing yet.
    pub(in super::super) fn new(options: OpenShiftOptions) -> Self {
        let spread = Spread::new(options.policy.weight(Priority::SelectorSpread) != 0);
        Self {
            options,
            spread,
            ..Self::default()
        }
    }

    fn read(&mut self, store: &Store) {
        for entry in store.log().since(self.cursor) {
            match &entry.event {
                Event::NodeAdded { object, .. } => {
                    self.nodes.push(candidate(object, &self.options.policy));
                    self.is_ready.push(true);
                    self.spread.add_node();
                    self.admit(self.nodes.len() - 1, object, store);
                }
                Event::NodeUpdated { node, object } => {
                    if let Some(own) = self.nodes.get_mut(node.index()) {
                        let new = candidate(object, &self.options.policy);
                        let known = std::mem::replace(own, new);
                        (own.used, own.pods) = (known.used, known.pods);
                        (own.ports, own.disks) = (known.ports, known.disks);
                        own.read_disks = known.read_disks;
                    }
                    self.admit(node.index(), object, store);
                }
                Event::NodeReadiness { node, ready } => self.set_ready(*node, *ready),
                Event::NodeRemoved { node } => self.set_ready(*node, false),
                Event::PodCreated(created) => self.enter(created, store),
                Event::PodBound { pod, node, .. } => self.sit(*pod, node.index()),
                Event::PodEnded { pod, .. } => self.ended(*pod),
                Event::PodChanged {
                    pod,
                    change: PodChange::Terminating { .. },
                } => self.ends(*pod),
                Event::Object(change) => self.object_changed(change.id(), store),
                _ => {}
            }
        }
        self.cursor = store.revision();
    }

    fn set_ready(&mut self, node: NodeId, is_ready: bool) {
        if let Some(own) = self.is_ready.get_mut(node.index()) {
            *own = is_ready;
            self.changed();
        }
    }

    /// Notes which classes a node admits.
    fn admit(&mut self, node: usize, object: &Node, store: &Store) {
        self.has_avoiding |= !object.avoids.0.is_empty();
        for (class, template) in self.templates.iter_mut().enumerate() {
            let spec = &store.class(ClassId::from_index(class)).spec;
            template.admitted.grow(node + 1);
            template.admitted.set(node, admits(spec, object));
            if self.options.looks_at_wishes() {
                template.wishes.resize(self.nodes.len(), Wishes::default());
                template.wishes[node] = Wishes::of(spec, object);
            }
        }
        self.changed();
    }

    /// Something became free or joined: pods that wait are tried again, each after its back-off.
    fn changed(&mut self) {
        self.refused.clear();
        self.back_off.changed(self.now);
    }

    /// A pod fits nowhere for now.
    fn rest(&mut self, number: u64, pod: PodRef) {
        self.resting.insert(number, pod);
        self.back_off.failed(self.now, number);
    }

    fn seat(&self, pod: PodRef) -> Option<Seat> {
        let own = self.seats.get(pod.slot.index()).copied().flatten();
        own.filter(|own| own.pod == pod)
    }

    fn enter(&mut self, created: &PodCreated, store: &Store) {
        let (pod, class) = (created.pod, created.class);
        let slot = pod.slot.index();
        if self.seats.len() <= slot {
            self.seats.resize(slot + 1, None);
        }
        self.created += 1;
        self.seats[slot] = Some(Seat {
            pod,
            class,
            number: self.created,
            node: None,
            is_ending: false,
        });
        self.prepare(class, store);
        if created.found.is_none() {
            self.queue.push_back(pod);
        }
    }

    /// Reads what the pods of a class ask for.
    fn prepare(&mut self, class: ClassId, store: &Store) {
        while self.templates.len() <= class.index() {
            let next = ClassId::from_index(self.templates.len());
            let spec = &store.class(next).spec;
            let mut admitted = FixedBitSet::with_capacity(self.nodes.len());
            let mut wishes = Vec::new();
            for node in 0..self.nodes.len() {
                let object = store.nodes().object(NodeId::from_index(node));
                admitted.set(node, object.is_some_and(|object| admits(spec, object)));
                if self.options.looks_at_wishes() {
                    wishes.push(object.map_or_else(Wishes::default, |own| Wishes::of(spec, own)));
                }
            }
            if self.options.policy.looks_at_pods() {
                self.neighbours.add_class(next, spec);
            }
            let template = Template {
                asked: self.asked(spec, store),
                is_refused: refusal(CAPABILITIES, spec).is_some(),
                admitted,
                wishes,
            };
            self.templates.push(template);
            if self.spread.add_class(spec, store) {
                self.recount();
            }
        }
    }

    fn asked(&self, spec: &PodSpec, store: &Store) -> Asked {
        let requests = spec.requests().unwrap_or_default();
        let mut selector = spec.node_selector.clone();
        for (key, value) in project_selector(&spec.namespace, &self.options, store) {
            selector.insert(key.clone(), value.clone());
        }
        let pairs = selector.iter().map(|(key, value)| pair(key, value));
        let ports = spec.host_ports().map(|own| own.port);
        Asked {
            amounts: Amounts {
                cpu: requests.get(CPU).milli_ceil().unwrap_or(i64::MAX),
                memory: requests.get(MEMORY).units_ceil().unwrap_or(i64::MAX),
            },
            region: selector.get(&self.options.policy.region).cloned(),
            selector: pairs.collect(),
            ports: ports.collect(),
            disks: disks(spec, false),
            read_disks: disks(spec, true),
        }
    }

    /// A service or a controller was declared, declared anew or deleted: pods are counted over again where it
    /// selects others than before.
    fn object_changed(&mut self, id: ObjectId, store: &Store) {
        if !self.spread.changes(id, store) {
            return;
        }
        self.spread.select(store);
        self.recount();
        self.changed();
    }

    fn recount(&mut self) {
        self.spread.clear();
        for seat in self.seats.iter().flatten() {
            if let Some(node) = seat.node {
                self.spread.count(seat.class, node, 1, seat.is_ending);
            }
        }
    }

    /// A pod was asked to end.
    fn ends(&mut self, pod: PodRef) {
        let slot = self.seats.get_mut(pod.slot.index());
        let own = slot.and_then(Option::as_mut);
        if let Some(own) = own.filter(|own| own.pod == pod && !own.is_ending) {
            own.is_ending = true;
            if let Some(node) = own.node {
                self.spread.ends(own.class, node);
            }
        }
    }

    /// Adds or takes what a pod holds of a node.
    fn hold(&mut self, class: ClassId, node: usize, sign: i64, is_ending: bool) {
        let template = &self.templates[class.index()];
        let Some(own) = self.nodes.get_mut(node) else {
            return;
        };
        let asked = &template.asked;
        own.used.cpu = own.used.cpu.saturating_add(sign * asked.amounts.cpu);
        own.used.memory = own.used.memory.saturating_add(sign * asked.amounts.memory);
        own.pods += sign;
        if self.options.policy.looks_at_pods() {
            self.neighbours.count(class, node, sign);
        }
        if sign > 0 {
            own.ports.extend(asked.ports.iter().copied());
            own.disks.extend(asked.disks.iter().cloned());
        } else {
            own.ports.retain(|port| !asked.ports.contains(port));
            own.disks.retain(|disk| !asked.disks.contains(disk));
        }
        for disk in &asked.read_disks {
            let readers = own.read_disks.entry(disk.clone()).or_default();
            *readers += sign;
            if *readers <= 0 {
                own.read_disks.remove(disk);
            }
        }
        self.spread.count(class, node, sign, is_ending);
    }

    /// A pod has a node: by a decision, or since before the run.
    fn sit(&mut self, pod: PodRef, node: usize) {
        let slot = self.seats.get_mut(pod.slot.index());
        let own = slot.and_then(Option::as_mut);
        let Some(own) = own.filter(|own| own.pod == pod && own.node.is_none()) else {
            return;
        };
        own.node = Some(node);
        let (class, is_ending) = (own.class, own.is_ending);
        self.hold(class, node, 1, is_ending);
    }

    fn leave(&mut self, pod: PodRef) {
        let slot = self.seats.get_mut(pod.slot.index());
        let own = slot.and_then(Option::as_mut);
        let Some(own) = own.filter(|own| own.pod == pod) else {
            return;
        };
        let (class, is_ending) = (own.class, own.is_ending);
        if let Some(node) = own.node.take() {
            self.hold(class, node, -1, is_ending);
        }
    }

    fn ended(&mut self, pod: PodRef) {
        self.leave(pod);
        let slot = self.seats.get_mut(pod.slot.index());
        let gone = slot.and_then(|slot| slot.take_if(|own| own.pod == pod));
        if let Some(own) = gone {
            self.resting.remove(&own.number);
            self.back_off.forget(own.number);
            self.changed();
        }
    }

    /// Notes what the pods on nodes and the wishes of nodes mean to a pod.
    fn count(&mut self, pod: PodRef, class: ClassId, store: &Store) {
        let policy = &self.options.policy;
        let weight = policy.required_affinity;
        let bearing = if policy.looks_at_pods() {
            let nodes = self.nodes.len();
            self.neighbours.bearing(class, weight, nodes, store)
        } else {
            None
        };
        let bearing = bearing.unwrap_or_default();
        let counts = policy.weight(Priority::NodePreferAvoidPods) != 0;
        let controller = controller(pod, store).filter(|_| self.has_avoiding && counts);
        for (place, node) in self.nodes.iter_mut().enumerate() {
            node.neighbours = bearing.points.get(place).copied().unwrap_or(0);
            node.is_repelled = bearing.closed.get(place).copied().unwrap_or(false);
            let object = store.nodes().object(NodeId::from_index(place));
            node.is_avoiding = controller
                .as_ref()
                .is_some_and(|own| object.is_some_and(|object| object.avoids.0.contains(own)));
        }
        let template = &self.templates[class.index()];
        for (place, node) in self.nodes.iter_mut().enumerate() {
            node.of_service = self.spread.of_service(class, place);
            node.of_selectors = self.spread.of_selectors(class, place);
            let wishes = template.wishes.get(place).copied().unwrap_or_default();
            (node.preferred, node.avoided) = (wishes.preferred, wishes.avoided);
        }
    }

    /// Places the first pod that waits.
    fn place_next(&mut self, turn: &mut Turn<'_>) {
        while let Some(pod) = self.queue.pop_front() {
            let Some(seat) = self.seat(pod).filter(|own| own.node.is_none()) else {
                continue;
            };
            let is_waiting = turn
                .store
                .pods()
                .get(pod)
                .is_some_and(|own| own.node().is_none());
            if !is_waiting || turn.store.pod_states().is_terminating(pod) {
                continue;
            }
            if self.templates[seat.class.index()].is_refused {
                let reason = EndReason::Rejected;
                turn.write(Event::PodEnded { pod, reason });
                continue;
            }
            if self.refused.contains(&seat.class) {
                self.rest(seat.number, pod);
                turn.write(Event::PodUnschedulable { pod });
                continue;
            }
            turn.out.decided_pods += 1;
            turn.out.decided_jobs += 1;
            self.count(pod, seat.class, turn.store);
            let own = &self.templates[seat.class.index()];
            let is_open = |node: usize| self.is_ready[node] && own.admitted.contains(node);
            let rules = &self.options.policy;
            let chosen = policy::place_among(&self.nodes, &own.asked, rules, is_open);
            if let Some(node) = chosen {
                self.back_off.forget(seat.number);
                self.sit(pod, node);
                let (node, devices) = (NodeId::from_index(node), DeviceSet::EMPTY);
                turn.write(Event::PodBound { pod, node, devices });
            } else {
                self.note_obstacles(seat.class);
                self.rest(seat.number, pod);
                turn.write(Event::PodUnschedulable { pod });
            }
            return;
        }
    }

    /// Notes why a pod of a class fits nowhere.
    fn note_obstacles(&mut self, class: ClassId) {
        let template = &self.templates[class.index()];
        let found = policy::obstacles(&self.nodes, &template.asked, &self.options.policy);
        let mut obstacles = Obstacles::default();
        for (node, obstacle) in found.into_iter().enumerate() {
            let is_open = self.is_ready[node] && template.admitted.contains(node);
            obstacles.add(is_open, obstacle);
        }
        self.refused.insert(class);
        self.obstacles.insert(class, obstacles);
    }

    /// Reason why a pod fits nowhere.
    fn why_it_waits(&self, pod: PodRef) -> Option<Text> {
        let seat = self.seat(pod).filter(|own| own.node.is_none())?;
        let obstacles = self.obstacles.get(&seat.class)?;
        Some(obstacles.to_string().into())
    }
}

impl Component for Scheduler {
    fn name(&self) -> &'static str {
        "openshift-scheduler"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        let turn = &mut Turn::new(now, view, out);
        self.now = now;
        self.read(view);
        while let Some(number) = self.back_off.pop(now) {
            self.queue.extend(self.resting.remove(&number));
        }
        self.place_next(turn);
        if let Some(at) = self.back_off.next() {
            turn.out.wake_at(at);
        }
        if self.queue.is_empty() {
            Progress::Idle
        } else {
            Progress::More
        }
    }

    fn refused(&mut self, write: &Write, _conflict: &Conflict) {
        if let Event::PodBound { pod, .. } = write.event {
            self.leave(pod);
            if let Some(own) = self.seat(pod) {
                self.rest(own.number, pod);
            }
        }
    }

    fn places_pods(&self) -> bool {
        true
    }

    fn backlog(&self) -> usize {
        self.queue.len() + self.resting.len()
    }

    fn waiting_message(&self, pod: PodRef) -> Option<Text> {
        self.why_it_waits(pod)
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
