//! Deployments: replica sets that follow one another.

use super::omissions::Omissions;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::Count;
use crate::{LabelSelector, PodSpec, Text};
use units::{Duration, Instant};

/// A `Deployment` (spec: kubernetes.md 2.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Deployment {
    /// The deployment's namespace.
    pub namespace: Text,
    /// The deployment's name.
    pub name: Text,
    /// Selector of the deployment's own pods.
    pub selector: LabelSelector,
    /// Pod template.
    pub template: Arc<PodSpec>,
    /// Number of wanted pods.
    pub replicas: i32,
    /// Fields that the last declaration does not state.
    #[serde(default, skip_serializing_if = "Omissions::is_empty")]
    pub omissions: Omissions,
    /// Replacement of one template by the next.
    pub strategy: DeploymentStrategy,
    /// Time for which a pod is ready before it counts as available.
    pub min_ready: Duration,
    /// Number of replica sets without pods that are kept; `None` is all.
    pub revision_history_limit: Option<i32>,
    /// Time without progress after which a rollout counts as stuck; `None` is never.
    pub progress_deadline: Option<Duration>,
    /// Whether rollouts stand still.
    pub paused: bool,
    /// The revision that is to be taken back once; 0 is the one before.
    pub rollback_to: Option<i64>,
    /// Counts changes of what is wanted.
    pub generation: i64,
    /// Last reported status.
    pub status: DeploymentStatus,
}

/// Replacement of one template by the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DeploymentStrategy {
    /// All old pods go, then the new ones come.
    Recreate,
    /// Step by step.
    RollingUpdate(RollingUpdate),
}

/// Deviation from the desired number allowed during a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RollingUpdate {
    /// Number of pods allowed above the wanted number; a percentage rounds up.
    pub max_surge: Count,
    /// Number of the wanted pods that may be missing; a percentage rounds down.
    pub max_unavailable: Count,
}

impl Default for RollingUpdate {
    fn default() -> Self {
        Self {
            max_surge: Count::Percent(25),
            max_unavailable: Count::Percent(25),
        }
    }
}

impl RollingUpdate {
    /// Surge and unavailable of `replicas` as numbers: both 0 means one may be unavailable.
    pub fn resolved(&self, replicas: i32) -> (i32, i32) {
        let surge = self.max_surge.rounded_up(replicas);
        let unavailable = self.max_unavailable.rounded_down(replicas);
        Count::able_to_move(surge, unavailable)
    }
}

impl Deployment {
    /// Number of pods allowed above the wanted number.
    pub fn max_surge(&self) -> i32 {
        match self.strategy {
            DeploymentStrategy::Recreate => 0,
            DeploymentStrategy::RollingUpdate(rolling) => rolling.resolved(self.replicas).0,
        }
    }

    /// Number of the wanted pods that may be missing.
    pub fn max_unavailable(&self) -> i32 {
        match self.strategy {
            DeploymentStrategy::RollingUpdate(rolling) if self.replicas != 0 => {
                rolling.resolved(self.replicas).1.min(self.replicas)
            }
            _ => 0,
        }
    }
}

/// Reported status of a deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeploymentStatus {
    /// The generation that this was reported for.
    pub observed_generation: i64,
    /// Pods of all replica sets.
    pub replicas: i32,
    /// Pods of the new replica set.
    pub updated: i32,
    /// Ready pods.
    pub ready: i32,
    /// Available pods.
    pub available: i32,
    /// Wanted pods that are not available.
    pub unavailable: i32,
    /// The number of the newest rollout.
    pub revision: i64,
    /// Conditions, the last changed last.
    pub conditions: Vec<DeploymentCondition>,
}

impl DeploymentStatus {
    /// The condition of a kind.
    pub fn condition(&self, kind: ConditionKind) -> Option<&DeploymentCondition> {
        self.conditions.iter().find(|known| known.kind == kind)
    }

    /// The reason of the condition `Progressing`.
    pub fn progress(&self) -> Option<ConditionReason> {
        let progress = self.condition(ConditionKind::Progressing);
        progress.map(|known| known.reason)
    }

    /// Whether the rollout made too little progress for too long, and did not go on since.
    pub fn is_stuck(&self) -> bool {
        self.progress() == Some(ConditionReason::ProgressDeadlineExceeded)
    }

    /// Whether a condition says how the rollout goes.
    pub fn has_progress(&self) -> bool {
        self.progress().is_some()
    }

    /// Whether all wanted pods are of the new set and available, as of this status.
    pub fn is_complete(&self, deployment: &Deployment) -> bool {
        let wanted = deployment.replicas;
        self.updated == wanted
            && self.replicas == wanted
            && self.available == wanted
            && self.observed_generation >= deployment.generation
    }

    /// Sets a condition; one that says the same stays as it is.
    pub fn set(&mut self, mut condition: DeploymentCondition) {
        let known = self.condition(condition.kind);
        if let Some(known) = known.filter(|known| known.status == condition.status) {
            if known.reason == condition.reason {
                return;
            }
            condition.changed = known.changed;
        }
        self.remove(condition.kind);
        self.conditions.push(condition);
    }

    /// Removes the condition of a kind.
    pub fn remove(&mut self, kind: ConditionKind) {
        self.conditions.retain(|known| known.kind != kind);
    }
}

/// One condition of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeploymentCondition {
    /// About what.
    pub kind: ConditionKind,
    /// `Some(true)`, `Some(false)`, or unknown.
    pub status: Option<bool>,
    /// Reason the condition holds.
    pub reason: ConditionReason,
    /// Instant at which the condition was last written.
    pub updated: Instant,
    /// Instant at which the status last changed.
    pub changed: Instant,
}

/// Type of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ConditionKind {
    /// Enough pods are available.
    Available,
    /// The rollout moves, or is done.
    Progressing,
}

/// Reason a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ConditionReason {
    /// Enough pods are available.
    MinimumReplicasAvailable,
    /// Too few pods are available.
    MinimumReplicasUnavailable,
    /// A replica set was made.
    NewReplicaSetCreated,
    /// A replica set of the same template was found.
    FoundNewReplicaSet,
    /// Something moved.
    ReplicaSetUpdated,
    /// The rollout is done.
    NewReplicaSetAvailable,
    /// The rollout made no progress for too long.
    ProgressDeadlineExceeded,
    /// It stands still on request.
    DeploymentPaused,
    /// It goes on.
    DeploymentResumed,
}

impl Default for Deployment {
    fn default() -> Self {
        Self {
            namespace: "default".into(),
            name: "".into(),
            selector: LabelSelector::default(),
            template: Arc::default(),
            replicas: 1,
            omissions: Omissions::default(),
            strategy: DeploymentStrategy::RollingUpdate(RollingUpdate::default()),
            min_ready: Duration::ZERO,
            revision_history_limit: Some(10),
            progress_deadline: Some(Duration::from_secs(600)),
            paused: false,
            rollback_to: None,
            generation: 1,
            status: DeploymentStatus::default(),
        }
    }
}
