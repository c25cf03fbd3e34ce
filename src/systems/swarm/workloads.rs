//! Workloads as a client of Swarm keeps them, which is hardly at all: it asks for so many containers
//! once, for more when it wants more, and has the last ones removed when it wants fewer.

use std::sync::Arc;

use crate::mapping::object_refusal;
use cluster::Store;
use control::admission::{Creation, NewName, NewPod};
use model::{EndReason, Event, Object, ObjectChange, PodChange, PodOwner, PodRef, PodSpec, Text};
use units::{ObjectId, PodId, SortedMap};

use super::entry::CAPABILITIES;

/// The containers of workloads, by object and number.
#[derive(Clone, Debug, Default)]
pub(super) struct Workloads {
    objects: SortedMap<ObjectId, SortedMap<i32, Option<PodRef>>>,
    owners: SortedMap<PodId, PodOwner>,
}

impl Workloads {
    /// An object was declared: what its client asks for and removes.
    pub(super) fn changed(
        &mut self,
        change: &ObjectChange,
        store: &Store,
    ) -> (Vec<Creation>, Vec<Event>) {
        match change {
            ObjectChange::Created { id, object, .. } | ObjectChange::Updated { id, object } => {
                match wanted(object) {
                    Some((replicas, template)) => {
                        let name = object.name().clone();
                        self.scale(store, *id, &name, replicas, template)
                    }
                    None => (Vec::new(), Vec::new()),
                }
            }
            ObjectChange::Terminating { .. } | ObjectChange::Orphaned { .. } => {
                (Vec::new(), Vec::new())
            }
            ObjectChange::Deleted { id } => {
                let gone = self.objects.remove(id).unwrap_or_default();
                let pods = gone.into_values().flatten();
                (Vec::new(), pods.map(|pod| stop(store, pod)).collect())
            }
        }
    }

    fn scale(
        &mut self,
        store: &Store,
        id: ObjectId,
        name: &Text,
        replicas: i32,
        template: &Arc<PodSpec>,
    ) -> (Vec<Creation>, Vec<Event>) {
        let containers = self.objects.entry(id).or_default();
        let mut creations = Vec::new();
        for index in 0..replicas {
            containers.entry(index).or_insert_with(|| {
                creations.push(Creation::Pod(NewPod {
                    owner: PodOwner::new(id, index),
                    name: NewName::Exact(format!("{name}-{index}").into()),
                    spec: Arc::clone(template),
                }));
                None
            });
        }
        let more = containers.split_off(&replicas);
        let pods = more.into_values().rev().flatten();
        (creations, pods.map(|pod| stop(store, pod)).collect())
    }

    /// A container of a workload was asked for.
    pub(super) fn created(&mut self, pod: PodRef, owner: PodOwner) {
        self.owners.insert(pod.id, owner);
        if let Some(containers) = self.objects.get_mut(&owner.object)
            && let Some(known) = containers.get_mut(&owner.index)
        {
            *known = Some(pod);
        }
    }

    /// A container ended; whether it was one of a workload. Nobody asks for another.
    pub(super) fn ended(&mut self, pod: PodRef) -> bool {
        self.owners.remove(&pod.id).is_some()
    }
}

/// Number of containers that a client asks for, of those kinds that Swarm can express.
fn wanted(object: &Object) -> Option<(i32, &Arc<PodSpec>)> {
    // Pods that can't be expressed are created and refused, so that they are counted.
    let is_refused = match object {
        Object::DaemonSet(_) | Object::Job(_) | Object::CronJob(_) => {
            object_refusal(CAPABILITIES, object).is_some()
        }
        _ => false,
    };
    if is_refused {
        return None;
    }
    match object {
        Object::Deployment(own) => Some((own.replicas, &own.template)),
        Object::ReplicaSet(own) | Object::ReplicationController(own) => {
            Some((own.replicas, &own.template))
        }
        Object::StatefulSet(own) => Some((own.replicas, &own.template)),
        _ => None,
    }
}

fn stop(store: &Store, pod: PodRef) -> Event {
    let (grace, reason) = (store.grace_of(pod), EndReason::Cancelled);
    let change = PodChange::Terminating { grace, reason };
    Event::PodChanged { pod, change }
}
