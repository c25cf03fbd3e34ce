//! Compose at work on one host, as one component: it creates the containers of all services, starts
//! those whose dependencies have met their conditions, recreates those whose service was declared
//! with another template, and stops services after those that depend on them (spec:
//! orchestrators-a.md section 3).

mod containers;

use std::sync::Arc;

use cluster::{Conflict, Store};
use control::admission::Creation;
use control::{Component, Outbox, Progress, Write};
use model::{EndReason, Event, NodeContact, Object, PodChange, PodCreated, PodRef, PodSpec, Text};
use units::{Instant, NodeId, ObjectId, PodId, Revision, SortedMap};

use super::entry::CAPABILITIES;
use super::options::ComposeOptions;
use super::project::{Project, Sign, service_name};
use crate::mapping::{object_refusal, refusal};
use crate::parts::turn::Turn;

/// A container of a service.
#[derive(Clone, Copy, Debug)]
struct Container {
    pod: PodRef,
    has_run: bool,
    is_healthy: bool,
    /// Whether its health check has failed since it was started last.
    is_unhealthy: bool,
    standing: Standing,
    /// The last code that it ended with.
    code: i32,
}

/// Last word of a container's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It is there, or was not started yet.
    Up,
    /// The container ended while it was ready and may be started again; the report that it is no longer
    /// ready follows.
    Down,
    /// It ended for good.
    Over,
}

impl Container {
    fn is_over(&self) -> bool {
        self.standing == Standing::Over
    }
}

/// A service of the project.
#[derive(Clone, Debug)]
struct Service {
    name: Text,
    template: Arc<PodSpec>,
    replicas: i32,
    /// Containers by their index; `None` is one that was asked for.
    containers: SortedMap<i32, Option<Container>>,
    is_called: bool,
    /// Whether an `up` is to create the containers that are missing. One that a user or an outage takes away
    /// later is nobody's to create before the next `up`.
    is_incomplete: bool,
    course: Course,
}

/// Course of a service: whether its containers stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    /// They stay.
    Kept,
    /// They give way to others.
    Replaced,
    /// They are taken off with the service.
    Leaving,
}

/// The project's control plane.
#[derive(Clone)]
pub(super) struct Host {
    options: ComposeOptions,
    cursor: Revision,
    project: Option<Project>,
    /// The host and whether it is up; containers go to no other node.
    node: Option<(NodeId, bool)>,
    services: SortedMap<ObjectId, Service>,
    numbers: SortedMap<Text, ObjectId>,
    owners: SortedMap<PodId, (ObjectId, i32)>,
    /// Containers without a service that wait for the host.
    strays: Vec<PodRef>,
    /// Marks a host that refused a container for what it is like: until something changes it would do so again.
    is_refused: bool,
}

impl Service {
    fn live(&self) -> impl Iterator<Item = &Container> {
        let there = self.containers.values().flatten();
        there.filter(|own| !own.is_over())
    }

    /// What its containers show of it, in the order in which it came to be.
    fn signs(&self) -> Vec<Sign> {
        let mut signs = Vec::new();
        let there: Vec<&Container> = self.containers.values().flatten().collect();
        if !self.is_called || there.len() < self.containers.len() {
            return signs;
        }
        if there.iter().all(|own| own.has_run) {
            signs.push(Sign::Running);
        }
        if there.iter().all(|own| own.is_healthy) {
            signs.push(Sign::Healthy);
        }
        if there.iter().any(|own| own.is_unhealthy) {
            signs.push(Sign::Unhealthy);
        }
        if !there.is_empty() && there.iter().all(|own| own.is_over()) {
            let code = there.iter().map(|own| own.code).find(|code| *code != 0);
            signs.push(Sign::Ended(code.unwrap_or(0)));
        }
        signs
    }
}

