//! Sparrow (SOSP'13; spec: orchestrators-b.md section 6.2): a scheduler without any picture of the
//! cluster. A job with m tasks probes d·m nodes at random; with late binding a probe is a reservation,
//! and the node asks for a task when its turn comes ([`queues`]). Without late binding each task goes
//! to the shortest queue of the nodes that it probed: the power of d choices.
//!
//! A job is a gang, or a pod without one; its members start one by one. Probes go to nodes that the
//! job's constraints admit. Reservations with nodes that are gone are made anew elsewhere.

mod options;
mod queue_order;
pub mod queues;
pub mod theory;

use std::collections::VecDeque;

use smallvec::SmallVec;

use cluster::{Conflict, Store};
use control::{Component, Outbox, Progress, Write};
use model::{DeviceSet, Event, PodRef};
use rng::Streams;
use units::{ClassId, Duration, Instant, NodeId, Revision, SortedMap, SortedSet, TenantId};

pub use self::options::{Sampling, SparrowOptions};
pub use self::queue_order::{Line, QueueOrder};
use self::queues::{Destination, JobKey, Queues, Slots, TaskRequest};
use crate::batch::Job;
use crate::batch::room::{Places, admits, push_places, slots_on};
use crate::batch::roster::{JobSubmission, Roster};
use crate::retry::Retry;

/// Round of draws for reservations that were lost: beyond those of tasks and nodes.
const ROUND_OF_LOST: u64 = (1 << 20) - 1;

/// Number of probes that are kept and compared in place.
const FEW: usize = 8;

/// Nodes that were drawn, in order.
type ProbeTargets = SmallVec<[NodeId; FEW]>;

/// Waiting members of a job.
#[derive(Clone, Debug)]
struct WaitingJob {
    class: ClassId,
    /// Queue within each node.
    line: Line,
    /// Members by task; `None` for those that wait no longer.
    members: SmallVec<[Option<PodRef>; 2]>,
}

/// An answer on its way to a node.
#[derive(Clone, Copy, Debug)]
struct Reply {
    node: NodeId,
    class: ClassId,
    pod: Option<PodRef>,
}

/// The scheduler, as a component.
#[derive(Clone)]
pub struct Sparrow {
    options: SparrowOptions,
    draws: Streams,
    queues: Queues,
    /// Workers that ask in a step.
    asked: Vec<TaskRequest>,
    jobs: SortedMap<JobKey, WaitingJob>,
    next: JobKey,
    /// Jobs that no node admits.
    stranded: Vec<JobKey>,
    /// Answers on their way with the instants of their arrival, which grow.
    replies: VecDeque<(Instant, Reply)>,
    /// Number of answers on their way, by node.
    asking: Vec<u32>,
    /// Nodes of bound pods, by slot.
    places: Vec<Option<NodeId>>,
    /// Nodes that take pods, in order.
    up: Vec<NodeId>,
    roster: Roster,
    cursor: Revision,
    backlog: usize,
    refused: Vec<PodRef>,
    retry: Retry,
}

/// Room of nodes beside the answers on their way.
struct NodeSlots<'a> {
    store: &'a Store,
    asking: &'a mut Vec<u32>,
}

impl Slots for NodeSlots<'_> {
    fn has_room(&mut self, worker: usize, class: ClassId) -> bool {
        let asking = self.asking.get(worker).copied().unwrap_or(0);
        let node = NodeId::from_index(worker);
        let nodes = self.store.nodes();
        // A node that is gone has no queue that would ask.
        node.index() < nodes.len() && slots_on(self.store, self.store.class(class), node) > asking
    }

    fn take(&mut self, worker: usize, _: JobKey) {
        if self.asking.len() <= worker {
            self.asking.resize(worker + 1, 0);
        }
        self.asking[worker] += 1;
    }
}

