//! Tasks: how they are admitted, placed, killed for others, and end.

use cluster::Store;
use control::Outbox;
use control::Progress;
use control::admission::Creation;
use model::{
    DeviceSet, EndReason, Event, EvictionCause, PodCreated, PodName, PodOwner, PodRef, Text,
};
use units::{ClassId, GangId, Instant, NodeId, PodId, SortedSet};

use crate::ends::{self, Consequence};
use crate::parts::turn::Turn;

use super::super::machine::{AllocRef, Demand, JobKey};
use super::super::pending::Waiting;
use super::super::quota::{Asked, User};
use super::{Borgmaster, Holder};

/// A task and the pod that it is.
#[derive(Clone, Debug)]
pub(super) struct TaskState {
    pub(super) pod: PodRef,
    name: PodName,
    class: ClassId,
    job: JobKey,
    priority: i32,
    user: User,
    asked: Asked,
    pub(super) owner: Option<PodOwner>,
    /// Whether the task counts against its user's quota by itself, and not with its job.
    is_charged: bool,
    pub(super) machine: Option<NodeId>,
    /// The alloc that the task runs in, if it is in one.
    pub(super) alloc: Option<AllocRef>,
    pub(super) started: Option<Instant>,
    /// Whether the task ends so that a copy of it follows.
    pub(super) is_replaced: bool,
    /// Whether the task was found to fit nowhere, which is reported once.
    is_passed_over: bool,
}

/// A task that is bound once those have ended that were killed for it, or an alloc that takes its machine
/// then.
#[derive(Clone, Debug)]
pub(super) struct Nomination {
    pub(super) holder: Holder,
    pub(super) node: NodeId,
    pub(super) victims: Vec<PodRef>,
}

/// Tasks that are admitted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Together {
    Gang(GangId),
    Alone(PodId),
}

/// A task that is to be admitted.
#[derive(Clone, Debug)]
pub(super) struct Arrived {
    together: Together,
    pod: PodRef,
    /// Whether the task takes the place of one that was admitted.
    returns: bool,
}

/// The charge of an ended task against its user's quota, kept until the task that takes its place is
/// read.
#[derive(Clone, Debug)]
pub(super) struct Returning {
    name: PodName,
    class: ClassId,
    user: User,
    priority: i32,
    asked: Asked,
}

/// Most tasks that are decided on in one step.
const MOST_IN_A_STEP: u32 = 256;

impl Borgmaster {
    pub(super) fn task_mut(&mut self, pod: PodRef) -> Option<&mut TaskState> {
        let own = self.tasks.get_mut(pod.slot.index())?.as_mut()?;
        (own.pod == pod).then_some(own)
    }

    pub(super) fn task(&self, pod: PodRef) -> Option<&TaskState> {
        let own = self.tasks.get(pod.slot.index())?.as_ref()?;
        (own.pod == pod).then_some(own)
    }

    /// A pod was created: a task, which has to be admitted unless its job was or it is on a machine.
    pub(super) fn created(&mut self, created: &PodCreated, store: &Store) -> Option<Arrived> {
        let pod = created.pod;
        while self.demands.len() <= created.class.index() {
            let next = ClassId::from_index(self.demands.len());
            let demand = self.demand(store, next);
            self.demands.push(demand);
        }
        let class = store.class(created.class);
        let slot = pod.slot.index();
        if self.tasks.len() <= slot {
            self.tasks.resize(slot + 1, None);
        }
        let user = User {
            tenant: created.tenant,
            namespace: class.spec.namespace.clone(),
        };
        let returns = self.takes_over(created, &user);
        self.tasks[slot] = Some(TaskState {
            pod,
            name: created.name.clone(),
            class: created.class,
            job: JobKey::of(created, &class.spec),
            priority: class.spec.priority,
            user,
            asked: Asked::of(&class.requests),
            owner: created.owner,
            is_charged: returns,
            machine: None,
            alloc: None,
            started: None,
            is_replaced: false,
            is_passed_over: false,
        });
        self.waiting += 1;
        if let Some(owner) = created.owner {
            self.arrived(owner, pod);
        }
        let together = created.gang.map(Together::Gang);
        let together = together.unwrap_or(Together::Alone(pod.id));
        created.found.is_none().then_some(Arrived {
            together,
            pod,
            returns,
        })
    }

