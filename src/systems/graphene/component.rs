//! The scheduler at work: whenever nodes have room and tasks wait, each node with news takes one task after
//! the other, as long as one fits.
//!
//! Tasks are pods, and those of a gang start one by one. A task of a planned job waits until all tasks of
//! the stages before its own have completed.

use crate::parts::turn::Turn;
use std::sync::Arc;

use cluster::nodes::NO_MODEL;
use cluster::{Class, Conflict, Store};
use control::{Component, Outbox, Progress, Write};
use model::{DeviceSet, EndReason, Event, PodCreated, PodRef, Text, rules};
use units::{
    ClassId, Duration, GangId, Instant, NodeId, Resources, Revision, SortedMap, SortedSet,
};

use super::options::{GrapheneOptions, TaskPlan};
use super::pick::{Candidate, JobKey, Shares, pick};

/// Amounts of the resources that scores look at: cores, memory, ephemeral storage.
type Amounts = [i64; 3];

/// Equal tasks of a job that wait: of one stage, one class and one place in the preferred order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct GroupKey {
    job: JobKey,
    /// Place in the preferred order, the first being least.
    rank: u64,
    stage: Option<GangId>,
    class: ClassId,
}

/// A task.
#[derive(Clone, Debug)]
struct Task {
    pod: PodRef,
    group: GroupKey,
    /// Place of its stage among those of all plans.
    planned_stage: Option<u32>,
    preference: f64,
    /// Run time times parts of a mean node, over all resources.
    work: f64,
    /// Largest part of the cluster over all resources.
    part: f64,
    /// The node that the task was placed on.
    node: Option<NodeId>,
}

/// Tasks of a job that are there, and the work that is left.
#[derive(Clone, Copy, Debug, Default)]
struct Job {
    tasks: u32,
    left: f64,
    /// Whether the work of tasks that are not there yet is counted.
    is_planned: bool,
}

/// Tasks of a stage.
#[derive(Clone, Copy, Debug, Default)]
struct Stage {
    tasks: u32,
    done: u32,
}

/// The scheduler, as a component.
#[derive(Clone, Default)]
pub(super) struct Graphene {
    options: GrapheneOptions,
    cursor: Revision,
    /// By slot.
    tasks: Vec<Option<Task>>,
    waiting: SortedMap<GroupKey, Vec<PodRef>>,
    jobs: SortedMap<JobKey, Job>,
    stages: SortedMap<GangId, Stage>,
    /// Tasks that completed, by stage of the plans.
    completed: Vec<u32>,
    shares: Shares,
    /// Nodes that may have room that no task was offered.
    news: SortedSet<NodeId>,
    /// Whether all nodes may, as there are new tasks.
    is_news_for_all: bool,
    /// Amounts of all nodes, and their number.
    offered: (Amounts, usize),
    declared: Option<Revision>,
    /// Tasks that have not been told to wait.
    untold: Vec<PodRef>,
    backlog: usize,
}

fn amounts(resources: &Resources) -> Amounts {
    [
        resources.cpu_milli,
        resources.memory_bytes,
        resources.storage_bytes,
    ]
}

/// Parts of amounts, as far as there is any.
fn parts(of: &Amounts, whole: &Amounts) -> Vec<f64> {
    let pairs = of.iter().zip(whole).filter(|(_, whole)| **whole > 0);
    pairs
        .map(|(&of, &whole)| of as f64 / whole as f64)
        .collect()
}

impl Graphene {
    /// A scheduler without tasks.
    pub(super) fn new(options: GrapheneOptions) -> Self {
        Self {
            completed: vec![0; options.plans.stages.len()],
            options,
            offered: ([0; 3], 0),
            ..Self::default()
        }
    }

