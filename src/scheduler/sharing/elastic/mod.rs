//! Elastic jobs: at the beginning of every round a policy chooses the number of GPUs of each job and their nodes, by
//! the goodput that jobs have with them (`model::GoodputModel`). A job whose GPUs change is taken off and starts
//! again on the new ones with the rest of its work.
//!
//! A job is a gang of pods, or one pod. Each of its pods has GPUs of one node, or none: then it stands beside
//! another one and asks for nothing. So a job spans as many nodes as it has pods, at most.

mod optimus;
mod placing;
mod pollux;
mod queues;

use std::sync::Arc;

use cluster::{Conflict, Store};
use control::{Component, Memory, Outbox, Progress, Write};
use model::gpu::DEVICE_MILLI;
use model::{
    Allocation, BATCH_SIZE_LABEL, DeviceSet, EndReason, Event, EvictionCause, GoodputModel,
    PodChange, PodCreated, PodRef, PodSpec, ResourceList, Throughputs,
};
use units::{ClassId, Duration, Instant, NodeId, Revision, SortedMap};

use super::jobs::{Jobs, MemberRequest};
use crate::batch::room::{Rooms, admits};
pub use pollux::Pollux;
pub use queues::FifoQueues;

/// A policy for elastic jobs.
#[derive(Clone, Debug)]
pub enum ElasticPolicy {
    /// The harmonic mean of the speedups as great as can be.
    Pollux(Box<Pollux>),
    /// The next GPU to the job whose remaining time it shortens most.
    Optimus,
    /// Queues by GPUs × time of jobs that have the GPUs that they ask for.
    Queues(FifoQueues),
}

/// A job as policies see it.
struct ElasticJob<'a> {
    number: u64,
    /// The class that its pods were submitted with.
    class: ClassId,
    /// Its goodput; `None` of one that runs with the GPUs that it asks for, or not at all.
    model: Option<&'a GoodputModel>,
    submitted: Instant,
    /// Work left, as time on one GPU with the initial batch size.
    left: Duration,
    /// Time that it held GPUs, times their number, in nanoseconds.
    service: i128,
    restarts: u32,
    /// The GPUs that it asks for.
    stated: u32,
    /// The most GPUs that it has run with so far.
    most_seen: u32,
    /// The least and the most GPUs of a job that runs.
    least: u32,
    most: u32,
    most_nodes: u32,
    /// Batch size that it keeps.
    batch: Option<u32>,
    /// The most GPUs of each node.
    most_on: Vec<u8>,
    /// The GPUs that it has of each node.
    held: Vec<u8>,
}

impl ElasticJob<'_> {
    fn is_pinned(&self) -> bool {
        self.holds() && self.model.is_some_and(|own| !own.preemptible)
    }

    fn holds(&self) -> bool {
        self.held.iter().any(|&own| own > 0)
    }

    fn stage(&self) -> usize {
        self.model.map_or(0, |own| own.stage(self.left))
    }
}

/// The course of a job.
#[derive(Clone, Debug, Default)]
struct Course {
    left: Duration,
    batch: Option<u32>,
    /// Instant from which it got on with its work, while it does.
    runs_since: Option<Instant>,
    /// Instant from which it has its GPUs, while it has any.
    held_since: Option<Instant>,
    service: i128,
    starts: u32,
    most_seen: u32,
    /// GPUs that it was granted, by node.
    granted: SortedMap<NodeId, u8>,
}

impl Course {
    fn at(&self) -> Allocation {
        Allocation {
            nodes: self.granted.len() as u32,
            gpus: self.granted.values().map(|&own| u32::from(own)).sum(),
        }
    }

    fn service(&self, now: Instant) -> i128 {
        let held = self
            .held_since
            .map_or(0, |since| now.since(since).as_nanos());
        self.service + i128::from(held) * i128::from(self.at().gpus)
    }

    fn left(&self, model: &GoodputModel, now: Instant) -> Duration {
        let Some(since) = self.runs_since else {
            return self.left;
        };
        model.advance(self.left, now.since(since), self.at(), self.batch)
    }
}