impl Sparrow {
    /// A scheduler without jobs.
    pub fn new(options: SparrowOptions) -> Self {
        Self {
            draws: Streams::new(options.seed, "sparrow/probes"),
            queues: Queues::ordered(options.cancellation, options.queues),
            asked: Vec::new(),
            options,
            jobs: SortedMap::new(),
            next: 0,
            stranded: Vec::new(),
            replies: VecDeque::new(),
            asking: Vec::new(),
            places: Vec::new(),
            up: Vec::new(),
            roster: Roster::default(),
            cursor: Revision::default(),
            backlog: 0,
            refused: Vec::new(),
            retry: Retry::default(),
        }
    }

    fn read(&mut self, now: Instant, store: &Store, out: &mut Outbox) {
        let mut fresh = Vec::new();
        if self.cursor < store.revision() || self.retry.is_due(now) {
            self.retry = Retry::default();
            let pods = store.pods();
            for pod in std::mem::take(&mut self.refused) {
                // Its job is over: it looks for a place by itself.
                let waits = pods.get(pod).filter(|_| self.roster.find(pod).is_some());
                fresh.extend(waits.map(|record| WaitingJob {
                    class: record.class,
                    line: self.line(record.tenant, record.class, store),
                    members: SmallVec::from_slice(&[Some(pod)]),
                }));
            }
        }
        let mut declared = false;
        for entry in store.log().since(self.cursor) {
            match &entry.event {
                Event::PodCreated(created) => {
                    let complete = self.roster.created(entry.at, store, created);
                    fresh.extend(complete.into_iter().map(|own| self.waiting(own, store)));
                    self.backlog += 1;
                }
                Event::PodBound { pod, node, .. } => self.bound(*pod, *node),
                Event::PodEnded { pod, .. } => self.ended(*pod),
                Event::HoldReleased { .. } => self.free_all(store),
                Event::NodeAdded { .. }
                | Event::NodeUpdated { .. }
                | Event::NodeRemoved { .. }
                | Event::NodeReadiness { .. } => declared = true,
                _ => {}
            }
        }
        if let Some(last) = self.roster.finish() {
            fresh.push(self.waiting(last, store));
        }
        self.cursor = store.revision();
        if declared {
            self.look_at_nodes(store);
            for key in std::mem::take(&mut self.stranded) {
                self.probe(key, store, out);
            }
        }
        for job in fresh {
            let key = self.next;
            self.next += 1;
            self.jobs.insert(key, job);
            self.probe(key, store, out);
        }
    }

    fn waiting(&self, submitted: JobSubmission, store: &Store) -> WaitingJob {
        let Job {
            class,
            members,
            facts,
            ..
        } = submitted.job;
        WaitingJob {
            class,
            line: self.line(facts.tenant, class, store),
            members: members.into_iter().map(Some).collect(),
        }
    }

    /// The queue within each node of a user's pods of a class.
    fn line(&self, tenant: TenantId, class: ClassId, store: &Store) -> Line {
        match self.options.queues {
            QueueOrder::One => 0,
            QueueOrder::ByUser => i64::from(tenant.0),
            QueueOrder::ByPriority => i64::from(store.class(class).spec.priority),
        }
    }

    fn bound(&mut self, pod: PodRef, node: NodeId) {
        let slot = pod.slot.index();
        if self.places.len() <= slot {
            self.places.resize(slot + 1, None);
        }
        self.places[slot] = Some(node);
        if self.roster.forget(pod).is_some() {
            self.backlog -= 1;
        }
    }

    fn ended(&mut self, pod: PodRef) {
        let place = self.places.get_mut(pod.slot.index());
        if let Some(node) = place.and_then(Option::take) {
            self.queues.freed(node.index());
        }
        if self.roster.forget(pod).is_some() {
            self.backlog -= 1;
        }
    }

    fn free_all(&mut self, store: &Store) {
        for node in store.nodes().ids() {
            self.queues.freed(node.index());
        }
    }

