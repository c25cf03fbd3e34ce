//! Reading the log: nodes become agents, pods and objects go to their frameworks.

use crate::parts::turn::Turn;
use cluster::Store;
use model::exit::{KILLED, TERMINATED};
use model::{EndReason, Event, NodeContact, ObjectChange, PodChange, PodCreated, PodRef};
use units::{NodeId, ObjectId};

use super::super::fast::amounts::Bundle;
use super::super::framework::{TaskEnd, TaskNews, status_of};
use super::super::section::MesosDeal;
use super::{Held, MesosMaster, Stop, Task};

impl MesosMaster {
    /// Reads what is new.
    pub(super) fn read(&mut self, turn: &mut Turn<'_>) {
        for entry in turn.store.log().since(self.cursor) {
            let at = entry.at;
            match &entry.event {
                Event::NodeAdded { node, .. } => self.joined(at, *node, turn.store),
                Event::NodeUpdated { node, .. } => self.updated(*node, turn.store),
                Event::NodeRemoved { node } => self.left(*node, turn),
                Event::NodeReadiness { node, ready } => self.readiness(*node, *ready, turn),
                // The cluster's own controllers watch over nodes that are shared.
                Event::NodeContact { .. } if self.has_rivals() => {}
                Event::NodeContact { node, contact } => match contact {
                    NodeContact::Silent { .. } => self.silent(at, *node),
                    NodeContact::Steady => self.heard(at, *node, turn.store),
                    NodeContact::Heard => {}
                },
                Event::PodCreated(created) => self.created(created, turn.store),
                Event::PodBound { pod, node, .. } => self.bound(*pod, *node, turn.store),
                Event::PodRunning { pod } => self.tell(*pod, TaskNews::Running, turn.store),
                Event::PodChanged {
                    pod,
                    change: PodChange::Ready(ready),
                } => self.tell(*pod, TaskNews::Ready(*ready), turn.store),
                Event::PodChanged {
                    pod,
                    change: PodChange::OomKilled { .. },
                } => self.stopped(*pod, Stop::Memory),
                Event::PodChanged {
                    pod,
                    change: PodChange::Exited { container, code },
                } => self.exited(*pod, usize::from(*container), *code, turn.store),
                Event::PodEnded { pod, reason } => self.ended(*pod, *reason, turn.store),
                Event::Object(change) => self.object(change, turn.store),
                _ => {}
            }
        }
        self.cursor = turn.store.revision();
    }

    fn created(&mut self, created: &PodCreated, store: &Store) {
        if !self.is_own(store.class(created.class)) {
            return;
        }
        let framework = match created.owner.filter(|_| !self.has_rivals()) {
            Some(owner) => self.objects.get(&owner.object).copied(),
            None => match self.replaced.take() {
                Some((slot, framework)) if slot == created.pod.slot.index() => Some(framework),
                _ => self.dealt(created, store),
            },
        };
        let Some(framework) = framework else {
            return;
        };
        let slot = created.pod.slot.index();
        if self.held.len() <= slot {
            self.held.resize(slot + 1, None);
        }
        self.held[slot] = Some(Held {
            pod: created.pod,
            framework,
            task: None,
            class: created.class,
            stop: Stop::default(),
            wants_gpus: store.class(created.class).gpu.devices > 0,
        });
        if created.found.is_none() {
            let seat = &mut self.seats[framework];
            seat.framework.waits(self.now, created.pod, store);
            seat.is_touched = true;
        }
    }

    /// Batch framework that a pod is dealt to, of those that take its namespace.
    fn dealt(&mut self, created: &PodCreated, store: &Store) -> Option<usize> {
        let turn = self.turn(created);
        let namespace = &store.class(created.class).spec.namespace;
        if !self.dealt.contains_key(namespace) {
            let dealt = self.options.dealt(namespace);
            self.dealt.insert(namespace.clone(), dealt);
        }
        let dealt = self.dealt.get(namespace).filter(|own| !own.is_empty())?;
        Some(dealt[turn % dealt.len()])
    }

    /// Turn of a pod among the frameworks.
    fn turn(&self, created: &PodCreated) -> usize {
        match (self.options.stated.deal, created.gang) {
            (MesosDeal::Tenant, _) => created.tenant.index(),
            (MesosDeal::Job, Some(gang)) => gang.index(),
            (MesosDeal::Job, None) => created.pod.id.index(),
        }
    }