/// The scheduler, as a component.
#[derive(Clone)]
pub struct ElasticPlanner {
    policy: ElasticPolicy,
    round: Duration,
    throughputs: Arc<Throughputs>,
    jobs: Jobs,
    courses: SortedMap<u64, Course>,
    rooms: Rooms,
    /// Instant of the next round, a multiple of its length.
    next: Instant,
    cursor: Revision,
}

impl ElasticPlanner {
    /// A planner of rounds of a length, for jobs with these goodputs.
    pub fn new(policy: ElasticPolicy, round: Duration, throughputs: Arc<Throughputs>) -> Self {
        Self {
            policy,
            round,
            throughputs,
            jobs: Jobs::default(),
            courses: SortedMap::new(),
            rooms: Rooms::default(),
            next: Instant::ZERO,
            cursor: Revision::default(),
        }
    }

    fn read(&mut self, store: &Store) {
        for entry in store.log().since(self.cursor) {
            match &entry.event {
                Event::PodCreated(created) => self.created(entry.at, store, created),
                Event::PodRunning { pod } => {
                    let number = self.jobs.of(*pod);
                    if let Some(own) = number.and_then(|own| self.courses.get_mut(&own)) {
                        own.runs_since.get_or_insert(entry.at);
                        own.most_seen = own.most_seen.max(own.at().gpus);
                    }
                }
                Event::PodEnded { pod, .. } => self.jobs.ended(entry.at, *pod),
                _ => {}
            }
        }
        self.cursor = store.revision();
        self.courses
            .retain(|&number, _| self.jobs.whole(number).is_some());
    }

    fn created(&mut self, at: Instant, store: &Store, created: &PodCreated) {
        let class = store.class(created.class);
        let asked = MemberRequest {
            devices: u32::from(class.gpu.devices),
            milli: class.requests.gpu_milli,
            speeds: None,
        };
        self.jobs.created(at, created, asked);
        let labels = &class.spec.labels;
        let Some(model) = self.throughputs.goodput(labels) else {
            return;
        };
        let Some(number) = self.jobs.of(created.pod) else {
            return;
        };
        let course = self.courses.entry(number).or_default();
        course.left = created
            .estimate
            .or(created.time_limit)
            .unwrap_or(model.work);
        let batch = labels.get(BATCH_SIZE_LABEL);
        let batch = batch.and_then(|own| own.parse().ok());
        course.batch = match self.policy {
            ElasticPolicy::Pollux(_) => None,
            ElasticPolicy::Optimus => Some(batch.unwrap_or(model.initial_batch)),
            ElasticPolicy::Queues(_) => batch,
        };
    }

    /// Whether policies choose the GPUs of a job: of one that asks for whole ones.
    fn is_chosen(&self, number: u64, store: &Store) -> bool {
        let gpu = self.jobs.whole(number).map(|class| store.class(class).gpu);
        gpu.is_some_and(|gpu| gpu.devices > 0 && gpu.milli_per_device == DEVICE_MILLI)
    }

    /// The GPUs that policies may choose, by node: those that are free, and those that jobs were granted.
    fn capacity(&self, store: &Store) -> Vec<u8> {
        let nodes = store.nodes();
        let mut free = vec![0; nodes.len()];
        for node in nodes
            .present()
            .filter(|node| nodes.schedulable()[node.index()])
        {
            let rooms = nodes.gpu_room(node);
            free[node.index()] = rooms.iter().filter(|&&room| room == DEVICE_MILLI).count() as u8;
        }
        for course in self.courses.values().filter(|own| own.held_since.is_some()) {
            for (node, held) in &course.granted {
                free[node.index()] += held;
            }
        }
        free
    }