    fn read(&mut self, store: &Store) {
        self.look_at_cluster(store);
        for entry in store.log().since(self.cursor) {
            match &entry.event {
                Event::PodCreated(created) => {
                    self.created(created, store);
                    self.is_news_for_all = true;
                }
                // This scheduler chose the node, or another part of the run did.
                Event::PodBound { pod, node, .. } => self.take(*pod, *node),
                Event::PodEnded { pod, reason } => self.ended(*pod, *reason),
                Event::NodeAdded { node, .. }
                | Event::NodeUpdated { node, .. }
                | Event::NodeReadiness { node, .. } => {
                    self.news.insert(*node);
                }
                Event::HoldReleased { .. } => self.is_news_for_all = true,
                _ => {}
            }
        }
        self.cursor = store.revision();
    }

    /// Takes note of the size of the cluster.
    fn look_at_cluster(&mut self, store: &Store) {
        let nodes = store.nodes();
        if self.declared == Some(nodes.declared()) {
            return;
        }
        self.declared = Some(nodes.declared());
        let mut all = [0_i64; 3];
        for node in nodes.present() {
            let own = amounts(&nodes.allocatable().row(node));
            for (all, own) in all.iter_mut().zip(own) {
                *all = all.saturating_add(own);
            }
        }
        self.offered = (all, nodes.present().count());
    }

    fn created(&mut self, created: &PodCreated, store: &Store) {
        let class = store.class(created.class);
        let plan: Option<TaskPlan> = self.options.plans.tasks.get(&created.name).copied();
        let job = match (plan, created.gang) {
            (Some(plan), _) => JobKey::Graph(plan.job),
            (None, Some(gang)) => JobKey::Gang(gang.0),
            (None, None) => JobKey::Pod(created.pod.id.0),
        };
        let preference = plan.map_or(1.0, |plan| plan.preference);
        let (all, nodes) = self.offered;
        let of_cluster = parts(&amounts(&class.requests), &all);
        let part = of_cluster.iter().copied().fold(0.0, f64::max);
        let sum: f64 = of_cluster.iter().sum();
        let seconds = created.time_limit.or(created.estimate);
        let seconds = seconds.map_or(0.0, Duration::as_secs_f64);
        let task = Task {
            pod: created.pod,
            group: GroupKey {
                job,
                rank: ((1.0 - preference) * 1e12) as u64,
                stage: created.gang,
                class: created.class,
            },
            planned_stage: plan.map(|plan| plan.stage),
            preference,
            work: plan.map_or(seconds * sum * nodes as f64, |plan| plan.work),
            part,
            node: None,
        };
        self.join(job, plan.as_ref(), task.work);
        if let Some(gang) = created.gang {
            self.stages.entry(gang).or_default().tasks += 1;
        }
        self.waiting
            .entry(task.group)
            .or_default()
            .push(created.pod);
        self.untold.push(created.pod);
        self.backlog += 1;
        let slot = created.pod.slot.index();
        if self.tasks.len() <= slot {
            self.tasks.resize(slot + 1, None);
        }
        self.tasks[slot] = Some(task);
    }

    fn join(&mut self, job: JobKey, plan: Option<&TaskPlan>, work: f64) {
        let plans = Arc::clone(&self.options.plans);
        let planned = plan.and_then(|plan| plans.work.get(plan.job as usize));
        let own = self.jobs.entry(job).or_insert_with(|| Job {
            left: planned.copied().unwrap_or(0.0),
            is_planned: planned.is_some(),
            ..Job::default()
        });
        own.tasks += 1;
        if !own.is_planned {
            own.left += work;
        }
        self.shares.join(job);
    }

    fn task_mut(&mut self, pod: PodRef) -> Option<&mut Task> {
        let task = self.tasks.get_mut(pod.slot.index())?.as_mut()?;
        (task.pod == pod).then_some(task)
    }

    /// Counts a task that waits as one with a node.
    fn take(&mut self, pod: PodRef, node: NodeId) {
        let Some(task) = self.task_mut(pod).filter(|task| task.node.is_none()) else {
            return;
        };
        task.node = Some(node);
        let (group, part) = (task.group, task.part);
        self.backlog -= 1;
        self.shares.take(group.job, part);
        self.forget_waiting(group, pod);
    }

