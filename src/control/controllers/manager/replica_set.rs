//! The controllers of replica sets and of replication controllers at work
//! (spec: kubernetes.md 2.1).

use std::sync::Arc;

use super::entry::ControllerEntry;
use super::observe::{self, PodObservation};
use super::{Change, Controller, Sync};
use crate::admission::{NewName, NewPod};
use crate::controllers::replica_set::{ReplicaSetView, sync};
use cluster::Store;
use model::workload::{ObservedPod, ReplicaSet};
use model::{Object, Owner, PodOwner, PodSpec};
use units::{Duration, Instant, ObjectId, SortedMap};

/// The registry's entry.
pub(super) const ENTRY: ControllerEntry = ControllerEntry {
    name: "replica-set",
    summary: "Maintains the desired number of pods of a ReplicaSet or ReplicationController.",
    build: |_| Box::new(ReplicaSets::default()),
};

const KINDS: &[&str] = &["ReplicaSet", "ReplicationController"];

/// The controller.
#[derive(Clone, Default)]
struct ReplicaSets {
    /// Pod spec of each set, with the template it was made from.
    specs: SortedMap<ObjectId, (Arc<PodSpec>, Arc<PodSpec>)>,
}

impl Controller for ReplicaSets {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn read(&mut self, change: &Change<'_>, _store: &Store, look_at: &mut Vec<ObjectId>) {
        look_at.extend(change.concerns(KINDS));
    }

    fn sync(&mut self, sync: &mut Sync<'_>) {
        match sync.object() {
            Some(Object::ReplicaSet(set)) => self.keep(sync, set, Object::ReplicaSet),
            Some(Object::ReplicationController(set)) => {
                self.keep(sync, set, Object::ReplicationController);
            }
            _ => {
                self.specs.remove(&sync.key);
            }
        }
    }

    fn clone_controller(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}

impl ReplicaSets {
    fn keep(
        &mut self,
        step: &mut Sync<'_>,
        set: &Arc<ReplicaSet>,
        object: fn(Arc<ReplicaSet>) -> Object,
    ) {
        let mut pods = observe::living(step.store, step.key);
        let is_too_many = pods.len() as i64 > i64::from(set.replicas);
        let mut related = Vec::new();
        if is_too_many {
            observe::identify(step.store, &mut pods);
            related = siblings(step.store, step.key, set);
        }
        let observed: Vec<ObservedPod> = pods.iter().map(|pod| pod.observed.clone()).collect();
        let writes = sync(
            step.now,
            &ReplicaSetView {
                set,
                pods: &observed,
                related: &related,
                is_waiting: step.is_waiting,
            },
        );
        for name in &writes.delete {
            if let Some(pod) = pods.iter().find(|pod| pod.observed.name == *name) {
                step.delete_pod(pod.pod);
            }
        }
        if writes.create > 0 {
            self.create(step, set, object(set.clone()).kind(), writes.create);
        }
        if writes.status != set.status {
            let set = ReplicaSet {
                status: writes.status,
                ..(**set).clone()
            };
            step.update(step.key, object(Arc::new(set)));
        }
        if let Some(at) = next_available(&pods, set.min_ready, step.now) {
            step.look_again_at(at);
        }
    }

    fn create(&mut self, step: &mut Sync<'_>, set: &ReplicaSet, kind: &str, count: i32) {
        let known = self.specs.get(&step.key);
        let known = known.filter(|(template, _)| Arc::ptr_eq(template, &set.template));
        let spec = if let Some((_, spec)) = known {
            spec.clone()
        } else {
            let spec = Arc::new(PodSpec {
                namespace: set.namespace.clone(),
                owner: Some(Owner {
                    kind: kind.into(),
                    name: set.name.clone(),
                }),
                ..(*set.template).clone()
            });
            let entry = (set.template.clone(), spec.clone());
            self.specs.insert(step.key, entry);
            spec
        };
        let prefix: model::Text = format!("{}-", set.name).into();
        for _ in 0..count {
            let owner = PodOwner::new(step.key, 0);
            step.create_pod(NewPod {
                owner,
                name: NewName::Prefix(prefix.clone()),
                spec: spec.clone(),
            });
        }
    }
}

/// The pods of the other sets of a set's owner.
fn siblings(store: &Store, id: ObjectId, set: &ReplicaSet) -> Vec<ObservedPod> {
    let objects = store.objects();
    let owner = objects.get(id).and_then(|row| row.owner);
    let owner = owner.and_then(|owner| objects.get(owner));
    let mut sets = owner.map_or(Vec::new(), |row| row.children.clone());
    if set.controller.0.is_some() {
        let others = objects.of_kind("ReplicaSet", &set.namespace);
        let others = others.filter(|(_, row)| match &row.object {
            Object::ReplicaSet(other) => other.controller == set.controller,
            _ => false,
        });
        sets.extend(others.map(|(other, _)| other));
    }
    let others = sets.into_iter().filter(|&other| other != id);
    others
        .flat_map(|other| observe::living(store, other))
        .map(|pod| pod.observed)
        .collect()
}

/// Instant at which the next ready pod becomes available by itself; one that is asked to terminate may, too, and
/// counts in the status of a `DaemonSet`.
pub(super) fn next_available(
    pods: &[PodObservation],
    least: Duration,
    now: Instant,
) -> Option<Instant> {
    if least <= Duration::ZERO {
        return None;
    }
    let since = { pods.iter() }.filter_map(|pod| pod.observed.ready_since());
    let times = since.map(|since| since.saturating_add(least));
    times.filter(|&at| at > now).min()
}