    /// A job as policies see it.
    fn view<'a>(
        &self,
        known: &'a Throughputs,
        number: u64,
        capacity: &[u8],
        now: Instant,
        store: &Store,
    ) -> Option<ElasticJob<'a>> {
        let class = self.jobs.whole(number)?;
        let spec = store.class(class);
        let model = known.goodput(&spec.spec.labels);
        let course = self.courses.get(&number).cloned().unwrap_or_default();
        let pods = self.jobs.size(number) as u32;
        let stated = pods * u32::from(spec.gpu.devices);
        let mut held = vec![0; capacity.len()];
        for (node, own) in course
            .granted
            .iter()
            .filter(|_| course.held_since.is_some())
        {
            held[node.index()] = *own;
        }
        let (least, most) = match model {
            None => (stated, stated),
            Some(model) => {
                let batch = course.batch.unwrap_or(model.max_batch);
                let most = model.max_gpus.min(batch / model.per_gpu[0]).max(1);
                let learnt = (2 * course.most_seen).max(1);
                let is_learning = matches!(self.policy, ElasticPolicy::Pollux(_));
                (0, if is_learning { most.min(learnt) } else { most })
            }
        };
        let admitted = |(index, own): (usize, &u8)| {
            let takes = admits(store, spec, NodeId::from_index(index));
            if takes { *own } else { 0 }
        };
        Some(ElasticJob {
            number,
            class,
            model,
            submitted: self.jobs.submitted(number)?,
            left: model.map_or(Duration::ZERO, |model| course.left(model, now)),
            service: course.service(now),
            restarts: course.starts.saturating_sub(1),
            stated,
            most_seen: course.most_seen,
            least,
            most,
            most_nodes: pods,
            batch: course.batch,
            most_on: capacity.iter().enumerate().map(admitted).collect(),
            held,
        })
    }

    /// Begins a round: jobs whose GPUs change are taken off, and noted with the new ones.
    fn choose(&mut self, now: Instant, store: &Store, out: &mut Outbox) {
        let capacity = self.capacity(store);
        let known = Arc::clone(&self.throughputs);
        let numbers: Vec<u64> = { self.jobs.numbers() }
            .filter(|&own| self.is_chosen(own, store))
            .collect();
        let views = numbers
            .iter()
            .filter_map(|&own| self.view(&known, own, &capacity, now, store));
        let views: Vec<ElasticJob<'_>> = views.collect();
        if views.is_empty() {
            return;
        }
        let rows = match &mut self.policy {
            ElasticPolicy::Pollux(own) => own.allocate(&views, &capacity, now),
            ElasticPolicy::Optimus => optimus::allocate(&views, &capacity),
            ElasticPolicy::Queues(own) => own.allocate(&views, &capacity),
        };
        for (view, row) in views.into_iter().zip(rows) {
            if row == view.held {
                continue;
            }
            let course = self.courses.entry(view.number).or_default();
            course.service = course.service(now);
            if let Some(model) = view.model {
                course.left = course.left(model, now);
            }
            (course.held_since, course.runs_since) = (None, None);
            let granted = row.into_iter().enumerate().filter(|own| own.1 > 0);
            course.granted = granted
                .map(|(index, own)| (NodeId::from_index(index), own))
                .collect();
            for pod in self.jobs.suspend(now, view.number) {
                let reason = EndReason::Evicted(EvictionCause::Preemption);
                out.write(store, Event::PodEnded { pod, reason });
            }
        }
    }

    /// Starts the first waiting job that was granted GPUs, or asks for none, and has room.
    fn start(&mut self, now: Instant, store: &Store, out: &mut Outbox) -> bool {
        let numbers: Vec<u64> = self
            .jobs
            .numbers()
            .filter(|&own| self.jobs.waits(own))
            .collect();
        for number in numbers {
            let Some((class, members)) = self.jobs.ready(number) else {
                continue;
            };
            if !self.is_chosen(number, store) {
                let Some(places) = self.rooms.places(store, class, members.len()) else {
                    continue;
                };
                for (pod, (node, devices)) in members.into_iter().zip(places) {
                    out.write(store, Event::PodBound { pod, node, devices });
                }
            } else if !self.start_granted(number, &members, store, out) {
                continue;
            } else if out
                .writes
                .iter()
                .all(|own| !matches!(own.event, Event::PodBound { .. }))
            {
                return true;
            }
            out.decided_jobs += 1;
            self.jobs.started(now, number, None);
            if let Some(course) = self.courses.get_mut(&number) {
                course.held_since = Some(now);
                course.starts += 1;
            }
            return true;
        }
        false
    }

    /// Declares the pods of a job as what each asks for with the GPUs that the job was granted, or binds them if
    /// they are so; `false` if there is nothing to do.
    fn start_granted(
        &self,
        number: u64,
        members: &[PodRef],
        store: &Store,
        out: &mut Outbox,
    ) -> bool {
        let (Some(course), Some(whole)) = (self.courses.get(&number), self.jobs.whole(number))
        else {
            return false;
        };
        let Some(&first) = course.granted.keys().next() else {
            return false;
        };
        let spec = &store.class(whole).spec;
        let keeps_batch = course.batch.is_some();
        let shares = course.granted.iter().map(|(&node, &own)| (node, own));
        let shares = shares.chain(std::iter::repeat((first, 0)));
        let mut bound = Vec::with_capacity(members.len());
        for (&pod, (node, gpus)) in members.iter().zip(shares) {
            let wanted = elastic_spec(spec, gpus, keeps_batch);
            let Some(class) = store.class_of(&wanted) else {
                if let Some(event) = store.class_added(&wanted) {
                    out.write(store, event);
                }
                return true;
            };
            if store.pods().get(pod).is_some_and(|own| own.class != class) {
                let change = PodChange::Declared { class };
                out.write(store, Event::PodChanged { pod, change });
            }
            let rooms = store.nodes().gpu_room(node).iter().enumerate();
            let free = rooms.filter(|(_, room)| **room == DEVICE_MILLI);
            let mut devices = DeviceSet::EMPTY;
            free.take(usize::from(gpus))
                .for_each(|(index, _)| devices.insert(index));
            let is_open = store.nodes().schedulable()[node.index()];
            if !is_open || devices.len() < usize::from(gpus) {
                out.writes.clear();
                return false;
            }
            bound.push(Event::PodBound { pod, node, devices });
        }
        if out.writes.is_empty() {
            out.decided_pods += bound.len() as u32;
            for event in bound {
                out.write(store, event);
            }
        }
        true
    }
}

