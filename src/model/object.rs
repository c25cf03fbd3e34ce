//! Objects of the API: what users declare and controllers keep true. The store holds them by id, a
//! change replaces a whole object.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::dra::ResourceClaim;
use super::queueing::{ClusterQueueStatus, QueuedWorkload};
use super::service::{Ingress, Service};
use super::workload::{
    CronJob, DaemonSet, Deployment, HorizontalPodAutoscaler, Job, LimitRange, PodDisruptionBudget,
    ReplicaSet, ResourceQuota, StatefulSet, VerticalPodAutoscaler,
};
use super::{Namespace, PodSpec, PriorityClass, Text};
use units::ObjectId;

/// Writes the enumeration of objects with what all of them have: the variants are named like kinds.
macro_rules! objects {
    ($($(#[$doc:meta])* $kind:ident($object:ty),)*) => {
        /// An object of the API, with its status.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Object {
            $($(#[$doc])* $kind(Arc<$object>),)*
        }

        impl Object {
            /// Every kind there is.
            pub const KINDS: &[&str] = &[$(stringify!($kind)),*];

            /// The object's kind, as manifests name it.
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => stringify!($kind),)*
                }
            }

            /// The object's namespace; empty for objects of the whole cluster.
            pub fn namespace(&self) -> &Text {
                match self {
                    $(Self::$kind(object) => &object.namespace,)*
                }
            }

            /// The object's name, unique among those of its kind and namespace.
            pub fn name(&self) -> &Text {
                match self {
                    $(Self::$kind(object) => &object.name,)*
                }
            }
        }
    };
}

objects! {
    /// Replica sets that follow one another.
    Deployment(Deployment),
    /// A number of equal pods.
    ReplicaSet(ReplicaSet),
    /// The predecessor of the replica set.
    ReplicationController(ReplicaSet),
    /// Pods with identities, in order.
    StatefulSet(StatefulSet),
    /// A pod on every eligible node.
    DaemonSet(DaemonSet),
    /// Pods that run until enough of them succeeded.
    Job(Job),
    /// Jobs by the clock.
    CronJob(CronJob),
    /// Number of pods of a selection that must stay healthy.
    PodDisruptionBudget(PodDisruptionBudget),
    /// Rule for the number of pods of a workload.
    HorizontalPodAutoscaler(HorizontalPodAutoscaler),
    /// Rule for the requests of a workload's pods.
    VerticalPodAutoscaler(VerticalPodAutoscaler),
    /// Pods behind one name.
    Service(Service),
    /// Rules for requests from outside.
    Ingress(Ingress),
    /// Bound on what the pods of a namespace request together.
    ResourceQuota(ResourceQuota),
    /// Default requests and limits for pods of a namespace, and their bounds.
    LimitRange(LimitRange),
    /// Scope within which names are unique.
    Namespace(Namespace),
    /// A priority with a name.
    PriorityClass(PriorityClass),
    /// A secret that pods mount; only its name is modelled.
    Secret(NamedObject),
    /// Configuration that pods mount or read; only its name is modelled.
    ConfigMap(NamedObject),
    /// Pods of a job that wait for quota of Kueue, or hold it.
    Workload(QueuedWorkload),
    /// Status of a queue of Kueue with its quotas.
    ClusterQueue(ClusterQueueStatus),
    /// Devices that pods claim, with those that the claim has.
    ResourceClaim(ResourceClaim),
}

impl Object {
    /// The kinds of objects of the whole cluster, which have no namespace.
    pub const OF_CLUSTER: [&str; 3] = ["Namespace", "PriorityClass", "ClusterQueue"];

    /// The kinds of objects with pods of their own, which have a [`template`](Self::template).
    pub const WITH_PODS: [&str; 7] = [
        "Deployment",
        "ReplicaSet",
        "ReplicationController",
        "StatefulSet",
        "DaemonSet",
        "Job",
        "CronJob",
    ];

    /// Number and template of the pods that the object keeps running; `None` of objects that count no
    /// replicas.
    pub fn replicas(&self) -> Option<(i32, &Arc<PodSpec>)> {
        match self {
            Self::Deployment(own) => Some((own.replicas, &own.template)),
            Self::ReplicaSet(own) | Self::ReplicationController(own) => {
                Some((own.replicas, &own.template))
            }
            Self::StatefulSet(own) => Some((own.replicas, &own.template)),
            _ => None,
        }
    }

