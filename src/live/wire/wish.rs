//! Wishes of a scheduler for the API.

use serde::{Deserialize, Serialize};

/// A pod by its names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodIdentity {
    /// Unique identifier, which is given once.
    pub uid: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl PodIdentity {
    /// `NAMESPACE/NAME`.
    pub fn place(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// Something to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A pod is given a node.
    Bind {
        /// The pod.
        pod: PodIdentity,
        /// Name of the node.
        node: String,
    },
    /// A pod is to make room for another of higher priority.
    Evict {
        /// The pod.
        pod: PodIdentity,
    },
    /// A pod found no node.
    Unschedulable {
        /// The pod.
        pod: PodIdentity,
        /// Reason.
        message: String,
    },
    /// A pod that was given a node was seen on one: nothing is to be written.
    Seen {
        /// The pod.
        pod: PodIdentity,
        /// Node that it was given here.
        given: String,
        /// Node that it was seen on.
        node: String,
    },
}

impl Wish {
    /// The pod that it is about.
    pub const fn pod(&self) -> &PodIdentity {
        match self {
            Self::Bind { pod, .. }
            | Self::Evict { pod }
            | Self::Unschedulable { pod, .. }
            | Self::Seen { pod, .. } => pod,
        }
    }
}
