//! Objects of Kueue that files bring and operations delete while the cluster runs.

use model::Text;
use model::queueing::{LaterQueues, QueueingObjects};
use scenario::{Scenario, schema};
use units::nearest::hint;
use units::{Duration, Instant};

use super::{BuildError, FileSource, ManifestFiles, Remarks};

/// A queue that an operation deletes.
#[derive(Clone, Copy, Debug)]
pub(super) enum DeletedQueue<'o> {
    /// A queue of the cluster.
    Cluster(&'o str),
    /// A queue of a namespace.
    Local { namespace: &'o str, name: &'o str },
    /// A cohort with quotas of its own.
    Cohort(&'o str),
}

/// The queue that an operation deletes.
pub(super) fn deleted(operation: &schema::Operation) -> Option<DeletedQueue<'_>> {
    let (kind, name) = operation.delete.as_deref()?.split_once('/')?;
    match (kind, name.split_once('/')) {
        ("ClusterQueue", None) => Some(DeletedQueue::Cluster(name)),
        ("Cohort", None) => Some(DeletedQueue::Cohort(name)),
        ("LocalQueue", Some((namespace, name))) => Some(DeletedQueue::Local { namespace, name }),
        _ => None,
    }
}

/// A change of the objects while the cluster runs.
pub(super) enum QueueChange<'o> {
    /// A file brings objects.
    Applied(&'o str, Box<QueueingObjects>),
    /// The operation at this place of the experiment deletes a queue.
    Deleted(usize, DeletedQueue<'o>),
}

/// What the operations of a scenario change.
pub(super) fn operated<'s>(
    scenario: &'s Scenario,
    files: &FileSource<'_>,
    manifests: &mut ManifestFiles,
    remarks: &mut Remarks,
) -> Result<Vec<(Duration, QueueChange<'s>)>, BuildError> {
    let mut changes = Vec::new();
    for (number, operation) in scenario.operations.iter().enumerate() {
        if let Some(queue) = deleted(operation) {
            changes.push((operation.at, QueueChange::Deleted(number, queue)));
        }
        if let Some(file) = &operation.apply {
            let read = manifests.read(file, files, remarks)?;
            let applied = read.objects.queueing.clone().take_changeable();
            if !applied.is_empty() {
                changes.push((operation.at, QueueChange::Applied(file, Box::new(applied))));
            }
        }
    }
    Ok(changes)
}

/// The objects after each change.
///
/// # Errors
/// An object names what isn't there at that time, or an operation deletes such a thing; the text says where.
pub(super) fn later(
    start: &QueueingObjects,
    mut changes: Vec<(Duration, QueueChange<'_>)>,
) -> Result<Vec<LaterQueues>, BuildError> {
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    changes.sort_by_key(|(at, _)| *at);
    let mut present = start.clone();
    // What they hold they keep, whatever becomes of their queues.
    present.workloads.clear();
    let mut states = Vec::new();
    for (at, change) in changes {
        let before = present.clone();
        match change {
            QueueChange::Applied(file, applied) => {
                present.apply(&applied);
                super::queueing::check(&[(file, without_orphans(&present, &applied))])?;
            }
            QueueChange::Deleted(number, queue) => delete(&mut present, number, queue)?,
        }
        if present != before {
            let mut objects = present.clone();
            states.push(LaterQueues {
                at: Instant::ZERO.saturating_add(at),
                objects: objects.take_changeable(),
            });
        }
    }
    Ok(states)
}

/// The objects but for queues of namespaces whose queue of the cluster was deleted: only those that a file
/// brings anew have to lead somewhere.
fn without_orphans(present: &QueueingObjects, applied: &QueueingObjects) -> QueueingObjects {
    let mut objects = present.clone();
    objects.local_queues.retain(|own| {
        let mut queues = present.queues.iter();
        queues.any(|queue| queue.name == own.cluster_queue) || applied.local_queues.contains(own)
    });
    objects
}

fn delete(
    present: &mut QueueingObjects,
    number: usize,
    queue: DeletedQueue<'_>,
) -> Result<(), BuildError> {
    let mut known: Vec<Text> = Vec::new();
    let (kind, name, was_there) = match queue {
        DeletedQueue::Cluster(name) => {
            known.extend(present.queues.iter().map(|own| own.name.clone()));
            present.queues.retain(|own| *own.name != *name);
            (
                "ClusterQueue",
                name.to_owned(),
                known.len() > present.queues.len(),
            )
        }
        DeletedQueue::Cohort(name) => {
            known.extend(present.cohorts.iter().map(|own| own.name.clone()));
            present.cohorts.retain(|own| *own.name != *name);
            (
                "Cohort",
                name.to_owned(),
                known.len() > present.cohorts.len(),
            )
        }
        DeletedQueue::Local { namespace, name } => {
            known.extend(present.local_queues.iter().map(|own| own.name.clone()));
            let was_there = present.remove_local_queue(namespace, name);
            ("LocalQueue", format!("{namespace}/{name}"), was_there)
        }
    };
    if was_there {
        return Ok(());
    }
    let hint = hint(&name, known.iter().map(|own| &**own));
    Err(BuildError::Experiment(format!(
        "operations[{number}].delete: there is no {kind} `{name}` at that time; {hint}"
    )))
}
