//! Objects of the API: what users declare and controllers keep true. The store holds them by id, a
//! change replaces a whole object.

use std::sync::Arc;

use super::Text;
use super::service::{Ingress, Service};
use super::workload::{
    CronJob, DaemonSet, Deployment, HorizontalPodAutoscaler, Job, LimitRange, PodDisruptionBudget,
    ReplicaSet, ResourceQuota, StatefulSet, VerticalPodAutoscaler,
};
use crate::units::ObjectId;

/// Writes the enumeration of objects with what all of them have: the variants are named like kinds.
macro_rules! objects {
    ($($(#[$doc:meta])* $kind:ident($object:ty),)*) => {
        /// An object of the API, with its status.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum Object {
            $($(#[$doc])* $kind(Arc<$object>),)*
        }

        impl Object {
            /// Every kind there is.
            pub const KINDS: &[&str] = &[$(stringify!($kind)),*];

            /// Its kind, as manifests name it.
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => stringify!($kind),)*
                }
            }

            /// Its namespace; empty for objects of the whole cluster.
            pub fn namespace(&self) -> &Text {
                match self {
                    $(Self::$kind(object) => &object.namespace,)*
                }
            }

            /// Its name, unique among those of its kind and namespace.
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
    /// So many equal pods.
    ReplicaSet(ReplicaSet),
    /// The same, of old.
    ReplicationController(ReplicaSet),
    /// Pods with identities, in order.
    StatefulSet(StatefulSet),
    /// A pod on every eligible node.
    DaemonSet(DaemonSet),
    /// Pods that run until enough of them succeeded.
    Job(Job),
    /// Jobs by the clock.
    CronJob(CronJob),
    /// How many pods of a selection must stay healthy.
    PodDisruptionBudget(PodDisruptionBudget),
    /// How many pods a workload has.
    HorizontalPodAutoscaler(HorizontalPodAutoscaler),
    /// How much the pods of a workload ask for.
    VerticalPodAutoscaler(VerticalPodAutoscaler),
    /// Pods behind one name.
    Service(Service),
    /// Rules for requests from outside.
    Ingress(Ingress),
    /// How much the pods of a namespace may ask for together.
    ResourceQuota(ResourceQuota),
    /// What pods of a namespace state if they state nothing, and between what bounds.
    LimitRange(LimitRange),
}

/// A change of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectChange {
    /// It was created.
    Created {
        /// Its identity: the next free one.
        id: ObjectId,
        /// What controls it; it goes with its owner.
        owner: Option<ObjectId>,
        /// As declared.
        object: Object,
    },
    /// Its declaration or its status changed.
    Updated {
        /// Which.
        id: ObjectId,
        /// As it is now; kind, namespace and name are the same.
        object: Object,
    },
    /// It was deleted.
    Deleted {
        /// Which.
        id: ObjectId,
    },
}

/// The object that controls a pod, and the pod's place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodOwner {
    /// The object.
    pub object: ObjectId,
    /// Its ordinal (of a stateful set), completion index (of an indexed job), the number of the node
    /// that it is meant for (of a daemon set); else 0.
    pub index: i32,
}