    /// Whether a new task takes the place of an admitted one that ended before it; then what that one
    /// counted against the quota is its own: quota is checked once, when a job is admitted.
    fn takes_over(&mut self, created: &PodCreated, user: &User) -> bool {
        let is_own = |own: &Returning| {
            own.class == created.class && own.name == created.name && own.user == *user
        };
        let found = self.returning.iter().position(is_own);
        let found = found.filter(|_| created.owner.is_none() && created.found.is_none());
        found.map(|place| self.returning.remove(place)).is_some()
    }

    /// Gives back what ended tasks counted whose place no other one took.
    pub(super) fn release_returning(&mut self) {
        for own in std::mem::take(&mut self.returning) {
            self.ledger.release(&own.user, own.priority, own.asked);
        }
    }

    /// Admits the tasks of jobs that are within quota to the queue, and rejects those of others. What
    /// belongs to a workload was admitted with it, and what comes back was admitted before.
    pub(super) fn admit(&mut self, arrived: &[Arrived], turn: &mut Turn<'_>) {
        let is_one = |one: &Arrived, next: &Arrived| {
            one.together == next.together && one.returns == next.returns
        };
        for job in arrived.chunk_by(is_one) {
            let known = |arrived: &Arrived| self.task(arrived.pod).cloned();
            let tasks: Vec<TaskState> = job.iter().filter_map(known).collect();
            let Some(first) = tasks.first() else {
                continue;
            };
            let mut asked = Asked::default();
            let new = |own: &&TaskState| own.owner.is_none() && !own.is_charged;
            for own in tasks.iter().filter(new) {
                asked = asked.plus(own.asked);
            }
            let is_expressed = tasks
                .iter()
                .all(|own| self.demands[own.class.index()].is_some());
            let returns = job.first().is_some_and(|own| own.returns);
            let is_admitted =
                is_expressed && (returns || self.ledger.admit(&first.user, first.priority, asked));
            for own in tasks {
                if is_admitted {
                    let is_charged = own.owner.is_none();
                    if let Some(task) = self.task_mut(own.pod) {
                        task.is_charged = is_charged;
                    }
                    self.queue_task(&own);
                } else {
                    let (pod, reason) = (own.pod, EndReason::Rejected);
                    turn.write(Event::PodEnded { pod, reason });
                }
            }
        }
    }

    /// One scheduling pass over the queue.
    pub(super) fn pass(&mut self, turn: &mut Turn<'_>) -> Progress {
        for _ in 0..MOST_IN_A_STEP {
            let Some(waiting) = self.pending.pop() else {
                return Progress::Idle;
            };
            match waiting.holder {
                Holder::Task(pod) => self.place(pod, waiting, turn),
                Holder::Alloc(alloc) => self.place_alloc(alloc, waiting, turn.out),
            }
        }
        Progress::More
    }

    /// Queues a task behind the others of its user.
    fn queue_task(&mut self, own: &TaskState) {
        let (class, priority, user) = (own.class, own.priority, own.user.clone());
        let holder = Holder::Task(own.pod);
        self.pending.push(holder, class, priority, user);
    }

    fn place(&mut self, pod: PodRef, waiting: Waiting, turn: &mut Turn<'_>) {
        let record = turn.store.pods().get(pod);
        let waits = record.is_some_and(|record| record.node().is_none())
            && !turn.store.pod_states().is_terminating(pod);
        let is_free = self.task(pod).is_some_and(|own| own.machine.is_none());
        let demand = self.demand_of(pod);
        let (true, true, Some(demand)) = (waits, is_free, demand) else {
            return;
        };
        turn.out.decided_pods += 1;
        turn.out.decided_jobs += 1;
        let devices = DeviceSet::EMPTY;
        let barred = self.barred(pod);
        let chosen = match demand.set {
            Some(set) => {
                let found = self.allocs.find(set, &demand.limit, &barred);
                found.map(|(alloc, node)| {
                    self.take_in(pod, alloc, node);
                    node
                })
            }
            None if barred.is_empty() => self.cell.select(&demand, &mut self.random),
            None => self.cell.select_but(&demand, &barred),
        };
        let killing = || self.cell.preempt_but(&demand, &barred);
        if let Some(node) = chosen {
            if demand.set.is_none() {
                self.take(pod, node);
            }
            turn.write(Event::PodBound { pod, node, devices });
        } else if let Some((node, victims)) = demand.set.is_none().then(killing).flatten() {
            let victims = self.kill(node, &victims, turn.out);
            self.take(pod, node);
            if victims.is_empty() {
                // An empty alloc made room.
                turn.write(Event::PodBound { pod, node, devices });
                return;
            }
            let holder = Holder::Task(pod);
            self.nominations.push(Nomination {
                holder,
                node,
                victims,
            });
        } else {
            if barred.is_empty() {
                self.pending.block(waiting.class, waiting.priority);
                self.pending.put_back(waiting);
            } else {
                self.pending.park(waiting);
            }
            let own = self.task_mut(pod);
            let is_news = own.is_some_and(|own| !std::mem::replace(&mut own.is_passed_over, true));
            if is_news {
                turn.write(Event::PodUnschedulable { pod });
            }
        }
    }

