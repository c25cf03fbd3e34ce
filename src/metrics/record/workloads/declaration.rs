//! Declarations of objects about their workloads: the number of wanted pods, the templates of the
//! pods, and whether all of the pods are made from them.

use std::sync::Arc;

use model::workload::StatefulUpdate;
use model::{Object, PodSpec, Text};

/// Declaration and status of an object.
#[derive(Clone, Debug)]
pub(super) struct WorkloadDeclaration {
    /// Wanted pods.
    pub(super) desired: i64,
    /// Pods that must be ready for it to count as available.
    pub(super) required: i64,
    /// Pod template; `None` if the controller does not replace pods for a new template.
    pub(super) template: Option<Arc<PodSpec>>,
    /// Reported progress.
    pub(super) progress: Progress,
    /// Whether all pods are of the template and ready, by that report.
    pub(super) is_complete: bool,
}

/// Reported progress of a rollout; a different report means news.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    counts: [i64; 5],
    revision: Text,
}

impl Progress {
    /// Whether the progress of a rollout is not reported. The number of wanted pods of a daemon set is none of it.
    pub(super) fn is_silent(&self) -> bool {
        self.counts[..4] == [0; 4] && self.revision.is_empty()
    }
}

impl WorkloadDeclaration {
    /// Reads an object; `None` if it does not maintain a number of pods.
    pub(super) fn of(object: &Object, min_ready_percent: u32) -> Option<Self> {
        let wanting = |replicas: i32| Self::wanting(replicas, min_ready_percent);
        Some(match object {
            Object::Deployment(own) => {
                let status = &own.status;
                let [replicas, updated, available] =
                    [status.replicas, status.updated, status.available];
                Self {
                    template: Some(own.template.clone()),
                    progress: Progress {
                        counts: [
                            i64::from(replicas),
                            i64::from(updated),
                            i64::from(status.ready),
                            i64::from(available),
                            status.observed_generation,
                        ],
                        ..Progress::default()
                    },
                    is_complete: status.observed_generation >= own.generation
                        && [replicas, updated, available] == [own.replicas; 3],
                    ..wanting(own.replicas)
                }
            }
            Object::StatefulSet(own) => {
                let status = &own.status;
                let partition = match own.update {
                    StatefulUpdate::RollingUpdate { partition, .. } => Some(partition.max(0)),
                    StatefulUpdate::OnDelete => None,
                };
                let to_update = (own.replicas - partition.unwrap_or(0)).max(0);
                Self {
                    template: partition.map(|_| own.template.clone()),
                    progress: Progress {
                        counts: [
                            status.replicas,
                            status.updated,
                            status.ready,
                            status.available,
                            status.current,
                        ]
                        .map(i64::from),
                        revision: status.update_revision.clone(),
                    },
                    is_complete: status.updated >= to_update
                        && [status.replicas, status.ready] == [own.replicas; 2],
                    ..wanting(own.replicas)
                }
            }
            Object::DaemonSet(own) => {
                let status = own.status;
                Self {
                    template: own.update.map(|_| own.template.clone()),
                    progress: Progress {
                        counts: [
                            status.current,
                            status.updated,
                            status.ready,
                            status.available,
                            status.desired,
                        ]
                        .map(i64::from),
                        ..Progress::default()
                    },
                    is_complete: [status.updated, status.available] == [status.desired; 2],
                    ..wanting(status.desired)
                }
            }
            Object::ReplicaSet(own) | Object::ReplicationController(own) => wanting(own.replicas),
            _ => return None,
        })
    }

    fn wanting(replicas: i32, min_ready_percent: u32) -> Self {
        let desired = i64::from(replicas.max(0));
        Self {
            desired,
            required: (desired * i64::from(min_ready_percent))
                .saturating_add(99)
                .div_euclid(100),
            template: None,
            progress: Progress::default(),
            is_complete: false,
        }
    }
}
