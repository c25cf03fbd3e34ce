//! Parts of an ECS cluster; the defaults are the original's, where it has one (spec:
//! orchestrators-a.md section 7).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Duration, SortedMap};

use super::capacity::Provider;
use super::placement::Rules;
use super::service::{HEALTHY_AFTER, HealthyPercent};

/// Options of the service scheduler and the instances.
#[derive(Clone, Debug)]
pub struct EcsOptions {
    /// Placement by the name of a service or standalone task; `*` is for all others.
    pub placement: SortedMap<String, Rules>,
    /// Bounds of deployments.
    pub percent: HealthyPercent,
    /// The circuit breaker of deployments.
    pub breaker: BreakerOptions,
    /// Time for which a task runs before it counts as healthy.
    pub healthy_after: Duration,
    /// Time from the start of a task that a `Service` selects to the instant at which its balancer's target
    /// is healthy; `None` is no balancer.
    pub target_healthy_after: Option<Duration>,
    /// Time for which a task that a `Service` selects gets no requests before it is stopped.
    pub deregistration_delay: Duration,
    /// Time without word of an instance's agent after which it takes no tasks.
    pub agent_timeout: Duration,
    /// Time without word of an instance's agent after which the instance is given up, with its
    /// tasks.
    pub replace_after: Duration,
    /// Network of tasks.
    pub network_mode: NetworkMode,
    /// Capacity providers that tasks are shared between; without any, tasks go to every instance.
    pub providers: Vec<Provider>,
}

/// Network of tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "EcsNetworkMode")]
pub enum NetworkMode {
    /// Interface of its own for each task: ports are always free.
    #[default]
    Awsvpc,
    /// Bridge of the instance: a task needs an instance on which its fixed host ports are free; other ports
    /// are dynamic.
    Bridge,
    /// Network of the instance: a task needs an instance on which its host ports are free.
    Host,
}

/// Circuit breaker of deployments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(rename = "EcsCircuitBreaker")]
pub struct BreakerOptions {
    /// Switch: `true` gives a deployment up whose tasks fail too often (`enable`); default `false`.
    #[serde(rename = "enable")]
    pub is_enabled: bool,
    /// Rollback of a failed deployment to the last completed one, if `true`; default `false`.
    #[serde(rename = "rollback")]
    pub rolls_back: bool,
}

impl Default for EcsOptions {
    fn default() -> Self {
        Self {
            placement: SortedMap::new(),
            percent: HealthyPercent::REPLICA,
            breaker: BreakerOptions::default(),
            healthy_after: HEALTHY_AFTER,
            target_healthy_after: None,
            deregistration_delay: Duration::ZERO,
            agent_timeout: Duration::from_secs(60),
            replace_after: Duration::from_secs(300),
            network_mode: NetworkMode::default(),
            providers: Vec::new(),
        }
    }
}

impl EcsOptions {
    /// Placement of a service or standalone task.
    pub fn rules_of(&self, name: &str) -> Rules {
        let own = self.placement.get(name).or_else(|| self.placement.get("*"));
        own.cloned().unwrap_or_default()
    }
}