/// The spec of a pod of a job with GPUs of a node, or without any: then it asks for nothing.
fn elastic_spec(whole: &Arc<PodSpec>, gpus: u8, keeps_batch: bool) -> Arc<PodSpec> {
    let mut spec = whole.as_ref().clone();
    if !keeps_batch {
        spec.labels.remove(BATCH_SIZE_LABEL);
    }
    spec.gpu.devices = gpus;
    if gpus == 0 {
        for container in &mut spec.containers {
            container.requests = ResourceList::default();
        }
    }
    Arc::new(spec)
}

impl Component for ElasticPlanner {
    fn name(&self) -> &'static str {
        "gpu-sharing"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        self.read(view);
        let round = self.round.as_nanos().max(1);
        let after = |at: Instant, slack: i64| {
            Instant::from_nanos((at.as_nanos() + slack).div_euclid(round) * round)
        };
        if self.next < now {
            self.next = after(now, round - 1);
        }
        if now >= self.next && self.jobs.len() > 0 {
            self.next = after(now, round);
            self.choose(now, view, out);
            if !out.writes.is_empty() {
                return Progress::More;
            }
        }
        if self.start(now, view, out) {
            return Progress::More;
        }
        if self.jobs.len() > 0 {
            out.wake_at(self.next);
        }
        Progress::Idle
    }

    fn refused(&mut self, write: &Write, _conflict: &Conflict) {
        match write.event {
            Event::PodBound { pod, .. } => self.jobs.unplaced(pod),
            Event::PodEnded { pod, .. } => self.jobs.left_before(pod),
            _ => {}
        }
    }

    fn places_pods(&self) -> bool {
        true
    }

    fn relies_on_view(&self) -> bool {
        true
    }

    fn resumes_pods(&self) -> bool {
        true
    }

    fn memory(&self) -> Memory {
        Memory::Lost
    }

    fn backlog(&self) -> usize {
        self.jobs.waiting_pods()
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
