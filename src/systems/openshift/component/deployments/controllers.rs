//! Replication controllers, one for each version of a configuration, and what is changed about them in one
//! look.

use std::sync::Arc;

use cluster::Store;
use control::Outbox;
use control::admission::Creation;
use control::errands::{Errand, ErrandName, Errands};
use model::workload::ReplicaSet;
use model::workload::replica_set::RolloutAnnotations;
use model::{EndReason, Event, Object, ObjectChange, PodSpec, RolloutStep};
use units::{ObjectId, SortedMap};

use crate::openshift::deployment::Outcome;

use super::crew::{Standings, Team};

/// Label by which a pod says of which version it is.
pub(super) const VERSION_LABEL: &str = "deployment";

/// A replication controller of a configuration.
#[derive(Clone, Debug)]
pub(super) struct Controller {
    pub(super) id: ObjectId,
    pub(super) set: Arc<ReplicaSet>,
    /// Pods that have not ended.
    pub(super) pods: usize,
}

impl Controller {
    pub(super) fn version(&self) -> usize {
        usize::try_from(self.set.rollout.revision).unwrap_or(0)
    }

    /// Outcome of the version, as its annotations have it: a completed one has its number of replicas, a
    /// failed or cancelled one a limit of 0.
    pub(super) fn outcome(&self) -> Outcome {
        let marks = self.set.rollout;
        match (marks.desired_replicas, marks.max_replicas) {
            (Some(_), _) => Outcome::Complete,
            (None, Some(_)) => Outcome::Failed,
            (None, None) => Outcome::Running,
        }
    }

    /// The pod template of the version, as its configuration stated it.
    pub(super) fn template(&self) -> Arc<PodSpec> {
        let mut template = PodSpec::clone(&self.set.template);
        template.labels.remove(VERSION_LABEL);
        Arc::new(template)
    }
}

/// The replication controllers of a configuration, by version.
pub(super) fn controllers(id: ObjectId, store: &Store) -> Vec<Controller> {
    let objects = store.objects();
    let children = objects.get(id).map(|row| &row.children);
    let children = children.into_iter().flatten();
    let mut found: Vec<Controller> = children
        .filter_map(|&id| {
            let row = objects.get(id)?;
            match &row.object {
                Object::ReplicationController(set) => Some(Controller {
                    id,
                    set: Arc::clone(set),
                    pods: row.pods.len(),
                }),
                _ => None,
            }
        })
        .collect();
    found.sort_by_key(|own| (own.version(), own.id));
    found
}

/// Changes of a look, made together at its end: one write for each controller.
pub(super) struct Desk<'a> {
    store: &'a Store,
    out: &'a mut Outbox,
    errands: &'a mut Errands,
    changes: SortedMap<ObjectId, (i32, RolloutAnnotations)>,
}

impl<'a> Desk<'a> {
    /// No changes yet.
    pub(super) fn new(store: &'a Store, out: &'a mut Outbox, errands: &'a mut Errands) -> Self {
        Self {
            store,
            out,
            errands,
            changes: SortedMap::new(),
        }
    }

    /// Standings of the pods that work for a rollout.
    pub(super) fn crew<'b>(&'b self, team: &'b Team) -> Standings<'b> {
        let errands = &*self.errands;
        Standings { team, errands }
    }

    /// Asks for a pod that works for a rollout.
    pub(super) fn start(&mut self, errand: &Errand) {
        self.errands.ask(errand, self.out);
    }

    /// Ends a pod that works for a rollout.
    pub(super) fn dismiss(&mut self, name: &ErrandName, ending: EndReason) {
        self.errands.dismiss(name, ending, self.store, self.out);
    }

    /// Asks for an object that a configuration owns.
    pub(super) fn create(&mut self, owner: ObjectId, object: Object) {
        let owner = Some(owner);
        self.out.creations.push(Creation::Object { owner, object });
    }

    /// Changes an object otherwise than by its size.
    pub(super) fn update(&mut self, change: ObjectChange) {
        self.out.write(self.store, Event::Object(change));
    }

    /// Reports a step of the rollout of a configuration.
    pub(super) fn tell(&mut self, workload: ObjectId, step: RolloutStep) {
        self.out
            .write(self.store, Event::Rollout { workload, step });
    }

    /// Deletes a controller.
    pub(super) fn delete(&mut self, own: &Controller) {
        self.changes.remove(&own.id);
        self.update(ObjectChange::Deleted { id: own.id });
    }

    /// A controller as it becomes.
    fn change(&mut self, own: &Controller) -> &mut (i32, RolloutAnnotations) {
        let known = (own.set.replicas, own.set.rollout);
        self.changes.entry(own.id).or_insert(known)
    }

    pub(super) fn scale(&mut self, own: &Controller, replicas: i64) {
        self.change(own).0 = replicas.clamp(0, i64::from(i32::MAX)) as i32;
    }

    /// Notes what became of a version.
    pub(super) fn mark(&mut self, own: &Controller, success: bool, replicas: i32) {
        let marks = &mut self.change(own).1;
        (marks.desired_replicas, marks.max_replicas) = if success {
            (Some(replicas), None)
        } else {
            (None, Some(0))
        };
    }

    /// Writes the changes.
    pub(super) fn write(mut self, controllers: &[Controller]) {
        for own in controllers {
            let Some((replicas, rollout)) = self.changes.remove(&own.id) else {
                continue;
            };
            if (replicas, rollout) == (own.set.replicas, own.set.rollout) {
                continue;
            }
            let set = ReplicaSet {
                replicas,
                rollout,
                ..ReplicaSet::clone(&own.set)
            };
            let (id, object) = (own.id, Object::ReplicationController(Arc::new(set)));
            self.update(ObjectChange::Updated { id, object });
        }
    }
}
