//! Times, hooks and scripts of rollouts.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::Duration;

use super::Hook;

/// Times and hooks of rollouts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolloutRules {
    /// Time between growing the new controller and shrinking the old one.
    pub update_period: Duration,
    /// Time after which a deployer sees that a controller has the size that it asked for.
    pub interval: Duration,
    /// Time in which nothing could be scaled after which the rollout fails.
    pub timeout: Duration,
    /// Time after which the rollout fails in any case.
    pub deadline: Duration,
    /// Hook before anything is scaled.
    pub pre: Option<Hook>,
    /// Hook between the end of the old pods and the first new one, where all are replaced at once.
    pub mid: Option<Hook>,
    /// Hook after all new pods are available.
    pub post: Option<Hook>,
    /// The script of a deployer of the user's own, which takes the place of both strategies; empty if there
    /// is none.
    pub script: Arc<[ScriptStep]>,
}

/// Step of a deployer of the user's own: sizes of both versions from a time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "OpenShiftScriptStep")]
pub struct ScriptStep {
    /// Time from the start of the deployer.
    pub after: Duration,
    /// Size of the new version, in percent of the replicas, rounded up.
    #[schemars(range(max = 100))]
    pub new: u32,
    /// Size of the old version, in percent of the replicas, rounded down.
    #[schemars(range(max = 100))]
    pub old: u32,
}

impl Default for RolloutRules {
    fn default() -> Self {
        Self {
            update_period: Duration::from_secs(1),
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(600),
            deadline: Duration::from_secs(21_600),
            pre: None,
            mid: None,
            post: None,
            script: Arc::default(),
        }
    }
}
