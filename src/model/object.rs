//! Objects of the API: what users declare and controllers keep true. The store holds them by id, a
//! change replaces a whole object.

use std::sync::Arc;

use super::Text;
use super::workload::{Deployment, PodDisruptionBudget, ReplicaSet};
use crate::units::ObjectId;

/// An object of the API, with its status.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Object {
    /// Replica sets that follow one another.
    Deployment(Arc<Deployment>),
    /// So many equal pods.
    ReplicaSet(Arc<ReplicaSet>),
    /// How many pods of a selection must stay healthy.
    DisruptionBudget(Arc<PodDisruptionBudget>),
}

impl Object {
    /// Its kind, as manifests name it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Deployment(_) => "Deployment",
            Self::ReplicaSet(_) => "ReplicaSet",
            Self::DisruptionBudget(_) => "PodDisruptionBudget",
        }
    }

    /// Its namespace; empty for objects of the whole cluster.
    pub fn namespace(&self) -> &Text {
        match self {
            Self::Deployment(object) => &object.namespace,
            Self::ReplicaSet(object) => &object.namespace,
            Self::DisruptionBudget(object) => &object.namespace,
        }
    }

    /// Its name, unique among those of its kind and namespace.
    pub fn name(&self) -> &Text {
        match self {
            Self::Deployment(object) => &object.name,
            Self::ReplicaSet(object) => &object.name,
            Self::DisruptionBudget(object) => &object.name,
        }
    }
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
    /// Its ordinal (of a stateful set) or completion index (of an indexed job); else 0.
    pub index: i32,
}