    /// Machines on which a task crashed: the pair is not repeated.
    fn barred(&self, pod: PodRef) -> SortedSet<NodeId> {
        let owner = self.task(pod).and_then(|own| own.owner);
        let machines = owner.and_then(|owner| self.crashed.get(&owner));
        machines.cloned().unwrap_or_default()
    }

    /// Kills tasks and allocs on a machine for another one; returns the tasks.
    pub(super) fn kill(
        &mut self,
        node: NodeId,
        victims: &[Holder],
        out: &mut Outbox,
    ) -> Vec<PodRef> {
        let mut pods = Vec::new();
        for &victim in victims {
            match victim {
                Holder::Task(pod) => pods.push(pod),
                Holder::Alloc(alloc) => {
                    let inside = self.allocs.tasks(alloc);
                    self.vacate(alloc, node, &inside);
                    pods.extend(inside);
                }
            }
        }
        for &pod in &pods {
            self.leave(pod);
            self.replace(pod, EndReason::Evicted(EvictionCause::Preemption), out);
        }
        pods
    }

    /// Ends a task so that an equal one comes to the queue.
    pub(super) fn replace(&mut self, pod: PodRef, reason: EndReason, out: &mut Outbox) {
        if let Some(own) = self.task_mut(pod) {
            own.is_replaced = true;
            let owner = own.owner;
            if let Some(owner) = owner {
                self.awaits(owner);
            }
            out.creations.push(Creation::Replacement { pod, reason });
        }
    }

    /// The task had ended when it was to be replaced.
    pub(super) fn not_replaced(&mut self, pod: PodRef) {
        let owner = self.task_mut(pod).and_then(|own| {
            own.is_replaced = false;
            own.owner
        });
        if let Some(owner) = owner {
            self.awaits_no_more(owner);
        }
    }

    /// The demands of a task, those of its class, with its job.
    fn demand_of(&self, pod: PodRef) -> Option<Demand> {
        let own = self.task(pod)?;
        let of_class = self.demands.get(own.class.index())?.clone()?;
        let job = Some(own.job.clone());
        Some(Demand { job, ..of_class })
    }

    /// Counts a task on a machine.
    fn take(&mut self, pod: PodRef, node: NodeId) {
        let Some(own) = self.task_mut(pod) else {
            return;
        };
        own.machine = Some(node);
        self.waiting -= 1;
        if let Some(demand) = self.demand_of(pod) {
            self.cell.add(node, Holder::Task(pod), &demand);
        }
    }

    /// Counts a task in an alloc.
    fn take_in(&mut self, pod: PodRef, alloc: AllocRef, node: NodeId) {
        let Some(own) = self.task_mut(pod) else {
            return;
        };
        (own.machine, own.alloc) = (Some(node), Some(alloc));
        let class = own.class.index();
        self.waiting -= 1;
        if let Some(Some(demand)) = self.demands.get(class) {
            self.allocs.enter(alloc, pod, &demand.limit);
        }
    }

    /// A task is on its machine without the alloc that it was in.
    pub(super) fn take_out(&mut self, pod: PodRef, node: NodeId) {
        let Some(own) = self.task_mut(pod) else {
            return;
        };
        let alloc = own.alloc.take();
        if let (Some(alloc), Some(demand)) = (alloc, self.demand_of(pod)) {
            self.allocs.leave(alloc, pod);
            self.cell.add(node, Holder::Task(pod), &demand);
        }
    }