/// The containers that an object asks for: their number and template.
fn wanted(object: &Object) -> Option<(i32, &Arc<PodSpec>)> {
    if object_refusal(CAPABILITIES, object).is_some() {
        return None;
    }
    match object {
        // The one host there is.
        Object::DaemonSet(own) => Some((1, &own.template)),
        Object::Job(own) => Some((own.completions.unwrap_or(1), &own.template)),
        _ => object.replicas(),
    }
}

impl Host {
    /// A control plane that knows nothing yet.
    pub(super) const fn new(options: ComposeOptions) -> Self {
        Self {
            options,
            cursor: Revision(0),
            project: None,
            node: None,
            services: SortedMap::new(),
            numbers: SortedMap::new(),
            owners: SortedMap::new(),
            strays: Vec::new(),
            is_refused: false,
        }
    }

    fn read(&mut self, turn: &mut Turn<'_>) {
        let mut contacts = SortedMap::new();
        for entry in turn.store.log().since(self.cursor) {
            self.is_refused = false;
            match &entry.event {
                Event::NodeAdded { node, .. } if self.node.is_none() => {
                    self.node = Some((*node, true));
                }
                Event::NodeContact { node, contact } => {
                    if let Some(is_up) = self.contact(*node, *contact) {
                        contacts.insert(*node, is_up);
                    }
                }
                Event::NodeReadiness { node, ready } => self.set_up(*node, *ready),
                Event::NodeRemoved { node } => self.lost(*node, turn),
                Event::Object(change) => self.declared(change.id(), turn.store),
                Event::PodCreated(created) => self.created(created, turn.store),
                Event::PodBound { pod, .. } => {
                    self.strays.retain(|stray| stray != pod);
                }
                Event::PodRunning { pod } => self.seen(*pod, |own| own.has_run = true),
                Event::PodChanged { pod, change } => self.changed(*pod, *change),
                Event::PodEnded { pod, reason } => self.ended(*pod, *reason, turn),
                _ => {}
            }
        }
        self.cursor = turn.store.revision();
        // What was silent and is steady again, while nobody looked, is as it was.
        for (node, ready) in contacts {
            if turn.store.nodes().is_ready(node) != ready {
                turn.write(Event::NodeReadiness { node, ready });
            }
        }
    }

    fn set_up(&mut self, node: NodeId, is_up: bool) {
        if let Some(own) = self.node.as_mut().filter(|own| own.0 == node) {
            own.1 = is_up;
        }
    }

    /// Contact to a node changed: whether it is up, if that is known.
    fn contact(&mut self, node: NodeId, contact: NodeContact) -> Option<bool> {
        let is_up = match contact {
            NodeContact::Silent { .. } => false,
            NodeContact::Steady => true,
            NodeContact::Heard => return None,
        };
        self.set_up(node, is_up);
        Some(is_up)
    }

    /// The host is gone for good, with all that was on it; another node may take its place.
    fn lost(&mut self, node: NodeId, turn: &mut Turn<'_>) {
        if self.node.is_none_or(|own| own.0 != node) {
            return;
        }
        self.node = None;
        for own in self.services.values().flat_map(Service::live) {
            let bound = turn.store.pods().get(own.pod).and_then(model::Pod::node);
            if bound == Some(node) {
                let (pod, reason) = (own.pod, EndReason::NodeLost);
                turn.write(Event::PodEnded { pod, reason });
            }
        }
    }

