//! Tasks: how they are placed, run, count as healthy, and end.

use cluster::Store;
use model::{DeviceSet, EndReason, Event, PodChange, PodCreated, PodRef, Text};
use scheduler::pipeline::evaluate::Form;
use serde::{Deserialize, Serialize};
use units::{ClassId, Duration, Instant, NodeId, ObjectId, SortedMap};

use super::super::entry::CAPABILITIES;
use super::super::placement::{self, Task, Unmet};
use super::super::request;
use super::health::is_balanced;
use super::{Alike, Due, Ecs};
use crate::mapping::refusal;
use crate::parts::devices::whole_devices;
use crate::parts::turn::Turn;

/// A task and the pod that it is.
#[derive(Clone, Debug)]
pub(super) struct TaskState {
    pub(super) pod: PodRef,
    pub(super) service: Option<ObjectId>,
    /// Whether its service runs one task on every instance.
    pub(super) is_daemon: bool,
    /// Number of the deployment that the task belongs to.
    pub(super) deployment: u64,
    /// Number of the task, which grows with every start.
    pub(super) number: u64,
    /// Instant at which it was asked for.
    pub(super) created: Instant,
    pub(super) task: Task,
    pub(super) rules: usize,
    /// Capacity provider of the task.
    pub(super) provider: Option<usize>,
    pub(super) instance: Option<usize>,
    /// Instance that the task of a daemon or of Fargate is for.
    pub(super) only_on: Option<usize>,
    pub(super) phase: Phase,
}

/// Phase of a task, as its service counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Phase {
    /// It waits for an instance, or starts there.
    Pending,
    /// It runs, and does not count as healthy yet.
    Running,
    /// It runs and counts as healthy.
    Healthy,
    /// It was told to stop.
    Stopping,
}

/// Tasks that are of one size and under the same rules.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    /// Name of the service, or of a standalone task with a placement of its own.
    name: Option<Text>,
    /// `true` of the tasks of a service.
    is_owned: bool,
    class: ClassId,
    provider: Option<usize>,
}

/// The size of tasks of a kind, and the number of their rules.
#[derive(Clone, Debug)]
pub(super) struct Template {
    task: Task,
    rules: usize,
}

impl Ecs {
    /// Name of a standalone task for which a placement of its own is stated.
    fn placed_by_name(&self, created: &PodCreated) -> Option<Text> {
        let placement = &self.options.placement;
        if placement.keys().all(|name| name == "*") {
            return None;
        }
        let name = created.name.text();
        placement.contains_key(&*name).then_some(name)
    }

    /// The size and the rules of tasks of a kind, worked out once.
    fn template(&mut self, kind: Kind, store: &Store) -> Template {
        if let Some(known) = self.templates.get(&kind) {
            return known.clone();
        }
        let spec = &store.class(kind.class).spec;
        let name = kind.name.clone().unwrap_or_else(|| "*".into());
        let group: Text = if kind.is_owned {
            format!("service:{}/{name}", spec.namespace).into()
        } else {
            format!("family:{}", kind.class.index()).into()
        };
        let mut rules = request::rules(spec, self.options.rules_of(&name));
        if let Some(provider) = kind.provider {
            rules = self.provided(provider, rules);
        }
        let number = self.cluster.register(rules.clone());
        self.rules.push(rules);
        let template = Template {
            task: request::task(spec, group, self.options.network_mode),
            rules: number,
        };
        self.templates.insert(kind, template.clone());
        template
    }

    pub(super) fn task_mut(&mut self, pod: PodRef) -> Option<&mut TaskState> {
        let own = self.tasks.get_mut(pod.slot.index())?.as_mut()?;
        (own.pod == pod).then_some(own)
    }

