//! Services: desired tasks, deployments that replace old tasks by new ones within the bounds, and the
//! circuit breaker.

use std::collections::VecDeque;
use std::sync::Arc;

use control::Outbox;
use control::admission::{Creation, NewName, NewPod};
use model::{Event, Object, PodOwner, PodRef, PodSpec, RolloutStep, Text};
use serde::{Deserialize, Serialize};
use units::{Instant, ObjectId, SortedMap, SortedSet};

use super::super::entry::CAPABILITIES;
use super::super::options::BreakerOptions;
use super::super::placement::{self, Instance, Running};
use super::super::service::{HealthyPercent, Moves, Tasks, Throttle};
use super::Ecs;
use super::deployment::{Completed, Deployment};
use super::tasks::{Phase, TaskState};
use crate::mapping::object_refusal;
use crate::parts::former::declare_former;
use crate::parts::turn::Turn;

/// Kind of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    /// A number of tasks, maintained.
    Replica,
    /// One task on every instance that takes it.
    Daemon,
    /// Tasks that are started once.
    Once,
}

/// A service.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Service {
    pub(super) name: Text,
    kind: Kind,
    desired: u64,
    /// Template that was declared last, of which the present deployment is not after a rollback.
    declared: Arc<PodSpec>,
    /// Template that was declared before it.
    #[serde(default)]
    former: Option<Arc<PodSpec>>,
    /// Whether the next declaration takes back the deployment under way.
    #[serde(default)]
    goes_back: bool,
    pub(super) deployment: Deployment,
    /// Number of the newest deployment, which never is another's.
    newest: u64,
    /// The last deployment that was completed.
    completed: Option<Completed>,
    pub(super) throttle: Throttle,
    /// Instant at which the deployment was last told to be stuck.
    stuck: Option<Instant>,
    /// Whether a deployment was given up.
    #[serde(default)]
    has_failed: bool,
    /// Number of the next pod.
    next: i32,
    /// Deployments of the pods that were asked for and are not there yet, in their order.
    coming: VecDeque<u64>,
    /// Pods of the service's tasks, by the number of the task.
    #[serde(skip)]
    pods: SortedMap<u64, PodRef>,
}

impl Service {
    fn new(name: Text, kind: Kind, desired: u64, template: &Arc<PodSpec>) -> Self {
        Self {
            name,
            kind,
            desired,
            declared: Arc::clone(template),
            former: None,
            goes_back: false,
            deployment: Deployment::new(1, Arc::clone(template), desired),
            newest: 1,
            completed: None,
            throttle: Throttle::default(),
            stuck: None,
            has_failed: false,
            next: 0,
            coming: VecDeque::new(),
            pods: SortedMap::new(),
        }
    }

    pub(super) fn is_daemon(&self) -> bool {
        self.kind == Kind::Daemon
    }

    /// Tasks that were asked for and are not there yet.
    pub(super) fn coming(&self) -> u64 {
        self.coming.len() as u64
    }

    /// A pod that was asked for is there: the number of its deployment.
    pub(super) fn arrived(&mut self, task: u64, pod: PodRef) -> u64 {
        self.pods.insert(task, pod);
        let asked = self.coming.pop_front();
        asked.unwrap_or(self.deployment.number)
    }

    /// A task of the service has ended.
    pub(super) fn left(&mut self, task: u64) {
        self.pods.remove(&task);
    }

    pub(super) fn task_runs(&mut self, deployment: u64) {
        if deployment == self.deployment.number {
            self.deployment.breaker.task_runs();
        }
    }

    /// Whether a deployment is under way, whose breaker counts failures: the present one, until it is
    /// completed.
    pub(super) fn is_deploying(&self, deployment: u64) -> bool {
        let is_completed = |own: &Completed| own.number == deployment;
        deployment == self.deployment.number && !self.completed.as_ref().is_some_and(is_completed)
    }

    /// Gives the present deployment up, if that is asked for, and goes back to the last one that was
    /// completed, whose tasks stay: what became of it.
    pub(super) fn give_up(&mut self, options: BreakerOptions) -> Option<RolloutStep> {
        if !options.is_enabled || self.deployment.is_failed {
            return None;
        }
        (self.deployment.is_failed, self.has_failed) = (true, true);
        let Some(last) = self.completed.clone().filter(|_| options.rolls_back) else {
            return Some(RolloutStep::Failed);
        };
        Some(self.go_back(last))
    }

