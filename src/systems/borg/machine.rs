//! A machine of a cell: what holds room on it, and who may have more (spec: orchestrators-b.md section
//! 5.2). For a task of production or monitoring the limits of such tasks count as used, for others the
//! reservations of all: what is reclaimed serves them alone.

use std::sync::Arc;

use model::{Node, Owner, PodCreated, PodRef, PodSpec, Text, Tier, rules};
use policy::borg::{Rule, fractions, plain, points};
use policy::preemption::borg_preemption::{RunningTask, victims_until};
use units::{ClassId, GangId, ObjectId, PodId, Resources, SortedSet};

/// An alloc: a slot that is reserved on a machine, by its set and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AllocRef {
    /// The alloc set.
    pub set: u16,
    /// The place in the set.
    pub index: u32,
}

/// Holder of room on a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// A task.
    Task(PodRef),
    /// An alloc, whatever tasks are in it.
    Alloc(AllocRef),
}

impl Holder {
    /// The task, if it is one.
    pub const fn task(self) -> Option<PodRef> {
        match self {
            Self::Task(pod) => Some(pod),
            Self::Alloc(_) => None,
        }
    }

    /// The alloc, if it is one.
    pub const fn alloc(self) -> Option<AllocRef> {
        match self {
            Self::Task(_) => None,
            Self::Alloc(alloc) => Some(alloc),
        }
    }
}

/// The job that a task is a part of, or the set of an alloc.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobKey {
    /// A workload object.
    Object(ObjectId),
    /// Tasks that were submitted together.
    Gang(GangId),
    /// The owner that a pod states, with the namespace of both.
    Owner(Text, Owner),
    /// A task by itself.
    Alone(PodId),
    /// An alloc set, for its allocs.
    Allocs(u16),
}

impl JobKey {
    /// The job of a new task.
    pub(super) fn of(created: &PodCreated, spec: &PodSpec) -> Self {
        match (created.owner, created.gang, &spec.owner) {
            (Some(owner), _, _) => Self::Object(owner.object),
            (None, Some(gang), _) => Self::Gang(gang),
            (None, None, Some(owner)) => Self::Owner(spec.namespace.clone(), owner.clone()),
            (None, None, None) => Self::Alone(created.pod.id),
        }
    }
}

/// A task or an alloc on a machine.
#[derive(Clone, Debug)]
pub struct Held {
    /// The task or the alloc.
    pub holder: Holder,
    /// The class that it is of.
    pub class: ClassId,
    /// The job of a task, or the set of an alloc.
    pub job: Option<JobKey>,
    /// The priority of the holder.
    pub priority: i32,
    /// The place of the holder among all that were placed.
    pub started: i64,
    /// The resources that the holder asked for.
    pub limit: Resources,
    /// The resources that are kept for the holder.
    pub reserved: Resources,
}

/// A machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The machine as declared.
    pub object: Arc<Node>,
    /// Whether the machine takes tasks.
    pub is_open: bool,
    /// The resources of the machine.
    pub offered: Resources,
    /// The resources beside the limits of tasks of production and monitoring.
    beside_limits: Resources,
    /// The resources beside all reservations.
    beside_reservations: Resources,
    /// Tasks and allocs, the newest last.
    pub tasks: Vec<Held>,
    /// Packages that tasks brought here.
    pub(super) packages: SortedSet<Text>,
}

/// The demands of a class of tasks, or of the allocs of a set.
#[derive(Clone, Debug)]
pub struct Demand {
    /// The class.
    pub class: ClassId,
    /// The spec, which says what machines the tasks may go to.
    pub spec: Arc<PodSpec>,
    /// The resources that a task asks for.
    pub limit: Resources,
    /// The alloc set that the tasks run in; `None` of tasks that machines take, and of allocs.
    pub set: Option<u16>,
    /// The job of one of the tasks, or the set of the allocs; `None` of the class as a whole.
    pub job: Option<JobKey>,
}

impl Demand {
    /// The packages of a task: the images of its containers.
    pub(super) fn packages(&self) -> impl Iterator<Item = &Text> {
        let all = self
            .spec
            .init_containers
            .iter()
            .chain(&self.spec.containers);
        all.map(|container| &container.image)
            .filter(|image| !image.is_empty())
    }
}

