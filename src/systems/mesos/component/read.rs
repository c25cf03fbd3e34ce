//! Reading the log: nodes become agents, pods and objects go to their frameworks.

use cluster::Store;
use control::Outbox;
use model::{EndReason, Event, NodeContact, Object, ObjectChange, PodChange, PodCreated, PodRef};
use units::{NodeId, ObjectId};

use super::super::fast::amounts::Bundle;
use super::super::framework::TaskNews;
use super::super::options::{Deal, FrameworkKind};
use super::{Held, MesosMaster, Task};

impl MesosMaster {
    /// Reads what is new.
    pub(super) fn read(&mut self, store: &Store, out: &mut Outbox) {
        for entry in store.log().since(self.cursor) {
            let at = entry.at;
            match &entry.event {
                Event::NodeAdded { node, .. } => self.joined(at, *node, store),
                Event::NodeUpdated { node, .. } => self.updated(*node, store),
                Event::NodeRemoved { node } => self.left(*node, store, out),
                Event::NodeReadiness { node, ready } => self.readiness(*node, *ready, store, out),
                // The cluster's own controllers watch over nodes that are shared.
                Event::NodeContact { .. } if self.has_rivals() => {}
                Event::NodeContact { node, contact } => match contact {
                    NodeContact::Silent { .. } => self.silent(at, *node),
                    NodeContact::Steady => self.heard(at, *node, store),
                    NodeContact::Heard => {}
                },
                Event::PodCreated(created) => self.created(created, store),
                Event::PodBound { pod, node, .. } => self.bound(*pod, *node, store),
                Event::PodRunning { pod } => self.tell(*pod, TaskNews::Running, store),
                Event::PodChanged {
                    pod,
                    change: PodChange::Ready(ready),
                } => self.tell(*pod, TaskNews::Ready(*ready), store),
                Event::PodEnded { pod, reason } => self.ended(*pod, *reason, store),
                Event::Object(change) => self.object(change, store),
                _ => {}
            }
        }
        self.cursor = store.revision();
    }

    fn created(&mut self, created: &PodCreated, store: &Store) {
        if !self.is_own(store.class(created.class)) {
            return;
        }
        let framework = match created.owner.filter(|_| !self.has_rivals()) {
            Some(owner) => self.objects.get(&owner.object).copied(),
            None => match (self.replaced.take(), self.dealt.len()) {
                (Some((slot, framework)), _) if slot == created.pod.slot.index() => Some(framework),
                (_, 0) => None,
                (_, count) => Some(self.dealt[self.turn(created) % count]),
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
        });
        if created.found.is_none() {
            let seat = &mut self.seats[framework];
            seat.framework.waits(self.now, created.pod, store);
            seat.is_touched = true;
        }
    }

    /// Framework whose turn it is to get a pod.
    fn turn(&self, created: &PodCreated) -> usize {
        match (self.options.deal, created.gang) {
            (Deal::Tenant, _) => created.tenant.index(),
            (Deal::Job, Some(gang)) => gang.index(),
            (Deal::Job, None) => created.pod.id.index(),
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
                TaskNews::Ended(reason)
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
                if let Some(framework) = self.taker(object) {
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

    /// The framework that takes an object: services go to Marathon, jobs to Chronos.
    fn taker(&self, object: &Object) -> Option<usize> {
        let is_service = match object {
            Object::Deployment(_)
            | Object::ReplicaSet(_)
            | Object::ReplicationController(_)
            | Object::StatefulSet(_) => true,
            Object::Job(_) | Object::CronJob(_) => false,
            _ => return None,
        };
        let mut own = self.options.frameworks.iter();
        own.position(|own| {
            let fits = match own.kind {
                FrameworkKind::Marathon(_) => is_service,
                FrameworkKind::Chronos(_) => !is_service,
                FrameworkKind::Batch(_) => false,
            };
            fits && (own.namespaces.is_empty() || own.namespaces.contains(object.namespace()))
        })
    }
}
