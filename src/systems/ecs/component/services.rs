//! Services: desired tasks, deployments that replace old tasks by new ones within the bounds, and the
//! circuit breaker.

use std::sync::Arc;

use cluster::Store;
use control::Outbox;
use control::admission::{Creation, NewName, NewPod};
use model::{Object, PodOwner, PodRef, PodSpec, Text};
use serde::{Deserialize, Serialize};
use units::{Instant, ObjectId, SortedMap, SortedSet};

use super::super::breaker::CircuitBreaker;
use super::super::entry::CAPABILITIES;
use super::super::options::BreakerOptions;
use super::super::placement::{self, Instance, Running};
use super::super::service::{HealthyPercent, Tasks, Throttle};
use super::tasks::{Phase, TaskState};
use super::{Due, Ecs};
use crate::mapping::object_refusal;

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
    deployment: Deployment,
    /// Template of the last deployment that was completed.
    completed: Option<Arc<PodSpec>>,
    throttle: Throttle,
    /// Number of the next pod.
    next: i32,
    /// Pods that were asked for and are not there yet.
    coming: u64,
    /// Pods of the service's tasks, by the number of the task.
    #[serde(skip)]
    pods: SortedMap<u64, PodRef>,
}

/// The present deployment of a service.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Deployment {
    number: u64,
    template: Arc<PodSpec>,
    breaker: CircuitBreaker,
    is_failed: bool,
}

impl Service {
    pub(super) fn is_daemon(&self) -> bool {
        self.kind == Kind::Daemon
    }

    /// A pod that was asked for is there: the number of its deployment.
    pub(super) fn arrived(&mut self, task: u64, pod: PodRef) -> u64 {
        self.coming = self.coming.saturating_sub(1);
        self.pods.insert(task, pod);
        self.deployment.number
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

    /// Gives the present deployment up, if that is asked for, and goes back to the last one that was
    /// completed.
    fn give_up(&mut self, options: BreakerOptions) {
        if !options.is_enabled || self.deployment.is_failed {
            return;
        }
        self.deployment.is_failed = true;
        if let Some(template) = self.completed.clone().filter(|_| options.rolls_back) {
            self.deploy(template);
        }
    }

    fn deploy(&mut self, template: Arc<PodSpec>) {
        self.deployment = Deployment {
            number: self.deployment.number + 1,
            template,
            breaker: CircuitBreaker::new(self.desired),
            is_failed: false,
        };
        self.throttle.reset();
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

impl Ecs {
    /// A workload was declared, declared anew, or deleted.
    pub(super) fn declared(&mut self, now: Instant, id: ObjectId, store: &Store, out: &mut Outbox) {
        let object = store.objects().get(id).map(|row| &row.object);
        let Some((kind, template, desired)) = object.and_then(wanted) else {
            if let Some(service) = self.services.remove(&id) {
                for &pod in service.pods.values() {
                    self.stop(now, pod, store, out);
                }
            }
            return;
        };
        let desired = desired.max(0) as u64;
        let name = object
            .map(|object| object.name().clone())
            .unwrap_or_default();
        if let Some(service) = self.services.get_mut(&id) {
            service.desired = desired;
            if service.deployment.template != *template {
                service.deploy(Arc::clone(template));
            }
        } else {
            let service = Service {
                name,
                kind,
                desired,
                deployment: Deployment {
                    number: 1,
                    template: Arc::clone(template),
                    breaker: CircuitBreaker::new(desired),
                    is_failed: false,
                },
                completed: None,
                throttle: Throttle::default(),
                next: 0,
                coming: 0,
                pods: SortedMap::new(),
            };
            self.services.insert(id, service);
        }
        self.dirty.insert(id);
    }

    fn tasks_of<'s>(&'s self, service: &'s Service) -> impl Iterator<Item = &'s TaskState> {
        let rows = service.pods.values();
        let rows = rows.filter_map(|pod| self.tasks.get(pod.slot.index())?.as_ref());
        rows.zip(service.pods.values())
            .filter(|(own, pod)| own.pod == **pod)
            .map(|(own, _)| own)
    }

    /// A pod was not created after all.
    pub(super) fn not_created(&mut self, id: ObjectId) {
        if let Some(service) = self.services.get_mut(&id) {
            service.coming = service.coming.saturating_sub(1);
        }
    }

    /// A task stopped before it ran: the service waits before its next start, and its deployment may
    /// have to be given up.
    pub(super) fn never_ran(&mut self, now: Instant, id: ObjectId, deployment: u64) {
        let options = self.options.breaker;
        let Some(service) = self.services.get_mut(&id) else {
            return;
        };
        service.throttle.task_never_ran(now);
        if let Some(until) = service.throttle.until() {
            self.timers.push(until, Due::Retry(id));
        }
        if deployment == service.deployment.number && service.deployment.breaker.task_never_ran() {
            service.give_up(options);
        }
    }

    /// A task of a deployment has failed its health check, and the deployment may have to be given up.
    pub(super) fn check_failed(&mut self, id: ObjectId, deployment: u64) {
        let options = self.options.breaker;
        let Some(service) = self.services.get_mut(&id) else {
            return;
        };
        let own = &mut service.deployment;
        if deployment == own.number && own.breaker.health_check_failed() {
            service.give_up(options);
        }
    }

    /// Whether a service keeps a number of tasks, or one on every instance.
    pub(super) fn maintains(&self, id: ObjectId) -> bool {
        let service = self.services.get(&id);
        service.is_some_and(|service| service.kind != Kind::Once)
    }

    /// Tasks of a service as its bounds count them. Those of a draining instance are old.
    fn counted(&self, service: &Service) -> Tasks {
        let mut tasks = Tasks {
            new_unhealthy: service.coming,
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
        own.deployment != service.deployment.number
            || own.instance.is_some_and(|instance| self.drains(instance))
    }

    /// Stops and starts tasks of a service, as far as its bounds allow.
    pub(super) fn look_at(&mut self, now: Instant, id: ObjectId, store: &Store, out: &mut Outbox) {
        let Some(service) = self.services.get(&id) else {
            return;
        };
        let desired = match service.kind {
            Kind::Once => return self.start_once(id, out),
            Kind::Replica => service.desired,
            Kind::Daemon => {
                let instances = 0..self.cluster.instances().len();
                instances.filter(|&own| self.runs_daemons(own)).count() as u64
            }
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
        let is_throttled = service.throttle.until().is_some_and(|until| until > now);
        let may_start = !is_throttled && !service.deployment.is_failed;
        for pod in old.into_iter().chain(newer) {
            self.stop(now, pod, store, out);
        }
        if may_start {
            self.start_more(id, moves.start, out);
        }
        let is_done = tasks.old_healthy + tasks.old_unhealthy == 0 && tasks.new_healthy >= desired;
        if let Some(service) = self.services.get_mut(&id).filter(|_| is_done) {
            service.completed = Some(Arc::clone(&service.deployment.template));
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
        service.coming += 1;
    }
}