impl Machine {
    /// A machine without tasks.
    pub fn new(object: Arc<Node>, offered: Resources) -> Self {
        Self {
            is_open: !object.unschedulable,
            object,
            beside_limits: offered.clone(),
            beside_reservations: offered.clone(),
            offered,
            tasks: Vec::new(),
            packages: SortedSet::new(),
        }
    }

    /// Changes what the machine offers.
    pub(super) fn offer(&mut self, offered: Resources) {
        for beside in [&mut self.beside_limits, &mut self.beside_reservations] {
            beside.subtract(&self.offered);
            beside.add(&offered);
        }
        self.offered = offered;
    }

    /// Changes the cores and the memory that are kept for each holder; `true` if any changed.
    pub(super) fn reserve(&mut self, estimate: &mut dyn FnMut(&Held) -> (i64, i64)) -> bool {
        let mut has_changed = false;
        for held in &mut self.tasks {
            let (cpu_milli, memory_bytes) = estimate(held);
            let before = &mut held.reserved;
            if (before.cpu_milli, before.memory_bytes) != (cpu_milli, memory_bytes) {
                let beside = &mut self.beside_reservations;
                beside.cpu_milli += before.cpu_milli - cpu_milli;
                beside.memory_bytes += before.memory_bytes - memory_bytes;
                (before.cpu_milli, before.memory_bytes) = (cpu_milli, memory_bytes);
                has_changed = true;
            }
        }
        has_changed
    }

    /// Whether a task has room as things are.
    pub(super) fn has_room(&self, demand: &Demand) -> bool {
        let is_prod = Tier::of(demand.spec.priority).is_prod();
        self.is_open
            && demand.limit.fits_in(&self.beside_reservations)
            && (!is_prod || demand.limit.fits_in(&self.beside_limits))
    }

    /// Points of a task; the largest are the best.
    pub(super) fn points(&self, rule: Rule, demand: &Demand) -> i64 {
        let mut unused = plain(&self.beside_reservations);
        if Tier::of(demand.spec.priority).is_prod() {
            let beside = plain(&self.beside_limits);
            for (own, other) in unused.iter_mut().zip(beside) {
                *own = (*own).min(other);
            }
        }
        let (free, task) = fractions(&plain(&self.offered), &unused, &plain(&demand.limit));
        points(rule, &free, &task)
    }

    /// The tasks and allocs that are killed so that one has room, in order; `None` if that makes none.
    pub fn victims(&self, demand: &Demand) -> Option<Vec<Holder>> {
        if !self.is_open || !rules::admits(&demand.spec, &self.object) {
            return None;
        }
        let priority = demand.spec.priority;
        let is_prod = Tier::of(priority).is_prod();
        let running: Vec<RunningTask<&Held>> = self
            .tasks
            .iter()
            .map(|held| RunningTask {
                task: held,
                priority: held.priority,
                started: held.started,
                holds: held.reserved.clone(),
            })
            .collect();
        let mut beside_limits = self.beside_limits.clone();
        let mut beside_reservations = self.beside_reservations.clone();
        let killed = victims_until(priority, &running, |killed| {
            if let Some(victim) = killed {
                beside_reservations.add(&victim.holds);
                if Tier::of(victim.priority).is_prod() {
                    beside_limits.add(&victim.task.limit);
                }
            }
            demand.limit.fits_in(&beside_reservations)
                && (!is_prod || demand.limit.fits_in(&beside_limits))
        });
        Some(killed?.into_iter().map(|own| own.task.holder).collect())
    }

    pub(super) fn add(&mut self, held: Held) {
        self.beside_reservations.subtract(&held.reserved);
        if Tier::of(held.priority).is_prod() {
            self.beside_limits.subtract(&held.limit);
        }
        self.tasks.push(held);
    }

    pub(super) fn remove(&mut self, holder: Holder) -> Option<Held> {
        let place = self.tasks.iter().position(|held| held.holder == holder)?;
        let held = self.tasks.remove(place);
        self.beside_reservations.add(&held.reserved);
        if Tier::of(held.priority).is_prod() {
            self.beside_limits.add(&held.limit);
        }
        Some(held)
    }
}
