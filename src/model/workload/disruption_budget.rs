//! Budgets of disruption: how many pods of a selection must stay healthy.

use super::Count;
use crate::{LabelSelector, Text};
use serde::{Deserialize, Serialize};
use units::{Instant, SortedMap};

/// A `PodDisruptionBudget` (spec: kubernetes.md 2.9).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PodDisruptionBudget {
    /// The budget's namespace.
    pub namespace: Text,
    /// The budget's name.
    pub name: Text,
    /// Selector of the protected pods; `None` matches none.
    pub selector: Option<LabelSelector>,
    /// Limit of the budget.
    pub limit: BudgetLimit,
    /// Policy for evicting pods that are not ready.
    pub unhealthy: UnhealthyPodEviction,
    /// Last reported status.
    pub status: BudgetStatus,
}

/// Limit of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum BudgetLimit {
    /// Number of pods that must stay healthy; a percentage rounds up.
    MinAvailable(Count),
    /// Number of pods that may be missing; a percentage rounds up.
    MaxUnavailable(Count),
}

/// Policy for evicting running pods that are not ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum UnhealthyPodEviction {
    /// Only while enough others are healthy.
    #[default]
    IfHealthyBudget,
    /// Always.
    AlwaysAllow,
}

/// Reported status of a budget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BudgetStatus {
    /// Number of further pods that may be disrupted now.
    pub disruptions_allowed: i32,
    /// Healthy pods.
    pub current_healthy: i32,
    /// Healthy pods that must be kept.
    pub desired_healthy: i32,
    /// Pods that should exist.
    pub expected_pods: i32,
    /// Pods whose disruption was granted and is not seen yet, with the time of the grant.
    pub disrupted: SortedMap<Text, Instant>,
    /// Whether this was computed from the newest budget.
    pub is_current: bool,
    /// Whether the pods' controllers could not be found.
    pub sync_failed: bool,
}

impl Default for PodDisruptionBudget {
    fn default() -> Self {
        Self {
            namespace: "default".into(),
            name: "".into(),
            selector: None,
            limit: BudgetLimit::MinAvailable(Count::Number(1)),
            unhealthy: UnhealthyPodEviction::default(),
            status: BudgetStatus::default(),
        }
    }
}