    /// Template of the object's pods; `None` of objects without pods of their own.
    pub fn template(&self) -> Option<&PodSpec> {
        Some(match self {
            Self::Deployment(object) => &object.template,
            Self::ReplicaSet(object) | Self::ReplicationController(object) => &object.template,
            Self::StatefulSet(object) => &object.template,
            Self::DaemonSet(object) => &object.template,
            Self::Job(object) => &object.template,
            Self::CronJob(object) => &object.template.template,
            Self::PodDisruptionBudget(_)
            | Self::Service(_)
            | Self::Ingress(_)
            | Self::HorizontalPodAutoscaler(_)
            | Self::VerticalPodAutoscaler(_)
            | Self::ResourceQuota(_)
            | Self::LimitRange(_)
            | Self::Namespace(_)
            | Self::PriorityClass(_)
            | Self::Secret(_)
            | Self::ConfigMap(_)
            | Self::Workload(_)
            | Self::ClusterQueue(_)
            | Self::ResourceClaim(_) => return None,
        })
    }

    /// Template of the object's pods, to be changed; `None` of objects without pods of their own.
    pub fn template_mut(&mut self) -> Option<&mut PodSpec> {
        let template = match self {
            Self::Deployment(object) => &mut Arc::make_mut(object).template,
            Self::ReplicaSet(object) | Self::ReplicationController(object) => {
                &mut Arc::make_mut(object).template
            }
            Self::StatefulSet(object) => &mut Arc::make_mut(object).template,
            Self::DaemonSet(object) => &mut Arc::make_mut(object).template,
            Self::Job(object) => &mut Arc::make_mut(object).template,
            Self::CronJob(object) => {
                let job = &mut Arc::make_mut(object).template;
                &mut Arc::make_mut(job).template
            }
            Self::PodDisruptionBudget(_)
            | Self::Service(_)
            | Self::Ingress(_)
            | Self::HorizontalPodAutoscaler(_)
            | Self::VerticalPodAutoscaler(_)
            | Self::ResourceQuota(_)
            | Self::LimitRange(_)
            | Self::Namespace(_)
            | Self::PriorityClass(_)
            | Self::Secret(_)
            | Self::ConfigMap(_)
            | Self::Workload(_)
            | Self::ClusterQueue(_)
            | Self::ResourceClaim(_) => return None,
        };
        Some(Arc::make_mut(template))
    }

    /// Whether others need it when they are made: such objects are made first.
    pub const fn comes_first(&self) -> bool {
        matches!(self, Self::Namespace(_) | Self::PriorityClass(_))
    }
}

/// An object of which nothing is known but that it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NamedObject {
    /// The object's namespace.
    pub namespace: Text,
    /// The object's name.
    pub name: Text,
}

/// A change of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ObjectChange {
    /// It was created.
    Created {
        /// Identity of the new object: the next free one.
        id: ObjectId,
        /// The owning object, with which this object is deleted.
        owner: Option<ObjectId>,
        /// The object as declared.
        object: Object,
    },
    /// The declaration or the status of the object changed.
    Updated {
        /// The object.
        id: ObjectId,
        /// The new state of the object; kind, namespace and name stay the same.
        object: Object,
    },
    /// It is deleted once its dependents are gone (`Foreground` deletion).
    Terminating {
        /// The object.
        id: ObjectId,
    },
    /// Its dependents belong to nothing from now on (`Orphan` deletion).
    Orphaned {
        /// The object.
        id: ObjectId,
    },
    /// It was deleted.
    Deleted {
        /// The object.
        id: ObjectId,
    },
}

impl ObjectChange {
    /// The object that changes.
    pub const fn id(&self) -> ObjectId {
        match self {
            Self::Created { id, .. }
            | Self::Updated { id, .. }
            | Self::Terminating { id }
            | Self::Orphaned { id }
            | Self::Deleted { id } => *id,
        }
    }
}

/// The object that controls a pod, and the pod's place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PodOwner {
    /// The object.
    pub object: ObjectId,
    /// The owner's ordinal (of a stateful set), completion index (of an indexed job), the number of
    /// the node that it is meant for (of a daemon set); else 0.
    pub index: i32,
    /// Earlier failures of the pod's index, for a job with a back-off limit per index.
    pub failures: IndexFailures,
}

/// Number of failures of a job's index before a pod; the original keeps it on the pod as
/// annotations (`batch.kubernetes.io/job-index-failure-count`), so that it outlives the controller.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct IndexFailures {
    /// Failures that count.
    pub counted: i32,
    /// Failures that the failure policy ignores.
    pub ignored: i32,
}

impl PodOwner {
    /// A pod's place in an object.
    pub const fn new(object: ObjectId, index: i32) -> Self {
        Self {
            object,
            index,
            failures: IndexFailures {
                counted: 0,
                ignored: 0,
            },
        }
    }
}
