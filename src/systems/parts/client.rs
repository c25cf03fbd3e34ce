//! Workloads of systems that know none: a client asks for so many pods once, for more when it wants
//! more, and has the last ones removed when it wants fewer. A pod that ends is not made again.

use std::sync::Arc;

use crate::capability::Capabilities;
use crate::mapping::object_refusal;
use crate::parts::turn::Turn;
use cluster::Store;
use control::Memory;
use control::admission::{Creation, NewName, NewPod};
use model::{EndReason, Event, Object, ObjectChange, PodChange, PodOwner, PodRef, PodSpec, Text};
use units::{ObjectId, PodId, SortedMap};

/// The pods of workloads, by object and number.
#[derive(Clone, Debug)]
pub(crate) struct Workloads {
    capabilities: Capabilities,
    objects: SortedMap<ObjectId, SortedMap<i32, Option<PodRef>>>,
    owners: SortedMap<PodId, PodOwner>,
}

impl Workloads {
    /// No workloads yet, of a system with these capabilities.
    pub(crate) const fn new(capabilities: Capabilities) -> Self {
        Self {
            capabilities,
            objects: SortedMap::new(),
            owners: SortedMap::new(),
        }
    }

    /// What clients asked for so far, which no store holds of pods that are gone.
    pub(crate) fn memory(&self) -> Memory {
        let asked = self.objects.iter();
        let asked = asked.map(|(&id, pods)| (id, pods.keys().copied().collect()));
        let asked: SortedMap<ObjectId, Vec<i32>> = asked.collect();
        serde_json::to_string(&asked).map_or(Memory::Lost, Memory::Text)
    }

    /// Goes on from what clients asked for before; their pods are read from the store.
    pub(crate) fn recall(&mut self, memory: &str) -> Result<(), String> {
        let asked: SortedMap<ObjectId, Vec<i32>> = serde_json::from_str(memory)
            .map_err(|error| format!("the memory of the clients is damaged: {error}"))?;
        for (id, numbers) in asked {
            let pods = numbers.into_iter().map(|number| (number, None));
            self.objects.insert(id, pods.collect());
        }
        Ok(())
    }

    /// An object was declared: the pods that its client asks for, and the changes that remove others.
    pub(crate) fn changed(
        &mut self,
        change: &ObjectChange,
        store: &Store,
    ) -> (Vec<Creation>, Vec<Event>) {
        match change {
            ObjectChange::Created { id, object, .. } | ObjectChange::Updated { id, object } => {
                match self.wanted(object) {
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
                (Vec::new(), pods.map(|pod| stopping(store, pod)).collect())
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
        let pods = self.objects.entry(id).or_default();
        let mut creations = Vec::new();
        for index in 0..replicas {
            pods.entry(index).or_insert_with(|| {
                creations.push(Creation::Pod(NewPod {
                    owner: PodOwner::new(id, index),
                    name: NewName::Exact(format!("{name}-{index}").into()),
                    spec: Arc::clone(template),
                }));
                None
            });
        }
        let more = pods.split_off(&replicas);
        let pods = more.into_values().rev().flatten();
        (creations, pods.map(|pod| stopping(store, pod)).collect())
    }

    /// A pod of a workload was created; one that the client no longer wants by then is ended.
    pub(crate) fn created(&mut self, pod: PodRef, owner: PodOwner, turn: &mut Turn<'_>) {
        self.owners.insert(pod.id, owner);
        if let Some(pods) = self.objects.get_mut(&owner.object) {
            match pods.get_mut(&owner.index) {
                Some(known) => *known = Some(pod),
                None => stop(pod, turn),
            }
        }
    }

    /// A pod ended; `true` if it was one of a workload.
    pub(crate) fn ended(&mut self, pod: PodRef) -> bool {
        self.owners.remove(&pod.id).is_some()
    }

    /// Number of pods that a client asks for, of those kinds that the system can express.
    fn wanted<'o>(&self, object: &'o Object) -> Option<(i32, &'o Arc<PodSpec>)> {
        // Pods that can't be expressed are created and refused, so that they are counted.
        let is_refused = match object {
            Object::DaemonSet(_) | Object::Job(_) | Object::CronJob(_) => {
                object_refusal(self.capabilities, object).is_some()
            }
            _ => false,
        };
        if is_refused { None } else { object.replicas() }
    }
}

/// Ends a pod within its grace period, unless it ends already.
pub(crate) fn stop(pod: PodRef, turn: &mut Turn<'_>) {
    if turn.store.pods().get(pod).is_some() && !turn.store.pod_states().is_terminating(pod) {
        turn.write(stopping(turn.store, pod));
    }
}

/// The change that ends a pod within its grace period.
fn stopping(store: &Store, pod: PodRef) -> Event {
    let (grace, reason) = (store.grace_of(pod), EndReason::Cancelled);
    let change = PodChange::Terminating { grace, reason };
    Event::PodChanged { pod, change }
}