    /// Makes reservations with nodes that are gone anew.
    fn look_at_nodes(&mut self, store: &Store) {
        let nodes = store.nodes();
        let is_up = |node: &NodeId| nodes.schedulable()[node.index()];
        let up: Vec<NodeId> = nodes.present().filter(is_up).collect();
        let before = std::mem::replace(&mut self.up, up);
        let is_gone = |node: &NodeId| self.up.binary_search(node).is_err();
        let gone: Vec<NodeId> = before.into_iter().filter(is_gone).collect();
        for node in gone {
            for job in self.queues.drain(node.index()) {
                let Some(class) = self.jobs.get(&job).map(|job| job.class) else {
                    continue;
                };
                match self
                    .sample(job, u64::from(node.0) + 1, class, 1, store)
                    .first()
                {
                    Some(other) => self.queues.reserve(job, other.index()),
                    None => self.stranded.push(job),
                }
            }
        }
        self.free_all(store);
    }

    /// So many different nodes at random, of those that a class may go to; all of them if there are
    /// no more.
    fn sample(
        &self,
        job: JobKey,
        round: u64,
        class: ClassId,
        count: usize,
        store: &Store,
    ) -> ProbeTargets {
        let columns = store.class(class);
        let number = job.wrapping_mul(1 << 20).wrapping_add(round);
        let mut stream = self.draws.numbered(number);
        let is_free_choice =
            columns.gpu.devices == 0 && !columns.selects_nodes && !store.nodes().any_tainted();
        if is_free_choice && count.saturating_mul(4) <= self.up.len() {
            // Few of many: a node that was drawn before is drawn again.
            let mut nodes = ProbeTargets::with_capacity(count);
            let mut drawn = SortedSet::new();
            while nodes.len() < count {
                let node = self.up[stream.below(self.up.len() as u64) as usize];
                let is_new = if count <= FEW {
                    !nodes.contains(&node)
                } else {
                    drawn.insert(node)
                };
                if is_new {
                    nodes.push(node);
                }
            }
            return nodes;
        }
        let is_admitted = |node: &NodeId| admits(store, columns, *node);
        let mut admitted: ProbeTargets = self.up.iter().copied().filter(is_admitted).collect();
        let count = count.min(admitted.len());
        for chosen in 0..count {
            let left = (admitted.len() - chosen) as u64;
            let other = chosen + stream.below(left) as usize;
            admitted.swap(chosen, other);
        }
        admitted.truncate(count);
        admitted
    }

    /// Leaves a job's reservations.
    fn probe(&mut self, key: JobKey, store: &Store, out: &mut Outbox) {
        let Some(job) = self.jobs.get(&key) else {
            return;
        };
        let (class, line, tasks) = (job.class, job.line, job.members.len());
        let per_task = self.options.probes.max(1) as usize;
        if self.queues.has_reservations(key) {
            // It lost one of its reservations while there was no other node for it.
            match self.sample(key, ROUND_OF_LOST, class, 1, store).first() {
                Some(other) => self.queues.reserve(key, other.index()),
                None => self.stranded.push(key),
            }
            return;
        }
        if !self.options.late_binding {
            self.put_into_shortest(key, class, store, out);
            return;
        }
        let mut probes: SmallVec<[usize; FEW]> = SmallVec::new();
        if self.options.sampling == Sampling::PerTask {
            for task in 0..tasks {
                let drawn = self.sample(key, task as u64 + 1, class, per_task, store);
                probes.extend(drawn.iter().map(|node| node.index()));
            }
        } else {
            let drawn = self.sample(key, 0, class, per_task * tasks, store);
            probes.extend(drawn.iter().map(|node| node.index()));
        }
        if probes.is_empty() {
            self.strand(key, store, out);
            return;
        }
        // With fewer nodes than tasks some nodes hold several reservations.
        let drawn = probes.len();
        while probes.len() < tasks {
            probes.push(probes[probes.len() - drawn]);
        }
        self.queues
            .submit_to(Destination { line, class }, key, tasks as u32, &probes);
    }

    fn strand(&mut self, key: JobKey, store: &Store, out: &mut Outbox) {
        let first = self.jobs.get(&key).and_then(|job| job.members[0]);
        if let Some(pod) = first {
            out.write(store, Event::PodUnschedulable { pod });
        }
        self.stranded.push(key);
    }