    /// Goes back to a deployment that was completed, whose tasks stay.
    fn go_back(&mut self, last: Completed) -> RolloutStep {
        self.deployment = Deployment {
            is_rollback: true,
            ..Deployment::new(last.number, last.template, self.desired)
        };
        self.throttle.reset();
        self.stuck = None;
        RolloutStep::RollingBack
    }

    /// The deployment to which a user's rollback leads while the present one is under way
    /// (`stop-service-deployment.md`).
    fn stopped_for(&self) -> Option<&Completed> {
        let is_under_way = self.is_deploying(self.deployment.number) && !self.deployment.is_failed;
        self.completed.as_ref().filter(|_| is_under_way)
    }

    /// A template is declared: a new deployment, unless it is the one that was declared last, or the one
    /// that the service went back to. What becomes of the one under way if it is rolled back.
    fn declare(&mut self, template: &Arc<PodSpec>) -> Option<RolloutStep> {
        let goes_back = std::mem::take(&mut self.goes_back);
        if self.declared == *template {
            return None;
        }
        self.former = Some(std::mem::replace(&mut self.declared, Arc::clone(template)));
        if self.deployment.template != *template {
            if goes_back
                && let Some(last) = self.stopped_for().cloned()
                && last.template == *template
            {
                return Some(self.go_back(last));
            }
            self.newest += 1;
            self.deployment = Deployment::new(self.newest, Arc::clone(template), self.desired);
            self.throttle.reset();
            self.stuck = None;
        }
        None
    }

    /// Whether the present deployment can go no further.
    pub(super) fn is_stuck(&self) -> bool {
        self.stuck.is_some() && self.is_deploying(self.deployment.number)
    }

    /// Whether a deployment was given up.
    pub(super) const fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Takes note of what a look found: the step of the deployment that is to be told, if there is one.
    fn looked_at(&mut self, now: Instant, is_done: bool, is_stuck: bool) -> Option<RolloutStep> {
        if is_done {
            self.completed = Some(Completed {
                number: self.deployment.number,
                template: Arc::clone(&self.deployment.template),
            });
            let was_rollback = std::mem::take(&mut self.deployment.is_rollback);
            return was_rollback.then_some(RolloutStep::RolledBack);
        }
        let is_news = is_stuck && self.stuck != Some(now);
        is_news.then(|| {
            self.stuck = Some(now);
            RolloutStep::Stuck
        })
    }
}

/// Template, kind and desired tasks of a workload, of those kinds that ECS can express.
fn wanted(object: &Object) -> Option<(Kind, &Arc<PodSpec>, i32)> {
    if object_refusal(CAPABILITIES, object).is_some() {
        return None;
    }
    match object {
        Object::Deployment(own) => Some((Kind::Replica, &own.template, own.replicas)),
        Object::ReplicaSet(own) | Object::ReplicationController(own) => {
            Some((Kind::Replica, &own.template, own.replicas))
        }
        Object::StatefulSet(own) => Some((Kind::Replica, &own.template, own.replicas)),
        Object::DaemonSet(own) => Some((Kind::Daemon, &own.template, 0)),
        Object::Job(own) => Some((Kind::Once, &own.template, own.completions.unwrap_or(1))),
        _ => None,
    }
}

/// Writes a step of a deployment into the log.
pub(super) fn tell(workload: ObjectId, step: RolloutStep, turn: &mut Turn<'_>) {
    turn.write(Event::Rollout { workload, step });
}

impl Ecs {
    /// A workload was declared, declared anew, or deleted.
    pub(super) fn declared(&mut self, id: ObjectId, turn: &mut Turn<'_>) {
        let object = turn.store.objects().get(id).map(|row| &row.object);
        let Some((kind, template, desired)) = object.and_then(wanted) else {
            if let Some(service) = self.services.remove(&id) {
                if service.is_daemon() {
                    self.daemons_coming -= service.coming();
                }
                for &pod in service.pods.values() {
                    self.stop(pod, turn);
                }
            }
            return;
        };
        if let (Some(Object::Deployment(own)), Some(service)) = (object, self.services.get_mut(&id))
            && own.rollback_to.is_some()
        {
            let stopped_for = service.stopped_for().map(|own| Arc::clone(&own.template));
            service.goes_back = stopped_for.is_some();
            let former = stopped_for.or_else(|| service.former.clone());
            return declare_former(id, own, former.as_ref(), turn);
        }
        let desired = desired.max(0) as u64;
        let name = object.map(Object::name).cloned().unwrap_or_default();
        if let Some(service) = self.services.get_mut(&id) {
            service.desired = desired;
            if let Some(step) = service.declare(template) {
                tell(id, step, turn);
            }
        } else {
            let service = Service::new(name, kind, desired, template);
            self.services.insert(id, service);
        }
        self.dirty.insert(id);
    }