    /// An object was declared, declared again with other contents, or deleted.
    fn declared(&mut self, id: ObjectId, store: &Store) {
        let row = store.objects().get(id).filter(|row| !row.is_terminating);
        let Some((object, (replicas, template))) =
            row.and_then(|row| Some((&row.object, wanted(&row.object)?)))
        else {
            if let Some(service) = self.services.get_mut(&id) {
                service.course = Course::Leaving;
            }
            return;
        };
        let name = service_name(object, template);
        if let Some(project) = &mut self.project {
            project.scale(&name, replicas > 0);
        }
        if let Some(service) = self.services.get_mut(&id) {
            service.replicas = replicas;
            if service.template != *template {
                service.template = Arc::clone(template);
                self.replace(&name);
                let project = self.project.as_ref();
                let with = project.map(|project| project.restarted_with(&name).cloned().collect());
                let with: Vec<Text> = with.unwrap_or_default();
                for name in with {
                    self.replace(&name);
                }
            }
            self.up_again();
            return;
        }
        let own = self.options.services.get(&*name);
        let depends_on = own.map(|own| own.depends_on.clone()).unwrap_or_default();
        let poll = self.options.poll;
        let project = self.project.get_or_insert_with(|| Project::empty(poll));
        project.join(name.clone(), depends_on);
        // A service of this name may have been taken off: what was seen of it says nothing about this one.
        project.restart(&name);
        project.scale(&name, replicas > 0);
        self.numbers.insert(name.clone(), id);
        let service = Service {
            name,
            template: Arc::clone(template),
            replicas,
            containers: SortedMap::new(),
            is_called: false,
            is_incomplete: true,
            course: Course::Kept,
        };
        self.services.insert(id, service);
    }

    /// The project is started once more after a change of one of its services: what is missing of it is
    /// created, what has ended is started again, and so is what was not started before (`convergence.go`,
    /// `ensureService` and `startService`).
    fn up_again(&mut self) {
        let Some(project) = &mut self.project else {
            return;
        };
        for service in self.services.values_mut() {
            service.is_incomplete = true;
            let mut containers = service.containers.values().flatten();
            if service.course == Course::Kept && containers.any(Container::is_over) {
                service.is_called = false;
                project.restart(&service.name);
            }
        }
        project.begin_again();
    }

    fn replace(&mut self, name: &Text) {
        let id = self.numbers.get(name);
        if let Some(service) = id.and_then(|id| self.services.get_mut(id)) {
            service.course = Course::Replaced;
            // What was seen of its old containers says nothing about the new ones.
            if let Some(project) = &mut self.project {
                project.restart(name);
            }
        }
    }

    fn created(&mut self, created: &PodCreated, store: &Store) {
        let pod = created.pod;
        let own = created.owner.and_then(|owner| {
            let service = self.services.get_mut(&owner.object)?;
            Some((owner, service))
        });
        let Some((owner, service)) = own else {
            // A pod that asks for what no host has waits for good.
            let waits = store.pods().get(pod).is_some_and(|record| {
                let spec = &store.class(record.class).spec;
                record.node().is_none() && refusal(CAPABILITIES, spec).is_none()
            });
            if waits {
                self.strays.push(pod);
            }
            return;
        };
        let container = Container {
            pod,
            has_run: false,
            is_healthy: false,
            is_unhealthy: false,
            standing: Standing::Up,
            code: 0,
        };
        // One that this component did not ask for was made by an `up` before it, which made them all.
        if service
            .containers
            .insert(owner.index, Some(container))
            .is_none()
        {
            service.is_incomplete = false;
        }
        self.owners.insert(pod.id, (owner.object, owner.index));
    }

    /// Something was seen of a container: what its service shows now goes to the project.
    fn seen(&mut self, pod: PodRef, change: impl FnOnce(&mut Container)) {
        let Some(&(id, index)) = self.owners.get(&pod.id) else {
            return;
        };
        let (Some(service), Some(project)) = (self.services.get_mut(&id), &mut self.project) else {
            return;
        };
        let Some(Some(own)) = service.containers.get_mut(&index) else {
            return;
        };
        change(own);
        if service.course == Course::Replaced {
            return;
        }
        for sign in service.signs() {
            project.see(&service.name, sign);
        }
    }

    /// Whether a container has a health check.
    fn is_checked(&self, pod: PodRef) -> bool {
        let owner = self.owners.get(&pod.id);
        let service = owner.and_then(|(id, _)| self.services.get(id));
        let life = service.and_then(|service| service.template.main_life());
        life.is_some_and(|life| life.health_check.is_some())
    }

