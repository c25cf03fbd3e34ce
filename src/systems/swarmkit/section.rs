//! Options of `SwarmKit` (Docker's swarm mode) as experiment files state them, with the defaults of its
//! managers.

use options::{NamedWorkload, Rules, SystemSection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::{Duration, SortedMap, plural};

use super::agent::StepTimes;
use super::constraint::Constraint;
use super::dispatcher::HeartbeatOptions;
use super::options::{self as parts, SwarmKitOptions};
use super::restart::RestartPolicy;
use super::spread::SpreadMode;
use super::task::Preference;
use super::update::{FailureAction, UpdateConfig, UpdateOrder};

/// Options of `SwarmKit` (Docker's swarm mode); used with `name: swarmkit`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SwarmKit {
    /// Counting rule for a branch's share when tasks are spread over labels; default `upstream`.
    pub spread: SpreadMode,
    /// Restart policy for ended tasks (`--restart-*`).
    pub restart: RestartPolicy,
    /// Update settings of services (`--update-*`); default as their `rollingUpdate` says: as many
    /// at once as it allows, started first if none may be missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update: Option<ServiceUpdate>,
    /// Rollback settings of services (`--rollback-*`).
    pub rollback: ServiceUpdate,
    /// Placement of services by name; `*` stands for all.
    pub placement: SortedMap<String, ServicePlacement>,
    /// Rules of single services by name, each in place of the one above.
    pub services: SortedMap<String, ServiceRules>,
    /// Period between two heartbeats of a node; default `5s`.
    #[schemars(extend("x-positive" = true))]
    pub heartbeat_period: Duration,
    /// Maximum random deviation from the heartbeat period; default `500ms`.
    pub heartbeat_epsilon: Duration,
    /// Number of heartbeat periods without a heartbeat after which a node is down, 1 to 100;
    /// default 3.
    #[schemars(range(min = 1, max = 100))]
    pub grace_multiplier: u32,
    /// Time after which a node that is down loses its tasks for good; default `24h`.
    pub orphan_timeout: Duration,
    /// Preparation time of a task on a node: pulling its image and creating its container. Default
    /// `0s`.
    pub prepare_time: Duration,
    /// Stop time of a task; default `0s`.
    pub stop_time: Duration,
    /// Number of managers that agree by Raft: odd, 1 to 99; default 3.
    #[schemars(range(min = 1, max = 99))]
    pub managers: u32,
}

impl Default for SwarmKit {
    fn default() -> Self {
        Self {
            spread: SpreadMode::Upstream,
            restart: RestartPolicy::default(),
            update: None,
            rollback: ServiceUpdate::default(),
            placement: SortedMap::new(),
            services: SortedMap::new(),
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

/// Rules of a service, each in place of the one that is common to all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ServiceRules {
    /// Restart policy for ended tasks (`--restart-*`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart: Option<RestartPolicy>,
    /// Update settings (`--update-*`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update: Option<ServiceUpdate>,
    /// Rollback settings (`--rollback-*`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<ServiceUpdate>,
}

/// Settings of a service update or rollback.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ServiceUpdate {
    /// Number of tasks replaced in parallel; 0 is all. Default 1.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub parallelism: u32,
    /// Delay of a worker after each task; default `0s`.
    pub delay: Duration,
    /// Monitoring time of a new task once it runs; default `5s`.
    pub monitor: Duration,
    /// Action when too many new tasks fail; default `pause`.
    pub failure_action: UpdateFailureAction,
    /// Maximum share of tasks that may fail, 0 to 1; default 0.
    #[schemars(range(min = 0, max = 1))]
    pub max_failure_ratio: f64,
    /// Order of the old and the new task of a slot; default `stop-first`.
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

/// Action when too many new tasks fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UpdateFailureAction {
    /// Update stops until the next update of the service.
    #[default]
    Pause,
    /// Update continues despite the failures.
    Continue,
    /// Service returns to its previous specification.
    Rollback,
}

/// Order of the old and the new task of a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateTaskOrder {
    /// Old task stops, then the new one starts.
    #[default]
    StopFirst,
    /// New task runs, then the old one is stopped.
    StartFirst,
}