    fn forget_waiting(&mut self, group: GroupKey, pod: PodRef) {
        if let Some(pods) = self.waiting.get_mut(&group) {
            pods.retain(|&other| other != pod);
            if pods.is_empty() {
                self.waiting.remove(&group);
            }
        }
    }

    fn ended(&mut self, pod: PodRef, reason: EndReason) {
        let row = self.tasks.get_mut(pod.slot.index());
        let Some(task) = row.and_then(|row| row.take_if(|task| task.pod == pod)) else {
            self.is_news_for_all = true;
            return;
        };
        let job = task.group.job;
        if let Some(node) = task.node {
            self.news.insert(node);
            self.shares.give_back(job, task.part);
        } else {
            self.backlog -= 1;
            self.forget_waiting(task.group, pod);
        }
        let is_done = reason == EndReason::Completed;
        if let Some(stage) = task.group.stage.and_then(|gang| self.stages.get_mut(&gang)) {
            stage.done += u32::from(is_done);
        }
        if let Some(stage) = task.planned_stage.filter(|_| is_done) {
            let completed = &mut self.completed[stage as usize];
            *completed += 1;
            let planned = &self.options.plans.stages[stage as usize];
            self.is_news_for_all |= *completed == planned.tasks;
        }
        let Some(own) = self.jobs.get_mut(&job) else {
            return;
        };
        own.tasks -= 1;
        if is_done || !own.is_planned {
            own.left = (own.left - task.work).max(0.0);
        }
        // A planned job whose next tasks are not there yet has work left.
        if own.tasks == 0 && (!own.is_planned || own.left <= 0.0) {
            self.jobs.remove(&job);
            self.shares.leave(job);
        }
    }

    /// Nodes with news take tasks; the number of tasks that they took.
    fn place(&mut self, turn: &mut Turn<'_>) -> u32 {
        let mut placed = 0;
        let mut news = std::mem::take(&mut self.news);
        if std::mem::take(&mut self.is_news_for_all) {
            news.extend(turn.store.nodes().present());
        }
        for node in news {
            if self.waiting.is_empty() {
                break;
            }
            if turn.store.nodes().schedulable()[node.index()] {
                placed += self.fill(node, turn);
            }
        }
        placed
    }

    /// A node takes one task after the other.
    fn fill(&mut self, node: NodeId, turn: &mut Turn<'_>) -> u32 {
        let nodes = turn.store.nodes();
        let offered = amounts(&nodes.allocatable().row(node));
        let mut free = nodes.free().row(node);
        let mut rooms = nodes.gpu_room(node).to_vec();
        let mut placed = 0;
        loop {
            let fitting: Vec<(GroupKey, PodRef)> = self
                .waiting
                .iter()
                .filter(|(group, _)| {
                    let class = turn.store.class(group.class);
                    class.requests.fits_in(&free)
                        && devices(class, &rooms).is_some()
                        && admits(turn.store, class, node)
                })
                .filter_map(|(&group, pods)| Some((group, *pods.first()?)))
                .filter(|&(_, pod)| self.is_ready(pod))
                .collect();
            let candidates: Vec<Candidate> = fitting
                .iter()
                .map(|&(group, pod)| self.candidate(group, pod, &offered, turn.store))
                .collect();
            let available = parts(&amounts(&free), &offered);
            let (fairness, weight) = (self.options.bound(), self.options.remaining_work);
            let chosen = pick(&candidates, &available, &self.shares, fairness, weight);
            let Some(chosen) = chosen else {
                return placed;
            };
            let (group, pod) = fitting[chosen];
            let class = turn.store.class(group.class);
            let devices = devices(class, &rooms).unwrap_or(DeviceSet::EMPTY);
            free.subtract(&class.requests);
            for device in devices.iter() {
                rooms[device] -= class.gpu.milli_per_device;
            }
            self.take(pod, node);
            turn.write(Event::PodBound { pod, node, devices });
            turn.out.decided_pods += 1;
            turn.out.decided_jobs += 1;
            placed += 1;
        }
    }

