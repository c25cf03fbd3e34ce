//! Containers of services: created, started, stopped and taken off.

use crate::parts::turn::Turn;
use std::sync::Arc;

use control::admission::{Creation, NewName, NewPod};
use model::{DeviceSet, EndReason, Event, PodChange, PodOwner};
use units::ObjectId;

use super::super::project::Step;
use super::{Container, Course, Host, Service};

impl Host {
    /// Creates what services lack and stops what they have too much of.
    pub(super) fn reconcile(&mut self, turn: &mut Turn<'_>) {
        let ids: Vec<ObjectId> = self.services.keys().copied().collect();
        for id in ids {
            let Some(service) = self.services.get(&id) else {
                continue;
            };
            if service.course == Course::Leaving && service.containers.is_empty() {
                self.numbers.remove(&service.name);
                self.services.remove(&id);
                continue;
            }
            if service.course != Course::Kept {
                self.empty(id, turn);
            }
            self.fill(id, turn);
        }
    }

    /// Stops the containers of a service, once those that depend on it have stopped.
    fn empty(&mut self, id: ObjectId, turn: &mut Turn<'_>) {
        let Some(service) = self.services.get(&id) else {
            return;
        };
        let is_stopped = |name: &str| {
            let other = self.numbers.get(name).and_then(|id| self.services.get(id));
            other.is_none_or(|other| other.course == Course::Kept || other.containers.is_empty())
        };
        let project = self.project.as_ref();
        if !project.is_none_or(|project| project.may_stop(&service.name, is_stopped)) {
            return;
        }
        let containers: Vec<(i32, Container)> = service
            .containers
            .iter()
            .filter_map(|(index, own)| Some((*index, (*own)?)))
            .collect();
        for (index, own) in containers {
            self.stop(id, index, own, turn);
        }
        let Some(service) = self.services.get_mut(&id) else {
            return;
        };
        if service.containers.is_empty() && service.course == Course::Replaced {
            (service.course, service.is_called) = (Course::Kept, false);
            service.is_incomplete = true;
            if let Some(project) = &mut self.project {
                project.restart(&service.name);
            }
        }
    }

    /// Stops a container, or takes one off that has ended.
    fn stop(&mut self, id: ObjectId, index: i32, own: Container, turn: &mut Turn<'_>) {
        let pod = own.pod;
        if own.is_over() {
            self.owners.remove(&pod.id);
            if let Some(service) = self.services.get_mut(&id) {
                service.containers.remove(&index);
            }
            let change = PodChange::Forgotten;
            turn.write(Event::PodChanged { pod, change });
        } else if !turn.store.pod_states().is_terminating(pod) {
            let (grace, reason) = (turn.store.grace_of(pod), EndReason::Cancelled);
            let change = PodChange::Terminating { grace, reason };
            turn.write(Event::PodChanged { pod, change });
        }
    }

    /// Has as many containers as the service asks for, where an `up` is to see to it. Those that have ended
    /// are started again: as others of the same name.
    fn fill(&mut self, id: ObjectId, turn: &mut Turn<'_>) {
        let Some(service) = self.services.get_mut(&id) else {
            return;
        };
        if service.course != Course::Kept {
            return;
        }
        if std::mem::take(&mut service.is_incomplete) {
            let there = service.containers.iter();
            let there = there.filter_map(|(index, own)| Some((*index, (*own)?)));
            // Those that still end are waited for.
            let ends = |(_, own): (i32, Container)| turn.store.pod_states().is_terminating(own.pod);
            let is_incomplete = there.clone().any(ends);
            let over: Vec<(i32, Container)> = there.filter(|(_, own)| own.is_over()).collect();
            for (index, own) in over {
                self.stop(id, index, own, turn);
            }
            let Some(service) = self.services.get_mut(&id) else {
                return;
            };
            service.is_incomplete = is_incomplete;
            for index in 0..service.replicas {
                let (name, template) = (&service.name, &service.template);
                service.containers.entry(index).or_insert_with(|| {
                    turn.out.creations.push(Creation::Pod(NewPod {
                        owner: PodOwner::new(id, index),
                        name: NewName::Exact(format!("{name}-{}", index + 1).into()),
                        spec: Arc::clone(template),
                    }));
                    None
                });
            }
        }
        let Some(service) = self.services.get(&id) else {
            return;
        };
        let surplus: Vec<(i32, Container)> = service
            .containers
            .range(service.replicas..)
            .filter_map(|(index, own)| Some((*index, (*own)?)))
            .collect();
        for (index, own) in surplus.into_iter().rev() {
            self.stop(id, index, own, turn);
        }
    }

    /// Starts the services whose turn it is.
    pub(super) fn look(&mut self, turn: &mut Turn<'_>) {
        let steps = self.project.as_mut().map(|project| project.look(turn.now));
        for step in steps.unwrap_or_default() {
            match step {
                Step::Start(name) => {
                    let id = self.numbers.get(&name);
                    if let Some(service) = id.and_then(|id| self.services.get_mut(id)) {
                        service.is_called = true;
                    }
                }
                Step::Fail { service, .. } => {
                    let id = self.numbers.get(&service);
                    let service = id.and_then(|id| self.services.get(id));
                    for own in service.into_iter().flat_map(Service::live) {
                        turn.write(Event::PodUnschedulable { pod: own.pod });
                    }
                }
                // The dependency's own containers show that it failed.
                Step::Warn { .. } => {}
            }
        }
    }

    /// Gives the host the containers of all services that were called.
    pub(super) fn bind(&self, turn: &mut Turn<'_>) {
        let Some((node, true)) = self.node else {
            return;
        };
        if self.is_refused {
            return;
        }
        let called = self.services.values().filter(|service| service.is_called);
        let pods = called.flat_map(Service::live).map(|own| own.pod);
        for pod in pods.chain(self.strays.iter().copied()) {
            let record = turn.store.pods().get(pod);
            let waits = record.is_some_and(|record| record.node().is_none());
            if waits && !turn.store.pod_states().is_terminating(pod) {
                turn.out.decided_pods += 1;
                turn.out.decided_jobs += 1;
                let devices = DeviceSet::EMPTY;
                turn.write(Event::PodBound { pod, node, devices });
            }
        }
    }
}
