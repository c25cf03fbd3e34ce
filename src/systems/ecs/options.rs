//! Parts of an ECS cluster; the defaults are the original's, where it has one (spec:
//! orchestrators-a.md section 7).

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NetworkMode {
    /// An interface of its own for each task.
    #[default]
    Awsvpc,
    /// Ports of the instance, by a bridge or without one (`bridge`, `host`).
    OfInstance,
}

/// Treatment of a deployment whose tasks fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BreakerOptions {
    /// `true` if the deployment is given up at the threshold.
    pub is_enabled: bool,
    /// `true` if the service then goes back to the last deployment that was completed.
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