    /// Puts every task into the shortest queue of the nodes that it probes, as a job of its own.
    fn put_into_shortest(&mut self, key: JobKey, class: ClassId, store: &Store, out: &mut Outbox) {
        let Some(job) = self.jobs.remove(&key) else {
            return;
        };
        let line = job.line;
        for (task, member) in job.members.into_iter().enumerate() {
            let own = self.next;
            self.next += 1;
            let members = SmallVec::from_slice(&[member]);
            let own_job = WaitingJob {
                class,
                line,
                members,
            };
            self.jobs.insert(own, own_job);
            let probes = self.options.probes.max(1) as usize;
            let drawn = self.sample(key, task as u64 + 1, class, probes, store);
            let load = |node: &NodeId| {
                let running = store.nodes().pods(*node).len();
                running + self.queues.len(node.index())
            };
            // Of equal queues, the one that was drawn first.
            let Some(shortest) = drawn.iter().min_by_key(|node| load(node)) else {
                self.strand(own, store, out);
                continue;
            };
            self.queues
                .submit_to(Destination { line, class }, own, 1, &[shortest.index()]);
        }
    }

    /// Nodes with room ask; their answers are on their way.
    fn ask(&mut self, now: Instant, store: &Store) -> bool {
        let mut asked = std::mem::take(&mut self.asked);
        let mut slots = NodeSlots {
            store,
            asking: &mut self.asking,
        };
        self.queues.ask_into(&mut slots, &mut asked);
        let trip = if self.options.late_binding {
            self.options.round_trip
        } else {
            Duration::ZERO
        };
        let at = now.saturating_add(trip);
        for TaskRequest { worker, job, task } in &asked {
            let reply = Reply {
                node: NodeId::from_index(*worker),
                class: self.jobs.get(job).map_or(ClassId(0), |job| job.class),
                pod: task.and_then(|task| self.hand_over(*job, task)),
            };
            self.replies.push_back((at, reply));
        }
        let any = !asked.is_empty();
        asked.clear();
        self.asked = asked;
        any
    }

    fn hand_over(&mut self, key: JobKey, task: u32) -> Option<PodRef> {
        let job = self.jobs.get_mut(&key)?;
        let pod = job.members.get_mut(task as usize)?.take();
        if job.members.iter().all(Option::is_none) {
            self.jobs.remove(&key);
        }
        pod
    }

    /// Binds the pods whose answers have arrived.
    fn answer(&mut self, now: Instant, store: &Store, out: &mut Outbox) -> bool {
        let mut any = false;
        while let Some((_, reply)) = self.replies.pop_front_if(|(at, _)| *at <= now) {
            let Reply { node, class, pod } = reply;
            any = true;
            self.asking[node.index()] -= 1;
            self.queues.freed(node.index());
            let Some(pod) = pod.filter(|&pod| self.roster.find(pod).is_some()) else {
                continue;
            };
            let mut places = Places::new();
            let rooms = store.nodes().gpu_room(node);
            push_places(&mut places, store.class(class), node, rooms, 1);
            let devices = places.first().map_or(DeviceSet::EMPTY, |place| place.1);
            out.write(store, Event::PodBound { pod, node, devices });
            out.decided_pods += 1;
            out.decided_jobs += 1;
        }
        any
    }
}

impl Component for Sparrow {
    fn name(&self) -> &'static str {
        "sparrow"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        self.read(now, view, out);
        self.retry.ask(now, out);
        // Bindings are part of the view before the next worker asks.
        let answered = self.answer(now, view, out);
        let asked = !answered && self.ask(now, view);
        if let Some(&(at, _)) = self.replies.front() {
            out.wake_at(at);
        }
        if answered || asked {
            Progress::More
        } else {
            Progress::Idle
        }
    }

    fn places_pods(&self) -> bool {
        true
    }

    fn relies_on_view(&self) -> bool {
        true
    }

    fn refused(&mut self, write: &Write, conflict: &Conflict) {
        self.retry.refused(conflict);
        let Event::PodBound { pod, .. } = write.event else {
            return;
        };
        if self.roster.find(pod).is_some() {
            self.refused.push(pod);
        }
    }

    fn backlog(&self) -> usize {
        self.backlog
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