/// Placement of a service's tasks, in addition to manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ServicePlacement {
    /// Constraints such as `node.labels.disk==ssd` (`--constraint`); all must hold.
    pub constraints: Vec<String>,
    /// Labels of nodes to spread over, the outermost first (`--placement-pref spread=…`).
    pub spread: Vec<String>,
    /// Maximum number of the service's tasks per node (`--replicas-max-per-node`); 0 is unlimited.
    /// Default 0.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub max_replicas_per_node: u32,
}

impl SystemSection for SwarmKit {
    const SYSTEM: &'static str = "swarmkit";
    const MEANING: &'static str = "Options of `SwarmKit`, for `name: swarmkit`.";

    fn check(&self, rules: &mut Rules<'_>) {
        if self.managers.is_multiple_of(2) {
            let survived = (self.managers - 1) / 2;
            let message = format!(
                "{} survive the loss of {survived}, as {} would",
                plural::count(self.managers, "manager"),
                self.managers - 1
            );
            rules.at(&["managers"], message, "expected an odd number");
            rules.help("an even number tolerates no more failures than the odd number below it");
        }
    }

    fn placement(&self) -> Option<&'static str> {
        Some("services")
    }

    fn workloads(&self) -> Vec<NamedWorkload> {
        let qualified = |place, name: &String| NamedWorkload {
            is_qualified: true,
            ..NamedWorkload::new(place, name, "service")
        };
        let placed = self.placement.keys().filter(|name| *name != "*");
        let placed = placed.map(|name| qualified("placement", name));
        let ruled = self.services.keys();
        placed
            .chain(ruled.map(|name| qualified("services", name)))
            .collect()
    }
}

impl SwarmKitOptions {
    /// Parts of a cluster with these options.
    ///
    /// # Errors
    /// A constraint is none; the message begins with its field.
    pub fn new(stated: &SwarmKit) -> Result<Self, String> {
        let mut placement = SortedMap::new();
        for (name, own) in &stated.placement {
            placement.insert(name.clone(), own.parts(name)?);
        }
        let services = stated.services.iter().map(|(name, own)| {
            let rules = parts::ServiceRules {
                restart: own.restart,
                update: own.update.map(UpdateConfig::from),
                rollback: own.rollback.map(UpdateConfig::from),
            };
            (name.clone(), rules)
        });
        Ok(Self {
            spread: stated.spread,
            restart: stated.restart,
            update: stated.update.map(UpdateConfig::from),
            rollback: stated.rollback.into(),
            placement,
            services: services.collect(),
            heartbeat: HeartbeatOptions {
                period: stated.heartbeat_period,
                epsilon: stated.heartbeat_epsilon,
                grace: i64::from(stated.grace_multiplier),
            },
            orphan_timeout: stated.orphan_timeout,
            times: StepTimes {
                prepare: stated.prepare_time,
                stop: stated.stop_time,
            },
            managers: stated.managers as usize,
        })
    }
}

impl ServicePlacement {
    fn parts(&self, service: &str) -> Result<parts::Placement, String> {
        let constraints = self.constraints.iter().enumerate().map(|(number, text)| {
            let parsed = Constraint::parse(text);
            parsed.map_err(|why| format!("placement.{service}.constraints[{number}]: {why}"))
        });
        Ok(parts::Placement {
            constraints: constraints.collect::<Result<_, _>>()?,
            preferences: self.spread.iter().map(|own| Preference::of(own)).collect(),
            max_replicas: self.max_replicas_per_node,
        })
    }
}

impl From<ServiceUpdate> for UpdateConfig {
    fn from(stated: ServiceUpdate) -> Self {
        Self {
            parallelism: u64::from(stated.parallelism),
            delay: stated.delay,
            monitor: stated.monitor,
            failure_action: match stated.failure_action {
                UpdateFailureAction::Pause => FailureAction::Pause,
                UpdateFailureAction::Continue => FailureAction::Continue,
                UpdateFailureAction::Rollback => FailureAction::Rollback,
            },
            max_failure_ratio: stated.max_failure_ratio as f32,
            order: match stated.order {
                UpdateTaskOrder::StopFirst => UpdateOrder::StopFirst,
                UpdateTaskOrder::StartFirst => UpdateOrder::StartFirst,
            },
        }
    }
}