    /// Takes a task off its machine's books.
    pub(super) fn leave(&mut self, pod: PodRef) {
        let place = self
            .task_mut(pod)
            .and_then(|own| Some((own.machine.take()?, own.alloc.take())));
        if let Some((node, alloc)) = place {
            self.waiting += 1;
            self.estimates.forget(pod);
            match alloc {
                Some(alloc) => self.allocs.leave(alloc, pod),
                None => self.cell.remove(node, Holder::Task(pod)),
            }
            self.pending.unblock();
        }
    }

    /// A pod that was on a node before the run began is a task there.
    pub(super) fn bound(&mut self, pod: PodRef, node: NodeId) {
        if self.task(pod).is_some_and(|own| own.machine.is_none()) {
            self.take(pod, node);
        }
    }

    /// The store did not take a binding: the task waits again.
    pub(super) fn not_bound(&mut self, pod: PodRef) {
        self.leave(pod);
        if let Some(own) = self.task(pod).cloned() {
            self.queue_task(&own);
        }
    }

    /// Binds the tasks for which all have ended that were killed for them.
    pub(super) fn bind_nominated(&mut self, turn: &mut Turn<'_>) {
        for mut own in std::mem::take(&mut self.nominations) {
            own.victims.retain(|&victim| self.task(victim).is_some());
            let Nomination { holder, node, .. } = own;
            if !own.victims.is_empty() {
                self.nominations.push(own);
                continue;
            }
            let pod = match holder {
                Holder::Task(pod) => pod,
                Holder::Alloc(alloc) => {
                    self.settle(alloc, node);
                    continue;
                }
            };
            if self
                .task(pod)
                .is_some_and(|task| task.machine == Some(node))
            {
                let devices = DeviceSet::EMPTY;
                turn.write(Event::PodBound { pod, node, devices });
            }
        }
    }

    pub(super) fn runs(&mut self, at: Instant, pod: PodRef) {
        self.estimates.expect();
        let owner = self.task_mut(pod).and_then(|own| {
            own.started = Some(at);
            own.owner
        });
        if let Some(owner) = owner {
            self.task_runs(owner, pod);
        }
    }

    pub(super) fn ended(&mut self, pod: PodRef, reason: EndReason, turn: &mut Turn<'_>) {
        let machine = self.task(pod).and_then(|own| own.machine);
        self.leave(pod);
        let row = self.tasks.get_mut(pod.slot.index());
        let Some(own) = row.and_then(|row| row.take_if(|own| own.pod == pod)) else {
            return;
        };
        self.waiting -= 1;
        if let (EndReason::Error, Some(owner), Some(machine)) = (reason, own.owner, machine) {
            self.crashed.entry(owner).or_default().insert(machine);
        }
        if own.is_charged {
            // One that ends by itself has no successor.
            if own.is_replaced || ends::borg(reason).consequence == Consequence::Loss {
                self.returning.push(Returning {
                    name: own.name.clone(),
                    class: own.class,
                    user: own.user.clone(),
                    priority: own.priority,
                    asked: own.asked,
                });
            } else {
                self.ledger.release(&own.user, own.priority, own.asked);
            }
        }
        self.task_ended(&own, reason, turn);
    }

    pub(super) fn why_it_waits(&self, pod: PodRef) -> Option<Text> {
        let own = self.task(pod)?;
        let holder = Holder::Task(pod);
        let is_nominated = self.nominations.iter().any(|own| own.holder == holder);
        if is_nominated {
            return Some("tasks of lower priority end to make room".into());
        }
        let demand = self.demands.get(own.class.index())?.as_ref();
        if let Some(set) = demand.and_then(|demand| demand.set)
            && own.machine.is_none()
        {
            let name = self.allocs.name(set);
            return Some(format!("no alloc of `{name}` has room").into());
        }
        let why = if self.barred(pod).is_empty() {
            "no machine has room, also beside tasks of lower priority"
        } else {
            "no machine has room on which the task has not crashed"
        };
        own.machine.is_none().then(|| why.into())
    }
}
