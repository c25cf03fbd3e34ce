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
            changes.push((operation.at, QueueChange::Applied(file, Box::new(applied))));
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
    changes.sort_by_key(|(at, _)| *at);
    let mut present = start.clone();
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
    let wrong = |kind: &str, name: String, known: Vec<&Text>| {
        let hint = hint(&name, known.into_iter().map(|own| &**own));
        Err(BuildError::Experiment(format!(
            "operations[{number}].delete: there is no {kind} `{name}` at that time; {hint}"
        )))
    };
    match queue {
        DeletedQueue::Cluster(name) => {
            let place = present.queues.iter().position(|own| *own.name == *name);
            let Some(place) = place else {
                let known = present.queues.iter().map(|own| &own.name);
                return wrong("ClusterQueue", name.to_owned(), known.collect());
            };
            present.queues.remove(place);
        }
        DeletedQueue::Cohort(name) => {
            let place = present.cohorts.iter().position(|own| *own.name == *name);
            let Some(place) = place else {
                let known = present.cohorts.iter().map(|own| &own.name);
                return wrong("Cohort", name.to_owned(), known.collect());
            };
            present.cohorts.remove(place);
        }
        DeletedQueue::Local { namespace, name } => {
            if !present.remove_local_queue(namespace, name) {
                let known = present.local_queues.iter().map(|own| &own.name);
                let name = format!("{namespace}/{name}");
                return wrong("LocalQueue", name, known.collect());
            }
        }
    }
    Ok(())
}