    fn changed(&mut self, pod: PodRef, change: PodChange) {
        match change {
            PodChange::Exited { code, .. } => {
                let is_checked = self.is_checked(pod);
                self.seen(pod, |own| {
                    own.code = code;
                    if own.is_healthy {
                        own.standing = Standing::Down;
                    }
                    // Until it is started again, what has a check is unhealthy (moby
                    // `container/health.go`, CloseMonitorChannel).
                    (own.is_healthy, own.is_unhealthy) = (false, is_checked);
                });
            }
            PodChange::Restarted(_) => self.seen(pod, |own| own.is_unhealthy = false),
            PodChange::Ready(true) => self.seen(pod, |own| {
                own.standing = Standing::Up;
                (own.is_healthy, own.is_unhealthy) = (true, false);
            }),
            PodChange::Ready(false) => self.seen(pod, |own| {
                let has_exited = own.standing == Standing::Down;
                own.is_healthy = false;
                own.is_unhealthy |= !has_exited;
                own.standing = Standing::Up;
            }),
            _ => {}
        }
    }

    fn ended(&mut self, pod: PodRef, reason: EndReason, turn: &mut Turn<'_>) {
        self.strays.retain(|stray| *stray != pod);
        let Some(&(id, index)) = self.owners.get(&pod.id) else {
            return;
        };
        match reason {
            EndReason::Completed | EndReason::Error => self.seen(pod, |own| {
                own.standing = Standing::Over;
                (own.is_healthy, own.is_unhealthy) = (false, false);
                let is_success = reason == EndReason::Completed;
                own.code = if is_success { 0 } else { own.code.max(1) };
            }),
            _ => {
                self.owners.remove(&pod.id);
                if let Some(service) = self.services.get_mut(&id) {
                    service.containers.remove(&index);
                    // Whoever has lost the host starts the project on another one.
                    service.is_incomplete |= reason == EndReason::NodeLost;
                }
                if reason.leaves_object() {
                    let change = PodChange::Forgotten;
                    turn.write(Event::PodChanged { pod, change });
                }
            }
        }
    }
}

impl Component for Host {
    fn name(&self) -> &'static str {
        "compose"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        let turn = &mut Turn::new(now, view, out);
        self.read(turn);
        self.reconcile(turn);
        let next = |project: &Option<Project>| project.as_ref().and_then(|own| own.next_look(now));
        if next(&self.project).is_some_and(|at| at <= now) {
            self.look(turn);
        }
        if let Some(at) = next(&self.project) {
            turn.out.wake_at(at);
        }
        self.bind(turn);
        Progress::Idle
    }

    fn refused(&mut self, write: &Write, conflict: &Conflict) {
        let is_binding = matches!(write.event, Event::PodBound { .. });
        self.is_refused |= is_binding && !matches!(conflict, Conflict::Refused);
    }

    fn declined(&mut self, creation: &Creation, _conflict: &Conflict) {
        if let Creation::Pod(new) = creation
            && let Some(service) = self.services.get_mut(&new.owner.object)
        {
            service.containers.remove(&new.owner.index);
            service.is_incomplete = true;
        }
    }

    fn backlog(&self) -> usize {
        let waiting = self.services.values().filter(|service| !service.is_called);
        waiting
            .map(|service| service.containers.len())
            .sum::<usize>()
            + self.strays.len()
    }

    fn waiting_message(&self, pod: PodRef) -> Option<Text> {
        let Some((id, _)) = self.owners.get(&pod.id) else {
            let waits = self.strays.contains(&pod);
            return (!waits).then(|| "asks for what no host has".into());
        };
        let service = self.services.get(id)?;
        let why = self.project.as_ref()?.why_waiting(&service.name);
        match why {
            Some(why) => Some(why.into()),
            None if self.node.is_none_or(|own| !own.1) => Some("the host is down".into()),
            None => None,
        }
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