    /// Whether all tasks have completed that a task depends on.
    fn is_ready(&self, pod: PodRef) -> bool {
        let task = self.tasks.get(pod.slot.index()).and_then(Option::as_ref);
        let Some(stage) = task.and_then(|task| task.planned_stage) else {
            return true;
        };
        let stages = &self.options.plans.stages;
        let mut before = stages[stage as usize].after.iter();
        before.all(|&stage| {
            let stage = stage as usize;
            self.completed[stage] >= stages[stage].tasks
        })
    }

    fn candidate(
        &self,
        group: GroupKey,
        pod: PodRef,
        offered: &Amounts,
        store: &Store,
    ) -> Candidate {
        let task = self.tasks.get(pod.slot.index()).and_then(Option::as_ref);
        let stage = group.stage.and_then(|gang| self.stages.get(&gang));
        let is_last_of_stage = stage.is_some_and(|stage| {
            f64::from(stage.done) >= self.options.barrier * f64::from(stage.tasks)
        });
        Candidate {
            job: group.job,
            demand: parts(&amounts(&store.class(group.class).requests), offered),
            preference: task.map_or(1.0, |task| task.preference),
            is_last_of_stage,
            left: self.jobs.get(&group.job).map_or(0.0, |job| job.left),
        }
    }
}

/// The lowest devices of a node with room for a task; `None` if there are too few.
fn devices(class: &Class, rooms: &[u16]) -> Option<DeviceSet> {
    let (wanted, milli) = (usize::from(class.gpu.devices), class.gpu.milli_per_device);
    let mut devices = DeviceSet::EMPTY;
    let with_room = rooms.iter().enumerate().filter(|(_, room)| **room >= milli);
    for (device, _) in with_room.take(wanted) {
        devices.insert(device);
    }
    (devices.len() == wanted).then_some(devices)
}

/// Whether a node may take tasks of a class at all.
fn admits(store: &Store, class: &Class, node: NodeId) -> bool {
    let nodes = store.nodes();
    let model = nodes.gpu_model(node);
    let has_model = class.gpu.devices == 0 || model != NO_MODEL && class.gpu.admits(model);
    let object = nodes.object(node);
    has_model && object.is_some_and(|object| rules::admits(&class.spec, object))
}

impl Component for Graphene {
    fn name(&self) -> &'static str {
        "graphene"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        let turn = &mut Turn::new(now, view, out);
        self.read(view);
        if self.place(turn) > 0 {
            return Progress::More;
        }
        for pod in std::mem::take(&mut self.untold) {
            let waits = self.task_mut(pod).is_some_and(|task| task.node.is_none());
            if waits {
                turn.write(Event::PodUnschedulable { pod });
            }
        }
        Progress::Idle
    }

    fn refused(&mut self, write: &Write, _conflict: &Conflict) {
        let Event::PodBound { pod, node, .. } = write.event else {
            return;
        };
        let Some(task) = self.task_mut(pod) else {
            return;
        };
        task.node = None;
        let (group, part) = (task.group, task.part);
        self.backlog += 1;
        self.shares.give_back(group.job, part);
        let pods = self.waiting.entry(group).or_default();
        let place = pods.partition_point(|&other| other < pod);
        pods.insert(place, pod);
        self.news.insert(node);
    }

    fn places_pods(&self) -> bool {
        true
    }

    fn relies_on_view(&self) -> bool {
        true
    }

    fn backlog(&self) -> usize {
        self.backlog
    }

    fn waiting_message(&self, pod: PodRef) -> Option<Text> {
        let task = self.tasks.get(pod.slot.index())?.as_ref()?;
        let waits = task.pod == pod && task.node.is_none();
        let words = if self.is_ready(pod) {
            "no node has room, or other tasks pack better"
        } else {
            "tasks that it depends on have not completed"
        };
        waits.then(|| words.into())
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