    fn held_mut(&mut self, pod: PodRef) -> Option<&mut Held> {
        let held = self.held.get_mut(pod.slot.index())?.as_mut()?;
        (held.pod == pod).then_some(held)
    }

    /// A pod was bound; one that was bound before the run began is a task, too.
    fn bound(&mut self, pod: PodRef, node: NodeId, store: &Store) {
        let record = store.pods().get(pod);
        let needs = record.and_then(|record| self.columns.needs(store.class(record.class)));
        let Some(held) = self.held_mut(pod) else {
            self.others_bound(pod, node, store);
            return;
        };
        if held.task.is_some() {
            return;
        }
        let framework = held.framework;
        let Some(taken) = needs.map(Bundle::of) else {
            return;
        };
        let client = self.seats[framework].clients[0];
        self.allocator.hold(client, node.0, &taken);
        if let Some(held) = self.held_mut(pod) {
            held.task = Some(Task {
                client,
                node,
                taken,
            });
        }
        let seat = &mut self.seats[framework];
        seat.framework.found(self.now, pod, node, store);
    }

    fn tell(&mut self, pod: PodRef, news: TaskNews, store: &Store) {
        let Some(framework) = self.held_mut(pod).map(|held| held.framework) else {
            return;
        };
        let seat = &mut self.seats[framework];
        seat.framework.told(self.now, pod, news, store);
        seat.is_touched = true;
    }

    /// A container ended with a code that says it was sent a signal: its agent did so, as nobody else
    /// sends one to a container that ends otherwise by itself.
    fn exited(&mut self, pod: PodRef, container: usize, code: i32, store: &Store) {
        let held = self.held.get(pod.slot.index()).and_then(Option::as_ref);
        let held = held.filter(|held| held.pod == pod);
        let own_code = held.map(|held| store.class(held.class).spec.exit_code(container));
        if matches!(code, KILLED | TERMINATED) && own_code.is_some_and(|own| own != code) {
            self.stopped(pod, Stop::Signal);
        }
    }

    fn stopped(&mut self, pod: PodRef, stop: Stop) {
        // A kill for want of memory is told before the code that it leads to.
        if let Some(held) = self.held_mut(pod).filter(|own| own.stop == Stop::Nothing) {
            held.stop = stop;
        }
    }

    fn ended(&mut self, pod: PodRef, reason: EndReason, store: &Store) {
        let place = self.held.get_mut(pod.slot.index());
        let held = place.and_then(|place| place.take_if(|held| held.pod == pod));
        let Some(held) = held else {
            self.others_ended(pod, store);
            return;
        };
        if matches!(reason, EndReason::Evicted(_)) {
            self.replaced = Some((pod.slot.index(), held.framework));
        }
        let news = match held.task {
            Some(task) => {
                self.allocator
                    .give_back(task.client, task.node.0, &task.taken);
                self.needs_batch = true;
                let status = status_of(reason, held.stop == Stop::Signal);
                TaskNews::Ended(TaskEnd { reason, status })
            }
            None => TaskNews::Withdrawn(reason),
        };
        self.lost(held.framework, reason);
        let seat = &mut self.seats[held.framework];
        seat.framework.told(self.now, pod, news, store);
        seat.is_touched = true;
    }

    fn object(&mut self, change: &ObjectChange, store: &Store) {
        // Where the cluster has controllers of its own, these make the pods.
        if self.has_rivals() {
            return;
        }
        let id = match change {
            ObjectChange::Created { id, object, .. } => {
                if let Some(framework) = self.options.taker(object) {
                    self.objects.insert(*id, framework);
                }
                *id
            }
            ObjectChange::Updated { id, .. }
            | ObjectChange::Terminating { id }
            | ObjectChange::Orphaned { id }
            | ObjectChange::Deleted { id } => *id,
        };
        self.tell_object(id, store);
    }

    fn tell_object(&mut self, id: ObjectId, store: &Store) {
        if let Some(&framework) = self.objects.get(&id) {
            let seat = &mut self.seats[framework];
            seat.framework.object(self.now, id, store);
            seat.is_touched = true;
        }
    }
}
