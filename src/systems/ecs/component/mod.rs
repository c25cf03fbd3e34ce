//! The service scheduler at work, as one component (spec: orchestrators-a.md section 7).
//!
//! It looks at a service when something about it or its tasks changed: stops and starts tasks within
//! the bounds, one placement a step. Tasks that no instance takes wait for a change of the cluster.
//! Services are in `services.rs`, tasks in `tasks.rs`, instances in `instances.rs`, machines of tasks in
//! `fargate.rs`.

mod capacity;
mod deployment;
mod fargate;
mod health;
mod instances;
mod memory;
mod services;
mod tasks;
mod troubles;

use std::collections::VecDeque;

use cluster::{Conflict, Store};
use control::admission::Creation;
use control::provider::OrderFailure;
use control::{Component, Memory, Outbox, Progress, Write};
use model::{EndReason, Event, NodeContact, PodChange, PodRef, Text};
use rng::Stream;
use scheduler::pipeline::evaluate::Form;
use units::{Instant, NodeId, ObjectId, PodId, Revision, SortedMap, SortedSet};

use super::fast::FastCluster;
use super::options::EcsOptions;
use super::placement::{Gpus, Rules, Task};
use crate::parts::timers::Timers;
use crate::parts::turn::Turn;

use capacity::Capacity;
use instances::Agent;
use memory::TaskMemory;
use services::Service;
use tasks::{Kind, TaskState, Template};

/// Something that is due.
#[derive(Clone, Copy, Debug)]
enum Due {
    /// A task has run for so long that it counts as healthy.
    Healthy(PodRef),
    /// A container of a task has failed its health check.
    Unhealthy(PodRef, u16),
    /// A balancer sends a task nothing any more.
    Deregistered(PodRef),
    /// A service may start tasks again.
    Retry(ObjectId),
    /// A service tries again to place the tasks that no instance takes.
    Placement(ObjectId),
    /// An agent has been silent for so long that its instance takes no tasks.
    Disconnected(NodeId),
    /// An agent has been silent for so long that its instance is given up.
    GivenUp(NodeId),
    /// A task of Fargate may order its machine.
    Launch(PodRef),
    /// The machine of a task that ended is given back.
    Release(NodeId),
}

/// Tasks that place alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Alike {
    rules: usize,
    cpu: i64,
    memory: i64,
    gpus: Gpus,
    ports: Vec<Text>,
    group: Text,
}

impl Alike {
    fn of(task: &Task, rules: usize) -> Self {
        Self {
            rules,
            cpu: task.cpu,
            memory: task.memory,
            gpus: task.gpus,
            ports: task.ports.clone(),
            group: task.group.clone(),
        }
    }
}

/// The control plane of ECS.
#[derive(Clone)]
pub(super) struct Ecs {
    options: EcsOptions,
    form: Form,
    random: Stream,
    cursor: Revision,
    cluster: FastCluster,
    /// Rules that were registered, by their number.
    rules: Vec<Rules>,
    templates: SortedMap<Kind, Template>,
    capacity: Capacity,
    agents: Vec<Agent>,
    services: SortedMap<ObjectId, Service>,
    /// Tasks as an earlier component knew them, until their pods are read.
    known: SortedMap<PodId, TaskMemory>,
    /// Services to look at.
    dirty: SortedSet<ObjectId>,
    /// By slot.
    tasks: Vec<Option<TaskState>>,
    /// Number of tasks that there were.
    started: u64,
    queue: VecDeque<PodRef>,
    /// Tasks of daemons, which are placed before those of the queue.
    daemons: VecDeque<PodRef>,
    /// Tasks of daemons that were asked for and are not there yet.
    daemons_coming: u64,
    /// Tasks that no instance takes, by their numbers.
    resting: SortedMap<u64, PodRef>,
    /// Tasks that no instance takes until something changes.
    refused: SortedSet<Alike>,
    timers: Timers<Due>,
}

impl Ecs {
    /// A control plane that knows nothing yet; `seed` is the run's.
    pub(super) fn new(options: EcsOptions, form: Form, seed: u64) -> Self {
        Self {
            options,
            form,
            random: Stream::new(seed, "ecs.random", 0),
            cursor: Revision::default(),
            cluster: FastCluster::default(),
            rules: Vec::new(),
            templates: SortedMap::new(),
            capacity: Capacity::new(),
            agents: Vec::new(),
            services: SortedMap::new(),
            known: SortedMap::new(),
            dirty: SortedSet::new(),
            tasks: Vec::new(),
            started: 0,
            queue: VecDeque::new(),
            daemons: VecDeque::new(),
            daemons_coming: 0,
            resting: SortedMap::new(),
            refused: SortedSet::new(),
            timers: Timers::default(),
        }
    }

