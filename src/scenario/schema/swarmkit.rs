//! `system.swarmkit:` of the experiment file: options of `SwarmKit` (Docker's swarm mode), with the
//! defaults of its managers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::Duration;

/// Options of `SwarmKit` (Docker's swarm mode), with `name: swarmkit`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SwarmKit {
    /// How the share of a branch is counted where tasks are spread over labels.
    pub spread: SpreadCount,
    /// When and how ended tasks are replaced (`--restart-*`).
    pub restart: ServiceRestart,
    /// How services are updated (`--update-*`); without it as their `rollingUpdate` says: so many
    /// at once as it allows, started first if it allows none to be missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update: Option<ServiceUpdate>,
    /// How services are rolled back (`--rollback-*`).
    pub rollback: ServiceUpdate,
    /// Placement of services by name, `*` for all.
    pub placement: BTreeMap<String, ServicePlacement>,
    /// The period between two heartbeats of a node.
    #[schemars(extend("x-positive" = true))]
    pub heartbeat_period: Duration,
    /// By how much a drawn period differs from it at most.
    pub heartbeat_epsilon: Duration,
    /// After how many periods without a heartbeat a node is down.
    #[schemars(range(min = 1, max = 100))]
    pub grace_multiplier: u32,
    /// After how long a node that is down loses its tasks for good.
    pub orphan_timeout: Duration,
    /// How long a node takes to prepare a task: to pull its image and make its container.
    pub prepare_time: Duration,
    /// How long a task takes to stop.
    pub stop_time: Duration,
    /// Managers that agree by Raft; an odd number.
    #[schemars(range(min = 1, max = 99))]
    pub managers: u32,
}

impl Default for SwarmKit {
    fn default() -> Self {
        Self {
            spread: SpreadCount::Upstream,
            restart: ServiceRestart::default(),
            update: None,
            rollback: ServiceUpdate::default(),
            placement: BTreeMap::new(),
            heartbeat_period: Duration::from_secs(5),
            heartbeat_epsilon: Duration::from_millis(500),
            grace_multiplier: 3,
            orphan_timeout: Duration::from_secs(86_400),
            prepare_time: Duration::ZERO,
            stop_time: Duration::ZERO,
            managers: 3,
        }
    }
}

/// How the share of a branch is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SpreadCount {
    /// As the original does, which may hand one task too many to a branch.
    #[default]
    Upstream,
    /// Never more than are left to give.
    Strict,
}

/// When and how ended tasks are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ServiceRestart {
    /// When; those of jobs are replaced when they failed.
    pub condition: RestartCondition,
    /// How long the replacement waits before it starts.
    pub delay: Duration,
    /// How often at most, within the window if there is one; 0 is any number.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub max_attempts: u32,
    /// How far back restarts count; without it for ever.
    pub window: Option<Duration>,
}

impl Default for ServiceRestart {
    fn default() -> Self {
        Self {
            condition: RestartCondition::Any,
            delay: Duration::from_secs(5),
            max_attempts: 0,
            window: None,
        }
    }
}

/// When a task is replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RestartCondition {
    /// Whenever it ended.
    #[default]
    Any,
    /// Unless it ended well.
    OnFailure,
    /// Never.
    None,
}

/// How a service is updated or rolled back.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ServiceUpdate {
    /// How many tasks are replaced side by side; 0 is all. At most the replicas of the service.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub parallelism: u32,
    /// How long a worker waits after each task.
    pub delay: Duration,
    /// How long a new task is watched once it runs.
    pub monitor: Duration,
    /// What to do when too many new tasks fail.
    pub failure_action: UpdateFailureAction,
    /// Which share of the tasks may fail.
    #[schemars(range(min = 0, max = 1))]
    pub max_failure_ratio: f64,
    /// Which of two tasks of a slot goes first.
    pub order: UpdateTaskOrder,
}

impl Default for ServiceUpdate {
    fn default() -> Self {
        Self {
            parallelism: 1,
            delay: Duration::ZERO,
            monitor: Duration::from_secs(5),
            failure_action: UpdateFailureAction::Pause,
            max_failure_ratio: 0.0,
            order: UpdateTaskOrder::StopFirst,
        }
    }
}

/// What to do when too many new tasks fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UpdateFailureAction {
    /// Stop until the next update of the service.
    #[default]
    Pause,
    /// Go on.
    Continue,
    /// Go back to the previous specification.
    Rollback,
}

/// Which of two tasks of a slot goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateTaskOrder {
    /// The old one stops, then the new one starts.
    #[default]
    StopFirst,
    /// The new one runs, then the old one is told to stop.
    StartFirst,
}

/// Where tasks of a service may go, beside what manifests say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ServicePlacement {
    /// Constraints such as `node.labels.disk==ssd` (`--constraint`); all have to hold.
    pub constraints: Vec<String>,
    /// Labels of nodes to spread over, the outermost first (`--placement-pref spread=…`).
    pub spread: Vec<String>,
    /// How many tasks of the service a node may have; 0 is any number
    /// (`--replicas-max-per-node`).
    #[schemars(range(min = 0, max = 1_000_000))]
    pub max_replicas_per_node: u32,
}