    /// A pod was created: a task of a service, or one on its own.
    pub(super) fn created(&mut self, created: &PodCreated, turn: &mut Turn<'_>) {
        let pod = created.pod;
        let owner = created.owner.and_then(|owner| {
            let service = self.services.get(&owner.object)?;
            Some((owner, service.name.clone()))
        });
        let owned = owner.as_ref().map(|(owner, _)| owner.object);
        let of_daemon = owned.and_then(|id| self.services.get(&id));
        let provider = match of_daemon {
            Some(service) if service.is_daemon() => None,
            _ => self.assign(owned),
        };
        let kind = Kind {
            name: match &owner {
                Some((_, name)) => Some(name.clone()),
                None => self.placed_by_name(created),
            },
            is_owned: owner.is_some(),
            class: created.class,
            provider,
        };
        let Template { task, rules } = self.template(kind, turn.store);
        self.started += 1;
        let slot = pod.slot.index();
        if self.tasks.len() <= slot {
            self.tasks.resize(slot + 1, None);
        }
        let mut state = TaskState {
            pod,
            service: None,
            is_daemon: false,
            deployment: 0,
            number: self.started,
            created: turn.now,
            task,
            rules,
            provider,
            instance: None,
            only_on: None,
            phase: Phase::Pending,
        };
        if let Some((owner, _)) = owner
            && let Some(service) = self.services.get_mut(&owner.object)
        {
            state.service = Some(owner.object);
            state.is_daemon = service.is_daemon();
            let was_awaited = state.is_daemon && service.coming() > 0;
            state.deployment = service.arrived(state.number, pod);
            state.only_on = state.is_daemon.then_some(owner.index.max(0) as usize);
            self.daemons_coming -= u64::from(was_awaited);
        }
        if let Some(known) = self.known.remove(&pod.id) {
            known.restore(&mut state);
        }
        if state.phase == Phase::Stopping && !turn.store.pod_states().is_terminating(pod) {
            let delay = self.options.deregistration_delay;
            self.timers
                .push(turn.now.saturating_add(delay), Due::Deregistered(pod));
        }
        self.tasks[slot] = Some(state);
        if created.found.is_none() && !self.launches(pod, turn) {
            self.enqueue(pod);
        }
    }

    /// Has a task placed after those that wait already; those of daemons come before all others.
    pub(super) fn enqueue(&mut self, pod: PodRef) {
        let is_daemon = self.task_mut(pod).is_some_and(|own| own.is_daemon);
        let queue = if is_daemon {
            &mut self.daemons
        } else {
            &mut self.queue
        };
        queue.push_back(pod);
    }

    /// The next task to place: none but a daemon's while such a task is yet to come.
    fn next_queued(&mut self) -> Option<PodRef> {
        let others_wait = self.daemons_coming > 0;
        let daemon = self.daemons.pop_front();
        daemon.or_else(|| (!others_wait).then(|| self.queue.pop_front()).flatten())
    }

    /// Places the first task that waits.
    pub(super) fn place_next(&mut self, turn: &mut Turn<'_>) {
        while let Some(pod) = self.next_queued() {
            let Some(own) = self.task_mut(pod).map(|own| own.clone()) else {
                continue;
            };
            let record = turn.store.pods().get(pod);
            let waits = record.is_some_and(|record| record.node().is_none());
            if !waits || own.instance.is_some() || turn.store.pod_states().is_terminating(pod) {
                continue;
            }
            let class = record.map(|record| record.class);
            let is_refused = class.is_some_and(|class| {
                refusal(CAPABILITIES, &turn.store.class(class).spec).is_some()
            });
            if is_refused {
                let reason = EndReason::Rejected;
                turn.write(Event::PodEnded { pod, reason });
                continue;
            }
            let leaves = own.only_on.is_some_and(|machine| self.drains(machine));
            if leaves && own.provider.is_some() {
                self.launch_again(turn.now, &own, turn.out);
                continue;
            }
            // A standalone task is tried by itself, as no service starts it with others.
            let alike = (own.service.is_some()).then(|| Alike::of(&own.task, own.rules));
            let is_known = alike.as_ref().is_some_and(|own| self.refused.contains(own));
            if own.only_on.is_none() && is_known {
                self.resting.insert(own.number, pod);
                continue;
            }
            turn.out.decided_pods += 1;
            turn.out.decided_jobs += 1;
            if let Some(instance) = self.choose(&own) {
                self.occupy(pod, instance);
                let node = NodeId::from_index(instance);
                let devices =
                    whole_devices(turn.store, node, DeviceSet::EMPTY, own.task.gpus.devices);
                turn.write(Event::PodBound { pod, node, devices });
            } else {
                self.refused.extend(alike);
                self.resting.insert(own.number, pod);
                turn.write(Event::PodUnschedulable { pod });
                if let Some(id) = own.service {
                    self.place_again(id, turn);
                }
            }
            return;
        }
    }