    fn read(&mut self, turn: &mut Turn<'_>) {
        for entry in turn.store.log().since(self.cursor) {
            let at = entry.at;
            match &entry.event {
                Event::NodeAdded { node, object } => {
                    self.joined(object);
                    self.provided_instance(turn.now, *node, object, turn.out);
                }
                Event::NodeUpdated { node, object } => {
                    self.updated(*node, object);
                }
                Event::NodeContact { node, contact } => match contact {
                    NodeContact::Silent { .. } => self.silent(at, *node),
                    NodeContact::Steady => self.heard(*node, turn),
                    NodeContact::Heard => {}
                },
                Event::NodeReadiness { node, ready } => self.declared_ready(*node, *ready),
                Event::NodeRemoved { node } => {
                    self.removed(*node, turn);
                    self.provided_left(*node);
                }
                Event::PodCreated(created) => self.created(created, turn),
                Event::PodBound { pod, node, .. } => self.bound(*pod, *node),
                Event::PodRunning { pod } => self.runs(turn.now, *pod, turn.store),
                Event::PodChanged {
                    pod,
                    change: PodChange::Ready(true),
                } => self.ready_again(*pod, turn),
                Event::PodEnded { pod, reason } => self.ended(*pod, *reason, turn),
                Event::Object(change) => self.declared(change.id(), turn),
                _ => {}
            }
        }
        self.cursor = turn.store.revision();
    }

    fn due(&mut self, due: Due, turn: &mut Turn<'_>) {
        match due {
            Due::Healthy(pod) => self.healthy(pod),
            Due::Unhealthy(pod, container) => self.unhealthy(pod, container, turn),
            Due::Deregistered(pod) => self.stop_for(pod, EndReason::Cancelled, turn),
            Due::Retry(service) => {
                self.dirty.insert(service);
            }
            Due::Placement(service) => self.place_again(service, turn),
            Due::Disconnected(node) => self.disconnected(node, turn),
            Due::GivenUp(node) => self.given_up(node, turn),
            Due::Launch(pod) => self.launch(pod, turn),
            Due::Release(node) => Self::give_back(node, turn.out),
        }
    }

    /// Something became free or joined: tasks that wait are tried again.
    fn changed(&mut self) {
        self.refused.clear();
        for pod in std::mem::take(&mut self.resting).into_values() {
            self.enqueue(pod);
        }
    }

    /// Whether no task can be placed as things are.
    fn is_idle(&self) -> bool {
        let waits = self.queue.is_empty() || self.daemons_coming > 0;
        waits && self.daemons.is_empty() && self.dirty.is_empty()
    }
}

impl Component for Ecs {
    fn name(&self) -> &'static str {
        "ecs-service-scheduler"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        let turn = &mut Turn::new(now, view, out);
        self.read(turn);
        while let Some((_, due)) = self.timers.pop(now) {
            self.due(due, turn);
        }
        while let Some(service) = self.dirty.pop_first() {
            self.look_at(service, turn);
        }
        self.place_next(turn);
        // Tasks that have not been tried yet may have room.
        if self.queue.is_empty() && self.daemons.is_empty() {
            self.scale(turn);
        }
        if let Some(at) = self.timers.next() {
            turn.out.wake_at(at);
        }
        if self.is_idle() {
            Progress::Idle
        } else {
            Progress::More
        }
    }

    fn refused(&mut self, write: &Write, _conflict: &Conflict) {
        if let Event::PodBound { pod, .. } = write.event {
            self.not_bound(pod);
        }
    }

    fn declined(&mut self, creation: &Creation, _conflict: &Conflict) {
        if let Some(id) = creation.owner() {
            self.not_created(id);
        }
    }

    fn order_failed(&mut self, now: Instant, failed: &OrderFailure) {
        self.not_provided(now, &failed.node);
    }

    fn backlog(&self) -> usize {
        self.queue.len() + self.daemons.len() + self.resting.len()
    }

    fn waiting_message(&self, pod: PodRef) -> Option<Text> {
        self.why_it_waits(pod)
    }

    fn remarks(&self) -> Vec<String> {
        self.troubles()
    }

    fn memory(&self) -> Memory {
        self.remembered()
    }

    fn recall(&mut self, _now: Instant, memory: &str, _view: &Store) -> Result<(), String> {
        self.taken_up(memory)
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
