//! Replica sets and replication controllers: so many equal pods.

use super::omissions::Omissions;
use serde::{Deserialize, Serialize};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::{LabelSelector, Labels, Owner, PodSpec, Text};
use units::{Duration, Instant};

/// The label by which a deployment tells its replica sets apart.
pub const TEMPLATE_HASH_LABEL: &str = "pod-template-hash";

/// A `ReplicaSet`, or a `ReplicationController` (its selector then has equalities only).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReplicaSet {
    /// The replica set's namespace.
    pub namespace: Text,
    /// The replica set's name.
    pub name: Text,
    /// The object that controls the replica set, where that is none that is modelled.
    pub controller: ForeignController,
    /// Selector of the replica set's own pods.
    pub selector: LabelSelector,
    /// Pod template.
    pub template: Arc<PodSpec>,
    /// Number of wanted pods.
    pub replicas: i32,
    /// Fields that the last declaration does not state.
    #[serde(default, skip_serializing_if = "Omissions::is_empty")]
    pub omissions: Omissions,
    /// Time for which a pod is ready before it counts as available.
    pub min_ready: Duration,
    /// Instant of the replica set's creation.
    pub created: Instant,
    /// The replica set's annotations of rollouts.
    pub rollout: RolloutAnnotations,
    /// Last reported status.
    pub status: ReplicaSetStatus,
    /// Marks a replica set that is being deleted.
    pub is_terminating: bool,
}

/// Controller of an object that is none of those that are modelled, such as a `Rollout`. An object without
/// one adds nothing to digests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignController(pub Option<Owner>);

impl Hash for ForeignController {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if let Some(owner) = &self.0 {
            owner.hash(state);
        }
    }
}

/// Annotations that a deployment writes on its replica sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RolloutAnnotations {
    /// The number of the rollout that last used it; 0 is none.
    pub revision: i64,
    /// The deployment's size when it was last scaled.
    pub desired_replicas: Option<i32>,
    /// Number of desired replicas and the surge.
    pub max_replicas: Option<i32>,
}

/// Reported status of a replica set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReplicaSetStatus {
    /// Active pods.
    pub replicas: i32,
    /// Ready pods.
    pub ready: i32,
    /// Available pods.
    pub available: i32,
}

impl Default for ReplicaSet {
    fn default() -> Self {
        Self {
            namespace: "default".into(),
            name: "".into(),
            controller: ForeignController::default(),
            selector: LabelSelector::default(),
            template: Arc::default(),
            replicas: 1,
            omissions: Omissions::default(),
            min_ready: Duration::ZERO,
            created: Instant::ZERO,
            rollout: RolloutAnnotations::default(),
            status: ReplicaSetStatus::default(),
            is_terminating: false,
        }
    }
}

/// Whether two templates are the same pod, but for the label that tells replica sets apart.
pub fn is_same_template(one: &Arc<PodSpec>, other: &Arc<PodSpec>) -> bool {
    let without = |labels: &Labels| {
        let mut labels = labels.clone();
        labels.remove(TEMPLATE_HASH_LABEL);
        labels
    };
    if Arc::ptr_eq(one, other) || one == other {
        return true;
    }
    let hashed = |spec: &PodSpec| spec.labels.contains_key(TEMPLATE_HASH_LABEL);
    if !hashed(one) && !hashed(other) {
        return false;
    }
    let plain = |spec: &PodSpec| PodSpec {
        labels: without(&spec.labels),
        ..spec.clone()
    };
    plain(one) == plain(other)
}
