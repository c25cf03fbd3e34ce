//! The controller of deployments at work (spec: kubernetes.md 2.2).

use std::sync::Arc;

use super::entry::ControllerEntry;
use super::{Change, Controller, Sync};
use crate::controllers::deployment::{DeploymentView, DeploymentWrites, sync};
use cluster::Store;
use model::canonical::short_name;
use model::workload::replica_set::TEMPLATE_HASH_LABEL;
use model::workload::{Deployment, ReplicaSet};
use model::{LabelSelector, Object, Operator, PodSpec, Release, Requirement, RolloutStep, Text};
use units::{ObjectId, SortedMap};

/// The registry's entry.
pub(super) const ENTRY: ControllerEntry = ControllerEntry {
    name: "deployment",
    summary: "Rolls out a Deployment: replaces its old ReplicaSets by a new one, step by step or \
        at once.",
    build: |_| Box::new(Deployments::default()),
};

const KINDS: &[&str] = &["Deployment"];

/// The controller.
#[derive(Clone, Default)]
struct Deployments {
    templates: SortedMap<ObjectId, HashedTemplate>,
}

/// A template with its name and the label that bears it.
#[derive(Clone)]
struct HashedTemplate {
    plain: Arc<PodSpec>,
    hash: Text,
    labelled: Arc<PodSpec>,
}

impl HashedTemplate {
    fn of(template: &Arc<PodSpec>) -> Self {
        let hash: Text = short_name(&**template).into();
        let mut labelled = (**template).clone();
        labelled
            .labels
            .insert(TEMPLATE_HASH_LABEL.into(), hash.clone());
        Self {
            plain: template.clone(),
            hash,
            labelled: Arc::new(labelled),
        }
    }
}

impl Controller for Deployments {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn read(&mut self, change: &Change<'_>, _store: &Store, look_at: &mut Vec<ObjectId>) {
        look_at.extend(change.concerns(KINDS));
    }

    fn sync(&mut self, step: &mut Sync<'_>) {
        let Some(Object::Deployment(deployment)) = step.object() else {
            self.templates.remove(&step.key);
            return;
        };
        let hashed = self.hashed(step.key, &deployment.template);
        let (ids, sets) = sets(step);
        let mut living = SortedMap::new();
        for (id, set) in ids.iter().zip(&sets) {
            let pods = step
                .store
                .objects()
                .get(*id)
                .map_or(0, |row| row.pods.len());
            living.insert(set.name.clone(), pods as i32);
        }
        let view = DeploymentView {
            deployment,
            sets: &sets,
            living: &living,
            new_name: format!("{}-{}", deployment.name, hashed.hash).into(),
            release: Release::V1_36,
        };
        let writes = sync(step.now, &view);
        write_sets(step, deployment, &writes, &ids, &sets, &hashed);
        write_deployment(step, deployment, &writes);
        if let Some(at) = writes.wake {
            step.look_again_at(at);
        }
        if writes.failed {
            step.fail();
        }
    }

    fn clone_controller(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}

impl Deployments {
    fn hashed(&mut self, key: ObjectId, template: &Arc<PodSpec>) -> HashedTemplate {
        let known = self.templates.get(&key);
        if let Some(known) = known.filter(|known| Arc::ptr_eq(&known.plain, template)) {
            return known.clone();
        }
        let hashed = HashedTemplate::of(template);
        self.templates.insert(key, hashed.clone());
        hashed
    }
}

/// The replica sets of the deployment, by id.
fn sets(step: &Sync<'_>) -> (Vec<ObjectId>, Vec<ReplicaSet>) {
    let objects = step.store.objects();
    let children = objects.get(step.key).map(|row| &row.children);
    let children = children.into_iter().flatten();
    let sets = children.filter_map(|&id| match &objects.get(id)?.object {
        Object::ReplicaSet(set) => Some((id, (**set).clone())),
        _ => None,
    });
    sets.unzip()
}

fn write_sets(
    step: &mut Sync<'_>,
    deployment: &Deployment,
    writes: &DeploymentWrites,
    ids: &[ObjectId],
    sets: &[ReplicaSet],
    hashed: &HashedTemplate,
) {
    let named = |name: &Text| sets.iter().position(|set| set.name == *name);
    for update in &writes.update {
        let Some(place) = named(&update.name) else {
            continue;
        };
        let set = ReplicaSet {
            replicas: update.replicas,
            rollout: update.rollout,
            min_ready: deployment.min_ready,
            ..sets[place].clone()
        };
        step.update(ids[place], Object::ReplicaSet(Arc::new(set)));
    }
    for name in &writes.delete {
        if let Some(place) = named(name) {
            step.delete_object(ids[place]);
        }
    }
    if let Some(new) = &writes.create {
        let set = ReplicaSet {
            namespace: deployment.namespace.clone(),
            name: new.name.clone(),
            selector: selector(&deployment.selector, &hashed.hash),
            template: hashed.labelled.clone(),
            replicas: new.replicas,
            min_ready: deployment.min_ready,
            created: step.now,
            rollout: new.rollout,
            ..ReplicaSet::default()
        };
        step.create_child(Object::ReplicaSet(Arc::new(set)));
    }
}

/// A deployment's selector for one of its sets.
fn selector(selector: &LabelSelector, hash: &Text) -> LabelSelector {
    let mut selector = selector.clone();
    selector.requirements.push(Requirement {
        key: TEMPLATE_HASH_LABEL.into(),
        operator: Operator::In,
        values: vec![hash.clone()],
    });
    selector
}

fn write_deployment(step: &mut Sync<'_>, deployment: &Arc<Deployment>, writes: &DeploymentWrites) {
    let mut new = (**deployment).clone();
    new.status = writes.status.clone();
    if writes.roll_back_done {
        new.rollback_to = None;
    }
    if let Some(template) = &writes.roll_back {
        let mut template = (**template).clone();
        template.labels.remove(TEMPLATE_HASH_LABEL);
        new.template = Arc::new(template);
        new.generation += 1;
    } else if writes.roll_back_done {
        step.note_rollout(RolloutStep::BackRefused);
    }
    if new != **deployment {
        step.update(step.key, Object::Deployment(Arc::new(new)));
    }
}