    fn choose(&mut self, own: &TaskState) -> Option<usize> {
        if let Some(instance) = own.only_on {
            let there = self.cluster.instances().get(instance)?;
            let rules = self.rules.get(own.rules)?;
            return placement::is_eligible(there, &own.task, rules).then_some(instance);
        }
        match self.form {
            Form::Incremental => self.cluster.place(&own.task, own.rules, &mut self.random),
            Form::Plain => {
                let rules = self.rules.get(own.rules)?;
                let instances = self.cluster.instances();
                placement::place(instances, &own.task, rules, &mut self.random)
            }
        }
    }

    /// The store did not take a binding: the task waits again.
    pub(super) fn not_bound(&mut self, pod: PodRef) {
        self.leave(pod);
        if let Some(number) = self.task_mut(pod).map(|own| own.number) {
            self.resting.insert(number, pod);
        }
    }

    /// Puts a task on an instance.
    fn occupy(&mut self, pod: PodRef, instance: usize) {
        let Some(own) = self.task_mut(pod) else {
            return;
        };
        own.instance = Some(instance);
        let (task, is_daemon) = (own.task.clone(), own.is_daemon);
        let stops = own.phase == Phase::Stopping;
        self.cluster.add(instance, &task);
        if stops {
            self.cluster.stop(instance, &task);
        }
        if !is_daemon && let Some(agent) = self.agents.get_mut(instance) {
            agent.tasks += 1;
        }
    }

    /// Takes a task off its instance: whether it was on one.
    fn leave(&mut self, pod: PodRef) -> bool {
        let Some(own) = self.task_mut(pod) else {
            return false;
        };
        let (task, is_daemon) = (own.task.clone(), own.is_daemon);
        let Some(instance) = own.instance.take() else {
            return false;
        };
        if own.phase == Phase::Stopping {
            self.cluster.release(instance, &task);
        } else {
            self.cluster.remove(instance, &task);
        }
        if !is_daemon && let Some(agent) = self.agents.get_mut(instance) {
            agent.tasks = agent.tasks.saturating_sub(1);
            // The last task of an instance that drains: its daemons have to go.
            if agent.tasks == 0 && !agent.is_open {
                self.look_at_daemons();
            }
        }
        true
    }

    /// A pod that was on a node before the run began is a task there.
    pub(super) fn bound(&mut self, pod: PodRef, node: NodeId) {
        if self.task_mut(pod).is_some_and(|own| own.instance.is_none()) {
            self.occupy(pod, node.index());
        }
    }

    pub(super) fn ended(&mut self, pod: PodRef, reason: EndReason, turn: &mut Turn<'_>) {
        let was_placed = self.leave(pod);
        let row = self.tasks.get_mut(pod.slot.index());
        let Some(own) = row.and_then(|row| row.take_if(|own| own.pod == pod)) else {
            return;
        };
        self.resting.remove(&own.number);
        self.changed();
        if let Some(provider) = own.provider {
            self.unassign(own.service, provider);
            self.release(turn.now, &own, was_placed, turn.out);
        }
        let Some(id) = own.service else {
            return;
        };
        if let Some(service) = self.services.get_mut(&id) {
            service.left(own.number);
        }
        if reason.leaves_object() {
            let change = PodChange::Forgotten;
            turn.write(Event::PodChanged { pod, change });
        }
        if own.phase == Phase::Pending && reason != EndReason::NodeLost {
            self.never_ran(id, &own, turn);
        } else if own.created == turn.now && reason != EndReason::NodeLost {
            self.ended_at_once(id, turn.now);
        }
        self.dirty.insert(id);
    }

