//! New declarations of known objects: what was reported of an object outlives its declaration.

use std::sync::Arc;

use model::Object;
use model::workload::omissions::Omissions;
use model::workload::{Deployment, Job, ReplicaSet, StatefulSet};

/// A new declaration of a known job. If it has a queue, that alone lets it run and stops it.
fn succeeding_job(new: &Job, known: &Job) -> Job {
    let mut job = new.clone();
    job.status = known.status.clone();
    if job.queue.0.is_some() {
        job.suspend = known.suspend;
        if !known.suspend {
            job.template = known.template.clone();
            job.parallelism = known.parallelism;
        }
    }
    job
}

/// A new declaration of a known deployment.
fn succeeding_deployment(new: &Deployment, known: &Deployment) -> Deployment {
    let mut new = new.clone();
    // The same content is kept once, so that a pointer comparison distinguishes it.
    if new.template == known.template {
        new.template = known.template.clone();
    }
    let is_kept = new.omissions.and(known.omissions);
    new.replicas = replicas(
        (new.omissions, new.replicas),
        (known.omissions, known.replicas),
    );
    if is_kept.paused {
        new.paused = known.paused;
    }
    new.status = known.status.clone();
    new.generation = known.generation + 1;
    new
}

/// A new declaration of a known stateful set.
fn succeeding_set(new: &StatefulSet, known: &StatefulSet) -> StatefulSet {
    let mut new = new.clone();
    new.replicas = replicas(
        (new.omissions, new.replicas),
        (known.omissions, known.replicas),
    );
    new.revisions.clone_from(&known.revisions);
    new.status = known.status.clone();
    new
}

/// A new declaration of a known replica set.
fn succeeding_replica_set(new: &ReplicaSet, known: &ReplicaSet) -> ReplicaSet {
    ReplicaSet {
        replicas: replicas(
            (new.omissions, new.replicas),
            (known.omissions, known.replicas),
        ),
        status: known.status,
        created: known.created,
        ..new.clone()
    }
}

/// Number of pods of a new declaration; one that neither it nor the known one states stays.
const fn replicas(new: (Omissions, i32), known: (Omissions, i32)) -> i32 {
    if new.0.and(known.0).replicas {
        known.1
    } else {
        new.1
    }
}

/// A new declaration of a known object: what was reported of it stays.
pub(super) fn succeeding(new: &Object, known: &Object) -> Object {
    match (new, known) {
        (Object::Deployment(new), Object::Deployment(known)) => {
            Object::Deployment(Arc::new(succeeding_deployment(new, known)))
        }
        (Object::ReplicaSet(new), Object::ReplicaSet(known)) => {
            let mut new = succeeding_replica_set(new, known);
            new.rollout = known.rollout;
            Object::ReplicaSet(Arc::new(new))
        }
        (Object::ReplicationController(new), Object::ReplicationController(known)) => {
            Object::ReplicationController(Arc::new(succeeding_replica_set(new, known)))
        }
        (Object::StatefulSet(new), Object::StatefulSet(known)) => {
            Object::StatefulSet(Arc::new(succeeding_set(new, known)))
        }
        (Object::DaemonSet(new), Object::DaemonSet(known)) => {
            let mut new = (**new).clone();
            new.status = known.status;
            new.history.revisions = known.history.after(&known.template, &new.template);
            Object::DaemonSet(Arc::new(new))
        }
        (Object::Job(new), Object::Job(known)) => Object::Job(Arc::new(succeeding_job(new, known))),
        (Object::CronJob(new), Object::CronJob(known)) => {
            let mut new = (**new).clone();
            new.status = known.status.clone();
            Object::CronJob(Arc::new(new))
        }
        (Object::PodDisruptionBudget(new), Object::PodDisruptionBudget(known)) => {
            let mut new = (**new).clone();
            new.status = known.status.clone();
            new.status.is_current = false;
            Object::PodDisruptionBudget(Arc::new(new))
        }
        (Object::HorizontalPodAutoscaler(new), Object::HorizontalPodAutoscaler(known)) => {
            let mut new = (**new).clone();
            new.status = known.status.clone();
            Object::HorizontalPodAutoscaler(Arc::new(new))
        }
        (Object::VerticalPodAutoscaler(new), Object::VerticalPodAutoscaler(known)) => {
            let mut new = (**new).clone();
            new.recommended.clone_from(&known.recommended);
            Object::VerticalPodAutoscaler(Arc::new(new))
        }
        (Object::Namespace(new), Object::Namespace(known)) => {
            let mut new = (**new).clone();
            new.is_terminating = known.is_terminating;
            Object::Namespace(Arc::new(new))
        }
        (Object::ResourceQuota(new), Object::ResourceQuota(_)) => {
            let mut new = (**new).clone();
            new.status.is_counted = false;
            Object::ResourceQuota(Arc::new(new))
        }
        _ => new.clone(),
    }
}