    pub(super) fn tasks_of<'s>(
        &'s self,
        service: &'s Service,
    ) -> impl Iterator<Item = &'s TaskState> {
        let rows = service.pods.values();
        let rows = rows.filter_map(|pod| self.tasks.get(pod.slot.index())?.as_ref());
        rows.zip(service.pods.values())
            .filter(|(own, pod)| own.pod == **pod)
            .map(|(own, _)| own)
    }

    /// A pod was not created after all.
    pub(super) fn not_created(&mut self, id: ObjectId) {
        if let Some(service) = self.services.get_mut(&id) {
            self.daemons_coming -= u64::from(service.is_daemon() && service.coming() > 0);
            service.coming.pop_front();
        }
    }

    /// Whether a service keeps a number of tasks, or one on every instance.
    pub(super) fn maintains(&self, id: ObjectId) -> bool {
        let service = self.services.get(&id);
        service.is_some_and(|service| service.kind != Kind::Once)
    }

    /// Tasks of a service as its bounds count them. Those of a draining instance are old.
    fn counted(&self, service: &Service) -> Tasks {
        let is_new = |number: &&u64| **number == service.deployment.number;
        let coming = service.coming.iter().filter(is_new).count() as u64;
        let mut tasks = Tasks {
            new_unhealthy: coming,
            // Those of a deployment before end as soon as they are there.
            stopping: service.coming() - coming,
            ..Tasks::default()
        };
        for own in self.tasks_of(service) {
            let count = match (own.phase, self.is_old(own, service)) {
                (Phase::Stopping, _) => &mut tasks.stopping,
                (Phase::Healthy, true) => &mut tasks.old_healthy,
                (Phase::Healthy, false) => &mut tasks.new_healthy,
                (_, true) => &mut tasks.old_unhealthy,
                (_, false) => &mut tasks.new_unhealthy,
            };
            *count += 1;
        }
        tasks
    }

    fn is_old(&self, own: &TaskState, service: &Service) -> bool {
        let leaves = |instance| self.drains(instance) && !self.is_kept(own, instance);
        own.deployment != service.deployment.number || own.instance.is_some_and(leaves)
    }

    /// Whether a task of a daemon stays on an instance that drains, as others there have not ended.
    fn is_kept(&self, own: &TaskState, instance: usize) -> bool {
        own.is_daemon && self.agents.get(instance).is_some_and(|own| own.tasks > 0)
    }

    /// Tasks that a daemon is to have: one on every instance that takes it, and those that are not to end
    /// yet on instances that drain.
    fn daemons_wanted(&self, service: &Service) -> u64 {
        let instances = 0..self.cluster.instances().len();
        let on_active = instances.filter(|&own| self.runs_daemons(own)).count();
        let drains = |own: &&TaskState| own.instance.is_some_and(|own| self.drains(own));
        let stays = |own: &&TaskState| own.phase != Phase::Stopping && !self.is_old(own, service);
        let kept = self.tasks_of(service).filter(drains).filter(stays).count();
        (on_active + kept) as u64
    }

    /// Stops and starts tasks of a service, as far as its bounds allow.
    pub(super) fn look_at(&mut self, id: ObjectId, turn: &mut Turn<'_>) {
        let Some(service) = self.services.get(&id) else {
            return;
        };
        let desired = match service.kind {
            Kind::Once => return self.start_once(id, turn.out),
            Kind::Replica => service.desired,
            Kind::Daemon => self.daemons_wanted(service),
        };
        let percent = if service.is_daemon() {
            HealthyPercent::DAEMON
        } else {
            self.options.percent
        };
        let tasks = self.counted(service);
        let moves = percent.bounds(desired).moves(desired, tasks);
        let surplus = (tasks.new_healthy + tasks.new_unhealthy).saturating_sub(desired);
        let old = self.chosen(service, moves.stop, true);
        let newer = self.chosen(service, surplus, false);
        let is_throttled = service
            .throttle
            .until()
            .is_some_and(|until| until > turn.now);
        let may_start = !is_throttled && !service.deployment.is_failed;
        for pod in old.into_iter().chain(newer) {
            self.stop(pod, turn);
        }
        if may_start {
            self.start_more(id, moves.start, turn.out);
        }
        let is_done = tasks.old_healthy + tasks.old_unhealthy == 0 && tasks.new_healthy >= desired;
        // Nothing is on its way, either, after which more would be possible.
        let rests = tasks.new_unhealthy + tasks.stopping + surplus == 0;
        let is_stuck = may_start && rests && moves == Moves::default();
        let service = self.services.get_mut(&id);
        if let Some(step) = service.and_then(|own| own.looked_at(turn.now, is_done, is_stuck)) {
            tell(id, step, turn);
        }
    }

    fn start_once(&mut self, id: ObjectId, out: &mut Outbox) {
        let Some(service) = self.services.get(&id) else {
            return;
        };
        let missing = service.desired.saturating_sub(service.next.max(0) as u64);
        for _ in 0..missing {
            self.start(id, 0, out);
        }
    }

    /// Tasks to stop: those that don't run first, then by the rules of scale-in.
    fn chosen(&self, service: &Service, count: u64, is_old: bool) -> Vec<PodRef> {
        if count == 0 {
            return Vec::new();
        }
        let of_kind =
            |own: &&TaskState| own.phase != Phase::Stopping && self.is_old(own, service) == is_old;
        let mut tasks: Vec<&TaskState> = self.tasks_of(service).filter(of_kind).collect();
        // The newest of those that don't run, and then any that is not healthy.
        tasks.sort_by_key(|own| (own.phase, std::cmp::Reverse(own.number)));
        let mut chosen: Vec<PodRef> = Vec::new();
        let mut healthy: Vec<&TaskState> = Vec::new();
        for own in tasks {
            if own.phase == Phase::Healthy {
                healthy.push(own);
            } else if (chosen.len() as u64) < count {
                chosen.push(own.pod);
            }
        }
        if chosen.len() as u64 >= count || healthy.is_empty() {
            return chosen;
        }
        // Instances without a task of the service are of no account here.
        let places = self.tasks_of(service).filter_map(|own| own.instance);
        let places: SortedSet<usize> = places.collect();
        let places: Vec<usize> = places.into_iter().collect();
        let all = self.cluster.instances();
        let mut instances: Vec<Instance> = places.iter().map(|&own| all[own].clone()).collect();
        let place_of = |own: &TaskState| {
            let place = own.instance.map(|own| places.binary_search(&own));
            place.and_then(Result::ok)
        };
        healthy.retain(|own| place_of(own).is_some());
        while (chosen.len() as u64) < count && !healthy.is_empty() {
            let running: Vec<Running> = healthy
                .iter()
                .filter_map(|own| {
                    Some(Running {
                        instance: place_of(own)?,
                        number: own.number,
                    })
                })
                .collect();
            let first = healthy[0];
            let Some(rules) = self.rules.get(first.rules) else {
                break;
            };
            let next = placement::scale_in(&instances, &first.task, rules, &running);
            let Some(next) = next else {
                break;
            };
            let own = healthy.remove(next);
            if let Some(instance) = place_of(own).and_then(|own| instances.get_mut(own)) {
                instance.remove(&own.task);
            }
            chosen.push(own.pod);
        }
        chosen
    }

    fn start_more(&mut self, id: ObjectId, count: u64, out: &mut Outbox) {
        let Some(service) = self.services.get(&id) else {
            return;
        };
        let places: Vec<usize> = if service.is_daemon() {
            let taken = self.tasks_of(service).filter_map(|own| own.only_on);
            let taken: SortedSet<usize> = taken.collect();
            let all = 0..self.cluster.instances().len();
            let free = all.filter(|own| !taken.contains(own) && self.runs_daemons(*own));
            free.take(count as usize).collect()
        } else {
            (0..count).map(|_| 0).collect()
        };
        for place in places {
            self.start(id, place as i32, out);
        }
    }

    fn start(&mut self, id: ObjectId, index: i32, out: &mut Outbox) {
        let Some(service) = self.services.get_mut(&id) else {
            return;
        };
        out.creations.push(Creation::Pod(NewPod {
            owner: PodOwner::new(id, index),
            name: NewName::Exact(format!("{}-{}", service.name, service.next).into()),
            spec: Arc::clone(&service.deployment.template),
        }));
        service.next += 1;
        service.coming.push_back(service.deployment.number);
        self.daemons_coming += u64::from(service.is_daemon());
    }
}