    /// Stops a task that is no longer wanted; one behind a balancer is out of service for a while before.
    pub(super) fn stop(&mut self, pod: PodRef, turn: &mut Turn<'_>) {
        let delay = self.options.deregistration_delay;
        let class = turn.store.pods().get(pod).map(|record| record.class);
        let spec = class.map(|class| &turn.store.class(class).spec);
        let is_registered = |own: &&mut TaskState| {
            let runs = matches!(own.phase, Phase::Running | Phase::Healthy);
            runs && delay > Duration::ZERO && spec.is_some_and(|spec| is_balanced(spec, turn.store))
        };
        match self.task_mut(pod).filter(is_registered) {
            Some(_) => {
                self.is_to_stop(pod);
                let change = PodChange::Ready(false);
                turn.write(Event::PodChanged { pod, change });
                self.timers
                    .push(turn.now.saturating_add(delay), Due::Deregistered(pod));
            }
            None => self.stop_for(pod, EndReason::Cancelled, turn),
        }
    }

    /// Notes that a task is to stop: from now on the rules look past it. `false` if there is none.
    fn is_to_stop(&mut self, pod: PodRef) -> bool {
        let Some(own) = self.task_mut(pod) else {
            return false;
        };
        if std::mem::replace(&mut own.phase, Phase::Stopping) == Phase::Stopping {
            return true;
        }
        if let (Some(instance), task) = (own.instance, own.task.clone()) {
            self.cluster.stop(instance, &task);
            self.changed();
        }
        true
    }

    /// The agent of a task reports that it is in service, which it is no longer once it leaves its balancer.
    pub(super) fn ready_again(&mut self, pod: PodRef, turn: &mut Turn<'_>) {
        if self
            .task_mut(pod)
            .is_some_and(|own| own.phase == Phase::Stopping)
            && !turn.store.pod_states().is_terminating(pod)
        {
            let change = PodChange::Ready(false);
            turn.write(Event::PodChanged { pod, change });
        }
    }

    /// Stops a task for a reason.
    pub(super) fn stop_for(&mut self, pod: PodRef, reason: EndReason, turn: &mut Turn<'_>) {
        if !self.is_to_stop(pod) {
            return;
        }
        let grace = turn.store.grace_of(pod);
        let change = PodChange::Terminating { grace, reason };
        turn.write(Event::PodChanged { pod, change });
    }

    /// The message of a task that waits: what each instance lacks for it.
    pub(super) fn why_it_waits(&self, pod: PodRef) -> Option<Text> {
        let own = self.tasks.get(pod.slot.index())?.as_ref()?;
        if own.pod != pod || own.instance.is_some() {
            return None;
        }
        let why = self.unplaced(own)?;
        Some(format!("unable to place a task: {why}").into())
    }

    fn unplaced(&self, own: &TaskState) -> Option<String> {
        let rules = self.rules.get(own.rules)?;
        let unmet = |instance| placement::unmet(instance, &own.task, rules);
        if let Some(there) = own.only_on {
            let there = self.cluster.instances().get(there)?;
            let why = unmet(there).map_or("not tried yet", Unmet::words);
            return Some(format!("the container instance `{}`: {why}", there.id));
        }
        if own.provider.is_some_and(|own| self.is_fargate(own)) {
            return Some("its machine of Fargate is not there yet".to_owned());
        }
        let mut lacks: SortedMap<Unmet, usize> = SortedMap::new();
        let active = (self.cluster.instances().iter()).filter(|own| own.is_active);
        let mut takers = 0_usize;
        for instance in active {
            match unmet(instance) {
                Some(lack) => *lacks.entry(lack).or_default() += 1,
                None => takers += 1,
            }
        }
        if takers > 0 {
            let comes_first = "the tasks of daemon services are placed first";
            let is_behind = self.daemons_coming > 0 || !self.daemons.is_empty();
            return Some(
                if is_behind {
                    comes_first
                } else {
                    "not tried yet"
                }
                .to_owned(),
            );
        }
        if lacks.is_empty() {
            return Some("no container instances were found in your cluster".to_owned());
        }
        let mut counted: Vec<(Unmet, usize)> = lacks.into_iter().collect();
        counted.sort_by_key(|&(_, instances)| std::cmp::Reverse(instances));
        let words: Vec<String> = counted
            .into_iter()
            .map(|(lack, instances)| format!("{instances} {}", lack.words()))
            .collect();
        Some(format!(
            "no container instance met all of its requirements ({})",
            words.join("; ")
        ))
    }
}
